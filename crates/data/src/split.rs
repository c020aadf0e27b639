use rand::seq::SliceRandom;

use crate::{Dataset, Error, Targets, seeded};

/// The stream of the seed from which splits are drawn.
const SPLIT_STREAM: u64 = 0x5eed;

impl Dataset {
    /// Two parts; the second takes `share` of the samples, drawn from `seed` and stratified: each class is
    /// shared out in proportion.
    ///
    /// # Errors
    /// [`Error::Split`] when either part would be empty.
    pub fn split(&self, share: f64, seed: u64) -> Result<(Self, Self), Error> {
        let samples = self.len();
        let order = self.stratified_order(seed);
        let wanted = (samples as f64 * share).round();
        if !(wanted >= 1.0 && wanted < samples as f64) {
            let second = wanted.clamp(0.0, samples as f64) as usize;
            return Err(Error::Split { share, samples, first: samples - second, second });
        }
        // Taking every n-th of the class-sorted order keeps the classes' shares.
        let wanted = wanted as usize;
        let taken = |place: usize| (place + 1) * wanted / samples > place * wanted / samples;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (place, &sample) in order.iter().enumerate() {
            if taken(place) { &mut second } else { &mut first }.push(sample);
        }
        first.shuffle(&mut seeded(seed, SPLIT_STREAM + 1));
        second.shuffle(&mut seeded(seed, SPLIT_STREAM + 2));
        Ok((self.gather(&first), self.gather(&second)))
    }

    /// `folds` pairs (rest, held-out part), stratified; every sample is held out exactly once.
    ///
    /// # Errors
    /// [`Error::Folds`] for fewer than 2 folds or more folds than samples.
    pub fn folds(&self, folds: usize, seed: u64) -> Result<Vec<(Self, Self)>, Error> {
        let samples = self.len();
        if folds < 2 || folds > samples {
            return Err(Error::Folds { folds, samples });
        }
        let order = self.stratified_order(seed);
        let part = |fold: usize| {
            let (mut rest, mut held) = (Vec::new(), Vec::new());
            for (place, &sample) in order.iter().enumerate() {
                if place % folds == fold { &mut held } else { &mut rest }.push(sample);
            }
            rest.shuffle(&mut seeded(seed, SPLIT_STREAM + 1));
            (self.gather(&rest), self.gather(&held))
        };
        Ok((0..folds).map(part).collect())
    }

    /// All samples, shuffled and then sorted by class.
    fn stratified_order(&self, seed: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut seeded(seed, SPLIT_STREAM));
        if let Targets::Classes { labels, .. } = self.targets() {
            order.sort_by_key(|&sample| labels[sample]);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Tensor;

    fn numbered(samples: usize, classes: usize) -> Dataset {
        let values = (0..samples).map(|sample| sample as f32).collect();
        let labels = (0..samples).map(|sample| (sample % classes) as u32).collect();
        let input = Tensor::new(vec![samples, 1], values).unwrap();
        Dataset::new(vec![input], Targets::classes(labels, classes).unwrap()).unwrap()
    }

    fn ids(data: &Dataset) -> Vec<usize> {
        data.inputs()[0].values().iter().map(|&value| value as usize).collect()
    }

    proptest! {
        /// Every sample lands in exactly one part, and each class is shared out within one sample.
        #[test]
        fn splits_partition(samples in 2usize..200, classes in 1usize..6, share in 0.0..1.0f64, seed: u64) {
            let data = numbered(samples, classes);
            let Ok((first, second)) = data.split(share, seed) else {
                let wanted = (samples as f64 * share).round() as usize;
                prop_assert!(wanted == 0 || wanted == samples);
                return Ok(());
            };
            let mut all = [ids(&first), ids(&second)].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..samples).collect::<Vec<_>>());
            for class in 0..classes {
                let total = (0..samples).filter(|sample| sample % classes == class).count() as f64;
                let got = ids(&second).iter().filter(|&sample| sample % classes == class).count() as f64;
                let fair = total * second.len() as f64 / samples as f64;
                prop_assert!((got - fair).abs() <= 1.0 + 1e-9, "class {} got {} of a fair {}", class, got, fair);
            }
        }

        #[test]
        fn folds_hold_out_each_sample_once(samples in 2usize..100, folds in 2usize..10, seed: u64) {
            prop_assume!(folds <= samples);
            let mut held: Vec<usize> = numbered(samples, 3).folds(folds, seed).unwrap().iter().flat_map(|(_, part)| ids(part)).collect();
            held.sort_unstable();
            prop_assert_eq!(held, (0..samples).collect::<Vec<_>>());
        }
    }

    #[test]
    fn same_seed_same_split() {
        let data = numbered(50, 3);
        assert_eq!(data.split(0.3, 1).unwrap(), data.split(0.3, 1).unwrap());
        assert_ne!(data.split(0.3, 1).unwrap(), data.split(0.3, 2).unwrap());
    }
}
