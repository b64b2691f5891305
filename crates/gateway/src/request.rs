//! What is asked of a backend.

use crate::error::GatewayError;

/// Longest prompt, in characters: the limit of the OpenAI API.
pub const MAX_PROMPT_CHARS: usize = 32_000;
/// Most pictures of one request: the limit of the OpenAI API, vLLM-Omni and `SGLang`.
pub const MAX_COUNT: u32 = 10;
/// Longest side asked for, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Most sampling steps asked for.
pub const MAX_STEPS: u32 = 1000;
/// Highest guidance scale asked for.
pub const MAX_GUIDANCE: f32 = 100.0;
/// Longest model name, in characters.
const MAX_MODEL_CHARS: usize = 256;

/// How pictures come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    /// `response_format: "b64_json"`: within the answer.
    B64Json,
    /// `response_format: "url"`: fetched from the address in the answer.
    Url,
    /// Nothing is said: GPT image models refuse the field, and others have a default. Either form
    /// is read, whichever comes.
    ServerDefault,
}

/// A request for pictures. The first five fields are every server's; the others are sent only when
/// set, under the names of the backend's [`Dialect`](crate::Dialect).
#[derive(Clone, Debug, PartialEq)]
pub struct ImagesRequest {
    /// The server's name of the model, at most 256 characters; `None` takes what the server runs.
    pub model: Option<String>,
    /// What to show: 1 to [`MAX_PROMPT_CHARS`] characters; no control characters but tab and line end.
    pub prompt: String,
    /// Width in pixels, 1 to [`MAX_SIDE`]; servers allow fewer sizes than that.
    pub width: u32,
    /// Height in pixels, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// How many pictures, 1 to [`MAX_COUNT`].
    pub count: u32,
    /// What not to show; the limits of `prompt`.
    pub negative_prompt: Option<String>,
    /// Where the noise starts from. How the further pictures of one request differ is up to the
    /// server; LocalAI makes all of them from the same seed.
    pub seed: Option<u64>,
    /// Sampling steps, 1 to [`MAX_STEPS`].
    pub steps: Option<u32>,
    /// Guidance scale, 0 to [`MAX_GUIDANCE`].
    pub guidance: Option<f32>,
    /// Scale of true classifier-free guidance, 0 to [`MAX_GUIDANCE`], for models that have it beside
    /// a distilled one, such as Qwen-Image.
    pub true_cfg: Option<f32>,
    /// How pictures come back; `None` takes what suits the dialect
    /// ([`Dialect::response_format`](crate::Dialect::response_format)).
    pub response_format: Option<ResponseFormat>,
}

impl ImagesRequest {
    /// One picture of `prompt`, everything else as the server does it.
    pub fn new(prompt: impl Into<String>, width: u32, height: u32) -> Self {
        Self {
            model: None,
            prompt: prompt.into(),
            width,
            height,
            count: 1,
            negative_prompt: None,
            seed: None,
            steps: None,
            guidance: None,
            true_cfg: None,
            response_format: None,
        }
    }

    /// Whether every field is within its range.
    ///
    /// # Errors
    /// [`GatewayError::Request`] with the field and its range.
    pub fn check(&self) -> Result<(), GatewayError> {
        let refuse =
            |field: &'static str, reason: String| Err(GatewayError::Request { field, reason });
        check_text("prompt", &self.prompt)?;
        if let Some(text) = &self.negative_prompt {
            check_text("negative prompt", text)?;
        }
        if let Some(model) = &self.model {
            let fits = (1..=MAX_MODEL_CHARS).contains(&model.chars().count());
            if !fits || model.chars().any(char::is_control) {
                return refuse(
                    "model",
                    format!("has 1 to {MAX_MODEL_CHARS} visible characters"),
                );
            }
        }
        for (field, side) in [("width", self.width), ("height", self.height)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return refuse(field, format!("is 1 to {MAX_SIDE} pixels, not {side}"));
            }
        }
        if !(1..=MAX_COUNT).contains(&self.count) {
            return refuse("count", format!("is 1 to {MAX_COUNT}, not {}", self.count));
        }
        if let Some(steps) = self.steps
            && !(1..=MAX_STEPS).contains(&steps)
        {
            return refuse("steps", format!("is 1 to {MAX_STEPS}, not {steps}"));
        }
        for (field, scale) in [("guidance", self.guidance), ("true CFG", self.true_cfg)] {
            if let Some(scale) = scale
                && !(0.0..=MAX_GUIDANCE).contains(&scale)
            {
                return refuse(field, format!("is 0 to {MAX_GUIDANCE}, not {scale}"));
            }
        }
        Ok(())
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), GatewayError> {
    let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let reason = if text.trim().is_empty() {
        "is empty".to_owned()
    } else if text.chars().count() > MAX_PROMPT_CHARS {
        format!("has more than {MAX_PROMPT_CHARS} characters")
    } else if !text.chars().all(allowed) {
        "holds control characters; only tabs and line ends may stand in it".to_owned()
    } else {
        return Ok(());
    };
    Err(GatewayError::Request { field, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut ImagesRequest);

    #[test]
    fn bad_input_is_refused_with_its_range() {
        let good = ImagesRequest::new("a fox", 512, 512);
        assert!(good.check().is_ok());
        let bad: [(&str, Change); 14] = [
            ("prompt", |r| r.prompt = " \n".into()),
            ("prompt", |r| r.prompt = "a\u{0}b".into()),
            ("prompt", |r| r.prompt = "a\u{1b}[2J".into()),
            ("prompt", |r| r.prompt = "word ".repeat(10_000)),
            ("negative prompt", |r| {
                r.negative_prompt = Some(String::new());
            }),
            ("model", |r| r.model = Some(String::new())),
            ("model", |r| r.model = Some("a\nb".into())),
            ("width", |r| r.width = 0),
            ("height", |r| r.height = 100_000),
            ("count", |r| r.count = 0),
            ("count", |r| r.count = 11),
            ("steps", |r| r.steps = Some(0)),
            ("guidance", |r| r.guidance = Some(f32::NAN)),
            ("true CFG", |r| r.true_cfg = Some(-1.0)),
        ];
        for (name, change) in bad {
            let mut request = good.clone();
            change(&mut request);
            assert!(
                matches!(request.check(), Err(GatewayError::Request { field, .. }) if field == name),
                "{name}: {request:?}"
            );
        }
    }
}
