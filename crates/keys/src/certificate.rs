//! Building and checking the local X.509 chain (RFC 5280; C2PA claim signing profile).

use std::str::FromStr as _;
use std::time::Duration;

use ed25519_dalek::ed25519::signature::Keypair;
use pkcs8::der::asn1::{BitString, ObjectIdentifier};
use pkcs8::der::flagset::FlagSet;
use pkcs8::der::oid::AssociatedOid;
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode, Encode as _, EncodePem as _};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{CertificateBuilder, Result as BuildResult};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, Document, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    Result as SpkiResult, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::signature::{self, der_of};
use crate::{KeyHandle, KeysError, PublicKey, Purpose};

/// id-kp-emailProtection (RFC 5280, section 4.2.1.12): what C2PA readers accept without a list.
pub(crate) const EKU_EMAIL_PROTECTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
/// c2pa-kp-claimSigning (C2PA certificate profile).
pub(crate) const EKU_CLAIM_SIGNING: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.62558.2.1");
/// id-kp-documentSigning (RFC 9336).
const EKU_DOCUMENT_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
/// anyExtendedKeyUsage, which C2PA refuses.
pub(crate) const EKU_ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

const DAY: i64 = 86_400;
/// Certificates start this long before they are made, for readers whose clock is behind.
const BACKDATE_S: i64 = 3_600;
const ROOT_DAYS: i64 = 3_650;
const ISSUING_DAYS: i64 = 1_826;
/// The profile allows 366 days.
const LEAF_DAYS: i64 = 365;
/// The profile's bound on a leaf, seconds.
pub(crate) const MAX_LEAF_S: i64 = 366 * DAY;

/// A certificate's place in the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    Issuing,
    Leaf,
}

struct Profile {
    place: Place,
    subject: Name,
    issuer: Name,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        subject_key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> BuildResult<Vec<Extension>> {
        let (ca, path_len, usage): (_, _, FlagSet<KeyUsages>) = match self.place {
            Place::Root => (true, Some(1), KeyUsages::KeyCertSign | KeyUsages::CRLSign),
            Place::Issuing => (true, Some(0), KeyUsages::KeyCertSign | KeyUsages::CRLSign),
            Place::Leaf => (
                false,
                None,
                KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
            ),
        };
        let constraints = BasicConstraints {
            ca,
            path_len_constraint: path_len,
        };
        let subject = &tbs.subject();
        let mut all = Vec::new();
        // RFC 5280 wants it critical in authorities, the C2PA profile in leaves as well; the
        // crate marks it critical in authorities only.
        let mut constraints = constraints.to_extension(subject, &all)?;
        constraints.critical = true;
        all.push(constraints);
        all.push(KeyUsage(usage).to_extension(subject, &all)?);
        if self.place == Place::Leaf {
            all.push(
                ExtendedKeyUsage(vec![EKU_EMAIL_PROTECTION, EKU_CLAIM_SIGNING])
                    .to_extension(subject, &all)?,
            );
        }
        all.push(SubjectKeyIdentifier::try_from(subject_key)?.to_extension(subject, &all)?);
        all.push(AuthorityKeyIdentifier::try_from(issuer_key)?.to_extension(subject, &all)?);
        Ok(all)
    }
}

/// Country, organisation and common name of one certificate.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub country: &'a str,
    pub organisation: &'a str,
    pub common_name: &'a str,
}

impl Subject<'_> {
    pub(crate) fn to_name(self) -> Result<Name, KeysError> {
        // Every byte is hex-escaped (RFC 4514), so that no character of a name acts as syntax.
        let escape = |text: &str| {
            text.bytes()
                .fold(String::new(), |acc, byte| format!("{acc}\\{byte:02x}"))
        };
        // RFC 4514 text runs from the last element to the first; certificates carry C, O, CN.
        let text = format!(
            "CN={},O={},C={}",
            escape(self.common_name),
            escape(self.organisation),
            escape(self.country)
        );
        Name::from_str(&text).map_err(|error| KeysError::encode("a certificate name", error))
    }
}

/// The public half of a handle, in the shape that the builders of certificates and requests ask
/// for: they sign nothing themselves, so that a key may live in a token.
#[derive(Clone)]
pub(crate) struct Half(pub PublicKey);

impl EncodePublicKey for Half {
    fn to_public_key_der(&self) -> SpkiResult<Document> {
        Document::try_from(self.0.der()).map_err(Into::into)
    }
}

impl Keypair for Half {
    type VerifyingKey = Self;

    fn verifying_key(&self) -> Self {
        self.clone()
    }
}

impl DynSignatureAlgorithmIdentifier for Half {
    fn signature_algorithm_identifier(&self) -> SpkiResult<AlgorithmIdentifierOwned> {
        Ok(self.0.algorithm().signature_identifier())
    }
}

/// Builds what `builder` describes, signed by `handle`.
pub(crate) fn signed<B: x509_cert::builder::Builder>(
    mut builder: B,
    handle: &dyn KeyHandle,
    purpose: Purpose,
) -> Result<B::Output, KeysError> {
    let failed = |reason: &dyn std::fmt::Display| KeysError::encode("a certificate", reason);
    let half = Half(handle.public_key().clone());
    let blob = builder.finalize(&half).map_err(|error| failed(&error))?;
    let signature = handle.sign(purpose, &blob)?;
    let signature = der_of(handle.algorithm(), &signature);
    let signature = BitString::from_bytes(&signature).map_err(|error| failed(&error))?;
    builder
        .assemble(signature, &half)
        .map_err(|error| failed(&error))
}

/// Who a certificate names.
pub(crate) struct Names {
    pub subject: Name,
    pub issuer: Name,
}

/// Makes one certificate for `key`, signed by `issuer`, valid from an hour before `now`.
pub(crate) fn issue(
    place: Place,
    names: Names,
    key: &PublicKey,
    issuer: &dyn KeyHandle,
    now: i64,
) -> Result<Certificate, KeysError> {
    let failed = |reason: &dyn std::fmt::Display| KeysError::encode("a certificate", reason);
    let days = match place {
        Place::Root => ROOT_DAYS,
        Place::Issuing => ISSUING_DAYS,
        Place::Leaf => LEAF_DAYS,
    };
    let validity = Validity::new(time(now - BACKDATE_S)?, time(now + days * DAY)?);
    let mut serial = [0u8; 16];
    getrandom::fill(&mut serial).map_err(|error| KeysError::Random(error.to_string()))?;
    // A positive number of full length: neither a sign bit nor a leading zero byte.
    serial[0] = serial[0] & 0x7f | 0x40;
    let serial = SerialNumber::new(&serial).map_err(|error| failed(&error))?;
    let profile = Profile {
        place,
        subject: names.subject,
        issuer: names.issuer,
    };
    let builder = CertificateBuilder::new(profile, serial, validity, key.info().clone())
        .map_err(|error| failed(&error))?;
    signed(builder, issuer, Purpose::Certificate)
}

fn time(unix: i64) -> Result<Time, KeysError> {
    let bad = || KeysError::BadOption {
        field: "now",
        reason: "must be a time between 1970 and 9999; check the clock".to_owned(),
    };
    let seconds = u64::try_from(unix).map_err(|_| bad())?;
    let date = pkcs8::der::DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map_err(|_| bad())?;
    Ok(Time::from(date))
}

/// A certificate's first and last second, Unix time.
pub(crate) fn validity(certificate: &Certificate) -> (i64, i64) {
    let validity = certificate.tbs_certificate().validity();
    let seconds = |time: Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    (seconds(validity.not_before), seconds(validity.not_after))
}

/// PEM text of a certificate.
pub(crate) fn to_pem(certificate: &Certificate) -> Result<String, KeysError> {
    certificate
        .to_pem(LineEnding::LF)
        .map_err(|error| KeysError::encode("a certificate", error))
}

/// SHA-256 over the certificate's DER.
pub(crate) fn fingerprint(certificate: &Certificate) -> Option<[u8; 32]> {
    certificate
        .to_der()
        .ok()
        .map(|der| Sha256::digest(der).into())
}

/// The certificate's key, or `None` for an algorithm that signs no claims of ours.
pub(crate) fn public_key(certificate: &Certificate) -> Option<PublicKey> {
    PublicKey::from_info(certificate.tbs_certificate().subject_public_key_info())
}

/// Whether `issuer`'s key signed `certificate` and the names fit.
pub(crate) fn is_issued_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let check = || {
        let signed = certificate.tbs_certificate().to_der().ok()?;
        let mark = certificate.signature().as_bytes()?;
        let key = issuer.tbs_certificate().subject_public_key_info();
        signature::verify(certificate.signature_algorithm(), key, &signed, mark)
    };
    certificate.tbs_certificate().issuer() == issuer.tbs_certificate().subject()
        && check().is_some()
}

/// What the profile asks of a certificate in `place` and this one lacks, in words.
pub(crate) fn profile_gaps(certificate: &Certificate, place: Place) -> Vec<&'static str> {
    let tbs = certificate.tbs_certificate();
    let mut gaps = Vec::new();
    let constraints = tbs.get_extension::<BasicConstraints>().ok().flatten();
    match (&constraints, place) {
        (None, _) => gaps.push("basic constraints are missing"),
        (Some((_, constraints)), Place::Leaf) if constraints.ca => {
            gaps.push("basic constraints say it is an authority");
        }
        (Some((_, constraints)), Place::Root | Place::Issuing) if !constraints.ca => {
            gaps.push("basic constraints do not say it is an authority");
        }
        (Some((false, _)), _) => gaps.push("basic constraints are not critical"),
        _ => {}
    }
    match (tbs.get_extension::<KeyUsage>().ok().flatten(), place) {
        (None, _) => gaps.push("key usage is missing"),
        (Some((critical, usage)), Place::Leaf) => {
            if !critical {
                gaps.push("key usage is not critical");
            }
            if !usage.0.contains(KeyUsages::DigitalSignature) {
                gaps.push("key usage lacks digitalSignature");
            }
            if !usage.0.contains(KeyUsages::NonRepudiation) {
                gaps.push("key usage lacks nonRepudiation");
            }
        }
        (Some((_, usage)), _) if !usage.0.contains(KeyUsages::KeyCertSign) => {
            gaps.push("key usage lacks keyCertSign");
        }
        _ => {}
    }
    if !has::<SubjectKeyIdentifier>(tbs) {
        gaps.push("subject key identifier is missing");
    }
    if !has::<AuthorityKeyIdentifier>(tbs) {
        gaps.push("authority key identifier is missing");
    }
    if place == Place::Leaf {
        gaps.extend(leaf_gaps(certificate));
    }
    gaps
}

/// Whether a certificate may sign others.
pub(crate) fn is_authority(certificate: &Certificate) -> bool {
    let tbs = certificate.tbs_certificate();
    let constraints = tbs.get_extension::<BasicConstraints>().ok().flatten();
    let usage = tbs.get_extension::<KeyUsage>().ok().flatten();
    constraints.is_some_and(|(_, constraints)| constraints.ca)
        && usage.is_none_or(|(_, usage)| usage.0.contains(KeyUsages::KeyCertSign))
}

/// Why C2PA readers refuse a leaf, in words. Less strict than [`profile_gaps`]: authorities may
/// leave out what the conformance programme wants and readers do not ask for.
pub(crate) fn refusals(leaf: &Certificate) -> Vec<&'static str> {
    let tbs = leaf.tbs_certificate();
    let mut gaps = Vec::new();
    if tbs.issuer() == tbs.subject() {
        gaps.push("it is self-signed");
    }
    if tbs
        .get_extension::<BasicConstraints>()
        .ok()
        .flatten()
        .is_some_and(|(_, constraints)| constraints.ca)
    {
        gaps.push("basic constraints say it is an authority");
    }
    let usage = tbs.get_extension::<KeyUsage>().ok().flatten();
    if !usage.is_some_and(|(_, usage)| usage.0.contains(KeyUsages::DigitalSignature)) {
        gaps.push("key usage lacks digitalSignature");
    }
    let usages = tbs.get_extension::<ExtendedKeyUsage>().ok().flatten();
    let usages = usages.map(|(_, usages)| usages.0).unwrap_or_default();
    let known = [
        EKU_EMAIL_PROTECTION,
        EKU_CLAIM_SIGNING,
        EKU_DOCUMENT_SIGNING,
    ];
    if usages.contains(&EKU_ANY) {
        gaps.push("extended key usage holds anyExtendedKeyUsage");
    } else if !usages.iter().any(|usage| known.contains(usage)) {
        gaps.push("extended key usage has none of C2PA claim signing, emailProtection and documentSigning");
    }
    if !has::<AuthorityKeyIdentifier>(tbs) {
        gaps.push("authority key identifier is missing");
    }
    gaps
}

fn has<'a, T: Decode<'a> + AssociatedOid>(tbs: &'a TbsCertificate) -> bool {
    matches!(tbs.get_extension::<T>(), Ok(Some(_)))
}

fn leaf_gaps(certificate: &Certificate) -> Vec<&'static str> {
    let mut gaps = Vec::new();
    match certificate
        .tbs_certificate()
        .get_extension::<ExtendedKeyUsage>()
        .ok()
        .flatten()
    {
        None => gaps.push("extended key usage is missing"),
        Some((_, usage)) => {
            if !usage.0.contains(&EKU_EMAIL_PROTECTION) {
                gaps.push("extended key usage lacks emailProtection");
            }
            if !usage.0.contains(&EKU_CLAIM_SIGNING) {
                gaps.push("extended key usage lacks C2PA claim signing (1.3.6.1.4.1.62558.2.1)");
            }
            if usage.0.contains(&EKU_ANY) {
                gaps.push("extended key usage holds anyExtendedKeyUsage");
            }
        }
    }
    let (start, end) = validity(certificate);
    if end - start > MAX_LEAF_S {
        gaps.push("it is valid for longer than 366 days");
    }
    let subject = certificate.tbs_certificate().subject();
    if !matches!(subject.organization(), Ok(Some(_))) {
        gaps.push("the subject has no organisation");
    }
    if !matches!(subject.common_name(), Ok(Some(_))) {
        gaps.push("the subject has no common name");
    }
    gaps
}
