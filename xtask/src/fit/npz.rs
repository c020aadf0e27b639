use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

/// An array in row-major order.
pub(super) struct Array {
    pub(super) values: Vec<f64>,
}

/// All arrays of an archive of `i1`, `i2` and `f4` arrays.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Array>, String> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut archive = ZipArchive::new(file).map_err(|error| fail(&error))?;
    let mut arrays = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| fail(&error))?;
        let name = entry.name().map_err(|error| fail(&error))?;
        let name = name.trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| fail(&error))?;
        let values = array(&bytes).ok_or_else(|| fail(&format!("`{name}` cannot be read")))?;
        arrays.insert(name, Array { values });
    }
    Ok(arrays)
}

/// The elements behind a header of version 1.
fn array(bytes: &[u8]) -> Option<Vec<f64>> {
    let length = u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?);
    let header = std::str::from_utf8(bytes.get(10..10 + usize::from(length))?).ok()?;
    let body = bytes.get(10 + usize::from(length)..)?;
    if header.contains("'fortran_order': True") {
        return None;
    }
    if header.contains("'<i2'") {
        let whole =
            body.chunks_exact(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])));
        Some(whole.collect())
    } else if header.contains("'|i1'") {
        Some(body.iter().map(|&byte| f64::from(byte.cast_signed())).collect())
    } else if header.contains("'<f4'") {
        let float =
            |four: &[u8]| f64::from(f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Some(body.chunks_exact(4).map(float).collect())
    } else {
        None
    }
}
