use handaxe_optimize::{CurveRecord, Phase};
use maud::{Markup, html};

use super::axis::{Axis, Px};
use super::figure::{Figure, legend, line, rect, scale, text};
use crate::{Run, finding, name};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 72.0;
/// The two panels, from top to bottom.
const LOSS: (f64, f64) = (66.0, 226.0);
const METRIC: (f64, f64) = (272.0, 432.0);
const HEIGHT: f64 = METRIC.1 + 48.0;
/// Narrower stretches, of runs of very many steps, would cover all with one grey.
const NARROWEST: f64 = 1.5;
/// How wide the training of the baseline must be to be named.
const BASELINE: f64 = 60.0;
/// Losses that span more than this factor are drawn on a logarithmic scale.
const WIDE: f64 = 30.0;

/// Loss above, metric below, over the epochs of the whole run in the order they were trained.
pub(super) fn figure(run: &Run<'_>) -> Figure {
    let epochs = run.curves.len();
    let x = Axis::new(0.5, epochs.max(1) as f64 + 0.5, LEFT, RIGHT);
    let band = |class| rect(class, (Px(-8.0), Px(-6.0)), 16.0, 12.0);
    let marks = [
        (band("gone"), "training the baseline"),
        (line("grid", (Px(0.0), Px(-8.0)), (Px(0.0), Px(8.0))), "a step begins"),
        (band("rewind"), "rewinding: pruned weights may regrow"),
    ];
    let body = html! {
        (legend(&marks, WIDTH, 14.0))
        @if epochs == 0 {
            (text("middle", (Px(WIDTH / 2.0), Px(HEIGHT / 2.0)), "No epoch was recorded."))
        } @else {
            (phases(run.curves, &x))
            (loss(run.curves, &x))
            (metric(run, &x))
            @for (value, label) in x.ticks(12, 1.0).into_iter().filter(|tick| tick.0.fract() == 0.0) {
                (text("middle", (x.at(value), Px(METRIC.1 + 18.0)), &label))
            }
            (text("middle", (Px((LEFT + RIGHT) / 2.0), Px(METRIC.1 + 40.0)), "epoch, counted over the whole run"))
        }
    };
    Figure { width: WIDTH, height: HEIGHT, title: finding::training(run), body }
}

/// Bands behind both panels, a line where a step begins, and the numbers of the steps, where there is room for them.
fn phases(curves: &[CurveRecord], x: &Axis) -> Markup {
    let bands = stretches(curves, x, |a, b| a.step == b.step && a.phase == b.phase);
    let band = |phase| match phase {
        Phase::Baseline => Some("gone"),
        Phase::Rewind => Some("rewind"),
        Phase::Trial | Phase::Fit | Phase::Reduce => None,
    };
    let steps = || stretches(curves, x, |a, b| a.step == b.step);
    let every = label_stride(steps().count());
    let labels = steps().filter_map(|(first, from, to)| {
        let words = match first.step {
            0 if to - from > BASELINE => "baseline".to_owned(),
            _ if first.phase == Phase::Reduce => "reduced".to_owned(),
            step if step > 0 && step.is_multiple_of(every) => step.to_string(),
            _ => return None,
        };
        Some(text("middle", (Px((from + to) / 2.0), Px(LOSS.0 - 8.0)), &words))
    });
    html! {
        @for (first, from, to) in bands.filter(|(_, from, to)| to - from >= NARROWEST) {
            @if let Some(class) = band(first.phase) {
                @for (top, bottom) in [LOSS, METRIC] {
                    (rect(class, (Px(from), Px(top)), to - from, bottom - top))
                }
            }
        }
        @for (_, from, _) in steps().filter(|(_, from, to)| to - from >= 4.0 * NARROWEST) {
            @for (top, bottom) in [LOSS, METRIC] {
                (line("grid", (Px(from), Px(top)), (Px(from), Px(bottom))))
            }
        }
        @for label in labels { (label) }
    }
}

/// Every how many steps there is room for a number.
fn label_stride(steps: usize) -> usize {
    let room = (RIGHT - LEFT) / steps as f64;
    let strides = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
    strides.into_iter().find(|stride| *stride as f64 * room >= 32.0).unwrap_or(usize::MAX)
}

/// Runs of epochs that are alike: the first of each, and where the run begins and ends.
fn stretches<'a>(
    curves: &'a [CurveRecord],
    x: &Axis,
    alike: fn(&CurveRecord, &CurveRecord) -> bool,
) -> impl Iterator<Item = (&'a CurveRecord, f64, f64)> {
    let mut epochs = 0;
    curves.chunk_by(alike).map(move |stretch| {
        let from = x.at(epochs as f64 + 0.5).0;
        epochs += stretch.len();
        (&stretch[0], from, x.at(epochs as f64 + 0.5).0)
    })
}

fn loss(curves: &[CurveRecord], x: &Axis) -> Markup {
    let values: Vec<f64> = curves.iter().map(|curve| curve.epoch.loss).collect();
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::MAX, f64::min), finite().fold(0.0, f64::max));
    let (y, note) = if low > 0.0 && high / low > WIDE {
        (Axis::logarithmic(finite(), LOSS.1, LOSS.0), " (logarithmic)")
    } else {
        (Axis::around(finite(), LOSS.1, LOSS.0), "")
    };
    html! {
        (text("start", (Px(0.0), Px(LOSS.0 - 26.0)), &format!("training loss{note}")))
        (scale(&y, LEFT, RIGHT, (1.0, "")))
        (line("base", (Px(LEFT), Px(LOSS.1)), (Px(RIGHT), Px(LOSS.1))))
        (curve(&values, x, &y))
    }
}

fn metric(run: &Run<'_>, x: &Axis) -> Markup {
    let values: Vec<f64> = run.curves.iter().map(|curve| curve.epoch.metric).collect();
    let baseline = run.result.baseline.validation;
    let y = Axis::around(values.iter().copied().chain([baseline]), METRIC.1, METRIC.0);
    let metric = name::metric(&run.result.metric);
    html! {
        (text("start", (Px(0.0), Px(METRIC.0 - 14.0)), &format!("validation {metric}")))
        (scale(&y, LEFT, RIGHT, name::metric_scale(&run.result.metric)))
        (line("base", (Px(LEFT), Px(METRIC.1)), (Px(RIGHT), Px(METRIC.1))))
        @if let Some(bound) = run.tolerance() {
            (line("tolerance", (Px(LEFT), y.at(bound)), (Px(RIGHT), y.at(bound))))
            (text("start", (Px(RIGHT + 8.0), Px(y.at(bound).0 + 4.0)), "tolerance"))
        }
        (curve(&values, x, &y))
    }
}

/// A line through the values, broken where one is not a number.
fn curve(values: &[f64], x: &Axis, y: &Axis) -> Markup {
    let points: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    let stretches = points.split(|(_, value)| !value.is_finite());
    let place = |(epoch, value): &(usize, f64)| (x.at(*epoch as f64 + 1.0), y.at(*value));
    html! {
        @for stretch in stretches.filter(|stretch| !stretch.is_empty()) {
            @let points: Vec<String> =
                stretch.iter().map(place).map(|(x, y)| format!("{x},{y}")).collect();
            polyline.curve points=(points.join(" ")) {}
        }
        @if values.len() <= 120 {
            @for (x, y) in points.iter().filter(|(_, value)| value.is_finite()).map(place) {
                circle.dot cx=(x) cy=(y) r="2.2" {}
            }
        }
    }
}
