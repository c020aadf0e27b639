use crate::{Dataset, Error, Standardiser, Targets};

/// The samples of a run: to train on, to decide by, and to judge the end by. The three share none.
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
    /// Splits `data` in three: a share `test` of all samples, and a share `validation` of the rest; stratified, drawn
    /// from `seed`.
    ///
    /// # Errors
    /// A share that leaves a part empty.
    pub fn split(data: &Dataset, test: f64, validation: f64, seed: u64) -> Result<Self, Error> {
        let (rest, test) = data.split(test, seed)?;
        Self::with_test(&rest, test, validation, seed)
    }

    /// Splits a share `validation` off `data`, whose test part is given.
    ///
    /// # Errors
    /// A share that leaves a part empty.
    pub fn with_test(
        data: &Dataset,
        test: Dataset,
        validation: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        let (train, validation) = data.split(validation, seed)?;
        Ok(Self { train, validation, test })
    }

    /// One division for each of `folds` parts of `data`, each being the test part once.
    ///
    /// # Errors
    /// Fewer than 2 folds, or too few samples.
    pub fn folds(
        data: &Dataset,
        folds: usize,
        validation: f64,
        seed: u64,
    ) -> Result<Vec<Self>, Error> {
        let parts = data.folds(folds, seed)?.into_iter();
        parts.map(|(rest, test)| Self::with_test(&rest, test, validation, seed)).collect()
    }

    /// Shape of each input without the sample axis.
    pub fn input_shapes(&self) -> Vec<Vec<usize>> {
        self.train.inputs().iter().map(|input| input.shape()[1..].to_vec()).collect()
    }

    /// The metric that suits the targets: accuracy for classes, mse for values.
    pub fn natural_metric(&self) -> &'static str {
        match self.train.targets() {
            Targets::Classes { .. } => "accuracy",
            Targets::Values(_) => "mse",
        }
    }

    /// Mean and deviation of each input's features, measured on the training part.
    ///
    /// # Errors
    /// None that a [`Dataset`] can cause.
    pub fn standardisers(&self) -> Result<Vec<Standardiser>, Error> {
        self.train.inputs().iter().map(Standardiser::fit).collect()
    }

    /// Applies one standardiser to each input of every part.
    ///
    /// # Errors
    /// Another number of inputs, or inputs of other features.
    pub fn standardised(self, by: &[Standardiser]) -> Result<Self, Error> {
        let apply = |data: Dataset| {
            let (given, expected) = (data.inputs().len(), by.len());
            if given != expected {
                return Err(Error::Features { what: "inputs to standardise", given, expected });
            }
            let inputs =
                data.inputs().iter().zip(by).map(|(input, standardiser)| standardiser.apply(input));
            let inputs = inputs.collect::<Result<_, _>>()?;
            data.with_inputs(inputs)
        };
        Ok(Self {
            train: apply(self.train)?,
            validation: apply(self.validation)?,
            test: apply(self.test)?,
        })
    }
}
