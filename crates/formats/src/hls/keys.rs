//! The keys of hls4ml's configurations, as hls4ml writes them.

use handaxe_graph::nearest;

/// Under `HLSConfig`, or at the top of a configuration that stands alone.
pub(super) const LEVELS: &[&str] =
    &["Model", "LayerType", "LayerName", "Flows", "Optimizers", "SkipOptimizers"];

/// At the top of a project's configuration. Only `IOType` and `HLSConfig` matter here.
pub(super) const PROJECT: &[&str] = &[
    "HLSConfig",
    "IOType",
    "AcceleratorConfig",
    "Backend",
    "Board",
    "ClockPeriod",
    "ClockUncertainty",
    "FIFO",
    "HyperoptHandshake",
    "InputData",
    "InputShape",
    "InputShapes",
    "KerasH5",
    "KerasJson",
    "KerasModel",
    "OnnxModel",
    "OutputDir",
    "OutputPredictions",
    "OutputShapes",
    "Part",
    "Platform",
    "ProjectDir",
    "ProjectName",
    "PytorchModel",
    "Stamp",
    "Technology",
    "TensorFlowModel",
    "TraceOutput",
    "Version",
    "WriterConfig",
    "XilinxPart",
];

/// In a section: what handaxe takes.
pub(super) const SETTINGS: &[&str] = &[
    "Precision",
    "ReuseFactor",
    "Strategy",
    "ParallelizationFactor",
    "Implementation",
    "TableSize",
    "TableRangePower2",
];

/// In a section: what hls4ml writes or reads, and no estimate depends on.
pub(super) const PASSED_OVER: &[&str] = &[
    "Algorithm",
    "AllowDAFallback",
    "AllowV2Fallback",
    "BackwardRecurrentReuseFactor",
    "BackwardReuseFactor",
    "BitExact",
    "BramFactor",
    "Compression",
    "ConvImplementation",
    "DepthwiseReuseFactor",
    "Direction",
    "ForwardRecurrentReuseFactor",
    "ForwardReuseFactor",
    "PipelineInterval",
    "PipelineStyle",
    "PointwiseReuseFactor",
    "RecurrentReuseFactor",
    "Skip",
    "Static",
    "TargetCycles",
    "TimeStepLoopParallelism",
    "Trace",
    "TraceOutput",
];

/// Variables that have a precision.
pub(super) const VARIABLES: &[&str] = &[
    "default",
    "maximum",
    "weight",
    "bias",
    "accum",
    "result",
    "scale",
    "shift",
    "slope",
    "table",
    "exp_table",
    "inv_table",
    "inv_inp",
    "param",
    "depthwise",
    "pointwise",
    "depthwise_accum",
    "pointwise_accum",
    "depthwise_result",
    "dw_output",
    "embeddings",
    "recurrent_weight",
    "recurrent_bias",
    "forward_weight",
    "forward_bias",
    "forward_recurrent_weight",
    "forward_recurrent_bias",
    "backward_weight",
    "backward_bias",
    "backward_recurrent_weight",
    "backward_recurrent_bias",
    // QBatchNormalization's and GarNet's.
    "beta",
    "gamma",
    "mean",
    "variance",
    "aggr",
    "edge_weight",
    "edge_weight_aggr",
    "norm",
];

/// Variables whose precision counts under the key `<variable>_t` beside `Precision`; hls4ml writes them into `Precision`, but passes over them there.
pub(super) const TABLES: &[&str] = &["table", "exp_table", "inv_table", "inv_inp"];

/// Whether `key` is `known`, but for case and underscores.
pub(super) fn is(key: &str, known: &str) -> bool {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    plain(key) == plain(known)
}

/// The variable that `key` names, with or without `_t`.
pub(super) fn variable(key: &str) -> Option<&'static str> {
    let bare = key.strip_suffix("_t").or_else(|| key.strip_suffix("_T")).unwrap_or(key);
    VARIABLES.iter().find(|known| is(bare, known)).copied()
}

/// The known key that was most likely meant.
pub(super) fn nearest_key<'a>(
    key: &str,
    known: impl IntoIterator<Item = &'a &'static str>,
) -> Option<String> {
    nearest(key, known.into_iter().copied())
}
