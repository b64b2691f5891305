//! What `scheduler/scheduler_config.json` says beyond the noise levels.

use serde_json::Value;

use crate::error::DiffusionError;
use crate::family::PredictionKind;
use crate::folder::{Folder, read_json};
use crate::sampler::SamplerKind;
use crate::schedule::{SigmaSchedule, Spacing};

/// Settings that are not followed, and the values (as JSON) that ask for nothing.
const FIXED: [(&str, &str); 9] = [
    ("final_sigmas_type", "\"zero\""),
    ("interpolation_type", "\"linear\""),
    ("rescale_betas_zero_snr", "false"),
    ("thresholding", "false"),
    ("timestep_type", "\"discrete\""),
    ("trained_betas", "null"),
    ("use_beta_sigmas", "false"),
    ("use_exponential_sigmas", "false"),
    ("use_flow_sigmas", "false"),
];

/// Classes that space their steps over all of the training where the file does not say how.
const LINSPACE: [&str; 5] = [
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "LMSDiscreteScheduler",
];

/// How a folder's model is sampled.
pub(crate) struct Sampling {
    pub(crate) schedule: SigmaSchedule,
    pub(crate) prediction: PredictionKind,
    /// The solver of the class that the file names; DPM-Solver++ 2M where there is none of it, as for the PNDM of
    /// Stable Diffusion 1.5.
    pub(crate) sampler: SamplerKind,
    /// Whether the model was distilled for a few steps without guidance ("Turbo"): those are spaced from the very
    /// last step of the training.
    pub(crate) distilled: bool,
}

impl Sampling {
    /// `first_step` is put onto every step of the leading spacing, whatever the file says; diffusers' pipeline for
    /// one text encoder does so.
    pub(crate) fn open(folder: &Folder, first_step: Option<u32>) -> Result<Self, DiffusionError> {
        let path = folder.part("scheduler").join("scheduler_config.json");
        let config: Value = read_json(&path)?;
        let refuse = |reason: String| DiffusionError::ModelFolder {
            path: path.clone(),
            reason,
        };
        for (name, allowed) in FIXED {
            let value = &config[name];
            let found = value.to_string();
            if !value.is_null() && found != allowed {
                return Err(refuse(format!("{name} of {found} is not supported")));
            }
        }
        let prediction = match config["prediction_type"].as_str() {
            None | Some("epsilon") => PredictionKind::Epsilon,
            Some("v_prediction") => PredictionKind::V,
            Some("sample") => PredictionKind::Sample,
            Some(other) => {
                return Err(refuse(format!(
                    "prediction_type {other:?} is not supported"
                )));
            }
        };
        let class = config["_class_name"].as_str().unwrap_or_default();
        let mut schedule = folder.schedule()?;
        let SigmaSchedule::ScaledLinear { spacing, .. } = &mut schedule else {
            return Err(refuse(format!("{class} belongs to models of another kind")));
        };
        if let Spacing::Leading { offset } = spacing {
            if config["timestep_spacing"].is_null() && LINSPACE.contains(&class) {
                *spacing = Spacing::Linspace;
            } else {
                *offset = first_step.unwrap_or(*offset);
            }
        }
        let distilled = *spacing == Spacing::Trailing;
        Ok(Self {
            schedule,
            prediction,
            sampler: class.parse().unwrap_or(SamplerKind::DpmPp2M),
            distilled,
        })
    }
}
