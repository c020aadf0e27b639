use crate::{Group, Needs, Ranking};

/// The Euclidean norm: a single large weight keeps its group.
#[derive(Debug, Clone, Copy, Default)]
pub struct L2;

impl Ranking for L2 {
    fn name(&self) -> &str {
        "l2"
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn loss(&self, group: &Group<'_>) -> f64 {
        group.change.iter().map(|&change| f64::from(change).powi(2)).sum::<f64>().sqrt()
    }
}
