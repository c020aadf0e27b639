//! Writing Keras' files: `.keras` for Keras 3, whole `.h5` for Keras 2 (which Keras 3 reads too).
//!
//! Each layer of the graph is written as one of Keras'. Quantised layers are QKeras' and HGQ's, so reading the file needs those.
//! What the inputs were standardised by stands where Keras does not look: `handaxe` in `metadata.json`, or an attribute.

mod function;
mod layer;
mod order;
mod quantiser;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use handaxe_graph::{Layer, LayerId, Model};
use hdf5_pure::{AttrValue, FileBuilder};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::weights::snake_case;
use crate::{Error, write_atomically};

/// Which generation of Keras a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    Two,
    Three,
}

/// The versions whose forms are written.
const VERSION_2: &str = "2.14.0";
const VERSION_3: &str = "3.5.0";
/// The key under which the files say what Keras has no word for.
pub(super) const OURS: &str = "handaxe_preprocessing";

/// Writes a `.keras` archive for Keras 3.
///
/// # Errors
/// A layer or activation that Keras 3 has not, or a file that cannot be written.
pub fn save_keras(model: &Model, path: &Path) -> Result<(), Error> {
    let bytes = keras_bytes(model).map_err(|error| error.in_file(path))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// Writes a whole `.h5` file for Keras 2.
///
/// # Errors
/// As [`save_keras`], for Keras 2.
pub fn save_h5(model: &Model, path: &Path) -> Result<(), Error> {
    let bytes = h5_bytes(model).map_err(|error| error.in_file(path))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// The content of a `.keras` archive.
///
/// # Errors
/// As [`save_keras`], but for the file.
pub fn keras_bytes(model: &Model) -> Result<Vec<u8>, Error> {
    let order = order::as_keras(model);
    let config = architecture(model, &order, Generation::Three)?;
    let mut metadata = json!({"keras_version": VERSION_3, "date_saved": "1970-01-01@00:00:00"});
    if let Some(preprocessing) = preprocessing(model)? {
        metadata[OURS] = Value::String(preprocessing);
    }
    let weights = ordered_weights(model, &order)?;
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let parts = [
        ("metadata.json", metadata.to_string().into_bytes()),
        ("config.json", config.to_string().into_bytes()),
        ("model.weights.h5", weights),
    ];
    for (name, content) in parts {
        // Stored, as Keras does it: the weights are then read without unpacking.
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, options).map_err(|error| Error::Zip { error })?;
        archive.write_all(&content)?;
    }
    let cursor = archive.finish().map_err(|error| Error::Zip { error })?;
    Ok(cursor.into_inner())
}

/// The content of a whole `.h5` file.
///
/// # Errors
/// As [`save_h5`], but for the file.
pub fn h5_bytes(model: &Model) -> Result<Vec<u8>, Error> {
    let order = order::as_keras(model);
    let config = architecture(model, &order, Generation::Two)?;
    let text = |text: &str| AttrValue::VarLenString(text.to_owned());
    let mut file = FileBuilder::new();
    file.set_attr("keras_version", text(VERSION_2));
    file.set_attr("backend", text("tensorflow"));
    file.set_attr("model_config", AttrValue::VarLenString(config.to_string()));
    if let Some(preprocessing) = preprocessing(model)? {
        file.set_attr(OURS, text(&preprocessing));
    }
    let mut root = file.create_group("model_weights");
    let names = order.iter().map(|&id| model.layer(id).name().to_owned()).collect();
    root.set_attr("layer_names", AttrValue::VarLenStringArray(names));
    root.set_attr("keras_version", text(VERSION_2));
    root.set_attr("backend", text("tensorflow"));
    for &id in &order {
        let layer = model.layer(id);
        let mut group = root.create_group(layer.name());
        let mut inner = group.create_group(layer.name());
        let mut names = Vec::new();
        for (name, weight) in layer::weights(layer, Generation::Two) {
            let name = format!("{name}:0");
            array(inner.create_dataset(&name), layer, weight);
            names.push(format!("{}/{name}", layer.name()));
        }
        if !names.is_empty() {
            group.add_group(inner.finish());
        }
        group.set_attr("weight_names", AttrValue::VarLenStringArray(names));
        root.add_group(group.finish());
    }
    file.add_group(root.finish());
    file.finish().map_err(|error| Error::Hdf5 { error })
}

/// `model.weights.h5` of an archive: layers by type and count, weights by count.
fn ordered_weights(model: &Model, order: &[LayerId]) -> Result<Vec<u8>, Error> {
    let mut file = FileBuilder::new();
    let mut layers = file.create_group("layers");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for &id in order {
        let layer = model.layer(id);
        let kind = snake_case(&layer::class(model, layer, Generation::Three));
        let count = counts.entry(kind.clone()).or_insert(0);
        let name = if *count == 0 { kind } else { format!("{kind}_{count}") };
        *count += 1;
        let mut group = layers.create_group(&name);
        let mut variables = group.create_group("vars");
        variables.set_attr("name", AttrValue::VarLenString(layer.name().to_owned()));
        for (place, (_, weight)) in layer::weights(layer, Generation::Three).into_iter().enumerate()
        {
            array(variables.create_dataset(&place.to_string()), layer, weight);
        }
        group.add_group(variables.finish());
        layers.add_group(group.finish());
    }
    file.add_group(layers.finish());
    let mut variables = file.create_group("vars");
    variables.set_attr("name", AttrValue::VarLenString(model.name().to_owned()));
    file.add_group(variables.finish());
    file.finish().map_err(|error| Error::Hdf5 { error })
}

/// HGQ's types are whole numbers of 8 bits, everything else is f32.
fn array(to: &mut hdf5_pure::DatasetBuilder, layer: &Layer, weight: &handaxe_data::Tensor) {
    let mut shape: Vec<u64> = weight.shape().iter().map(|&axis| axis as u64).collect();
    if layer::has_types(layer) {
        if !shape.is_empty() {
            shape.insert(0, 1); // the axis of the samples
        }
        let bytes: Vec<i8> = weight.values().iter().map(|&value| value as i8).collect();
        to.with_i8_data(&bytes).with_shape(&shape);
    } else {
        to.with_f32_data(weight.values()).with_shape(&shape);
    }
}

fn preprocessing(model: &Model) -> Result<Option<String>, Error> {
    if model.preprocessing().is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(model.preprocessing());
    text.map(Some).map_err(|error| Error::GraphJson { error })
}

fn architecture(model: &Model, order: &[LayerId], to: Generation) -> Result<Value, Error> {
    let mut layers = Vec::with_capacity(order.len());
    for &id in order {
        layers.push(whole_layer(model, id, to)?);
    }
    let places = |ids: Vec<LayerId>| -> Vec<Value> {
        ids.into_iter().map(|id| json!([model.layer(id).name(), 0, 0])).collect()
    };
    let inputs = places(model.inputs().map(|(id, _)| id).collect());
    let outputs = places(model.outputs().to_vec());
    let mut config = json!({
        "name": model.name(), "trainable": true, "layers": layers,
        "input_layers": inputs, "output_layers": outputs,
    });
    if to == Generation::Two {
        return Ok(json!({"class_name": "Functional", "config": config}));
    }
    // Keras 3 hands a single array over as itself and not as a list of one.
    for key in ["input_layers", "output_layers"] {
        if let Some([single]) = config[key].as_array().map(Vec::as_slice) {
            config[key] = single.clone();
        }
    }
    Ok(json!({
        "module": "keras.src.models.functional", "class_name": "Functional", "config": config,
        "registered_name": "Functional",
    }))
}

fn whole_layer(model: &Model, id: LayerId, to: Generation) -> Result<Value, Error> {
    let layer = model.layer(id);
    let (class, module, config) = layer::write(model, layer, to)?;
    let name = layer.name();
    let inputs: Vec<&Layer> = layer.inputs().iter().map(|&input| model.layer(input)).collect();
    if to == Generation::Two {
        let reads: Vec<Value> =
            inputs.iter().map(|input| json!([input.name(), 0, 0, {}])).collect();
        let nodes = if reads.is_empty() { json!([]) } else { json!([reads]) };
        return Ok(
            json!({"class_name": class, "config": config, "name": name, "inbound_nodes": nodes}),
        );
    }
    let tensor = |input: &&Layer| {
        json!({"class_name": "__keras_tensor__", "config": {
            "shape": with_samples(input.output_shape()), "dtype": "float32",
            "keras_history": [input.name(), 0, 0],
        }})
    };
    let arguments = match inputs.as_slice() {
        [] => None,
        [single] => Some(tensor(single)),
        several => Some(Value::Array(several.iter().map(tensor).collect())),
    };
    let nodes =
        arguments.map_or(json!([]), |arguments| json!([{"args": [arguments], "kwargs": {}}]));
    let registered = match module {
        "keras.layers" => Value::Null,
        "HGQ.proxy" => json!(format!("HGQ>{class}")),
        _ => json!(format!("qkeras>{class}")),
    };
    let mut whole = json!({
        "module": module, "class_name": class, "config": config, "registered_name": registered,
        "name": name, "inbound_nodes": nodes,
    });
    // Keras builds the layer before it loads the weights.
    if let [input] = inputs.as_slice() {
        whole["build_config"] = json!({"input_shape": with_samples(input.output_shape())});
    }
    Ok(whole)
}

/// A shape as Keras writes it, null for the samples.
fn with_samples(shape: &[usize]) -> Value {
    std::iter::once(Value::Null).chain(shape.iter().map(|&axis| json!(axis))).collect()
}
