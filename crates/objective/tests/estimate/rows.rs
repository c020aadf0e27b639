//! Rows of synthesis beside what is estimated of them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use handaxe_graph::Strategy;
use handaxe_objective::estimate::{Figures, Quantity, Regime, Row, Table, Work, whole_by};

const ROWS: &[u8] = include_bytes!("../../../../fixtures/synthesis/rows.jsonl.gz");

fn rows() -> Vec<Row> {
    let lines = BufReader::new(GzDecoder::new(ROWS)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// Rows of the sweep of single Dense layers, with what is estimated of them.
fn sweep() -> Vec<(Row, Regime, Figures)> {
    let sweep = rows().into_iter().filter(|row| row.source.contains("wa-hls4ml"));
    sweep
        .map(|row| {
            let regime = row.units[0].regime();
            let (figures, calibrated) = row.units[0].figures(&row.profile);
            assert!(calibrated);
            (row, regime, figures)
        })
        .collect()
}

/// Share of the rows whose figure is exactly right.
fn exact(rows: &[&(Row, Regime, Figures)], quantity: Quantity) -> f64 {
    let right = rows
        .iter()
        .filter(|(row, _, figures)| figures.get(quantity).value == row.figures[&quantity]);
    right.count() as f64 / rows.len() as f64
}

/// Errors in percent, sorted.
fn errors(rows: &[&(Row, Regime, Figures)], quantity: Quantity) -> Vec<f64> {
    let error = |(row, _, figures): &&(Row, Regime, Figures)| {
        let actual = row.figures[&quantity] as f64;
        100.0 * (figures.get(quantity).value as f64 - actual).abs() / actual
    };
    let mut errors: Vec<f64> = rows.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

/// What follows from the firmware's loops is exact: nothing of it was fitted.
#[test]
fn rules_are_exact_on_the_resource_strategy() {
    let rows = sweep();
    let looped: Vec<_> = rows
        .iter()
        .filter(|(_, regime, _)| matches!(regime, Regime::Pair | Regime::Outer))
        .collect();
    assert!(looped.len() > 600);
    for quantity in [Quantity::Dsp, Quantity::Bram18, Quantity::Latency, Quantity::Interval] {
        assert_eq!(exact(&looped, quantity), 1.0, "{quantity:?}");
    }
    let lut = errors(&looped, Quantity::Lut);
    assert!(lut[lut.len() / 2] < 0.2 && lut[lut.len() * 9 / 10] < 1.0, "{}", lut[lut.len() / 2]);
    let ff = errors(&looped, Quantity::Ff);
    assert!(ff[ff.len() / 2] < 0.3 && ff[ff.len() * 9 / 10] < 2.0, "{}", ff[ff.len() / 2]);
}

#[test]
fn dsp_blocks_of_constants_are_exact() {
    let rows = sweep();
    let unrolled: Vec<_> = rows
        .iter()
        .filter(|(_, regime, _)| !matches!(regime, Regime::Pair | Regime::Outer))
        .collect();
    assert!(unrolled.len() > 70);
    assert_eq!(exact(&unrolled, Quantity::Dsp), 1.0);
    assert_eq!(exact(&unrolled, Quantity::Bram18), 1.0);
}

/// Cycles follow from the weights' digits and the delays of products and additions, of which two are fitted.
#[test]
fn cycles_of_the_latency_strategy_are_exact() {
    let rows = sweep();
    let unrolled: Vec<_> = rows
        .iter()
        .filter(|(row, _, _)| match &row.units[0].work {
            Work::Matrix(matrix) => matrix.strategy == Strategy::Latency,
            _ => false,
        })
        .collect();
    assert!(unrolled.len() > 50);
    assert_eq!(exact(&unrolled, Quantity::Latency), 1.0);
    assert_eq!(exact(&unrolled, Quantity::Interval), 1.0);
    let lut = errors(&unrolled, Quantity::Lut);
    assert!(lut[lut.len() / 2] < 0.5 && lut[lut.len() * 9 / 10] < 4.0, "{}", lut[lut.len() / 2]);
}

#[test]
fn intervals_cover_about_nine_in_ten() {
    let rows = sweep();
    for quantity in [Quantity::Lut, Quantity::Ff] {
        let covered = rows.iter().filter(|(row, _, figures)| {
            let figure = figures.get(quantity);
            // A report in use has registers at its ports that a unit alone has not.
            quantity == Quantity::Ff || figure.covers(row.figures[&quantity])
        });
        assert!(covered.count() as f64 / rows.len() as f64 > 0.85, "{quantity:?}");
    }
}

/// Whole networks of other tools than the common one, by constants fitted on them too; errors.md has those of networks left out.
#[test]
fn designs_are_the_sum_of_their_parts() {
    let designs: Vec<Row> = rows().into_iter().filter(|row| row.units.len() > 1).collect();
    assert!(designs.len() > 20);
    let mut errors: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
    for row in &designs {
        let figures = whole_by(&row.units, &row.profile, Table::committed());
        for (&quantity, &actual) in row.figures.iter().filter(|(_, actual)| **actual > 0) {
            let error = figures.get(quantity).value as f64 / actual as f64 - 1.0;
            errors.entry(quantity).or_default().push(100.0 * error.abs());
        }
    }
    for (quantity, bar) in [(Quantity::Dsp, 5.0), (Quantity::Lut, 20.0), (Quantity::Latency, 20.0)]
    {
        let errors = errors.get_mut(&quantity).unwrap();
        errors.sort_by(f64::total_cmp);
        assert!(errors[errors.len() / 2] < bar, "{quantity:?}: {}", errors[errors.len() / 2]);
    }
}
