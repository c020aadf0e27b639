//! From Keras' lists of layers and calls to a graph in the order of computation.

use std::collections::{BTreeMap, BTreeSet};

use handaxe_graph::{LayerId, MOST_LAYERS, Model, Op};
use serde_json::Value;

use super::config::{Config, DEEPEST, Object, array, brief, object, size};
use super::layer;
use super::weights::{Level, Store};
use crate::Error;

/// Builds the whole model with its weights.
pub(super) fn build(config: &Config, store: &Store) -> Result<Model, Error> {
    let object = Object::new(&config.model)?;
    let name = if object.name.is_empty() { "model" } else { object.name };
    let mut builder =
        Builder { model: Model::new(name), keras_3: config.keras_3, numbers: BTreeMap::new() };
    let mut level = store.top()?;
    let outputs = builder.sub_model(object, &mut level, None, 0)?;
    builder.model.set_outputs(&outputs)?;
    builder.model.verify()?;
    Ok(builder.model)
}

/// A graph that grows layer by layer.
pub(super) struct Builder {
    pub(super) model: Model,
    pub(super) keras_3: bool,
    /// The last number that was tried behind each name that was taken.
    numbers: BTreeMap<String, usize>,
}

/// One call of a layer: the arrays it reads, by layer, call and place.
struct Call {
    layer: usize,
    reads: Vec<(String, usize, usize)>,
}

pub(super) fn is_model(class: &str) -> bool {
    matches!(class, "Sequential" | "Functional" | "Model")
}

impl Builder {
    /// Adds a layer; a name that is taken, as may be in nested models, gets a number.
    pub(super) fn add(&mut self, name: &str, op: Op, inputs: &[LayerId]) -> Result<LayerId, Error> {
        let name = name.replace('/', "_");
        let mut free = name.clone();
        while self.model.contains(&free) {
            let number = self.numbers.entry(name.clone()).or_insert(1);
            *number += 1;
            free = format!("{name}_{number}");
        }
        Ok(self.model.add(&free, op, inputs)?)
    }

    pub(super) fn shape(&self, id: LayerId) -> &[usize] {
        self.model.layer(id).output_shape()
    }

    /// Adds a model's layers. `given` are the arrays that a nested model reads.
    fn sub_model(
        &mut self,
        object: Object<'_>,
        level: &mut Level<'_>,
        given: Option<&[LayerId]>,
        depth: usize,
    ) -> Result<Vec<LayerId>, Error> {
        if depth > DEEPEST {
            return Err(Error::TooDeep { most: DEEPEST });
        }
        match object.class {
            "Sequential" => self.sequential(object, level, given, depth),
            "Functional" | "Model" => self.functional(object, level, given, depth),
            _ => Err(object.unsupported("a model is Sequential or Functional; a class of one's own keeps its computation to itself")),
        }
    }

    fn sequential(
        &mut self,
        model: Object<'_>,
        level: &mut Level<'_>,
        given: Option<&[LayerId]>,
        depth: usize,
    ) -> Result<Vec<LayerId>, Error> {
        // Keras before 2.2 wrote the list itself.
        let layers = model.config.get("layers").unwrap_or(model.config);
        let layers = array(layers, "the layers of a Sequential model")?;
        let layers: Vec<Object<'_>> = layers.iter().map(Object::new).collect::<Result<_, _>>()?;
        all_differ(&layers)?;
        let mut last = given.map(|given| given.to_vec());
        for object in layers {
            if object.class == "InputLayer" {
                level.layer(object.name, object.class)?;
                if last.is_none() {
                    last = Some(vec![self.input(object)?]);
                }
                continue;
            }
            let inputs = match last {
                Some(inputs) => inputs,
                None => vec![self.implied_input(model, object)?],
            };
            last = Some(self.layer(object, level, &inputs, depth)?);
        }
        last.ok_or_else(|| Error::KerasShape { what: "the layers", given: "an empty list".into() })
    }

    /// Any layer, or a model that stands for one.
    fn layer(
        &mut self,
        object: Object<'_>,
        level: &mut Level<'_>,
        inputs: &[LayerId],
        depth: usize,
    ) -> Result<Vec<LayerId>, Error> {
        if is_model(object.class) {
            let mut nested = level.nested(object.name, object.class)?;
            return self.sub_model(object, &mut nested, Some(inputs), depth + 1);
        }
        let weights = level.layer(object.name, object.class)?;
        Ok(vec![layer::add(self, object, &weights, inputs)?])
    }

    fn input(&mut self, object: Object<'_>) -> Result<LayerId, Error> {
        let shape = object.any(&["batch_input_shape", "batch_shape", "shape"]);
        let shape = shape.ok_or_else(|| object.wrong("batch_shape", &Value::Null, "a shape"))?;
        self.input_of(object, object.name, shape)
    }

    /// The input that a Sequential model without an InputLayer begins with.
    fn implied_input(&mut self, model: Object<'_>, first: Object<'_>) -> Result<LayerId, Error> {
        let built = model.get("build_input_shape");
        let shape = first.any(&["batch_input_shape", "batch_shape"]).or(built);
        let shape = shape
            .or_else(|| model.whole.get("build_config").and_then(|built| built.get("input_shape")));
        // A nested model may know it instead.
        let mut inner = first;
        let mut found = shape;
        for _ in 0..DEEPEST {
            if found.is_some() || !is_model(inner.class) {
                break;
            }
            let layers = inner.config.get("layers").unwrap_or(inner.config);
            let Some(next) = layers.as_array().and_then(|layers| layers.first()) else { break };
            inner = Object::new(next)?;
            found = inner.any(&["batch_input_shape", "batch_shape", "build_input_shape"]);
        }
        let shape = found.ok_or_else(|| {
            first.wrong("batch_input_shape", &Value::Null, "the shape of the input")
        })?;
        self.input_of(first, &format!("{}_input", first.name), shape)
    }

    fn input_of(
        &mut self,
        object: Object<'_>,
        name: &str,
        shape: &Value,
    ) -> Result<LayerId, Error> {
        let expected = "a list of null and sizes: every axis but the samples' must be known";
        let wrong = || object.wrong("batch_shape", shape, expected);
        let axes = shape.as_array().ok_or_else(wrong)?;
        let sizes: Option<Vec<usize>> = axes.iter().skip(1).map(size).collect();
        self.add(name, Op::Input { shape: sizes.ok_or_else(wrong)? }, &[])
    }

    fn functional(
        &mut self,
        model: Object<'_>,
        level: &mut Level<'_>,
        given: Option<&[LayerId]>,
        depth: usize,
    ) -> Result<Vec<LayerId>, Error> {
        let config = object(model.config, "the config of a model")?;
        let part = |key: &'static str| config.get(key).unwrap_or(&Value::Null);
        let layers = array(part("layers"), "the layers of a model")?;
        let layers: Vec<Object<'_>> = layers.iter().map(Object::new).collect::<Result<_, _>>()?;
        all_differ(&layers)?;
        let entries = places(part("input_layers"), "input_layers")?;
        let ends = places(part("output_layers"), "output_layers")?;
        if given.is_some_and(|given| given.len() != entries.len()) {
            return Err(
                model.unsupported("it is called with another number of arrays than it has inputs")
            );
        }
        // The inputs are made first: their order in the graph is that in which the model is called.
        let mut entered = BTreeMap::new();
        for (place, (entry, ..)) in entries.iter().enumerate() {
            let Some(object) = layers.iter().find(|object| outer_name(**object) == entry) else {
                let (layer, reads) = (model.name.to_owned(), entry.clone());
                return Err(Error::KerasReads { layer, reads });
            };
            let id = match given {
                Some(given) => given[place],
                None => self.input(*object)?,
            };
            entered.insert(entry.as_str(), id);
        }

        // Weights are looked up in the file's order, computed is in the order of the calls.
        let mut sources = Vec::with_capacity(layers.len());
        for object in &layers {
            sources.push(if is_model(object.class) {
                Source::Nested(level.nested(object.name, object.class)?)
            } else {
                Source::Layer(level.layer(object.name, object.class)?)
            });
        }
        let mut arrays: BTreeMap<(String, usize), Vec<LayerId>> = BTreeMap::new();
        for (number, call) in ordered(&layers)? {
            let object = layers[call.layer];
            let name = outer_name(object);
            let made = if object.class == "InputLayer" {
                let made = entered.get(name).copied();
                vec![made.map_or_else(|| self.input(object), Ok)?]
            } else {
                let inputs = read(&arrays, &call.reads, object)?;
                match &mut sources[call.layer] {
                    Source::Nested(nested) if number == 0 => {
                        self.sub_model(object, nested, Some(&inputs), depth + 1)?
                    }
                    Source::Nested(_) => return Err(object.unsupported(SHARED)),
                    Source::Layer(weights) => {
                        let id = layer::add(self, object, weights, &inputs)?;
                        if number > 0 && self.model.layer(id).parameters() > 0 {
                            return Err(object.unsupported(SHARED));
                        }
                        vec![id]
                    }
                }
            };
            arrays.insert((name.to_owned(), number), made);
        }
        read(&arrays, &ends, model)
    }
}

const SHARED: &str =
    "it is called more than once, and layers that share weights are not known here";

/// Where a layer's weights are.
enum Source<'a> {
    Nested(Level<'a>),
    Layer(super::weights::LayerWeights<'a>),
}

/// The name by which other layers know it, a wrapper's for instance.
fn outer_name<'a>(object: Object<'a>) -> &'a str {
    object.whole.get("name").and_then(Value::as_str).unwrap_or(object.name)
}

/// Keras' own rule: in one model every layer has its own name.
fn all_differ(layers: &[Object<'_>]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    match layers.iter().map(|&object| outer_name(object)).find(|name| !names.insert(*name)) {
        Some(name) => Err(Error::KerasTwice { layer: name.to_owned() }),
        None => Ok(()),
    }
}

fn read(
    arrays: &BTreeMap<(String, usize), Vec<LayerId>>,
    reads: &[(String, usize, usize)],
    object: Object<'_>,
) -> Result<Vec<LayerId>, Error> {
    let find = |(name, call, place): &(String, usize, usize)| {
        // Keras 2 counts the call in which a nested model was built, which is not in the file.
        let only =
            || arrays.get(&(name.clone(), 0)).filter(|_| !arrays.contains_key(&(name.clone(), 1)));
        let made = arrays.get(&(name.clone(), *call)).or_else(only);
        let made = made.and_then(|made| made.get(*place));
        made.copied().ok_or_else(|| Error::KerasReads {
            layer: object.name.to_owned(),
            reads: format!("{name}, call {call}, array {place}"),
        })
    };
    reads.iter().map(find).collect()
}

/// All calls, each after those whose arrays it reads, else in the file's order; with the number of the call of its layer.
fn ordered(layers: &[Object<'_>]) -> Result<Vec<(usize, Call)>, Error> {
    let mut calls = Vec::new();
    for (layer, object) in layers.iter().enumerate() {
        let nodes = object.whole.get("inbound_nodes").unwrap_or(&Value::Null);
        let nodes = array(nodes, "the inbound_nodes of a layer")?;
        if nodes.is_empty() {
            calls.push((0, Call { layer, reads: Vec::new() }));
        }
        for (number, node) in nodes.iter().enumerate() {
            let mut reads = Vec::new();
            tensors(node, &mut reads, 0)?;
            calls.push((number, Call { layer, reads }));
        }
        if calls.len() > MOST_LAYERS {
            return Err(handaxe_graph::Error::TooManyLayers { most: MOST_LAYERS }.into());
        }
    }
    let known: BTreeMap<(String, usize), usize> = calls
        .iter()
        .enumerate()
        .map(|(place, (number, call))| {
            ((outer_name(layers[call.layer]).to_owned(), *number), place)
        })
        .collect();
    let mut waits = vec![0; calls.len()];
    let mut readers = vec![Vec::new(); calls.len()];
    for (place, (_, call)) in calls.iter().enumerate() {
        for (name, number, array) in &call.reads {
            let only = || {
                known.get(&(name.clone(), 0)).filter(|_| !known.contains_key(&(name.clone(), 1)))
            };
            let Some(&source) = known.get(&(name.clone(), *number)).or_else(only) else {
                return Err(Error::KerasReads {
                    layer: layers[call.layer].name.to_owned(),
                    reads: format!("{name}, call {number}, array {array}"),
                });
            };
            waits[place] += 1;
            readers[source].push(place);
        }
    }
    let mut ready: BTreeSet<usize> = (0..calls.len()).filter(|&place| waits[place] == 0).collect();
    let mut order = Vec::with_capacity(calls.len());
    while let Some(place) = ready.pop_first() {
        order.push(place);
        for &reader in &readers[place] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if order.len() < calls.len() {
        let stuck = waits.iter().position(|&waits| waits > 0).unwrap_or(0);
        let layer = layers[calls[stuck].1.layer].name.to_owned();
        return Err(Error::KerasCycle { layer });
    }
    let mut calls: Vec<Option<(usize, Call)>> = calls.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|place| calls[place].take()).collect())
}

/// The arrays that a call names, in both generations' forms: `["fc1", 0, 0, {}]` and
/// `{"class_name": "__keras_tensor__", "config": {"keras_history": ["fc1", 0, 0]}}`.
fn tensors(
    node: &Value,
    found: &mut Vec<(String, usize, usize)>,
    depth: usize,
) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(Error::TooDeep { most: DEEPEST });
    }
    match node {
        Value::Array(parts) => {
            if let Some(place) = place(parts) {
                found.push(place);
                // Arrays given by keyword stand in the fourth part.
                if let Some(keywords @ Value::Object(_)) = parts.get(3) {
                    tensors(keywords, found, depth + 1)?;
                }
                return Ok(());
            }
            parts.iter().try_for_each(|part| tensors(part, found, depth + 1))
        }
        Value::Object(parts) => match parts.get("config").and_then(|c| c.get("keras_history")) {
            Some(history) => tensors(history, found, depth + 1),
            None => parts.values().try_for_each(|part| tensors(part, found, depth + 1)),
        },
        _ => Ok(()),
    }
}

/// `["fc1", 0, 0]`, perhaps with more behind.
fn place(parts: &[Value]) -> Option<(String, usize, usize)> {
    match parts {
        [Value::String(name), call, array, ..] => Some((name.clone(), size(call)?, size(array)?)),
        _ => None,
    }
}

/// The inputs or outputs of a model: one place, or a list or mapping of places.
fn places(value: &Value, what: &'static str) -> Result<Vec<(String, usize, usize)>, Error> {
    let mut found = Vec::new();
    tensors(value, &mut found, 0)?;
    if found.is_empty() {
        return Err(Error::KerasShape { what, given: brief(value) });
    }
    Ok(found)
}
