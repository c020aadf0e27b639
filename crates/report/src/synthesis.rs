use handaxe_objective::estimate::{Estimate, Figure, Figures, LayerEstimate, Stage, Work};
use handaxe_objective::parts::Part;

use crate::number::{percent, thousands};
use crate::{Align, Table};

/// Resources in the order of columns: name in files, name for people, and the figure.
pub(crate) type Column = (&'static str, &'static str, fn(&Figures) -> Figure);

/// What synthesis reports of resources.
const RESOURCES: [Column; 5] = [
    ("dsp", "DSP", |figures| figures.dsp),
    ("lut", "LUT", |figures| figures.lut),
    ("ff", "FF", |figures| figures.ff),
    ("bram36", "BRAM36", Figures::bram36),
    ("uram", "URAM", |figures| figures.uram),
];

/// The resources that the network needs or the part has.
pub(crate) fn resources(estimate: &Estimate, part: Option<&Part>) -> Vec<Column> {
    let counts = |(name, _, figure): &Column| {
        let there = part.is_some_and(|part| part.resources.get(*name).is_some_and(|&n| n > 0));
        there || *name != "uram" || figure(&estimate.synthesis).high > 0
    };
    RESOURCES.into_iter().filter(counts).collect()
}

/// What synthesis will report, layer by layer and in all, and how much of `part` that is; of each total the ends of the
/// interval that about nine in ten results lie in.
pub fn synthesis(estimate: &Estimate, part: Option<&Part>) -> Table {
    let columns = resources(estimate, part);
    let heads = columns.iter().map(|(_, head, _)| (*head, Align::Right));
    let first = [("layer", Align::Left), ("built as", Align::Left)];
    let last = [("latency", Align::Right), ("interval", Align::Right)];
    let mut table = Table::new(first.into_iter().chain(heads).chain(last));
    for layer in &estimate.layers {
        if !matches!(layer.unit.work, Work::Wires) {
            let built = built_as(layer);
            line(&mut table, &columns, [&layer.unit.name, &built], &layer.figures, |f| f.value);
        }
    }
    for (stage, name) in
        [(Stage::Synthesis, "C synthesis"), (Stage::Implementation, "implementation")]
    {
        table.rule();
        let figures = estimate.stage(stage);
        line(&mut table, &columns, [name, "total"], figures, |figure| figure.value);
        line(&mut table, &columns, ["", "at least"], figures, |figure| figure.low);
        line(&mut table, &columns, ["", "at most"], figures, |figure| figure.high);
    }
    if let Some(part) = part {
        table.rule();
        let available = |(name, _, _): &Column| part.resources.get(*name).copied();
        let cells =
            columns.iter().map(|column| available(column).map_or("-".to_owned(), thousands));
        table.row([part.name.clone(), "available".to_owned()].into_iter().chain(cells));
        for (name, end) in USED {
            let share = |column: &Column| {
                let used = end(column.2(&estimate.implementation));
                match available(column) {
                    Some(has) if has > 0 => percent(used as f64 / has as f64),
                    _ => "-".to_owned(),
                }
            };
            let cells = columns.iter().map(share);
            table.row([String::new(), name.to_owned()].into_iter().chain(cells));
        }
    }
    table
}

/// One of a figure's numbers.
type End = fn(Figure) -> u64;

/// Rows that say how much of a part is used.
const USED: [(&str, End); 2] =
    [("used", |figure| figure.value), ("used, at most", |figure| figure.high)];

fn line(table: &mut Table, columns: &[Column], first: [&str; 2], figures: &Figures, of: End) {
    let counts = columns.iter().map(|(_, _, figure)| figure(figures));
    let cycles = [figures.latency, figures.interval];
    let cells = counts.chain(cycles).map(|figure| thousands(of(figure)));
    table.row(first.map(str::to_owned).into_iter().chain(cells));
}

/// Strategy and reuse factor of a layer with weights, the kind of the others; a mark where no results of this profile stand
/// behind it.
fn built_as(layer: &LayerEstimate) -> String {
    let built = match &layer.unit.work {
        Work::Matrix(matrix) => format!("{}, reuse {}", matrix.strategy, matrix.reuse),
        Work::Scale { .. } => "scale".to_owned(),
        Work::Clip => "clip".to_owned(),
        Work::Sigmoid | Work::Tanh => "table".to_owned(),
        Work::Softmax => "softmax".to_owned(),
        Work::Pool { .. } => "pool".to_owned(),
        Work::Merge { .. } => "merge".to_owned(),
        Work::Wires => String::new(),
        Work::Unknown => "unknown".to_owned(),
    };
    // No results of the other strategies are known.
    let other = match &layer.unit.work {
        Work::Matrix(matrix) => matrix.strategy != matrix.strategy.nearest_basic(),
        _ => false,
    };
    if layer.calibrated && !other { built } else { format!("{built} *") }
}
