//! The quantities that look-up tables and flip-flops are sums of, by regime.

use handaxe_graph::IoType;

use super::figure::Quantity;
use super::profile::{Multipliers, Profile, Tool};
use super::rules::{ceil_log2, in_fabric, shared as shared_multipliers};
use super::unit::{Matrix, Regime, Unit, Work};

/// Names and values of the terms of a figure. Counts of registers and adders are in bits where the widths are known.
pub(crate) type Terms = Vec<(&'static str, f64)>;

/// How products and the additions behind them are cut into cycles.
#[derive(Clone, Copy)]
pub(crate) struct Tree {
    /// Cuts.
    pub(crate) depth: u64,
    /// Additions one behind the other.
    pub(crate) levels: u64,
}

/// The clock's period that the constants of pipelined logic are stated for, in nanoseconds.
const CLOCK_NS: f64 = 5.0;
/// Multiplications in look-up tables are looked at when there is more than one for so many weights.
const FEW: u64 = 40;
/// Bits of a constant that takes a DSP block if any does.
const WIDE: u32 = 16;
/// Look-up tables that the tools count for an addition beside one for each bit.
const ADDER: f64 = 7.0;

/// Terms of `quantity` for one copy of a unit whose logic is cut like `tree`.
pub(crate) fn terms(unit: &Unit, quantity: Quantity, profile: &Profile, tree: Tree) -> Terms {
    let mut terms = match (&unit.work, quantity) {
        (Work::Matrix(matrix), _) => match matrix.regime() {
            Regime::Inner | Regime::Pair | Regime::Outer => looped(matrix, unit, quantity, profile),
            _ => unrolled(matrix, unit, quantity, profile, tree),
        },
        (_, Quantity::Lut) => vec![
            ("elements", unit.outputs as f64),
            ("input bits", bits(unit.inputs, unit.input_bits)),
            ("output bits", bits(unit.outputs, unit.output_bits)),
        ],
        _ => vec![(
            "output bits",
            bits(unit.outputs, unit.output_bits) * (CLOCK_NS / profile.clock_ns),
        )],
    };
    if unit.io_type == IoType::IoStream {
        let bits = bits(unit.inputs, unit.input_bits) + bits(unit.outputs, unit.output_bits);
        terms.push(("stream bits", bits));
    }
    if let Work::Pool { window, .. } = unit.work {
        let window = window as f64;
        terms.push(("window bits", window * bits(unit.outputs, unit.input_bits)));
    }
    terms
}

/// Bits of `count` numbers.
fn bits(count: u64, width: u32) -> f64 {
    count as f64 * f64::from(width)
}

/// Everything at once: additions, constants' multiplications, and registers where the clock cuts through.
fn unrolled(
    matrix: &Matrix,
    unit: &Unit,
    quantity: Quantity,
    profile: &Profile,
    tree: Tree,
) -> Terms {
    let codes = &matrix.codes;
    let shared = matches!(matrix.regime(), Regime::Shared | Regime::SharedNarrow);
    let most = if shared { shared_multipliers(matrix) } else { u64::MAX };
    // A handful of short constants beside many multiplications tells nothing of its own.
    let (all, fabric_bits) = in_fabric(matrix, unit.input_bits, profile);
    let all = if all.min(most) * FEW > codes.nonzeros { all } else { 0 };
    let blocks = (codes.multiplications() - all) as f64;
    let input = f64::from(unit.input_bits);
    let product = input + codes.mean_bits();
    let sum = product.min(f64::from(matrix.sum_bits));
    if quantity == Quantity::Lut {
        let built = if all == 0 { 0.0 } else { all.min(most) as f64 / all as f64 };
        let mut terms = vec![
            ("additions", codes.nonzeros as f64 * (sum + ADDER)),
            ("negative powers", codes.negative_powers as f64 * input),
            ("two digits", codes.two_digits as f64 * (input + ADDER)),
            ("in blocks", blocks),
            ("in fabric", built * fabric_bits as f64 * input),
        ];
        if profile.tool == Tool::Vivado && matrix.is_narrow() {
            // Products of short weights are narrower than the sums that they are added to, and nothing hides that a new sample in
            // each cycle takes a multiplexer at each register of the answers.
            let pipelined = matrix.regime().is_pipelined() && tree.depth > 0;
            terms.push(("products", codes.magnitude_bits as f64));
            terms.push(("answers", if pipelined { matrix.n_out as f64 } else { 0.0 }));
        }
        return terms;
    }
    if profile.tool == Tool::Vivado {
        return vivado_registers(matrix, unit, profile, most, tree.depth);
    }
    // What waits for its turn to be added lies in look-up tables: there are no more registers than a tree would have.
    let balanced = u64::from(ceil_log2(codes.deepest + 1));
    let tree = match tree {
        Tree { depth, .. } if matrix.is_beyond() => {
            Tree { depth: depth.min(balanced), levels: balanced }
        }
        tree => tree,
    };
    let sums = sum * codes.nonzeros as f64 * tree.held(codes.deepest);
    // With a new sample in each cycle, what waits for slower products is handed on from register to register.
    let handed = if matrix.reuse > 1 { 0.0 } else { 1.0 };
    let slow = tree.depth.saturating_sub(tree.levels) as f64;
    vec![
        ("sums", sums),
        ("slow products", handed * slow * product * blocks),
        ("inputs", handed * tree.depth as f64 * input * unit.inputs as f64),
    ]
}

/// What is on its way is registered at each cut; the tool's adders are fast enough for cuts to lie behind the products.
fn vivado_registers(
    matrix: &Matrix,
    unit: &Unit,
    profile: &Profile,
    most: u64,
    depth: u64,
) -> Terms {
    let codes = &matrix.codes;
    let input = f64::from(unit.input_bits);
    let stages = depth as f64 * input;
    // A product that is made some turns before its sum is kept until then.
    let turns = codes.multiplications().div_ceil(most.max(1)).max(1) as f64;
    let waits = if most < codes.multiplications() { (1.0 - 2.0 / turns).max(0.0) } else { 0.0 };
    let blocked = profile.constant(unit.input_bits, WIDE, matrix.weight_bits) > 0;
    let waits = if blocked || profile.multipliers == Multipliers::Fabric { waits } else { 0.0 };
    vec![
        ("waiting", waits * input * codes.multiplications() as f64),
        ("waiting sums", waits * input * codes.two_digits as f64),
        ("nonzeros", stages * codes.nonzeros as f64),
        ("two digits", stages * codes.two_digits as f64),
        ("multiplications", stages * codes.multiplications() as f64),
    ]
}

impl Tree {
    /// Of each term of a sum of so many, how many registers hold it or a sum of it. Each level leaves the same share of the terms, and
    /// levels are shared out among the cycles evenly; with as many cuts as levels, the first lies right behind the products, further
    /// ones lie in them.
    fn held(self, terms: u64) -> f64 {
        let cuts = self.depth.min(self.levels) as i32;
        let levels_each = (self.levels as f64 / (self.depth as f64 + 1.0)).max(1.0);
        let grows = (terms.max(1) as f64).powf(levels_each / self.levels.max(1) as f64);
        let left = (1..=cuts).map(|from_end| grows.powi(from_end));
        left.sum::<f64>() / terms.max(1) as f64
    }
}

/// A loop over the weights in memory: multiplexers before and behind the multipliers.
fn looped(matrix: &Matrix, unit: &Unit, quantity: Quantity, profile: &Profile) -> Terms {
    let multipliers = matrix.multipliers();
    let count = multipliers as f64;
    let weight = f64::from(matrix.weight_bits);
    let in_blocks = profile.variable(unit.input_bits, matrix.weight_bits) > 0;
    let of = |condition: bool, value: f64| if condition { value } else { 0.0 };
    let (inputs, outputs) =
        (bits(matrix.n_in, unit.input_bits), bits(matrix.n_out, unit.output_bits));
    let products = bits(multipliers, unit.output_bits);
    let outputs_each = f64::from(ceil_log2(matrix.reuse / matrix.n_in.max(1)));
    let counter = f64::from(ceil_log2(matrix.reuse));
    let lonely = of(multipliers == 1, inputs);
    match (matrix.regime(), quantity) {
        (Regime::Inner, Quantity::Lut) => vec![
            ("constant", 1.0),
            ("input bits", inputs),
            ("multiplier inputs", bits(multipliers, unit.input_bits)),
            ("multiplier words", bits(multipliers, unit.input_bits) * counter),
        ],
        (Regime::Inner, _) => vec![
            ("constant", 1.0),
            ("input bits", inputs),
            ("output bits", outputs),
            ("products", products),
        ],
        (Regime::Pair, Quantity::Lut) => vec![
            ("constant", 1.0),
            ("input bits", inputs),
            ("multipliers", count),
            ("in fabric", of(!in_blocks, count)),
        ],
        (Regime::Pair, _) => vec![
            ("constant", 1.0),
            ("products", products),
            ("blocks", of(in_blocks, 1.0)),
            ("weights", of(in_blocks, count * weight)),
        ],
        (_, Quantity::Lut) => {
            let mut terms = vec![
                ("constant", 1.0),
                ("input bits", inputs),
                ("output bits", outputs),
                ("in fabric", of(!in_blocks, count)),
                ("counter", counter),
                ("lonely", lonely),
            ];
            terms.push(multiplexer(matrix, count));
            terms
        }
        _ => vec![
            ("constant", 1.0),
            ("output bits", outputs),
            ("products", of(in_blocks, products)),
            ("weights", of(!in_blocks, count * weight)),
            ("counter", counter),
            ("turns", outputs_each),
            ("lonely", lonely),
        ],
    }
}

/// Each multiplier's product goes to one of all outputs, by a multiplexer of the next power of two; those measured are of 32
/// to 256 inputs, others grow and shrink with their inputs.
fn multiplexer(matrix: &Matrix, count: f64) -> (&'static str, f64) {
    const NAMES: [&str; 4] = ["to 32", "to 64", "to 128", "to 256"];
    let digits = ceil_log2(matrix.n_out);
    let measured = digits.clamp(5, 8);
    (NAMES[measured as usize - 5], count * 2f64.powi(digits as i32 - measured as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten products, five sums of two, two of what is left: all are held where each addition has a cycle of its own.
    #[test]
    fn registers_of_a_tree() {
        let held = |depth, levels, terms| Tree { depth, levels }.held(terms);
        assert_eq!(held(0, 3, 10), 0.0);
        assert_eq!(held(5, 0, 1), 0.0);
        assert!((held(3, 3, 8) - (1.0 + 0.5 + 0.25)).abs() < 1e-12);
        assert!((held(3, 3, 10) - 1.7).abs() < 0.05);
        // Products that take cycles of their own are held in these, not as terms.
        assert_eq!(held(5, 3, 8), held(3, 3, 8));
        // One cut amid the tree; one behind the first of two levels.
        assert!((held(1, 6, 64) - 1.0 / 8.0).abs() < 1e-12);
        assert!((held(1, 2, 4) - 0.5).abs() < 1e-12);
    }
}
