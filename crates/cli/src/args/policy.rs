//! `colophon policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use colophon_diffusion::Size;
use colophon_policy::{Operation, Principal, PrincipalKind};
use colophon_provenance::DigitalSourceType;

use super::Strength;

/// Who asks, for commands that ask the policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Asker {
    /// Who asks, where that is not the owner: NAME, user:NAME, service:NAME or api-key:NAME; the policies tell
    /// what they may
    #[arg(long = "as", value_name = "[KIND:]NAME", value_parser = principal)]
    pub principal: Option<Principal>,
}

/// `colophon policy`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Show which bundle is in force, its policies and its obligations
    Show {
        /// Bundle: a folder, `current`, `previous`, `shipped`, or the hash of one that was published
        #[arg(value_name = "BUNDLE", default_value = "current")]
        bundle: String,
        /// Write its files into this folder, which must be new or empty
        #[arg(long, value_name = "DIR")]
        write: Option<PathBuf>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Name everything that is wrong with a bundle, with file, line and column
    Check {
        /// Bundle, as for `show`
        #[arg(value_name = "BUNDLE", default_value = "current")]
        bundle: String,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Run the tests that a bundle brings
    Test {
        /// Bundle, as for `show`
        #[arg(value_name = "BUNDLE", default_value = "current")]
        bundle: String,
        /// Print one line of JSON a test
        #[arg(long)]
        json: bool,
    },
    /// Ask a bundle, and tell which rule decided, where it stands and what would have to change
    ///
    /// The question comes from a file of JSON or from the options; a prompt is screened and not kept.
    Explain(Box<Explain>),
    /// Tell what is different between two bundles: policies, verdict rules, verdicts, answers
    Diff {
        /// The old one, as for `show`
        #[arg(value_name = "OLD")]
        old: String,
        /// The new one
        #[arg(value_name = "NEW")]
        new: String,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Check, test and sign a bundle, enter it into the ledger and put it in force
    ///
    /// With one rename at the end: before it the old bundle is in force, after it the new one. Every published
    /// bundle is kept, so that a record's policy hash leads to the policies of its time.
    Publish {
        /// Folder with the bundle
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Who asks for it [default: the owner]
        #[arg(long = "as", value_name = "[KIND:]NAME", value_parser = principal)]
        requester: Option<Principal>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
}

/// `colophon policy explain`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command")]
pub struct Explain {
    /// The question as JSON; `-` is standard input
    #[arg(value_name = "REQUEST.json", conflicts_with_all = ["action", "requester", "team", "model", "size", "prompt", "prompt_file"])]
    pub request: Option<PathBuf>,
    /// Bundle, as for `show`
    #[arg(long, value_name = "BUNDLE", default_value = "current")]
    pub bundle: String,
    /// What is asked for: generate, stamp, verify, bulk-verify, read-ledger, query, export, redact, rotate-key or
    /// publish-policy
    #[arg(long, value_name = "ACTION", default_value = "generate", value_parser = operation)]
    pub action: Operation,
    /// Who asks: NAME, user:NAME, service:NAME or api-key:NAME [default: the owner]
    #[arg(long = "as", value_name = "[KIND:]NAME", value_parser = principal)]
    pub requester: Option<Principal>,
    /// Team that the one who asks is in, besides those of the bundle; may be repeated
    #[arg(long, value_name = "NAME", requires = "requester")]
    pub team: Vec<String>,
    /// Model [default: the one in the program]
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Whether a server runs the model
    #[arg(long, requires = "model")]
    pub remote: bool,
    /// Size of the picture, pixels
    #[arg(long, value_name = "WxH", default_value = "512x512")]
    pub size: Size,
    /// Denoising steps
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub steps: u32,
    /// Name of a low-rank change (LoRA); may be repeated
    #[arg(long, value_name = "NAME")]
    pub lora: Vec<String>,
    /// Strength of the mark
    #[arg(long, default_value = "standard")]
    pub strength: Strength,
    /// The picture may go out without a mark
    #[arg(long)]
    pub allow_unmarked: bool,
    /// How the picture comes to be: IPTC digital source type
    #[arg(long, value_name = "TYPE", default_value = "trainedAlgorithmicMedia")]
    pub source: DigitalSourceType,
    /// Why: a code of the bundle's vocabulary
    #[arg(long, value_name = "CODE", default_value = colophon_policy::UNSTATED)]
    pub purpose: String,
    /// Personal data would be told
    #[arg(long)]
    pub personal: bool,
    /// Prompt to screen
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_file")]
    pub prompt: Option<String>,
    /// File with the prompt; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

fn operation(text: &str) -> Result<Operation, String> {
    let known = || {
        Operation::ALL
            .iter()
            .map(|each| each.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    Operation::from_code(text).ok_or_else(|| format!("actions are {}", known()))
}

/// `NAME`, a user, or `KIND:NAME`.
pub fn principal(text: &str) -> Result<Principal, String> {
    let (kind, name) = match text.split_once(':') {
        Some((kind, name)) => match PrincipalKind::from_code(kind) {
            Some(kind) => (kind, name),
            None => return Err("write NAME, user:NAME, service:NAME or api-key:NAME".to_owned()),
        },
        None => (PrincipalKind::User, text),
    };
    if name.trim().is_empty() {
        return Err("name someone".to_owned());
    }
    Ok(Principal::named(kind, name))
}
