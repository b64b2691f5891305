//! Witnesses of the home's ledger: which, and how they are reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use colophon_ledger::{WitnessPolicy, Witnesses, Witnessing};

use crate::{Home, ProvenanceError};

/// The home's file that says which witnesses a checkpoint needs (C2SP `tlog-policy`, with their addresses).
pub const WITNESS_POLICY_FILE: &str = "witness-policy";

/// How long issuing waits for witnesses.
const DEADLINE: Duration = Duration::from_secs(10);

type Connect =
    dyn Fn(&WitnessPolicy) -> Result<Arc<dyn Witnesses>, Box<dyn std::error::Error>> + Send + Sync;

/// Makes the connection to the witnesses of a policy. This crate knows no network: whoever has one brings it along.
#[derive(Clone)]
pub struct WayToWitnesses(Arc<Connect>);

impl WayToWitnesses {
    /// The way that `connect` makes.
    pub fn new(
        connect: impl Fn(&WitnessPolicy) -> Result<Arc<dyn Witnesses>, Box<dyn std::error::Error>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(connect))
    }
}

impl fmt::Debug for WayToWitnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WayToWitnesses").finish_non_exhaustive()
    }
}

impl Home {
    /// File with the policy about witnesses; without one, the ledger asks for none.
    pub fn witness_policy_file(&self) -> PathBuf {
        self.root.join(WITNESS_POLICY_FILE)
    }

    /// The policy about witnesses, `None` where there is no file.
    ///
    /// # Errors
    /// [`ProvenanceError::Witnesses`] when it cannot be read.
    pub fn witness_policy(&self) -> Result<Option<WitnessPolicy>, ProvenanceError> {
        let path = self.witness_policy_file();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unusable(error.to_string())),
        };
        let policy = WitnessPolicy::parse(&bytes);
        policy
            .map(Some)
            .map_err(|error| self.unusable(error.to_string()))
    }

    /// What the ledger needs to ask its witnesses. A policy that cannot be followed is an error, never "no witnesses".
    pub(crate) fn witnessing(&self) -> Result<Option<Witnessing>, ProvenanceError> {
        let Some(policy) = self.witness_policy()? else {
            return Ok(None);
        };
        let way = self.way_to_witnesses.as_ref().ok_or_else(|| {
            self.unusable("this program has no network to ask witnesses over".to_owned())
        })?;
        let witnesses = (way.0)(&policy).map_err(|error| self.unusable(error.to_string()))?;
        Ok(Some(Witnessing {
            policy,
            witnesses,
            deadline: DEADLINE,
        }))
    }

    fn unusable(&self, reason: String) -> ProvenanceError {
        ProvenanceError::Witnesses {
            path: self.witness_policy_file(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_be_followed_is_never_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        assert!(home.witnessing().unwrap().is_none());
        std::fs::write(home.witness_policy_file(), "quorum none\n").unwrap();
        let error = home.witnessing().unwrap_err().to_string();
        assert!(
            error.contains("witness-policy") && error.contains("no network"),
            "{error}"
        );
        let connected = home.with_way_to_witnesses(WayToWitnesses::new(|_| Err("no route".into())));
        assert!(
            connected
                .witnessing()
                .unwrap_err()
                .to_string()
                .contains("no route")
        );
        std::fs::write(connected.witness_policy_file(), "quorum who\n").unwrap();
        assert!(
            connected
                .witnessing()
                .unwrap_err()
                .to_string()
                .contains("line 1")
        );
    }
}
