//! What the attacks share: seeded random numbers, mapping of samples, resampling under a warp.

use image::{Rgb, RgbImage};

/// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): the attacks' only source of chance.
pub struct Random(u64);

impl Random {
    /// A stream of its own for a picture number and the name of what draws from it.
    pub fn new(picture: u64, purpose: &str) -> Self {
        let mut state = picture.wrapping_add(1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        for byte in purpose.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Self(state)
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `end`, which is at least 1.
    pub fn below(&mut self, end: u32) -> u32 {
        (self.bits() % u64::from(end)) as u32
    }

    /// Nearly normal, mean 0, sd 1, within +-3.46: the sum of four uniform 16-bit numbers.
    pub fn normal(&mut self) -> f32 {
        let bits = self.bits();
        let sum: u64 = (0..4).map(|i| (bits >> (16 * i)) & 0xFFFF).sum();
        // Each has variance (2^32 - 1) / 12; the sum's sd is 2^16 / sqrt(3).
        (sum as f32 - 2.0 * 65_535.0) * (3f32.sqrt() / 65_536.0)
    }
}

/// Rounded and clipped to a sample.
pub fn sample(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Rec. 601 luminance of a pixel.
pub fn luminance(pixel: Rgb<u8>) -> f32 {
    let [r, g, b] = pixel.0.map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Every pixel through `map`, which sees and returns values of 0 to 255.
pub fn map_pixels(picture: &RgbImage, mut map: impl FnMut([f32; 3]) -> [f32; 3]) -> RgbImage {
    let mut out = picture.clone();
    for pixel in out.pixels_mut() {
        pixel.0 = map(pixel.0.map(f32::from)).map(sample);
    }
    out
}

/// Every sample through the same `map` of 0 to 255.
pub fn map_samples(picture: &RgbImage, map: impl Fn(f32) -> f32) -> RgbImage {
    let table: Vec<u8> = (0..256).map(|v| sample(map(v as f32))).collect();
    let mut out = picture.clone();
    for value in out.iter_mut() {
        *value = table[usize::from(*value)];
    }
    out
}

/// A picture of `width` x `height` whose pixel at `(x, y)` is the one that `source` names in
/// `picture`, by Catmull-Rom interpolation (Keys, IEEE ASSP 29(6), 1981); black outside. Whole
/// numbers are pixel centres. There is no low-pass filter: for maps that hardly shrink.
pub fn warped(
    picture: &RgbImage,
    (width, height): (u32, u32),
    source: impl Fn(f64, f64) -> (f64, f64),
) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (sx, sy) = source(f64::from(x), f64::from(y));
        interpolated(picture, sx, sy).unwrap_or(Rgb([0, 0, 0]))
    })
}

fn interpolated(picture: &RgbImage, x: f64, y: f64) -> Option<Rgb<u8>> {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    if x < -0.5 || y < -0.5 || x > width as f64 - 0.5 || y > height as f64 - 0.5 {
        return None;
    }
    let (left, top) = (x.floor() as i64, y.floor() as i64);
    let across = catmull_rom((x - left as f64) as f32);
    let down = catmull_rom((y - top as f64) as f32);
    let column = |i: usize| (left - 1 + i as i64).clamp(0, width - 1) as usize * 3;
    let columns = [column(0), column(1), column(2), column(3)];
    let data = picture.as_raw();
    let mut sum = [0f32; 3];
    for (i, weight) in down.into_iter().enumerate() {
        let row = (top - 1 + i as i64).clamp(0, height - 1) as usize * width as usize * 3;
        for (offset, share) in columns.into_iter().zip(across) {
            let at = row + offset;
            for (total, value) in sum.iter_mut().zip(&data[at..at + 3]) {
                *total += weight * share * f32::from(*value);
            }
        }
    }
    Some(Rgb(sum.map(sample)))
}

/// Weights of the four neighbours at distances `1 + t, t, 1 - t, 2 - t`, for `t` in 0..1.
fn catmull_rom(t: f32) -> [f32; 4] {
    let (square, cube) = (t * t, t * t * t);
    [
        0.5 * (-cube + 2.0 * square - t),
        0.5 * (3.0 * cube - 5.0 * square + 2.0),
        0.5 * (-3.0 * cube + 4.0 * square + t),
        0.5 * (cube - square),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_normals_have_the_stated_moments() {
        let draw = |picture, purpose| Random::new(picture, purpose).bits();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert!(draw(1, "a") != draw(2, "a") && draw(1, "a") != draw(1, "b"));
        let mut random = Random::new(0, "moments");
        let values: Vec<f32> = (0..100_000).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f32>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }

    #[test]
    fn interpolation_keeps_grid_points_and_straight_ramps() {
        let ramp = RgbImage::from_fn(20, 10, |x, y| Rgb([(x * 10) as u8, (y * 20) as u8, 7]));
        assert_eq!(warped(&ramp, (20, 10), |x, y| (x, y)), ramp);
        let half = warped(&ramp, (10, 6), |x, y| (x + 4.5, y + 2.5));
        assert_eq!(half.get_pixel(3, 2).0, [75, 90, 7]);
        let outside = warped(&ramp, (1, 1), |_, _| (-0.6, 3.0));
        assert_eq!(outside.get_pixel(0, 0).0, [0, 0, 0]);
    }
}
