//! `handaxe knapsack`: solve knapsack problems from files, or make some.

use std::{fs, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use handaxe::knapsack::{Error, Limits, Problem, Solution, Spec, read, solver, write_text};
use handaxe::run::SCHEMA;
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::output;

const FORMS: &str = "\
A file is plain text (`M N`, M capacities, N lines `value a_1 .. a_M`), a file of the OR-Library, or JSON
{\"values\": [N], \"weights\": [[N] x M], \"capacity\": [M]}.

Examples:
  handaxe knapsack generate 1,10000,10,2 > problem.txt
  handaxe knapsack solve problem.txt --json
  handaxe knapsack solve mknapcb1.txt --problem 3 --time-limit 10

Exit codes: 0 solved; 2 bad usage, bad input or infeasible; 3 the gap asked for was not reached.";

/// What to do with knapsack problems.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Solve a problem from a file
    Solve(Solve),
    /// Write a problem of the shape that pruning makes, as text
    Generate(Generate),
}

/// A problem, a solver and its limits.
#[derive(Debug, Args)]
#[command(after_help = FORMS)]
pub(crate) struct Solve {
    /// The problem: text, OR-Library or JSON
    file: PathBuf,
    /// auto, class, dynamic, greedy, branch_bound or mip
    #[arg(long, value_name = "NAME", default_value = "auto")]
    solver: String,
    /// Which problem of the file, from 1
    #[arg(long, value_name = "I", default_value_t = 1)]
    problem: usize,
    /// Stop after so many seconds with the best so far
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    time_limit: Option<Duration>,
    /// Megabytes that the search may hold
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    memory_limit: usize,
    /// Relative gap between bound and value that will do; 0.01 is one per cent
    #[arg(long, value_name = "G")]
    gap: Option<f64>,
}

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// seed,N,K,M: N items in K classes over M resources, 1 to 3
    #[arg(value_name = "SPEC")]
    spec: String,
}

/// The result as it is printed with `--json`.
#[derive(Debug, Default, Serialize)]
struct Record {
    schema: u32,
    status: &'static str,
    value: Option<f64>,
    bound: Option<f64>,
    gap: Option<f64>,
    selected: Option<Vec<usize>>,
    load: Option<Vec<u64>>,
    solver: String,
    why: Option<String>,
    seconds: f64,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    match command {
        Command::Solve(solve) => run_solve(solve, speech),
        Command::Generate(generate) => run_generate(generate),
    }
}

fn run_solve(command: &Solve, speech: Speech) -> Result<(), Failure> {
    let chosen = solver(&command.solver).map_err(input)?;
    let problem = match load(command) {
        Ok(problem) => problem,
        Err(error @ Error::Infeasible { .. }) => {
            if speech.json {
                let solver = chosen.name().to_owned();
                let status = "infeasible";
                output::json(&Record { schema: SCHEMA, status, solver, ..Record::default() })?;
            }
            return Err(input(error));
        }
        Err(error) => return Err(Failure::Input(format!("{}: {error}", command.file.display()))),
    }?;
    let limits = Limits {
        time: command.time_limit,
        memory: command.memory_limit.saturating_mul(1 << 20),
        gap: command.gap.unwrap_or(0.0),
        cancel: None,
    };
    let solution = chosen.solve(&problem, &limits).map_err(input)?;
    let gap = solution.gap();
    print(speech, &problem, solution)?;
    match command.gap {
        Some(asked) if gap > asked => {
            Err(Failure::NotMet(format!("the gap is {gap}, asked for was at most {asked}")))
        }
        _ => Ok(()),
    }
}

/// The problem asked for; the inner failure is one of usage, not of the file.
fn load(command: &Solve) -> Result<Result<Problem<'static>, Failure>, Error> {
    let text = match fs::read_to_string(&command.file) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("{}: {error}", command.file.display());
            return Ok(Err(Failure::Input(message)));
        }
    };
    let mut instances = read(&text)?;
    let count = instances.len();
    let place = command.problem.wrapping_sub(1);
    if place >= count {
        let message = format!("--problem {}: the file has problems 1 to {count}", command.problem);
        return Ok(Err(Failure::Input(message)));
    }
    Ok(Ok(instances.swap_remove(place).problem))
}

fn print(speech: Speech, problem: &Problem<'_>, solution: Solution) -> Result<(), Failure> {
    let seconds = solution.elapsed.as_secs_f64();
    if speech.json {
        return output::json(&Record {
            schema: SCHEMA,
            status: solution.status.as_str(),
            value: Some(solution.value),
            bound: Some(solution.bound),
            gap: Some(solution.gap()),
            selected: Some(solution.selected().collect()),
            load: Some(solution.load),
            solver: solution.solver,
            why: solution.why,
            seconds,
        });
    }
    let mut lines = format!(
        "{} value {}, bound {}, gap {:.3e}\n{} of {} items, load {:?} of {:?}\nsolver {} in {seconds:.4} s\n",
        solution.status,
        solution.value,
        solution.bound,
        solution.gap(),
        solution.selected().count(),
        problem.len(),
        solution.load,
        problem.capacity(),
        solution.solver,
    );
    if let Some(why) = &solution.why {
        lines.push_str(&format!("{why}\n"));
    }
    output::text(&lines)?;
    Ok(())
}

fn run_generate(command: &Generate) -> Result<(), Failure> {
    let problem = command.spec.parse::<Spec>().and_then(|spec| spec.problem()).map_err(input)?;
    let mut text = Vec::new();
    write_text(&problem, &mut text).map_err(|error| Failure::Other(error.to_string()))?;
    output::text(&String::from_utf8_lossy(&text))?;
    Ok(())
}

fn input(error: Error) -> Failure {
    Failure::Input(error.to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` should be a number of seconds, at least 0");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}
