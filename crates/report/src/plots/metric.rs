use handaxe_data::Direction;
use handaxe_optimize::StepRecord;
use maud::{Markup, html};

use super::axis::{Axis, Px};
use super::figure::{Figure, legend, line, rect, scale, text, text_width};
use crate::number::percent;
use crate::{Run, finding, name};

const WIDTH: f64 = 960.0;
const PANEL_HEIGHT: f64 = 380.0;
const GAP: f64 = 32.0;
/// The part of a panel that data are drawn in.
const LEFT: f64 = 62.0;
const RIGHT_MARGIN: f64 = 92.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = PANEL_HEIGHT - 48.0;
/// More steps than this are drawn smaller and without numbers.
const MANY: usize = 40;

/// One panel for each resource to be saved, two beside each other.
pub(super) fn figure(run: &Run<'_>) -> Figure {
    let resources = run.saved();
    let columns = resources.len().clamp(1, 2);
    let width = (WIDTH - GAP * (columns - 1) as f64) / columns as f64;
    let rows = resources.len().div_ceil(columns).max(1);
    let marks = [
        (good(5.0), "held the tolerance"),
        (bad(4.5), "missed it"),
        (html! { (good(5.0)) (ring(9.0)) }, "handed back"),
    ];
    let body = html! {
        (legend(&marks, WIDTH, 14.0))
        @for (place, resource) in resources.iter().enumerate() {
            @let x = (width + GAP) * (place % columns) as f64;
            @let y = PANEL_HEIGHT * (place / columns) as f64 + 16.0;
            g transform=(format!("translate({} {})", Px(x), Px(y))) { (panel(run, resource, width)) }
        }
    };
    let height = PANEL_HEIGHT * rows as f64 + 16.0;
    Figure { width: WIDTH, height, title: finding::metric(run), body }
}

fn panel(run: &Run<'_>, resource: &str, width: f64) -> Markup {
    let right = width - RIGHT_MARGIN;
    let reached = |step: &StepRecord| step.achieved.get(resource).copied().unwrap_or(0.0);
    let asked = run.result.asked.get(resource).copied().filter(|asked| asked.is_finite());
    let furthest = run.steps.iter().map(reached).chain(asked).fold(0.1, f64::max);
    let x = Axis::new(0.0, (1.06 * furthest).min(1.02), LEFT, right);
    let y = metric_axis(run);
    let metric = name::metric(&run.result.metric);
    let title =
        format!("reached sparsity of {} in the optimisable layers", name::resource(resource));
    html! {
        (text("start", (Px(0.0), Px(TOP - 18.0)), &format!("validation {metric}")))
        (scale(&y, LEFT, right, name::metric_scale(&run.result.metric)))
        (line("base", (Px(LEFT), Px(BOTTOM)), (Px(right), Px(BOTTOM))))
        @for (value, label) in x.ticks(if width > 600.0 { 10 } else { 5 }, 100.0) {
            (line("base", (x.at(value), Px(BOTTOM)), (x.at(value), Px(BOTTOM + 4.0))))
            (text("middle", (x.at(value), Px(BOTTOM + 18.0)), &format!("{label}\u{a0}%")))
        }
        (text("middle", (Px((LEFT + right) / 2.0), Px(BOTTOM + 40.0)), &title))
        (bounds(run, &y, right))
        @if let Some(asked) = asked {
            (line("asked", (x.at(asked), Px(TOP)), (x.at(asked), Px(BOTTOM))))
            (text("middle", (x.at(asked), Px(TOP - 6.0)), &format!("asked {}", percent(asked))))
        }
        (steps(run, reached, &x, &y))
    }
}

/// Shows what matters: the baseline, the tolerance and the steps about them. A step that fell much further stands at the edge.
fn metric_axis(run: &Run<'_>) -> Axis {
    let baseline = run.result.baseline.validation;
    let values = || run.steps.iter().map(|step| step.metric).chain([baseline]);
    let Some(tolerance) = run.tolerance() else {
        return Axis::around(values(), BOTTOM, TOP);
    };
    let room = 2.0 * (tolerance - baseline).abs();
    let near = values().map(|value| match run.direction() {
        Direction::Increasing => value.max(baseline - room),
        Direction::Decreasing => value.min(baseline + room),
    });
    Axis::around(near.chain([tolerance]), BOTTOM, TOP)
}

/// The baseline, the tolerance, and the region beyond it.
fn bounds(run: &Run<'_>, y: &Axis, right: f64) -> Markup {
    let value = |value| name::metric_value(&run.result.metric, value);
    let baseline = run.result.baseline.validation;
    let tolerance = run.tolerance();
    let label = |name: &str, number: f64, shift: f64| {
        let at = y.at(number).0 + shift;
        html! {
            (text("strong", (Px(right + 8.0), Px(at - 2.0)), name))
            (text("start", (Px(right + 8.0), Px(at + 13.0)), &value(number)))
        }
    };
    // Labels two lines high must not overlap.
    let apart = tolerance.map_or(0.0, |bound| {
        let distance = y.at(bound).0 - y.at(baseline).0;
        (34.0 - distance.abs()).max(0.0) / 2.0 * if distance < 0.0 { -1.0 } else { 1.0 }
    });
    html! {
        @if let Some(bound) = tolerance {
            @let (top, bottom) = match run.direction() {
                Direction::Increasing => (y.at(bound).0, BOTTOM),
                Direction::Decreasing => (TOP, y.at(bound).0),
            };
            (rect("outside", (Px(LEFT), Px(top)), right - LEFT, bottom - top))
            (line("tolerance", (Px(LEFT), y.at(bound)), (Px(right), y.at(bound))))
            (label("tolerance", bound, apart))
        }
        (line("baseline", (Px(LEFT), y.at(baseline)), (Px(right), y.at(baseline))))
        (label("baseline", baseline, -apart))
    }
}

fn steps(run: &Run<'_>, reached: impl Fn(&StepRecord) -> f64, x: &Axis, y: &Axis) -> Markup {
    let places: Vec<(Px, Px)> =
        run.steps.iter().map(|step| (x.at(reached(step)), y.at(step.metric))).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let many = run.steps.len() > MANY;
    let size = if many { 3.0 } else { 5.0 };
    let chosen = run.chosen().map(|step| step.step);
    html! {
        @if path.len() > 1 { polyline.path points=(path.join(" ")) {} }
        @if !many { (numbers(run, &places, y)) }
        @for (step, place) in run.steps.iter().zip(&places) {
            g transform=(format!("translate({} {})", place.0, place.1)) {
                title { (describe(run, step, reached(step))) }
                @if step.good { (good(size)) } @else { (bad(size - 0.5)) }
                @if Some(step.step) == chosen { (ring(size + 4.0)) }
            }
        }
    }
}

/// Numbers of the steps, rather above good and below bad ones, where nothing is in the way; the value of those at the edge.
fn numbers(run: &Run<'_>, places: &[(Px, Px)], y: &Axis) -> Markup {
    let is_chosen = |step: &StepRecord| Some(step.step) == run.result.best_step;
    // What is in the way, by its centre and half its extent: the marks, then the labels set so far.
    let mark = |(step, (x, y)): (&StepRecord, &(Px, Px))| {
        let radius = if is_chosen(step) { 9.0 } else { 5.0 };
        (x.0, y.0, radius, radius)
    };
    let mut taken: Vec<_> = run.steps.iter().zip(places).map(mark).collect();
    // The step that matters most has the first choice of place.
    let mut steps: Vec<_> = run.steps.iter().zip(places).collect();
    steps.sort_by_key(|(step, _)| !is_chosen(step));
    let labels = steps.into_iter().filter_map(|(step, (px, py))| {
        let words = match y.shows(step.metric) {
            true => step.step.to_string(),
            false => {
                format!("{}: {}", step.step, name::metric_value(&run.result.metric, step.metric))
            }
        };
        let ring = if is_chosen(step) { 4.0 } else { 0.0 };
        let half = text_width(&words) / 2.0;
        let free = |middle: &f64| {
            let clear = |(x, y, width, height): &(f64, f64, f64, f64)| {
                (x - px.0).abs() > half + width || (y - middle).abs() > 5.5 + height
            };
            (TOP + 8.0..BOTTOM - 8.0).contains(middle) && taken.iter().all(clear)
        };
        let (above, below) = (py.0 - 15.0 - ring, py.0 + 15.0 + ring);
        let sides = if step.good { [above, below] } else { [below, above] };
        let middle = sides.into_iter().find(free)?;
        taken.push((px.0, middle, half, 6.0));
        Some(text("middle halo", (*px, Px(middle + 4.0)), &words))
    });
    html! { @for label in labels { (label) } }
}

fn describe(run: &Run<'_>, step: &StepRecord, reached: f64) -> String {
    let metric = name::metric(&run.result.metric);
    let value = name::metric_value(&run.result.metric, step.metric);
    let held = if step.good { "held" } else { "missed" };
    format!(
        "step {}: {} reached, {metric} {value}, {held} the tolerance",
        step.step,
        percent(reached)
    )
}

fn good(radius: f64) -> Markup {
    html! { circle.good r=(Px(radius)) {} }
}

fn ring(radius: f64) -> Markup {
    html! { circle.chosen r=(Px(radius)) {} }
}

fn bad(size: f64) -> Markup {
    let (near, far) = (Px(-size), Px(size));
    html! { path.bad d=(format!("M{near} {near}L{far} {far}M{near} {far}L{far} {near}")) {} }
}
