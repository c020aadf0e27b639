use crate::{Group, Needs, Ranking};

/// How far the loss moves to first order: the sum of |gradient * change|.
///
/// P. Molchanov et al. 2016, "Pruning convolutional neural networks for resource efficient inference", arXiv:1611.06440.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oracle;

impl Ranking for Oracle {
    fn name(&self) -> &str {
        "oracle"
    }

    fn needs(&self) -> Needs {
        Needs::Gradients
    }

    fn loss(&self, group: &Group<'_>) -> f64 {
        let gradient = group.gradient.unwrap_or(&[]).iter();
        let terms = gradient.zip(group.change);
        terms.map(|(&slope, &change)| (f64::from(slope) * f64::from(change)).abs()).sum()
    }
}
