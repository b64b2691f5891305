//! Soft bindings as they are asked for, and the records that they lead to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use colophon_ledger::{Entry, Ledger, LedgerError};
use colophon_provenance::{FINGERPRINT_ALG, MATCH_DISTANCE, WATERMARK_ALG};

use super::super::problem::Problem;

/// The algorithms that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Watermark,
    Fingerprint,
}

impl Algorithm {
    /// # Errors
    /// [`Problem`] that names those that are known.
    pub(super) fn named(name: &str) -> Result<Self, Problem> {
        match name {
            WATERMARK_ALG => Ok(Self::Watermark),
            FINGERPRINT_ALG => Ok(Self::Fingerprint),
            _ => Err(Problem::invalid(format!(
                "this algorithm is not known; there are {WATERMARK_ALG} and {FINGERPRINT_ALG}"
            ))
            .at("alg")),
        }
    }
}

/// A soft binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// The id in the pixels.
    Watermark(u64),
    /// A perceptual hash.
    Fingerprint([u8; 32]),
}

impl Binding {
    /// A binding with its value in base64: in either alphabet, with padding or without. A `+` that became a blank on
    /// its way through an address is taken for what it was.
    ///
    /// # Errors
    /// [`Problem`] for an unknown algorithm, or a value that is none of it.
    pub(super) fn parse(alg: &str, value: &str) -> Result<Self, Problem> {
        let algorithm = Algorithm::named(alg)?;
        let (length, what) = match algorithm {
            Algorithm::Watermark => (8, "the id, 8 bytes, big-endian"),
            Algorithm::Fingerprint => (32, "the hash, 32 bytes"),
        };
        let wrong =
            || Problem::invalid(format!("a value of {alg} is {what}, in base64")).at("value");
        let standard: String = value
            .trim_end_matches('=')
            .chars()
            .map(|c| match c {
                '-' | ' ' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        let bytes = STANDARD_NO_PAD.decode(standard).map_err(|_| wrong())?;
        if bytes.len() != length {
            return Err(wrong());
        }
        match algorithm {
            Algorithm::Watermark => bytes
                .try_into()
                .map(|id| Self::Watermark(u64::from_be_bytes(id))),
            Algorithm::Fingerprint => bytes.try_into().map(Self::Fingerprint),
        }
        .map_err(|_| wrong())
    }

    /// The records that it leads to with a score of 1..=100, best first: proven, and with their manifest.
    ///
    /// # Errors
    /// [`LedgerError`] when the ledger cannot be read.
    pub(super) fn find(self, ledger: &Ledger) -> Result<Vec<(Entry, u8)>, LedgerError> {
        let mut found = match self {
            Self::Watermark(id) => {
                let entries = ledger.by_watermark_id(id)?;
                entries.into_iter().map(|entry| (entry, 100)).collect()
            }
            Self::Fingerprint(hash) => {
                let near = ledger.by_fingerprint(&hash, MATCH_DISTANCE)?;
                let scored = near.into_iter();
                scored
                    .map(|(entry, distance)| (entry, score(distance)))
                    .collect::<Vec<_>>()
            }
        };
        found.retain(|(entry, _)| may_be_told(entry));
        Ok(found)
    }
}

/// Whether a record leads anybody to its manifest.
pub(super) fn may_be_told(entry: &Entry) -> bool {
    entry.inclusion.is_ok() && entry.manifest_erased.is_none()
}

/// 100 for equal hashes, evenly down to where hashes are no longer alike.
pub(super) fn score(distance: u32) -> u8 {
    let apart = distance.min(MATCH_DISTANCE) * 100 / (MATCH_DISTANCE + 1);
    u8::try_from(100 - apart).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_read_in_every_form_of_base64(id in any::<u64>(), hash in any::<[u8; 32]>()) {
            for (bytes, alg, expected) in [
                (id.to_be_bytes().to_vec(), WATERMARK_ALG, Binding::Watermark(id)),
                (hash.to_vec(), FINGERPRINT_ALG, Binding::Fingerprint(hash)),
            ] {
                let padded = STANDARD.encode(&bytes);
                let forms = [
                    padded.clone(),
                    padded.replace('+', " "),
                    padded.trim_end_matches('=').to_owned(),
                    URL_SAFE_NO_PAD.encode(&bytes),
                ];
                for form in forms {
                    prop_assert_eq!(Binding::parse(alg, &form).unwrap(), expected);
                }
            }
        }

        #[test]
        fn other_text_is_no_value(text in "\\PC{0,60}") {
            if let Ok(Binding::Watermark(id)) = Binding::parse(WATERMARK_ALG, &text) {
                prop_assert_eq!(text.trim_end_matches('=').len(), 11);
                prop_assert_eq!(Binding::parse(WATERMARK_ALG, &STANDARD.encode(id.to_be_bytes())).unwrap(), Binding::Watermark(id));
            }
        }
    }

    #[test]
    fn the_score_falls_evenly_with_the_distance() {
        assert_eq!((score(0), score(16), score(31)), (100, 50, 4));
        assert!((0..MATCH_DISTANCE).all(|d| score(d) >= score(d + 1)));
    }

    #[test]
    fn another_algorithm_is_named_as_unknown() {
        let problem = Binding::parse("com.example.1", "AAAAAAAAAAA=").unwrap_err();
        assert!(problem.detail().unwrap_or_default().contains(WATERMARK_ALG));
    }
}
