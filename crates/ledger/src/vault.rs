//! Encryption of private parts.
//!
//! Three layers, each XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 24-byte nonce in front:
//! - the body of a private part under a data key of its own;
//! - the data key under the key of its subject, or under the storage key when no subject was named;
//! - the subject's key under the storage key.
//!
//! Destroying a wrapped data key makes one body unreadable, destroying a subject's key all of the subject's. The
//! subject itself is known to the database by a tag only: HMAC-SHA-256 of the name under a random index key, which is
//! wrapped by the storage key as well.

use std::fmt;

use chacha20::{R20, hchacha};
use colophon_tlog::Hash;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::LedgerError;
use crate::random::random;

/// Bytes of a nonce.
const NONCE: usize = 24;
/// What each layer's associated data begins with.
const INDEX: &[u8] = b"colophon.vault.index.1\0";
const SUBJECT: &[u8] = b"colophon.vault.subject.1\0";
const DATA_KEY: &[u8] = b"colophon.vault.data-key.1\0";
const BODY: &[u8] = b"colophon.vault.body.1\0";

/// 32 random bytes that open the private parts of a ledger. They lie outside the ledger's folder and are wiped from
/// memory when dropped.
///
/// While a storage key is being replaced, former ones open what is not yet wrapped anew; new keys are wrapped with the
/// present one alone.
#[derive(Clone)]
pub struct StorageKey {
    present: DataKey,
    former: Vec<DataKey>,
}

impl StorageKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self {
            present: Zeroizing::new(bytes),
            former: Vec::new(),
        }
    }

    /// The key, with former ones that may still be needed for opening.
    #[must_use]
    pub fn with_former(self, former: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self {
            former: former.into_iter().map(Zeroizing::new).collect(),
            ..self
        }
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`LedgerError::Random`].
    pub fn generate() -> Result<Self, LedgerError> {
        random_key().map(|key| Self::new(*key))
    }

    /// The bytes, to be kept where the ledger is not.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.present
    }

    /// Opens what was wrapped with the present key or a former one; tells whether with the present.
    fn open(&self, about: &[&[u8]], wrapped: &[u8]) -> Option<(DataKey, bool)> {
        if let Some(key) = open_key(&self.present, about, wrapped) {
            return Some((key, true));
        }
        let mut former = self.former.iter();
        former
            .find_map(|outer| open_key(outer, about, wrapped))
            .map(|key| (key, false))
    }

    /// Wraps with the present key what is wrapped with a former one; `Ok(None)` for what needs no change.
    fn rewrap(&self, about: &[&[u8]], wrapped: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.open(about, wrapped) {
            Some((_, true)) => Ok(None),
            Some((key, false)) => seal(&self.present, about, key.as_slice()).map(Some),
            None => Err(LedgerError::WrongStorageKey),
        }
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

/// A key that never leaves the database unwrapped.
pub(crate) type DataKey = Zeroizing<[u8; 32]>;

/// What stands for a subject's name in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SubjectTag(pub [u8; 32]);

/// The storage key of an open ledger with its index key.
pub(crate) struct Vault {
    storage: StorageKey,
    index: DataKey,
    /// The index key as the database holds it: it changes with the storage key.
    wrapped: Vec<u8>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// A vault with a fresh index key, which is returned wrapped.
    pub fn create(storage: StorageKey) -> Result<(Self, Vec<u8>), LedgerError> {
        let index = random_key()?;
        let wrapped = seal(&storage.present, &[INDEX], index.as_slice())?;
        let vault = Self {
            storage,
            index,
            wrapped: wrapped.clone(),
        };
        Ok((vault, wrapped))
    }

    /// Opens the vault whose index key was wrapped by this storage key, or a former one that comes with it.
    pub fn open(storage: StorageKey, wrapped: &[u8]) -> Result<Self, LedgerError> {
        let opened = storage.open(&[INDEX], wrapped);
        let (index, _) = opened.ok_or(LedgerError::WrongStorageKey)?;
        Ok(Self {
            storage,
            index,
            wrapped: wrapped.to_vec(),
        })
    }

    /// Whether it was opened from this form of its index key.
    pub fn is_of(&self, wrapped: &[u8]) -> bool {
        self.wrapped == wrapped
    }

    /// The storage key that it was opened with.
    pub fn storage(&self) -> &StorageKey {
        &self.storage
    }

    /// The index key wrapped with the present storage key; `None` where it is.
    pub fn rewrap_index(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.storage.rewrap(&[INDEX], &self.wrapped)
    }

    /// A subject's key wrapped with the present storage key; `None` where it is.
    pub fn rewrap_subject(
        &self,
        tag: SubjectTag,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        self.storage.rewrap(&[SUBJECT, &tag.0], wrapped)
    }

    /// The data key of an entry without a subject wrapped with the present storage key; `None` where it is.
    pub fn rewrap_data_key(
        &self,
        leaf: Hash,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        self.storage.rewrap(&[DATA_KEY, &leaf.0], wrapped)
    }

    /// What stands for a subject's name.
    pub fn tag(&self, subject: &str) -> SubjectTag {
        // HMAC fills a short key up with zeros to the block of 64 bytes.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.index.as_slice());
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        mac.update(subject.as_bytes());
        SubjectTag(mac.finalize().into_bytes().into())
    }

    /// A new key for a subject, with its wrapped form.
    pub fn new_subject(&self, tag: SubjectTag) -> Result<(DataKey, Vec<u8>), LedgerError> {
        let key = random_key()?;
        let wrapped = seal(&self.storage.present, &[SUBJECT, &tag.0], key.as_slice())?;
        Ok((key, wrapped))
    }

    /// Opens a subject's wrapped key.
    pub fn open_subject(&self, tag: SubjectTag, wrapped: &[u8]) -> Option<DataKey> {
        let opened = self.storage.open(&[SUBJECT, &tag.0], wrapped);
        opened.map(|(key, _)| key)
    }

    /// Wraps the data key of an entry under its subject's key, or under the storage key.
    pub fn wrap(
        &self,
        subject: Option<&DataKey>,
        leaf: Hash,
        key: &DataKey,
    ) -> Result<Vec<u8>, LedgerError> {
        let outer = subject.unwrap_or(&self.storage.present);
        seal(outer, &[DATA_KEY, &leaf.0], key.as_slice())
    }

    /// Opens the wrapped data key of an entry.
    pub fn unwrap(&self, subject: Option<&DataKey>, leaf: Hash, wrapped: &[u8]) -> Option<DataKey> {
        let about: &[&[u8]] = &[DATA_KEY, &leaf.0];
        match subject {
            Some(outer) => open_key(outer, about, wrapped),
            None => self.storage.open(about, wrapped).map(|(key, _)| key),
        }
    }
}

/// Encrypts the body of the entry with this leaf under a fresh data key.
pub(crate) fn seal_body(leaf: Hash, body: &[u8]) -> Result<(DataKey, Vec<u8>), LedgerError> {
    let key = random_key()?;
    let sealed = seal(&key, &[BODY, &leaf.0], body)?;
    Ok((key, sealed))
}

/// Decrypts a body; `None` when key, leaf or bytes are not the ones it was sealed with.
pub(crate) fn open_body(key: &DataKey, leaf: Hash, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    open(key, &[BODY, &leaf.0], sealed)
}

fn random_key() -> Result<DataKey, LedgerError> {
    random().map(Zeroizing::new)
}

/// The key and nonce of ChaCha20-Poly1305 that XChaCha20-Poly1305 stands for (section 2.3 of the draft). ring's is
/// several times as fast on short messages as one made for long ones.
fn cipher(key: &DataKey, nonce: &[u8; NONCE]) -> Option<(LessSafeKey, Nonce)> {
    let (first, last) = nonce.split_first_chunk::<16>()?;
    let derived = Zeroizing::new(<[u8; 32]>::from(hchacha::<R20>(
        &(**key).into(),
        &(*first).into(),
    )));
    let key = UnboundKey::new(&CHACHA20_POLY1305, &derived[..]).ok()?;
    let mut short = [0; NONCE_LEN];
    short[4..].copy_from_slice(last);
    Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(short)))
}

fn seal(key: &DataKey, about: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, LedgerError> {
    let nonce: [u8; NONCE] = random()?;
    // Fails only beyond 256 GiB; records are limited to a few megabytes.
    let too_long = || LedgerError::Database("a private part is too long to encrypt".to_owned());
    let (cipher, short) = cipher(key, &nonce).ok_or_else(too_long)?;
    let mut sealed = Vec::with_capacity(NONCE + plain.len() + CHACHA20_POLY1305.tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = cipher
        .seal_in_place_separate_tag(short, Aad::from(about.concat()), &mut sealed[NONCE..])
        .map_err(|_| too_long())?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open(key: &DataKey, about: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let (cipher, short) = cipher(key, nonce)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = cipher
        .open_in_place(short, Aad::from(about.concat()), &mut plain)
        .ok()?
        .len();
    plain.truncate(length);
    Some(plain)
}

fn open_key(key: &DataKey, about: &[&[u8]], wrapped: &[u8]) -> Option<DataKey> {
    let bytes = open(key, about, wrapped)?;
    bytes.as_slice().try_into().map(Zeroizing::new).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEAF: Hash = Hash([7; 32]);

    fn vault() -> Vault {
        Vault::create(StorageKey::new([1; 32])).unwrap().0
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1: the cipher is the one that is named.
    #[test]
    fn the_published_example_opens() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let key = Zeroizing::new(std::array::from_fn(|at| 0x80 + at as u8));
        let nonce: Vec<u8> = (0x40..0x58).collect();
        let sealed = hex(concat!(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39",
            "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
            "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"
        ));
        let about = hex("50515253c0c1c2c3c4c5c6c7");
        let plain = open(&key, &[&about], &[nonce, sealed].concat()).unwrap();
        assert!(plain.starts_with(b"Ladies and Gentlemen of the class of '99"));
    }

    #[test]
    fn a_vault_opens_with_its_own_key_only() {
        let (vault, wrapped) = Vault::create(StorageKey::new([1; 32])).unwrap();
        let again = Vault::open(StorageKey::new([1; 32]), &wrapped).unwrap();
        assert_eq!(again.tag("anna"), vault.tag("anna"));
        assert_ne!(vault.tag("anna"), vault.tag("ann"));
        assert_eq!(
            Vault::open(StorageKey::new([2; 32]), &wrapped).err(),
            Some(LedgerError::WrongStorageKey)
        );
        assert_ne!(self::vault().tag("anna"), vault.tag("anna"));
    }

    #[test]
    fn keys_and_bodies_open_only_where_they_belong() {
        let vault = vault();
        let (tag, other) = (vault.tag("anna"), vault.tag("bert"));
        let (subject, wrapped) = vault.new_subject(tag).unwrap();
        assert_eq!(vault.open_subject(tag, &wrapped).as_ref(), Some(&subject));
        assert_eq!(vault.open_subject(other, &wrapped), None);
        let (key, body) = seal_body(LEAF, b"a prompt").unwrap();
        assert_eq!(**open_body(&key, LEAF, &body).unwrap(), *b"a prompt");
        assert_eq!(open_body(&key, Hash([8; 32]), &body), None);
        assert_eq!(open_body(&subject, LEAF, &body), None);
        for outer in [None, Some(&subject)] {
            let wrapped = vault.wrap(outer, LEAF, &key).unwrap();
            assert_eq!(vault.unwrap(outer, LEAF, &wrapped).as_ref(), Some(&key));
            assert_eq!(vault.unwrap(outer, Hash([8; 32]), &wrapped), None);
            let stranger = outer.is_none().then_some(&subject);
            assert_eq!(vault.unwrap(stranger, LEAF, &wrapped), None);
        }
    }

    #[test]
    fn a_former_key_opens_until_all_is_wrapped_anew() {
        let old = StorageKey::new([1; 32]);
        let (vault, wrapped_index) = Vault::create(old).unwrap();
        let tag = vault.tag("anna");
        let (subject, wrapped_subject) = vault.new_subject(tag).unwrap();
        let (key, _) = seal_body(LEAF, b"a prompt").unwrap();
        let wrapped = vault.wrap(None, LEAF, &key).unwrap();

        let both = StorageKey::new([2; 32]).with_former([[1; 32]]);
        let between = Vault::open(both, &wrapped_index).unwrap();
        assert_eq!(between.tag("anna"), tag, "subjects are found as before");
        assert_eq!(
            between.open_subject(tag, &wrapped_subject),
            Some(subject.clone())
        );
        assert_eq!(between.unwrap(None, LEAF, &wrapped), Some(key.clone()));

        let index = between.rewrap_index().unwrap().unwrap();
        let new_subject = between
            .rewrap_subject(tag, &wrapped_subject)
            .unwrap()
            .unwrap();
        let anew = between.rewrap_data_key(LEAF, &wrapped).unwrap().unwrap();
        assert_eq!(
            between.rewrap_data_key(LEAF, &anew),
            Ok(None),
            "once is enough"
        );
        assert_eq!(
            between.rewrap_data_key(Hash([8; 32]), &wrapped),
            Err(LedgerError::WrongStorageKey),
            "what opens with neither is not passed over"
        );

        let after = Vault::open(StorageKey::new([2; 32]), &index).unwrap();
        assert_eq!(after.open_subject(tag, &new_subject), Some(subject));
        assert_eq!(after.open_subject(tag, &wrapped_subject), None);
        assert_eq!(after.unwrap(None, LEAF, &anew), Some(key));
        assert_eq!(after.unwrap(None, LEAF, &wrapped), None);
        let gone = Vault::open(StorageKey::new([1; 32]), &index);
        assert_eq!(gone.err(), Some(LedgerError::WrongStorageKey));
    }

    proptest! {
        #[test]
        fn altered_and_foreign_bytes_do_not_open(
            body in proptest::collection::vec(any::<u8>(), 0..100),
            at: proptest::sample::Index,
            bit in 0..8_u8,
            noise in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let (key, mut sealed) = seal_body(LEAF, &body).unwrap();
            prop_assert_eq!(&**open_body(&key, LEAF, &sealed).unwrap(), &body[..]);
            prop_assert_eq!(open_body(&key, LEAF, &sealed[..at.index(sealed.len())]), None);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open_body(&key, LEAF, &sealed), None);
            prop_assert_eq!(open_body(&key, LEAF, &noise), None);
        }
    }
}
