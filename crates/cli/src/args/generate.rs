//! `colophon generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use colophon_diffusion::{SamplerKind, Size};
use colophon_gateway::Dialect;

use super::Issue;

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

/// The images server of `--backend openai`.
#[derive(Debug, Args)]
pub struct Server {
    /// Address of the images server.
    #[arg(
        long,
        help = "Address of the images server, such as http://127.0.0.1:8000"
    )]
    pub url: Option<String>,
    /// The server's name of the model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
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
    /// The model that is part of the program: a small one, for trying things out
    Embedded,
    /// A server with the OpenAI images API: OpenAI, vLLM-Omni, SGLang-Diffusion, LocalAI,
    /// stable-diffusion.cpp
    Openai,
}
