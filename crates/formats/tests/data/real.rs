//! Real data.

use handaxe_formats::data::{Parts, load, load_parts, parts_of_npz};

use crate::common::{classes, shared, values};

#[test]
fn the_built_in_part_of_mnist() {
    let archive = include_bytes!("../../../../fixtures/mnist/mnist.npz");
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
    let values = values(&train);
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    assert!((mean - 33.318).abs() < 1e-3, "{mean}");
}
