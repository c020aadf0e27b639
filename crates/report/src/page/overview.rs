use handaxe_optimize::Use;
use maud::{Markup, html};

use crate::finding::{Verdict, headline, verdict};
use crate::number::{change, count, percent, thousands};
use crate::plots::Px;
use crate::summary::total_sparsity;
use crate::{Run, name};

/// The top of the page: what was asked, what was reached, at what price.
pub(super) fn overview(run: &Run<'_>) -> Markup {
    let result = run.result;
    html! {
        header {
            p.kicker { (result.model) " · objective " (result.objective) }
            h1 { (headline(run)) }
            (badge(run))
            div.cards {
                @for resource in name::in_order(result.budget.keys()) {
                    (budget_card(resource, result.budget[resource]))
                }
                @for resource in run.saved() { (resource_card(run, resource)) }
                (metric_card(run))
                (weights_card(run))
            }
        }
    }
}

fn badge(run: &Run<'_>) -> Markup {
    let (class, sign, words) = match verdict(run) {
        Verdict::Met => ("badge met", "✓", "Met: the budget asked for is reached"),
        Verdict::Feasible => (
            "badge missed",
            "✗",
            "Not met, but all that is feasible: no choice of weights saves more",
        ),
        Verdict::Missed => ("badge missed", "✗", "Not met: less was reached than was asked"),
        Verdict::Most => ("badge met", "✓", "As much as the tolerance allows"),
    };
    let from = match run.result.best_step {
        Some(step) => format!("network of step {step} of {}", run.steps.len()),
        None => "the network is as it was given".to_owned(),
    };
    html! { p { span class=(class) { span.sign { (sign) } " " (words) } " " span.from { (from) } } }
}

fn resource_card(run: &Run<'_>, resource: &str) -> Markup {
    let result = run.result;
    let of = |shares: &handaxe_optimize::ByResource<f64>| shares.get(resource).copied();
    let share = |share: Option<f64>| share.map_or_else(|| "unknown".to_owned(), percent);
    let (asked, reached) = (of(&result.asked), of(&result.achieved));
    let feasible = of(&result.feasible).filter(|feasible| Some(*feasible) < asked);
    let before = result.resources.before.get(resource).copied();
    let after = result.resources.after.get(resource).copied();
    html! {
        div.card {
            h3 { (name::resource(resource)) }
            @if let (Some(before), Some(after)) = (before, after) {
                p.big { (thousands(before)) "\u{a0}→ " (thousands(after)) }
                p { (change(before, after).unwrap_or_default()) " of the whole network" }
            }
            (meter(asked, reached.unwrap_or(0.0)))
            p { "of the optimisable layers: " b { (share(reached)) } " saved"
                @if let Some(asked) = asked { ", " (percent(asked)) " asked" }
                @if let Some(feasible) = feasible { ", " (percent(feasible)) " feasible" } }
        }
    }
}

/// What the network takes of a resource of its budget.
fn budget_card(resource: &str, of: Use) -> Markup {
    let Use { used, available } = of;
    let share = if available > 0.0 { used / available } else { f64::from(used > 0.0) };
    html! {
        div.card {
            h3 { (name::resource(resource)) " after implementation" }
            p.big { "≤\u{a0}" (thousands(used as u64)) " of " (thousands(available as u64)) }
            (meter(None, share))
            p { b { @if of.fits() { "fits" } @else { "does not fit" } } ": " (percent(share)) " at the most, by the estimate's upper end" }
        }
    }
}

/// A bar for the sparsity reached, with a tick where it was asked to be.
fn meter(asked: Option<f64>, reached: f64) -> Markup {
    let place = |share: f64| Px(share.clamp(0.0, 1.0) * 200.0);
    html! {
        svg.meter viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true" {
            rect.track y="3" width="200" height="6" {}
            rect.fill y="3" width=(place(reached)) height="6" {}
            @if let Some(asked) = asked {
                line.tick x1=(place(asked)) x2=(place(asked)) y1="0" y2="12" {}
            }
        }
    }
}

fn metric_card(run: &Run<'_>) -> Markup {
    let result = run.result;
    let value = |value| name::metric_value(&result.metric, value);
    let (before, after) = (&result.baseline, &result.last);
    html! {
        div.card {
            h3 { "Test " (name::metric(&result.metric)) }
            p.big { (value(before.test)) "\u{a0}→ " (value(after.test)) }
            p { "on samples that no decision has seen" }
            p { "validation " (value(before.validation)) "\u{a0}→ " (value(after.validation))
                @if let Some(bound) = run.tolerance() { ", tolerance " (value(bound)) } }
            @if let Some(fixed) = result.metrics.get(&name::in_fixed_point(&result.metric)) {
                p { "at hardware precision " (value(fixed.baseline.test)) "\u{a0}→ " (value(fixed.last.test)) }
            }
        }
    }
}

fn weights_card(run: &Run<'_>) -> Markup {
    let layers = &run.result.layers;
    let weights: usize = layers.iter().map(|layer| layer.shape.iter().product::<usize>()).sum();
    let kept = (weights as f64 * (1.0 - total_sparsity(run.result))).round() as u64;
    html! {
        div.card {
            h3 { "Kernel weights" }
            p.big { (thousands(weights as u64)) "\u{a0}→ " (thousands(kept)) }
            p { (percent(total_sparsity(run.result))) " are zero" }
            p { "in " (count(layers.len(), "layer")) " with a kernel; "
                (thousands(run.after.parameters() as u64)) " numbers stored in all" }
        }
    }
}
