//! Networks with quantisers of HGQ, which say where numbers are rounded: between them everything is held exactly, whatever is
//! configured or prescribed by older versions of HGQ. So does hls4ml 1.3.

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Rounding};

use super::infer::digits;
use super::{Plan, Stated};
use crate::{Activation, Error, LayerId, Model, Op, PoolKind, Quantiser};

type Types = BTreeMap<&'static str, FixedType>;

/// Whether the network says itself where it rounds.
pub(super) fn is_exact(model: &Model) -> bool {
    let per_element =
        |op: &Op| matches!(op, Op::Quantise { quantiser: Quantiser::PerElement { .. } });
    model.layers().any(|(_, layer)| per_element(layer.op()))
}

impl Plan<'_> {
    /// The type of an input: that of the quantiser behind it, or one bit finer where that rounds each element to a type of its own.
    pub(super) fn exact_input(&self, id: LayerId) -> Result<FixedType, Error> {
        let mut readers = self.model.layers().filter(|(_, next)| next.inputs().contains(&id));
        let (Some((reader, next)), None) = (readers.next(), readers.next()) else {
            return Ok(self.default_type());
        };
        let Op::Quantise { quantiser: Quantiser::PerElement { rounding, overflow, .. } } =
            next.op()
        else {
            return Ok(self.default_type());
        };
        let element = self.covering(reader, *rounding, *overflow)?;
        let one_type = ["keep_negative", "bits", "integers"].into_iter().all(|name| {
            let values = next.weight(name).map_or(&[][..], |weight| weight.values());
            values.iter().all(|value| *value == values[0])
        });
        if one_type {
            return Ok(element);
        }
        let finer = u32::from(*rounding != Rounding::Trn);
        let width = element.width + finer;
        FixedType::new(width, element.integer, element.signed, Rounding::Trn, *overflow, 0)
            .map_err(|error| self.too_wide(next.name(), error))
    }

    /// The stated type, or the least one that holds the weight `of` exactly.
    pub(super) fn or_exact(
        &self,
        id: LayerId,
        variable: &'static str,
        of: &str,
    ) -> Result<FixedType, Error> {
        let layer = self.model.layer(id);
        match (self.stated(layer.name(), self.kind(id), variable)?, layer.weight(of)) {
            (Stated::Type(stated), _) => Ok(stated),
            (Stated::Auto, Some(weight)) if self.exact => {
                holding(weight.values()).map_err(|error| Error::Inferred {
                    layer: layer.name().to_owned(),
                    variable,
                    error,
                })
            }
            _ => Ok(self.default_type()),
        }
    }
}

/// The type of an exact result, where the layer picks numbers or takes their mean.
pub(super) fn exact_result(op: &Op, inputs: &[FixedType], types: &Types) -> Option<FixedType> {
    use Activation::{ClippedRelu, Linear, Relu};
    match op {
        Op::Activation { function: Linear | Relu | ClippedRelu { slope: 0.0, .. } } => {
            inputs.first().copied()
        }
        Op::Pool { kind: PoolKind::Average, .. } => types.get("accum").copied(),
        Op::Lookup { .. } => types.get("table").copied(),
        _ => None,
    }
}

/// The least type that holds all values; all 0 fit one bit.
fn holding(values: &[f32]) -> Result<FixedType, handaxe_fixed::Error> {
    let mut found: Option<(i32, i32)> = None;
    let signed = values.iter().any(|value| *value < 0.0);
    for value in values.iter().map(|&value| f64::from(value)).filter(|value| *value != 0.0) {
        let (above, below) = digits(value);
        // -2^n needs one bit less than 2^n.
        let power = value < 0.0 && above + below == 1;
        let above = above - i32::from(power);
        let (most, least) = found.unwrap_or((above, below));
        found = Some((most.max(above), least.max(below)));
    }
    let (above, below) = found.unwrap_or((1, 0));
    let integer = above + i32::from(signed);
    FixedType::exact((integer + below).max(1) as u32, integer, signed)
}

#[cfg(test)]
mod tests {
    use super::holding;

    #[test]
    fn the_least_type_holds_all_values() {
        for (values, least) in [
            (&[0.0f32, 0.0][..], "ufixed<1,1,TRN,WRAP,0>"),
            (&[3.0, 0.5], "ufixed<3,2,TRN,WRAP,0>"),
            (&[-0.125, 0.0], "fixed<1,-2,TRN,WRAP,0>"),
            (&[-0.125, 0.125], "fixed<2,-1,TRN,WRAP,0>"),
            (&[0.0625, 0.1875], "ufixed<2,-2,TRN,WRAP,0>"),
            (&[-4.0, 3.0], "fixed<3,3,TRN,WRAP,0>"),
            (&[-5.0, 12.0], "fixed<5,5,TRN,WRAP,0>"),
        ] {
            assert_eq!(holding(values).unwrap().to_string(), least, "{values:?}");
        }
    }
}
