use std::collections::{BTreeMap, BTreeSet};

use handaxe_graph::{LayerId, Model};

/// The layers in the order that Keras itself gives them when it has read a model: by falling distance from the outputs, then
/// in the order in which they are met on the way back from the outputs. Weights are matched by it.
pub(super) fn as_keras(model: &Model) -> Vec<LayerId> {
    let (met, finished) = walk(model);
    let mut depths: BTreeMap<LayerId, usize> = BTreeMap::new();
    for &id in finished.iter().rev() {
        let depth = *depths.entry(id).or_insert(0);
        for &input in model.layer(id).inputs() {
            let known = depths.entry(input).or_insert(0);
            *known = (*known).max(depth + 1);
        }
    }
    // An input that no output needs comes at the end.
    let unread = model.inputs().map(|(id, _)| id).filter(|id| !met.contains_key(id));
    let mut order = finished;
    order.sort_by_key(|id| {
        (std::cmp::Reverse(depths.get(id).copied().unwrap_or(0)), met.get(id).copied())
    });
    order.extend(unread);
    order
}

/// When each layer is first met going back from the outputs, and the layers each after those that it reads.
fn walk(model: &Model) -> (BTreeMap<LayerId, usize>, Vec<LayerId>) {
    let mut met = BTreeMap::new();
    let (mut done, mut finished) = (BTreeSet::new(), Vec::new());
    for &output in model.outputs() {
        let mut path = vec![(output, 0)];
        while let Some((id, next)) = path.pop() {
            if next == 0 {
                if done.contains(&id) {
                    continue;
                }
                let number = met.len();
                met.entry(id).or_insert(number);
            }
            match model.layer(id).inputs().get(next) {
                Some(&input) => path.extend([(id, next + 1), (input, 0)]),
                None => {
                    done.insert(id);
                    finished.push(id);
                }
            }
        }
    }
    (met, finished)
}
