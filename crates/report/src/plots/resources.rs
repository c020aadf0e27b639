use handaxe_optimize::LayerRecord;
use maud::{Markup, html};

use super::axis::Px;
use super::figure::{Figure, legend, line, rect, text};
use crate::number::{change, clip_all, compact, thousands};
use crate::{Run, finding, name};

const WIDTH: f64 = 960.0;
const NAMES: f64 = 150.0;
/// Characters of a layer's name that fit there.
const NAME: usize = 19;
const GAP: f64 = 24.0;
/// How narrow and how wide a column of bars may be.
const COLUMN: (f64, f64) = (136.0, 400.0);
/// Room for the change beside the longest bar.
const CHANGE: f64 = 56.0;
const HEAD: f64 = 76.0;
const ROW: f64 = 38.0;

/// A row for each layer, a column for each resource; bars of a column share their scale.
pub(super) fn figure(run: &Run<'_>) -> Figure {
    let resources = run.resources();
    let columns = resources.len().max(1) as f64;
    let column = ((WIDTH - NAMES) / columns - GAP).clamp(COLUMN.0, COLUMN.1);
    let width = (NAMES + columns * (column + GAP)).max(WIDTH);
    let height = HEAD + ROW * run.result.layers.len() as f64;
    let names: Vec<&str> = run.result.layers.iter().map(|layer| layer.name.as_str()).collect();
    let names = clip_all(&names, NAME);
    let bar = |class| rect(class, (Px(-7.0), Px(-4.0)), 14.0, 8.0);
    let body = html! {
        (legend(&[(bar("before"), "before"), (bar("after"), "after")], width, 14.0))
        @if resources.is_empty() { (text("start", (Px(0.0), Px(HEAD)), "No resource was counted.")) }
        @for (row, (layer, name)) in run.result.layers.iter().zip(names).enumerate() {
            @let y = HEAD + ROW * row as f64;
            (line("grid", (Px(0.0), Px(y)), (Px(width), Px(y))))
            (layer_name(layer, &name, y))
        }
        @for (place, resource) in resources.iter().enumerate() {
            @let x = NAMES + (column + GAP) * place as f64 + GAP;
            (head(run, resource, x, column))
            (bars(run, resource, x, column))
        }
    };
    Figure { width, height, title: finding::resources(run), body }
}

fn layer_name(layer: &LayerRecord, name: &str, y: f64) -> Markup {
    html! {
        g {
            title {
                (layer.name)
                @if let Some(reason) = &layer.left_alone { " was left alone: " (reason) }
            }
            (text("strong", (Px(0.0), Px(y + 17.0)), name))
            @let kind = layer.layer_type.name();
            @let note = if layer.left_alone.is_some() { ", left alone" } else { "" };
            (text("start", (Px(0.0), Px(y + 31.0)), &format!("{kind}{note}")))
        }
    }
}

/// The resource and what the whole network has of it.
fn head(run: &Run<'_>, resource: &str, x: f64, width: f64) -> Markup {
    let count =
        |counts: &handaxe_optimize::ByResource<u64>| counts.get(resource).copied().unwrap_or(0);
    let before = count(&run.result.resources.before);
    let after = count(&run.result.resources.after);
    html! {
        (text("strong", (Px(x), Px(HEAD - 30.0)), name::resource(resource)))
        (text("strong end", (Px(x + width), Px(HEAD - 30.0)), &change(before, after).unwrap_or_default()))
        (text("strong", (Px(x), Px(HEAD - 12.0)), &format!("{} → {}", compact(before), compact(after))))
    }
}

fn bars(run: &Run<'_>, resource: &str, x: f64, width: f64) -> Markup {
    let count = |counts: &handaxe_optimize::ByResource<u64>| counts.get(resource).copied();
    let layers = || run.result.layers.iter().map(|layer| &layer.resources);
    let all = layers().flat_map(|layer| [count(&layer.before), count(&layer.after)]);
    let longest = all.flatten().max().unwrap_or(0).max(1) as f64;
    let room = width - CHANGE;
    // What is there at all can be seen.
    let length =
        |count: u64| if count == 0 { 0.0 } else { (count as f64 / longest * room).max(1.0) };
    html! {
        @for (row, layer) in layers().enumerate() {
            @let y = HEAD + ROW * row as f64;
            @if let (Some(before), Some(after)) = (count(&layer.before), count(&layer.after)) {
                g {
                    title {
                        (thousands(before)) " → " (thousands(after)) " " (name::unit(resource))
                        @if let Some(change) = change(before, after) { " (" (change) ")" }
                    }
                    (text("", (Px(x), Px(y + 16.0)), &format!("{} → {}", compact(before), compact(after))))
                    (rect("before", (Px(x), Px(y + 22.0)), length(before), 9.0))
                    (rect("after", (Px(x), Px(y + 22.0)), length(after), 9.0))
                    (text("end", (Px(x + width), Px(y + 31.0)), &change(before, after).unwrap_or_default()))
                }
            } @else {
                (text("start", (Px(x), Px(y + 16.0)), "not counted"))
            }
        }
    }
}
