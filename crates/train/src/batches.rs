//! The training samples of an epoch, batch by batch.

use candle_core::Tensor;
use handaxe_data::{Dataset, Targets, Tensor as Array};

use crate::Error;
use crate::node::values::tensor;

/// Elements of the widest input that are gathered at once, as far as a batch has not more: they stay in the second-level
/// cache until they are used.
const TOGETHER: usize = 1 << 17;

/// Some samples and what is right for them.
pub(crate) struct Batch {
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) targets: Targets,
}

/// The samples of `data` in the order of `order`, so many at a time; the last batch may be smaller. Samples of several
/// batches are gathered one behind the other, and the batches are views of them.
pub(crate) fn batches<'a>(
    data: &'a Dataset,
    order: &'a [usize],
    size: usize,
) -> impl Iterator<Item = Result<Batch, Error>> + 'a {
    let widest = data.inputs().iter().map(|input| input.row_len()).max().unwrap_or(1);
    let together = (TOGETHER / (size * widest).max(1)).max(1) * size;
    order.chunks(together).flat_map(move |samples| match block(data, samples, size) {
        Ok(batches) => batches,
        Err(error) => vec![Err(error)],
    })
}

fn block(
    data: &Dataset,
    samples: &[usize],
    size: usize,
) -> Result<Vec<Result<Batch, Error>>, Error> {
    let (inputs, targets) = data.gather(samples)?;
    let inputs = inputs.into_iter().map(|array| {
        let shape = array.shape().to_vec();
        tensor(array.into_values(), &shape)
    });
    let inputs = inputs.collect::<candle_core::Result<Vec<_>>>()?;
    let batch = |first: usize| {
        let count = size.min(samples.len() - first);
        let part = inputs.iter().map(|input| input.narrow(0, first, count));
        let inputs = part.collect::<candle_core::Result<_>>()?;
        Ok(Batch { inputs, targets: part_of(&targets, first, count)? })
    };
    Ok((0..samples.len()).step_by(size).map(batch).collect())
}

fn part_of(targets: &Targets, first: usize, count: usize) -> Result<Targets, Error> {
    Ok(match targets {
        Targets::Classes { labels, classes } => {
            Targets::Classes { labels: labels[first..first + count].to_vec(), classes: *classes }
        }
        Targets::Values(values) => {
            let (shape, width) = (values.shape(), values.row_len());
            let part = values.values()[first * width..(first + count) * width].to_vec();
            Targets::Values(Array::new([&[count], &shape[1..]].concat(), part)?)
        }
    })
}
