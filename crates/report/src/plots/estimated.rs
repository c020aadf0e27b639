use handaxe_objective::estimate::Figure as Count;
use maud::{Markup, html};

use super::axis::{Axis, Px};
use super::figure::{Figure, legend, line, rect, scale, text};
use crate::number::{compact, thousands};
use crate::{Run, finding, name};

const WIDTH: f64 = 960.0;
const PANEL: f64 = 230.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = PANEL - 46.0;
const LEFT: f64 = 62.0;
const GAP: f64 = 36.0;
/// Steps of which each can have its dot.
const MANY: usize = 60;

/// What implementation will leave of every step's network, a panel for each resource: the estimate as a line in its interval, and
/// what there is of a budget.
pub(super) fn figure(run: &Run<'_>) -> Figure {
    let resources = resources(run);
    let width = (WIDTH - GAP) / 2.0;
    let rows = resources.len().div_ceil(2).max(1);
    let bar = rect("rewind", (Px(-8.0), Px(-5.0)), 16.0, 10.0);
    let mut marks = vec![
        (
            html! { (line("curve", (Px(-8.0), Px(0.0)), (Px(8.0), Px(0.0)))) circle.dot r="2.5" {} },
            "estimate",
        ),
        (bar, "nine in ten results"),
        (html! { circle.dot r="2.5" {} circle.chosen r="6" {} }, "handed back"),
    ];
    if !run.result.budget.is_empty() {
        marks.push((line("tolerance", (Px(-8.0), Px(0.0)), (Px(8.0), Px(0.0))), "budget"));
    }
    let body = html! {
        (legend(&marks, WIDTH, 14.0))
        @if resources.is_empty() { (text("start", (Px(0.0), Px(TOP)), "Nothing was estimated.")) }
        @for (place, resource) in resources.iter().enumerate() {
            @let x = (width + GAP) * (place % 2) as f64;
            @let y = 16.0 + PANEL * (place / 2) as f64;
            g transform=(format!("translate({} {})", Px(x), Px(y))) { (panel(run, resource, width)) }
        }
    };
    Figure {
        width: WIDTH,
        height: 16.0 + PANEL * rows as f64,
        title: finding::estimated(run),
        body,
    }
}

/// The resources that the network takes any of.
pub(crate) fn resources<'a>(run: &Run<'a>) -> Vec<&'a str> {
    let before = run.result.estimated.iter().flat_map(|estimated| &estimated.before);
    name::in_order(before.filter(|(_, count)| count.high > 0).map(|(name, _)| name))
}

fn panel(run: &Run<'_>, resource: &str, width: f64) -> Markup {
    let before = run.result.estimated.as_ref().and_then(|estimated| estimated.before.get(resource));
    let after =
        run.steps.iter().filter_map(|step| Some((step.step, *step.estimated.get(resource)?)));
    let counts: Vec<(usize, Count)> =
        before.map(|count| (0, *count)).into_iter().chain(after).collect();
    let budget = run.result.budget.get(resource).map(|of| of.available);
    let most = counts.iter().map(|(_, count)| count.high as f64).fold(1.0, f64::max);
    // A budget far above all of it would press the line to the ground.
    let near = budget.filter(|budget| *budget <= 2.0 * most);
    let right = width - 4.0;
    let y = Axis::new(0.0, 1.05 * most.max(near.unwrap_or(0.0)), BOTTOM, TOP);
    let last = counts.last().map_or(1, |(step, _)| *step).max(1);
    let x = Axis::new(-0.3, last as f64 + 0.3, LEFT, right);
    let at = |step: usize, count: u64| format!("{},{}", x.at(step as f64), y.at(count as f64));
    let upper = counts.iter().map(|(step, count)| at(*step, count.high));
    let lower = counts.iter().rev().map(|(step, count)| at(*step, count.low));
    let band: Vec<String> = upper.chain(lower).collect();
    let curve: Vec<String> = counts.iter().map(|(step, count)| at(*step, count.value)).collect();
    html! {
        (text("strong", (Px(0.0), Px(TOP - 20.0)), name::resource(resource)))
        (scale(&y, LEFT, right, (1.0, "")))
        (line("base", (Px(LEFT), Px(BOTTOM)), (Px(right), Px(BOTTOM))))
        @for (value, _) in x.ticks(10, 1.0).into_iter().filter(|tick| tick.0.fract() == 0.0) {
            @let label = if value == 0.0 { "given".to_owned() } else { format!("{value:.0}") };
            (text("middle", (x.at(value), Px(BOTTOM + 18.0)), &label))
        }
        (text("middle", (Px((LEFT + right) / 2.0), Px(BOTTOM + 36.0)), "step"))
        polygon.rewind points=(band.join(" ")) {}
        polyline.curve points=(curve.join(" ")) {}
        @if let Some(budget) = budget {
            @let words = format!("budget {}", compact(budget as u64));
            @if near.is_some() {
                (line("tolerance", (Px(LEFT), y.at(budget)), (Px(right), y.at(budget))))
                (text("halo", (Px(LEFT + 4.0), Px(y.at(budget).0 - 5.0)), &words))
            } @else { (text("end", (Px(right), Px(TOP - 20.0)), &format!("{words}, beyond the axis"))) }
        }
        @for (step, count) in &counts {
            @let chosen = *step > 0 && run.result.best_step == Some(*step);
            @if chosen || counts.len() <= MANY {
                g transform=(format!("translate({} {})", x.at(*step as f64), y.at(count.value as f64))) {
                    title { (thousands(count.value)) " " (name::unit(resource)) ", " (thousands(count.low)) " to " (thousands(count.high)) }
                    circle.dot r="2.5" {}
                    @if chosen { circle.chosen r="6" {} }
                }
            }
        }
    }
}
