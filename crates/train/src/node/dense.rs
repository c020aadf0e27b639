use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::Layer;

use super::values::{Operand, add_rows, matmul, sum_rows, tensor, values};
use super::{Affine, Node, Pass, Weight};
use crate::Error;

/// y = x W + b on the last axis.
pub(super) struct Dense {
    affine: Affine,
    units: usize,
}

impl Dense {
    pub(super) fn new(layer: &Layer) -> std::result::Result<Self, Error> {
        let units = layer.output_shape().last().copied().unwrap_or(0);
        Ok(Self { affine: Affine::new(layer, units)?, units })
    }
}

impl Node for Dense {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Tensor> {
        let (kernel, bias) = self.affine.kernel_and_bias(pass);
        let features = kernel.dim(0)?;
        let mut shape = inputs[0].dims().to_vec();
        shape.pop();
        shape.push(self.units);
        let rows = inputs[0].reshape(((), features))?;
        rows.apply_op3(&kernel, &bias, MultiplyAdd)?.reshape(shape)
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        self.affine.weights()
    }
}

/// `(rows, in)` x `(in, out)` + `(out)`: the bias is added where the product lies and summed up without a copy, which
/// halves the time of candle's broadcasting.
struct MultiplyAdd;

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
        let rows = input_layout.shape().elem_count() / features;
        let sizes = [rows, features, units];
        let mut output = matmul((input, input_layout), (kernel, kernel_layout), sizes)?;
        add_rows(&mut output, values(bias, bias_layout)?);
        Ok((CpuStorage::F32(output), Shape::from((rows, units))))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let by_input = match input.track_op() {
            true => Some(gradient.matmul(&kernel.detach().t()?)?),
            false => None,
        };
        let by_kernel = input.detach().t()?.matmul(&gradient)?;
        Ok((by_input, Some(by_kernel), gradient_of_bias(bias, &gradient)?))
    }
}

/// The sum of the output's gradient over all rows, if there is a bias to learn.
pub(super) fn gradient_of_bias(bias: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
    if !bias.track_op() {
        return Ok(None);
    }
    let outputs = bias.elem_count();
    let sums = sum_rows(Operand::new(gradient)?.values()?, outputs);
    Ok(Some(tensor(sums, &[outputs])?))
}
