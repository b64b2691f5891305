//! Large pictures decoded in overlapping tiles, for devices that cannot decode them whole.

use candle_core::{Device, Tensor};

use crate::error::DiffusionError;

/// How latents are cut, in latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// Side of a tile.
    pub(crate) side: usize,
    /// From one tile to the next; less than the side, so that they overlap.
    pub(crate) stride: usize,
}

impl Tiling {
    /// Pictures of up to 1024 pixels in tiles of 512 with a quarter of overlap, for a decoder that makes `scale` pixels
    /// of a latent.
    pub(crate) fn of_pixels(side: usize, scale: usize) -> Self {
        let side = (side / scale.max(1)).max(2);
        Self {
            side,
            stride: (side * 3 / 4).max(1),
        }
    }
}

/// Decodes `[1, channels, rows, columns]` tile by tile to `[1, 3, scale * rows, scale * columns]`. Where tiles overlap
/// the earlier one fades into the later along a line, so that no seam shows.
pub(crate) fn tiled(
    latents: &Tensor,
    scale: usize,
    tiling: Tiling,
    decode: impl Fn(&Tensor) -> Result<Tensor, DiffusionError>,
) -> Result<Tensor, DiffusionError> {
    let (_, _, rows, columns) = latents.dims4()?;
    if rows <= tiling.side && columns <= tiling.side {
        return decode(latents);
    }
    let (height, width) = (rows * scale, columns * scale);
    let mut sums = vec![0.0_f32; 3 * height * width];
    let mut weights = vec![0.0_f32; height * width];
    for top in starts(rows, tiling) {
        for left in starts(columns, tiling) {
            let (tall, wide) = (tiling.side.min(rows - top), tiling.side.min(columns - left));
            let tile = latents.narrow(2, top, tall)?.narrow(3, left, wide)?;
            let tile = decode(&tile.contiguous()?)?.get(0)?;
            let pixels: Vec<f32> = tile.flatten_all()?.to_vec1()?;
            let overlap = (tiling.side - tiling.stride) * scale;
            let down = ramp(top, tall, rows, scale, overlap);
            let across = ramp(left, wide, columns, scale, overlap);
            let plane = down.len() * across.len();
            for (y, of_y) in down.iter().enumerate() {
                for (x, of_x) in across.iter().enumerate() {
                    let weight = of_y * of_x;
                    let at = (top * scale + y) * width + left * scale + x;
                    weights[at] += weight;
                    for channel in 0..3 {
                        let value = pixels[channel * plane + y * across.len() + x];
                        sums[channel * height * width + at] += weight * value;
                    }
                }
            }
        }
    }
    for plane in sums.chunks_exact_mut(height * width) {
        for (sum, weight) in plane.iter_mut().zip(&weights) {
            *sum /= weight;
        }
    }
    Ok(Tensor::from_vec(sums, (1, 3, height, width), &Device::Cpu)?)
}

/// First latents of the tiles; the last one ends with the picture.
fn starts(length: usize, tiling: Tiling) -> Vec<usize> {
    let last = length.saturating_sub(tiling.side);
    let mut starts: Vec<usize> = (0..last).step_by(tiling.stride).collect();
    starts.push(last);
    starts
}

/// Weights of a tile's pixels along one axis: rising over the overlap from the second tile on, falling to the end
/// before the last.
fn ramp(start: usize, tile: usize, all: usize, scale: usize, overlap: usize) -> Vec<f32> {
    let pixels = tile * scale;
    let overlap = overlap.clamp(1, pixels);
    let rise = |distance: usize| ((distance as f32 + 0.5) / overlap as f32).min(1.0);
    (0..pixels)
        .map(|pixel| {
            let left = if start > 0 { rise(pixel) } else { 1.0 };
            let right = if start + tile < all {
                rise(pixels - 1 - pixel)
            } else {
                1.0
            };
            left * right
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A "decoder" that repeats latents: tiles of it join without any difference.
    fn repeat(x: &Tensor) -> Result<Tensor, DiffusionError> {
        let (_, _, rows, columns) = x.dims4()?;
        let x = x.narrow(1, 0, 3)?.reshape((1, 3, rows, 1, columns, 1))?;
        let x = x.expand((1, 3, rows, 4, columns, 4))?;
        Ok(x.reshape((1, 3, rows * 4, columns * 4))?)
    }

    #[test]
    fn tiles_join_to_the_whole() {
        let tiling = Tiling { side: 6, stride: 4 };
        for (rows, columns) in [(5, 6), (7, 6), (13, 17), (6, 30)] {
            let x = Tensor::rand(-1.0_f32, 1.0, (1, 5, rows, columns), &Device::Cpu).unwrap();
            let whole: Vec<f32> = repeat(&x)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1()
                .unwrap();
            let joined = tiled(&x, 4, tiling, repeat).unwrap();
            assert_eq!(joined.dims(), [1, 3, 4 * rows, 4 * columns]);
            let joined: Vec<f32> = joined.flatten_all().unwrap().to_vec1().unwrap();
            for (a, b) in whole.iter().zip(&joined) {
                assert!((a - b).abs() < 1e-5, "{rows}x{columns}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_tile_fades_into_the_next() {
        let fades = ramp(4, 6, 20, 2, 4);
        assert_eq!(fades.len(), 12);
        assert!(fades[..4].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(fades[8..].windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!(fades[4..8], [1.0; 4]);
        assert_eq!(ramp(0, 6, 6, 2, 4), [1.0; 12]);
    }
}
