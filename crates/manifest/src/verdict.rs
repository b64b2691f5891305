//! Five verdicts out of the validator's status codes, each with its own sentence.

use serde::{Deserialize, Serialize};

use crate::codes::{Bucket, bucket};

/// One verdict: a state, the codes behind it, and one plain sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict<S> {
    /// The state.
    #[serde(flatten)]
    pub state: S,
    /// All status codes of this verdict's kind, in the validator's order.
    pub codes: Vec<String>,
    /// One sentence for people.
    pub sentence: String,
}

/// The verdicts on one manifest. None of them follows from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Are the bytes and the statements those that were signed?
    pub integrity: Verdict<Integrity>,
    /// Does the signature over the claim check out?
    pub signature: Verdict<Signature>,
    /// Is the time of signing known, and was the certificate valid then?
    pub time: Verdict<Time>,
    /// Does the certificate lead to an anchor on a list we carry?
    pub trust: Verdict<Trust>,
    /// Was the certificate revoked?
    pub revocation: Verdict<Revocation>,
    /// Does a named person or organisation besides the signer vouch for it?
    pub identity: Verdict<Identity>,
}

/// Are the bytes and the statements those that were signed?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum Integrity {
    /// Yes, all of them.
    Intact,
    /// Yes, but the manifest leaves more parts of the file unprotected than itself.
    IntactWithGaps,
    /// The manifest was recovered from elsewhere and is whole; this file's bytes are others, as
    /// after re-encoding.
    ManifestOnly,
    /// The file's bytes were changed after signing.
    FileAltered,
    /// The manifest's own statements were changed after signing, or some are missing.
    ManifestAltered,
    /// The manifest breaks rules of the specification; no change was found.
    Malformed,
    /// Could not be checked.
    NotChecked,
}

/// Does the signature over the claim check out?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum Signature {
    /// Yes.
    Valid,
    /// No: claim and signature do not fit.
    Invalid,
    /// There is none.
    Missing,
    /// Could not be checked.
    NotChecked,
}

/// Is the time of signing known, and was the certificate valid then?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum Time {
    /// A trusted authority stamped it while the certificate was valid.
    Stamped,
    /// Stamped, but by an authority on no list we carry.
    StampedUntrusted,
    /// No time-stamp; the certificate is valid now.
    Unstamped,
    /// No trusted time, and the certificate has run out or was not yet valid.
    OutsideValidity,
    /// The time-stamp does not fit.
    BadStamp,
    /// Could not be checked.
    NotChecked,
}

/// Does the certificate lead to an anchor on a list we carry?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum Trust {
    /// Yes.
    Trusted {
        /// The list's name.
        list: String,
        /// The list's kind.
        kind: crate::ListKind,
    },
    /// No.
    Untrusted,
    /// The certificate may not sign claims, for instance by its extended key usage.
    Unacceptable,
    /// Could not be checked.
    NotChecked,
}

/// Was the certificate revoked?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum Revocation {
    /// No, by an answer inside the manifest.
    Good,
    /// Yes.
    Revoked,
    /// Not checked: nothing is fetched.
    NotChecked,
}

/// Does a named person or organisation besides the signer vouch for it?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum Identity {
    /// No identity is claimed.
    Absent,
    /// One is claimed and nothing speaks against it; who stands behind it was not vetted.
    NotVetted,
    /// One is claimed and its proof does not fit.
    Failed,
    /// One is claimed that could only be checked over the network.
    NotChecked,
}

/// A status code with the list it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status<'a> {
    pub code: &'a str,
    pub failed: bool,
}

/// What the codes do not say.
pub(crate) struct Circumstances {
    /// The first list that anchors the signer, when one does.
    pub anchored_by: Option<(String, crate::ListKind)>,
    /// Whether the manifest came from elsewhere than the file.
    pub detached: bool,
    /// Whether an identity assertion is present.
    pub has_identity: bool,
}

/// The codes of one kind, in order.
struct Codes<'a>(Vec<Status<'a>>);

impl<'a> Codes<'a> {
    fn of(all: &[Status<'a>], kinds: &[Bucket]) -> Self {
        Self(
            all.iter()
                .copied()
                .filter(|status| kinds.contains(&bucket(status.code)))
                .collect(),
        )
    }

    fn has(&self, code: &str) -> bool {
        self.0.iter().any(|status| status.code == code)
    }

    fn failed(&self) -> bool {
        self.0.iter().any(|status| status.failed)
    }

    fn verdict<S>(self, state: S, sentence: &str) -> Verdict<S> {
        let mut codes: Vec<String> = Vec::new();
        for status in self.0 {
            let code = crate::report::clean(status.code);
            if !codes.contains(&code) && codes.len() < crate::report::MAX_ENTRIES {
                codes.push(code);
            }
        }
        Verdict {
            state,
            codes,
            sentence: sentence.to_owned(),
        }
    }
}

/// Sorts the active manifest's status codes into verdicts.
pub(crate) fn judge(all: &[Status<'_>], circumstances: &Circumstances) -> Verdicts {
    let signature = signature(all);
    Verdicts {
        integrity: integrity(all, signature.state, circumstances.detached),
        time: time(all),
        trust: trust(all, signature.state, circumstances.anchored_by.as_ref()),
        signature,
        revocation: revocation(all),
        identity: identity(all, circumstances.has_identity),
    }
}

fn integrity(all: &[Status<'_>], signature: Signature, detached: bool) -> Verdict<Integrity> {
    let binding = Codes::of(all, &[Bucket::HardBinding]);
    let content = Codes::of(all, &[Bucket::Content]);
    // An unknown code that failed is a rule broken that we do not know: never passed over.
    let rules = Codes::of(all, &[Bucket::WellFormed, Bucket::Unknown]);
    let differs = binding
        .0
        .iter()
        .any(|status| status.failed && status.code.ends_with("ismatch"));
    let matches = binding
        .0
        .iter()
        .any(|status| !status.failed && status.code.ends_with("Hash.match"));
    let gaps = binding.has("assertion.dataHash.additionalExclusionsPresent");
    let (state, sentence) = if content.failed() {
        (
            Integrity::ManifestAltered,
            "The manifest's own statements were changed after signing, or some are missing.",
        )
    } else if signature == Signature::Invalid {
        // The hashes stand in the claim: whoever changed it could change them as well.
        (
            Integrity::ManifestAltered,
            "The manifest was changed after signing, so what it says of the file's bytes proves nothing.",
        )
    } else if rules.failed() || (binding.failed() && !differs) {
        (
            Integrity::Malformed,
            "The manifest breaks rules of the C2PA specification; this alone does not mean that the picture was changed.",
        )
    } else if differs && detached {
        (
            Integrity::ManifestOnly,
            "The recovered manifest is whole. This file's bytes are not those it was made for, as after any re-encoding.",
        )
    } else if differs {
        (
            Integrity::FileAltered,
            "The file's bytes were changed after signing.",
        )
    } else if signature != Signature::Valid {
        (
            Integrity::NotChecked,
            "No signature vouches for what the manifest says of the file's bytes.",
        )
    } else if matches && gaps {
        (
            Integrity::IntactWithGaps,
            "The protected bytes are unchanged, but parts of the file, such as its metadata, are not protected.",
        )
    } else if matches {
        (
            Integrity::Intact,
            "The file's bytes and the manifest's statements are those that were signed.",
        )
    } else {
        (
            Integrity::NotChecked,
            "Whether the file was changed could not be checked.",
        )
    };
    let kinds = [
        Bucket::HardBinding,
        Bucket::Content,
        Bucket::WellFormed,
        Bucket::Unknown,
        Bucket::Ingredient,
    ];
    Codes::of(all, &kinds).verdict(state, sentence)
}

fn signature(all: &[Status<'_>]) -> Verdict<Signature> {
    let codes = Codes::of(all, &[Bucket::Signature]);
    let (state, sentence) = if codes.has("claimSignature.missing") {
        (Signature::Missing, "The manifest is not signed.")
    } else if codes.failed() {
        (
            Signature::Invalid,
            "The signature does not fit the manifest: it was changed after signing, or never signed with this key.",
        )
    } else if codes.has("claimSignature.validated") {
        (Signature::Valid, "The signature fits the manifest.")
    } else {
        (Signature::NotChecked, "The signature could not be checked.")
    };
    codes.verdict(state, sentence)
}

fn time(all: &[Status<'_>]) -> Verdict<Time> {
    let codes = Codes::of(all, &[Bucket::Time]);
    let outside =
        codes.has("signingCredential.expired") || codes.has("claimSignature.outsideValidity");
    let bad_stamp = codes.0.iter().any(|status| {
        status.code.starts_with("timeStamp.")
            && matches!(
                status.code,
                "timeStamp.mismatch" | "timeStamp.malformed" | "timeStamp.outsideValidity"
            )
    });
    let (state, sentence) = if bad_stamp {
        (
            Time::BadStamp,
            "The time-stamp in the manifest does not fit it, so the time of signing is unknown.",
        )
    } else if outside {
        (
            Time::OutsideValidity,
            "The certificate has run out or was not yet valid, and no trusted time was recorded. This says nothing about the picture's bytes.",
        )
    } else if codes.has("timeStamp.trusted") && !codes.has("timeStamp.untrusted") {
        (
            Time::Stamped,
            "A trusted authority confirmed the time of signing, and the certificate was valid then.",
        )
    } else if codes.has("timeStamp.validated") || codes.has("timeStamp.untrusted") {
        (
            Time::StampedUntrusted,
            "The time of signing was stamped, but by an authority on no list we carry.",
        )
    } else if codes.has("claimSignature.insideValidity") && !codes.failed() {
        (
            Time::Unstamped,
            "The certificate is valid today; no authority confirmed the time of signing.",
        )
    } else {
        (
            Time::NotChecked,
            "The time of signing could not be checked.",
        )
    };
    codes.verdict(state, sentence)
}

fn trust(
    all: &[Status<'_>],
    signature: Signature,
    anchored_by: Option<&(String, crate::ListKind)>,
) -> Verdict<Trust> {
    let codes = Codes::of(all, &[Bucket::Trust]);
    let trusted = codes.has("signingCredential.trusted") && !codes.failed();
    match anchored_by {
        _ if codes.has("signingCredential.invalid") => {
            codes.verdict(Trust::Unacceptable, "The certificate does not fit the rules for signing manifests. This says nothing about the picture's bytes.")
        }
        // Anyone can put another's certificate beside a signature that does not fit.
        _ if signature != Signature::Valid => {
            codes.verdict(Trust::NotChecked, "No valid signature was made with the certificate in the manifest, so its trust proves nothing.")
        }
        Some((list, kind)) if trusted => {
            let state = Trust::Trusted { list: list.clone(), kind: *kind };
            codes.verdict(state, &format!("The signer's certificate leads to an anchor on the list `{list}`."))
        }
        _ if codes.has("signingCredential.untrusted") || trusted => {
            codes.verdict(Trust::Untrusted, "The signer's certificate is not on any list we carry, so the name in it is only a claim.")
        }
        _ => codes.verdict(Trust::NotChecked, "Whether the signer is on a trust list could not be checked."),
    }
}

fn revocation(all: &[Status<'_>]) -> Verdict<Revocation> {
    let codes = Codes::of(all, &[Bucket::Revocation]);
    if codes.has("signingCredential.ocsp.revoked") || codes.has("signingCredential.revoked") {
        codes.verdict(Revocation::Revoked, "The signer's certificate was revoked.")
    } else if codes.has("signingCredential.ocsp.notRevoked") && !codes.failed() {
        codes.verdict(
            Revocation::Good,
            "The manifest holds an answer that the signer's certificate was not revoked.",
        )
    } else {
        codes.verdict(
            Revocation::NotChecked,
            "Whether the signer's certificate was revoked was not checked.",
        )
    }
}

fn identity(all: &[Status<'_>], present: bool) -> Verdict<Identity> {
    let codes = Codes::of(all, &[Bucket::Identity]);
    let offline = |status: &&Status<'_>| status.failed && status.code == "cawg.ica.did_unavailable";
    let failures = codes.0.iter().filter(|status| status.failed).count();
    if !present && codes.0.is_empty() {
        codes.verdict(
            Identity::Absent,
            "No person or organisation besides the signer is named.",
        )
    } else if failures > codes.0.iter().filter(offline).count() {
        codes.verdict(
            Identity::Failed,
            "A person or organisation is named, but the proof of it does not fit.",
        )
    } else if failures > 0 {
        codes.verdict(
            Identity::NotChecked,
            "A person or organisation is named; checking it would need the network.",
        )
    } else {
        codes.verdict(
            Identity::NotVetted,
            "A person or organisation is named; who stands behind the name was not vetted.",
        )
    }
}

#[cfg(test)]
mod tests;
