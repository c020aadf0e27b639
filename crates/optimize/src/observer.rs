use handaxe_graph::{Masks, Model};

use crate::{CurveRecord, ForeignError, Reduction, StepRecord, TrialRecord};

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The network as given was judged on the validation samples.
    Baseline {
        /// Its metric.
        validation: f64,
    },
    /// A trial of the search for penalties ended.
    Trial {
        /// Its figures.
        record: &'a TrialRecord,
        /// How many trials the search takes in all.
        of: usize,
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

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// It does.
    #[default]
    GoOn,
    /// It ends here.
    Stop,
}

impl Flow {
    /// [`Flow::Stop`] if either is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Stop { self } else { other }
    }
}

/// Watches a run: progress bars, logs, checkpoints, limits. An error ends the run with that error.
///
/// ```
/// use handaxe_optimize::{Event, Flow, ForeignError, Observer};
///
/// /// Ends the run after some epochs, with the best network so far.
/// struct Budget(usize);
///
/// impl Observer for Budget {
///     fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
///         if let Event::Epoch(_) = event {
///             self.0 = self.0.saturating_sub(1);
///         }
///         Ok(if self.0 == 0 { Flow::Stop } else { Flow::GoOn })
///     }
/// }
/// ```
pub trait Observer {
    /// Called for every event, in order. On [`Flow::Stop`] the step at work is given up, as if the program had been
    /// killed, and the best network so far is handed back; the run can be resumed.
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError>;
}

/// Watches nothing.
impl Observer for () {
    fn notify(&mut self, _: &Event<'_>) -> Result<Flow, ForeignError> {
        Ok(Flow::GoOn)
    }
}

/// Several observers, told in order; one that says stop is enough.
impl Observer for Vec<Box<dyn Observer + '_>> {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        self.iter_mut().try_fold(Flow::GoOn, |flow, observer| Ok(flow.or(observer.notify(event)?)))
    }
}
