//! The notations of all vendors, read by one parser: `name` or `name<argument,...>`, in any case and with any spaces.

use crate::{Error, FixedType, FloatType, MAX_WIDTH, Overflow, Precision, Rounding};

const FIXED: &str = "ap_fixed<W,I,Q,O,N> (W bits, I of them integer; Q, O, N optional)";
const AC_FIXED: &str = "ac_fixed<W,I,signed,Q,O> (W bits, I of them integer; the rest optional)";
const INT: &str = "ap_int<W> (W bits)";
const AC_INT: &str = "ac_int<W,signed> (W bits; signed optional)";
const STD_FLOAT: &str = "std_float<W,E> (W bits, E of them exponent)";
const AC_FLOAT: &str =
    "ac_float<W,I,E,Q> (W bits of mantissa, I of them integer, E bits of exponent; Q optional)";

pub(crate) fn precision(text: &str) -> Result<Precision, Error> {
    let (name, rest) = match text.split_once('<') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    let name = name.trim().to_ascii_lowercase();
    let arguments = |form, limit| Arguments::new(text, rest, form, limit);
    match name.as_str() {
        "float" if rest.is_none() => Ok(Precision::Float),
        "double" if rest.is_none() => Ok(Precision::Double),
        "half" if rest.is_none() => Ok(Precision::Half),
        "bfloat16" if rest.is_none() => Ok(Precision::BFloat16),
        "auto" if rest.is_none() => Ok(Precision::Auto),
        "ap_fixed" | "fixed" => fixed(&arguments(FIXED, 5)?, true),
        "ap_ufixed" | "ufixed" => fixed(&arguments(FIXED, 5)?, false),
        "ac_fixed" => ac_fixed(&arguments(AC_FIXED, 5)?),
        "ap_int" | "int" => int(&arguments(INT, 1)?, true),
        "ap_uint" | "uint" => int(&arguments(INT, 1)?, false),
        "ac_int" => {
            let arguments = arguments(AC_INT, 2)?;
            int(&arguments, arguments.signedness(1)?)
        }
        "std_float" => std_float(&arguments(STD_FLOAT, 2)?),
        "ac_float" | "float" => ac_float(&arguments(AC_FLOAT, 4)?),
        _ => Err(Error::UnknownType { name: Error::quote(&name), text: Error::quote(text) }),
    }
}

fn fixed(arguments: &Arguments<'_>, signed: bool) -> Result<Precision, Error> {
    let saturation_bits = match arguments.get(4) {
        Some(_) => arguments.bits(4, "saturation bits N")?,
        None => 0,
    };
    Ok(Precision::Fixed(FixedType::new(
        arguments.bits(0, "width W")?,
        arguments.integer(1)?,
        signed,
        arguments.rounding(2)?,
        arguments.overflow(3)?,
        saturation_bits,
    )?))
}

fn ac_fixed(arguments: &Arguments<'_>) -> Result<Precision, Error> {
    Ok(Precision::Fixed(FixedType::new(
        arguments.bits(0, "width W")?,
        arguments.integer(1)?,
        arguments.signedness(2)?,
        arguments.rounding(3)?,
        arguments.overflow(4)?,
        0,
    )?))
}

fn int(arguments: &Arguments<'_>, signed: bool) -> Result<Precision, Error> {
    let width = arguments.bits(0, "width W")?;
    Ok(Precision::Fixed(FixedType::int(width, signed)?))
}

fn std_float(arguments: &Arguments<'_>) -> Result<Precision, Error> {
    let width = arguments.bits(0, "width W")?;
    let exponent = arguments.bits(1, "exponent bits E")?;
    match (width, exponent) {
        (16, 5) => Ok(Precision::Half),
        (16, 8) => Ok(Precision::BFloat16),
        (32, 8) => Ok(Precision::Float),
        (64, 11) => Ok(Precision::Double),
        _ => Err(Error::StandardFloat { width, exponent }),
    }
}

fn ac_float(arguments: &Arguments<'_>) -> Result<Precision, Error> {
    let float = FloatType {
        mantissa: arguments.bits(0, "mantissa bits W")?,
        integer: arguments.integer(1)?,
        exponent: arguments.bits(2, "exponent bits E")?,
        rounding: arguments.rounding(3)?,
    };
    for given in [float.mantissa, float.exponent] {
        if !(1..=MAX_WIDTH).contains(&given) {
            return Err(Error::Width { given });
        }
    }
    if float.integer.unsigned_abs() > MAX_WIDTH {
        return Err(Error::Integer { given: float.integer });
    }
    Ok(Precision::Custom(float))
}

/// What stands between `<` and `>`, with what an error needs to teach.
struct Arguments<'a> {
    text: &'a str,
    form: &'static str,
    values: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    fn new(
        text: &'a str,
        rest: Option<&'a str>,
        form: &'static str,
        limit: usize,
    ) -> Result<Self, Error> {
        let inner = match rest {
            None => "",
            Some(rest) => rest
                .trim_end()
                .strip_suffix('>')
                .filter(|inner| !inner.contains(['<', '>']))
                .ok_or_else(|| Error::Brackets { text: Error::quote(text), form })?,
        };
        let given = inner.split(',').count();
        if given > limit {
            return Err(Error::TooMany { text: Error::quote(text), given, form });
        }
        Ok(Self { text, form, values: inner.split(',').map(str::trim).collect() })
    }

    /// The argument at `place`; absent and empty are the same.
    fn get(&self, place: usize) -> Option<&'a str> {
        self.values.get(place).copied().filter(|value| !value.is_empty())
    }

    fn required(&self, place: usize, what: &'static str) -> Result<&'a str, Error> {
        let missing = || Error::Missing { text: Error::quote(self.text), what, form: self.form };
        self.get(place).ok_or_else(missing)
    }

    fn wrong(&self, given: &str, what: &'static str, expected: &'static str) -> Error {
        Error::Argument {
            given: Error::quote(given),
            text: Error::quote(self.text),
            what,
            expected,
        }
    }

    fn bits(&self, place: usize, what: &'static str) -> Result<u32, Error> {
        let given = self.required(place, what)?;
        given.parse().map_err(|_| self.wrong(given, what, "a whole number of bits, such as 16"))
    }

    fn integer(&self, place: usize) -> Result<i32, Error> {
        let what = "integer bits I";
        let given = self.required(place, what)?;
        given
            .parse()
            .map_err(|_| self.wrong(given, what, "a whole number of bits, such as 6 or -2"))
    }

    /// `true` or `false`; signed where nothing is said.
    fn signedness(&self, place: usize) -> Result<bool, Error> {
        match self.get(place).map(str::to_ascii_lowercase).as_deref() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(given) => Err(self.wrong(given, "signedness", "true or false")),
        }
    }

    fn rounding(&self, place: usize) -> Result<Rounding, Error> {
        let expected = "TRN, TRN_ZERO, RND, RND_ZERO, RND_MIN_INF, RND_INF or RND_CONV";
        let Some(given) = self.get(place) else { return Ok(Rounding::default()) };
        let known = Rounding::ALL.into_iter().find(|mode| is_mode(given, mode.name()));
        known.ok_or_else(|| self.wrong(given, "rounding mode Q", expected))
    }

    fn overflow(&self, place: usize) -> Result<Overflow, Error> {
        let expected = "WRAP, WRAP_SM, SAT, SAT_ZERO or SAT_SYM";
        let Some(given) = self.get(place) else { return Ok(Overflow::default()) };
        let known = Overflow::ALL.into_iter().find(|mode| is_mode(given, mode.name()));
        known.ok_or_else(|| self.wrong(given, "overflow mode O", expected))
    }
}

/// Whether `given` is `name`, in any case, alone or behind a vendor's prefix.
fn is_mode(given: &str, name: &str) -> bool {
    let given = given.to_ascii_uppercase();
    let bare = given.strip_prefix("AP_").or_else(|| given.strip_prefix("AC_")).unwrap_or(&given);
    bare == name
}
