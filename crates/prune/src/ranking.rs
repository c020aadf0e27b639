use crate::{Error, L1, L2, Oracle, Saliency};

/// How much the network would lose with a group of weights.
///
/// ```
/// use handaxe_prune::{Group, Needs, Ranking};
///
/// /// The largest weight of the group.
/// struct LInfinity;
///
/// impl Ranking for LInfinity {
///     fn name(&self) -> &str {
///         "linf"
///     }
///     fn needs(&self) -> Needs {
///         Needs::Nothing
///     }
///     fn loss(&self, group: &Group<'_>) -> f64 {
///         group.change.iter().fold(0.0, |most, change| f64::from(change.abs()).max(most))
///     }
/// }
/// let group = Group { change: &[0.5, -2.0], gradient: None, curvature: None };
/// assert_eq!(LInfinity.loss(&group), 2.0);
/// ```
pub trait Ranking: Send + Sync {
    /// The name on the command line and in files.
    fn name(&self) -> &str;

    /// What [`Ranking::loss`] looks at beside the change itself.
    fn needs(&self) -> Needs;

    /// What the network loses by this change, finite and at least 0. It is compared with that of other groups of the
    /// layer, and across layers as a share of the layer's largest.
    fn loss(&self, group: &Group<'_>) -> f64;
}

/// What a ranking must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The weights suffice.
    Nothing,
    /// The gradient of the loss, averaged over batches.
    Gradients,
    /// The diagonal of the loss's Hessian.
    Curvature,
}

/// A change to the weights of one group, element by element.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// What is added to each weight: `-w` when it is pruned, `mean - w` when it is shared.
    pub change: &'a [f32],
    /// dL/dw, for rankings that need it.
    pub gradient: Option<&'a [f32]>,
    /// d2L/dw2, for rankings that need it.
    pub curvature: Option<&'a [f32]>,
}

/// The built-in rankings: name and what the loss is.
pub const RANKINGS: &[(&str, &str)] = &[
    ("l1", "sum of the weights' magnitudes"),
    ("l2", "Euclidean norm of the weights"),
    ("oracle", "how far the training loss moves to first order, from its gradients"),
    ("saliency", "how far it rises to second order, from the diagonal of its Hessian"),
];

/// The ranking of this name, one of [`RANKINGS`].
///
/// # Errors
/// [`Error::UnknownRanking`], which lists the names.
pub fn ranking(name: &str) -> Result<Box<dyn Ranking>, Error> {
    Ok(match name {
        "l1" => Box::new(L1),
        "l2" => Box::new(L2),
        "oracle" => Box::new(Oracle),
        "saliency" => Box::new(Saliency),
        _ => return Err(Error::UnknownRanking { given: name.to_owned() }),
    })
}

/// The names of the rankings, for messages.
pub(crate) fn names() -> String {
    RANKINGS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
