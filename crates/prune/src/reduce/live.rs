//! Which sets of channels carry data to an output.

use handaxe_graph::Model;

use super::joint::Joint;
use super::kernel::Kernel;

/// For each layer and channel, whether it is kept.
///
/// Kept are the sets from which something that is not constant reaches a pinned set. Walking back from those finds them
/// all: cycles of sets that only feed each other, as behind a residual block that nobody reads, are never entered. A
/// layer of which nothing is left keeps the set of its first channel, as a layer cannot be empty.
pub(super) fn kept(model: &Model, joint: &Joint, constants: &[Vec<Option<f64>>]) -> Vec<Vec<bool>> {
    let mut kept = live(model, joint, constants);
    for (id, _) in model.layers() {
        let sets = joint.of(id.index());
        if !sets.iter().any(|&set| kept[set]) {
            sets.iter().take(1).for_each(|&set| kept[set] = true);
        }
    }
    let of_layer = |index| joint.of(index).iter().map(|&set| kept[set]).collect();
    (0..constants.len()).map(of_layer).collect()
}

/// For each set, whether data pass from it to a pinned one.
fn live(model: &Model, joint: &Joint, constants: &[Vec<Option<f64>>]) -> Vec<bool> {
    // For each set, the sums that make it: a kernel, the layer it reads, and the output.
    let mut sums = vec![Vec::new(); joint.count];
    let kernels = model.layers().filter_map(|(id, layer)| {
        let &input = layer.inputs().first()?;
        let kernel = Kernel::new(layer, model.layer(input)).filter(Kernel::mixes)?;
        Some((id.index(), input.index(), kernel))
    });
    let kernels: Vec<_> = kernels.collect();
    for (layer, input, kernel) in &kernels {
        let sets = joint.of(*layer).iter().enumerate();
        sets.for_each(|(output, &set)| sums[set].push((kernel, *input, output)));
    }
    let (mut live, mut open) = (vec![false; joint.count], joint.pinned.clone());
    while let Some(set) = open.pop() {
        if std::mem::replace(&mut live[set], true) {
            continue;
        }
        for &(kernel, input, output) in &sums[set] {
            let moving = kernel
                .terms(output)
                .filter(|term| term.constant(constants[input][term.channel]).is_none());
            let sets = moving.map(|term| joint.of(input)[term.channel]);
            open.extend(sets.filter(|&set| !live[set]));
        }
    }
    live
}
