//! Which verdict each validation status code belongs to.
//!
//! The codes are those of C2PA 2.4, section 15.2 and of CAWG identity 1.2. Every code is in
//! exactly one bucket; a code that is not in the table counts as a broken rule.

/// What a code speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// The file's bytes against the hash in the manifest.
    HardBinding,
    /// The manifest's parts against the hashes in the claim.
    Content,
    /// The rules of the specification.
    WellFormed,
    /// The claim signature.
    Signature,
    /// Time of signing and the certificate's validity in time.
    Time,
    /// Whether the certificate leads to an anchor and fits the profile.
    Trust,
    /// Whether the certificate was revoked.
    Revocation,
    /// CAWG identity assertions.
    Identity,
    /// Manifests of ingredients.
    Ingredient,
    /// Not in the table.
    Unknown,
}

/// Exact codes, then prefixes (ending in a dot). The longest match wins.
const TABLE: &[(&str, Bucket)] = &[
    ("assertion.dataHash.", Bucket::HardBinding),
    ("assertion.bmffHash.", Bucket::HardBinding),
    ("assertion.boxesHash.", Bucket::HardBinding),
    ("assertion.collectionHash.", Bucket::HardBinding),
    ("assertion.multiAssetHash.", Bucket::HardBinding),
    ("assertion.segmentHash.", Bucket::HardBinding),
    ("assertion.hardBinding.redacted", Bucket::HardBinding),
    ("assertion.multipleHardBindings", Bucket::HardBinding),
    ("claim.hardBindings.missing", Bucket::HardBinding),
    ("assertion.cloud-data.hardBinding", Bucket::HardBinding),
    ("assertion.hashedURI.", Bucket::Content),
    ("hashedURI.", Bucket::Content),
    ("assertion.missing", Bucket::Content),
    ("assertion.accessible", Bucket::Content),
    ("assertion.inaccessible", Bucket::Content),
    ("assertion.undeclared", Bucket::Content),
    ("assertion.outsideManifest", Bucket::Content),
    ("assertion.notRedacted", Bucket::WellFormed),
    ("assertion.selfRedacted", Bucket::WellFormed),
    ("assertion.required.missing", Bucket::WellFormed),
    ("assertion.action.", Bucket::WellFormed),
    ("assertion.cbor.invalid", Bucket::WellFormed),
    ("assertion.json.invalid", Bucket::WellFormed),
    ("assertion.cloud-data.", Bucket::WellFormed),
    ("assertion.ingredient.malformed", Bucket::WellFormed),
    ("assertion.metadata.", Bucket::WellFormed),
    ("assertion.external-reference.", Bucket::WellFormed),
    ("assertion.redacted", Bucket::WellFormed),
    ("claim.", Bucket::WellFormed),
    ("manifest.", Bucket::WellFormed),
    ("algorithm.", Bucket::WellFormed),
    ("general.error", Bucket::WellFormed),
    ("claimSignature.validated", Bucket::Signature),
    ("claimSignature.mismatch", Bucket::Signature),
    ("claimSignature.missing", Bucket::Signature),
    ("claimSignature.insideValidity", Bucket::Time),
    ("claimSignature.outsideValidity", Bucket::Time),
    ("signingCredential.expired", Bucket::Time),
    ("timeOfSigning.", Bucket::Time),
    ("timeStamp.", Bucket::Time),
    ("manifest.timestamp.", Bucket::Time),
    ("assertion.timestamp.malformed", Bucket::Time),
    ("signingCredential.trusted", Bucket::Trust),
    ("signingCredential.untrusted", Bucket::Trust),
    ("signingCredential.invalid", Bucket::Trust),
    ("signingCredential.revoked", Bucket::Revocation),
    ("signingCredential.ocsp.", Bucket::Revocation),
    ("cawg.", Bucket::Identity),
    ("ingredient.", Bucket::Ingredient),
];

/// The bucket of a code.
pub(crate) fn bucket(code: &str) -> Bucket {
    let fits = |pattern: &str| {
        if pattern.ends_with('.') {
            code.starts_with(pattern)
        } else {
            code == pattern
        }
    };
    TABLE
        .iter()
        .filter(|(pattern, _)| fits(pattern))
        .max_by_key(|(pattern, _)| pattern.len())
        .map_or(Bucket::Unknown, |&(_, bucket)| bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of the SDK this crate is built with, as listed in its source.
    const SDK: &str = include_str!("../tests/status_codes.txt");
    /// Further codes of the specification, up to 2.5, that still pictures can meet with.
    const SPECIFICATION: &str = include_str!("../tests/spec_codes.txt");

    #[test]
    fn every_code_of_sdk_and_specification_has_a_bucket() {
        let codes: Vec<&str> = SDK.lines().chain(SPECIFICATION.lines()).collect();
        assert!(codes.len() > 140, "{}", codes.len());
        for code in codes {
            assert_ne!(bucket(code), Bucket::Unknown, "{code}");
        }
    }

    #[test]
    fn the_table_names_no_pattern_twice() {
        for (index, (pattern, _)) in TABLE.iter().enumerate() {
            assert!(
                TABLE[index + 1..].iter().all(|(other, _)| other != pattern),
                "{pattern}"
            );
        }
    }

    #[test]
    fn near_codes_are_told_apart() {
        assert_eq!(bucket("signingCredential.expired"), Bucket::Time);
        assert_eq!(bucket("signingCredential.invalid"), Bucket::Trust);
        assert_eq!(bucket("claim.malformed"), Bucket::WellFormed);
        assert_eq!(bucket("claim.hardBindings.missing"), Bucket::HardBinding);
        assert_eq!(bucket("claimSignature.mismatch"), Bucket::Signature);
        assert_eq!(bucket("manifest.timestamp.invalid"), Bucket::Time);
        assert_eq!(bucket("claimSignature.somethingNew"), Bucket::Unknown);
        assert_eq!(bucket(""), Bucket::Unknown);
    }
}
