//! What one trace tells.

use serde::{Deserialize, Serialize};

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $code:literal / $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $code)] $value),+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The stable code in reports.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$value => $code),+
                }
            }

            /// The name that people know.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text),+
                }
            }
        }
    };
}

closed! {
    /// Whose trace it is.
    Source {
        /// OpenAI: DALL-E, ChatGPT, gpt-image, Sora.
        OpenAi = "openai" / "OpenAI",
        /// Google: Gemini, Imagen, Pixel Studio.
        Google = "google" / "Google",
        /// Microsoft: Designer, Bing, Azure, Paint.
        Microsoft = "microsoft" / "Microsoft",
        /// Adobe: Firefly, Photoshop, Stock.
        Adobe = "adobe" / "Adobe",
        /// Black Forest Labs: the FLUX API and reference code.
        BlackForestLabs = "black-forest-labs" / "Black Forest Labs",
        /// Samsung Galaxy AI.
        Samsung = "samsung" / "Samsung",
        /// Stability AI.
        StabilityAi = "stability-ai" / "Stability AI",
        /// Canva.
        Canva = "canva" / "Canva",
        /// ByteDance: Doubao, Jimeng, Dreamina, Volcengine, BytePlus, CapCut.
        ByteDance = "bytedance" / "ByteDance",
        /// Recraft.
        Recraft = "recraft" / "Recraft",
        /// ImageKit.
        ImageKit = "imagekit" / "ImageKit",
        /// Amazon: Bedrock, Titan, Nova.
        Amazon = "amazon" / "Amazon",
        /// Midjourney.
        Midjourney = "midjourney" / "Midjourney",
        /// AUTOMATIC1111's web UI and those that write alike (Forge, SD.Next).
        WebUi = "stable-diffusion-webui" / "Stable Diffusion web UI",
        /// stable-diffusion.cpp.
        SdCpp = "stable-diffusion-cpp" / "stable-diffusion.cpp",
        /// ComfyUI.
        ComfyUi = "comfyui" / "ComfyUI",
        /// SwarmUI.
        SwarmUi = "swarmui" / "SwarmUI",
        /// InvokeAI.
        InvokeAi = "invokeai" / "InvokeAI",
        /// Fooocus.
        Fooocus = "fooocus" / "Fooocus",
        /// Easy Diffusion.
        EasyDiffusion = "easy-diffusion" / "Easy Diffusion",
        /// Draw Things.
        DrawThings = "draw-things" / "Draw Things",
        /// NovelAI.
        NovelAi = "novelai" / "NovelAI",
        /// diffusers' SDXL pipelines.
        Diffusers = "diffusers" / "diffusers",
        /// The scripts of Stable Diffusion 1 and 2.
        StableDiffusion = "stable-diffusion" / "Stable Diffusion",
        /// Meta AI.
        Meta = "meta" / "Meta",
        /// xAI Grok.
        XAi = "xai" / "xAI",
        /// Ideogram.
        Ideogram = "ideogram" / "Ideogram",
        /// Reve.
        Reve = "reve" / "Reve",
        /// Hugging Face.
        HuggingFace = "hugging-face" / "Hugging Face",
        /// A label of GB 45438 (China), whoever wrote it.
        Tc260 = "tc260" / "AIGC label (GB 45438)",
        /// IPTC properties, whoever wrote them.
        Iptc = "iptc" / "IPTC metadata",
        /// A maker of cameras or phones.
        Camera = "camera" / "camera",
        /// Another signer of credentials.
        Credentials = "credentials" / "C2PA credentials",
        /// Another program, by its name alone.
        Other = "other" / "another program",
    }
}

closed! {
    /// How much a trace is worth, strongest first.
    Class {
        /// Stated in signed credentials; worth what the verdicts on them say.
        Signed = "signed" / "signed",
        /// A mark in the pixels that others can embed too.
        Pixel = "pixel" / "pixel mark",
        /// A vendor's signature outside C2PA that verified.
        VendorVerified = "vendor-verified" / "vendor's signature",
        /// Stated in unsigned metadata: anyone can write it.
        Declared = "declared" / "declared",
        /// A hint.
        Weak = "weak" / "weak",
    }
}

closed! {
    /// What a trace says of how the picture came to be.
    Says {
        /// Made by a trained model.
        Generated = "generated" / "generated",
        /// Contains parts made by a trained model, or was edited with one.
        PartlyGenerated = "partly-generated" / "partly generated",
        /// May contain such parts.
        PossiblyGenerated = "possibly-generated" / "possibly generated",
        /// Captured by a camera.
        Captured = "captured" / "captured",
        /// Made by a person with digital tools, or by a procedure that was not trained.
        Made = "made" / "made with digital tools",
        /// Nothing about it: it only names a program or a host.
        Unstated = "unstated" / "unstated",
    }
}

/// One trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Whose.
    pub source: Source,
    /// What it is worth.
    pub class: Class,
    /// What it says.
    pub says: Says,
    /// The product or model named, such as `DALL·E` or `flux1-dev`.
    pub tool: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where it stands, such as "PNG tEXt `parameters`".
    pub places: Vec<String>,
    /// What was found there.
    pub fields: Vec<Field>,
    /// Key of a sentence about this trace in the catalogue, under `signal.note.`.
    pub note: Option<&'static str>,
}

/// One value of a trace, cut to [`Field::MAX_CHARS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in the dialect, such as `Steps`.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Whether it may tell of a person: prompts, names, places, serial numbers, ids of users and jobs.
    pub personal: bool,
}

impl Field {
    /// Longest value kept, characters.
    pub const MAX_CHARS: usize = 2_000;

    /// A field that tells of the system.
    pub fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.chars().take(Self::MAX_CHARS).collect(),
            personal: false,
        }
    }

    /// A field that may tell of a person.
    pub fn personal(name: &str, value: &str) -> Self {
        Self {
            personal: true,
            ..Self::new(name, value)
        }
    }
}

/// A time that something in the file states. Nobody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Key of what it is the time of, such as `captured`, `digitised`, `created`, `modified`, `metadata`,
    /// `generated`: `date.KEY` in the catalogue.
    pub what: &'static str,
    /// RFC 3339 as far as stated: `2024-05-01`, `2024-05-01T10:00:00`, with `Z` or an offset where known.
    pub when: String,
    /// Where it stands.
    pub place: String,
}

/// A mark that the file says it carries and that cannot be read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableMark {
    /// Its name, such as SynthID.
    pub name: String,
    /// Whose.
    pub source: Source,
    /// What names it, such as "C2PA action c2pa.watermarked.unbound".
    pub named_by: String,
    /// Where its owner offers a check.
    pub check_at: Option<&'static str>,
}

/// Something that could not be read, or stands in the file against the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: String,
    /// Key of a sentence in the catalogue, under `signal.problem.`.
    pub what: &'static str,
}

/// Everything found in one file's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Traces, strongest first.
    pub signals: Vec<Signal>,
    /// Times stated.
    pub dates: Vec<Dated>,
    /// Marks named that cannot be read here.
    pub unreadable_marks: Vec<UnreadableMark>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Address of a manifest kept elsewhere (XMP `dcterms:provenance`), as stated.
    pub remote_manifest: Option<String>,
    /// Bytes after the picture's end.
    pub trailing_bytes: u64,
}
