//! Keys in a token behind a PKCS#11 module (OASIS PKCS#11 2.40 and 3.0): a smart card, an HSM, `SoftHSM`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use pkcs8::der::asn1::{OctetStringRef, PrintableStringRef};
use pkcs8::der::{Decode as _, Encode as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::facts::TokenKey;
use crate::files;
use crate::handle::{OID_P256, check_purpose};
use crate::{Algorithm, KeyHandle, KeysError, PublicKey, Purpose, Role};

/// Longest PIN, bytes.
const MAX_PIN: usize = 256;

/// Modules that are loaded. A module is initialised once for the whole process, and finalising it
/// would take it from whoever else uses it; so none is ever let go.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// A key in a token as a handle.
pub(crate) struct TokenHandle {
    role: Role,
    place: TokenKey,
    /// One session signs one thing at a time.
    session: Mutex<Session>,
    key: ObjectHandle,
    public: PublicKey,
}

/// Opens the key pair with the label given.
pub(crate) fn open(role: Role, place: &TokenKey) -> Result<TokenHandle, KeysError> {
    let session = session(place)?;
    let found = |class| find(&session, class, place);
    let (Some(private), Some(public)) = (
        found(ObjectClass::PRIVATE_KEY)?,
        found(ObjectClass::PUBLIC_KEY)?,
    ) else {
        let reason = "it holds no key pair with this label; make one there, or let `colophon keys rotate` make it";
        return Err(failed(place, "open the key", reason));
    };
    let public = public_key(&session, public, place)?;
    Ok(TokenHandle {
        role,
        place: place.clone(),
        session: Mutex::new(session),
        key: private,
        public,
    })
}

/// Opens the key pair with the label given, made in the token first where there is none. The
/// private part is made so that it never leaves the token.
pub(crate) fn open_or_make(
    role: Role,
    place: &TokenKey,
    algorithm: Algorithm,
) -> Result<TokenHandle, KeysError> {
    {
        let session = session(place)?;
        if find(&session, ObjectClass::PRIVATE_KEY, place)?.is_none() {
            make(&session, place, algorithm)?;
        }
    }
    open(role, place)
}

fn make(session: &Session, place: &TokenKey, algorithm: Algorithm) -> Result<(), KeysError> {
    let (mechanism, curve) = match algorithm {
        // The curve's name instead of its OID: the form of PKCS#11 3.0 that every token knows.
        Algorithm::Ed25519 => (
            Mechanism::EccEdwardsKeyPairGen,
            PrintableStringRef::new("edwards25519").and_then(|name| name.to_der()),
        ),
        Algorithm::Es256 => (Mechanism::EccKeyPairGen, OID_P256.to_der()),
    };
    let curve = curve.map_err(|error| KeysError::encode("a curve's name", error))?;
    let label = Attribute::Label(place.key.clone().into_bytes());
    let public = [
        Attribute::Token(true),
        Attribute::Verify(true),
        Attribute::EcParams(curve),
        label.clone(),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        label,
    ];
    session
        .generate_key_pair(&mechanism, &public, &private)
        .map(drop)
        .map_err(|error| failed(place, "make a key", &error.to_string()))
}

/// A session in the token, logged in.
fn session(place: &TokenKey) -> Result<Session, KeysError> {
    let module = module(&place.module)
        .map_err(|error| failed(place, "load the module", &error.to_string()))?;
    let lost = |error: Error| failed(place, "open a session", &error.to_string());
    let mut slots = module.get_slots_with_token().map_err(lost)?;
    slots.retain(|slot| {
        module
            .get_token_info(*slot)
            .is_ok_and(|token| token.label().trim_end() == place.token)
    });
    let [slot] = slots[..] else {
        let reason = if slots.is_empty() {
            "no token has this label"
        } else {
            "several tokens have this label"
        };
        return Err(failed(place, "find the token", reason));
    };
    let session = module.open_rw_session(slot).map_err(lost)?;
    match session.login(UserType::User, Some(&pin(place)?)) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        // Said plainly, since tokens lock themselves after a few wrong PINs.
        Err(Error::Pkcs11(RvError::PinIncorrect, _)) => Err(failed(
            place,
            "log in",
            "the PIN in its file is wrong; do not try often, tokens lock themselves",
        )),
        Err(error) => Err(failed(place, "log in", &error.to_string())),
    }
}

fn module(path: &Path) -> Result<Pkcs11, Error> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(error),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

fn pin(place: &TokenKey) -> Result<AuthPin, KeysError> {
    let bytes = Zeroizing::new(files::read(&place.pin_file)?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let pin = text.lines().next().unwrap_or_default();
    if pin.is_empty() || pin.len() > MAX_PIN {
        return Err(KeysError::BadOption {
            field: "PIN file",
            reason: format!(
                "{} must hold the PIN in its first line",
                place.pin_file.display()
            ),
        });
    }
    Ok(AuthPin::from(pin.to_owned()))
}

fn find(
    session: &Session,
    class: ObjectClass,
    place: &TokenKey,
) -> Result<Option<ObjectHandle>, KeysError> {
    let template = [
        Attribute::Class(class),
        Attribute::Label(place.key.clone().into_bytes()),
    ];
    let found = session
        .find_objects(&template)
        .map_err(|error| failed(place, "look for the key", &error.to_string()))?;
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(failed(
            place,
            "look for the key",
            "several keys have this label",
        )),
    }
}

fn public_key(
    session: &Session,
    object: ObjectHandle,
    place: &TokenKey,
) -> Result<PublicKey, KeysError> {
    let odd = |reason: &str| failed(place, "read the public key", reason);
    let attributes = session
        .get_attributes(object, &[AttributeType::KeyType, AttributeType::EcPoint])
        .map_err(|error| odd(&error.to_string()))?;
    let mut kind = None;
    let mut point = Vec::new();
    for attribute in attributes {
        match attribute {
            Attribute::KeyType(found) => kind = Some(found),
            Attribute::EcPoint(found) => point = found,
            _ => {}
        }
    }
    let algorithm = match kind {
        Some(KeyType::EC_EDWARDS) => Algorithm::Ed25519,
        Some(KeyType::EC) => Algorithm::Es256,
        _ => return Err(odd("it is neither Ed25519 nor P-256")),
    };
    // PKCS#11 wants an OCTET STRING around the point; some tokens give the point alone.
    let raw = <&OctetStringRef>::from_der(&point).map_or(&point[..], OctetStringRef::as_bytes);
    PublicKey::from_raw(algorithm, raw).map_err(|_| odd("it is neither Ed25519 nor P-256"))
}

fn failed(place: &TokenKey, action: &'static str, reason: &str) -> KeysError {
    KeysError::Token {
        token: place.token.clone(),
        key: place.key.clone(),
        action,
        reason: reason.to_owned(),
    }
}

impl KeyHandle for TokenHandle {
    fn role(&self) -> Role {
        self.role
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<[u8; 64], KeysError> {
        check_purpose(self.role, purpose)?;
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = match self.public.algorithm() {
            Algorithm::Ed25519 => {
                let scheme = EddsaParams::new(EddsaSignatureScheme::Ed25519);
                session.sign(&Mechanism::Eddsa(scheme), self.key, message)
            }
            // Hashed here: more tokens know plain ECDSA than ECDSA with SHA-256.
            Algorithm::Es256 => session.sign(&Mechanism::Ecdsa, self.key, &Sha256::digest(message)),
        };
        let odd = |reason: &str| failed(&self.place, "sign", reason);
        signed
            .map_err(|error| odd(&error.to_string()))?
            .try_into()
            .map_err(|_| odd("its signature has not 64 bytes"))
    }
}
