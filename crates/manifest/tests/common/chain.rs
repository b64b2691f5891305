//! Certificate chains of every kind, and files signed with them by the SDK itself.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use c2pa::{Builder, Context, Settings, SigningAlg};
use colophon_keys::{InitOptions, KeyStore};
use colophon_manifest::{ListKind, ListUse, TrustAnchors, TrustList};
use serde_json::{Value, json};

/// A chain of one's own, under any name.
pub struct Chain {
    _home: tempfile::TempDir,
    signer: colophon_keys::ClaimSigner,
    pub root: String,
    pub leaf: String,
}

impl Chain {
    /// A chain whose certificates name `organisation`.
    pub fn new(organisation: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = InitOptions {
            organisation: organisation.to_owned(),
            ..InitOptions::local(super::now())
        };
        let store = KeyStore::init(&home.path().join("keys"), options).unwrap();
        let signer = store.claim_signer().unwrap();
        let end = "-----END CERTIFICATE-----\n";
        let (leaf, _) = signer.chain_pem().split_once(end).unwrap();
        Self {
            leaf: format!("{leaf}{end}"),
            root: store.root_certificate_pem().unwrap(),
            signer,
            _home: home,
        }
    }

    /// The root as a list.
    pub fn list(&self, name: &str, kind: ListKind, usage: ListUse) -> TrustList {
        TrustList {
            name: name.to_owned(),
            kind,
            usage,
            anchors: self.root.clone(),
            allowed: String::new(),
            key_usages: Vec::new(),
        }
    }

    pub fn anchors(&self) -> TrustAnchors {
        let list = self.list("theirs", ListKind::Official, ListUse::Signers);
        TrustAnchors::none().with(list).unwrap()
    }
}

impl c2pa::Signer for Chain {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        let signed = self.signer.sign(data).map(|signature| signature.to_vec());
        signed.map_err(|error| c2pa::Error::OtherError(Box::new(error)))
    }

    fn alg(&self) -> SigningAlg {
        SigningAlg::Ed25519
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        let blocks = self
            .signer
            .chain_pem()
            .split("-----BEGIN CERTIFICATE-----")
            .skip(1);
        let der = |block: &str| {
            let body: String = block
                .split("-----END")
                .next()
                .unwrap()
                .split_whitespace()
                .collect();
            STANDARD.decode(body).unwrap()
        };
        Ok(blocks.map(der).collect())
    }

    fn reserve_size(&self) -> usize {
        4096
    }

    fn send_timestamp_request(&self, _message: &[u8]) -> Option<c2pa::Result<Vec<u8>>> {
        None
    }
}

/// A builder of the SDK that adds nothing by itself.
pub fn builder(definition: &Value) -> Builder {
    let settings = json!({
        "verify": { "verify_after_sign": false, "remote_manifest_fetch": false, "ocsp_fetch": false },
        "builder": { "thumbnail": { "enabled": false } },
    });
    let settings = Settings::new().with_json(&settings.to_string()).unwrap();
    let context = Context::new().with_settings(settings).unwrap();
    Builder::from_context(context)
        .with_definition(definition.to_string().as_str())
        .unwrap()
}

/// A definition with one `c2pa.created` action.
pub fn created(claim_version: u8) -> Value {
    let action = json!({
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "softwareAgent": if claim_version == 1 { json!("Model 1") } else { json!({ "name": "Model", "version": "1" }) },
        "description": "made for a test",
    });
    let label = if claim_version == 1 {
        "c2pa.actions"
    } else {
        "c2pa.actions.v2"
    };
    json!({
        "claim_version": claim_version,
        "claim_generator_info": [{ "name": "Writer", "version": "9" }],
        "format": "image/jpeg",
        "title": "someone.jpg",
        "assertions": [{ "label": label, "data": { "actions": [action] } }],
    })
}

pub fn signed_by(builder: &mut Builder, asset: &[u8], signer: &dyn c2pa::Signer) -> Vec<u8> {
    let mut output = Cursor::new(Vec::new());
    builder
        .sign(signer, "image/jpeg", &mut Cursor::new(asset), &mut output)
        .unwrap();
    output.into_inner()
}

/// A picture opened from another one and signed anew.
pub fn opened(parent: &[u8], asset: &[u8], signer: &dyn c2pa::Signer) -> Vec<u8> {
    let action = json!({ "action": "c2pa.opened", "parameters": { "ingredientIds": ["parent"] } });
    let definition = json!({
        "claim_version": 2,
        "claim_generator_info": [{ "name": "Writer", "version": "9" }],
        "format": "image/jpeg",
        "assertions": [{ "label": "c2pa.actions.v2", "data": { "actions": [action] } }],
    });
    let mut builder = builder(&definition);
    let ingredient =
        json!({ "title": "before.jpg", "relationship": "parentOf", "label": "parent" });
    builder
        .add_ingredient_from_stream(
            ingredient.to_string(),
            "image/jpeg",
            &mut Cursor::new(parent),
        )
        .unwrap();
    signed_by(&mut builder, asset, signer)
}
