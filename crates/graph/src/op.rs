use serde::{Deserialize, Serialize};

use crate::{Activation, Quantiser};

/// How a window treats the border of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    /// Only whole windows: output = floor((input - window) / stride) + 1.
    Valid,
    /// Zeros around, split evenly, the odd one after: output = ceil(input / stride).
    Same,
}

/// Largest or mean value of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolKind {
    /// The largest value.
    Max,
    /// The mean of the values, padding not counted.
    Average,
}

/// How values between known ones are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The value of the element that it lies in.
    Nearest,
    /// Linear along each axis between the elements' centres.
    Bilinear,
}

/// A window sliding over one or two spatial axes. Data are channels-last: `(length, channels)` or
/// `(height, width, channels)`; the number of entries in `size` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Extent along each spatial axis.
    pub size: Vec<usize>,
    /// Step along each spatial axis.
    pub strides: Vec<usize>,
    /// Treatment of the border.
    pub padding: Padding,
    /// Distance between neighbouring taps along each spatial axis; empty for 1 everywhere. Pooling has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dilation: Vec<usize>,
}

impl Window {
    /// A window that moves one element at a time.
    pub fn dense(size: &[usize], padding: Padding) -> Self {
        Self { size: size.to_vec(), strides: vec![1; size.len()], padding, dilation: Vec::new() }
    }

    /// A window that never overlaps itself, as pooling has it.
    pub fn tiling(size: &[usize]) -> Self {
        Self { strides: size.to_vec(), ..Self::dense(size, Padding::Valid) }
    }

    /// Distance from the first tap to behind the last along each spatial axis: the size, or more when dilated.
    pub fn extent(&self) -> Vec<usize> {
        let taps = self.size.iter().enumerate();
        let dilation = |axis: usize| self.dilation.get(axis).copied().unwrap_or(1);
        taps.map(|(axis, &size)| {
            size.saturating_sub(1).saturating_mul(dilation(axis)).saturating_add(1)
        })
        .collect()
    }

    /// Zeros before and after each spatial axis for an input of extents `input`.
    pub fn padding_of(&self, input: &[usize]) -> Vec<(usize, usize)> {
        let extent = self.extent();
        let axes = extent.iter().zip(&self.strides).zip(input);
        axes.map(|((&size, &stride), &input)| match self.padding {
            Padding::Valid => (0, 0),
            Padding::Same => {
                let reach = (input.div_ceil(stride) - 1) * stride + size;
                let total = reach.saturating_sub(input);
                (total / 2, total - total / 2)
            }
        })
        .collect()
    }
}

/// What a layer computes. Activations are layers of their own.
///
/// Weights are in Keras layout: Dense `(in, out)`, Conv1D `(k, in, out)`, Conv2D `(kh, kw, in, out)`,
/// depthwise `(k.., in, multiplier)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant's line explains its fields")]
pub enum Op {
    /// Where data enter; `shape` without the sample axis.
    Input { shape: Vec<usize> },
    /// y = x W + b on the last axis.
    Dense { units: usize, bias: bool },
    /// Convolution over one or two spatial axes.
    Conv { filters: usize, window: Window, bias: bool },
    /// One filter a channel and multiplier.
    DepthwiseConv { multiplier: usize, window: Window, bias: bool },
    /// Normalisation over the last axis with running statistics.
    BatchNorm { epsilon: f64, momentum: f64 },
    /// Normalisation of each sample over its last axis.
    LayerNorm { epsilon: f64 },
    /// An element-wise function (softmax and its kin: over the last axis).
    Activation { function: Activation },
    /// x for x > 0, else alpha * x; `slopes` is the shape of the weight `alpha`, an axis of 1 being shared.
    PRelu { slopes: Vec<usize> },
    /// Rounds activations to what a quantiser can represent.
    Quantise { quantiser: Quantiser },
    /// A table in place of an element-wise function: entry round(x / step) of the weight `table`, which wraps around.
    Lookup { entries: usize, step: f64 },
    /// Pooling over one or two spatial axes.
    Pool { kind: PoolKind, window: Window },
    /// Pooling over all spatial axes at once.
    GlobalPool { kind: PoolKind },
    /// All axes into one, row-major.
    Flatten,
    /// The same elements, row-major, in another shape.
    Reshape { shape: Vec<usize> },
    /// Reorders the axes: axis `i` of the output is axis `axes[i]` of the input, the sample axis not counted.
    Permute { axes: Vec<usize> },
    /// Zeros before and after each spatial axis.
    ZeroPad { margins: Vec<(usize, usize)> },
    /// Leaves out elements before and after each spatial axis.
    Crop { margins: Vec<(usize, usize)> },
    /// Repeats or interpolates along each spatial axis.
    UpSample { factors: Vec<usize>, interpolation: Interpolation },
    /// Element-wise sum of two or more arrays. For this and its kin an axis of length 1 is repeated.
    Add,
    /// The first of two arrays less the second.
    Subtract,
    /// Element-wise product of two or more arrays.
    Multiply,
    /// Element-wise mean of two or more arrays.
    Average,
    /// Element-wise largest value of two or more arrays.
    Maximum,
    /// Element-wise smallest value of two or more arrays.
    Minimum,
    /// Joins two or more arrays along the last axis.
    Concatenate,
    /// Zeroes a share of the elements in training; does nothing afterwards.
    Dropout { rate: f64 },
}

/// The kind of a layer under the name that Keras and hls4ml's configurations use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are Keras'")]
pub enum LayerType {
    InputLayer,
    Dense,
    Conv1D,
    Conv2D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    BatchNormalization,
    Activation,
    LeakyReLU,
    ELU,
    Softmax,
    MaxPooling1D,
    MaxPooling2D,
    AveragePooling1D,
    AveragePooling2D,
    GlobalMaxPooling,
    GlobalAveragePooling,
    Flatten,
    Reshape,
    Add,
    Multiply,
    Concatenate,
    Dropout,
    LayerNormalization,
    PReLU,
    QActivation,
    FixedPointQuantizer,
    UnaryLUT,
    Permute,
    ZeroPadding1D,
    ZeroPadding2D,
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    Subtract,
    Average,
    Maximum,
    Minimum,
}

impl LayerType {
    /// The name as Keras writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InputLayer => "InputLayer",
            Self::Dense => "Dense",
            Self::Conv1D => "Conv1D",
            Self::Conv2D => "Conv2D",
            Self::DepthwiseConv1D => "DepthwiseConv1D",
            Self::DepthwiseConv2D => "DepthwiseConv2D",
            Self::BatchNormalization => "BatchNormalization",
            Self::Activation => "Activation",
            Self::LeakyReLU => "LeakyReLU",
            Self::ELU => "ELU",
            Self::Softmax => "Softmax",
            Self::MaxPooling1D => "MaxPooling1D",
            Self::MaxPooling2D => "MaxPooling2D",
            Self::AveragePooling1D => "AveragePooling1D",
            Self::AveragePooling2D => "AveragePooling2D",
            Self::GlobalMaxPooling => "GlobalMaxPooling",
            Self::GlobalAveragePooling => "GlobalAveragePooling",
            Self::Flatten => "Flatten",
            Self::Reshape => "Reshape",
            Self::Add => "Add",
            Self::Multiply => "Multiply",
            Self::Concatenate => "Concatenate",
            Self::Dropout => "Dropout",
            Self::LayerNormalization => "LayerNormalization",
            Self::PReLU => "PReLU",
            Self::QActivation => "QActivation",
            Self::FixedPointQuantizer => "FixedPointQuantizer",
            Self::UnaryLUT => "UnaryLUT",
            Self::Permute => "Permute",
            Self::ZeroPadding1D => "ZeroPadding1D",
            Self::ZeroPadding2D => "ZeroPadding2D",
            Self::Cropping1D => "Cropping1D",
            Self::Cropping2D => "Cropping2D",
            Self::UpSampling1D => "UpSampling1D",
            Self::UpSampling2D => "UpSampling2D",
            Self::Subtract => "Subtract",
            Self::Average => "Average",
            Self::Maximum => "Maximum",
            Self::Minimum => "Minimum",
        }
    }
}

impl std::fmt::Display for LayerType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Op {
    /// The kind of layer, by Keras' names.
    pub fn layer_type(&self) -> LayerType {
        let flat = |window: &Window| window.size.len() == 1;
        match self {
            Self::Input { .. } => LayerType::InputLayer,
            Self::Dense { .. } => LayerType::Dense,
            Self::Conv { window, .. } if flat(window) => LayerType::Conv1D,
            Self::Conv { .. } => LayerType::Conv2D,
            Self::DepthwiseConv { window, .. } if flat(window) => LayerType::DepthwiseConv1D,
            Self::DepthwiseConv { .. } => LayerType::DepthwiseConv2D,
            Self::BatchNorm { .. } => LayerType::BatchNormalization,
            Self::Activation { function: Activation::LeakyRelu { .. } } => LayerType::LeakyReLU,
            Self::Activation { function: Activation::Elu { .. } } => LayerType::ELU,
            Self::Activation { function: Activation::Softmax } => LayerType::Softmax,
            Self::Activation { .. } => LayerType::Activation,
            Self::Pool { kind: PoolKind::Max, window } if flat(window) => LayerType::MaxPooling1D,
            Self::Pool { kind: PoolKind::Max, .. } => LayerType::MaxPooling2D,
            Self::Pool { window, .. } if flat(window) => LayerType::AveragePooling1D,
            Self::Pool { .. } => LayerType::AveragePooling2D,
            Self::GlobalPool { kind: PoolKind::Max } => LayerType::GlobalMaxPooling,
            Self::GlobalPool { .. } => LayerType::GlobalAveragePooling,
            Self::Flatten => LayerType::Flatten,
            Self::Reshape { .. } => LayerType::Reshape,
            Self::Add => LayerType::Add,
            Self::Multiply => LayerType::Multiply,
            Self::Concatenate => LayerType::Concatenate,
            Self::Dropout { .. } => LayerType::Dropout,
            Self::LayerNorm { .. } => LayerType::LayerNormalization,
            Self::PRelu { .. } => LayerType::PReLU,
            Self::Quantise { quantiser: Quantiser::PerElement { .. } } => {
                LayerType::FixedPointQuantizer
            }
            Self::Quantise { .. } => LayerType::QActivation,
            Self::Lookup { .. } => LayerType::UnaryLUT,
            Self::Permute { .. } => LayerType::Permute,
            Self::ZeroPad { margins } if margins.len() == 1 => LayerType::ZeroPadding1D,
            Self::ZeroPad { .. } => LayerType::ZeroPadding2D,
            Self::Crop { margins } if margins.len() == 1 => LayerType::Cropping1D,
            Self::Crop { .. } => LayerType::Cropping2D,
            Self::UpSample { factors, .. } if factors.len() == 1 => LayerType::UpSampling1D,
            Self::UpSample { .. } => LayerType::UpSampling2D,
            Self::Subtract => LayerType::Subtract,
            Self::Average => LayerType::Average,
            Self::Maximum => LayerType::Maximum,
            Self::Minimum => LayerType::Minimum,
        }
    }

    /// True for the layers whose kernel can be pruned.
    pub fn has_kernel(&self) -> bool {
        matches!(self, Self::Dense { .. } | Self::Conv { .. } | Self::DepthwiseConv { .. })
    }

    /// True for the layers that work element by element on two or more arrays.
    pub(crate) fn is_element_wise_join(&self) -> bool {
        use Op::{Add, Average, Maximum, Minimum, Multiply, Subtract};
        matches!(self, Add | Subtract | Multiply | Average | Maximum | Minimum)
    }

    /// Names, shapes and neutral values of the weights for a single input of shape `input`.
    pub(crate) fn weights(&self, input: &[usize]) -> Vec<(&'static str, Vec<usize>, f32)> {
        let channels = input.last().copied().unwrap_or(0);
        let with_bias = |kernel: Vec<usize>, outputs: usize, bias: bool| {
            let mut weights = vec![("kernel", kernel, 0.0)];
            if bias {
                weights.push(("bias", vec![outputs], 0.0));
            }
            weights
        };
        let windowed = |window: &Window, last: usize| {
            window.size.iter().copied().chain([channels, last]).collect::<Vec<_>>()
        };
        match self {
            Self::Dense { units, bias } => with_bias(vec![channels, *units], *units, *bias),
            Self::Conv { filters, window, bias } => {
                with_bias(windowed(window, *filters), *filters, *bias)
            }
            Self::DepthwiseConv { multiplier, window, bias } => with_bias(
                windowed(window, *multiplier),
                channels.saturating_mul(*multiplier),
                *bias,
            ),
            Self::BatchNorm { .. } => vec![
                ("gamma", vec![channels], 1.0),
                ("beta", vec![channels], 0.0),
                ("moving_mean", vec![channels], 0.0),
                ("moving_variance", vec![channels], 1.0),
            ],
            Self::LayerNorm { .. } => {
                vec![("gamma", vec![channels], 1.0), ("beta", vec![channels], 0.0)]
            }
            Self::PRelu { slopes } => vec![("alpha", slopes.clone(), 0.0)],
            Self::Lookup { entries, .. } => vec![("table", vec![*entries], 0.0)],
            Self::Quantise { quantiser: Quantiser::PerElement { shape, .. } } => vec![
                ("keep_negative", shape.clone(), 1.0),
                ("bits", shape.clone(), 16.0),
                ("integers", shape.clone(), 6.0),
            ],
            _ => Vec::new(),
        }
    }
}
