//! Every type of layer that is read, and what becomes of it: the table that the reader follows and docs/formats.md shows.

use handaxe_graph::{LayerId, Op, PoolKind};

use super::config::Object;
use super::topology::Builder;
use super::weights::LayerWeights;
use super::{convolution as conv, layer, quantiser, shape};
use crate::Error;

/// How a layer is read.
#[derive(Clone, Copy)]
pub(super) enum Reader {
    /// From the array it is called with.
    One(fn(&mut Builder, Object<'_>, &LayerWeights<'_>, LayerId) -> Result<LayerId, Error>),
    /// From several arrays, without weights.
    Several(fn(&mut Builder, Object<'_>, &[LayerId]) -> Result<LayerId, Error>),
    /// As a part of the graph's structure.
    Structure,
}

/// A type of layer.
pub(super) struct Entry {
    /// Keras' name.
    pub(super) class: &'static str,
    pub(super) reader: Reader,
    /// What it becomes, and what of it cannot be read.
    pub(super) note: &'static str,
}

const fn entry(class: &'static str, reader: Reader, note: &'static str) -> Entry {
    Entry { class, reader, note }
}

use Reader::{One, Several, Structure};

const CONV: &str = "its activation a layer of its own; channels last; groups 1";
const SEPARABLE: &str =
    "a depthwise and a pointwise convolution, NAME_depthwise and NAME_pointwise; as Conv";
const POOL: &str = "channels last";
const LEFT_OUT: &str = "left out: it does nothing in a trained network";
const JOIN: &str = "axes of length 1 are repeated; arrays of one rank";
const LAST_AXIS: &str = "over the last axis";
const FOLDED: &str = "folded: kernel and bias with the normalisation in them";
const QUANTISED: &str = "quantisers kept as attributes of the weights, else as without Q";
const MODEL: &str = "its layers are joined to the whole; called once if nested";

/// The types that are read, in alphabetical order.
pub(super) const LAYERS: &[Entry] = &[
    entry("Activation", One(layer::activation), "any of the activations below"),
    entry("ActivityRegularization", One(layer::nothing), LEFT_OUT),
    entry("Add", Several(|to, o, inputs| to.add(o.name, Op::Add, inputs)), JOIN),
    entry("AlphaDropout", One(layer::nothing), LEFT_OUT),
    entry("Average", Several(|to, o, inputs| to.add(o.name, Op::Average, inputs)), JOIN),
    entry("AveragePooling1D", One(|to, o, _, x| layer::pool(to, o, x, PoolKind::Average, 1)), POOL),
    entry("AveragePooling2D", One(|to, o, _, x| layer::pool(to, o, x, PoolKind::Average, 2)), POOL),
    entry("BatchNormalization", One(layer::batch_norm), LAST_AXIS),
    entry("BinaryDense", One(layer::dense), "a Dense whose kernel is rounded to its signs"),
    entry("Concatenate", Several(shape::concatenate), "along any axis but the samples'"),
    entry("Conv1D", One(|to, o, w, x| conv::conv(to, o, w, x, 1)), CONV),
    entry("Conv2D", One(|to, o, w, x| conv::conv(to, o, w, x, 2)), CONV),
    entry("Cropping1D", One(shape::reshaped), POOL),
    entry("Cropping2D", One(shape::reshaped), POOL),
    entry("Dense", One(layer::dense), "its activation a layer of its own"),
    entry("DepthwiseConv1D", One(|to, o, w, x| conv::depthwise(to, o, w, x, 1)), CONV),
    entry("DepthwiseConv2D", One(|to, o, w, x| conv::depthwise(to, o, w, x, 2)), CONV),
    entry("Dropout", One(layer::nothing), LEFT_OUT),
    entry("ELU", One(layer::activation_layer), ""),
    entry("FixedPointQuantizer", One(quantiser::per_element), "HGQ's, a type for each element"),
    entry("Flatten", One(layer::flatten), POOL),
    entry("Functional", Structure, MODEL),
    entry("GaussianDropout", One(layer::nothing), LEFT_OUT),
    entry("GaussianNoise", One(layer::nothing), LEFT_OUT),
    entry(
        "GlobalAveragePooling1D",
        One(|to, o, _, x| layer::global_pool(to, o, x, PoolKind::Average)),
        POOL,
    ),
    entry(
        "GlobalAveragePooling2D",
        One(|to, o, _, x| layer::global_pool(to, o, x, PoolKind::Average)),
        POOL,
    ),
    entry(
        "GlobalMaxPooling1D",
        One(|to, o, _, x| layer::global_pool(to, o, x, PoolKind::Max)),
        POOL,
    ),
    entry(
        "GlobalMaxPooling2D",
        One(|to, o, _, x| layer::global_pool(to, o, x, PoolKind::Max)),
        POOL,
    ),
    entry("Identity", One(layer::nothing), LEFT_OUT),
    entry("InputLayer", Structure, "every axis but the samples' must be known"),
    entry("LayerNormalization", One(layer::layer_norm), LAST_AXIS),
    entry("LeakyReLU", One(layer::activation_layer), ""),
    entry("MaxPooling1D", One(|to, o, _, x| layer::pool(to, o, x, PoolKind::Max, 1)), POOL),
    entry("MaxPooling2D", One(|to, o, _, x| layer::pool(to, o, x, PoolKind::Max, 2)), POOL),
    entry("Maximum", Several(|to, o, inputs| to.add(o.name, Op::Maximum, inputs)), JOIN),
    entry("Minimum", Several(|to, o, inputs| to.add(o.name, Op::Minimum, inputs)), JOIN),
    entry("Model", Structure, MODEL),
    entry("Multiply", Several(|to, o, inputs| to.add(o.name, Op::Multiply, inputs)), JOIN),
    entry("PReLU", One(layer::prelu), "shared axes too"),
    entry("Permute", One(shape::reshaped), ""),
    entry("PruneLowMagnitude", One(layer::pruned), "the layer in it, its mask applied"),
    entry("QActivation", One(layer::activation), "any of the quantisers and activations below"),
    entry("QBatchNormalization", One(layer::batch_norm), QUANTISED),
    entry("QConv1D", One(|to, o, w, x| conv::conv(to, o, w, x, 1)), QUANTISED),
    entry("QConv2D", One(|to, o, w, x| conv::conv(to, o, w, x, 2)), QUANTISED),
    entry("QConv2DBatchnorm", One(conv::conv_batch_norm), FOLDED),
    entry("QDense", One(layer::dense), QUANTISED),
    entry("QDepthwiseConv2D", One(|to, o, w, x| conv::depthwise(to, o, w, x, 2)), QUANTISED),
    entry("QDepthwiseConv2DBatchnorm", One(conv::depthwise_batch_norm), FOLDED),
    entry("QSeparableConv1D", One(|to, o, w, x| conv::separable(to, o, w, x, 1)), QUANTISED),
    entry("QSeparableConv2D", One(|to, o, w, x| conv::separable(to, o, w, x, 2)), QUANTISED),
    entry("ReLU", One(layer::activation_layer), "with a slope, a threshold and a largest value"),
    entry("Reshape", One(shape::reshaped), "one axis may be -1"),
    entry("SeparableConv1D", One(|to, o, w, x| conv::separable(to, o, w, x, 1)), SEPARABLE),
    entry("SeparableConv2D", One(|to, o, w, x| conv::separable(to, o, w, x, 2)), SEPARABLE),
    entry("Sequential", Structure, MODEL),
    entry("Softmax", One(layer::activation_layer), LAST_AXIS),
    entry("SpatialDropout1D", One(layer::nothing), LEFT_OUT),
    entry("SpatialDropout2D", One(layer::nothing), LEFT_OUT),
    entry("Subtract", Several(|to, o, inputs| to.add(o.name, Op::Subtract, inputs)), JOIN),
    entry("TernaryDense", One(layer::dense), "a Dense whose kernel is rounded to -1, 0 and 1"),
    entry("ThresholdedReLU", One(layer::activation_layer), ""),
    entry("UnaryLUT", One(quantiser::look_up), "HGQ's table in place of a function"),
    entry("UpSampling1D", One(shape::reshaped), POOL),
    entry("UpSampling2D", One(shape::reshaped), "channels last; nearest or bilinear"),
    entry("ZeroPadding1D", One(shape::reshaped), POOL),
    entry("ZeroPadding2D", One(shape::reshaped), POOL),
];

const RECURRENT: &str = "recurrent layers cannot be loaded";
pub(super) const CODE: &str = "code inside a model cannot be loaded: express it by Keras' layers";
const HGQ: &str = "it is a model of HGQ in training: convert it with HGQ's to_proxy_model first";
const MASKING: &str = "masks of time steps are not known here: cut the padding off instead";
const OTHER: &str = "it is a layer of one's own, or one of Keras' that is not known here (docs/formats.md lists those that are)";

/// Types that are refused for a reason of their own.
pub(super) const REFUSED: &[(&str, &[&str])] = &[
    (
        RECURRENT,
        &[
            "Bidirectional",
            "ConvLSTM1D",
            "ConvLSTM2D",
            "GRU",
            "GRUCell",
            "LSTM",
            "LSTMCell",
            "QBidirectional",
            "QGRU",
            "QLSTM",
            "QSimpleRNN",
            "RNN",
            "SimpleRNN",
        ],
    ),
    (CODE, &["Lambda", "SlicingOpLambda", "TFOpLambda", "TensorFlowOpLayer"]),
    (
        HGQ,
        &[
            "HActivation",
            "HAdd",
            "HConv1D",
            "HConv1DBatchNorm",
            "HConv2D",
            "HConv2DBatchNorm",
            "HDense",
            "HDenseBatchNorm",
            "HQuantize",
            "Signature",
        ],
    ),
    (MASKING, &["Masking"]),
    (OTHER, &[]),
];

/// How layers of this type are read.
pub(super) fn reader(class: &str) -> Option<Reader> {
    let found = LAYERS.binary_search_by_key(&class, |entry| entry.class);
    found.ok().map(|place| LAYERS[place].reader)
}

/// Why layers of a type that [`reader`] does not know cannot be loaded.
pub(super) fn refusal(class: &str) -> &'static str {
    REFUSED.iter().find(|(_, classes)| classes.contains(&class)).map_or(OTHER, |(why, _)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found() {
        assert!(LAYERS.is_sorted_by_key(|entry| entry.class));
        assert!(LAYERS.iter().all(|entry| reader(entry.class).is_some()));
        let refused = REFUSED.iter().flat_map(|(_, classes)| *classes);
        assert!(refused.into_iter().all(|class| reader(class).is_none()));
    }
}
