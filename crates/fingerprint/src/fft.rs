//! Correlation of masked pictures for all shifts at once, by Fourier transform.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use crate::contrast::Masked;

/// The next length whose factors are 2 and 3 only, which transform fast.
pub(crate) fn padded(least: usize) -> usize {
    let mut length = least;
    loop {
        let odd = length >> length.trailing_zeros();
        if 3usize.pow(odd.ilog(3)) == odd {
            return length;
        }
        length += 1;
    }
}

/// Transforms of a masked picture.
pub(crate) struct Spectra {
    pub contrast: Vec<Complex32>,
    /// Of the squared contrast.
    pub energy: Vec<Complex32>,
    pub mask: Vec<Complex32>,
}

/// Two-dimensional transform of zero-padded planes.
pub(crate) struct Fft2d {
    width: usize,
    height: usize,
    forward: [Arc<dyn Fft<f32>>; 2],
    inverse: [Arc<dyn Fft<f32>>; 2],
}

impl Fft2d {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            width,
            height,
            forward: [
                planner.plan_fft_forward(width),
                planner.plan_fft_forward(height),
            ],
            inverse: [
                planner.plan_fft_inverse(width),
                planner.plan_fft_inverse(height),
            ],
        }
    }

    pub(crate) fn spectra(&self, picture: &Masked) -> Spectra {
        let mut mixed = self.pad(picture, |i| {
            Complex32::new(picture.values[i], picture.values[i] * picture.values[i])
        });
        let mut mask = self.pad(picture, |i| Complex32::new(picture.mask[i], 0.0));
        self.run(&mut mixed, &self.forward);
        self.run(&mut mask, &self.forward);
        // A real plane's spectrum is Hermitian, so two real planes separate again.
        let mut contrast = Vec::with_capacity(mixed.len());
        let mut energy = Vec::with_capacity(mixed.len());
        for y in 0..self.height {
            let mirrored_row = (self.height - y) % self.height * self.width;
            for x in 0..self.width {
                let here = mixed[y * self.width + x];
                let mirrored = mixed[mirrored_row + (self.width - x) % self.width].conj();
                contrast.push((here + mirrored) * 0.5);
                energy.push((here - mirrored) * Complex32::new(0.0, -0.5));
            }
        }
        Spectra {
            contrast,
            energy,
            mask,
        }
    }

    /// Cross-correlations of two pairs of real planes for all shifts: the first pair's in the real
    /// part, the second's in the imaginary part.
    pub(crate) fn correlate(
        &self,
        first: (&[Complex32], &[Complex32]),
        second: (&[Complex32], &[Complex32]),
    ) -> Vec<Complex32> {
        let scale = 1.0 / (self.width * self.height) as f32;
        let mut planes: Vec<Complex32> = first
            .0
            .iter()
            .zip(first.1)
            .zip(second.0.iter().zip(second.1))
            .map(|((a, b), (c, d))| (a.conj() * b + Complex32::i() * (c.conj() * d)) * scale)
            .collect();
        self.run(&mut planes, &self.inverse);
        planes
    }

    fn pad(&self, picture: &Masked, value: impl Fn(usize) -> Complex32) -> Vec<Complex32> {
        let mut plane = vec![Complex32::default(); self.width * self.height];
        for y in 0..picture.height {
            for x in 0..picture.width {
                plane[y * self.width + x] = value(y * picture.width + x);
            }
        }
        plane
    }

    fn run(&self, plane: &mut [Complex32], [along_rows, along_columns]: &[Arc<dyn Fft<f32>>; 2]) {
        along_rows.process(plane);
        let mut transposed = transpose(plane, self.width, self.height);
        along_columns.process(&mut transposed);
        plane.copy_from_slice(&transpose(&transposed, self.height, self.width));
    }
}

fn transpose(plane: &[Complex32], width: usize, height: usize) -> Vec<Complex32> {
    let mut transposed = Vec::with_capacity(plane.len());
    for x in 0..width {
        transposed.extend((0..height).map(|y| plane[y * width + x]));
    }
    transposed
}
