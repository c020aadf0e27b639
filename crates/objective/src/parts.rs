//! What parts have: a catalogue of FPGAs and boards with their resources, each with the document it is from.
//!
//! ```
//! use handaxe_objective::parts::Catalogue;
//!
//! let parts = Catalogue::built_in();
//! let part = parts.find("xc7z020-clg400-1")?; // package and speed grade don't matter
//! assert_eq!(part.resources["dsp"], 220);
//! assert_eq!(parts.find("pynq-z2")?.name, part.name);
//! # Ok::<(), handaxe_objective::Error>(())
//! ```

use std::collections::BTreeMap;
use std::sync::LazyLock;

use handaxe_graph::nearest;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::estimate::{Family, Profile, Tool};

/// The built-in catalogue.
const BUILT_IN: &str = include_str!("parts.json");

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue { parts: serde_json::from_str(BUILT_IN).unwrap_or_default() });

/// An FPGA and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What part numbers of it begin with, in lower case.
    pub name: String,
    /// The family's name.
    pub family: String,
    /// Boards that carry it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boards: Vec<String>,
    /// Counts by resource: `dsp`, `lut`, `ff`, `bram36`, `uram`; on Intel's parts `lut` are adaptive look-up tables, two to an
    /// `alm`, and memories are `m20k` or `m10k` and `mlab`.
    pub resources: BTreeMap<String, u64>,
    /// The document that says so.
    pub source: String,
}

impl Part {
    /// The kind of fabric, by the family's name.
    pub fn fabric(&self) -> Family {
        let family = self.family.to_lowercase();
        let is = |names: &[&str]| names.iter().any(|name| family.contains(name));
        if is(&["ultrascale", "alveo"]) {
            Family::Ultrascale
        } else if is(&["versal"]) {
            Family::Versal
        } else if is(&["agilex", "stratix", "cyclone", "arria", "max"]) {
            Family::Intel
        } else {
            Family::Series7
        }
    }

    /// The tool that builds for it today.
    fn usual_tool(&self) -> Tool {
        if self.fabric() == Family::Intel { Tool::Quartus } else { Tool::Vitis }
    }

    /// What an estimate for it holds for by default: its fabric, by today's tool.
    pub fn profile(&self) -> Profile {
        Profile { tool: self.usual_tool(), family: self.fabric(), ..Profile::default() }
    }
}

/// A list as the command line prints it.
#[derive(Deserialize)]
struct Printed {
    parts: Vec<Part>,
}

/// Parts, in the order of their families.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    parts: Vec<Part>,
}

impl Catalogue {
    /// The one that comes with handaxe.
    pub fn built_in() -> &'static Self {
        &CATALOGUE
    }

    /// This one and the parts of a JSON list in the form of the built-in one, which replace those of the same name. The list may
    /// be the `parts` of an object, as `handaxe parts --json` prints it.
    ///
    /// # Errors
    /// [`Error::Parts`] for text that is no such list, or a part without a name.
    pub fn with(&self, json: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Parts { reason };
        let printed = json.trim_start().starts_with('{');
        let more = if printed {
            serde_json::from_str::<Printed>(json).map(|printed| printed.parts)
        } else {
            serde_json::from_str::<Vec<Part>>(json)
        };
        let mut parts = self.parts.clone();
        for mut part in more.map_err(|error| wrong(error.to_string()))? {
            if part.name.trim().is_empty() {
                return Err(wrong("a part has no name".to_owned()));
            }
            part.name = part.name.to_lowercase();
            part.boards.iter_mut().for_each(|board| *board = board.to_lowercase());
            parts.retain(|known| known.name != part.name);
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// Parts whose name, family or board contains `pattern`, in any case; all for an empty one.
    pub fn matching(&self, pattern: &str) -> Vec<&Part> {
        let pattern = pattern.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&pattern);
        let fits = |part: &&Part| {
            contains(&part.name)
                || contains(&part.family)
                || part.boards.iter().any(|board| contains(board))
        };
        self.parts.iter().filter(fits).collect()
    }

    /// The part that a part number begins with, or that a board carries.
    ///
    /// # Errors
    /// [`Error::UnknownPart`], with the nearest names.
    pub fn find(&self, number: &str) -> Result<&Part, Error> {
        let given = number.to_lowercase();
        let board = self.parts.iter().find(|part| part.boards.contains(&given));
        let begins = self.parts.iter().filter(|part| given.starts_with(&part.name));
        let longest = begins.max_by_key(|part| part.name.len());
        board.or(longest).ok_or_else(|| {
            let boards = self.parts.iter().flat_map(|part| &part.boards);
            let names = self.parts.iter().map(|part| &part.name).chain(boards);
            // What contains the text, as `xczu` for a whole family; else what it may have been meant as.
            let containing = self.matching(&given).into_iter().map(|part| part.name.clone());
            let containing: Vec<String> =
                containing.take(if given.is_empty() { 0 } else { 3 }).collect();
            let near = || nearest(&given, names.map(String::as_str)).into_iter().collect();
            let nearest = if containing.is_empty() { near() } else { containing };
            Error::UnknownPart { given: number.to_owned(), nearest }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_whole() {
        let all = Catalogue::built_in().matching("");
        assert!(all.len() > 70, "{}", all.len());
        for part in all {
            let has = |resource: &str| part.resources.get(resource).is_some_and(|&count| count > 0);
            assert!(has("dsp") && has("lut") && has("ff"), "{}", part.name);
            let memory = ["bram36", "m20k", "m10k"].into_iter().any(has);
            assert!(memory && !part.source.is_empty(), "{}", part.name);
            assert_eq!(part.name, part.name.to_lowercase());
            // Two registers for each look-up table, in all of these families.
            assert_eq!(part.resources["ff"], 2 * part.resources["lut"], "{}", part.name);
            assert_eq!(Catalogue::built_in().find(&part.name).unwrap(), part, "found as another");
        }
    }

    #[test]
    fn part_numbers_and_boards_are_found() {
        let parts = Catalogue::built_in();
        let name = |number: &str| parts.find(number).map(|part| part.name.as_str());
        assert_eq!(name("xczu15eg-ffvb1156-2-e"), Ok("xczu15"));
        assert_eq!(name("XCZU1CG-sbva484"), Ok("xczu1"));
        assert_eq!(name("xcu250-figd2104-2L-e"), Ok("xcu250"));
        assert_eq!(name("pynq-z2"), Ok("xc7z020"));
        let error = |name: &str| parts.find(name).unwrap_err().to_string();
        assert!(error("pynq-z3").contains("did you mean `pynq-z"), "{}", error("pynq-z3"));
        assert!(error("agilex").contains("did you mean `agf006`, `agf"), "{}", error("agilex"));
        assert!(!error("").contains("did you mean"), "{}", error(""));
        assert_eq!(parts.find("agf014").unwrap().fabric(), Family::Intel);
        assert_eq!(parts.find("xcvu9p").unwrap().fabric(), Family::Ultrascale);
    }

    #[test]
    fn a_file_adds_and_replaces() {
        let json = r#"[{"name": "XC7Z020", "family": "Zynq-7000", "resources": {"dsp": 1}, "source": "mine"},
            {"name": "toy", "family": "Artix-7", "resources": {"dsp": 2}, "source": "mine"}]"#;
        let parts = Catalogue::built_in().with(json).unwrap();
        assert_eq!(parts.find("xc7z020").unwrap().resources["dsp"], 1);
        assert_eq!(parts.find("toy-1").unwrap().resources["dsp"], 2);
        let boards = r#"{"schema": 1, "parts": [{"name": "toy", "family": "Artix-7", "boards": ["My-Toy"], "resources": {}, "source": ""}]}"#;
        assert_eq!(parts.with(boards).unwrap().find("MY-toy").unwrap().name, "toy");
        for (wrong, told) in [
            (r#"[{"name": "x", "dsps": 3}]"#, "dsps"),
            (r#"[{"name": " ", "family": "", "resources": {}, "source": ""}]"#, "no name"),
        ] {
            let error = parts.with(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
