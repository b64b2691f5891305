//! What an auditor asks of a ledger, and what it hands to one who trusts nobody.
//!
//! * [`export`] writes the entries that a filter admits as a table, with a signed [`Statement`] of what it is;
//!   [`check_export`] holds the table against the statement and, with a copy of the log at hand, against the log;
//! * [`Life`] is what is known of one picture; [`bundle`] packs it for somebody with public tools only;
//! * [`Statistics`] counts, and [`charts`] draws;
//! * [`replay`] tells which past decisions other rules would change.
//!
//! Columns of the tables: [`PUBLIC_COLUMNS`], [`ALL_COLUMNS`].

mod bundle;
mod chart;
mod check;
mod columns;
mod error;
mod event;
mod export;
mod folder;
mod life;
mod replay;
mod statement;
mod stats;
mod text;

pub use bundle::{BundleParts, NamedFile, ReceiptFile, bundle};
pub use check::{Completeness, ExportReport, Mismatch, check_export, file_hash};
pub use columns::{ALL_COLUMNS, PUBLIC_COLUMNS, Row};
pub use error::AuditError;
pub use export::{Exported, export, export_zip};
pub use folder::LogFolder;
pub use life::{Alike, Event, Life, Line};
pub use replay::{Change, Example, Replay, checked, issued, replay};
pub use statement::{ListedLog, Statement};
pub use stats::{Statistics, charts, page};
