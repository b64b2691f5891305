//! Asking a witness for its cosignature (C2SP `tlog-witness`).

use std::path::Path;
use std::time::Duration;

use crate::error::GatewayError;
use crate::server_error::readable;
use crate::site::{Answered, Site};

/// A witness answers a few lines; a stranger may answer anything.
const MOST_BYTES: u64 = 64 << 10;

/// A witness's address, its submission prefix.
#[derive(Debug)]
pub struct WitnessClient(Site);

/// What a witness answers. None of it is trusted: whoever asks checks the cosignature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// 200: lines of signatures.
    Cosigned(Vec<u8>),
    /// 409 with a size: the last tree that it cosigned has that many entries; ask again with a proof from there.
    Knows(u64),
    /// Anything else.
    Refused {
        /// HTTP status.
        status: u16,
        /// What it says, cut to 400 characters without control characters.
        says: String,
    },
}

impl WitnessClient {
    /// Checks the address; connects to nothing. Over https://, or plain http:// within this machine and private
    /// networks.
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

    /// Posts the body of an `add-checkpoint` request; `time` bounds question and answer.
    ///
    /// # Errors
    /// [`GatewayError::Site`] when no answer comes.
    pub fn add_checkpoint(
        &self,
        body: &[u8],
        time: Duration,
    ) -> Result<WitnessAnswer, GatewayError> {
        let media_type = "text/plain; charset=utf-8";
        let answered = self
            .0
            .post("add-checkpoint", media_type, body, MOST_BYTES, time)?;
        Ok(read(answered))
    }
}

fn read(answered: Answered) -> WitnessAnswer {
    let size = (answered.status == 409 && answered.media_type == "text/x.tlog.size")
        .then(|| decimal(&answered.body))
        .flatten();
    match (answered.status, size) {
        (200, _) => WitnessAnswer::Cosigned(answered.body),
        (_, Some(size)) => WitnessAnswer::Knows(size),
        (status, None) => WitnessAnswer::Refused {
            status,
            says: readable(&String::from_utf8_lossy(&answered.body), None),
        },
    }
}

/// A line with a decimal number without leading zeros.
fn decimal(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_one_canonical_number_in_a_line() {
        assert_eq!(decimal(b"0\n"), Some(0));
        assert_eq!(decimal(b"18446744073709551615\n"), Some(u64::MAX));
        for bad in [
            "",
            "\n",
            "7",
            "07\n",
            "+7\n",
            "7\n\n",
            "18446744073709551616\n",
            "7 \n",
        ] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
