//! Data sets: every form a user may bring, and every way in which it may be broken.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

use std::io::Write;
use std::path::{Path, PathBuf};

use handaxe_data::{Dataset, Targets};
use handaxe_formats::data::{Parts, load, load_parts, parts_of_npz};
use proptest::prelude::*;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// An `.npy` file as NumPy writes it.
fn npy(descr: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn text(words: &[&str], width: usize) -> Vec<u8> {
    let padded = |word: &str| {
        let codes = word.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
        codes.flat_map(u32::to_le_bytes).collect::<Vec<_>>()
    };
    words.iter().flat_map(|word| padded(word)).collect()
}

/// What goes into an archive.
type Arrays<'a> = Vec<(&'a str, Vec<u8>)>;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    fn npz(&self, name: &str, arrays: &[(&str, Vec<u8>)]) -> String {
        let mut archive = zip::ZipWriter::new(std::fs::File::create(self.path(name)).unwrap());
        for (array, content) in arrays {
            archive.start_file(format!("{array}.npy"), SimpleFileOptions::default()).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap();
        self.path(name).display().to_string()
    }
}

fn classes(data: &Dataset) -> (&[u32], usize) {
    match data.targets() {
        Targets::Classes { labels, classes } => (labels, *classes),
        Targets::Values(values) => panic!("expected labels, got {values:?}"),
    }
}

fn x2x2() -> (&'static str, Vec<u8>) {
    ("x", npy("<f4", false, "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0])))
}

#[test]
fn reads_every_number_type_in_both_byte_orders() {
    let folder = Folder::new();
    let y = ("y", npy("|u1", false, "(3,)", &[0, 1, 2]));
    macro_rules! check {
        ($($code:literal: $type:ty),+) => { $(
            let values = [0 as $type, 1 as $type, 100 as $type];
            let little: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            for (order, bytes) in [("<", little), (">", big)] {
                let x = npy(&format!("{order}{}", $code), false, "(3,)", &bytes);
                let data = load(&folder.npz("a.npz", &[("x", x), y.clone()])).unwrap();
                assert_eq!(data.inputs()[0].values(), [0.0, 1.0, 100.0], "{order}{}", $code);
                assert_eq!(data.inputs()[0].shape(), [3, 1]);
            }
        )+ };
    }
    check!("f4": f32, "f8": f64, "i1": i8, "i2": i16, "i4": i32, "i8": i64);
    check!("u1": u8, "u2": u16, "u4": u32, "u8": u64);
    let bools = ("x", npy("|b1", false, "(3,)", &[0, 1, 1]));
    let data = load(&folder.npz("a.npz", &[bools, y])).unwrap();
    assert_eq!(data.inputs()[0].values(), [0.0, 1.0, 1.0]);
}

#[test]
fn fortran_order_is_turned() {
    let folder = Folder::new();
    // x[i][j][k] = 100 i + 10 j + k, the first axis running fastest.
    let turned: Vec<f32> = (0..2)
        .flat_map(|k| (0..3).flat_map(move |j| (0..2).map(move |i| (100 * i + 10 * j + k) as f32)))
        .collect();
    let x = ("x", npy("<f4", true, "(2, 3, 2)", &floats(&turned)));
    let y = ("y", npy("<i8", true, "(2,)", &[1i64.to_le_bytes(), 0i64.to_le_bytes()].concat()));
    let data = load(&folder.npz("a.npz", &[x, y])).unwrap();
    let expected: Vec<f32> =
        [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121].map(|n| n as f32).to_vec();
    assert_eq!(data.inputs()[0].values(), expected);
    assert_eq!(classes(&data), (&[1, 0][..], 2));
}

#[test]
fn labels_are_integers_one_hot_text_or_values() {
    let folder = Folder::new();
    let targets = |y: Vec<u8>| load(&folder.npz("a.npz", &[x2x2(), ("y", y)])).unwrap();
    assert_eq!(classes(&targets(npy("|u1", false, "(2, 1)", &[4, 0]))), (&[4, 0][..], 5));
    assert_eq!(classes(&targets(npy("|b1", false, "(2,)", &[0, 0]))), (&[0, 0][..], 2));
    let hot = npy("<f4", false, "(2, 3)", &floats(&[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
    assert_eq!(classes(&targets(hot)), (&[2, 0][..], 3));
    let words = npy("<U5", false, "(2,)", &text(&["wörld", "aha"], 5));
    assert_eq!(classes(&targets(words)), (&[1, 0][..], 2));
    let bytes = npy("|S3", false, "(2,)", b"qq\0g\0\0");
    assert_eq!(classes(&targets(bytes)), (&[1, 0][..], 2));
    for (shape, values, width) in
        [("(2,)", &[0.5f32, 2.0][..], 1), ("(2, 2)", &[1.0, 0.0, 1.0, 1.0], 2)]
    {
        let data = targets(npy("<f4", false, shape, &floats(values)));
        let Targets::Values(read) = data.targets() else { panic!("expected values") };
        assert_eq!((read.values(), read.shape()), (values, &[2, width][..]));
    }
}

#[test]
fn train_and_test_parts_agree_on_their_classes() {
    let folder = Folder::new();
    let x = |values: &[f32]| npy("<f4", false, &format!("({}, 1)", values.len()), &floats(values));
    let y = |words: &[&str]| npy("<U4", false, &format!("({},)", words.len()), &text(words, 4));
    let file = folder.npz(
        "a.npz",
        &[
            ("x_train", x(&[1.0, 2.0])),
            ("y_train", y(&["dog", "cat"])),
            ("x_test", x(&[3.0])),
            ("y_test", y(&["cow"])),
        ],
    );
    let Parts { train, test } = load_parts(&file).unwrap();
    assert_eq!(classes(&train), (&[2, 0][..], 3));
    assert_eq!(classes(&test.unwrap()), (&[1][..], 3));
    let whole = load(&file).unwrap();
    assert_eq!(classes(&whole), (&[2, 0, 1][..], 3));
    assert_eq!(whole.inputs()[0].values(), [1.0, 2.0, 3.0]);
    let swapped = format!("{file}:x=x_test,y=y_test,x_test=x_train,y_test=y_train");
    assert_eq!(load_parts(&swapped).unwrap().train.len(), 1);
    assert_eq!(load_parts(&format!("{file}:x=x_test,y=y_test")).unwrap().test, None);
}

#[test]
fn several_inputs_and_single_arrays() {
    let folder = Folder::new();
    let arrays = [
        x2x2(),
        ("z", npy("|i1", false, "(2, 1)", &[5, 6])),
        ("k", npy("|u1", false, "(2,)", &[0, 1])),
    ];
    let file = folder.npz("a.npz", &arrays);
    let data = load(&format!("{file}:x=x,x=z,y=k")).unwrap();
    assert_eq!(data.inputs()[1].values(), [5.0, 6.0]);

    let x = folder.file("points.npy", &arrays[0].1);
    folder.file("labels.npy", &arrays[2].1);
    assert_eq!(classes(&load(&format!("{x}:y=labels.npy")).unwrap()), (&[0, 1][..], 2));
    assert!(load(&x).unwrap_err().to_string().contains("FILE.npy:y=labels.npy"));
}

#[test]
fn tables_with_and_without_header() {
    let folder = Folder::new();
    let named = folder.file("a.csv", "pt,eta,kind\n1, 2.5, q\n3,-4e-1,g\n");
    let data = load(&named).unwrap();
    assert_eq!(data.inputs()[0].values(), [1.0, 2.5, 3.0, -0.4]);
    assert_eq!(classes(&data), (&[1, 0][..], 2));
    let chosen = folder.file("b.csv", "kind,pt,eta\n1,10,20\n0,30,40\n");
    let data = load(&format!("{chosen}:y=kind,x=eta")).unwrap();
    assert_eq!((data.inputs()[0].values(), classes(&data).0), (&[20.0, 40.0][..], &[1, 0][..]));
    let bare = folder.file("c.csv", "1,2,0\n3,4,1\n\n");
    assert_eq!(load(&bare).unwrap().inputs()[0].shape(), [2, 2]);
    assert_eq!(classes(&load(&format!("{bare}:y=0")).unwrap()).0, [1, 3]);
    let real = folder.file("d.csv", "\u{feff}a,b\n1,0.5\n2,1\n");
    assert!(
        matches!(load(&real).unwrap().targets(), Targets::Values(v) if v.values() == [0.5, 1.0])
    );
}

/// Each mistake gives one message that names the file and says where and what.
#[test]
fn broken_archives_are_named() {
    let folder = Folder::new();
    let x = x2x2();
    let y = ("y", npy("|u1", false, "(2,)", &[0, 1]));
    let nan =
        npy("<f8", false, "(2, 2)", &[1.0, 2.0, 1e300, 4.0f64].map(f64::to_le_bytes).concat());
    let huge = npy("<f4", false, "(1152921504606846976, 4)", &[0; 64]);
    let minus = npy("|i1", false, "(2,)", &[0, 0xff]);
    let cases: Vec<(Arrays<'_>, &str, &str)> = vec![
        (
            vec![x.clone(), y.clone()],
            ":x=X_,y=y",
            "it has no array `X_`; did you mean `x`?; it holds: x, y",
        ),
        (
            vec![("hlf", x.1.clone()), ("label", y.1.clone())],
            "",
            "FILE:x=hlf,y=NAME from: hlf, label",
        ),
        (vec![("x", nan), y.clone()], "", "array `x` holds 1e300 at sample 1 (element 0)"),
        (vec![("x", huge), y.clone()], "", "needs too many bytes"),
        (
            vec![("x", npy("<f4", false, "(1099511627776, 2)", &[0; 8])), y.clone()],
            "",
            "needs 8796093022208 bytes, 8 are there",
        ),
        (vec![("x", x.1[..x.1.len() - 1].to_vec()), y.clone()], "", "needs 16 bytes, 15 are there"),
        (vec![x.clone(), ("y", minus)], "", "sample 1 of `y`: label -1 is out of range"),
        (
            vec![x.clone(), ("y", npy("<u4", false, "(2,)", &[0, 0, 0, 0, 0, 0, 0, 9]))],
            "",
            "label 150994944 is out of range",
        ),
        (
            vec![x.clone(), ("y", npy("|u1", false, "(3,)", &[0, 1, 1]))],
            "",
            "`x` has 2 samples, `y` has 3",
        ),
        (
            vec![("x", npy("<f4", false, "(0, 2)", &[])), y.clone()],
            "",
            "array `x` of shape [0, 2] has no samples",
        ),
        (
            vec![("x", npy("<f8", true, "(5, 2305843009213693952, 0)", &[])), y.clone()],
            "",
            "`x` has 5 samples, `y` has 2",
        ),
        (
            vec![("x", npy("<f4", false, "()", &[0; 4])), y.clone()],
            "",
            "array `x` of shape [] has no samples",
        ),
        (vec![("x", npy("<c8", false, "(2,)", &[0; 16])), y.clone()], "", "array `x` holds `<c8`"),
        (
            vec![("x", npy("<U1", false, "(2,)", &text(&["a", "b"], 1))), y.clone()],
            "",
            "only labels can be text",
        ),
        (
            vec![("x", b"no array".to_vec()), y.clone()],
            "",
            "array `x` is no .npy array: it does not begin",
        ),
        (
            vec![x.clone(), ("y", npy("<f4", false, "(2, 1, 1)", &[0; 8]))],
            "",
            "cannot be the target",
        ),
    ];
    for (arrays, selection, lesson) in cases {
        let file = folder.npz("broken.npz", &arrays);
        let message = load(&format!("{file}{selection}")).unwrap_err().to_string();
        assert!(message.contains(lesson), "expected {lesson}: {message}");
        assert!(message.starts_with(&file), "{message}");
    }
}

#[test]
fn broken_tables_are_named() {
    let folder = Folder::new();
    for (content, selection, lesson) in [
        ("", "", "no rows"),
        ("a,b\n", "", "no rows"),
        ("a\n1\n", "", "1 columns"),
        ("a,b\n1,2\n3\n", "", "line 3 has 1 fields, the first line has 2"),
        ("a,b\n1,2\nx,2\n", "", "line 3, column `a`: `x` is not a finite number"),
        ("a,b\n1,2\nnan,2\n", "", "line 3, column `a`: `nan` is not a finite number"),
        ("1e99,2\n", "", "line 1, column `0`: `1e99` is not a finite number"),
        ("a,b\n1,2\n3,-1\n", "", "line 3, column `b`: label -1 is out of range"),
        ("a,b\n1,2.5\n3,inf\n", "", "line 3, column `b`: `inf` is not a finite number"),
        ("a,b\n1,2\n3,\n", "", "line 3, column `b`: the label is missing"),
        ("a,b\n1,2\n", ":y=c", "it has no column `c`"),
        ("length,label\n1,2\n", ":y=lable", "did you mean `label`?"),
        ("a,b\n1,2\n", ":x=a,y=b,x_test=a,y_test=b", "`x_test= or y_test=` after the file's name"),
    ] {
        let file = folder.file("broken.csv", content);
        let message = load(&format!("{file}{selection}")).unwrap_err().to_string();
        assert!(message.contains(lesson), "{content:?}: {message}");
        assert!(message.starts_with(&file), "{message}");
    }
    let binary = folder.file("broken.csv", [b'a', 0xff, b',', b'1', b'\n']);
    assert!(load(&binary).is_err());
}

#[test]
fn missing_files_are_hinted_at() {
    let folder = Folder::new();
    folder.file("jets.npz", "");
    let message = load(&folder.path("jest.npz").display().to_string()).unwrap_err().to_string();
    assert!(message.ends_with("jest.npz; did you mean `jets.npz`?"), "{message}");
    let message = load(&folder.file("data.txt", "1,2")).unwrap_err().to_string();
    assert!(message.contains(".npz, .npy or .csv"), "{message}");
    let message = load(&folder.file("jets.npz", "not a zip")).unwrap_err().to_string();
    assert!(message.contains("not a readable archive"), "{message}");
}

#[test]
fn a_flipped_bit_is_found() {
    let folder = Folder::new();
    let y = ("y", npy("|u1", false, "(2,)", &[0, 1]));
    let file = folder.npz("a.npz", &[x2x2(), y]);
    let mut bytes = std::fs::read(&file).unwrap();
    let mut refused = 0;
    for index in 0..bytes.len() {
        bytes[index] ^= 0x10;
        std::fs::write(&file, &bytes).unwrap();
        refused += usize::from(load(&file).is_err());
        bytes[index] ^= 0x10;
    }
    // What is left over are dates and attributes of the archive's entries.
    assert!(refused * 2 > bytes.len(), "{refused} of {}", bytes.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_files_never_panic(
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        table in "[0-9a-z.,\"\\n\u{0}é-]{0,60}",
    ) {
        let folder = Folder::new();
        let file = folder.npz("a.npz", &[x2x2(), ("y", npy("|u1", false, "(2,)", &[0, 1]))]);
        let mut bytes = std::fs::read(&file).unwrap();
        for (index, value) in noise {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = load(&folder.file("a.npz", &bytes));
        let _ = load(&folder.file("a.csv", table));
    }
}

fn shared(path: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if path.exists() {
        return Some(path.display().to_string());
    }
    println!("SKIPPED: shared data absent");
    None
}

#[test]
fn the_built_in_part_of_mnist() {
    let archive = include_bytes!("../../../fixtures/mnist/mnist.npz");
    let Parts { train, test } = parts_of_npz(archive).unwrap();
    assert_eq!(train.inputs()[0].shape(), [9000, 28, 28]);
    assert_eq!((classes(&train).1, test.unwrap().len()), (10, 2000));
    assert!(parts_of_npz(&archive[..1000]).is_err());
}

#[test]
fn real_jets() {
    let Some(file) = shared("data/jets/lhc_jets_2400.npz") else { return };
    let jets = load(&format!("{file}:x=hlf_ungroomed,y=label")).unwrap();
    assert_eq!(jets.inputs()[0].shape(), [2400, 16]);
    assert_eq!(classes(&jets).1, 5);
    let both = load(&format!("{file}:x=constituents,x=hlf_mmdt,y=label")).unwrap();
    assert_eq!(both.inputs()[0].shape(), [2400, 32, 3]);
    let message = load(&file).unwrap_err().to_string();
    assert!(message.contains("hlf_ungroomed"), "{message}");
    let names = load(&format!("{file}:x=hlf_names,y=label")).unwrap_err().to_string();
    assert!(names.contains("only labels can be text"), "{names}");
}

#[test]
fn real_mnist() {
    let Some(file) = shared("data/mnist/mnist_60k_10k_u8.npz") else { return };
    let Parts { train, test } = load_parts(&file).unwrap();
    let test = test.unwrap();
    assert_eq!(train.inputs()[0].shape(), [60_000, 28, 28]);
    assert_eq!(test.inputs()[0].shape(), [10_000, 28, 28]);
    assert_eq!((classes(&train).1, classes(&test).1), (10, 10));
    // The canonical set begins 5, 0, 4, 1, 9 and 7, 2, 1, 0, 4, with a mean grey value of 33.318.
    assert_eq!(classes(&train).0[..5], [5, 0, 4, 1, 9]);
    assert_eq!(classes(&test).0[..5], [7, 2, 1, 0, 4]);
    let values = train.inputs()[0].values();
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    assert!((mean - 33.318).abs() < 1e-3, "{mean}");
}
