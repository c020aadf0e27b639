//! The search for the strengths of penalties.

use handaxe::prelude::*;
use handaxe::run::{
    Error as RunError, Flow, ForeignError, LayerSettings, RunDir, Settings, TrialRecord,
};
use handaxe::search::{Kind, Settings as Search};

use crate::{network, optimize, settings, training};

fn search(kind: Kind) -> Search {
    Search { kind, trials: 6, seed: 3, ..Search::default() }
}

/// Remembers the trials, and stops after some.
struct Trials(Vec<TrialRecord>, usize);

impl Observer for Trials {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        if let Event::Trial { record, .. } = event {
            self.0.push(TrialRecord { seconds: 0.0, ..(*record).clone() });
        }
        Ok(if self.0.len() >= self.1 { Flow::Stop } else { Flow::GoOn })
    }
}

/// The run takes the best trial's strengths, as if they had been given by hand.
#[test]
fn the_best_strengths_hold_for_the_run() {
    let model = network();
    let run = || optimize(&model).objective(Parameter).final_sparsity(0.5);
    for (kind, trials) in [(Kind::Bayesian, 6), (Kind::Hyperband, 1)] {
        let mut seen = Trials(Vec::new(), usize::MAX);
        let found = run().search(search(kind)).run(&mut seen).unwrap();
        let record = found.result.search.unwrap();
        assert_eq!((record.name.as_str(), record.trials), (kind.name(), trials));
        let metrics: Vec<f64> = seen.0.iter().map(|trial| trial.metric.unwrap()).collect();
        assert_eq!(metrics.len(), trials);
        assert!(metrics.iter().all(|metric| *metric <= record.best.metric.unwrap()));
        // Every layer is pressed by a strength of its own.
        let layers = record.best.penalties.iter().map(|(name, found)| {
            let sparse_penalty = found.sparse;
            assert!(sparse_penalty.is_some() && found.variance.is_none());
            (name.clone(), LayerSettings { sparse_penalty, ..LayerSettings::default() })
        });
        let settings = Settings { layers: layers.collect(), ..settings() };
        assert_eq!(settings.layers.len(), 3);
        assert!(
            run().settings(settings).run(&mut ()).unwrap().outcome.model == found.outcome.model
        );
    }
}

/// Where weights may share a value, the strength that draws them together is searched too; a strength that is given stays.
#[test]
fn what_is_given_is_not_searched() {
    let given = LayerSettings { sparse_penalty: Some(1e-3), ..LayerSettings::default() };
    let settings = Settings { layers: [("fc1".to_owned(), given)].into(), ..settings() };
    let run = optimize(&network())
        .boxed_objective(handaxe::objective::objective("weight-memory").unwrap());
    let run = run.settings(settings).config(
        HlsConfig::uniform("ap_fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap(),
    );
    let done = run.final_sparsity(0.3).search(search(Kind::Bayesian)).run(&mut ()).unwrap();
    let penalties = done.result.search.unwrap().best.penalties;
    assert!(penalties["fc1"].sparse.is_none() && penalties["fc1"].variance.is_some());
    assert!(penalties["fc2"].sparse.is_some() && penalties["fc2"].variance.is_some());
}

/// Stopped after any trial, the run goes on from its record and ends with the same bits.
#[test]
fn an_interrupted_search_goes_on() {
    let model = network();
    let run = || {
        let run = optimize(&model).objective(Parameter).final_sparsity(0.5);
        run.search(search(Kind::Bayesian))
    };
    let mut whole = Trials(Vec::new(), usize::MAX);
    let expected = run().run(&mut whole).unwrap();
    for number in [1, 4, 6] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut dir = RunDir::create(&path, false).unwrap();
        dir.begin("", &model, &[]).unwrap();
        let stop = Box::new(Trials(Vec::new(), number));
        let mut both: Vec<Box<dyn Observer>> = vec![Box::new(dir), stop];
        assert!(run().run(&mut both).unwrap().result.stopped);
        drop(both);

        let mut dir = RunDir::open(&path).unwrap();
        assert_eq!(dir.trials().len(), number);
        let done = run().resume(dir.checkpoint().unwrap()).run(&mut dir).unwrap();
        assert!(done.outcome.model == expected.outcome.model);
        let trials: Vec<TrialRecord> = RunDir::open(&path).unwrap().trials().to_vec();
        let timeless = trials.into_iter().map(|trial| TrialRecord { seconds: 0.0, ..trial });
        assert_eq!(timeless.collect::<Vec<_>>(), whole.0);
    }
    // A record of another seed is found out.
    let folder = tempfile::tempdir().unwrap();
    let mut dir = RunDir::create(&folder.path().join("run"), false).unwrap();
    dir.begin("", &model, &[]).unwrap();
    run().run(&mut dir).unwrap();
    let other = optimize(&model).objective(Parameter).final_sparsity(0.5);
    let other = other.search(Search { seed: 4, ..search(Kind::Bayesian) });
    let error = other.resume(dir.checkpoint().unwrap()).run(&mut ()).unwrap_err();
    assert!(matches!(error, Error::Optimize(RunError::Search(_))), "{error}");
}

/// Trials that diverge are recorded as such; where all do, the run says so.
#[test]
fn trials_that_diverge_are_the_worst() {
    let mut seen = Trials(Vec::new(), usize::MAX);
    let training = TrainSettings { learning_rate: 1e30, ..training() };
    let run = optimize(&network()).objective(Parameter).training(training);
    let error = run.search(search(Kind::Bayesian)).run(&mut seen).unwrap_err();
    assert!(matches!(error, Error::Optimize(RunError::NoTrial { trials: 6 })), "{error}");
    assert!(seen.0.len() == 6 && seen.0.iter().all(|trial| trial.metric.is_none()));
}
