//! Reading and changing the elements of candle's tensors in place.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, DType, Device, Error, InplaceOp1, Layout, Result, Storage, StorageRef, Tensor,
};

/// The elements of a contiguous operand of a custom operation.
pub(crate) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    Ok(&storage.as_slice::<f32>()?[contiguous(layout)?])
}

/// Where a tensor's elements lie in its storage.
fn contiguous(layout: &Layout) -> Result<Range<usize>> {
    let offsets = layout.contiguous_offsets();
    let (start, end) = offsets.ok_or(Error::RequiresContiguous { op: "values" })?;
    Ok(start..end)
}

/// A contiguous tensor in the processor's memory, held for reading.
pub(crate) struct Operand<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> Operand<'a> {
    pub(crate) fn new(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        Ok(Self { storage, range: contiguous(layout)? })
    }

    pub(crate) fn values(&self) -> Result<&[f32]> {
        match &*self.storage {
            Storage::Cpu(storage) => Ok(&storage.as_slice::<f32>()?[self.range.clone()]),
            _ => Err(Error::Msg("this operation runs on the processor only".to_owned())),
        }
    }
}

/// A tensor over `values` on the processor.
pub(crate) fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// That two tensors can be looked at element by element.
pub(crate) fn same_shape(a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dims() != b.dims() {
        candle_core::bail!(
            "arrays of shapes {:?} and {:?} cannot be joined in training",
            a.dims(),
            b.dims()
        );
    }
    Ok(())
}

/// Lets `change` rewrite the elements of `tensor`; every tensor that shares its memory sees it.
pub(crate) fn change<R>(tensor: &Tensor, change: impl FnMut(&mut [f32]) -> R) -> Result<R> {
    let change = Change(RefCell::new((change, None)));
    tensor.inplace_op1(&change)?;
    let (_, answer) = change.0.into_inner();
    answer.ok_or_else(|| Error::Msg("the elements were not changed".to_owned()))
}

struct Change<F, R>(RefCell<(F, Option<R>)>);

impl<R, F: FnMut(&mut [f32]) -> R> InplaceOp1 for Change<F, R> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let range = contiguous(layout)?;
        let CpuStorage::F32(values) = storage else {
            let (expected, got) = (DType::F32, storage.dtype());
            return Err(Error::UnexpectedDType { msg: "change", expected, got });
        };
        let (change, answer) = &mut *self.0.borrow_mut();
        *answer = Some(change(&mut values[range]));
        Ok(())
    }
}

/// Whether two tensors lie in the same memory.
pub(crate) fn shares_memory(a: &Tensor, b: &Tensor) -> bool {
    let ((a, _), (b, _)) = (a.storage_and_layout(), b.storage_and_layout());
    std::ptr::eq(&*a, &*b)
}

/// Takes the memory of a tensor away, if it is all of what the tensor's storage holds. Tensors that share it must not be
/// read any more.
pub(crate) fn reclaim(tensor: &Tensor) -> Option<Vec<f32>> {
    let reclaim = Reclaim(RefCell::new(None));
    tensor.inplace_op1(&reclaim).ok()?;
    reclaim.0.into_inner()
}

struct Reclaim(RefCell<Option<Vec<f32>>>);

impl InplaceOp1 for Reclaim {
    fn name(&self) -> &'static str {
        "reclaim"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        if let CpuStorage::F32(values) = storage
            && layout.contiguous_offsets() == Some((0, values.len()))
        {
            *self.0.borrow_mut() = Some(std::mem::take(values));
        }
        Ok(())
    }
}
