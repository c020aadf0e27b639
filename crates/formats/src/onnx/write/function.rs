//! Activations as ONNX has them.

use handaxe_graph::{Activation, Layer};

use super::{Attribute, Writer, float, int, not_in_onnx, text};
use crate::Error;

/// Writes what makes the array called as the layer from `input`.
pub(super) fn write(
    to: &mut Writer<'_>,
    layer: &Layer,
    function: Activation,
    input: &str,
) -> Result<(), Error> {
    let name = layer.name();
    let step = |step: &str| format!("{name}/{step}");
    match function {
        Activation::Swish => {
            let share = to.node("Sigmoid", &[input], &step("sigmoid"), []);
            to.node("Mul", &[input, &share], name, []);
        }
        Activation::TanhShrink => {
            let tanh = to.node("Tanh", &[input], &step("tanh"), []);
            to.node("Sub", &[input, &tanh], name, []);
        }
        Activation::LogSigmoid => {
            let negative = to.node("Neg", &[input], &step("negative"), []);
            let softplus = to.node("Softplus", &[&negative], &step("softplus"), []);
            to.node("Neg", &[&softplus], name, []);
        }
        Activation::HardTanh => {
            let low = to.floats(&step("min"), &[], &[-1.0]);
            let high = to.floats(&step("max"), &[], &[1.0]);
            to.node("Clip", &[input, &low, &high], name, []);
        }
        Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max } => {
            let low = to.floats(&step("min"), &[], &[0.0]);
            match max {
                Some(max) => {
                    let high = to.floats(&step("max"), &[], &[max as f32]);
                    to.node("Clip", &[input, &low, &high], name, []);
                }
                None => drop(to.node("Relu", &[input], name, [])),
            }
        }
        function => {
            let (op, attributes) = single(function)
                .ok_or_else(|| not_in_onnx(layer, "an activation with such parameters"))?;
            to.node(op, &[input], name, attributes);
        }
    }
    Ok(())
}

/// The functions that are one operator.
fn single(function: Activation) -> Option<(&'static str, Vec<Attribute>)> {
    Some(match function {
        Activation::Linear => ("Identity", vec![]),
        Activation::Relu => ("Relu", vec![]),
        Activation::LeakyRelu { slope } => ("LeakyRelu", vec![float("alpha", slope)]),
        Activation::Elu { alpha } => ("Elu", vec![float("alpha", alpha)]),
        Activation::Celu { alpha } => ("Celu", vec![float("alpha", alpha)]),
        Activation::Selu => ("Selu", vec![]),
        Activation::Sigmoid => ("Sigmoid", vec![]),
        Activation::HardSigmoid => ("HardSigmoid", vec![float("alpha", 0.2), float("beta", 0.5)]),
        Activation::HardSigmoid6 => {
            ("HardSigmoid", vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)])
        }
        Activation::Tanh => ("Tanh", vec![]),
        Activation::Softplus => ("Softplus", vec![]),
        Activation::Softsign => ("Softsign", vec![]),
        Activation::Softmax => ("Softmax", vec![int("axis", -1)]),
        Activation::LogSoftmax => ("LogSoftmax", vec![int("axis", -1)]),
        Activation::ThresholdedRelu { theta } => ("ThresholdedRelu", vec![float("alpha", theta)]),
        Activation::HardSwish => ("HardSwish", vec![]),
        Activation::Gelu => ("Gelu", vec![]),
        Activation::GeluTanh => ("Gelu", vec![text("approximate", "tanh")]),
        Activation::Mish => ("Mish", vec![]),
        Activation::Exponential => ("Exp", vec![]),
        Activation::HardShrink { threshold } => {
            ("Shrink", vec![float("bias", 0.0), float("lambd", threshold)])
        }
        Activation::SoftShrink { threshold } => {
            ("Shrink", vec![float("bias", threshold), float("lambd", threshold)])
        }
        _ => return None,
    })
}
