use handaxe_data::{Dataset, Parts};
use handaxe_formats::data::load_parts;

use crate::{Error, RunConfig};

/// The samples of a run before they are divided.
#[derive(Debug, Clone)]
pub struct Samples {
    /// All, or all but the test part.
    pub train: Dataset,
    /// The test part, if the data have one.
    pub test: Option<Dataset>,
}

impl Samples {
    /// Loads what `config` names.
    ///
    /// # Errors
    /// No data named, or data that cannot be read.
    pub fn load(config: &RunConfig) -> Result<Self, Error> {
        let how = "`--data FILE` or `data = 'FILE'`";
        let reference = config.data.as_ref().ok_or(Error::Missing { what: "the data set", how })?;
        let loaded = load_parts(reference)?;
        Ok(Self { train: loaded.train, test: loaded.test })
    }

    /// Divides them as `config` says.
    ///
    /// # Errors
    /// Shares or folds that leave a part empty.
    pub fn divide(&self, config: &RunConfig) -> Result<Parts, Error> {
        let (validation, seed) = (config.validation_split, config.seed);
        let Some(folds) = config.folds else {
            return Ok(match &self.test {
                Some(test) => Parts::with_test(&self.train, test.clone(), validation, seed)?,
                None => Parts::split(&self.train, config.test_split, validation, seed)?,
            });
        };
        let number = config.fold.unwrap_or(1);
        let fold = || number.checked_sub(1).and_then(|index| (index < folds).then_some(index));
        let index = fold().ok_or_else(|| Error::Value {
            what: "the fold",
            given: number.to_string(),
            right: "from 1 to the number of folds",
        })?;
        Ok(Parts::folds(&self.train, folds, validation, seed)?.swap_remove(index))
    }
}
