//! Options of `colophon access`.

use clap::Subcommand;
use colophon_accounts::{KeyId, Scope, Tenant};

/// `colophon access`.
#[derive(Debug, Subcommand)]
pub enum Access {
    /// Make an API key; its text is printed this once and kept nowhere
    Create {
        /// Name by which policies and records know its holder; two keys of one name are one holder, which is how a
        /// key is replaced
        name: String,
        /// What it may be used for: issue, verify, jobs, read, export, personal, admin; several by commas. The
        /// policies decide within these bounds
        #[arg(long, value_name = "SCOPE", required = true, value_delimiter = ',', value_parser = scope)]
        scope: Vec<Scope>,
        /// Team of its holder, besides those that the policies tell; may be repeated [default: teams of the shipped
        /// policies that fit the scopes]
        #[arg(long, value_name = "NAME")]
        team: Vec<String>,
        /// Whose data it acts on
        #[arg(long, value_name = "NAME", default_value = "own")]
        tenant: Tenant,
        /// When it ends: a number of days such as 90d, a day (midnight UTC) or an RFC 3339 time [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Requests a minute [default: the service's]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        requests: Option<u32>,
        /// Pictures a minute, checked, stamped or made [default: the service's]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        pictures: Option<u32>,
        /// Bytes sent a day [default: the service's]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        bytes: Option<u64>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys, the oldest first
    List {
        /// Print one line of JSON a key
        #[arg(long)]
        json: bool,
    },
    /// Show what is kept of a key
    Show {
        /// Its id: the eight letters and digits after `colophon_`
        id: KeyId,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// End keys for good; a running service turns them away at once
    Revoke {
        /// Their ids
        #[arg(required = true)]
        id: Vec<KeyId>,
        /// Print one line of JSON a key
        #[arg(long)]
        json: bool,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    Scope::from_code(text).ok_or_else(|| format!("scopes are {}", known.join(", ")))
}
