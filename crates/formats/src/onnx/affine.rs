//! Normalisation, and constants that are added or multiplied: all become a BatchNorm over the last axis. Passes of the graph join them to
//! biases and to one another.

use std::rc::Rc;

use handaxe_graph::Op;

use super::array::{Array, Data};
use super::builder::Builder;
use super::fold::broadcast;
use super::node::Node;
use super::view::View;
use crate::Error;

/// The most numbers that one constant is repeated to.
const WIDEST: usize = 1 << 22;

pub(super) fn batch_norm<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    if node.int("training_mode", 0) != 0 {
        return Err(
            node.unsupported("it normalises by each batch: export the model in evaluation mode")
        );
    }
    if node.int("spatial", 1) == 0 {
        return Err(node.unsupported("normalisation of each element (spatial = 0) is not known"));
    }
    let rank = view.shape.len();
    if rank == 0 {
        return Err(node.unsupported("its input has no axes"));
    }
    let axis = if node.is_channels_last() { rank - 1 } else { 1.min(rank - 1) };
    // Along the channels' axis, so that it is repeated over those behind it.
    let mut along = vec![1; rank - axis];
    let mut weights = Vec::new();
    for place in 1..5 {
        let weight = to.constant(node, place)?;
        along[0] = weight.len();
        if weight.len() != view.shape[axis] {
            let given = format!("for {} channels, its input is {:?}", weight.len(), view.shape);
            return Err(node.wrong("its weights", given, "one for each channel"));
        }
        weights.push(Array::floats(along.clone(), weight.values()));
    }
    let scale = to.constant(node, 1)?;
    let name = to.name(node, Some(&scale));
    let refs: Vec<&Array> = weights.iter().collect();
    let (view, vectors) = to.per_channel(&name, node, &view, &refs)?;
    let momentum = node.float("momentum", 0.9);
    let op = Op::BatchNorm { epsilon: node.float("epsilon", 1e-5), momentum };
    let id = to.add(&name, op, &[view.id])?;
    for (weight, values) in
        ["gamma", "beta", "moving_mean", "moving_variance"].into_iter().zip(vectors)
    {
        to.set_floats(id, weight, values)?;
    }
    to.set(node, view.computed_by(id))
}

pub(super) fn layer_norm<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let rank = view.shape.len();
    if node.axis(node.int("axis", -1), rank)? + 1 != rank {
        return Err(node.unsupported("normalisation of a sample is known over its last axis"));
    }
    let scale = to.constant(node, 1)?;
    let bias = to.optional(node, 2)?;
    let name = to.name(node, Some(&scale));
    let (id, axes) = to.with_last(&name, &view, rank - 1)?;
    let id = to.add(&name, Op::LayerNorm { epsilon: node.float("epsilon", 1e-5) }, &[id])?;
    to.set_floats(id, "gamma", scale.values())?;
    if let Some(bias) = bias {
        to.set_floats(id, "beta", bias.values())?;
    }
    to.set(node, View::of_axes(id, view.shape, &axes))
}

/// An operator with a constant: a line gamma x + beta for each channel.
pub(super) fn with_constant<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let Some((place, array)) = to.constant_operand(node) else {
        return Err(node.unsupported("one of its operands must be a constant"));
    };
    let view = to.array(node, 1 - place)?;
    let array = aligned(node, &view, array)?;
    if (node.op(), place) == ("Div", 0) {
        return Err(node.unsupported("a constant that is divided by an array is not known"));
    }
    let name = to.name(node, None);
    // A bias keeps its quantiser where it is a number for each entry of an axis.
    let codes = Some(&array).filter(|array| array.quantiser.is_some() && node.op() == "Add");
    let bias = codes.and_then(|array| array.reshaped(vec![array.len()]));
    let (view, mut vectors) = to.per_channel(&name, node, &view, &[&array])?;
    let values = vectors.pop().unwrap_or_default();
    let pairs: Vec<(f32, f32)> = values
        .into_iter()
        .map(|value| match (node.op(), place) {
            ("Add", _) => (1.0, value),
            ("Sub", 1) => (1.0, -value),
            ("Sub", _) => (-1.0, value),
            ("Mul", _) => (value, 0.0),
            _ => (value.recip(), 0.0),
        })
        .collect();
    let made = to.lines(&name, &view, &pairs)?;
    if let Some(bias) = bias.filter(|bias| bias.len() == pairs.len()) {
        to.set_weight(made.id, "beta", &bias)?;
    }
    to.set(node, made)
}

/// The constant behind an operator with axes of length 1 where opset 6 says so: it names the axis at which the second operand begins.
pub(super) fn aligned(node: Node<'_>, view: &View, array: Rc<Array>) -> Result<Rc<Array>, Error> {
    if node.opset >= 7 || node.int("broadcast", 0) == 0 || !node.has("axis") {
        return Ok(array);
    }
    let rank = view.shape.len();
    let axis = node.axis(node.int("axis", 0), rank)?;
    let behind = rank.saturating_sub(axis + array.shape.len());
    let shape = [array.shape.as_slice(), &vec![1; behind]].concat();
    Ok(array.reshaped(shape).map_or(array, Rc::new))
}

/// The array with its sign changed.
pub(super) fn negative<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let made = to.line(&to.name(node, None), &view, -1.0, 0.0)?;
    to.set(node, made)
}

impl Builder<'_> {
    /// gamma x + beta for all elements.
    pub(super) fn line(
        &mut self,
        name: &str,
        view: &View,
        gamma: f32,
        beta: f32,
    ) -> Result<View, Error> {
        let channels = self.width(view)?;
        self.lines(name, view, &vec![(gamma, beta); channels])
    }

    /// The length of the last axis of the layer that computes an array.
    fn width(&self, view: &View) -> Result<usize, Error> {
        let width = self.extents(view.id).last().copied().unwrap_or(1);
        if width > WIDEST { Err(Error::OnnxElements { most: WIDEST as u64 }) } else { Ok(width) }
    }

    fn lines(&mut self, name: &str, view: &View, lines: &[(f32, f32)]) -> Result<View, Error> {
        let id = self.add(name, Op::line(), &[view.id])?;
        self.set_floats(id, "gamma", lines.iter().map(|line| line.0).collect())?;
        self.set_floats(id, "beta", lines.iter().map(|line| line.1).collect())?;
        Ok(view.computed_by(id))
    }

    /// Constants that are repeated over an array as numbers for each entry of a layer's last axis, and the array as that
    /// layer computes it.
    pub(super) fn per_channel(
        &mut self,
        name: &str,
        node: super::node::Node<'_>,
        view: &View,
        constants: &[&Array],
    ) -> Result<(View, Vec<Vec<f32>>), Error> {
        let rank = view.shape.len();
        let mut varying: Vec<usize> = Vec::new();
        for constant in constants {
            let Some(skipped) = rank.checked_sub(constant.shape.len()) else {
                let given = format!("of shape {:?} for {:?}", constant.shape, view.shape);
                return Err(node.wrong("its constant", given, "of as many axes at most"));
            };
            for (axis, &extent) in constant.shape.iter().enumerate() {
                if extent != 1 && extent != view.shape[skipped + axis] {
                    let given = format!("of shape {:?} for {:?}", constant.shape, view.shape);
                    return Err(node.wrong("its constant", given, "1 or as long on each axis"));
                }
                if extent > 1 && !varying.contains(&(skipped + axis)) {
                    varying.push(skipped + axis);
                }
            }
        }
        let repeated = |values: Vec<f32>, width: usize| match values.as_slice() {
            [one] => vec![*one; width],
            _ => values,
        };
        match varying.as_slice() {
            [] => {
                let width = self.width(view)?;
                let vectors = constants.iter().map(|array| repeated(array.values(), width));
                Ok((view.clone(), vectors.collect()))
            }
            &[axis] if view.axes().is_some() => {
                let (id, axes) = self.with_last(name, view, axis)?;
                let width = view.shape[axis];
                let vectors = constants.iter().map(|array| repeated(array.values(), width));
                Ok((View::of_axes(id, view.shape.clone(), &axes), vectors.collect()))
            }
            _ => {
                // A number for each element, in the order in which they are stored.
                let count = view.shape.iter().product::<usize>();
                if count > WIDEST {
                    return Err(Error::OnnxElements { most: WIDEST as u64 });
                }
                let places = view.places();
                let id = self.reshaped(name, view.id, &[places.len()])?;
                let spread = |array: &&Array| {
                    let values = array.values();
                    let mut stored = vec![0.0; places.len()];
                    let sources = broadcast(&array.shape, &view.shape);
                    for (&place, source) in places.iter().zip(sources) {
                        stored[place] = values[source];
                    }
                    stored
                };
                Ok((view.computed_by(id), constants.iter().map(spread).collect()))
            }
        }
    }
}

/// A constant that is a number, whatever its axes.
pub(super) fn number(array: &Array) -> Option<i64> {
    match &array.data {
        Data::Int(values) => values.first().copied().filter(|_| values.len() == 1),
        Data::Float(_) => array.scalar().map(|value| value as i64),
    }
}
