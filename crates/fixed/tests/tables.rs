//! Tables of activations.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use handaxe_fixed::table::{Address, TableFunction, exponential_table, inverse_table, toward_zero};
use handaxe_fixed::{FixedType, Precision};

fn fixed(text: &str) -> FixedType {
    let Precision::Fixed(fixed) = text.parse().unwrap() else { panic!("{text}") };
    fixed
}

#[test]
fn entries_are_the_functions_values_cut_off() {
    let entry = fixed("ap_fixed<18,8>");
    let sigmoid: Vec<i64> = TableFunction::Sigmoid.table(1024, &entry);
    assert_eq!((sigmoid[0], sigmoid[512], sigmoid[1023]), (0, 512, 1023));
    let elu: Vec<i64> = TableFunction::Elu.table(1024, &entry);
    assert_eq!((elu[0], elu[1023]), (0, -1024)); // -0.99966 is rounded down
    let inverse: Vec<i64> = TableFunction::Inverse.table(1024, &entry);
    assert_eq!((inverse[0], inverse[16]), (0, 1024));
}

#[test]
fn indices_are_cut_off_toward_zero_and_kept_in_the_table() {
    let index = |x: i64| TableFunction::Sigmoid.index(x, 10, 1024);
    assert_eq!([index(0), index(15), index(16), index(-15), index(-16)], [512, 512, 513, 512, 511]);
    assert_eq!([index(1 << 14), index(-(1 << 14)), index(i64::MAX >> 11)], [1023, 0, 1023]);
    assert_eq!(TableFunction::Elu.index(-1i64 << 10, 10, 1024), 128);
    assert_eq!([toward_zero(-7i64, 1), toward_zero(-7, -1), toward_zero(7i64, 64)], [-3, -14, 0]);
}

#[test]
fn softmax_is_addressed_by_the_highest_bits() {
    let (of, entry) = (fixed("ap_ufixed<15,5>"), fixed("ap_fixed<18,8,AP_RND,AP_SAT>"));
    let falling: Vec<i64> = exponential_table(&of, 1024, true, &entry);
    assert_eq!((falling[0], falling[32]), (1024, (1024.0 * (-1f64).exp()).round() as i64));
    assert_eq!(Address::new(&of, 1024).of(33i64), 1);
    let signed = fixed("ap_fixed<16,6>");
    assert_eq!(Address::new(&signed, 1024).of(-1i64), 1023);
    let inverse: Vec<i64> = inverse_table(&entry, 1024, &entry);
    assert_eq!((inverse[0], inverse[4]), ((1 << 17) - 1, 1024)); // 1/0 saturates; entry 4 stands for 1
}
