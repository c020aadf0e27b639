use std::collections::BTreeMap;

use handaxe_data::Direction;
use maud::{Markup, html};

use super::axis::{Axis, Px};
use super::figure::{Figure, line, scale, text};
use crate::name;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 860.0;
const PANEL: f64 = 260.0;

/// One width of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Width {
    /// Bits of every type.
    pub bits: u32,
    /// Reuse factor, if several are scanned.
    pub reuse_factor: Option<usize>,
    /// The metric.
    pub value: f64,
    /// What it costs, by resource.
    pub resources: BTreeMap<String, u64>,
}

/// The metric above, a panel for each hardware resource below; a line for each reuse factor.
pub(super) fn figure(metric: &str, float: f64, widths: &[Width]) -> Figure {
    let bits = |width: &Width| f64::from(width.bits);
    let (least, most) = widths
        .iter()
        .map(bits)
        .fold((f64::MAX, 1.0f64), |(low, high), bits| (low.min(bits), high.max(bits)));
    let x = Axis::new(least.min(most) - 0.5, most + 0.5, LEFT, RIGHT);
    let values = widths.iter().map(|width| width.value).chain([float]);
    let mut panels = vec![Panel {
        title: name::metric(metric).to_owned(),
        values: widths.iter().map(|width| width.value).collect(),
        bound: Some(float),
        axis: Axis::around(values, PANEL - 30.0, 26.0),
    }];
    for resource in varying(widths) {
        let counts: Vec<f64> = widths
            .iter()
            .map(|width| width.resources.get(&resource).copied().unwrap_or(0) as f64)
            .collect();
        let highest = counts.iter().copied().fold(1.0, f64::max);
        panels.push(Panel {
            title: name::resource(&resource).to_owned(),
            values: counts,
            bound: None,
            axis: Axis::new(0.0, 1.05 * highest, PANEL - 30.0, 26.0),
        });
    }
    let height = PANEL * panels.len() as f64 + 30.0;
    let body = html! {
        @for (place, panel) in panels.iter().enumerate() {
            g transform=(format!("translate(0 {})", Px(PANEL * place as f64))) { (drawn(panel, &x, widths)) }
        }
        (text("middle", (Px((LEFT + RIGHT) / 2.0), Px(height - 6.0)), "bits of every type"))
    };
    Figure { width: WIDTH, height, title: title(metric, float, widths), body }
}

struct Panel {
    title: String,
    values: Vec<f64>,
    bound: Option<f64>,
    axis: Axis,
}

/// The resources that a width or a reuse factor changes.
fn varying(widths: &[Width]) -> Vec<String> {
    let Some(first) = widths.first() else { return Vec::new() };
    let changes = |resource: &&String| {
        widths.iter().any(|width| width.resources.get(*resource) != first.resources.get(*resource))
    };
    first.resources.keys().filter(changes).cloned().collect()
}

fn title(metric: &str, float: f64, widths: &[Width]) -> String {
    let falling = handaxe_data::metric(metric)
        .is_ok_and(|metric| metric.direction() == Direction::Decreasing);
    let near = |width: &&Width| {
        let lost = if falling { width.value - float } else { float - width.value };
        lost <= 0.01 * float.abs()
    };
    let value = name::metric_value(metric, float);
    match widths.iter().filter(near).map(|width| width.bits).min() {
        Some(bits) => format!("{bits} bits lose no more than 1 % of floating point's {value}"),
        None => format!("Every width loses more than 1 % of floating point's {value}"),
    }
}

fn drawn(panel: &Panel, x: &Axis, widths: &[Width]) -> Markup {
    let mut factors: Vec<Option<usize>> = widths.iter().map(|width| width.reuse_factor).collect();
    factors.sort_unstable();
    factors.dedup();
    let bottom = PANEL - 30.0;
    html! {
        (text("strong", (Px(0.0), Px(14.0)), &panel.title))
        (scale(&panel.axis, LEFT, RIGHT, (1.0, "")))
        (line("base", (Px(LEFT), Px(bottom)), (Px(RIGHT), Px(bottom))))
        @for width in widths.iter().filter(|width| width.reuse_factor == factors.first().copied().flatten()) {
            (text("middle", (x.at(f64::from(width.bits)), Px(bottom + 18.0)), &width.bits.to_string()))
        }
        @if let Some(bound) = panel.bound {
            (line("baseline", (Px(LEFT), panel.axis.at(bound)), (Px(RIGHT), panel.axis.at(bound))))
            (text("start", (Px(RIGHT + 8.0), Px(panel.axis.at(bound).0 + 4.0)), "floating point"))
        }
        @for factor in &factors {
            @let places: Vec<(Px, Px, f64)> = widths.iter().zip(&panel.values).filter(|(width, _)| width.reuse_factor == *factor)
                .map(|(width, value)| (x.at(f64::from(width.bits)), panel.axis.at(*value), *value)).collect();
            polyline.curve points=(places.iter().map(|(x, y, _)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")) {}
            @for (x, y, value) in &places {
                circle.dot cx=(x) cy=(y) r="3.5" { title { (value) } }
            }
        }
        @if panel.bound.is_none() {
            @for (at, words) in labels(panel, widths) {
                (text("start", (Px(RIGHT + 8.0), Px(panel.axis.at(at).0 + 4.0)), &words))
            }
        }
    }
}

/// Where the lines end, and the reuse factors that end there.
fn labels(panel: &Panel, widths: &[Width]) -> Vec<(f64, String)> {
    let Some(last) = widths.last() else { return Vec::new() };
    let mut ends: Vec<(f64, String)> = Vec::new();
    for (width, &value) in
        widths.iter().zip(&panel.values).filter(|(width, _)| width.bits == last.bits)
    {
        let Some(factor) = width.reuse_factor else { continue };
        match ends.iter_mut().find(|(at, _)| *at == value) {
            Some((_, words)) => words.push_str(&format!(", {factor}")),
            None => ends.push((value, format!("reuse {factor}"))),
        }
    }
    ends
}
