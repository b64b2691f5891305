//! Pictures signed with a chain that lives as long as the call.

use colophon_fuzz::pictures;
use colophon_imaging::{Channels, EncodeOptions, Format, encode};
use colophon_keys::{ClaimSigner as Keys, InitOptions, KeyStore};
use colophon_manifest::{
    Agent, ClaimSigner, DigitalSourceType, ManifestSpec, Origin, SignerError, TrainingUse, sign,
};

struct Signer(Keys);

impl ClaimSigner for Signer {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(data)?.to_vec())
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.0.chain_pem().as_bytes().to_vec()
    }
}

/// One signed file a format.
pub fn files() -> Vec<Vec<u8>> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let home = tempfile::tempdir().expect("a temporary folder");
    let options = InitOptions::local(now.as_secs() as i64);
    let store = KeyStore::init(&home.path().join("keys"), options).expect("new keys");
    let signer = Signer(store.claim_signer().expect("a claim signer"));
    let picture = pictures::plain(9, 5, Channels::Rgb, false);
    let mut files = Vec::new();
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        let file = encode(&picture, &EncodeOptions::new(format)).expect("a small picture");
        let signed = sign(&file, format.mime(), &spec(), &signer).expect("a signed picture");
        files.extend([signed.asset, file]);
    }
    files
}

fn spec() -> ManifestSpec<'static> {
    let agent = |name: &str| Agent {
        name: name.to_owned(),
        version: Some("2".to_owned()),
    };
    ManifestSpec {
        claim_generator: agent("Colophon"),
        origin: Origin::Created(DigitalSourceType::TrainedAlgorithmicMedia),
        software_agent: Some(agent("A model")),
        generation: None,
        when: "2026-11-26T12:00:00Z".to_owned(),
        title: Some("A seed".to_owned()),
        watermark_id: Some(7),
        fingerprint: Some([0x5a; 32]),
        training_use: TrainingUse::NotAllowed,
        unmarked_reason: None,
        ledger_origin: Some("colophon.local/0123".to_owned()),
    }
}
