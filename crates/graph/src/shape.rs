//! The shape of a layer's output from the shapes of its inputs, without the sample axis.

mod window;

use crate::{Error, Integer, MOST_LAYERS, Op, Quantiser};

/// Largest number of elements of one layer's output: far more than fits an FPGA, and small enough that products of sizes
/// stay far from overflow.
const MOST_ELEMENTS: usize = 1 << 28;

/// Largest number of axes of an array: as many as NumPy's had for twenty years.
const MOST_AXES: usize = 32;

/// Largest number of weights of a whole model (512 MiB), so that a hostile file cannot ask for all memory.
pub(crate) const MOST_WEIGHTS: usize = 1 << 27;

impl Op {
    /// Infers the output shape of the layer called `name` and checks its parameters.
    pub(crate) fn output_shape(
        &self,
        name: &str,
        inputs: &[&[usize]],
    ) -> Result<Vec<usize>, Error> {
        let layer = Place { name, op: self };
        layer.check_input_count(inputs.len())?;
        let shape = match inputs {
            [] => layer.declared()?,
            [input] => layer.single(input)?,
            several => layer.joined(several)?,
        };
        if shape.len() > MOST_AXES {
            let (layer, given) = (name.to_owned(), shape.len());
            return Err(Error::TooManyAxes { layer, given, most: MOST_AXES });
        }
        let input = inputs.first().copied().unwrap_or(&[]);
        let weights = self.weights(input).into_iter().map(|(_, shape, _)| shape);
        match weights.chain([shape.clone()]).find(|shape| is_too_large(shape)) {
            Some(shape) => {
                Err(Error::TooLarge { layer: name.to_owned(), shape, most: MOST_ELEMENTS })
            }
            None => Ok(shape),
        }
    }
}

fn is_too_large(shape: &[usize]) -> bool {
    let count = shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis));
    count.is_none_or(|count| count > MOST_ELEMENTS)
}

/// A layer under inspection: what the errors name.
struct Place<'a> {
    name: &'a str,
    op: &'a Op,
}

impl Place<'_> {
    fn kind(&self) -> &'static str {
        self.op.layer_type().name()
    }

    fn check_input_count(&self, given: usize) -> Result<(), Error> {
        let (fits, expected) = match self.op {
            Op::Input { .. } => (given == 0, "no"),
            Op::Subtract => (given == 2, "exactly two"),
            op if op.is_element_wise_join() || *op == Op::Concatenate => {
                ((2..=MOST_LAYERS).contains(&given), "2 to 4096")
            }
            _ => (given == 1, "exactly one"),
        };
        if fits {
            return Ok(());
        }
        Err(Error::InputCount { layer: self.name.to_owned(), kind: self.kind(), expected, given })
    }

    fn declared(&self) -> Result<Vec<usize>, Error> {
        match self.op {
            Op::Input { shape } if !shape.is_empty() && !shape.contains(&0) => Ok(shape.clone()),
            Op::Input { shape } => {
                Err(self.parameter("shape", format!("{shape:?}"), "one or more positive axes"))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn single(&self, input: &[usize]) -> Result<Vec<usize>, Error> {
        match self.op {
            Op::Dense { units, .. } => {
                self.positive("units", *units)?;
                Ok(with_last(input, *units))
            }
            Op::Conv { filters, window, .. } => {
                self.positive("filters", *filters)?;
                Ok(with_last(&self.slide(window, input)?, *filters))
            }
            Op::DepthwiseConv { multiplier, window, .. } => {
                self.positive("the depth multiplier", *multiplier)?;
                let shape = self.slide(window, input)?;
                let channels = shape.last().copied().unwrap_or(0);
                Ok(with_last(&shape, channels.saturating_mul(*multiplier)))
            }
            Op::Pool { window, .. } => self.slide(window, input),
            Op::GlobalPool { .. } => match input {
                [_, channels] | [_, _, channels] => Ok(vec![*channels]),
                _ => Err(self.input(
                    input,
                    "it needs (length, channels) or (height, width, channels)".to_owned(),
                )),
            },
            Op::Flatten => Ok(vec![input.iter().product()]),
            Op::Reshape { shape } => {
                let elements: usize = input.iter().product();
                if !shape.is_empty()
                    && !is_too_large(shape)
                    && shape.iter().product::<usize>() == elements
                {
                    return Ok(shape.clone());
                }
                Err(self.input(
                    input,
                    format!("it holds {elements} elements, the target {shape:?} needs as many"),
                ))
            }
            Op::Permute { axes } => {
                let mut sorted = axes.clone();
                sorted.sort_unstable();
                if sorted.into_iter().eq(0..input.len()) {
                    return Ok(axes.iter().map(|&axis| input[axis]).collect());
                }
                Err(self.input(input, format!("{axes:?} must name each of its axes once")))
            }
            Op::ZeroPad { margins } => self.spatial(input, margins, |extent, &(before, after)| {
                extent.checked_add(before)?.checked_add(after)
            }),
            Op::Crop { margins } => self.spatial(input, margins, |extent, &(before, after)| {
                extent.checked_sub(before)?.checked_sub(after)
            }),
            Op::UpSample { factors, .. } => {
                self.spatial(input, factors, |extent, &factor| extent.checked_mul(factor))
            }
            Op::PRelu { slopes } => self.shared(input, slopes),
            Op::Quantise { quantiser } => {
                if let Some((what, given, right)) = quantiser.fault() {
                    return Err(self.parameter(what, given, right));
                }
                if quantiser.is_fitted() {
                    let right = "a number: a scale fitted to the batch is no function of a sample";
                    return Err(self.parameter("the scale", "fitted".to_owned(), right));
                }
                match quantiser {
                    Quantiser::PerElement { shape, .. }
                    | Quantiser::Integer(Integer { shape, .. }) => self.shared(input, shape),
                    _ => Ok(input.to_vec()),
                }
            }
            Op::Lookup { entries, step } => {
                self.positive("the number of entries", *entries)?;
                if !(step.is_finite() && *step > 0.0) {
                    return Err(self.parameter("the step", step.to_string(), "a positive number"));
                }
                Ok(input.to_vec())
            }
            Op::BatchNorm { epsilon, .. } | Op::LayerNorm { epsilon }
                if !(epsilon.is_finite() && *epsilon > 0.0) =>
            {
                Err(self.parameter("epsilon", epsilon.to_string(), "a positive number"))
            }
            Op::Dropout { rate } if !(0.0..1.0).contains(rate) => {
                Err(self.parameter("the rate", rate.to_string(), "in 0..1"))
            }
            _ => Ok(input.to_vec()),
        }
    }

    fn joined(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Error> {
        let first = inputs[0];
        if self.op.is_element_wise_join() {
            return self.broadcast(inputs);
        }
        let axes = match self.op {
            Op::Concatenate => first.len().saturating_sub(1),
            _ => first.len(),
        };
        let odd = inputs
            .iter()
            .find(|shape| shape.len() != first.len() || shape[..axes] != first[..axes]);
        if let Some(second) = odd {
            return Err(Error::Join {
                layer: self.name.to_owned(),
                kind: self.kind(),
                first: first.to_vec(),
                second: second.to_vec(),
                fix: "all axes but the last must agree",
            });
        }
        let channels = inputs.iter().filter_map(|shape| shape.last());
        Ok(with_last(first, channels.fold(0, |sum, &channels| channels.saturating_add(sum))))
    }

    /// The common shape of arrays of one rank whose axes are equal or 1.
    fn broadcast(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Error> {
        let mut shape = inputs[0].to_vec();
        for second in inputs {
            let fits = |(one, two): (&usize, &usize)| one == two || *one == 1 || *two == 1;
            if second.len() != shape.len() || !shape.iter().zip(*second).all(fits) {
                return Err(Error::Join {
                    layer: self.name.to_owned(),
                    kind: self.kind(),
                    first: shape,
                    second: second.to_vec(),
                    fix: "ranks must agree, and each axis be equal or 1",
                });
            }
            shape.iter_mut().zip(*second).for_each(|(axis, &other)| *axis = (*axis).max(other));
        }
        Ok(shape)
    }

    /// Each spatial axis changed by `change`, which gives nothing or 0 for what cannot be.
    fn spatial<T: std::fmt::Debug>(
        &self,
        input: &[usize],
        changes: &[T],
        change: impl Fn(usize, &T) -> Option<usize>,
    ) -> Result<Vec<usize>, Error> {
        let wrong = || {
            self.input(input, format!("{changes:?} needs as many axes before the channels, and must leave some of each"))
        };
        if !matches!(changes.len(), 1 | 2) || input.len() != changes.len() + 1 {
            return Err(wrong());
        }
        let mut shape = input.to_vec();
        for (axis, one) in shape.iter_mut().zip(changes) {
            *axis = change(*axis, one).filter(|&extent| extent > 0).ok_or_else(wrong)?;
        }
        Ok(shape)
    }

    /// The input's shape, if `weights` fits it with each axis equal or 1.
    fn shared(&self, input: &[usize], weights: &[usize]) -> Result<Vec<usize>, Error> {
        let fits = |(one, two): (&usize, &usize)| one == two || *one == 1;
        // Fewer axes than the input's stand for the last ones.
        let skipped = input.len().checked_sub(weights.len());
        if skipped.is_some_and(|skipped| weights.iter().zip(&input[skipped..]).all(fits)) {
            return Ok(input.to_vec());
        }
        Err(self
            .input(input, format!("its weights of shape {weights:?} need each axis equal or 1")))
    }

    fn positive(&self, what: &'static str, value: usize) -> Result<(), Error> {
        if value > 0 { Ok(()) } else { Err(self.parameter(what, value.to_string(), "positive")) }
    }

    fn parameter(&self, what: &'static str, given: String, right: &'static str) -> Error {
        Error::Parameter { layer: self.name.to_owned(), kind: self.kind(), what, given, right }
    }

    fn input(&self, given: &[usize], fix: String) -> Error {
        Error::InputShape {
            layer: self.name.to_owned(),
            kind: self.kind(),
            given: given.to_vec(),
            fix,
        }
    }
}

fn with_last(shape: &[usize], last: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let Some(axis) = shape.last_mut() {
        *axis = last;
    }
    shape
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Interpolation, Padding, Scale, Window};

    /// Windows placed one by one, as a person would count them.
    fn count_windows(extent: usize, size: usize, stride: usize, padding: Padding) -> usize {
        let window = Window { strides: vec![stride], ..Window::dense(&[size], padding) };
        let (before, after) = window.padding_of(&[extent])[0];
        (0..).map(|n| n * stride + size).take_while(|&end| end <= before + extent + after).count()
    }

    proptest! {
        #[test]
        fn slides_as_counted(extent in 1usize..40, size in 1usize..8, stride in 1usize..5, same: bool) {
            let padding = if same { Padding::Same } else { Padding::Valid };
            let op = Op::Conv { filters: 3, window: Window { strides: vec![stride], ..Window::dense(&[size], padding) }, bias: true };
            match op.output_shape("c", &[&[extent, 2]]) {
                Ok(shape) => prop_assert_eq!(shape, vec![count_windows(extent, size, stride, padding), 3]),
                Err(error) => prop_assert!(!same && extent < size, "{}", error),
            }
        }
    }

    #[test]
    fn follows_the_layers_of_keras() {
        let shape = |op: Op, inputs: &[&[usize]]| op.output_shape("layer", inputs).unwrap();
        let margins = vec![(1, 2), (0, 3)];
        assert_eq!(shape(Op::ZeroPad { margins: margins.clone() }, &[&[4, 5, 2]]), [7, 8, 2]);
        assert_eq!(shape(Op::Crop { margins }, &[&[7, 8, 2]]), [4, 5, 2]);
        let doubled = Op::UpSample { factors: vec![2], interpolation: Interpolation::Nearest };
        assert_eq!(shape(doubled, &[&[4, 2]]), [8, 2]);
        assert_eq!(shape(Op::Permute { axes: vec![2, 0, 1] }, &[&[4, 5, 2]]), [2, 4, 5]);
        assert_eq!(shape(Op::Multiply, &[&[4, 5, 2], &[1, 1, 2]]), [4, 5, 2]);
        let dilated = Window { dilation: vec![2], ..Window::dense(&[3], Padding::Valid) };
        assert_eq!(
            shape(Op::Conv { filters: 1, window: dilated, bias: false }, &[&[9, 2]]),
            [5, 1]
        );

        let error = |op: Op, inputs: &[&[usize]]| op.output_shape("layer", inputs).unwrap_err();
        let crop = Op::Crop { margins: vec![(3, usize::MAX)] };
        assert!(matches!(error(crop, &[&[4, 2]]), Error::InputShape { .. }));
        let pad = Op::ZeroPad { margins: vec![(1 << 60, 1 << 60)] };
        assert!(matches!(error(pad, &[&[4, 2]]), Error::TooLarge { .. }));
        let twice = Op::Permute { axes: vec![0, 0] };
        assert!(matches!(error(twice, &[&[4, 2]]), Error::InputShape { .. }));
        let alpha = Scale::AutoPo2;
        let fitted = Op::Quantise { quantiser: Quantiser::Binary { zero_one: false, alpha } };
        assert!(matches!(error(fitted, &[&[4]]), Error::Parameter { .. }));
    }

    #[test]
    fn says_how_to_mend() {
        let conv =
            Op::Conv { filters: 4, window: Window::dense(&[3, 3], Padding::Valid), bias: true };
        let error = conv.output_shape("conv", &[&[784]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "layer `conv` (Conv2D) cannot take an input of shape [784]: a 2-D window needs (height, width, channels); put a Reshape before it"
        );
        assert!(matches!(Op::Add.output_shape("sum", &[&[4], &[5]]), Err(Error::Join { .. })));
        let scalar = Op::Reshape { shape: vec![] };
        assert!(matches!(scalar.output_shape("r", &[&[1]]), Err(Error::InputShape { .. })));
        let huge = Op::Dense { units: 1 << 60, bias: false };
        assert!(matches!(huge.output_shape("d", &[&[16]]), Err(Error::TooLarge { .. })));
    }
}
