//! What `ap_int` and `ap_uint` would make of numbers in ways that firmware should not rely on.

use std::collections::BTreeMap;

use handaxe_fixed::FixedType;

use super::Plan;
use crate::{Error, LayerId};

impl Plan<'_> {
    /// Refuses what the vendors' integers compute by accident: any negative number of a type without a bit before the point becomes -1,
    /// and hls4ml takes two factors of one bit for the signs of a binary network.
    pub(super) fn check_ints(
        &self,
        id: LayerId,
        inputs: &[FixedType],
        types: &BTreeMap<&'static str, FixedType>,
    ) -> Result<(), Error> {
        let own = |name| types.get(name).copied();
        let (accum, result) = (own("accum"), own("result"));
        let casts = match (inputs, own("weight")) {
            ([input], Some(weight)) => {
                if [*input, weight].iter().all(|of| of.is_int && of.width == 1 && !of.signed) {
                    let what =
                        "products of two ap_uint<1>, which hls4ml takes for signs".to_owned();
                    return Err(self.unsupported(id, what, "ap_uint<2> for one of them"));
                }
                let first = own("kernel_result").or(result);
                let entering = [(input.product(&weight).ok(), accum), (own("bias"), accum)];
                [&entering[..], &[(accum, first), (own("kernel_result"), result)]].concat()
            }
            _ => {
                let variables = types.iter().filter(|(name, _)| **name != "result");
                let sources = inputs.iter().chain(variables.map(|(_, of)| of));
                sources.flat_map(|of| [(Some(*of), accum), (Some(*of), result)]).collect()
            }
        };
        for (from, to) in casts {
            if let (Some(from), Some(to)) = (from, to)
                && to.is_int
                && from.signed
                && from.integer <= 0
            {
                let what = format!("cast of {from}, which has no bit before the point, to {to}");
                let instead = "at least one integer bit there, or ap_fixed";
                return Err(self.unsupported(id, what, instead));
            }
        }
        Ok(())
    }
}
