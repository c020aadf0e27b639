//! The network in candle's own operations, differentiated by candle: for devices other than the processor, where the
//! fused operations do not run, and as what they are tested against.
//!
//! Weights stay where the optimiser changes them; each step copies them to the device, and their gradients back. That is
//! little beside a batch for networks that fit an FPGA.

mod elements;
mod windows;

use std::collections::BTreeMap;

use candle_core::{D, Device, Result, Tensor, Var};
use handaxe_data::Targets;
use handaxe_emulate::moved;
use handaxe_graph::{Activation, Layer, LayerId, Op};
use rand::Rng;

use crate::network::{Network, failed, joined};
use crate::node::values::{change, tensor};
use crate::node::{Pass, quantise};
use crate::{Error, Loss};

/// A network's weights on a device, for one pass.
pub(crate) struct Unfused<'a> {
    network: &'a Network,
    device: &'a Device,
    weights: Vec<BTreeMap<&'static str, Var>>,
}

impl<'a> Unfused<'a> {
    pub(crate) fn new(
        network: &'a Network,
        device: &'a Device,
    ) -> std::result::Result<Self, Error> {
        let mut weights = Vec::new();
        for node in &network.nodes {
            let all = node.iter().flat_map(|node| node.weights());
            let copies = all.map(|weight| {
                let copy = weight.var.as_detached_tensor().to_device(device)?;
                Ok((weight.name, Var::from_tensor(&copy)?))
            });
            weights.push(copies.collect::<Result<_>>()?);
        }
        Ok(Self { network, device, weights })
    }

    /// The answer of the layers `ends`, on the processor.
    pub(crate) fn answer(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        ends: &[LayerId],
    ) -> std::result::Result<Tensor, Error> {
        let mut outputs: Vec<Tensor> = Vec::new();
        let mut inputs = inputs.iter();
        for (id, layer) in self.network.model.layers() {
            let read: Vec<&Tensor> =
                layer.inputs().iter().map(|input| &outputs[input.index()]).collect();
            let output = match (layer.op(), inputs.as_slice()) {
                (Op::Input { .. }, [input, ..]) => input.to_device(self.device),
                _ => self.layer((id, layer), &read, pass),
            };
            if let Op::Input { .. } = layer.op() {
                inputs.next();
            }
            outputs.push(output.map_err(|error| failed(layer, &error))?);
        }
        Ok(joined(&outputs, ends)?.to_device(&Device::Cpu)?)
    }

    /// The mean loss, and its gradient by each of `Network::parameters`; none where it does not reach the output.
    pub(crate) fn gradients(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        (loss, targets): (&dyn Loss, &Targets),
    ) -> std::result::Result<(f64, Vec<Option<Tensor>>), Error> {
        let answer = self.answer(inputs, pass, &self.network.ends(loss))?;
        let mean = loss.mean(&answer, targets)?;
        let gradients = mean.backward()?;
        let parameters = self.network.parameters.iter().map(|parameter| {
            let var = self.weights[parameter.layer.index()].get(parameter.name);
            let gradient = var.and_then(|var| gradients.get(var));
            gradient
                .map(|gradient| gradient.to_device(&Device::Cpu)?.force_contiguous())
                .transpose()
        });
        Ok((f64::from(mean.to_scalar::<f32>()?), parameters.collect::<Result<_>>()?))
    }

    fn layer(
        &self,
        (id, layer): (LayerId, &Layer),
        inputs: &[&Tensor],
        pass: &mut Pass<'_>,
    ) -> Result<Tensor> {
        let weights = &self.weights[id.index()];
        let Some(&x) = inputs.first() else { return Err(missing("input")) };
        let shape = [&[x.dim(0)?], layer.output_shape()].concat();
        let memory = &self.network.memory;
        let weight = |name: &'static str| -> Result<Tensor> {
            let weight = weights.get(name).ok_or_else(|| missing(name))?.as_tensor();
            match layer.quantiser(name) {
                // Rounded forwards, straight through backwards.
                Some(quantiser) => {
                    let rounded =
                        quantise::rounded(quantiser, &weight.to_device(&Device::Cpu)?, memory)?;
                    rounded.to_device(self.device)?.add(&(weight - weight.detach())?)
                }
                None => Ok(weight.clone()),
            }
        };
        let biased = |product: Tensor| match weights.contains_key("bias") {
            true => product.broadcast_add(&weight("bias")?)?.reshape(&shape[..]),
            false => product.reshape(&shape[..]),
        };
        match layer.op() {
            Op::Dense { .. } => {
                biased(x.reshape(((), x.dim(D::Minus1)?))?.matmul(&weight("kernel")?)?)
            }
            Op::Conv { window, .. } => {
                let under = windows::under(window, x, 0.0)?;
                let kernel = weight("kernel")?;
                let kernel = kernel.reshape(((), kernel.dim(D::Minus1)?))?;
                biased(under.reshape(((), kernel.dim(0)?))?.matmul(&kernel)?)
            }
            Op::DepthwiseConv { window, .. } => {
                let under = windows::under(window, x, 0.0)?.unsqueeze(4)?;
                let (taps, channels) = (under.dim(2)?, under.dim(3)?);
                let kernel = weight("kernel")?.reshape((taps, channels, ()))?;
                biased(under.broadcast_mul(&kernel)?.sum(2)?.flatten_from(2)?)
            }
            Op::BatchNorm { epsilon, momentum } => {
                let (mean, variance) = match pass {
                    Pass::Training(_) => self.measured(id, x, *momentum)?,
                    _ => (weight("moving_mean")?, weight("moving_variance")?),
                };
                let normal = x.broadcast_sub(&mean)?;
                let normal = normal.broadcast_div(&(variance + *epsilon)?.sqrt()?)?;
                normal.broadcast_mul(&weight("gamma")?)?.broadcast_add(&weight("beta")?)
            }
            Op::Activation { function: Activation::Softmax } => {
                candle_nn::ops::softmax(x, D::Minus1)
            }
            Op::Activation { function: Activation::LogSoftmax } => {
                candle_nn::ops::log_softmax(x, D::Minus1)
            }
            Op::Activation { function } => elements::activate(*function, x),
            Op::Pool { kind, window } => windows::pool(*kind, window, x)?.reshape(&shape[..]),
            Op::GlobalPool { kind } => windows::pool_all(*kind, x)?.reshape(&shape[..]),
            Op::Flatten | Op::Reshape { .. } => x.reshape(&shape[..]),
            Op::Concatenate => Tensor::cat(inputs, D::Minus1),
            Op::Add | Op::Subtract | Op::Multiply | Op::Average | Op::Maximum | Op::Minimum => {
                elements::join(layer.op(), inputs, shape.len())
            }
            Op::Permute { .. } | Op::ZeroPad { .. } | Op::Crop { .. } | Op::UpSample { .. } => {
                let from = self.network.model.layer(layer.inputs()[0]).output_shape();
                let places = moved(layer.op(), from, layer.output_shape());
                let places = places.ok_or_else(|| missing("operation"))?;
                let places = places.map_err(candle_core::Error::wrap)?;
                windows::arrange(&places, x)?.reshape(&shape[..])
            }
            Op::PRelu { .. } => x.gt(0.0)?.where_cond(x, &x.broadcast_mul(&weight("alpha")?)?),
            Op::LayerNorm { epsilon } => {
                let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
                let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
                let normal = centred.broadcast_div(&(variance + *epsilon)?.sqrt()?)?;
                normal.broadcast_mul(&weight("gamma")?)?.broadcast_add(&weight("beta")?)
            }
            Op::Quantise { quantiser } => {
                let given = x.detach().to_device(&Device::Cpu)?.force_contiguous()?;
                let rounded =
                    quantise::rounded(quantiser, &given, memory)?.to_device(self.device)?;
                let slopes = quantise::slopes(quantiser, &given, memory)?.to_device(self.device)?;
                rounded.add(&(x - x.detach())?.mul(&slopes)?)
            }
            Op::Dropout { rate } => self.dropout(x, *rate, pass),
            _ => Err(missing("operation")),
        }
    }

    /// Mean and variance of the batch, which also move the running ones.
    fn measured(&self, id: LayerId, x: &Tensor, momentum: f64) -> Result<(Tensor, Tensor)> {
        let rows = x.reshape(((), x.dim(D::Minus1)?))?;
        let mean = rows.mean(0)?;
        let variance = rows.broadcast_sub(&mean)?.sqr()?.mean(0)?;
        let running = self.network.nodes[id.index()].iter().flat_map(|node| node.weights());
        for running in running.filter(|weight| !weight.trainable) {
            let batch = if running.name == "moving_mean" { &mean } else { &variance };
            let batch = batch.detach().to_vec1::<f32>()?;
            let momentum = momentum as f32;
            change(running.var, |running| {
                for (running, batch) in running.iter_mut().zip(&batch) {
                    *running = momentum * *running + (1.0 - momentum) * batch;
                }
            })?;
        }
        Ok((mean, variance))
    }

    /// The draws are those of the fused operation.
    fn dropout(&self, x: &Tensor, rate: f64, pass: &mut Pass<'_>) -> Result<Tensor> {
        let Pass::Training(draw) = pass else { return Ok(x.clone()) };
        let scale = (1.0 / (1.0 - rate)) as f32;
        let keep = |_| if draw.random_bool(rate) { 0.0 } else { scale };
        let kept = tensor((0..x.elem_count()).map(keep).collect(), x.dims())?;
        x.mul(&kept.to_device(self.device)?)
    }
}

fn missing(what: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!("candle has no {what} for this layer"))
}
