//! Whose data it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name of a tenant, bytes.
const MOST: usize = 63;

/// A customer or department whose jobs, private parts and limits are kept apart from those of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(String);

/// A name that no tenant can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tenant's name is 1 to {MOST} small letters, digits and hyphens, and begins with a letter or digit"
)]
pub struct TenantError;

impl Tenant {
    /// The tenant that is there when none is named: whoever owns the home.
    pub fn own() -> Self {
        Self("own".to_owned())
    }

    /// Everyone without a key. No key can be made for it.
    pub fn public() -> Self {
        Self("public".to_owned())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tenant {
    type Error = TenantError;

    fn try_from(name: String) -> Result<Self, TenantError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=MOST).contains(&name.len()) && name.bytes().all(plain);
        if fits && !name.starts_with('-') {
            Ok(Self(name))
        } else {
            Err(TenantError)
        }
    }
}

impl std::str::FromStr for Tenant {
    type Err = TenantError;

    fn from_str(name: &str) -> Result<Self, TenantError> {
        name.to_owned().try_into()
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_folders() {
        for name in ["own", "a", "news-2", "0"] {
            assert_eq!(
                name.parse::<Tenant>().map(String::from),
                Ok(name.to_owned())
            );
        }
        let long = "a".repeat(64);
        for name in ["", "-a", "A", "a/b", "..", "a b", "ä", &long] {
            assert_eq!(name.parse::<Tenant>(), Err(TenantError), "{name}");
        }
    }
}
