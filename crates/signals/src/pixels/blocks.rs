//! The bit that each block carries under `dwtDct` of invisible-watermark 0.2.0 (`maxDct.py`).
//!
//! The package turns the picture into OpenCV's YUV, takes the approximation of one Haar step of U, and cuts it
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
/// The Haar low-pass filter as PyWavelets rounds it.
const HAAR: f64 = 0.707_106_781_186_547_6;

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
pub(super) struct Blocks {
    eight_bit: Vec<u8>,
    float: Vec<u8>,
    swapped: Vec<u8>,
}

impl Blocks {
    /// `None` where the package would have refused the picture.
    pub(super) fn of(view: &PixelView<'_>) -> Option<Self> {
        let count = (view.width / BLOCK) * (view.height / BLOCK);
        if view.pixels() < MIN_PIXELS || count == 0 {
            return None;
        }
        let mut blocks = Self {
            eight_bit: Vec::with_capacity(count),
            float: Vec::with_capacity(count),
            swapped: Vec::with_capacity(count),
        };
        let mut sums = Sums::new(view.width / BLOCK * COEFFICIENTS);
        let mut largest = Largest::new(view.width / BLOCK * COEFFICIENTS);
        for row in 0..view.height / BLOCK {
            largest.clear();
            for line in 0..COEFFICIENTS {
                let y = row * BLOCK + 2 * line;
                let (upper, lower) = (view.row(y), view.row(y + 1));
                match view.layout.channels() {
                    3 => sums.fill::<3>(upper, lower),
                    _ => sums.fill::<4>(upper, lower),
                }
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
    pub(super) fn bits(&self, plane: Plane) -> &[u8] {
        match plane {
            Plane::EightBit => &self.eight_bit,
            Plane::Float => &self.float,
            Plane::FloatSwapped => &self.swapped,
        }
    }

    fn push_row(&mut self, view: &PixelView<'_>, row: usize, largest: &Largest) {
        let whole = largest.eight_bit.chunks_exact(COEFFICIENTS).enumerate();
        self.eight_bit.extend(whole.map(|(column, block)| {
            let sum = block.iter().copied().fold(0, i32::max);
            match sum % (2 * SCALE as i32) {
                // On the border of a cell the package's rounding decides.
                0 | 36 => exact_bit(view, column * BLOCK, row * BLOCK, sum),
                rest => u8::from(rest > 36),
            }
        }));
        let bit = |block: &[f32]| {
            let amount = block.iter().copied().fold(0.0, f32::max);
            let cells = (amount / SCALE) as i32 as f32;
            u8::from(amount - cells * SCALE > SCALE / 2.0)
        };
        self.float
            .extend(largest.float.chunks_exact(COEFFICIENTS).map(bit));
        self.swapped
            .extend(largest.swapped.chunks_exact(COEFFICIENTS).map(bit));
    }
}

/// U of one pixel as OpenCV's fixed-point `COLOR_BGR2YUV` rounds it; 17 to 239.
fn chroma(red: u8, green: u8, blue: u8) -> i32 {
    let (red, green, blue) = (i32::from(red), i32::from(green), i32::from(blue));
    let luma = (1868 * blue + 9617 * green + 4899 * red + (1 << 13)) >> 14;
    ((blue - luma) * 8061 + (128 << 14) + (1 << 13)) >> 14
}

/// The bit of a block of bytes whose largest sum lies on the border of a cell: in doubles, added up in
/// PyWavelets' order (columns first).
#[cold]
fn exact_bit(view: &PixelView<'_>, left: usize, top: usize, largest: i32) -> u8 {
    let mut value: f64 = 0.0;
    for i in 1..COEFFICIENTS * COEFFICIENTS {
        let (x, y) = (left + 2 * (i % COEFFICIENTS), top + 2 * (i / COEFFICIENTS));
        let u = |x, y| {
            let pixel = view.pixel(x, y);
            chroma(pixel[0], pixel[1], pixel[2])
        };
        let (a, b, c, d) = (u(x, y), u(x + 1, y), u(x, y + 1), u(x + 1, y + 1));
        if a + b + c + d == largest {
            let left = HAAR * f64::from(a) + HAAR * f64::from(c);
            let right = HAAR * f64::from(b) + HAAR * f64::from(d);
            value = value.max(HAAR * left + HAAR * right);
        }
    }
    u8::from(value % f64::from(SCALE) > f64::from(SCALE) / 2.0)
}

/// Sums over 2x2 pixels of one line of coefficients.
struct Sums {
    red: Vec<i32>,
    green: Vec<i32>,
    blue: Vec<i32>,
    chroma: Vec<i32>,
}

impl Sums {
    fn new(length: usize) -> Self {
        Self {
            red: vec![0; length],
            green: vec![0; length],
            blue: vec![0; length],
            chroma: vec![0; length],
        }
    }

    fn fill<const CHANNELS: usize>(&mut self, upper: &[u8], lower: &[u8]) {
        let pairs = upper
            .chunks_exact(2 * CHANNELS)
            .zip(lower.chunks_exact(2 * CHANNELS));
        let colours = self.red.iter_mut().zip(&mut self.green).zip(&mut self.blue);
        for (((upper, lower), ((red, green), blue)), u) in pairs.zip(colours).zip(&mut self.chroma)
        {
            let four = [
                &upper[..3],
                &upper[CHANNELS..CHANNELS + 3],
                &lower[..3],
                &lower[CHANNELS..CHANNELS + 3],
            ];
            let sum = |channel: usize| four.iter().map(|pixel| i32::from(pixel[channel])).sum();
            *red = sum(0);
            *green = sum(1);
            *blue = sum(2);
            *u = four
                .iter()
                .map(|pixel| chroma(pixel[0], pixel[1], pixel[2]))
                .sum();
        }
    }
}

/// The largest amount down each column of coefficients of a row of blocks.
struct Largest {
    eight_bit: Vec<i32>,
    float: Vec<f32>,
    swapped: Vec<f32>,
}

impl Largest {
    fn new(length: usize) -> Self {
        Self {
            eight_bit: vec![0; length],
            float: vec![0.0; length],
            swapped: vec![0.0; length],
        }
    }

    fn clear(&mut self) {
        self.eight_bit.fill(0);
        self.float.fill(0.0);
        self.swapped.fill(0.0);
    }

    /// The package leaves the first coefficient of a block out.
    fn forget_first_coefficients(&mut self) {
        for i in (0..self.float.len()).step_by(COEFFICIENTS) {
            self.eight_bit[i] = 0;
            self.float[i] = 0.0;
            self.swapped[i] = 0.0;
        }
    }

    fn raise(&mut self, sums: &Sums) {
        for (largest, &sum) in self.eight_bit.iter_mut().zip(&sums.chroma) {
            *largest = sum.max(*largest);
        }
        let colours = sums.red.iter().zip(&sums.green).zip(&sums.blue);
        let largest = self.float.iter_mut().zip(&mut self.swapped);
        for ((float, swapped), ((&red, &green), &blue)) in largest.zip(colours) {
            let (red, green, blue) = (red as f32, green as f32, blue as f32);
            let amount = haar_of_u(red, green, blue).abs();
            *float = if amount > *float { amount } else { *float };
            let amount = haar_of_u(blue, green, red).abs();
            *swapped = if amount > *swapped { amount } else { *swapped };
        }
    }
}

/// Half the sum of OpenCV's float U, (B - Y) 0.492 + 0.5, over four pixels whose samples add up to these.
fn haar_of_u(red: f32, green: f32, blue: f32) -> f32 {
    0.246 * (0.886 * blue - 0.587 * green - 0.299 * red) + 1.0
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::*;

    /// Values of `cv2.cvtColor(..., cv2.COLOR_BGR2YUV)[..., 1]` of OpenCV 5.0.0.
    #[test]
    fn chroma_is_rounded_as_in_opencv() {
        for (rgb, expected) in [
            ([0, 0, 0], 128),
            ([255, 255, 255], 128),
            ([0, 0, 255], 239),
            ([255, 255, 0], 17),
            ([12, 200, 31], 82),
            ([201, 17, 5], 96),
        ] {
            assert_eq!(chroma(rgb[0], rgb[1], rgb[2]), expected, "{rgb:?}");
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
