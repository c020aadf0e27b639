//! Each pass on a small model, before and after: tests/snapshots.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use handaxe_data::Tensor;
use handaxe_graph::pass::{PIPELINES, Pass, READING};
use handaxe_graph::{
    Activation, CodeRounding, Error, Integer, LayerId, Model, Op, Padding, Quantiser, Scale, Window,
};

/// The pass of any pipeline that is called `name`.
fn pass(name: &str) -> &'static dyn Pass {
    let mut passes = PIPELINES.iter().flat_map(|pipeline| pipeline.passes);
    *passes.find(|pass| pass.name() == name).unwrap()
}

/// A pass, and the model before and after it.
fn shown(name: &str, model: Model) -> String {
    let pass = pass(name);
    let before = model.dump();
    let after = pass.run(model).unwrap().dump();
    format!("{name}: {}\n\nbefore\n{before}\nafter\n{after}", pass.description())
}

/// A model under construction; weights are 1, 2, 3, ...
struct Draft(Model, LayerId);

impl Draft {
    fn new(shape: &[usize]) -> Self {
        let mut model = Model::new("draft");
        let input = model.add("in", Op::Input { shape: shape.to_vec() }, &[]).unwrap();
        Self(model, input)
    }

    fn on(&mut self, name: &str, op: Op, inputs: &[LayerId]) -> LayerId {
        self.1 = self.0.add(name, op, inputs).unwrap();
        let layer = self.0.layer(self.1);
        let kernel = layer.kernel().map(|kernel| kernel.shape().to_vec());
        if let Some(shape) = kernel {
            let values = (1..=shape.iter().product::<usize>()).map(|value| value as f32).collect();
            self.0.set_weight(self.1, "kernel", Tensor::new(shape, values).unwrap()).unwrap();
        }
        self.1
    }

    /// Behind the last layer.
    fn then(&mut self, name: &str, op: Op) -> LayerId {
        self.on(name, op, &[self.1])
    }

    fn line(&mut self, name: &str, gamma: &[f32], beta: &[f32]) -> LayerId {
        let id = self.then(name, Op::line());
        for (weight, values) in [("gamma", gamma), ("beta", beta)] {
            let tensor = Tensor::new(vec![values.len()], values.to_vec()).unwrap();
            self.0.set_weight(id, weight, tensor).unwrap();
        }
        id
    }
}

fn relu() -> Op {
    Op::Activation { function: Activation::Relu }
}

fn dense(units: usize) -> Op {
    Op::Dense { units, bias: false }
}

fn turned(axes: &[usize]) -> Op {
    Op::Permute { axes: axes.to_vec() }
}

fn eighths(bits: u32, integer: i32) -> Quantiser {
    let alpha = Scale::Value(1.0);
    Quantiser::Bits { bits, integer, keep_negative: true, symmetric: false, alpha }
}

#[test]
fn unread_layers_are_dropped() {
    let mut draft = Draft::new(&[3]);
    let input = draft.1;
    let kept = draft.then("kept", dense(2));
    draft.on("half", Op::line(), &[input]);
    draft.then("more", relu());
    draft.0.set_outputs(&[kept]).unwrap();
    insta::assert_snapshot!(shown("drop-unread", draft.0));
}

#[test]
fn constants_become_biases() {
    let mut draft = Draft::new(&[2]);
    draft.then("fc1", dense(2));
    let add = draft.line("add1", &[1.0, 1.0], &[0.5, -0.25]);
    draft.0.set_quantiser(add, "beta", eighths(6, 2)).unwrap();
    draft.then("fc2", dense(2));
    draft.line("scale2", &[2.0, 1.0], &[0.5, 0.5]);
    let third = draft.then("fc3", dense(2));
    draft.line("add3", &[1.0, 1.0], &[1.0, 1.0]);
    draft.on("also", relu(), &[third]);
    insta::assert_snapshot!(shown("fuse-bias", draft.0));
}

#[test]
fn lines_are_merged() {
    let mut draft = Draft::new(&[2]);
    draft.line("mul", &[2.0, 4.0], &[0.0, 0.0]);
    draft.line("sub", &[1.0, 1.0], &[-1.0, 1.0]);
    draft.line("div", &[0.5, 0.5], &[0.0, 0.0]);
    draft.then("relu", relu());
    draft.line("nothing", &[1.0, 1.0], &[0.0, 0.0]);
    draft.then("fc", dense(1));
    insta::assert_snapshot!(shown("merge-lines", draft.0));
}

#[test]
fn reshapes_are_merged() {
    let mut draft = Draft::new(&[2, 3]);
    draft.then("flat", Op::Flatten);
    let twice = draft.then("as_3_2", Op::Reshape { shape: vec![3, 2] });
    draft.then("relu", relu());
    draft.then("same", Op::Reshape { shape: vec![3, 2] });
    draft.then("back", Op::Reshape { shape: vec![2, 3] });
    draft.on("tanh", Op::Activation { function: Activation::Tanh }, &[twice]);
    insta::assert_snapshot!(shown("merge-reshapes", draft.0));
}

/// An image of channels first through two convolutions that read it, a ReLU and an addition, to a vector in the order of channels first.
fn image() -> Model {
    let mut draft = Draft::new(&[2, 2, 2]);
    let input = draft.1;
    let conv =
        |filters| Op::Conv { filters, window: Window::dense(&[1, 1], Padding::Valid), bias: false };
    draft.then("to_last", turned(&[1, 2, 0]));
    let one = draft.then("conv1", conv(2));
    draft.on("to_last_too", turned(&[1, 2, 0]), &[input]);
    let two = draft.then("conv2", conv(2));
    let one = draft.on("first1", turned(&[2, 0, 1]), &[one]);
    let two = draft.on("first2", turned(&[2, 0, 1]), &[two]);
    draft.on("sum", Op::Add, &[one, two]);
    draft.then("relu", relu());
    draft.then("flat", Op::Flatten);
    draft.then("fc", dense(1));
    draft.0
}

#[test]
fn transposes_are_merged() {
    insta::assert_snapshot!(shown("merge-transposes", image()));
}

/// The proof finds what merging would; after merging there is nothing to find.
#[test]
fn needless_transposes_are_found() {
    let prove = pass("prove-transposes");
    let error = prove.run(image()).unwrap_err();
    assert_eq!(error, Error::NeedlessTransposes { left: 4, needed: 1 });
    let merged = pass("merge-transposes").run(image()).unwrap();
    let proven = prove.run(merged.clone()).unwrap();
    assert_eq!(proven, merged);
    insta::assert_snapshot!(shown("prove-transposes", merged));
}

#[test]
fn scales_become_normalisations() {
    let codes = |bits, signed, scale: &[f32]| Integer {
        bits,
        signed,
        narrow: signed,
        rounding: CodeRounding::HalfEven,
        zero_after: false,
        scale: scale.to_vec(),
        zero_point: vec![0.0],
        shape: if scale.len() == 1 { Vec::new() } else { vec![1, scale.len()] },
    };
    let round = |codes: Integer| Op::Quantise { quantiser: Quantiser::Integer(codes) };
    let mut draft = Draft::new(&[2]);
    draft.then("codes", round(codes(8, true, &[0.3])));
    let fc = draft.then("fc1", Op::Dense { units: 2, bias: true });
    draft.0.set_quantiser(fc, "kernel", Quantiser::Integer(codes(3, true, &[0.1, 0.7]))).unwrap();
    draft.0.set_weight(fc, "bias", Tensor::full(&[2], 0.6)).unwrap();
    draft.then("norm", Op::BatchNorm { epsilon: 1e-30, momentum: 0.9 });
    draft.then("relu", relu());
    draft.then("codes1", round(codes(3, false, &[0.2])));
    let fc = draft.then("fc2", dense(1));
    draft.0.set_quantiser(fc, "kernel", eighths(6, 2)).unwrap();
    insta::assert_snapshot!(shown("unit-scales", draft.0));
}

/// Names are unique and what a pipeline knows; a model without anything to join passes unchanged.
#[test]
fn pipelines_know_their_passes() {
    let mut names: Vec<&str> =
        PIPELINES.iter().flat_map(|pipeline| pipeline.passes).map(|pass| pass.name()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let mut draft = Draft::new(&[3]);
    draft.then("fc", dense(2));
    for pipeline in PIPELINES {
        assert_eq!(pipeline.run(draft.0.clone()).unwrap(), draft.0);
    }
    let error = READING.run_to("merge-scales", draft.0).unwrap_err().to_string();
    assert!(error.contains("merge-scales") && error.contains("merge-lines"), "{error}");
}
