//! What the loop makes of a reduction, with scripted results.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use std::sync::{Arc, Mutex};

use handaxe_data::{Direction, Tensor};
use handaxe_graph::{Model, Op};
use handaxe_knapsack::Limits;
use handaxe_objective::estimate::Profile;
use handaxe_objective::objective;
use handaxe_optimize::{
    EpochRecord, Fit, Flow, ForeignError, Optimisation, Outcome, Part, Settings, Trainer,
};

/// A trainer that trains nothing and answers validation in turn from a script that it shares with its successors.
struct Scripted {
    model: Model,
    answers: Arc<Mutex<Vec<f64>>>,
    /// Epochs, and weights held, of every stretch.
    fits: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Trainer for Scripted {
    fn direction(&self) -> Direction {
        Direction::Increasing
    }

    fn model(&self) -> Result<Model, ForeignError> {
        Ok(self.model.clone())
    }

    fn restore(&mut self, model: &Model) -> Result<(), ForeignError> {
        self.model = model.clone();
        Ok(())
    }

    fn of(&self, model: &Model) -> Result<Box<dyn Trainer + Send>, ForeignError> {
        let (answers, fits) = (self.answers.clone(), self.fits.clone());
        Ok(Box::new(Self { model: model.clone(), answers, fits }))
    }

    fn evaluate(&mut self, part: Part) -> Result<f64, ForeignError> {
        let mut answers = self.answers.lock().unwrap();
        Ok(if part == Part::Test || answers.is_empty() { 0.5 } else { answers.remove(0) })
    }

    fn reset(&mut self) -> Result<(), ForeignError> {
        Ok(())
    }

    fn fit(
        &mut self,
        fit: &Fit<'_>,
        _: &mut dyn FnMut(&EpochRecord) -> Result<Flow, ForeignError>,
    ) -> Result<(), ForeignError> {
        let masks = fit.frozen.into_iter().flat_map(|masks| masks.iter());
        let held = masks.map(|(_, mask)| mask.keep().iter().filter(|&&keep| !keep).count()).sum();
        self.fits.lock().unwrap().push((fit.epochs, held));
        Ok(())
    }
}

/// 4 inputs, 6 neurons of which the later ones weigh more, 2 outputs.
fn network() -> Model {
    let mut model = Model::new("small");
    let input = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
    let hidden = model.add("fc", Op::Dense { units: 6, bias: true }, &[input]).unwrap();
    let out = model.add("out", Op::Dense { units: 2, bias: true }, &[hidden]).unwrap();
    let kernel = (0..24).map(|place| 1.0 + (place % 6) as f32).collect();
    model.set_weight(hidden, "kernel", Tensor::new(vec![4, 6], kernel).unwrap()).unwrap();
    let kernel = (1..=12).map(|place| place as f32 * 10.0).collect();
    model.set_weight(out, "kernel", Tensor::new(vec![6, 2], kernel).unwrap()).unwrap();
    model
}

/// Runs one step at half; the answers are those of the step, and of the reduced network before and after training.
fn run(name: &str, reduce: Option<bool>, answers: [f64; 3]) -> (Outcome, Vec<(usize, usize)>) {
    let settings = Settings { epochs: 5, rewinding: 0, reduce, ..Settings::default() };
    let schedule = handaxe_schedule::Settings {
        initial_sparsity: 0.5,
        final_sparsity: 0.5,
        kind: handaxe_schedule::Kind::Constant,
        ..handaxe_schedule::Settings::default()
    };
    let run = Optimisation {
        objective: &*objective(name).unwrap(),
        ranking: &*handaxe_prune::ranking("l1").unwrap(),
        solver: &*handaxe_knapsack::solver("auto").unwrap(),
        limits: &Limits::default(),
        search: None,
        budget: None,
        config: None,
        profile: Profile::default(),
        settings: &settings,
        proportions: Vec::new(),
    };
    let answers = Arc::new(Mutex::new([&[0.9], &answers[..]].concat()));
    let fits = Arc::new(Mutex::new(Vec::new()));
    let mut trainer = Scripted { model: network(), answers, fits: fits.clone() };
    let outcome = run.run(&mut trainer, &mut *schedule.build().unwrap(), &mut (), None).unwrap();
    let fits = fits.lock().unwrap().clone();
    (outcome, fits)
}

/// Three of six neurons go; what is left is trained on for int(1.5 * 5) epochs.
#[test]
fn flops_are_saved_by_reducing() {
    let (outcome, fits) = run("gpu-flops", None, [0.9, 0.9, 0.91]);
    let record = outcome.reduction.unwrap();
    assert!(record.kept && record.trained);
    assert_eq!((record.removed["fc"], record.metric), (3, 0.91));
    let hidden = outcome.model.find("fc").unwrap();
    assert_eq!(outcome.model.layer(hidden).output_shape(), [3]);
    assert_eq!(outcome.last.validation, 0.91);
    assert_eq!(fits, [(5, 12), (7, 0)]);
    // 2 * 24 + 6 operations of the layer that may be cut became 2 * 12 + 3.
    assert_eq!(record.achieved["flops"], 0.5);
}

/// What training after the reduction spoils is undone, and a reduction that spoils the metric is not taken.
#[test]
fn the_tolerance_decides() {
    let (outcome, _) = run("gpu-flops", None, [0.9, 0.9, 0.1]);
    let record = outcome.reduction.unwrap();
    assert!(record.kept && !record.trained);
    assert_eq!((record.metric, outcome.model.parameters()), (0.9, 4 * 3 + 3 + 3 * 2 + 2));

    let (outcome, _) = run("gpu-flops", None, [0.9, 0.1, 0.1]);
    assert!(!outcome.reduction.unwrap().kept);
    assert_eq!((outcome.last.validation, outcome.model.parameters()), (0.9, 24 + 6 + 12 + 2));

    let (outcome, fits) = run("gpu-flops", Some(false), [0.9, 0.9, 0.9]);
    assert!(outcome.reduction.is_none() && fits.len() == 1);
}

/// On request any objective's network is reduced; the zeros that are left stay held.
#[test]
fn single_zeros_stay_zero_on_request() {
    let (outcome, fits) = run("parameter", Some(true), [0.9, 0.9, 0.9]);
    // 18 of 36 weights stay: the largest as shares of their layer's, at least one a layer.
    let zeros: usize = outcome
        .model
        .layers()
        .filter_map(|(_, layer)| layer.kernel())
        .map(|kernel| kernel.values().iter().filter(|weight| **weight == 0.0).count())
        .sum();
    assert_eq!(fits, [(5, 18), (7, zeros)]);
    assert!(outcome.reduction.unwrap().achieved["parameters"] >= 0.5);
    let (outcome, _) = run("parameter", None, [0.9, 0.9, 0.9]);
    assert!(outcome.reduction.is_none());
}
