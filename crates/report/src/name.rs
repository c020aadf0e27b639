//! Names of resources and metrics as people read them; records have them as spec/interfaces.md writes them.

use handaxe_optimize::ResultRecord;

use crate::number::significant;

const WEIGHT_BITS: &str = "weight-bits";

/// The order of columns: what a device offers first, then what a processor does.
const RESOURCES: [(&str, &str, &str); 9] = [
    ("parameters", "parameters", "parameters"),
    ("dsp", "DSP", "DSPs"),
    ("bram36", "BRAM36", "BRAM36 blocks"),
    ("ff", "FF", "flip-flops"),
    ("lut", "LUT", "LUTs"),
    ("uram", "URAM", "UltraRAMs"),
    ("mlab", "MLAB", "MLABs"),
    (WEIGHT_BITS, "weight bits", "bits of weights"),
    ("flops", "FLOPs", "FLOPs"),
];

/// A resource's short name, for the head of a column.
pub(crate) fn resource(name: &str) -> &str {
    RESOURCES.iter().find(|known| known.0 == name).map_or(name, |known| known.1)
}

/// What a resource is counted in, for a sentence.
pub(crate) fn unit(name: &str) -> &str {
    RESOURCES.iter().find(|known| known.0 == name).map_or(name, |known| known.2)
}

/// Sorted as columns stand; unknown resources follow by their name.
pub(crate) fn in_order<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    let place = |name: &str| RESOURCES.iter().position(|known| known.0 == name);
    let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.sort_by_key(|name| (place(name).unwrap_or(RESOURCES.len()), *name));
    names.dedup();
    names
}

/// The resources to show of a run: what it was to save, and what the network has any of. Bits of weights follow from
/// the parameters, so they stand only where they were to be saved.
pub(crate) fn shown(result: &ResultRecord) -> Vec<&str> {
    let shown = result.resources.before.iter().filter(|(name, count)| {
        result.achieved.contains_key(*name) || (**count > 0 && *name != WEIGHT_BITS)
    });
    in_order(shown.map(|(name, _)| name))
}

/// A metric's name in a sentence.
pub(crate) fn metric(name: &str) -> &str {
    match name {
        "auc" => "AUC",
        "mse" => "MSE",
        "mae" => "MAE",
        other => other,
    }
}

/// The name under which a record has a metric at hardware precision.
pub fn in_fixed_point(metric: &str) -> String {
    format!("{metric} in fixed point")
}

/// What a metric's values are multiplied by to be read, and the unit that follows.
pub(crate) fn metric_scale(name: &str) -> (f64, &'static str) {
    if name == "accuracy" { (100.0, "\u{a0}%") } else { (1.0, "") }
}

/// A metric's value: accuracy in percent with two decimals, others with four significant digits.
pub(crate) fn metric_value(name: &str, value: f64) -> String {
    let (scale, unit) = metric_scale(name);
    if unit.is_empty() { significant(value, 4) } else { format!("{:.2}{unit}", value * scale) }
}

/// `text` with a capital at the start, for headings.
pub(crate) fn capitalise(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
