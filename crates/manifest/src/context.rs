//! The SDK's settings: nothing fetched, nothing added on its own.

use std::time::{Duration, Instant};

use c2pa::{Context, Settings};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::signer::certificates;
use crate::{ManifestError, assertions};

/// Where a list of trust anchors comes from: the colour of the trust it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ListKind {
    /// The C2PA trust list.
    Official,
    /// The interim trust list, frozen since 2026-01-01.
    Legacy,
    /// Configured on this machine, such as our own root.
    Local,
}

/// Named lists of trust anchors, asked in the order added.
#[derive(Debug, Clone, Default)]
pub struct TrustAnchors {
    lists: Vec<List>,
}

#[derive(Debug, Clone)]
pub(crate) struct List {
    pub name: String,
    pub kind: ListKind,
    pem: String,
}

impl TrustAnchors {
    /// No anchors: no signer is trusted.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a list of PEM certificates under a name for people.
    ///
    /// # Errors
    /// [`ManifestError::BadAnchors`] when `pem` holds no certificate or a broken one.
    pub fn with_list(
        mut self,
        name: &str,
        kind: ListKind,
        pem: &str,
    ) -> Result<Self, ManifestError> {
        let bad = |reason: &str| ManifestError::BadAnchors {
            list: name.to_owned(),
            reason: reason.to_owned(),
        };
        let found = certificates(pem.as_bytes()).ok_or_else(|| bad("a PEM block is broken"))?;
        if found.is_empty() {
            return Err(bad("it holds no certificate"));
        }
        settings(pem).map_err(|error| bad(&error.to_string()))?;
        self.lists.push(List {
            name: name.to_owned(),
            kind,
            pem: pem.to_owned(),
        });
        Ok(self)
    }

    /// Adds our own root certificate as the list `local`.
    ///
    /// # Errors
    /// As [`Self::with_list`].
    pub fn with_local_root(self, pem: &str) -> Result<Self, ManifestError> {
        self.with_list("local", ListKind::Local, pem)
    }

    pub(crate) fn lists(&self) -> &[List] {
        &self.lists
    }

    /// All lists as one PEM text.
    pub(crate) fn all(&self) -> String {
        self.lists
            .iter()
            .map(|list| list.pem.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl List {
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }
}

/// Labels that count as created by us, in contrast to gathered from elsewhere.
const CREATED: [&str; 5] = [
    assertions::ACTIONS,
    assertions::SOFT_BINDING,
    assertions::AI_DISCLOSURE,
    assertions::TRAINING_MINING,
    assertions::ISSUANCE,
];

fn settings(anchors: &str) -> c2pa::Result<Settings> {
    let mut values = json!({
        "verify": {
            "verify_trust": true,
            "verify_timestamp_trust": true,
            "ocsp_fetch": false,
            "remote_manifest_fetch": false,
            // Every file is read back by the caller, with trust anchors and hashes.
            "verify_after_sign": false,
        },
        "core": { "allowed_network_hosts": [], "prefer_compress_manifests": false },
        "builder": {
            "thumbnail": { "enabled": false },
            "created_assertion_labels": CREATED,
            "actions": {
                "auto_created_action": { "enabled": false },
                "auto_opened_action": { "enabled": false },
                "auto_placed_action": { "enabled": false },
            },
        },
    });
    if !anchors.is_empty() {
        values["trust"] = json!({ "trust_anchors": anchors });
    }
    Settings::new().with_json(&values.to_string())
}

/// A context that trusts the PEM certificates in `anchors` and cancels itself after `limit`.
pub(crate) fn reading(anchors: &str, deadline: Deadline) -> c2pa::Result<Context> {
    let context = Context::new().with_settings(settings(anchors)?)?;
    Ok(context.with_progress_callback(move |_, _, _| !deadline.is_over()))
}

/// A context for signing.
pub(crate) fn signing() -> c2pa::Result<Context> {
    Context::new().with_settings(settings("")?)
}

/// A point in time after which work stops.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self {
            start: Instant::now(),
            limit,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.limit
    }

    pub(crate) fn error(&self) -> ManifestError {
        ManifestError::Deadline {
            millis: self.limit.as_millis(),
        }
    }
}
