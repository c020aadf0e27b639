use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::figure::{Figure, Quantity};
use super::profile::{Family, Multipliers, Profile, Tool};
use super::rules::ceil_log2;
use super::terms::Terms;
use super::unit::Regime;

/// The constants, as `cargo xtask fit` wrote them.
const COMMITTED: &str = include_str!("table.json");

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(COMMITTED).unwrap_or_default());

/// All that was fitted on synthesis results: [`fit`](super::fit()) makes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// How long logic takes, by kind of parts.
    pub delays: Vec<Delay>,
    /// What figures are made of.
    pub groups: Vec<Group>,
    /// What implementation leaves of C synthesis' figures.
    pub shrink: Vec<Shrink>,
}

/// What implementation leaves of a figure of C synthesis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shrink {
    /// Which figure.
    pub quantity: Quantity,
    /// The share that is left.
    pub scale: f64,
    /// Hardly ever less...
    pub low: f64,
    /// ... nor more.
    pub high: f64,
    /// Designs of which both reports are known.
    pub rows: usize,
}

/// The rows that a constant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The tool.
    pub tool: Tool,
    /// The parts.
    pub family: Family,
    /// What multiplications are bound to.
    pub multipliers: Multipliers,
}

impl From<&Profile> for Key {
    fn from(profile: &Profile) -> Self {
        Self { tool: profile.tool, family: profile.family, multipliers: profile.multipliers }
    }
}

/// Delay of unrolled logic: a product and then a tree of additions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// What it is for.
    pub key: Key,
    /// Nanoseconds before the first addition.
    pub start_ns: f64,
    /// Nanoseconds of each level of additions.
    pub level_ns: f64,
}

/// One figure of one kind of rows: a weighted sum of terms, and how far off it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// How it is built.
    pub regime: Regime,
    /// What is told.
    pub quantity: Quantity,
    /// The profile, none for those without rows of their own.
    pub key: Option<Key>,
    /// Weight of each term; empty where a rule gives the figure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// What the sum, or the rule's figure, is multiplied by.
    pub scale: f64,
    /// The true number is hardly ever below so many times the estimate, some added to both...
    pub low: f64,
    /// ... nor above so many times.
    pub high: f64,
    /// Rows that it was fitted on.
    pub rows: usize,
}

/// How far off an estimate may be that nothing is known of.
const UNKNOWN: (f64, f64) = (0.25, 4.0);

impl Table {
    /// The committed one.
    pub fn committed() -> &'static Self {
        &TABLE
    }

    /// What is known of a figure, and whether from rows of this very profile.
    pub(crate) fn group(
        &self,
        regime: Regime,
        quantity: Quantity,
        profile: &Profile,
    ) -> Option<(&Group, bool)> {
        let key = Key::from(profile);
        let regime = regime.pooled(quantity);
        let of_kind = || {
            self.groups.iter().filter(|group| (group.regime, group.quantity) == (regime, quantity))
        };
        let own = of_kind().find(|group| group.key == Some(key));
        own.map(|group| (group, true))
            .or_else(|| of_kind().find(|group| group.key.is_none()).map(|group| (group, false)))
    }

    /// A figure from its terms, and whether it is calibrated.
    pub(crate) fn sum(
        &self,
        regime: Regime,
        quantity: Quantity,
        profile: &Profile,
        terms: &Terms,
    ) -> (Figure, bool) {
        match self.group(regime, quantity, profile) {
            Some((group, own)) => {
                let value = group.value(terms);
                (
                    Figure::spread(quantity, value, group.low, group.high),
                    own && profile.tool != Tool::Quartus,
                )
            }
            None => (Figure::spread(quantity, 0.0, UNKNOWN.0, UNKNOWN.1), false),
        }
    }

    /// A figure that a rule gives, with the spread of its kind, and whether it is calibrated.
    pub(crate) fn ruled(
        &self,
        regime: Regime,
        quantity: Quantity,
        profile: &Profile,
        value: u64,
    ) -> (Figure, bool) {
        match self.group(regime, quantity, profile) {
            Some((group, own)) => {
                let value = value as f64 * group.scale;
                (
                    Figure::spread(quantity, value, group.low, group.high),
                    own && profile.tool != Tool::Quartus,
                )
            }
            None => (Figure::spread(quantity, value as f64, UNKNOWN.0, UNKNOWN.1), value == 0),
        }
    }

    /// Cycles that sums of `terms` products take.
    pub(crate) fn depth(&self, profile: &Profile, multiplied: bool, terms: u64) -> u64 {
        self.delay(profile).map_or(0, |delay| delay.cycles(profile, multiplied, terms))
    }

    /// Cycles of a softmax.
    pub(crate) fn softmax(&self, profile: &Profile, classes: u64) -> u64 {
        self.delay(profile).map_or(0, |delay| delay.softmax(profile, classes))
    }

    fn delay(&self, profile: &Profile) -> Option<&Delay> {
        let key = Key::from(profile);
        let alike = |delay: &&Delay| delay.key == key;
        let family = |delay: &&Delay| delay.key.family == key.family;
        let known = self.delays.iter().find(alike).or_else(|| self.delays.iter().find(family));
        known.or(self.delays.first())
    }
}

impl Delay {
    /// Cycles that sums of `terms` products take; `multiplied` says whether there are products that are no shifts.
    pub(crate) fn cycles(&self, profile: &Profile, multiplied: bool, terms: u64) -> u64 {
        let levels = f64::from(ceil_log2(terms + 1));
        let start = if multiplied { self.start_ns } else { 0.0 };
        ((start + self.level_ns * levels) / profile.clock_ns).floor() as u64
    }

    /// Cycles of a softmax over `classes`: a maximum, differences, tables, a sum, a table and products, each about twice as slow as
    /// an addition.
    fn softmax(&self, profile: &Profile, classes: u64) -> u64 {
        let levels = f64::from(ceil_log2(classes)) + 3.5;
        (2.0 * self.level_ns * levels / profile.clock_ns).floor() as u64
    }
}

impl Group {
    /// The sum.
    pub(crate) fn value(&self, terms: &Terms) -> f64 {
        let parts = terms
            .iter()
            .map(|(name, value)| self.weights.get(*name).copied().unwrap_or(0.0) * value);
        (self.scale * parts.sum::<f64>()).max(0.0)
    }
}
