use std::collections::BTreeMap;
use std::str::FromStr;

use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Window};

use crate::Error;

/// What a spec may hold, for messages.
const KNOWN: &str = "dense:N, conv:FxK[xS][:same], conv1d:FxK[xS][:same], depthwise:K[xS][:same], maxpool:K, avgpool:K, globalavg, globalmax, \
                     flatten, reshape:AxB.., batchnorm, dropout:P and the activations linear, relu, leaky_relu, elu, \
                     selu, sigmoid, hard_sigmoid, tanh, hard_tanh, softplus, softsign, softmax, swish, gelu, mish and Keras' others";

/// Keras' defaults for BatchNormalization.
const BATCH_NORM: Op = Op::BatchNorm { epsilon: 1e-3, momentum: 0.99 };

/// Builds a chain of layers from a line such as `dense:64,relu,dense:32,relu,dense:5,softmax`, for samples of shape
/// `input`. All weights are neutral; [`initialise`](crate::initialise) draws them.
///
/// | part | layer |
/// |---|---|
/// | `dense:N` | dense with N units and bias |
/// | `conv:FxK`, `conv:FxKxS`, `..:same` | two-dimensional convolution with F filters, a K x K window, stride S (1), with bias |
/// | `conv1d:FxK`, ... | the same over one axis |
/// | `depthwise:K`, `depthwise:KxS`, `..:same` | a filter for each channel, over as many axes as the data have |
/// | `maxpool:K`, `avgpool:K` | pooling over K (x K) with stride K, over as many axes as the data have |
/// | `globalavg`, `globalmax` | pooling over all pixels |
/// | `flatten`, `reshape:AxB..` | all axes into one, or into others |
/// | `batchnorm`, `dropout:P` | normalisation; dropout of a share P in `0.0..1.0` |
/// | `relu`, `softmax`, ... | an activation |
///
/// Layers are called `fc1`, `conv1`, `relu1`, ... by their kind and number.
///
/// ```
/// let model = handaxe_train::parse("conv:8x3:same,relu,maxpool:2,flatten,dense:10,softmax", "digits", &[28, 28, 1])?;
/// let names: Vec<_> = model.layers().map(|(_, layer)| layer.name()).collect();
/// assert_eq!(names, ["input", "conv1", "relu1", "pool1", "flatten1", "fc1", "softmax1"]);
/// # Ok::<(), handaxe_train::Error>(())
/// ```
///
/// # Errors
/// [`Error::Spec`] for a part that cannot be read; the graph's errors for layers that do not fit each other.
pub fn parse(spec: &str, name: &str, input: &[usize]) -> Result<Model, Error> {
    let mut model = Model::new(name);
    let mut last: LayerId = model.add("input", Op::Input { shape: input.to_vec() }, &[])?;
    let mut counts = BTreeMap::new();
    for (place, token) in spec.split(',').map(str::trim).enumerate() {
        let token = Token { place: place + 1, text: token };
        let op = token.read(model.layer(last).output_shape().len())?;
        let kind = kind(&op);
        let count = counts.entry(kind).and_modify(|count| *count += 1).or_insert(1);
        last = model.add(&format!("{kind}{count}"), op, &[last])?;
    }
    Ok(model)
}

/// The short name of a layer's kind.
fn kind(op: &Op) -> &'static str {
    match op {
        Op::Input { .. } => "input",
        Op::Dense { .. } => "fc",
        Op::Conv { .. } => "conv",
        Op::DepthwiseConv { .. } => "depthwise",
        Op::BatchNorm { .. } => "bn",
        Op::Activation { function } => function.name(),
        Op::Pool { .. } | Op::GlobalPool { .. } => "pool",
        Op::Flatten => "flatten",
        Op::Reshape { .. } => "reshape",
        Op::Add => "add",
        Op::Multiply => "multiply",
        Op::Concatenate => "concatenate",
        Op::Dropout { .. } => "dropout",
        op => op.layer_type().name(), // none that a spec can name
    }
}

/// A part of a spec, with its place for messages.
struct Token<'a> {
    place: usize,
    text: &'a str,
}

impl Token<'_> {
    /// The layer that the token names, for data of `axes` axes.
    fn read(&self, axes: usize) -> Result<Op, Error> {
        let mut fields = self.text.split(':');
        let name = fields.next().unwrap_or("");
        let argument = fields.next();
        let same = match (name, fields.next(), fields.next()) {
            (_, None, None) => false,
            ("conv" | "conv1d" | "depthwise", Some("same"), None) => true,
            _ => return Err(self.wrong("there is something after the part's end".to_owned())),
        };
        let spatial = axes.saturating_sub(1).clamp(1, 2);
        let op = match name {
            "dense" => Op::Dense { units: self.number(argument, "dense:64")?, bias: true },
            "conv" => self.conv(argument, 2, same, "conv:16x3, conv:16x3x2 or conv:16x3:same")?,
            "conv1d" => {
                self.conv(argument, 1, same, "conv1d:16x3, conv1d:16x3x2 or conv1d:16x3:same")?
            }
            "depthwise" => {
                let example = "depthwise:3, depthwise:3x2 or depthwise:3:same";
                let (size, stride) = match self.numbers(argument, example)?[..] {
                    [size] => (size, 1),
                    [size, stride] => (size, stride),
                    _ => return Err(self.wrong(format!("write {example}"))),
                };
                let window = window(size, stride, spatial, same);
                Op::DepthwiseConv { multiplier: 1, window, bias: true }
            }
            "maxpool" | "avgpool" => {
                let size = self.number(argument, "maxpool:2 or avgpool:2")?;
                let kind = if name == "maxpool" { PoolKind::Max } else { PoolKind::Average };
                let window = Window::tiling(&vec![size; spatial]);
                Op::Pool { kind, window }
            }
            "reshape" => Op::Reshape { shape: self.numbers(argument, "reshape:28x28x1")? },
            "dropout" => Op::Dropout { rate: self.number(argument, "dropout:0.2")? },
            _ => self.bare(name, argument)?,
        };
        Ok(op)
    }

    /// A layer without an argument.
    fn bare(&self, name: &str, argument: Option<&str>) -> Result<Op, Error> {
        let op = match name {
            "globalavg" => Op::GlobalPool { kind: PoolKind::Average },
            "globalmax" => Op::GlobalPool { kind: PoolKind::Max },
            "flatten" => Op::Flatten,
            "batchnorm" => BATCH_NORM,
            _ => match name.parse::<Activation>() {
                Ok(function) => Op::Activation { function },
                Err(_) => return Err(self.wrong(format!("known are {KNOWN}"))),
            },
        };
        match argument {
            None => Ok(op),
            Some(_) => Err(self.wrong(format!("`{name}` takes no argument"))),
        }
    }

    fn conv(
        &self,
        argument: Option<&str>,
        axes: usize,
        same: bool,
        example: &str,
    ) -> Result<Op, Error> {
        let (filters, size, stride) = match self.numbers(argument, example)?[..] {
            [filters, size] => (filters, size, 1),
            [filters, size, stride] => (filters, size, stride),
            _ => return Err(self.wrong(format!("write {example}"))),
        };
        Ok(Op::Conv { filters, window: window(size, stride, axes, same), bias: true })
    }

    fn numbers(&self, argument: Option<&str>, example: &str) -> Result<Vec<usize>, Error> {
        argument.unwrap_or("").split('x').map(|field| self.number(Some(field), example)).collect()
    }

    fn number<T: FromStr>(&self, field: Option<&str>, example: &str) -> Result<T, Error> {
        let number = field.and_then(|field| field.parse().ok());
        number.ok_or_else(|| self.wrong(format!("write {example}")))
    }

    fn wrong(&self, right: String) -> Error {
        Error::Spec { place: self.place, token: self.text.to_owned(), right }
    }
}

fn window(size: usize, stride: usize, axes: usize, same: bool) -> Window {
    let padding = if same { Padding::Same } else { Padding::Valid };
    Window { strides: vec![stride; axes], ..Window::dense(&vec![size; axes], padding) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(spec: &str, input: &[usize]) -> String {
        parse(spec, "m", input).unwrap_err().to_string()
    }

    #[test]
    fn reads_the_jet_network_and_a_small_cnn() {
        let jets = parse("dense:64, relu, dense:32,relu,dense:32,relu,dense:5,softmax", "j", &[16])
            .unwrap();
        assert_eq!(jets.parameters(), 16 * 64 + 64 + 64 * 32 + 32 + 32 * 32 + 32 + 32 * 5 + 5);
        let cnn = "reshape:28x28x1,conv:8x3x2:same,batchnorm,leaky_relu,maxpool:2,globalavg,dropout:0.2,dense:10";
        let cnn = parse(cnn, "c", &[784]).unwrap();
        let shapes: Vec<_> = cnn.layers().map(|(_, layer)| layer.output_shape().to_vec()).collect();
        assert_eq!(
            shapes[2..6],
            [vec![14, 14, 8], vec![14, 14, 8], vec![14, 14, 8], vec![7, 7, 8]]
        );
        let series = parse("conv1d:4x3,avgpool:2,flatten,dense:2", "s", &[10, 3]).unwrap();
        assert_eq!(series.layer(series.find("pool1").unwrap()).output_shape(), [4, 4]);
        for (input, spec, shape) in [
            (&[9, 9, 3][..], "depthwise:3x2:same", &[5, 5, 3][..]),
            (&[10, 4], "depthwise:3", &[8, 4]),
        ] {
            let model = parse(spec, "d", input).unwrap();
            assert_eq!(model.layer(model.find("depthwise1").unwrap()).output_shape(), shape);
        }
    }

    #[test]
    fn says_which_part_is_wrong_and_what_would_be_right() {
        let error = message("dense:64,relo", &[16]);
        assert!(
            error.starts_with("part 2 of the network, `relo`: known are dense:N, conv:FxK"),
            "{error}"
        );
        assert_eq!(message("dense", &[16]), "part 1 of the network, `dense`: write dense:64");
        assert_eq!(message("dense:-3", &[16]), "part 1 of the network, `dense:-3`: write dense:64");
        assert!(message("conv:16", &[8, 8, 1]).contains("write conv:16x3"));
        assert!(message("conv:16x3:valid", &[8, 8, 1]).contains("something after"));
        assert!(message("relu:3", &[16]).contains("`relu` takes no argument"));
        assert!(message("dense:0", &[16]).contains("units must be positive"));
        assert!(message("conv:4x3", &[16]).contains("put a Reshape before it"));
        assert!(message("", &[16]).starts_with("part 1 of the network, ``: known are"));
    }
}
