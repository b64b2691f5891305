//! `colophon trust`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `colophon trust`.
#[derive(Debug, Subcommand)]
pub enum Trust {
    /// List the trust lists and the revoked certificates
    List {
        /// Print one line of JSON a list or certificate
        #[arg(long)]
        json: bool,
    },
    /// Take in a trust list
    ///
    /// Reads PEM certificates, the JSON form in which C2PA publishes its lists, and the files of the interim list:
    /// certificates of single signers in a file whose name begins with `allowed`, lines with hashes of certificates,
    /// and `store.cfg`. A list under a name that exists is replaced, but not by an older one.
    Import(Import),
    /// Show a trust list and the certificates on it
    Show {
        /// The list
        name: String,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a list that was taken in; one that ships under its name is used again
    Remove {
        /// The list
        name: String,
    },
    /// Take in newer C2PA lists, from a folder or file, or with --from from the network
    Update(Update),
    /// Put a certificate on this home's list of revoked ones, or all those of a revocation list
    ///
    /// A signature whose trusted time-stamp is older than the revocation is told apart.
    Revoke(Revoke),
}

/// `colophon trust import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The list's files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Name of the list here
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Where it comes from, which reports show as the colour of the trust
    #[arg(long, value_name = "KIND", default_value = "local")]
    pub kind: Kind,
    /// What it vouches for, unless the file says so
    #[arg(long = "for", value_name = "USE", default_value = "signers")]
    pub usage: Usage,
    /// When it was issued, unless the file says so
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub issued: Option<String>,
    /// When it is to be replaced, unless the file says so
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub next_update: Option<String>,
}

/// `colophon trust update`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Update {
    /// File as C2PA publishes it, or folder with C2PA-TRUST-LIST.json and C2PA-TSA-TRUST-LIST.json
    #[arg(value_name = "FILE|DIR")]
    pub path: Option<PathBuf>,
    /// Fetch such a file over https://
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
}

/// `colophon trust revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// File with a certificate or a revocation list (PEM or DER), or the SHA-256 of a certificate in hexadecimal
    #[arg(value_name = "FILE|SHA256")]
    pub what: String,
    /// Why, such as keyCompromise
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// From when on: a day (UTC) or an RFC 3339 time; a revocation list tells it itself
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
}

/// Where a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// C2PA
    Official,
    /// The interim list, frozen since 2026
    Legacy,
    /// You
    Local,
}

/// What a list vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Usage {
    /// Signers of manifests
    Signers,
    /// Authorities of time-stamps
    TimeStamps,
}

fn day(text: &str) -> Result<String, String> {
    if text.len() == 10 && colophon_provenance::trust::moment(text).is_some() {
        Ok(text.to_owned())
    } else {
        Err("give a day such as 2026-08-05".to_owned())
    }
}
