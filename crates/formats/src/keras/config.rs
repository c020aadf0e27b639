//! The architecture as Keras writes it, in the form that all generations have in common.

use serde_json::{Map, Value};

use crate::Error;

/// Longest name of a layer or of a type, in bytes: messages repeat them.
const LONGEST_NAME: usize = 1 << 10;
/// How deep models may lie in models, and wrappers around layers.
pub(super) const DEEPEST: usize = 16;

/// A model and the generation of Keras that wrote it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) model: Value,
    /// Keras 3 changed some activations' formulas and defaults.
    pub(super) keras_3: bool,
}

impl Config {
    /// Reads the architecture; `version` if it stands elsewhere.
    pub(super) fn parse(text: &str, version: Option<&str>) -> Result<Self, Error> {
        let model: Value = serde_json::from_str(text)
            .map_err(|error| Error::KerasJson { part: "the architecture", error })?;
        let stated = model.get("keras_version").and_then(Value::as_str);
        let keras_3 = version.or(stated).is_some_and(|version| version.starts_with('3'));
        Ok(Self { model, keras_3 })
    }
}

/// An object of Keras: its type, its name and what it was made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    /// The type without its package.
    pub(super) class: &'a str,
    /// The layer's name, empty if it has none.
    pub(super) name: &'a str,
    pub(super) config: &'a Value,
    /// The whole object.
    pub(super) whole: &'a Value,
}

impl<'a> Object<'a> {
    pub(super) fn new(value: &'a Value) -> Result<Self, Error> {
        let class = value.get("class_name").and_then(Value::as_str);
        let (Some(class), Some(config)) = (class, value.get("config")) else {
            return Err(Error::KerasObject { given: brief(value) });
        };
        let class = class.rsplit('>').next().unwrap_or(class);
        let name = config.get("name").or_else(|| value.get("name")).and_then(Value::as_str);
        let name = name.unwrap_or("");
        if let Some(long) = [name, class].into_iter().find(|name| name.len() > LONGEST_NAME) {
            let given = format!("a name of {} bytes", long.len());
            return Err(Error::KerasShape { what: "a layer", given });
        }
        Ok(Self { class, name, config, whole: value })
    }

    /// A setting; null counts as not given.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.config.get(key).filter(|value| !value.is_null())
    }

    /// The first of some settings that is given.
    pub(super) fn any(&self, keys: &[&str]) -> Option<&'a Value> {
        keys.iter().find_map(|key| self.get(key))
    }

    pub(super) fn text(&self, key: &'static str, default: &'a str) -> Result<&'a str, Error> {
        self.typed(key, default, "a text", Value::as_str)
    }

    pub(super) fn flag(&self, key: &'static str, default: bool) -> Result<bool, Error> {
        self.typed(key, default, "true or false", truth)
    }

    pub(super) fn float(&self, key: &'static str, default: f64) -> Result<f64, Error> {
        self.typed(key, default, "a number", Value::as_f64)
    }

    pub(super) fn count(&self, key: &'static str) -> Result<usize, Error> {
        let value = self.get(key).ok_or_else(|| self.wrong(key, &Value::Null, "a whole number"))?;
        size(value).ok_or_else(|| self.wrong(key, value, "a whole number of 0 or more"))
    }

    /// One number for all, or one for each of `rank` axes.
    pub(super) fn counts(&self, key: &'static str, rank: usize) -> Result<Vec<usize>, Error> {
        let value = self.get(key).ok_or_else(|| self.wrong(key, &Value::Null, "whole numbers"))?;
        let wrong = || self.wrong(key, value, "a whole number for each axis");
        if let Some(one) = size(value) {
            return Ok(vec![one; rank]);
        }
        let many: Option<Vec<usize>> =
            value.as_array().and_then(|values| values.iter().map(size).collect());
        many.filter(|many| many.len() == rank).ok_or_else(wrong)
    }

    /// Whole numbers with a sign.
    pub(super) fn counts_signed(&self, key: &'static str) -> Result<Vec<i64>, Error> {
        let value = self.get(key).unwrap_or(&Value::Null);
        let many = value.as_array().and_then(|values| values.iter().map(Value::as_i64).collect());
        many.ok_or_else(|| self.wrong(key, value, "a list of whole numbers"))
    }

    fn typed<T>(
        &self,
        key: &'static str,
        default: T,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, Error> {
        let Some(value) = self.get(key) else { return Ok(default) };
        read(value).ok_or_else(|| self.wrong(key, value, expected))
    }

    /// A setting that cannot be.
    pub(super) fn wrong(&self, key: &'static str, given: &Value, expected: &'static str) -> Error {
        Error::KerasValue {
            layer: self.name.to_owned(),
            class: self.class.to_owned(),
            key,
            given: brief(given),
            expected,
        }
    }

    /// A layer that cannot be loaded.
    pub(super) fn unsupported(&self, why: &'static str) -> Error {
        let (layer, class) = (self.name.to_owned(), self.class.to_owned());
        Error::KerasLayer { layer, class, why }
    }
}

/// A whole number of 0 or more.
pub(super) fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|value| usize::try_from(value).ok())
}

/// True or false, for which Python also has 1 and 0.
pub(super) fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_f64().map(|number| number != 0.0))
}

pub(super) fn object<'a>(
    value: &'a Value,
    what: &'static str,
) -> Result<&'a Map<String, Value>, Error> {
    value.as_object().ok_or_else(|| Error::KerasShape { what, given: brief(value) })
}

pub(super) fn array<'a>(value: &'a Value, what: &'static str) -> Result<&'a [Value], Error> {
    let array = value.as_array().ok_or_else(|| Error::KerasShape { what, given: brief(value) })?;
    Ok(array)
}

/// As much of a value as a message needs; large ones are not written out first.
pub(super) fn brief(value: &Value) -> String {
    match value {
        Value::Array(values) if values.len() > 4 => format!("a list of {}", values.len()),
        Value::Object(values) if values.len() > 4 => format!("a mapping of {}", values.len()),
        value => {
            let text = value.to_string();
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("{}...", &text[..end]),
                None => text,
            }
        }
    }
}
