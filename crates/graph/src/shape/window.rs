use super::{MOST_ELEMENTS, Place};
use crate::{Error, Padding, Window};

impl Place<'_> {
    /// The output of a window over the spatial axes of `input`, channels unchanged.
    pub(super) fn slide(&self, window: &Window, input: &[usize]) -> Result<Vec<usize>, Error> {
        let rank = window.size.len();
        if !matches!(rank, 1 | 2)
            || window.strides.len() != rank
            || !(window.dilation.is_empty() || window.dilation.len() == rank)
        {
            return Err(self.parameter(
                "the window",
                format!("{window:?}"),
                "of one or two axes, a stride and a dilation each",
            ));
        }
        for &extent in window.size.iter().chain(&window.strides).chain(&window.dilation) {
            self.positive("window, stride and dilation", extent)?;
            if extent > MOST_ELEMENTS {
                let right = "no longer than the largest array";
                return Err(self.parameter("the window", extent.to_string(), right));
            }
        }
        if window.dilation.iter().any(|&taps| taps > 1)
            && window.strides.iter().any(|&step| step > 1)
        {
            return Err(self.parameter(
                "the window",
                format!("{window:?}"),
                "strided or dilated, not both",
            ));
        }
        if input.len() != rank + 1 {
            let wanted = if rank == 1 { "(length, channels)" } else { "(height, width, channels)" };
            return Err(self.input(
                input,
                format!("a {rank}-D window needs {wanted}; put a Reshape before it"),
            ));
        }
        let mut shape = Vec::with_capacity(rank + 1);
        for ((size, &stride), &extent) in
            window.extent().into_iter().zip(&window.strides).zip(input)
        {
            shape.push(match window.padding {
                Padding::Same => extent.div_ceil(stride),
                Padding::Valid if extent < size => {
                    let fix = format!(
                        "the window {:?} is larger; use a smaller one or `same` padding",
                        window.size
                    );
                    return Err(self.input(input, fix));
                }
                Padding::Valid => (extent - size) / stride + 1,
            });
        }
        shape.push(input[rank]);
        Ok(shape)
    }
}
