//! What is kept of an API key.

use serde::{Deserialize, Serialize};

use crate::{AccountsError, Caller, KeyHash, KeyId, Kind, Scope, Scopes, Tenant, check_name};

/// Version of the files.
const FORMAT: u32 = 1;
/// Most teams of a key.
const MOST_TEAMS: usize = 32;
/// Longest name of a team, bytes.
const MOST_TEAM: usize = 64;

/// How much a caller may ask for. What is `None` is as the service has it for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Pictures checked, stamped or made a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures_per_minute: Option<u32>,
    /// Bytes sent a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<u64>,
}

impl Limits {
    /// These, and `others` where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            requests_per_minute: self.requests_per_minute.or(others.requests_per_minute),
            pictures_per_minute: self.pictures_per_minute.or(others.pictures_per_minute),
            bytes_per_day: self.bytes_per_day.or(others.bytes_per_day),
        }
    }
}

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Name by which policies and records know its holder; two keys of one name are one principal, which is how a key is
    /// replaced.
    pub name: String,
    /// Whose data it acts on.
    pub tenant: Tenant,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Teams of its holder besides those that the policies tell; `None`: those that fit the scopes.
    pub teams: Option<Vec<String>>,
    /// When it ends, Unix seconds.
    pub expires: Option<i64>,
    /// Limits of its own.
    pub limits: Limits,
}

/// What is kept of an API key: all but the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    format: u32,
    /// Its id.
    pub id: KeyId,
    /// Name of its holder.
    pub name: String,
    /// Whose data it acts on.
    pub tenant: Tenant,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Teams of its holder.
    pub teams: Vec<String>,
    /// SHA-256 of its text.
    pub sha256: KeyHash,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// When it ends, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// When it was revoked, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<i64>,
    /// Limits of its own.
    #[serde(default)]
    pub limits: Limits,
}

/// What a key is good for at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyRecord {
    /// # Errors
    /// [`AccountsError::Invalid`] for what cannot be.
    pub(crate) fn new(
        key: NewKey,
        id: KeyId,
        sha256: KeyHash,
        now: i64,
    ) -> Result<Self, AccountsError> {
        let record = Self {
            format: FORMAT,
            id,
            name: key.name,
            tenant: key.tenant,
            teams: key.teams.unwrap_or_else(|| teams_of(&key.scopes)),
            scopes: key.scopes,
            sha256,
            created: now,
            expires: key.expires,
            revoked: None,
            limits: key.limits,
        };
        record.check().map_err(AccountsError::Invalid)?;
        if record.state(now) != KeyState::Active {
            let message =
                "the key would have ended before it was made; give a later time".to_owned();
            return Err(AccountsError::Invalid(message));
        }
        Ok(record)
    }

    /// The text of a record, of its key.
    pub(crate) fn read(text: &[u8], id: KeyId) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if record.format != FORMAT {
            return Err("it was written by another version of the program".to_owned());
        }
        if record.id != id {
            return Err("it is about another key".to_owned());
        }
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), String> {
        check_name(&self.name).map_err(|error| error.to_string())?;
        if self.tenant == Tenant::public() {
            return Err("no key is made for `public`: that is everyone without one".to_owned());
        }
        if self.scopes.iter().next().is_none() {
            return Err("a key without scopes is for nothing; give one".to_owned());
        }
        let fits = |team: &String| {
            (1..=MOST_TEAM).contains(&team.len()) && !team.chars().any(char::is_control)
        };
        if self.teams.len() > MOST_TEAMS || !self.teams.iter().all(fits) {
            return Err(format!(
                "a key has at most {MOST_TEAMS} teams with names of 1 to {MOST_TEAM} bytes"
            ));
        }
        let Limits {
            requests_per_minute: requests,
            pictures_per_minute: pictures,
            bytes_per_day: bytes,
        } = self.limits;
        if requests == Some(0) || pictures == Some(0) || bytes == Some(0) {
            return Err(
                "a limit of 0 would make the key useless; leave the scope out instead".to_owned(),
            );
        }
        Ok(())
    }

    /// What it is good for now.
    pub fn state(&self, now: i64) -> KeyState {
        if self.revoked.is_some() {
            KeyState::Revoked
        } else if self.expires.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }

    /// Whoever holds it.
    pub fn caller(&self) -> Caller {
        Caller {
            kind: Kind::Key(self.id),
            name: Some(self.name.clone()),
            teams: self.teams.clone(),
            tenant: self.tenant.clone(),
            scopes: self.scopes.clone(),
            limits: self.limits,
            owner: false,
        }
    }
}

/// Teams of the shipped policies whose members may do what these scopes are for.
pub fn teams_of(scopes: &Scopes) -> Vec<String> {
    let team = |scope| match scope {
        Scope::Issue => Some("makers"),
        Scope::Jobs | Scope::Read | Scope::Export => Some("auditors"),
        Scope::Personal => Some("privacy-officers"),
        Scope::Verify | Scope::Admin => None,
    };
    let mut teams: Vec<String> = scopes.iter().filter_map(team).map(str::to_owned).collect();
    teams.dedup();
    teams
}
