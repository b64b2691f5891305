//! Reading a log that somebody else serves as static files (C2SP `tlog-tiles`).

use std::path::Path;
use std::time::Duration;

use crate::error::GatewayError;
use crate::site::Site;

/// Longest time for one file, redirects included.
const TIME: Duration = Duration::from_mins(1);

/// A log's address: files are got below it. Nothing that comes is trusted; the caller checks signatures and hashes.
#[derive(Debug)]
pub struct LogClient(Site);

impl LogClient {
    /// Checks the address; connects to nothing. Over https://, or plain http:// within this machine and private
    /// networks; certificates are those of the system unless a file is given.
    ///
    /// # Errors
    /// [`GatewayError::Site`]; [`GatewayError::File`] and [`GatewayError::RootCertificates`].
    pub fn new(address: &str, root_certificates: Option<&Path>) -> Result<Self, GatewayError> {
        Site::new(address, root_certificates).map(Self)
    }

    /// Host and port, for messages.
    pub fn host(&self) -> String {
        self.0.host()
    }

    /// The file at `path` below the address, such as `checkpoint`, of at most `limit` bytes; `None` where the server
    /// has none. What may be over in a moment is tried four times.
    ///
    /// # Errors
    /// [`GatewayError::Site`].
    pub fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, GatewayError> {
        self.0.get(path, limit, TIME)
    }
}
