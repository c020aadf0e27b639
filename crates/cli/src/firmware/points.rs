//! The points of a scan as text.

use handaxe::report::{Align, Scan, ScanPoint, Table};

/// A row for each point: what implementation will leave of it.
pub(super) fn table(scan: &Scan) -> Table {
    let resources = scan.resources();
    let heads = heads(scan).into_iter().chain(resources.iter().copied()).chain(["latency"]);
    let last = scan.part.as_ref().map(|_| ("fits", Align::Left)).into_iter();
    let heads = heads.map(|head| (head, Align::Right)).chain(last).chain([("front", Align::Left)]);
    let mut table = Table::new(heads);
    for point in &scan.points {
        let fits = scan.fits(point).map(|fits| if fits { "yes" } else { "no" }.to_owned());
        let rest = counts(point, &resources).chain([point.latency.to_string()]).chain(fits);
        table.row(
            first(point)
                .into_iter()
                .chain(rest)
                .chain([if point.front { "*" } else { "" }.to_owned()]),
        );
    }
    table
}

/// A row for each point: what the objectives count.
pub(super) fn counted(scan: &Scan) -> Table {
    let counted = scan.counted();
    let heads = heads(scan).into_iter().chain(counted.iter().copied());
    let mut table = Table::new(heads.map(|head| (head, Align::Right)));
    for point in &scan.points {
        let count = |name: &&str| point.counted.get(*name).map_or(String::new(), u64::to_string);
        table.row(first(point).into_iter().chain(counted.iter().map(count)));
    }
    table
}

/// What a point is and how good it is.
fn heads(scan: &Scan) -> [&str; 4] {
    ["precision", "reuse factor", "cut", scan.metric.as_str()]
}

fn first(point: &ScanPoint) -> [String; 4] {
    [
        format!("ap_fixed<{},{}>", point.bits, point.integer),
        point.reuse_factor.map_or("-".to_owned(), |factor| factor.to_string()),
        format!("{:.1} %", 100.0 * point.sparsity),
        format!("{:.4}", point.value),
    ]
}

/// What a point takes of each resource.
fn counts(point: &ScanPoint, resources: &[&str]) -> impl Iterator<Item = String> {
    let count = |name: &&str| {
        point.resources.get(*name).map_or(String::new(), |count| count.value.to_string())
    };
    resources.iter().map(count)
}

/// The same for other programs, with the intervals.
pub(super) fn csv(scan: &Scan) -> String {
    let (resources, counted) = (scan.resources(), scan.counted());
    let mut text =
        "bits,integer,reuse_factor,sparsity,value,latency,interval,front,fits".to_owned();
    resources.iter().for_each(|name| text.push_str(&format!(",{name},{name}_low,{name}_high")));
    counted.iter().for_each(|name| text.push_str(&format!(",{name}_counted")));
    text.push('\n');
    for point in &scan.points {
        let factor = point.reuse_factor.map_or(String::new(), |factor| factor.to_string());
        let ScanPoint { bits, integer, sparsity, value, latency, interval, front, .. } = point;
        let fits = scan.fits(point).map_or(String::new(), |fits| fits.to_string());
        text.push_str(&format!(
            "{bits},{integer},{factor},{sparsity},{value},{latency},{interval},{front},{fits}"
        ));
        for name in &resources {
            let count = point.resources.get(*name).copied().unwrap_or_default();
            text.push_str(&format!(",{},{},{}", count.value, count.low, count.high));
        }
        for name in &counted {
            let count = point.counted.get(*name).map_or(String::new(), u64::to_string);
            text.push_str(&format!(",{count}"));
        }
        text.push('\n');
    }
    text
}
