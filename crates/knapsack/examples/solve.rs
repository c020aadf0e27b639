//! Solves the problems of a file, or one made from a spec: `cargo run --release --example solve -- 1,100000,30,3 class`.

use std::{env, error::Error, fs};

use handaxe_knapsack::{Instance, Limits, SOLVERS, Spec, read, solver};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let Some(what) = args.next() else {
        println!("usage: solve FILE|seed,N,K,M [SOLVER]");
        SOLVERS.iter().for_each(|(name, about)| println!("  {name:12} {about}"));
        return Ok(());
    };
    let solver = solver(&args.next().unwrap_or_else(|| "auto".to_owned()))?;
    let instances = match what.parse::<Spec>() {
        Ok(spec) => vec![Instance { problem: spec.problem()?, stated: None }],
        Err(_) => read(&fs::read_to_string(&what)?)?,
    };
    for Instance { problem, .. } in instances {
        let solution = solver.solve(&problem, &Limits::default())?;
        println!(
            "{} {} (bound {}), {} of {} items, load {:?}, {} in {:.3?}{}",
            solution.status,
            solution.value,
            solution.bound,
            solution.selected().count(),
            problem.len(),
            solution.load,
            solution.solver,
            solution.elapsed,
            solution.why.map(|why| format!(" ({why})")).unwrap_or_default(),
        );
    }
    Ok(())
}
