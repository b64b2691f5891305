//! From what an address says to entries.

use colophon_ledger::{Ledger, LogEntry, RecordAddress, RecordId, unhex};

use super::super::problem::{Problem, ProblemKind};
use super::params::mark_id;
use super::problem;

/// Longest name of a record in an address.
const MOST: usize = 1_024;

/// The form of a record's place that fits into one part of an address: `2026h2-17`.
pub(super) fn id_of(id: RecordId) -> String {
    id.to_string().replace('/', "-")
}

/// The newest entry that goes by this name: a place (`2026h2-17`, `2026h2/17`, or `17` in the newest shard), the id of
/// the mark, the SHA-256 of the issued file, or the manifest's id.
pub(super) fn entry(ledger: &Ledger, name: &str) -> Result<LogEntry, Problem> {
    let records = if name.len() > MOST {
        Ok(Vec::new())
    } else if let Ok(id) = mark_id(name) {
        ledger.by_watermark_id(id)
    } else if let Some(hash) = unhex(name) {
        ledger.by_asset_sha256(&hash)
    } else if let Some(place) = place(name) {
        let entry = ledger.get(place).map_err(|error| problem(&error))?;
        return entry.ok_or_else(none);
    } else {
        ledger.by_manifest_id(name)
    };
    let records = records.map_err(|error| problem(&error))?.into_iter();
    let entries = records.map(|record| LogEntry::Record(Box::new(record)));
    entries.into_iter().next().ok_or_else(none)
}

fn place(name: &str) -> Option<RecordAddress> {
    let exact = || name.replacen('-', "/", 1).parse().ok();
    name.parse().ok().or_else(exact)
}

fn none() -> Problem {
    Problem::new(ProblemKind::NotFound).with_detail(
        "the ledger has no such record: give its place (2026h2-17), the mark's id, the SHA-256 of the issued file or the manifest's id",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_form_for_addresses() {
        for text in ["2026h2/17", "2026h2.2/0"] {
            let id: RecordId = text.parse().unwrap();
            let RecordAddress::Exact(found) = place(&id_of(id)).unwrap() else {
                panic!("{text}");
            };
            assert_eq!(found, id);
            assert!(place(text).is_some());
        }
        assert!(matches!(place("17"), Some(RecordAddress::Newest(_))));
        for other in [
            "",
            "2026h2",
            "2026h2-",
            "urn:c2pa:3f-17",
            "-1",
            "2026h2-17-1",
        ] {
            assert!(place(other).is_none(), "{other}");
        }
    }
}
