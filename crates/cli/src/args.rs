//! The command line.

mod access;
mod audit;
mod feedback;
mod generate;
mod issue;
mod keys;
mod ledger;
mod models;
mod monitor;
mod policy;
mod serve;
mod trust;
mod verify;
mod witness;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use colophon_provenance::DigitalSourceType;
use colophon_watermark::Payload;

pub use access::Access;
pub use audit::{
    Audit, CheckExport, Decisions, Events, Explain, Export, IssueKind, Query, Replay, Stats, Which,
};
pub use feedback::FeedbackCommand;
pub use generate::{Backend, Generate, Keep, ModelParts, Show};
pub use issue::{Issue, OutputFormat, Strength};
pub use keys::{KeyAlgorithm, KeyRole, Keys, Rotate};
pub use ledger::{ErasureReason, Ledger};
pub use models::{Info, Models, Pull};
pub use monitor::{Mirror, Monitor, Remote, Serve};
pub use policy::{Asker, Explain as ExplainPolicy, Policy};
pub use serve::Service;
pub use trust::{Import, Kind, Revoke, Trust, Update, Usage};
pub use verify::{Bulk, Targets, Verify, Worker};
pub use witness::Witness;

/// What `--help` says at its end.
const EXIT_CODES: &str = "\
Exit codes:
  0  done; for a check: every file was answered, and evidence was found
  1  a finding that a person should look at
  2  failed, or a file could not be checked
  3  nothing was found
Of several files the weightiest counts: 2, then 1, then 3, then 0.";

/// Provenance for synthetic pictures: generate, stamp, verify, trace back.
///
/// `generate` makes a picture from a prompt. It and `stamp`, for pictures made elsewhere, put an
/// invisible mark and a signed manifest into the picture and record it in a tamper-evident ledger.
/// `verify` tells what can be known about any picture, also when its metadata is gone. Everything
/// works offline; a server is asked only where you name one: an images server, a model hub, a trust list, witnesses,
/// a remote signer, a time-stamp authority, a ledger to follow.
#[derive(Debug, Parser)]
#[command(name = "colophon", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Folder with keys, ledger and settings [default: the user's data folder]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "COLOPHON_HOME",
        hide_env_values = true
    )]
    pub home: Option<PathBuf>,
    /// File with the passphrase of the keys in its first line; otherwise asked for on a terminal
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "COLOPHON_PASSPHRASE_FILE",
        hide_env_values = true
    )]
    pub passphrase_file: Option<PathBuf>,
    /// Print only errors and what was asked for as data; the exit code tells the rest
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more details
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show no progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole way: make a picture, issue it, damage it, trace it back
    ///
    /// Works offline and without an account, in a home of its own inside the output folder: your
    /// keys and your ledger are not touched.
    Demo(Demo),
    /// Make pictures from a prompt; mark, sign and record them
    ///
    /// A model that is part of the program makes them, offline; or one of your own by `--model`, as
    /// diffusers saves it; or, with `--backend openai`, any server with the OpenAI images API. Each picture is issued as by `stamp`: with an invisible
    /// mark, a signed manifest and a record in the ledger, checked before it appears under its name.
    /// The prompt is neither in the picture nor in the public record: that holds a salted commitment
    /// to it, from which the prompt cannot be guessed.
    Generate(Box<Generate>),
    /// Get and inspect models for `generate`
    #[command(subcommand)]
    Models(Models),
    /// Mark, sign and record pictures
    ///
    /// Each picture gets an invisible mark with a random id, a signed C2PA manifest and a record in
    /// the ledger. It is read back and checked before it appears under its name; if anything
    /// fails, no file is left. Keys are made on first use.
    Stamp(Stamp),
    /// Tell what is known about pictures
    ///
    /// Looks for a signed manifest, the invisible mark, a record in the ledger and a likeness to a
    /// recorded picture, and says what follows. Nothing is written and no network is used unless asked for.
    ///
    /// With --jsonl, --csv or --parquet it goes through folders, patterns and lists of any length and can be stopped
    /// and resumed; docs/bulk.md tells the columns.
    Verify(Box<Verify>),
    /// Look into pictures for another process of this program
    #[command(hide = true)]
    VerifyWorker(Worker),
    /// Work with the invisible mark alone
    #[command(subcommand)]
    Watermark(Watermark),
    /// Make and inspect keys
    #[command(subcommand)]
    Keys(Keys),
    /// Show and change whom `verify` trusts: trust lists and revoked certificates
    #[command(subcommand)]
    Trust(Trust),
    /// Show, check, try, compare and publish the policies that decide what is issued
    #[command(subcommand)]
    Policy(Policy),
    /// Read and check the ledger of issued pictures
    #[command(subcommand)]
    Ledger(Ledger),
    /// Make, list and revoke the API keys of `serve`
    #[command(subcommand)]
    Access(Access),
    /// Answer over HTTP: issue, verify and audit, for programs and for people with a browser
    ///
    /// One process on SQLite and local files. Ctrl-C or SIGTERM stops it after the answers under way, a second one at
    /// once; SIGHUP has it read its certificate again. docs/operations.md tells how to run it for others.
    Serve(Service),
    /// Read what people said of the checks that `serve` answers
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// Cosign the checkpoints of other people's ledgers, so that they cannot be rewritten
    #[command(subcommand)]
    Witness(Witness),
    /// Show settings
    #[command(subcommand)]
    Config(Config),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands
    Man {
        /// Write one page a command into this folder
        #[arg(short, long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `colophon demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for the pictures and the report; must be new or empty
    #[arg(short, long, value_name = "DIR", default_value = "colophon-demo")]
    pub out: PathBuf,
    /// A picture of your own instead of one that is made
    pub picture: Option<PathBuf>,
}

/// `colophon stamp`.
#[derive(Debug, Args)]
pub struct Stamp {
    /// Pictures: PNG, JPEG, WebP, GIF or BMP
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How they are issued.
    #[command(flatten)]
    pub issue: Issue,
    /// Model or program that made the picture
    #[arg(long, value_name = "NAME")]
    pub generator: Option<String>,
    /// Its version
    #[arg(long, value_name = "VERSION", requires = "generator")]
    pub generator_version: Option<String>,
    /// How the picture came to be: IPTC digital source type
    #[arg(long, value_name = "TYPE", default_value = "trainedAlgorithmicMedia")]
    pub source: DigitalSourceType,
    /// File with the prompt; kept in the private part of the record only
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    /// Leave out the picture's own metadata (EXIF, XMP, IPTC, text)
    #[arg(long)]
    pub strip_metadata: bool,
}

/// `colophon watermark`.
#[derive(Debug, Subcommand)]
pub enum Watermark {
    /// Put a mark into a picture, without manifest and record
    Embed {
        /// The picture
        #[arg(value_name = "IN")]
        input: PathBuf,
        /// The marked picture; its extension chooses the format
        #[arg(value_name = "OUT")]
        output: PathBuf,
        /// Id to embed, 16 hexadecimal digits [default: random]
        #[arg(long, value_name = "HEX16")]
        payload: Option<Payload>,
        /// How strong the mark may be [default: as set, else standard]
        #[arg(long)]
        strength: Option<Strength>,
        /// Replace the output if it exists
        #[arg(long)]
        overwrite: bool,
    },
    /// Look for a mark
    Detect {
        /// Print one line of JSON a file
        #[arg(long)]
        json: bool,
        /// Pictures; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// `colophon config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Show every setting and where it comes from
    Show {
        /// Name the line of config.toml or the variable that a value is from
        #[arg(long)]
        origin: bool,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
}
