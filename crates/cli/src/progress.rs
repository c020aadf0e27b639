use handaxe::run::{CurveRecord, Event, Flow, ForeignError, Observer, Phase};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output;

/// Shows a run as it goes: a bar on a terminal, a line a step elsewhere. All on standard error.
pub(crate) struct Progress {
    /// What the run is called where several go on at once; stands before everything that is said.
    name: String,
    bar: ProgressBar,
    baseline_epochs: usize,
    epochs: usize,
    quiet: bool,
}

impl Progress {
    /// For a run of `epochs` a step after `baseline_epochs`; silent when `quiet`.
    pub(crate) fn new(baseline_epochs: usize, epochs: usize, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        Self::on(bar, String::new(), (baseline_epochs, epochs), quiet)
    }

    /// The same for one of several runs at once, each of which has its bar among `bars`.
    pub(crate) fn among(
        bars: &MultiProgress,
        name: String,
        epochs: (usize, usize),
        quiet: bool,
    ) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { bars.add(ProgressBar::new(0)) };
        Self::on(bar, format!("{name}, "), epochs, quiet)
    }

    fn on(
        bar: ProgressBar,
        name: String,
        (baseline_epochs, epochs): (usize, usize),
        quiet: bool,
    ) -> Self {
        if let Ok(style) =
            ProgressStyle::with_template("{msg:44} {bar:24} {pos}/{len} epochs {elapsed}")
        {
            bar.set_style(style);
        }
        Self { name, bar, baseline_epochs, epochs, quiet }
    }

    pub(crate) fn say(&self, line: &str) {
        let line = &format!("{}{line}", self.name);
        if self.quiet {
        } else if self.bar.is_hidden() {
            output::note(line);
        } else {
            self.bar.suspend(|| output::note(line));
        }
    }

    /// Beside the bar.
    fn show(&self, message: String) {
        self.bar.set_message(format!("{}{message}", self.name));
    }

    fn epoch(&self, record: &CurveRecord) {
        let CurveRecord { phase, epoch, .. } = record;
        if *phase == Phase::Baseline {
            self.bar.set_length(self.baseline_epochs as u64);
            self.show(format!("baseline: loss {:.4}, metric {:.4}", epoch.loss, epoch.metric));
        }
        if *phase == Phase::Trial {
            self.show(format!("trial {}: metric {:.4}", record.step, epoch.metric));
        }
        if *phase == Phase::Reduce {
            if epoch.epoch == 1 {
                self.bar.set_position(0);
                self.bar.set_length(self.epochs.saturating_mul(3) as u64 / 2);
            }
            self.show(format!("reduced network: metric {:.4}", epoch.metric));
        }
        self.bar.inc(1);
    }
}

impl Observer for Progress {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        match event {
            Event::Epoch(record) => self.epoch(record),
            Event::Baseline { validation } => {
                self.say(&format!("baseline: {validation:.4} on the validation samples"));
            }
            Event::Trial { record, of } => {
                let metric =
                    record.metric.map_or("diverged".to_owned(), |metric| format!("{metric:.4}"));
                self.say(&format!("trial {:>2} of {of}: metric {metric}", record.trial));
            }
            Event::Masked { step, sparsity, .. } => {
                self.bar.set_position(0);
                self.bar.set_length(self.epochs as u64);
                self.show(format!("step {step}: asking for {:.1} %", 100.0 * sparsity));
            }
            Event::Step { record, .. } => {
                let achieved = record.achieved.iter();
                let achieved: Vec<String> = achieved
                    .map(|(name, share)| format!("{name} -{:.1} %", 100.0 * share))
                    .collect();
                let verdict = if record.good { "good" } else { "too low" };
                self.say(&format!(
                    "step {:>2}: {}, metric {:.4}: {verdict}",
                    record.step,
                    achieved.join(", "),
                    record.metric
                ));
            }
            Event::Reduced(reduction) => {
                let record = &reduction.record;
                let units: usize = record.removed.values().sum();
                let verdict = if record.kept { "good" } else { "too low, not taken" };
                self.say(&format!(
                    "reduced: {units} neurons and filters gone, metric {:.4}: {verdict}",
                    record.metric
                ));
            }
            _ => {}
        }
        Ok(Flow::GoOn)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
