mod layer;
mod record;
mod rewrite;
mod weights;

use std::collections::{BTreeMap, BTreeSet};

use handaxe_data::{Standardiser, Tensor};
use serde::{Deserialize, Serialize};

use crate::shape::MOST_WEIGHTS;
use crate::{Error, Op, nearest};
pub use layer::Layer;
use record::Record;
pub(crate) use rewrite::{Rewrite, readers};

/// Largest number of layers of a model, and of arrays that one layer joins: far more than a network for an FPGA has, and
/// few enough that what is done for each of them, for each of the others, takes no time.
pub const MOST_LAYERS: usize = 1 << 12;
/// Longest name of a layer, in bytes.
const LONGEST_NAME: usize = 1 << 10;

/// A layer's place in its model. Inputs always have smaller ids than the layers that read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerId(u32);

impl LayerId {
    /// The position in [`Model::layers`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A neural network: a directed acyclic graph of layers with their weights.
///
/// A model is right by construction: [`Model::add`] accepts only layers whose inputs exist and fit, infers the output
/// shape and sets neutral weights, so layers stand in an order in which they can be computed.
///
/// ```
/// use handaxe_graph::{Activation, Model, Op};
///
/// let mut model = Model::new("jets");
/// let input = model.add("features", Op::Input { shape: vec![16] }, &[])?;
/// let hidden = model.add("fc1", Op::Dense { units: 64, bias: true }, &[input])?;
/// let relu = model.add("relu1", Op::Activation { function: Activation::Relu }, &[hidden])?;
/// model.add("out", Op::Dense { units: 5, bias: true }, &[relu])?;
/// assert_eq!(model.parameters(), 16 * 64 + 64 + 64 * 5 + 5);
/// assert_eq!(model.layer(hidden).output_shape(), [64]);
/// # Ok::<(), handaxe_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Model {
    name: String,
    layers: Vec<Layer>,
    /// Where each name stands.
    places: BTreeMap<String, LayerId>,
    /// Number of stored numbers.
    parameters: usize,
    outputs: Vec<LayerId>,
    preprocessing: Vec<Standardiser>,
}

impl Model {
    /// A model without layers.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            layers: Vec::new(),
            places: BTreeMap::new(),
            parameters: 0,
            outputs: Vec::new(),
            preprocessing: Vec::new(),
        }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends a layer that reads `inputs`, with weights that do nothing (kernels and biases 0, scales 1).
    /// Layers that nothing reads are the outputs.
    ///
    /// # Errors
    /// A name that is taken or unusable, an input that does not exist, or shapes and parameters that do not fit.
    pub fn add(&mut self, name: &str, op: Op, inputs: &[LayerId]) -> Result<LayerId, Error> {
        self.append(name, op, inputs, BTreeMap::new())
    }

    /// As [`Model::add`], with the weights that are given and fit.
    fn append(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[LayerId],
        mut given: BTreeMap<&'static str, Tensor>,
    ) -> Result<LayerId, Error> {
        self.check_name(name)?;
        let mut shapes = Vec::with_capacity(inputs.len());
        for input in inputs {
            let unknown = || Error::UnknownInput { layer: name.to_owned(), input: input.0 };
            shapes.push(self.layers.get(input.index()).ok_or_else(unknown)?.output_shape());
        }
        let output_shape = op.output_shape(name, &shapes)?;
        let weights = op.weights(shapes.first().unwrap_or(&&[][..]));
        let count: usize =
            weights.iter().map(|(_, shape, _)| shape.iter().product::<usize>()).sum();
        if self.parameters + count > MOST_WEIGHTS {
            return Err(Error::TooManyWeights { layer: name.to_owned(), most: MOST_WEIGHTS });
        }
        let weights = weights.into_iter().map(|(name, shape, value)| {
            let fitting = given.remove(name).filter(|weight| weight.shape() == shape);
            (name, fitting.unwrap_or_else(|| Tensor::full(&shape, value)))
        });
        let layer = Layer {
            name: name.to_owned(),
            output_shape,
            weights: weights.collect(),
            quantisers: BTreeMap::new(),
            op,
            inputs: inputs.to_vec(),
            extra: BTreeMap::new(),
        };
        let id = LayerId(u32::try_from(self.layers.len()).unwrap_or(u32::MAX));
        self.layers.push(layer);
        self.places.insert(name.to_owned(), id);
        self.parameters += count;
        let read: BTreeSet<&LayerId> = inputs.iter().collect();
        self.outputs.retain(|output| !read.contains(output));
        self.outputs.push(id);
        Ok(id)
    }

    fn check_name(&self, name: &str) -> Result<(), Error> {
        if name.len() > LONGEST_NAME {
            let begin = name.chars().take(40).collect();
            return Err(Error::LongName { begin, given: name.len(), most: LONGEST_NAME });
        }
        if name.is_empty() || name.chars().any(|c| c == '/' || c.is_control()) {
            return Err(Error::BadName { name: name.to_owned() });
        }
        if self.contains(name) {
            return Err(Error::DuplicateName { layer: name.to_owned() });
        }
        if self.layers.len() >= MOST_LAYERS {
            return Err(Error::TooManyLayers { most: MOST_LAYERS });
        }
        Ok(())
    }

    /// Names the outputs, in order; inner layers may be among them.
    ///
    /// # Errors
    /// No output, or an id that is not of this model.
    pub fn set_outputs(&mut self, outputs: &[LayerId]) -> Result<(), Error> {
        if outputs.is_empty() {
            return Err(Error::Missing { what: "output" });
        }
        if let Some(id) = outputs.iter().find(|id| id.index() >= self.layers.len()) {
            return Err(Error::UnknownInput { layer: "(outputs)".to_owned(), input: id.0 });
        }
        self.outputs = outputs.to_vec();
        Ok(())
    }

    /// All layers in the order of computation.
    pub fn layers(&self) -> impl Iterator<Item = (LayerId, &Layer)> {
        (0..).map(LayerId).zip(&self.layers)
    }

    /// The layer of an id of this model.
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.index()]
    }

    /// Whether a layer is called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The id of a layer's name.
    ///
    /// # Errors
    /// [`Error::UnknownLayer`], with the nearest name.
    pub fn find(&self, name: &str) -> Result<LayerId, Error> {
        self.places.get(name).copied().ok_or_else(|| Error::UnknownLayer {
            layer: name.to_owned(),
            nearest: nearest(name, self.layers.iter().map(Layer::name)),
        })
    }

    /// Where data enter, in order.
    pub fn inputs(&self) -> impl Iterator<Item = (LayerId, &Layer)> {
        self.layers().filter(|(_, layer)| matches!(layer.op, Op::Input { .. }))
    }

    /// What the model answers, in order.
    pub fn outputs(&self) -> &[LayerId] {
        &self.outputs
    }

    /// What was done to each input of the training data before it reached the network; empty for nothing. Whoever
    /// feeds the network must do the same.
    pub fn preprocessing(&self) -> &[Standardiser] {
        &self.preprocessing
    }

    /// States what is done to each input before it reaches the network.
    ///
    /// # Errors
    /// [`Error::Preprocessing`] unless there is none or one for each input, with an entry for each feature.
    pub fn set_preprocessing(&mut self, preprocessing: Vec<Standardiser>) -> Result<(), Error> {
        let given: Vec<usize> =
            preprocessing.iter().map(|standardiser| standardiser.mean.len()).collect();
        let features = |layer: &Layer| layer.output_shape.last().copied().unwrap_or(0);
        let expected: Vec<usize> = self.inputs().map(|(_, layer)| features(layer)).collect();
        let whole = preprocessing.iter().all(|standardiser| standardiser.is_valid());
        if !preprocessing.is_empty() && (given != expected || !whole) {
            return Err(Error::Preprocessing { given, expected });
        }
        self.preprocessing = preprocessing;
        Ok(())
    }

    /// Number of stored numbers, running statistics included.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// What a finished model must have beyond what [`Model::add`] checks: an input and an output.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn verify(&self) -> Result<(), Error> {
        if self.inputs().next().is_none() {
            return Err(Error::Missing { what: "input" });
        }
        if self.outputs.is_empty() {
            return Err(Error::Missing { what: "output" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Quantiser};

    fn residual() -> Model {
        let mut model = Model::new("residual");
        let input = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
        let dense = model.add("fc", Op::Dense { units: 4, bias: true }, &[input]).unwrap();
        let sum = model.add("sum", Op::Add, &[input, dense]).unwrap();
        model.add("relu", Op::Activation { function: Activation::Relu }, &[sum]).unwrap();
        model
    }

    #[test]
    fn outputs_are_what_nothing_reads() {
        let model = residual();
        assert_eq!(model.outputs(), [model.find("relu").unwrap()]);
        assert_eq!(model.parameters(), 20);
    }

    #[test]
    fn structure_survives_json_and_broken_json_is_refused() {
        let mut model = residual();
        let scale = Standardiser { mean: vec![0.5; 4], deviation: vec![2.0; 4] };
        model.set_preprocessing(vec![scale.clone()]).unwrap();
        assert!(matches!(
            model.set_preprocessing(vec![scale; 2]),
            Err(Error::Preprocessing { .. })
        ));
        let fc = model.find("fc").unwrap();
        model.set_extra(fc, "energy", serde_json::json!({ "pJ": 0.3 }));
        let json = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
        let cyclic = json.replace("\"inputs\":[0,1]", "\"inputs\":[0,2]");
        let error = serde_json::from_str::<Model>(&cyclic).unwrap_err().to_string();
        assert!(error.contains("layer `sum` takes its input from layer number 2"), "{error}");
    }

    #[test]
    fn quantisers_are_checked_and_survive_json() {
        let mut model = residual();
        let fc = model.find("fc").unwrap();
        let alpha = crate::Scale::AutoPo2;
        let six =
            Quantiser::Bits { bits: 6, integer: 0, keep_negative: true, symmetric: true, alpha };
        model.set_quantiser(fc, "kernel", six.clone()).unwrap();
        let json = serde_json::to_string(&model).unwrap();
        let read: Model = serde_json::from_str(&json).unwrap();
        assert_eq!(read.layer(fc).quantiser("kernel"), Some(&six));
        let none = model.set_quantiser(fc, "gamma", six).unwrap_err();
        assert!(matches!(none, Error::UnknownWeight { .. }), "{none}");
        let wide = Quantiser::Tanh { bits: 99, symmetric: false, real: true };
        let wide = model.set_quantiser(fc, "kernel", wide).unwrap_err();
        assert!(
            wide.to_string().contains("the number of bits must be in 1..=32, not 99"),
            "{wide}"
        );
    }

    #[test]
    fn weights_are_checked() {
        let mut model = residual();
        let fc = model.find("fc").unwrap();
        let wrong = Tensor::full(&[4, 5], 0.0);
        assert!(matches!(model.set_weight(fc, "kernel", wrong), Err(Error::WeightShape { .. })));
        let huge = Op::Dense { units: 1 << 26, bias: false };
        assert!(matches!(model.add("huge", huge, &[fc]), Err(Error::TooManyWeights { .. })));
        let nan = Tensor::full(&[4, 4], f32::NAN);
        assert!(matches!(model.set_weight(fc, "kernel", nan), Err(Error::WeightNotFinite { .. })));
        assert!(
            matches!(model.find("f"), Err(Error::UnknownLayer { nearest: Some(name), .. }) if name == "fc")
        );
    }
}
