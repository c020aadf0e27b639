use std::fmt::Debug;
use std::fs;
use std::io::{Result, Write};
use std::path::Path;

/// Where the files of a run go. [`FileSystem`] is the real one; tests put one in its place that fails or dies.
pub trait Disk: Debug + Send + Sync {
    /// Makes a directory and those above it.
    fn create_dir(&self, path: &Path) -> Result<()>;

    /// Writes a whole file and waits until it is on the medium.
    fn write(&self, path: &Path, content: &[u8]) -> Result<()>;

    /// Gives a file another name; one of that name is replaced, in one step.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<()>;
}

/// The file system.
#[derive(Debug, Clone, Copy)]
pub struct FileSystem;

impl Disk for FileSystem {
    fn create_dir(&self, path: &Path) -> Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        let mut file = fs::File::create(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path)
    }
}
