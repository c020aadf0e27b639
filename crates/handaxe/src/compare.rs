use std::collections::BTreeMap;
use std::sync::Arc;

use handaxe_data::{Source, Tensor};
use handaxe_graph::{Layer, Model};
use serde::Serialize;
use serde_json::Value;

use crate::{Error, predict};

/// How two networks differ: in structure, in weights, and in what they answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Everything but numbers: layers, what they are made with, what they read, shapes, quantisers, standardisation.
    pub structure: Vec<StructureDifference>,
    /// Every weight that both networks have in the same shape, by layer.
    pub weights: Vec<WeightComparison>,
    /// Every output, where data were given and both networks take them.
    pub outputs: Vec<OutputComparison>,
}

/// Something that is not the same in both networks; none where a network has nothing of the kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructureDifference {
    /// The layer, or none for the network as a whole.
    pub layer: Option<String>,
    /// What differs, such as `units` or `reads`.
    pub what: String,
    /// In the first network.
    pub first: Option<String>,
    /// In the second network.
    pub second: Option<String>,
}

/// How far two arrays lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// Largest absolute difference.
    pub absolute: f64,
    /// Largest difference relative to the larger of the two absolute values.
    pub relative: f64,
    /// Largest difference of an element, absolute or relative, whichever is smaller: what a tolerance is held against.
    pub worst: f64,
}

/// A weight of a layer in both networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightComparison {
    /// The layer's name.
    pub layer: String,
    /// The weight's name.
    pub weight: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How far the two lie apart.
    #[serde(flatten)]
    pub distance: Distance,
    /// Elements that are 0 in the first network and in the second.
    pub zeros: [usize; 2],
}

/// An output of both networks on the same samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputComparison {
    /// The layer's name in the first network.
    pub output: String,
    /// Number of samples.
    pub samples: usize,
    /// How far the answers lie apart.
    #[serde(flatten)]
    pub distance: Distance,
    /// Share of the samples (and positions) whose largest entry along the last axis is the same one; none for a single entry.
    pub same_largest: Option<f64>,
}

impl Comparison {
    /// Compares two networks, layers matched by name; on `inputs` too if there are any.
    ///
    /// # Errors
    /// Inputs that the first network does not take.
    pub fn new(
        first: &Model,
        second: &Model,
        inputs: Option<&[Arc<dyn Source>]>,
    ) -> Result<Self, Error> {
        let outputs = match inputs {
            Some(inputs) => outputs(first, second, inputs)?,
            None => Vec::new(),
        };
        let shared = first.layers().filter_map(|(_, layer)| {
            let other = second.find(layer.name()).ok()?;
            Some((layer, second.layer(other)))
        });
        let weights = shared.flat_map(|(one, two)| weights(one, two)).collect();
        Ok(Self { structure: structure(first, second), weights, outputs })
    }

    /// Whether the networks are the same but for differences of at most `tolerance`, absolute or relative, in every weight
    /// and every answer.
    pub fn is_equal(&self, tolerance: f64) -> bool {
        let weights = self.weights.iter().map(|weight| weight.distance.worst);
        let outputs = self.outputs.iter().map(|output| output.distance.worst);
        self.structure.is_empty() && weights.chain(outputs).all(|worst| worst <= tolerance)
    }
}

impl Distance {
    fn new(first: &Tensor, second: &Tensor) -> Self {
        let mut distance = Self { absolute: 0.0, relative: 0.0, worst: 0.0 };
        for (&one, &two) in first.values().iter().zip(second.values()) {
            let (one, two) = (f64::from(one), f64::from(two));
            let absolute = (one - two).abs();
            if absolute == 0.0 || one == two {
                continue;
            }
            let relative = absolute / one.abs().max(two.abs());
            // What is no number differs from everything.
            let far = |value: f64| if value.is_nan() { f64::INFINITY } else { value };
            distance.absolute = distance.absolute.max(far(absolute));
            distance.relative = distance.relative.max(far(relative));
            distance.worst = distance.worst.max(far(absolute).min(far(relative)));
        }
        distance
    }
}

/// What a network or a layer is, by name, as text.
type Facts = BTreeMap<String, String>;

fn structure(first: &Model, second: &Model) -> Vec<StructureDifference> {
    let mut found = differences(None, &whole(first), &whole(second));
    for (_, layer) in first.layers() {
        let facts = facts(first, layer);
        match second.find(layer.name()) {
            Ok(id) => {
                let other = self::facts(second, second.layer(id));
                found.extend(differences(Some(layer.name()), &facts, &other));
            }
            Err(_) => found.push(only(layer, true)),
        }
    }
    let missing = second.layers().filter(|(_, layer)| first.find(layer.name()).is_err());
    found.extend(missing.map(|(_, layer)| only(layer, false)));
    found
}

/// A layer that one network has and the other has not.
fn only(layer: &Layer, in_first: bool) -> StructureDifference {
    let kind = Some(layer.op().layer_type().name().to_owned());
    let (first, second) = if in_first { (kind, None) } else { (None, kind) };
    StructureDifference {
        layer: Some(layer.name().to_owned()),
        what: "layer".to_owned(),
        first,
        second,
    }
}

fn differences(layer: Option<&str>, first: &Facts, second: &Facts) -> Vec<StructureDifference> {
    let new = second.keys().filter(|what| !first.contains_key(*what));
    let all = first.keys().chain(new).filter(|what| first.get(*what) != second.get(*what));
    let difference = |what: &String| StructureDifference {
        layer: layer.map(str::to_owned),
        what: what.clone(),
        first: first.get(what).cloned(),
        second: second.get(what).cloned(),
    };
    all.map(difference).collect()
}

fn whole(model: &Model) -> Facts {
    let names = |ids: Vec<&str>| ids.join(", ");
    let inputs = names(model.inputs().map(|(_, layer)| layer.name()).collect());
    let outputs = names(model.outputs().iter().map(|&id| model.layer(id).name()).collect());
    let mut facts = Facts::from([("inputs".to_owned(), inputs), ("outputs".to_owned(), outputs)]);
    for ((_, layer), by) in model.inputs().zip(model.preprocessing()) {
        facts.insert(format!("standardisation of {}", layer.name()), text(by));
    }
    facts
}

fn facts(model: &Model, layer: &Layer) -> Facts {
    let mut facts = Facts::new();
    if let Ok(Value::Object(settings)) = serde_json::to_value(layer.op()) {
        facts.extend(settings.into_iter().map(|(key, value)| (key, plain(&value))));
    }
    let reads: Vec<&str> = layer.inputs().iter().map(|&id| model.layer(id).name()).collect();
    facts.insert("reads".to_owned(), reads.join(", "));
    facts.insert("output shape".to_owned(), format!("{:?}", layer.output_shape()));
    let quantisers = layer.quantisers();
    facts.extend(quantisers.map(|(weight, by)| (format!("quantiser of {weight}"), text(by))));
    for (weight, tensor) in layer.weights() {
        facts.insert(format!("shape of {weight}"), format!("{:?}", tensor.shape()));
    }
    facts.extend(layer.extra().iter().map(|(key, value)| (format!("note {key}"), plain(value))));
    facts
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_value(value).map_or_else(|error| error.to_string(), |value| plain(&value))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn weights(first: &Layer, second: &Layer) -> Vec<WeightComparison> {
    let zeros = |tensor: &Tensor| tensor.values().iter().filter(|&&value| value == 0.0).count();
    let compared = first.weights().filter_map(|(name, one)| {
        let two = second.weight(name).filter(|two| two.shape() == one.shape())?;
        Some(WeightComparison {
            layer: first.name().to_owned(),
            weight: name.to_owned(),
            shape: one.shape().to_vec(),
            distance: Distance::new(one, two),
            zeros: [zeros(one), zeros(two)],
        })
    });
    compared.collect()
}

/// Networks that do not take the same inputs or give the same shapes differ in structure, and have no answers to compare.
fn outputs(
    first: &Model,
    second: &Model,
    inputs: &[Arc<dyn Source>],
) -> Result<Vec<OutputComparison>, Error> {
    let answers = predict(first, inputs)?;
    let shapes = |model: &Model| -> Vec<Vec<usize>> {
        let ids = model.inputs().map(|(id, _)| id).chain(model.outputs().iter().copied());
        ids.map(|id| model.layer(id).output_shape().to_vec()).collect()
    };
    if shapes(first) != shapes(second) {
        return Ok(Vec::new());
    }
    let others = predict(second, inputs)?;
    let pairs = first.outputs().iter().zip(answers.iter().zip(&others));
    let compared = pairs.map(|(&id, (one, two))| OutputComparison {
        output: first.layer(id).name().to_owned(),
        samples: one.rows(),
        distance: Distance::new(one, two),
        same_largest: same_largest(one, two),
    });
    Ok(compared.collect())
}

fn same_largest(first: &Tensor, second: &Tensor) -> Option<f64> {
    let width =
        first.shape().last().copied().filter(|&width| width > 1 && first.shape().len() > 1)?;
    let largest = |row: &[f32]| {
        // The first of equal ones, as NumPy has it.
        let better = |best: usize, place: usize| if row[place] > row[best] { place } else { best };
        (0..row.len()).fold(0, better)
    };
    let rows = first.values().chunks_exact(width).zip(second.values().chunks_exact(width));
    let same = rows.clone().filter(|(one, two)| largest(one) == largest(two)).count();
    Some(same as f64 / rows.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use handaxe_graph::{Activation, Op};

    use super::*;

    fn model(units: usize, weight: f32) -> Model {
        let mut model = Model::new("small");
        let input = model.add("in", Op::Input { shape: vec![2] }, &[]).unwrap();
        let fc = model.add("fc", Op::Dense { units, bias: false }, &[input]).unwrap();
        let kernel = (0..2 * units).map(|place| if place == 1 { weight } else { place as f32 });
        let kernel = Tensor::new(vec![2, units], kernel.collect()).unwrap();
        model.set_weight(fc, "kernel", kernel).unwrap();
        model
    }

    #[test]
    fn equal_networks_are_equal_and_a_weight_is_found() {
        let samples: [Arc<dyn Source>; 1] =
            [Arc::new(Tensor::new(vec![2, 2], vec![1.0, 0.0, 0.0, 1.0]).unwrap())];
        let same = Comparison::new(&model(2, 1.0), &model(2, 1.0), Some(&samples)).unwrap();
        assert!(same.is_equal(0.0));
        let near = Comparison::new(&model(2, 1.0), &model(2, 1.5), Some(&samples)).unwrap();
        let weight = &near.weights[0];
        assert_eq!((weight.distance.absolute, weight.distance.relative), (0.5, 0.5 / 1.5));
        assert_eq!((weight.zeros, near.outputs[0].same_largest), ([1, 1], Some(1.0)));
        assert_eq!(near.outputs[0].distance.absolute, 0.5);
        assert!(near.is_equal(0.34) && !near.is_equal(0.33) && near.structure.is_empty());
    }

    #[test]
    fn structure_is_told_by_layer() {
        let one = model(2, 1.0);
        let mut two = model(3, 1.0);
        let fc = two.find("fc").unwrap();
        two.add("relu", Op::Activation { function: Activation::Relu }, &[fc]).unwrap();
        let samples: [Arc<dyn Source>; 1] = [Arc::new(Tensor::full(&[1, 2], 1.0))];
        let told = Comparison::new(&one, &two, Some(&samples)).unwrap();
        let said: Vec<String> = told
            .structure
            .iter()
            .map(|d| format!("{:?} {} {:?} {:?}", d.layer.as_deref(), d.what, d.first, d.second))
            .collect();
        assert_eq!(
            said,
            [
                "None outputs Some(\"fc\") Some(\"relu\")",
                "Some(\"fc\") output shape Some(\"[2]\") Some(\"[3]\")",
                "Some(\"fc\") shape of kernel Some(\"[2, 2]\") Some(\"[2, 3]\")",
                "Some(\"fc\") units Some(\"2\") Some(\"3\")",
                "Some(\"relu\") layer None Some(\"Activation\")",
            ]
        );
        assert!(told.outputs.is_empty() && told.weights.is_empty() && !told.is_equal(9.0));
        let wrong =
            Comparison::new(&one, &two, Some(&[Arc::new(Tensor::full(&[1, 3], 1.0))])).unwrap_err();
        assert!(
            wrong.to_string().contains("3 features") && wrong.to_string().contains("takes 2"),
            "{wrong}"
        );
    }
}
