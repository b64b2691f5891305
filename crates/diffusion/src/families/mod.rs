//! The families of models, one module each. What is common to their folders is here; which of them a folder belongs
//! to is a row of a table.

mod flux;
mod flux2;
mod names;
mod qwen_image;
#[cfg(test)]
mod reference;
mod stable_diffusion;
#[cfg(test)]
mod tests;
mod z_image;

use std::path::{Path, PathBuf};

use crate::device::{Compute, DevicePreference, Precision};
use crate::error::DiffusionError;
use crate::family::Family;
use crate::folder::Folder;
use crate::info::{AdapterFile, ModelInfo, WeightFile};
use crate::lora::{self, Fused, LoraFile};
use crate::memory::{Available, MemoryPlan};
use crate::pipeline::Pipeline;
use crate::request::Size;
use crate::schedule::SigmaSchedule;
use crate::weights::Weights;

/// How a model folder is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where networks run.
    pub device: DevicePreference,
    /// Precision of the large networks; the device's own where `None`.
    pub precision: Option<Precision>,
    /// A file or folder in place of the transformer's weights: safetensors, scaled 8-bit, GGUF.
    pub transformer: Option<PathBuf>,
    /// A file or folder in place of the text encoder's weights.
    pub text_encoder: Option<PathBuf>,
    /// Low-rank changes, in the order they are added.
    pub loras: Vec<LoraFile>,
    /// Whether blocks are read again in each evaluation, two at a time in memory; `None` where that is to depend on
    /// what is free.
    pub streamed: Option<bool>,
    /// A static shift in place of the model's own schedule, such as 3 for Qwen-Image with the Lightning changes;
    /// above 0 to [`MAX_SHIFT`].
    pub shift: Option<f64>,
    /// Side of the tiles that pictures are decoded in, in pixels; whole where `None`.
    pub tile: Option<u32>,
}

/// Largest shift of [`OpenOptions`].
pub const MAX_SHIFT: f64 = 100.0;

/// What is known of a model before its weights are loaded.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its facts; hashes are empty where they were not asked for.
    pub info: ModelInfo,
    /// Its family.
    pub family: Family,
    /// What it needs with all weights in memory.
    pub resident: MemoryPlan,
    /// What it needs with blocks read again in each evaluation.
    pub streamed: MemoryPlan,
    /// Where it would run.
    pub device: crate::device::Backend,
    /// The size that the plans are for.
    pub size: Size,
}

type Describe = for<'a> fn(&'a Parts<'a>) -> Result<Opening<'a>, DiffusionError>;

/// Classes of pipelines and who opens them.
const FAMILIES: &[(&str, Describe)] = &[
    ("QwenImagePipeline", qwen_image::describe),
    ("FluxPipeline", flux::describe),
    ("ZImagePipeline", z_image::describe),
    ("Flux2KleinPipeline", flux2::describe),
    ("StableDiffusionPipeline", stable_diffusion::describe),
    ("StableDiffusionXLPipeline", stable_diffusion::describe_xl),
];

/// What a family opens its networks from.
pub(crate) struct Parts<'a> {
    pub(crate) folder: Folder,
    pub(crate) options: &'a OpenOptions,
    pub(crate) compute: Compute,
    /// Whether files are read from end to end for their hashes.
    hashed: bool,
}

/// A model of which headers were read.
pub(crate) struct Opening<'a> {
    pub(crate) info: ModelInfo,
    pub(crate) family: Family,
    pub(crate) costs: Costs,
    pub(crate) load:
        Box<dyn FnOnce(ModelInfo, Family, bool) -> Result<Pipeline, DiffusionError> + 'a>,
}

/// Bytes that a model takes.
pub(crate) struct Costs {
    /// All weights in memory.
    pub(crate) resident: u64,
    /// What stays when blocks are streamed.
    pub(crate) streamed: u64,
    /// The most activations of one evaluation at a size.
    pub(crate) activations: Box<dyn Fn(Size) -> u64>,
    /// The same while decoding.
    pub(crate) decode: Box<dyn Fn(Size) -> u64>,
}

impl Costs {
    fn plan(&self, weights: u64, size: Size) -> MemoryPlan {
        MemoryPlan {
            weights,
            activations: (self.activations)(size),
            decode: (self.decode)(size),
        }
    }
}

impl<'a> Parts<'a> {
    fn open(
        path: &Path,
        options: &'a OpenOptions,
        hashed: bool,
    ) -> Result<(Self, Describe), DiffusionError> {
        let folder = Folder::open(path)?;
        let known = FAMILIES.iter().find(|(class, _)| *class == folder.class());
        let Some((_, describe)) = known else {
            let classes: Vec<&str> = FAMILIES.iter().map(|(class, _)| *class).collect();
            return Err(DiffusionError::UnknownFamily {
                path: path.to_owned(),
                class: folder.class().to_owned(),
                known: classes.join(", "),
            });
        };
        let mut compute = Compute::open(options.device)?;
        if let Some(precision) = options.precision {
            compute = compute.with_precision(precision);
        }
        let parts = Self {
            folder,
            options,
            compute,
            hashed,
        };
        Ok((parts, *describe))
    }

    /// Weights of a part, or of the file that stands in for it. Files are named with the part's folder.
    pub(crate) fn weights(
        &self,
        part: &str,
        instead: Option<&Path>,
    ) -> Result<Opened, DiffusionError> {
        let weights = match instead {
            Some(path) => Weights::open(path)?,
            None => self.folder.weights(part)?,
        };
        let mut files = if self.hashed {
            weights.files()?
        } else {
            weights.unhashed_files()
        };
        for file in &mut files {
            file.name = format!("{part}/{}", file.name);
        }
        Ok(Opened { weights, files })
    }

    /// Puts the low-rank changes onto a transformer's weights.
    pub(crate) fn adapt(&self, weights: &mut Weights) -> Result<Vec<AdapterFile>, DiffusionError> {
        self.adapt_as(weights, &[])
    }

    /// The same where files may have other names for layers.
    pub(crate) fn adapt_as(
        &self,
        weights: &mut Weights,
        fused: &[Fused],
    ) -> Result<Vec<AdapterFile>, DiffusionError> {
        self.adapt_all(&mut [lora::Target::network(weights, fused)])
    }

    /// The same for several networks, each of them the one that some layers of a file belong to.
    pub(crate) fn adapt_all(
        &self,
        targets: &mut [lora::Target<'_>],
    ) -> Result<Vec<AdapterFile>, DiffusionError> {
        let files = self.options.loras.iter();
        files.map(|file| lora::apply(file, targets)).collect()
    }
}

/// A network's weights and the files they came from.
pub(crate) struct Opened {
    pub(crate) weights: Weights,
    pub(crate) files: Vec<WeightFile>,
}

impl Pipeline {
    /// Opens a folder of a model, as diffusers' `save_pretrained` writes it.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::ModelFolder`] and [`DiffusionError::UnknownFamily`] where it is none of a known family; what
    /// is wrong with its weights; [`DiffusionError::NotEnoughMemory`]; [`DiffusionError::DeviceUnavailable`].
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, DiffusionError> {
        let (parts, describe) = Parts::open(path, options, true)?;
        let Opening {
            info,
            mut family,
            costs,
            load,
        } = describe(&parts)?;
        if let Some(shift) = options.shift {
            family.schedule = shifted(&info, &family, shift)?;
        }
        let streamed = choose_streaming(&info, &costs, &parts)?;
        load(info, family, streamed)
    }

    /// What opening a folder would come to; only headers are read.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::open`], but for memory. [`DiffusionError::UnsupportedSize`] where the model cannot make `size`.
    pub fn inspect(
        path: &Path,
        options: &OpenOptions,
        size: Option<Size>,
    ) -> Result<Inspection, DiffusionError> {
        let (parts, describe) = Parts::open(path, options, false)?;
        let opening = describe(&parts)?;
        let size = size.or(opening.info.sizes.first().copied());
        let size =
            size.ok_or_else(|| DiffusionError::Description("the model names no size".to_owned()))?;
        opening.info.check_size(size)?;
        Ok(Inspection {
            resident: opening.costs.plan(opening.costs.resident, size),
            streamed: opening.costs.plan(opening.costs.streamed, size),
            info: opening.info,
            family: opening.family,
            device: parts.compute.backend(),
            size,
        })
    }
}

fn shifted(info: &ModelInfo, family: &Family, shift: f64) -> Result<SigmaSchedule, DiffusionError> {
    if !(shift > 0.0 && shift <= MAX_SHIFT) {
        return Err(DiffusionError::OutOfRange {
            name: "shift",
            found: shift.to_string(),
            allowed: format!("above 0 to {MAX_SHIFT}"),
        });
    }
    family
        .schedule
        .with_shift(shift)
        .ok_or_else(|| DiffusionError::NotTaken {
            model: info.name.clone(),
            what: "shift",
        })
}

/// All in memory where that fits, else block by block; refused where neither does.
fn choose_streaming(
    info: &ModelInfo,
    costs: &Costs,
    parts: &Parts<'_>,
) -> Result<bool, DiffusionError> {
    let Some(size) = info.sizes.iter().min_by_key(|size| size.pixels()) else {
        return Ok(false);
    };
    let free = Available::of(&parts.compute);
    let what = |streamed: bool| {
        let how = if streamed { " block by block" } else { "" };
        format!("{} at {size}{how}", info.name)
    };
    let check = |weights, streamed| costs.plan(weights, *size).check(&what(streamed), free);
    match parts.options.streamed {
        Some(true) => check(costs.streamed, true).map(|()| true),
        Some(false) => check(costs.resident, false).map(|()| false),
        None if check(costs.resident, false).is_ok() => Ok(false),
        None => check(costs.streamed, true).map(|()| true),
    }
}

impl Available {
    /// Of an accelerator nothing is known.
    pub(crate) fn of(compute: &Compute) -> Self {
        if compute.device().is_cpu() {
            Self::now()
        } else {
            Self::Unknown
        }
    }
}
