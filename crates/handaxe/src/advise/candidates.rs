//! Changes to look at. What they save is not asked here.

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Precision};
use handaxe_graph::{HlsConfig, Model, Strategy, is_valid_reuse_factor};
use handaxe_objective::estimate::{
    Estimate, Figures, Matrix, Quantity, Regime, Warning, Work, codes,
};

use super::{Change, Reason};

/// Layers that are looked at, those that take most.
const MOST: usize = 12;
/// From this share on a layer dominates a resource.
const DOMINANT: f64 = 0.5;
/// Weights that every tool of the records unrolls.
const UNROLLED: u64 = 2048;
/// Bits that weights are tried with.
const NARROWER: [u32; 4] = [12, 10, 8, 6];

/// A layer, why it is changed, how, and whether all answers stay.
pub(super) type Candidate = (String, Reason, Change, bool);

/// The type of a layer's weights, and the narrowest that has all of their values.
pub(super) type Types = BTreeMap<String, (FixedType, FixedType)>;

/// All changes to look at.
pub(super) fn candidates(estimate: &Estimate, types: &Types) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (place, taken) in largest(estimate) {
        let unit = &estimate.layers[place].unit;
        let Work::Matrix(matrix) = &unit.work else { continue };
        let mut add = |reason: Reason, change: Change, exact| {
            found.push((unit.name.clone(), reason, change, exact));
        };
        for (reason, change) in layouts(&unit.name, matrix, &estimate.warnings) {
            add(reason, change, true);
        }
        if let Some((of, needed)) = types.get(&unit.name) {
            let weight =
                |of: FixedType| Change { weight: Some(Precision::Fixed(of)), ..Change::default() };
            if needed.width < of.width {
                add(Reason::SpareBits, weight(*needed), true);
            }
            for width in NARROWER.into_iter().filter(|width| *width < needed.width) {
                add(Reason::Narrower, weight(FixedType { width, is_int: false, ..*needed }), false);
            }
        }
        if let Some((resource, part)) = taken.filter(|(_, part)| *part >= DOMINANT) {
            // Zeros in memory are zeros in vain.
            let strategy = in_memory(matrix).then_some(Strategy::Unrolled);
            let change = Change { strategy, cut: Some(0.5), ..Change::default() };
            add(Reason::Dominates { resource, part }, change, false);
        }
    }
    found
}

/// The layers with weights that take most, with the resource that each takes the largest share of.
fn largest(estimate: &Estimate) -> Vec<(usize, Option<(String, f64)>)> {
    let resources = [Quantity::Dsp, Quantity::Lut, Quantity::Ff, Quantity::Bram18];
    let sum = |quantity| {
        let of = |figures: &Figures| figures.get(quantity).value;
        estimate.layers.iter().map(|layer| of(&layer.figures)).sum::<u64>()
    };
    let sums = resources.map(sum);
    let matrices = estimate.layers.iter().enumerate();
    let matrices = matrices.filter(|(_, layer)| matches!(layer.unit.work, Work::Matrix(_)));
    let shares = matrices.map(|(place, layer)| {
        let shares = resources.iter().zip(sums).filter(|(_, sum)| *sum > 0);
        let shares = shares.map(|(quantity, sum)| {
            let name = if *quantity == Quantity::Bram18 { "bram36" } else { quantity.name() };
            (name.to_owned(), layer.figures.get(*quantity).value as f64 / sum as f64)
        });
        (place, shares.max_by(|a, b| a.1.total_cmp(&b.1)))
    });
    let mut shares: Vec<_> = shares.collect();
    let alone = shares.len() == 1;
    let part = |share: &Option<(String, f64)>| share.as_ref().map_or(0.0, |(_, part)| *part);
    shares.sort_by(|a, b| part(&b.1).total_cmp(&part(&a.1)));
    shares.truncate(MOST);
    if alone {
        // The only layer takes all there is, which says nothing.
        shares.iter_mut().for_each(|(_, share)| *share = None);
    }
    shares
}

/// Other ways to lay a matrix out.
fn layouts(name: &str, matrix: &Matrix, warnings: &[Warning]) -> Vec<(Reason, Change)> {
    let (n_in, n_out) = (matrix.n_in as usize, matrix.n_out as usize);
    let reuse = matrix.reuse.max(1) as usize;
    let valid = |reuse: &usize| *reuse > 1 && is_valid_reuse_factor(*reuse, n_in, n_out);
    let mut found = Vec::new();
    if in_memory(matrix) {
        let reused = |reuse| Change { reuse_factor: Some(reuse), ..Change::default() };
        if valid(&(2 * n_in)) && reuse != 2 * n_in {
            found.push((Reason::Multiplexer, reused(2 * n_in)));
        }
        let next = more(n_in, n_out, reuse).filter(|next| *next != 2 * n_in);
        found.extend(next.map(|next| (Reason::Reuse, reused(next))));
        if matrix.strategy == Strategy::Resource && matrix.codes.zeros > 0 {
            let strategy = Some(Strategy::Unrolled);
            found.push((Reason::Zeros, Change { strategy, ..Change::default() }));
        }
        if matrix.weights() <= UNROLLED {
            found.push((Reason::Strategy, Change::built(Strategy::Latency, 1)));
        }
        return found;
    }
    let limit = warnings.iter().find_map(|warning| match warning {
        Warning::Unrolled { layer, weights, certain } if layer == name => {
            Some(Reason::Unrolling { weights: *weights, certain: *certain })
        }
        _ => None,
    });
    let reason = limit.unwrap_or(Reason::Strategy);
    let factors = [n_in, 2 * n_in, 4 * n_in].into_iter().filter(valid);
    let factors: Vec<usize> = more(n_in, n_out, reuse).into_iter().chain(factors).collect();
    found.extend(
        factors.iter().map(|next| (reason.clone(), Change::built(Strategy::Resource, *next))),
    );
    found
}

/// Whether weights are read from memory, zeros or not.
fn in_memory(matrix: &Matrix) -> bool {
    matches!(matrix.regime(), Regime::Inner | Regime::Pair | Regime::Outer)
}

/// The next reuse factor of at least twice as much.
fn more(n_in: usize, n_out: usize, reuse: usize) -> Option<usize> {
    (2 * reuse..=n_in * n_out).find(|next| is_valid_reuse_factor(*next, n_in, n_out))
}

/// The types of every layer's weights.
pub(super) fn types(model: &Model, config: &HlsConfig) -> Types {
    // Types do not depend on how arrays travel; what has no firmware has none.
    let parallel = HlsConfig { io_type: None, ..config.clone() };
    let built = model.firmware(&parallel).unwrap_or_default();
    let layers = built.iter().filter_map(|built| {
        let weights = handaxe_emulate::firmware_weights(model, built);
        let (_, of, values) = weights.into_iter().find(|(name, ..)| *name == "weight")?;
        let layer = model.layer(built.id);
        let codes = codes(&values, &of);
        let quantised = layer.quantiser("kernel").is_some();
        Some((layer.name().to_owned(), (of, if quantised { of } else { needed(&codes, &of)? })))
    });
    layers.collect()
}

/// The narrowest type of the same kind that has all `codes` of `of`; none where all are zero.
fn needed(codes: &[i64], of: &FixedType) -> Option<FixedType> {
    let spare = codes.iter().filter(|code| **code != 0).map(|code| code.trailing_zeros()).min()?;
    let spare = spare.min(of.fraction().max(0) as u32);
    let digits = |code: &i64| i64::BITS - ((code ^ (code >> 63)) >> spare).leading_zeros();
    let width = codes.iter().map(digits).max()? + u32::from(of.signed);
    let fraction = of.fraction() - spare as i32;
    let width = width.clamp(1, of.width);
    Some(FixedType { width, integer: width as i32 - fraction, ..*of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_has_every_value() {
        let Ok(Precision::Fixed(of)) = "fixed<16,6>".parse() else { panic!("a fixed-point type") };
        for (codes, width, integer) in [
            (&[1, -1][..], 2, -8),
            (&[1024, 0][..], 2, 2),
            (&[-1024, 512], 2, 1),
            (&[96, -160], 4, -1),
            (&[32767, 1], 16, 6),
            (&[-32768, 1], 16, 6),
        ] {
            let found = needed(codes, &of).unwrap();
            assert_eq!((found.width, found.integer), (width, integer), "{codes:?}");
            for code in codes {
                let value = *code as f64 * 2f64.powi(-of.fraction());
                assert!(found.min() <= value && value <= found.max());
                assert_eq!((value * 2f64.powi(found.fraction())).fract(), 0.0);
            }
        }
        assert_eq!(needed(&[0, 0], &of), None);
    }
}
