use super::Pass;
use super::transposes::{Plan, count};
use crate::{Error, Model};

/// No transpose is left where none is needed.
pub(super) struct ProveTransposes;

impl Pass for ProveTransposes {
    fn name(&self) -> &'static str {
        "prove-transposes"
    }

    fn description(&self) -> &'static str {
        "proves that no transpose is left where none is needed: each stands where an input's order, an output's or a layer's is another"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        let (left, needed) = (count(&model), Plan::new(&model).count());
        if needed < left { Err(Error::NeedlessTransposes { left, needed }) } else { Ok(model) }
    }
}
