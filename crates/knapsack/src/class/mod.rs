mod core;
mod dual;
mod eliminate;
mod lattice;
mod repair;
mod search;
mod single;
mod table;

use self::{
    core::{Core, Count, dot},
    dual::{Bracket, Dual},
    eliminate::{Answer, Window, eliminate},
    lattice::Lattice,
    repair::repair,
    search::{Choice, Layer, Outcome, search},
    table::Word,
};
use crate::{
    Effort, Error, Limits, Problem, Solution, Solver, Status, bound, branch_bound,
    exact::{self, Units},
    greedy,
    limits::Watch,
    reduce::{Group, Reduced},
};

/// Groups items by what they cost, and decides only how many of each class to keep; any number of resources.
///
/// The most valuable items of a class come first, so the value of a count is concave. Prices that nearly minimise the
/// Lagrangian are found from samples; at those prices a selection is worth the bound less its loss: what it leaves
/// of the capacities, and the reduced costs of the items decided against their sign, all in whole numbers. Then
/// growing budgets of loss are searched until one holds a selection, which proves it. Only the slacks in
/// the lattice of the columns are tried, and where many items of a class are worth the same (as in quantised
/// networks), some counts are solved for instead of tried. With one resource and many different costs a core grows
/// around the split item instead. Where the search runs out of memory, branch and bound takes over.
///
/// The time is that of a few passes over the values, without sorting them.
///
/// Reference for the search: E. Horowitz, S. Sahni, "Computing partitions with applications to the knapsack problem",
/// Journal of the ACM 21 (1974).
#[derive(Debug, Clone, Copy, Default)]
pub struct ClassSolver;

impl Solver for ClassSolver {
    fn name(&self) -> &'static str {
        "class"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let mut solution = match &reduced.groups[..] {
            [] => Solution::of(problem, reduced.start(problem), None, self.name()),
            [_] => most_valuable(problem, &reduced),
            [..] => Run::new(problem, &reduced, &watch).solve(),
        };
        solution.solver = self.name().to_owned();
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

/// With one column the best selection is the most valuable items, as many as fit.
fn most_valuable(problem: &Problem<'_>, reduced: &Reduced) -> Solution {
    let column = &reduced.groups[0].column;
    let fit = column.iter().zip(&reduced.capacity).filter(|(need, _)| **need > 0);
    let fit = fit.map(|(need, capacity)| capacity / need).min().unwrap_or(u64::MAX);
    let mut members: Vec<_> = reduced.members(problem, 0).collect();
    let by_value = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if let Ok(fit) = usize::try_from(fit)
        && fit < members.len()
    {
        members.select_nth_unstable_by(fit, by_value);
        members.truncate(fit);
    }
    let mut keep = reduced.start(problem);
    members.into_iter().for_each(|(item, _)| keep[item] = true);
    Solution::of(problem, keep, None, "class")
}

/// The Lagrangian bound at the prices of the linear relaxation.
pub(crate) fn relaxation(problem: &Problem<'_>, reduced: &Reduced) -> f64 {
    let prices = if reduced.items() == 0 { Vec::new() } else { Dual::new(problem, reduced).prices };
    bound::lagrangian(problem, reduced, &prices)
}

/// Open items for each different value, on average, from which on counts are solved for.
const TIED: usize = 4;
/// Most slack vectors that are tried.
const SLACKS: usize = 1 << 20;
/// Classes, and items in one, from which on a problem with one resource has classes enough to gain from.
const CLASSES: usize = 100;
/// Different costs from which on such a problem has none to gain from, whatever their size, up to so many items.
const DIFFERENT: usize = 256;
const LINE: usize = 1 << 20;
/// Most items that the branch and bound is tried on where this search gives up.
const TREE: usize = 100_000;
/// Growth of the budget from one search to the next.
const DEEPER: (i128, i128) = (3, 2);

struct Run<'a> {
    problem: &'a Problem<'a>,
    reduced: &'a Reduced,
    watch: &'a Watch<'a>,
    units: Units,
    effort: Effort,
    prices: Vec<f64>,
    /// The best selection found before it is known to be the best, and its value.
    found: Option<(f64, Vec<bool>)>,
    /// No selection is worth more.
    bound: f64,
    /// Every selection loses more than this.
    excluded: i128,
    /// Whether another search may go on where this one stops.
    go_on: bool,
}

/// A selection, and a bound where it is not proven to be the best.
struct Proof {
    keep: Vec<bool>,
    bound: Option<f64>,
}

/// How the search with one budget ended.
enum Step {
    /// The number of items to take more than in the base, for each group.
    Found(Vec<i64>),
    /// Every selection loses more than the budget.
    Deeper,
    Stopped,
}

impl<'a> Run<'a> {
    fn new(problem: &'a Problem<'a>, reduced: &'a Reduced, watch: &'a Watch<'a>) -> Self {
        let units = Units::new(problem, reduced);
        Self {
            problem,
            reduced,
            watch,
            units,
            effort: Effort::default(),
            prices: Vec::new(),
            found: None,
            bound: f64::INFINITY,
            excluded: -1,
            go_on: problem.len() <= TREE,
        }
    }

    fn solve(mut self) -> Solution {
        let Self { problem, reduced, watch, .. } = self;
        let mut solution = match self.best() {
            Some(Proof { keep, bound }) => Solution::of(problem, keep, bound, "class"),
            None if watch.stop() || !self.go_on => self.fall_back(),
            None => match branch_bound::search(problem, reduced, watch) {
                proven if proven.status == Status::Optimal => proven,
                other => self.fall_back().or(other),
            },
        };
        solution.effort.states = self.effort.states;
        solution.effort.evaluations += self.effort.evaluations;
        solution
    }

    /// The best selection found, or the greedy one, with the least bound that is proven.
    fn fall_back(&mut self) -> Solution {
        let greedy = greedy::fill(self.problem, self.reduced);
        let bound = bound::lagrangian(self.problem, self.reduced, &self.prices).min(self.bound);
        match self.found.take() {
            Some((_, keep)) => Solution::of(self.problem, keep, Some(bound), "class").or(greedy),
            None => Solution { bound: greedy.bound.min(bound), ..greedy },
        }
    }

    /// The best selection, unless a limit or the size of the numbers stops the search.
    fn best(&mut self) -> Option<Proof> {
        let Self { problem, reduced, watch, units, .. } = *self;
        let many = reduced.groups.len() >= DIFFERENT && reduced.items() <= LINE
            || reduced.items() < CLASSES * reduced.groups.len().max(CLASSES);
        if reduced.capacity.len() == 1
            && many
            && let Some(answer) = single::solve(problem, reduced, &units, watch)
        {
            self.effort.states += answer.states;
            let mut keep = reduced.start(problem);
            answer.kept.iter().for_each(|&item| keep[item as usize] = true);
            let free = reduced.free.iter().flat_map(|&class| problem.values(class).iter().copied());
            let bound = answer.bound.map(|b| bound::up(exact::sum(free) + units.at_least(b), 2.0));
            if answer.stopped {
                self.go_on = false;
                self.bound = bound.unwrap_or(self.bound);
                self.keep(keep);
                return None;
            }
            return Some(Proof { keep, bound });
        }
        let dual = Dual::new(problem, reduced);
        self.effort.evaluations += dual.pivots;
        self.prices.clone_from(&dual.prices);
        if let Some(relaxed) = reduced.relaxed(problem, &dual.prices) {
            let mut run = Run::new(problem, &relaxed, watch);
            let proof = run.best();
            self.effort.states += run.effort.states;
            // The best without a constraint is the best with it, if it keeps to it.
            if proof.as_ref().is_some_and(|proof| problem.fits(&proof.keep)) {
                return proof;
            }
        }
        // No price of use makes a capacity worth more than everything, which has fewer bits.
        let price = |(&p, &c): (&f64, &u64)| units.of(p).min((1 << 112) / u128::from(c)) as i128;
        let prices: Vec<i128> = dual.prices.iter().zip(&reduced.capacity).map(price).collect();
        let lattice = Lattice::new(reduced.groups.iter().map(|g| &g.column[..]), prices.len());
        let (mut budget, tied) = first_budget(&dual, reduced, &units);
        let Dual { mut bracket, mut split, counts, .. } = dual;
        let mut least = None;
        while !watch.stop() {
            let width = budget.checked_mul(4)?;
            if !covers(&bracket, reduced, &prices, width, &units) {
                bracket = around(reduced, &prices, width.checked_mul(4)?, &units);
                split = bracket.split(problem, reduced, 1);
            }
            let core = Core::new(reduced, &split, &units, prices.clone(), &counts, width);
            let least = *least.get_or_insert_with(|| least_slack_loss(&core, &lattice, reduced));
            if watch.gap() > 0.0 {
                self.improve(&core);
            }
            while budget <= width {
                let step = if tied {
                    self.solve_for_counts(&core, budget + least)
                } else {
                    self.step(&core, budget, least)
                };
                match step {
                    Step::Found(more) => return Some(self.finish(&core, &more)),
                    Step::Deeper => self.excluded = least + budget,
                    Step::Stopped => {
                        self.improve(&core);
                        self.bound = self.ceiling(&core);
                        return None;
                    }
                }
                if let Some(proof) = self.close_enough(&core) {
                    return Some(proof);
                }
                budget = budget * DEEPER.0 / DEEPER.1 + 1;
            }
        }
        None
    }

    /// Keeps a selection if it is the best so far.
    fn keep(&mut self, keep: Vec<bool>) {
        let value = self.problem.value(&keep);
        if self.found.as_ref().is_none_or(|(best, _)| value > *best) {
            self.found = Some((value, keep));
        }
    }

    /// Makes what the prices say fit.
    fn improve(&mut self, core: &Core) {
        if let Some(more) = repair(core, self.reduced) {
            self.keep(self.finish(core, &more).keep);
        }
    }

    /// A bound from what is known not to be lost less: the Lagrangian is the value of any selection and its loss.
    fn ceiling(&self, core: &Core) -> f64 {
        let Proof { keep, bound } = self.finish(core, &vec![0; core.members.len()]);
        let base = bound.unwrap_or_else(|| self.problem.value(&keep)).next_up();
        let lost = self.units.at_least(core.loss_of_base() - self.excluded);
        if lost < 0.0 { (base + lost).next_up() } else { bound::up(base + lost, 1.0) }
    }

    /// The best selection so far, if that is within the gap that will do.
    fn close_enough(&mut self, core: &Core) -> Option<Proof> {
        let gap = self.watch.gap();
        let value = self.found.as_ref().filter(|_| gap > 0.0)?.0;
        let bound = self.ceiling(core);
        if bound - value > gap * bound {
            return None;
        }
        let (_, keep) = self.found.take()?;
        Some(Proof { keep, bound: Some(bound) })
    }

    /// Looks for the best selection that loses at most `budget`, where many items are worth the same.
    fn solve_for_counts(&mut self, core: &Core, budget: i128) -> Step {
        // Losses are whole steps apart, so that there may be none between the last budget and this one.
        let step = core.step(self.reduced);
        let most = budget - (budget - core.loss_of_base()).rem_euclid(step);
        if most <= self.excluded {
            return Step::Deeper;
        }
        let window = Window { above: self.excluded, most, step };
        let states = &mut self.effort.states;
        match eliminate(core, self.reduced, window, states, self.watch) {
            Some(Answer { more: Some(more), complete: true }) => Step::Found(more),
            Some(Answer { more: None, complete: true }) => Step::Deeper,
            Some(Answer { more: Some(more), complete: false }) => {
                self.keep(self.finish(core, &more).keep);
                Step::Stopped
            }
            _ => Step::Stopped,
        }
    }

    /// Looks for the best selection among those that lose at most `least + budget`.
    fn step(&mut self, core: &Core, budget: i128, least: i128) -> Step {
        let groups = &self.reduced.groups;
        let counts: Vec<Vec<Count>> = (0..groups.len()).map(|k| core.counts(k, budget)).collect();
        let rows = core.prices.len();
        // What deviations can add to and take from the load of each row.
        let mut more = vec![0i128; rows];
        let mut fewer = vec![0i128; rows];
        for (group, counts) in groups.iter().zip(&counts) {
            let most = counts.iter().map(|c| c.more).max().unwrap_or(0).max(0);
            let least = counts.iter().map(|c| c.more).min().unwrap_or(0).min(0);
            for (row, &need) in group.column.iter().enumerate() {
                more[row] += i128::from(most) * i128::from(need);
                fewer[row] -= i128::from(least) * i128::from(need);
            }
        }
        let reach: Vec<i128> = (0..rows)
            .map(|row| {
                (core.left[row] + fewer[row]).clamp(-1, i128::from(self.reduced.capacity[row]))
            })
            .collect();
        if reach.iter().any(|&reach| reach < 0) {
            return Step::Deeper;
        }
        let lattice = Lattice::new(moving(groups, &counts), rows);
        // Counts that must change from the base move the target.
        let Some(slacks) = core.slacks(&lattice, &reach, least + budget, SLACKS) else {
            return Step::Stopped;
        };
        let Some(&(floor, _)) = slacks.first() else { return Step::Deeper };

        let mut strides = Vec::with_capacity(rows);
        let mut stride = 1i128;
        for row in 0..rows {
            strides.push(stride);
            let span = more[row] + fewer[row] + reach[row] + core.left[row].abs();
            let Some(next) = stride.checked_mul(2 * span + 1) else { return Step::Stopped };
            stride = next;
        }
        let key = |vector: &[i128]| -> i128 {
            vector.iter().zip(&strides).map(|(v, s)| v.wrapping_mul(*s)).fold(0, i128::wrapping_add)
        };
        let keys: Vec<i128> = groups
            .iter()
            .map(|group| key(&group.column.iter().map(|&a| i128::from(a)).collect::<Vec<_>>()))
            .collect();
        let target = key(&core.left);
        let slack_layer: Vec<(i128, i128)> =
            slacks.iter().map(|(loss, slack)| (key(slack), loss - floor)).collect();
        if stride <= i128::from(u64::MAX) && (least + budget) >> 62 == 0 {
            self.search::<u64>(&counts, &keys, &slack_layer, target, least + budget - floor)
        } else {
            self.search::<u128>(&counts, &keys, &slack_layer, target, least + budget - floor)
        }
    }

    fn search<W: Word>(
        &mut self,
        counts: &[Vec<Count>],
        keys: &[i128],
        slacks: &[(i128, i128)],
        target: i128,
        budget: i128,
    ) -> Step {
        // Groups whose count is certain only move the target.
        let mut target = target;
        let mut more: Vec<i64> = counts.iter().map(|counts| counts[0].more).collect();
        let mut order: Vec<usize> = Vec::new();
        for (k, counts) in counts.iter().enumerate() {
            target = target.wrapping_sub(keys[k].wrapping_mul(i128::from(more[k])));
            if counts.len() > 1 {
                order.push(k);
            }
        }
        order.sort_by_key(|&k| (std::cmp::Reverse(counts[k].len()), k));
        let mut layers: Vec<Layer<W>> = order
            .iter()
            .map(|&k| {
                let choice = |count: &Count| Choice {
                    key: W::wrap(keys[k].wrapping_mul(i128::from(count.more - more[k]))),
                    loss: W::wrap(count.loss),
                };
                counts[k].iter().map(choice).collect()
            })
            .collect();
        let first = slacks[0].0;
        target = target.wrapping_sub(first);
        layers.push(
            slacks
                .iter()
                .map(|&(key, loss)| Choice {
                    key: W::wrap(key.wrapping_sub(first)),
                    loss: W::wrap(loss),
                })
                .collect(),
        );
        let memory = self.watch.memory();
        let states = &mut self.effort.states;
        match search(&layers, W::wrap(target), W::wrap(budget), memory, states, self.watch) {
            Outcome::Found(_, chosen) => {
                for (&k, choice) in order.iter().zip(chosen) {
                    more[k] = counts[k][choice].more;
                }
                Step::Found(more)
            }
            Outcome::None => Step::Deeper,
            Outcome::Stopped => Step::Stopped,
        }
    }

    fn finish(&self, core: &Core, more: &[i64]) -> Proof {
        let Self { problem, reduced, .. } = self;
        let mut keep = reduced.start(problem);
        // Above the open items everything is in; the open ones are set one by one.
        let costs: Vec<i128> =
            reduced.groups.iter().map(|g| dot(&core.prices, &g.column)).collect();
        for (group, &cost) in reduced.groups.iter().zip(&costs) {
            let threshold = self.units.at_least(cost);
            for &class in &group.classes {
                for (position, &value) in problem.values(class).iter().enumerate() {
                    keep[problem.item(class, position)] = value > threshold;
                }
            }
        }
        for (members, &more) in core.members.iter().zip(more) {
            let kept = (members.base as i64 + more) as usize;
            for (at, &(_, item)) in members.items.iter().enumerate() {
                keep[item as usize] = at < kept;
            }
        }
        // Each of the open items may be worth up to a unit more than its whole number of units.
        let doubt = self.units.at_least(core.members.iter().map(|m| m.items.len() as i128).sum());
        let bound = (!core.exact).then(|| bound::up(problem.value(&keep) + doubt, 1.0));
        Proof { keep, bound }
    }
}

/// The columns of the groups that have a choice.
fn moving<'a>(groups: &'a [Group], counts: &'a [Vec<Count>]) -> impl Iterator<Item = &'a [u64]> {
    let choices = groups
        .iter()
        .zip(counts)
        .filter(|(_, counts)| counts.len() > 1 || counts.iter().any(|count| count.more != 0));
    choices.map(|(group, _)| &group.column[..])
}

/// The least that any slack in the lattice loses.
fn least_slack_loss(core: &Core, lattice: &Lattice, reduced: &Reduced) -> i128 {
    let reach: Vec<i128> = reduced.capacity.iter().map(|&c| i128::from(c)).collect();
    let mut most = core.prices.iter().copied().min().unwrap_or(0).max(1);
    loop {
        match core.slacks(lattice, &reach, most, SLACKS) {
            None => return 0,
            Some(slacks) => {
                if let Some(&(loss, _)) = slacks.first() {
                    return loss;
                }
            }
        }
        most *= 2;
    }
}

/// A little more than the smallest reduced costs together, and whether many of the open items are worth the same.
fn first_budget(dual: &Dual, reduced: &Reduced, units: &Units) -> (i128, bool) {
    let cost = |k: u32| dual::cost(&dual.prices, &reduced.groups[k as usize].column);
    let mut open: Vec<(u32, f64)> =
        dual.split.open.iter().map(|open| (open.group, open.value)).collect();
    open.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    open.dedup();
    let tied = open.len() * TIED <= dual.split.open.len();
    let mut costs: Vec<f64> = open.iter().map(|&(k, value)| (value - cost(k)).abs()).collect();
    let few = (2 * reduced.capacity.len() + 2).min(costs.len());
    if few < costs.len() {
        costs.select_nth_unstable_by(few, f64::total_cmp);
        costs.truncate(few);
    }
    ((units.of(costs.iter().sum()) as i128).max(1), tied)
}

/// Whether every item with a reduced cost of at most `width` is in the bracket.
fn covers(
    bracket: &Bracket,
    reduced: &Reduced,
    prices: &[i128],
    width: i128,
    units: &Units,
) -> bool {
    let need = around(reduced, prices, width, units);
    let low = bracket.low.iter().zip(&need.low).all(|(have, need)| have <= need);
    low && bracket.high.iter().zip(&need.high).all(|(have, need)| have >= need)
}

/// The bracket of all items with a reduced cost of at most `width`.
fn around(reduced: &Reduced, prices: &[i128], width: i128, units: &Units) -> Bracket {
    let costs: Vec<i128> = reduced.groups.iter().map(|g| dot(prices, &g.column)).collect();
    Bracket {
        low: costs.iter().map(|cost| units.at_most(cost - width)).collect(),
        high: costs.iter().map(|cost| units.at_least(cost + width)).collect(),
    }
}
