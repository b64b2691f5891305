//! The closed set of facts that the readers of a picture report.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes::codes;

codes! {
    /// What is known of the C2PA manifest in the file.
    ManifestState {
        /// No manifest and no hint of one.
        Absent = "absent",
        /// The file only says that a manifest is kept elsewhere; it was not fetched.
        RemoteOnly = "remote-only",
        /// There is something in the manifest's place that cannot be read as one.
        Malformed = "malformed",
        /// The signature is good, but the file's bytes are not those that were signed.
        Altered = "altered",
        /// The signature does not verify.
        SignatureBad = "signature-bad",
        /// Bytes and signature are good, but the certificate has run out and no trusted time shows
        /// that the signature is older.
        Expired = "expired",
        /// Valid, but the signer's certificate is on no list carried here.
        Untrusted = "untrusted",
        /// Valid, and the certificate leads to this home's own root.
        Local = "local",
        /// Valid, and the certificate leads to a root on a public list carried here.
        Trusted = "trusted",
        /// Not looked at, or not finished.
        NotChecked = "not-checked",
    }
}

codes! {
    /// What the watermark detector found in the pixels.
    WatermarkState {
        /// No mark made with the keys at hand.
        Absent = "absent",
        /// A mark with its id.
        Found = "found",
        /// A mark too weak to be read, which fits the id of a record whose picture this one shows.
        Matched = "matched",
        /// Not looked for: no key, or the picture could not be decoded.
        NotChecked = "not-checked",
    }
}

codes! {
    /// What the ledger says when asked for the watermark id, the manifest id and the file's hash.
    LedgerState {
        /// No record.
        NotFound = "not-found",
        /// A record, proven to be included in the signed log.
        Found = "found",
        /// A record whose inclusion in the signed log cannot be proven.
        FoundUnproven = "found-unproven",
        /// No ledger at hand, or not asked.
        NotChecked = "not-checked",
    }
}

codes! {
    /// Whether the picture shows what the record's picture showed.
    Binding {
        /// It does, or a part of it.
        Same = "same",
        /// It shows something else.
        Different = "different",
        /// Compared, without a clear result.
        Undecided = "undecided",
        /// Nothing to compare: no record, or its private part was erased.
        None = "none",
    }
}

codes! {
    /// Whether the manifest in the file is the one recorded.
    ManifestAgreement {
        /// It is, or it names the recorded one as its ingredient.
        Same = "same",
        /// It is another one.
        Other = "other",
        /// There is not both a readable manifest and a record.
        None = "none",
    }
}

codes! {
    /// What the signed manifest states of how the picture came to be.
    Statement {
        /// No manifest whose signature holds.
        None = "none",
        /// One that does not say.
        Unstated = "unstated",
        /// Made by a trained model.
        Generated = "generated",
        /// Has parts made by a trained model, or was edited with one.
        PartlyGenerated = "partly-generated",
        /// May have such parts.
        PossiblyGenerated = "possibly-generated",
        /// Captured by a camera.
        Captured = "captured",
        /// Made with digital tools, without a trained model.
        Made = "made",
    }
}

codes! {
    /// The strongest trace of a generator beside the manifest and our own mark.
    Trace {
        /// None.
        None = "none",
        /// A mark in the pixels that a known generator puts there.
        Pixel = "pixel",
        /// A vendor's signature outside C2PA that verifies.
        VendorVerified = "vendor-verified",
        /// Unsigned metadata says that a model made the picture or a part of it.
        Declared = "declared",
        /// A word or a pattern that hints at a generator.
        Weak = "weak",
    }
}

codes! {
    /// Whether unsigned metadata is such as a camera writes.
    Camera {
        /// It is not.
        None = "none",
        /// It is.
        Declared = "declared",
    }
}

codes! {
    /// The gravest of the findings that do not go together.
    Contradiction {
        /// There are none.
        None = "none",
        /// A signed manifest says that a camera captured the picture, or its signer only makes synthetic
        /// ones, while other evidence says that a model made it.
        CaptureAndGenerated = "capture-and-generated",
        /// The manifest in the file binds itself to the content of another picture.
        ManifestOfAnotherPicture = "manifest-of-another-picture",
        /// Two watermark ids claim the picture.
        TwoIds = "two-ids",
        /// Times that cannot be: signed before captured, logged before created, in the future.
        Dates = "dates",
        /// A vendor's signature outside C2PA that does not verify.
        VendorSignature = "vendor-signature",
    }
}

codes! {
    /// Whether the picture looks like a recorded one, when nothing else led to a record.
    FingerprintMatch {
        /// It does not, or the question did not arise.
        None = "none",
        /// A recorded fingerprint is within matching distance.
        Near = "near",
    }
}

codes! {
    /// Whether the file is byte for byte a recorded one.
    AssetHash {
        /// The hash is in the ledger.
        Exact = "exact",
        /// It is not.
        None = "none",
    }
}

/// Defines the facts, one field a signal, and all that goes through them one by one.
macro_rules! facts {
    ($($(#[$doc:meta])* $field:ident: $type:ident = $name:literal),+ $(,)?) => {
        /// All facts about one picture.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Facts {
            $($(#[$doc])* pub $field: $type),+
        }

        /// How many values each has.
        pub(crate) const VALUES: [usize; COUNT] = [$($type::ALL.len()),+];
        /// Signals.
        pub(crate) const COUNT: usize = [$($name),+].len();

        impl Facts {
            /// Every signal with the codes of its values, in order.
            pub fn signals() -> [(&'static str, Vec<&'static str>); COUNT] {
                [$(($name, $type::ALL.iter().map(|value| value.as_str()).collect())),+]
            }

            /// The facts as `signal=value` codes, in the order of the fields.
            pub fn codes(&self) -> Vec<String> {
                vec![$(format!("{}={}", $name, self.$field.as_str())),+]
            }

            /// Number of each value in the order of its enum.
            pub(crate) fn values(self) -> [usize; COUNT] {
                [$(self.$field as usize),+]
            }

            /// The facts with those values. A number beyond an enum's end counts as its first value.
            pub(crate) fn of(values: [usize; COUNT]) -> Self {
                let mut values = values.into_iter();
                Self {
                    $($field: {
                        let value = values.next().unwrap_or(0);
                        $type::ALL.get(value).copied().unwrap_or($type::ALL[0])
                    }),+
                }
            }
        }

        /// The conditions of a rule as written; a missing signal accepts any value.
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub(crate) struct WhenFile {
            $(#[serde(default)] $field: Option<Vec<$type>>),+
        }

        impl WhenFile {
            /// Accepted values of all signals, one bit a value; the error is the signal whose list is empty
            /// or repeats a value.
            pub(crate) fn accepted(&self) -> Result<[u16; COUNT], &'static str> {
                Ok([$(bits(self.$field.as_deref(), $type::ALL, |value| value as usize).ok_or($name)?),+])
            }
        }
    };
}

facts! {
    /// The C2PA manifest.
    manifest: ManifestState = "manifest",
    /// What it states.
    statement: Statement = "statement",
    /// The watermark in the pixels.
    watermark: WatermarkState = "watermark",
    /// The ledger record.
    ledger: LedgerState = "ledger",
    /// Picture against record.
    binding: Binding = "binding",
    /// Manifest against record.
    manifest_agreement: ManifestAgreement = "manifest-agreement",
    /// Look-alikes in the ledger.
    fingerprint: FingerprintMatch = "fingerprint",
    /// The file's hash in the ledger.
    asset_hash: AssetHash = "asset-hash",
    /// Traces of other generators.
    trace: Trace = "trace",
    /// Traces of a camera.
    camera: Camera = "camera",
    /// What does not go together.
    contradiction: Contradiction = "contradiction",
}

fn bits<T: Copy>(list: Option<&[T]>, all: &[T], number: impl Fn(T) -> usize) -> Option<u16> {
    let list = list.unwrap_or(all);
    let bits = list
        .iter()
        .fold(0u16, |bits, &value| bits | 1 << number(value));
    (!list.is_empty() && bits.count_ones() as usize == list.len()).then_some(bits)
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codes().join(" "))
    }
}
