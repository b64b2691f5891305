//! The SDK's settings: nothing fetched, nothing added on its own.

use std::time::{Duration, Instant};

use c2pa::{Context, Settings};
use serde_json::json;

use crate::{ManifestError, assertions};

/// Labels that count as created by us, in contrast to gathered from elsewhere.
const CREATED: [&str; 5] = [
    assertions::ACTIONS,
    assertions::SOFT_BINDING,
    assertions::AI_DISCLOSURE,
    assertions::TRAINING_MINING,
    assertions::ISSUANCE,
];

/// Most bytes of a manifest that is stored compressed, in megabytes: as of one that is not.
const MAX_DECOMPRESSED_MB: usize = crate::MAX_MANIFEST_BYTES >> 20;

fn settings(anchors: &str, key_usages: &str) -> c2pa::Result<Settings> {
    let mut values = json!({
        "verify": {
            "verify_trust": true,
            "verify_timestamp_trust": true,
            "ocsp_fetch": false,
            "remote_manifest_fetch": false,
            // Every file is read back by the caller, with trust anchors and hashes.
            "verify_after_sign": false,
        },
        "core": {
            "allowed_network_hosts": [],
            "prefer_compress_manifests": false,
            "max_decompressed_manifest_size_in_mb": MAX_DECOMPRESSED_MB,
        },
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
        values["trust"]["trust_anchors"] = json!(anchors);
    }
    if !key_usages.is_empty() {
        values["trust"]["trust_config"] = json!(key_usages);
    }
    Settings::new().with_json(&values.to_string())
}

/// A context that trusts the PEM certificates in `anchors`, accepts `key_usages` besides the built-in ones, and
/// cancels itself at the deadline.
pub(crate) fn reading(
    anchors: &str,
    key_usages: &str,
    deadline: Deadline,
) -> c2pa::Result<Context> {
    let context = Context::new().with_settings(settings(anchors, key_usages)?)?;
    Ok(context.with_progress_callback(move |_, _, _| !deadline.is_over()))
}

/// A context for signing.
pub(crate) fn signing() -> c2pa::Result<Context> {
    Context::new().with_settings(settings("", "")?)
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
