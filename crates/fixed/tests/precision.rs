//! Precision strings: hls4ml's own reading of them, round trips, and what hostile text gives.

#![allow(clippy::unwrap_used)] // strategies are outside the test functions that clippy knows

use handaxe_fixed::{Error, FixedType, FloatType, MAX_WIDTH, Overflow, Precision, Rounding};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    input: String,
    #[serde(rename = "str")]
    text: Option<String>,
    width: Option<u32>,
    signed: Option<bool>,
    integer: Option<i32>,
    min: Option<f64>,
    max: Option<f64>,
}

/// Where the specification departs from hls4ml: any case is read, and a half has one name.
const DEPARTURES: [(&str, &str); 2] =
    [("AP_FIXED<16,6>", "fixed<16,6,TRN,WRAP,0>"), ("std_float<16,5>", "half")];

#[test]
fn reads_what_hls4ml_reads() {
    let rows = include_str!("../../../fixtures/precision/precision_strings.json");
    let rows: Vec<Golden> = serde_json::from_str(rows).unwrap();
    assert_eq!(rows.len(), 31);
    for row in rows {
        let departure = DEPARTURES.iter().find(|(input, _)| *input == row.input);
        let expected = departure.map(|(_, text)| (*text).to_owned()).or(row.text);
        let read = row.input.parse::<Precision>();
        let Some(expected) = expected else {
            assert!(read.is_err(), "{} should be refused", row.input);
            continue;
        };
        let read = read.unwrap();
        assert_eq!(read.to_string(), expected, "{}", row.input);
        if let Some(width) = row.width {
            assert_eq!(read.width().unwrap_or(0), width, "{}", row.input);
        }
        if let Precision::Fixed(fixed) = read {
            assert_eq!(row.signed.unwrap_or(fixed.signed), fixed.signed);
            assert_eq!(row.integer.unwrap_or(fixed.integer), fixed.integer);
            assert_eq!(row.min.unwrap_or(fixed.min()), fixed.min(), "{}", row.input);
            assert_eq!(row.max.unwrap_or(fixed.max()), fixed.max(), "{}", row.input);
        }
    }
}

#[test]
fn vendors_agree() {
    for texts in [
        ["ap_fixed<16,6,AP_RND_CONV,AP_SAT>", "ac_fixed<16,6,1,AC_RND_CONV,AC_SAT>"],
        ["ap_ufixed<9,4>", "ac_fixed<9,4,false>"],
        ["ap_uint<3>", "ac_int<3,false>"],
        ["ap_int<8>", "int<8>"],
        [" Fixed <16, 6> ", "fixed<16,6,TRN,WRAP,0>"],
    ] {
        let [one, other] = texts.map(|text| text.parse::<Precision>().unwrap());
        assert_eq!(one, other, "{texts:?}");
    }
}

/// Of both notations, which differ in what they make of numbers, neither is lost.
#[test]
fn integers_stay_what_they_are() {
    for text in ["int<8>", "uint<8>", "fixed<8,8,TRN,WRAP,0>", "fixed<8,8,TRN_ZERO,WRAP,0>"] {
        assert_eq!(format!("ap_{text}").parse::<Precision>().unwrap().to_string(), text);
    }
    assert_ne!("ap_int<8>".parse::<Precision>(), "ap_fixed<8,8,AP_TRN_ZERO>".parse());
}

#[test]
fn errors_teach() {
    for (text, lesson) in [
        ("ap_fixed<16>", "`ap_fixed<16>` lacks its integer bits I: write ap_fixed<W,I,Q,O,N>"),
        ("ap_fixed", "lacks its width W"),
        ("ap_fixed<16,6", "must end with its only `>`"),
        ("ap_fixed<16,6>>", "must end with its only `>`"),
        ("ap_fixed<ap_int<3>,6>", "must end with its only `>`"),
        ("ap_fixed<16,6,ROUND>", "expected TRN, TRN_ZERO, RND"),
        ("ap_fixed<16,6,RND,CLIP>", "expected WRAP, WRAP_SM, SAT"),
        ("ap_fixed<16,6,true>", "rounding mode"),
        ("ac_fixed<16,6,RND>", "expected true or false"),
        ("ap_fixed<16,6,RND,SAT,0,1>", "has 6 arguments"),
        ("ap_fixed<99999999999999999999,6>", "a whole number of bits, such as 16"),
        ("ap_fixed<4294967295,6>", "outside 1..=512 bits"),
        ("ap_fixed<0,0>", "outside 1..=512 bits"),
        ("ap_fixed<8,-2147483648>", "outside -512..=512"),
        ("ap_fixed<8,2,TRN,WRAP,9>", "9 saturation bits do not fit a number of 8 bits"),
        ("std_float<17,5>", "use <16,5> (half)"),
        ("float16", "known are ap_fixed<W,I>"),
        ("", "unknown precision type"),
        ("ａｐ_ｆｉｘｅｄ<１６,６>", "unknown precision type"),
        ("ap_fixed<１６,6>", "`１６`"),
    ] {
        let message = text.parse::<Precision>().unwrap_err().to_string();
        assert!(message.contains(lesson), "{text}: {message}");
    }
    let long = format!("ap_fixed<{}>", "9é".repeat(100_000));
    assert!(long.parse::<Precision>().unwrap_err().to_string().len() < 1_000);
}

#[test]
fn bounds_stay_finite_to_the_widest() {
    let most = MAX_WIDTH as i32;
    for (width, integer) in [(1, most), (MAX_WIDTH, most), (1, -most), (MAX_WIDTH, -most)] {
        let fixed =
            FixedType::new(width, integer, false, Rounding::Trn, Overflow::Wrap, 0).unwrap();
        assert!(fixed.max().is_finite() && fixed.max() > 0.0, "{fixed}: {}", fixed.max());
    }
    assert_eq!(
        FixedType::new(0, 0, true, Rounding::Trn, Overflow::Wrap, 0),
        Err(Error::Width { given: 0 })
    );
}

fn any_fixed() -> impl Strategy<Value = FixedType> {
    let modes =
        (prop::sample::select(&Rounding::ALL[..]), prop::sample::select(&Overflow::ALL[..]));
    (1..=MAX_WIDTH, -512..=512i32, any::<bool>(), modes, any::<prop::sample::Index>()).prop_map(
        |(width, integer, signed, (rounding, overflow), bits)| {
            let bits = bits.index(width as usize + 1) as u32;
            FixedType::new(width, integer, signed, rounding, overflow, bits).unwrap()
        },
    )
}

fn any_precision() -> impl Strategy<Value = Precision> {
    let rounding = prop::sample::select(&Rounding::ALL[..]);
    prop_oneof![
        any_fixed().prop_map(Precision::Fixed),
        (1..=MAX_WIDTH).prop_map(|width| format!("uint<{width}>").parse().unwrap()),
        (1..100u32, -9..99i32, 1..20u32, rounding).prop_map(
            |(mantissa, integer, exponent, rounding)| {
                Precision::Custom(FloatType { mantissa, integer, exponent, rounding })
            }
        ),
        prop::sample::select(vec![
            Precision::Float,
            Precision::Double,
            Precision::Half,
            Precision::BFloat16,
            Precision::Auto
        ]),
    ]
}

proptest! {
    #[test]
    fn text_and_back(precision in any_precision(), upper in any::<bool>()) {
        let text = precision.to_string();
        let text = if upper { text.to_uppercase().replace(',', " , ") } else { text };
        prop_assert_eq!(text.parse::<Precision>(), Ok(precision));
        let json = serde_json::to_string(&precision).unwrap();
        prop_assert_eq!(serde_json::from_str::<Precision>(&json).unwrap(), precision);
    }

    #[test]
    fn hostile_text_is_an_error_or_a_precision(
        name in "(ap_|ac_|std_)?(u?fixed|u?int|float)?",
        arguments in "[<>,0-9a-zA-Zé\u{0}-]{0,40}",
        noise in "\\PC{0,40}",
    ) {
        for text in [format!("{name}<{arguments}>"), format!("{name}{noise}"), noise] {
            if let Ok(read) = text.parse::<Precision>() {
                prop_assert_eq!(read.to_string().parse::<Precision>(), Ok(read));
            }
        }
    }
}
