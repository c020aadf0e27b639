//! What ends training or a run early, and what is told beside the metric that decides.

use handaxe::data::metric;
use handaxe::prelude::*;
use handaxe::run::{CurveRecord, Flow, ForeignError, RunDir, Settings};

use crate::{network, optimize, settings};

/// Stops at the n-th event that it is asked about.
struct StopAt(usize, fn(&Event<'_>) -> bool);

impl Observer for StopAt {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        self.0 -= usize::from(self.1(event) && self.0 > 0);
        Ok(if self.0 == 0 { Flow::Stop } else { Flow::GoOn })
    }
}

/// Stopped anywhere, a run hands back the best network of its whole steps, and goes on as if it had not been.
#[test]
fn an_observer_stops_a_run_and_it_can_go_on() {
    let model = network();
    let run = || optimize(&model).objective(Parameter).final_sparsity(0.5);
    let whole = run().run(&mut ()).unwrap();
    assert!(!whole.result.stopped && whole.outcome.steps.len() == 3);
    let epoch: fn(&Event<'_>) -> bool = |event| matches!(event, Event::Epoch(_));
    let step: fn(&Event<'_>) -> bool = |event| matches!(event, Event::Step { .. });
    let first: fn(&Event<'_>) -> bool = |_| true;
    for (number, event, steps) in [(1, first, 0), (2, epoch, 0), (3, epoch, 0), (2, step, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut dir = RunDir::create(&path, false).unwrap();
        dir.begin("", &model, &[]).unwrap();
        let mut both: Vec<Box<dyn Observer>> = vec![Box::new(dir), Box::new(StopAt(number, event))];
        let stopped = run().run(&mut both).unwrap();
        assert!(stopped.result.stopped);
        assert_eq!(stopped.outcome.steps.len(), steps);
        let best = stopped.outcome.best_step().is_some();
        assert_eq!(stopped.outcome.model == model, !best);

        let mut dir = RunDir::open(&path).unwrap();
        let again = run().resume(dir.checkpoint().unwrap());
        assert!(again.run(&mut dir).unwrap().outcome.model == whole.outcome.model);
    }
}

/// Remembers every epoch.
#[derive(Default)]
struct Curves(Vec<CurveRecord>);

impl Observer for Curves {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        if let Event::Epoch(record) = event {
            self.0.push((*record).clone());
        }
        Ok(Flow::GoOn)
    }
}

/// A stretch ends with the first epoch that is the second in a row without a better metric.
#[test]
fn patience_ends_a_stretch() {
    let mut curves = Curves::default();
    let settings = Settings { epochs: 30, patience: Some(2), ..settings() };
    optimize(&network()).objective(Parameter).settings(settings).run(&mut curves).unwrap();
    let stretches = curves.0.chunk_by(|a, b| (a.step, a.phase) == (b.step, b.phase));
    let mut early = 0;
    for stretch in stretches {
        let metrics: Vec<f64> = stretch.iter().map(|record| record.epoch.metric).collect();
        let mut best = f64::MIN;
        let news: Vec<bool> = metrics
            .iter()
            .map(|&metric| {
                let new = metric > best;
                best = best.max(metric);
                new
            })
            .collect();
        let waits = news.windows(2).position(|pair| pair == [false, false]);
        match waits {
            Some(place) => assert_eq!(place + 2, metrics.len(), "{metrics:?}"),
            None => assert!([29, 1].contains(&metrics.len()), "{metrics:?}"),
        }
        early += usize::from(waits.is_some());
    }
    assert!(early > 0);
}

/// Any metric may decide; the others are told of every step, and before and after.
#[test]
fn several_metrics_are_recorded() {
    let model = network();
    let run = |first: &str, second: &str| {
        let run = optimize(&model).objective(Parameter).final_sparsity(0.5);
        let run = run.metric(metric(first).unwrap()).also(metric(second).unwrap());
        run.run(&mut ()).unwrap().result
    };
    let (one, two) = (run("accuracy", "auc"), run("auc", "accuracy"));
    assert_eq!((one.metric.as_str(), two.metric.as_str()), ("accuracy", "auc"));
    assert_eq!(one.metrics["auc"].baseline, two.baseline);
    assert_eq!(two.metrics["accuracy"].baseline, one.baseline);
    assert_eq!(one.metrics["auc"].last, two.last);
    assert_ne!(one.baseline, two.baseline);
}
