//! The table before and after, for a terminal.

use handaxe_optimize::{BeforeAfter, ResultRecord, Use};

use crate::number::{clip_all, compact, percent, thousands};
use crate::{Align, Table, name};

/// Wider tables are set with shorter names, then with shorter numbers.
const WIDTH: usize = 110;
/// Characters of a layer's name: as many as there is room for, within these.
const NAME: (usize, usize) = (10, 32);

/// The result as text: per layer and in total the sparsity and every resource before and after, the metric on the
/// validation and test samples, and what was asked, feasible and reached of the resources of the optimisable layers. At most
/// 110 columns wide for the resources of the built-in objectives; numbers are shortened to three digits (`12.3 k`) where they
/// would not fit.
pub fn table(result: &ResultRecord) -> String {
    let mut layers = fitted(result, thousands);
    if layers.width() > WIDTH {
        layers = fitted(result, compact);
    }
    let verdict = match (result.met, result.asked.is_empty() && result.budget.is_empty()) {
        (true, false) => "met",
        (true, true) => "as much as the tolerance allows",
        (false, _) => "not met",
    };
    let (scores, shares) = (scores(result), shares(result));
    format!("{layers}\n{scores}\n{shares}{}{}{verdict}\n", estimated(result), budget(result))
}

/// What was asked, what any choice of groups could reach, and what was reached.
fn shares(result: &ResultRecord) -> Table {
    let heads = ["asked", "feasible", "reached"].map(|head| (head, Align::Right));
    let mut table = Table::new([("sparsity of resource", Align::Left)].into_iter().chain(heads));
    for resource in name::in_order(result.achieved.keys()) {
        let shares = [&result.asked, &result.feasible, &result.achieved];
        let shares = shares
            .map(|of| of.get(resource).map_or_else(|| "-".to_owned(), |share| percent(*share)));
        table.row([name::resource(resource).to_owned()].into_iter().chain(shares));
    }
    table
}

/// What implementation will leave of the network, where it is known how it is built, with the interval of the pruned one.
fn estimated(result: &ResultRecord) -> String {
    let Some(BeforeAfter { before, after }) = &result.estimated else { return String::new() };
    let heads = ["before", "after", "at least", "at most"].map(|head| (head, Align::Right));
    let mut table = Table::new([("estimated", Align::Left)].into_iter().chain(heads));
    for resource in name::in_order(before.keys()) {
        let (before, after) = (before[resource], after.get(resource).copied().unwrap_or_default());
        if before.high > 0 {
            let counts = [before.value, after.value, after.low, after.high].map(thousands);
            table.row([name::resource(resource).to_owned()].into_iter().chain(counts));
        }
    }
    format!("\n{table}")
}

/// What the network takes of its budget, if it has one, at most.
fn budget(result: &ResultRecord) -> String {
    if result.budget.is_empty() {
        return String::new();
    }
    let heads = ["at most", "available", "fits"].map(|head| (head, Align::Right));
    let mut table = Table::new([("budget", Align::Left)].into_iter().chain(heads));
    for resource in name::in_order(result.budget.keys()) {
        let Use { used, available } = result.budget[resource];
        let fits = if used <= available { "yes" } else { "no" };
        let counts = [used, available].map(|count| thousands(count as u64));
        let cells = [name::resource(resource).to_owned()].into_iter().chain(counts);
        table.row(cells.chain([fits.to_owned()]));
    }
    format!("\n{table}")
}

fn scores(result: &ResultRecord) -> Table {
    let metric = name::metric(&result.metric);
    let mut table =
        Table::new([(metric, Align::Left), ("before", Align::Right), ("after", Align::Right)]);
    let value = |value| name::metric_value(&result.metric, value);
    let (before, after) = (&result.baseline, &result.last);
    table.row(["validation".to_owned(), value(before.validation), value(after.validation)]);
    table.row(["test".to_owned(), value(before.test), value(after.test)]);
    if let Some(fixed) = result.metrics.get(&name::in_fixed_point(&result.metric)) {
        let (before, after) = (value(fixed.baseline.test), value(fixed.last.test));
        table.row(["test, at hardware precision".to_owned(), before, after]);
    }
    table
}

/// The table of resources with names as long as there is room for.
fn fitted(result: &ResultRecord, number: fn(u64) -> String) -> Table {
    let table = resources(result, NAME.1, number);
    let surplus = table.width().saturating_sub(WIDTH);
    if surplus == 0 {
        return table;
    }
    let longest = result.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0);
    let name = longest.min(NAME.1).saturating_sub(surplus).max(NAME.0);
    resources(result, name, number)
}

fn resources(result: &ResultRecord, name_width: usize, number: fn(u64) -> String) -> Table {
    let names = name::shown(result);
    let heads = names.iter().map(|name| (name::resource(name), Align::Right));
    let first = [("layer", Align::Left), ("sparsity", Align::Right)];
    let mut table = Table::new(first.into_iter().chain(heads));

    let rows = result.layers.iter().map(|layer| &layer.resources).chain([&result.resources]);
    let columns = names.iter().map(|name| pairs(rows.clone(), name, number));
    let columns: Vec<Vec<String>> = columns.collect();
    let cells = |row: usize| columns.iter().map(move |column| column[row].clone());

    let layers: Vec<&str> = result.layers.iter().map(|layer| layer.name.as_str()).collect();
    let layers = clip_all(&layers, name_width).into_iter().zip(&result.layers);
    for (row, (name, layer)) in layers.enumerate() {
        table.row([name, percent(layer.sparsity)].into_iter().chain(cells(row)));
    }
    table.rule();
    let first = ["total".to_owned(), percent(total_sparsity(result))];
    table.row(first.into_iter().chain(cells(result.layers.len())));
    table
}

/// A column of `before -> after`, the arrows one below the other.
fn pairs<'a>(
    rows: impl Iterator<Item = &'a BeforeAfter>,
    resource: &str,
    number: fn(u64) -> String,
) -> Vec<String> {
    let pair = |row: &BeforeAfter| {
        Some((number(*row.before.get(resource)?), number(*row.after.get(resource)?)))
    };
    let pairs: Vec<Option<(String, String)>> = rows.map(pair).collect();
    let width = pairs.iter().flatten().map(|(_, after)| after.chars().count()).max().unwrap_or(0);
    let text = |pair: Option<(String, String)>| {
        pair.map_or_else(
            || "-".to_owned(),
            |(before, after)| format!("{before} -> {after:>width$}"),
        )
    };
    pairs.into_iter().map(text).collect()
}

/// The share of all kernel weights that are zero afterwards.
pub(crate) fn total_sparsity(result: &ResultRecord) -> f64 {
    let sizes = result.layers.iter().map(|layer| layer.shape.iter().product::<usize>() as f64);
    let weights: f64 = sizes.clone().sum();
    let zeros: f64 = sizes.zip(&result.layers).map(|(size, layer)| size * layer.sparsity).sum();
    if weights > 0.0 { zeros / weights } else { 0.0 }
}
