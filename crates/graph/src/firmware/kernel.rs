//! Layers with kernels: types of weights, accumulator and result.

use std::collections::BTreeMap;

use handaxe_fixed::FixedType;

use super::exact::of_codes;
use super::{Plan, Stated};
use crate::{Error, Layer, LayerId, LayerType, Op, Quantiser};

type Types = BTreeMap<&'static str, FixedType>;

/// Bits that a sum of `terms` numbers grows by.
pub(super) fn growth(terms: usize) -> i32 {
    terms.max(1).next_power_of_two().trailing_zeros() as i32
}

impl Plan<'_> {
    /// Types of a layer with a kernel that reads numbers of type `input`.
    pub(super) fn kernel_types(
        &self,
        id: LayerId,
        input: &FixedType,
        folds: Option<LayerId>,
    ) -> Result<Types, Error> {
        let layer = self.model.layer(id);
        let (name, kind) = (layer.name(), self.kind(id));
        let weight = match self.quantised(layer, "kernel")? {
            Some(of_quantiser) => of_quantiser,
            None if folds.is_some() => self.or_default(name, kind, "weight")?,
            None => self.or_exact(id, "weight", "kernel")?,
        };
        let bias = match self.quantised(layer, "bias")? {
            Some(of_quantiser) => of_quantiser,
            None if folds.is_some() => self.or_default(name, kind, "bias")?,
            None if layer.weight("bias").is_some() => self.or_exact(id, "bias", "bias")?,
            None => FixedType::int(1, false).map_err(|error| inferred(name, "bias", error))?,
        };
        let accumulator = self.accumulator(layer, input, &weight, &bias)?;
        let accum = match self.stated(name, kind, "accum")? {
            Stated::Type(fixed) => fixed,
            Stated::Auto => accumulator,
        };
        let mut types = Types::from([("weight", weight), ("bias", bias), ("accum", accum)]);
        match self.stated(name, kind, "result")? {
            Stated::Auto => {
                types.insert("result", accumulator);
            }
            Stated::Type(result) => self.through_linear(id, result, &mut types)?,
        }
        Ok(types)
    }

    /// hls4ml puts a layer `<name>_linear` behind a kernel without activation. With a stated result it stays, if its own type is another.
    fn through_linear(
        &self,
        id: LayerId,
        result: FixedType,
        types: &mut Types,
    ) -> Result<(), Error> {
        let name = self.model.layer(id).name();
        let prefix = format!("{name}_");
        let has_activation = self.model.layers().any(|(_, next)| {
            next.inputs() == [id] && self.is_function(next) && next.name().starts_with(&prefix)
        });
        types.insert("result", result);
        if !has_activation {
            let linear =
                self.or_default(&format!("{name}_linear"), LayerType::Activation, "result")?;
            if linear != result {
                types.insert("kernel_result", result);
                types.insert("result", linear);
            }
        }
        Ok(())
    }

    fn is_function(&self, layer: &Layer) -> bool {
        matches!(layer.op(), Op::Activation { .. } | Op::PRelu { .. } | Op::Quantise { .. })
    }

    /// The accumulator that never overflows nor rounds, unless `maximum` limits it.
    fn accumulator(
        &self,
        layer: &Layer,
        input: &FixedType,
        weight: &FixedType,
        bias: &FixedType,
    ) -> Result<FixedType, Error> {
        let kernel = layer.kernel().map_or(&[][..], |kernel| kernel.shape());
        let terms = match layer.op() {
            Op::DepthwiseConv { window, .. } => window.size.iter().product(),
            _ => kernel.iter().rev().skip(1).product(),
        };
        let signed = weight.signed || input.signed;
        let integer = weight.integer + input.integer + growth(terms);
        let fraction = weight.fraction() + input.fraction();
        let integer = (integer + i32::from(bias.signed && !signed))
            .max(bias.integer + i32::from(signed && !bias.signed))
            + 1;
        let width = integer + fraction.max(bias.fraction());
        self.inferred(layer.name(), "accum", width, integer, signed || bias.signed)
    }

    /// The type of a quantised weight.
    fn quantised(&self, layer: &Layer, weight: &'static str) -> Result<Option<FixedType>, Error> {
        let Some(quantiser) = layer.quantiser(weight) else { return Ok(None) };
        if quantiser.has_scale() {
            return Err(Error::NotInFirmware {
                layer: layer.name().to_owned(),
                what: format!("a quantiser of the {weight} with a scale other than 1"),
                instead: "a quantiser with alpha=1",
            });
        }
        let unknown = || Error::NotInFirmware {
            layer: layer.name().to_owned(),
            what: format!("such a quantiser of the {weight}"),
            instead: "quantized_bits, binary or ternary with alpha=1",
        };
        let exact = |width, integer| FixedType::exact(width, integer, true).map(Some);
        let found = match quantiser {
            Quantiser::Bits { bits, integer, .. } if *bits as i32 == *integer => {
                FixedType::int(*bits, true).map(Some)
            }
            Quantiser::Bits { bits, integer, .. } => exact(*bits, *integer + 1),
            Quantiser::Binary { zero_one: false, .. }
            | Quantiser::Ternary { .. }
            | Quantiser::Sign { .. }
            | Quantiser::Ternarise { .. } => FixedType::int(2, true).map(Some),
            Quantiser::Integer(codes) => {
                let of = of_codes(codes).ok_or_else(unknown)?;
                let sign = i32::from(!of.signed);
                exact(of.width + sign as u32, of.integer + sign)
            }
            _ => return Err(unknown()),
        };
        found.map_err(|error| inferred(layer.name(), "weight", error))
    }
}

fn inferred(layer: &str, variable: &'static str, error: handaxe_fixed::Error) -> Error {
    Error::Inferred { layer: layer.to_owned(), variable, error }
}
