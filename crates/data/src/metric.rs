use std::borrow::Cow;

use crate::{Error, Targets, Tensor};

/// Whether more of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is better, as for accuracy.
    Increasing,
    /// Less is better, as for an error.
    Decreasing,
}

/// How good a network's outputs are.
pub trait Metric: Send + Sync {
    /// The name used on the command line and in records.
    fn name(&self) -> &'static str;

    /// Which way is better.
    fn direction(&self) -> Direction;

    /// Judges `outputs` `(samples, width)`: scores of classes (logits or probabilities; one probability for two classes) or
    /// real values.
    ///
    /// # Errors
    /// [`Error::Metric`] when outputs and targets cannot be compared.
    fn evaluate(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Error>;
}

/// The metric of a name: `accuracy`, `auc`, `mse`, `mae`.
///
/// # Errors
/// [`Error::UnknownMetric`], which lists the known names.
pub fn metric(name: &str) -> Result<Box<dyn Metric>, Error> {
    match name {
        "accuracy" => Ok(Box::new(Accuracy)),
        "auc" => Ok(Box::new(Auc)),
        "mse" => Ok(Box::new(MeanSquaredError)),
        "mae" => Ok(Box::new(MeanAbsoluteError)),
        _ => Err(Error::UnknownMetric { name: name.to_owned() }),
    }
}

/// The share of samples whose highest score is the right class (the first of equal scores counts).
#[derive(Debug, Clone, Copy)]
pub struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn direction(&self) -> Direction {
        Direction::Increasing
    }

    fn evaluate(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Error> {
        let Scores { scores, labels, classes } = scores(self.name(), outputs, targets)?;
        let right = scores.chunks_exact(classes).zip(labels);
        let right = right.filter(|(scores, label)| argmax(scores) == **label as usize).count();
        Ok(right as f64 / labels.len() as f64)
    }
}

/// Area under the ROC curve, one class against the rest, averaged over the classes that occur (macro average).
#[derive(Debug, Clone, Copy)]
pub struct Auc;

impl Metric for Auc {
    fn name(&self) -> &'static str {
        "auc"
    }

    fn direction(&self) -> Direction {
        Direction::Increasing
    }

    fn evaluate(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Error> {
        let Scores { scores, labels, classes } = scores(self.name(), outputs, targets)?;
        let areas: Vec<f64> = (0..classes)
            .filter_map(|class| {
                let of_class = scores.chunks_exact(classes).map(|row| row[class]);
                area(of_class.zip(labels.iter().map(|&label| label as usize == class)).collect())
            })
            .collect();
        if areas.is_empty() {
            return Err(incomparable(self.name(), outputs, targets));
        }
        Ok(areas.iter().sum::<f64>() / areas.len() as f64)
    }
}

/// Mean of the squared differences over all outputs.
#[derive(Debug, Clone, Copy)]
pub struct MeanSquaredError;

impl Metric for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn direction(&self) -> Direction {
        Direction::Decreasing
    }

    fn evaluate(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Error> {
        mean_difference(self.name(), outputs, targets, |difference| difference * difference)
    }
}

/// Mean of the absolute differences over all outputs.
#[derive(Debug, Clone, Copy)]
pub struct MeanAbsoluteError;

impl Metric for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mae"
    }

    fn direction(&self) -> Direction {
        Direction::Decreasing
    }

    fn evaluate(&self, outputs: &Tensor, targets: &Targets) -> Result<f64, Error> {
        mean_difference(self.name(), outputs, targets, f64::abs)
    }
}

/// The area under one ROC curve by ranks, equal scores sharing theirs; none where only one side occurs.
fn area(mut scored: Vec<(f32, bool)>) -> Option<f64> {
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank, mut rank_sum) = (1.0, 0.0);
    for ties in scored.chunk_by(|a, b| a.0 == b.0) {
        let shared = rank + (ties.len() - 1) as f64 / 2.0;
        rank_sum += shared * ties.iter().filter(|(_, positive)| *positive).count() as f64;
        rank += ties.len() as f64;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// A NaN score never wins, so a broken network scores what chance gives class 0.
fn argmax(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, &score) in scores.iter().enumerate() {
        if score > scores[best] || scores[best].is_nan() {
            best = class;
        }
    }
    best
}

/// What classes were told, and which were right.
struct Scores<'a> {
    /// A row of `classes` a sample.
    scores: Cow<'a, [f32]>,
    labels: &'a [u32],
    classes: usize,
}

/// The score of each class, the labels and the number of classes. A single output for two classes is the probability of
/// the second.
fn scores<'a>(
    metric: &'static str,
    outputs: &'a Tensor,
    targets: &'a Targets,
) -> Result<Scores<'a>, Error> {
    let Targets::Classes { labels, classes } = targets else {
        return Err(incomparable(metric, outputs, targets));
    };
    let (samples, classes) = (labels.len(), *classes);
    if samples > 0 && classes > 0 && outputs.shape() == [samples, classes] {
        return Ok(Scores { scores: Cow::Borrowed(outputs.values()), labels, classes });
    }
    if samples > 0 && classes == 2 && outputs.shape() == [samples, 1] {
        let both = outputs.values().iter().flat_map(|&second| [1.0 - second, second]);
        return Ok(Scores { scores: Cow::Owned(both.collect()), labels, classes });
    }
    Err(incomparable(metric, outputs, targets))
}

fn mean_difference(
    metric: &'static str,
    outputs: &Tensor,
    targets: &Targets,
    cost: impl Fn(f64) -> f64,
) -> Result<f64, Error> {
    let values = match targets {
        Targets::Values(values) if outputs.values().len() == values.values().len() => values,
        _ => return Err(incomparable(metric, outputs, targets)),
    };
    let pairs = outputs.values().iter().zip(values.values());
    let sum: f64 = pairs.map(|(&got, &want)| cost(f64::from(got) - f64::from(want))).sum();
    Ok(sum / values.values().len() as f64)
}

fn incomparable(metric: &'static str, outputs: &Tensor, targets: &Targets) -> Error {
    Error::Metric { metric, outputs: outputs.shape().to_vec(), targets: targets.describe() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(rows: &[[f32; 2]]) -> Tensor {
        Tensor::new(vec![rows.len(), 2], rows.concat()).unwrap()
    }

    #[test]
    fn accuracy_counts_right_answers() {
        let outputs = scores(&[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]]);
        let targets = Targets::classes(vec![0, 1, 1, 0], 2).unwrap();
        assert_eq!(Accuracy.evaluate(&outputs, &targets).unwrap(), 0.75);
        let three = Targets::classes(vec![0, 1, 1, 2], 3).unwrap();
        assert!(matches!(Accuracy.evaluate(&outputs, &three), Err(Error::Metric { .. })));
    }

    /// The area is the chance that a positive outranks a negative, ties counting half.
    #[test]
    fn auc_is_the_share_of_ordered_pairs() {
        let outputs = scores(&[[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.2, 0.8]]);
        let targets = Targets::classes(vec![0, 0, 1, 1], 2).unwrap();
        // Pairs (0,2), (0,3), (1,3) ordered, (1,2) tied: 3.5 of 4.
        assert_eq!(Auc.evaluate(&outputs, &targets).unwrap(), 0.875);
    }

    /// One probability says the same as both.
    #[test]
    fn two_classes_by_one_output() {
        let second = Tensor::new(vec![4, 1], vec![0.1, 0.8, 0.4, 0.6]).unwrap();
        let both = scores(&[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]]);
        let targets = Targets::classes(vec![0, 1, 1, 0], 2).unwrap();
        for metric in [&Accuracy as &dyn Metric, &Auc] {
            let judge = |outputs| metric.evaluate(outputs, &targets).unwrap();
            assert_eq!(judge(&second), judge(&both));
        }
        let three = Targets::classes(vec![0, 1, 1, 2], 3).unwrap();
        assert!(matches!(Accuracy.evaluate(&second, &three), Err(Error::Metric { .. })));
    }

    #[test]
    fn errors_average_over_all_outputs() {
        let targets = Targets::Values(scores(&[[1.0, 2.0], [3.0, 4.0]]));
        let outputs = scores(&[[1.0, 0.0], [3.0, 3.0]]);
        assert_eq!(MeanSquaredError.evaluate(&outputs, &targets).unwrap(), 1.25);
        assert_eq!(MeanAbsoluteError.evaluate(&outputs, &targets).unwrap(), 0.75);
    }
}
