//! Options of `ledger monitor`, `ledger mirror`, `ledger serve` and their kin.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Where a ledger is, and how it is known.
#[derive(Debug, Args)]
pub struct Remote {
    /// Address (https://...) or folder of the ledger
    #[arg(value_name = "URL|DIR")]
    pub source: String,
    /// Verifier key of the ledger, or a file with it [default: that of the home]
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// PEM file with root certificates for the address [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub root_certificates: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `colophon ledger monitor`.
#[derive(Debug, Args)]
pub struct Monitor {
    /// The ledger.
    #[command(flatten)]
    pub remote: Remote,
    /// File in which to remember what was seen; without it, every run begins from nothing
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Report records signed by the key with this id, and events about it; its first 8 hex digits or more
    #[arg(long, value_name = "HEX", value_parser = key_id)]
    pub watch_key: Vec<String>,
    /// Report records of pictures that this model or program made
    #[arg(long, value_name = "NAME")]
    pub watch_model: Vec<String>,
    /// Report every event: keys, policies, trust lists, redactions, shards
    #[arg(long)]
    pub watch_events: bool,
    /// Policy about witnesses (c2sp.org/tlog-policy) that the newest checkpoint must meet
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Folder for evidence, should there be any
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub evidence: PathBuf,
    /// Look again after so many seconds, until something is wrong [default: look once]
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub every: Option<u64>,
    /// Look once
    #[arg(long, conflicts_with = "every")]
    pub once: bool,
}

/// `colophon ledger mirror`.
#[derive(Debug, Args)]
pub struct Mirror {
    /// The ledger.
    #[command(flatten)]
    pub remote: Remote,
    /// Folder for the copy, new or mirrored to before
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Folder for evidence, should there be any
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub evidence: PathBuf,
}

/// `colophon ledger serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Folder of a ledger or of a mirror [default: the home's ledger]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8740")]
    pub listen: SocketAddr,
}

/// The beginning of a key's id.
fn key_id(text: &str) -> Result<String, String> {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && (8..=64).contains(&text.len()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected 8 to 64 hexadecimal digits".to_owned())
    }
}
