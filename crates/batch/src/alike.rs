//! Which pictures of a run are the same file, and which look alike.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use colophon_fingerprint::{Fingerprint, MATCH_DISTANCE, MihIndex, Quality};

use crate::Row;

/// SHA-256 of a file.
pub(crate) type Digest = [u8; 32];

/// Which input holds some bytes first. Asked by the threads that check, so that no bytes are checked twice; told the
/// rows as they come out, in order.
#[derive(Debug, Default)]
pub(crate) struct Firsts(Mutex<HashMap<Digest, First>>);

#[derive(Debug, Clone, Copy)]
struct First {
    /// Place among the inputs.
    place: u64,
    /// Its row, once that is out.
    row: Option<u32>,
}

impl Firsts {
    /// Whether an input before `place` holds the same bytes; if not, `place` is noted as the first that does.
    pub fn is_repeated(&self, digest: Digest, place: u64) -> bool {
        let mut firsts = self.lock();
        let first = firsts.entry(digest).or_insert(First { place, row: None });
        if first.place < place {
            return true;
        }
        first.place = place;
        false
    }

    /// The row with the same bytes before `row`; if there is none, `row` is noted.
    pub fn row_before(&self, digest: Digest, place: u64, row: u32) -> Option<u32> {
        let mut firsts = self.lock();
        let first = firsts.entry(digest).or_insert(First { place, row: None });
        if first.row.is_none() {
            *first = First {
                place: place.min(first.place),
                row: Some(row),
            };
            return None;
        }
        first.row
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, First>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Groups of pictures that look alike. A picture belongs to the nearest group whose first picture has a fingerprint
/// within [`MATCH_DISTANCE`] bits, else it begins one. Members are compared with the first alone, not with each other:
/// chains of likenesses could join pictures that have nothing in common.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Fingerprints of the first pictures, with their rows.
    firsts: MihIndex,
}

impl Groups {
    /// The group of a row, named by its first row; `None` without a fingerprint that can be compared.
    pub fn of(&mut self, number: u32, row: &Row) -> Option<u32> {
        let quality = u8::try_from(row.pdq_quality?).ok()?;
        let fingerprint: Fingerprint = row.pdq.as_ref()?.parse().ok()?;
        if !Quality(quality).is_reliable() {
            return None;
        }
        let nearest = self.firsts.query(&fingerprint, MATCH_DISTANCE);
        if let Some((first, _)) = nearest.first() {
            return Some(*first as u32);
        }
        self.firsts.insert(fingerprint, u64::from(number));
        Some(number)
    }
}

/// The hash that a row tells, if it tells one.
pub(crate) fn digest_of(row: &Row) -> Option<Digest> {
    let text = row.sha256.as_ref()?;
    let mut digest = Digest::default();
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bits: &[usize], quality: i64) -> Row {
        let mut hash = [0; 32];
        for bit in bits {
            hash[bit / 8] ^= 1 << (bit % 8);
        }
        Row {
            pdq: Some(Fingerprint(hash).to_string()),
            pdq_quality: Some(quality),
            ..Row::default()
        }
    }

    #[test]
    fn groups_do_not_grow_by_chains() {
        let mut groups = Groups::default();
        let near: Vec<usize> = (0..31).collect();
        let far: Vec<usize> = (0..60).collect();
        assert_eq!(groups.of(1, &row(&[], 90)), Some(1));
        assert_eq!(groups.of(2, &row(&near, 90)), Some(1));
        // 29 bits from the second, but 60 from the first.
        assert_eq!(groups.of(3, &row(&far, 90)), Some(3));
        assert_eq!(groups.of(4, &row(&[], 49)), None, "too plain to compare");
        assert_eq!(groups.of(5, &Row::default()), None);
    }

    #[test]
    fn the_earliest_input_is_the_first_whoever_reads_faster() {
        let firsts = Firsts::default();
        assert!(!firsts.is_repeated([1; 32], 8));
        assert!(!firsts.is_repeated([1; 32], 5), "5 comes before 8");
        assert!(firsts.is_repeated([1; 32], 9));
        assert_eq!(firsts.row_before([1; 32], 5, 3), None);
        assert_eq!(firsts.row_before([1; 32], 8, 6), Some(3));
    }
}
