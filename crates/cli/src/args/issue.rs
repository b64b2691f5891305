//! What `stamp` and `generate` are told alike.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use colophon_policy::Principal;

use super::policy::principal;

/// Where issued pictures go, and how they are issued.
#[derive(Debug, Args)]
pub struct Issue {
    /// The issued picture; its extension chooses the format
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "out_dir",
        conflicts_with = "out_dir"
    )]
    pub out: Option<PathBuf>,
    /// Folder for the issued pictures
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
    /// Format of the output [default: by its extension, else that of the input or PNG]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<OutputFormat>,
    /// JPEG quality [default: as the input, at least 90, raised if the picture needs it]
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Title of the picture; public
    #[arg(long)]
    pub title: Option<String>,
    /// How strong the mark may be [default: as set, else standard]
    #[arg(long)]
    pub strength: Option<Strength>,
    /// Issue a picture that has no room for the mark without it, and say so in
    /// manifest and record
    #[arg(long)]
    pub allow_unmarked: bool,
    /// Who asks, where that is not the owner: NAME, user:NAME, service:NAME or api-key:NAME; the policies tell
    /// what they may
    #[arg(long = "as", value_name = "[KIND:]NAME", value_parser = principal)]
    pub requester: Option<Principal>,
    /// Why, for the policies: a code of their vocabulary
    #[arg(long, value_name = "CODE", default_value = colophon_policy::UNSTATED)]
    pub purpose: String,
    /// Have an authority stamp the time of signing (RFC 3161): its address, https:// or on this
    /// machine [default: as set, else none]
    #[arg(long, value_name = "URL")]
    pub timestamp: Option<String>,
    /// Print one line of JSON a picture
    #[arg(long)]
    pub json: bool,
}

/// Formats that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Png,
    #[value(alias = "jpg")]
    Jpeg,
    Webp,
}

/// How strong the mark may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strength {
    /// At least 45 dB; less robust
    Subtle,
    /// At least 42 dB, weaker where that is enough
    Standard,
    /// 42 dB, always
    Strong,
}
