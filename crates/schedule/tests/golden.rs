//! hls4ml's own traces: every float equal bit for bit, every difference a correction.

use handaxe_schedule::{Error, Settings, Step};
use serde::Deserialize;

#[derive(Deserialize)]
struct Trace {
    kind: String,
    initial: Option<f64>,
    r#final: Option<f64>,
    step: Option<f64>,
    steps: Option<u32>,
    power: Option<f64>,
    threshold: Option<f64>,
    calls: String,
    sparsity: Vec<f64>,
    done: bool,
}

impl Trace {
    fn settings(&self) -> Result<Settings, Error> {
        let default = Settings::default();
        Ok(Settings {
            kind: self.kind.parse()?,
            initial_sparsity: self.initial.unwrap_or(default.initial_sparsity),
            final_sparsity: self.r#final.unwrap_or(default.final_sparsity),
            step: self.step.unwrap_or(default.step),
            steps: self.steps.unwrap_or(default.steps),
            power: self.power.unwrap_or(default.power),
            threshold: self.threshold.unwrap_or(default.threshold),
        })
    }
}

#[test]
fn traces_are_equal_but_for_correction_19() {
    let traces = include_str!("../../../fixtures/schedule/traces.json");
    let traces: Vec<Trace> = serde_json::from_str(traces).unwrap();
    assert_eq!(traces.len(), 40);
    let (mut equal, mut clamped) = (0, 0);
    for trace in &traces {
        let settings = trace.settings().unwrap();
        let mut schedule = settings.build().unwrap();
        assert_eq!(schedule.sparsity(), trace.sparsity[0]);
        let expected = trace.sparsity[1..].iter().map(|s| Step::To(*s));
        let expected = expected.chain(trace.done.then_some(Step::Done));
        assert_eq!(expected.clone().count(), trace.calls.len());
        let mut corrected = false;
        for (call, expected) in trace.calls.chars().zip(expected) {
            let step = if call == 'U' { schedule.advance() } else { schedule.retreat() };
            if step == expected {
                continue;
            }
            // Correction 19: the reference stops short of its final sparsity, ours takes one more, shorter step to it.
            let wanted = (trace.kind.as_str(), Step::Done, Step::To(settings.final_sparsity));
            assert_eq!(("constant", expected, step), wanted, "{settings:?} {}", trace.calls);
            assert_eq!(schedule.advance(), Step::Done);
            corrected = true;
        }
        if corrected { clamped += 1 } else { equal += 1 }
    }
    println!("schedulers: {equal} traces equal, correction 19: {clamped}");
    assert_eq!((equal, clamped), (30, 10));
}
