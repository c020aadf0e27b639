//! Whole designs: how far off their parts, put together, are, by constants that know nothing of the design's network or source.

use std::collections::{BTreeMap, BTreeSet};

use super::super::figure::{Figures, Quantity};
use super::super::network::{compose, is_design};
use super::super::table::{Group, Key, Scope, Table};
use super::super::unit::Regime;
use super::groups::Ends;
use super::spread::{DOUBT, STRANGENESS, Weighted, ends, median, weighted_ends};
use super::sum::{Sample, Sum};
use super::{FEWEST, Row, parts, round};

/// Fewest sources that tell how far off designs of a further one may be.
const FEWEST_SOURCES: usize = 2;

/// One design's figure, foretold.
struct Foretold {
    key: Key,
    source: String,
    network: String,
    usual: bool,
    /// The true number over the sum of the parts; none for a sum of nothing.
    parts: f64,
    ratio: f64,
}

/// The groups of designs, by profile, by tool and parts, and by tool.
pub(super) fn groups(rows: &[&Row]) -> Vec<Group> {
    let designs: Vec<&Row> = rows.iter().copied().filter(|row| is_design(&row.units)).collect();
    let by_network = foretold(rows, &designs, &|row| &row.fold);
    let by_source = foretold(rows, &designs, &|row| &row.source);
    let mut found = Vec::new();
    for quantity in Quantity::ALL {
        let (Some(networks), Some(sources)) = (by_network.get(&quantity), by_source.get(&quantity))
        else {
            continue;
        };
        let group = |scope, scale, (low, high): (f64, f64), rows| {
            let (weights, low, high) = (BTreeMap::new(), round(low), round(high));
            Group { regime: Regime::Design, quantity, scope, weights, scale, low, high, rows }
        };
        for key in networks.iter().map(|design| design.key).collect::<BTreeSet<Key>>() {
            let own = networks.iter().filter(|design| design.key == key && design.usual);
            let own: Vec<&Foretold> = own.collect();
            if own.len() >= FEWEST {
                let scale = scale(quantity, &own);
                let ratios = own.iter().map(|design| design.ratio / scale).collect();
                let networks: BTreeSet<&str> =
                    own.iter().map(|design| design.network.as_str()).collect();
                let ends = ends(ratios, networks.len());
                found.push(group(Scope::Profile(key), scale, ends, own.len()));
            }
        }
        let wider = sources.iter().flat_map(|design| {
            let Key { tool, family, .. } = design.key;
            [Scope::Parts { tool, family }, Scope::Tool(tool)]
        });
        for scope in wider.collect::<BTreeSet<Scope>>() {
            let own: Vec<&Foretold> = sources.iter().filter(|design| design.is_of(scope)).collect();
            let ratios = of_sources(&own);
            if ratios.len() >= FEWEST_SOURCES {
                let ends = weighted_ends(ratios, doubt(scope));
                found.push(group(scope, 1.0, ends, own.len()));
            }
        }
    }
    found
}

impl Foretold {
    /// Whether the rows of a scope wider than a profile are like it.
    fn is_of(&self, scope: Scope) -> bool {
        match scope {
            Scope::Parts { tool, family } => {
                self.usual && (self.key.tool, self.key.family) == (tool, family)
            }
            _ => scope == Scope::Tool(self.key.tool),
        }
    }
}

/// How far off designs were, source by source.
fn of_sources(designs: &[&Foretold]) -> Vec<Weighted> {
    let sources: BTreeSet<&str> = designs.iter().map(|design| design.source.as_str()).collect();
    let of_source = |source: &str| {
        let of = designs.iter().filter(|design| design.source == source);
        Weighted::alike(of.map(|design| design.ratio).collect())
    };
    sources.into_iter().map(of_source).collect()
}

/// A design of a further source is one more of its kind on the same parts; on others it may be like no other.
fn doubt(scope: Scope) -> f64 {
    if matches!(scope, Scope::Parts { .. }) { DOUBT } else { STRANGENESS }
}

/// Every design by constants fitted on the rows of other groups.
fn foretold(
    rows: &[&Row],
    designs: &[&Row],
    group: &dyn Fn(&Row) -> &String,
) -> BTreeMap<Quantity, Vec<Foretold>> {
    let mut found: BTreeMap<Quantity, Vec<Foretold>> = BTreeMap::new();
    for name in designs.iter().map(|row| group(row)).collect::<BTreeSet<&String>>() {
        let rest: Vec<&Row> = rows.iter().copied().filter(|row| group(row) != name).collect();
        let table = parts(&rest, Ends::None);
        for row in designs.iter().filter(|row| group(row) == name) {
            let whole = put_together(row, &table);
            for quantity in Quantity::ALL {
                let value = whole.get(quantity).value as f64;
                let Some(sample) = Sample::of(row, quantity, &table, vec![("rule", value)]) else {
                    continue;
                };
                let parts = (sample.actual - sample.fixed) / value.max(1.0);
                let ratio = Sum::rule().ratio(&sample);
                let (key, source, network) = (sample.key, row.source.clone(), row.fold.clone());
                let usual = sample.usual;
                let design = Foretold { key, source, network, usual, parts, ratio };
                found.entry(quantity).or_default().push(design);
            }
        }
    }
    found
}

fn put_together(row: &Row, table: &Table) -> Figures {
    let parts = row.units.iter().map(|unit| unit.figures_by(&row.profile, table).0);
    compose(&row.units, &parts.collect::<Vec<_>>(), &row.profile, &table.delay(&row.profile))
}

/// What a design's sum may lack or count twice; a rule is right or wrong.
fn scale(quantity: Quantity, designs: &[&Foretold]) -> f64 {
    match quantity {
        Quantity::Lut | Quantity::Ff | Quantity::Latency => {
            let ratios = designs.iter().map(|design| design.parts).collect();
            round(median(ratios).filter(|ratio| *ratio > 0.0).unwrap_or(1.0))
        }
        _ => 1.0,
    }
}
