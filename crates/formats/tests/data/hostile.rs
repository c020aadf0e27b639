//! Files broken by chance: an error or, where chance hit nothing that counts, a data set; never a panic. What is larger
//! than 0 bytes stays on disk here, so that both ways are taken. `memory.rs` bounds the memory.

use std::io::Write;

use handaxe_formats::data::{load, load_parts_within};
use proptest::prelude::*;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::common::{Folder, npy, x2x2};
use crate::idx::{gz, idx};

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

/// A gigabyte of zeros in a megabyte, and an array that claims one without having it.
#[test]
fn zip_bombs_are_refused() {
    let folder = Folder::new();
    let path = folder.path("bomb.npz");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    archive.start_file("x.npy", packed).unwrap();
    archive.write_all(&npy("|u1", false, "(1024, 131072)", &[])).unwrap();
    (0..128).for_each(|_| archive.write_all(&vec![0; 1 << 20]).unwrap());
    archive.start_file("y.npy", packed).unwrap();
    archive.write_all(&npy("|u1", false, "(1024,)", &[0; 1024])).unwrap();
    archive.finish().unwrap();
    let message = load(&path.display().to_string()).unwrap_err().to_string();
    assert!(message.contains("array `x` would grow from"), "{message}");
}

/// One good file of every format: its name, what follows the colon, its content.
fn good() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let folder = Folder::new();
    let y = npy("|u1", false, "(2,)", &[0, 1]);
    let npz = folder.npz("a.npz", &[x2x2(), ("y", y.clone())]);
    let table = "a,b,kind\n1,2.5,\"q\"\n3,-4e-1,g\n";
    let arff = "@relation r\n@attribute 'a b' real\n@attribute c {x,'y z'}\n@data\n1,x\n2,'y z'\n";
    let image = idx(8, &[2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]);
    vec![
        ("a.npz", "", std::fs::read(npz).unwrap()),
        ("a.npy", ":y=y.npy", x2x2().1),
        ("a.npy", ":y=y.npy", npy("<f8", true, "(2, 1, 2)", &[0; 32])),
        ("a.csv", "", table.as_bytes().to_vec()),
        ("a.arff", "", arff.as_bytes().to_vec()),
        ("a-ubyte.gz", ":y=y.npy.idx", gz(&image)),
        ("a-ubyte", ":y=y.npy.idx", image),
        #[cfg(feature = "parquet")]
        (
            "a.parquet",
            ":x=pt,x=eta,x=n,y=kind",
            crate::parquet::jets(2, None, parquet::basic::Compression::SNAPPY),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn hostile_files_never_panic(
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        doubled in prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let folder = Folder::new();
        folder.file("y.npy", npy("|u1", false, "(2,)", &[0, 1]));
        folder.file("y.npy.idx", idx(8, &[2], &[0, 1]));
        for (name, selection, mut bytes) in good() {
            for (index, value) in &noise {
                let index = index.index(bytes.len());
                bytes[index] = *value;
            }
            if let Some((one, two)) = &doubled {
                let (one, two) = (one.index(bytes.len()), two.index(bytes.len()));
                let piece = bytes[one.min(two)..one.max(two)].to_vec();
                bytes.splice(one..one, piece);
            }
            if let Some(cut) = &cut {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            let file = folder.file(name, &bytes);
            for memory in [0, 1 << 20] {
                if let Err(error) = load_parts_within(&format!("{file}{selection}"), memory) {
                    prop_assert!(error.to_string().contains(&file), "{}", error);
                }
            }
        }
    }

    #[test]
    fn any_text_is_a_table_or_an_error(
        table in "[0-9a-z.,\"\\n\u{0}é-]{0,60}",
        arff in "(@(relation|attribute|data)( '?[a-z]'?)?( (real|string|\\{a,'b'\\}))?\\n){0,5}([0-9ab,'{?% ]{0,6}\\n){0,4}",
    ) {
        let folder = Folder::new();
        let _ = load(&folder.file("a.csv", table));
        let _ = load(&folder.file("a.arff", arff));
    }
}
