//! A client of time-stamp authorities (RFC 3161, section 3.4: over HTTP).

use std::path::Path;
use std::time::Duration;

use crate::error::GatewayError;
use crate::posting::{Ask, Service};
use crate::server_error::readable;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
/// Most bytes of an answer: tokens with their certificates have 1 to 8 KiB.
pub const MAX_TOKEN_BYTES: u64 = 32 << 10;

/// A time-stamp authority.
pub struct TimeStampAuthority {
    service: Service,
}

impl TimeStampAuthority {
    /// The authority at an address: https://, or http:// on this machine. `time` bounds a whole
    /// request; `roots` are certificates to trust for TLS instead of the system's.
    ///
    /// # Errors
    /// [`GatewayError::Service`] for an address that is not asked; [`GatewayError::File`],
    /// [`GatewayError::RootCertificates`].
    pub fn new(address: &str, time: Duration, roots: Option<&Path>) -> Result<Self, GatewayError> {
        Ok(Self {
            service: Service::new(address, time, roots)?,
        })
    }

    /// Sends a `TimeStampReq` (DER) and returns the `TimeStampResp` (DER) when it grants a
    /// time-stamp. What the token says is for the caller to check.
    ///
    /// # Errors
    /// [`GatewayError::Service`].
    pub fn stamp(&self, request: &[u8]) -> Result<Vec<u8>, GatewayError> {
        let failed = |reason: String| GatewayError::Service {
            to: self.service.shown(),
            reason,
        };
        let answer = self
            .service
            .ask(&Ask {
                path: "",
                body: Some((QUERY, request)),
                accept: REPLY,
                key: None,
                limit: MAX_TOKEN_BYTES,
            })
            .map_err(failed)?;
        if answer.status != 200 {
            return Err(failed(format!("it answers status {}", answer.status)));
        }
        if answer.media_type != REPLY {
            return Err(failed(format!(
                "it answers with `{}` instead of a time-stamp",
                readable(&answer.media_type, None)
            )));
        }
        match granted(&answer.bytes) {
            Some(Ok(())) => Ok(answer.bytes),
            Some(Err(status)) => Err(failed(format!(
                "it refuses the time-stamp (PKIStatus {status})"
            ))),
            None => Err(failed("its answer is no time-stamp response".to_owned())),
        }
    }
}

/// Whether a response grants a time-stamp (`granted` or `grantedWithMods`, with a token); else its
/// status. `None` for bytes that are no response.
fn granted(response: &[u8]) -> Option<Result<(), u8>> {
    let (tag, body, rest) = element(response)?;
    let (0x30, []) = (tag, rest) else { return None };
    let (0x30, info, token) = element(body)? else {
        return None;
    };
    let (0x02, [status], _) = element(info)? else {
        return None;
    };
    if *status > 1 {
        return Some(Err(*status));
    }
    let (0x30, _, []) = element(token)? else {
        return None;
    };
    Some(Ok(()))
}

/// Tag, content and what follows of the first DER element with a definite length.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, mut bytes) = bytes.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if !(1..=3).contains(&count) {
            return None;
        }
        let (digits, rest) = bytes.split_at_checked(count)?;
        length = digits
            .iter()
            .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        bytes = rest;
    }
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read() {
        assert_eq!(granted(&[0x30, 7, 0x30, 3, 2, 1, 0, 0x30, 0]), Some(Ok(())));
        assert_eq!(granted(&[0x30, 5, 0x30, 3, 2, 1, 2]), Some(Err(2)));
        // Granted, but without a token; with bytes after the end; cut off.
        assert_eq!(granted(&[0x30, 5, 0x30, 3, 2, 1, 0]), None);
        assert_eq!(granted(&[0x30, 7, 0x30, 3, 2, 1, 0, 0x30, 0, 0]), None);
        assert_eq!(granted(&[0x30, 7, 0x30, 3, 2, 1]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_reading_fail_otherwise_than_by_nothing(bytes: Vec<u8>) {
            if let Some((_, content, rest)) = element(&bytes) {
                proptest::prop_assert!(content.len() + rest.len() < bytes.len());
            }
            let _ = granted(&bytes);
        }
    }
}
