//! Options of `ledger`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use colophon_ledger::RecordAddress;

use super::monitor::{Mirror, Monitor, Serve};
use super::{Asker, Audit};

/// `colophon ledger`.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Ledger {
    /// Show what the ledger holds, or one record
    Show {
        /// Who asks, if not the owner.
        #[command(flatten)]
        asker: Asker,
        /// Number of the record, watermark id (16 hex digits), SHA-256 of the issued file (64 hex
        /// digits) or manifest id [default: a summary]
        record: Option<String>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
        /// Show title and prompt too
        #[arg(long, requires = "record")]
        private: bool,
        /// Write the record's manifest to this file
        #[arg(long, value_name = "FILE", requires = "record")]
        manifest: Option<PathBuf>,
    },
    /// List records, the newest last
    List {
        /// Who asks, if not the owner.
        #[command(flatten)]
        asker: Asker,
        /// First record: 2026h2/17, or 17 in the newest shard [default: such that the newest are
        /// shown]
        #[arg(long, value_name = "RECORD")]
        from: Option<RecordAddress>,
        /// Most records
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Print one line of JSON a record
        #[arg(long)]
        json: bool,
    },
    /// Write the proof that a record is in the signed log
    ///
    /// Leaves the proof and, beside it with the extension `.leaf`, the record that it proves.
    Prove {
        /// Who asks, if not the owner.
        #[command(flatten)]
        asker: Asker,
        /// The record: 2026h2/17, or 17 in the newest shard
        record: RecordAddress,
        /// File for the proof [default: record-NUMBER.tlog-proof]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace files that exist
        #[arg(long)]
        overwrite: bool,
    },
    /// Write the proof of a record as a COSE receipt (RFC 9942), for SCITT tools
    ///
    /// Signed with the receipt key, which the log names in an event. Leaves the receipt and, beside it with the
    /// extension `.leaf`, the record that it proves.
    Receipt {
        /// Who asks, if not the owner.
        #[command(flatten)]
        asker: Asker,
        /// The record: 2026h2/17, or 17 in the newest shard
        record: RecordAddress,
        /// File for the receipt [default: record-NUMBER.receipt]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write the public key that checks it to this file (PEM)
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Replace files that exist
        #[arg(long)]
        overwrite: bool,
    },
    /// Check a proof; needs no ledger
    Check {
        /// The proof
        proof: PathBuf,
        /// The record that it proves [default: the proof's name with the extension .leaf]
        #[arg(long, value_name = "FILE")]
        leaf: Option<PathBuf>,
        /// Verifier key of the ledger, or a file with it [default: that of the home]
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Erase what is personal in records; the log keeps their public facts and tells of the erasure
    ///
    /// Destroys the key of the private part (prompt, title, requester, sketch) and removes it with
    /// the mark's id and the fingerprint. Every proof of the record still holds. It cannot be
    /// taken back. Backups are not changed: see docs/records.md.
    Erase {
        /// Who asks, if not the owner.
        #[command(flatten)]
        asker: Asker,
        /// Records: a number such as 17, or 2026h2/17 in that shard, the SHA-256 of the issued
        /// file, the watermark id or the manifest id
        #[arg(required_unless_present = "requester", conflicts_with = "requester")]
        records: Vec<String>,
        /// All records that this requester asked for
        #[arg(long, value_name = "NAME")]
        requester: Option<String>,
        /// Why; the log tells it to everybody
        #[arg(long, value_enum, value_name = "CODE")]
        reason: ErasureReason,
        /// Erase the kept manifest too, which holds the title
        #[arg(long)]
        manifest: bool,
        /// Who erases: the log commits to the name without telling it [default: the role operator]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print one line of JSON
        #[arg(long, requires = "yes")]
        json: bool,
    },
    /// Derive the whole ledger anew and name everything that does not fit
    Fsck {
        /// First rebuild what can be derived: rows from entry bundles or the reverse, hash tiles,
        /// page sums, the published checkpoint. Nothing that is signed or exists once is touched
        #[arg(long)]
        repair: bool,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy the ledger to a folder, also while pictures are issued, and prove the copy
    ///
    /// The copy is derived anew and compared with the signed roots. SHA256SUMS in it lists every
    /// file as `sha256sum --check` reads it. Private parts stay encrypted; the key that opens them
    /// is in the key folder and is copied by `keys backup`.
    Backup {
        /// Folder for the copy, empty or not there yet; or a file with a name in .tar, not there yet
        folder: PathBuf,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a copy back as the ledger of a home that has none
    ///
    /// Refuses a copy that was altered, that does not lead to the signed roots, or that is older
    /// than a checkpoint or list of shards given with --seen.
    Restore {
        /// Folder with the copy, or the .tar file
        folder: PathBuf,
        /// A signed checkpoint or list of shards seen elsewhere, such as at a monitor, that the copy
        /// must reach; may be repeated
        #[arg(long, value_name = "FILE")]
        seen: Vec<PathBuf>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish what is stored and waits for witnesses
    Publish,
    /// Seal the newest shard, so that the next record opens another one
    ///
    /// Half-years are sealed without being asked. By hand it is done when the clock is right although
    /// the last record is more than 400 days old.
    Seal,
    /// What auditors ask.
    #[command(flatten)]
    Audit(Audit),
    /// Follow a ledger that somebody else keeps and raise an alarm when it lies
    ///
    /// Needs nothing but the ledger's public files and its verifier key. Checks every signature, that each checkpoint
    /// grew out of the one before, that every entry is the one in the tree, and that the shards are tied to each
    /// other. Ends with code 1 at the first thing that is wrong and leaves the evidence.
    Monitor(Box<Monitor>),
    /// Copy a ledger that somebody else keeps, every file checked before it is put in place
    ///
    /// Goes on where an earlier run ended, and refuses a ledger that contradicts the copy. The copy is a folder that
    /// `monitor`, `serve` and other programs for c2sp.org/tlog-tiles read as they read the ledger.
    Mirror(Mirror),
    /// Serve a ledger's public files for monitors and mirrors
    ///
    /// Only what is public has an address: the list of shards, checkpoints, tiles and entries; never the database.
    /// Speaks plain HTTP: put a proxy in front that does HTTPS.
    Serve(Serve),
    /// Show which witnesses the ledger needs and who cosigned the newest checkpoint
    Witnesses {
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Check evidence that a log signed two histories
    Evidence {
        /// The file that a monitor or a witness left
        file: PathBuf,
        /// Verifier key of the log that the evidence names, or a file with it
        #[arg(long, value_name = "KEY")]
        key: String,
    },
}

/// Why something is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ErasureReason {
    /// The person concerned asked for it
    Request,
    /// The time for keeping it is over
    Retention,
    /// A court or an authority ordered it, or a law demands it
    Legal,
    /// It should not have been entered
    Mistake,
    /// The content must not be kept
    Content,
}
