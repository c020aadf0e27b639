use serde::{Deserialize, Serialize};

use crate::Error;

/// Which weights form a group (spec/optimization.md section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Every weight for itself.
    Unstructured,
    /// A neuron (column of a Dense kernel) or a filter of a convolution.
    Structured,
    /// The weights that one multiplier works on in turn, `consecutive` multipliers at a time.
    Pattern {
        /// Number of multipliers: the kernel's size over the reuse factor.
        offset: usize,
        /// How many neighbouring multipliers form a group.
        consecutive: usize,
    },
    /// Row-major tiles of a rank-2 kernel.
    Block {
        /// Rows of a tile.
        height: usize,
        /// Columns of a tile.
        width: usize,
    },
}

impl std::fmt::Display for Structure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unstructured => f.pad("unstructured"),
            Self::Structured => f.pad("structured"),
            Self::Pattern { offset, consecutive } => {
                f.pad(&format!("pattern {offset}/{consecutive}"))
            }
            Self::Block { height, width } => f.pad(&format!("block {height}x{width}")),
        }
    }
}

impl std::str::FromStr for Structure {
    type Err = Error;

    /// Reads what [`Display`](std::fmt::Display) writes: `unstructured`, `structured`, `pattern 256/1`, `block 2x4`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let pair = |numbers: &str, between| {
            let (first, second) = numbers.split_once(between)?;
            Some((first.trim().parse().ok()?, second.trim().parse().ok()?))
        };
        let found = match text.trim().split_once(' ') {
            None if text.trim() == "unstructured" => Some(Self::Unstructured),
            None if text.trim() == "structured" => Some(Self::Structured),
            Some(("pattern", numbers)) => pair(numbers, '/')
                .map(|(offset, consecutive)| Self::Pattern { offset, consecutive }),
            Some(("block", numbers)) => {
                pair(numbers, 'x').map(|(height, width)| Self::Block { height, width })
            }
            _ => None,
        };
        found.ok_or_else(|| Error::UnknownStructure { given: text.to_owned() })
    }
}

/// What may be done to a layer's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OptimizationAttributes {
    /// Which weights stand or fall together.
    pub structure: Structure,
    /// Groups may be set to zero.
    pub pruning: bool,
    /// Groups may be set to their mean.
    pub weight_sharing: bool,
}

impl OptimizationAttributes {
    /// Pruning of groups of this structure.
    pub fn pruning(structure: Structure) -> Self {
        Self { structure, pruning: true, weight_sharing: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_read_as_they_are_written() {
        for text in ["unstructured", "structured", "pattern 256/1", "block 2x4"] {
            assert_eq!(text.parse::<Structure>().unwrap().to_string(), text);
        }
        for text in ["", "pattern", "pattern 4", "block 2/4", "Structured", "block -1x2"] {
            let error = text.parse::<Structure>().unwrap_err().to_string();
            assert!(error.contains("block 2x4"), "{error}");
        }
    }
}
