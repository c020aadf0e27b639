use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Error;

/// Writes a file under a temporary name beside `path`, then renames it: whoever reads `path`, even after a crash, finds
/// the old content or the new, never a part.
///
/// # Errors
/// The folder does not exist, or writing fails; the old file is then untouched.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(Error::NoFolder { path: folder.to_owned() }.in_file(path));
    }
    try_write(folder, path, write).map_err(|error| Error::from(error).in_file(path))
}

fn try_write(
    folder: &Path,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)] // the user's umask decides, as for any other file
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = BufWriter::new(builder.prefix(".handaxe-").tempfile_in(folder)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(|error| error.into_error())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let failure = write_atomically(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(std::io::Error::other("the disk is full"))
        });
        assert!(failure.unwrap_err().to_string().contains("the disk is full"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write_atomically(Path::new("no/such/folder/file"), |_| Ok(())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no/such/folder/file: the folder no/such/folder does not exist: make it first"
        );
    }
}
