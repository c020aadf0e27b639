//! How ONNX sees the array of one of the graph's layers. ONNX keeps channels first and turns axes about freely; the graph
//! keeps them last. Reading only notes how axes stand: elements are moved where nothing else will do.

use handaxe_graph::LayerId;

/// An array of a layer as ONNX sees it: its elements taken as an array of extents `stored`, axes reordered, in `shape`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    /// The layer that computes it.
    pub(super) id: LayerId,
    /// Extents by which the layer's elements are read, row-major.
    stored: Vec<usize>,
    /// Axis `i` of the reordered array is axis `order[i]` of the stored one.
    order: Vec<usize>,
    /// The shape in ONNX; the axis of the samples, one of them, is among its axes.
    pub(super) shape: Vec<usize>,
}

impl View {
    /// The array of a layer with output shape `stored`, behind an axis for the samples.
    pub(super) fn plain(id: LayerId, stored: &[usize]) -> Self {
        let shape = [&[1], stored].concat();
        Self { id, stored: stored.to_vec(), order: (0..stored.len()).collect(), shape }
    }

    /// An array of `shape` whose axes that are longer than 1 are stored in the order of `axes`.
    pub(super) fn of_axes(id: LayerId, shape: Vec<usize>, axes: &[usize]) -> Self {
        let axes: Vec<usize> = axes.iter().copied().filter(|&axis| shape[axis] > 1).collect();
        let mut order: Vec<usize> = (0..axes.len()).collect();
        order.sort_by_key(|&place| axes[place]);
        Self { id, stored: axes.iter().map(|&axis| shape[axis]).collect(), order, shape }
    }

    /// The same elements, row-major in ONNX' sense, in another shape of as many.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self { shape, ..self.clone() }
    }

    /// The same array computed by another layer element by element, in the same places.
    pub(super) fn computed_by(&self, id: LayerId) -> Self {
        Self { id, ..self.clone() }
    }

    /// Extents of the stored axes that are longer than 1.
    pub(super) fn stored(&self) -> Vec<usize> {
        longer_than_one(&self.stored).map(|axis| self.stored[axis]).collect()
    }

    /// How the stored axes that are longer than 1 are reordered.
    pub(super) fn order(&self) -> Vec<usize> {
        let long: Vec<usize> = longer_than_one(&self.stored).collect();
        self.order.iter().filter_map(|axis| long.iter().position(|long| long == axis)).collect()
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.order().is_sorted()
    }

    /// The axes of `shape` longer than 1 in the order in which they are stored; nothing if an axis is spread over the store.
    pub(super) fn axes(&self) -> Option<Vec<usize>> {
        let (stored, order) = (self.stored(), self.order());
        let long: Vec<usize> = longer_than_one(&self.shape).collect();
        // Runs of reordered axes and of the shape's axes that hold as many elements, with the stored place of the first.
        let mut groups = Vec::new();
        let (mut place, mut axis) = (0, 0);
        while place < order.len() && axis < long.len() {
            let (first_place, first_axis) = (place, axis);
            let (mut inner, mut outer) = (stored[order[place]], self.shape[long[axis]]);
            while inner != outer {
                if inner < outer {
                    place += 1;
                    inner *= stored[*order.get(place)?];
                } else {
                    axis += 1;
                    outer *= self.shape[*long.get(axis)?];
                }
            }
            (place, axis) = (place + 1, axis + 1);
            let run = &order[first_place..place];
            if run.windows(2).any(|pair| pair[1] != pair[0] + 1) {
                return None;
            }
            groups.push((run[0], first_axis..axis));
        }
        groups.sort_by_key(|(place, _)| *place);
        Some(groups.into_iter().flat_map(|(_, axes)| long[axes].to_vec()).collect())
    }

    /// The array with its axes reordered as `numpy.transpose` does it, if no element need be moved for that.
    pub(super) fn transposed(&self, permutation: &[usize]) -> Option<Self> {
        let axes = self.axes()?;
        let moved = |axis: &usize| permutation.iter().position(|from| from == axis);
        let axes: Option<Vec<usize>> = axes.iter().map(moved).collect();
        let shape = permutation.iter().map(|&axis| self.shape[axis]).collect();
        Some(Self::of_axes(self.id, shape, &axes?))
    }

    /// For each element in ONNX' order, its place in the store.
    pub(super) fn places(&self) -> Vec<usize> {
        let mut strides = vec![1; self.stored.len()];
        for axis in (1..self.stored.len()).rev() {
            strides[axis - 1] = strides[axis] * self.stored[axis];
        }
        let mut places = vec![0];
        for &axis in &self.order {
            let (extent, stride) = (self.stored[axis], strides[axis]);
            places = places
                .iter()
                .flat_map(|place| (0..extent).map(move |index| place + index * stride))
                .collect();
        }
        places
    }
}

/// The axes that are longer than 1.
fn longer_than_one(shape: &[usize]) -> impl Iterator<Item = usize> {
    shape.iter().enumerate().filter(|(_, extent)| **extent > 1).map(|(axis, _)| axis)
}
