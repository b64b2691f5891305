//! Names of jobs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::JobsError;

/// What every id begins with.
const PREFIX: &str = "job_";

/// A name of 128 random bits: whoever was not told it does not find it. Also the name of the job's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId([u8; 16]);

impl JobId {
    /// A new one.
    ///
    /// # Errors
    /// [`JobsError::Random`].
    pub fn draw() -> Result<Self, JobsError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| JobsError::Random)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for JobId {
    type Err = JobsError;

    fn from_str(text: &str) -> Result<Self, JobsError> {
        let digits = text.strip_prefix(PREFIX).ok_or(JobsError::Id)?;
        let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 32 || !digits.bytes().all(plain) {
            return Err(JobsError::Id);
        }
        u128::from_str_radix(digits, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| JobsError::Id)
    }
}

impl TryFrom<String> for JobId {
    type Error = JobsError;

    fn try_from(text: String) -> Result<Self, JobsError> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_what_is_written_here_is_read(bytes: [u8; 16], other in "\\PC{0,40}") {
            let id = JobId(bytes);
            prop_assert_eq!(id.to_string().parse::<JobId>().ok(), Some(id));
            if let Ok(read) = other.parse::<JobId>() {
                prop_assert_eq!(read.to_string(), other);
            }
        }
    }

    #[test]
    fn ids_are_never_paths() {
        for text in [
            "",
            "job_",
            "job_../../x",
            "job_0123456789ABCDEF0123456789ABCDEF",
            "job_+123456789abcdef0123456789abcdef",
        ] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
