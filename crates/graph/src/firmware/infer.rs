//! Layers without a kernel.

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Overflow, Rounding};

use super::exact::{is_sign, of_codes};
use super::hgq::exact_result;
use super::kernel::growth;
use super::{Plan, Stated};
use crate::{Activation, Error, Layer, LayerId, Op, PoolKind, Quantiser};

type Types = BTreeMap<&'static str, FixedType>;

pub(super) const fn fixed(
    width: u32,
    integer: i32,
    signed: bool,
    rounding: Rounding,
    overflow: Overflow,
) -> FixedType {
    FixedType { width, integer, signed, rounding, overflow, saturation_bits: 0, is_int: false }
}

/// Types that hls4ml gives tables and constants where nothing is said.
const TABLE: FixedType = fixed(18, 8, true, Rounding::Trn, Overflow::Wrap);
const SOFTMAX_TABLE: FixedType = fixed(18, 8, true, Rounding::Rnd, Overflow::Sat);
const HARD_SLOPE: FixedType = fixed(16, 0, false, Rounding::Trn, Overflow::Wrap);
const HARD_SHIFT: FixedType = fixed(2, 0, false, Rounding::Trn, Overflow::Wrap);

/// What firmware has a function for.
const FUNCTIONS: &str = "linear, relu, relu6, leaky_relu, thresholded_relu, PReLU, elu, selu, sigmoid, hard_sigmoid, tanh, hard_tanh, softplus, softsign or softmax";

impl Plan<'_> {
    pub(super) fn other_types(&self, id: LayerId, inputs: &[FixedType]) -> Result<Types, Error> {
        let layer = self.model.layer(id);
        let (name, kind, input) = (layer.name(), self.kind(id), inputs[0]);
        let mut types = Types::new();
        match layer.op() {
            Op::Activation { function } => {
                self.function_types(id, *function, &input, &mut types)?
            }
            Op::PRelu { .. } => {
                types.insert("param", self.or_input(id, &input)?);
            }
            Op::BatchNorm { .. } => {
                types.insert("scale", self.or_default(name, kind, "scale")?);
                types.insert("bias", self.or_default(name, kind, "bias")?);
            }
            Op::Pool { window, .. } => {
                types.insert(
                    "accum",
                    self.pool_accumulator(layer, &input, Some(window.size.iter().product()))?,
                );
            }
            Op::GlobalPool { .. } => {
                types.insert("accum", self.pool_accumulator(layer, &input, None)?);
            }
            Op::LayerNorm { .. } => types = self.layer_norm_types(id)?,
            Op::Lookup { .. } => {
                types.insert("table", self.or_exact(id, "table", "table")?);
            }
            Op::Quantise { quantiser } => self.quantiser_types(id, quantiser, &mut types)?,
            Op::Average if inputs.len() > 2 => {
                return Err(self.unsupported(
                    id,
                    format!("mean of {} arrays", inputs.len()),
                    "a mean of two, or a sum and a layer that scales it",
                ));
            }
            _ => {}
        }
        let result = match self.stated(name, kind, "result")? {
            // hls4ml gives these the type of their input whatever is configured.
            _ if moves(layer.op()) => input,
            Stated::Type(stated) => stated,
            Stated::Auto => self.inferred_result(layer, inputs, &types)?,
        };
        types.insert("result", result);
        Ok(types)
    }

    /// The result where the configuration says `auto`.
    fn inferred_result(
        &self,
        layer: &Layer,
        inputs: &[FixedType],
        types: &Types,
    ) -> Result<FixedType, Error> {
        let name = layer.name();
        if self.exact
            && let Some(result) = exact_result(layer.op(), inputs, types)
        {
            return Ok(result);
        }
        Ok(match layer.op() {
            Op::BatchNorm { .. } | Op::LayerNorm { .. } => {
                let (scale, bias) = (types["scale"], types["bias"]);
                let product =
                    inputs[0].product(&scale).map_err(|error| self.too_wide(name, error))?;
                self.sum(name, &product, &bias, false)?
            }
            Op::Pool { .. } => inputs[0],
            Op::Add | Op::Average => self.joined(inputs, |a, b| self.sum(name, a, b, false))?,
            Op::Subtract => self.sum(name, &inputs[0], &inputs[1], true)?,
            Op::Multiply => self.joined(inputs, |a, b| {
                let width = (a.width + b.width) as i32;
                self.inferred(name, "result", width, a.integer + b.integer, a.signed || b.signed)
            })?,
            Op::Maximum | Op::Minimum => self.union(name, inputs, false)?,
            Op::Concatenate => self.union(name, inputs, true)?,
            Op::Quantise { quantiser: Quantiser::PerElement { .. } } => types["element"],
            Op::Quantise { quantiser: Quantiser::Integer(codes) } => {
                of_codes(codes).unwrap_or_else(|| self.default_type())
            }
            _ => self.default_type(),
        })
    }

    /// The type of a chain of layers that join two arrays each.
    fn joined(
        &self,
        inputs: &[FixedType],
        join: impl Fn(&FixedType, &FixedType) -> Result<FixedType, Error>,
    ) -> Result<FixedType, Error> {
        inputs[1..].iter().try_fold(inputs[0], |found, next| join(&found, next))
    }

    fn sum(
        &self,
        name: &str,
        a: &FixedType,
        b: &FixedType,
        difference: bool,
    ) -> Result<FixedType, Error> {
        let sum = a.sum(b).map_err(|error| self.too_wide(name, error))?;
        self.inferred(name, "result", sum.width as i32, sum.integer, sum.signed || difference)
    }

    /// The type that holds the numbers of all inputs; equal ones stay what they are.
    fn union(&self, name: &str, inputs: &[FixedType], joined: bool) -> Result<FixedType, Error> {
        let mut found = inputs[0];
        for next in &inputs[1..] {
            if found == *next {
                continue;
            }
            let signed = found.signed || next.signed;
            let room = |one: &FixedType| one.integer + i32::from(signed && !one.signed);
            let integer = room(&found).max(room(next));
            let width = integer + found.fraction().max(next.fraction());
            let plain = if joined {
                self.inferred(name, "result", width, integer, signed)?
            } else {
                FixedType::exact(width.max(0) as u32, integer, signed)
                    .map_err(|error| self.too_wide(name, error))?
            };
            // For hls4ml an integer is a type without modes.
            let rounding = |one: &FixedType| if one.is_int { Rounding::Trn } else { one.rounding };
            let first = |a: &FixedType, b: &FixedType| FixedType {
                rounding: if rounding(a) == Rounding::Trn { rounding(b) } else { rounding(a) },
                overflow: if a.overflow == Overflow::Wrap { b.overflow } else { a.overflow },
                saturation_bits: if a.saturation_bits == 0 {
                    b.saturation_bits
                } else {
                    a.saturation_bits
                },
                ..plain
            };
            found = if joined { first(&found, next) } else { plain };
        }
        Ok(found)
    }

    pub(super) fn too_wide(&self, name: &str, error: handaxe_fixed::Error) -> Error {
        Error::Inferred { layer: name.to_owned(), variable: "result", error }
    }

    /// `pool` elements a window; nothing for a whole plane, whose accumulator hls4ml does not infer.
    fn pool_accumulator(
        &self,
        layer: &Layer,
        input: &FixedType,
        pool: Option<usize>,
    ) -> Result<FixedType, Error> {
        let (name, kind) = (layer.name(), layer.op().layer_type());
        if let Stated::Type(stated) = self.stated(name, kind, "accum")? {
            return Ok(stated);
        }
        let average = matches!(layer.op(), Op::Pool { kind: PoolKind::Average, .. });
        match pool {
            None => Ok(self.default_type()),
            Some(pool) if average => {
                let more = growth(pool);
                let width = input.width + 2 * more as u32;
                FixedType::exact(width, input.integer + more, input.signed)
                    .map_err(|error| self.too_wide(name, error))
            }
            Some(_) => Ok(*input),
        }
    }

    fn function_types(
        &self,
        id: LayerId,
        function: Activation,
        input: &FixedType,
        types: &mut Types,
    ) -> Result<(), Error> {
        let layer = self.model.layer(id);
        let (name, kind) = (layer.name(), self.kind(id));
        match function {
            Activation::Linear | Activation::Relu => {}
            Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(max) }
                if max == 6.0 || max == 1.0 => {}
            Activation::LeakyRelu { slope } => {
                types.insert("param", self.constant(id, slope)?);
            }
            Activation::Elu { alpha } => {
                types.insert("param", self.constant(id, alpha)?);
                types.insert("table", self.own(name, kind, "table", TABLE)?);
            }
            Activation::ThresholdedRelu { .. } => {
                types.insert("param", self.or_input(id, input)?);
            }
            Activation::Selu
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Softplus
            | Activation::Softsign => {
                types.insert("table", self.own(name, kind, "table", TABLE)?);
            }
            Activation::HardSigmoid => {
                types.extend([("slope", HARD_SLOPE), ("shift", HARD_SHIFT)]);
            }
            Activation::HardTanh => {
                types.extend([("slope", HARD_SHIFT), ("shift", HARD_SHIFT)]);
            }
            Activation::Softmax => {
                types.insert(
                    "accum",
                    match self.stated(name, kind, "accum")? {
                        Stated::Type(stated) => stated,
                        Stated::Auto => self.default_type(),
                    },
                );
                types.insert("table", self.own(name, kind, "table", TABLE)?);
                for variable in ["exp_table", "inv_table", "inv_inp"] {
                    types.insert(variable, self.own(name, kind, variable, SOFTMAX_TABLE)?);
                }
            }
            other => {
                return Err(self.unsupported(
                    id,
                    format!("the function {}", other.name()),
                    FUNCTIONS,
                ));
            }
        }
        Ok(())
    }

    /// The stated type of a parameter, or its input's.
    fn or_input(&self, id: LayerId, input: &FixedType) -> Result<FixedType, Error> {
        let layer = self.model.layer(id);
        match self.stated(layer.name(), self.kind(id), "param")? {
            Stated::Type(stated) => Ok(stated),
            Stated::Auto => Ok(*input),
        }
    }

    /// The type of a constant: stated, or of at most eight bits and a sign.
    fn constant(&self, id: LayerId, value: f64) -> Result<FixedType, Error> {
        let layer = self.model.layer(id);
        if let Stated::Type(stated) = self.stated(layer.name(), self.kind(id), "param")? {
            return Ok(stated);
        }
        let made = if value == 0.0 {
            FixedType::exact(1, 1, false)
        } else {
            let negative = value < 0.0;
            let sign = i32::from(negative);
            let (integer, fraction) = digits(value);
            let width = (sign + integer + fraction).min(sign + 8);
            FixedType::exact(width.max(1) as u32, sign + integer, negative)
        };
        made.map_err(|error| self.too_wide(layer.name(), error))
    }

    fn quantiser_types(
        &self,
        id: LayerId,
        quantiser: &Quantiser,
        types: &mut Types,
    ) -> Result<(), Error> {
        match quantiser {
            Quantiser::Bits { .. } | Quantiser::Relu { use_sigmoid: false, .. }
                if !quantiser.has_scale() =>
            {
                if let Quantiser::Relu { negative_slope, .. } = quantiser
                    && *negative_slope != 0.0
                {
                    types.insert("param", self.constant(id, *negative_slope)?);
                }
                Ok(())
            }
            // Rounding is the result's type's; a sign has no other number.
            quantiser if is_sign(quantiser) => Ok(()),
            Quantiser::Sign { scale: 1.0 } | Quantiser::Ternarise { scale: 1.0 } => {
                self.check_not_merged(id)
            }
            Quantiser::Integer(codes) if of_codes(codes).is_some() => Ok(()),
            Quantiser::Tanh { real, .. } | Quantiser::Sigmoid { real, .. } => {
                if *real {
                    let layer = self.model.layer(id);
                    types.insert(
                        "table",
                        self.own(layer.name(), self.kind(id), "table", TABLE)?,
                    );
                } else {
                    types.extend([("slope", HARD_SHIFT), ("shift", HARD_SHIFT)]);
                }
                Ok(())
            }
            Quantiser::PerElement { rounding, overflow, .. } => {
                types.insert("element", self.covering(id, *rounding, *overflow)?);
                Ok(())
            }
            _ => Err(self.unsupported(
                id,
                "such quantiser".to_owned(),
                "quantized_bits, quantized_relu, quantized_tanh, quantized_sigmoid, binary_tanh or ternary_tanh, or QONNX' Quant of one scale that is a power of two; the pass unit-scales takes others away",
            )),
        }
    }

    /// Refuses a sign behind a batch normalisation that is not folded away: hls4ml makes thresholds of both.
    fn check_not_merged(&self, id: LayerId) -> Result<(), Error> {
        let Some(&before) = self.model.layer(id).inputs().first() else { return Ok(()) };
        let layer = self.model.layer(before);
        let folded =
            layer.inputs().first().is_some_and(|&kernel| self.folds(kernel) == Some(before));
        if folded || !matches!(layer.op(), Op::BatchNorm { .. }) {
            return Ok(());
        }
        Err(self.unsupported(
            id,
            format!("binary_tanh or ternary_tanh right behind `{}`", layer.name()),
            "a layer before that batch normalisation whose result is `auto`, which takes it in",
        ))
    }

    /// The type that holds the numbers of every element's type.
    pub(super) fn covering(
        &self,
        id: LayerId,
        rounding: Rounding,
        overflow: Overflow,
    ) -> Result<FixedType, Error> {
        let layer = self.model.layer(id);
        let values = |name| layer.weight(name).map_or(&[][..], |weight| weight.values());
        let mut found: Option<(i32, i32, bool)> = None;
        for ((&signed, &bits), &integer) in
            values("keep_negative").iter().zip(values("bits")).zip(values("integers"))
        {
            if bits < 1.0 {
                continue;
            }
            let (integer, fraction, signed) =
                (integer as i32, (bits - integer) as i32, signed != 0.0);
            let (above, below, any) =
                found.unwrap_or((integer - i32::from(signed), fraction, signed));
            found =
                Some((above.max(integer - i32::from(signed)), below.max(fraction), any || signed));
        }
        let (above, below, signed) = found.unwrap_or((1, 0, false));
        let integer = above + i32::from(signed);
        let width = (integer + below).max(1) as u32;
        FixedType::new(width, integer, signed, rounding, overflow, 0)
            .map_err(|error| self.too_wide(layer.name(), error))
    }
}

/// Whether a layer but moves elements.
fn moves(op: &Op) -> bool {
    use Op::{Crop, Permute, UpSample, ZeroPad};
    matches!(op, ZeroPad { .. } | Crop { .. } | Permute { .. } | UpSample { .. })
}

/// Bits of |value| before the point (negative below one half) and after it.
pub(super) fn digits(value: f64) -> (i32, i32) {
    let bits = value.abs().to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
    (exponent + 1, 52 - exponent - mantissa.trailing_zeros() as i32)
}
