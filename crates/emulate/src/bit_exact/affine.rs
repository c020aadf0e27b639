//! Scale and shift by channel, as of a batch normalisation that is not folded away: one multiplication and one addition, exact, then one cast.

use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::FirmwareLayer;

use super::cast::Cast;
use super::weights;

#[derive(Debug)]
pub(super) struct Affine<T> {
    scale: Vec<T>,
    /// At the fraction of the sum.
    shift: Vec<T>,
    /// From the product's fraction to the sum's.
    up: u32,
    cast: Cast,
}

impl<T: Integer> Affine<T> {
    /// Of the codes `scale` and the numbers `shifts`, of the types that the layer has for them, for inputs of type `input`.
    pub(super) fn new(
        (codes, shifts): (Vec<T>, &[f32]),
        built: &FirmwareLayer,
        input: &FixedType,
    ) -> Option<Self> {
        let (scale, bias) = (built.types.get("scale")?, built.types.get("bias")?);
        let product = input.fraction() + scale.fraction();
        let fraction = product.max(bias.fraction());
        let raise = (fraction - bias.fraction()) as u32;
        let shift =
            weights::codes::<T>(shifts, bias).into_iter().map(|code| code << raise).collect();
        let width = super::network::affine_bits(input, scale, bias);
        Some(Self {
            scale: codes,
            shift,
            up: (fraction - product) as u32,
            cast: Cast::new(width, fraction, built.result()),
        })
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T], lanes: usize) {
        let channels = self.scale.len();
        for (place, (input, output)) in
            input.chunks_exact(lanes).zip(output.chunks_exact_mut(lanes)).enumerate()
        {
            let (scale, shift) = (self.scale[place % channels], self.shift[place % channels]);
            for (output, input) in output.iter_mut().zip(input) {
                *output = (input.times(scale) << self.up) + shift;
            }
        }
        self.cast.all(output);
    }
}
