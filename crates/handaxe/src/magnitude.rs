use handaxe_graph::{HlsConfig, LayerAttributes, Model, Strategy, Structure};
use handaxe_knapsack::{Auto, Limits};
use handaxe_prune::{Candidate, Groups, L1, Savings, Scope, Settings, select};

use crate::Error;

/// The network with `share` of its kernels' weights at zero, the least ones, none of them trained again: those of the layer `only`
/// if one is named. Where weights lie in memory, all that one multiplier works through go together; every layer keeps a group.
///
/// # Errors
/// A share outside `0..=1`, or a configuration that does not verify.
pub(crate) fn cut(
    model: &Model,
    config: &HlsConfig,
    share: f64,
    only: Option<&str>,
) -> Result<Model, Error> {
    let mut model = model.clone();
    let (layers, _) = model.attributes(Some(config))?;
    let wanted = |layer: &&LayerAttributes| only.is_none_or(|name| layer.name == name);
    let candidates = layers.iter().filter(wanted).filter_map(|layer| {
        let kernel = model.layer(layer.id).kernel()?.values();
        let groups = Groups::of(layer, &structure(layer)).ok()?;
        let savings = Savings::of(&groups, |size| vec![size as u64]);
        Some(Candidate {
            layer: layer.id,
            name: &layer.name,
            kernel,
            gradient: None,
            curvature: None,
            groups,
            floor: None,
            resources: vec![kernel.len() as u64],
            savings,
            sharing: None,
        })
    });
    let candidates: Vec<Candidate<'_>> = candidates.collect();
    if candidates.is_empty() || share == 0.0 {
        return Ok(model);
    }
    let limits = Limits::default();
    let (scope, ranking, solver) = (Scope::Global, &L1, &Auto);
    let settings = Settings { scope, floor: 1, ranking, solver, limits: &limits };
    let selection = select(&candidates, &[share], &settings)?;
    selection.masks.apply(&mut model)?;
    Ok(model)
}

/// What must be zero together for anything to be saved.
fn structure(layer: &LayerAttributes) -> Structure {
    match &layer.hls {
        Some(hls) if hls.strategy.nearest_basic() == Strategy::Resource && hls.reuse_factor > 1 => {
            let offset = layer.weight_count() / hls.reuse_factor;
            Structure::Pattern { offset, consecutive: 1 }
        }
        _ => Structure::Unstructured,
    }
}

#[cfg(test)]
mod tests {
    use handaxe_data::Tensor;
    use handaxe_graph::Op;

    use super::*;

    #[test]
    fn whole_multipliers_go_where_weights_lie_in_memory() {
        let mut model = Model::new("small");
        let input = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
        let layer = model.add("fc", Op::Dense { units: 2, bias: true }, &[input]).unwrap();
        let kernel = [0.1, 4.0, 0.2, 5.0, 3.0, 0.3, 6.0, 0.4];
        model
            .set_weight(layer, "kernel", Tensor::new(vec![4, 2], kernel.to_vec()).unwrap())
            .unwrap();
        let zeros = |strategy, share| {
            let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 2, strategy).unwrap();
            let cut = cut(&model, &config, share, Some("fc")).unwrap();
            let kernel = cut.layer(layer).kernel().unwrap().values();
            kernel.iter().map(|weight| *weight == 0.0).collect::<Vec<_>>()
        };
        let [o, x] = [true, false];
        assert_eq!(zeros(Strategy::Latency, 0.5), [o, x, o, x, x, o, x, o]);
        // Multipliers work through two rows of a column each.
        assert_eq!(zeros(Strategy::Resource, 0.5), [o, x, o, x, x, o, x, o]);
        assert_eq!(zeros(Strategy::Latency, 0.125), [o, x, x, x, x, x, x, x]);
        assert_eq!(zeros(Strategy::Resource, 0.125), [o, x, o, x, x, x, x, x]);
        assert_eq!(zeros(Strategy::Resource, 0.0), [x; 8]);
    }
}
