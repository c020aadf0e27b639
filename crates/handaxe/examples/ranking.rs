//! A ranking of one's own, from outside the workspace: the largest weight of a group.
//!
//! `cargo run -p handaxe --example ranking`

use handaxe::prelude::*;

/// A group matters as much as its largest weight: max |w|.
struct LargestWeight;

impl Ranking for LargestWeight {
    fn name(&self) -> &str {
        "largest-weight"
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn loss(&self, group: &Group<'_>) -> f64 {
        group.change.iter().fold(0.0, |largest, change| f64::from(change.abs()).max(largest))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (model, parts, training) = shared::trained_network()?;
    let pruned = Optimize::new(model, parts)
        .objective(VivadoDsp::default())
        .ranking(LargestWeight)
        .config(HlsConfig::uniform("ap_fixed<16,6>".parse()?, 4, Strategy::Resource)?)
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
