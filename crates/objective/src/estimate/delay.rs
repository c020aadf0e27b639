use serde::{Deserialize, Serialize};

use super::profile::{Family, Multipliers, Profile, Tool};
use super::rules::ceil_log2;

/// How long unrolled logic takes: products, then a tree of additions.
///
/// The tools cut logic into cycles before they build it: an operation goes into the cycle of the one before it if both fit into
/// the clock's period, less what the tool keeps back for wires, and else into the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// The tool.
    pub tool: Tool,
    /// The parts.
    pub family: Family,
    /// Nanoseconds of a product of 16 bits, others in proportion.
    pub product_ns: f64,
    /// Nanoseconds of an addition.
    pub level_ns: f64,
}

/// Bits of a product that delays are stated for.
pub(crate) const USUAL_PRODUCT: f64 = 16.0;
/// Bits of a softmax's products: an exponential times an inverse.
const SOFTMAX_PRODUCT: f64 = 35.0;
/// Cycles of a product that does not fit into one: a block's registers before, in and behind its multiplier.
const PIPELINED: u64 = 3;
/// A comparison and a choice, a table in a block memory, and a clip with its rounding, in additions.
const COMPARISON: f64 = 1.7;
const TABLE: f64 = 1.5;
const CLIP: f64 = 1.25;
/// An addition of three numbers, in additions of two: Vitis makes them within 5 ns on the 7 series, where a cycle takes 1.7 additions,
/// and not within 3.33 ns, where it takes 1.2.
const THREE: f64 = 1.5;
/// Where fewer additions fit into a cycle, what stands between two layers takes a cycle of its own.
const FAST: u64 = 4;

impl Delay {
    /// What the tools' own figures of single operations say: one addition of 18 bits takes 2.1 ns on a Zynq-7020, a tree of five
    /// levels 3.5 ns on an Alveo U250 (reports of Vitis HLS 2024.1 and 2024.2).
    pub(crate) fn usual(tool: Tool, family: Family) -> Self {
        let (product_ns, level_ns) = match family {
            Family::Series7 => (3.3, 2.1),
            _ => (1.5, 0.7),
        };
        Self { tool, family, product_ns, level_ns }
    }

    /// Nanoseconds of a cycle that logic may take: hls4ml lets Vivado HLS keep back an eighth, Vitis HLS 27 %.
    fn period(&self, profile: &Profile) -> f64 {
        profile.clock_ns * if self.tool == Tool::Vivado { 0.875 } else { 0.73 }
    }

    /// Whether a cycle has time for an addition of three numbers, but not for two additions.
    pub(crate) fn has_spare(&self, profile: &Profile) -> bool {
        let additions = self.period(profile) / self.level_ns;
        (THREE..2.0).contains(&additions)
    }

    /// Nanoseconds of a product of so many bits. One in look-up tables is made within a cycle.
    fn product(&self, profile: &Profile, bits: f64) -> f64 {
        let ns = self.product_ns * bits / USUAL_PRODUCT;
        if profile.multipliers == Multipliers::Fabric { ns.min(self.period(profile)) } else { ns }
    }

    /// Cycles of a tree of additions behind products of so many bits, 0 for none; what is ready within one takes 0.
    pub(crate) fn tree(&self, profile: &Profile, product_bits: f64, levels: u64) -> u64 {
        let mut cycles = Cycles::new(self.period(profile));
        cycles.product(self.product(profile, product_bits));
        cycles.row(levels, self.level_ns);
        cycles.full
    }

    /// Cycles of a softmax over `classes`: a maximum, differences, a table, a sum, a table and products.
    pub(crate) fn softmax(&self, profile: &Profile, classes: u64) -> u64 {
        let rounds = u64::from(ceil_log2(classes));
        let mut cycles = Cycles::new(self.period(profile));
        cycles.row(rounds, COMPARISON * self.level_ns);
        cycles.row(1, self.level_ns);
        cycles.register();
        cycles.row(1, TABLE * self.level_ns);
        cycles.row(rounds, self.level_ns);
        cycles.register();
        cycles.row(1, TABLE * self.level_ns);
        cycles.product(self.product(profile, SOFTMAX_PRODUCT));
        cycles.full
    }

    /// Cycles of a clip.
    pub(crate) fn clip(&self, profile: &Profile) -> u64 {
        (CLIP * self.level_ns / self.period(profile)).floor() as u64
    }

    /// Cycles between `parts` that follow one another in one unrolled design: registers before each matrix that takes a sample in
    /// every cycle, `pipelined` of them, those behind the last part, and where logic is slow, those behind each other part.
    pub(crate) fn between(&self, profile: &Profile, parts: u64, pipelined: u64) -> u64 {
        let fast = self.period(profile) >= FAST as f64 * self.level_ns;
        pipelined + 1 + if fast { 0 } else { parts.saturating_sub(2) }
    }
}

/// Operations one behind the other, each as soon as it can.
struct Cycles {
    period: f64,
    /// Cycles that came to an end.
    full: u64,
    /// Nanoseconds that are left of the one that has begun.
    left: f64,
}

impl Cycles {
    fn new(period: f64) -> Self {
        Self { period, full: 0, left: period }
    }

    /// Operations of the same kind.
    fn row(&mut self, operations: u64, each_ns: f64) {
        for _ in 0..operations {
            if each_ns > self.left {
                self.register();
                let more = (each_ns / self.period).ceil() as u64;
                self.full += more.saturating_sub(1);
            }
            self.left = if each_ns > self.period { 0.0 } else { self.left - each_ns };
        }
    }

    /// A product, with a block's own registers if it is too long for one cycle.
    fn product(&mut self, ns: f64) {
        if ns <= self.period {
            return self.row(1, ns);
        }
        self.register();
        self.full += PIPELINED - 1;
        self.left = 0.0;
    }

    /// What follows waits for the next cycle, if this one has begun.
    fn register(&mut self) {
        if self.left < self.period {
            self.full += 1;
            self.left = self.period;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tool: Tool, family: Family, clock_ns: f64) -> (Delay, Profile) {
        (Delay::usual(tool, family), Profile { tool, family, clock_ns, ..Profile::default() })
    }

    /// Trees of reports of Vitis HLS 2024.1 and 2024.2: 25 terms of 18 bits.
    #[test]
    fn slow_logic_takes_a_cycle_for_each_addition() {
        let (slow, zynq) = at(Tool::Vitis, Family::Series7, 5.0);
        assert_eq!(slow.tree(&zynq, 0.0, 5), 4);
        let (fast, alveo) = at(Tool::Vitis, Family::Ultrascale, 5.0);
        assert_eq!(fast.tree(&alveo, 0.0, 5), 0);
        // A faster clock has more cycles, a slower one fewer.
        assert_eq!(fast.tree(&Profile { clock_ns: 2.5, ..alveo }, 0.0, 5), 2);
        assert_eq!(slow.tree(&Profile { clock_ns: 10.0, ..zynq }, 0.0, 5), 1);
    }

    /// Layers of 8 x 8 bits of reports of Vitis HLS on the 7 series: a tenth term takes no level of its own where a cycle has time for three
    /// numbers; a product that is made in blocks is pipelined by the faster clock, one in look-up tables is not.
    #[test]
    fn adders_with_time_take_three_numbers() {
        let (delay, slow) = at(Tool::Vitis, Family::Series7, 5.0);
        let fast = Profile { clock_ns: 3.33, ..slow };
        assert!(delay.has_spare(&slow) && !delay.has_spare(&fast));
        assert!(!delay.has_spare(&Profile { clock_ns: 10.0, ..slow }));
        assert_eq!(delay.tree(&slow, 13.6, 3), 3);
        let fabric = Profile { multipliers: Multipliers::Fabric, ..fast };
        assert_eq!([fast, fabric].map(|profile| delay.tree(&profile, 15.6, 2)), [4, 2]);
    }

    /// Layers of 16 x 16 bits of a report of Vitis HLS 2025.1 on a Zynq-7020: 4, 8 and 8 terms, and a softmax of 3.
    #[test]
    fn products_that_do_not_fit_are_pipelined() {
        let (delay, zynq) = at(Tool::Vitis, Family::Series7, 5.0);
        assert_eq!([2, 3].map(|levels| delay.tree(&zynq, 27.0, levels)), [4, 5]);
        assert!(delay.softmax(&zynq, 3).abs_diff(9) <= 2);
    }
}
