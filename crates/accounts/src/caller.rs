//! Who asks.

use crate::{KeyId, Limits, Scope, Scopes, Tenant};

/// Longest name of a key or a person, bytes.
const MOST_NAME: usize = 128;

/// How a caller is proven.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Not at all.
    Anonymous,
    /// By the owner's key of the run.
    Owner,
    /// By an API key.
    Key(KeyId),
    /// By a token or a session of the issuer of identities.
    User,
}

/// Whoever sent a request, as far as it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// How it is proven.
    pub kind: Kind,
    /// Name of the key or person; `None` for somebody without a key.
    pub name: Option<String>,
    /// Teams besides those that the policies tell.
    pub teams: Vec<String>,
    /// Whose data they act on.
    pub tenant: Tenant,
    /// What for.
    pub scopes: Scopes,
    /// Limits of the key's own.
    pub limits: Limits,
    /// Whether it is the owner of the home.
    pub owner: bool,
}

impl Caller {
    /// Somebody without a key, for whom these uses are open.
    pub fn anonymous(scopes: Scopes) -> Self {
        Self {
            kind: Kind::Anonymous,
            name: None,
            teams: Vec::new(),
            tenant: Tenant::public(),
            scopes,
            limits: Limits::default(),
            owner: false,
        }
    }

    /// The owner of the home.
    pub fn owner() -> Self {
        Self {
            kind: Kind::Owner,
            name: Some("owner".to_owned()),
            teams: Vec::new(),
            tenant: Tenant::own(),
            scopes: Scopes::all(),
            limits: Limits::default(),
            owner: true,
        }
    }

    /// Whether the key was made for this use.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }

    /// Whether objects of a tenant (jobs, webhooks, kept files, keys) are there for this caller. Nobody shares the
    /// objects of callers without a key: those who have none keep none.
    pub fn sees(&self, tenant: &Tenant) -> bool {
        self.owner || (self.tenant == *tenant && self.kind != Kind::Anonymous)
    }

    /// Whether personal data of a tenant's records may be asked for: with [`Scope::Personal`], in the own tenant, or as
    /// the owner. The policies are asked besides.
    pub fn sees_personal_of(&self, tenant: &Tenant) -> bool {
        self.may(Scope::Personal) && self.sees(tenant)
    }

    /// The name by which policies and records know the caller: `NAME`, of other tenants than the home's own
    /// `TENANT/NAME`. `None` for somebody without a key.
    pub fn full_name(&self) -> Option<String> {
        let name = self.name.as_deref()?;
        Some(if self.tenant == Tenant::own() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.tenant)
        })
    }
}

/// The tenant that a record's requester (`api-key:TENANT/NAME`, `user:NAME`) belongs to. Whoever is not named is the
/// owner, and so is whatever was issued before there were tenants.
pub fn tenant_of(requester: Option<&str>) -> Tenant {
    let name = requester.and_then(|text| text.split_once(':'));
    let tenant = name.and_then(|(_, name)| name.split_once('/'));
    tenant
        .and_then(|(tenant, _)| tenant.parse().ok())
        .unwrap_or_else(Tenant::own)
}

/// A name that no key or person can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to {MOST_NAME} bytes long, without slashes, colons, control characters, and white space at its ends"
)]
pub struct NameError;

/// Whether a key or a person can have this name.
///
/// # Errors
/// [`NameError`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    // A slash ends the tenant, a colon the kind.
    let plain = |c: char| !c.is_control() && !"/:".contains(c);
    let fits = (1..=MOST_NAME).contains(&name.len()) && name.chars().all(plain);
    if fits && name.trim() == name {
        Ok(())
    } else {
        Err(NameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tenant: &str) -> Caller {
        Caller {
            kind: Kind::User,
            name: Some("ida".to_owned()),
            teams: Vec::new(),
            tenant: tenant.parse().unwrap(),
            scopes: Scopes::all(),
            limits: Limits::default(),
            owner: false,
        }
    }

    #[test]
    fn tenants_do_not_see_each_other_and_the_owner_sees_all() {
        let (news, own) = (of("news"), Tenant::own());
        assert!(news.sees(&news.tenant) && !news.sees(&own));
        assert!(Caller::owner().sees(&news.tenant));
        let nobody = Caller::anonymous(Scopes::all());
        assert!(!nobody.sees(&nobody.tenant) && !nobody.sees_personal_of(&own));
    }

    #[test]
    fn a_requester_tells_its_tenant() {
        for tenant in ["news", "own"] {
            let caller = of(tenant);
            let requester = format!("user:{}", caller.full_name().unwrap());
            assert_eq!(tenant_of(Some(&requester)), caller.tenant, "{requester}");
        }
        assert_eq!(of("news").full_name().as_deref(), Some("news/ida"));
        assert_eq!(of("own").full_name().as_deref(), Some("ida"));
        assert_eq!(tenant_of(None), Tenant::own());
    }

    #[test]
    fn names_cannot_pass_for_other_tenants() {
        for name in ["ida", "a b", "ida@example.org", "Ärztin"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "a".repeat(MOST_NAME + 1);
        for name in ["", "news/ida", "user:ida", " ida", "a\nb", &long] {
            assert_eq!(check_name(name), Err(NameError), "{name}");
        }
    }
}
