//! Options of `keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use colophon_keys::REVOCATION_REASONS;

use super::Asker;

/// `colophon keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make all keys of a home
    ///
    /// Makes a local root, an issuing authority, a claim signer, the ledger's key and the
    /// watermark key. The chain is on no public list: others trust it only if you give them the
    /// root certificate. With a passphrase (`--passphrase-file` or `--ask-passphrase`) the
    /// private keys are encrypted.
    Init {
        /// Organisation that readers of the manifest see as the issuer [default: as set]
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
        /// Name of the signer [default: as set]
        #[arg(long, value_name = "NAME")]
        common_name: Option<String>,
        /// Country, two capital letters; ZZ leaves it open [default: as set]
        #[arg(long, value_name = "CC")]
        country: Option<String>,
        /// Name of the ledger, such as example.org/ledger [default: as set, else made from its key]
        #[arg(long, value_name = "NAME")]
        ledger_name: Option<String>,
        /// Ask for a passphrase on the terminal
        #[arg(long)]
        ask_passphrase: bool,
    },
    /// Show public facts of the keys, never a private one
    Show {
        /// Print one line of JSON
        #[arg(long, conflicts_with = "root_certificate")]
        json: bool,
        /// Print the root certificate (PEM), the anchor to give to others
        #[arg(long)]
        root_certificate: bool,
    },
    /// Name whatever is wrong with the keys
    Check {
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys of all times: made, in use, retired, revoked
    List {
        /// Print one line of JSON a key
        #[arg(long)]
        json: bool,
    },
    /// Put a new key in the place of the one in use
    ///
    /// What the former key made stays good. The private part of a retired signing key is destroyed;
    /// watermark keys are kept, so that their marks are read on. A new authority certifies the
    /// keys that are made after it: rotate `root`, then `issuing`, then `signer`. For the ledger's
    /// key the open shard is sealed first. The ledger is told.
    Rotate(Rotate),
    /// Say that a key is not to be trusted from a time on
    ///
    /// A certificate of the key goes onto this home's list of revoked ones. What it signed before
    /// that time stays good where a trusted time-stamp shows it; all else is doubted. A signing
    /// key is destroyed. Make a new one with `keys rotate`.
    Revoke {
        /// Who asks, if not the owner.
        #[command(flatten)]
        asker: Asker,
        /// A role (its key in use), or the first 8 or more digits of a key's id
        key: String,
        /// Why, a word of RFC 5280
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(REVOCATION_REASONS))]
        reason: String,
        /// From when on: a day such as 2026-08-05, or an RFC 3339 time
        #[arg(long, value_name = "TIME")]
        from: String,
    },
    /// Print all public keys and certificates, of all times, as a signed note
    ///
    /// The note is signed with the policy key; its text is one line of JSON a key.
    ExportPublic {
        /// Write to this file [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write all keys into one encrypted file
    Backup {
        /// The new file
        file: PathBuf,
        /// File with the passphrase of the backup in its first line [default: asked for]
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
    },
    /// Make the key folder of a home without keys from a backup
    Restore {
        /// The backup
        file: PathBuf,
        /// File with the passphrase of the backup in its first line [default: asked for]
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
    },
    /// Print a request (PKCS#10) for a certificate of the claim signer's key
    ///
    /// Of the key that `keys rotate signer --prepare` made, else of the key in use.
    Csr {
        /// Write to this file [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Install a certificate that an authority issued for the claim signer's key
    ///
    /// Chain, profile, times and key are checked first; then all changes in one step.
    ImportCertificate {
        /// PEM: the certificate, then every authority up to the root
        chain: PathBuf,
        /// The root's certificate, PEM, if it is not in the same file
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
}

/// A new key.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Who asks, if not the owner.
    #[command(flatten)]
    pub asker: Asker,
    /// Whose key
    pub role: KeyRole,
    /// Signature algorithm; notes are signed with Ed25519 alone
    #[arg(long, default_value = "ed25519")]
    pub algorithm: KeyAlgorithm,
    /// Make a claim signer's key that waits for a certificate of another authority; the key in use
    /// stays in use until then
    #[arg(long)]
    pub prepare: bool,
    /// Keep the key in a token: shared library of its PKCS#11 module
    #[arg(long, value_name = "FILE", requires_all = ["token", "key_label", "pin_file"])]
    pub pkcs11_module: Option<PathBuf>,
    /// Label of the token
    #[arg(long, value_name = "LABEL", requires = "pkcs11_module")]
    pub token: Option<String>,
    /// Label of the key pair, made in the token if there is none
    #[arg(long, value_name = "LABEL", requires = "pkcs11_module")]
    pub key_label: Option<String>,
    /// File with the token's PIN in its first line, read whenever the key is used
    #[arg(long, value_name = "FILE", requires = "pkcs11_module")]
    pub pin_file: Option<PathBuf>,
    /// Let a remote signer sign: its address, https:// or on this machine
    #[arg(long, value_name = "URL", requires_all = ["remote_key", "token_file"], conflicts_with = "pkcs11_module")]
    pub remote: Option<String>,
    /// Name of the key there
    #[arg(long, value_name = "NAME", requires = "remote")]
    pub remote_key: Option<String>,
    /// File with the bearer token for it, read whenever the key is used
    #[arg(long, value_name = "FILE", requires = "remote")]
    pub token_file: Option<PathBuf>,
    /// Longest wait for its answer, milliseconds
    #[arg(long, value_name = "MS", requires = "remote", default_value = "5000",
          value_parser = clap::value_parser!(u64).range(1..=120_000))]
    pub remote_timeout: u64,
}

/// The roles of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyRole {
    /// Root authority of the local chain
    Root,
    /// Issuing authority of the local chain
    Issuing,
    /// Signs claims of manifests
    Signer,
    /// Signs checkpoints of the ledger
    Ledger,
    /// Makes the marks
    Watermark,
    /// Encrypts private parts of records
    Storage,
    /// Signs policy bundles and lists of keys
    Policy,
    /// Signs receipts (COSE)
    Receipt,
}

/// Signature algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyAlgorithm {
    Ed25519,
    /// ECDSA over P-256
    Es256,
}
