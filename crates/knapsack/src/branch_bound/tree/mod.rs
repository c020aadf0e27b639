mod node;

use super::{
    genetic::Genetic,
    model::{Model, Relaxation},
    start,
};
use crate::{limits::Watch, lp::End};

/// The search: a stack of decisions on the columns of one linear relaxation.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    model: &'a Model<'a>,
    watch: &'a Watch<'a>,
    /// The best selection of items of the model.
    pub(crate) kept: Vec<bool>,
    best: i128,
    /// Only selections worth more are looked for.
    floor: i128,
    root: Root,
    pub(crate) nodes: u64,
    relaxation: Relaxation,
    /// Items kept for sure in this pass: their value and what they leave.
    base: i128,
    left: Vec<u64>,
    sure: Vec<bool>,
    /// Columns with the bounds that they had before they were fixed.
    trail: Vec<(usize, f64, f64)>,
    costs: Vec<f64>,
    spent: u64,
    genetic: Genetic,
    /// Nodes at which the genetic search goes on.
    milestone: u64,
}

/// The relaxation of the whole problem: its bound on the value, and the reduced costs.
#[derive(Debug)]
struct Root {
    bound: f64,
    costs: Vec<f64>,
}

/// A decision of which the other half is still open.
#[derive(Debug)]
struct Open {
    column: usize,
    /// Bounds of the other half.
    bounds: (f64, f64),
    trail: usize,
    /// Bound on the value of both halves, as an objective of the relaxation.
    bound: f64,
}

enum Node {
    Cut,
    /// The two halves of a decision, the better first, and the bound on both.
    Branch {
        column: usize,
        halves: [(f64, f64); 2],
        bound: f64,
    },
}

/// The first floor is this share of the gap below the bound, the next one so much further.
const FIRST: i128 = 8;
const GROWTH: (i128, i128) = (3, 2);
/// Nodes after which the genetic search first runs, how much later each time, and children for each node since the
/// start, times the square of the rows: with many of them bounds are weak, and the tree is slow to find anything.
const MILESTONE: u64 = 512;
const LATER: (u64, u64) = (3, 2);
const CHILDREN: (u64, u64) = (1, 100);
/// Relative difference of bounds below which rounding may matter.
const TIE: f64 = 1e-9;

impl<'a> Tree<'a> {
    /// Solves the first relaxation and finds a selection to start from.
    pub(crate) fn new(model: &'a Model<'a>, watch: &'a Watch<'a>) -> Self {
        let all = (0..model.items.len()).collect();
        let mut tree = Self {
            model,
            watch,
            kept: vec![false; model.items.len()],
            best: 0,
            floor: 0,
            nodes: 0,
            relaxation: model.relax(all, model.capacity),
            root: Root { bound: 0.0, costs: Vec::new() },
            base: 0,
            left: model.capacity.to_vec(),
            sure: vec![false; model.items.len()],
            trail: Vec::new(),
            costs: Vec::new(),
            spent: 0,
            genetic: Genetic::new(model, &[], &[]),
            milestone: MILESTONE,
        };
        let end = tree.relaxation.lp.solve(f64::NEG_INFINITY);
        let bound = tree.prove(end) * tree.relaxation.scale;
        let costs = tree.costs[..model.items.len()].iter();
        let costs: Vec<f64> = costs.map(|cost| cost * tree.relaxation.scale).collect();
        let mut order: Vec<usize> = (0..model.items.len()).collect();
        order.sort_by(|&a, &b| costs[b].total_cmp(&costs[a]).then(a.cmp(&b)));
        let margin = order.partition_point(|&at| costs[at] > 0.0);
        tree.kept = start::select(model, &order, margin);
        tree.best = model.value(&tree.kept);
        tree.genetic = Genetic::new(model, &costs, &tree.kept);
        tree.root = Root { bound, costs };
        tree
    }

    pub(crate) fn pivots(&self) -> u64 {
        self.spent + self.relaxation.lp.pivots()
    }

    /// Searches to the end, or returns a bound on the value of what is still open.
    ///
    /// Each pass looks only for selections above a floor. The first floors are near the bound: there are few nodes
    /// above them, and each pass that finds nothing lowers the bound.
    pub(crate) fn run(&mut self) -> Option<f64> {
        let bound = self.model.units.of(self.root.bound) as i128 + 1;
        let mut below = ((bound - self.best) / FIRST).max(self.model.step);
        let mut proven = self.root.bound;
        loop {
            self.floor = (bound - below).max(self.best);
            if let Some(open) = self.pass() {
                return Some(open.max(self.ceiling()).min(proven));
            }
            if self.best >= self.floor {
                return self.closed();
            }
            proven = self.ceiling();
            below = below * GROWTH.0 / GROWTH.1 + 1;
        }
    }

    /// The most that what was cut off can be worth, a multiple of the step.
    fn most(&self) -> i128 {
        (self.target() - 1) / self.model.step * self.model.step
    }

    /// What a selection must be worth to be looked for: a step more than the best, or what the gap lets pass.
    fn target(&self) -> i128 {
        let gap = self.watch.gap().min(1.0);
        let best = self.model.units.at_most(self.best).max(0.0);
        let pass = if gap > 0.0 { self.model.units.of(best * gap) as i128 } else { 0 };
        self.best.max(self.floor) + self.model.step.max(pass + 1)
    }

    /// What a pass proves: nothing is worth more than this.
    fn ceiling(&self) -> f64 {
        self.model.units.at_least(self.most())
    }

    /// Searches all selections above the floor, or returns a bound on the value of what is still open.
    fn pass(&mut self) -> Option<f64> {
        if !self.focus() {
            return None;
        }
        let mut open: Vec<Open> = Vec::new();
        // Whether there is a node to look into, and the bound on it.
        let mut next = true;
        let mut here = f64::INFINITY;
        loop {
            if self.nodes % 64 == 63 && self.watch.stop() {
                let most = open.iter().map(|open| open.bound).fold(0.0, f64::max);
                return Some(self.worth(if next { most.max(here) } else { most }));
            }
            if self.nodes >= self.milestone {
                let rows = self.left.len() as u64;
                let children = self.milestone * rows * rows * CHILDREN.0 / CHILDREN.1;
                self.genetic.run(self.model, children, &mut self.kept, &mut self.best, self.watch);
                self.milestone = self.milestone * LATER.0 / LATER.1;
            }
            let node = if next { self.node() } else { Node::Cut };
            next = match node {
                Node::Branch { column, halves, bound } => {
                    let trail = self.trail.len();
                    open.push(Open { column, bounds: halves[1], trail, bound });
                    self.set(column, halves[0]);
                    here = bound;
                    true
                }
                Node::Cut => {
                    let last = open.pop()?;
                    self.undo(last.trail);
                    here = last.bound;
                    let worth = !self.hopeless(here);
                    if worth {
                        self.set(last.column, last.bounds);
                    }
                    worth
                }
            };
        }
    }

    /// Fixes the items that are sure above the floor, and sets up the relaxation of the others; false if those
    /// that are surely in do not fit together, so that nothing is above the floor.
    fn focus(&mut self) -> bool {
        self.base = 0;
        self.left.copy_from_slice(self.model.capacity);
        self.sure.fill(false);
        self.trail.clear();
        self.spent += self.relaxation.lp.pivots();
        self.relaxation.scale = 1.0;
        let Root { bound, costs } = &self.root;
        let sure = |at: &usize| self.hopeless(bound - costs[*at].abs());
        let (fixed, mut doubt): (Vec<usize>, Vec<usize>) =
            (0..self.model.items.len()).partition(|at| sure(at));
        for at in fixed {
            if costs[at] > 0.0 {
                if !self.model.items[at].fits(&self.left) {
                    return false;
                }
                self.sure[at] = true;
                self.base += self.model.items[at].value;
                self.model.items[at].take(&mut self.left);
            }
        }
        doubt.sort_by(|&a, &b| costs[b].total_cmp(&costs[a]).then(a.cmp(&b)));
        self.relaxation = self.model.relax(doubt, &self.left);
        true
    }

    /// What the end of the search leaves open: nothing, or what the gap let pass.
    fn closed(&self) -> Option<f64> {
        (self.most() > self.best).then(|| self.ceiling())
    }

    /// A proven bound on the objective at the current prices, and the reduced costs there.
    fn prove(&mut self, end: End) -> f64 {
        let lp = &self.relaxation.lp;
        let prices = match end {
            End::Infeasible => lp.ray(lp.objective().abs() * 2.0 + 1.0),
            _ => lp.prices().collect(),
        };
        lp.proof(&prices, &mut self.costs)
    }

    /// Whether no selection within this bound on the objective is better than the best known.
    fn hopeless(&self, bound: f64) -> bool {
        if bound < 0.0 {
            return true; // No selection at all: values are not negative.
        }
        let value = bound * self.relaxation.scale;
        let most = self.base + self.model.units.of(value) as i128 + 1;
        // Values are multiples of the step, so the next better one is a step away.
        most < self.target()
    }

    /// Whether a bound that only rounding keeps above the best proves to be no better, exactly.
    fn tied(&self, bound: f64) -> bool {
        self.hopeless(bound * (1.0 - TIE)) && {
            let most = self.base + self.model.lagrangian(&self.relaxation, &self.left);
            most < self.target()
        }
    }

    /// The value of the whole selection for an objective of the relaxation, rounded up.
    fn worth(&self, objective: f64) -> f64 {
        let base = self.model.units.at_least(self.base);
        crate::bound::up(base + objective.max(0.0) * self.relaxation.scale, 2.0)
    }

    fn set(&mut self, column: usize, (lower, upper): (f64, f64)) {
        let lp = &mut self.relaxation.lp;
        let (before, after) = lp.bounds(column);
        self.trail.push((column, before, after));
        lp.bound(column, lower, upper);
    }

    fn undo(&mut self, length: usize) {
        for (column, lower, upper) in self.trail.drain(length..).rev() {
            self.relaxation.lp.bound(column, lower, upper);
        }
    }
}
