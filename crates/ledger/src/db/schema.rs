//! The tables.

/// What every form has, one statement an item. fsck compares it with what the database says of itself.
///
/// - `checkpoint`: the signed state, the commit point.
/// - `entry`: the leaves; the index columns of a record, null for an event.
/// - `private`: private parts, their bodies encrypted (`vault`); id of the mark and fingerprint are in the clear,
///   because searches need them.
/// - `subject`: the keys of those who asked for pictures, known by a tag only.
/// - `erased`: which parts (1 private, 2 manifest) of which entries are gone, and the redaction that tells of it: its
///   index, and its shard when that is another one.
///
/// Triggers are a guard rail against accidents; evidence is the log. A part goes only after its erasure was noted.
const COMMON: [&str; 20] = [
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, note BLOB NOT NULL) STRICT",
    "CREATE TABLE entry (idx INTEGER PRIMARY KEY, asset_sha256 BLOB, manifest_id TEXT, leaf BLOB NOT NULL, CHECK ((asset_sha256 IS NULL) = (manifest_id IS NULL))) STRICT",
    "CREATE TABLE vault (id INTEGER PRIMARY KEY CHECK (id = 0), key BLOB NOT NULL) STRICT",
    "CREATE TABLE subject (id INTEGER PRIMARY KEY, tag BLOB NOT NULL, key BLOB NOT NULL) STRICT",
    "CREATE TABLE private (idx INTEGER PRIMARY KEY, watermark_id INTEGER, watermark_salt BLOB, fingerprint BLOB, subject INTEGER REFERENCES subject (id), key BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "CREATE TABLE manifest (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE erased (idx INTEGER NOT NULL, part INTEGER NOT NULL CHECK (part IN (1, 2)), at INTEGER NOT NULL, reason INTEGER NOT NULL, shard TEXT, event INTEGER NOT NULL, PRIMARY KEY (idx, part)) STRICT, WITHOUT ROWID",
    "CREATE INDEX entry_event ON entry (idx) WHERE manifest_id IS NULL",
    "CREATE UNIQUE INDEX subject_tag ON subject (tag)",
    "CREATE INDEX private_watermark_id ON private (watermark_id) WHERE watermark_id IS NOT NULL",
    "CREATE INDEX private_subject ON private (subject) WHERE subject IS NOT NULL",
    "CREATE TRIGGER entry_keep BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries are never removed'); END",
    "CREATE TRIGGER entry_fixed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries never change'); END",
    "CREATE TRIGGER private_keep BEFORE DELETE ON private WHEN NOT EXISTS (SELECT 1 FROM erased WHERE idx = OLD.idx AND part = 1) BEGIN SELECT RAISE(ABORT, 'private parts are not removed by hand: use colophon ledger erase'); END",
    "CREATE TRIGGER manifest_fixed BEFORE UPDATE ON manifest BEGIN SELECT RAISE(ABORT, 'manifests never change'); END",
    "CREATE TRIGGER manifest_keep BEFORE DELETE ON manifest WHEN NOT EXISTS (SELECT 1 FROM erased WHERE idx = OLD.idx AND part = 2) BEGIN SELECT RAISE(ABORT, 'manifests are not removed by hand: use colophon ledger erase'); END",
    "CREATE TRIGGER subject_fixed BEFORE UPDATE OF tag ON subject BEGIN SELECT RAISE(ABORT, 'subjects never change'); END",
    "CREATE TRIGGER vault_keep BEFORE DELETE ON vault BEGIN SELECT RAISE(ABORT, 'without its key no private part can be read'); END",
    "CREATE TRIGGER erased_keep BEFORE DELETE ON erased BEGIN SELECT RAISE(ABORT, 'erasures are never taken back'); END",
    "CREATE TRIGGER erased_fixed BEFORE UPDATE ON erased BEGIN SELECT RAISE(ABORT, 'erasures never change'); END",
];

/// As form 2 has it, under which no key could be wrapped anew.
const PRIVATE_FIXED_2: &str = "CREATE TRIGGER private_fixed BEFORE UPDATE ON private BEGIN SELECT RAISE(ABORT, 'private parts never change'); END";
/// The wrapped key may be replaced, when the storage key is.
const PRIVATE_FIXED: &str = "CREATE TRIGGER private_fixed BEFORE UPDATE OF idx, watermark_id, watermark_salt, fingerprint, subject, body ON private BEGIN SELECT RAISE(ABORT, 'private parts never change'); END";

/// Whole hashes and ids as keys: twice as many pages to write for each group of records.
const LOOK_UP_2: [&str; 2] = [
    "CREATE INDEX entry_asset ON entry (asset_sha256) WHERE asset_sha256 IS NOT NULL",
    "CREATE INDEX entry_manifest_id ON entry (manifest_id) WHERE manifest_id IS NOT NULL",
];
/// Parts of hashes and ids, enough to tell nearly all of them apart; the whole is compared in the rows found.
const LOOK_UP: [&str; 2] = [
    "CREATE INDEX entry_asset ON entry (substr(asset_sha256, 1, 8)) WHERE asset_sha256 IS NOT NULL",
    "CREATE INDEX entry_manifest_id ON entry (substr(manifest_id, -12)) WHERE manifest_id IS NOT NULL",
];

/// What entries are looked up by besides their columns (`facets`), since form 3; derived from the leaves.
///
/// - `facet`: facts, each once.
/// - `occurrence`: which of a tile's 256 entries state a fact: a bitmap of 32 bytes.
/// - `span`: the earliest and the latest time in a tile.
const INDEX: [&str; 4] = [
    "CREATE TABLE facet (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX facet_value ON facet (kind, value)",
    "CREATE TABLE occurrence (facet INTEGER NOT NULL, tile INTEGER NOT NULL, bits BLOB NOT NULL, PRIMARY KEY (facet, tile)) STRICT, WITHOUT ROWID",
    "CREATE TABLE span (tile INTEGER PRIMARY KEY, least INTEGER NOT NULL, most INTEGER NOT NULL) STRICT",
];

/// How a database is laid out, as its `user_version` says.
///
/// Form 1 was without events, encryption and erasure; no version was released with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Without an index of facts; read as it is, and brought to form 3 when it is opened for writing.
    Plain = 2,
    /// The present one.
    Indexed = 3,
}

impl Form {
    /// What new databases have.
    pub const NEWEST: Self = Self::Indexed;

    /// The form with this number, if this version reads it.
    pub fn of(version: i64) -> Option<Self> {
        [Self::Plain, Self::Indexed]
            .into_iter()
            .find(|form| *form as i64 == version)
    }

    /// Its statements.
    pub fn schema(self) -> Vec<&'static str> {
        let (fixed, look_up, index) = match self {
            Self::Plain => (PRIVATE_FIXED_2, LOOK_UP_2, &[][..]),
            Self::Indexed => (PRIVATE_FIXED, LOOK_UP, &INDEX[..]),
        };
        [&COMMON[..], &[fixed], &look_up, index].concat()
    }

    /// What makes form 3 of form 2, before the index is filled.
    pub fn upgrade() -> Vec<&'static str> {
        let others = [
            "DROP TRIGGER private_fixed",
            PRIVATE_FIXED,
            "DROP INDEX entry_asset",
            "DROP INDEX entry_manifest_id",
        ];
        [&others[..], &LOOK_UP, &INDEX].concat()
    }
}
