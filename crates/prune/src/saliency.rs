use crate::{Group, Needs, Ranking};

/// How far the loss rises to second order around a minimum: the sum of curvature * change^2. A negative curvature costs
/// nothing, as a network that is trained has none but by noise.
///
/// Y. LeCun, J. Denker, S. Solla 1989, "Optimal brain damage", NIPS 2.
#[derive(Debug, Clone, Copy, Default)]
pub struct Saliency;

impl Ranking for Saliency {
    fn name(&self) -> &str {
        "saliency"
    }

    fn needs(&self) -> Needs {
        Needs::Curvature
    }

    fn loss(&self, group: &Group<'_>) -> f64 {
        let curvature = group.curvature.unwrap_or(&[]).iter();
        let terms = curvature.zip(group.change);
        terms.map(|(&bend, &change)| f64::from(bend).max(0.0) * f64::from(change).powi(2)).sum()
    }
}
