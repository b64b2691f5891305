//! What the auto-encoder of FLUX.2 (diffusers' `AutoencoderKLFlux2`) has beyond `AutoencoderKL`: between it and the
//! sampler lies a batch norm over patches of latents, whose statistics are fixed.

use serde::Deserialize;

use crate::error::DiffusionError;
use crate::family::LatentScaling;
use crate::nets::Result;
use crate::weights::Weights;

/// Of `vae/config.json`, what [`super::KlConfig`] does not read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PatchNormConfig {
    #[serde(default = "epsilon")]
    batch_norm_eps: f32,
    #[serde(default = "patch")]
    patch_size: Vec<usize>,
}

fn epsilon() -> f32 {
    1e-4
}

fn patch() -> Vec<usize> {
    vec![2, 2]
}

impl PatchNormConfig {
    /// Latents of a side for one patch.
    pub(crate) fn patch(&self) -> Result<usize> {
        match *self.patch_size {
            [rows, columns] if rows == columns && (1..=8).contains(&rows) => Ok(rows),
            _ => Err(DiffusionError::Description(
                "vae/config.json: patch_size must be two equal numbers from 1 to 8".to_owned(),
            )),
        }
    }

    /// From the sampler's scale to the decoder's, of `channels` latent channels.
    pub(crate) fn scaling(&self, weights: &Weights, channels: usize) -> Result<LatentScaling> {
        let count = channels * self.patch()? * self.patch()?;
        let variances = weights.read("bn.running_var", &[count])?;
        let deviation = |variance: f32| (variance + self.batch_norm_eps).sqrt();
        let std: Vec<f32> = variances.into_iter().map(deviation).collect();
        if !std.iter().all(|deviation| deviation.is_finite()) {
            return Err(DiffusionError::Description(
                "bn.running_var of the auto-encoder has negative variances".to_owned(),
            ));
        }
        Ok(LatentScaling::PerPatchedChannel {
            mean: weights.read("bn.running_mean", &[count])?,
            std,
        })
    }
}
