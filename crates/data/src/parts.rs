use crate::{Dataset, Error, Standardiser, Targets};

/// The samples of a run: to train on, to decide by, and to judge the end by. The three share none.
#[derive(Debug, Clone)]
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
    /// [`Error::Read`] when the samples cannot be read where they lie.
    pub fn standardisers(&self) -> Result<Vec<Standardiser>, Error> {
        self.train.inputs().iter().map(|input| Standardiser::fit(&**input)).collect()
    }

    /// Applies one standardiser to each input of every part.
    ///
    /// # Errors
    /// Another number of inputs, inputs of other features, or samples that cannot be read where they lie.
    pub fn standardised(&self, by: &[Standardiser]) -> Result<Self, Error> {
        Ok(Self {
            train: self.train.standardised(by)?,
            validation: self.validation.standardised(by)?,
            test: self.test.standardised(by)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    /// What is measured depends on the training part alone: a wild test part changes nothing.
    #[test]
    fn only_the_training_part_is_measured() {
        let of = |values: Vec<f32>, labels: Vec<u32>| {
            let inputs = vec![Tensor::new(vec![values.len(), 1], values).unwrap()];
            Dataset::new(inputs, Targets::classes(labels, 2).unwrap()).unwrap()
        };
        let train = of(vec![0.0, 2.0], vec![0, 1]);
        let parts = |far: f32| {
            let other = of(vec![far], vec![0]);
            Parts { train: train.clone(), validation: other.clone(), test: other }
        };
        let by = parts(5.0).standardisers().unwrap();
        assert_eq!((by[0].mean[0], by[0].deviation[0]), (1.0, 1.0));
        assert_eq!(by, parts(1e9).standardisers().unwrap());
        let standard = parts(5.0).standardised(&by).unwrap();
        assert_eq!(standard.train.inputs()[0].block(0..2).unwrap().values(), [-1.0, 1.0]);
        assert_eq!(standard.test.inputs()[0].block(0..1).unwrap().values(), [4.0]);
        assert!(parts(5.0).standardised(&[]).is_err());
    }
}
