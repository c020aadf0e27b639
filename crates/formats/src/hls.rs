//! hls4ml's configurations, from YAML or JSON.
//!
//! [`Template`] writes one for a model. Read are what `config_from_keras_model` gives (levels `Model`, `LayerType`, `LayerName`) and the `hls4ml_config.yml` of a
//! project, which holds it under `HLSConfig` beside `IOType`, `Backend` and others. Keys may be written in any case, with
//! or without underscores, and types with or without `_t`. `Precision` may be one string or a mapping. What hls4ml writes
//! and handaxe has no use for is passed over; any other unknown key is an error, since it is a setting that would be lost.

mod json;
mod keys;
mod kind;
mod section;
mod template;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use handaxe_graph::{HlsConfig, Section};
use serde_json::{Map, Value};

use crate::Error;
use crate::read::read_at_most;
pub use json::json;
use keys::{LEVELS, PROJECT, is, nearest_key};
pub use template::{Backend, Granularity, Project, Template};

/// The largest configuration that is read, in bytes.
const MOST_TEXT: u64 = 1 << 23;

/// Reads a configuration from a file.
///
/// # Errors
/// As [`parse`], or the file cannot be read.
pub fn load(path: impl AsRef<Path>) -> Result<HlsConfig, Error> {
    let path = path.as_ref();
    let bytes = read_at_most(path, MOST_TEXT)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|error| Error::NotText { place: error.valid_up_to() });
    text.and_then(parse).map_err(|error| error.in_file(path))
}

/// Reads a configuration from the text of a file.
///
/// ```
/// let config = handaxe_formats::hls::parse(
///     "
/// Model:
///   Precision: ap_fixed<16,6>
///   ReuseFactor: 4
///   Strategy: Resource
/// LayerName:
///   fc1:
///     Precision: {weight: 'ap_fixed<8,2>', result_t: auto}
/// ",
/// )?;
/// assert_eq!(config.model.reuse_factor, Some(4));
/// assert_eq!(config.layer_name["fc1"].precision["weight"].to_string(), "fixed<8,2,TRN,WRAP,0>");
///
/// let mistake = handaxe_formats::hls::parse("Model: {ReuseFaktor: 4}").unwrap_err();
/// assert_eq!(mistake.to_string(), "Model: unknown key `ReuseFaktor`; did you mean `ReuseFactor`?");
/// # Ok::<(), handaxe_formats::Error>(())
/// ```
///
/// # Errors
/// Text that is neither YAML nor JSON, unknown keys, precisions and other values that cannot be: with their place.
pub fn parse(text: &str) -> Result<HlsConfig, Error> {
    if text.len() as u64 > MOST_TEXT {
        return Err(Error::FileTooLarge { most: MOST_TEXT });
    }
    let document = document(text)?;
    let top = mapping("the file", &document)?;
    let nested = top.iter().find(|(key, _)| is(key, "HLSConfig"));
    let mut config = HlsConfig::default();
    for (key, value) in top {
        if is(key, "IOType") {
            config.io_type = optional(value).map(section::io_type).transpose()?;
        } else if nested.is_some() && LEVELS.iter().any(|level| is(key, level)) {
            return Err(unknown("the file", key, PROJECT)); // it stands beside HLSConfig instead of in it
        } else if nested.is_none() && level(&mut config, key, value)? {
            // taken
        } else if !PROJECT.iter().any(|known| is(key, known)) {
            return Err(unknown("the file", key, LEVELS.iter().chain(PROJECT)));
        }
    }
    if let Some((_, value)) = nested {
        for (key, value) in mapping("HLSConfig", value)? {
            if !level(&mut config, key, value)? {
                return Err(unknown("HLSConfig", key, LEVELS));
            }
        }
    }
    config.verify()?;
    Ok(config)
}

/// Takes one level of the configuration; false if `key` is none.
fn level(config: &mut HlsConfig, key: &str, value: &Value) -> Result<bool, Error> {
    if is(key, "Model") {
        config.model = section::section("Model", value)?;
    } else if is(key, "LayerType") {
        config.layer_type = sections("LayerType", value)?;
    } else if is(key, "LayerName") {
        config.layer_name = sections("LayerName", value)?;
    } else {
        // Flows, Optimizers and SkipOptimizers steer hls4ml's own passes.
        return Ok(LEVELS.iter().any(|known| is(key, known)));
    }
    Ok(true)
}

fn sections(level: &str, value: &Value) -> Result<BTreeMap<String, Section>, Error> {
    let Some(value) = optional(value) else { return Ok(BTreeMap::new()) };
    let (mut found, mut lower) = (BTreeMap::new(), BTreeSet::new());
    for (name, value) in mapping(level, value)? {
        // hls4ml looks names up in lower case, so that of two only one would count.
        if !lower.insert(name.to_lowercase()) {
            return Err(Error::HlsTwice { place: level.to_owned(), key: name.clone() });
        }
        found.insert(name.clone(), section::section(&format!("{level} {name}"), value)?);
    }
    Ok(found)
}

/// What begins with a brace is JSON, or YAML that looks like it. Tags such as `!keras_model` only concern hls4ml.
fn document(text: &str) -> Result<Value, Error> {
    let json = match text.trim_start().starts_with('{').then(|| serde_json::from_str(text)) {
        Some(Ok(value)) => return Ok(value),
        Some(Err(error)) => Some(error.to_string()),
        None => None,
    };
    serde_saphyr::from_str(text).map_err(|error| Error::HlsSyntax {
        what: json.unwrap_or_else(|| error.without_snippet().to_string()),
    })
}

/// A value, unless it is null, which stands for nothing said.
fn optional(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}

fn mapping<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Error> {
    value.as_object().ok_or_else(|| Error::HlsValue {
        place: place.to_owned(),
        key: "its content".to_owned(),
        given: section::brief(value),
        expected: "a mapping from keys to values",
    })
}

fn unknown<'a>(place: &str, key: &str, known: impl IntoIterator<Item = &'a &'static str>) -> Error {
    let nearest = nearest_key(key, known);
    Error::HlsKey { place: place.to_owned(), key: key.to_owned(), nearest }
}
