//! Options of `colophon verify`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use colophon_provenance::Language;

use super::Asker;

/// `colophon verify`.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command")]
pub struct Verify {
    /// Pictures; `-` is standard input. With --jsonl, --csv or --parquet also folders, patterns such as
    /// 'in/**/*.jpg', and lists: .jsonl with {"file": NAME} a line, .txt with a name a line, `-`
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one line of JSON a file
    #[arg(long)]
    pub json: bool,
    /// Tell everything: prompts, names, places and serial numbers that metadata holds, and figures of the
    /// mark; for operators, since whoever tries to remove a mark could follow the figures
    #[arg(long)]
    pub full: bool,
    /// Language of the sentences: en or de
    #[arg(long, value_name = "LANG", default_value_t)]
    pub lang: Language,
    /// Write the picture with the places in magenta where the mark is missing although it should be
    /// there, and in grey those where that cannot be told; for one picture, and for operators
    #[arg(long, value_name = "PNG")]
    pub heat_map: Option<PathBuf>,
    /// Write the reports as one web page too, with small pictures, to be kept or printed; with --full, also
    /// where the mark reads
    #[arg(long, value_name = "HTML", conflicts_with = "output")]
    pub html: Option<PathBuf>,
    /// Write the validator's own report on the manifest (crJSON) too; for one picture. It holds all that the
    /// manifest says, also of persons
    #[arg(long, value_name = "JSON")]
    pub crjson: Option<PathBuf>,
    /// Fetch manifests that pictures say are kept elsewhere: over https from public addresses only, 10 MB and
    /// 10 s at most. Tells the server's owner that somebody looks at the picture
    #[arg(long)]
    pub fetch: bool,
    /// Certificates (PEM) of authorities to trust besides those carried; may be repeated
    #[arg(long, value_name = "PEM")]
    pub trust_anchor: Vec<PathBuf>,
    /// Note in the ledger's log of decisions what the rules came to: hashes and codes, no picture and no name.
    /// `ledger replay` and `ledger explain` read it
    #[arg(long)]
    pub log: bool,
    /// Who asks, if not the owner.
    #[command(flatten)]
    pub asker: Asker,
    /// Runs over many pictures.
    #[command(flatten)]
    pub bulk: Bulk,
}

/// Options of a run over many pictures.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Many pictures")]
#[group(skip)]
pub struct Bulk {
    /// What is written.
    #[command(flatten)]
    pub targets: Targets,
    /// Go on where a run with the same options was stopped
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Replace outputs that exist, and give up what a stopped run left
    #[arg(long, requires = "output", conflicts_with = "resume")]
    pub overwrite: bool,
    /// Pictures checked at once [default: one a processor, 8 at most]
    #[arg(long, value_name = "N", requires = "output")]
    pub jobs: Option<NonZeroUsize>,
    /// Check files in folders and patterns that are no pictures too
    #[arg(long, requires = "output")]
    pub other_files: bool,
}

/// What a run over many pictures writes.
#[derive(Debug, Default, Args)]
#[group(id = "output", multiple = true)]
pub struct Targets {
    /// Write the report of each picture as a line of JSON; `-` is standard output
    #[arg(long, value_name = "OUT", conflicts_with_all = ["json", "heat_map", "crjson"])]
    pub jsonl: Option<PathBuf>,
    /// Write a row of CSV for each picture; `-` is standard output
    #[arg(long, value_name = "OUT", conflicts_with_all = ["json", "heat_map", "crjson"])]
    pub csv: Option<PathBuf>,
    /// Write a row of an Apache Parquet file for each picture
    #[arg(long, value_name = "OUT", conflicts_with_all = ["json", "heat_map", "crjson"])]
    pub parquet: Option<PathBuf>,
}

impl Targets {
    /// Whether there is an output to write.
    pub fn are_asked_for(&self) -> bool {
        self.jsonl.is_some() || self.csv.is_some() || self.parquet.is_some()
    }
}

/// `colophon verify-worker`. What is wanted of a check comes with each picture.
#[derive(Debug, Args)]
pub struct Worker {
    /// As for `verify`
    #[arg(long)]
    pub trust_anchor: Vec<PathBuf>,
}
