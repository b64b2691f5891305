//! One manifest store through the validator, and its signer against our lists.
//!
//! c2pa 0.90 has one store of anchors for signers and time-stamps alike. It is therefore given those for time-stamps
//! alone, so that no signer's anchor makes a time-stamp trusted; the signer's chain is then held against the lists
//! for signers, so that no time-stamp's anchor makes a signer trusted.

use std::io::Cursor;
use std::time::{SystemTime, UNIX_EPOCH};

use c2pa::crypto::time_stamp::tsa_signer_cert_der_from_token;
use c2pa::validation_results::StatusCodes;
use c2pa::{Error, Manifest, Reader, ValidationResults};
use ciborium::Value as Cbor;

use crate::context::{self, Deadline};
use crate::der::{Certificate, certificates_of_time_stamp, days_from_civil};
use crate::jumbf::Survey;
use crate::says::chain;
use crate::verdict::{Circumstances, FileAtHand, RevokedHere, judge};
use crate::{
    ListUse, ManifestError, RevokedCertificate, Status, StatusOutcome, Time, TrustAnchors, Verdicts,
};

/// Where a manifest store was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The validator finds it by itself.
    InTheFile,
    /// Only our own walk finds it, or it was fetched for this file.
    BesideTheFile,
    /// In the ledger, while the file lost it.
    Elsewhere,
    /// It is the manifest of an ingredient, whose file is not here.
    WithoutFile,
}

/// A store and the file that it is held against.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub asset: &'a [u8],
    pub mime: &'static str,
    pub store: &'a [u8],
    pub kept: Kept,
}

/// With what a store is judged.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub anchors: &'a TrustAnchors,
    pub deadline: Deadline,
}

/// The active manifest of a store, judged.
pub(crate) struct Judged {
    pub reader: Reader,
    pub verdicts: Verdicts,
    pub chain: Vec<Vec<u8>>,
    pub revoked_here: Option<RevokedCertificate>,
}

/// Why there is nothing to judge.
pub(crate) enum Unjudged {
    Refused(ManifestError),
    Validator(Error),
}

impl Judge<'_> {
    fn validate(&self, source: &Source<'_>, uses: &[ListUse]) -> Result<Reader, Unjudged> {
        let anchors: Vec<String> = uses.iter().map(|usage| self.anchors.pem(*usage)).collect();
        let read = || {
            let context = context::reading(
                &anchors.join("\n"),
                &self.anchors.key_usages(),
                self.deadline,
            )?;
            let reader = Reader::from_context(context);
            let asset = Cursor::new(source.asset);
            if source.kept == Kept::InTheFile {
                reader.with_stream(source.mime, asset)
            } else {
                reader.with_manifest_data_and_stream(source.store, source.mime, asset)
            }
        };
        // Parsing is not interrupted; what took too long is not judged any further.
        let read = read();
        if self.deadline.is_over() {
            return Err(Unjudged::Refused(self.deadline.error()));
        }
        read.map_err(Unjudged::Validator)
    }

    /// The validator's own crJSON, with all anchors in its one store.
    pub(crate) fn crjson(&self, source: &Source<'_>) -> Option<String> {
        const MAX_BYTES: usize = 8 << 20;
        let both = [ListUse::Signers, ListUse::TimeStamps];
        let json = self.validate(source, &both).ok()?.crjson_checked().ok()?;
        (json.len() <= MAX_BYTES).then_some(json)
    }

    /// Validates a store and judges its active manifest. `skip` tells failures that do not count.
    pub(crate) fn judge(
        &self,
        source: &Source<'_>,
        survey: &Survey,
        skip: &dyn Fn(&Status) -> bool,
    ) -> Result<Judged, Unjudged> {
        let (reader, mut revoked) = match self.validate(source, &[ListUse::TimeStamps]) {
            // The validator reads no further where an answer says that the certificate was revoked.
            Err(Unjudged::Validator(Error::CertificateTrustError(_))) if answers(source.store) => {
                (self.validate(source, &[])?, true)
            }
            read => (read?, false),
        };
        let mut statuses = statuses(&reader);
        statuses.retain(|status| !is_sdk_trust(&status.code) && !skip(status));
        if answers(source.store) && !revoked {
            revoked = self.ask_answers(source, survey, &mut statuses)?;
        }
        if revoked {
            statuses.push(Status {
                code: "signingCredential.ocsp.revoked".to_owned(),
                outcome: StatusOutcome::Failed,
                url: None,
            });
        }
        Ok(self.judged(source, survey, reader, &statuses))
    }

    /// Reads revocation answers in the active manifest, whose authorities are anchored where signers are. Says
    /// whether they tell of a revoked certificate.
    fn ask_answers(
        &self,
        source: &Source<'_>,
        survey: &Survey,
        statuses: &mut Vec<Status>,
    ) -> Result<bool, Unjudged> {
        let Some(store) = survey
            .active()
            .and_then(|active| survey.alone(source.store, active))
        else {
            return Ok(false);
        };
        let alone = Source {
            store: &store,
            kept: Kept::WithoutFile,
            ..*source
        };
        match self.validate(&alone, &[ListUse::Signers, ListUse::TimeStamps]) {
            Ok(reader) => {
                let told = self::statuses(&reader)
                    .into_iter()
                    .filter(|status| status.code.starts_with("signingCredential.ocsp."));
                statuses.extend(told);
                Ok(false)
            }
            Err(Unjudged::Validator(Error::CertificateTrustError(_))) => Ok(true),
            Err(Unjudged::Validator(_)) => Ok(false),
            Err(refused) => Err(refused),
        }
    }

    fn judged(
        &self,
        source: &Source<'_>,
        survey: &Survey,
        reader: Reader,
        statuses: &[Status],
    ) -> Judged {
        let manifest = reader.active_manifest();
        let chain = manifest.map(chain).unwrap_or_default();
        let stamped_at = manifest.and_then(stamped_at);
        let leaf = chain.first().and_then(|der| Certificate::parse(der));
        let is_first_version = manifest.and_then(Manifest::claim_version) == Some(1);
        let mut circumstances = Circumstances {
            anchored_by: None,
            file: match source.kept {
                Kept::InTheFile | Kept::BesideTheFile => FileAtHand::Own,
                Kept::Elsewhere => FileAtHand::Stripped,
                Kept::WithoutFile => FileAtHand::None,
            },
            has_identity: manifest.is_some_and(has_identity),
            revoked_here: None,
            stamp_is_listed: !is_first_version || self.stamp_is_listed(source, survey, stamped_at),
            certificate_is_current: leaf.is_none_or(|leaf| leaf.is_valid_at(now())),
        };
        let time = judge(statuses, &circumstances).time.state;
        let trusted_time = stamped_at.filter(|_| time == Time::Stamped);
        circumstances.anchored_by = self.anchors.signer_list(&chain, trusted_time);
        let revoked_here = self.anchors.revoked(&chain).cloned();
        circumstances.revoked_here = revoked_here.as_ref().map(|entry| {
            if trusted_time.is_some_and(|at| at < entry.from) {
                RevokedHere::AfterTrustedTime
            } else {
                RevokedHere::Before
            }
        });
        Judged {
            verdicts: judge(statuses, &circumstances),
            chain,
            revoked_here,
            reader,
        }
    }

    /// Whether a list vouches for the time-stamp in the signature of a claim of version 1, whose fit the validator
    /// checks, but not its authority.
    fn stamp_is_listed(&self, source: &Source<'_>, survey: &Survey, at: Option<i64>) -> bool {
        let listed = || {
            let token = time_stamp(survey.active()?.signature(source.store)?, "sigTst")?;
            let leaf = tsa_signer_cert_der_from_token(&token).ok()??;
            let others = certificates_of_time_stamp(&token)?;
            Some(self.anchors.vouches_for_stamp(&leaf, &others, at?))
        };
        listed().unwrap_or(false)
    }
}

/// Codes that the validator's own anchors would give; the signer is held against our lists instead.
fn is_sdk_trust(code: &str) -> bool {
    matches!(
        code,
        "signingCredential.trusted" | "signingCredential.untrusted"
    )
}

/// Whether a store holds answers about revoked certificates: the header `rVals` of COSE or the assertion.
fn answers(store: &[u8]) -> bool {
    let holds = |text: &[u8]| store.windows(text.len()).any(|window| window == text);
    holds(b"rVals") || holds(b"c2pa.certificate-status")
}

fn has_identity(manifest: &Manifest) -> bool {
    let mut labels = manifest
        .assertions()
        .iter()
        .map(c2pa::ManifestAssertion::label);
    labels.any(|label| label.starts_with("cawg.identity"))
}

fn statuses(reader: &Reader) -> Vec<Status> {
    let results = reader.validation_results();
    let active = results.and_then(ValidationResults::active_manifest);
    active.map(all_statuses).unwrap_or_default()
}

/// Every code of a result, failures first.
pub(crate) fn all_statuses(codes: &StatusCodes) -> Vec<Status> {
    [
        (codes.failure(), StatusOutcome::Failed),
        (codes.informational(), StatusOutcome::Informational),
        (codes.success(), StatusOutcome::Success),
    ]
    .into_iter()
    .flat_map(|(list, outcome)| {
        list.iter().map(move |status| Status {
            code: status.code().to_owned(),
            outcome,
            url: status.url().map(str::to_owned),
        })
    })
    .collect()
}

/// The name in the certificate behind the time-stamp of a store's active manifest, of whichever version.
/// Only a name, unless the verdict on the time says otherwise.
pub(crate) fn stamper(survey: &Survey, store: &[u8]) -> Option<String> {
    let cose = survey.active()?.signature(store)?;
    let token = time_stamp(cose, "sigTst2").or_else(|| time_stamp(cose, "sigTst"))?;
    let leaf = tsa_signer_cert_der_from_token(&token).ok()??;
    let name = Certificate::parse(&leaf)?.subject_text();
    (!name.is_empty()).then_some(name)
}

/// The first token under a header of a COSE signature (C2PA 2.4, section 10.3.2.5).
fn time_stamp(cose: &[u8], header: &str) -> Option<Vec<u8>> {
    let parsed: Cbor = ciborium::from_reader(cose).ok()?;
    let parsed = match parsed {
        Cbor::Tag(_, inner) => *inner,
        other => other,
    };
    let unprotected = parsed.as_array()?.get(1)?.as_map()?;
    let tokens = entry(entry(unprotected, header)?.as_map()?, "tstTokens")?.as_array()?;
    let token = entry(tokens.first()?.as_map()?, "val")?;
    token.as_bytes().cloned()
}

fn entry<'a>(map: &'a [(Cbor, Cbor)], key: &str) -> Option<&'a Cbor> {
    let found = map.iter().find(|(name, _)| name.as_text() == Some(key));
    found.map(|(_, value)| value)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The time of the time-stamp, Unix seconds.
fn stamped_at(manifest: &Manifest) -> Option<i64> {
    seconds(manifest.signature_info()?.time.as_deref()?)
}

/// Unix seconds of an RFC 3339 time.
fn seconds(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days_from_civil(part(0, 4)?, part(5, 7)?, part(8, 10)?)?;
    let local = days * 86_400 + part(11, 13)? * 3_600 + part(14, 16)? * 60 + part(17, 19)?;
    let zone = text
        .get(19..)?
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if zone == "Z" {
        return Some(local);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let offset = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    match zone.get(..1)? {
        "+" => Some(local - offset),
        "-" => Some(local + offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_of_stamps_are_read_with_their_offsets() {
        assert_eq!(seconds("1970-01-02T00:00:00Z"), Some(86_400));
        assert_eq!(seconds("2024-02-29T23:59:59.5Z"), Some(1_709_251_199));
        assert_eq!(seconds("2024-03-01T01:59:59+02:00"), Some(1_709_251_199));
        assert_eq!(seconds("2024-02-29T22:29:59-01:30"), Some(1_709_251_199));
        for bad in [
            "",
            "yesterday",
            "2024-02-29",
            "2024-02-29T23:59:59",
            "2024-13-01T00:00:00Z",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
