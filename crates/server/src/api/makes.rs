//! Models, as the service is handed them: what can be asked for, and what comes back.

use colophon_provenance::GenerationFacts;

/// A picture that is wanted of a model. What is `None` is the model's choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Its name among [`Makes::models`]; the default one if `None`.
    pub model: Option<String>,
    /// What the picture shows.
    pub prompt: String,
    /// What it should not show.
    pub negative_prompt: Option<String>,
    /// Width and height, pixels.
    pub size: Option<(u32, u32)>,
    /// Denoising steps.
    pub steps: Option<u32>,
    /// How much work is spent where `steps` is `None`.
    pub effort: Effort,
    /// How closely to follow the prompt.
    pub guidance: Option<f32>,
    /// Name of the way from noise to picture.
    pub sampler: Option<String>,
    /// Where the noise of the first picture starts; further ones take the seeds after it.
    pub seed: u64,
    /// Whether the caller named the seed: a model that takes none must then refuse.
    pub seed_is_asked: bool,
    /// The picture to start from.
    pub start: Option<StartPicture>,
    /// Pictures under way that are wanted before each finished one.
    pub previews: u32,
}

/// A picture that another one is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct StartPicture {
    /// The file.
    pub file: Vec<u8>,
    /// A file of the same size: what is transparent in it is drawn anew, and where nothing is, what is white.
    pub mask: Option<Vec<u8>>,
    /// How much is drawn anew, above 0 to 1.
    pub strength: Option<f32>,
}

/// How much work is spent on a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// Half of the model's own.
    Low,
    /// As the model's makers advise.
    #[default]
    Own,
    /// Half as much again.
    High,
    /// Twice as much.
    Most,
}

impl Effort {
    /// Steps of a model whose own number this is; at least 1.
    pub fn steps(self, own: u32) -> u32 {
        match self {
            Self::Low => own.div_ceil(2),
            Self::Own => own,
            Self::High => own.saturating_add(own / 2),
            Self::Most => own.saturating_mul(2),
        }
        .max(1)
    }
}

/// One model that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// Its name in requests.
    pub id: String,
    /// Where it runs.
    pub place: ModelPlace,
    /// Its name for people, where it has one.
    pub name: Option<String>,
    /// Licence of its weights, as far as it is known.
    pub license: Option<String>,
    /// When it came here, Unix seconds; 0 where that is not known.
    pub created: i64,
    /// Sizes it was made for, the default first; none where that is not known before it is loaded.
    pub sizes: Vec<(u32, u32)>,
    /// Whether it can start from a picture; `None` where that is not known before it is loaded.
    pub edits: Option<bool>,
}

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelPlace {
    /// It is part of the program.
    Embedded,
    /// From a folder of the home, in this program.
    Local,
    /// On another server.
    Remote,
}

impl ModelPlace {
    /// Its code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// Interleaved 8-bit sRGB, rows from the top: `3 * width * height` values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The values.
    pub rgb: Vec<u8>,
}

/// A picture as its maker returned it.
#[derive(Debug)]
pub struct MadeImage {
    /// The picture.
    pub picture: MadePixels,
    /// How it was made.
    pub facts: GenerationFacts,
    /// What the model made of the prompt, where it can tell.
    pub understood: Option<String>,
    /// How it differs from what was asked, for people.
    pub notes: Vec<String>,
}

/// Pixels or a file.
#[derive(Debug)]
pub enum MadePixels {
    /// Pixels made in this program.
    Pixels(Pixels),
    /// A file that a server returned.
    File(Vec<u8>),
}

/// How far a picture is.
#[derive(Debug)]
pub struct Step {
    /// Steps done.
    pub done: u32,
    /// Steps in all.
    pub of: u32,
    /// What it looks like by now, as often as was asked for.
    pub preview: Option<Pixels>,
}

/// The service's side while a picture is made.
pub struct Watcher<'a> {
    /// Told before the first step and after each, by models that can tell.
    pub step: &'a mut dyn FnMut(Step),
    /// Asked now and then whether nobody waits for the picture any more.
    pub stop: &'a dyn Fn() -> bool,
}

/// Why no picture is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeFailure {
    /// There is no such model.
    #[error("there is no model `{0}` here; GET /v1/models lists them")]
    NoModel(String),
    /// A part of the order cannot be.
    #[error("{reason}")]
    Order {
        /// Its field as callers know it, where it is one.
        field: Option<&'static str>,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// Nobody waits for it any more.
    #[error("nobody waits for the picture any more")]
    Stopped,
    /// The rules of the server that makes it forbid it.
    #[error("{0}")]
    Forbidden(String),
    /// This machine has no room for it now.
    #[error("{0}")]
    NoRoom(String),
    /// The server that makes it has too much to do.
    #[error("{reason}")]
    Busy {
        /// What it said.
        reason: String,
        /// When it may be asked again, seconds.
        after: Option<u32>,
    },
    /// The server that makes it did not answer in time.
    #[error("{0}")]
    TimedOut(String),
    /// The server that makes it failed.
    #[error("{0}")]
    Upstream(String),
    /// The model failed.
    #[error("{0}")]
    Failed(String),
}

/// Models; for use from many threads.
pub trait Makes: Send + Sync {
    /// What can be asked for; the first is the default.
    ///
    /// # Errors
    /// [`MakeFailure::Failed`] if they cannot be looked up.
    fn models(&self) -> Result<Vec<ModelEntry>, MakeFailure>;

    /// Finds and loads the model and checks all that can be told before a picture is begun. Takes a processor and time
    /// where the model is loaded.
    ///
    /// # Errors
    /// [`MakeFailure`].
    fn prepare(&self, order: Order) -> Result<Box<dyn Making>, MakeFailure>;
}

/// A model with an order that it can do.
pub trait Making: Send {
    /// What is known of a picture before it is made.
    fn facts(&self) -> GenerationFacts;

    /// The file of the picture to start from.
    fn source(&self) -> Option<&[u8]>;

    /// Fields of the order that this model does not know and that change nothing.
    fn ignored(&self) -> Vec<&'static str>;

    /// Makes picture `number`, counted from 0.
    ///
    /// # Errors
    /// [`MakeFailure`].
    fn make(&self, number: u32, watcher: &mut Watcher<'_>) -> Result<MadeImage, MakeFailure>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_effort_is_never_fewer_steps() {
        for own in [0, 1, 2, 3, 12, 50, u32::MAX] {
            let steps = [Effort::Low, Effort::Own, Effort::High, Effort::Most];
            let steps = steps.map(|effort| effort.steps(own));
            assert!(steps.is_sorted() && steps[0] >= 1, "{own}: {steps:?}");
        }
        assert_eq!(Effort::High.steps(12), 18);
    }
}
