//! From a request to pictures: the loop that every family shares.

use std::time::{Duration, Instant};

use crate::error::DiffusionError;
use crate::family::{Family, GuidanceKind};
use crate::image::Generated;
use crate::info::ModelInfo;
use crate::model::{Branch, EncodeRequest, Latents, Model};
use crate::noise;
use crate::progress::{CancelToken, Progress};
use crate::prompt;
use crate::request::{GenerateRequest, MAX_COUNT, MAX_GUIDANCE, MAX_STEPS, Seed, Size};
use crate::sampler::SamplerKind;
use crate::solver::Solver;
use crate::source::{Guide, SourcePicture};

/// A loaded model, ready to make pictures. May be shared between threads; a call of
/// [`Pipeline::generate`] keeps no state.
pub struct Pipeline {
    model: Box<dyn Run>,
}

/// A [`Model`] with its conditioning's type forgotten.
trait Run: Send + Sync {
    fn info(&self) -> &ModelInfo;
    fn family(&self) -> &Family;
    fn run(&self, plan: &Plan<'_>, watch: &mut Watch<'_>)
    -> Result<Vec<Generated>, DiffusionError>;
    /// The first picture before rounding.
    #[cfg(test)]
    fn unrounded(
        &self,
        plan: &Plan<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<crate::image::FloatImage, DiffusionError>;
}

impl<M: Model> Run for M {
    fn info(&self) -> &ModelInfo {
        Model::info(self)
    }

    fn family(&self) -> &Family {
        Model::family(self)
    }

    fn run(
        &self,
        plan: &Plan<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Generated>, DiffusionError> {
        let mut pictures = Vec::new();
        let mut shared = None;
        for index in 0..plan.count {
            watch.picture = index + 1;
            let seed = plan.seed.of_picture(index);
            let conditioning = if let Some(conditioning) = shared.take() {
                conditioning
            } else {
                watch.check()?;
                self.encode(&plan.encode_request(seed))?
            };
            pictures.push(picture(self, plan, seed, &conditioning, watch)?);
            if !Model::family(self).seeded_conditioning {
                shared = Some(conditioning);
            }
        }
        Ok(pictures)
    }

    #[cfg(test)]
    fn unrounded(
        &self,
        plan: &Plan<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<crate::image::FloatImage, DiffusionError> {
        let conditioning = self.encode(&plan.encode_request(plan.seed))?;
        watch.picture = 1;
        let latents = sample(self, plan, plan.seed, &conditioning, watch)?;
        self.decode(&latents, plan.size, &conditioning)
    }
}

impl Pipeline {
    /// A pipeline around the networks of a family.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Description`] where the model names no size or none it can make.
    pub fn new(model: impl Model + 'static) -> Result<Self, DiffusionError> {
        let info = Model::info(&model);
        if info.sizes.is_empty() {
            let reason = format!("{} names no size", info.name);
            return Err(DiffusionError::Description(reason));
        }
        for size in &info.sizes {
            info.check_size(*size)
                .map_err(|error| DiffusionError::Description(error.to_string()))?;
        }
        Ok(Self {
            model: Box::new(model),
        })
    }

    /// Facts of the model.
    pub fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    /// What the sampler knows of its family.
    pub fn family(&self) -> &Family {
        self.model.family()
    }

    /// Checks all that can be told without a network: whether [`Pipeline::generate`] would start.
    ///
    /// # Errors
    ///
    /// What is wrong with the prompt, the size, or a number of the request.
    pub fn check(&self, request: &GenerateRequest) -> Result<(), DiffusionError> {
        Plan::new(request, self.info(), self.family()).map(drop)
    }

    /// Makes the pictures of a request, one after the other. `progress` is called before the first
    /// step of each picture and after each step; `cancel` is looked at before each step.
    ///
    /// The same request and model give the same bytes on one device, whatever else is in the
    /// batch, and the same picture within rounding on every device.
    ///
    /// # Errors
    ///
    /// What is wrong with the request ([`Pipeline::check`]);
    /// [`DiffusionError::Cancelled`]; [`DiffusionError::NotFinite`] where a network gave no
    /// numbers; what the network failed with. No picture is returned then.
    pub fn generate(
        &self,
        request: &GenerateRequest,
        progress: &mut dyn FnMut(Progress),
        cancel: &CancelToken,
    ) -> Result<Vec<Generated>, DiffusionError> {
        let plan = Plan::new(request, self.info(), self.family())?;
        self.model
            .run(&plan, &mut Watch::new(&plan, progress, cancel))
    }

    /// The first picture of a request before rounding.
    #[cfg(test)]
    pub(crate) fn unrounded(
        &self,
        request: &GenerateRequest,
    ) -> Result<crate::image::FloatImage, DiffusionError> {
        let plan = Plan::new(request, self.info(), self.family())?;
        let cancel = CancelToken::new();
        let mut progress = |_: Progress| ();
        self.model
            .unrounded(&plan, &mut Watch::new(&plan, &mut progress, &cancel))
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("model", self.info())
            .finish()
    }
}

/// A request with the model's choices filled in, checked.
struct Plan<'a> {
    prompt: &'a str,
    negative_prompt: Option<&'a str>,
    size: Size,
    steps: u32,
    guidance: f32,
    seed: Seed,
    count: u32,
    sampler: SamplerKind,
    source: Option<&'a SourcePicture>,
    previews_every: Option<u32>,
}

impl<'a> Plan<'a> {
    fn new(
        request: &'a GenerateRequest,
        info: &ModelInfo,
        family: &Family,
    ) -> Result<Self, DiffusionError> {
        prompt::check_not_empty("prompt", &request.prompt)?;
        if let Some(negative) = &request.negative_prompt {
            prompt::check("negative prompt", negative)?;
        }
        let not_taken = |what| DiffusionError::NotTaken {
            model: info.name.clone(),
            what,
        };
        let negative_prompt = request
            .negative_prompt
            .as_deref()
            .filter(|n| !n.trim().is_empty());
        if negative_prompt.is_some() && !family.guidance.takes_negative_prompt() {
            return Err(not_taken("negative prompt"));
        }
        let guidance = request.guidance.unwrap_or(info.default_guidance);
        if !(0.0..=MAX_GUIDANCE).contains(&guidance) {
            return Err(DiffusionError::OutOfRange {
                name: "guidance",
                found: guidance.to_string(),
                allowed: format!("0 to {MAX_GUIDANCE}"),
            });
        }
        if request.guidance.is_some_and(|g| g > 1.0) && family.guidance == GuidanceKind::None {
            return Err(not_taken("guidance"));
        }
        let size = match (request.size, &request.source) {
            (Some(size), _) => size,
            (None, Some(source)) => Size::new(source.image.width, source.image.height)?,
            (None, None) => *info.sizes.first().ok_or_else(|| {
                DiffusionError::Description(format!("{} names no size", info.name))
            })?,
        };
        info.check_size(size)?;
        if let Some(source) = &request.source {
            source.check(size)?;
        }
        let steps = request.steps.unwrap_or(info.default_steps);
        within("steps", steps, MAX_STEPS)?;
        within("count", request.count, MAX_COUNT)?;
        if let Some(every) = request.previews_every {
            within("previews_every", every, MAX_STEPS)?;
        }
        Ok(Self {
            prompt: &request.prompt,
            negative_prompt,
            size,
            steps,
            guidance,
            seed: request.seed,
            count: request.count,
            sampler: request.sampler.unwrap_or(info.default_sampler),
            source: request.source.as_ref(),
            previews_every: request.previews_every,
        })
    }

    /// The first step that is done; later than 0 where a picture to start from is kept in part.
    fn first_step(&self) -> usize {
        let steps = self.steps as usize;
        self.source.map_or(0, |source| source.first_step(steps))
    }

    /// How many are done.
    fn steps_done(&self) -> u32 {
        self.steps - self.first_step() as u32
    }

    fn encode_request(&self, seed: Seed) -> EncodeRequest<'a> {
        EncodeRequest {
            prompt: self.prompt,
            negative_prompt: self.negative_prompt,
            size: self.size,
            seed,
            guidance: self.guidance,
        }
    }
}

fn within(name: &'static str, found: u32, most: u32) -> Result<(), DiffusionError> {
    if (1..=most).contains(&found) {
        Ok(())
    } else {
        Err(DiffusionError::OutOfRange {
            name,
            found: found.to_string(),
            allowed: format!("1 to {most}"),
        })
    }
}

/// The caller's side of a run.
struct Watch<'a> {
    progress: &'a mut dyn FnMut(Progress),
    cancel: &'a CancelToken,
    start: Instant,
    picture: u32,
    of: u32,
    steps: u32,
}

impl<'a> Watch<'a> {
    fn new(
        plan: &Plan<'_>,
        progress: &'a mut dyn FnMut(Progress),
        cancel: &'a CancelToken,
    ) -> Self {
        Self {
            progress,
            cancel,
            start: Instant::now(),
            picture: 0,
            of: plan.count,
            steps: plan.steps_done(),
        }
    }

    fn check(&self) -> Result<(), DiffusionError> {
        if self.cancel.is_cancelled() {
            Err(DiffusionError::Cancelled)
        } else {
            Ok(())
        }
    }

    fn tell(&mut self, step: u32, preview: Option<crate::image::RgbImage>) {
        let elapsed = self.start.elapsed();
        let done = u64::from(self.picture - 1) * u64::from(self.steps) + u64::from(step);
        let all = u64::from(self.of) * u64::from(self.steps);
        (self.progress)(Progress {
            picture: self.picture,
            of: self.of,
            step,
            steps: self.steps,
            elapsed,
            remaining: remaining(elapsed, done, all),
            preview,
        });
    }
}

/// Time left at the mean speed so far, decoding and encoding included.
fn remaining(elapsed: Duration, done: u64, all: u64) -> Option<Duration> {
    let share = (all - done) as f64 / done as f64;
    (done > 0).then(|| elapsed.mul_f64(share))
}

fn picture<M: Model>(
    model: &M,
    plan: &Plan<'_>,
    seed: Seed,
    conditioning: &M::Conditioning,
    watch: &mut Watch<'_>,
) -> Result<Generated, DiffusionError> {
    let latents = sample(model, plan, seed, conditioning, watch)?;
    let mut image = model
        .decode(&latents, plan.size, conditioning)?
        .quantise(plan.size)?;
    if let Some(source) = plan.source {
        source.keep(&mut image);
    }
    Ok(Generated {
        image,
        seed,
        steps: plan.steps,
        guidance: plan.guidance,
        sampler: plan.sampler,
        size: plan.size,
        described: model.describe(conditioning),
    })
}

/// From noise to finished latents.
fn sample<M: Model>(
    model: &M,
    plan: &Plan<'_>,
    seed: Seed,
    conditioning: &M::Conditioning,
    watch: &mut Watch<'_>,
) -> Result<Latents, DiffusionError> {
    let family = Model::family(model);
    let shape = model.latent_shape(plan.size, conditioning);
    let tokens = model.tokens(plan.size, conditioning);
    let (schedule, scale) = family
        .schedule
        .of_sampler(plan.sampler, plan.steps, tokens)?;
    let schedule = schedule.from_step(plan.first_step())?;
    let mut solver = Solver::new(plan.sampler, family.prediction, schedule)?;
    let mut noise = vec![0.0; shape.iter().product()];
    noise::fill_normal(seed, noise::INITIAL_STREAM, &mut noise);
    let guide = guide(model, plan, &shape)?;
    let values = match &guide {
        Some(guide) => guide.at(solver.schedule(), 0, &noise),
        None => noise.iter().map(|value| value * scale).collect(),
    };
    let mut latents = Latents { shape, values };
    let mut fresh = |step: usize, values: &mut [f32]| {
        noise::fill_normal(seed, noise::step_stream(step), values);
    };
    watch.tell(0, None);
    let mut step = 0;
    while let Some(point) = solver.point() {
        watch.check()?;
        let time = family.time.of(point);
        let output = predict(model, plan, &latents, time, conditioning)?;
        solver.step(&mut latents.values, &output.values, &mut fresh)?;
        if let Some(guide) = &guide {
            guide.keep(
                &mut latents.values,
                solver.schedule(),
                solver.done(),
                &noise,
            );
        }
        step += 1;
        finite(&latents, step)?;
        let preview = match plan.previews_every {
            Some(every) if step % every == 0 && step < plan.steps_done() => {
                let estimate = Latents {
                    shape: latents.shape.clone(),
                    values: solver.estimate().to_vec(),
                };
                let preview = model.preview(&estimate, plan.size, conditioning)?;
                Some(preview.quantise(plan.size)?)
            }
            _ => None,
        };
        watch.tell(step, preview);
    }
    watch.check()?;
    Ok(latents)
}

/// What of a picture to start from counts.
fn guide<M: Model>(
    model: &M,
    plan: &Plan<'_>,
    shape: &[usize],
) -> Result<Option<Guide>, DiffusionError> {
    let Some(source) = plan.source else {
        return Ok(None);
    };
    let latents = model.encode_picture(&source.float_image(), plan.size)?;
    if latents.shape != shape {
        return Err(DiffusionError::ModelShape {
            what: "latents",
            expected: shape.to_vec(),
            found: latents.shape,
        });
    }
    let layout = Model::family(model).latents.as_ref();
    Guide::new(source, latents.values, layout, plan.size).map(Some)
}

/// The network's prediction with guidance.
fn predict<M: Model>(
    model: &M,
    plan: &Plan<'_>,
    latents: &Latents,
    time: f32,
    conditioning: &M::Conditioning,
) -> Result<Latents, DiffusionError> {
    let guidance = Model::family(model).guidance;
    let twice = guidance.takes_negative_prompt() && plan.guidance > 1.0;
    let expect = |output: &Latents| {
        if output.shape == latents.shape && output.values.len() == latents.values.len() {
            Ok(())
        } else {
            Err(DiffusionError::ModelShape {
                what: "latents",
                expected: latents.shape.clone(),
                found: output.shape.clone(),
            })
        }
    };
    if !twice {
        let output = model.denoise(latents, time, conditioning, Branch::Conditional)?;
        expect(&output)?;
        return Ok(output);
    }
    let (mut output, unconditional) = model.denoise_both(latents, time, conditioning)?;
    expect(&output)?;
    expect(&unconditional)?;
    let token = latents.shape.last().copied().unwrap_or(1);
    guidance.join(
        &mut output.values,
        &unconditional.values,
        plan.guidance,
        token,
    );
    Ok(output)
}

fn finite(latents: &Latents, step: u32) -> Result<(), DiffusionError> {
    if latents.values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(DiffusionError::NotFinite {
            what: format!("latents after step {step}"),
        })
    }
}

#[cfg(test)]
mod tests;
