//! `.npy` and `.npz`.

use handaxe_data::Targets;
use handaxe_formats::data::{Parts, load, load_parts};

use crate::common::{Arrays, Folder, classes, floats, npy, text, values, x2x2};

#[test]
fn reads_every_number_type_in_both_byte_orders() {
    let folder = Folder::new();
    let y = ("y", npy("|u1", false, "(3,)", &[0, 1, 2]));
    macro_rules! check {
        ($($code:literal: $type:ty),+) => { $(
            let numbers = [0 as $type, 1 as $type, 100 as $type];
            let little: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
            let big: Vec<u8> = numbers.iter().flat_map(|v| v.to_be_bytes()).collect();
            for (order, bytes) in [("<", little), (">", big)] {
                let x = npy(&format!("{order}{}", $code), false, "(3,)", &bytes);
                let data = load(&folder.npz("a.npz", &[("x", x), y.clone()])).unwrap();
                assert_eq!(values(&data), [0.0, 1.0, 100.0], "{order}{}", $code);
                assert_eq!(data.inputs()[0].shape(), [3, 1]);
            }
        )+ };
    }
    check!("f4": f32, "f8": f64, "i1": i8, "i2": i16, "i4": i32, "i8": i64);
    check!("u1": u8, "u2": u16, "u4": u32, "u8": u64);
    let bools = ("x", npy("|b1", false, "(3,)", &[0, 1, 1]));
    let data = load(&folder.npz("a.npz", &[bools, y])).unwrap();
    assert_eq!(values(&data), [0.0, 1.0, 1.0]);
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
    assert_eq!(values(&data), expected);
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
    assert_eq!(values(&whole), [1.0, 2.0, 3.0]);
    let swapped = format!("{file}:x=x_test,y=y_test,x_test=x_train,y_test=y_train");
    assert_eq!(load_parts(&swapped).unwrap().train.len(), 1);
    assert!(load_parts(&format!("{file}:x=x_test,y=y_test")).unwrap().test.is_none());
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
    assert_eq!(data.inputs()[1].block(0..2).unwrap().values(), [5.0, 6.0]);

    let x = folder.file("points.npy", &arrays[0].1);
    folder.file("labels.npy", &arrays[2].1);
    assert_eq!(classes(&load(&format!("{x}:y=labels.npy")).unwrap()), (&[0, 1][..], 2));
    assert!(load(&x).unwrap_err().to_string().contains("FILE.npy:y=labels.npy"));

    folder.file("more.npy", &arrays[1].1);
    let parts =
        format!("{x}:x=more.npy,y=labels.npy,x_test=points.npy,x_test=more.npy,y_test=labels.npy");
    let parts = load_parts(&parts).unwrap();
    assert_eq!((parts.train.inputs().len(), parts.test.unwrap().len()), (2, 2));
    let uneven = load(&format!("{x}:x=more.npy,y=labels.npy,x_test=points.npy,y_test=labels.npy"));
    assert!(uneven.unwrap_err().to_string().contains("`x_test=`"));
    let two = load(&format!("{x}:y=labels.npy,y=more.npy")).unwrap_err().to_string();
    assert!(two.contains("`y=more.npy`"), "{two}");
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
            "array `x` of shape [0, 2] is empty",
        ),
        (
            vec![("x", npy("<f8", true, "(5, 2305843009213693952, 0)", &[])), y.clone()],
            "",
            "array `x` of shape [5, 2305843009213693952, 0] is empty",
        ),
        (
            vec![("x", npy("<f4", false, "()", &[0; 4])), y.clone()],
            "",
            "array `x` of shape [] is empty",
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
fn missing_files_are_hinted_at() {
    let folder = Folder::new();
    folder.file("jets.npz", "");
    let message = load(&folder.path("jest.npz").display().to_string()).unwrap_err().to_string();
    assert!(message.ends_with("jest.npz; did you mean `jets.npz`?"), "{message}");
    let message = load(&folder.file("data.txt", "1,2")).unwrap_err().to_string();
    assert!(message.contains("end in .npz, .npy, .idx"), "{message}");
    let message = load(&folder.file("jets.npz", "not a zip")).unwrap_err().to_string();
    assert!(message.contains("not a readable archive"), "{message}");
}
