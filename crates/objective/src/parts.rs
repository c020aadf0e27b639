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
    /// What else part numbers of it begin with, where letters for hard blocks stand within the name, in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
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

    /// How many letters of a part number this part's begin with; none where the number is another part's.
    fn begins(&self, number: &str) -> Option<usize> {
        let names = self.numbers.iter().chain([&self.name]);
        names.filter(|name| number.starts_with(name.as_str())).map(String::len).max()
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
            let more = part.boards.iter_mut().chain(&mut part.numbers);
            more.for_each(|name| *name = name.to_lowercase());
            parts.retain(|known| known.name != part.name);
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// Parts whose name, family or board contains `pattern`, in any case and with or without spaces and hyphens; all for an empty
    /// one. For a whole part number, the part.
    pub fn matching(&self, pattern: &str) -> Vec<&Part> {
        let plain = |text: &str| text.to_lowercase().replace([' ', '-', '_'], "");
        let (pattern, number) = (plain(pattern), pattern.to_lowercase());
        let contains = |text: &str| plain(text).contains(&pattern);
        let fits = |part: &&Part| {
            let more = part.boards.iter().chain(&part.numbers);
            [&part.name, &part.family].into_iter().chain(more).any(|text| contains(text))
        };
        let found: Vec<&Part> = self.parts.iter().filter(fits).collect();
        if found.is_empty() { self.numbered(&number).into_iter().collect() } else { found }
    }

    /// The part that a part number in lower case begins with, the longest such name.
    fn numbered(&self, number: &str) -> Option<&Part> {
        let begins = |part: &Part| part.begins(number);
        self.parts.iter().filter(|part| begins(part).is_some()).max_by_key(|part| begins(part))
    }

    /// The part that a part number begins with, or that a board carries.
    ///
    /// # Errors
    /// [`Error::UnknownPart`], with the nearest names.
    pub fn find(&self, number: &str) -> Result<&Part, Error> {
        let given = number.to_lowercase();
        let board = self.parts.iter().find(|part| part.boards.contains(&given));
        board.or(self.numbered(&given)).ok_or_else(|| {
            let boards = self.parts.iter().flat_map(|part| part.boards.iter().chain(&part.numbers));
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
        assert!(all.len() > 150, "{}", all.len());
        for part in all {
            let has = |resource: &str| part.resources.get(resource).is_some_and(|&count| count > 0);
            assert!(has("dsp") && has("lut") && has("ff"), "{}", part.name);
            let memory = ["bram36", "m20k", "m10k"].into_iter().any(has);
            assert!(memory && !part.source.is_empty(), "{}", part.name);
            assert_eq!(part.name, part.name.to_lowercase());
            // Two registers for each look-up table, in all of these families.
            assert_eq!(part.resources["ff"], 2 * part.resources["lut"], "{}", part.name);
            let names = part.boards.iter().chain(&part.numbers).chain([&part.name]);
            for name in names {
                assert_eq!(Catalogue::built_in().find(name).unwrap(), part, "found as another");
            }
        }
    }

    /// Names, documents, fabrics and proportions of each family; memories counted in halves or columns confused would stand out.
    #[test]
    fn families_are_alike() {
        let (amd, intel) = (200.0..2000.0, 100.0..350.0);
        for (family, name, document, fabric, memory, per_block) in [
            ("Spartan-7", "xc7s", "DS180", Family::Series7, "bram36", &amd),
            ("Artix-7", "xc7a", "DS180", Family::Series7, "bram36", &amd),
            ("Kintex-7", "xc7k", "DS180", Family::Series7, "bram36", &amd),
            ("Virtex-7", "xc7v", "DS180", Family::Series7, "bram36", &amd),
            ("Zynq-7000", "xc7z", "DS190", Family::Series7, "bram36", &amd),
            ("Kintex UltraScale", "xcku", "DS890", Family::Ultrascale, "bram36", &amd),
            ("Virtex UltraScale", "xcvu", "DS890", Family::Ultrascale, "bram36", &amd),
            ("Artix UltraScale+", "xcau", "DS890", Family::Ultrascale, "bram36", &amd),
            ("Kintex UltraScale+", "xcku", "DS890", Family::Ultrascale, "bram36", &amd),
            ("Virtex UltraScale+", "xcvu", "DS890", Family::Ultrascale, "bram36", &amd),
            ("Alveo", "xcu", "DS9", Family::Ultrascale, "bram36", &amd),
            ("Zynq UltraScale+", "xc", "DS", Family::Ultrascale, "bram36", &amd),
            ("Versal", "xcv", "DS950", Family::Versal, "bram36", &amd),
            ("Agilex 7", "ag", "Agilex 7", Family::Intel, "m20k", &intel),
            ("Stratix 10", "1s", "683729", Family::Intel, "m20k", &intel),
            ("Arria 10", "10a", "683332", Family::Intel, "m20k", &intel),
            ("Cyclone V", "5c", "683694", Family::Intel, "m10k", &intel),
        ] {
            let parts = Catalogue::built_in().matching("").into_iter();
            let parts: Vec<&Part> = parts.filter(|part| part.family == family).collect();
            assert!(!parts.is_empty(), "{family}");
            for part in parts {
                let told = part.name.starts_with(name) && part.source.contains(document);
                assert!(told && part.fabric() == fabric, "{part:?}");
                let count = |resource: &str| part.resources[resource] as f64;
                assert!(per_block.contains(&(count("lut") / count(memory))), "{part:?}");
                assert!((30.0..1100.0).contains(&(count("lut") / count("dsp"))), "{part:?}");
                if fabric == Family::Intel {
                    assert_eq!(part.resources["lut"], 2 * part.resources["alm"], "{part:?}");
                }
            }
        }
    }

    /// One die under several names.
    #[test]
    fn equal_dies_have_equal_counts() {
        for names in [
            &["xcvu9p", "xcu200"][..],
            &["xcvu13p", "xcvu29p", "xcu250"],
            &["xcvu35p", "xcvu45p", "xcu50"],
            &["xcvu37p", "xcvu47p", "xcvu57p", "xcu280", "xcu55c"],
            &["xczu5", "xck26"],
            &["xczu9", "xcku9p"],
            &["xczu15", "xcku13p"],
            &["xczu19", "xcku15p"],
            &["xczu28dr", "xczu48dr", "xczu27dr", "xczu39dr"],
            &["xcvc1902", "xcvm1802"],
            &["1sg280", "1sx280"],
            &["10ax066", "10as066"],
        ] {
            let parts = names.iter().map(|name| Catalogue::built_in().find(name).unwrap());
            let parts: Vec<&Part> = parts.collect();
            let same = |part: &&Part| part.resources == parts[0].resources;
            assert!(parts.iter().all(same), "{names:?}");
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
        assert_eq!(name("xc7s50csga324-1"), Ok("xc7s50"));
        assert_eq!(name("5CSEBA6U23I7"), Ok("5csea6"));
        assert_eq!(name("AGFB014R24B2E2V"), Ok("agf014"));
        assert_eq!(parts.matching("xc7z020clg400-1")[0].name, "xc7z020");
        assert!(parts.matching("xc9").is_empty());
        assert_eq!(parts.matching("Agilex7").len(), parts.matching("agilex 7").len());
        assert_eq!(parts.matching("pynq_z2")[0].name, "xc7z020");
        assert_eq!(parts.find("xc7s50").unwrap().fabric(), Family::Series7);
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
