use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::delay::Delay;
use super::figure::{Figure, Quantity};
use super::profile::{Family, Multipliers, Profile, Tool};
use super::terms::Terms;
use super::unit::{Regime, Unit};

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

/// The rows that a group is for, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those of one profile.
    Profile(Key),
    /// Designs by a tool on the same parts, whatever multiplications are bound to: intervals are by how far off those of other sources
    /// were.
    Parts {
        /// The tool.
        tool: Tool,
        /// The parts.
        family: Family,
    },
    /// Other profiles of a tool, and what is not built as usual: likewise, and further for what may be like no other.
    Tool(Tool),
    /// Other tools.
    All,
}

/// One figure of one kind of rows: a weighted sum of terms, and how far off it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// How it is built.
    pub regime: Regime,
    /// What is told.
    pub quantity: Quantity,
    /// Which profiles it is for.
    pub scope: Scope,
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

    /// What is known of a figure, and whether from rows of this very profile, which tell of what is built as usual only.
    pub(crate) fn group(
        &self,
        (regime, quantity): (Regime, Quantity),
        profile: &Profile,
        usual: bool,
    ) -> Option<(&Group, bool)> {
        let key = Key::from(profile);
        let kind = (regime.pooled(quantity, profile.tool), quantity);
        // Sorted by kind.
        let first = self.groups.partition_point(|group| (group.regime, group.quantity) < kind);
        let same = |group: &&Group| (group.regime, group.quantity) == kind;
        let of_kind = || self.groups[first..].iter().take_while(same);
        let Key { tool, family, .. } = key;
        let own = [Scope::Profile(key), Scope::Parts { tool, family }];
        let others = [Scope::Tool(tool), Scope::All];
        let usual = usual && !regime.is_borrowed(key.tool);
        let group = |scope: Scope| of_kind().find(|group| group.scope == scope);
        let own_rows = own.into_iter().filter(|_| usual);
        let found = own_rows.chain(others).find_map(group)?;
        Some((found, found.scope == own[0]))
    }

    /// A figure from its terms, and whether it is calibrated.
    pub(crate) fn sum(
        &self,
        unit: &Unit,
        quantity: Quantity,
        profile: &Profile,
        terms: &Terms,
    ) -> (Figure, bool) {
        match self.group((unit.regime(), quantity), profile, unit.is_usual()) {
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
        unit: &Unit,
        quantity: Quantity,
        profile: &Profile,
        value: u64,
    ) -> (Figure, bool) {
        match self.group((unit.regime(), quantity), profile, unit.is_usual()) {
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

    /// How long logic takes, by rows of the tool and parts or else by what the tools say of single operations.
    pub(crate) fn delay(&self, profile: &Profile) -> Delay {
        let of = |alike: &dyn Fn(&Delay) -> bool| self.delays.iter().find(|delay| alike(delay));
        let own = of(&|delay| (delay.tool, delay.family) == (profile.tool, profile.family));
        own.copied().unwrap_or_else(|| Delay::usual(profile.tool, profile.family))
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
