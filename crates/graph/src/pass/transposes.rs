use std::collections::{BTreeMap, BTreeSet};

use super::Pass;
use crate::model::{Rewrite, readers};
use crate::{Error, Layer, LayerId, Model, Op, Quantiser};

/// Elements are moved where a layer needs them otherwise, and nowhere else.
pub(super) struct MergeTransposes;

impl Pass for MergeTransposes {
    fn name(&self) -> &'static str {
        "merge-transposes"
    }

    fn description(&self) -> &'static str {
        "transposes move behind layers that work element by element, become one or nothing where they meet, and an order of rows before a Dense"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        let plan = Plan::new(&model);
        if plan.count() >= count(&model) { Ok(model) } else { plan.apply(model) }
    }
}

/// The number of transposes.
pub(super) fn count(model: &Model) -> usize {
    model.layers().filter(|(_, layer)| matches!(layer.op(), Op::Permute { .. })).count()
}

/// An old layer's array: that of another layer as it will be computed, its axes reordered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    carrier: LayerId,
    /// Axis `i` is axis `axes[i]` of the carrier's array.
    axes: Vec<usize>,
}

impl Seen {
    fn is_plain(&self) -> bool {
        self.axes.is_sorted()
    }
}

/// What becomes of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A transpose that is noted only.
    Noted,
    /// Computed in whichever order its inputs are.
    Through,
    /// A Flatten of elements in another order, to which the rows of all kernels behind it are brought.
    Rows,
    /// Computed in its own order of axes.
    Fixed,
}

/// How few transposes will do.
pub(super) struct Plan {
    fates: Vec<Fate>,
    seen: Vec<Seen>,
    /// The arrays that must be transposed after all, with the old transpose that gives each its name.
    wanted: BTreeMap<Seen, LayerId>,
}

impl Plan {
    pub(super) fn new(model: &Model) -> Self {
        let readers = readers(model);
        let outputs: BTreeSet<LayerId> = model.outputs().iter().copied().collect();
        let mut plan = Self { fates: Vec::new(), seen: Vec::new(), wanted: BTreeMap::new() };
        // The last transpose before each layer.
        let mut named: Vec<Option<LayerId>> = Vec::new();
        for (id, layer) in model.layers() {
            let before: Vec<&Seen> =
                layer.inputs().iter().map(|input| &plan.seen[input.index()]).collect();
            let fate = match (layer.op(), before.first()) {
                (Op::Permute { .. }, _) => Fate::Noted,
                (_, Some(first)) if !first.is_plain() && goes_through(model, layer, &before) => {
                    Fate::Through
                }
                (_, Some(first)) if !first.is_plain() && is_flat(layer) => {
                    let rows = !outputs.contains(&id)
                        && readers[id.index()]
                            .iter()
                            .all(|&reader| takes_rows(model.layer(reader)));
                    if rows { Fate::Rows } else { Fate::Fixed }
                }
                _ => Fate::Fixed,
            };
            let own = (0..layer.output_shape().len()).collect();
            let axes = match (fate, layer.op(), before.first()) {
                (Fate::Noted, Op::Permute { axes }, Some(from)) => {
                    axes.iter().map(|&axis| from.axes[axis]).collect()
                }
                (Fate::Through, _, Some(from)) => from.axes.clone(),
                _ => own,
            };
            let carrier = match (fate, before.first()) {
                (Fate::Noted, Some(from)) => from.carrier,
                _ => id,
            };
            if fate == Fate::Fixed {
                let turned: Vec<LayerId> = layer.inputs().to_vec();
                turned.into_iter().for_each(|input| plan.want(input, &named));
            }
            let last = layer.inputs().first().and_then(|input| named[input.index()]);
            named.push(if fate == Fate::Noted { Some(id) } else { last });
            plan.fates.push(fate);
            plan.seen.push(Seen { carrier, axes });
        }
        model.outputs().iter().for_each(|&output| plan.want(output, &named));
        plan
    }

    fn want(&mut self, id: LayerId, named: &[Option<LayerId>]) {
        let seen = &self.seen[id.index()];
        if !seen.is_plain() {
            self.wanted.entry(seen.clone()).or_insert(named[id.index()].unwrap_or(id));
        }
    }

    /// The transposes that are left.
    pub(super) fn count(&self) -> usize {
        self.wanted.len()
    }

    fn apply(self, model: Model) -> Result<Model, Error> {
        let mut rewrite = Rewrite::new(model);
        let mut made = BTreeMap::new();
        for id in rewrite.ids() {
            let inputs: Vec<LayerId> = rewrite.old.layer(id).inputs().to_vec();
            match self.fates[id.index()] {
                Fate::Noted => {}
                Fate::Through | Fate::Rows => {
                    let carriers = inputs.iter().map(|input| self.seen[input.index()].carrier);
                    let carriers: Vec<LayerId> = carriers.map(|id| rewrite.at(id)).collect();
                    rewrite.keep(id, &carriers)?;
                }
                Fate::Fixed => {
                    let arranged: Result<Vec<LayerId>, Error> = inputs
                        .iter()
                        .map(|&input| self.arranged(&mut rewrite, &mut made, input))
                        .collect();
                    let new = rewrite.keep(id, &arranged?)?;
                    if let [input] = inputs.as_slice()
                        && self.fates[input.index()] == Fate::Rows
                    {
                        self.bring_rows(&mut rewrite, *input, new)?;
                    }
                }
            }
        }
        let outputs = rewrite.old.outputs().to_vec();
        let outputs: Result<Vec<LayerId>, Error> = outputs
            .into_iter()
            .map(|output| self.arranged(&mut rewrite, &mut made, output))
            .collect();
        rewrite.finish(&outputs?)
    }

    /// The new layer with an old one's array in its own order.
    fn arranged(
        &self,
        rewrite: &mut Rewrite,
        made: &mut BTreeMap<Seen, LayerId>,
        id: LayerId,
    ) -> Result<LayerId, Error> {
        let seen = &self.seen[id.index()];
        let carrier = rewrite.at(seen.carrier);
        if seen.is_plain() {
            return Ok(carrier);
        }
        if let Some(made) = made.get(seen) {
            return Ok(*made);
        }
        let namesake = self.wanted.get(seen).copied().unwrap_or(id);
        let name = rewrite.old.layer(namesake).name().to_owned();
        let new = rewrite.add(&name, Op::Permute { axes: seen.axes.clone() }, &[carrier])?;
        made.insert(seen.clone(), new);
        Ok(new)
    }

    /// Brings the rows of a kernel into the order in which `flat` now counts the elements.
    fn bring_rows(&self, rewrite: &mut Rewrite, flat: LayerId, new: LayerId) -> Result<(), Error> {
        let Some(&turned) = rewrite.old.layer(flat).inputs().first() else { return Ok(()) };
        let seen = &self.seen[turned.index()];
        let from = rewrite.new.layer(rewrite.at(seen.carrier)).output_shape();
        let places = transposition(from, &seen.axes);
        let Some(kernel) = rewrite.new.layer(new).kernel() else { return Ok(()) };
        let mut moved = kernel.clone();
        let width = kernel.row_len();
        for (row, place) in kernel.values().chunks_exact(width).zip(places) {
            moved.values_mut()[place * width..(place + 1) * width].copy_from_slice(row);
        }
        rewrite.new.set_weight(new, "kernel", moved)
    }
}

/// For each element of the transposed array, the place of its source.
pub fn transposition(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let mut places = vec![0];
    for &axis in axes {
        let (extent, stride) = (shape[axis], strides[axis]);
        places = places
            .iter()
            .flat_map(|place| (0..extent).map(move |index| place + index * stride))
            .collect();
    }
    places
}

fn is_flat(layer: &Layer) -> bool {
    matches!(layer.op(), Op::Flatten | Op::Reshape { .. }) && layer.output_shape().len() == 1
}

/// Whether the rows of a layer's kernel may be put in another order.
fn takes_rows(layer: &Layer) -> bool {
    let alike = match layer.quantiser("kernel") {
        Some(Quantiser::Integer(codes)) => codes.shape_of_rank(2)[0] == 1,
        _ => true,
    };
    matches!(layer.op(), Op::Dense { .. }) && alike
}

/// Whether a layer computes the same, in another order, from arrays in another order.
fn goes_through(model: &Model, layer: &Layer, before: &[&Seen]) -> bool {
    let Some((first, rest)) = before.split_first() else { return false };
    let last_stays = first.axes.last().is_some_and(|&axis| axis + 1 == first.axes.len());
    let shape = |place: usize| model.layer(layer.inputs()[place]).output_shape();
    let alike = || rest.iter().all(|seen| seen.axes == first.axes);
    match layer.op() {
        Op::Dropout { .. } | Op::Lookup { .. } => true,
        Op::Activation { function } => last_stays || function.element(0.0).is_some(),
        Op::Quantise { quantiser: Quantiser::PerElement { .. } } => false,
        Op::Quantise { quantiser: Quantiser::Integer(codes) } => {
            codes.shape.is_empty() || (codes.shape.len() == 1 && last_stays)
        }
        Op::Quantise { .. } => true,
        Op::PRelu { slopes } => last_stays && slopes.len() == 1,
        Op::Dense { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. } => last_stays,
        Op::Concatenate => last_stays && alike(),
        op if op.is_element_wise_join() => {
            alike() && (1..before.len()).all(|place| shape(place) == shape(0))
        }
        _ => false,
    }
}
