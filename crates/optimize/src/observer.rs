use handaxe_graph::{Masks, Model};

use crate::{CurveRecord, ForeignError, Reduction, StepRecord};

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The network as given was judged on the validation samples.
    Baseline {
        /// Its metric.
        validation: f64,
    },
    /// A step begins: groups were chosen, training under their masks follows.
    Masked {
        /// Counted from 1.
        step: usize,
        /// The sparsity that the scheduler asks for.
        sparsity: f64,
        /// The chosen masks.
        masks: &'a Masks,
    },
    /// An epoch ended.
    Epoch(&'a CurveRecord),
    /// A step was judged. `current` is the network as it stands, `best` the one that would be handed back.
    Step {
        /// Its figures.
        record: &'a StepRecord,
        /// The network that the record is about.
        current: &'a Model,
        /// The best network so far.
        best: &'a Model,
    },
    /// After the last step, idle neurons were taken out and the rest was trained on.
    Reduced(&'a Reduction),
}

/// Watches a run: progress bars, logs, checkpoints. An error stops the run.
pub trait Observer {
    /// Called for every event, in order.
    fn notify(&mut self, event: &Event<'_>) -> Result<(), ForeignError>;
}

/// Watches nothing.
impl Observer for () {
    fn notify(&mut self, _: &Event<'_>) -> Result<(), ForeignError> {
        Ok(())
    }
}

/// Several observers, told in order.
impl Observer for Vec<Box<dyn Observer + '_>> {
    fn notify(&mut self, event: &Event<'_>) -> Result<(), ForeignError> {
        self.iter_mut().try_for_each(|observer| observer.notify(event))
    }
}
