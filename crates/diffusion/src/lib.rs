//! Text-to-image diffusion: one sampler for every model family.
//!
//! A family brings networks and describes everything else as data ([`Family`]): how time is told
//! to the network, what it predicts, the sigma schedule, the kind of guidance, how latents are
//! packed and scaled. What is common is written here once: the noise ([`noise`]), the schedules
//! ([`schedule`]), the solvers ([`solver`]), the loop with progress, previews and cancellation
//! ([`Pipeline`]), the weight files ([`weights`]) and the memory plan ([`memory`]).
//!
//! The sampler's state is plain `f32` in main memory; only networks run on a device. So the same
//! seed, size and model give the same bytes on one device, and the same picture within rounding
//! on every device.
//!
//! The only crate that knows `candle`, and it shows none of it.

mod device;
mod embedded;
mod error;
mod families;
mod family;
mod folder;
mod image;
mod info;
mod lora;
pub mod memory;
mod model;
mod nets;
pub mod noise;
mod pipeline;
mod progress;
mod prompt;
mod request;
mod sampler;
pub mod schedule;
pub mod solver;
mod source;
mod text;
mod vae;
pub mod weights;

pub use device::{Backend, Compute, DevicePreference, Precision};
pub use error::DiffusionError;
pub use families::{Inspection, MAX_SHIFT, OpenOptions};
pub use family::{
    Family, GuidanceKind, LatentLayout, LatentScaling, PredictionKind, TextTemplate, TimeConvention,
};
pub use image::{FloatImage, Generated, RgbImage};
pub use info::{AdapterFile, ModelInfo, SizeRule, TrainingData, WeightFile};
pub use lora::LoraFile;
pub use model::{Branch, EncodeRequest, Latents, Model};
pub use pipeline::Pipeline;
pub use progress::{CancelToken, Progress};
pub use prompt::{MAX_PROMPT_BYTES, MAX_PROMPT_WORDS};
pub use request::{GenerateRequest, MAX_COUNT, MAX_GUIDANCE, MAX_SIDE, MAX_STEPS, Seed, Size};
pub use sampler::SamplerKind;
pub use source::{PaintMask, SourcePicture};
