use super::Pass;
use super::line::line;
use crate::model::{Rewrite, readers};
use crate::{Error, LayerId, Model, Op};

/// A constant that is added behind a kernel without a bias is its bias.
pub(super) struct FuseBias;

impl Pass for FuseBias {
    fn name(&self) -> &'static str {
        "fuse-bias"
    }

    fn description(&self) -> &'static str {
        "a constant that is added behind a kernel becomes its bias, with the quantiser that it has"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        let shifts = shifts(&model);
        if shifts.iter().all(Option::is_none) {
            return Ok(model);
        }
        let mut rewrite = Rewrite::new(model);
        for id in rewrite.ids() {
            let inputs = rewrite.inputs(id);
            match (shifts[id.index()], rewrite.old.layer(id).op()) {
                (Some(shift), op) => {
                    let op = with_bias(op);
                    let new = rewrite.keep_as(id, op, &inputs)?;
                    let quantiser = rewrite.old.layer(shift).quantiser("beta").cloned();
                    if let Some(bias) = rewrite.take_weight(shift, "beta") {
                        rewrite.new.set_weight(new, "bias", bias)?;
                    }
                    if let Some(quantiser) = quantiser {
                        rewrite.new.set_quantiser(new, "bias", quantiser)?;
                    }
                }
                _ if is_fused(&shifts, &rewrite.old, id) => rewrite.place(id, inputs[0]),
                _ => drop(rewrite.keep(id, &inputs)?),
            }
        }
        let outputs: Vec<LayerId> =
            rewrite.old.outputs().iter().map(|&id| rewrite.at(id)).collect();
        rewrite.finish(&outputs)
    }
}

/// For each layer with a kernel and no bias, the line behind it that only adds.
fn shifts(model: &Model) -> Vec<Option<LayerId>> {
    let readers = readers(model);
    let shift = |id: LayerId| {
        use Op::{Conv, Dense, DepthwiseConv};
        let without = matches!(
            model.layer(id).op(),
            Dense { bias: false, .. }
                | Conv { bias: false, .. }
                | DepthwiseConv { bias: false, .. }
        );
        let &[reader] = readers[id.index()].as_slice() else { return None };
        if !without || model.outputs().contains(&id) {
            return None;
        }
        let (gamma, _) = line(model.layer(reader))?;
        gamma.iter().all(|gamma| *gamma == 1.0).then_some(reader)
    };
    model.layers().map(|(id, _)| shift(id)).collect()
}

/// Whether the layer before has become this one too.
fn is_fused(shifts: &[Option<LayerId>], model: &Model, id: LayerId) -> bool {
    model.layer(id).inputs().first().is_some_and(|input| shifts[input.index()] == Some(id))
}

fn with_bias(op: &Op) -> Op {
    let mut op = op.clone();
    if let Op::Dense { bias, .. } | Op::Conv { bias, .. } | Op::DepthwiseConv { bias, .. } = &mut op
    {
        *bias = true;
    }
    op
}
