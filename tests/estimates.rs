//! Estimates of whole networks beside the reports of their synthesis.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use handaxe_formats::{hls, model};
use handaxe_objective::estimate::{Family, Profile, Quantity, Tool, estimate};

/// Networks of HGQ for jets, from dense to nearly empty, with what Vitis HLS 2024.1 reports of each on xcu50 (`DSP`, `FF`, `LUT`).
fn networks() -> Option<Vec<(PathBuf, [u64; 3])>> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = shared.join("data/models/tutorial-jets-keras3-hgq");
    if !folder.is_dir() {
        println!("SKIPPED: shared data absent");
        return None;
    }
    let project = |place: usize| {
        let project = folder.join(format!("model_3.1_{place}_hls4ml_prj"));
        let report = std::fs::read_to_string(project.join("myproject_csynth.rpt")).unwrap();
        let total = report.lines().find(|line| line.starts_with("|Total  ")).unwrap();
        let counts: Vec<u64> =
            total.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
        let [_bram, dsp, ff, lut, _uram] = counts[..] else { panic!("{total}") };
        (project, [dsp, ff, lut])
    };
    Some((1..=5).map(project).collect())
}

/// None of these is among the rows that the constants were fitted on. Of the sparsest, 58 of 64 elements of a layer have no bits.
#[test]
fn networks_with_types_of_each_element() {
    let profile = Profile { tool: Tool::Vitis, family: Family::Ultrascale, ..Profile::default() };
    println!("reported and estimated: DSP, FF, LUT");
    for (project, reported) in networks().unwrap_or_default() {
        let network =
            model::load(&project.join("keras_model.keras").display().to_string()).unwrap();
        let config = hls::load(project.join("hls4ml_config.yml")).unwrap();
        let (estimate, _) = estimate(&network, &config, &profile).unwrap();
        let figures = [Quantity::Dsp, Quantity::Ff, Quantity::Lut]
            .map(|quantity| estimate.synthesis.get(quantity));
        println!("{reported:?} {:?}", figures.map(|figure| figure.value));
        let [dsp, ff, lut] = figures;
        let ratio = lut.value as f64 / reported[2] as f64;
        assert!((0.75..1.1).contains(&ratio), "{ratio}");
        // Of 60, 20, 3, 0 and 0: what the mean width of a row's operands gives, not each product's.
        assert!(dsp.value.abs_diff(reported[0]) <= 12, "{dsp:?}");
        assert!(ff.covers(reported[1]) && lut.covers(reported[2]), "{ff:?} {lut:?}");
    }
}
