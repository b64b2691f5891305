//! The closed set of facts that the readers of a picture report.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines one signal: a closed enum with its names in TOML and JSON.
macro_rules! signal {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $text)] $value),+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The value's name in tables and reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text),+
                }
            }
        }
    };
}

signal! {
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

signal! {
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

signal! {
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

signal! {
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

signal! {
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

signal! {
    /// Whether the picture looks like a recorded one, when nothing else led to a record.
    FingerprintMatch {
        /// It does not, or the question did not arise.
        None = "none",
        /// A recorded fingerprint is within matching distance.
        Near = "near",
    }
}

signal! {
    /// Whether the file is byte for byte a recorded one.
    AssetHash {
        /// The hash is in the ledger.
        Exact = "exact",
        /// It is not.
        None = "none",
    }
}

/// All facts about one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// The C2PA manifest.
    pub manifest: ManifestState,
    /// The watermark in the pixels.
    pub watermark: WatermarkState,
    /// The ledger record.
    pub ledger: LedgerState,
    /// Picture against record.
    pub binding: Binding,
    /// Manifest against record.
    pub manifest_agreement: ManifestAgreement,
    /// Look-alikes in the ledger.
    pub fingerprint: FingerprintMatch,
    /// The file's hash in the ledger.
    pub asset_hash: AssetHash,
}

/// Names of the signals, in the order of [`Facts`]'s fields.
pub(crate) const SIGNALS: [&str; 7] = [
    "manifest",
    "watermark",
    "ledger",
    "binding",
    "manifest-agreement",
    "fingerprint",
    "asset-hash",
];

impl Facts {
    /// Every combination (7,680), whether it can occur or not.
    pub fn all() -> impl Iterator<Item = Self> {
        ManifestState::ALL.iter().flat_map(|&manifest| {
            WatermarkState::ALL.iter().flat_map(move |&watermark| {
                LedgerState::ALL.iter().flat_map(move |&ledger| {
                    Binding::ALL.iter().flat_map(move |&binding| {
                        ManifestAgreement::ALL
                            .iter()
                            .flat_map(move |&manifest_agreement| {
                                FingerprintMatch::ALL.iter().flat_map(move |&fingerprint| {
                                    AssetHash::ALL.iter().map(move |&asset_hash| Self {
                                        manifest,
                                        watermark,
                                        ledger,
                                        binding,
                                        manifest_agreement,
                                        fingerprint,
                                        asset_hash,
                                    })
                                })
                            })
                    })
                })
            })
        })
    }

    /// The facts as `signal=value` codes, in the order of the fields.
    pub fn codes(&self) -> Vec<String> {
        let values = [
            self.manifest.as_str(),
            self.watermark.as_str(),
            self.ledger.as_str(),
            self.binding.as_str(),
            self.manifest_agreement.as_str(),
            self.fingerprint.as_str(),
            self.asset_hash.as_str(),
        ];
        SIGNALS
            .iter()
            .zip(values)
            .map(|(signal, value)| format!("{signal}={value}"))
            .collect()
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codes().join(" "))
    }
}
