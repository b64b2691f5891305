//! Pictures, keys and specifications for the tests, all made in code.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod chain;

use std::io::Cursor;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use colophon_keys::{InitOptions, KeyStore};
use colophon_manifest::{
    Agent, ClaimSigner, DigitalSourceType, ManifestReport, ManifestSpec, Origin, Reading, Signed,
    SignerError, TrainingUse, TrustAnchors, read, sign,
};
use image::{ImageFormat, Rgb, RgbImage};

pub const DEADLINE: Duration = Duration::from_mins(1);
pub const FORMATS: [(&str, ImageFormat); 3] = [
    ("image/jpeg", ImageFormat::Jpeg),
    ("image/png", ImageFormat::Png),
    ("image/webp", ImageFormat::WebP),
];
pub const ID: u64 = 0x0123_4567_89ab_cdef;

/// The present, Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs() as i64
}

pub struct Keys {
    _home: tempfile::TempDir,
    signer: colophon_keys::ClaimSigner,
    pub root: String,
}

impl Keys {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = KeyStore::init(&home.path().join("keys"), InitOptions::local(now())).unwrap();
        Self {
            signer: store.claim_signer().unwrap(),
            root: store.root_certificate_pem().unwrap(),
            _home: home,
        }
    }

    pub fn anchors(&self) -> TrustAnchors {
        TrustAnchors::none().with_local_root(&self.root).unwrap()
    }
}

impl ClaimSigner for Keys {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.signer.sign(data)?.to_vec())
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.signer.chain_pem().as_bytes().to_vec()
    }
}

pub fn picture(format: ImageFormat) -> Vec<u8> {
    let pixels = RgbImage::from_fn(96, 64, |x, y| {
        Rgb([(x * 2) as u8, (y * 3) as u8, (x * y / 8) as u8])
    });
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn spec() -> ManifestSpec<'static> {
    ManifestSpec {
        claim_generator: Agent {
            name: "Colophon".to_owned(),
            version: Some("0.1.0".to_owned()),
        },
        origin: Origin::Created(DigitalSourceType::TrainedAlgorithmicMedia),
        software_agent: Some(Agent {
            name: "Test-Model".to_owned(),
            version: Some("2".to_owned()),
        }),
        generation: None,
        when: "2026-11-23T12:00:00Z".to_owned(),
        title: Some("A test picture".to_owned()),
        watermark_id: Some(ID),
        fingerprint: Some([0x5a; 32]),
        training_use: TrainingUse::NotAllowed,
        unmarked_reason: None,
        ledger_origin: Some("colophon.local/0123".to_owned()),
    }
}

pub fn signed(keys: &Keys, mime: &str, format: ImageFormat) -> Signed {
    sign(&picture(format), mime, &spec(), keys).unwrap()
}

pub fn report(asset: &[u8], mime: &str, anchors: &TrustAnchors) -> ManifestReport {
    match read(asset, mime, anchors, DEADLINE).unwrap() {
        Reading::Manifest(report) => *report,
        other => panic!("no manifest: {other:?}"),
    }
}
