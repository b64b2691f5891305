//! Options of `colophon feedback`.

use clap::Subcommand;

/// `colophon feedback`.
#[derive(Debug, Subcommand)]
pub enum FeedbackCommand {
    /// List the messages, the oldest first
    List {
        /// Print one line of JSON a message
        #[arg(long)]
        json: bool,
    },
    /// Remove messages
    Remove {
        /// Ids as `list` shows them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}
