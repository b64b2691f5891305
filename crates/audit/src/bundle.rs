//! The bundle to hand over: everything that a stranger needs to check one picture's record with public tools.

use colophon_archive::pack_zip;
use colophon_tlog::VerifierKey;

use crate::text::hex;
use crate::{AuditError, Life};

const README: &str = include_str!("bundle/README.md");
const CHECK_PY: &str = include_str!("bundle/check.py");
const CHECK_GO: &str = include_str!("bundle/check.go");

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a bundle holds besides the life itself.
#[derive(Clone, Debug)]
pub struct BundleParts {
    /// Key of the log that holds the record.
    pub log_key: VerifierKey,
    /// Public certificates, such as `certificates/root.pem`.
    pub certificates: Vec<NamedFile>,
    /// The witness policy (C2SP `tlog-policy`).
    pub witness_policy: Option<Vec<u8>>,
    /// The signed list of shards.
    pub shards: Option<Vec<u8>>,
    /// The COSE receipt, if there is a key to sign one.
    pub receipt: Option<ReceiptFile>,
}

/// A COSE receipt (RFC 9942) and what it is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFile {
    /// The receipt.
    pub receipt: Vec<u8>,
    /// The public key, PEM.
    pub key_pem: String,
}

/// Packs a bundle: the same input gives the same bytes. Only public facts come into it.
///
/// # Errors
/// [`AuditError::Pack`] when the record has no proof.
pub fn bundle(life: &Life, parts: &BundleParts) -> Result<Vec<u8>, AuditError> {
    let proof = life
        .proof
        .as_ref()
        .map_err(|why| AuditError::Pack(format!("the record has no proof to hand over: {why}")))?;
    let mut files = vec![
        file("README.md", readme(life, parts)),
        file("check.go", CHECK_GO.as_bytes().to_vec()),
        file("check.py", CHECK_PY.as_bytes().to_vec()),
        file("record.leaf", life.entry.leaf.clone()),
        file("record.tlog-proof", proof.as_bytes().to_vec()),
        file("log.vkey", format!("{}\n", parts.log_key).into_bytes()),
    ];
    if let Ok(manifest) = &life.manifest {
        files.push(file("manifest.c2pa", manifest.clone()));
    }
    if let Some(policy) = &parts.witness_policy {
        files.push(file("witness-policy.txt", policy.clone()));
    }
    if let Some(shards) = &parts.shards {
        files.push(file("shards.note", shards.clone()));
    }
    if let Some(receipt) = &parts.receipt {
        files.push(file("record.receipt", receipt.receipt.clone()));
        files.push(file(
            "receipt-key.pem",
            receipt.key_pem.clone().into_bytes(),
        ));
    }
    files.extend(parts.certificates.iter().cloned());
    files.sort_by(|a, b| a.name.cmp(&b.name));
    // Stored and all of one time, so that nothing but the files decides on the bytes.
    let files = files.iter().map(|file| (file.name.as_str(), &*file.bytes));
    pack_zip(files).map_err(|error| AuditError::Pack(error.to_string()))
}

fn file(name: &str, bytes: Vec<u8>) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        bytes,
    }
}

/// The instructions, with the steps left out for which there are no files.
fn readme(life: &Life, parts: &BundleParts) -> Vec<u8> {
    let record = &life.entry.record;
    let filled = README
        .replace("{{record}}", &life.entry.id().to_string())
        .replace("{{log}}", &life.log)
        .replace("{{log_key}}", &parts.log_key.to_string())
        .replace("{{asset}}", &hex(&record.asset_sha256))
        .replace("{{signer}}", &hex(&record.signer_key_id));
    let mut text = String::new();
    let mut shown = true;
    for line in filled.lines() {
        match line {
            "<!-- manifest -->" => shown = life.manifest.is_ok(),
            "<!-- certificates -->" => shown = !parts.certificates.is_empty(),
            "<!-- witnesses -->" => shown = parts.witness_policy.is_some(),
            "<!-- shards -->" => shown = parts.shards.is_some(),
            "<!-- receipt -->" => shown = parts.receipt.is_some(),
            "<!-- end -->" => shown = true,
            line if shown => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    text.into_bytes()
}
