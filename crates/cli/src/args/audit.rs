//! Options of `ledger` for auditors.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use colophon_ledger::Cursor;
use colophon_watermark::Payload;

use super::Asker;

/// Commands of `colophon ledger` that ask, count and hand over.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Audit {
    /// Find records and events by what they say, in the order of entry
    ///
    /// All conditions must hold. Each answer is proven against the signed log. What follows the page is told by
    /// a cursor: give it with the same options to go on.
    Query(Box<Query>),
    /// Write records to a table, with a signed statement of what it is
    ///
    /// Beside the table appears FILE.statement: from which state of the log, by which filter, how many rows, and
    /// hashes, signed with the ledger's key, so that a part cannot be passed off as the whole. `ledger
    /// check-export` checks it. Public facts only, unless --private.
    Export(Box<Export>),
    /// Check an export against its statement and against a copy of the log
    CheckExport(CheckExport),
    /// Tell the life of one picture, with everything checked
    ///
    /// When it was issued, by which model, key and policy, its proof and who cosigned it, what happened since,
    /// the checks that were logged, and which records look like it.
    Explain(Explain),
    /// Count what was issued and what checks came to
    Stats(Stats),
    /// Show the log of decisions, or remove old ones
    Decisions(Decisions),
    /// Put past decisions before other rules and tell what would differ
    ///
    /// Ends with exit code 1 if anything would.
    Replay(Replay),
}

/// Which entries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which entries")]
pub struct Which {
    /// Entered at this time or later: YYYY-MM-DD (midnight UTC) or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<i64>,
    /// Entered before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<i64>,
    /// Name of the model or program, or identifier of the model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// SHA-256 of a file of the model's weights
    #[arg(long, value_name = "HEX64", value_parser = hash)]
    pub weights: Option<Hash>,
    /// Id of the key that signed the manifest
    #[arg(long, value_name = "HEX64", value_parser = hash)]
    pub signer: Option<Hash>,
    /// SHA-256 of the policy in force
    #[arg(long, value_name = "HEX64", value_parser = hash)]
    pub policy: Option<Hash>,
    /// SHA-256 of the issued file
    #[arg(long, value_name = "HEX64", value_parser = hash)]
    pub asset: Option<Hash>,
    /// Identifier of the manifest
    #[arg(long, value_name = "ID")]
    pub manifest_id: Option<String>,
    /// How the picture came to be issued
    #[arg(long, value_name = "KIND")]
    pub kind: Option<IssueKind>,
    /// Events of keys, policies, trust lists, redactions and shards: none, all (besides records), or only
    #[arg(long, value_name = "WHICH", default_value = "none")]
    pub events: Events,
    /// Id of the mark in the pixels, 16 hexadecimal digits
    #[arg(long, value_name = "HEX16")]
    pub watermark: Option<Payload>,
    /// Pictures that look like this file or fingerprint (64 hexadecimal digits)
    #[arg(long, value_name = "FILE|HEX64")]
    pub like: Option<PathBuf>,
    /// Most bits of 256 in which fingerprints may differ, for --like
    #[arg(long, value_name = "BITS", default_value_t = 31, requires = "like", value_parser = clap::value_parser!(u32).range(0..=128))]
    pub distance: u32,
    /// Records that a logged check led to which came to this rule, finding or action
    #[arg(long, value_name = "CODE")]
    pub verdict: Option<String>,
}

/// 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

/// How a picture came to be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IssueKind {
    /// Made by a model in the same run
    Generate,
    /// An existing picture was stamped
    Stamp,
}

/// Whether events are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Events {
    /// Records of pictures alone
    None,
    /// Records and events
    All,
    /// Events alone
    Only,
}

/// `colophon ledger query`.
#[derive(Debug, Args)]
pub struct Query {
    /// Who asks, if not the owner.
    #[command(flatten)]
    pub asker: Asker,
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Most entries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    /// From the newest entry back, not in the order of entry
    #[arg(long)]
    pub newest: bool,
    /// Go on where a page ended: what it told, with the same options
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<Cursor>,
    /// Print one line of JSON an entry
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print rows of CSV
    #[arg(long)]
    pub csv: bool,
}

/// `colophon ledger export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Who asks, if not the owner.
    #[command(flatten)]
    pub asker: Asker,
    /// Form and file.
    #[command(flatten)]
    pub target: ExportTarget,
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Add private facts: prompt, title, requester, fingerprint, the mark's id
    #[arg(long)]
    pub private: bool,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
}

/// The table to write.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExportTarget {
    /// Write CSV, safe to open in a spreadsheet
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write a line of JSON an entry
    #[arg(long, value_name = "FILE")]
    pub jsonl: Option<PathBuf>,
    /// Write Apache Parquet
    #[arg(long, value_name = "FILE")]
    pub parquet: Option<PathBuf>,
}

/// `colophon ledger check-export`.
#[derive(Debug, Args)]
pub struct CheckExport {
    /// The table; its statement lies beside it
    pub table: PathBuf,
    /// Verifier key of the ledger, or a file with it [default: that of the home]
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Folder with a copy of the log, such as a mirror [default: with the home's key, the home's ledger]
    #[arg(long, value_name = "DIR")]
    pub copy: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `colophon ledger explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Who asks, if not the owner.
    #[command(flatten)]
    pub asker: Asker,
    /// Number of the record, watermark id, SHA-256 of the issued file, manifest id, or a picture
    pub record: String,
    /// Write everything that a stranger needs to check the record with public tools
    #[arg(long, value_name = "ZIP")]
    pub bundle: Option<PathBuf>,
    /// Witness policy (C2SP tlog-policy) to hold the cosignatures against [default: the home's, if there is one]
    #[arg(long, value_name = "FILE")]
    pub witness_policy: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Replace the bundle if it exists
    #[arg(long, requires = "bundle")]
    pub overwrite: bool,
}

/// `colophon ledger stats`.
#[derive(Debug, Args)]
pub struct Stats {
    /// Who asks, if not the owner.
    #[command(flatten)]
    pub asker: Asker,
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Write a web page with drawings
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the drawings into this folder
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

/// `colophon ledger decisions`.
#[derive(Debug, Args)]
pub struct Decisions {
    /// Remove all decisions before this time, for good
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "limit")]
    pub prune: Option<i64>,
    /// Most decisions of each kind, the newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Print one line of JSON a decision
    #[arg(long)]
    pub json: bool,
}

/// `colophon ledger replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Other bundle: a folder, `shipped`, `current`, `previous` or the hash of a published one
    #[arg(long, value_name = "BUNDLE")]
    pub policy: String,
    /// Most decisions of each kind, the newest first
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub last: u64,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

fn hash(text: &str) -> Result<Hash, String> {
    let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        let pair = text.get(2 * at..2 * at + 2).filter(|_| digits);
        let value = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte = value.ok_or("expected 64 hexadecimal digits")?;
    }
    Ok(Hash(hash))
}

fn time(text: &str) -> Result<i64, String> {
    let whole = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    colophon_calendar::Span::parse(&whole)
        .filter(|span| span.from == span.until)
        .map(|span| span.from)
        .ok_or_else(|| "expected YYYY-MM-DD, or a time such as 2026-11-27T08:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc_and_a_time_names_its_zone() {
        assert_eq!(time("2026-09-21"), Ok(1_789_948_800));
        assert_eq!(time("2026-09-21T14:13:20Z"), Ok(1_790_000_000));
        assert_eq!(time("2026-09-21T16:13:20+02:00"), Ok(1_790_000_000));
        for bad in ["", "2026-09-21T14:13:20", "2026-13-01", "yesterday"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hash_has_64_digits() {
        assert_eq!(hash(&"0A".repeat(32)), Ok(Hash([10; 32])));
        for bad in ["", "0a", &"+1".repeat(32), &"é".repeat(32)] {
            assert!(hash(bad).is_err(), "{bad}");
        }
    }
}
