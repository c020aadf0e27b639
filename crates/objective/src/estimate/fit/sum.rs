use std::collections::BTreeMap;

use super::super::figure::Quantity;
use super::super::network::registers;
use super::super::table::{Key, Table};
use super::super::terms::Terms;
use super::super::unit::Unit;
use super::solve::solve_near;
use super::spread::median;
use super::{COMMON, Row};

/// Share of the figures that a term must count for on average for its weight to be told from them.
const SEEN: f64 = 0.02;

/// One row and what a regime makes of it.
pub(super) struct Sample<'a> {
    pub(super) source: &'a str,
    pub(super) fold: &'a str,
    pub(super) key: Key,
    /// The report's figure.
    pub(super) actual: f64,
    /// Whether it is built as smaller ones are.
    pub(super) usual: bool,
    /// What is added before ratios are taken.
    some: f64,
    /// What is known of it beforehand.
    pub(super) fixed: f64,
    /// Terms of the sum; one called `rule` where a rule gives the figure.
    pub(super) terms: Terms,
}

impl<'a> Sample<'a> {
    /// None for a row whose report does not say.
    pub(super) fn of(
        row: &'a Row,
        quantity: Quantity,
        table: &Table,
        terms: Terms,
    ) -> Option<Self> {
        let actual = *row.figures.get(&quantity)? as f64;
        let registered = quantity == Quantity::Ff && row.whole;
        let fixed =
            if registered { registers(&row.units, &row.profile, table) as f64 } else { 0.0 };
        let (source, fold) = (row.source.as_str(), row.fold.as_str());
        let key = Key::from(&row.profile);
        let usual = row.units.iter().all(Unit::is_usual);
        Some(Self { source, fold, key, actual, usual, some: quantity.some(), fixed, terms })
    }

    /// One term's value, 0 if it has none.
    pub(super) fn term(&self, name: &str) -> f64 {
        self.terms.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
    }

    /// Whether it has a term that is so.
    fn has(&self, is: &impl Fn(&str) -> bool) -> bool {
        self.terms.iter().any(|(name, value)| *value != 0.0 && is(name))
    }

    pub(super) fn is_common(&self) -> bool {
        self.key == COMMON
    }
}

/// A fitted sum: the weights, and what they are multiplied by.
#[derive(Clone)]
pub(super) struct Sum {
    pub(super) weights: BTreeMap<String, f64>,
    pub(super) scale: f64,
}

impl Sum {
    /// The rule's figure as it is.
    pub(super) fn rule() -> Self {
        Self { weights: [("rule".to_owned(), 1.0)].into(), scale: 1.0 }
    }

    fn value(&self, sample: &Sample<'_>) -> f64 {
        let parts = sample
            .terms
            .iter()
            .map(|(name, value)| self.weights.get(*name).copied().unwrap_or(0.0) * value);
        sample.fixed + (self.scale * parts.sum::<f64>()).max(0.0)
    }

    /// Without the weights of terms that the rows it was fitted on hardly have.
    pub(super) fn seen(mut self, samples: &[&Sample<'_>]) -> Self {
        let share = |name: &str, weight: f64| {
            let of = |sample: &&Sample<'_>| weight * sample.term(name) / sample.actual.max(1.0);
            samples.iter().map(of).sum::<f64>().abs() / samples.len().max(1) as f64
        };
        self.weights.retain(|name, weight| share(name, *weight) > SEEN);
        self
    }

    /// With weights for the terms that it lacks: what is left of the figures of rows that have them. One for one is believed beforehand,
    /// since terms count what a tool would: bits that are held, tables that an adder takes.
    pub(super) fn completed(mut self, samples: &[&Sample<'_>]) -> Self {
        let lacks = |name: &str| !self.weights.contains_key(name);
        let left = samples.iter().filter(|sample| sample.has(&lacks)).map(|sample| {
            let fixed = self.value(sample);
            let terms = sample.terms.iter().copied().filter(|(name, _)| lacks(name)).collect();
            Sample { fixed, terms, ..**sample }
        });
        let left: Vec<Sample<'_>> = left.collect();
        let lacking = left.iter().flat_map(|sample| &sample.terms);
        let usual = lacking.map(|(name, _)| ((*name).to_owned(), 1.0)).collect();
        if !left.is_empty() {
            let left: Vec<&Sample<'_>> = left.iter().collect();
            let more = solve_near(&left, &Sum { weights: usual, scale: 1.0 });
            self.weights.extend(more.weights);
        }
        self
    }

    /// Multiplied so that half of the rows lie above.
    pub(super) fn scaled(&self, samples: &[&Sample<'_>]) -> Self {
        let common = Self { scale: 1.0, ..self.clone() };
        let ratios = samples.iter().filter_map(|sample| {
            let (value, rest) = (common.value(sample) - sample.fixed, sample.actual - sample.fixed);
            (value > 0.0 && rest > 0.0).then(|| rest / value)
        });
        Self { scale: median(ratios.collect()).unwrap_or(1.0), ..common }
    }

    /// The true number over the estimate, some added to both.
    pub(super) fn ratio(&self, sample: &Sample<'_>) -> f64 {
        (sample.actual + sample.some) / (self.value(sample) + sample.some)
    }
}
