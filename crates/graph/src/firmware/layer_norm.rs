//! Layer normalisations: their types, and the table of 1 / sqrt(variance).

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Overflow, Rounding};

use super::Plan;
use super::infer::fixed;
use crate::{Error, LayerId, Op};

type Types = BTreeMap<&'static str, FixedType>;

const TABLE: FixedType = fixed(8, 5, false, Rounding::RndConv, Overflow::Sat);
/// The firmware multiplies by 2^power in 32 bits.
const MOST_RANGE_POWER: u32 = 30;
/// Below 10^-this numbers of 32 bits lose digits.
const MOST_EPSILON_POWER: i32 = 37;

/// What the table of 1 / sqrt(variance) covers: from 10^-`epsilon_power` on 2^-`range_power` further. Larger variances count as the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InverseRoots {
    /// The epsilon, as the nearest power of ten.
    pub epsilon_power: i32,
    /// The range, as a power of two.
    pub range_power: u32,
}

impl Plan<'_> {
    pub(super) fn layer_norm_types(&self, id: LayerId) -> Result<Types, Error> {
        let layer = self.model.layer(id);
        if self.exact {
            let what = "layer normalisation between quantisers of HGQ".to_owned();
            return Err(self.unsupported(id, what, "batch normalisation"));
        }
        if layer.output_shape().len() != 2 {
            let what =
                format!("layer normalisation of an input of shape {:?}", layer.output_shape());
            return Err(self.unsupported(
                id,
                what,
                "an input of two axes, the last of which is normalised",
            ));
        }
        let (name, kind) = (layer.name(), self.kind(id));
        Ok(Types::from([
            ("scale", self.or_default(name, kind, "scale")?),
            ("bias", self.or_default(name, kind, "bias")?),
            ("accum", self.or_default(name, kind, "accum")?),
            ("table", self.own(name, kind, "table", TABLE)?),
        ]))
    }

    /// What the table of a layer normalisation covers; nothing for other layers.
    pub(super) fn inverse_roots(&self, id: LayerId) -> Result<Option<InverseRoots>, Error> {
        let layer = self.model.layer(id);
        let Op::LayerNorm { epsilon } = layer.op() else { return Ok(None) };
        let epsilon_power = -epsilon.log10().round_ties_even() as i32;
        if !(1..=MOST_EPSILON_POWER).contains(&epsilon_power) {
            let what = format!("layer normalisation with an epsilon of {epsilon}");
            return Err(self.unsupported(id, what, "one between 1e-37 and 0.3"));
        }
        let asked = self
            .config
            .own_setting(layer.name(), self.kind(id), |section| section.table_range_power2);
        match asked.unwrap_or(0) {
            range_power @ 0..=MOST_RANGE_POWER => {
                Ok(Some(InverseRoots { epsilon_power, range_power }))
            }
            given => Err(Error::Config {
                place: format!("LayerName {}", layer.name()),
                what: "TableRangePower2",
                given: given.to_string(),
                right: "between 0 and 30",
            }),
        }
    }
}
