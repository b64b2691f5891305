//! A client of issuers of identities (OpenID Connect): documents and forms.

use std::time::Duration;

use crate::error::GatewayError;
use crate::posting::{Answered, Ask, Service};

/// Most bytes of an answer: lists of keys have some KiB.
const MAX_BYTES: u64 = 1 << 20;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Asks the issuer of identities that the operator named, over https:// or on this machine. No redirect is followed.
#[derive(Debug, Clone, Copy)]
pub struct IdentityClient {
    /// Longest time for one answer.
    pub time: Duration,
}

impl Default for IdentityClient {
    /// 10 seconds.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
        }
    }
}

impl IdentityClient {
    /// Gets a document.
    ///
    /// # Errors
    /// [`GatewayError::Service`], also for any status but 200.
    pub fn get(&self, address: &str) -> Result<Vec<u8>, GatewayError> {
        let (answered, shown) = self.ask(address, None)?;
        match answered.status {
            200 => Ok(answered.bytes),
            status => Err(GatewayError::Service {
                to: shown,
                reason: format!("it answers status {status}"),
            }),
        }
    }

    /// Posts a form and returns the body of the answer, whatever its status: what went wrong stands there (RFC 6749,
    /// section 5.2).
    ///
    /// # Errors
    /// [`GatewayError::Service`].
    pub fn post_form(&self, address: &str, form: &str) -> Result<Vec<u8>, GatewayError> {
        let (answered, _) = self.ask(address, Some((FORM, form.as_bytes())))?;
        Ok(answered.bytes)
    }

    fn ask(
        &self,
        address: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<(Answered, String), GatewayError> {
        let service = Service::new(address, self.time, None)?;
        let asked = service.ask(&Ask {
            path: "",
            body,
            accept: JSON,
            key: None,
            limit: MAX_BYTES,
        });
        let shown = service.shown();
        match asked {
            Ok(answered) => Ok((answered, shown)),
            Err(reason) => Err(GatewayError::Service { to: shown, reason }),
        }
    }
}
