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
        Ok((self.select(&first)?, self.select(&second)?))
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
            Ok((self.select(&rest)?, self.select(&held)?))
        };
        (0..folds).map(part).collect()
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
        let all = data.inputs()[0].block(0..data.len()).unwrap();
        all.values().iter().map(|&value| value as usize).collect()
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

        /// Every sample is held out exactly once and is in the rest of all other folds; folds differ by one sample at
        /// most, and so do the shares of a class among them.
        #[test]
        fn folds_are_a_stratified_partition(samples in 2usize..100, folds in 2usize..10, classes in 1usize..5, seed: u64) {
            prop_assume!(folds <= samples);
            let data = numbered(samples, classes);
            // Of each class, and of all.
            let mut counts = vec![Vec::new(); classes + 1];
            let mut held_out = Vec::new();
            for (rest, held) in data.folds(folds, seed).unwrap() {
                let (rest, held) = (ids(&rest), ids(&held));
                let mut all = [rest, held.clone()].concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..samples).collect::<Vec<_>>());
                for (class, counts) in counts.iter_mut().enumerate() {
                    let of_class = |sample: &&usize| class == classes || *sample % classes == class;
                    counts.push(held.iter().filter(of_class).count());
                }
                held_out.extend(held);
            }
            held_out.sort_unstable();
            prop_assert_eq!(held_out, (0..samples).collect::<Vec<_>>());
            for counts in counts {
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", counts);
            }
        }
    }

    #[test]
    fn same_seed_same_split() {
        let data = numbered(50, 3);
        let split = |seed| {
            let (first, second) = data.split(0.3, seed).unwrap();
            (ids(&first), ids(&second))
        };
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }
}
