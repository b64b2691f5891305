//! PEM files with a secret inside, encrypted with PBES2 or not.

use std::path::Path;

use ed25519_dalek::SigningKey;
use pkcs8::der::asn1::OctetString;
use pkcs8::der::pem::{self, LineEnding};
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::pkcs5::{EncryptionScheme, pbes2, scrypt};
use pkcs8::{EncodePrivateKey as _, EncryptedPrivateKeyInfoOwned, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::{KeysError, Passphrase, Role};

/// RFC 7468 labels of PKCS#8.
pub(crate) const PKCS8: Labels = Labels {
    plain: "PRIVATE KEY",
    encrypted: "ENCRYPTED PRIVATE KEY",
};
/// Our own labels: the content is 32 raw bytes, or the same PBES2 envelope around them.
pub(crate) const WATERMARK: Labels = Labels {
    plain: "COLOPHON WATERMARK KEY",
    encrypted: "ENCRYPTED COLOPHON WATERMARK KEY",
};

/// As [`WATERMARK`], of the key that wraps data keys.
pub(crate) const STORAGE: Labels = Labels {
    plain: "COLOPHON STORAGE KEY",
    encrypted: "ENCRYPTED COLOPHON STORAGE KEY",
};

/// The labels of a role's private file.
pub(crate) fn labels(role: Role) -> Labels {
    match role {
        Role::Watermark => WATERMARK,
        Role::Storage => STORAGE,
        _ => PKCS8,
    }
}

/// The PEM labels of one kind of secret.
#[derive(Clone, Copy)]
pub(crate) struct Labels {
    plain: &'static str,
    encrypted: &'static str,
}

// scrypt cost: 16 MiB and about as slow as the 128 MiB setting with p = 1. OpenSSL refuses to
// spend more than 32 MiB on a key file, so the larger setting would not interoperate.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 5;
/// A file that asks for more work than this is refused, not obeyed.
const MAX_SCRYPT_WORK: u64 = 1 << 24;
const MAX_PBKDF2_ITERATIONS: u32 = 20_000_000;

/// Why a sealed file could not be opened. The caller knows the path and the file's history.
#[derive(Debug)]
pub(crate) enum OpenError {
    NeedsPassphrase,
    DoesNotDecrypt,
    Malformed(String),
}

/// Writes `secret` as PEM, encrypted when there is a passphrase.
pub(crate) fn seal(
    labels: Labels,
    secret: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, KeysError> {
    let text = match passphrase {
        None => pem::encode_string(labels.plain, LineEnding::LF, secret),
        Some(passphrase) => {
            let envelope = encrypt(secret, passphrase)?;
            pem::encode_string(labels.encrypted, LineEnding::LF, &envelope)
        }
    };
    text.map(Zeroizing::new)
        .map_err(|error| KeysError::encode("a key file", error))
}

fn encrypt(secret: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, KeysError> {
    let mut random = [0u8; 32];
    getrandom::fill(&mut random).map_err(|error| KeysError::Random(error.to_string()))?;
    let (salt, iv) = random.split_at(16);
    let mut iv_bytes = [0u8; 16];
    iv_bytes.copy_from_slice(iv);
    let failed = |reason: &dyn std::fmt::Display| KeysError::encode("an encrypted key", reason);
    let cost =
        scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).map_err(|error| failed(&error))?;
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, salt, iv_bytes)
        .map_err(|error| failed(&error))?;
    let encrypted = parameters
        .encrypt(passphrase.as_bytes(), secret)
        .map_err(|error| failed(&error))?;
    EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetString::new(encrypted).map_err(|error| failed(&error))?,
    }
    .to_der()
    .map_err(|error| failed(&error))
}

/// Reads a secret back, and whether it was encrypted.
pub(crate) fn open(
    labels: Labels,
    text: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (label, content) =
        pem::decode_vec(text).map_err(|error| OpenError::Malformed(error.to_string()))?;
    let content = Zeroizing::new(content);
    if label == labels.plain {
        return Ok(content);
    }
    if label != labels.encrypted {
        return Err(OpenError::Malformed(format!(
            "unexpected PEM label `{}`",
            label.escape_default()
        )));
    }
    let envelope = EncryptedPrivateKeyInfoOwned::from_der(&content)
        .map_err(|error| OpenError::Malformed(error.to_string()))?;
    check_cost(&envelope.encryption_algorithm)?;
    let passphrase = passphrase.ok_or(OpenError::NeedsPassphrase)?;
    envelope
        .encryption_algorithm
        .decrypt(passphrase.as_bytes(), envelope.encrypted_data.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| OpenError::DoesNotDecrypt)
}

fn check_cost(scheme: &EncryptionScheme) -> Result<(), OpenError> {
    let within = match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(pbes2::Kdf::Scrypt(scrypt)) => {
            let work = scrypt
                .cost_parameter
                .saturating_mul(scrypt.block_size.into())
                .saturating_mul(scrypt.parallelization.into());
            work <= MAX_SCRYPT_WORK
        }
        Some(pbes2::Kdf::Pbkdf2(pbkdf2)) => pbkdf2.iteration_count <= MAX_PBKDF2_ITERATIONS,
        _ => false,
    };
    if within {
        Ok(())
    } else {
        Err(OpenError::Malformed(
            "encryption scheme is unknown or too costly".to_owned(),
        ))
    }
}

/// Whether the file's first PEM label is the encrypted one.
pub(crate) fn is_encrypted(labels: Labels, text: &[u8]) -> bool {
    pem::decode_label(text).is_ok_and(|label| label == labels.encrypted)
}

/// PKCS#8 version 1 without the public key: OpenSSL 3.0 does not read version 2.
pub(crate) fn signing_key_der(key: &SigningKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let pair = ed25519_dalek::pkcs8::KeypairBytes {
        secret_key: key.to_bytes(),
        public_key: None,
    };
    let document = pair
        .to_pkcs8_der()
        .map_err(|error| KeysError::encode("a private key", error))?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// Parses PKCS#8 DER of an Ed25519 key.
pub(crate) fn parse_signing_key(der: &[u8]) -> Option<SigningKey> {
    let info = PrivateKeyInfoRef::try_from(der).ok()?;
    SigningKey::try_from(info).ok()
}

/// Turns what [`open`] says into an error about `path`. `unchanged` tells whether the file is
/// still byte for byte what was written, which separates a wrong passphrase from damage: a CBC
/// envelope by itself cannot tell them apart.
pub(crate) fn explain(error: OpenError, path: &Path, unchanged: bool) -> KeysError {
    match error {
        OpenError::NeedsPassphrase => KeysError::PassphraseNeeded(path.to_owned()),
        OpenError::DoesNotDecrypt if unchanged => KeysError::WrongPassphrase(path.to_owned()),
        OpenError::DoesNotDecrypt => KeysError::Corrupt {
            path: path.to_owned(),
            what: "it changed since it was written and does not decrypt".to_owned(),
        },
        OpenError::Malformed(what) => KeysError::Corrupt {
            path: path.to_owned(),
            what,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn plain_secrets_read_back(secret: [u8; 32]) {
            let text = seal(WATERMARK, &secret, None).unwrap();
            proptest::prop_assert_eq!(&**open(WATERMARK, text.as_bytes(), None).unwrap(), &secret[..]);
            let der = signing_key_der(&SigningKey::from_bytes(&secret)).unwrap();
            proptest::prop_assert_eq!(parse_signing_key(&der).unwrap().to_bytes(), secret);
        }

        #[test]
        fn no_bytes_make_opening_fail_otherwise_than_by_an_error(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let text = pem::encode_string(PKCS8.encrypted, LineEnding::LF, &bytes).unwrap();
            proptest::prop_assert!(matches!(open(PKCS8, text.as_bytes(), None), Err(OpenError::Malformed(_) | OpenError::NeedsPassphrase)));
            parse_signing_key(&bytes);
        }
    }

    #[test]
    fn one_kind_of_file_does_not_pass_for_the_other() {
        let text = seal(WATERMARK, &[1; 32], None).unwrap();
        assert!(matches!(
            open(PKCS8, text.as_bytes(), None),
            Err(OpenError::Malformed(_))
        ));
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_refused() {
        let cost = scrypt::Params::new(22, 8, 1).unwrap();
        let parameters =
            pbes2::Parameters::generate_scrypt_aes256cbc(cost, &[0; 16], [0; 16]).unwrap();
        assert!(matches!(
            check_cost(&parameters.into()),
            Err(OpenError::Malformed(_))
        ));
    }
}
