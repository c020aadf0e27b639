//! What a layer really costs: figures of synthesis reports before any synthesis, from the actual weights.
//!
//! The objectives of this crate rank; these figures plan. Each is an interval that about nine in ten of the results of its
//! kind lie in, and stands for a stage: what C synthesis reports, or what implementation leaves. DSP blocks, block memories,
//! latency and interval follow from how the firmware is written; look-up tables and flip-flops are sums of what the
//! weights need (spec/estimates.md), with constants that `cargo xtask fit` fits on synthesis results and writes to
//! `table.json`. A profile without rows of its own is estimated from others', with their spread, and says so.

mod cast;
mod codes;
mod delay;
mod figure;
mod fit;
mod network;
mod profile;
mod rules;
mod table;
mod terms;
mod unit;

pub use cast::codes;
pub use codes::Codes;
pub use delay::Delay;
pub use figure::{Figure, Figures, Quantity};
pub use fit::{Row, fit};
pub use network::{Estimate, Frame, LayerEstimate, Stage, Warning, estimate, whole_by};
pub use profile::{Family, Multipliers, Profile, Tool};
pub use table::{Group, Key, Scope, Shrink, Table};
pub use unit::{Matrix, Regime, Unit, Work};

use terms::Tree;

impl Unit {
    /// Figures of C synthesis for this unit alone, and whether all of them come from rows of this profile.
    pub fn figures(&self, profile: &Profile) -> (Figures, bool) {
        self.figures_by(profile, Table::committed())
    }

    /// The same by other constants than the committed.
    pub fn figures_by(&self, profile: &Profile, table: &Table) -> (Figures, bool) {
        if matches!(self.work, Work::Wires) {
            let (latency, interval) = rules::cycles(self, profile, 0);
            let (latency, interval) = (Figure::exact(latency), Figure::exact(interval));
            return (Figures { latency, interval, ..Figures::default() }, true);
        }
        let tree = self.tree_by(profile, &table.delay(profile));
        let copies = if let Work::Matrix(matrix) = &self.work { matrix.copies } else { 1 };
        let (latency, interval) = rules::cycles(self, profile, tree.depth);
        let ruled = |quantity, value| table.ruled(self, quantity, profile, value);
        let summed = |quantity| {
            let terms = terms::terms(self, quantity, profile, tree);
            let (figure, known) = table.sum(self, quantity, profile, &terms);
            (figure.times(copies), known)
        };
        let found = [
            (Quantity::Dsp, ruled(Quantity::Dsp, rules::dsp(self, profile))),
            (Quantity::Lut, summed(Quantity::Lut)),
            (Quantity::Ff, summed(Quantity::Ff)),
            (Quantity::Bram18, ruled(Quantity::Bram18, rules::bram18(self, profile))),
            (Quantity::Latency, ruled(Quantity::Latency, latency)),
            (Quantity::Interval, ruled(Quantity::Interval, interval)),
        ];
        let mut figures = Figures::default();
        for (quantity, (figure, _)) in &found {
            *figures.get_mut(*quantity) = *figure;
        }
        (figures, found.iter().all(|(_, (_, known))| *known))
    }

    /// Cycles of its sums and products when nothing is shared.
    pub(crate) fn depth(&self, profile: &Profile, table: &Table) -> u64 {
        self.tree_by(profile, &table.delay(profile)).depth
    }

    pub(crate) fn tree_by(&self, profile: &Profile, delay: &Delay) -> Tree {
        let (depth, levels) = match &self.work {
            Work::Matrix(matrix) => {
                let product = matrix.product_bits(self.input_bits, profile);
                let levels = rules::additions(matrix, product, delay.has_spare(profile));
                let least = rules::least_depth(matrix, profile);
                (delay.tree(profile, product, levels).max(least), levels)
            }
            Work::Softmax => (delay.softmax(profile, self.outputs), 0),
            Work::Clip => (delay.clip(profile), 0),
            _ => (0, 0),
        };
        Tree { depth, levels }
    }
}
