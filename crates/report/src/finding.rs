//! What each part of the report says, in one sentence: the titles.

use handaxe_optimize::BeforeAfter;

use crate::Run;
use crate::name::{self, capitalise};
use crate::number::{count, percent, significant, thousands};
use crate::summary::total_sparsity;

/// Whether the run reached what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All that was asked.
    Met,
    /// Less than was asked, but no choice of groups could reach more.
    Feasible,
    /// Less than was asked and feasible, or no step held the tolerance.
    Missed,
    /// Nothing particular was asked: as much as the metric allowed.
    Most,
}

pub(crate) fn verdict(run: &Run<'_>) -> Verdict {
    let result = run.result;
    let reached = |(name, asked): (&String, &f64)| {
        result.achieved.get(name).is_some_and(|achieved| achieved + 1e-9 >= *asked)
    };
    let feasible = |(name, asked): (&String, &f64)| {
        let most = result.feasible.get(name).map_or(*asked, |feasible| feasible.min(*asked));
        result.achieved.get(name).is_some_and(|achieved| achieved + 1e-9 >= most)
    };
    let fits = result.budget.values().all(|of| of.fits());
    match result.met {
        false if result.best_step.is_some() && fits && result.asked.iter().all(feasible) => {
            Verdict::Feasible
        }
        false => Verdict::Missed,
        true if result.asked.is_empty() && result.budget.is_empty() => Verdict::Most,
        true if result.asked.iter().all(reached) => Verdict::Met,
        true => Verdict::Feasible,
    }
}

/// The whole run: what fell, and what became of the metric.
pub(crate) fn headline(run: &Run<'_>) -> String {
    let result = run.result;
    let metric = name::metric(&result.metric);
    if run.steps.is_empty() {
        return "Nothing was pruned: the run made no step".to_owned();
    }
    if result.best_step.is_none() {
        return format!("Nothing was pruned: no step held the tolerance of {metric}");
    }
    let count = |resource: &str| {
        let of = |counts: &handaxe_optimize::ByResource<u64>| counts.get(resource).copied();
        Some((of(&result.resources.before)?, of(&result.resources.after)?))
    };
    let change = |resource: &str| {
        let (before, after) = count(resource)?;
        let change = 1.0 - after as f64 / before as f64;
        let more = if change < 0.0 { "more" } else { "fewer" };
        (before > 0).then(|| format!("{} {more} {}", percent(change.abs()), name::unit(resource)))
    };
    let changes: Vec<String> = run.saved().into_iter().filter_map(change).collect();
    let value = |value| name::metric_value(&result.metric, value);
    let (before, after) = (value(result.baseline.test), value(result.last.test));
    let scores = format!("test {metric} {before} → {after}");
    capitalise(&changes.into_iter().chain([scores]).collect::<Vec<_>>().join(", "))
}

/// The search for penalties, where there was one.
pub(crate) fn search(run: &Run<'_>) -> Option<String> {
    let search = run.result.search.as_ref()?;
    let value = name::metric_value(&run.result.metric, search.best.metric?);
    let metric = name::metric(&run.result.metric);
    let (best, trials) = (search.best.trial, search.trials);
    Some(format!("Penalties as in trial {best} of {trials}: validation {metric} {value}"))
}

/// The metric against sparsity.
pub(crate) fn metric(run: &Run<'_>) -> String {
    let metric = capitalise(name::metric(&run.result.metric));
    let all = run.steps.len();
    let good = run.steps.iter().filter(|step| step.good).count();
    let reached = run.chosen().and_then(|step| {
        let resource = *run.saved().first()?;
        let share = step.achieved.get(resource)?;
        Some(format!("{} sparsity of {}", name::resource(resource), percent(*share)))
    });
    match (all, good, reached) {
        (0, ..) => "No step was made".to_owned(),
        (_, 0, _) => format!("{metric} held its tolerance in none of {}", count(all, "step")),
        (_, _, Some(reached)) if good == all => {
            format!("{metric} held its tolerance in every step, up to a {reached}")
        }
        (_, _, Some(reached)) => {
            format!(
                "{metric} held its tolerance in {good} of {}; handed back: a {reached}",
                count(all, "step")
            )
        }
        (_, _, None) => format!("{metric} held its tolerance in {good} of {}", count(all, "step")),
    }
}

/// Which layer gave most of the resource that was to be saved.
pub(crate) fn resources(run: &Run<'_>) -> String {
    let saved = run.saved();
    let Some(resource) = saved.first().copied().or(run.resources().first().copied()) else {
        return "No resource was counted".to_owned();
    };
    let saved = |layer: &handaxe_optimize::BeforeAfter| {
        let of =
            |counts: &handaxe_optimize::ByResource<u64>| counts.get(resource).copied().unwrap_or(0);
        of(&layer.before).saturating_sub(of(&layer.after))
    };
    let layers = &run.result.layers;
    let all: u64 = layers.iter().map(|layer| saved(&layer.resources)).sum();
    // The first of equal layers.
    let most = layers.iter().rev().max_by_key(|layer| saved(&layer.resources));
    let unit = name::unit(resource);
    match most {
        Some(most) if all > 0 => {
            let most_saved = saved(&most.resources);
            let share = percent(most_saved as f64 / all as f64);
            let (most_saved, all) = (thousands(most_saved), thousands(all));
            format!("Layer {} gave {most_saved} of the {all} {unit} saved ({share})", most.name)
        }
        _ => format!("No layer saved any {unit}"),
    }
}

/// What became of the resource that was to be saved, or else of the first that the network takes, after implementation.
pub(crate) fn estimated(run: &Run<'_>) -> String {
    let Some(BeforeAfter { before, after }) = &run.result.estimated else {
        return "How the network is built is not known, so nothing was estimated".to_owned();
    };
    let taken = |name: &&str| before.get(*name).is_some_and(|count| count.value > 0);
    let first = || name::in_order(before.keys()).into_iter().find(taken);
    match run.saved().into_iter().find(taken).or_else(first) {
        Some(resource) => {
            let [before, after] =
                [before, after].map(|counts| counts.get(resource).map_or(0, |count| count.value));
            format!(
                "Synthesis will leave {} {} of {}",
                thousands(after),
                name::unit(resource),
                thousands(before)
            )
        }
        None => "Synthesis will leave nothing that is counted".to_owned(),
    }
}

/// What is left of the kernels.
pub(crate) fn masks(run: &Run<'_>) -> String {
    let weights: usize =
        run.result.layers.iter().map(|layer| layer.shape.iter().product::<usize>()).sum();
    let kept = percent(1.0 - total_sparsity(run.result));
    format!("{kept} of {} kernel weights remain", thousands(weights as u64))
}

/// How much was trained.
pub(crate) fn training(run: &Run<'_>) -> String {
    let Some(last) = run.curves.last() else {
        return "No training was recorded".to_owned();
    };
    let steps =
        run.curves.chunk_by(|a, b| a.step == b.step).filter(|step| step[0].step > 0).count();
    let (epochs, loss) = (count(run.curves.len(), "epoch"), significant(last.epoch.loss, 3));
    format!("{epochs}, {} of pruning: the loss ends at {loss}", count(steps, "step"))
}

/// How well the knapsacks were solved.
pub(crate) fn solver(run: &Run<'_>) -> String {
    let all = run.steps.len();
    let proven = run.steps.iter().filter(|step| step.solver.status == "optimal").count();
    if all == 0 {
        return "No knapsack was solved".to_owned();
    }
    if proven == all {
        return format!("{} solved to proven optimality", capitalise(&count(all, "knapsack")));
    }
    let widest = run.steps.iter().map(gap).fold(0.0, f64::max);
    format!(
        "{proven} of {} proven optimal, the widest gap is {}",
        count(all, "knapsack"),
        gap_text(widest)
    )
}

/// How far a step's choice may be from the best one, relative to the bound (spec/interfaces.md).
pub(crate) fn gap(step: &handaxe_optimize::StepRecord) -> f64 {
    let solver = &step.solver;
    (solver.bound - solver.value).max(0.0) / solver.bound.abs().max(1e-12)
}

/// A gap in percent.
pub(crate) fn gap_text(gap: f64) -> String {
    format!("{}\u{a0}%", significant(gap * 100.0, 2))
}

/// What was done differently from what was written.
pub(crate) fn diagnostics(run: &Run<'_>) -> String {
    match run.result.diagnostics.len() {
        0 => "Everything was done as it was written".to_owned(),
        1 => "One thing was done differently from what was written".to_owned(),
        number => format!("{number} things were done differently from what was written"),
    }
}
