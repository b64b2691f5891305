//! Certificates of other authorities for the claim signer: asked for, checked, installed.

use pkcs8::der::EncodePem as _;
use pkcs8::der::pem::LineEnding;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::request::RequestBuilder;

use crate::certificate::{self, EKU_CLAIM_SIGNING, EKU_EMAIL_PROTECTION};
use crate::change::Change;
use crate::facts::{KeyState, StoredKey};
use crate::life::{cannot, retire};
use crate::store::read_certificate;
use crate::{KeyEventKind, KeyStore, KeySummary, KeysError, Purpose, Role};

/// Most certificates of a chain, root included.
const LONGEST_CHAIN: usize = 8;

impl KeyStore {
    /// A request (PKCS#10, RFC 2986; PEM) for a certificate of the claim signer: of the key that
    /// waits for one, else of the key in use. Subject and usages are those of the local
    /// certificate; the authority decides what it certifies.
    ///
    /// # Errors
    /// What opening the key says, see [`KeyStore::claim_signer`].
    pub fn certificate_request(&self) -> Result<String, KeysError> {
        let failed = |reason: String| KeysError::encode("a certificate request", reason);
        let active = self.active(Role::ClaimSigner)?;
        let entry = self.facts.waiting().unwrap_or(active);
        let subject = read_certificate(&self.dir, active.certificate_file()?)?;
        let subject = subject.tbs_certificate().subject().clone();
        let mut builder =
            RequestBuilder::new(subject).map_err(|error| failed(error.to_string()))?;
        let usage = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
        builder
            .add_extension(&KeyUsage(usage))
            .map_err(|error| failed(error.to_string()))?;
        builder
            .add_extension(&ExtendedKeyUsage(vec![
                EKU_EMAIL_PROTECTION,
                EKU_CLAIM_SIGNING,
            ]))
            .map_err(|error| failed(error.to_string()))?;
        let handle = self.handle(entry)?;
        certificate::signed(builder, &*handle, Purpose::CertificateRequest)?
            .to_pem(LineEnding::LF)
            .map_err(|error| failed(error.to_string()))
    }

    /// Installs a certificate that an authority issued for the claim signer's key: PEM, the leaf
    /// first, then every authority up to the root. The root may be given apart as `anchor`. A key
    /// that waited for it comes into use and the former one retires. One step.
    ///
    /// # Errors
    /// [`KeysError::Certificate`] with everything that is wrong: another key, a broken chain, a
    /// certificate that C2PA readers refuse, a time that is over. Nothing changes then.
    pub fn import_certificate(
        &mut self,
        chain: &[u8],
        anchor: Option<&[u8]>,
        now: i64,
    ) -> Result<KeySummary, KeysError> {
        let (chain, root) = read_chain(chain, anchor)?;
        let [leaf, authorities @ ..] = &chain[..] else {
            return Err(refused("it holds no certificate"));
        };
        check(leaf, authorities, &root, now)?;
        let mut change = Change::begin(&self.dir)?;
        let key = self.certified_key(leaf)?.clone();
        let (mut sink, facts) = change.parts();
        let former = facts
            .active(Role::ClaimSigner)
            .filter(|active| active.id != key.id)
            .cloned();
        if let Some(former) = &former {
            retire(facts, &former.id, now);
        }
        let mut maker = self.maker(&mut sink, facts, now);
        let mut put = |plain: &str, certificates: &[Certificate]| {
            let name = maker.free_name(plain, &key.id);
            let mut text = String::new();
            for certificate in certificates {
                text += &certificate::to_pem(certificate)?;
            }
            maker.write(&name, text.as_bytes(), false)?;
            Ok::<_, KeysError>(name)
        };
        let leaf_file = put("signer.cert.pem", std::slice::from_ref(leaf))?;
        let chain_files = match authorities {
            [] => Vec::new(),
            some => vec![put("signer-chain.cert.pem", some)?],
        };
        let anchor_file = put("signer-root.cert.pem", std::slice::from_ref(&root))?;
        let entry = facts
            .keys
            .iter_mut()
            .find(|entry| entry.id == key.id)
            .ok_or_else(|| refused("its key has just been removed"))?;
        let waited = entry.state == KeyState::Created;
        entry.state = KeyState::Active;
        entry.activated_at = entry.activated_at.or(Some(now));
        entry.public_file = Some(leaf_file);
        entry.chain_files = chain_files;
        entry.anchor_file = Some(anchor_file);
        let entry = entry.clone();
        facts.tell(KeyEventKind::Certified, &entry, now);
        if waited {
            facts.tell(KeyEventKind::Activated, &entry, now);
        }
        self.facts = change.commit()?;
        self.destroy(former.as_ref());
        Ok(self.summary(&entry))
    }

    /// The key that waits, or is in use, and whose public part the certificate holds.
    fn certified_key(&self, leaf: &Certificate) -> Result<&StoredKey, KeysError> {
        let id = certificate::public_key(leaf)
            .ok_or_else(|| refused("its key is neither Ed25519 nor P-256"))?
            .id()
            .to_string();
        let usable = |key: &&StoredKey| {
            key.role == Role::ClaimSigner
                && key.id == id
                && matches!(key.state, KeyState::Created | KeyState::Active)
        };
        self.facts.keys.iter().find(usable).ok_or_else(|| {
            let other = self.facts.keys.iter().any(|key| key.id == id);
            if other {
                return cannot(
                    Role::ClaimSigner,
                    "certified",
                    "the certificate is for a key that is out of use",
                );
            }
            refused("it is for another key than the claim signer's; ask for one with `colophon keys csr`")
        })
    }
}

/// The chain without its root, and the root.
fn read_chain(
    chain: &[u8],
    anchor: Option<&[u8]>,
) -> Result<(Vec<Certificate>, Certificate), KeysError> {
    let parse = |pem: &[u8]| {
        Certificate::load_pem_chain(pem)
            .map_err(|error| refused(&format!("the file holds no PEM certificates ({error})")))
    };
    let mut chain = parse(chain)?;
    if chain.len() > LONGEST_CHAIN {
        return Err(refused("the file holds more certificates than any chain"));
    }
    if let Some(anchor) = anchor {
        let root = parse(anchor)?
            .pop()
            .ok_or_else(|| refused("the root's file holds no certificate"))?;
        // Given in both files, it counts once.
        chain.retain(|certificate| *certificate != root);
        return Ok((chain, root));
    }
    match chain.pop() {
        Some(last) if certificate::is_issued_by(&last, &last) => Ok((chain, last)),
        _ => Err(refused(
            "the chain does not end in a root: give the root's certificate as well",
        )),
    }
}

fn check(
    leaf: &Certificate,
    authorities: &[Certificate],
    root: &Certificate,
    now: i64,
) -> Result<(), KeysError> {
    let mut wrong: Vec<String> = certificate::refusals(leaf)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut below = leaf;
    for (number, authority) in authorities.iter().chain([root]).enumerate() {
        if !certificate::is_issued_by(below, authority) {
            wrong.push(format!(
                "certificate {} was not signed by certificate {} (or with an algorithm that is not known here)",
                number + 1,
                number + 2
            ));
        }
        if !certificate::is_authority(authority) {
            wrong.push(format!(
                "certificate {} is not one of an authority",
                number + 2
            ));
        }
        below = authority;
    }
    for (number, certificate) in [leaf]
        .into_iter()
        .chain(authorities)
        .chain([root])
        .enumerate()
    {
        let (start, end) = certificate::validity(certificate);
        if now < start || now > end {
            wrong.push(format!("certificate {} is not valid now", number + 1));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(refused(&wrong.join("; ")))
    }
}

fn refused(reason: &str) -> KeysError {
    KeysError::Certificate(reason.to_owned())
}
