//! The name of a manifest.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::ManifestError;

/// A manifest's label, such as `urn:c2pa:` and a UUID (C2PA 2.4, section 8.2), or a label of an
/// older claim version: 1 to 256 printable ASCII characters without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ManifestId(String);

impl ManifestId {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The UUID in lower case, when the label has the form `urn:c2pa:<uuid>` with optional
    /// further parts after a colon.
    pub fn uuid(&self) -> Option<String> {
        let uuid = self.0.strip_prefix("urn:c2pa:")?.split(':').next()?;
        is_uuid(uuid).then(|| uuid.to_ascii_lowercase())
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl FromStr for ManifestId {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let reason =
                "must be 1 to 256 printable ASCII characters, such as `urn:c2pa:` and a UUID"
                    .to_owned();
            return Err(ManifestError::BadSpec {
                field: "manifest id",
                reason,
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_is_found_only_in_the_right_form() {
        let uuid = |text: &str| text.parse::<ManifestId>().unwrap().uuid();
        let expected = Some("f758b3ef-0dad-41a1-b2f8-b9d8a9a4a4e1".to_owned());
        assert_eq!(
            uuid("urn:c2pa:F758B3EF-0dad-41a1-b2f8-b9d8a9a4a4e1"),
            expected
        );
        assert_eq!(
            uuid("urn:c2pa:f758b3ef-0dad-41a1-b2f8-b9d8a9a4a4e1:acme:2_1"),
            expected
        );
        assert_eq!(uuid("urn:uuid:f758b3ef-0dad-41a1-b2f8-b9d8a9a4a4e1"), None);
        assert_eq!(uuid("urn:c2pa:f758b3ef0dad-41a1-b2f8-b9d8a9a4a4e1-"), None);
    }

    #[test]
    fn odd_labels_are_refused() {
        for bad in ["", "a b", "a\nb", "é", &"x".repeat(257)] {
            assert!(bad.parse::<ManifestId>().is_err(), "{bad:?}");
        }
    }
}
