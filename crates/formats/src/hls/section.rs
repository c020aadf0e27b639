use std::collections::BTreeMap;

use handaxe_fixed::Precision;
use handaxe_graph::{IoType, Section, Softmax, Strategy};
use serde_json::Value;

use super::keys::{PASSED_OVER, SETTINGS, TABLES, VARIABLES, is, variable};
use super::{mapping, optional, unknown};
use crate::Error;

/// Reads the settings of the model, a layer type or a layer; `place` is for the messages.
pub(super) fn section(place: &str, value: &Value) -> Result<Section, Error> {
    let mut section = Section::default();
    let Some(value) = optional(value) else { return Ok(section) };
    for (key, value) in mapping(place, value)? {
        let Some(value) = optional(value) else { continue };
        if is(key, "Precision") {
            precisions(place, value, &mut section.precision)?;
        } else if is(key, "ReuseFactor") {
            section.reuse_factor = Some(factor(place, "ReuseFactor", value)?);
        } else if is(key, "ParallelizationFactor") {
            section.parallelization_factor = Some(factor(place, "ParallelizationFactor", value)?);
        } else if is(key, "Strategy") {
            strategy(place, value, &mut section)?;
        } else if is(key, "Implementation") {
            section.softmax = Some(softmax(place, value)?);
        } else if is(key, "TableSize") {
            section.table_size = Some(factor(place, "TableSize", value)?);
        } else if is(key, "TableRangePower2") {
            section.table_range_power2 = Some(power(place, "TableRangePower2", value)?);
        } else if PASSED_OVER.iter().any(|known| is(key, known)) {
            continue;
        } else if let Some(variable) = variable(key) {
            let name = if TABLES.contains(&variable) {
                format!("{variable}_t")
            } else {
                variable.to_owned()
            };
            precision(place, &name, value, &mut section.precision)?;
        } else {
            return Err(unknown(place, key, SETTINGS.iter().chain(PASSED_OVER).chain(VARIABLES)));
        }
    }
    Ok(section)
}

fn precisions(
    place: &str,
    value: &Value,
    found: &mut BTreeMap<String, Precision>,
) -> Result<(), Error> {
    let Some(variables) = value.as_object() else {
        return precision(place, "default", value, found);
    };
    for (key, value) in variables {
        let Some(variable) = variable(key) else {
            return Err(unknown(&format!("{place} Precision"), key, VARIABLES));
        };
        if let Some(value) = optional(value) {
            precision(place, variable, value, found)?;
        }
    }
    Ok(())
}

fn precision(
    place: &str,
    variable: &str,
    value: &Value,
    found: &mut BTreeMap<String, Precision>,
) -> Result<(), Error> {
    let Some(text) = value.as_str() else {
        return Err(wrong(place, "Precision", value, "a type such as ap_fixed<16,6>"));
    };
    let precision = text.parse().map_err(|error| Error::HlsPrecision {
        place: place.to_owned(),
        key: variable.to_owned(),
        error: Box::new(error),
    })?;
    match found.insert(variable.to_owned(), precision) {
        None => Ok(()),
        Some(_) => Err(Error::HlsTwice { place: place.to_owned(), key: variable.to_owned() }),
    }
}

fn factor(place: &str, key: &str, value: &Value) -> Result<usize, Error> {
    let factor = value.as_u64().and_then(|factor| usize::try_from(factor).ok());
    factor.ok_or_else(|| wrong(place, key, value, "a whole number of 1 or more"))
}

fn power(place: &str, key: &str, value: &Value) -> Result<u32, Error> {
    let power = value.as_u64().and_then(|power| u32::try_from(power).ok());
    power.ok_or_else(|| wrong(place, key, value, "a whole number of 0 or more"))
}

/// Old hls4ml names the implementation of a softmax its strategy; what both may be called is the strategy.
fn strategy(place: &str, value: &Value, section: &mut Section) -> Result<(), Error> {
    let expected = "Latency, Resource, Unrolled or distributed_arithmetic";
    let text = value.as_str().ok_or_else(|| wrong(place, "Strategy", value, expected))?;
    match (text.parse::<Strategy>(), text.parse::<Softmax>()) {
        (Ok(strategy), _) => section.strategy = Some(strategy),
        (Err(_), Ok(softmax)) => section.softmax = Some(softmax),
        _ => return Err(wrong(place, "Strategy", value, expected)),
    }
    Ok(())
}

fn softmax(place: &str, value: &Value) -> Result<Softmax, Error> {
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    let expected = "stable, latency, legacy or argmax";
    parsed.ok_or_else(|| wrong(place, "Implementation", value, expected))
}

pub(super) fn io_type(value: &Value) -> Result<IoType, Error> {
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| wrong("the file", "IOType", value, "io_parallel or io_stream"))
}

fn wrong(place: &str, key: &str, value: &Value, expected: &'static str) -> Error {
    Error::HlsValue { place: place.to_owned(), key: key.to_owned(), given: brief(value), expected }
}

/// As much of a value as a message needs.
pub(super) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
