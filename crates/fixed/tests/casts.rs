//! Casts against the vendors' types (fixtures/fixed), and against a model in rational numbers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read;

use handaxe_fixed::{FixedType, I256, Integer, Overflow, Precision, Rounding};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

type Row = BTreeMap<String, String>;

fn rows(packed: &[u8]) -> Vec<Row> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number<T: std::str::FromStr>(row: &Row, column: &str) -> T {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

fn target(row: &Row) -> FixedType {
    let sign = if row["signed"] == "1" { "" } else { "u" };
    let [width, integer, rounding, overflow, bits] =
        ["width", "int", "rounding", "overflow", "nsat"].map(|column| &row[column]);
    let text = format!("ap_{sign}fixed<{width},{integer},AP_{rounding},AP_{overflow},{bits}>");
    let Precision::Fixed(target) = text.parse().unwrap() else { panic!("{text}") };
    target
}

/// Python's `float.hex`.
fn hexadecimal(text: &str) -> f64 {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (mantissa, exponent) = text.strip_prefix("0x").unwrap().split_once('p').unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = i64::from_str_radix(&format!("{whole}{fraction}"), 16).unwrap() as f64;
    let exponent = exponent.parse::<i32>().unwrap() - 4 * fraction.len() as i32;
    sign * digits * 2f64.powi(exponent)
}

#[test]
fn doubles_become_what_the_vendors_types_make_of_them() {
    let rows = rows(include_bytes!("../../../fixtures/fixed/values.csv.gz"));
    assert_eq!(rows.len(), 4924);
    for row in rows {
        let (target, value, code) = (target(&row), hexadecimal(&row["input"]), number(&row, "raw"));
        assert_eq!(target.cast_f64::<i64>(value), code, "{row:?}");
        assert_eq!(target.cast_f64::<I256>(value), I256::from(code), "{row:?}");
    }
}

#[test]
fn codes_become_what_the_vendors_types_make_of_them() {
    let rows = rows(include_bytes!("../../../fixtures/fixed/casts.csv.gz"));
    assert_eq!(rows.len(), 5062);
    for row in rows {
        let fraction = number::<i32>(&row, "src_w") - number::<i32>(&row, "src_i");
        let (target, code) = (target(&row), number::<i64>(&row, "src_raw"));
        assert_eq!(target.cast(code, fraction), number::<i64>(&row, "raw"), "{row:?}");
        let wide = target.cast(i128::from(code), fraction);
        assert_eq!(wide, number::<i128>(&row, "raw"), "{row:?}");
    }
}

/// An operand or a result of fixtures/fixed/ints.csv.gz, whose columns begin with `prefix`.
fn operand(row: &Row, prefix: &str) -> FixedType {
    let [width, integer] =
        ["w", "i"].map(|column| number::<i32>(row, &format!("{prefix}{column}")));
    FixedType::exact(width as u32, integer, row[&format!("{prefix}signed")] == "1").unwrap()
}

/// Integers take numbers in, and are computed with, as the vendors' do.
#[test]
fn integers_are_the_vendors() {
    let rows = rows(include_bytes!("../../../fixtures/fixed/ints.csv.gz"));
    assert_eq!(rows.len(), 8180);
    for row in rows {
        let (what, result) = (row["what"].as_str(), operand(&row, ""));
        let int = FixedType::int(result.width, result.signed).unwrap();
        let raw: i64 = number(&row, "raw");
        if matches!(what, "double" | "float") {
            let value = hexadecimal(&row["number"]);
            assert_eq!(int.cast_f64::<i64>(value), raw, "{row:?}");
            assert_eq!(int.cast_f64::<i128>(value), i128::from(raw), "{row:?}");
            continue;
        }
        let (a, code): (_, i64) = (operand(&row, "a_"), number(&row, "a"));
        let other = || (operand(&row, "b_"), number::<i64>(&row, "b"));
        match what {
            // Without a bit before the point, every negative number is -1.
            "to_int" if a.integer <= 0 && code < 0 => {
                assert_eq!(int.cast(-1i64, 0), raw, "{row:?}")
            }
            "to_int" => assert_eq!(int.cast(code, a.fraction()), raw, "{row:?}"),
            "to_fixed" => assert_eq!(result.cast(code, 0), raw, "{row:?}"),
            "quotient" => {
                let int = FixedType::int(a.width, a.signed).unwrap();
                assert_eq!(int.quotient(code, number(&row, "number")), raw, "{row:?}");
                assert_eq!(
                    int.quotient(i128::from(code), number(&row, "number")),
                    i128::from(raw),
                    "{row:?}"
                );
            }
            "product" => {
                let (b, factor) = other();
                assert_eq!((a.product(&b).unwrap(), code * factor), (result, raw), "{row:?}");
            }
            _ => {
                let (b, term) = other();
                let sum = a.sum(&b).unwrap();
                let [code, term] = [(code, a), (term, b)]
                    .map(|(code, of)| code << (sum.fraction() - of.fraction()));
                let (exact, signed) =
                    if what == "sum" { (code + term, sum.signed) } else { (code - term, true) };
                assert_eq!((FixedType { signed, ..sum }, exact), (result, raw), "{row:?}");
            }
        }
    }
}

fn power(exponent: i32) -> BigRational {
    let two = BigRational::from(BigInt::from(2));
    two.pow(exponent)
}

/// What spec/fixed-point.md says, in rational numbers and without a machine's integers.
fn model(target: &FixedType, value: &BigRational) -> BigInt {
    let y = value * power(target.fraction());
    let (zero, one, two) = (BigInt::from(0), BigInt::from(1), BigInt::from(2));
    let floor = y.floor().to_integer();
    let ceil = y.ceil().to_integer();
    let half = BigRational::new(one.clone(), two.clone());
    let positive = y > BigRational::from(zero.clone());
    let nearest = |up: bool| {
        let distance = &y - BigRational::from(floor.clone());
        if distance > half || distance == half && up { ceil.clone() } else { floor.clone() }
    };
    let z = match target.rounding {
        Rounding::Trn => floor.clone(),
        Rounding::TrnZero => y.trunc().to_integer(),
        Rounding::Rnd => nearest(true),
        Rounding::RndMinInf => nearest(false),
        Rounding::RndInf => nearest(positive),
        Rounding::RndZero => nearest(!positive),
        Rounding::RndConv => nearest(&floor % &two != zero),
    };
    let width = target.width;
    let symmetric = target.overflow == Overflow::SatSym;
    let (low, high) = match target.signed {
        true => {
            let reach = two.pow(width - 1);
            (if symmetric { &one - &reach } else { -&reach }, reach - &one)
        }
        false => (zero.clone(), two.pow(width) - &one),
    };
    if low <= z && z <= high {
        return z;
    }
    let negative = z < zero;
    let modulo = |value: &BigInt, count: u32| {
        let span = two.pow(count);
        ((value % &span) + &span) % span
    };
    let bits = |value: &BigInt| -> Vec<bool> {
        let value = modulo(value, width);
        (0..width).map(|place| &value / two.pow(place) % &two == one).collect()
    };
    let code = |bits: Vec<bool>| -> BigInt {
        let mut code = zero.clone();
        for (place, bit) in (0..).zip(bits) {
            if bit {
                let weight = two.pow(place);
                code += if place == width - 1 && target.signed { -weight } else { weight };
            }
        }
        code
    };
    let (last, n) = (width as usize - 1, target.saturation_bits as usize);
    let mut v = bits(&z);
    let saturate = |v: &mut Vec<bool>| {
        (width as usize - n..last).for_each(|place| v[place] = !negative);
        v[last] = negative;
    };
    match (target.overflow, target.signed) {
        (Overflow::SatZero, _) => return zero,
        (Overflow::Sat | Overflow::SatSym, _) | (Overflow::WrapSm, false) => {
            return if negative { low } else { high };
        }
        (Overflow::Wrap, false) => (width as usize - n..=last).for_each(|place| v[place] = true),
        (Overflow::Wrap, true) if n == 0 => {}
        (Overflow::Wrap, true) => saturate(&mut v),
        (Overflow::WrapSm, true) if n <= 1 => {
            let sign = if n == 0 { modulo(&floor, width + 1) >= two.pow(width) } else { negative };
            if sign != v[last] {
                v.iter_mut().for_each(|bit| *bit = !*bit);
            }
            v[last] = sign;
        }
        (Overflow::WrapSm, true) => {
            if v[width as usize - n] == negative {
                v.iter_mut().for_each(|bit| *bit = !*bit);
            }
            saturate(&mut v);
        }
    }
    code(v)
}

fn any_type(widest: u32) -> impl Strategy<Value = FixedType> {
    (1..=widest, -20i32..20, any::<bool>(), 0usize..7, 0usize..5, 0u32..4).prop_map(
        |(width, above, signed, rounding, overflow, bits)| {
            let (rounding, overflow) = (Rounding::ALL[rounding], Overflow::ALL[overflow]);
            let integer = width as i32 / 2 + above;
            FixedType::new(width, integer, signed, rounding, overflow, bits.min(width)).unwrap()
        },
    )
}

fn exact(code: BigInt, fraction: i32) -> BigRational {
    BigRational::from(code) * power(-fraction)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn casts_equal_the_rational_model(target in any_type(63), code in any::<i64>(), bits in 0u32..63, fraction in -90i32..90) {
        let code = code >> bits;
        prop_assume!(code != i64::MIN);
        let expected = model(&target, &exact(code.into(), fraction));
        prop_assert_eq!(BigInt::from(target.cast(code, fraction)), expected.clone());
        prop_assert_eq!(BigInt::from(target.cast(i128::from(code), fraction)), expected);
    }

    #[test]
    fn wide_casts_equal_the_rational_model(target in any_type(200), high in any::<i128>(), low in any::<u128>(), bits in 0u32..250, fraction in -300i32..300) {
        let code = I256::from_words(high, low as i128) >> bits;
        prop_assume!(code != I256::MIN);
        let expected = model(&target, &exact(code.to_string().parse().unwrap(), fraction));
        prop_assert_eq!(target.cast(code, fraction).to_string(), expected.to_string());
    }

    #[test]
    fn doubles_are_taken_exactly(target in any_type(60), value in any::<f64>()) {
        let expected = BigRational::from_float(value).map_or(BigInt::from(0), |exact| model(&target, &exact));
        prop_assert_eq!(target.cast_f64::<i128>(value).to_string(), expected.to_string());
    }

    #[test]
    fn results_of_arithmetic_fit_their_types(a in any_type(30), b in any_type(30), one in any::<i64>(), two in any::<i64>()) {
        let (one, two): (i64, i64) = (a.cast(one >> 30, 0), b.cast(two >> 30, 0));
        let (x, y) = (exact(one.into(), a.fraction()), exact(two.into(), b.fraction()));
        for (kind, of) in [(&x * &y, a.product(&b)), (&x + &y, a.sum(&b))] {
            // Types that would need no bit at all are refused; they hold nothing.
            if let Ok(of) = of {
                let code = kind.clone() * power(of.fraction());
                prop_assert!(code.is_integer());
                prop_assert_eq!(model(&of, &kind), code.to_integer());
            }
        }
    }
}

#[test]
fn values_and_codes_go_together() {
    let Precision::Fixed(narrow) = "ap_fixed<8,4,AP_RND,AP_SAT_SYM>".parse().unwrap() else {
        panic!()
    };
    assert_eq!(narrow.codes::<i64>(), (-127, 127));
    assert_eq!(narrow.value(-127i64), narrow.min());
    assert_eq!(narrow.cast_f64::<i64>(narrow.max()), 127);
    assert_eq!(narrow.cast_f64::<i64>(f64::NAN), 0);
    assert_eq!(5i64.times(-3).over(4), -3);
}
