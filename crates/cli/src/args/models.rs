//! `colophon models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use colophon_diffusion::Size;
use colophon_gateway::DEFAULT_HUB;

use super::generate::ModelParts;

/// `colophon models`.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List the models that were pulled
    List {
        /// Print one line of JSON a model
        #[arg(long)]
        json: bool,
    },
    /// Get a model from a hub, pinned to a commit, every file checked
    ///
    /// Files that are there already are kept, and one that broke off is gone on with, so that the
    /// same command again finishes the work. Only what the program reads is fetched: settings,
    /// tokenizers and safetensors, in full precision where there are several.
    Pull(Pull),
    /// Read every file of a pulled model and hold it against what was pulled
    Verify {
        /// The model
        name: String,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a pulled model, or what is there of one that broke off
    Remove {
        /// The model
        name: String,
    },
    /// Tell what a model is, which licence it has and what it needs, without loading it
    Info(Box<Info>),
}

/// `colophon models pull`.
#[derive(Debug, Args)]
pub struct Pull {
    /// The hub's name of the model, such as Qwen/Qwen-Image-2512
    #[arg(value_name = "OWNER/NAME")]
    pub repository: String,
    /// Branch, tag or commit
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub revision: String,
    /// Name of the model here [default: the part after the slash, in lower case]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Take the model although its licence is not one of those that allow any use
    #[arg(long)]
    pub accept_license: bool,
    /// Address of the hub
    #[arg(long, value_name = "URL", default_value = DEFAULT_HUB, env = "HF_ENDPOINT", hide_env_values = true)]
    pub hub: String,
    /// File with an access token of the hub, for models that ask for one [default: that of the environment variable `HF_TOKEN`]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Talk to a hub unencrypted that is outside this machine and its local network
    #[arg(long)]
    pub allow_plain_http: bool,
    /// Certificates (PEM) to trust in place of the system's
    #[arg(long, value_name = "PEM")]
    pub root_certificates: Option<PathBuf>,
}

/// `colophon models info`.
#[derive(Debug, Args)]
pub struct Info {
    /// Folder of a model, or name of a pulled one
    #[arg(value_name = "DIR|NAME")]
    pub model: String,
    /// Plan for pictures of this size [default: the size it was trained for]
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// What it would run from and on.
    #[command(flatten, next_help_heading = "Model")]
    pub parts: ModelParts,
}
