//! What an export is, in words that the ledger's key signs.

use std::fmt::Write as _;

use colophon_ledger::{Filter, ShardName};
use colophon_tabular::Form;
use colophon_tlog::{Hash, Note, NoteSigner, TreeSize, VerifierKey};
use sha2::{Digest as _, Sha256};

use crate::AuditError;
use crate::text::{hex, number, unhex};

/// First line: no log may have this name, so that a statement is never taken for a checkpoint, nor the reverse.
const TYPE: &str = "colophon ledger export 1";
const LEAVES_DOMAIN: &[u8] = b"colophon.export.leaves.1\0";

/// The state of a log that an export was taken from, and what came from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLog {
    /// Its name.
    pub origin: String,
    /// Entries of its tree.
    pub size: TreeSize,
    /// The root of its tree.
    pub root: Hash,
    /// Rows that came from it.
    pub rows: u64,
    /// Numbers of the first and the last entry among them.
    pub first_and_last: Option<(u64, u64)>,
}

/// What an export holds. Its text, one line a fact:
///
/// ```text
/// colophon ledger export 1
/// form csv
/// columns public
/// sha256 <hash of the file>
/// filter entries=pictures&since=1767225600
/// rows 2
/// leaves <hash over logs, numbers and leaf hashes of the rows in their order>
/// log example.org/log/2026h1 100 <root> 0 - -
/// log example.org/log/2026h2 20 <root> 2 4 19
/// ```
///
/// A `log` line has origin, tree size, root (base64), rows, first and last entry; there is one for each shard, the
/// oldest first, also for those without rows. `leaves` is `SHA-256("colophon.export.leaves.1\0" || ...)` over, for
/// each row, the number of its `log` line as 4 bytes, the entry's number as 8 bytes (big-endian), and the leaf hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Form of the file.
    pub form: Form,
    /// Whether it has the private columns.
    pub private: bool,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// What was asked for.
    pub filter: Filter,
    /// Rows of the file.
    pub rows: u64,
    /// See above.
    pub leaves: [u8; 32],
    /// The logs, at least one.
    pub logs: Vec<ListedLog>,
}

/// The hash over the leaves of the rows.
pub(crate) struct LeavesHash(Sha256);

impl LeavesHash {
    pub fn new() -> Self {
        Self(Sha256::new_with_prefix(LEAVES_DOMAIN))
    }

    pub fn row(&mut self, log: u32, index: u64, leaf_hash: &Hash) {
        self.0.update(log.to_be_bytes());
        self.0.update(index.to_be_bytes());
        self.0.update(leaf_hash.0);
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Statement {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let columns = if self.private { "private" } else { "public" };
        let mut text = format!(
            "{TYPE}\nform {}\ncolumns {columns}\nsha256 {}\nfilter {}\nrows {}\nleaves {}\n",
            self.form.name(),
            hex(&self.sha256),
            self.filter,
            self.rows,
            hex(&self.leaves),
        );
        for log in &self.logs {
            let ends = match log.first_and_last {
                Some((first, last)) => format!("{first} {last}"),
                None => "- -".to_owned(),
            };
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "log {} {} {} {} {ends}",
                log.origin,
                log.size.0,
                log.root.to_base64(),
                log.rows
            );
        }
        text
    }

    /// Reads the text; every spelling but the one of [`Statement::text`] is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let statement = parse(text)?;
        (statement.text() == text).then_some(statement)
    }

    /// The signed statement.
    ///
    /// # Errors
    /// [`AuditError::Sign`].
    pub fn sign(&self, signer: &dyn NoteSigner) -> Result<Note, AuditError> {
        Note::sign(&self.text(), signer).map_err(AuditError::Sign)
    }

    /// Reads a signed statement. The key must be that of the logs: a log's own, or that of the ledger whose shards
    /// they are.
    ///
    /// # Errors
    /// [`AuditError::Statement`].
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, AuditError> {
        let refuse = |why: String| AuditError::Statement(why);
        let note = Note::parse(note).map_err(|error| refuse(error.to_string()))?;
        let text = note
            .verify(key)
            .map_err(|error| refuse(error.to_string()))?;
        let statement = Self::parse(text)
            .ok_or_else(|| refuse("it is not in the form of this version".to_owned()))?;
        let foreign = statement.logs.iter().find(|log| {
            log.origin != key.name() && ShardName::of_origin(key.name(), &log.origin).is_none()
        });
        match foreign {
            Some(log) => Err(refuse(format!(
                "the key {} does not speak for the log {}",
                key.name(),
                log.origin
            ))),
            None => Ok(statement),
        }
    }
}

fn parse(text: &str) -> Option<Statement> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != TYPE {
        return None;
    }
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let form = Form::named(field("form")?)?;
    let private = match field("columns")? {
        "public" => false,
        "private" => true,
        _ => return None,
    };
    let sha256 = unhex(field("sha256")?)?;
    let filter = field("filter")?.parse().ok()?;
    let rows = number(field("rows")?)?;
    let leaves = unhex(field("leaves")?)?;
    let logs: Vec<ListedLog> = lines.map(parse_log).collect::<Option<_>>()?;
    let sum = logs
        .iter()
        .try_fold(0_u64, |sum, log| sum.checked_add(log.rows))?;
    (sum == rows && !logs.is_empty()).then_some(Statement {
        form,
        private,
        sha256,
        filter,
        rows,
        leaves,
        logs,
    })
}

fn parse_log(line: &str) -> Option<ListedLog> {
    let mut words = line.strip_prefix("log ")?.split(' ');
    let origin = words.next()?.to_owned();
    let size = TreeSize(number(words.next()?)?);
    let root = Hash::from_base64(words.next()?).ok()?;
    let rows = number(words.next()?)?;
    let (first, last) = (words.next()?, words.next()?);
    let first_and_last = match (rows, first, last) {
        (0, "-", "-") => None,
        (0, ..) => return None,
        _ => Some((number(first)?, number(last)?)),
    };
    let fits = first_and_last
        .is_none_or(|(first, last)| first <= last && last < size.0 && rows - 1 <= last - first);
    (fits && words.next().is_none()).then_some(ListedLog {
        origin,
        size,
        root,
        rows,
        first_and_last,
    })
}
