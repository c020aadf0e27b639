//! A knapsack solver of one's own, from outside the workspace: take the most valuable items first.
//!
//! `cargo run -p handaxe --example solver`

use handaxe::knapsack;
use handaxe::prelude::*;

/// Keeps items in the order of their value as long as they fit; says nothing about the optimum.
struct MostValuableFirst;

impl Solver for MostValuableFirst {
    fn name(&self) -> &'static str {
        "most-valuable-first"
    }

    fn solve(&self, problem: &Problem<'_>, _: &Limits) -> Result<Solution, knapsack::Error> {
        let mut items = Vec::new();
        for class in 0..problem.classes() {
            for (position, &value) in problem.values(class).iter().enumerate() {
                items.push((value, class, problem.item(class, position)));
            }
        }
        items.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));

        let mut keep = vec![false; problem.len()];
        let mut left = problem.capacity().to_vec();
        for (_, class, item) in items {
            let savings = problem.column(class);
            if savings.iter().zip(&left).all(|(saving, left)| saving <= left) {
                savings.iter().zip(&mut left).for_each(|(saving, left)| *left -= saving);
                keep[item] = true;
            }
        }
        Ok(Solution::of(problem, keep, None, self.name()))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (model, parts, training) = shared::trained_network()?;
    let pruned = Optimize::new(model, parts)
        .objective(VivadoDspBram::default())
        .solver(MostValuableFirst)
        .config(HlsConfig::uniform("ap_fixed<18,8>".parse()?, 4, Strategy::Resource)?)
        .final_sparsity(0.5)
        .steps(3)
        .epochs(4)
        .training(training)
        .run(&mut ())?;
    print!("{}", handaxe::report::table(&pruned.result));
    Ok(())
}

#[path = "shared/mod.rs"]
mod shared;

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
