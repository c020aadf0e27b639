//! Where elements must be moved after all: the layers that do it, as few as will do.

use handaxe_graph::{LayerId, Op};

use super::builder::Builder;
use super::view::View;
use crate::Error;

impl Builder<'_> {
    /// A layer whose output has the array's axes `axes`, in this order; axes of length 1 may be left out.
    pub(super) fn arranged(
        &mut self,
        name: &str,
        view: &View,
        axes: &[usize],
    ) -> Result<LayerId, Error> {
        let target: Vec<usize> = axes.iter().map(|&axis| view.shape[axis]).collect();
        let long = |axes: &[usize]| -> Vec<usize> {
            axes.iter().copied().filter(|&axis| view.shape[axis] > 1).collect()
        };
        let wanted = long(axes);
        let (id, current) = match view.axes() {
            Some(current) => (view.id, current),
            None => {
                let all: Vec<usize> = (0..view.shape.len()).collect();
                (self.unravelled(name, view)?, long(&all))
            }
        };
        if current == wanted {
            return self.reshaped(name, id, &target);
        }
        let extents = self.extents(id);
        let lengths: Vec<usize> = current.iter().map(|&axis| view.shape[axis]).collect();
        let same = extents.iter().copied().filter(|&extent| extent > 1).eq(lengths.iter().copied());
        if same && extents.len() == target.len() {
            // One step: axes of length 1 change places with the others.
            let mut short = (0..extents.len()).filter(|&place| extents[place] == 1);
            let long: Vec<usize> = (0..extents.len()).filter(|&place| extents[place] > 1).collect();
            let from = |&axis: &usize| match current.iter().position(|&known| known == axis) {
                Some(place) => long.get(place).copied(),
                None => short.next(),
            };
            if let Some(axes) = axes.iter().map(from).collect::<Option<Vec<usize>>>() {
                return self.add(&format!("{name}_transpose"), Op::Permute { axes }, &[id]);
            }
        }
        let id = self.reshaped(name, id, &lengths)?;
        let place = |axis: &usize| current.iter().position(|known| known == axis);
        let axes: Vec<usize> = wanted.iter().filter_map(place).collect();
        let id = self.add(&format!("{name}_transpose"), Op::Permute { axes }, &[id])?;
        self.reshaped(name, id, &target)
    }

    /// A layer whose output has all axes but that of the samples, in ONNX' order.
    pub(super) fn in_order(&mut self, name: &str, view: &View) -> Result<LayerId, Error> {
        let first = usize::from(view.shape.len() > 1 && view.shape[0] == 1);
        let axes: Vec<usize> = (first..view.shape.len()).collect();
        self.arranged(name, view, &axes)
    }

    /// The elements one after the other in the order that ONNX counts them in.
    fn unravelled(&mut self, name: &str, view: &View) -> Result<LayerId, Error> {
        if view.is_in_order() {
            return Ok(view.id);
        }
        let id = self.reshaped(name, view.id, &view.stored())?;
        self.add(&format!("{name}_transpose"), Op::Permute { axes: view.order() }, &[id])
    }

    /// The same elements, row-major, in another shape.
    pub(super) fn reshaped(
        &mut self,
        name: &str,
        id: LayerId,
        shape: &[usize],
    ) -> Result<LayerId, Error> {
        let shape = if shape.is_empty() { &[1] } else { shape };
        if self.extents(id) == shape {
            return Ok(id);
        }
        match shape {
            [_] => self.add(&format!("{name}_flatten"), Op::Flatten, &[id]),
            shape => {
                let op = Op::Reshape { shape: shape.to_vec() };
                self.add(&format!("{name}_reshape"), op, &[id])
            }
        }
    }

    /// A layer whose output has axis `axis` last and all others that are longer than 1 before it, as they are stored; with
    /// the order of axes.
    pub(super) fn with_last(
        &mut self,
        name: &str,
        view: &View,
        axis: usize,
    ) -> Result<(LayerId, Vec<usize>), Error> {
        let mut axes = match view.axes() {
            Some(axes) => axes,
            None => (0..view.shape.len()).filter(|&axis| view.shape[axis] > 1).collect(),
        };
        axes.retain(|&other| other != axis);
        axes.push(axis);
        // Axes of length 1 that the layer has already may stay.
        let kept = view.axes().is_some_and(|stored| {
            let long: Vec<usize> = axes.iter().copied().filter(|&a| view.shape[a] > 1).collect();
            let extents = self.extents(view.id);
            let lengths = stored.iter().map(|&axis| view.shape[axis]);
            stored == long
                && extents.last() == Some(&view.shape[axis])
                && extents.iter().copied().filter(|&extent| extent > 1).eq(lengths)
        });
        if kept {
            return Ok((view.id, axes));
        }
        Ok((self.arranged(name, view, &axes)?, axes))
    }
}
