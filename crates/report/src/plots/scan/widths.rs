use maud::{Markup, html};

use super::super::axis::{Axis, Px};
use super::super::figure::{line, text};
use super::{BOTTOM, LEFT, TOP, WIDTH, frame, mark};
use crate::number::percent;
use crate::{Scan, ScanPoint};

/// Room for names right of the lines.
const NAMES: f64 = 150.0;

/// The metric against the width, a line for each sparsity; reuse factors move nothing but where they decide what is cut together.
pub(super) fn panel(scan: &Scan, y: &Axis) -> Markup {
    let right = WIDTH - NAMES;
    let x = axis(scan, right);
    let baseline = y.at(scan.float);
    let mut names = vec![("floating point".to_owned(), baseline.0)];
    let lines = series(scan);
    names.extend(
        lines
            .iter()
            .filter_map(|(name, points)| Some((name.clone(), y.at(points.last()?.value).0))),
    );
    html! {
        (frame(scan, y, right, "bits of every type"))
        (ticks(scan, &x, 24))
        (line("baseline", (Px(LEFT), baseline), (Px(right), baseline)))
        @for (_, points) in &lines {
            @let at = |point: &ScanPoint| (x.at(bits(point)), y.at(point.value));
            polyline.path points=(path(points, at)) {}
            @for point in points { (mark(scan, point, at(point))) }
        }
        @for (name, at) in apart(names) { (text("start", (Px(right + 8.0), Px(at + 4.0)), &name)) }
    }
}

fn bits(point: &ScanPoint) -> f64 {
    f64::from(point.bits)
}

/// The axis of all widths, up to `right`.
pub(super) fn axis(scan: &Scan, right: f64) -> Axis {
    let widths = scan.points.iter().map(bits);
    let ends = widths.fold((f64::MAX, 1.0f64), |(low, high), bits| (low.min(bits), high.max(bits)));
    Axis::new(ends.0.min(ends.1) - 0.5, ends.1 + 0.5, LEFT, right)
}

/// The widths that were tried, sorted.
pub(super) fn tried(scan: &Scan) -> Vec<u32> {
    let mut widths: Vec<u32> = scan.points.iter().map(|point| point.bits).collect();
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// At most so many of the widths, below the axis.
pub(super) fn ticks(scan: &Scan, x: &Axis, most: usize) -> Markup {
    let widths = tried(scan);
    let every = widths.len().div_ceil(most).max(1);
    html! {
        @for bits in widths.iter().step_by(every) {
            (text("middle", (x.at(f64::from(*bits)), Px(BOTTOM + 18.0)), &bits.to_string()))
        }
    }
}

/// A line through points, for the attribute `points`.
pub(super) fn path(points: &[&ScanPoint], at: impl Fn(&ScanPoint) -> (Px, Px)) -> String {
    let places = points.iter().map(|point| at(point)).map(|(x, y)| format!("{x},{y}"));
    places.collect::<Vec<_>>().join(" ")
}

/// Points that differ in nothing but their width.
pub(super) fn alike(scan: &Scan) -> Vec<Vec<&ScanPoint>> {
    let mut found: Vec<Vec<&ScanPoint>> = Vec::new();
    let key = |point: &ScanPoint| (point.sparsity, point.reuse_factor);
    for point in &scan.points {
        match found.iter_mut().find(|points| key(points[0]) == key(point)) {
            Some(points) => points.push(point),
            None => found.push(vec![point]),
        }
    }
    found
}

/// The same by a name; reuse factors that answer alike are told once.
fn series(scan: &Scan) -> Vec<(String, Vec<&ScanPoint>)> {
    let values = |points: &[&ScanPoint]| points.iter().map(|point| point.value).collect::<Vec<_>>();
    let mut told: Vec<(String, Vec<&ScanPoint>)> = Vec::new();
    for points in alike(scan) {
        let ScanPoint { sparsity, reuse_factor, .. } = points[0];
        let same = |(_, known): &&mut (String, Vec<&ScanPoint>)| {
            values(known) == values(&points) && known[0].sparsity == *sparsity
        };
        let cut = share_cut(*sparsity);
        match told.iter_mut().find(same) {
            Some((known, _)) => *known = cut,
            None => {
                let reuse = reuse_factor.map_or(String::new(), |reuse| format!(", reuse {reuse}"));
                told.push((format!("{cut}{reuse}"), points));
            }
        }
    }
    told
}

/// What is cut at a point, in words.
pub(super) fn share_cut(sparsity: f64) -> String {
    if sparsity > 0.0 { format!("{} cut", percent(sparsity)) } else { "nothing cut".to_owned() }
}

/// Names beside each other's places, moved down where they would overlap; as many as there is room for.
fn apart(mut names: Vec<(String, f64)>) -> Vec<(String, f64)> {
    const LINE: f64 = 14.0;
    names.sort_by(|a, b| a.1.total_cmp(&b.1));
    let most = ((BOTTOM - TOP) / LINE) as usize;
    let step = names.len().div_ceil(most.max(1)).max(1);
    let mut names: Vec<(String, f64)> = names.into_iter().step_by(step).collect();
    let mut lowest = BOTTOM - LINE * names.len() as f64;
    let mut free = TOP.min(lowest);
    for (_, at) in &mut names {
        lowest += LINE;
        *at = at.clamp(free, lowest.max(free));
        free = *at + LINE;
    }
    names
}
