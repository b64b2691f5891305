//! The services on other machines that keys and time-stamps may be kept with, as the libraries ask for
//! them. None is asked unless settings or options name it.

use std::sync::Arc;
use std::time::Duration;

use colophon_gateway::{RemoteKeyClient, Secret, TimeStampAuthority};
use colophon_keys::{RemoteKey, RemoteSigner};
use colophon_provenance::{Config, SignerError, TimeStamps};

use crate::failure::Failure;

/// Longest wait for a time-stamp.
const TIME_STAMP_TIME: Duration = Duration::from_secs(15);

/// Connects to a remote signer, for [`colophon_keys::connect_with`].
pub fn connect(place: &RemoteKey) -> Result<Box<dyn RemoteSigner>, String> {
    let said = |error: colophon_gateway::GatewayError| error.to_string();
    let token = Secret::from_file(&place.token_file).map_err(said)?;
    let time = Duration::from_millis(place.timeout_ms);
    let client = RemoteKeyClient::new(&place.url, &place.key, token, time, None).map_err(said)?;
    Ok(Box::new(Remote(client)))
}

struct Remote(RemoteKeyClient);

impl RemoteSigner for Remote {
    fn public_key(&self) -> Result<Vec<u8>, String> {
        self.0.public_key().map_err(|error| error.to_string())
    }

    fn sign(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        self.0
            .sign(purpose, message)
            .map_err(|error| error.to_string())
    }
}

/// The time-stamp authority that an option or else the settings name.
///
/// # Errors
/// [`Failure::Gateway`] for an address that is not asked.
pub fn time_stamps(
    asked: Option<&str>,
    config: &Config,
) -> Result<Option<Arc<dyn TimeStamps>>, Failure> {
    let Some(url) = asked.or(config.timestamp_url.value.as_deref()) else {
        return Ok(None);
    };
    Ok(Some(Arc::new(Authority {
        client: TimeStampAuthority::new(url, TIME_STAMP_TIME, None)?,
        required: config.timestamp_required.value,
    })))
}

struct Authority {
    client: TimeStampAuthority,
    required: bool,
}

impl TimeStamps for Authority {
    fn stamp(&self, request: &[u8]) -> Option<Result<Vec<u8>, SignerError>> {
        match self.client.stamp(request) {
            Ok(answer) => Some(Ok(answer)),
            Err(error) if self.required => Some(Err(error.into())),
            Err(error) => {
                eprintln!("note: issued without a time-stamp: {error}");
                None
            }
        }
    }
}
