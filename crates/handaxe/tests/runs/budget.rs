//! Runs that are to make a network fit.

use std::collections::BTreeMap;

use handaxe::prelude::*;
use handaxe::run::{Budget, ByResource, Error as RunError, ForeignError, RunDir, Settings, Use};

use crate::{network, optimize, settings};

/// So many weights that are not zero.
struct Weights(usize);

impl Budget for Weights {
    fn judge(&self, model: &Model) -> Result<ByResource<Use>, ForeignError> {
        let (used, available) = (weights(model) as f64, self.0 as f64);
        Ok(BTreeMap::from([("weights".to_owned(), Use { used, available })]))
    }
}

fn weights(model: &Model) -> usize {
    let kernels = model.layers().filter_map(|(_, layer)| layer.kernel());
    kernels.flat_map(|kernel| kernel.values()).filter(|weight| **weight != 0.0).count()
}

/// The least pruning that fits, to the threshold of the bisection.
#[test]
fn the_least_pruning_that_fits_is_found() {
    let model = network();
    let all = weights(&model); // 8 * 12 + 12 * 8 + 8 * 4
    assert_eq!(all, 224);
    for available in [200, 100, 60] {
        let run = optimize(&model).objective(Parameter).budget(Weights(available));
        let done = run.settings(Settings { rtol: Some(0.1), ..settings() }).run(&mut ()).unwrap();
        let left = weights(&done.outcome.model);
        assert!(done.result.met && left <= available, "{left} of {available}");
        assert!(left + 5 >= available, "{left} of {available}: more was cut than was needed");
        assert_eq!(done.result.budget["weights"].used, left as f64);
        let mut fitting = done.outcome.steps.iter().filter(|step| step.good && step.fits());
        assert_eq!(fitting.next_back().map(|step| step.step), done.result.best_step);
    }
    // What fits as it is loses nothing.
    let done = optimize(&model).objective(Parameter).budget(Weights(224)).run(&mut ()).unwrap();
    assert!(done.result.met);
    assert_eq!((done.outcome.steps.len(), weights(&done.outcome.model)), (1, all));
}

/// Where the metric does not allow it, the network that comes closest is handed back, and the run says that it does not fit.
#[test]
fn what_cannot_fit_is_said() {
    let model = network();
    let run = optimize(&model).objective(Parameter).budget(Weights(4));
    let done = run.settings(Settings { rtol: Some(0.95), ..settings() }).run(&mut ()).unwrap();
    assert!(!done.result.met && !done.result.budget["weights"].fits());
    let smallest = done.outcome.steps.iter().filter(|step| step.good);
    let smallest = smallest.map(|step| step.budget["weights"].used).fold(f64::MAX, f64::min);
    assert_eq!(done.result.budget["weights"].used, smallest);
}

/// Interrupted after any step, the bisection ends with the same bits.
#[test]
fn an_interrupted_bisection_goes_on() {
    let model = network();
    let run = || {
        let run = optimize(&model).objective(Parameter).budget(Weights(90));
        run.settings(Settings { rtol: Some(0.5), ..settings() })
    };
    let folder = tempfile::tempdir().unwrap();
    let mut dir = RunDir::create(&folder.path().join("run"), false).unwrap();
    dir.begin("", &model, &[]).unwrap();
    let whole = run().run(&mut dir).unwrap().outcome;
    let checkpoint = RunDir::open(dir.path()).unwrap().checkpoint().unwrap();
    assert!(checkpoint.best == whole.model && checkpoint.steps == whole.steps);
    let again = run().resume(checkpoint).run(&mut ()).unwrap().outcome;
    assert!(again.model == whole.model);
}

/// A budget that cannot judge the network ends the run before anything is trained.
#[test]
fn a_budget_that_cannot_judge_is_an_error() {
    struct Blind;
    impl Budget for Blind {
        fn judge(&self, _: &Model) -> Result<ByResource<Use>, ForeignError> {
            Err("no figure for lut".into())
        }
    }
    let error = optimize(&network()).objective(Parameter).budget(Blind).run(&mut ()).unwrap_err();
    assert!(matches!(error, Error::Optimize(RunError::Budget(_))), "{error}");
    assert!(error.to_string().contains("no figure for lut"), "{error}");
}
