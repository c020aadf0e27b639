//! One run of the class solver: prices, then searches with growing budgets.

mod budget;
mod step;

use self::budget::{around, covers, first_budget, least_slack_loss};
use super::{core::Core, dual::Dual, lattice::Lattice, repair::repair, single};
use crate::{
    Effort, Problem, Solution, Status, bound, branch_bound,
    exact::{self, Units},
    greedy,
    limits::Watch,
    reduce::Reduced,
};

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

pub(super) struct Run<'a> {
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
    pub(super) fn new(
        problem: &'a Problem<'a>,
        reduced: &'a Reduced,
        watch: &'a Watch<'a>,
    ) -> Self {
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

    pub(super) fn solve(mut self) -> Solution {
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
            // A unit more than the core looks at, so that what is beyond the bracket is beyond it in whole units too.
            if !covers(&bracket, reduced, &prices, width + 1, &units) {
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

    fn finish(&self, core: &Core, more: &[i64]) -> Proof {
        let Self { problem, reduced, .. } = self;
        let mut keep = reduced.start(problem);
        // Above the open items everything is in; the open ones are set one by one.
        for (k, group) in reduced.groups.iter().enumerate() {
            let above = core.above(&group.column, &self.units);
            for &class in &group.classes {
                for (position, &value) in problem.values(class).iter().enumerate() {
                    keep[problem.item(class, position)] = above(value);
                }
            }
            debug_assert_eq!(
                reduced.members(problem, k).filter(|m| above(m.1)).count() as u64,
                core.members[k].above
            );
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
