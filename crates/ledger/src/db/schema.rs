//! The tables.

/// The schema, one statement an item. fsck compares it with what the database says of itself.
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
pub(crate) const SCHEMA: [&str; 23] = [
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, note BLOB NOT NULL) STRICT",
    "CREATE TABLE entry (idx INTEGER PRIMARY KEY, asset_sha256 BLOB, manifest_id TEXT, leaf BLOB NOT NULL, CHECK ((asset_sha256 IS NULL) = (manifest_id IS NULL))) STRICT",
    "CREATE TABLE vault (id INTEGER PRIMARY KEY CHECK (id = 0), key BLOB NOT NULL) STRICT",
    "CREATE TABLE subject (id INTEGER PRIMARY KEY, tag BLOB NOT NULL, key BLOB NOT NULL) STRICT",
    "CREATE TABLE private (idx INTEGER PRIMARY KEY, watermark_id INTEGER, watermark_salt BLOB, fingerprint BLOB, subject INTEGER REFERENCES subject (id), key BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "CREATE TABLE manifest (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE erased (idx INTEGER NOT NULL, part INTEGER NOT NULL CHECK (part IN (1, 2)), at INTEGER NOT NULL, reason INTEGER NOT NULL, shard TEXT, event INTEGER NOT NULL, PRIMARY KEY (idx, part)) STRICT, WITHOUT ROWID",
    "CREATE INDEX entry_asset ON entry (asset_sha256) WHERE asset_sha256 IS NOT NULL",
    "CREATE INDEX entry_manifest_id ON entry (manifest_id) WHERE manifest_id IS NOT NULL",
    "CREATE INDEX entry_event ON entry (idx) WHERE manifest_id IS NULL",
    "CREATE UNIQUE INDEX subject_tag ON subject (tag)",
    "CREATE INDEX private_watermark_id ON private (watermark_id) WHERE watermark_id IS NOT NULL",
    "CREATE INDEX private_subject ON private (subject) WHERE subject IS NOT NULL",
    "CREATE TRIGGER entry_keep BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries are never removed'); END",
    "CREATE TRIGGER entry_fixed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries never change'); END",
    "CREATE TRIGGER private_fixed BEFORE UPDATE ON private BEGIN SELECT RAISE(ABORT, 'private parts never change'); END",
    "CREATE TRIGGER private_keep BEFORE DELETE ON private WHEN NOT EXISTS (SELECT 1 FROM erased WHERE idx = OLD.idx AND part = 1) BEGIN SELECT RAISE(ABORT, 'private parts are not removed by hand: use colophon ledger erase'); END",
    "CREATE TRIGGER manifest_fixed BEFORE UPDATE ON manifest BEGIN SELECT RAISE(ABORT, 'manifests never change'); END",
    "CREATE TRIGGER manifest_keep BEFORE DELETE ON manifest WHEN NOT EXISTS (SELECT 1 FROM erased WHERE idx = OLD.idx AND part = 2) BEGIN SELECT RAISE(ABORT, 'manifests are not removed by hand: use colophon ledger erase'); END",
    "CREATE TRIGGER subject_fixed BEFORE UPDATE OF tag ON subject BEGIN SELECT RAISE(ABORT, 'subjects never change'); END",
    "CREATE TRIGGER vault_keep BEFORE DELETE ON vault BEGIN SELECT RAISE(ABORT, 'without its key no private part can be read'); END",
    "CREATE TRIGGER erased_keep BEFORE DELETE ON erased BEGIN SELECT RAISE(ABORT, 'erasures are never taken back'); END",
    "CREATE TRIGGER erased_fixed BEFORE UPDATE ON erased BEGIN SELECT RAISE(ABORT, 'erasures never change'); END",
];
