use serde::{Deserialize, Serialize};

/// What is estimated of a layer or a design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// DSP blocks.
    Dsp,
    /// Look-up tables.
    Lut,
    /// Flip-flops.
    Ff,
    /// Block memories of 18 kbit, as AMD's tools count them.
    Bram18,
    /// UltraRAM blocks.
    Uram,
    /// Cycles from the first input to the last output.
    Latency,
    /// Cycles from one sample to the next (the initiation interval).
    Interval,
}

impl Quantity {
    /// All, in the order of a report.
    pub const ALL: [Self; 7] =
        [Self::Dsp, Self::Lut, Self::Ff, Self::Bram18, Self::Uram, Self::Latency, Self::Interval];

    /// What is added to a figure before ratios are taken: a few blocks more or less are no error of a factor.
    pub(crate) fn some(self) -> f64 {
        match self {
            Self::Dsp | Self::Bram18 | Self::Uram => 8.0,
            Self::Latency | Self::Interval => 1.0,
            Self::Lut | Self::Ff => 50.0,
        }
    }

    /// The same after implementation: logic synthesis makes some blocks of adders and counters that C synthesis knows nothing of.
    pub(crate) fn some_implemented(self) -> f64 {
        2.0 * self.some()
    }

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dsp => "dsp",
            Self::Lut => "lut",
            Self::Ff => "ff",
            Self::Bram18 => "bram18",
            Self::Uram => "uram",
            Self::Latency => "latency",
            Self::Interval => "interval",
        }
    }
}

/// A number and the interval that about nine in ten of the synthesis results of its kind lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figure {
    /// The estimate.
    pub value: u64,
    /// Lower end of the interval.
    pub low: u64,
    /// Upper end of the interval.
    pub high: u64,
}

impl Figure {
    /// A number without doubt.
    pub fn exact(value: u64) -> Self {
        Self { value, low: value, high: value }
    }

    /// An estimate of which the true number is between `low` and `high` times as much. A low count may be off by one part
    /// of itself that is less than 1, so the ends are rounded outwards.
    pub(crate) fn spread(quantity: Quantity, value: f64, low: f64, high: f64) -> Self {
        let least = if quantity == Quantity::Interval { 1 } else { 0 };
        Self::around(value, quantity.some(), (low, high), least)
    }

    /// The same with `some` more and less, as the spread was measured: 0 has no ratio.
    pub(crate) fn around(value: f64, some: f64, (low, high): (f64, f64), least: u64) -> Self {
        let value = value.max(0.0);
        let end = |factor: f64| ((value + some) * factor - some).max(0.0);
        let (low, high) = (end(low), end(high));
        let rounded = value.round();
        Self {
            value: rounded as u64,
            low: (low.floor().min(rounded) as u64).max(least),
            high: high.ceil().max(rounded) as u64,
        }
    }

    /// As many of it.
    pub(crate) fn times(self, count: u64) -> Self {
        let by = |number: u64| number.saturating_mul(count);
        Self { value: by(self.value), low: by(self.low), high: by(self.high) }
    }

    /// Two parts of one whole: the ends add up, as if both erred to the same side.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            value: self.value.saturating_add(other.value),
            low: self.low.saturating_add(other.low),
            high: self.high.saturating_add(other.high),
        }
    }

    /// The larger of two, end by end.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            value: self.value.max(other.value),
            low: self.low.max(other.low),
            high: self.high.max(other.high),
        }
    }

    /// Each number through a function that keeps their order.
    pub(crate) fn map(self, of: impl Fn(u64) -> u64) -> Self {
        Self { value: of(self.value), low: of(self.low), high: of(self.high) }
    }

    /// Whether `actual` lies in the interval.
    pub fn covers(&self, actual: u64) -> bool {
        (self.low..=self.high).contains(&actual)
    }
}

/// Everything that is estimated of a layer or a design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// DSP blocks.
    pub dsp: Figure,
    /// Look-up tables.
    pub lut: Figure,
    /// Flip-flops.
    pub ff: Figure,
    /// Block memories of 18 kbit.
    pub bram18: Figure,
    /// UltraRAM blocks.
    pub uram: Figure,
    /// Cycles from the first input to the last output.
    pub latency: Figure,
    /// Cycles from one sample to the next.
    pub interval: Figure,
}

impl Figures {
    /// One of them.
    pub fn get(&self, quantity: Quantity) -> Figure {
        match quantity {
            Quantity::Dsp => self.dsp,
            Quantity::Lut => self.lut,
            Quantity::Ff => self.ff,
            Quantity::Bram18 => self.bram18,
            Quantity::Uram => self.uram,
            Quantity::Latency => self.latency,
            Quantity::Interval => self.interval,
        }
    }

    /// The place of one of them.
    pub(crate) fn get_mut(&mut self, quantity: Quantity) -> &mut Figure {
        match quantity {
            Quantity::Dsp => &mut self.dsp,
            Quantity::Lut => &mut self.lut,
            Quantity::Ff => &mut self.ff,
            Quantity::Bram18 => &mut self.bram18,
            Quantity::Uram => &mut self.uram,
            Quantity::Latency => &mut self.latency,
            Quantity::Interval => &mut self.interval,
        }
    }

    /// Block memories of 36 kbit, two of 18 kbit each.
    pub fn bram36(&self) -> Figure {
        self.bram18.map(|blocks| blocks.div_ceil(2))
    }
}
