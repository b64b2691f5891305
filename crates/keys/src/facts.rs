//! `keys.json`: public facts of the keys of all times.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{self, FACTS_FILE};
use crate::{Algorithm, KeyEvent, KeyEventKind, KeysError, Role};

pub(crate) const FACTS_VERSION: u32 = 2;

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Made, not yet in use: it waits for its certificate.
    Created,
    /// In use.
    Active,
    /// Out of use; what it made stays good.
    Retired,
    /// Not to be trusted from a time on.
    Revoked,
}

impl KeyState {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

/// Where a private key lives. Holds no secret: PINs and tokens are in files of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Location {
    /// A file of the key folder.
    File {
        /// Its name; `None` once the key is destroyed.
        name: Option<String>,
    },
    /// A token behind a PKCS#11 module.
    Pkcs11(TokenKey),
    /// A signer on another machine.
    Remote(RemoteKey),
}

/// A key in a token (PKCS#11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// The module's shared library.
    pub module: PathBuf,
    /// Label of the token (`CKA_LABEL` of the slot's token).
    pub token: String,
    /// Label of the key pair (`CKA_LABEL`).
    pub key: String,
    /// File that holds the user PIN.
    pub pin_file: PathBuf,
}

/// A key behind a remote signer (see `docs/keys.md` for the protocol).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteKey {
    /// Base address: `https`, or `http` on this machine.
    pub url: String,
    /// Name of the key there.
    pub key: String,
    /// File that holds the bearer token.
    pub token_file: PathBuf,
    /// Longest wait for an answer, milliseconds.
    pub timeout_ms: u64,
}

/// Why and from when on a key is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When it was said, Unix seconds.
    pub at: i64,
    /// From when on, Unix seconds.
    pub from: i64,
    /// A word of RFC 5280, section 5.3.1, such as `keyCompromise`.
    pub reason: String,
}

/// One key of any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredKey {
    pub role: Role,
    pub id: String,
    /// `None` for symmetric keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    pub state: KeyState,
    pub created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    pub location: Location,
    /// Certificate, verifier key or public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_file: Option<String>,
    /// Certificates above a claim signer's, the nearest first, without the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain_files: Vec<String>,
    /// The root above the local issuing authority, or above a claim signer's imported chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor_file: Option<String>,
}

impl StoredKey {
    /// The name of its certificate's file.
    pub fn certificate_file(&self) -> Result<&str, KeysError> {
        let file = self.public_file.as_deref();
        file.filter(|file| file.ends_with(".cert.pem"))
            .ok_or_else(|| KeysError::CannotChange {
                role: self.role.name(),
                action: "used",
                reason: "it has no certificate yet".to_owned(),
            })
    }

    /// The name of the private file in the key folder, if it has one.
    pub fn private_file(&self) -> Option<&str> {
        match &self.location {
            Location::File { name } => name.as_deref(),
            Location::Pkcs11(_) | Location::Remote(_) => None,
        }
    }
}

/// The file's content.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredFacts {
    pub version: u32,
    pub created_at: i64,
    /// In the order of making.
    pub keys: Vec<StoredKey>,
    /// Events that the ledger has not taken yet.
    pub events: Vec<KeyEvent>,
    /// Number of the next event.
    pub next_event: u64,
    /// File name to SHA-256 of its content.
    pub files: BTreeMap<String, String>,
}

/// The first version: five roles, one key each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstFacts {
    #[serde(rename = "version")]
    _version: u32,
    created_at: i64,
    watermark_key_id: String,
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

impl StoredFacts {
    pub(crate) fn new(created_at: i64) -> Self {
        Self {
            version: FACTS_VERSION,
            created_at,
            keys: Vec::new(),
            events: Vec::new(),
            next_event: 0,
            files: BTreeMap::new(),
        }
    }

    /// The claim signer's key that waits for its certificate.
    pub(crate) fn waiting(&self) -> Option<&StoredKey> {
        self.keys
            .iter()
            .find(|key| key.role == Role::ClaimSigner && key.state == KeyState::Created)
    }

    pub(crate) fn active(&self, role: Role) -> Option<&StoredKey> {
        self.keys
            .iter()
            .find(|key| key.role == role && key.state == KeyState::Active)
    }

    /// Queues an event of the key for the ledger.
    pub(crate) fn tell(&mut self, kind: KeyEventKind, key: &StoredKey, at: i64) {
        let revoked = key
            .revoked
            .as_ref()
            .filter(|_| kind == KeyEventKind::Revoked);
        let public_sha256 = key
            .public_file
            .as_ref()
            .and_then(|file| self.files.get(file).cloned());
        self.events.push(KeyEvent {
            number: self.next_event,
            kind,
            role: key.role,
            key_id: key.id.clone(),
            at,
            from: revoked.map(|revoked| revoked.from),
            reason: revoked.map(|revoked| revoked.reason.clone()),
            public_sha256,
        });
        self.next_event += 1;
    }

    /// Adds a key that is in use from now on: one event says both that it was made and that it is
    /// used.
    pub(crate) fn add_active(&mut self, key: StoredKey, at: i64) {
        self.tell(KeyEventKind::Activated, &key, at);
        self.keys.push(key);
    }

    pub(crate) fn to_json(&self) -> Result<Vec<u8>, KeysError> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| KeysError::encode("the facts file", error))?;
        json.push(b'\n');
        Ok(json)
    }
}

impl From<FirstFacts> for StoredFacts {
    fn from(first: FirstFacts) -> Self {
        let keys = [
            Role::RootAuthority,
            Role::IssuingAuthority,
            Role::ClaimSigner,
            Role::Ledger,
            Role::Watermark,
        ];
        let keys = keys.map(|role| StoredKey {
            role,
            // The others' ids are in certificates, which an upgrade reads.
            id: if role == Role::Watermark {
                first.watermark_key_id.clone()
            } else {
                String::new()
            },
            algorithm: (!role.is_symmetric()).then_some(Algorithm::Ed25519),
            state: KeyState::Active,
            created_at: first.created_at,
            activated_at: Some(first.created_at),
            retired_at: None,
            revoked: None,
            location: Location::File {
                name: Some(role.private_file().to_owned()),
            },
            public_file: role.public_file().map(str::to_owned),
            chain_files: match role {
                Role::ClaimSigner => vec![files::ISSUING_CERTIFICATE_FILE.to_owned()],
                _ => Vec::new(),
            },
            anchor_file: (role == Role::IssuingAuthority)
                .then(|| files::ROOT_CERTIFICATE_FILE.to_owned()),
        });
        Self {
            version: 1,
            created_at: first.created_at,
            keys: keys.into(),
            events: Vec::new(),
            next_event: 0,
            files: first.files,
        }
    }
}

/// Reads the facts of any version that was ever written.
pub(crate) fn read_facts(dir: &Path) -> Result<StoredFacts, KeysError> {
    let path = dir.join(FACTS_FILE);
    if !dir.is_dir()
        || dir
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none())
    {
        return Err(KeysError::NoKeys(dir.to_owned()));
    }
    let bytes = files::read_up_to(&path, MAX_FACTS_BYTES)?;
    parse(&bytes).map_err(|what| KeysError::Corrupt { path, what })
}

/// Thousands of keys and events.
const MAX_FACTS_BYTES: u64 = 4 << 20;

fn parse(bytes: &[u8]) -> Result<StoredFacts, String> {
    let said = |error: serde_json::Error| error.to_string();
    let any: AnyVersion = serde_json::from_slice(bytes).map_err(said)?;
    match any.version {
        1 => serde_json::from_slice::<FirstFacts>(bytes)
            .map(StoredFacts::from)
            .map_err(said),
        FACTS_VERSION => serde_json::from_slice(bytes).map_err(said),
        other => Err(format!("version {other} is not known to this program")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"version":1,"created_at":7,"watermark_key_id":"00112233445566aa","files":{"signer.key.pem":"ab"}}"#;

    #[test]
    fn the_first_version_reads_as_five_keys() {
        let facts = parse(FIRST.as_bytes()).unwrap();
        assert_eq!((facts.version, facts.keys.len()), (1, 5));
        assert_eq!(
            facts.active(Role::Watermark).unwrap().id,
            "00112233445566aa"
        );
        assert!(facts.active(Role::Storage).is_none());
    }

    #[test]
    fn later_versions_and_unknown_fields_are_refused() {
        assert!(
            parse(br#"{"version":3}"#)
                .unwrap_err()
                .contains("version 3")
        );
        assert!(parse(FIRST.replace("\"files\"", "\"x\":1,\"files\"").as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_parsing_fail_otherwise_than_by_an_error(bytes: Vec<u8>, at in 0..FIRST.len(), to: u8) {
            let _ = parse(&bytes);
            let mut changed = FIRST.as_bytes().to_vec();
            changed[at] = to;
            let _ = parse(&changed);
        }
    }
}
