use maud::{Markup, html};

use super::super::axis::{Axis, Px};
use super::super::figure::{line, scale, text};
use super::{BOTTOM, LEFT, TOP, WIDE, mark, widths};
use crate::number::compact;
use crate::{Scan, ScanPoint, name};

/// The resources to draw against the width: those estimated or counted, if more than one width was tried.
pub(super) fn shown(scan: &Scan) -> Vec<&str> {
    if widths::tried(scan).len() < 2 {
        return Vec::new();
    }
    let mut shown = scan.resources();
    let counted = scan.counted();
    let alone = counted.into_iter().filter(|name| !shown.contains(name)).collect::<Vec<_>>();
    shown.extend(alone);
    shown
}

/// One resource against the width, a line for each sparsity and reuse factor: the estimate with its marks, and dotted what an
/// objective counts.
pub(super) fn panel(scan: &Scan, name: &str, width: f64) -> Markup {
    let right = width - 10.0;
    let x = widths::axis(scan, right);
    let estimated = |point: &ScanPoint| Some(point.resources.get(name)?.value as f64);
    let counted = |point: &ScanPoint| point.counted.get(name).map(|count| *count as f64);
    let all = || {
        let points = scan.points.iter();
        points.flat_map(|point| [estimated(point), counted(point)]).flatten()
    };
    let positive = || all().filter(|count| *count > 0.0);
    let (least, most) = (positive().fold(f64::MAX, f64::min), positive().fold(1.0, f64::max));
    let wide = most / least > WIDE;
    let y = match wide {
        true => Axis::logarithmic(positive(), BOTTOM, TOP),
        false => Axis::new(0.0, 1.08 * most, BOTTOM, TOP),
    };
    let at = |point: &ScanPoint, count: Option<f64>| {
        (x.at(f64::from(point.bits)), y.at(count.unwrap_or(0.0)))
    };
    let limit = scan.limits.get(name).filter(|limit| y.shows(**limit as f64));
    let title = name::capitalise(name::unit(name));
    let title = if wide { format!("{title} (logarithmic)") } else { title };
    html! {
        (text("strong", (Px(0.0), Px(TOP - 18.0)), &title))
        (scale(&y, LEFT, right, (1.0, "")))
        (line("base", (Px(LEFT), Px(BOTTOM)), (Px(right), Px(BOTTOM))))
        (text("middle", (Px((LEFT + right) / 2.0), Px(BOTTOM + 38.0)), "bits of every type"))
        (widths::ticks(scan, &x, 16))
        @if let Some(limit) = limit {
            @let height = y.at(*limit as f64);
            (line("tolerance", (Px(LEFT), height), (Px(right), height)))
            (text("end", (Px(right), Px(height.0 - 6.0)), &format!("the part has {}", compact(*limit))))
        }
        @for points in widths::alike(scan) {
            @if points.iter().any(|point| counted(point).is_some()) {
                polyline.counted points=(widths::path(&points, |point| at(point, counted(point)))) {}
            }
            @if points.iter().any(|point| estimated(point).is_some()) {
                polyline.path points=(widths::path(&points, |point| at(point, estimated(point)))) {}
                @for point in &points { (mark(scan, point, at(point, estimated(point)))) }
            }
        }
    }
}
