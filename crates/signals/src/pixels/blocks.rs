//! The bit that each block carries under `dwtDct` of invisible-watermark 0.2.0 (`maxDct.py`).
//!
//! The package turns the picture into `OpenCV`'s YUV, takes the approximation of one Haar step of U, and cuts it
//! into 4x4 blocks (8x8 pixels), row by row; in spite of the name there is no cosine transform. The largest
//! coefficient but the first, by amount, is the carrier: its remainder by 36 tells the bit, above 18 is a one.
//!
//! What U is depends on the numbers handed over, and that on the program: bytes give U rounded and centred at
//! 128, floats give U signed and centred at 0.5. A mark made with floats is lost when read from bytes, because
//! amounts of negative values are then counted from the other end. So the picture is read in every way in
//! which programs are known to write.

use super::PixelView;

/// Distance of the quantiser's cells, in units of the Haar coefficient.
const SCALE: f32 = 36.0;
/// Pixels along a side of a block.
const BLOCK: usize = 8;
/// Coefficients along a side of a block.
const COEFFICIENTS: usize = BLOCK / 2;
/// The package refuses pictures of fewer pixels.
const MIN_PIXELS: usize = 256 * 256;
/// The Haar low-pass filter as `PyWavelets` rounds it.
const HAAR: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// In which numbers a mark was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Bytes: scripts of Stable Diffusion 1 and 2, `InvokeAI`.
    EightBit,
    /// Floats: diffusers, Stability's generative-models, FLUX.
    Float,
    /// Floats with red and blue exchanged: the first releases of diffusers and their ports.
    FloatSwapped,
}

impl Plane {
    /// Every plane.
    pub const ALL: [Self; 3] = [Self::EightBit, Self::Float, Self::FloatSwapped];
}

/// One bit a block, 0 or 1, row by row, in every plane.
///
/// In [`Plane::EightBit`] they are the package's, bit for bit. In the float planes they are so up to its rounding
/// of sums in 32 bits: a block within about 1e-4 of a cell's border may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    eight_bit: Vec<u8>,
    float: Vec<u8>,
    swapped: Vec<u8>,
}

impl Blocks {
    /// `None` where the package refuses the picture: fewer than 256 times 256 pixels, or no whole block.
    pub fn of(view: &PixelView<'_>) -> Option<Self> {
        let count = (view.width / BLOCK) * (view.height / BLOCK);
        if view.pixels() < MIN_PIXELS || count == 0 {
            return None;
        }
        let mut blocks = Self {
            eight_bit: Vec::with_capacity(count),
            float: Vec::with_capacity(count),
            swapped: Vec::with_capacity(count),
        };
        let columns = view.width / BLOCK * COEFFICIENTS;
        let mut sums = Sums::new(2 * columns);
        let mut largest = Largest::new(columns);
        for row in 0..view.height / BLOCK {
            largest.clear();
            for line in 0..COEFFICIENTS {
                sums.fill(view, row * BLOCK + 2 * line);
                largest.raise(&sums);
                if line == 0 {
                    largest.forget_first_coefficients();
                }
            }
            blocks.push_row(view, row, &largest);
        }
        Some(blocks)
    }

    /// The bits of one plane.
    pub fn bits(&self, plane: Plane) -> &[u8] {
        match plane {
            Plane::EightBit => &self.eight_bit,
            Plane::Float => &self.float,
            Plane::FloatSwapped => &self.swapped,
        }
    }

    fn push_row(&mut self, view: &PixelView<'_>, row: usize, largest: &Largest) {
        let larger = |a: f32, b: f32| if a > b { a } else { b };
        let whole = largest.eight_bit.chunks_exact(COEFFICIENTS).enumerate();
        self.eight_bit.extend(whole.map(|(column, block)| {
            let sum = block.iter().copied().fold(0.0, larger) as i32;
            match sum % (2 * SCALE as i32) {
                // On the border of a cell the package's rounding decides.
                0 | 36 => exact_bit(view, column * BLOCK, row * BLOCK, sum),
                rest => u8::from(rest > 36),
            }
        }));
        let bit = |block: &[f32]| {
            let amount = block.iter().copied().fold(0.0, larger);
            let cells = (amount / SCALE) as i32 as f32;
            u8::from(amount - cells * SCALE > SCALE / 2.0)
        };
        self.float
            .extend(largest.float.chunks_exact(COEFFICIENTS).map(bit));
        self.swapped
            .extend(largest.swapped.chunks_exact(COEFFICIENTS).map(bit));
    }
}

/// Adding and taking away this rounds a float below it in amount to the nearest whole number.
const WHOLE: f32 = 12_582_912.0;
/// Half a unit of `OpenCV`'s fixed point, so that halves are rounded up.
const UP: f32 = 1.0 / 32_768.0;

/// U of one pixel, 17 to 239, as `OpenCV`'s `COLOR_BGR2YUV` rounds it for bytes: coefficients are multiples of 2^-14.
/// All steps but the two roundings are exact in floats, and compilers turn them into vectors.
fn chroma(red: f32, green: f32, blue: f32) -> f32 {
    const UNIT: f32 = 1.0 / 16_384.0;
    let luma = 1868.0 * UNIT * blue + 9617.0 * UNIT * green + 4899.0 * UNIT * red;
    let luma = (luma + UP + WHOLE) - WHOLE;
    let u = (blue - luma) * (8061.0 * UNIT) + 128.0;
    (u + UP + WHOLE) - WHOLE
}

fn chroma_of(red: u8, green: u8, blue: u8) -> f32 {
    chroma(f32::from(red), f32::from(green), f32::from(blue))
}

/// The bit of a block of bytes whose largest sum lies on the border of a cell: in doubles, added up in
/// `PyWavelets`' order (columns first).
#[cold]
fn exact_bit(view: &PixelView<'_>, left: usize, top: usize, largest: i32) -> u8 {
    let mut value: f64 = 0.0;
    for i in 1..COEFFICIENTS * COEFFICIENTS {
        let (x, y) = (left + 2 * (i % COEFFICIENTS), top + 2 * (i / COEFFICIENTS));
        let u = |x, y| {
            let pixel = view.pixel(x, y);
            f64::from(chroma_of(pixel[0], pixel[1], pixel[2]))
        };
        let (a, b, c, d) = (u(x, y), u(x + 1, y), u(x, y + 1), u(x + 1, y + 1));
        if a + b + c + d == f64::from(largest) {
            let left = HAAR * a + HAAR * c;
            let right = HAAR * b + HAAR * d;
            value = value.max(HAAR * left + HAAR * right);
        }
    }
    u8::from(value % f64::from(SCALE) > f64::from(SCALE) / 2.0)
}

/// Two rows of pixels, added up.
struct Sums {
    /// The two rows, a pixel a number: red in the lowest byte, then green and blue; the highest is anything.
    rows: [Vec<u32>; 2],
    red: Vec<f32>,
    green: Vec<f32>,
    blue: Vec<f32>,
    chroma: Vec<f32>,
}

impl Sums {
    /// For rows cut to `width` pixels.
    fn new(width: usize) -> Self {
        Self {
            rows: [vec![0; width], vec![0; width]],
            red: vec![0.0; width],
            green: vec![0.0; width],
            blue: vec![0.0; width],
            chroma: vec![0.0; width],
        }
    }

    fn fill(&mut self, view: &PixelView<'_>, y: usize) {
        for (row, y) in self.rows.iter_mut().zip([y, y + 1]) {
            unpack(view, y, row);
        }
        let [upper, lower] = &self.rows;
        let colours = self.red.iter_mut().zip(&mut self.green).zip(&mut self.blue);
        let sums = colours.zip(&mut self.chroma);
        for ((&upper, &lower), (((red, green), blue), u)) in upper.iter().zip(lower).zip(sums) {
            let channel = |pixel: u32, shift: u32| (pixel >> shift & 255) as i32 as f32;
            let (r, g, b) = (channel(upper, 0), channel(upper, 8), channel(upper, 16));
            let (s, h, c) = (channel(lower, 0), channel(lower, 8), channel(lower, 16));
            *u = chroma(r, g, b) + chroma(s, h, c);
            (*red, *green, *blue) = (r + s, g + h, b + c);
        }
    }
}

/// One row of pixels as numbers.
fn unpack(view: &PixelView<'_>, y: usize, row: &mut [u32]) {
    let samples = view.row(y);
    if view.layout.channels() == 4 {
        for (number, pixel) in row.iter_mut().zip(samples.as_chunks::<4>().0) {
            *number = u32::from_le_bytes(*pixel);
        }
    } else {
        // Four pixels out of three numbers.
        let (numbers, rest) = row.as_chunks_mut::<4>();
        let (pixels, _) = samples.as_chunks::<12>();
        for (numbers, p) in numbers.iter_mut().zip(pixels) {
            let number = |i: usize| u32::from_le_bytes([p[i], p[i + 1], p[i + 2], p[i + 3]]);
            *numbers = [number(0), number(3), number(6), number(8) >> 8];
        }
        debug_assert!(rest.is_empty(), "whole blocks are eight pixels wide");
    }
}

/// The largest amount down each column of coefficients of a row of blocks.
struct Largest {
    eight_bit: Vec<f32>,
    float: Vec<f32>,
    swapped: Vec<f32>,
}

impl Largest {
    fn new(length: usize) -> Self {
        Self {
            eight_bit: vec![0.0; length],
            float: vec![0.0; length],
            swapped: vec![0.0; length],
        }
    }

    fn clear(&mut self) {
        self.eight_bit.fill(0.0);
        self.float.fill(0.0);
        self.swapped.fill(0.0);
    }

    /// The package leaves the first coefficient of a block out.
    fn forget_first_coefficients(&mut self) {
        for i in (0..self.float.len()).step_by(COEFFICIENTS) {
            self.eight_bit[i] = 0.0;
            self.float[i] = 0.0;
            self.swapped[i] = 0.0;
        }
    }

    fn raise(&mut self, sums: &Sums) {
        let pairs = |column: &[f32], i: usize| column[2 * i] + column[2 * i + 1];
        let width = 2 * self.float.len();
        let (red, green, blue) = (
            &sums.red[..width],
            &sums.green[..width],
            &sums.blue[..width],
        );
        let chroma = &sums.chroma[..width];
        let largest = self.float.iter_mut().zip(&mut self.swapped);
        for (i, ((float, swapped), eight_bit)) in largest.zip(&mut self.eight_bit).enumerate() {
            let (red, green, blue) = (pairs(red, i), pairs(green, i), pairs(blue, i));
            let raise = |largest: &mut f32, amount: f32| {
                *largest = if amount > *largest { amount } else { *largest };
            };
            raise(float, haar_of_u(red, green, blue).abs());
            raise(swapped, haar_of_u(blue, green, red).abs());
            raise(eight_bit, pairs(chroma, i));
        }
    }
}

/// Half the sum of `OpenCV`'s float U, (B - Y) 0.492 + 0.5, over four pixels whose samples add up to these.
fn haar_of_u(red: f32, green: f32, blue: f32) -> f32 {
    0.246 * (0.886 * blue - 0.587 * green - 0.299 * red) + 1.0
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::*;

    /// Values of `cv2.cvtColor(..., cv2.COLOR_BGR2YUV)[..., 1]` of `OpenCV` 5.0.0.
    #[test]
    fn chroma_is_rounded_as_in_opencv() {
        for (rgb, expected) in [
            ([0, 0, 0], 128.0),
            ([255, 255, 255], 128.0),
            ([0, 0, 255], 239.0),
            ([255, 255, 0], 17.0),
            ([12, 200, 31], 82.0),
            ([201, 17, 5], 96.0),
        ] {
            assert_eq!(chroma_of(rgb[0], rgb[1], rgb[2]), expected, "{rgb:?}");
        }
    }

    /// `OpenCV` computes in whole numbers; every colour in steps that meet all remainders.
    #[test]
    fn floats_round_like_whole_numbers() {
        for i in (0..1 << 24).step_by(7) {
            let [red, green, blue, _] = u32::to_le_bytes(i);
            let (r, g, b) = (i32::from(red), i32::from(green), i32::from(blue));
            let luma = (1868 * b + 9617 * g + 4899 * r + (1 << 13)) >> 14;
            let u = ((b - luma) * 8061 + (128 << 14) + (1 << 13)) >> 14;
            assert_eq!(chroma_of(red, green, blue), u as f32);
        }
    }

    #[test]
    fn small_and_narrow_pictures_are_refused() {
        let samples = vec![9; 255 * 256 * 3];
        let view = PixelView::new(255, 256, Layout::Rgb, &samples).unwrap();
        assert!(Blocks::of(&view).is_none());
        let samples = vec![9; 7 * 20_000 * 3];
        let view = PixelView::new(7, 20_000, Layout::Rgb, &samples).unwrap();
        assert!(Blocks::of(&view).is_none());
        let samples = vec![9; 261 * 263 * 3];
        let view = PixelView::new(261, 263, Layout::Rgb, &samples).unwrap();
        assert_eq!(Blocks::of(&view).unwrap().bits(Plane::Float).len(), 32 * 32);
    }

    /// Both layouts hold the same picture; alpha does not matter.
    #[test]
    fn alpha_is_not_read() {
        let rgb: Vec<u8> = (0..256 * 256 * 3u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let rgba: Vec<u8> = rgb
            .chunks_exact(3)
            .enumerate()
            .flat_map(|(i, p)| [p[0], p[1], p[2], i as u8])
            .collect();
        let a = Blocks::of(&PixelView::new(256, 256, Layout::Rgb, &rgb).unwrap()).unwrap();
        let b = Blocks::of(&PixelView::new(256, 256, Layout::Rgba, &rgba).unwrap()).unwrap();
        for plane in Plane::ALL {
            assert_eq!(a.bits(plane), b.bits(plane));
            assert!(a.bits(plane).contains(&0) && a.bits(plane).contains(&1));
        }
    }
}
