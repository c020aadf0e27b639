//! Runs whose ranking looks at the loss.

use handaxe::prelude::*;
use handaxe::prune::ranking;

use crate::{network, optimize, parts, training};

#[test]
fn gradients_and_curvature_rank_dense_networks() {
    let model = network();
    for name in ["oracle", "saliency"] {
        let run = |name| {
            let run = optimize(&model).objective(Parameter).final_sparsity(0.5);
            run.boxed_ranking(ranking(name).unwrap()).run(&mut ()).unwrap()
        };
        let (ranked, again) = (run(name), run(name));
        assert!(ranked.result.met && ranked.outcome.steps.iter().all(|s| s.curvature.is_empty()));
        assert!(ranked.outcome.model == again.outcome.model, "{name}: same seed, same bits");
        assert!(ranked.outcome.model != run("l1").outcome.model, "{name} ranks otherwise than l1");
    }
}

/// The curvature of a convolution is an estimate: the record says how good a one.
#[test]
fn estimates_are_told() {
    let parts = parts();
    let square = |data: &Dataset| {
        let input = &data.inputs()[0];
        let shape = vec![input.rows(), 2, 2, 2];
        let input =
            Tensor::new(shape, input.block(0..input.rows()).unwrap().into_values()).unwrap();
        Dataset::new(vec![input], data.targets().clone()).unwrap()
    };
    let parts = Parts {
        train: square(&parts.train),
        validation: square(&parts.validation),
        test: square(&parts.test),
    };
    let model = train("conv:4x2,tanh,flatten,dense:4,softmax", &parts, &training(), 4).unwrap();
    let run = Optimize::new(model, parts)
        .training(training())
        .settings(crate::settings())
        .steps(2)
        .objective(Parameter)
        .final_sparsity(0.4)
        .boxed_ranking(ranking("saliency").unwrap())
        .run(&mut ())
        .unwrap();
    for step in &run.outcome.steps {
        let names: Vec<&String> = step.curvature.keys().collect();
        assert_eq!(names, ["conv1"], "{:?}", step.curvature);
        let estimate = step.curvature["conv1"];
        // 256 training samples in batches of 32, four directions each.
        assert_eq!(estimate.samples, 8 * 4);
        assert!(estimate.standard_error > 0.0 && estimate.magnitude > 0.0);
    }
}
