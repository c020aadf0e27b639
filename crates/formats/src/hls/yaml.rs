//! A configuration on its way into a file: keys in the order in which hls4ml writes them, and only what that needs of YAML.

use std::fmt::Write;

use serde_json::{Map, Value};

/// A value of the configuration.
pub(super) enum Node {
    Text(String),
    Number(usize),
    Flag(bool),
    /// The file of a model, which hls4ml loads: `!keras_model 'FILE'`.
    Model(String),
    Mapping(Vec<(String, Node)>),
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A mapping from its entries.
pub(super) fn mapping<K: Into<String>>(entries: impl IntoIterator<Item = (K, Node)>) -> Node {
    Node::Mapping(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

impl Node {
    /// The text of a file.
    pub(super) fn to_yaml(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text
    }

    /// The same for programs, which need no order.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Model(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Mapping(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), value.to_json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    fn write(&self, depth: usize, text: &mut String) {
        let Self::Mapping(entries) = self else {
            text.push_str(&self.scalar());
            return;
        };
        for (key, value) in entries {
            // Writing to a string cannot fail.
            let _ = write!(text, "{:1$}{2}:", "", 2 * depth, plain(key));
            match value {
                Self::Mapping(inner) if inner.is_empty() => text.push_str(" {}\n"),
                Self::Mapping(_) => {
                    text.push('\n');
                    value.write(depth + 1, text);
                }
                scalar => {
                    let _ = writeln!(text, " {}", scalar.scalar());
                }
            }
        }
    }

    fn scalar(&self) -> String {
        match self {
            Self::Text(value) => plain(value),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Model(path) => format!("!keras_model '{}'", path.replace('\'', "''")),
            Self::Mapping(_) => String::new(),
        }
    }
}

/// Text without quotes where every reader of YAML takes it as that text, else as a JSON string, which is YAML too.
fn plain(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_<>,.%-".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    // YAML 1.1, which hls4ml's reader follows, takes these for truth values and nothing.
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let safe = text.chars().all(is_word) && starts;
    if safe && !reserved.contains(&text.to_lowercase().as_str()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_as_it_is_meant() {
        let tree = mapping([
            ("Model", mapping([("Precision", "fixed<16,6,TRN,WRAP,0>".into())])),
            ("Empty", mapping::<String>([])),
            ("KerasModel", Node::Model("it's/a.keras".to_owned())),
        ]);
        assert_eq!(
            tree.to_yaml(),
            "Model:\n  Precision: fixed<16,6,TRN,WRAP,0>\nEmpty: {}\nKerasModel: !keras_model 'it''s/a.keras'\n"
        );
    }

    proptest! {
        /// Layers may have any name that the graph takes.
        #[test]
        fn any_name_is_read_back(name in "\\PC{1,12}", value in "\\PC{0,12}") {
            let tree = mapping([(name.clone(), mapping([(value.clone(), Node::Text(value.clone()))]))]);
            let read: Value = serde_saphyr::from_str(&tree.to_yaml()).unwrap();
            prop_assert_eq!(read, tree.to_json());
        }
    }

    #[test]
    fn words_with_a_meaning_are_quoted() {
        for word in ["no", "Yes", "null", "~", "1", "1e3", "0x1F", "12:30", "", "- a", ".5", ".inf"]
        {
            assert!(plain(word).starts_with('"'), "{word}");
        }
        assert_eq!(plain("fc1_relu"), "fc1_relu");
    }
}
