//! Networks through every form of file, and what pruning leaves in them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use handaxe_formats::model::{self, Format};
use handaxe_graph::{Mask, Masks, Model};

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/keras/small");
    folder.join(name).display().to_string()
}

/// A third of every kernel held at zero, one weight of each at a value.
fn masks(model: &Model) -> Masks {
    let mut masks = Masks::default();
    for (id, layer) in model.layers() {
        let Some(kernel) = layer.kernel() else { continue };
        let count = kernel.values().len();
        let mut mask = Mask::new((0..count).map(|place| place % 3 != 0).collect());
        mask.hold(count - 1, 0.25);
        masks.insert(id, mask);
    }
    masks
}

/// What is masked is exactly zero, what is shared exactly its value and all else untouched in every form that is written, and
/// the quantisers of QKeras and HGQ's types are there again.
#[test]
fn masks_and_quantisers_survive_writing() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for name in [
        "plain_3.keras",
        "quantised.h5",
        "quantised.keras",
        "table.h5",
        "pruned.h5",
        "line_2.h5",
        "plain_2.keras",
    ] {
        let original = model::load(&fixture(name)).unwrap();
        let mut pruned = original.clone();
        let masks = masks(&original);
        masks.apply(&mut pruned).unwrap();
        for form in [Format::Native, Format::Keras, Format::H5] {
            let path: PathBuf = folder.path().join(format!("model.{form}"));
            model::save(&pruned, &path).unwrap_or_else(|error| panic!("{name} as {form}: {error}"));
            let read = model::load(&path.display().to_string()).unwrap();
            for (id, mask) in masks.iter() {
                let layer = original.layer(id);
                let again = read.layer(read.find(layer.name()).unwrap());
                let pairs =
                    layer.kernel().unwrap().values().iter().zip(again.kernel().unwrap().values());
                for (index, (before, after)) in pairs.enumerate() {
                    let expected = mask.held(index).unwrap_or(*before);
                    assert_eq!(
                        after.to_bits(),
                        expected.to_bits(),
                        "{name} as {form}: {} {index}",
                        layer.name()
                    );
                }
            }
            for (_, layer) in original.layers() {
                let again = read.layer(read.find(layer.name()).unwrap());
                assert_eq!(again.op(), layer.op(), "{name} as {form}");
                assert!(
                    again.quantisers().eq(layer.quantisers()),
                    "{name} as {form}: {}",
                    layer.name()
                );
            }
            written += 1;
        }
    }
    assert_eq!(written, 21);
}

/// Every network of the fixtures goes through all forms in turn and comes back as it was.
#[test]
fn a_round_through_all_forms_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "plain_2.keras",
        "plain_3.h5",
        "really_hdf5.keras",
        "parts_2.json",
        "parts_3.json:weights=parts_3.weights.h5",
    ] {
        let name = name.replace(":weights=", &format!(":weights={}", fixture("")));
        let original = model::load(&fixture(&name)).unwrap();
        let mut model = original.clone();
        for form in [Format::Keras, Format::Native, Format::H5, Format::Keras] {
            let path = folder.path().join(format!("model.{form}"));
            model::save(&model, &path).unwrap();
            model = model::load(&path.display().to_string()).unwrap();
        }
        for (_, layer) in original.layers() {
            assert_eq!(model.layer(model.find(layer.name()).unwrap()), layer, "{name}");
        }
    }
}
