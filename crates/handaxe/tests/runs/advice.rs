//! What advice promises: answers that stay, and figures that are estimates.

use std::sync::Arc;

use handaxe::advise::{Advice, Change, advise};
use handaxe::data::Source;
use handaxe::firmware::firmware_codes;
use handaxe::graph::{HlsConfig, Model, Op, Strategy};
use handaxe::objective::estimate::{Profile, estimate};
use handaxe::objective::parts::Catalogue;
use handaxe::run::Estimated;

use crate::{network, parts};

fn built(reuse: usize, strategy: Strategy) -> HlsConfig {
    HlsConfig::uniform("ap_fixed<16,6>".parse().unwrap(), reuse, strategy).unwrap()
}

/// The change as a user writes it down.
fn changed(config: &HlsConfig, layer: &str, change: &Change) -> HlsConfig {
    let mut config = config.clone();
    let section = config.layer_name.entry(layer.to_owned()).or_default();
    section.strategy = change.strategy;
    section.reuse_factor = change.reuse_factor;
    section.precision.extend(change.weight.map(|of| ("weight".to_owned(), of)));
    config
}

fn advice(model: &Model, config: &HlsConfig) -> Advice {
    advise(model, config, &Profile::default(), None).unwrap()
}

/// Every change that is said to leave the answers alone does, to the bit, and saves what two estimates differ by.
#[test]
fn exact_changes_keep_every_answer() {
    let model = network();
    let inputs = parts().test.inputs().to_vec();
    let inputs: Vec<Arc<dyn Source>> = inputs.into_iter().collect();
    let mut checked = 0;
    for (reuse, strategy) in
        [(1, Strategy::Latency), (4, Strategy::Resource), (96, Strategy::Resource)]
    {
        let config = built(reuse, strategy);
        let answers = firmware_codes(&model, &config, &inputs).unwrap();
        let implemented = |config: &HlsConfig| {
            let (estimate, _) = estimate(&model, config, &Profile::default()).unwrap();
            Estimated::by_name(&estimate.implementation)
        };
        let before = implemented(&config);
        let findings = advice(&model, &config).findings;
        checked += findings.iter().filter(|finding| finding.exact).count();
        for finding in findings.iter().filter(|finding| finding.exact) {
            let config = changed(&config, &finding.layer, &finding.change);
            let codes = firmware_codes(&model, &config, &inputs).unwrap();
            let (ours, theirs) = (codes[0].codes.iter(), answers[0].codes.iter());
            assert!(ours.eq(theirs), "{}: {}", finding.layer, finding.change);
            let after = implemented(&config);
            for (name, saved) in &finding.saves {
                assert_eq!(*saved, before[name].value as i64 - after[name].value as i64, "{name}");
            }
        }
    }
    assert!(checked > 5, "{checked}");
}

/// A change is an estimate of its layer, not of the network: 200 layers cost little more than a dozen. What is planned step by step is
/// what an estimate of the whole says.
#[test]
fn a_plan_for_many_layers_looks_at_few() {
    let mut model = Model::new("deep");
    let mut last = model.add("in", Op::Input { shape: vec![16] }, &[]).unwrap();
    for place in 0..200 {
        last =
            model.add(&format!("fc{place}"), Op::Dense { units: 16, bias: true }, &[last]).unwrap();
        let mut kernel = model.layer(last).kernel().unwrap().clone();
        let values = kernel.values_mut().iter_mut().enumerate();
        values.for_each(|(at, weight)| *weight = (at * (place + 7) % 61) as f32 / 61.0 - 0.5);
        model.set_weight(last, "kernel", kernel).unwrap();
    }
    let config = built(1, Strategy::Resource);
    let part = Catalogue::built_in().find("xc7z010").unwrap();
    let profile = Profile::default();
    let advice = advise(&model, &config, &profile, Some(part)).unwrap();
    let plan = advice.plan.unwrap();
    assert!(plan.changes.len() > 10, "{:?}", plan.changes);
    // A dozen layers in each of two dozen rounds, some changes each; an estimate of all for each would be 200 times as many.
    assert!(advice.estimated_layers < 5_000, "{}", advice.estimated_layers);
    let (whole, _) = estimate(&model, &plan.config, &profile).unwrap();
    assert_eq!(plan.implementation, whole.implementation);
    assert_eq!(plan.interval, whole.synthesis.interval.value);
}

/// Multipliers of zeros are left out by strategy Unrolled alone.
#[test]
fn zeros_in_memory_are_worth_another_strategy() {
    let mut model = network();
    let layer = model.find("fc1").unwrap();
    let mut kernel = model.layer(layer).kernel().unwrap().clone();
    // 8 x 12 weights, 4 to a multiplier: the first half of the columns.
    kernel
        .values_mut()
        .iter_mut()
        .enumerate()
        .filter(|(place, _)| place % 12 < 6)
        .for_each(|(_, weight)| *weight = 0.0);
    model.set_weight(layer, "kernel", kernel).unwrap();
    let config = built(4, Strategy::Resource);
    let findings = advice(&model, &config).findings;
    let unrolled = Change { strategy: Some(Strategy::Unrolled), ..Change::default() };
    let found = findings.iter().find(|one| one.layer == "fc1" && one.change == unrolled).unwrap();
    assert_eq!(found.saves["dsp"], 12);
    assert!(handaxe::kept_multipliers(&model, &config).unwrap().unwrap().contains("fc1:"));
    let config = built(4, Strategy::Unrolled);
    assert_eq!(handaxe::kept_multipliers(&model, &config).unwrap(), None);
}
