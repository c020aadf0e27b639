//! Small files that ask for much memory or time, read by a process that may have little of both.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)] // helpers are outside the test functions that clippy knows

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use handaxe_formats::{hls, keras, native, onnx};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const VARIABLE: &str = "HANDAXE_HOSTILE_FILE";

#[test]
#[ignore = "the other tests run it, in a process of little memory"]
fn reads_the_file_it_is_told() {
    let path = PathBuf::from(std::env::var_os(VARIABLE).unwrap());
    let answer = match path.extension().and_then(|extension| extension.to_str()) {
        Some("yml") => hls::load(&path).map(drop),
        Some("onnx") => onnx::load(&path).map(drop),
        Some("safetensors") => native::load(&path).map(drop),
        _ => keras::load(path.to_str().unwrap()).map(drop),
    };
    println!("ANSWER {}", answer.map_or_else(|error| error.to_string(), |()| "loads".to_owned()));
}

/// What reading a file says, with so many MiB of memory and 60 seconds.
fn answer(file: &Path, mebibytes: u32) -> String {
    let limits = format!("ulimit -v {}; ulimit -t 60; exec \"$@\"", mebibytes << 10);
    let mut command = Command::new("sh");
    command.arg("-c").arg(limits).arg("sh").arg(std::env::current_exe().unwrap());
    command.args(["--exact", "reads_the_file_it_is_told", "--ignored", "--nocapture"]);
    let output = command.arg("--test-threads=1").env(VARIABLE, file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.split_once("ANSWER ").and_then(|(_, answer)| answer.lines().next());
    found.map_or_else(|| format!("no answer: {output:?}"), str::to_owned)
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    let mut content = Vec::new();
    let mut file = File::open(path).unwrap();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(file).read_to_end(&mut content).unwrap();
    } else {
        file.read_to_end(&mut content).unwrap();
    }
    content
}

/// An archive of Keras with one part that is `unit` over and over.
fn archive(folder: &Path, part: &str, unit: &[u8], times: usize) -> PathBuf {
    let path = folder.join("model.keras");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    let config = fixture("keras/small/parts_3.json");
    let parts =
        [("metadata.json", &b"{}"[..]), ("config.json", &config), ("model.weights.h5", b"")];
    for (name, content) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        if name == part {
            (0..times).for_each(|_| archive.write_all(unit).unwrap());
        } else {
            archive.write_all(content).unwrap();
        }
    }
    archive.finish().unwrap();
    path
}

#[test]
fn an_archive_of_nothing_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = archive(folder.path(), "model.weights.h5", &[0; 1 << 20], 600);
    let said = answer(&bomb, 400);
    assert!(said.contains("model.weights.h5 is larger than"), "{said}");
    let bomb = archive(folder.path(), "metadata.json", &[b' '; 1 << 20], 600);
    assert!(answer(&bomb, 400).contains("metadata.json is larger than 8388608 bytes"));
}

/// Seven bytes of JSON take hundreds in memory.
#[test]
fn an_architecture_of_empty_objects_fits() {
    let folder = tempfile::tempdir().unwrap();
    let objects = [&b"["[..], &b"{\"\":0},".repeat(((1 << 23) - 16) / 7), b"0]"].concat();
    let said = answer(&archive(folder.path(), "config.json", &objects, 1), 1200);
    assert!(said.contains("it is no model of Keras"), "{said}");
}

/// Made by fixtures/hostile/make.py.
#[test]
fn hdf5_that_says_more_than_it_holds_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, lesson) in [
        ("texts_in_one_place", "its parts lie in each other"),
        ("groups_in_each_other", "loads"),
        ("array_of_nothing", "claims the shape [3, 40000000]"),
    ] {
        let path = folder.path().join(format!("{name}.h5"));
        std::fs::write(&path, fixture(&format!("hostile/memory/{name}.h5.gz"))).unwrap();
        let said = answer(&path, 1200);
        assert!(said.contains(lesson), "{name}: {said}");
    }
}

#[test]
fn weights_that_are_not_there_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let graph = r#"{"format":1,"model":{"name":"m","layers":[{"name":"in","inputs":[],"op":"input","shape":[1]},
        {"name":"fc","inputs":[0],"op":"dense","units":134217728,"bias":false}],"outputs":[1]}}"#;
    let header = serde_json::json!({"__metadata__": {"handaxe": graph}}).to_string();
    let write = |header: &str, claimed: u64| {
        let content = [&claimed.to_le_bytes(), header.as_bytes()].concat();
        std::fs::write(&path, content).unwrap();
    };
    write(&header, header.len() as u64);
    assert!(answer(&path, 900).contains("needs the tensor `fc.kernel`"));
    write(&header, u64::MAX);
    assert!(answer(&path, 400).contains("its header is larger than 8388608 bytes"));
}

/// Names the model's own folder does not hold are not opened, and lengths that no file has are told.
#[test]
fn tensors_elsewhere_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(folder.path().join("weights"), [0; 32]).unwrap();
    for (location, length, lesson) in [
        ("/dev/zero", "8", "outside the model's folder"),
        ("../weights", "8", "outside the model's folder"),
        ("nobody", "8", "there is no file"),
        ("weights", "18446744073709551615", "cut short"),
        ("weights", "-1", "no number"),
        ("weights", "15", "elements, not 4"),
    ] {
        let entry = |key: &str, value: &str| {
            let text = |tag: u8, text: &str| [&[tag, text.len() as u8], text.as_bytes()].concat();
            let pair = [text(0x0a, key), text(0x12, value)].concat();
            [&[0x6a, pair.len() as u8], pair.as_slice()].concat()
        };
        let tensor = [
            vec![0x0a, 1, 4, 0x10, 1, 0x42, 1, b'w', 0x70, 1],
            entry("location", location),
            entry("offset", "8"),
            entry("length", length),
        ]
        .concat();
        let graph = [&[0x2a, tensor.len() as u8], tensor.as_slice()].concat();
        let file = [
            &[0x08, 8, 0x3a, 0x80 | (graph.len() & 0x7f) as u8, (graph.len() >> 7) as u8],
            graph.as_slice(),
            // Operators of version 13.
            &[0x42, 2, 0x10, 13],
        ]
        .concat();
        std::fs::write(&path, file).unwrap();
        let said = answer(&path, 400);
        assert!(said.contains(lesson), "{location} {length}: {said}");
    }
}

#[test]
fn a_configuration_that_repeats_itself_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yml");
    let text = format!("Model: &m {{Strategy: {}}}\nLayerName:\n", "x".repeat(1 << 20));
    let aliases: String = (0..4000).map(|layer| format!("  l{layer}: *m\n")).collect();
    std::fs::write(&path, text + &aliases).unwrap();
    let said = answer(&path, 700);
    assert!(!said.contains("loads"), "{said}");
    let endless = folder.path().join("endless.yml");
    std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
    assert!(answer(&endless, 400).contains("larger than 8388608 bytes"));
}
