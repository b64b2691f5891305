//! Signed messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{PublicKey, Secret, SigningKey};

/// How far a message's time may be from the receiver's, seconds: what the specification's own libraries take.
pub const TOLERANCE: i64 = 300;
/// Most signatures read of one message.
const MOST_SIGNATURES: usize = 16;

/// What a message is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// `v1`.
    Hmac(Secret),
    /// `v1a`.
    Ed25519(SigningKey),
}

/// The three headers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `webhook-id`: the same each time it is sent, so that it is acted on once.
    pub id: String,
    /// `webhook-timestamp`: when this attempt was made, Unix seconds.
    pub timestamp: i64,
    /// `webhook-signature`: signatures with a space between them.
    pub signature: String,
}

impl Headers {
    /// Names and values.
    pub fn pairs(&self) -> [(&'static str, String); 3] {
        [
            ("webhook-id", self.id.clone()),
            ("webhook-timestamp", self.timestamp.to_string()),
            ("webhook-signature", self.signature.clone()),
        ]
    }
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Longer ago than is taken, or from the future.
    #[error("the message's time is more than {TOLERANCE} seconds away; check the clocks")]
    Time,
    /// No signature that goes with any of the keys.
    #[error("no signature of the message goes with the key")]
    Signature,
}

fn content(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    let mut content = format!("{id}.{timestamp}.").into_bytes();
    content.extend_from_slice(body);
    content
}

/// Signs a message with each key: with two of them while one takes the place of the other. The id holds no `.`.
pub fn sign(keys: &[Key], id: &str, timestamp: i64, body: &[u8]) -> Headers {
    let content = content(id, timestamp, body);
    let signatures: Vec<String> = keys
        .iter()
        .map(|key| match key {
            Key::Hmac(secret) => format!("v1,{}", STANDARD.encode(secret.sign(&content))),
            Key::Ed25519(key) => format!("v1a,{}", STANDARD.encode(key.sign(&content))),
        })
        .collect();
    Headers {
        id: id.to_owned(),
        timestamp,
        signature: signatures.join(" "),
    }
}

/// Checks a message as its receiver does: with the secrets and public keys that they know, of which one suffices.
/// Signatures of other versions are passed over.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(
    secrets: &[Secret],
    keys: &[PublicKey],
    headers: &Headers,
    body: &[u8],
    now: i64,
) -> Result<(), VerifyError> {
    let Headers {
        id,
        timestamp,
        signature,
    } = headers;
    if now.abs_diff(*timestamp) > TOLERANCE.unsigned_abs() {
        return Err(VerifyError::Time);
    }
    if id.contains('.') {
        return Err(VerifyError::Signature);
    }
    let content = content(id, *timestamp, body);
    let believed = signature.split(' ').take(MOST_SIGNATURES).any(|signature| {
        let Some((version, bytes)) = signature.split_once(',') else {
            return false;
        };
        let Ok(bytes) = STANDARD.decode(bytes) else {
            return false;
        };
        match version {
            "v1" => secrets
                .iter()
                .any(|secret| secret.verifies(&content, &bytes)),
            "v1a" => keys.iter().any(|key| key.verifies(&content, &bytes)),
            _ => false,
        }
    });
    if believed {
        Ok(())
    } else {
        Err(VerifyError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> Secret {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap()
    }

    #[test]
    fn the_published_example_is_signed_alike() {
        // From the test vectors of the specification's own libraries.
        let headers = sign(
            &[Key::Hmac(secret())],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            headers.signature,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let read = verify(
            &[secret()],
            &[],
            &headers,
            br#"{"test": 2432232314}"#,
            1_614_265_400,
        );
        assert_eq!(read, Ok(()));
    }

    #[test]
    fn either_key_suffices_while_one_takes_the_place_of_the_other() {
        let (old, new) = (SigningKey::draw().unwrap(), Secret::draw().unwrap());
        let public = old.public();
        let keys = [Key::Ed25519(old), Key::Hmac(new.clone())];
        let headers = sign(&keys, "msg_1", 100, b"{}");
        for (secrets, publics) in [(vec![new.clone()], vec![]), (vec![], vec![public])] {
            assert_eq!(verify(&secrets, &publics, &headers, b"{}", 400), Ok(()));
        }
        let late = verify(std::slice::from_ref(&new), &[public], &headers, b"{}", 401);
        assert_eq!(late, Err(VerifyError::Time));
        let other = verify(&[Secret::draw().unwrap()], &[], &headers, b"{}", 100);
        assert_eq!(other, Err(VerifyError::Signature));
    }

    #[test]
    fn a_point_in_the_id_cannot_move_bytes_into_it() {
        let headers = sign(&[Key::Hmac(secret())], "msg_1", 100, b"7.{}");
        let moved = Headers {
            id: "msg_1.100".to_owned(),
            timestamp: 7,
            ..headers
        };
        assert_eq!(
            verify(&[secret()], &[], &moved, b"{}", 7),
            Err(VerifyError::Signature)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_signed_verifies_and_nothing_else(
            body in proptest::collection::vec(any::<u8>(), 0..300), id in "[a-z0-9_]{1,40}", time in 0i64..4_000_000_000,
            at in any::<proptest::sample::Index>(), bit in 0u8..8,
        ) {
            let pair = SigningKey::draw().unwrap();
            let public = pair.public();
            for key in [Key::Hmac(secret()), Key::Ed25519(pair)] {
                let headers = sign(&[key], &id, time, &body);
                prop_assert_eq!(verify(&[secret()], &[public], &headers, &body, time), Ok(()));
                let mut other = body.clone();
                other.push(0);
                let at = at.index(other.len());
                other[at] ^= 1 << bit;
                prop_assert_eq!(verify(&[secret()], &[public], &headers, &other, time), Err(VerifyError::Signature));
            }
        }

        #[test]
        fn any_header_is_read_without_harm(signature in "\\PC{0,200}", id in "\\PC{0,30}", timestamp: i64, now: i64) {
            let headers = Headers { id, timestamp, signature };
            let key = SigningKey::draw().unwrap().public();
            let read = verify(&[secret()], &[key], &headers, b"{}", now);
            prop_assert!(read.is_err());
        }

        #[test]
        fn keys_are_read_as_written_and_nothing_else_is(text in "(whsec_|whpk_|whsk_)?[A-Za-z0-9+/=]{0,120}") {
            if let Ok(secret) = text.parse::<Secret>() {
                prop_assert_eq!(secret.reveal(), text.clone());
            }
            if let Ok(key) = text.parse::<PublicKey>() {
                prop_assert_eq!(key.to_string(), text.clone());
            }
            let _ = text.parse::<SigningKey>();
            let key = SigningKey::draw().unwrap();
            prop_assert_eq!(key.reveal().parse::<SigningKey>().unwrap(), key);
        }
    }
}
