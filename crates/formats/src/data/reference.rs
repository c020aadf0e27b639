use std::path::PathBuf;

use crate::Error;

/// A file and what in it to take; see [`crate::data`] for the form.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reference {
    pub(super) path: PathBuf,
    /// Inputs of the network; none stands for the format's default.
    pub(super) x: Vec<String>,
    /// The target; several columns of a table are one-hot rows, or several values.
    pub(super) y: Vec<String>,
    pub(super) x_test: Vec<String>,
    pub(super) y_test: Option<String>,
}

impl Reference {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        // A path may hold colons; a selection always holds an equals sign.
        let (path, selection) = match text.rsplit_once(':') {
            Some((path, selection)) if selection.contains('=') => (path, selection),
            _ => return Ok(Self { path: text.into(), ..Self::default() }),
        };
        let mut reference = Self { path: path.into(), ..Self::default() };
        for entry in selection.split(',') {
            if !reference.take(entry) {
                return Err(Self::refuse(entry).in_file(&reference.path));
            }
        }
        if reference.x_test.is_empty() != reference.y_test.is_none() {
            return Err(Self::refuse(selection).in_file(&reference.path));
        }
        Ok(reference)
    }

    /// That `text` of the selection is not understood.
    pub(super) fn refuse(text: &str) -> Error {
        Error::Reference { text: text.to_owned() }
    }

    /// The one array that is the target, if one is named.
    pub(super) fn single_y(&self) -> Result<Option<&str>, Error> {
        match self.y.as_slice() {
            [] => Ok(None),
            [y] => Ok(Some(y)),
            [_, more, ..] => Err(Self::refuse(&format!("y={more}"))),
        }
    }

    /// Takes `key=name`; false if that is not what `entry` is, or the key is taken.
    fn take(&mut self, entry: &str) -> bool {
        let Some((key, name)) = entry.split_once('=') else { return false };
        let name = name.trim();
        if name.is_empty() {
            return false;
        }
        match key.trim() {
            "x" => push(&mut self.x, name),
            "y" => push(&mut self.y, name),
            "x_test" => push(&mut self.x_test, name),
            "y_test" => self.y_test.replace(name.to_owned()).is_none(),
            _ => false,
        }
    }
}

fn push(names: &mut Vec<String>, name: &str) -> bool {
    let fresh = !names.iter().any(|known| known == name);
    names.push(name.to_owned());
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_of_the_table() {
        let jets = Reference::parse("data/jets.npz:x=hlf_ungroomed,y=label").unwrap();
        assert_eq!(jets.path, PathBuf::from("data/jets.npz"));
        assert_eq!((jets.x, jets.y), (vec!["hlf_ungroomed".to_owned()], vec!["label".to_owned()]));
        assert_eq!(
            Reference::parse(r"C:\data\a.npz").unwrap().path,
            PathBuf::from(r"C:\data\a.npz")
        );
        let both = Reference::parse("a.npz:x=a,y=b,x_test=c,y_test=d").unwrap();
        assert_eq!((both.x_test.len(), both.y_test.as_deref()), (1, Some("d")));
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for text in [
            "a.npz:z=1",
            "a.npz:x=",
            "a.npz:x=a,b",
            "a.npz:y=a,y=a",
            "a.npz:x=a,x=a",
            "a.npz:x_test=a",
            "a.npz:x=a,y=b,x_test=c",
            "a.npz:x=a,y=b,y_test=c",
        ] {
            let error = Reference::parse(text).unwrap_err().to_string();
            assert!(error.contains("write FILE:x=NAME,y=NAME"), "{text}: {error}");
        }
    }
}
