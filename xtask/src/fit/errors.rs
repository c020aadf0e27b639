//! How far off the estimates are of rows that they were not fitted on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use handaxe_graph::Strategy;
use handaxe_objective::estimate::{Figures, Quantity, Row, Table, Unit, Work, fit, whole_by};

/// What is shown.
const SHOWN: [Quantity; 6] = [
    Quantity::Dsp,
    Quantity::Lut,
    Quantity::Ff,
    Quantity::Bram18,
    Quantity::Latency,
    Quantity::Interval,
];

const HEAD: &str = "\
Errors of the estimates, written by `cargo xtask fit`. Errors are relative, in percent; where the report says 0, they are counts.
Lines are by how a layer is built (and by tool and parts), and by source. 'Networks left out': every network, or shape of the sweep of
single layers, foretold by constants fitted without it and its tenth of all. 'Sources left out': every source foretold by
constants fitted without all of it.

";

/// Errors of one line of the table.
#[derive(Default)]
struct Cell {
    /// Relative errors in percent; absolute ones where the report says 0.
    errors: Vec<f64>,
    exact: usize,
    covered: usize,
}

impl Cell {
    fn add(&mut self, figures: &Figures, quantity: Quantity, actual: u64) {
        let figure = figures.get(quantity);
        let error = figure.value.abs_diff(actual) as f64;
        self.errors.push(if actual == 0 { error } else { 100.0 * error / actual as f64 });
        self.exact += usize::from(figure.value == actual);
        self.covered += usize::from(figure.covers(actual));
    }

    fn quantile(&self, share: f64) -> f64 {
        let mut errors = self.errors.clone();
        errors.sort_by(f64::total_cmp);
        errors.get(((errors.len() - 1) as f64 * share).round() as usize).copied().unwrap_or(0.0)
    }
}

/// Tables of errors: of the committed constants on the rows that they were fitted on, and with every source, or every
/// fold of the largest source, left out in turn.
pub(super) fn report(rows: &[Row], table: &Table) -> String {
    let mut text = String::from(HEAD);
    let with_units: Vec<&Row> = rows.iter().filter(|row| !row.units.is_empty()).collect();
    let fitted = with_units.iter().map(|row| (*row, estimate(row, table)));
    let _ = writeln!(text, "# As fitted\n\n{}", tables(fitted.collect()));
    let tenths = tenths(rows);
    let tenth = |row: &Row| tenths.get(row.fold.as_str()).map_or(0, |tenth| *tenth).to_string();
    let _ = writeln!(text, "# Networks left out\n\n{}", tables(left_out(rows, &tenth)));
    let answers = left_out(rows, &|row: &Row| row.source.clone());
    let _ = write!(text, "# Sources left out\n\n{}", tables(answers));
    text
}

/// In which tenth each network, or shape of the sweep, is.
fn tenths(rows: &[Row]) -> BTreeMap<&str, usize> {
    let networks: BTreeSet<&str> = rows.iter().map(|row| row.fold.as_str()).collect();
    networks.into_iter().enumerate().map(|(place, network)| (network, place % 10)).collect()
}

fn estimate(row: &Row, table: &Table) -> Figures {
    match row.units.as_slice() {
        [unit] if !row.whole => unit.figures_by(&row.profile, table).0,
        units => whole_by(units, &row.profile, table),
    }
}

/// Every row by constants that know nothing of its group.
fn left_out<'a>(rows: &'a [Row], group: &dyn Fn(&Row) -> String) -> Vec<(&'a Row, Figures)> {
    let named: Vec<(String, &Row)> = rows.iter().map(|row| (group(row), row)).collect();
    let groups: BTreeSet<&String> = named.iter().map(|(name, _)| name).collect();
    let mut answers = Vec::new();
    for group in groups {
        let others: Vec<Row> =
            named.iter().filter(|(name, _)| name != group).map(|(_, row)| (*row).clone()).collect();
        let table = fit(&others);
        let left = named.iter().filter(|(name, row)| name == group && !row.units.is_empty());
        answers.extend(left.map(|(_, row)| (*row, estimate(row, &table))));
    }
    answers
}

/// The kind of a design of one layer.
fn single(unit: &Unit) -> Option<&'static str> {
    let Work::Matrix(matrix) = &unit.work else { return None };
    Some(match matrix.strategy.nearest_basic() {
        Strategy::Latency => "single Dense, Latency",
        _ => "single Dense, Resource",
    })
}

/// Lines by what was built, and by source.
fn tables(answers: Vec<(&Row, Figures)>) -> String {
    let mut cells: BTreeMap<(String, Quantity), Cell> = BTreeMap::new();
    for (row, figures) in &answers {
        let what = match row.units.as_slice() {
            [unit] => format!("{:?}", unit.regime()),
            _ => "whole designs".to_owned(),
        };
        let single = match row.units.as_slice() {
            [unit] if row.whole => single(unit),
            _ => None,
        };
        let key = format!("{:?} {:?}", row.profile.tool, row.profile.family);
        let source =
            format!("{} {}", row.source, if row.units.len() > 1 { "designs" } else { "layers" });
        let names = [what.clone(), format!("{what}, {key}"), source];
        for name in names.into_iter().chain(single.map(str::to_owned)) {
            for quantity in SHOWN {
                if let Some(&actual) = row.figures.get(&quantity) {
                    cells
                        .entry((name.clone(), quantity))
                        .or_default()
                        .add(figures, quantity, actual);
                }
            }
        }
    }
    let mut text = String::from(
        "| rows of | figure | rows | exact % | median % | p75 % | p90 % | in the interval % |\n|---|---|---|---|---|---|---|---|\n",
    );
    for ((name, quantity), cell) in &cells {
        let rows = cell.errors.len();
        let share = |count: usize| 100.0 * count as f64 / rows as f64;
        let _ = writeln!(
            text,
            "| {name} | {} | {rows} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
            quantity.name(),
            share(cell.exact),
            cell.quantile(0.5),
            cell.quantile(0.75),
            cell.quantile(0.9),
            share(cell.covered)
        );
    }
    text
}
