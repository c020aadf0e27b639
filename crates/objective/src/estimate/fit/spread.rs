/// Share of the rows that may lie below the interval, and as many above.
const BEYOND: f64 = 0.05;
/// By how much, as a power of e, the ends of a single row's interval lie apart from it; with more rows, less.
const DOUBT: f64 = 0.6;

/// The middle one; between the two in the middle, the lower.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// The interval for the next row: with n rows left out each in turn, the next lies between the k-th smallest and the k-th
/// largest with probability 1 - 2k / (n + 1) (conformal prediction; Vovk, Gammerman and Shafer 2005). With fewer rows than that takes, the
/// outermost, and some more.
pub(super) fn ends(mut ratios: Vec<f64>) -> (f64, f64) {
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len();
    let (Some(&first), Some(&last)) = (ratios.first(), ratios.last()) else { return (1.0, 1.0) };
    let beyond = (BEYOND * (count + 1) as f64).floor() as usize;
    match beyond.checked_sub(1) {
        Some(place) => (ratios[place], ratios[count - 1 - place]),
        None => {
            let more = (DOUBT / count as f64).exp();
            (first / more, last * more)
        }
    }
}
