//! Regeneration by a learned autoencoder: a picture is encoded into the latent of a diffusion model
//! and decoded again, with or without noise between (Zhao et al., "Invisible image watermarks are
//! provably removable using generative AI", `NeurIPS` 2024), or several times (WAVES, ICML 2024).

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use image::RgbImage;
use serde_json::json;
use tempfile::TempDir;

use super::script::{Script, Start};
use crate::attacks::{Attack, REGENERATION};

const SCRIPT: &str = include_str!("../../peers/autoencoder.py");

/// The script with both networks, and where pictures are handed over.
struct Autoencoder {
    script: Script,
    folder: TempDir,
}

/// Name, round trips, noise in the latent in standard deviations of the latent.
const ATTACKS: [(&str, usize, f64); 5] = [
    ("round trip", 1, 0.0),
    ("four round trips", 4, 0.0),
    ("latent noise 0.25", 1, 0.25),
    ("latent noise 0.5", 1, 0.5),
    ("latent noise 1", 1, 1.0),
];

/// What the autoencoder does to pictures. `checkpoints` is the path of two files up to `_encoder.pth` and
/// `_decoder.pth`; its last part is the name in the table.
pub fn attacks(checkpoints: &Path) -> Result<Vec<Attack>> {
    let network = checkpoints
        .file_name()
        .context("--autoencoder takes a folder and a name, such as taesd/taef2")?
        .to_string_lossy();
    let script = match Script::start(SCRIPT, checkpoints)? {
        Start::Ready(script) => script,
        Start::Missing(reason) => bail!(
            "the autoencoder {} cannot be run: {reason}; see xtask/peers/autoencoder.py for what it needs",
            checkpoints.display()
        ),
    };
    // One picture at a time: a network takes all cores and gigabytes of memory.
    let autoencoder = Arc::new(Mutex::new(Autoencoder {
        script,
        folder: tempfile::tempdir()?,
    }));
    let attack = |(name, trips, noise)| {
        let autoencoder = Arc::clone(&autoencoder);
        Attack {
            name: format!("autoencoder {network}, {name}").into(),
            group: REGENERATION,
            goal: None,
            apply: Box::new(move |picture, number| {
                let mut autoencoder = autoencoder.lock().unwrap_or_else(PoisonError::into_inner);
                let mut picture = picture.clone();
                for _ in 0..trips {
                    picture = autoencoder.round_trip(&picture, noise, number)?;
                }
                Ok(picture)
            }),
        }
    };
    Ok(ATTACKS.into_iter().map(attack).collect())
}

impl Autoencoder {
    /// Encodes and decodes a picture; the seed determines the noise.
    fn round_trip(&mut self, picture: &RgbImage, noise: f64, seed: u64) -> Result<RgbImage> {
        let [source, target] = ["source.rgb", "target.rgb"].map(|n| self.folder.path().join(n));
        std::fs::write(&source, picture.as_raw())?;
        let (width, height) = picture.dimensions();
        let answer = self.script.ask(&json!({
            "from": source, "to": target, "width": width, "height": height,
            "noise": noise, "seed": seed,
        }))?;
        if answer["done"] != true {
            bail!("the autoencoder failed: {}", answer["error"]);
        }
        RgbImage::from_raw(width, height, std::fs::read(&target)?)
            .context("the autoencoder gave a picture of another size")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_checkpoints_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let Err(error) = attacks(&folder.path().join("taef2")) else {
            panic!("there is no such autoencoder");
        };
        let error = error.to_string();
        // Where there is no Python at all that is the reason given.
        let reasons = ["taef2_encoder.pth", "python3", "No module named"];
        assert!(reasons.iter().any(|r| error.contains(r)), "{error}");
    }
}
