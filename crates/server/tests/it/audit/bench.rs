//! A ledger of three hundred records and the service over it.

use crate::running::{Reply, Running, ask};
use colophon_accounts::{Keys, NewKey, Scope, Tenant};
use colophon_imaging::Limits as PictureLimits;
use colophon_ledger::{Agent, Kind, NewRecord};
use colophon_provenance::{Home, Issuer, Language, Report, ReportError};
use colophon_server::{
    Access, CheckFailure, Checked, Checks, Limits, Service, Settings, Wanted, service_routes,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) const NOW: i64 = 1_800_000_000;
/// Pictures in the ledger; more than a tile of 256.
pub(super) const COUNT: u64 = 300;
/// What must be in no public answer.
pub(super) const PERSONAL: [&str; 5] = [
    "Portrait of Ida Private",
    "a secret prompt about Ida",
    "a secret thing not to show",
    "ida.private",
    "0123456789ab",
];
/// A name that is public, and hostile.
pub(super) const HOSTILE: &str = "<img src=x onerror=alert(1)>\"';--\u{202e}";

/// Nobody checks pictures here.
pub(super) struct NoChecks;

impl Checks for NoChecks {
    fn check(&self, _: &str, _: &[u8], _: Wanted) -> Result<Checked, CheckFailure> {
        Err(CheckFailure("no checks here".to_owned()))
    }

    fn unchecked(&self, _: &str, _: ReportError, _: Language) -> Result<Report, CheckFailure> {
        Err(CheckFailure("no checks here".to_owned()))
    }

    fn limits(&self) -> PictureLimits {
        PictureLimits::default()
    }

    fn at_once(&self) -> usize {
        1
    }
}

pub(super) fn mark(n: u64) -> u64 {
    0x0123_4567_89ab_0000 + n
}

pub(super) fn record(n: u64) -> NewRecord {
    let manifest = format!("manifest of {n} with the title {}", PERSONAL[0]).into_bytes();
    NewRecord {
        issued_at: NOW + n as i64,
        kind: Kind::Stamp,
        generator: Some(Agent {
            name: if n.is_multiple_of(2) {
                HOSTILE
            } else {
                "Camera"
            }
            .to_owned(),
            version: None,
        }),
        source_type: "trainedAlgorithmicMedia".to_owned(),
        watermark_id: Some(mark(n)),
        fingerprint: Some([(n % 7) as u8; 32]),
        sketch: None,
        asset_sha256: Sha256::digest(n.to_be_bytes()).into(),
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest_id: format!("urn:c2pa:{n}"),
        manifest,
        signer_key_id: [9; 32],
        policy_hash: [8; 32],
        width: 64,
        height: 48,
        requester: Some("api-key:news/ida.private".to_owned()),
        title: Some(PERSONAL[0].to_owned()),
        prompt: Some(PERSONAL[1].to_owned()),
        negative_prompt: None,
        prompt_salt: None,
        generation: None,
        unmarked_reason: None,
    }
}

/// A service over a ledger of its own.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) running: Running,
    pub(super) keys: BTreeMap<&'static str, String>,
}

impl Bench {
    pub(super) fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        let issuer = Issuer::open(&home, None, NOW).unwrap();
        let records = (0..COUNT).map(record).collect();
        issuer.ledger().append_many(records).unwrap();
        let made = Keys::new(home.root.join("access"));
        let key = |name: &str, tenant: Tenant, scopes: &[Scope]| {
            let key = NewKey {
                name: name.to_owned(),
                tenant,
                scopes: scopes.iter().copied().collect(),
                teams: None,
                expires: None,
                limits: colophon_accounts::Limits::default(),
            };
            made.create(key, NOW).unwrap().0.expose().to_string()
        };
        let news: Tenant = "news".parse().unwrap();
        let keys = BTreeMap::from([
            ("reader", key("reader", Tenant::own(), &[Scope::Read])),
            (
                "exporter",
                key("exporter", Tenant::own(), &[Scope::Read, Scope::Export]),
            ),
            ("ours", key("ours", news, &[Scope::Read, Scope::Personal])),
            (
                "theirs",
                key(
                    "theirs",
                    "other".parse().unwrap(),
                    &[Scope::Read, Scope::Personal],
                ),
            ),
        ]);
        let access = Access::of(&home);
        let clock = Arc::new(|| NOW + 1_000);
        let service = Service::new(home, Arc::new(issuer), Arc::new(NoChecks), settings, clock);
        let routes = service_routes(Arc::new(service.with_access(access)));
        Self {
            folder,
            running: Running::start(routes, Limits::default()),
            keys,
        }
    }

    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    pub(super) fn home(&self) -> Home {
        Home::new(self.folder.path().join("home"))
    }

    pub(super) fn get_with(&self, path: &str, header: &str) -> Reply {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n");
        let mut reply = ask(self.address(), request.as_bytes());
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = joined(&reply.body);
        }
        reply
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.get_with(path, "")
    }

    pub(super) fn get_as(&self, who: &str, path: &str) -> Reply {
        let header = format!("Authorization: Bearer {}\r\n", self.keys[who]);
        self.get_with(path, &header)
    }

    pub(super) fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// Place of the first picture; keys' events lie before it.
    pub(super) fn first(&self) -> u64 {
        let page = self.json("/v1/records?limit=1");
        page["records"][0]["entry"].as_u64().unwrap()
    }
}

/// The body of an answer in chunks; empty where the last chunk is missing.
pub(super) fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let Some(end) = chunks.windows(2).position(|it| it == b"\r\n") else {
            return Vec::new();
        };
        let length = std::str::from_utf8(&chunks[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&chunks[end + 2..end + 2 + length]);
        chunks = &chunks[end + 4 + length..];
    }
}
