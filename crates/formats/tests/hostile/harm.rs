//! What fuzzing found, and honest files that are harmed.

use std::io::{Cursor, Read, Write};

use handaxe_formats::{data, hls, keras, native, onnx};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::{fixture, fixtures};

/// Reads `content` as a target of `tests/fuzz` does; what it gives is of no account.
fn read(target: &str, content: &[u8]) {
    let as_file = |name: &str, reference: &dyn Fn(&str) -> String| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let _ = data::load_parts(&reference(&path.display().to_string()));
    };
    match target {
        "keras_archive" | "keras_h5" => drop(keras::from_bytes(content)),
        "keras_json" => {
            drop(keras::from_parts(content, &fixture("keras/small/parts_2_weights.h5")));
        }
        "native" => drop(native::from_bytes(content)),
        "onnx" => drop(onnx::from_bytes(content)),
        "npz" => drop(data::parts_of_npz(content)),
        "npy" => as_file("array.npy", &|path| format!("{path}:y={path}")),
        "csv" => as_file("table.csv", &str::to_owned),
        "arff" => as_file("table.arff", &str::to_owned),
        // Without the feature: an error that says so.
        "parquet" => as_file("table.parquet", &|path| format!("{path}:y=label")),
        "idx" if content.starts_with(&[0x1f, 0x8b]) => {
            as_file("array.idx.gz", &|path| format!("{path}:y={path}"));
        }
        "idx" => as_file("array.idx", &|path| format!("{path}:y={path}")),
        "hls_yaml" | "hls_json" => drop(hls::parse(&String::from_utf8_lossy(content))),
        _ => {} // other crates' readers
    }
}

/// What fuzzing started from and what it found.
#[test]
fn nothing_that_fuzzing_found_panics() {
    let mut files = 0;
    for folder in std::fs::read_dir(fixtures().join("hostile")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let target = folder.file_name().unwrap().to_str().unwrap();
        for file in std::fs::read_dir(&folder).unwrap() {
            read(target, &std::fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
    }
    assert!(files > 10, "{files}");
}

/// One change of a file.
#[derive(Debug, Clone)]
enum Harm {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    /// Eight bytes become a number of such a file's most dangerous kind: an offset or a count.
    Number(prop::sample::Index, u64),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn harms() -> impl Strategy<Value = Vec<Harm>> {
    let place = any::<prop::sample::Index>;
    let number = prop_oneof![Just(u64::MAX), Just(1 << 60), Just(1 << 32), Just(0), 0..100_000u64];
    let harm = prop_oneof![
        5 => (place(), any::<u8>()).prop_map(|(place, byte)| Harm::Set(place, byte)),
        1 => place().prop_map(Harm::Cut),
        3 => (place(), number).prop_map(|(place, number)| Harm::Number(place, number)),
        1 => (place(), place()).prop_map(|(from, to)| Harm::Repeat(from, to)),
    ];
    prop::collection::vec(harm, 1..6)
}

fn harmed(content: &[u8], harms: &[Harm]) -> Vec<u8> {
    let mut content = content.to_vec();
    for harm in harms {
        if content.is_empty() {
            break;
        }
        match harm {
            Harm::Set(place, byte) => *place.get_mut(&mut content) = *byte,
            Harm::Cut(place) => content.truncate(place.index(content.len())),
            Harm::Number(place, number) => {
                let start = place.index(content.len());
                let room = content.len() - start;
                let bytes = &number.to_le_bytes()[..room.min(8)];
                content[start..start + bytes.len()].copy_from_slice(bytes);
            }
            Harm::Repeat(from, to) => {
                let (from, to) = (from.index(content.len()), to.index(content.len()));
                let part = content[from.min(to)..from.max(to)].to_vec();
                content.splice(from..from, part);
            }
        }
    }
    content
}

/// The same archive with one part harmed; its checksum is right again, so that the harm is read.
fn archive_with(content: &[u8], harmed_part: &str, harms: &[Harm]) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(content)).unwrap();
    let mut written = ZipWriter::new(Cursor::new(Vec::new()));
    for place in 0..archive.len() {
        let mut part = archive.by_index(place).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        if name == harmed_part {
            bytes = harmed(&bytes, harms);
        }
        written.start_file(name, SimpleFileOptions::default()).unwrap();
        written.write_all(&bytes).unwrap();
    }
    written.finish().unwrap().into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_harmed_file_panics(
        harms in harms(),
        (target, file) in prop::sample::select(vec![
            ("keras_h5", "keras/small/plain_2.h5"),
            ("keras_h5", "keras/small/plain_3.h5"),
            ("keras_h5", "keras/small/plane_2.h5"),
            ("keras_h5", "keras/small/table.h5"),
            ("keras_h5", "keras/small/pruned.h5"),
            ("keras_archive", "keras/small/plain_3.keras"),
            ("keras_json", "keras/small/parts_2.json"),
            ("onnx", "onnx/small/image_to_vector.onnx"),
            ("onnx", "onnx/small/parts.onnx"),
            ("onnx", "onnx/small/quantised.onnx"),
            ("onnx", "onnx/small/spread_axes.onnx"),
            ("onnx", "onnx/small/shapes_of_exports.onnx"),
            ("native", "hostile/native/conv"),
            ("native", "hostile/native/dense"),
            ("npz", "hostile/npz/packed"),
            ("npy", "hostile/npy/f4_fortran"),
            ("npy", "hostile/npy/text"),
            ("csv", "hostile/csv/labels"),
            ("parquet", "hostile/parquet/plain"),
            ("parquet", "hostile/parquet/pages_2"),
            ("hls_yaml", "hls_config/qmlp.Vivado.name.yml"),
            ("hls_json", "hls_config/mlp.none.model.json"),
        ]),
    ) {
        read(target, &harmed(&fixture(file), &harms));
    }

    #[test]
    fn no_harmed_part_of_an_archive_panics(
        harms in harms(),
        file in prop::sample::select(vec!["line_3", "plane_2", "quantised", "table"]),
        part in prop::sample::select(vec!["config.json", "metadata.json", "model.weights.h5"]),
    ) {
        let archive = fixture(&format!("keras/small/{file}.keras"));
        read("keras_archive", &archive_with(&archive, part, &harms));
    }
}
