//! What follows from how the firmware is written, without a constant to fit: DSP blocks, block memories, intervals.

use handaxe_graph::{IoType, Strategy};

use super::codes::Codes;
use super::profile::{Multipliers, Profile, Tool};
use super::unit::{Matrix, Regime, Unit, Work};

/// DSP blocks of a unit.
pub(crate) fn dsp(unit: &Unit, profile: &Profile) -> u64 {
    match &unit.work {
        Work::Matrix(matrix) => matrix.copies * matrix_dsp(matrix, unit.input_bits, profile),
        Work::Scale { weight_bits } => {
            unit.outputs * profile.variable(unit.input_bits, *weight_bits)
        }
        // Each exponential is multiplied by the inverse of their sum.
        Work::Softmax => unit.outputs * profile.variable(18, 17),
        Work::Merge { product: true, arrays } => {
            unit.outputs * (arrays - 1) * profile.variable(unit.input_bits, unit.input_bits)
        }
        _ => 0,
    }
}

/// DSP blocks of one copy of a matrix.
fn matrix_dsp(matrix: &Matrix, input: u32, profile: &Profile) -> u64 {
    match matrix.regime() {
        Regime::Inner | Regime::Pair | Regime::Outer => {
            let of = |weight| profile.variable(input, weight);
            let multipliers = matrix.multipliers();
            let last = multipliers.min(1) * of(matrix.last_bits());
            multipliers.saturating_sub(1) * of(matrix.weight_bits) + last
        }
        Regime::Shared | Regime::SharedNarrow => {
            shared(matrix).min(constants(matrix, input, profile))
        }
        _ => constants(matrix, input, profile),
    }
}

/// DSP blocks of constants that are all multiplied at once.
fn constants(matrix: &Matrix, input: u32, profile: &Profile) -> u64 {
    let by_bits = matrix.codes.many_digits.iter();
    by_bits.map(|(&bits, count)| count * profile.constant(input, bits, matrix.weight_bits)).sum()
}

/// Constants of three and more digits that are multiplied in look-up tables: how many, and the bits of all together.
pub(crate) fn in_fabric(matrix: &Matrix, input: u32, profile: &Profile) -> (u64, u64) {
    let by_bits = matrix.codes.many_digits.iter();
    let fabric =
        by_bits.filter(|(bits, _)| profile.constant(input, **bits, matrix.weight_bits) == 0);
    // A product that is bound to look-up tables is one of two variables to the tool.
    let bound = profile.multipliers == Multipliers::Fabric;
    let wide = |bits: u32| u64::from(if bound { matrix.weight_bits } else { bits });
    fabric.fold((0, 0), |(all, sum), (&bits, &count)| (all + count, sum + count * wide(bits)))
}

impl Matrix {
    /// Bits of the products that the tool makes before it adds anything, 0 if all are additions themselves.
    pub(crate) fn product_bits(&self, input: u32, profile: &Profile) -> f64 {
        let bound = profile.multipliers == Multipliers::Fabric && self.codes.multiplications() > 0;
        let made = bound || constants(self, input, profile) > 0;
        if made { f64::from(input) + self.codes.mean_bits() } else { 0.0 }
    }
}

/// Additions one behind the other in sums of products of so many bits. Where products are additions, the tree has their leaves
/// too. The tools' adders take three numbers: those with time to `spare` behind products take what no pair is left for, so that no
/// level is begun for it (trees without products do begin one: 25 terms take five levels in a report of Vitis HLS 2024.1); and what
/// is too large for a tree is added up in order, two terms at a time.
pub(crate) fn additions(matrix: &Matrix, product_bits: f64, spare: bool) -> u64 {
    let Codes { deepest, leaves, .. } = matrix.codes;
    if matrix.is_beyond() {
        return deepest.div_ceil(2);
    }
    let levels = match (product_bits > 0.0, spare) {
        (true, true) => deepest.max(1).ilog2(),
        (true, false) => ceil_log2(deepest),
        (false, _) => ceil_log2(leaves),
    };
    levels.into()
}

/// Multiplications of the Latency strategy from which on Vivado holds the products of even the shortest weights.
const HELD: u64 = 2048;

/// Cycles that a matrix takes however short its logic is.
pub(crate) fn least_depth(matrix: &Matrix, profile: &Profile) -> u64 {
    let holds = profile.tool == Tool::Vivado && matrix.strategy == Strategy::Latency;
    u64::from(holds && matrix.weights() > HELD)
}

/// From this reuse factor on the rows show one multiplier more.
const LONGEST_TURN: u64 = 1024;

/// How many multipliers the Latency strategy allows the tool.
pub(crate) fn shared(matrix: &Matrix) -> u64 {
    let reuse = matrix.reuse.max(1);
    let reuse = if reuse >= LONGEST_TURN { LONGEST_TURN - 1 } else { reuse };
    matrix.weights().div_ceil(reuse).saturating_sub(matrix.codes.zeros / reuse).max(1)
}

/// Block memories of 18 kbit of a unit.
pub(crate) fn bram18(unit: &Unit, profile: &Profile) -> u64 {
    match &unit.work {
        Work::Matrix(matrix) => match matrix.regime() {
            Regime::Inner | Regime::Pair | Regime::Outer => matrix.copies * weights_memory(matrix),
            _ => 0,
        },
        Work::Sigmoid => unit.outputs,
        Work::Tanh => unit.outputs.div_ceil(2),
        Work::Softmax => match profile.tool {
            // A memory has two ports; one table more holds inverses.
            Tool::Vivado => unit.outputs.div_ceil(2) + 1,
            _ => unit.outputs,
        },
        _ => 0,
    }
}

/// The weights that a turn needs lie in one word; a second memory says which output a turn belongs to.
fn weights_memory(matrix: &Matrix) -> u64 {
    let Matrix { n_in, reuse, weight_bits, .. } = matrix;
    let multipliers = matrix.multipliers();
    let last = multipliers.min(1) * u64::from(matrix.last_bits());
    let word = multipliers.saturating_sub(1) * u64::from(*weight_bits) + last;
    let outputs = reuse / (*n_in).max(1);
    let index_bits = u64::from(ceil_log2(outputs));
    let index = u64::from(outputs > 2 && reuse * index_bits >= 1024);
    blocks(*reuse, word) + index
}

/// Shapes of a block of 18 kbit: words' bits and how many.
const SHAPES: [(u64, u64); 6] =
    [(36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384)];

/// Blocks of 18 kbit for `depth` words of `bits` bits.
///
/// Up to 1,024 words the widest shape that is deep enough is repeated. Deeper memories of words of more than 36 bits are cut
/// into columns, the widest that still fit first, and each column is stacked; exact on all rows of both kinds.
pub(crate) fn blocks(depth: u64, bits: u64) -> u64 {
    let stacked = |(_, words): (u64, u64)| depth.div_ceil(words);
    let deep_enough = SHAPES.iter().find(|(_, words)| depth <= *words);
    match deep_enough {
        Some(&(width, words)) if words <= 1024 || bits <= 36 => bits.div_ceil(width),
        _ => {
            let mut left = bits;
            let mut blocks = 0;
            for shape in SHAPES {
                blocks += left / shape.0 * stacked(shape);
                left %= shape.0;
            }
            blocks
        }
    }
}

/// Binary digits of the largest of `count` numbers from 0.
pub(crate) fn ceil_log2(count: u64) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

/// Cycles of a unit from its first input to its last output and from sample to sample, given the cycles `depth` that its
/// sums and products take when nothing is shared.
pub(crate) fn cycles(unit: &Unit, profile: &Profile, depth: u64) -> (u64, u64) {
    let stream = unit.io_type == IoType::IoStream;
    let (latency, interval) = match &unit.work {
        Work::Matrix(matrix) => {
            let (latency, interval) = matrix_cycles(matrix, unit, profile, depth);
            if matrix.buffered > 0 {
                // Every pixel passes through the window's buffer, and the core works before the next one is taken.
                let pixel = (latency + 2).max(interval);
                return (unit.positions * pixel, unit.positions * pixel);
            }
            if stream {
                // Reading, working and writing take turns.
                let taken = latency.max(interval) + 2;
                return (matrix.turns.max(1) * taken, matrix.turns.max(1) * taken);
            }
            let turns = matrix.turns.max(1);
            (latency + (turns - 1) * interval, turns * interval)
        }
        Work::Softmax if stream => (unit.outputs, unit.outputs),
        Work::Softmax => (depth, 1),
        Work::Clip if !stream => (depth, 1),
        Work::Sigmoid | Work::Tanh => (1, 1),
        _ => (0, 1),
    };
    if stream && unit.positions > 1 && !matches!(unit.work, Work::Matrix(_)) {
        return (unit.positions + latency + 2, unit.positions);
    }
    (latency, interval)
}

fn matrix_cycles(matrix: &Matrix, unit: &Unit, profile: &Profile, depth: u64) -> (u64, u64) {
    match matrix.regime() {
        Regime::Latency | Regime::LatencyNarrow => (depth, 1),
        Regime::Flat | Regime::FlatNarrow => (depth, 1 + u64::from(depth > 0)),
        Regime::Shared | Regime::SharedNarrow => {
            let in_turn = profile.multipliers == Multipliers::Fabric
                || constants(matrix, unit.input_bits, profile) > 0;
            let multiplied = if in_turn { matrix.codes.multiplications() } else { 0 };
            let multipliers = shared(matrix);
            let latency = match (multiplied > multipliers, profile.tool) {
                (true, Tool::Vivado) => multiplied.div_ceil(multipliers) + 1,
                (true, _) => multiplied.div_ceil(multipliers) + depth.max(2) - 2,
                (false, Tool::Vivado) => depth + u64::from(depth > 0),
                (false, _) => depth,
            };
            (latency, (latency + 1).min(matrix.reuse))
        }
        Regime::Inner => (matrix.reuse + 1, matrix.reuse),
        Regime::Pair if unit.input_bits + matrix.weight_bits < 21 => {
            (matrix.reuse + 1, matrix.reuse)
        }
        _ => (matrix.reuse + 2, matrix.reuse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Block memories of reports of Vivado HLS 2020.1, the one for the outputs' numbers left out.
    #[test]
    fn deep_memories() {
        let reported = [
            (512, 36, 1),
            (1024, 37, 3),
            (1280, 8, 1),
            (1280, 22, 3),
            (1280, 30, 4),
            (1280, 38, 4),
            (1280, 62, 7),
            (1280, 158, 15),
            (1280, 318, 29),
            (1120, 381, 34),
            (1120, 446, 39),
        ];
        for (depth, bits, expected) in reported {
            assert_eq!(blocks(depth, bits), expected, "{depth} words of {bits} bits");
        }
    }
}
