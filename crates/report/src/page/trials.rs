use handaxe_optimize::{Strengths, TrialRecord};
use maud::{Markup, html};

use crate::number::duration;
use crate::{Run, name};

pub(super) fn note() -> Markup {
    html! {
        p.note {
            "Before the loop, each trial trained the network as it was given under other strengths of the penalties that draw \
             groups of weights to zero, or to one value each. The best on the validation samples holds for the run."
        }
    }
}

/// Every trial with the strengths that it tried.
pub(super) fn table(run: &Run<'_>) -> Markup {
    let layers: Vec<&String> =
        run.trials.iter().take(1).flat_map(|trial| trial.penalties.keys()).collect();
    html! {
        div.scroll.tall {
            table {
                thead {
                    tr {
                        th.number { "trial" }
                        th.number { "epochs" }
                        @for layer in &layers { th.number { (layer) } }
                        th.number { "validation " (name::metric(&run.result.metric)) }
                        th.number { "time" }
                    }
                }
                tbody { @for trial in run.trials { (row(run, trial, &layers)) } }
            }
        }
    }
}

fn row(run: &Run<'_>, trial: &TrialRecord, layers: &[&String]) -> Markup {
    let chosen = run.result.search.as_ref().is_some_and(|search| search.best.trial == trial.trial);
    let metric = |metric| name::metric_value(&run.result.metric, metric);
    html! {
        tr.chosen[chosen] {
            td.number { (trial.trial) @if chosen { span.small { " taken" } } }
            td.number { (trial.epochs) }
            @for layer in layers { td.number { (strengths(trial.penalties.get(*layer))) } }
            td.number { (trial.metric.map_or_else(|| "diverged".to_owned(), metric)) }
            td.number { (duration(trial.seconds)) }
        }
    }
}

/// To zero, and to one value where weights may share one.
fn strengths(of: Option<&Strengths>) -> String {
    let Strengths { sparse, variance } = of.copied().unwrap_or_default();
    let text = |strength: f64| format!("{strength:.1e}");
    match (sparse, variance) {
        (Some(sparse), Some(variance)) => format!("{} / {}", text(sparse), text(variance)),
        (strength, other) => strength.or(other).map_or_else(|| "–".to_owned(), text),
    }
}
