//! Places of layers in a model.

use handaxe_graph::{LayerId, Model, Op};

pub(crate) fn ids(count: usize) -> Vec<LayerId> {
    let mut model = Model::new("ids");
    let mut add =
        |name: usize| model.add(&name.to_string(), Op::Input { shape: vec![1] }, &[]).unwrap();
    (0..count).map(&mut add).collect()
}
