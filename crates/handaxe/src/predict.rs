use std::sync::Arc;

use handaxe_data::{Source, Targets, Tensor, blocks, metric};
use handaxe_graph::Model;

use crate::Error;

/// The answers of `model` to `inputs`, one array an output, samples first: floating-point inference as the network's own
/// framework does it, in blocks over all cores. Inputs are standardised as the model says; they may be larger than memory.
///
/// ```
/// use std::sync::Arc;
///
/// use handaxe::graph::{Model, Op};
/// use handaxe::prelude::*;
///
/// let mut model = Model::new("sum");
/// let input = model.add("in", Op::Input { shape: vec![2] }, &[])?;
/// let sum = model.add("fc", Op::Dense { units: 1, bias: false }, &[input])?;
/// model.set_weight(sum, "kernel", Tensor::full(&[2, 1], 1.0))?;
/// let input = Tensor::new(vec![1, 2], vec![3.0, 4.0])?;
/// let answers = handaxe::predict(&model, &[Arc::new(input)])?;
/// assert_eq!(answers[0].values(), [7.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Arrays that are not of the inputs' shapes or number, or of different lengths, or that cannot be read.
pub fn predict(model: &Model, inputs: &[Arc<dyn Source>]) -> Result<Vec<Tensor>, Error> {
    let network = handaxe_emulate::Float::new(model)?;
    answers(model, inputs, |block| Ok(network.predict(block)?))
}

/// What `run` answers to every block of standardised inputs, joined.
pub(crate) fn answers(
    model: &Model,
    inputs: &[Arc<dyn Source>],
    run: impl Fn(&[Tensor]) -> Result<Vec<Tensor>, Error>,
) -> Result<Vec<Tensor>, Error> {
    check_inputs(model, inputs)?;
    blocks_answers(model, inputs, |block| run(&standardised(model, block.to_vec())?))
}

/// What `run` answers to every block of inputs, joined.
pub(crate) fn blocks_answers(
    model: &Model,
    inputs: &[Arc<dyn Source>],
    run: impl Fn(&[Tensor]) -> Result<Vec<Tensor>, Error>,
) -> Result<Vec<Tensor>, Error> {
    let mut answers = vec![Vec::new(); model.outputs().len()];
    for block in blocks(inputs) {
        for (answers, output) in answers.iter_mut().zip(run(&block?)?) {
            answers.extend_from_slice(output.values());
        }
    }
    let samples = inputs.first().map_or(0, |input| input.rows());
    let outputs = model.outputs().iter().zip(answers).map(|(&id, values)| {
        let shape = [&[samples], model.layer(id).output_shape()].concat();
        Ok(Tensor::new(shape, values)?)
    });
    outputs.collect()
}

/// Inputs as the model's preprocessing makes them.
pub(crate) fn standardised(model: &Model, mut block: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
    for (input, by) in block.iter_mut().zip(model.preprocessing()) {
        *input = by.apply(std::mem::replace(input, Tensor::full(&[0], 0.0)))?;
    }
    Ok(block)
}

/// Whether data are what a model takes; what comes of them is then no worse than the data.
pub(crate) fn check_inputs(model: &Model, inputs: &[Arc<dyn Source>]) -> Result<(), Error> {
    let expected = model.inputs().count();
    if expected != inputs.len() {
        return Err(Error::Inputs { given: inputs.len(), expected });
    }
    for ((_, layer), input) in model.inputs().zip(inputs) {
        let (given, expected) = (input.shape().get(1..).unwrap_or(&[]), layer.output_shape());
        if given != expected {
            let layer = layer.name().to_owned();
            let (given, expected) = (given.to_vec(), expected.to_vec());
            return Err(Error::Features { layer, given, expected });
        }
        if input.rows() != inputs[0].rows() {
            let (what, given) = (format!("the input of {}", layer.name()), input.rows());
            let expected = inputs[0].rows();
            return Err(handaxe_data::Error::Samples { what, given, expected }.into());
        }
    }
    Ok(())
}

/// How good the answers of a network with one output are: by the metric called `name`, or by the one that suits the targets.
/// Gives the metric's name and value.
///
/// # Errors
/// An unknown metric, or one that cannot judge such answers against these targets.
pub fn judge(
    outputs: &[Tensor],
    targets: &Targets,
    name: Option<&str>,
) -> Result<(&'static str, f64), Error> {
    let [output] = outputs else {
        let (given, right) = (outputs.len().to_string(), "1 for a metric");
        return Err(Error::Value { what: "the number of outputs", given, right });
    };
    let natural = match targets {
        Targets::Classes { .. } => "accuracy",
        Targets::Values(_) => "mse",
    };
    let metric = metric(name.unwrap_or(natural))?;
    // The data need not hold the last of the classes that the network tells apart.
    let targets = match targets {
        Targets::Classes { labels, classes } if *classes < output.row_len() => {
            Targets::classes(labels.clone(), output.row_len())?
        }
        targets => targets.clone(),
    };
    let flat = Tensor::new(vec![output.rows(), output.row_len()], output.values().to_vec())?;
    Ok((metric.name(), metric.evaluate(&flat, &targets)?))
}
