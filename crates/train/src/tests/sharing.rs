use handaxe_data::{Targets, seeded};
use handaxe_graph::{Activation, LayerId, Model, Op};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{dense, noise, randomise};
use crate::Network;
use crate::loss::for_targets;
use crate::node::{Pass, from_array};

const SAMPLES: usize = 5;

/// Layers in any arrangement, many of which hand their input on as it is; what nothing reads is an output.
fn arrangement(layers: &[(usize, Index, Index)]) -> Model {
    let mut model = Model::new("any");
    let mut add = |name: String, op: Op, inputs: &[LayerId]| model.add(&name, op, inputs).unwrap();
    let activation = |function| Op::Activation { function };
    let mut ids = vec![add("in".to_owned(), Op::Input { shape: vec![4] }, &[])];
    for (place, (kind, one, two)) in layers.iter().enumerate() {
        let pair = [*one.get(&ids), *two.get(&ids)];
        let (op, inputs) = match kind {
            0 => (activation(Activation::Relu), &pair[..1]),
            1 => (activation(Activation::Linear), &pair[..1]),
            2 => (Op::Flatten, &pair[..1]),
            3 => (Op::Reshape { shape: vec![4] }, &pair[..1]),
            4 => (Op::Dropout { rate: 0.3 }, &pair[..1]),
            5 => (Op::Add, &pair[..]),
            6 => (Op::Multiply, &pair[..]),
            7 => (Op::Concatenate, &pair[..]),
            _ => (dense(4), &pair[..1]),
        };
        let mut id = add(format!("l{place}"), op, inputs);
        if *kind == 7 {
            id = add(format!("narrow{place}"), dense(4), &[id]);
        }
        ids.push(id);
    }
    randomise(&mut model);
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// In tests memory that was used before holds NaN, and what lost it holds nothing: a layer that reads what another
    /// has handed back fails or is seen.
    #[test]
    fn steps_leave_each_other_alone(
        layers in proptest::collection::vec((0usize..10, any::<Index>(), any::<Index>()), 1..10),
    ) {
        let model = arrangement(&layers);
        let network = Network::new(&model).unwrap();
        let array = noise(&[SAMPLES, 4], 1);
        let inputs = [from_array(&array).unwrap()];
        let width = network.output_shape().iter().product();
        let targets = Targets::Values(noise(&[SAMPLES, width], 2));
        let loss = for_targets(&targets, width);
        let step = |network: &Network| {
            let mut draw = seeded(9, 9);
            let pass = &mut Pass::Training(&mut draw);
            let (mean, gradients) = network.gradients(&inputs, pass, (&*loss, &targets)).unwrap();
            let mut values = network.outputs(std::slice::from_ref(&array)).unwrap().into_values();
            values.push(mean as f32);
            for gradient in gradients.into_iter().flatten() {
                values.extend(gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap());
                network.memory.recycle(gradient);
            }
            values
        };
        let first = step(&network);
        prop_assert!(first.iter().all(|value| value.is_finite()), "{first:?}");
        for _ in 0..2 {
            prop_assert_eq!(&step(&network), &first);
        }
        prop_assert_eq!(inputs[0].flatten_all().unwrap().to_vec1::<f32>().unwrap(), array.values());
    }
}
