//! One layer: which rules apply.

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Precision};

use super::{DEFAULT, FirmwareLayer, Plan, Softmax, Stated};
use crate::{Activation, Error, IoType, LayerId, Op, Quantiser};

/// Entries of a table where nothing is said, and of a layer normalisation's.
const TABLE_SIZE: usize = 1024;
const ROOTS: usize = 4096;
/// The most entries of a table: more than any block memory holds.
const MOST_ENTRIES: usize = 1 << 20;

impl Plan<'_> {
    pub(super) fn layer(
        &self,
        id: LayerId,
        before: &[FirmwareLayer],
    ) -> Result<FirmwareLayer, Error> {
        let layer = self.model.layer(id);
        let (name, kind) = (layer.name(), self.kind(id));
        let inputs: Vec<FixedType> =
            layer.inputs().iter().map(|input| before[input.index()].result()).collect();
        let mut built = FirmwareLayer {
            id,
            types: BTreeMap::new(),
            folds: None,
            passes: false,
            stride: 1,
            table_size: self.table_size(id)?,
            softmax: self.config.setting(name, kind, |section| section.softmax).unwrap_or_default(),
            inverse_roots: self.inverse_roots(id)?,
        };
        let Some(&input) = inputs.first() else {
            if self.config.io_type == Some(IoType::IoStream) {
                return Err(self.unsupported(id, "io_stream".to_owned(), "io_parallel"));
            }
            let result = match self.stated(name, kind, "result")? {
                Stated::Type(stated) => stated,
                Stated::Auto if self.exact => self.exact_input(id)?,
                Stated::Auto => self.default_type(),
            };
            built.types.insert("result", result);
            return Ok(built);
        };
        let folded =
            layer.inputs().first().and_then(|input| before[input.index()].folds) == Some(id);
        match layer.op() {
            op if op.has_kernel() => {
                built.folds = self.folds(id);
                built.types = self.kernel_types(id, &input, built.folds)?;
                let shape = layer.kernel().map_or(&[][..], |kernel| kernel.shape());
                let n_in = shape.iter().rev().skip(1).product();
                if !matches!(op, Op::DepthwiseConv { .. }) {
                    built.stride =
                        self.stride(name, kind, n_in, shape.last().copied().unwrap_or(1));
                }
            }
            Op::Flatten | Op::Reshape { .. } | Op::Dropout { .. } => built.pass(input),
            Op::BatchNorm { .. } if folded => built.pass(input),
            // hls4ml drops a linear layer, quantized_bits among them, behind a layer whose type it infers.
            Op::Activation { function: Activation::Linear }
            | Op::Quantise { quantiser: Quantiser::Bits { .. } }
                if self.is_merged(id) =>
            {
                built.pass(input);
            }

            _ => built.types = self.other_types(id, &inputs)?,
        }
        self.check_ints(id, &inputs, &built.types)?;
        if let Some(Activation::Softmax) = self.function(id) {
            built.table_size = self.softmax_size(&built, &input);
        }
        Ok(built)
    }

    /// A linear activation whose type is inferred behind a layer whose type is inferred too.
    fn is_merged(&self, id: LayerId) -> bool {
        let auto = |id: LayerId| {
            let layer = self.model.layer(id);
            self.config.precision(layer.name(), self.kind(id), "result") == Precision::Auto
        };
        let before = self.model.layer(id).inputs().first();
        before.is_some_and(|&before| {
            let op = self.model.layer(before).op();
            let safe =
                op.has_kernel() || matches!(op, Op::BatchNorm { .. } | Op::Activation { .. });
            safe && auto(before)
        })
    }

    fn table_size(&self, id: LayerId) -> Result<usize, Error> {
        let layer = self.model.layer(id);
        let asked =
            self.config.own_setting(layer.name(), self.kind(id), |section| section.table_size);
        let usual = if matches!(layer.op(), Op::LayerNorm { .. }) { ROOTS } else { TABLE_SIZE };
        match asked.unwrap_or(usual) {
            size @ 1..=MOST_ENTRIES => Ok(size),
            given => Err(Error::Config {
                place: format!("LayerName {}", layer.name()),
                what: "TableSize",
                given: given.to_string(),
                right: "between 1 and 1048576",
            }),
        }
    }

    /// Tables addressed by the highest bits have no more entries than these bits tell apart.
    fn softmax_size(&self, built: &FirmwareLayer, input: &FixedType) -> usize {
        if matches!(built.softmax, Softmax::Argmax) {
            return built.table_size;
        }
        let inverse = built.types.get("inv_table").map_or(DEFAULT.width, |table| table.width);
        let bits = input.width.min(inverse).min(usize::BITS - 2);
        built.table_size.min(1 << bits)
    }
}

impl FirmwareLayer {
    /// The input's numbers go through as they are.
    fn pass(&mut self, input: FixedType) {
        self.passes = true;
        self.types.insert("result", input);
    }
}
