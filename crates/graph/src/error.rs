#![expect(missing_docs, reason = "each message names its fields")]

/// What can be wrong with a model or its configuration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("layer `{layer}`: the name is taken; every layer needs its own")]
    DuplicateName { layer: String },

    #[error(
        "a layer needs a name that is not empty and holds no `/` or control character, not {name:?}"
    )]
    BadName { name: String },

    #[error("the name `{begin}...` is {given} bytes long: a layer's has at most {most}")]
    LongName { begin: String, given: usize, most: usize },

    #[error("it has more than {most} layers: that is no network for an FPGA")]
    TooManyLayers { most: usize },

    #[error("layer `{layer}` would hold an array of {given} axes: at most {most} are known")]
    TooManyAxes { layer: String, given: usize, most: usize },

    #[error(
        "layer `{layer}` takes its input from layer number {input}, which does not come before it"
    )]
    UnknownInput { layer: String, input: u32 },

    #[error(
        "`{given}` is no structure: write unstructured, structured, pattern 256/1 or block 2x4"
    )]
    UnknownStructure { given: String },

    #[error("the model has no layer `{layer}`{}", hint(nearest))]
    UnknownLayer { layer: String, nearest: Option<String> },

    #[error("layer `{layer}` ({kind}) takes {expected} inputs, {given} were given")]
    InputCount { layer: String, kind: &'static str, expected: &'static str, given: usize },

    #[error("layer `{layer}` ({kind}) cannot take an input of shape {given:?}: {fix}")]
    InputShape { layer: String, kind: &'static str, given: Vec<usize>, fix: String },

    #[error("layer `{layer}` ({kind}) cannot join shapes {first:?} and {second:?}: {fix}")]
    Join {
        layer: String,
        kind: &'static str,
        first: Vec<usize>,
        second: Vec<usize>,
        fix: &'static str,
    },

    #[error("layer `{layer}` ({kind}): {what} must be {right}, not {given}")]
    Parameter {
        layer: String,
        kind: &'static str,
        what: &'static str,
        given: String,
        right: &'static str,
    },

    #[error(
        "layer `{layer}` would hold an array of shape {shape:?}: at most {most} elements are accepted"
    )]
    TooLarge { layer: String, shape: Vec<usize>, most: usize },

    #[error(
        "with layer `{layer}` the model would have more than {most} weights: that is no network for an FPGA"
    )]
    TooManyWeights { layer: String, most: usize },

    #[error("layer `{layer}` has no weight `{weight}`; it has: {known}")]
    UnknownWeight { layer: String, weight: String, known: String },

    #[error("weight `{layer}/{weight}` must have shape {expected:?}, not {given:?}")]
    WeightShape { layer: String, weight: String, expected: Vec<usize>, given: Vec<usize> },

    #[error(
        "weight `{layer}/{weight}` holds {value} at element {index}: the model is broken or diverged"
    )]
    WeightNotFinite { layer: String, weight: String, value: f32, index: usize },

    #[error("the mask of layer `{layer}` covers {given} weights, its kernel has {expected}")]
    MaskLength { layer: String, given: usize, expected: usize },

    #[error("the model has no {what}: add at least one")]
    Missing { what: &'static str },

    #[error(
        "the preprocessing is for inputs of {given:?} features, the model has inputs of {expected:?}; deviations must be positive"
    )]
    Preprocessing { given: Vec<usize>, expected: Vec<usize> },

    #[error("{what} `{given}` is unknown: known are {known}")]
    UnknownName { what: &'static str, given: String, known: String },

    #[error(
        "layer `{layer}`: {variable} of type {given} is no fixed point, which bit-exact inference needs"
    )]
    NotFixed { layer: String, variable: &'static str, given: String },

    #[error(
        "layer `{layer}`: the inferred type of {variable} cannot be: {error}; state the type or a `maximum`"
    )]
    Inferred { layer: String, variable: &'static str, error: handaxe_fixed::Error },

    #[error("layer `{layer}`: firmware has no {what}; use {instead}")]
    NotInFirmware { layer: String, what: String, instead: &'static str },

    #[error(
        "{left} transposes are left where {needed} will do: run the pass merge-transposes before"
    )]
    NeedlessTransposes { left: usize, needed: usize },

    #[error("{place}: {what} must be {right}, not {given}")]
    Config { place: String, what: &'static str, given: String, right: &'static str },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
