use super::reference::Reference;
use super::{Part, arff, csv, idx, npy, npz};
use crate::Error;

/// A kind of data files.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What it is called.
    pub name: &'static str,
    /// What the names of its files end in.
    pub endings: &'static [&'static str],
    /// How a file and what to take of it are named; see [`crate::data`].
    pub reference: &'static str,
    /// What it can hold, in words.
    pub holds: &'static str,
    /// The cargo feature that it needs.
    pub feature: Option<&'static str>,
    read: Read,
}

/// Reads one part, or train and test part; inputs of more than so many bytes stay on disk.
type Read = fn(&Reference, u64) -> Result<Vec<Part>, Error>;

/// Every kind of data files that is read.
pub const FORMATS: &[Format] = &[
    Format {
        name: npz::NAME,
        endings: &[".npz"],
        reference: "FILE.npz:x=ARRAY,y=ARRAY[,x_test=ARRAY,y_test=ARRAY]",
        holds: "arrays as in .npy, compressed or not; x_train, y_train, x_test, y_test or x, y need no names",
        feature: None,
        read: npz::read,
    },
    Format {
        name: npy::NAME,
        endings: &[".npy"],
        reference: "FILE.npy:y=FILE.npy[,x_test=FILE.npy,y_test=FILE.npy]",
        holds: "f4, f8, i1 to i8, u1 to u8, b1 in both byte and memory orders; U and S for labels",
        feature: None,
        read: npy::read,
    },
    Format {
        name: "IDX",
        endings: &[".idx", ".idx.gz", "-ubyte", "-ubyte.gz"],
        reference: "FILE-ubyte.gz:y=FILE-ubyte.gz[,x_test=FILE-ubyte.gz,y_test=FILE-ubyte.gz]",
        holds: "u8, i8, i16, i32, f32 or f64 of any number of axes, plain or compressed by gzip",
        feature: None,
        read: idx::read,
    },
    Format {
        name: "comma-separated values",
        endings: &[".csv"],
        reference: "FILE.csv[:y=COLUMN,x=COLUMN,...]",
        holds: "numbers, and text for labels; fields may stand in double quotes; with header or without",
        feature: None,
        read: csv::read,
    },
    Format {
        name: "ARFF",
        endings: &[".arff"],
        reference: "FILE.arff[:y=ATTRIBUTE,x=ATTRIBUTE,...]",
        holds: "numeric attributes, and nominal, string and date ones for labels; no sparse rows",
        feature: None,
        read: arff::read,
    },
    Format {
        name: "Apache Parquet",
        endings: &[".parquet", ".pq"],
        reference: "FILE.parquet[:y=COLUMN,x=COLUMN,...]",
        holds: "flat columns of numbers and truth values, and text for labels; plain, snappy, gzip or lz4",
        feature: Some("parquet"),
        #[cfg(feature = "parquet")]
        read: super::parquet::read,
        #[cfg(not(feature = "parquet"))]
        read: |_, _| Err(Error::NotBuilt { format: "Parquet", feature: "parquet" }),
    },
];

/// The format that a file's name ends in.
pub(super) fn of(reference: &Reference) -> Result<&'static Format, Error> {
    let name = reference.path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let name = name.to_ascii_lowercase();
    let ends = |format: &&Format| format.endings.iter().any(|ending| name.ends_with(ending));
    FORMATS.iter().find(ends).ok_or_else(|| {
        let known: Vec<&str> = FORMATS.iter().flat_map(|format| format.endings).copied().collect();
        Error::UnknownFormat { known: known.join(", ") }.in_file(&reference.path)
    })
}

/// One part, or train and test part.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    (of(reference)?.read)(reference, memory)
}
