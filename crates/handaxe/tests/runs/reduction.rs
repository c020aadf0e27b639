//! Runs that end with a smaller network.

use std::fs;
use std::path::Path;

use handaxe::prelude::*;
use handaxe::run::{RunDir, footprint};

use crate::{network, optimize};

fn flops(model: &Model) -> u64 {
    let layers = footprint(model, None, &[&GpuFlops]).unwrap();
    layers.iter().map(|layer| layer.resources["flops"]).sum()
}

/// The figures are those of the reduced network, to the operation.
#[test]
fn flops_and_parameters_are_counted_on_what_is_left() {
    let model = network();
    let run = optimize(&model).objective(GpuFlops).final_sparsity(0.5).run(&mut ()).unwrap();
    let record = run.result.reduction.as_ref().unwrap();
    assert!(record.kept && run.result.met, "{:?}", run.result);
    let (after, mut expected) = (&run.outcome.model, 0);
    for (_, layer) in after.layers().filter(|(_, layer)| layer.op().has_kernel()) {
        let shape = layer.kernel().unwrap().shape();
        expected += 2 * shape[0] * shape[1] + shape[1];
    }
    assert_eq!(run.result.resources.after["flops"], expected as u64);
    assert_eq!(run.result.resources.before["flops"], flops(&model));
    let weights = after.layers().filter_map(|(_, layer)| layer.kernel());
    let weights: usize = weights.map(|kernel| kernel.values().len()).sum();
    assert_eq!(run.result.resources.after["parameters"], weights as u64);
    assert!(run.result.achieved["flops"] >= 0.5);
    for layer in run.result.layers.iter().filter(|layer| layer.reduced.is_some()) {
        let count = |shape: &[usize]| shape.iter().product::<usize>() as f64;
        let left = count(layer.reduced.as_ref().unwrap()) / count(&layer.shape);
        assert!((layer.sparsity - (1.0 - left)).abs() < 1e-12, "{layer:?}");
    }
}

/// Zeros that no neuron goes with stay zero through the training that follows.
#[test]
fn what_is_pruned_stays_pruned() {
    let run = optimize(&network())
        .objective(Parameter)
        .final_sparsity(0.8)
        .settings(handaxe::run::Settings { reduce: Some(true), ..crate::settings() })
        .run(&mut ())
        .unwrap();
    let reduction = run.result.reduction.unwrap();
    assert!(reduction.kept && reduction.trained && run.result.achieved["parameters"] >= 0.8);
    let kernels = run.outcome.model.layers().filter_map(|(_, layer)| layer.kernel());
    let free: usize =
        kernels.map(|kernel| kernel.values().iter().filter(|weight| **weight != 0.0).count()).sum();
    assert!(free as u64 <= run.result.resources.before["parameters"] / 5);
}

/// Runs into `folder`, from the checkpoint that is there.
fn into(folder: &Path, model: &Model) -> (Model, Vec<u8>) {
    let mut dir = match RunDir::open(folder) {
        Ok(dir) => dir,
        Err(_) => {
            let mut dir = RunDir::create(folder, false).unwrap();
            dir.begin("", model, &[]).unwrap();
            dir
        }
    };
    let run = optimize(model).objective(GpuFlops).final_sparsity(0.5);
    let done = run.resume(dir.checkpoint().unwrap()).run(&mut dir).unwrap();
    (done.outcome.model, fs::read(folder.join("epochs.jsonl")).unwrap())
}

/// Interrupted before, in or after the reduction, a run ends with the same bits.
#[test]
fn the_reduction_is_a_phase_of_its_own() {
    let (folder, model) = (tempfile::tempdir().unwrap(), network());
    let path = folder.path().join("run");
    let whole = into(&path, &model);
    assert!(path.join("reduction.json").is_file());
    assert!(into(&path, &model) == whole, "after it");
    // As if the last file had not been renamed: the epochs are there, the reduction is not.
    fs::remove_file(path.join("reduction.json")).unwrap();
    assert!(into(&path, &model) == whole, "in it");
    fs::remove_file(path.join("reduction.json")).unwrap();
    fs::remove_file(path.join("checkpoints/reduced.safetensors")).unwrap();
    assert!(into(&path, &model) == whole, "before it");
}

/// A reduced network is a network as any other: every format that is written takes it.
#[test]
fn every_format_takes_the_reduced_network() {
    use handaxe::formats::{keras, native};
    let run = optimize(&network()).objective(GpuFlops).final_sparsity(0.5).run(&mut ()).unwrap();
    let (model, folder) = (&run.outcome.model, tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    native::save(model, file("slim.safetensors")).unwrap();
    keras::save_keras(model, &file("slim.keras")).unwrap();
    keras::save_h5(model, &file("slim.h5")).unwrap();
    assert_eq!(&native::load(file("slim.safetensors")).unwrap(), model);
    for name in ["slim.keras", "slim.h5"] {
        let read = keras::load(file(name).to_str().unwrap()).unwrap();
        for (id, layer) in model.layers() {
            let same = read.layer(read.find(layer.name()).unwrap());
            assert_eq!(same.output_shape(), model.layer(id).output_shape());
            assert!(same.weights().eq(layer.weights()), "{name}: {}", layer.name());
        }
    }
}
