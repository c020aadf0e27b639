//! What networks answer, written for other tools: `.npy` for one array, `.csv` for any number.

use std::io::Write;
use std::path::Path;

use handaxe_data::Tensor;

use crate::{Error, write_atomically};

/// Writes the outputs of a network, each with its name, as the extension of `path` says: `.npy` (f4, of the output's own
/// shape) or `.csv` (a line a sample, columns called `output` or `output_0`, `output_1`, ...).
///
/// ```
/// use handaxe_data::Tensor;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("answers.csv");
/// let scores = Tensor::new(vec![2, 2], vec![0.25, 0.75, 1.0, 0.0])?;
/// handaxe_formats::answers::save(&[("softmax", &scores)], &path)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "softmax_0,softmax_1\n0.25,0.75\n1,0\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Another extension, several outputs as `.npy`, or a file that cannot be written.
pub fn save(outputs: &[(&str, &Tensor)], path: &Path) -> Result<(), Error> {
    check(outputs.len(), path)?;
    match outputs {
        [(_, output)] if is(path, "npy") => write_atomically(path, |file| write_npy(output, file)),
        outputs => write_atomically(path, |file| write_csv(outputs, file)),
    }
}

/// Writes raw integers of outputs, each with its name and all samples' numbers, as `.csv` with the columns of [`save`].
///
/// # Errors
/// Another extension, or a file that cannot be written.
pub fn save_codes(outputs: &[(&str, &[i64])], samples: usize, path: &Path) -> Result<(), Error> {
    if !is(path, "csv") {
        return Err(Error::AnswersExtension.in_file(path));
    }
    let widths: Vec<usize> =
        outputs.iter().map(|(_, codes)| codes.len() / samples.max(1)).collect();
    write_atomically(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        let names =
            outputs.iter().zip(&widths).flat_map(|((name, _), &width)| columns(name, width));
        writer.write_record(names)?;
        for sample in 0..samples {
            let codes = outputs
                .iter()
                .zip(&widths)
                .flat_map(|((_, codes), width)| &codes[sample * width..(sample + 1) * width]);
            writer.write_record(codes.map(i64::to_string))?;
        }
        writer.flush()
    })
}

/// The names of an output's columns.
fn columns(name: &str, width: usize) -> impl Iterator<Item = String> {
    (0..width)
        .map(move |place| if width == 1 { name.to_owned() } else { format!("{name}_{place}") })
}

/// Whether [`save`] can write so many outputs under this name: what is wrong, before anything is computed.
///
/// # Errors
/// As [`save`], but for the file.
pub fn check(outputs: usize, path: &Path) -> Result<(), Error> {
    let error = match (is(path, "npy"), is(path, "csv")) {
        (true, _) if outputs != 1 => Error::SeveralOutputs { outputs },
        (true, _) | (_, true) => return Ok(()),
        _ => Error::AnswersExtension,
    };
    Err(error.in_file(path))
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|given| given.eq_ignore_ascii_case(extension))
}

/// NumPy's format 1.0: the header is padded so that the numbers begin at a multiple of 64 bytes.
fn write_npy(output: &Tensor, file: &mut dyn Write) -> std::io::Result<()> {
    let axes: String = output.shape().iter().map(|axis| format!("{axis}, ")).collect();
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", axes.trim_end());
    let start = 10;
    let padding = 64 - (start + header.len() + 1) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(std::io::Error::other)?;
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    output.values().iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))
}

fn write_csv(outputs: &[(&str, &Tensor)], file: &mut dyn Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    let names = outputs.iter().flat_map(|(name, output)| columns(name, output.row_len()));
    writer.write_record(names)?;
    let samples = outputs.iter().map(|(_, output)| output.rows()).min().unwrap_or(0);
    for sample in 0..samples {
        // The shortest text that reads back to the same f32.
        let values = outputs.iter().flat_map(|(_, output)| {
            let width = output.row_len();
            output.values()[sample * width..(sample + 1) * width].iter().map(f32::to_string)
        });
        writer.write_record(values)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let values = vec![0.1, -2.5e-8, 3.0, f32::MAX, 0.0, 1.0];
        let output = Tensor::new(vec![2, 3], values).unwrap();
        std::fs::write(folder.path().join("y.csv"), "0\n1\n").unwrap();
        let labels = Tensor::new(vec![2], vec![0.0, 1.0]).unwrap();
        let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
        save(&[("x", &output)], &x).unwrap();
        save(&[("y", &labels)], &y).unwrap();
        let bytes = std::fs::read(&x).unwrap();
        assert_eq!((bytes.len() - 4 * 6) % 64, 0);
        let read = crate::data::load(&format!("{}:y=y.npy", x.display())).unwrap();
        assert_eq!(read.inputs()[0].block(0..2).unwrap().values(), output.values());
        assert_eq!(read.inputs()[0].shape(), [2, 3]);
    }

    #[test]
    fn a_table_has_a_column_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Tensor::full(&[1, 1], 0.1), Tensor::full(&[1, 2, 1], 1e-8));
        let path = folder.path().join("both.csv");
        save(&[("one", &one), ("two", &two)], &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "one,two_0,two_1\n0.1,0.00000001,0.00000001\n");
        let error = save(&[("one", &one), ("two", &two)], &folder.path().join("a.npy"));
        assert!(error.unwrap_err().to_string().contains(".csv"));
        let error = save(&[("one", &one)], &folder.path().join("a.txt")).unwrap_err().to_string();
        assert!(error.contains("a.txt") && error.contains(".npy or .csv"), "{error}");
    }
}
