//! Certificate chains of every kind, and files signed with them by the SDK itself.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Cursor;

use c2pa::{Builder, Context, Settings, SigningAlg};
use colophon_manifest::{ListKind, ListUse, TrustAnchors, TrustList};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};

/// id-kp-emailProtection.
pub const EMAIL: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 4];
/// id-kp-documentSigning.
pub const DOCUMENTS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 36];
/// c2pa-kp-claimSigning.
pub const CLAIMS: &[u64] = &[1, 3, 6, 1, 4, 1, 62558, 2, 1];
/// Microsoft's own.
pub const MICROSOFT: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 76, 59, 1, 9];
/// id-kp-codeSigning, which signs no claims.
pub const CODE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 3];

/// A root and a leaf under it.
pub struct Chain {
    root_params: CertificateParams,
    root_key: KeyPair,
    pub root: String,
    pub leaf: String,
    key: String,
}

fn params(organisation: &str, name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CountryName, "ZZ");
    params
        .distinguished_name
        .push(DnType::OrganizationName, organisation);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2096, 1, 1);
    params
}

impl Chain {
    /// A chain whose leaf names `organisation` and has these extended key usages.
    pub fn new(organisation: &str, usages: &[&[u64]]) -> Self {
        let mut root_params = params(organisation, "Root");
        root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root_params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root_key = KeyPair::generate().unwrap();
        let root = root_params.self_signed(&root_key).unwrap().pem();
        let mut leaf = params(organisation, "Signer");
        leaf.serial_number = Some(SerialNumber::from(vec![0x5a, 1, 2]));
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.use_authority_key_identifier_extension = true;
        leaf.extended_key_usages = usages
            .iter()
            .map(|usage| ExtendedKeyUsagePurpose::Other(usage.to_vec()))
            .collect();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&root_params, &root_key);
        let leaf = leaf.signed_by(&key, &issuer).unwrap().pem();
        Self {
            key: key.serialize_pem(),
            root_params,
            root_key,
            root,
            leaf,
        }
    }

    pub fn signer(&self) -> c2pa::BoxedSigner {
        let key = self.key.as_bytes();
        c2pa::create_signer::from_keys(self.leaf.as_bytes(), key, SigningAlg::Es256, None).unwrap()
    }

    /// The root's revocation list with the leaf on it, DER.
    pub fn crl(&self) -> Vec<u8> {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(vec![0x5a, 1, 2]),
            revocation_time: date_time_ymd(2025, 9, 21),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2025, 9, 22),
            next_update: date_time_ymd(2096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.root_params, &self.root_key);
        list.signed_by(&issuer).unwrap().der().to_vec()
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

/// A builder of the SDK that adds nothing by itself and accepts every extended key usage named above.
pub fn builder(definition: &Value) -> Builder {
    let settings = json!({
        "verify": { "verify_after_sign": false, "remote_manifest_fetch": false, "ocsp_fetch": false },
        "trust": { "trust_config": "1.3.6.1.5.5.7.3.3\n" },
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
