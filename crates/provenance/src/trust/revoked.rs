//! This home's own list of revoked certificates, `trust/revoked.toml`.

use colophon_manifest::{CertificateName, RevokedCertificate};
use serde::{Deserialize, Serialize};

use super::{MAX_LIST_BYTES, refused, write};
use crate::config::read_text_of;
use crate::{Home, ProvenanceError, hex};
use colophon_calendar::rfc3339;

const FILE: &str = "revoked.toml";

/// Certificates that are no longer to be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    all: Vec<RevokedCertificate>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    revoked: Vec<Entry>,
}

/// Either `sha256`, or `issuer_sha256` and `serial`; all in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sha256: Option<String>,
    issuer_sha256: Option<String>,
    serial: Option<String>,
    /// RFC 3339.
    from: String,
    reason: Option<String>,
}

impl Revocations {
    /// The list of a home; empty without one.
    ///
    /// # Errors
    /// [`ProvenanceError::Config`] and [`ProvenanceError::Io`] for a file that cannot be read.
    pub fn load(home: Option<&Home>) -> Result<Self, ProvenanceError> {
        let Some(path) = home.map(|home| home.trust().join(FILE)) else {
            return Ok(Self::default());
        };
        let bad = |reason: String| ProvenanceError::Config {
            path: path.clone(),
            reason,
        };
        let Some(text) = read_text_of(&path, MAX_LIST_BYTES)? else {
            return Ok(Self::default());
        };
        let file: File = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let all = file.revoked.into_iter().enumerate().map(|(index, entry)| {
            let reason =
                "needs `from` as a date and either `sha256` or `issuer_sha256` and `serial`";
            read(entry).ok_or_else(|| bad(format!("entry {}: it {reason}", index + 1)))
        });
        Ok(Self {
            all: all.collect::<Result<_, _>>()?,
        })
    }

    /// Every entry.
    pub fn all(&self) -> &[RevokedCertificate] {
        &self.all
    }

    /// Adds entries and keeps the list, in one step. Says how many were new.
    ///
    /// # Errors
    /// [`ProvenanceError::Io`], [`ProvenanceError::Imaging`].
    pub fn add(
        &mut self,
        home: &Home,
        entries: Vec<RevokedCertificate>,
    ) -> Result<usize, ProvenanceError> {
        let before = self.all.len();
        for entry in entries {
            // A later word on the same certificate takes the place of the earlier one.
            match self
                .all
                .iter_mut()
                .find(|it| it.certificate == entry.certificate)
            {
                Some(known) => *known = entry,
                None => self.all.push(entry),
            }
        }
        let file = File {
            revoked: self.all.iter().map(written).collect(),
        };
        let text = toml::to_string(&file).map_err(|error| refused(&error.to_string()))?;
        write(home, FILE, &text)?;
        Ok(self.all.len() - before)
    }
}

/// The certificate named: 64 hexadecimal digits of its SHA-256, or the content of a file with it (PEM or DER).
///
/// # Errors
/// [`ProvenanceError::Manifest`] when the file holds no certificate.
pub fn certificate(name: &str, file: Option<&[u8]>) -> Result<CertificateName, ProvenanceError> {
    match (unhex(name).and_then(|it| it.try_into().ok()), file) {
        (Some(sha256), _) => Ok(CertificateName::Sha256(sha256)),
        (None, Some(bytes)) => Ok(CertificateName::of_file(bytes)?),
        (None, None) => Err(refused(
            "name a certificate by a file with it, or by the 64 hexadecimal digits of its SHA-256",
        )),
    }
}

fn read(entry: Entry) -> Option<RevokedCertificate> {
    let certificate = match (entry.sha256, entry.issuer_sha256, entry.serial) {
        (Some(sha256), None, None) => CertificateName::Sha256(unhex(&sha256)?.try_into().ok()?),
        (None, Some(issuer), Some(serial)) => CertificateName::Serial {
            issuer_sha256: unhex(&issuer)?.try_into().ok()?,
            serial: unhex(&serial)?,
        },
        _ => return None,
    };
    Some(RevokedCertificate {
        certificate,
        from: super::moment(&entry.from)?,
        reason: entry.reason,
    })
}

fn written(entry: &RevokedCertificate) -> Entry {
    let (sha256, issuer_sha256, serial) = match &entry.certificate {
        CertificateName::Sha256(sha256) => (Some(hex(sha256)), None, None),
        CertificateName::Serial {
            issuer_sha256,
            serial,
        } => (None, Some(hex(issuer_sha256)), Some(hex(serial))),
    };
    Entry {
        sha256,
        issuer_sha256,
        serial,
        from: rfc3339(entry.from),
        reason: entry.reason.clone(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// A certificate's name in one line: its SHA-256, or the issuer's and the serial number.
pub fn certificate_code(certificate: &CertificateName) -> String {
    match certificate {
        CertificateName::Sha256(sha256) => crate::hex(sha256),
        CertificateName::Serial {
            issuer_sha256,
            serial,
        } => format!(
            "issuer {} serial {}",
            crate::hex(issuer_sha256),
            crate::hex(serial)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(first: u8, from: i64) -> RevokedCertificate {
        RevokedCertificate {
            certificate: CertificateName::Sha256([first; 32]),
            from,
            reason: Some("keyCompromise".to_owned()),
        }
    }

    #[test]
    fn entries_last_and_a_later_word_replaces_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let mut list = Revocations::load(Some(&home)).unwrap();
        assert_eq!(list.all(), []);
        let by_serial = RevokedCertificate {
            certificate: CertificateName::Serial {
                issuer_sha256: [9; 32],
                serial: vec![1, 2],
            },
            ..entry(0, 86_400)
        };
        assert_eq!(list.add(&home, vec![entry(1, 0), by_serial]).unwrap(), 2);
        assert_eq!(list.add(&home, vec![entry(1, 1_700_000_000)]).unwrap(), 0);
        let read = Revocations::load(Some(&home)).unwrap();
        assert_eq!(read, list);
        assert_eq!(read.all()[0].from, 1_700_000_000);
    }

    #[test]
    fn what_cannot_be_an_entry_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        std::fs::create_dir_all(home.trust()).unwrap();
        for text in [
            "[[revoked]]\nsha256 = \"00\"\nfrom = \"2026-01-01T00:00:00Z\"",
            "[[revoked]]\nserial = \"00\"\nfrom = \"2026-01-01T00:00:00Z\"",
            "[[revoked]]\nfrom = \"soon\"",
            "[[revoked]]\nx = 1",
        ] {
            std::fs::write(home.trust().join(FILE), text).unwrap();
            let read = Revocations::load(Some(&home));
            assert!(
                matches!(read, Err(ProvenanceError::Config { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_certificate_is_named_by_its_hash_or_a_file() {
        let named = certificate(&"ab".repeat(32), None).unwrap();
        assert_eq!(named, CertificateName::Sha256([0xab; 32]));
        assert!(certificate("signer.pem", None).is_err());
        assert!(certificate("signer.pem", Some(b"no certificate")).is_err());
    }
}
