//! Files to read, and what was read of them.

use std::io::Write;
use std::path::{Path, PathBuf};

use handaxe_data::{Dataset, Targets};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// An `.npy` file as NumPy writes it.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()
}

pub(crate) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(crate) fn text(words: &[&str], width: usize) -> Vec<u8> {
    let padded = |word: &str| {
        let codes = word.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
        codes.flat_map(u32::to_le_bytes).collect::<Vec<_>>()
    };
    words.iter().flat_map(|word| padded(word)).collect()
}

/// What goes into an archive.
pub(crate) type Arrays<'a> = Vec<(&'a str, Vec<u8>)>;

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    pub(crate) fn npz(&self, name: &str, arrays: &[(&str, Vec<u8>)]) -> String {
        let mut archive = zip::ZipWriter::new(std::fs::File::create(self.path(name)).unwrap());
        for (array, content) in arrays {
            archive.start_file(format!("{array}.npy"), SimpleFileOptions::default()).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap();
        self.path(name).display().to_string()
    }
}

pub(crate) fn classes(data: &Dataset) -> (&[u32], usize) {
    match data.targets() {
        Targets::Classes { labels, classes } => (labels, *classes),
        Targets::Values(values) => panic!("expected labels, got {values:?}"),
    }
}

pub(crate) fn x2x2() -> (&'static str, Vec<u8>) {
    ("x", npy("<f4", false, "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0])))
}

/// All values of the first input.
pub(crate) fn values(data: &Dataset) -> Vec<f32> {
    data.inputs()[0].block(0..data.len()).unwrap().into_values()
}

pub(crate) fn shared(path: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if path.exists() {
        return Some(path.display().to_string());
    }
    println!("SKIPPED: shared data absent");
    None
}
