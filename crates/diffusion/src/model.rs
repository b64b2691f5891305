//! What a family implements.

use crate::error::DiffusionError;
use crate::family::Family;
use crate::image::FloatImage;
use crate::info::ModelInfo;
use crate::request::{Seed, Size};

/// Latents in main memory, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Latents {
    /// Length of each axis; what the axes mean is the family's own.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub values: Vec<f32>,
}

/// Which of the two evaluations of classifier-free guidance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// With the prompt.
    Conditional,
    /// With the negative prompt, or none.
    Unconditional,
}

/// What the conditioning of one picture is made from; all of it was checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncodeRequest<'a> {
    /// What the picture shows.
    pub prompt: &'a str,
    /// What it should not show.
    pub negative_prompt: Option<&'a str>,
    /// Its size, which the model can make.
    pub size: Size,
    /// Its seed. A family that draws from it must use stream ids from
    /// [`crate::noise::FIRST_FAMILY_STREAM`] on, and say so in [`Family::seeded_conditioning`].
    pub seed: Seed,
    /// Guidance scale. Where it is 1 or less no [`Branch::Unconditional`] is asked for.
    pub guidance: f32,
}

/// Networks of one model. Everything around them is [`crate::Pipeline`]'s.
pub trait Model: Send + Sync {
    /// What `encode` makes of a prompt, for both branches.
    type Conditioning: Send;

    /// Facts of the model.
    fn info(&self) -> &ModelInfo;

    /// What the sampler must know of its family.
    fn family(&self) -> &Family;

    /// Reads the prompt.
    ///
    /// # Errors
    ///
    /// Where a network fails or the prompt asks for something impossible.
    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Self::Conditioning, DiffusionError>;

    /// Shape of the latents. The last axis is one token where the guidance is rescaled.
    fn latent_shape(&self, size: Size, conditioning: &Self::Conditioning) -> Vec<usize>;

    /// Tokens of the picture, which dynamic shift depends on.
    fn tokens(&self, size: Size, conditioning: &Self::Conditioning) -> usize {
        let layout = self.family().latents.as_ref();
        layout.map_or_else(
            || {
                let shape = self.latent_shape(size, conditioning);
                shape.iter().rev().skip(1).product()
            },
            |layout| layout.tokens(size),
        )
    }

    /// One evaluation of the network: what [`Family::prediction`] says, in the shape of `latents`.
    /// `time` is told as [`Family::time`] says.
    ///
    /// # Errors
    ///
    /// Where the network cannot be computed.
    fn denoise(
        &self,
        latents: &Latents,
        time: f32,
        conditioning: &Self::Conditioning,
        branch: Branch,
    ) -> Result<Latents, DiffusionError>;

    /// Both evaluations, conditional first. A family that can compute them in one batch does so here.
    ///
    /// # Errors
    ///
    /// As [`Model::denoise`].
    fn denoise_both(
        &self,
        latents: &Latents,
        time: f32,
        conditioning: &Self::Conditioning,
    ) -> Result<(Latents, Latents), DiffusionError> {
        let conditional = self.denoise(latents, time, conditioning, Branch::Conditional)?;
        let unconditional = self.denoise(latents, time, conditioning, Branch::Unconditional)?;
        Ok((conditional, unconditional))
    }

    /// The picture of finished latents.
    ///
    /// # Errors
    ///
    /// Where the network cannot be computed.
    fn decode(
        &self,
        latents: &Latents,
        size: Size,
        conditioning: &Self::Conditioning,
    ) -> Result<FloatImage, DiffusionError>;

    /// The latents of a picture of `size`, in the sampler's scale and shape; for families that can start from one.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::NotTaken`] where the family cannot.
    fn encode_picture(
        &self,
        _picture: &FloatImage,
        _size: Size,
    ) -> Result<Latents, DiffusionError> {
        Err(DiffusionError::NotTaken {
            model: self.info().name.clone(),
            what: "picture to start from",
        })
    }

    /// The picture of the latents expected by now; a family may use something quicker here.
    ///
    /// # Errors
    ///
    /// As [`Model::decode`].
    fn preview(
        &self,
        latents: &Latents,
        size: Size,
        conditioning: &Self::Conditioning,
    ) -> Result<FloatImage, DiffusionError> {
        self.decode(latents, size, conditioning)
    }

    /// What was understood of the prompt, for people: for models that can tell.
    fn describe(&self, _conditioning: &Self::Conditioning) -> Option<String> {
        None
    }
}
