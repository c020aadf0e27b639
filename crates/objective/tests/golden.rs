//! All answers of the reference, each equal to ours or explained by the number of a correction.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

mod reference;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use handaxe_objective::{Action, OBJECTIVES, objective};
use reference::{Attributes, DEFECTS, Layer, Told, how, layer_attributes};
use serde::{Deserialize, de::DeserializeOwned};

#[derive(Deserialize)]
struct Default {
    layer: Layer,
    results: HashMap<String, Answer>,
}

#[derive(Deserialize)]
struct Answer {
    optimization_attributes: Option<Attributes>,
    layer_resources: Numbers,
    layer_savings: Option<Numbers>,
}

#[derive(Deserialize)]
struct Manual {
    layer: Layer,
    attributes: Attributes,
    layer_savings: HashMap<String, Numbers>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Given(Vec<u64>),
    Raised { error: String },
}

const ESTIMATORS: [(&str, &str); 5] = [
    ("parameter", "ParameterEstimator"),
    ("gpu-flops", "GPUFLOPEstimator"),
    ("vivado-dsp", "VivadoDSPEstimator"),
    ("vivado-ff", "VivadoFFEstimator"),
    ("vivado-dsp-bram", "VivadoMultiObjectiveEstimator"),
];

fn fixture<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = format!("{}/../../fixtures/objective/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// All sets of defects, smaller ones first.
fn sets_of_defects() -> Vec<Vec<&'static str>> {
    let set = |bits: u32| (0..DEFECTS.len()).filter(move |defect| bits >> defect & 1 == 1);
    let sets =
        (0..1 << DEFECTS.len()).map(|bits| set(bits).map(|defect| DEFECTS[defect]).collect());
    let mut sets: Vec<Vec<_>> = sets.collect();
    sets.sort_by_key(Vec::len);
    sets
}

/// How many answers are equal, and how many differ for each reason; one with two reasons counts for both.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Compares `golden` and `ours` by what the re-stated formulas say under a set of defects. The smallest set that
    /// turns our answer into the golden one is the cause of a difference.
    fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        golden: &T,
        ours: &T,
        told: impl Fn(&[&str]) -> T,
        place: impl Fn() -> String,
    ) {
        assert_eq!(ours, &told(&[]), "ours, {}", place());
        assert_eq!(golden, &told(&DEFECTS), "golden, {}", place());
        if golden == ours {
            *self.0.entry("equal".to_owned()).or_default() += 1;
            return;
        }
        let causes = sets_of_defects().into_iter().find(|causes| &told(causes) == golden).unwrap();
        causes.iter().for_each(|cause| *self.0.entry((*cause).to_owned()).or_default() += 1);
    }

    fn show(&self, what: &str) {
        println!("{what}:");
        self.0.iter().for_each(|(cause, count)| println!("  {count:>6} {cause}"));
    }
}

/// The reference answers [0] for two resources too where there is nothing; `None` where it raises.
fn numbers(golden: &Numbers, resources: usize) -> Option<Vec<u64>> {
    match golden {
        Numbers::Raised { error } => {
            assert!(error.contains("FLOP"), "{error}");
            None
        }
        Numbers::Given(numbers) if numbers == &[0] => Some(vec![0; resources]),
        Numbers::Given(numbers) => Some(numbers.clone()),
    }
}

#[test]
fn default_attributes() {
    let [mut structure, mut resources, mut savings] = [(); 3].map(|()| Tally::default());
    let rows: Vec<Default> = fixture("layer_default_attributes.json.gz");
    assert_eq!(rows.len(), 1373);
    for Default { layer, results } in rows {
        let attributes = layer_attributes(&layer);
        for (name, estimator) in ESTIMATORS {
            let (objective, golden) = (objective(name).unwrap(), &results[estimator]);
            let place = || format!("{name} of {layer:?}");
            let count = objective.resources().len();
            let cost = objective.cost(&attributes);
            let found = objective.optimisable(&attributes).ok();
            if layer.weight_shape.is_empty() {
                assert_eq!((found, cost), (None, vec![0; count]));
                continue;
            }
            let told_how = |wrong: &[&str]| Told::new(&layer, wrong).optimisable(name);
            let told_structure =
                |wrong: &[&str]| told_how(wrong).map(|attributes| how(&attributes));
            structure.compare(
                &golden.optimization_attributes.as_ref().map(how),
                &found,
                told_structure,
                place,
            );
            let told = |wrong: &[&str]| Told::new(&layer, wrong).resources(name);
            resources.compare(&numbers(&golden.layer_resources, count), &Some(cost), told, place);
            let (Some(golden), Some(found)) = (&golden.layer_savings, found) else { continue };
            let told = |wrong: &[&str]| {
                let told = Told::new(&layer, wrong);
                told.savings(name, &told.optimisable(name)?)
            };
            let group = Told::new(&layer, &[]).group(&told_how(&[]).unwrap());
            let saved = objective.savings(&attributes, &found, group as usize, Action::Prune);
            savings.compare(&numbers(golden, count), &Some(saved), told, place);
        }
    }
    structure.show("optimisable, and how");
    resources.show("resources");
    savings.show("savings of one group");
}

#[test]
fn manual_attributes() {
    let mut savings = Tally::default();
    let rows: Vec<Manual> = fixture("layer_manual_attributes.json.gz");
    assert_eq!(rows.len(), 3855);
    for Manual { layer, attributes, layer_savings } in rows {
        let ours = layer_attributes(&layer);
        for (name, estimator) in ESTIMATORS {
            let objective = objective(name).unwrap();
            let group = Told::new(&layer, &[]).group(&attributes) as usize;
            let saved = objective.savings(&ours, &how(&attributes), group, Action::Prune);
            let golden = numbers(&layer_savings[estimator], objective.resources().len());
            let told = |wrong: &[&str]| Told::new(&layer, wrong).savings(name, &attributes);
            savings.compare(&golden, &Some(saved), told, || {
                format!("{name} of {layer:?}, {attributes:?}")
            });
            let shared = objective.savings(&ours, &how(&attributes), group, Action::Share);
            assert!(shared.iter().all(|&saving| saving == 0), "{name} cannot save by sharing");
        }
    }
    savings.show("savings of one group, attributes set by hand");
}

/// All but `weight-memory` and the calibrated ones, which the reference does not have.
#[test]
fn every_objective_is_compared() {
    let names = OBJECTIVES.iter().map(|(name, _)| *name);
    let ours = ["weight-memory", "dsp", "lut", "ff", "bram36"];
    let compared: Vec<&str> = names.filter(|name| !ours.contains(name)).collect();
    assert_eq!(ESTIMATORS.map(|(name, _)| name).to_vec(), compared);
}
