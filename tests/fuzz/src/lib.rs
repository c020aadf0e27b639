//! What the targets have in common: some readers want a file.

use std::cell::RefCell;
use std::path::Path;

use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Hands `content` to a reader as a file called `name`, in one folder for the life of the process.
pub fn as_file(name: &str, content: &[u8], read: impl FnOnce(&Path)) {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        read(&path);
    });
}
