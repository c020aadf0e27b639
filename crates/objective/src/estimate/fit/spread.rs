/// Share of the rows that may lie below the interval, and as many above.
const BEYOND: f64 = 0.05;
/// By how much, as a power of e, the ends of a single network's interval lie apart from it; with more networks, less.
pub(super) const DOUBT: f64 = 0.6;
/// The same of a sum for rows that are like no other: for a single source.
pub(super) const STRANGENESS: f64 = 1.0;

/// The middle one; between the two in the middle, the lower.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// The interval for the next row: with n rows left out each in turn, the next lies between the k-th smallest and the k-th
/// largest with probability 1 - 2k / (n + 1) (conformal prediction; Vovk, Gammerman and Shafer 2005). Rows of one network err alike, so where
/// there are fewer networks than rows that this takes, the ends lie further out.
pub(super) fn ends(mut ratios: Vec<f64>, networks: usize) -> (f64, f64) {
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len();
    let beyond = ((BEYOND * (count + 1) as f64).floor() as usize).saturating_sub(1);
    let (Some(low), Some(high)) =
        (ratios.get(beyond), ratios.get(count.saturating_sub(beyond + 1)))
    else {
        return (1.0, 1.0);
    };
    let few = BEYOND * ((networks + 1) as f64) < 1.0;
    let more = if few { (DOUBT / networks.max(1) as f64).exp() } else { 1.0 };
    (low / more, high * more)
}

/// Ratios of one group of rows, and how much each counts.
pub(super) struct Weighted(Vec<(f64, f64)>);

impl Weighted {
    /// Together they count as one.
    pub(super) fn alike(ratios: Vec<f64>) -> Self {
        let each = 1.0 / ratios.len().max(1) as f64;
        Self(ratios.into_iter().map(|ratio| (ratio, each)).collect())
    }
}

/// The interval for rows of the next group: quantiles of all groups' ratios, and by a power of e wider, the fewer groups there
/// are.
pub(super) fn weighted_ends(groups: Vec<Weighted>, doubt: f64) -> (f64, f64) {
    let count = groups.len();
    let mut all: Vec<(f64, f64)> = groups.into_iter().flat_map(|group| group.0).collect();
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let beyond = BEYOND * count as f64;
    let (low, high) = (first_beyond(all.iter(), beyond), first_beyond(all.iter().rev(), beyond));
    let more = (doubt / count.max(1) as f64).exp();
    (low / more, high * more)
}

/// The first ratio that does not lie with those before it in a share of `beyond`.
fn first_beyond<'a>(mut ratios: impl Iterator<Item = &'a (f64, f64)>, beyond: f64) -> f64 {
    let mut passed = 0.0;
    let inside = |(_, share): &&(f64, f64)| {
        passed += share;
        passed > beyond
    };
    ratios.find(inside).map_or(1.0, |(ratio, _)| *ratio)
}
