use std::collections::BTreeMap;

use super::Pass;
use crate::model::Rewrite;
use crate::{Error, LayerId, Model, Op};

/// The elements of an array are given their last shape at once.
pub(super) struct MergeReshapes;

impl Pass for MergeReshapes {
    fn name(&self) -> &'static str {
        "merge-reshapes"
    }

    fn description(&self) -> &'static str {
        "reshapes that follow each other become one; one that changes nothing is left out, one that is needed twice is shared"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        if !model.layers().any(|(_, layer)| is_reshape(layer.op())) {
            return Ok(model);
        }
        let mut merging = Merging { rewrite: Rewrite::new(model), made: BTreeMap::new() };
        for id in merging.rewrite.ids() {
            let layer = merging.rewrite.old.layer(id);
            if is_reshape(layer.op()) {
                let from = merging.rewrite.inputs(id)[0];
                merging.rewrite.place(id, from);
                continue;
            }
            let inputs: Vec<LayerId> = layer.inputs().to_vec();
            let inputs: Result<Vec<LayerId>, Error> =
                inputs.into_iter().map(|input| merging.shaped(input)).collect();
            merging.rewrite.keep(id, &inputs?)?;
        }
        let outputs = merging.rewrite.old.outputs().to_vec();
        let outputs: Result<Vec<LayerId>, Error> =
            outputs.into_iter().map(|output| merging.shaped(output)).collect();
        merging.rewrite.finish(&outputs?)
    }
}

fn is_reshape(op: &Op) -> bool {
    matches!(op, Op::Flatten | Op::Reshape { .. })
}

struct Merging {
    rewrite: Rewrite,
    /// What was reshaped to what.
    made: BTreeMap<(LayerId, Vec<usize>), LayerId>,
}

impl Merging {
    /// The array of an old layer in its own shape.
    fn shaped(&mut self, id: LayerId) -> Result<LayerId, Error> {
        let from = self.rewrite.at(id);
        let shape = self.rewrite.old.layer(id).output_shape().to_vec();
        if self.rewrite.new.layer(from).output_shape() == shape {
            return Ok(from);
        }
        if let Some(made) = self.made.get(&(from, shape.clone())) {
            return Ok(*made);
        }
        let name = self.rewrite.old.layer(id).name().to_owned();
        let op = match shape.as_slice() {
            [_] => Op::Flatten,
            _ => Op::Reshape { shape: shape.clone() },
        };
        let made = self.rewrite.add(&name, op, &[from])?;
        self.made.insert((from, shape), made);
        Ok(made)
    }
}
