use serde::{Deserialize, Serialize};

/// The tool whose report is foretold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Vivado HLS up to 2020.1.
    #[default]
    Vivado,
    /// Vitis HLS from 2020.2 on.
    Vitis,
    /// Intel's HLS compiler, oneAPI and Quartus: no rows, so the figures are AMD's, far and wide.
    Quartus,
}

/// Parts whose fabric is built alike.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Artix-7, Kintex-7, Virtex-7, Zynq-7000.
    Series7,
    /// UltraScale and UltraScale+, Zynq UltraScale+ and the Alveo cards.
    #[default]
    Ultrascale,
    /// Versal.
    Versal,
    /// Intel's parts.
    Intel,
}

/// What multiplications are bound to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Multipliers {
    /// DSP blocks where the tool finds them worth it.
    #[default]
    Auto,
    /// DSP blocks for all that are not a few additions.
    Dsp,
    /// Look-up tables.
    Fabric,
}

/// What an estimate holds for: tool, parts and clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The tool.
    pub tool: Tool,
    /// The parts.
    pub family: Family,
    /// The clock's period that is asked of the tool, in nanoseconds.
    pub clock_ns: f64,
    /// What multiplications are bound to.
    #[serde(default)]
    pub multipliers: Multipliers,
}

impl Default for Profile {
    /// Vivado HLS, UltraScale+, 5 ns: what most rows are of.
    fn default() -> Self {
        Self {
            tool: Tool::default(),
            family: Family::default(),
            clock_ns: 5.0,
            multipliers: Multipliers::default(),
        }
    }
}

impl std::fmt::Display for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Vivado => "Vivado HLS",
            Self::Vitis => "Vitis HLS",
            Self::Quartus => "Quartus",
        })
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Series7 => "7 series",
            Self::Ultrascale => "UltraScale+",
            Self::Versal => "Versal",
            Self::Intel => "Intel",
        })
    }
}

/// Bits of a product from which Vivado takes a DSP block for a constant multiplication that is no few additions.
const VIVADO_PRODUCT: u32 = 21;
/// The same in Vitis.
const VITIS_PRODUCT: u32 = 20;
/// Weights of up to so many bits never take a DSP block in Vivado when they are constants.
const VIVADO_NARROW: u32 = 6;

impl Profile {
    /// DSP blocks of one product of operands of `a` and `b` bits: more than one where an operand is too wide for a block.
    pub fn blocks(&self, a: u32, b: u32) -> u64 {
        let (narrow, wide) = (a.min(b), a.max(b));
        let port = if self.family == Family::Series7 { 25 } else { 27 };
        let pieces = |width: u32, port: u32| u64::from(width.div_ceil(port).max(1));
        pieces(narrow, 18) * pieces(wide, port)
    }

    /// DSP blocks of a multiplication by a weight that comes from memory.
    pub(crate) fn variable(&self, input: u32, weight: u32) -> u64 {
        match self.multipliers {
            Multipliers::Fabric => 0,
            Multipliers::Auto if input + weight < VIVADO_PRODUCT => 0,
            _ => self.blocks(input, weight),
        }
    }

    /// DSP blocks of a multiplication by a constant of `digits` bits in a type of `weight` bits.
    pub(crate) fn constant(&self, input: u32, digits: u32, weight: u32) -> u64 {
        let taken = match (self.multipliers, self.tool) {
            (Multipliers::Fabric, _) => false,
            (Multipliers::Dsp, _) => true,
            (_, Tool::Vivado) => weight > VIVADO_NARROW && input + digits >= VIVADO_PRODUCT,
            (_, Tool::Vitis | Tool::Quartus) => input + digits >= VITIS_PRODUCT,
        };
        if taken { self.blocks(input, digits) } else { 0 }
    }
}
