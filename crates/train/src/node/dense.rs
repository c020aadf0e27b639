use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::{Activation, Layer};

use super::affine::{Affine, Slopes, activate, finish};
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, Weight};
use crate::Error;
use crate::kernel::chunks::{self, rows_together};
use crate::kernel::outer::Outer;
use crate::kernel::product::{HEIGHT, Product, Right, Side, scratch};
use crate::kernel::workspace::Workspace;
use crate::kernel::{Every, run};

/// y = f(x W + b) on the last axis, with the activation f of the layer behind where it is computed along.
pub(super) struct Dense {
    affine: Affine,
    operation: MultiplyAdd,
}

impl Dense {
    pub(super) fn new(
        layer: &Layer,
        learns: bool,
        activation: Option<Activation>,
        memory: &Workspace,
    ) -> std::result::Result<Self, Error> {
        let units = layer.output_shape().last().copied().unwrap_or(0);
        let operation = MultiplyAdd { learns, activation, memory: memory.clone() };
        Ok(Self { affine: Affine::new(layer, units, memory)?, operation })
    }
}

impl Node for Dense {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Computed> {
        self.affine.apply(self.operation.within(pass), inputs[0])
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        self.affine.weights()
    }

    fn push(&self, _: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        self.affine.push(self.operation.within(&Pass::Inspection), moves[0])
    }

    fn with_kernel(&self, input: &Tensor, kernel: &Tensor) -> Result<Option<Computed>> {
        self.affine.with_kernel(self.operation.within(&Pass::Inspection), input, kernel)
    }
}

/// `(..., in)` x `(in, out)` + `(out)`, and the activation.
#[derive(Clone)]
struct MultiplyAdd {
    /// Whether the gradient by the input is wanted.
    learns: bool,
    activation: Option<Activation>,
    memory: Workspace,
}

impl MultiplyAdd {
    fn within(&self, pass: &Pass<'_>) -> Self {
        let activation = self.activation.filter(|_| !matches!(pass, Pass::Inspection));
        Self { activation, ..self.clone() }
    }

    /// rows x right, row by row.
    fn multiply(
        &self,
        rows: &[f32],
        length: usize,
        right: Right<'_>,
        bias: Option<&[f32]>,
    ) -> Vec<f32> {
        let (count, columns) = (rows.len() / length.max(1), right.columns);
        let mut into = self.memory.take(count * columns);
        let work = count * length * columns;
        let together = rows_together(count, HEIGHT, work);
        let pieces = rows.chunks((together * length).max(1));
        let pieces = pieces.zip(into.chunks_mut((together * columns).max(1)));
        chunks::for_each(work, pieces, |(rows, into): (&[f32], &mut [f32])| {
            let mut space = self.memory.take(scratch(length, columns));
            run(Product {
                left: Side::rows(rows, length, 0),
                right,
                to: Every(columns),
                stride: 0,
                samples: 1,
                rows: into.len() / columns,
                into,
                finish: finish(bias, self.activation),
                scratch: &mut space,
            });
            self.memory.give(space);
        });
        into
    }
}

impl CustomOp3 for MultiplyAdd {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (features, units) = kernel_layout.shape().dims2()?;
        let right = Right { values: values(kernel, kernel_layout)?, columns: units, turned: false };
        let bias = Some(values(bias, bias_layout)?);
        let mut output = self.multiply(values(input, input_layout)?, features, right, bias);
        activate(self.activation, &mut output);
        let mut shape = input_layout.dims().to_vec();
        shape.pop();
        shape.push(units);
        Ok((CpuStorage::F32(output), Shape::from(shape)))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (features, units) = kernel.dims2()?;
        let (inputs, kernels) = (Operand::new(input)?, Operand::new(kernel)?);
        let slopes = Slopes::new(self.activation, output, gradient, &self.memory)?;
        let by_bias = slopes.sums(units, &self.memory)?;
        let right = slopes.values()?;
        let (left, kernels) = (inputs.values()?, kernels.values()?);
        let mut by_kernel = self.memory.zeros(features * units);
        let add_outer = || {
            let (left, rows) = (Side::rows(left, features, 0), right.len() / units.max(1));
            let into = &mut by_kernel;
            run(Outer { left, right, columns: units, rows, samples: 1, into });
        };
        let back = || {
            let turned = Right { values: kernels, columns: features, turned: true };
            let linear = Self { activation: None, ..self.clone() };
            self.learns.then(|| linear.multiply(right, units, turned, None))
        };
        let ((), by_input) = chunks::both(2 * left.len() * units, add_outer, back);
        let by_input = by_input.map(|values| tensor(values, input.dims())).transpose()?;
        slopes.done(&self.memory);
        Ok((by_input, Some(tensor(by_kernel, &[features, units])?), Some(by_bias)))
    }
}
