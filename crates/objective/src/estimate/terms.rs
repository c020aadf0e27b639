//! The quantities that look-up tables and flip-flops are sums of, by regime.

use handaxe_graph::IoType;

use super::figure::Quantity;
use super::profile::{Multipliers, Profile};
use super::rules::{ceil_log2, in_fabric, shared as shared_multipliers};
use super::unit::{Matrix, Regime, Unit, Work};

/// Names and values of the terms of a figure. Counts of registers and adders are in bits where the widths are known.
pub(crate) type Terms = Vec<(&'static str, f64)>;

/// The clock's period that the constants of pipelined logic are stated for, in nanoseconds.
const CLOCK_NS: f64 = 5.0;
/// Multiplications in look-up tables are looked at when there is more than one for so many weights.
const FEW: u64 = 40;
/// Bits of a constant that takes a DSP block if any does.
const WIDE: u32 = 16;
/// Bits of the numbers that the constants of additions are stated for.
const USUAL_BITS: f64 = 16.0;

/// Terms of `quantity` for one copy of a unit whose logic takes `depth` cycles.
pub(crate) fn terms(unit: &Unit, quantity: Quantity, profile: &Profile, depth: u64) -> Terms {
    let mut terms = match (&unit.work, quantity) {
        (Work::Matrix(matrix), _) => match matrix.regime() {
            Regime::Inner | Regime::Pair | Regime::Outer => looped(matrix, unit, quantity, profile),
            _ => unrolled(matrix, unit, quantity, profile, depth),
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
    depth: u64,
) -> Terms {
    let codes = &matrix.codes;
    let shared = matches!(matrix.regime(), Regime::Shared | Regime::SharedNarrow);
    let most = if shared { shared_multipliers(matrix) } else { u64::MAX };
    // A handful of short constants beside many multiplications tells nothing of its own.
    let all = in_fabric(matrix, unit.input_bits, profile);
    let all = if all.min(most) * FEW > codes.nonzeros { all } else { 0 };
    let blocks = (codes.multiplications() - all) as f64;
    let fabric = all.min(most) as f64;
    let width = f64::from(unit.input_bits) / USUAL_BITS;
    if quantity == Quantity::Lut {
        let product = f64::from(unit.input_bits) + codes.mean_bits();
        let kept = (product - f64::from(matrix.dropped_bits) + 1.0).max(1.0);
        let adder = kept.min(f64::from(matrix.sum_bits)) / USUAL_BITS;
        return vec![
            ("nonzeros", codes.nonzeros as f64 * adder),
            ("negative powers", codes.negative_powers as f64 * width),
            ("two digits", codes.two_digits as f64 * width),
            ("in blocks", blocks),
            ("in fabric", fabric),
        ];
    }
    // What is on its way is registered at each cut.
    let stages = depth as f64 * width;
    // A product that is made some turns before its sum is kept until then.
    let turns = codes.multiplications().div_ceil(most.max(1)).max(1) as f64;
    let waits = if most < codes.multiplications() { (1.0 - 2.0 / turns).max(0.0) } else { 0.0 };
    let blocked = profile.constant(unit.input_bits, WIDE, matrix.weight_bits) > 0;
    let waits = if blocked || profile.multipliers == Multipliers::Fabric { waits } else { 0.0 };
    vec![
        ("waiting", waits * width * codes.multiplications() as f64),
        ("waiting sums", waits * width * codes.two_digits as f64),
        ("nonzeros", stages * codes.nonzeros as f64),
        ("two digits", stages * codes.two_digits as f64),
        ("multiplications", stages * codes.multiplications() as f64),
    ]
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
