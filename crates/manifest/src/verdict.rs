//! Six verdicts out of the validator's status codes, each apart.

use serde::{Deserialize, Serialize};

use crate::codes::{Bucket, bucket};
use crate::report::{MAX_ENTRIES, clean};
use crate::{Identity, Integrity, ListKind, Revocation, Signature, Time, Trust};

/// One verdict: a state and the codes behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict<S> {
    /// The state.
    #[serde(flatten)]
    pub state: S,
    /// All status codes of this verdict's kind, failures first, in the validator's order.
    pub codes: Vec<Status>,
}

/// A status code of the specification (C2PA 2.4, section 15.2; CAWG identity 1.2) or of the validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The code.
    pub code: String,
    /// What it counts as.
    pub outcome: StatusOutcome,
    /// The part of the manifest that it is about (a JUMBF URI), where told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
}

impl Status {
    /// Whether something failed.
    pub fn failed(&self) -> bool {
        self.outcome == StatusOutcome::Failed
    }
}

/// What a status code counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusOutcome {
    /// Something does not fit.
    Failed,
    /// Worth knowing, neither for nor against.
    Informational,
    /// Something was checked and fits.
    Success,
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

impl Verdicts {
    /// Whether nothing speaks against the manifest but that its signer may be on no list: neither bytes nor
    /// statements, nor signature, time and certificate.
    pub fn are_sound(&self) -> bool {
        let whole = matches!(
            self.integrity.state,
            Integrity::Intact | Integrity::IntactWithGaps | Integrity::FileAbsent
        );
        let known = !matches!(self.time.state, Time::OutsideValidity | Time::BadStamp);
        let kept = !matches!(
            self.revocation.state,
            Revocation::Revoked | Revocation::RevokedHere
        );
        let fit = self.trust.state != Trust::Unacceptable;
        whole && known && kept && fit && self.signature.state == Signature::Valid
    }
}

/// What the manifest's file is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileAtHand {
    /// The file that it was found in, or that it was fetched for.
    Own,
    /// A file that lost it: other bytes are expected.
    Stripped,
    /// None: it is the manifest of an ingredient.
    None,
}

/// What the codes do not say.
pub(crate) struct Circumstances {
    /// The first list that anchors the signer, when one does.
    pub anchored_by: Option<(String, ListKind)>,
    /// Which file it was held against.
    pub file: FileAtHand,
    /// Whether an identity assertion is present.
    pub has_identity: bool,
    /// What this machine's own list says of the certificate.
    pub revoked_here: Option<RevokedHere>,
    /// Whether the time-stamp's authority is on a list. The validator does not ask that of claims of version 1.
    pub stamp_is_listed: bool,
    /// Whether the certificate is valid at this moment.
    pub certificate_is_current: bool,
}

/// A certificate on this machine's own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RevokedHere {
    Before,
    AfterTrustedTime,
}

/// The codes of one kind, in order.
struct Codes<'a>(Vec<&'a Status>);

impl<'a> Codes<'a> {
    fn of(all: &'a [Status], kinds: &[Bucket]) -> Self {
        let of_kind = |status: &&Status| kinds.contains(&bucket(&status.code));
        Self(all.iter().filter(of_kind).collect())
    }

    fn has(&self, code: &str) -> bool {
        self.0.iter().any(|status| status.code == code)
    }

    fn failed(&self) -> bool {
        self.0.iter().any(|status| status.failed())
    }

    fn verdict<S>(self, state: S) -> Verdict<S> {
        let mut codes: Vec<Status> = Vec::new();
        for status in self.0 {
            let known = codes
                .iter()
                .any(|it| it.code == status.code && it.outcome == status.outcome);
            if !known && codes.len() < MAX_ENTRIES {
                codes.push(Status {
                    code: clean(&status.code),
                    outcome: status.outcome,
                    url: status.url.as_deref().map(clean),
                });
            }
        }
        Verdict { state, codes }
    }
}

/// Sorts a manifest's status codes into verdicts.
pub(crate) fn judge(all: &[Status], circumstances: &Circumstances) -> Verdicts {
    let signature = signature(all);
    Verdicts {
        integrity: integrity(all, signature.state, circumstances.file),
        time: time(all, circumstances),
        trust: trust(all, signature.state, circumstances.anchored_by.as_ref()),
        signature,
        revocation: revocation(all, circumstances.revoked_here),
        identity: identity(all, circumstances.has_identity),
    }
}

fn integrity(all: &[Status], signature: Signature, file: FileAtHand) -> Verdict<Integrity> {
    let mut kinds = vec![
        Bucket::HardBinding,
        Bucket::Content,
        Bucket::WellFormed,
        Bucket::Unknown,
        Bucket::Ingredient,
    ];
    if file == FileAtHand::None {
        // Without the file nothing is known of its bytes.
        kinds.retain(|kind| *kind != Bucket::HardBinding);
    }
    let binding = Codes::of(all, &[Bucket::HardBinding]);
    let content = Codes::of(all, &[Bucket::Content]);
    // An unknown code that failed is a rule broken that we do not know: never passed over.
    let rules = Codes::of(all, &[Bucket::WellFormed, Bucket::Unknown]);
    let told = |end: &str, failed: bool| {
        binding
            .0
            .iter()
            .any(|status| status.failed() == failed && status.code.ends_with(end))
    };
    let (differs, matches) = (told("ismatch", true), told("Hash.match", false));
    let gaps = told(".additionalExclusionsPresent", false);
    let binding_is_broken = file != FileAtHand::None && binding.failed() && !differs;
    let state = if content.failed() || signature == Signature::Invalid {
        // The hashes stand in the claim: whoever changed it could change them as well.
        Integrity::ManifestAltered
    } else if rules.failed() || binding_is_broken {
        Integrity::Malformed
    } else if file == FileAtHand::None && signature == Signature::Valid {
        Integrity::FileAbsent
    } else if differs && file == FileAtHand::Stripped {
        Integrity::ManifestOnly
    } else if differs && file == FileAtHand::Own {
        Integrity::FileAltered
    } else if signature != Signature::Valid || !matches {
        Integrity::NotChecked
    } else if gaps {
        Integrity::IntactWithGaps
    } else {
        Integrity::Intact
    };
    Codes::of(all, &kinds).verdict(state)
}

fn signature(all: &[Status]) -> Verdict<Signature> {
    let codes = Codes::of(all, &[Bucket::Signature]);
    let state = if codes.has("claimSignature.missing") {
        Signature::Missing
    } else if codes.failed() {
        Signature::Invalid
    } else if codes.has("claimSignature.validated") {
        Signature::Valid
    } else {
        Signature::NotChecked
    };
    codes.verdict(state)
}

fn time(all: &[Status], circumstances: &Circumstances) -> Verdict<Time> {
    const BAD: [&str; 3] = [
        "timeStamp.mismatch",
        "timeStamp.malformed",
        "timeStamp.outsideValidity",
    ];
    let codes = Codes::of(all, &[Bucket::Time]);
    let outside =
        codes.has("signingCredential.expired") || codes.has("claimSignature.outsideValidity");
    let trusted = codes.has("timeStamp.trusted") && !codes.has("timeStamp.untrusted");
    let stamped = codes.has("timeStamp.validated") || codes.has("timeStamp.untrusted") || trusted;
    let state = if BAD.iter().any(|code| codes.has(code)) {
        Time::BadStamp
    } else if outside {
        Time::OutsideValidity
    } else if trusted && circumstances.stamp_is_listed {
        Time::Stamped
    } else if stamped && !circumstances.certificate_is_current {
        // A stamp that anyone could have made does not carry a certificate over its end.
        Time::OutsideValidity
    } else if stamped {
        Time::StampedUntrusted
    } else if codes.has("claimSignature.insideValidity") && !codes.failed() {
        Time::Unstamped
    } else {
        Time::NotChecked
    };
    codes.verdict(state)
}

fn trust(
    all: &[Status],
    signature: Signature,
    anchored_by: Option<&(String, ListKind)>,
) -> Verdict<Trust> {
    let codes = Codes::of(all, &[Bucket::Trust]);
    let state = match anchored_by {
        _ if codes.has("signingCredential.invalid") => Trust::Unacceptable,
        // Anyone can put another's certificate beside a signature that does not fit.
        _ if signature != Signature::Valid => Trust::NotChecked,
        Some((list, kind)) => Trust::Trusted {
            list: list.clone(),
            kind: *kind,
        },
        None => Trust::Untrusted,
    };
    codes.verdict(state)
}

fn revocation(all: &[Status], here: Option<RevokedHere>) -> Verdict<Revocation> {
    let codes = Codes::of(all, &[Bucket::Revocation]);
    let by_authority =
        codes.has("signingCredential.ocsp.revoked") || codes.has("signingCredential.revoked");
    let state = match here {
        Some(RevokedHere::Before) => Revocation::RevokedHere,
        _ if by_authority => Revocation::Revoked,
        Some(RevokedHere::AfterTrustedTime) => Revocation::RevokedLater,
        None if codes.has("signingCredential.ocsp.notRevoked") && !codes.failed() => {
            Revocation::Good
        }
        None => Revocation::NotChecked,
    };
    codes.verdict(state)
}

fn identity(all: &[Status], present: bool) -> Verdict<Identity> {
    let codes = Codes::of(all, &[Bucket::Identity]);
    let offline = |status: &&&Status| status.failed() && status.code == "cawg.ica.did_unavailable";
    let failures = codes.0.iter().filter(|status| status.failed()).count();
    let state = if !present && codes.0.is_empty() {
        Identity::Absent
    } else if failures > codes.0.iter().filter(offline).count() {
        Identity::Failed
    } else if failures > 0 {
        Identity::NotChecked
    } else {
        Identity::NotVetted
    };
    codes.verdict(state)
}

#[cfg(test)]
mod tests;
