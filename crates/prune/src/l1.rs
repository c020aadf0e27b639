use crate::{Group, Needs, Ranking};

/// The sum of magnitudes: small weights go first.
#[derive(Debug, Clone, Copy, Default)]
pub struct L1;

impl Ranking for L1 {
    fn name(&self) -> &str {
        "l1"
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn loss(&self, group: &Group<'_>) -> f64 {
        group.change.iter().map(|&change| f64::from(change).abs()).sum()
    }
}
