//! IDX, plain and compressed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use handaxe_formats::data::{load, load_parts};

use crate::common::{Folder, classes, values};

pub(crate) fn idx(kind: u8, shape: &[u32], elements: &[u8]) -> Vec<u8> {
    let axes: Vec<u8> = shape.iter().flat_map(|axis| axis.to_be_bytes()).collect();
    [&[0, 0, kind, shape.len() as u8], axes.as_slice(), elements].concat()
}

pub(crate) fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reads_every_element_type() {
    let folder = Folder::new();
    folder.file("y-ubyte", idx(8, &[3], &[2, 0, 1]));
    macro_rules! check {
        ($($code:literal: $type:ty),+) => { $(
            let bytes: Vec<u8> = [0 as $type, 1 as $type, 100 as $type].iter().flat_map(|v| v.to_be_bytes()).collect();
            let x = folder.file("x.idx", idx($code, &[3, 1], &bytes));
            let data = load(&format!("{x}:y=y-ubyte")).unwrap();
            assert_eq!((values(&data), classes(&data)), (vec![0.0, 1.0, 100.0], (&[2, 0, 1][..], 3)));
        )+ };
    }
    check!(0x08: u8, 0x09: i8, 0x0b: i16, 0x0c: i32, 0x0d: f32, 0x0e: f64);
}

/// MNIST's four files as they are downloaded, and unpacked.
#[test]
fn reads_the_form_of_mnist() {
    let folder = Folder::new();
    let image =
        |first: usize| (0..784).map(|place| ((first + place) % 251) as u8).collect::<Vec<_>>();
    let images = [image(0), image(7), image(3)].concat();
    for (ending, pack) in
        [("-ubyte.gz", gz as fn(&[u8]) -> Vec<u8>), ("-ubyte", |plain| plain.to_vec())]
    {
        let write =
            |name: &str, content: Vec<u8>| folder.file(&format!("{name}{ending}"), pack(&content));
        let x = write("train-images-idx3", idx(8, &[3, 28, 28], &images));
        write("train-labels-idx1", idx(8, &[3], &[5, 0, 4]));
        write("t10k-images-idx3", idx(8, &[1, 28, 28], &image(9)));
        write("t10k-labels-idx1", idx(8, &[1], &[9]));
        let parts = load_parts(&format!(
            "{x}:y=train-labels-idx1{ending},x_test=t10k-images-idx3{ending},y_test=t10k-labels-idx1{ending}"
        ));
        let parts = parts.unwrap();
        assert_eq!(parts.train.inputs()[0].shape(), [3, 28, 28]);
        assert_eq!(classes(&parts.train), (&[5, 0, 4][..], 10));
        assert_eq!(values(&parts.test.unwrap())[..2], [9.0, 10.0]);
    }
}

#[test]
fn broken_idx_is_named() {
    let folder = Folder::new();
    let y = idx(8, &[2], &[0, 1]);
    let zeros = gz(&[idx(8, &[2, 1 << 28], &[]), vec![0; 1 << 20]].concat());
    for (name, content, lesson) in [
        ("x.idx", vec![0, 0, 8], "its header is cut short"),
        ("x.idx", vec![0, 0, 8, 3, 0, 0, 0, 1], "its header is cut short"),
        ("x.idx", b"PK\x03\x04".to_vec(), "does not begin with two zeros"),
        ("x.idx", idx(0x0a, &[2], &[0, 0]), "element type is 0x0a"),
        ("x.idx", idx(8, &[], &[0]), "is empty"),
        ("x.idx", idx(8, &[2, 3], &[0; 5]), "needs 6 bytes, 5 are there"),
        ("x.idx.gz", gz(&idx(8, &[2, 3], &[0; 5])), "needs 6 bytes, 5 are there"),
        ("x.idx", idx(8, &[u32::MAX; 3], &[0; 5]), "needs too many bytes"),
        (
            "x.idx",
            idx(0x0e, &[2], &[f64::to_be_bytes(1.0), f64::to_be_bytes(1e300)].concat()),
            "holds 1e300 at sample 1",
        ),
        ("x.idx.gz", idx(8, &[2], &[0, 1]), "cannot be read"),
        ("x.idx.gz", zeros, "no measured data are packed so tightly"),
    ] {
        folder.file("y.idx", &y);
        let file = folder.file(name, content);
        let message = load(&format!("{file}:y=y.idx")).unwrap_err().to_string();
        assert!(message.contains(lesson), "expected {lesson}: {message}");
        assert!(message.starts_with(&file), "{message}");
    }
}
