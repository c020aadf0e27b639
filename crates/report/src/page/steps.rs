use handaxe_optimize::StepRecord;
use maud::{Markup, html};

use crate::finding::{gap, gap_text};
use crate::number::{duration, percent, significant, thousands};
use crate::plots::estimated;
use crate::{Run, name};

pub(super) fn note() -> Markup {
    html! {
        p.note {
            "In each step a knapsack decides which groups of weights stay. Its gap is how far the choice may be from the best \
             one, relative to the solver's bound: 0 is proof that none is better."
        }
    }
}

/// Every step with what was asked, what came out, and how well the knapsack was solved.
pub(super) fn table(run: &Run<'_>) -> Markup {
    let resources = run.saved();
    let metric = name::metric(&run.result.metric);
    let estimated = estimated::resources(run);
    html! {
        @if !run.steps.is_empty() {
            div.scroll.tall {
                table {
                    thead {
                        tr {
                            th.number { "step" }
                            @for resource in &resources {
                                th.number { (name::resource(resource)) " asked" }
                                th.number { "reached" }
                            }
                            th.number { "validation " (metric) }
                            th { "tolerance" }
                            @for resource in &estimated {
                                th.number { (name::resource(resource)) " estimated" }
                            }
                            th { "solver" }
                            th { "status" }
                            th.number { "value" }
                            th.number { "gap" }
                            th.number { "time" }
                        }
                    }
                    tbody { @for step in run.steps { (row(run, step, &resources, &estimated)) } }
                }
            }
        }
    }
}

fn row(run: &Run<'_>, step: &StepRecord, resources: &[&str], estimated: &[&str]) -> Markup {
    let share = |shares: &handaxe_optimize::ByResource<f64>, resource: &str| {
        shares.get(resource).copied().map_or_else(|| "–".to_owned(), percent)
    };
    let chosen = run.result.best_step == Some(step.step);
    html! {
        tr.chosen[chosen] {
            td.number { (step.step) }
            @for resource in resources {
                td.number { (share(&step.asked, resource)) }
                td.number { (share(&step.achieved, resource)) }
            }
            td.number { (name::metric_value(&run.result.metric, step.metric)) }
            td {
                @if step.good { "✓ held" } @else { span.bad-word { "✗ missed" } }
                @if chosen { span.small { "handed back" } }
            }
            @for resource in estimated {
                td.number {
                    @if let Some(count) = step.estimated.get(*resource) {
                        (thousands(count.value))
                        @if count.low < count.high { span.small { (thousands(count.low)) " to " (thousands(count.high)) } }
                    } @else { "–" }
                }
            }
            td { (step.solver.name) }
            td { (step.solver.status) }
            td.number { (significant(step.solver.value, 4)) }
            td.number { (gap_text(gap(step))) }
            td.number { (duration(step.seconds)) }
        }
    }
}
