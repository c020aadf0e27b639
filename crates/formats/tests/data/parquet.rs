//! Parquet, written by the crate that reads it.

use std::sync::Arc;

use handaxe_data::Targets;
use handaxe_formats::data::load;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::common::{Folder, classes, values};

const SCHEMA: &str = "message jets {
    required float pt; optional double eta; required int32 n (UINT_32); required boolean tagged;
    required int64 label; required binary kind (STRING); repeated float parts;
}";

/// `groups` row groups of three rows; `missing` is a row without eta.
pub(crate) fn jets(groups: usize, missing: Option<usize>, compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        macro_rules! write {
            ($type:ty, $values:expr, $defined:expr, $repeated:expr) => {
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<$type>().write_batch($values, $defined, $repeated).unwrap();
                column.close().unwrap();
            };
        }
        write!(FloatType, &[1.5, 2.5, 3.5], None, None);
        match missing {
            Some(row) => {
                let mut defined = [1, 1, 1];
                defined[row] = 0;
                write!(DoubleType, &[-1.0, -2.0], Some(&defined), None);
            }
            None => {
                write!(DoubleType, &[-1.0, -2.0, -3.0], Some(&[1, 1, 1]), None);
            }
        }
        write!(Int32Type, &[0, 7, -1], None, None);
        write!(BoolType, &[true, false, true], None, None);
        write!(Int64Type, &[2, 0, 1], None, None);
        write!(ByteArrayType, &["q", "g", "w"].map(ByteArray::from), None, None);
        write!(FloatType, &[0.5, 0.25], Some(&[1, 1, 0, 0]), Some(&[0, 1, 0, 0]));
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn columns_of_all_types() {
    let folder = Folder::new();
    let gzip = Compression::GZIP(Default::default());
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, gzip, Compression::LZ4_RAW]
    {
        let file = folder.file("jets.parquet", jets(2, None, compression));
        let data = load(&format!("{file}:x=n,x=pt,x=eta,x=tagged,y=kind")).unwrap();
        assert_eq!(data.inputs()[0].shape(), [6, 4]);
        let expected = [0.0, 1.5, -1.0, 1.0, 7.0, 2.5, -2.0, 0.0, 4294967295.0, 3.5, -3.0, 1.0];
        assert_eq!(values(&data), [expected, expected].concat());
        assert_eq!(classes(&data), (&[1, 0, 2, 1, 0, 2][..], 3));
        let data = load(&format!("{file}:x=pt,y=label")).unwrap();
        assert_eq!(classes(&data).0[..3], [2, 0, 1]);
        let data = load(&format!("{file}:x=pt,y=eta,y=tagged")).unwrap();
        assert!(
            matches!(data.targets(), Targets::Values(v) if v.values()[..4] == [-1.0, 1.0, -2.0, 0.0])
        );
    }
}

#[test]
fn broken_parquet_is_named() {
    let folder = Folder::new();
    let good = jets(1, None, Compression::UNCOMPRESSED);
    let hole = jets(1, Some(1), Compression::UNCOMPRESSED);
    for (content, selection, lesson) in [
        (b"".as_slice(), "", "not a readable Parquet file"),
        (&good[..good.len() - 3], "", "not a readable Parquet file"),
        (&good, ":x=parts,y=label", "column `parts` is a list or nested"),
        (&good, ":x=kind,y=label", "`kind` holds text"),
        (&good, ":x=pt,y=knid", "did you mean `kind`?"),
        (&hole, ":x=eta,y=label", "row 1, column `eta`: the value is missing"),
        (&good, ":x=pt,y=n", "line 3, column `n`: label 4294967295 is out of range"),
    ] {
        let file = folder.file("broken.parquet", content);
        let message = load(&format!("{file}{selection}")).unwrap_err().to_string();
        assert!(message.contains(lesson), "expected {lesson}: {message}");
        assert!(message.starts_with(&file), "{message}");
    }
}
