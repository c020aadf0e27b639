//! A kernel as a small image: one pixel a weight, or a block of weights where there are too many.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use handaxe_data::Tensor;

use crate::Error;

/// Steps of shade for each sign: with the zero and the gap, 16 colours, so that a pixel takes four bits.
const SHADES: u8 = 7;
const GAP: u8 = 0;
const ZERO: u8 = 1;
const NEGATIVE: u8 = 2;
const POSITIVE: u8 = NEGATIVE + SHADES;
/// No picture is wider, in pixels.
const WIDEST: usize = 880;

/// Orange for negative, blue for positive weights; small ones let the paper shine through, whichever colour it has.
const COLOURS: [(u8, [u8; 3]); 2] =
    [(NEGATIVE, [0xd5, 0x5e, 0x00]), (POSITIVE, [0x00, 0x72, 0xb2])];
/// Zeros are grey, as `.zero` of the figures' style has it.
const GREY: ([u8; 3], u8) = ([0x80, 0x88, 0x90], 51);

/// A kernel drawn with inputs down and outputs across, or turned where that is wider.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Outputs run down instead of across.
    pub(crate) turned: bool,
    /// Kernel positions of a convolution that one pixel stands for (1 where each has its own).
    pub(crate) taps: usize,
    /// Inputs and outputs that one pixel stands for, along each axis.
    pub(crate) block: usize,
    /// Indices of the palette, row-major.
    pixels: Vec<u8>,
}

/// A kernel as rows of inputs and columns of outputs, with a tile of spatial positions for each pair.
struct Kernel<'a> {
    values: &'a [f32],
    tile: (usize, usize),
    inputs: usize,
    outputs: usize,
    turned: bool,
}

impl<'a> Kernel<'a> {
    fn new(kernel: &'a Tensor) -> Self {
        let (inputs, outputs, tile) = match *kernel.shape() {
            [] => (1, 1, (1, 1)),
            [outputs] => (1, outputs, (1, 1)),
            [inputs, outputs] => (inputs, outputs, (1, 1)),
            [length, inputs, outputs] => (inputs, outputs, (1, length)),
            [ref spatial @ .., width, inputs, outputs] => {
                (inputs, outputs, (spatial.iter().product(), width))
            }
        };
        Self { values: kernel.values(), tile, inputs, outputs, turned: inputs > outputs }
    }

    /// Tiles down and across.
    fn extent(&self) -> (usize, usize) {
        if self.turned { (self.outputs, self.inputs) } else { (self.inputs, self.outputs) }
    }

    /// The weights of the tile at `(down, across)`, row-major.
    fn tile_at(&self, down: usize, across: usize) -> impl Iterator<Item = f32> {
        let (input, output) = if self.turned { (across, down) } else { (down, across) };
        let stride = self.inputs * self.outputs;
        let first = input * self.outputs + output;
        (0..self.tile.0 * self.tile.1).map(move |position| self.values[position * stride + first])
    }
}

impl Picture {
    /// Draws `kernel` in at most `budget` pixels; none for a kernel without weights.
    pub(crate) fn new(kernel: &Tensor, budget: usize) -> Option<Self> {
        let kernel = Kernel::new(kernel);
        if kernel.values.is_empty() {
            return None;
        }
        let taps = kernel.tile.0 * kernel.tile.1;
        let (down, across) = kernel.extent();
        let (height, width) = if taps == 1 {
            (down, across)
        } else {
            (down * (kernel.tile.0 + 1) - 1, across * (kernel.tile.1 + 1) - 1)
        };
        if width <= WIDEST && width.saturating_mul(height) <= budget {
            return Some(Self::in_full(&kernel, height, width));
        }
        let fits = |block: &usize| {
            let width = across.div_ceil(*block);
            width <= WIDEST && width.saturating_mul(down.div_ceil(*block)) <= budget
        };
        let block = (1..across).find(fits).unwrap_or(across);
        Some(Self::in_blocks(&kernel, block))
    }

    /// One pixel a weight; tiles of a convolution stand apart.
    fn in_full(kernel: &Kernel<'_>, height: usize, width: usize) -> Self {
        let largest =
            kernel.values.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
        let (rows, columns) = kernel.tile;
        let gap = usize::from(rows * columns > 1);
        let mut pixels = vec![GAP; width * height];
        let (down, across) = kernel.extent();
        for (top, left) in (0..down).flat_map(|top| (0..across).map(move |left| (top, left))) {
            for (position, weight) in kernel.tile_at(top, left).enumerate() {
                let y = top * (rows + gap) + position / columns;
                let x = left * (columns + gap) + position % columns;
                pixels[y * width + x] = shade(weight, (weight.abs() / largest).sqrt());
            }
        }
        Self { width, height, turned: kernel.turned, taps: 1, block: 1, pixels }
    }

    /// One pixel for `block` x `block` tiles: the more of their weights are kept, the darker, in the colour of their sum.
    fn in_blocks(kernel: &Kernel<'_>, block: usize) -> Self {
        let (down, across) = kernel.extent();
        let (height, width) = (down.div_ceil(block), across.div_ceil(block));
        let taps = kernel.tile.0 * kernel.tile.1;
        let mut pixels = Vec::with_capacity(width * height);
        for (top, left) in (0..height).flat_map(|top| (0..width).map(move |left| (top, left))) {
            let (mut sum, mut kept, mut all) = (0.0, 0usize, 0usize);
            for row in top * block..((top + 1) * block).min(down) {
                for column in left * block..((left + 1) * block).min(across) {
                    for weight in kernel.tile_at(row, column) {
                        sum += weight;
                        kept += usize::from(weight != 0.0);
                        all += 1;
                    }
                }
            }
            // Kept weights may cancel out; their block is not empty.
            let sign = if kept > 0 && sum == 0.0 { 1.0 } else { sum };
            pixels.push(shade(sign, kept as f32 / all as f32));
        }
        Self { width, height, turned: kernel.turned, taps, block, pixels }
    }

    /// The image as a `data:` address that an SVG or HTML image can show.
    pub(crate) fn data_uri(&self, layer: &str) -> Result<String, Error> {
        let failed = |source| Error::Picture {
            layer: layer.to_owned(),
            width: self.width,
            height: self.height,
            source,
        };
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Four);
        let (palette, transparency) = palette();
        encoder.set_palette(palette);
        encoder.set_trns(transparency);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().map_err(failed)?;
        let rows = self.pixels.chunks_exact(self.width);
        let pack = |pair: &[u8]| pair[0] << 4 | pair.get(1).copied().unwrap_or(0);
        let packed: Vec<u8> = rows.flat_map(|row| row.chunks(2).map(pack)).collect();
        writer.write_image_data(&packed).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(format!("data:image/png;base64,{}", STANDARD.encode(file)))
    }
}

/// The palette's index for a weight; `strength` in 0..=1.
fn shade(weight: f32, strength: f32) -> u8 {
    if weight == 0.0 {
        return ZERO;
    }
    let level = (strength * f32::from(SHADES)).ceil().clamp(1.0, f32::from(SHADES)) as u8 - 1;
    if weight < 0.0 { NEGATIVE + level } else { POSITIVE + level }
}

/// Red, green and blue of every index, and how opaque it is.
fn palette() -> (Vec<u8>, Vec<u8>) {
    let mut colours = [[0u8; 3]; 16];
    let mut opacity = [0u8; 16];
    (colours[usize::from(ZERO)], opacity[usize::from(ZERO)]) = GREY;
    for (first, colour) in COLOURS {
        for level in 0..SHADES {
            let index = usize::from(first + level);
            colours[index] = colour;
            opacity[index] = 255 - 25 * (SHADES - 1 - level);
        }
    }
    (colours.concat(), opacity.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(shape: &[usize], values: Vec<f32>, budget: usize) -> Picture {
        Picture::new(&Tensor::new(shape.to_vec(), values).unwrap(), budget).unwrap()
    }

    #[test]
    fn a_pixel_a_weight() {
        let drawn = picture(&[2, 3], vec![0.0, -1.0, 1.0, 0.01, 0.0, -0.25], 1000);
        assert_eq!((drawn.width, drawn.height, drawn.turned), (3, 2, false));
        let darkest = SHADES - 1;
        let half = SHADES.div_ceil(2) - 1;
        assert_eq!(
            drawn.pixels,
            [ZERO, NEGATIVE + darkest, POSITIVE + darkest, POSITIVE, ZERO, NEGATIVE + half]
        );
    }

    #[test]
    fn long_kernels_are_turned_and_tiles_stand_apart() {
        // Two inputs, one output, 2 x 2 positions; values are 1 + their index.
        let drawn = picture(&[2, 2, 2, 1], vec![1.0, 2.0, 3.0, 0.0, 5.0, 6.0, 7.0, 8.0], 1000);
        assert_eq!((drawn.width, drawn.height, drawn.turned), (5, 2, true));
        let gap: Vec<bool> = drawn.pixels.iter().map(|pixel| *pixel == GAP).collect();
        assert_eq!(gap, [false, false, true, false, false, false, false, true, false, false]);
        // Input 1 at position (0, 1) is the zero.
        assert_eq!(drawn.pixels[4], ZERO);
    }

    #[test]
    fn huge_kernels_become_blocks() {
        let mut values = vec![0.0; 1000 * 2000];
        values[0] = -1.0;
        let drawn = picture(&[1000, 2000], values, 100_000);
        assert!(drawn.width * drawn.height <= 100_000 && drawn.block == 5);
        assert_eq!(drawn.pixels[0], NEGATIVE);
        assert!(drawn.pixels[1..].iter().all(|pixel| *pixel == ZERO));
        let thin = picture(&[1, 100_000], vec![1.0; 100_000], 100_000);
        assert!(thin.width <= WIDEST && thin.height == 1);
    }

    #[test]
    fn the_image_decodes_to_its_pixels() {
        let drawn = picture(&[3, 3], vec![0.0, 1.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.0, -0.1], 1000);
        let uri = drawn.data_uri("fc").unwrap();
        let file = STANDARD.decode(uri.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::IDENTITY);
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        let rows = bytes.chunks(2).flat_map(|row| [row[0] >> 4, row[0] & 15, row[1] >> 4]);
        assert_eq!(rows.collect::<Vec<_>>(), drawn.pixels);
    }
}
