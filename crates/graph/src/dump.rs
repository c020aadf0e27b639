//! A model as text, to be compared line by line.

use std::fmt::Write;

use serde_json::Value;

use crate::{Layer, Model};

/// Of longer weights only the shape is shown.
const SHOWN: usize = 8;

impl Model {
    /// The graph as text: a line for each layer with its type, what it reads, its output's shape and its parameters, then a line for
    /// each weight with its shape, at most eight numbers and its quantiser.
    ///
    /// ```
    /// use handaxe_graph::{Model, Op};
    ///
    /// let mut model = Model::new("small");
    /// let input = model.add("in", Op::Input { shape: vec![2] }, &[])?;
    /// model.add("fc", Op::Dense { units: 1, bias: false }, &[input])?;
    /// assert_eq!(
    ///     model.dump(),
    ///     "in = InputLayer() [2]\nfc = Dense(in) [1] {\"bias\":false,\"units\":1}\n  kernel [2, 1] = 0 0\nanswers fc\n"
    /// );
    /// # Ok::<(), handaxe_graph::Error>(())
    /// ```
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for (_, layer) in self.layers() {
            let reads: Vec<&str> = layer.inputs().iter().map(|&id| self.layer(id).name()).collect();
            let kind = layer.op().layer_type().name();
            let (name, shape) = (layer.name(), layer.output_shape());
            // Writing to a String cannot fail.
            let _ = write!(text, "{name} = {kind}({}) {shape:?}", reads.join(", "));
            if let Some(parameters) = parameters(layer) {
                let _ = write!(text, " {parameters}");
            }
            text.push('\n');
            weights(layer, &mut text);
        }
        let answers: Vec<&str> = self.outputs().iter().map(|&id| self.layer(id).name()).collect();
        let _ = writeln!(text, "answers {}", answers.join(", "));
        text
    }
}

/// What the operator states beside its kind and what the shape shows.
fn parameters(layer: &Layer) -> Option<Value> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(layer.op()) else { return None };
    fields.remove("op");
    fields.remove("shape");
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn weights(layer: &Layer, text: &mut String) {
    for (name, weight) in layer.weights() {
        let _ = write!(text, "  {name} {:?}", weight.shape());
        if weight.values().len() <= SHOWN {
            let values: Vec<String> = weight.values().iter().map(ToString::to_string).collect();
            let _ = write!(text, " = {}", values.join(" "));
        }
        let quantiser = layer.quantiser(name).and_then(|q| serde_json::to_string(q).ok());
        let _ = match quantiser {
            Some(quantiser) => writeln!(text, " as {quantiser}"),
            None => writeln!(text),
        };
    }
}
