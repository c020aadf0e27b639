#![expect(missing_docs, reason = "each message names its fields")]

use std::io;
use std::path::{Path, PathBuf};

/// What can be wrong with a file, or with naming one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Any of the others, with the file it was found in.
    #[error("{}: {error}", path.display())]
    InFile { path: PathBuf, error: Box<Error> },

    #[error("there is no file {}{}", path.display(), did_you_mean(nearest))]
    NotFound { path: PathBuf, nearest: Option<String> },

    #[error("the folder {} does not exist: make it first", path.display())]
    NoFolder { path: PathBuf },

    #[error("{error}")]
    Io { error: io::Error },

    #[error("unknown kind of data: the names of data sets end in {known}")]
    UnknownFormat { known: String },

    #[error("this handaxe was built without {format}: build it with `--features {feature}`")]
    NotBuilt { format: &'static str, feature: &'static str },

    #[error(
        "`{text}` after the file's name is not understood: write FILE:x=NAME,y=NAME (x_test= and y_test= name a test part)"
    )]
    Reference { text: String },

    #[error("it has no array `{name}`{}; it holds: {known}", did_you_mean(nearest))]
    UnknownArray { name: String, nearest: Option<String>, known: String },

    #[error(
        "it has no arrays x and y, nor x_train and y_train; choose as in FILE:x={first},y=NAME from: {known}"
    )]
    NoDefaultArrays { first: String, known: String },

    #[error(
        "the file holds one array: name the labels' file beside it too, as in FILE.npy:y=labels.npy"
    )]
    LabelsFile,

    #[error("array `{array}` is no array in IDX form: {what}")]
    IdxHeader { array: String, what: String },

    #[error(
        "array `{array}` would grow from {packed} to {bytes} bytes: no measured data are packed so tightly"
    )]
    Bomb { array: String, packed: u64, bytes: u64 },

    #[error(
        "the data are too large for memory and cannot be set aside in {}: {error}; TMPDIR names another folder",
        std::env::temp_dir().display()
    )]
    SetAside { error: io::Error },

    #[error("array `{array}` is no .npy array: {what}")]
    NpyHeader { array: String, what: String },

    #[error(
        "array `{array}` holds `{given}`: can be read are f4, f8, i1 to i8, u1 to u8, b1 and, for labels, U and S"
    )]
    Dtype { array: String, given: String },

    #[error(
        "array `{array}` is cut short: shape {shape:?} needs {expected} bytes, {given} are there"
    )]
    Truncated { array: String, shape: Vec<usize>, expected: String, given: u64 },

    #[error("array `{array}` cannot be read: {error}")]
    Unreadable { array: String, error: io::Error },

    #[error(
        "array `{array}` of shape {shape:?} is empty: a sample with a value is needed at least"
    )]
    Empty { array: String, shape: Vec<usize> },

    #[error(
        "array `{array}` of shape {shape:?} cannot be the target: one label or one row of values a sample is needed"
    )]
    TargetShape { array: String, shape: Vec<usize> },

    #[error("`{array}` holds text: only labels can be text, features must be numbers")]
    TextFeatures { array: String },

    #[error(
        "array `{array}` holds {value:e} at sample {sample} (element {element}), which no f32 can hold: clean or drop such samples first"
    )]
    NotFinite { array: String, value: f64, sample: usize, element: usize },

    #[error(
        "{place}: label {label} is out of range: classes are numbered 0 to at most {most}; write real-valued targets as floating point"
    )]
    Label { place: String, label: String, most: u32 },

    #[error("`{place}` holds more than {most} different texts: so many classes are not told apart")]
    TooManyNames { place: String, most: usize },

    #[error("`{x}` has {x_samples} samples, `{y}` has {y_samples}: they must agree")]
    Lengths { x: String, x_samples: usize, y: String, y_samples: usize },

    #[error("train and test part differ: {train} against {test}")]
    Parts { train: String, test: String },

    #[error("line {line} has {given} fields, the first line has {expected}")]
    Ragged { line: u64, given: usize, expected: usize },

    #[error("line {line}, column `{column}`: `{text}` is not a finite number")]
    Cell { line: u64, column: String, text: String },

    #[error(
        "line {line}, column `{column}`: the value is missing: fill in or drop such samples first"
    )]
    Missing { line: u64, column: String },

    #[error(
        "line {line}, column `{column}`: `{text}` is not among the declared classes{}",
        did_you_mean(nearest)
    )]
    Undeclared { line: u64, column: String, text: String, nearest: Option<String> },

    #[error("line {line} is longer than {most} bytes: it is no row of a table")]
    LongLine { line: u64, most: u64 },

    #[error("line {line} has more than {most} fields: it is no row of a table")]
    TooManyFields { line: u64, most: usize },

    #[error("line {line} is not UTF-8")]
    LineNotText { line: u64 },

    #[error("line {line}: a quote is not closed, or something follows it before the next comma")]
    Quote { line: u64 },

    #[error("line {line}: {what}")]
    ArffHeader { line: u64, what: String },

    #[error("line {line} is a sparse row {{index value, ...}}: write all values of each row")]
    Sparse { line: u64 },

    #[error("it has no column `{name}`{}; it has: {known}", did_you_mean(nearest))]
    UnknownColumn { name: String, nearest: Option<String>, known: String },

    #[error("it has {given} columns: features and a label are needed")]
    TooFewColumns { given: usize },

    #[error("it has no rows of data")]
    NoRows,

    #[cfg(feature = "parquet")]
    #[error("it is not a readable Parquet file: {error}")]
    Parquet { error: parquet::errors::ParquetError },

    #[cfg(feature = "parquet")]
    #[error("it is not a readable Parquet file: the decoder met what cannot be")]
    ParquetDecoder,

    #[error("column `{column}` is {given}: columns are numbers, truth values or text, one a row")]
    ParquetColumn { column: String, given: String },

    #[error(
        "row {row}, column `{column}`: the value is missing: fill in or drop such samples first"
    )]
    Null { row: u64, column: String },

    #[error("it is not a readable archive: {error}")]
    Zip { error: zip::result::ZipError },

    #[error("{error}")]
    Data { error: handaxe_data::Error },

    #[error("{error}")]
    Graph { error: Box<handaxe_graph::Error> },

    #[error(
        "it is no model in a form that is known: handaxe's .safetensors, Keras' .keras and .h5, .onnx, or an architecture in .json with its weights in .h5"
    )]
    UnknownModel,

    #[error(
        "the extension says how a model is written: .safetensors for handaxe, .keras for Keras 3, .h5 for Keras 2, .onnx for ONNX"
    )]
    ModelExtension,

    #[error("unknown form of model `{given}`: known are safetensors, keras, h5, onnx")]
    UnknownForm { given: String },

    #[error("the extension says how answers are written: .npy or .csv")]
    AnswersExtension,

    #[error("an .npy file holds one array, the network has {outputs} outputs: write a .csv")]
    SeveralOutputs { outputs: usize },

    #[error("it is not a readable .safetensors file: {error}")]
    Safetensors { error: safetensors::SafeTensorError },

    #[error(
        "it is a .safetensors file, but not a handaxe model: its metadata lack the key `handaxe`"
    )]
    NotNative,

    #[error("its graph cannot be read: {error}")]
    GraphJson { error: serde_json::Error },

    #[error(
        "it is written in format {given}, this handaxe reads format {known}: use a newer handaxe"
    )]
    Version { given: u64, known: u64 },

    #[error("its graph needs the tensor `{name}`, which the file lacks")]
    NoTensor { name: String },

    #[error("it holds a tensor `{name}` that its graph does not know{}", did_you_mean(nearest))]
    UnknownTensor { name: String, nearest: Option<String> },

    #[error("its tensor `{name}` is of type {given}, weights are F32")]
    TensorType { name: String, given: String },

    #[error(
        "it is no model of Keras: neither a .keras archive nor HDF5 nor an architecture in JSON"
    )]
    NotKeras,

    #[error(
        "it holds weights only: name the architecture instead, as in FILE.json:weights=FILE.h5"
    )]
    WeightsOnly,

    #[error(
        "its weights are in another file, and none stands beside it ({tried}): write FILE.json:weights=FILE.h5"
    )]
    NoWeightsFile { tried: String },

    #[error("the archive's {part} cannot be read: {error}")]
    NoPart { part: &'static str, error: zip::result::ZipError },

    #[error("it is larger than {most} bytes: no file of its kind is")]
    FileTooLarge { most: u64 },

    #[error("{part} is larger than {most} bytes: that is no model")]
    PartTooLarge { part: &'static str, most: u64 },

    #[error("its text is not UTF-8 from byte {place} on")]
    NotText { place: usize },

    #[error("its HDF5 part cannot be read: {error}")]
    Hdf5 { error: hdf5_pure::Error },

    #[error("its parts lie in each other, and are read more often than those of any honest file")]
    Hdf5Tangled,

    #[error("its array `{array}` cannot be read: {error}")]
    Hdf5Array { array: String, error: hdf5_pure::Error },

    #[error("its array `{array}` claims the shape {shape:?}: at most {most} elements are read")]
    Hdf5TooLarge { array: String, shape: Vec<u64>, most: u64 },

    #[error("its array `{array}` holds {given}: weights are numbers")]
    Hdf5Type { array: String, given: String },

    #[error("{part} is no JSON: {error}")]
    KerasJson { part: &'static str, error: serde_json::Error },

    #[error("an object of Keras has a class_name and a config; found was {given}")]
    KerasObject { given: String },

    #[error("{what} cannot be {given}")]
    KerasShape { what: &'static str, given: String },

    #[error("layer `{layer}` ({class}): {key} must be {expected}, not {given}")]
    KerasValue {
        layer: String,
        class: String,
        key: &'static str,
        given: String,
        expected: &'static str,
    },

    #[error("layer `{layer}` is of type {class}: {why}")]
    KerasLayer { layer: String, class: String, why: &'static str },

    #[error(
        "layer `{layer}` ({class}): the activation {given} is not known{}",
        did_you_mean(nearest)
    )]
    KerasActivation { layer: String, class: String, given: String, nearest: Option<String> },

    #[error("layer `{layer}` has no weight `{weight}` in the file")]
    KerasWeight { layer: String, weight: String },

    #[error("layer `{layer}` reads an array that is not there ({reads})")]
    KerasReads { layer: String, reads: String },

    #[error("layer `{layer}` is listed twice")]
    KerasTwice { layer: String },

    #[error("layer `{layer}` waits for itself: the calls go round in a circle")]
    KerasCycle { layer: String },

    #[error(
        "layer `{layer}`: Keras {generation} has not {what}; write the native form or the other one of Keras'"
    )]
    NotInKeras { layer: String, what: String, generation: u32 },

    #[error("its models and wrappers lie more than {most} deep in each other")]
    TooDeep { most: usize },

    #[error("layer `{layer}`: ONNX has not {what}; write the native form or Keras'")]
    NotInOnnx { layer: String, what: &'static str },

    #[error(
        "it is a pickle of PyTorch, which can run code when it is read: export the network instead, in Python by torch.onnx.export(model.eval(), torch.zeros(1, FEATURES), \"model.onnx\")"
    )]
    Pickle,

    #[error(
        "its tensors are not those of the graph: missing are {missing}; surplus are {surplus}{}",
        did_you_mean(nearest)
    )]
    StateDict { missing: String, surplus: String, nearest: Option<String> },

    #[error("its tensor `{name}` is of shape {given:?}, the graph's layer needs {expected:?}")]
    StateShape { name: String, given: Vec<usize>, expected: Vec<usize> },

    #[error(
        "it does not say of which version its operators are: it is cut short, or older than ONNX 1.0"
    )]
    OnnxVersion,

    #[error("it is cut short or no ONNX file")]
    OnnxCut,

    #[error("it is not a readable ONNX file: {error}")]
    OnnxProto { error: prost::DecodeError },

    #[error("it holds more than {most} fields: that is no network for an FPGA")]
    OnnxFields { most: usize },

    #[error("it holds more than {most} nodes: that is no network for an FPGA")]
    OnnxNodes { most: usize },

    #[error(
        "its tensors hold more than {most} elements, or are repeated to as many: that is no network for an FPGA"
    )]
    OnnxElements { most: u64 },

    #[error("its tensor `{tensor}` {what}")]
    OnnxTensor { tensor: String, what: String },

    #[error(
        "its input `{input}` has no known shape: every axis but the samples' needs a length; export it with one"
    )]
    OnnxInput { input: String },

    #[error("its output `{output}` is {is}")]
    OnnxOutput { output: String, is: &'static str },

    #[error("its array `{array}` is made twice")]
    OnnxTwice { array: String },

    #[error("node `{node}` reads the array `{reads}`, which is neither made nor given")]
    OnnxReads { node: String, reads: String },

    #[error("node `{node}` waits for itself: the nodes go round in a circle")]
    OnnxCycle { node: String },

    #[error("node `{node}` ({op}): {why}")]
    OnnxNode { node: String, op: String, why: &'static str },

    #[error("node `{node}` ({op}): {what} must be {expected}, not {given}")]
    OnnxValue {
        node: String,
        op: String,
        what: &'static str,
        given: String,
        expected: &'static str,
    },

    #[error("it is neither YAML nor JSON as hls4ml writes it: {what}")]
    HlsSyntax { what: String },

    #[error("unknown {what} `{given}`: known are {known}")]
    HlsChoice { what: &'static str, given: String, known: &'static str },

    #[error("{place}: unknown key `{key}`{}", did_you_mean(nearest))]
    HlsKey { place: String, key: String, nearest: Option<String> },

    #[error("{place}: `{key}` is given twice, under different spellings")]
    HlsTwice { place: String, key: String },

    #[error("{place}: {key} must be {expected}, not {given}")]
    HlsValue { place: String, key: String, given: String, expected: &'static str },

    #[error("{place}: {key}: {error}")]
    HlsPrecision { place: String, key: String, error: Box<handaxe_fixed::Error> },
}

impl Error {
    /// Whether the machine failed (a full disk, a missing permission) and not what was given.
    pub fn is_io(&self) -> bool {
        match self {
            Self::InFile { error, .. } => error.is_io(),
            error => matches!(error, Self::Io { .. }),
        }
    }

    /// The same, found in `path`.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            named @ (Self::InFile { .. } | Self::NotFound { .. }) => named,
            error => Self::InFile { path: path.to_owned(), error: Box::new(error) },
        }
    }

    /// Why `path` could not be opened, with the nearest name in its folder if there is none of that name.
    pub(crate) fn opening(path: &Path, error: io::Error) -> Self {
        if error.kind() != io::ErrorKind::NotFound {
            return Self::Io { error }.in_file(path);
        }
        let nearest = path.file_name().and_then(|name| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
            let names: Vec<String> =
                entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
            handaxe_graph::nearest(name.to_str()?, names.iter().map(String::as_str))
        });
        Self::NotFound { path: path.to_owned(), nearest }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io { error }
    }
}

impl From<handaxe_graph::Error> for Error {
    fn from(error: handaxe_graph::Error) -> Self {
        Self::Graph { error: Box::new(error) }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
