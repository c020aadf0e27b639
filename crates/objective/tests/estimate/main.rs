//! Laws of the estimates, and the rules against reports of synthesis (fixtures/synthesis).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changes;
mod codes;
mod elements;
mod kinds;
mod rows;

use handaxe_graph::{Model, Op};

/// A Dense layer with these weights, row by row.
fn dense(weights: &[f32], n_in: usize) -> Model {
    let units = weights.len() / n_in;
    let mut model = Model::new("one");
    let input = model.add("in", Op::Input { shape: vec![n_in] }, &[]).unwrap();
    let id = model.add("fc", Op::Dense { units, bias: false }, &[input]).unwrap();
    let kernel = model.layer(id).kernel().unwrap().shape().to_vec();
    let mut tensor = model.layer(id).kernel().unwrap().clone();
    assert_eq!(kernel, [n_in, units]);
    tensor.values_mut().copy_from_slice(weights);
    model.set_weight(id, "kernel", tensor).unwrap();
    model
}
