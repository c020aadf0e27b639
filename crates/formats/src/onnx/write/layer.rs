//! One layer of the graph as nodes of ONNX.

use handaxe_graph::{Interpolation, Layer, LayerId, Op, PoolKind, Window};

use super::super::array::Array;
use super::{Held, Writer, float, int, ints, is_passed_through, not_in_onnx, source, text};
use super::{function, quantiser};
use crate::Error;

impl Writer<'_> {
    /// Writes a layer; gives its array.
    pub(super) fn layer(&mut self, layer: &Layer) -> Result<Held, Error> {
        let name = layer.name();
        let Ok(from) = source(layer) else { return Ok(self.input(layer)) };
        let held = self.held[from.index()].clone();
        let same = |name: String| Held { name, order: held.order.clone() };
        match layer.op() {
            op if is_passed_through(op) => Ok(held),
            Op::Permute { axes } => {
                Ok(Held { order: axes.iter().map(|&axis| held.order[axis]).collect(), ..held })
            }
            Op::Dense { .. } => self.dense(layer, from),
            Op::Conv { window, .. } | Op::DepthwiseConv { window, .. } => {
                self.conv(layer, from, window)
            }
            Op::BatchNorm { epsilon, .. } => self.batch_norm(layer, from, *epsilon),
            Op::LayerNorm { epsilon } => self.layer_norm(layer, from, *epsilon),
            Op::Activation { function } if is_over_channels(*function) => {
                let input = self.channels_last(from);
                function::write(self, layer, *function, &input)?;
                Ok(Held::plain(name, held.order.len()))
            }
            Op::Activation { function } => {
                function::write(self, layer, *function, &held.name)?;
                Ok(same(name.to_owned()))
            }
            Op::PRelu { slopes } => {
                let input = self.channels_last(from);
                let alpha = layer.weight("alpha").map_or(&[][..], |alpha| alpha.values());
                let slope = self.floats(&format!("{name}.weight"), slopes, alpha);
                self.node("PRelu", &[&input, &slope], name, []);
                Ok(Held::plain(name, held.order.len()))
            }
            Op::Quantise { quantiser } => {
                let input = self.channels_last(from);
                quantiser::layer(self, layer, quantiser, &input)?;
                Ok(Held::plain(name, held.order.len()))
            }
            Op::Pool { kind, window } => self.pool(layer, from, *kind, window),
            Op::GlobalPool { kind } => {
                let op = match kind {
                    PoolKind::Max => "GlobalMaxPool",
                    PoolKind::Average => "GlobalAveragePool",
                };
                let input = self.channels_first(from);
                let pooled = self.node(op, &[&input], &format!("{name}/pooled"), []);
                self.node("Flatten", &[&pooled], name, [int("axis", 1)]);
                Ok(Held::plain(name, 1))
            }
            Op::Flatten => {
                let input = self.channels_last(from);
                self.node("Flatten", &[&input], name, [int("axis", 1)]);
                Ok(Held::plain(name, 1))
            }
            Op::Reshape { shape } => {
                let input = self.channels_last(from);
                let target: Vec<i64> =
                    [0].into_iter().chain(shape.iter().map(|&extent| extent as i64)).collect();
                let target = self.ints(&format!("{name}/shape"), &target);
                self.node("Reshape", &[&input, &target], name, []);
                Ok(Held::plain(name, shape.len()))
            }
            Op::ZeroPad { margins } => {
                let rank = held.order.len() + 1;
                let mut pads = vec![0; 2 * rank];
                for (axis, &(before, after)) in margins.iter().enumerate() {
                    let place = held.order[axis] + 1;
                    (pads[place], pads[place + rank]) = (before as i64, after as i64);
                }
                let pads = self.ints(&format!("{name}/pads"), &pads);
                Ok(same(self.node("Pad", &[&held.name, &pads], name, [])))
            }
            Op::Crop { margins } => Ok(same(self.crop(layer, from, margins, &held))),
            Op::UpSample { factors, interpolation } => {
                self.up_sample(layer, from, factors, *interpolation)
            }
            Op::Concatenate => {
                let inputs = self.alike(layer);
                let axis = held.order.last().map_or(1, |&axis| axis as i64 + 1);
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                Ok(same(self.node("Concat", &inputs, name, [int("axis", axis)])))
            }
            Op::Add | Op::Multiply if layer.inputs().len() > 2 => {
                let op = if *layer.op() == Op::Add { "Add" } else { "Mul" };
                let inputs = self.alike(layer);
                let mut sum = inputs[0].clone();
                for (place, next) in inputs.iter().enumerate().skip(1) {
                    let last = place + 1 == inputs.len();
                    let made = if last { name.to_owned() } else { format!("{name}/{place}") };
                    sum = self.node(op, &[&sum, next], &made, []);
                }
                Ok(same(sum))
            }
            Op::Add => Ok(same(self.join(layer, "Add"))),
            Op::Subtract => Ok(same(self.join(layer, "Sub"))),
            Op::Multiply => Ok(same(self.join(layer, "Mul"))),
            Op::Average => Ok(same(self.join(layer, "Mean"))),
            Op::Maximum => Ok(same(self.join(layer, "Max"))),
            Op::Minimum => Ok(same(self.join(layer, "Min"))),
            _ => Err(not_in_onnx(layer, "a table in place of a function")),
        }
    }

    /// The arrays of all inputs, their axes standing as the first's.
    fn alike(&mut self, layer: &Layer) -> Vec<String> {
        let order = layer.inputs().first().map(|id| self.held[id.index()].order.clone());
        let order = order.unwrap_or_default();
        let mut axes: Vec<usize> = (0..order.len()).collect();
        axes.sort_by_key(|&axis| order[axis]);
        let inputs: Vec<LayerId> = layer.inputs().to_vec();
        inputs.into_iter().map(|id| self.in_axes(id, &axes)).collect()
    }

    fn join(&mut self, layer: &Layer, op: &str) -> String {
        let inputs = self.alike(layer);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node(op, &inputs, layer.name(), [])
    }

    fn dense(&mut self, layer: &Layer, from: LayerId) -> Result<Held, Error> {
        let name = layer.name();
        let input = self.channels_last(from);
        let kernel = self.weight(layer, &format!("{name}.weight"), &array(layer, "kernel")?)?;
        let rank = self.rank(from);
        let bias = match layer.weight("bias") {
            Some(_) => Some(self.weight(layer, &format!("{name}.bias"), &array(layer, "bias")?)?),
            None => None,
        };
        match bias {
            Some(bias) if rank == 1 => drop(self.node("Gemm", &[&input, &kernel, &bias], name, [])),
            Some(bias) => {
                let product = format!("{name}/product");
                self.node("MatMul", &[&input, &kernel], &product, []);
                self.node("Add", &[&product, &bias], name, []);
            }
            None => drop(self.node("MatMul", &[&input, &kernel], name, [])),
        }
        Ok(Held::plain(name, rank))
    }

    fn conv(&mut self, layer: &Layer, from: LayerId, window: &Window) -> Result<Held, Error> {
        let name = layer.name();
        let input = self.channels_first(from);
        let rank = window.size.len();
        let kernel = array(layer, "kernel")?;
        let taps = 0..rank;
        let (kernel, groups) = if let Op::DepthwiseConv { .. } = layer.op() {
            let permutation: Vec<usize> = [rank, rank + 1].into_iter().chain(taps).collect();
            let channels = kernel.shape[rank];
            (one_channel_each(kernel.transposed(&permutation)), channels)
        } else {
            let permutation: Vec<usize> = [rank + 1, rank].into_iter().chain(taps).collect();
            (kernel.transposed(&permutation), 1)
        };
        let mut inputs = vec![input, self.weight(layer, &format!("{name}.weight"), &kernel)?];
        if layer.weight("bias").is_some() {
            inputs.push(self.weight(layer, &format!("{name}.bias"), &array(layer, "bias")?)?);
        }
        let mut attributes = self.window(from, window);
        attributes.push(int("group", groups as i64));
        if !window.dilation.is_empty() {
            attributes.push(ints("dilations", signed(&window.dilation)));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node("Conv", &inputs, name, attributes);
        Ok(channels_first(name, rank))
    }

    /// Lengths, strides and zeros around of a window over a layer's array.
    fn window(&self, from: LayerId, window: &Window) -> Vec<super::Attribute> {
        let extents = self.model.layer(from).output_shape();
        let margins = window.padding_of(&extents[..window.size.len()]);
        let (before, after): (Vec<usize>, Vec<usize>) = margins.into_iter().unzip();
        vec![
            ints("kernel_shape", signed(&window.size)),
            ints("strides", signed(&window.strides)),
            ints("pads", signed(&[before, after].concat())),
        ]
    }

    fn pool(
        &mut self,
        layer: &Layer,
        from: LayerId,
        kind: PoolKind,
        window: &Window,
    ) -> Result<Held, Error> {
        let op = match kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Average => "AveragePool",
        };
        let input = self.channels_first(from);
        let attributes = self.window(from, window);
        self.node(op, &[&input], layer.name(), attributes);
        Ok(channels_first(layer.name(), window.size.len()))
    }

    fn batch_norm(&mut self, layer: &Layer, from: LayerId, epsilon: f64) -> Result<Held, Error> {
        let name = layer.name();
        let rank = self.rank(from);
        let mut inputs = vec![self.channels_first(from)];
        for (weight, theirs) in [
            ("gamma", "weight"),
            ("beta", "bias"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ] {
            let values = array(layer, weight)?;
            inputs.push(self.weight(layer, &format!("{name}.{theirs}"), &values)?);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node("BatchNormalization", &inputs, name, [float("epsilon", epsilon)]);
        Ok(channels_first(name, rank - 1))
    }

    fn layer_norm(&mut self, layer: &Layer, from: LayerId, epsilon: f64) -> Result<Held, Error> {
        let name = layer.name();
        let input = self.channels_last(from);
        let gamma = self.weight(layer, &format!("{name}.weight"), &array(layer, "gamma")?)?;
        let beta = self.weight(layer, &format!("{name}.bias"), &array(layer, "beta")?)?;
        let attributes = [int("axis", -1), float("epsilon", epsilon)];
        self.node("LayerNormalization", &[&input, &gamma, &beta], name, attributes);
        Ok(Held::plain(name, self.rank(from)))
    }

    fn crop(
        &mut self,
        layer: &Layer,
        from: LayerId,
        margins: &[(usize, usize)],
        held: &Held,
    ) -> String {
        let name = layer.name();
        let extents = self.model.layer(from).output_shape().to_vec();
        let starts: Vec<i64> = margins.iter().map(|margin| margin.0 as i64).collect();
        let ends = margins.iter().zip(&extents).map(|(margin, &extent)| (extent - margin.1) as i64);
        let ends: Vec<i64> = ends.collect();
        let axes: Vec<i64> = held.order[..margins.len()].iter().map(|&a| a as i64 + 1).collect();
        let starts = self.ints(&format!("{name}/starts"), &starts);
        let ends = self.ints(&format!("{name}/ends"), &ends);
        let axes = self.ints(&format!("{name}/axes"), &axes);
        self.node("Slice", &[&held.name, &starts, &ends, &axes], name, [])
    }

    fn up_sample(
        &mut self,
        layer: &Layer,
        from: LayerId,
        factors: &[usize],
        interpolation: Interpolation,
    ) -> Result<Held, Error> {
        let name = layer.name();
        let input = self.channels_first(from);
        let scales: Vec<f32> =
            [1.0, 1.0].into_iter().chain(factors.iter().map(|&factor| factor as f32)).collect();
        let scales = self.floats(&format!("{name}/scales"), &[scales.len()], &scales);
        let place = "coordinate_transformation_mode";
        let attributes = match interpolation {
            Interpolation::Nearest => {
                vec![
                    text("mode", "nearest"),
                    text(place, "asymmetric"),
                    text("nearest_mode", "floor"),
                ]
            }
            Interpolation::Bilinear => vec![text("mode", "linear"), text(place, "half_pixel")],
        };
        self.node("Resize", &[&input, "", &scales], name, attributes);
        Ok(channels_first(name, factors.len()))
    }
}

fn is_over_channels(function: handaxe_graph::Activation) -> bool {
    function.element(0.0).is_none()
}

/// The array of a node that works on channels first, with `rank` axes in space.
fn channels_first(name: &str, rank: usize) -> Held {
    Held { name: name.to_owned(), order: (1..=rank).chain([0]).collect() }
}

/// A weight in the graph's layout, with its quantiser.
fn array(layer: &Layer, weight: &'static str) -> Result<Array, Error> {
    let Some(tensor) = layer.weight(weight) else {
        return Err(not_in_onnx(layer, "without its weights"));
    };
    let mut array = Array::floats(tensor.shape().to_vec(), tensor.values().to_vec());
    if let Some(by) = layer.quantiser(weight) {
        array.quantiser = Some(quantiser::integer(layer, by)?);
    }
    Ok(array)
}

/// A kernel `(channels, multiplier, taps..)` as `(filters, 1, taps..)`.
fn one_channel_each(kernel: Array) -> Array {
    let filters = kernel.shape[0] * kernel.shape[1];
    let shape = [&[filters, 1], &kernel.shape[2..]].concat();
    let quantiser = kernel.quantiser.map(|mut codes| {
        let scales = codes.shape_of_rank(shape.len());
        codes.shape = [&[scales[0] * scales[1], 1], &scales[2..]].concat();
        codes
    });
    Array { shape, quantiser, ..kernel }
}

fn signed(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&value| value as i64).collect()
}
