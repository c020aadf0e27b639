use crate::{
    Error, Limits, Problem, Solution, Solver, exact::Units, greedy, limits::Watch, reduce::Reduced,
};

/// Bellman's dynamic programme over all loads from 0 to the capacity; one resource.
///
/// Exact. Takes `N W` steps and `N W / 8 + 16 W` bytes, where `W` is the capacity over the common divisor of
/// the savings; problems that would take more than the limit are refused. Of a class only as many of
/// the most valuable items enter as fit together.
///
/// Reference: R. Bellman, "Dynamic Programming" (1957).
#[derive(Debug, Clone, Copy, Default)]
pub struct Dynamic;

impl Solver for Dynamic {
    fn name(&self) -> &'static str {
        "dynamic"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let capacity = match reduced.capacity[..] {
            [] => 0,
            [capacity] => capacity,
            [..] => {
                let resources = reduced.capacity.len();
                return Err(Error::Resources { solver: self.name(), resources });
            }
        };
        let items = useful(problem, &reduced, capacity);
        let loads = u128::from(capacity) + 1;
        let needed = loads * 16 + (items.len() as u128) * loads.div_ceil(64) * 8;
        if needed > watch.memory() as u128 {
            return Err(Error::Memory { solver: self.name(), needed, limit: watch.memory() });
        }
        let units = Units::new(problem, &reduced);
        let mut keep = reduced.start(problem);
        let (chosen, complete) = fill(&items, capacity as usize, &units, &watch);
        chosen.into_iter().for_each(|item| keep[item] = true);
        let mut solution = if complete {
            let bound = units.slack(problem, &reduced, &keep);
            Solution::of(problem, keep, bound, self.name())
        } else {
            let greedy = greedy::fill(problem, &reduced);
            Solution::of(problem, keep, Some(greedy.bound), self.name()).or(greedy)
        };
        solution.solver = self.name().to_owned();
        solution.effort.states = items.len() as u64 * (capacity + 1);
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

struct Item {
    number: usize,
    value: f64,
    need: usize,
}

/// The items that can be part of a best selection: of each group, the most valuable that fit together.
fn useful(problem: &Problem<'_>, reduced: &Reduced, capacity: u64) -> Vec<Item> {
    let mut items = Vec::new();
    for (k, group) in reduced.groups.iter().enumerate() {
        let need = group.column[0];
        let mut members: Vec<_> = reduced.members(problem, k).collect();
        members.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        members.truncate(usize::try_from(capacity / need).unwrap_or(usize::MAX));
        let need = usize::try_from(need).unwrap_or(usize::MAX);
        items.extend(members.into_iter().map(|(number, value)| Item { number, value, need }));
    }
    items
}

/// The numbers of the best items, and whether all were looked at, or only the first ones before it was told to stop.
fn fill(items: &[Item], capacity: usize, units: &Units, watch: &Watch<'_>) -> (Vec<usize>, bool) {
    let mut best = vec![0u128; capacity + 1];
    let words = (capacity + 1).div_ceil(64);
    let mut taken = vec![0u64; words * items.len()];
    let mut complete = true;
    for (item, taken) in items.iter().zip(taken.chunks_exact_mut(words)) {
        if watch.stop() {
            complete = false;
            break;
        }
        let value = units.of(item.value);
        for load in (item.need..=capacity).rev() {
            let with = best[load - item.need] + value;
            if with > best[load] {
                best[load] = with;
                taken[load / 64] |= 1 << (load % 64);
            }
        }
    }
    let mut load = capacity;
    let mut chosen = Vec::new();
    for (item, taken) in items.iter().zip(taken.chunks_exact(words)).rev() {
        if taken[load / 64] >> (load % 64) & 1 == 1 {
            chosen.push(item.number);
            load -= item.need;
        }
    }
    (chosen, complete)
}
