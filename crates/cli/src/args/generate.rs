//! `colophon generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use colophon_diffusion::{DevicePreference, LoraFile, OpenOptions, SamplerKind, Size};
use colophon_gateway::Dialect;

use super::Issue;
use crate::making::IMAGE_STRENGTH;

/// Most pictures of one run.
const MOST: i64 = 64;

/// `colophon generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// What the picture shows
    #[arg(
        value_name = "PROMPT",
        required_unless_present = "prompt_file",
        conflicts_with = "prompt_file"
    )]
    pub prompt: Option<String>,
    /// File with the prompt, at most 1 MiB; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    /// What the picture should not show
    #[arg(long, value_name = "TEXT")]
    pub negative: Option<String>,
    /// Where pictures go and how they are issued.
    #[command(flatten)]
    pub issue: Issue,
    /// How many pictures
    #[arg(short = 'n', long, value_name = "1-64", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub count: u32,
    /// Write one picture that shows all of them; with --out-dir beside them, else in their place
    #[arg(long)]
    pub grid: bool,
    /// Size in pixels, such as 512x768 [default: as the model was trained; 1024x1024 from a server]
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// Denoising steps; more take longer [default: as the model]
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,
    /// How closely to follow the prompt [default: as the model]
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    pub guidance: Option<f32>,
    /// Where the noise starts: the same seed gives the same picture again, and further pictures
    /// take the seeds after it [default: random, and told]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Picture to start from: it becomes the parent of the new one in its manifest
    #[arg(long, value_name = "FILE", help_heading = "From a picture")]
    pub image: Option<PathBuf>,
    /// How much of it is drawn anew, above 0 to 1
    #[arg(
        long,
        value_name = "SHARE",
        requires = "image",
        default_value_t = IMAGE_STRENGTH,
        help_heading = "From a picture"
    )]
    pub image_strength: f32,
    /// Picture of the same size that is white where it is drawn anew and black where it is kept
    #[arg(
        long,
        value_name = "FILE",
        requires = "image",
        help_heading = "From a picture"
    )]
    pub mask: Option<PathBuf>,
    /// Way from noise to picture: euler, euler-a, dpmpp-2m, unipc or ddim [default: as the model]
    #[arg(long, value_name = "NAME")]
    pub sampler: Option<SamplerKind>,
    /// Whether the private part of the record keeps the prompt; the commitment to it is made in
    /// either case
    #[arg(long, value_name = "WHETHER", default_value = "yes")]
    pub keep_prompt: Keep,
    /// Write all facts of each picture as JSON beside it, into FILE.json; with the prompt only if
    /// it is kept
    #[arg(long)]
    pub sidecar: bool,
    /// Whether to show the picture in the terminal, if it can (kitty, iTerm2, sixel)
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub show: Show,
    /// The model, in this program.
    #[command(flatten, next_help_heading = "Model")]
    pub local: LocalModel,
    /// Who makes the picture
    #[arg(
        long,
        value_name = "NAME",
        default_value = "embedded",
        requires_ifs = [("openai", "url"), ("openai", "model")],
        help_heading = "Backend"
    )]
    pub backend: Backend,
    /// The server that makes it.
    #[command(flatten, next_help_heading = "Backend")]
    pub server: Server,
}

/// A model other than the one that is part of the program.
#[derive(Clone, Debug, Args)]
pub struct LocalModel {
    /// Model: a folder as diffusers saves it, or the name of one that was pulled (`colophon models
    /// list`); with --backend openai the server's name of it [default: the one in the program]
    #[arg(long, value_name = "DIR|NAME")]
    pub model: Option<String>,
    /// What it runs from and on.
    #[command(flatten)]
    pub parts: ModelParts,
}

/// What a model folder is opened with.
#[derive(Clone, Debug, Args)]
pub struct ModelParts {
    /// Weights in place of the transformer's or the U-Net's: safetensors, scaled 8-bit, GGUF
    #[arg(long, value_name = "FILE")]
    pub transformer: Option<PathBuf>,
    /// Weights in place of the text encoder's
    #[arg(long, value_name = "FILE")]
    pub text_encoder: Option<PathBuf>,
    /// Low-rank changes (LoRA) and how strongly they count, such as style.safetensors:0.8; may be
    /// repeated
    #[arg(long, value_name = "FILE[:SCALE]", value_parser = lora)]
    pub lora: Vec<LoraFile>,
    /// Shift of the noise levels in place of the model's own, such as 3 for Qwen-Image with the
    /// Lightning changes
    #[arg(long, value_name = "FACTOR")]
    pub shift: Option<f64>,
    /// Where networks run: auto, cpu, cuda or metal
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub device: DevicePreference,
    /// Whether all weights are kept in memory or read again block by block in every step
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub memory: Memory,
    /// Decode the picture in tiles of this side, which takes less memory
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub tile: Option<u32>,
}

/// How weights are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Memory {
    /// All in memory if they fit
    Auto,
    /// All in memory
    Resident,
    /// Two blocks at a time
    Streamed,
}

impl ModelParts {
    /// For the model's folder.
    pub fn options(&self) -> OpenOptions {
        OpenOptions {
            device: self.device,
            precision: None,
            transformer: self.transformer.clone(),
            text_encoder: self.text_encoder.clone(),
            loras: self.lora.clone(),
            streamed: match self.memory {
                Memory::Auto => None,
                Memory::Resident => Some(false),
                Memory::Streamed => Some(true),
            },
            shift: self.shift,
            tile: self.tile,
        }
    }

    /// The first option that was given, which means nothing without a folder.
    pub fn first_given(&self) -> Option<&'static str> {
        [
            ("--transformer", self.transformer.is_some()),
            ("--text-encoder", self.text_encoder.is_some()),
            ("--lora", !self.lora.is_empty()),
            ("--shift", self.shift.is_some()),
            ("--device", self.device != DevicePreference::Auto),
            ("--memory", self.memory != Memory::Auto),
            ("--tile", self.tile.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

/// `FILE` or `FILE:SCALE`. What follows the last colon counts as a scale only if it is a number, for the sake of names
/// with colons.
fn lora(text: &str) -> Result<LoraFile, String> {
    let scaled = text
        .rsplit_once(':')
        .and_then(|(path, scale)| Some((path, scale.parse::<f32>().ok()?)));
    let (path, scale) = scaled.unwrap_or((text, 1.0));
    if path.is_empty() {
        return Err("name a file".to_owned());
    }
    Ok(LoraFile {
        path: PathBuf::from(path),
        scale,
    })
}

/// The images server of `--backend openai`.
#[derive(Debug, Args)]
pub struct Server {
    /// Address of the images server.
    #[arg(
        long,
        help = "Address of the images server, such as http://127.0.0.1:8000"
    )]
    pub url: Option<String>,
    /// Kind of the server, which decides what it can be asked: openai, diffusers (vLLM-Omni,
    /// SGLang), localai or sd-cpp [default: by its address]
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<Dialect>,
    /// File with the server's API key
    #[arg(long, value_name = "FILE", conflicts_with = "api_key_env")]
    pub api_key_file: Option<PathBuf>,
    /// Environment variable with the server's API key
    #[arg(long, value_name = "NAME")]
    pub api_key_env: Option<String>,
    /// Seconds to wait for each picture
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Send prompt and key unencrypted to a server outside this machine and its local network
    #[arg(long)]
    pub allow_plain_http: bool,
    /// Fetch pictures from other servers, too, if the answer names such an address
    #[arg(long)]
    pub allow_other_hosts: bool,
    /// Certificates (PEM) to trust in place of the system's
    #[arg(long, value_name = "PEM")]
    pub root_certificates: Option<PathBuf>,
}

/// Whether the prompt is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    Yes,
    No,
}

/// When pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// In a terminal that can
    Auto,
    /// In any case; as sixel where the terminal is not known
    Always,
    /// Never
    Never,
}

/// Who makes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// This program, with the model that is part of it or the one named by --model
    Embedded,
    /// A server with the OpenAI images API: OpenAI, vLLM-Omni, SGLang-Diffusion, LocalAI,
    /// stable-diffusion.cpp
    Openai,
}
