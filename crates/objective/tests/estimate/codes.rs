//! What is counted of weights.

use std::collections::{BTreeMap, BTreeSet};

use handaxe_graph::{HlsConfig, Strategy};
use handaxe_objective::estimate::{Codes, Profile, Quantity, codes, estimate};
use proptest::prelude::*;

use super::dense;

/// Digits by writing a number out as sums and differences of powers of two.
fn fewest_digits(code: i64) -> u32 {
    let mut left = code;
    let mut digits = 0;
    while left != 0 {
        if left & 1 != 0 {
            let digit = if left & 3 == 3 { -1 } else { 1 };
            left -= digit;
            digits += 1;
        }
        left /= 2;
    }
    digits
}

proptest! {
    /// Counts against sets of each row's codes.
    #[test]
    fn counts_are_those_of_sets(
        columns in 1usize..6,
        codes in prop::collection::vec(-70_000i64..70_000, 20),
        small in any::<bool>(),
    ) {
        let codes: Vec<i64> = codes[..4 * columns].iter().map(|code| if small { code / 3000 } else { *code }).collect();
        let found = Codes::of(&codes, columns, columns);
        let leaves = |code: &i64| match fewest_digits(*code) {
            1 if *code > 0 => 1,
            1 | 2 => 2,
            0 => 0,
            _ => 4,
        };
        let of_column = |column: usize| codes.iter().skip(column).step_by(columns);
        let most = |of: &dyn Fn(&i64) -> u64| {
            (0..columns).map(|column| of_column(column).map(of).sum::<u64>()).max().unwrap()
        };
        prop_assert_eq!((found.leaves, found.deepest), (most(&leaves), most(&|code| u64::from(*code != 0))));
        let by_column: Vec<&i64> = (0..columns).flat_map(of_column).collect();
        let busy = by_column.chunks(columns).filter(|run| run.iter().any(|code| **code != 0)).count();
        prop_assert_eq!(found.busy, busy as u64);
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        let (mut negative, mut two) = (0, 0);
        for row in codes.chunks(columns) {
            for &code in row.iter().collect::<BTreeSet<_>>() {
                match fewest_digits(code) {
                    0 => {}
                    1 => negative += u64::from(code < 0),
                    2 => two += 1,
                    _ => {
                        let bits = (1..).find(|&bits| {
                            if code > 0 { code < 1 << bits } else { -code <= 1 << (bits - 1) }
                        });
                        *expected.entry(bits.unwrap()).or_default() += 1;
                    }
                }
            }
        }
        prop_assert_eq!((found.negative_powers, found.two_digits), (negative, two));
        prop_assert_eq!(found.many_digits, expected);
        prop_assert_eq!(found.zeros, codes.iter().filter(|code| **code == 0).count() as u64);
    }

    /// Large numbers among them make others no different: they are cast one by one.
    #[test]
    fn casts_of_many_are_those_of_each(
        values in prop::collection::vec(-300.0f32..300.0, 1..9),
        mode in prop::sample::select(vec!["", ",RND", ",RND_CONV,SAT", ",TRN_ZERO,SAT_SYM", ",RND_INF,SAT_ZERO"]),
    ) {
        let handaxe_fixed::Precision::Fixed(kind) = format!("fixed<9,4{mode}>").parse().unwrap() else { panic!() };
        let alone = codes(&values, &kind);
        let beside: Vec<f32> = values.iter().copied().chain([3e30]).collect();
        prop_assert_eq!(&codes(&beside, &kind)[..values.len()], &alone[..]);
        for (value, code) in values.iter().zip(alone) {
            let exact = f64::from(*value) * 32.0;
            if mode.is_empty() && exact.abs() < 255.0 {
                prop_assert_eq!(code, exact.floor() as i64);
            }
        }
    }

    /// An interval holds its value; zeros never make the sums dearer.
    #[test]
    fn zeros_save(
        weights in prop::collection::vec(-1.0f32..1.0, 48),
        zeroed in prop::collection::vec(any::<bool>(), 48),
        reuse in prop::sample::select(vec![1usize, 4, 12]),
        strategy in prop::sample::select(vec![Strategy::Latency, Strategy::Resource, Strategy::Unrolled]),
    ) {
        let figures = |weights: &[f32]| {
            let config = HlsConfig::uniform("fixed<12,3>".parse().unwrap(), reuse, strategy).unwrap();
            estimate(&dense(weights, 12), &config, &Profile::default()).unwrap().0
        };
        let pruned: Vec<f32> =
            weights.iter().zip(&zeroed).map(|(weight, zero)| if *zero { 0.0 } else { *weight }).collect();
        let (before, after) = (figures(&weights), figures(&pruned));
        for quantity in Quantity::ALL {
            let figure = before.synthesis.get(quantity);
            prop_assert!(figure.low <= figure.value && figure.value <= figure.high);
        }
        for quantity in [Quantity::Dsp, Quantity::Lut, Quantity::Ff, Quantity::Bram18] {
            let value = |estimate: &handaxe_objective::estimate::Estimate| estimate.synthesis.get(quantity).value;
            prop_assert!(value(&after) <= value(&before), "{quantity:?}");
        }
    }
}

#[test]
fn casts_are_the_firmware_s() {
    let of = |text: &str, value: f32| {
        let handaxe_fixed::Precision::Fixed(kind) = text.parse().unwrap() else { panic!() };
        codes(&[value], &kind)[0]
    };
    assert_eq!(of("fixed<8,1>", -0.004), -1); // cut off, not rounded
    assert_eq!(of("fixed<8,1,RND>", -0.004), -1);
    assert_eq!(of("fixed<8,1,RND>", -0.003), 0);
    assert_eq!(of("fixed<8,1>", 1.0), -128); // wraps
    assert_eq!(of("fixed<8,1,TRN,SAT>", 1.0), 127);
    assert_eq!(of("fixed<8,1,TRN,SAT_SYM>", -1.0), -127);
    assert_eq!(of("ufixed<8,0,TRN,SAT>", -0.5), 0);
}
