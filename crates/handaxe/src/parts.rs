use handaxe_data::{Dataset, Standardiser, Targets};
use handaxe_graph::Model;

use crate::Error;

/// The samples of a run: to train on, to decide by, and to judge the end by.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// What the network is fitted to.
    pub train: Dataset,
    /// What every decision is based on.
    pub validation: Dataset,
    /// What nothing but the final figures sees.
    pub test: Dataset,
}

impl Parts {
    /// Splits `data` in three: `test` of all samples, and `validation` of the rest; stratified, drawn from `seed`.
    ///
    /// # Errors
    /// A share that leaves a part empty.
    pub fn split(data: &Dataset, test: f64, validation: f64, seed: u64) -> Result<Self, Error> {
        let (rest, test) = data.split(test, seed)?;
        Self::with_test(&rest, test, validation, seed)
    }

    /// Splits off a `validation` share of `data`, whose test part is given.
    ///
    /// # Errors
    /// A share that leaves a part empty.
    pub fn with_test(data: &Dataset, test: Dataset, validation: f64, seed: u64) -> Result<Self, Error> {
        let (train, validation) = data.split(validation, seed)?;
        Ok(Self { train, validation, test })
    }

    /// One division for each of `folds` parts of `data`, each being the test part once.
    ///
    /// # Errors
    /// Fewer than 2 folds, or too few samples.
    pub fn folds(data: &Dataset, folds: usize, validation: f64, seed: u64) -> Result<Vec<Self>, Error> {
        let parts = data.folds(folds, seed)?.into_iter();
        parts.map(|(rest, test)| Self::with_test(&rest, test, validation, seed)).collect()
    }

    /// Shape of each input without the sample axis.
    pub fn input_shapes(&self) -> Vec<Vec<usize>> {
        self.train.inputs().iter().map(|input| input.shape()[1..].to_vec()).collect()
    }

    /// The metric that suits the targets.
    pub fn natural_metric(&self) -> &'static str {
        match self.train.targets() {
            Targets::Classes { .. } => "accuracy",
            Targets::Values(_) => "mse",
        }
    }

    /// Measures mean and deviation of each input's features on the training part.
    ///
    /// # Errors
    /// None that a [`Dataset`] can cause.
    pub fn standardisers(&self) -> Result<Vec<Standardiser>, Error> {
        let fitted = self.train.inputs().iter().map(Standardiser::fit);
        Ok(fitted.collect::<Result<_, _>>()?)
    }

    /// Does to every part what the model says is done to its inputs.
    ///
    /// # Errors
    /// Inputs of other features than the model's.
    pub fn preprocessed(self, model: &Model) -> Result<Self, Error> {
        let apply = |data: Dataset| -> Result<Dataset, Error> {
            if model.preprocessing().len() != data.inputs().len() {
                return Ok(data);
            }
            let inputs = data.inputs().iter().zip(model.preprocessing());
            let inputs = inputs.map(|(input, standardiser)| standardiser.apply(input));
            let inputs = inputs.collect::<Result<_, _>>()?;
            Ok(data.with_inputs(inputs)?)
        };
        Ok(Self { train: apply(self.train)?, validation: apply(self.validation)?, test: apply(self.test)? })
    }
}
