//! Options of `witness`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `colophon witness`.
#[derive(Debug, Subcommand)]
pub enum Witness {
    /// Make a witness: its key and a folder of its own
    ///
    /// Do this on another host than the ledger's, under another person's hand: a witness is worth as much as its
    /// distance from the ledger. The key signs cosignatures and nothing else. With a passphrase
    /// (`--passphrase-file` or `--ask-passphrase`) it is encrypted.
    Init {
        /// Where the witness lives.
        #[command(flatten)]
        folder: Folder,
        /// Name on its cosignatures, such as witness.example.org
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Ask for a passphrase on the terminal
        #[arg(long)]
        ask_passphrase: bool,
    },
    /// Let the witness cosign for a log
    ///
    /// May be done while it answers. A ledger of this program is many logs, one a half-year: give the verifier key
    /// that `colophon ledger show` prints on the ledger's host, and the half-years are known by it.
    AddLog {
        /// Where the witness lives.
        #[command(flatten)]
        folder: Folder,
        /// Verifier key of the ledger, or a file with it
        #[arg(value_name = "KEY")]
        key: String,
        /// The key is that of one log without half-years, such as another program's
        #[arg(long)]
        single: bool,
    },
    /// Answer requests for cosignatures (c2sp.org/tlog-witness)
    ///
    /// Speaks plain HTTP: on anything but this host's own addresses put a proxy in front that does HTTPS. Before a
    /// cosignature is given out, the new state is on the disk.
    Serve {
        /// Where the witness lives.
        #[command(flatten)]
        folder: Folder,
        /// Address and port to listen on
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8741")]
        listen: SocketAddr,
    },
    /// Show the witness's key, what it last cosigned of each log, and evidence of lies
    Show {
        /// Where the witness lives.
        #[command(flatten)]
        folder: Folder,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
}

/// Where a witness lives.
#[derive(Debug, Args)]
pub struct Folder {
    /// The witness's folder
    #[arg(long, value_name = "DIR", default_value = "colophon-witness")]
    pub dir: PathBuf,
}
