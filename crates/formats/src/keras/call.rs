//! Quantisers written as Python calls, `quantized_bits(6, 0, alpha=1)`, as QKeras reads them.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

/// A call: the name and its arguments, those without a name under their place.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) positional: Vec<Value>,
    pub(super) named: BTreeMap<String, Value>,
}

/// Reads a call with constants for arguments; a bare name is a call without any.
pub(super) fn parse(text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(').unwrap_or((text, ")"));
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let arguments = rest.trim_end().strip_suffix(')')?;
    if name.is_empty() || !name.chars().all(plain) || arguments.contains('(') {
        return None;
    }
    let (mut positional, mut named) = (Vec::new(), BTreeMap::new());
    for argument in arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()) {
        match argument.split_once('=') {
            Some((key, value)) => {
                named.insert(key.trim().to_owned(), constant(value.trim())?);
            }
            None => positional.push(constant(argument)?),
        }
    }
    Some(Call { name: name.to_owned(), positional, named })
}

fn constant(text: &str) -> Option<Value> {
    match text {
        "None" => return Some(Value::Null),
        "True" => return Some(Value::Bool(true)),
        "False" => return Some(Value::Bool(false)),
        _ => {}
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return Some(Value::String(inner.to_owned()));
        }
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse().ok().and_then(Number::from_f64).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let call = parse("quantized_bits(6, 0,alpha='auto_po2', keep_negative=False)").unwrap();
        assert_eq!(
            (call.name.as_str(), call.positional),
            ("quantized_bits", vec![6.into(), 0.into()])
        );
        assert_eq!(call.named["alpha"], Value::String("auto_po2".to_owned()));
        assert_eq!(call.named["keep_negative"], Value::Bool(false));
        assert_eq!(parse("binary").unwrap().positional, Vec::<Value>::new());
        for broken in ["", "f(", "f(g(1))", "f(x)", "f(1", "1+1"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
