mod taken;
mod widths;

use maud::{Markup, html};

use super::axis::{Axis, Px};
use super::figure::{Figure, legend, line, rect, scale, text, text_width};
use crate::number::{compact, percent};
use crate::{Scan, ScanPoint, name};

const WIDTH: f64 = 960.0;
const PANEL: f64 = 290.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = PANEL - 52.0;
const LEFT: f64 = 58.0;
const GAP: f64 = 36.0;
/// Costs that span more than this factor are drawn on a logarithmic scale.
const WIDE: f64 = 30.0;

/// The metric against the width above, then against the latency and each resource: the Pareto front in full, the others faint, what
/// the part has as a line. Below, each resource against the width: the estimates, and what the objectives count.
pub(super) fn figure(scan: &Scan) -> Figure {
    let mut panels = vec![("latency", "cycles of latency".to_owned())];
    let resources = scan.resources();
    panels.extend(
        resources.iter().map(|name| (*name, format!("{} after implementation", name::unit(name)))),
    );
    let y = metric_axis(scan);
    let taken = taken::shown(scan);
    let rows = panels.len().div_ceil(2);
    let all_rows = 1 + rows + taken.len().div_ceil(2);
    let width = (WIDTH - GAP) / 2.0;
    let mark = |front| html! { (dot(front)) };
    let mut marks = vec![(mark(true), "on the Pareto front"), (mark(false), "beaten by another")];
    if scan.part.is_some() {
        marks.push((
            line("tolerance", (Px(0.0), Px(-8.0)), (Px(0.0), Px(8.0))),
            "what the part has",
        ));
    }
    if !taken.is_empty() {
        let dots = line("counted", (Px(-12.0), Px(0.0)), (Px(12.0), Px(0.0)));
        marks.push((dots, "counted by an objective"));
    }
    let first = 16.0;
    let place = |place: usize| {
        let across = (width + GAP) * (place % 2) as f64;
        format!("translate({} {})", Px(across), Px(first + PANEL * (1 + place / 2) as f64))
    };
    let body = html! {
        (legend(&marks, WIDTH, 14.0))
        g transform=(format!("translate(0 {})", Px(first))) { (widths::panel(scan, &y)) }
        @for (at, (name, title)) in panels.iter().enumerate() {
            g transform=(place(at)) { (panel(scan, name, title, &y, width)) }
        }
        @for (at, name) in taken.iter().enumerate() {
            g transform=(place(2 * rows + at)) { (taken::panel(scan, name, width)) }
        }
    };
    Figure { width: WIDTH, height: first + PANEL * all_rows as f64, title: title(scan), body }
}

fn metric_axis(scan: &Scan) -> Axis {
    let values = scan.points.iter().map(|point| point.value).chain([scan.float]);
    Axis::around(values, BOTTOM, TOP)
}

/// What the picture says: how narrow it may be, and how sparse, before one per cent of the metric is lost.
fn title(scan: &Scan) -> String {
    let near = |point: &&ScanPoint| {
        let lost =
            if scan.increasing { scan.float - point.value } else { point.value - scan.float };
        lost <= 0.01 * scan.float.abs()
    };
    let value = name::metric_value(&scan.metric, scan.float);
    let cheapest = scan
        .points
        .iter()
        .filter(near)
        .min_by(|a, b| a.bits.cmp(&b.bits).then(b.sparsity.total_cmp(&a.sparsity)));
    match cheapest {
        Some(point) => {
            let cut = if point.sparsity > 0.0 {
                format!(" with {} of the weights cut", percent(point.sparsity))
            } else {
                String::new()
            };
            format!(
                "{} bits{cut} lose no more than 1\u{a0}% of floating point's {value}",
                point.bits
            )
        }
        None => format!("Every point loses more than 1\u{a0}% of floating point's {value}"),
    }
}

/// The metric's scale and name.
fn frame(scan: &Scan, y: &Axis, right: f64, title: &str) -> Markup {
    html! {
        (text("strong", (Px(0.0), Px(TOP - 18.0)), name::metric(&scan.metric)))
        (scale(y, LEFT, right, name::metric_scale(&scan.metric)))
        (line("base", (Px(LEFT), Px(BOTTOM)), (Px(right), Px(BOTTOM))))
        (text("middle", (Px((LEFT + right) / 2.0), Px(BOTTOM + 38.0)), title))
    }
}

/// The metric against a resource or the latency.
fn panel(scan: &Scan, name: &str, title: &str, y: &Axis, width: f64) -> Markup {
    let right = width - 10.0;
    let cost = |point: &ScanPoint| match point.resources.get(name) {
        Some(figure) => figure.value as f64,
        None => point.latency as f64,
    };
    let costs = || scan.points.iter().map(cost).filter(|cost| *cost > 0.0);
    let (least, most) = (costs().fold(f64::MAX, f64::min), costs().fold(1.0, f64::max));
    let wide = most / least > WIDE;
    let limit = scan.limits.get(name).map(|limit| *limit as f64).filter(|limit| *limit > 0.0);
    // A limit far beyond all points would press them against the edge.
    let near = limit.filter(|limit| *limit <= if wide { WIDE } else { 2.0 } * most);
    let x = match wide {
        true => Axis::logarithmic(costs().chain(near), LEFT, right),
        false => Axis::new(0.0, 1.08 * most.max(near.unwrap_or(0.0)), LEFT, right),
    };
    let title = if wide { format!("{title} (logarithmic)") } else { title.to_owned() };
    html! {
        (frame(scan, y, right, &title))
        @for (value, label) in x.ticks(5, 1.0) {
            (line("base", (x.at(value), Px(BOTTOM)), (x.at(value), Px(BOTTOM + 4.0))))
            (text("middle", (x.at(value), Px(BOTTOM + 18.0)), &label))
        }
        (line("baseline", (Px(LEFT), y.at(scan.float)), (Px(right), y.at(scan.float))))
        @if let Some(limit) = limit { (part_limit(scan, limit, near.map(|limit| x.at(limit)), right)) }
        @for front in [false, true] {
            @for point in scan.points.iter().filter(|point| point.front == front) {
                (mark(scan, point, (x.at(cost(point)), y.at(point.value))))
            }
        }
    }
}

/// What the part has: a line where it can be seen, else words. Beyond the line nothing fits.
fn part_limit(scan: &Scan, limit: f64, at: Option<Px>, right: f64) -> Markup {
    let part = scan.part.as_deref().unwrap_or("the part");
    let words = format!("{part}: {}", compact(limit as u64));
    match at {
        Some(at) => {
            let half = text_width(&words) / 2.0;
            let middle = at.0.clamp(LEFT + half, (right - half).max(LEFT + half));
            html! {
                (rect("outside", (at, Px(TOP)), right - at.0, BOTTOM - TOP))
                (line("tolerance", (at, Px(TOP)), (at, Px(BOTTOM))))
                (text("middle", (Px(middle), Px(TOP - 6.0)), &words))
            }
        }
        None => {
            text("end", (Px(right), Px(TOP - 6.0)), &format!("{words}, beyond the axis \u{2192}"))
        }
    }
}

fn mark(scan: &Scan, point: &ScanPoint, at: (Px, Px)) -> Markup {
    let reuse = point.reuse_factor.map_or(String::new(), |reuse| format!(", reuse factor {reuse}"));
    let value = name::metric_value(&scan.metric, point.value);
    let resources = scan.resources().into_iter().filter_map(|name| {
        Some(format!(", {} {}", name::resource(name), compact(point.resources.get(name)?.value)))
    });
    let resources: String = resources.collect();
    html! {
        g transform=(format!("translate({} {})", at.0, at.1)) {
            title { (point.bits) " bits" (reuse) ", " (widths::share_cut(point.sparsity)) ": " (value) (resources) ", latency " (point.latency) }
            (dot(point.front))
        }
    }
}

fn dot(front: bool) -> Markup {
    html! { @if front { circle.good r="4.5" {} } @else { circle.beaten r="3.5" {} } }
}
