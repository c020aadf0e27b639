use crate::{
    Error, Limits, Problem, Solution, Solver, exact::Units, greedy, limits::Watch, reduce::Reduced,
};

/// Depth-first search with Lagrangian bounds; any number of resources.
#[derive(Debug, Clone, Copy, Default)]
pub struct BranchBound;

impl Solver for BranchBound {
    fn name(&self) -> &'static str {
        "branch_bound"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let mut solution = search(problem, &reduced, &watch);
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

struct Item<'a> {
    number: usize,
    value: i128,
    column: &'a [u64],
    reduced_cost: i128,
}

struct Search<'a> {
    items: Vec<Item<'a>>,
    /// Sums of the positive reduced costs from each item on.
    rest: Vec<i128>,
    prices: Vec<i128>,
    best: i128,
    best_taken: Vec<usize>,
    taken: Vec<usize>,
    nodes: u64,
}

const NODES: u64 = 20_000_000;

pub(crate) fn search(problem: &Problem<'_>, reduced: &Reduced, watch: &Watch<'_>) -> Solution {
    let start = greedy::fill(problem, reduced);
    let units = Units::new(problem, reduced);
    let undecided = (0..reduced.groups.len()).flat_map(|k| reduced.members(problem, k));
    let total: f64 = undecided.map(|(_, value)| value).sum();
    let rows = reduced.capacity.len().max(1) as f64;
    let prices: Vec<i128> = reduced
        .capacity
        .iter()
        .map(|&capacity| units.of(total / rows / capacity as f64) as i128)
        .collect();
    let mut items = Vec::new();
    for (k, group) in reduced.groups.iter().enumerate() {
        let cost: i128 = prices.iter().zip(&group.column).map(|(p, &a)| p * i128::from(a)).sum();
        for (number, value) in reduced.members(problem, k) {
            let value = units.of(value) as i128;
            items.push(Item { number, value, column: &group.column, reduced_cost: value - cost });
        }
    }
    items.sort_by_key(|item| (-item.reduced_cost.abs(), item.number));
    let mut rest = vec![0; items.len() + 1];
    for (at, item) in items.iter().enumerate().rev() {
        rest[at] = rest[at + 1] + item.reduced_cost.max(0);
    }
    let mut search = Search {
        items,
        rest,
        prices,
        best: -1,
        best_taken: Vec::new(),
        taken: Vec::new(),
        nodes: 0,
    };
    let mut left = reduced.capacity.clone();
    let done = search.descend(0, 0, &mut left, watch);
    let mut keep = reduced.start(problem);
    for &at in &search.best_taken {
        keep[search.items[at].number] = true;
    }
    if !done && problem.value(&keep) < start.value {
        keep = start.keep;
    }
    let bound = if done { units.slack(problem, &keep) } else { Some(start.bound) };
    let mut solution = Solution::of(problem, keep, bound, "branch_bound");
    solution.effort.nodes = search.nodes;
    solution
}

impl Search<'_> {
    /// Whether the subtree was searched to its end.
    fn descend(&mut self, at: usize, value: i128, left: &mut [u64], watch: &Watch<'_>) -> bool {
        self.nodes += 1;
        if self.nodes > NODES || (self.nodes.is_multiple_of(1024) && watch.stop()) {
            return false;
        }
        if value > self.best {
            self.best = value;
            self.best_taken.clone_from(&self.taken);
        }
        let slack: i128 = self.prices.iter().zip(&*left).map(|(p, &l)| p * i128::from(l)).sum();
        if at == self.items.len() || value + slack + self.rest[at] <= self.best {
            return true;
        }
        let Item { value: worth, column, reduced_cost, .. } = self.items[at];
        let mut done = true;
        for take in [reduced_cost > 0, reduced_cost <= 0] {
            if !take {
                done &= self.descend(at + 1, value, left, watch);
            } else if column.iter().zip(&*left).all(|(need, left)| need <= left) {
                column.iter().zip(&mut *left).for_each(|(need, left)| *left -= need);
                self.taken.push(at);
                done &= self.descend(at + 1, value + worth, left, watch);
                self.taken.pop();
                column.iter().zip(&mut *left).for_each(|(need, left)| *left += need);
            }
        }
        done
    }
}
