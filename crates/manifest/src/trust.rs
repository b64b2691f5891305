//! Whom we trust: lists of anchors for signers and, apart from them, for time-stamps; and whom no longer.

mod formats;

use c2pa::crypto::cose::CertificateTrustPolicy;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ManifestError;
use crate::der::{Certificate, RevocationList};
use crate::signer::{certificates, pem_blocks};
pub use formats::{AnchorFacts, ListContent};

/// Where a list of trust anchors comes from: the colour of the trust it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ListKind {
    /// The C2PA trust list.
    Official,
    /// The interim trust list, frozen since 2026-01-01.
    Legacy,
    /// Configured on this machine, such as our own root.
    Local,
}

impl ListKind {
    /// The stable code, as serialised.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Legacy => "legacy",
            Self::Local => "local",
        }
    }
}

/// What the anchors of a list vouch for. Neither stands in for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ListUse {
    /// Signers of claims.
    Signers,
    /// Authorities that stamp times (RFC 3161).
    TimeStamps,
}

/// A list of trust anchors, as read from its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustList {
    /// Its name for people.
    pub name: String,
    /// Where it comes from.
    pub kind: ListKind,
    /// What it vouches for.
    pub usage: ListUse,
    /// Certificates of authorities, PEM.
    pub anchors: String,
    /// Single signers: certificates (PEM), or lines of the Base64 of a certificate's SHA-256.
    pub allowed: String,
    /// Extended key usages that are accepted besides the built-in ones, dotted numbers.
    pub key_usages: Vec<String>,
}

/// Named lists of trust anchors, asked in the order added, and revoked certificates.
#[derive(Debug, Clone, Default)]
pub struct TrustAnchors {
    lists: Vec<List>,
    revoked: Vec<RevokedCertificate>,
}

#[derive(Debug, Clone)]
struct List {
    source: TrustList,
    policy: CertificateTrustPolicy,
}

impl TrustAnchors {
    /// No anchors: no signer is trusted.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a list.
    ///
    /// # Errors
    /// [`ManifestError::BadAnchors`] when it holds no certificate or a broken one.
    pub fn with(mut self, list: TrustList) -> Result<Self, ManifestError> {
        let bad = |reason: &str| ManifestError::BadAnchors {
            list: list.name.clone(),
            reason: reason.to_owned(),
        };
        let found =
            certificates(list.anchors.as_bytes()).ok_or_else(|| bad("a PEM block is broken"))?;
        if found.iter().any(|der| Certificate::parse(der).is_none()) {
            return Err(bad("a PEM block is no certificate"));
        }
        if found.is_empty() && list.allowed.trim().is_empty() {
            return Err(bad("it holds no certificate"));
        }
        let mut policy = CertificateTrustPolicy::default();
        policy.add_valid_ekus(list.key_usages.join("\n").as_bytes());
        policy
            .add_trust_anchors(list.anchors.as_bytes())
            .and_then(|()| policy.add_end_entity_credentials(list.allowed.as_bytes()))
            .map_err(|error| bad(&error.to_string()))?;
        self.lists.push(List {
            source: list,
            policy,
        });
        Ok(self)
    }

    /// Adds PEM certificates as anchors for signers, under a name for people.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_list(self, name: &str, kind: ListKind, pem: &str) -> Result<Self, ManifestError> {
        self.with(TrustList {
            name: name.to_owned(),
            kind,
            usage: ListUse::Signers,
            anchors: pem.to_owned(),
            allowed: String::new(),
            key_usages: Vec::new(),
        })
    }

    /// Adds our own root certificate as the list `local`.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_local_root(self, pem: &str) -> Result<Self, ManifestError> {
        self.with_list("local", ListKind::Local, pem)
    }

    /// Adds certificates that are no longer to be trusted.
    #[must_use]
    pub fn with_revoked(mut self, revoked: Vec<RevokedCertificate>) -> Self {
        self.revoked.extend(revoked);
        self
    }

    fn of(&self, usage: ListUse) -> impl Iterator<Item = &List> {
        self.lists
            .iter()
            .filter(move |list| list.source.usage == usage)
    }

    /// The anchors of one use as one PEM text.
    pub(crate) fn pem(&self, usage: ListUse) -> String {
        let texts: Vec<&str> = self
            .of(usage)
            .map(|list| list.source.anchors.as_str())
            .collect();
        texts.join("\n")
    }

    /// Further extended key usages, a line each.
    pub(crate) fn key_usages(&self) -> String {
        let all = self.lists.iter().flat_map(|list| &list.source.key_usages);
        all.fold(String::new(), |text, usage| text + usage + "\n")
    }

    /// The first list that vouches for a signer's chain, leaf first, at a trusted time of signing if there is one.
    pub(crate) fn signer_list(
        &self,
        chain: &[Vec<u8>],
        signed_at: Option<i64>,
    ) -> Option<(String, ListKind)> {
        let (leaf, rest) = chain.split_first()?;
        let list = self.of(ListUse::Signers).find(|list| {
            let found = list.policy.check_certificate_trust(rest, leaf, signed_at);
            found.is_ok()
        })?;
        Some((list.source.name.clone(), list.source.kind))
    }

    /// Whether a list vouches for the authority that made a time-stamp, given the certificates in it.
    pub(crate) fn vouches_for_stamp(&self, leaf: &[u8], others: &[&[u8]], at: i64) -> bool {
        if !Certificate::parse(leaf).is_some_and(|leaf| leaf.may_stamp()) {
            return false;
        }
        let chain = ordered(leaf, others);
        let Some((leaf, rest)) = chain.split_first() else {
            return false;
        };
        self.of(ListUse::TimeStamps).any(|list| {
            let found = list.policy.check_certificate_trust(rest, leaf, Some(at));
            found.is_ok()
        })
    }

    /// What our own list says against a chain, if anything.
    pub(crate) fn revoked(&self, chain: &[Vec<u8>]) -> Option<&RevokedCertificate> {
        let names: Vec<[CertificateName; 2]> = chain
            .iter()
            .filter_map(|der| CertificateName::both(der))
            .collect();
        self.revoked
            .iter()
            .filter(|entry| {
                names
                    .iter()
                    .flatten()
                    .any(|name| *name == entry.certificate)
            })
            .min_by_key(|entry| entry.from)
    }
}

/// The chain from a leaf upwards, out of certificates in any order.
fn ordered(leaf: &[u8], others: &[&[u8]]) -> Vec<Vec<u8>> {
    const LONGEST: usize = 8;
    let mut chain = vec![leaf.to_vec()];
    let mut last = Certificate::parse(leaf);
    while let Some(current) = last.filter(|it| it.issuer != it.subject && chain.len() < LONGEST) {
        last = others
            .iter()
            .take(2 * LONGEST)
            .filter_map(|der| Certificate::parse(der))
            .find(|other| other.subject == current.issuer);
        if let Some(issuer) = &last {
            chain.push(issuer.der.to_vec());
        }
    }
    chain
}

/// Which certificate is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// SHA-256 over its DER.
    Sha256([u8; 32]),
    /// What a revocation list names: SHA-256 over the issuer's Name, and the serial number's bytes.
    Serial {
        /// SHA-256 over the DER of the issuer's Name.
        issuer_sha256: [u8; 32],
        /// The serial number, big-endian, without leading zeros.
        serial: Vec<u8>,
    },
}

impl CertificateName {
    /// The certificate in PEM or DER, by its SHA-256; of several in PEM the first.
    ///
    /// # Errors
    /// [`ManifestError::BadAnchors`] when there is none.
    pub fn of_file(bytes: &[u8]) -> Result<Self, ManifestError> {
        let from_pem = certificates(bytes).and_then(|list| list.into_iter().next());
        let der = from_pem.unwrap_or_else(|| bytes.to_vec());
        match Certificate::parse(&der) {
            Some(_) => Ok(Self::Sha256(Sha256::digest(&der).into())),
            None => Err(ManifestError::BadAnchors {
                list: "certificate".to_owned(),
                reason: "the file is no certificate".to_owned(),
            }),
        }
    }

    fn both(der: &[u8]) -> Option<[Self; 2]> {
        let certificate = Certificate::parse(der)?;
        let serial = Self::Serial {
            issuer_sha256: Sha256::digest(certificate.issuer).into(),
            serial: certificate.serial.to_vec(),
        };
        Some([Self::Sha256(Sha256::digest(der).into()), serial])
    }
}

/// A certificate that is no longer to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Which.
    pub certificate: CertificateName,
    /// From when on, Unix seconds.
    pub from: i64,
    /// Why, such as `keyCompromise` (RFC 5280, section 5.3.1).
    pub reason: Option<String>,
}

impl RevokedCertificate {
    /// The entries of a certificate revocation list (RFC 5280) in PEM or DER. Its signature is not checked: whoever
    /// imports it vouches for it.
    ///
    /// # Errors
    /// [`ManifestError::BadAnchors`] when it cannot be read.
    pub fn of_crl(bytes: &[u8]) -> Result<Vec<Self>, ManifestError> {
        let from_pem = pem_blocks(bytes, "X509 CRL").and_then(|list| list.into_iter().next());
        let der = from_pem.unwrap_or_else(|| bytes.to_vec());
        let list = RevocationList::parse(&der).ok_or_else(|| ManifestError::BadAnchors {
            list: "revocations".to_owned(),
            reason: "the file is no certificate revocation list".to_owned(),
        })?;
        let issuer_sha256 = Sha256::digest(list.issuer).into();
        let entry = |entry: &crate::der::ListedRevocation<'_>| Self {
            certificate: CertificateName::Serial {
                issuer_sha256,
                serial: entry.serial.to_vec(),
            },
            from: entry.from,
            reason: entry.reason.map(str::to_owned),
        };
        Ok(list.entries.iter().map(entry).collect())
    }
}
