//! What can go wrong, told so that a person can act.

use std::path::{Path, PathBuf};

use crate::sampler::SamplerKind;

/// A generation, or the loading of a model, that failed. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffusionError {
    /// The prompt holds no word.
    #[error("the {0} is empty; say in a few words what the picture should show")]
    EmptyPrompt(&'static str),
    /// The prompt is longer than any model reads.
    #[error("the {which} has {found} {unit}, more than the {allowed} allowed; shorten it")]
    PromptTooLong {
        /// "prompt" or "negative prompt".
        which: &'static str,
        /// Its length in `unit`.
        found: usize,
        /// The most that is read.
        allowed: usize,
        /// "bytes" or "words".
        unit: &'static str,
    },
    /// The prompt holds a character that is no text.
    #[error("the {which} holds the control character U+{code:04X} at byte {position}; remove it")]
    ControlCharacter {
        /// "prompt" or "negative prompt".
        which: &'static str,
        /// The code point.
        code: u32,
        /// Where it starts, in bytes.
        position: usize,
    },
    /// No picture can have this size.
    #[error("{found} is no picture size; give WIDTHxHEIGHT from 1x1 to {max}x{max}, such as 512x512", max = crate::request::MAX_SIDE)]
    InvalidSize {
        /// What was given.
        found: String,
    },
    /// The model cannot make this size.
    #[error("{model} cannot make {found} pictures: {rule}")]
    UnsupportedSize {
        /// Name of the model.
        model: String,
        /// The size asked for, `WIDTHxHEIGHT`.
        found: String,
        /// What it can make, in words.
        rule: String,
    },
    /// A number of the request is out of its range.
    #[error("{name} is {found}; give {allowed}")]
    OutOfRange {
        /// Name of the number.
        name: &'static str,
        /// What was given.
        found: String,
        /// The range in words.
        allowed: String,
    },
    /// No sampler has this name.
    #[error(
        "there is no sampler {found:?}; choose one of {}",
        SamplerKind::names()
    )]
    UnknownSampler {
        /// What was given.
        found: String,
    },
    /// The model was not trained for what the request asks.
    #[error("{model} takes no {what}; leave it out")]
    NotTaken {
        /// Name of the model.
        model: String,
        /// "negative prompt" or "guidance".
        what: &'static str,
    },
    /// The caller's token was set.
    #[error("cancelled; no picture was kept")]
    Cancelled,
    /// The network gave NaN or infinity, which no picture may be made of.
    #[error(
        "the {what} hold values that are no numbers; check the weights with their SHA-256, or try another precision or device"
    )]
    NotFinite {
        /// "latents", "pixels" or the like, with the step where it is known.
        what: String,
    },
    /// A family's network gave a shape it did not announce.
    #[error("the model is wrong: its {what} have shape {found:?}, not {expected:?}")]
    ModelShape {
        /// "latents" or "pixels".
        what: &'static str,
        /// The announced shape.
        expected: Vec<usize>,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// A family or a schedule describes something that cannot be computed.
    #[error("the model's description is wrong: {0}")]
    Description(String),
    /// It would not fit.
    #[error(
        "{what} needs {} of memory and {} are free; choose a smaller size or model, or close other programs",
        crate::memory::figure(*.needed), crate::memory::figure(*.available)
    )]
    NotEnoughMemory {
        /// What was planned.
        what: String,
        /// Bytes planned.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// The device asked for cannot be used.
    #[error("the device {wanted} cannot be used: {reason}; use --device cpu or auto")]
    DeviceUnavailable {
        /// Its name.
        wanted: &'static str,
        /// Why not.
        reason: String,
    },
    /// A network could not be computed.
    #[error("computing the network failed: {0}")]
    Compute(String),
    /// The operating system refused.
    #[error("{doing} {}: {message}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// A model folder, or a file of it, is not as it should be.
    #[error("{}: {reason}", .path.display())]
    ModelFolder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A folder's pipeline is none of those that are known.
    #[error(
        "{} holds a model of the class {class:?}, which is not known; known are {known}", .path.display()
    )]
    UnknownFamily {
        /// The folder.
        path: PathBuf,
        /// The class its index names.
        class: String,
        /// The known classes.
        known: String,
    },
    /// The picture to start from cannot be used.
    #[error("the picture to start from {0}")]
    Source(String),
    /// A file of low-rank changes does not belong to the model.
    #[error("{file} cannot be put onto this model: {reason}")]
    Lora {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A weight file ends before its tensors do.
    #[error("{file} is cut short: {found} bytes of {expected}; copy or download it again")]
    WeightsTruncated {
        /// The file.
        file: String,
        /// Its length in bytes.
        found: u64,
        /// The length its header tells.
        expected: u64,
    },
    /// A weight file is no longer what it was when it was opened.
    #[error(
        "{file} was changed while it was in use; let whatever writes it finish, then try again"
    )]
    WeightsChanged {
        /// The file.
        file: String,
    },
    /// The header announces more than is read.
    #[error(
        "{file} announces a header of {found} bytes, more than the {allowed} allowed: it is no safetensors file, or damaged"
    )]
    WeightsHeaderTooLong {
        /// The file.
        file: String,
        /// Announced length in bytes.
        found: u64,
        /// The most that is read.
        allowed: u64,
    },
    /// The header or the index contradicts itself.
    #[error(
        "{file} is no safetensors file, GGUF file or index that can be read: {reason}; copy or download it again"
    )]
    WeightsInvalid {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Two tensors have one name.
    #[error("the tensor {tensor} is in the weights twice ({first} and {second}); remove one")]
    TensorDuplicate {
        /// Name of the tensor.
        tensor: String,
        /// The file where it was seen first.
        first: String,
        /// The file where it was seen again.
        second: String,
    },
    /// The network needs a tensor that is not there.
    #[error(
        "the weights lack the tensor {tensor}; they belong to another model, or a file is missing"
    )]
    TensorMissing {
        /// Name of the tensor.
        tensor: String,
    },
    /// A tensor has another shape than the network's.
    #[error(
        "the tensor {tensor} has shape {found:?}, the model needs {expected:?}; the weights belong to another model"
    )]
    TensorShape {
        /// Name of the tensor.
        tensor: String,
        /// The network's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// A tensor is stored as something that is not read.
    #[error(
        "the tensor {tensor} is stored as {found}; {allowed} can be read, so convert the weights"
    )]
    TensorType {
        /// Name of the tensor.
        tensor: String,
        /// The stored type.
        found: String,
        /// The types that are read.
        allowed: &'static str,
    },
    /// A weight is NaN or infinite.
    #[error(
        "the tensor {tensor} holds NaN or infinity at position {position}; the file is damaged, copy or download it again"
    )]
    TensorNotFinite {
        /// Name of the tensor.
        tensor: String,
        /// Index of the first bad value, row-major.
        position: usize,
    },
}

impl DiffusionError {
    /// An operating system's refusal while `doing` something at `path`.
    pub(crate) fn io(doing: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            message: error.to_string(),
        }
    }
}

impl From<candle_core::Error> for DiffusionError {
    fn from(error: candle_core::Error) -> Self {
        // A backtrace, which candle takes along where the environment asks for one, is nothing for users.
        match error {
            candle_core::Error::WithBacktrace { inner, .. } => Self::from(*inner),
            error => Self::Compute(error.to_string()),
        }
    }
}
