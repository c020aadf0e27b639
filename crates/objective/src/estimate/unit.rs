use handaxe_graph::{IoType, Strategy};
use serde::{Deserialize, Serialize};

use super::codes::Codes;
use super::figure::Quantity;
use super::profile::Tool;

/// One piece of a design as it is built, with the widths that it is built with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// The layer's name.
    pub name: String,
    /// What it does.
    pub work: Work,
    /// How arrays reach it.
    pub io_type: IoType,
    /// Numbers that it takes at a time: all inputs, or in io_stream the channels of one position.
    pub inputs: u64,
    /// Numbers that it gives at a time.
    pub outputs: u64,
    /// Bits of an input.
    pub input_bits: u32,
    /// Bits of an output.
    pub output_bits: u32,
    /// Positions that arrive one after the other for one sample, 1 for a layer that takes all at once.
    pub positions: u64,
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Sums of products with the weights.
    Matrix(Matrix),
    /// One multiplication and addition for each element.
    Scale {
        /// Bits of the factors.
        weight_bits: u32,
    },
    /// max(x, 0), its kin, and casts.
    Clip,
    /// A sigmoid by a table.
    Sigmoid,
    /// A tanh, or another odd function, by a table.
    Tanh,
    /// Softmax.
    Softmax,
    /// Pooling: a window of so many elements.
    Pool {
        /// Elements of the window.
        window: u64,
        /// Elements that wait for their window in io_stream.
        buffered: u64,
    },
    /// Element by element of two or more arrays.
    Merge {
        /// How many arrays.
        arrays: u64,
        /// Whether they are multiplied.
        product: bool,
    },
    /// Wires.
    Wires,
    /// What no rule and no row is known of.
    Unknown,
}

/// The matrix of a Dense layer or a convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Rows: inputs of a sum.
    pub n_in: u64,
    /// Columns.
    pub n_out: u64,
    /// How it is laid out.
    pub strategy: Strategy,
    /// Weights that a multiplier works through.
    pub reuse: u64,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// Bits of the sums.
    pub sum_bits: u32,
    /// Copies of it that work side by side.
    pub copies: u64,
    /// How often each is used for one sample.
    pub turns: u64,
    /// Numbers of earlier positions that wait for the window in io_stream; 0 for a Dense layer.
    pub buffered: u64,
    /// Its weights.
    pub codes: Codes,
}

/// How the multiplications of a matrix are built, which decides what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Latency, all at once.
    Latency,
    /// The same with weights of six bits or fewer, whose multiplications are additions.
    LatencyNarrow,
    /// Latency with a reuse factor above 1: the tool is told how many multipliers there are.
    Shared,
    /// The same with six bits or fewer.
    SharedNarrow,
    /// Resource with a reuse factor of 1.
    Flat,
    /// The same with six bits or fewer.
    FlatNarrow,
    /// Resource with a reuse factor up to the number of inputs.
    Inner,
    /// Resource, a multiplier works for exactly two outputs.
    Pair,
    /// Resource, a multiplier works for more outputs.
    Outer,
    /// A factor for each element.
    Scale,
    /// Clipping.
    Clip,
    /// A table for each element.
    Sigmoid,
    /// Half a table for each element.
    Tanh,
    /// Softmax.
    Softmax,
    /// Pooling.
    Pool,
    /// Joining.
    Merge,
    /// Nothing known.
    Unknown,
    /// A whole design, over the sum of its parts.
    Design,
}

impl Regime {
    /// The regime that shares the constants of a figure: narrow weights are registered like wide ones, and shared multipliers like
    /// others. Only Vivado's look-up tables differ: where it makes fewer multipliers, it puts multiplexers before them, and weights
    /// without multipliers are built of other sums.
    pub(crate) fn pooled(self, quantity: Quantity, tool: Tool) -> Self {
        match (self, quantity) {
            (Self::SharedNarrow, Quantity::Lut) if tool == Tool::Vivado => Self::LatencyNarrow,
            (_, Quantity::Lut) if tool == Tool::Vivado => self,
            (_, Quantity::Lut | Quantity::Ff) if self.is_borrowed(tool) => Self::Latency,
            (
                Self::LatencyNarrow | Self::Shared | Self::SharedNarrow,
                Quantity::Lut | Quantity::Ff,
            ) => Self::Latency,
            _ => self,
        }
    }

    /// Whether other rows stand in: only Vivado's have layers of strategy Resource without reuse, which are built like those of
    /// strategy Latency.
    pub(crate) fn is_borrowed(self, tool: Tool) -> bool {
        matches!(self, Self::Flat | Self::FlatNarrow) && tool != Tool::Vivado
    }

    /// Whether a new sample is taken in each cycle.
    pub(crate) fn is_pipelined(self) -> bool {
        matches!(self, Self::Latency | Self::LatencyNarrow)
    }

    /// All that figures are fitted for.
    pub const ALL: [Self; 18] = [
        Self::Latency,
        Self::LatencyNarrow,
        Self::Shared,
        Self::SharedNarrow,
        Self::Flat,
        Self::FlatNarrow,
        Self::Inner,
        Self::Pair,
        Self::Outer,
        Self::Scale,
        Self::Clip,
        Self::Sigmoid,
        Self::Tanh,
        Self::Softmax,
        Self::Pool,
        Self::Merge,
        Self::Unknown,
        Self::Design,
    ];
}

/// Multiplications up to which a tool builds an unrolled matrix like a smaller one.
const UNROLLED: u64 = 4096;
/// Weights of up to so many bits are added up, not multiplied.
const NARROW: u32 = 6;

impl Matrix {
    /// Weights.
    pub fn weights(&self) -> u64 {
        self.n_in * self.n_out
    }

    /// Multipliers of the Resource strategy; an unrolled matrix has none where all weights of one are zero.
    pub fn multipliers(&self) -> u64 {
        match self.strategy {
            Strategy::Unrolled => self.codes.busy,
            _ => self.weights().div_ceil(self.reuse.max(1)),
        }
    }

    /// Bits of the last multiplier's weights; which one is the last of an unrolled matrix, no row tells.
    pub(crate) fn last_bits(&self) -> u32 {
        match self.strategy {
            Strategy::Unrolled => self.weight_bits,
            _ => self.codes.last_bits,
        }
    }

    /// Whether it is unrolled and so large that no tool builds it as it builds smaller ones, if at all: sums are no balanced
    /// trees any more.
    pub(crate) fn is_beyond(&self) -> bool {
        !self.is_looped() && self.weights() > UNROLLED
    }

    /// Whether its weights are in memory.
    pub(crate) fn is_looped(&self) -> bool {
        matches!(self.regime(), Regime::Inner | Regime::Pair | Regime::Outer)
    }

    /// Whether its weights are so short that they are never multiplied by in blocks.
    pub(crate) fn is_narrow(&self) -> bool {
        self.weight_bits <= NARROW
    }

    /// How its multiplications are built.
    pub fn regime(&self) -> Regime {
        let of = |wide, few| if self.is_narrow() { few } else { wide };
        match (self.strategy.nearest_basic(), self.reuse) {
            (Strategy::Latency, 0 | 1) => of(Regime::Latency, Regime::LatencyNarrow),
            (Strategy::Latency, _) => of(Regime::Shared, Regime::SharedNarrow),
            (_, 0 | 1) => of(Regime::Flat, Regime::FlatNarrow),
            (_, reuse) if reuse <= self.n_in => Regime::Inner,
            (_, reuse) if reuse == 2 * self.n_in => Regime::Pair,
            _ => Regime::Outer,
        }
    }
}

impl Unit {
    /// Whether rows of its profile tell of it: those of a profile are of the two basic strategies, and of matrices that are not too
    /// large.
    pub(crate) fn is_usual(&self) -> bool {
        let Work::Matrix(matrix) = &self.work else { return true };
        matrix.strategy == matrix.strategy.nearest_basic() && !matrix.is_beyond()
    }

    /// The kind of rows that it is estimated from.
    pub fn regime(&self) -> Regime {
        match &self.work {
            Work::Matrix(matrix) => matrix.regime(),
            Work::Scale { .. } => Regime::Scale,
            Work::Clip | Work::Wires => Regime::Clip,
            Work::Sigmoid => Regime::Sigmoid,
            Work::Tanh => Regime::Tanh,
            Work::Softmax => Regime::Softmax,
            Work::Pool { .. } => Regime::Pool,
            Work::Merge { .. } => Regime::Merge,
            Work::Unknown => Regime::Unknown,
        }
    }
}
