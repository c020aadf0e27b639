use super::Pass;
use crate::model::Rewrite;
use crate::{Error, LayerId, Model, Op};

/// What no answer depends on is left out.
pub(super) struct DropUnread;

impl Pass for DropUnread {
    fn name(&self) -> &'static str {
        "drop-unread"
    }

    fn description(&self) -> &'static str {
        "layers that no output depends on are left out, inputs excepted"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        let mut needed = vec![false; model.layers().count()];
        model.outputs().iter().for_each(|output| needed[output.index()] = true);
        let layers: Vec<_> = model.layers().collect();
        for (id, layer) in layers.into_iter().rev() {
            needed[id.index()] |= matches!(layer.op(), Op::Input { .. });
            if needed[id.index()] {
                layer.inputs().iter().for_each(|input| needed[input.index()] = true);
            }
        }
        if needed.iter().all(|needed| *needed) {
            return Ok(model);
        }
        let mut rewrite = Rewrite::new(model);
        for id in rewrite.ids().filter(|id| needed[id.index()]) {
            let inputs = rewrite.inputs(id);
            rewrite.keep(id, &inputs)?;
        }
        let outputs: Vec<LayerId> =
            rewrite.old.outputs().iter().map(|&id| rewrite.at(id)).collect();
        rewrite.finish(&outputs)
    }
}
