//! Activation functions: candle's, but in main memory with an `exp` that compilers turn into vector instructions.

use candle_core::Tensor;

use super::Result;
use super::host::{self, Values, exp};

/// `x / (1 + e^-x)`.
pub(crate) fn silu(x: &Tensor) -> Result<Tensor> {
    match each(x, silu_of)? {
        Some(made) => Ok(made),
        None => Ok(x.silu()?),
    }
}

/// GELU by the hyperbolic tangent (`PyTorch`'s `gelu(approximate="tanh")`).
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    match each(x, gelu_of)? {
        Some(made) => Ok(made),
        None => Ok(x.gelu()?),
    }
}

/// GELU by the error function.
pub(crate) fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    match each(x, gelu_erf_of)? {
        Some(made) => Ok(made),
        None => Ok(x.gelu_erf()?),
    }
}

/// A function of each value, where that is done here.
fn each(x: &Tensor, f: impl Fn(f32) -> f32 + Sync) -> Result<Option<Tensor>> {
    let x = x.contiguous()?;
    let made = Values::of(&x).map(|values| host::each(&values, f));
    let made = made.map(|made| Tensor::from_vec(made, x.shape(), x.device()));
    Ok(made.transpose()?)
}

#[inline]
pub(super) fn silu_of(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `x / 2 (1 + tanh(u))` is `x / (1 + e^-2u)`.
#[inline]
fn gelu_of(x: f32) -> f32 {
    /// Twice the root of two over pi.
    const FACTOR: f32 = 1.595_769;
    x / (1.0 + exp(-FACTOR * x * (1.0 + 0.044_715 * x * x)))
}

/// The error function after Abramowitz and Stegun, 7.1.26: within 2e-7.
#[inline]
fn gelu_erf_of(x: f32) -> f32 {
    const FACTORS: [f32; 5] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_72,
        0.254_829_6,
    ];
    let size = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let sum = FACTORS.iter().fold(0.0, |sum, factor| sum * t + factor);
    // Of the normal distribution what lies beyond |x|.
    let beyond = 0.5 * sum * t * exp(-size * size);
    x * if x < 0.0 { beyond } else { 1.0 - beyond }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// The exact function, in `f64`.
    type Exact = fn(f64) -> f64;
    /// Name, ours, exact.
    type Kind = (&'static str, fn(f32) -> f32, Exact);

    #[test]
    fn activations_are_within_a_millionth() {
        let kinds: [Kind; 3] = [
            ("silu", silu_of, |x| x / (1.0 + (-x).exp())),
            ("gelu", gelu_of, |x| {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                0.5 * x * (1.0 + u.tanh())
            }),
            ("gelu by erf", gelu_erf_of, |x| {
                0.5 * x * (1.0 + libm::erf(x / 2_f64.sqrt()))
            }),
        ];
        for (name, found, exact) in kinds {
            for step in -400_000..=400_000 {
                let x = step as f32 * 2.5e-4;
                let difference = f64::from(found(x)) - exact(f64::from(x));
                let allowed = 1e-6_f64.max(2e-7 * f64::from(x.abs()));
                assert!(difference.abs() < allowed, "{name} of {x}: {difference}");
            }
            for x in [1e4, 1e20, f32::MAX] {
                assert_eq!(found(x), x, "{name}");
                assert!(found(-x).abs() < 1e-6, "{name} of -{x}");
            }
            assert!(found(f32::NAN).is_nan(), "{name}");
        }
    }

    #[test]
    fn exp_is_exp() {
        for step in -870_000..=880_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact) / exact;
            assert!(error.abs() < 2.5e-7, "{x}: {error}");
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(88.5).is_infinite());
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn views_and_other_types_are_taken() {
        let x = Tensor::randn(0.0_f32, 2.0, (33, 40), &Device::Cpu).unwrap();
        let view = x.t().unwrap();
        let plain = silu(&x).unwrap().t().unwrap();
        let difference = (silu(&view).unwrap() - plain).unwrap().abs().unwrap();
        let most: f32 = difference.max_all().unwrap().to_scalar().unwrap();
        assert!(most < 1e-6);
        let half = x.to_dtype(candle_core::DType::BF16).unwrap();
        assert_eq!(gelu(&half).unwrap().dtype(), candle_core::DType::BF16);
    }
}
