use handaxe_data::{Parts, metric};
use handaxe_graph::Model;
use handaxe_optimize::{Fit, Trainer};
use handaxe_train::{Initialiser, Settings, initialise, parse};

use crate::Error;
use crate::optimize::trainer;

/// Trains the network that `spec` describes (`dense:64,relu,dense:5,softmax`, see
/// [`parse`](handaxe_train::parse)) for `epochs`, from Glorot's uniform weights.
///
/// # Errors
/// A spec that cannot be read or does not fit the data, or training that diverges.
pub fn train(
    spec: &str,
    parts: &Parts,
    settings: &Settings,
    epochs: usize,
) -> Result<Model, Error> {
    let shapes = parts.input_shapes();
    let [shape] = shapes.as_slice() else {
        let (given, right) = (shapes.len().to_string(), "1 for a network given as a short spec");
        return Err(Error::Value { what: "the number of inputs", given, right });
    };
    let mut model = parse(spec, "network", shape)?;
    initialise(&mut model, Initialiser::default(), settings.seed)?;
    let mut trainer = trainer(&model, parts, metric(parts.natural_metric())?, settings)?;
    let fit = Fit { epochs, frozen: None, stream: 0, ..Fit::default() };
    trainer.fit(&fit, &mut |_| Ok(())).map_err(handaxe_optimize::Error::Trainer)?;
    Ok(trainer.model().map_err(handaxe_optimize::Error::Trainer)?)
}
