//! Requests of the OpenAI API for pictures, and our own fields beside them.

use colophon_provenance::{Format, IssueOptions, Strength};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{
    AllOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::super::fields::Fields;
use super::super::stamp::{FormatName, StrengthName, check_title};
use super::super::upload::Upload;
use crate::api::makes::{Effort, Order};
use crate::api::problem::Problem;

/// Longest prompt, characters: the limit of the OpenAI API.
const MOST_PROMPT: usize = 32_000;
/// Most pictures of a request: the limit of the OpenAI API.
const MOST_COUNT: u32 = 10;
/// Most pictures under way that are sent before each finished one: the limit of the OpenAI API.
const MOST_PARTIAL: u32 = 3;

/// How much work is spent on a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quality {
    /// Half of the model's own steps.
    Low,
    /// The model's own steps.
    Medium,
    /// Half as many again.
    High,
    /// Twice as many.
    Xhigh,
    /// Twice as many.
    Max,
    /// As `medium`.
    #[default]
    Auto,
    /// As `medium`: a word of earlier models.
    Standard,
    /// As `high`: a word of earlier models.
    Hd,
}

impl Quality {
    fn effort(self) -> Effort {
        match self {
            Self::Low => Effort::Low,
            Self::Medium | Self::Auto | Self::Standard => Effort::Own,
            Self::High | Self::Hd => Effort::High,
            Self::Xhigh | Self::Max => Effort::Most,
        }
    }

    /// The word for answers, which know no `auto`.
    pub fn told(self) -> Self {
        match self {
            Self::Auto | Self::Standard => Self::Medium,
            Self::Hd => Self::High,
            other => other,
        }
    }
}

/// How pictures come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseFormat {
    /// Within the answer, as base64.
    #[default]
    B64Json,
    /// At an address, for a while.
    Url,
}

/// What this service knows beside the OpenAI API. A name that is not here is refused.
#[derive(Debug, Default, PartialEq, ToSchema)]
pub(super) struct Extras {
    /// Where the noise of the first picture starts; further pictures take the seeds after it.
    seed: Option<u64>,
    /// Denoising steps, in place of `quality`.
    #[schema(minimum = 1, maximum = 1000)]
    steps: Option<u32>,
    /// How closely to follow the prompt.
    #[schema(minimum = 0, maximum = 100)]
    guidance: Option<f32>,
    /// What the picture should not show.
    negative_prompt: Option<String>,
    /// Way from noise to picture: `euler`, `euler-a`, `dpmpp-2m`, `unipc` or `ddim`.
    sampler: Option<String>,
    /// Of edits: how much of the picture is drawn anew, above 0 to 1; 1 within a mask and 0.6 without one, if not told.
    image_strength: Option<f32>,
    /// How strong the mark may be.
    strength: Option<StrengthName>,
    /// Title, at most 500 characters; public.
    title: Option<String>,
    /// Why, for the policies: a code of their vocabulary.
    purpose: Option<String>,
    /// Whether the private part of the record keeps the prompt; it does if not told.
    keep_prompt: Option<bool>,
    /// Whether a picture that has no room for the mark is issued without it, and says so.
    allow_unmarked: Option<bool>,
    /// Of streams: whether each step is told by an event `colophon.progress`.
    progress: Option<bool>,
}

/// A request for pictures as the OpenAI API has it. Of its other fields, and of fields that it does not have, the names
/// are told in the answer, as ignored.
#[derive(Debug, PartialEq, ToSchema)]
#[schema(as = ImagesRequest)]
pub(super) struct Ask {
    /// What the picture shows, at most 32,000 characters.
    #[schema(example = "a red fox in the snow")]
    pub prompt: String,
    /// A name of `GET /v1/models`; the first of them if not told.
    pub model: Option<String>,
    /// How many pictures.
    #[schema(minimum = 1, maximum = 10, default = 1)]
    n: Option<u32>,
    /// `WIDTHxHEIGHT` in pixels; as the model was trained, or as the picture to start from, for `auto`.
    #[schema(example = "512x512")]
    size: Option<String>,
    /// How much work is spent.
    quality: Option<Quality>,
    /// Format of the files; `png` if not told.
    output_format: Option<FormatName>,
    /// JPEG quality, 0 to 100; chosen so that the picture is kept, if not told. Of other formats it is ignored.
    #[schema(minimum = 0, maximum = 100)]
    output_compression: Option<u8>,
    /// How pictures come back.
    response_format: Option<ResponseFormat>,
    /// Whether the answer is a stream of events.
    stream: Option<bool>,
    /// Of streams: pictures under way before each finished one, where the policies allow any.
    #[schema(minimum = 0, maximum = 3)]
    partial_images: Option<u32>,
    /// What this service knows beside.
    colophon: Option<Extras>,
    /// Names of fields that were ignored.
    #[schema(ignore)]
    pub ignored: Vec<String>,
}

/// A form with a picture to start from, and everything else of [`Ask`].
#[derive(Debug)]
pub(super) struct EditForm {
    pub image: Upload,
    pub mask: Option<Upload>,
    pub ask: Ask,
}

impl Ask {
    /// Takes a request out of its fields.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] with the field at fault.
    pub fn take(mut fields: Fields) -> Result<Self, Problem> {
        let prompt: Option<String> = fields.take("prompt")?;
        let prompt = prompt.ok_or_else(|| Problem::invalid("a prompt is needed").at("prompt"))?;
        let mut ask = Self {
            prompt,
            model: fields.take("model")?,
            n: fields.take("n")?,
            size: fields.take("size")?,
            quality: fields.take("quality")?,
            output_format: fields.take("output_format")?,
            output_compression: fields.take("output_compression")?,
            response_format: fields.take("response_format")?,
            stream: fields.take("stream")?,
            partial_images: fields.take("partial_images")?,
            colophon: extras(&mut fields)?,
            ignored: Vec::new(),
        };
        // An opaque picture is what is made.
        let background: Option<String> = fields.take("background")?;
        if background.is_some_and(|it| it != "opaque" && it != "auto") {
            ask.ignored.push("background".to_owned());
        }
        if ask.output_compression.is_some() && ask.format() != Format::Jpeg {
            ask.ignored.push("output_compression".to_owned());
        }
        if ask.partial_images.is_some_and(|wanted| wanted > 0) && !ask.is_stream() {
            ask.ignored.push("partial_images".to_owned());
        }
        ask.ignored.extend(fields.left());
        ask.check()?;
        Ok(ask)
    }

    fn check(&self) -> Result<(), Problem> {
        let wrong =
            |name: &str, reason: String| Err(Problem::invalid(format!("{name} {reason}")).at(name));
        if self.prompt.trim().is_empty() {
            return wrong("prompt", "is empty; say what the picture shows".to_owned());
        }
        if self.prompt.chars().count() > MOST_PROMPT {
            return wrong("prompt", format!("has more than {MOST_PROMPT} characters"));
        }
        if !(1..=MOST_COUNT).contains(&self.count()) {
            return wrong("n", format!("is 1 to {MOST_COUNT}"));
        }
        if self.output_compression.is_some_and(|it| it > 100) {
            return wrong("output_compression", "is 0 to 100".to_owned());
        }
        if self.partial_images.is_some_and(|it| it > MOST_PARTIAL) {
            return wrong("partial_images", format!("is 0 to {MOST_PARTIAL}"));
        }
        if self.is_stream() && self.response_format == Some(ResponseFormat::Url) {
            return wrong("response_format", "cannot be `url` in a stream".to_owned());
        }
        let title = self.colophon.as_ref().and_then(|it| it.title.as_deref());
        check_title(title, "colophon.title")
    }

    pub fn count(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    pub fn is_stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    pub fn format(&self) -> Format {
        self.output_format.map_or(Format::Png, Into::into)
    }

    pub fn quality(&self) -> Quality {
        self.quality.unwrap_or_default()
    }

    pub fn response_format(&self) -> ResponseFormat {
        self.response_format.unwrap_or_default()
    }

    /// Whether each step is told.
    pub fn tells_steps(&self) -> bool {
        let extras = self.colophon.as_ref();
        extras.and_then(|it| it.progress).unwrap_or(false)
    }

    pub fn keeps_prompt(&self) -> bool {
        let extras = self.colophon.as_ref();
        extras.and_then(|it| it.keep_prompt).unwrap_or(true)
    }

    pub fn image_strength(&self) -> Option<f32> {
        self.colophon.as_ref().and_then(|it| it.image_strength)
    }

    /// What is asked of the model. `seed` is used where none was asked for.
    ///
    /// # Errors
    /// [`crate::ProblemKind::InvalidRequest`] for what is no size.
    pub fn order(&self, seed: u64) -> Result<Order, Problem> {
        let extras = self.colophon.as_ref();
        let asked = extras.and_then(|it| it.seed);
        Ok(Order {
            model: self.model.clone(),
            prompt: self.prompt.clone(),
            negative_prompt: extras.and_then(|it| it.negative_prompt.clone()),
            size: self.size.as_deref().map_or(Ok(None), size)?,
            steps: extras.and_then(|it| it.steps),
            effort: self.quality().effort(),
            guidance: extras.and_then(|it| it.guidance),
            sampler: extras.and_then(|it| it.sampler.clone()),
            seed: asked.unwrap_or(seed),
            seed_is_asked: asked.is_some(),
            start: None,
            previews: if self.is_stream() {
                self.partial_images.unwrap_or(0)
            } else {
                0
            },
        })
    }

    /// How the pictures are issued.
    pub fn options(&self, options: IssueOptions) -> IssueOptions {
        let extras = self.colophon.as_ref();
        let strength = extras.and_then(|it| it.strength);
        // No JPEG has quality 0.
        let jpeg_quality = self.output_compression.map(|quality| quality.max(1));
        IssueOptions {
            title: extras.and_then(|it| it.title.clone()),
            embed: strength.map(|name| Strength::options(name.into())),
            format: Some(self.format()),
            jpeg_quality: jpeg_quality.filter(|_| self.format() == Format::Jpeg),
            allow_unmarked: extras.and_then(|it| it.allow_unmarked).unwrap_or(false),
            purpose: extras
                .and_then(|it| it.purpose.clone())
                .unwrap_or(options.purpose),
            ..options
        }
    }
}

/// Our own fields; four of them also stand beside those of the OpenAI API, under the names that other open servers of
/// diffusion models have for them.
fn extras(fields: &mut Fields) -> Result<Option<Extras>, Problem> {
    let mut extras = Extras {
        seed: fields.take("seed")?,
        steps: fields.take("num_inference_steps")?,
        guidance: fields.take("guidance_scale")?,
        negative_prompt: fields.take("negative_prompt")?,
        ..Extras::default()
    };
    if let Some(mut own) = fields.take_object("colophon", "colophon.")? {
        extras = Extras {
            seed: own.take("seed")?.or(extras.seed),
            steps: own.take("steps")?.or(extras.steps),
            guidance: own.take("guidance")?.or(extras.guidance),
            negative_prompt: own.take("negative_prompt")?.or(extras.negative_prompt),
            sampler: own.take("sampler")?,
            image_strength: own.take("image_strength")?,
            strength: own.take("strength")?,
            title: own.take("title")?,
            purpose: own.take("purpose")?,
            keep_prompt: own.take("keep_prompt")?,
            allow_unmarked: own.take("allow_unmarked")?,
            progress: own.take("progress")?,
        };
        own.refuse_left()?;
    }
    Ok((extras != Extras::default()).then_some(extras))
}

fn size(text: &str) -> Result<Option<(u32, u32)>, Problem> {
    if text == "auto" {
        return Ok(None);
    }
    let side = |digits: &str| digits.parse::<u32>().ok().filter(|side| *side > 0);
    let sides = text.split_once('x');
    let sides = sides.and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let reason = "size is `auto` or WIDTHxHEIGHT in pixels, such as 512x512";
    sides
        .map(Some)
        .ok_or_else(|| Problem::invalid(reason).at("size"))
}

impl PartialSchema for EditForm {
    fn schema() -> RefOr<Schema> {
        let file = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        };
        let files = ObjectBuilder::new()
            .property(
                "image",
                ArrayBuilder::new()
                    .items(file())
                    .min_items(Some(1))
                    .max_items(Some(1))
                    .description(Some("The picture to start from; `image[]` means the same")),
            )
            .required("image")
            .property(
                "mask",
                file().description(Some(
                    "A picture of the same size: what is transparent in it is drawn anew, and where nothing is, what is white",
                )),
            );
        AllOfBuilder::new()
            .item(Ref::from_schema_name(Ask::name()))
            .item(files)
            .into()
    }
}

impl ToSchema for EditForm {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Ask::name().into_owned(), Ask::schema()));
        Ask::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(json: &str) -> Result<Ask, Problem> {
        Ask::take(Fields::of_json(json.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_not_honoured_is_named() {
        let asked = ask(r#"{"prompt": "a fox", "background": "transparent", "moderation": "low", "style": "vivid",
            "user": "u", "output_compression": 80, "partial_images": 2, "frame_count": 3, "size": null}"#)
        .unwrap();
        let mut ignored = asked.ignored.clone();
        ignored.sort_unstable();
        assert_eq!(
            ignored,
            [
                "background",
                "frame_count",
                "moderation",
                "output_compression",
                "partial_images",
                "style",
                "user",
            ]
        );
        let plain = ask(r#"{"prompt": "a fox", "background": "auto", "size": "auto"}"#).unwrap();
        assert!(plain.ignored.is_empty());
        assert_eq!(plain.order(1).unwrap().size, None);
    }

    #[test]
    fn fields_of_other_servers_mean_ours() {
        let asked = ask(
            r#"{"prompt": "a fox", "seed": 5, "num_inference_steps": 4, "guidance_scale": 2.5,
            "negative_prompt": "snow", "colophon": {"steps": 6, "title": "Fox"}}"#,
        )
        .unwrap();
        assert!(asked.ignored.is_empty());
        let order = asked.order(1).unwrap();
        assert_eq!((order.seed, order.seed_is_asked), (5, true));
        assert_eq!((order.steps, order.guidance), (Some(6), Some(2.5)));
        assert_eq!(order.negative_prompt.as_deref(), Some("snow"));
        let options = asked.options(IssueOptions::new(0));
        assert_eq!(options.title.as_deref(), Some("Fox"));
    }

    #[test]
    fn each_bad_field_is_named() {
        for (json, field) in [
            (r"{}", "prompt"),
            (r#"{"prompt": " "}"#, "prompt"),
            (r#"{"prompt": 1}"#, "prompt"),
            (r#"{"prompt": "a", "n": 0}"#, "n"),
            (r#"{"prompt": "a", "n": 11}"#, "n"),
            (r#"{"prompt": "a", "n": "two"}"#, "n"),
            (r#"{"prompt": "a", "quality": "best"}"#, "quality"),
            (
                r#"{"prompt": "a", "output_format": "gif"}"#,
                "output_format",
            ),
            (
                r#"{"prompt": "a", "output_compression": 101}"#,
                "output_compression",
            ),
            (r#"{"prompt": "a", "partial_images": 4}"#, "partial_images"),
            (
                r#"{"prompt": "a", "stream": true, "response_format": "url"}"#,
                "response_format",
            ),
            (
                r#"{"prompt": "a", "colophon": {"sede": 1}}"#,
                "colophon.sede",
            ),
            (
                r#"{"prompt": "a", "colophon": {"seed": -1}}"#,
                "colophon.seed",
            ),
            (r#"{"prompt": "a", "colophon": 1}"#, "colophon"),
        ] {
            let problem = ask(json).unwrap_err();
            assert_eq!(problem.pointer(), Some(field), "{json}: {problem:?}");
        }
        for size in ["large", "0x512", "512", "512x", "-1x5", "1e3x5"] {
            let json = format!(r#"{{"prompt": "a", "size": "{size}"}}"#);
            assert!(ask(&json).unwrap().order(1).is_err(), "{size}");
        }
    }
}
