//! The page and the pictures: well-formed, self-contained, the same every time, and safe whatever a run is called.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

mod sample;

use handaxe_data::Tensor;
use handaxe_graph::{Model, Op};
use handaxe_objective::estimate::Figure;
use handaxe_optimize::{BeforeAfter, SearchRecord, Strengths, TrialRecord, Use};
use handaxe_report::{Scan, ScanPoint, html, plots, scan_page};
use proptest::prelude::*;
use roxmltree::{Document, ParsingOptions};
use sample::Sample;

const HOSTILE: &str = "<script>alert(1)</script>&\"']]>--><!-- \u{202e}";

fn documents(sample: &Sample) -> Vec<(&'static str, String)> {
    let run = sample.run();
    vec![
        ("page", html(&run).unwrap()),
        ("metric", plots::metric(&run)),
        ("resources", plots::resources(&run)),
        ("masks", plots::masks(&run).unwrap()),
        ("training", plots::training(&run)),
    ]
}

/// Parses as XML, has no active or foreign content, and only numbers where numbers belong.
fn check(name: &str, text: &str) {
    let options = ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = Document::parse_with_options(text, options)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    for node in document.descendants().filter(|node| node.is_element()) {
        assert_ne!(node.tag_name().name(), "script", "{name}");
        for attribute in node.attributes() {
            let (key, value) = (attribute.name(), attribute.value());
            assert!(!key.starts_with("on"), "{name}: {key}={value}");
            match key {
                "href" | "src" => assert!(value.starts_with("data:image/png;base64,"), "{name}"),
                "x" | "y" | "x1" | "x2" | "y1" | "y2" | "cx" | "cy" | "r" | "points"
                | "viewBox" | "width" | "height" => numbers(name, key, value),
                _ => {}
            }
        }
    }
}

fn numbers(name: &str, key: &str, value: &str) {
    let parts = value.split([' ', ',']).map(|part| part.trim_end_matches('%'));
    for number in parts {
        let number: Option<f64> = number.parse().ok();
        assert!(number.is_some_and(|number| number.abs() < 1e6), "{name}: {key}={value}");
    }
}

/// The trials of a search stand on the page; the one whose strengths hold is marked.
#[test]
fn trials_are_shown() {
    let mut sample = sample::jets();
    assert!(!html(&sample.run()).unwrap().contains("Penalties as in"));
    let trial = |trial, sparse, metric| {
        let strengths = Strengths { sparse: Some(sparse), variance: None };
        let penalties = [("fc1".to_owned(), strengths)].into();
        TrialRecord { trial, epochs: 5, penalties, metric, seconds: 0.5 }
    };
    sample.trials = vec![trial(1, 1e-6, None), trial(2, 4e-4, Some(0.7512))];
    let best = sample.trials[1].clone();
    sample.result.search = Some(SearchRecord { name: "bayesian".to_owned(), trials: 2, best });
    let page = html(&sample.run()).unwrap();
    check("page", &page);
    for words in ["Penalties as in trial 2 of 2:", "diverged", "75.1", "taken"] {
        assert!(page.contains(words), "{words}");
    }
}

/// What is estimated of every step is drawn, told and written, with the budget.
#[test]
fn estimates_are_drawn() {
    let mut sample = sample::jets();
    let counts = |value| Figure { value, low: value / 2, high: 3 * value };
    let of =
        |value| [("dsp".to_owned(), counts(value)), ("lut".to_owned(), counts(10 * value))].into();
    for step in &mut sample.steps {
        step.estimated = of(1000 - 50 * step.step as u64);
    }
    sample.result.estimated = Some(BeforeAfter { before: of(1000), after: of(500) });
    let used = Use { used: 1500.0, available: 1600.0 };
    sample.result.budget = [("dsp".to_owned(), used)].into();
    let page = html(&sample.run()).unwrap();
    let drawn = plots::estimated(&sample.run());
    for (name, text) in [("page", &page), ("estimated", &drawn)] {
        check(name, text);
        for words in ["Synthesis will leave 500 DSPs of 1,000", "budget 1,600"] {
            assert!(text.contains(words), "{name}: {words}");
        }
    }
    assert!(page.contains("DSP estimated") && page.contains("475 to 2,850"));
    assert!(
        handaxe_report::table(&sample.result)
            .contains("LUT        10,000  5,000     2,500   15,000")
    );
    let folder = tempfile::tempdir().unwrap();
    handaxe_report::write(folder.path(), &sample.run()).unwrap();
    assert!(folder.path().join("estimated.svg").is_file());
}

/// Whatever a network and a part are called and take, a scan is a whole page, with the front and the part's limits.
#[test]
fn scans_are_drawn() {
    let numbers = (any::<f64>(), any::<[u64; 3]>(), 0..4usize);
    proptest!(ProptestConfig::with_cases(32), |(odd in prop::collection::vec(numbers, 0..9), limit in any::<u64>())| {
        let point = |(value, counts, reuse): &(f64, [u64; 3], usize)| ScanPoint {
            bits: 4 + *reuse as u32,
            integer: 3,
            reuse_factor: (*reuse > 0).then_some(*reuse),
            sparsity: *reuse as f64 / 4.0,
            value: *value,
            resources: [("dsp".to_owned(), Figure { value: counts[0], low: 0, high: counts[1] })].into(),
            counted: [("dsp".to_owned(), counts[1]), ("flops".to_owned(), counts[2])].into(),
            latency: counts[2],
            interval: 1,
            front: false,
        };
        let scan = Scan {
            metric: "accuracy".to_owned(),
            increasing: true,
            float: 0.9,
            points: odd.iter().map(point).collect(),
            part: Some(HOSTILE.to_owned()),
            limits: [("dsp".to_owned(), limit)].into(),
            notes: vec![HOSTILE.to_owned()],
        };
        let scan = scan.with_front();
        prop_assert_eq!(scan.points.is_empty(), !scan.points.iter().any(|point| point.front));
        for (name, text) in [("scan", plots::scan(&scan)), ("page", scan_page(HOSTILE, &scan))] {
            check(name, &text);
            prop_assert!(!text.contains("<script"), "{}", name);
        }
    });
}

#[test]
fn every_run_is_drawn_well_and_the_same_each_time() {
    for sample in [sample::jets(), sample::digits(), sample::deep(), sample::untouched()] {
        let documents = documents(&sample);
        documents.iter().for_each(|(name, text)| check(name, text));
        assert_eq!(documents, self::documents(&sample));
    }
}

#[test]
fn the_page_says_what_happened() {
    let page = html(&sample::jets().run()).unwrap();
    for words in
        ["50.2\u{a0}% fewer DSPs", "Met: the budget", "seed 7", "handaxe 0.1.0", "rtol = 0.975"]
    {
        assert!(page.contains(words), "{words}");
    }
    let page = html(&sample::digits().run()).unwrap();
    for words in ["Not met", "✗ missed", "left alone", "reuse factor 4 cannot be built", "asked"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(html(&sample::untouched().run()).unwrap().contains("the run made no step"));
}

#[test]
fn hostile_names_stay_text() {
    let mut sample = sample::digits();
    let mut model = Model::new(HOSTILE);
    let input = model.add("in", Op::Input { shape: vec![3] }, &[]).unwrap();
    let name = HOSTILE.replace('/', "\\");
    let layer = model.add(&name, Op::Dense { units: 2, bias: true }, &[input]).unwrap();
    model.set_weight(layer, "kernel", Tensor::full(&[3, 2], 0.5)).unwrap();
    (sample.before, sample.after) = (model.clone(), model);
    let controls = format!("{HOSTILE}\0\u{1b}[31m\u{ffff}");
    let result = &mut sample.result;
    for text in [&mut result.model, &mut result.objective, &mut result.metric, &mut result.version]
    {
        text.clone_from(&controls);
    }
    result.diagnostics.push(controls.clone());
    result.layers[0].name.clone_from(&controls);
    result.layers[0].left_alone = Some(controls.clone());
    result.asked.insert(controls.clone(), 0.5);
    result.resources.before.insert(controls.clone(), 10);
    result.resources.after.insert(controls.clone(), 5);
    sample.steps[0].solver.name.clone_from(&controls);
    sample.steps[0].solver.status.clone_from(&controls);
    sample.config = format!("</pre>{controls}");
    for (name, text) in documents(&sample) {
        check(name, &text);
        assert!(!text.contains("<script"), "{name}");
    }
    let table = handaxe_report::table(&sample.result);
    assert!(table.chars().all(|c| c == '\n' || !c.is_control()), "{table}");
}

#[test]
fn nothing_at_all_is_drawn_too() {
    let mut sample = sample::untouched();
    let result = &mut sample.result;
    for shares in [&mut result.asked, &mut result.feasible, &mut result.achieved] {
        shares.clear();
    }
    result.layers.clear();
    result.resources = Default::default();
    sample.curves.clear();
    sample.config.clear();
    (sample.before, sample.after) = (Model::new("empty"), Model::new("empty"));
    documents(&sample).iter().for_each(|(name, text)| check(name, text));
    assert!(handaxe_report::table(&sample.result).contains("total"));
}

/// Whatever numbers a run brings, coordinates are numbers.
#[test]
fn odd_numbers_leave_the_pictures_whole() {
    let sample = sample::jets();
    let number = || prop_oneof![prop::num::f64::ANY, Just(f64::NAN), Just(0.0), -1.0..2.0];
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(odd in prop::collection::vec(number(), 9), counts in any::<[u64; 2]>())| {
        let mut result = sample.result.clone();
        (result.baseline.validation, result.last.test) = (odd[0], odd[1]);
        result.asked.insert("dsp".to_owned(), odd[2]);
        result.achieved.insert("dsp".to_owned(), odd[3]);
        result.layers[0].sparsity = odd[4];
        result.layers[0].resources.before.insert("dsp".to_owned(), counts[0]);
        result.resources.after.insert("dsp".to_owned(), counts[1]);
        let (mut steps, mut curves) = (sample.steps.clone(), sample.curves.clone());
        (steps[0].metric, steps[1].solver.bound, steps[2].seconds) = (odd[5], odd[6], odd[7]);
        (curves[3].epoch.loss, curves[4].epoch.metric) = (odd[7], odd[8]);
        steps[3].achieved.insert("dsp".to_owned(), odd[8]);
        let odd = Sample { result, trials: Vec::new(), steps, curves, before: sample.before.clone(), after: sample.after.clone(), config: sample.config.clone() };
        documents(&odd).iter().for_each(|(name, text)| check(name, text));
        handaxe_report::table(&odd.result);
    });
}

#[test]
fn files_are_written_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    handaxe_report::write(folder.path(), &sample::jets().run()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["masks.svg", "metric.svg", "report.html", "resources.svg", "training.svg"]);
    let missing = folder.path().join("no/such");
    let error = handaxe_report::write(&missing, &sample::jets().run()).unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}
