//! Data larger than memory: the same numbers, and memory that does not grow with the file.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use handaxe_data::{Dataset, Parts, Standardiser};
use handaxe_formats::data::{load_parts, load_parts_within};

use crate::common::{Folder, floats, npy, values};
use crate::idx::{gz, idx};

fn bits(data: &Dataset) -> Vec<u32> {
    values(data).into_iter().map(f32::to_bits).collect()
}

/// Wherever an input lies, splits, standardisation and batches are the same to the bit.
#[test]
fn on_disk_is_as_in_memory() {
    let folder = Folder::new();
    let numbers: Vec<f32> = (0..240).map(|value| (value * value % 97) as f32 * 0.37).collect();
    let labels: Vec<u8> = (0..60).map(|sample| sample % 3).collect();
    let rows = numbers.chunks(4).zip(&labels);
    let row = |(row, label): (&[f32], &u8)| {
        format!("{},{},{},{},{label}\n", row[0], row[1], row[2], row[3])
    };
    let table: String = rows.map(row).collect();
    folder.file("y.npy", npy("|u1", false, "(60,)", &labels));
    folder.file("y-ubyte", idx(8, &[60], &labels));
    let big: Vec<u8> = numbers.iter().flat_map(|value| value.to_be_bytes()).collect();
    let (x, y) =
        (npy("<f4", false, "(60, 4)", &floats(&numbers)), npy("|u1", false, "(60,)", &labels));
    let declared = "@relation r\n@attribute a real\n@attribute b real\n@attribute c real\n@attribute d real\n@attribute y {0,1,2}\n@data\n";
    let files = [
        folder.npz("a.npz", &[("x", x.clone()), ("y", y)]),
        folder.file("a.npy", &x) + ":y=y.npy",
        folder.file("b.npy", npy(">f4", true, "(60, 2, 2)", &big)) + ":y=y.npy",
        folder.file("a-ubyte", idx(0x0d, &[60, 4], &big)) + ":y=y-ubyte",
        folder.file("a-ubyte.gz", gz(&idx(0x0d, &[60, 4], &big))) + ":y=y-ubyte",
        folder.file("a.csv", &table),
        folder.file("a.arff", declared.to_owned() + &table),
    ];
    for file in files {
        let [near, far] = [u64::MAX, 0].map(|memory| {
            let data = load_parts_within(&file, memory).unwrap().train;
            assert_eq!(data.inputs()[0].in_memory(), memory > 0, "{file}");
            let parts = Parts::split(&data, 0.2, 0.2, 5).unwrap();
            let by = parts.standardisers().unwrap();
            let parts = parts.standardised(&by).unwrap();
            (
                bits(&data),
                by,
                bits(&parts.train),
                bits(&parts.test),
                parts.train.gather(&[3, 0]).unwrap(),
            )
        });
        assert_eq!(near, far, "{file}");
    }
}

/// Names the file for the child of the next test.
const FILE: &str = "HANDAXE_TEST_LARGE_FILE";

/// A 1.2 GB file is checked, standardised, gone through and drawn from within 300 MB of address space.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_file() {
    let folder = Folder::new();
    let (rows, path) = (3 << 20, folder.path("large.npy"));
    let mut file = File::create(&path).unwrap();
    let header = npy("<f4", false, &format!("({rows}, 100)"), &[]);
    file.write_all(&header).unwrap();
    // Zeros that take no room on the disk.
    file.set_len(header.len() as u64 + rows * 400).unwrap();
    let labels: Vec<u8> = (0..rows).map(|row| (row % 2) as u8).collect();
    folder.file("y.npy", npy("|u1", false, &format!("({rows},)"), &labels));
    let tests = std::env::current_exe().unwrap();
    let limited = format!(
        "ulimit -v 300000 && exec '{}' --exact memory::reads_a_large_file",
        tests.display()
    );
    let child = Command::new("sh")
        .args(["-c", &limited])
        .env("RUST_TEST_THREADS", "1")
        .env(FILE, &path)
        .output();
    let child = child.unwrap();
    assert!(child.status.success(), "{child:?}");
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "{child:?}");
}

/// The child's part; without a file there is nothing to do.
#[test]
fn reads_a_large_file() {
    let Ok(path) = std::env::var(FILE) else { return };
    let data = load_parts(&format!("{path}:y=y.npy")).unwrap().train;
    assert!(!data.inputs()[0].in_memory());
    let scale = Standardiser::fit(&*data.inputs()[0]).unwrap();
    assert_eq!((scale.mean[99], scale.deviation[0]), (0.0, 1.0));
    let rows: usize = data.blocks().map(|block| block.unwrap()[0].rows()).sum();
    assert_eq!(rows, data.len());
    let (inputs, _) = data.gather(&[data.len() - 1, 0, 77]).unwrap();
    assert_eq!(inputs[0].shape(), [3, 100]);
}
