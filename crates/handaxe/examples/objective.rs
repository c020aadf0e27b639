//! An objective of one's own, from outside the workspace: the energy that reading the weights from memory takes.
//!
//! `cargo run -p handaxe --example objective`

use handaxe::prelude::*;

/// Picojoules an inference for reading every weight once, at 0.3 pJ a bit; in whole tenths of a picojoule.
struct ReadEnergy;

impl ReadEnergy {
    /// Bits of a weight times 3 tenths of a picojoule; without a configuration, 32-bit weights.
    fn per_weight(layer: &LayerAttributes) -> u64 {
        let bits = layer.hls.as_ref().and_then(|hls| hls.weight_precision.width());
        3 * u64::from(bits.unwrap_or(32))
    }
}

impl Objective for ReadEnergy {
    fn name(&self) -> &str {
        "read-energy"
    }

    fn resources(&self) -> &[&'static str] {
        &["read-energy"]
    }

    fn optimisable(&self, _: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        Ok(OptimizationAttributes::pruning(Structure::Unstructured))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        vec![layer.weight_count() as u64 * Self::per_weight(layer)]
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        _: &OptimizationAttributes,
        group: usize,
        _: Action,
    ) -> Vec<u64> {
        vec![group as u64 * Self::per_weight(layer)]
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (model, parts, training) = shared::trained_network()?;
    let pruned = Optimize::new(model, parts)
        .objective(ReadEnergy)
        .final_sparsity(0.6)
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
