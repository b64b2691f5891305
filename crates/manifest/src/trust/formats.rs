//! The forms in which trust lists are published.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::ListUse;
use crate::ManifestError;
use crate::der::Certificate;
use crate::report::{clean, hex};
use crate::signer::certificates;

/// Longest file of a list, bytes; the largest known has a tenth of it.
const MAX_BYTES: usize = 4 << 20;

/// What one published file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListContent {
    /// Certificates of authorities, PEM.
    pub anchors: String,
    /// Single signers, as in [`super::TrustList::allowed`].
    pub allowed: String,
    /// Extended key usages, dotted numbers.
    pub key_usages: Vec<String>,
    /// What it vouches for, where it says so.
    pub usage: Option<ListUse>,
    /// When it was issued, RFC 3339, where it says so.
    pub issued: Option<String>,
    /// When it is to be replaced, RFC 3339, where it says so.
    pub next_update: Option<String>,
}

/// The form of C2PA: ETSI TS 119 602, as far as it is needed.
#[derive(Deserialize)]
struct Published {
    #[serde(rename = "LoTE")]
    list: Entities,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entities {
    list_and_scheme_information: Scheme,
    trusted_entities_list: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scheme {
    #[serde(default, rename = "SchemeName")]
    name: Vec<Named>,
    list_issue_date_time: Option<String>,
    next_update: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entity {
    #[serde(default)]
    trusted_entity_services: Vec<Service>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    service_information: Information,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Information {
    service_digital_identity: DigitalIdentity,
    #[serde(default)]
    service_status: String,
}

#[derive(Deserialize)]
struct DigitalIdentity {
    #[serde(rename = "X509Certificates", default)]
    certificates: Vec<Encoded>,
}

#[derive(Deserialize)]
struct Encoded {
    val: String,
}

impl ListContent {
    /// Reads one file of a list: PEM certificates, the JSON form of C2PA, lines with hashes of certificates, or lines
    /// with extended key usages (`store.cfg`). Certificates of a file whose name begins with `allowed` are single
    /// signers, as in the interim list.
    ///
    /// # Errors
    /// [`ManifestError::BadAnchors`] when it is none of these.
    pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        let bad = |reason: &str| ManifestError::BadAnchors {
            list: clean(file_name),
            reason: reason.to_owned(),
        };
        if bytes.len() > MAX_BYTES {
            return Err(bad("it is larger than 4 MiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad("it is no text"))?;
        if text.trim_start().starts_with('{') {
            return Self::published(text).map_err(|reason| bad(&reason));
        }
        let mut content = Self::default();
        let found = certificates(bytes).ok_or_else(|| bad("a PEM block is broken"))?;
        if found.is_empty() {
            content.lines(text);
        } else {
            let pem: String = found.iter().map(|der| pem(der)).collect();
            if file_name.starts_with("allowed") {
                content.allowed = pem;
            } else {
                content.anchors = pem;
            }
        }
        let is_empty = content.anchors.is_empty()
            && content.allowed.is_empty()
            && content.key_usages.is_empty();
        if is_empty {
            return Err(bad(
                "it holds no certificate, no hash of one and no key usage",
            ));
        }
        Ok(content)
    }

    /// Hashes of certificates (Base64 of 32 bytes) and dotted numbers; others are comments.
    fn lines(&mut self, text: &str) {
        for line in text.lines().map(str::trim) {
            let is_hash = line.len() == 44 && STANDARD.decode(line).is_ok_and(|it| it.len() == 32);
            let is_usage = line.contains('.')
                && line
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
                && line.len() < 64;
            if is_hash {
                self.allowed += line;
                self.allowed += "\n";
            } else if is_usage {
                self.key_usages.push(line.to_owned());
            }
        }
    }

    fn published(text: &str) -> Result<Self, String> {
        const TRUSTED: &str = "/trusted";
        let read: Published = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let services = read
            .list
            .trusted_entities_list
            .into_iter()
            .flat_map(|entity| entity.trusted_entity_services)
            .map(|service| service.service_information)
            .filter(|it| it.service_status.is_empty() || it.service_status.ends_with(TRUSTED));
        let mut anchors = String::new();
        for each in services.flat_map(|it| it.service_digital_identity.certificates) {
            let der = STANDARD.decode(each.val.trim());
            let der = der.map_err(|_| "a certificate in it is no Base64".to_owned())?;
            anchors += &pem(&der);
        }
        let scheme = read.list.list_and_scheme_information;
        let stamps = scheme
            .name
            .iter()
            .any(|name| name.value.contains("TSA"));
        Ok(Self {
            anchors,
            usage: Some(if stamps {
                ListUse::TimeStamps
            } else {
                ListUse::Signers
            }),
            issued: scheme.list_issue_date_time.as_deref().map(clean),
            next_update: scheme.next_update.as_deref().map(clean),
            ..Self::default()
        })
    }

    /// Takes in what another file of the same list holds.
    pub fn join(&mut self, other: Self) {
        self.anchors += &other.anchors;
        self.allowed += &other.allowed;
        self.key_usages.extend(other.key_usages);
        self.usage = self.usage.or(other.usage);
        self.issued = self.issued.take().or(other.issued);
        self.next_update = self.next_update.take().or(other.next_update);
    }
}

/// A certificate as PEM.
fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines = body
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok());
    let body = lines.fold(String::new(), |text, line| text + line + "\n");
    format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
}

/// What a certificate of a list tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnchorFacts {
    /// Organisation and common name of its subject.
    pub subject: String,
    /// SHA-256 over its DER, hex.
    pub sha256: String,
    /// Up to when it is in force, Unix seconds.
    pub not_after: i64,
}

impl AnchorFacts {
    /// Of every certificate in PEM text that can be read.
    pub fn of(pem: &str) -> Vec<Self> {
        let ders = certificates(pem.as_bytes()).unwrap_or_default();
        let facts = |der: &Vec<u8>| {
            let certificate = Certificate::parse(der)?;
            Some(Self {
                subject: clean(&certificate.subject_text()),
                sha256: hex(&Sha256::digest(der)),
                not_after: certificate.not_after,
            })
        };
        ders.iter().filter_map(facts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = include_str!("../../tests/golden/expired.root.pem");

    fn base64() -> String {
        STANDARD.encode(&certificates(ROOT.as_bytes()).unwrap()[0])
    }

    #[test]
    fn every_published_form_is_read() {
        let anchors = ListContent::parse("anchors.pem", ROOT.as_bytes()).unwrap();
        assert!(anchors.allowed.is_empty() && !anchors.anchors.is_empty());
        let allowed = ListContent::parse("allowed.pem", ROOT.as_bytes()).unwrap();
        assert_eq!(
            (allowed.anchors.as_str(), allowed.allowed),
            ("", anchors.anchors.clone())
        );
        let hash = STANDARD.encode([7; 32]);
        let hashes = ListContent::parse("allowed.sha256.txt", format!("# x\n{hash}\n").as_bytes());
        assert_eq!(hashes.unwrap().allowed, format!("{hash}\n"));
        let usages = ListContent::parse("store.cfg", b"//id-kp\n1.3.6.1.5.5.7.3.4\n").unwrap();
        assert_eq!(usages.key_usages, ["1.3.6.1.5.5.7.3.4"]);
        for bad in [
            b"nothing".as_slice(),
            b"{}",
            b"\xff",
            b"-----BEGIN CERTIFICATE-----\nx",
        ] {
            assert!(ListContent::parse("x", bad).is_err());
        }
    }

    #[test]
    fn the_published_json_tells_dates_and_leaves_out_who_was_withdrawn() {
        let service = |status: &str| {
            format!(
                r#"{{"ServiceInformation":{{"ServiceStatus":"http://c2pa.org/{status}","ServiceDigitalIdentity":{{"X509Certificates":[{{"val":"{}"}}]}}}}}}"#,
                base64()
            )
        };
        let list = |services: &str| {
            let text = format!(
                r#"{{"LoTE":{{"ListAndSchemeInformation":{{"SchemeName":[{{"lang":"en","value":"C2PA TSA Trust List"}}],"ListIssueDateTime":"2026-08-05T00:11:47Z","NextUpdate":"2027-08-05T00:11:47Z"}},"TrustedEntitiesList":[{{"TrustedEntityServices":[{services}]}}]}}}}"#
            );
            ListContent::parse("list.json", text.as_bytes()).unwrap()
        };
        let trusted = list(&service("trusted"));
        assert_eq!(trusted.usage, Some(ListUse::TimeStamps));
        assert_eq!(trusted.issued.as_deref(), Some("2026-08-05T00:11:47Z"));
        assert_eq!(AnchorFacts::of(&trusted.anchors).len(), 1);
        assert_eq!(list(&service("withdrawn")).anchors, "");
    }

    #[test]
    fn a_certificate_is_told_by_its_names() {
        let facts = AnchorFacts::of(ROOT);
        assert_eq!(facts.len(), 1);
        assert!(!facts[0].subject.is_empty() && facts[0].sha256.len() == 64);
    }
}
