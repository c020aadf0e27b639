use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::Layer;

use super::matrix::{matrix, multiply};
use super::values::{Operand, add_rows, sum_rows, tensor, values};
use super::{Affine, Computed, Node, Pass, Pushed, Weight};
use crate::Error;

/// y = x W + b on the last axis.
pub(super) struct Dense {
    affine: Affine,
    learns: bool,
}

impl Dense {
    pub(super) fn new(layer: &Layer, learns: bool) -> std::result::Result<Self, Error> {
        let units = layer.output_shape().last().copied().unwrap_or(0);
        Ok(Self { affine: Affine::new(layer, units)?, learns })
    }
}

impl Node for Dense {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        self.affine.apply(MultiplyAdd { learns: self.learns }, inputs[0])
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        self.affine.weights()
    }

    fn push(&self, _: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        self.affine.push(MultiplyAdd { learns: self.learns }, moves[0])
    }

    fn with_kernel(&self, input: &Tensor, kernel: &Tensor) -> Result<Option<Computed>> {
        self.affine.with_kernel(MultiplyAdd { learns: self.learns }, input, kernel)
    }
}

/// `(..., in)` x `(in, out)` + `(out)`: the bias is added where the product lies, and its gradient summed up without a
/// copy.
struct MultiplyAdd {
    /// Whether the gradient by the input is wanted.
    learns: bool,
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
        let mut shape = input_layout.dims().to_vec();
        shape.pop();
        let rows = shape.iter().product();
        shape.push(units);
        let input = matrix(values(input, input_layout)?, [rows, features])?;
        let kernel = matrix(values(kernel, kernel_layout)?, [features, units])?;
        let mut output = vec![0.0; rows * units];
        multiply(&input, &kernel, &mut output)?;
        add_rows(&mut output, values(bias, bias_layout)?);
        Ok((CpuStorage::F32(output), Shape::from(shape)))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (features, units) = kernel.dims2()?;
        let rows = gradient.elem_count() / units;
        let (inputs, kernels, slopes) =
            (Operand::new(input)?, Operand::new(kernel)?, Operand::new(gradient)?);
        let slopes = matrix(slopes.values()?, [rows, units])?;
        let mut by_kernel = vec![0.0; features * units];
        let inputs = matrix(inputs.values()?, [rows, features])?;
        multiply(&inputs.t(), &slopes, &mut by_kernel)?;
        let mut by_input = vec![0.0; if self.learns { rows * features } else { 0 }];
        if self.learns {
            let kernel = matrix(kernels.values()?, [features, units])?;
            multiply(&slopes, &kernel.t(), &mut by_input)?;
        }
        Ok((
            self.learns.then(|| tensor(by_input, input.dims())).transpose()?,
            Some(tensor(by_kernel, &[features, units])?),
            Some(gradient_of_bias(gradient, units)?),
        ))
    }
}

/// The sum of the output's gradient over all rows of `outputs`.
pub(super) fn gradient_of_bias(gradient: &Tensor, outputs: usize) -> Result<Tensor> {
    tensor(sum_rows(Operand::new(gradient)?.values()?, outputs), &[outputs])
}
