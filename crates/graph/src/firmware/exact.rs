//! The configuration under which firmware computes what a network's own quantisers say.

use handaxe_data::Tensor;
use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};

use super::{FirmwareLayer, Plan};
use crate::{
    Activation, CodeRounding, Error, HlsConfig, Integer, Layer, LayerId, Model, Op, Quantiser,
    Section,
};

/// What enters: anything up to 2,048, in steps of 2^-20.
const INPUT: (u32, i32) = (32, 12);
/// Bits of a constant that no quantiser rounds: those of an f32 and eight more, since one type serves all channels.
const CONSTANT_BITS: i32 = 32;

impl Model {
    /// The configuration under which firmware computes what the model's own quantisers say: activations are of the quantisers' types,
    /// sums and products as wide as they can need to be, constants without a quantiser of 32 bits.
    ///
    /// Codes are then those of the network's own framework, wherever that does not round within 2^-20 or so of a tie. Run the
    /// pipeline [`FIRMWARE`](crate::pass::FIRMWARE) before, which leaves no scales.
    ///
    /// ```
    /// use handaxe_graph::{Model, Op, Quantiser, Scale};
    ///
    /// let mut model = Model::new("small");
    /// let input = model.add("in", Op::Input { shape: vec![16] }, &[])?;
    /// let alpha = Scale::Value(1.0);
    /// let quantiser =
    ///     Quantiser::Bits { bits: 6, integer: 0, keep_negative: false, symmetric: false, alpha };
    /// model.add("codes", Op::Quantise { quantiser }, &[input])?;
    /// let config = model.own_config()?;
    /// let types = &model.firmware(&config)?[1].types;
    /// assert_eq!(types["result"].to_string(), "ufixed<6,0,RND_CONV,SAT,0>");
    /// # Ok::<(), handaxe_graph::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::firmware`].
    pub fn own_config(&self) -> Result<HlsConfig, Error> {
        let auto = |variables: &[&str]| -> Section {
            let all = variables.iter().map(|variable| ((*variable).to_owned(), Precision::Auto));
            Section { precision: all.collect(), ..Section::default() }
        };
        let mut config = HlsConfig { model: auto(&["default"]), ..HlsConfig::default() };
        let mut built: Vec<FirmwareLayer> = Vec::new();
        for (id, layer) in self.layers() {
            let mut section = auto(&["result"]);
            for (variable, of) in self.own_types(id, layer, &built)? {
                section.precision.insert(variable.to_owned(), Precision::Fixed(of));
            }
            config.layer_name.insert(layer.name().to_owned(), section);
            let result = Plan::new(self, &config).layer(id, &built)?.result();
            // hls4ml leaves out a quantiser behind a layer whose result is inferred, so none is.
            let stated = if layer.op().has_kernel() { ["", "_linear"].as_slice() } else { &[""] };
            for suffix in stated {
                let name = format!("{}{suffix}", layer.name());
                let section = config.layer_name.entry(name).or_default();
                section.precision.insert("result".to_owned(), Precision::Fixed(result));
            }
            let next = Plan::new(self, &config).layer(id, &built)?;
            built.push(next);
        }
        Ok(config)
    }

    /// Whether every kernel has a quantiser, so that the model itself says how its firmware computes.
    pub fn is_quantised(&self) -> bool {
        let mut kernels = self.layers().filter(|(_, layer)| layer.op().has_kernel()).peekable();
        kernels.peek().is_some() && kernels.all(|(_, layer)| layer.quantiser("kernel").is_some())
    }

    /// The types of a layer that are not inferred.
    fn own_types(
        &self,
        id: LayerId,
        layer: &Layer,
        built: &[FirmwareLayer],
    ) -> Result<Vec<(&'static str, FixedType)>, Error> {
        let invalid = |variable| {
            move |error| Error::Inferred {
                layer: self.layer(id).name().to_owned(),
                variable,
                error,
            }
        };
        let constant = |variable: &'static str, values: &[f32]| {
            holding(values).map(|of| (variable, of)).map_err(invalid(variable))
        };
        let input = layer.inputs().first().map(|input| built[input.index()].result());
        Ok(match (layer.op(), input) {
            (Op::Input { .. }, _) => {
                let of =
                    FixedType::new(INPUT.0, INPUT.1, true, Rounding::RndConv, Overflow::Sat, 0);
                vec![("result", of.map_err(invalid("result"))?)]
            }
            // QKeras' sign is no Binary: its firmware is a type of one bit.
            (
                Op::Quantise { quantiser: Quantiser::Bits { bits: 1, keep_negative: true, .. } },
                _,
            ) => {
                return Err(no_type(layer));
            }
            (Op::Quantise { quantiser }, _) => match quantiser.integer() {
                Some(codes) => vec![("result", of_codes(&codes).ok_or_else(|| no_type(layer))?)],
                None => Vec::new(),
            },
            (op, _) if op.has_kernel() => {
                let free = [("kernel", "weight"), ("bias", "bias")].into_iter();
                let free = free.filter(|(name, _)| layer.quantiser(name).is_none());
                let free =
                    free.filter_map(|(name, variable)| Some((variable, layer.weight(name)?)));
                free.map(|(variable, weight)| constant(variable, weight.values()))
                    .collect::<Result<_, _>>()?
            }
            (Op::BatchNorm { .. }, _) => match layer.affine() {
                Some(affine) => {
                    vec![constant("scale", &affine.scale)?, constant("bias", &affine.shift)?]
                }
                None => Vec::new(),
            },
            (Op::LayerNorm { .. }, _) => {
                return Err(Error::NotInFirmware {
                    layer: layer.name().to_owned(),
                    what: "layer normalisation as exact as quantisers need".to_owned(),
                    instead: "a configuration of your own",
                });
            }
            (Op::Activation { function }, Some(input)) => {
                use Activation::{ClippedRelu, LeakyRelu, Linear, Relu};
                match function {
                    Linear | Relu | ClippedRelu { .. } | LeakyRelu { .. } => {
                        vec![("result", input)]
                    }
                    _ => Vec::new(),
                }
            }
            (Op::PRelu { .. }, Some(input)) => {
                let alpha = layer.weight("alpha").map_or(&[][..], Tensor::values);
                vec![("result", input), constant("param", alpha)?]
            }
            _ => Vec::new(),
        })
    }
}

fn no_type(layer: &Layer) -> Error {
    Error::NotInFirmware {
        layer: layer.name().to_owned(),
        what: "type for codes with such a scale, zero point, range or rounding".to_owned(),
        instead: "a scale for the whole array, zero point 0, and rounding that is neither CEIL nor UP",
    }
}

/// The type whose numbers are a quantiser's: its scale must be a power of two.
pub(super) fn of_codes(codes: &Integer) -> Option<FixedType> {
    let (&[scale], &[0.0]) = (codes.scale.as_slice(), codes.zero_point.as_slice()) else {
        return None;
    };
    let exponent = scale.log2();
    if exponent.fract() != 0.0 || exponent.exp2() != scale {
        return None;
    }
    if codes.signed && codes.bits == 1 {
        return FixedType::exact(2, 2 + exponent as i32, true).ok();
    }
    let rounding = match codes.rounding {
        CodeRounding::HalfEven => Rounding::RndConv,
        CodeRounding::HalfUp => Rounding::RndInf,
        CodeRounding::HalfDown => Rounding::RndZero,
        CodeRounding::Floor => Rounding::Trn,
        CodeRounding::Down => Rounding::TrnZero,
        CodeRounding::Ceil | CodeRounding::Up => return None,
    };
    let overflow = match (codes.narrow, codes.signed) {
        (false, _) => Overflow::Sat,
        (true, true) => Overflow::SatSym,
        (true, false) => return None,
    };
    let integer = codes.bits as i32 + exponent as i32;
    FixedType::new(codes.bits, integer, codes.signed, rounding, overflow, 0).ok()
}

/// The type that holds constants exactly, or with as many fractional bits as there is room for.
fn holding(values: &[f32]) -> Result<FixedType, handaxe_fixed::Error> {
    let digits =
        values.iter().filter(|value| **value != 0.0).map(|v| super::infer::digits(f64::from(*v)));
    let (integer, fraction) = digits
        .reduce(|(i, f), (integer, fraction)| (i.max(integer), f.max(fraction)))
        .unwrap_or((1, 0));
    // The sign's bit, and one more since the largest number may be rounded up.
    let integer = integer + 2;
    let fraction = fraction.min(CONSTANT_BITS - integer).max(1 - integer);
    FixedType::new((integer + fraction) as u32, integer, true, Rounding::RndConv, Overflow::Sat, 0)
}

/// Whether firmware has the quantiser: a sign, or a type.
pub(super) fn is_sign(quantiser: &Quantiser) -> bool {
    matches!(quantiser.integer(), Some(codes) if codes.signed && codes.bits == 1 && codes.scale == [1.0] && codes.zero_point == [0.0])
}
