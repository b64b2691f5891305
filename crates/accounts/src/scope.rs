//! What a key may be used for. The policies decide within these bounds.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One kind of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Make and stamp pictures.
    Issue,
    /// Check single pictures.
    Verify,
    /// Check very many pictures: jobs and webhooks.
    Jobs,
    /// Read records, proofs, statistics, policies, keys.
    Read,
    /// Take records out in bulk.
    Export,
    /// See personal data of the own tenant's records.
    Personal,
    /// Manage keys of other callers and what belongs to all tenants.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 7] = [
        Self::Issue,
        Self::Verify,
        Self::Jobs,
        Self::Read,
        Self::Export,
        Self::Personal,
        Self::Admin,
    ];

    /// Its code in keys, requests and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Verify => "verify",
            Self::Jobs => "jobs",
            Self::Read => "read",
            Self::Export => "export",
            Self::Personal => "personal",
            Self::Admin => "admin",
        }
    }

    /// The scope with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == code)
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Self(Scope::ALL.into_iter().collect())
    }

    /// Whether the scope is among them.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_a_code_of_its_own() {
        let codes: BTreeSet<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        assert_eq!(codes.len(), Scope::ALL.len());
        for scope in Scope::ALL {
            assert_eq!(Scope::from_code(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::from_code("root"), None);
    }
}
