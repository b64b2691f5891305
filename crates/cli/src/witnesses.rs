//! The way to a ledger's witnesses: over HTTP, with the gateway's client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon_gateway::{WitnessAnswer, WitnessClient};
use colophon_ledger::{CosignRequest, Refusal, TreeSize, WitnessPolicy, Witnesses};
use colophon_provenance::WayToWitnesses;
use colophon_tlog::{AddCheckpoint, Note};

/// The addresses of a policy's witnesses, by their names within the policy.
struct OverHttp(BTreeMap<String, WitnessClient>);

/// The way to witnesses by the addresses that a policy gives.
pub fn over_http() -> WayToWitnesses {
    WayToWitnesses::new(|policy| Ok(Arc::new(OverHttp::of(policy)?)))
}

impl OverHttp {
    fn of(policy: &WitnessPolicy) -> Result<Self, Box<dyn std::error::Error>> {
        let mut clients = BTreeMap::new();
        for witness in policy.witnesses() {
            // One without address cannot be asked; whether the others are enough shows when they are.
            if let Some(url) = &witness.url {
                clients.insert(witness.name.clone(), WitnessClient::new(url, None)?);
            }
        }
        Ok(Self(clients))
    }
}

impl Witnesses for OverHttp {
    fn ask(
        &self,
        witness: &str,
        request: &CosignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let client = self
            .0
            .get(witness)
            .ok_or_else(|| Refusal::Unreachable("the policy gives no address for it".to_owned()))?;
        let body = Note::parse(request.checkpoint)
            .map_err(|error| error.to_string())
            .and_then(|note| {
                AddCheckpoint::new(request.old_size, request.proof.to_vec(), note)
                    .map_err(|error| error.to_string())
            })
            .map_err(Refusal::Refused)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::Late(Duration::ZERO));
        }
        match client.add_checkpoint(body.to_string().as_bytes(), left) {
            Ok(WitnessAnswer::Cosigned(lines)) => Ok(lines),
            Ok(WitnessAnswer::Knows(size)) => Err(Refusal::Behind(TreeSize(size))),
            Ok(WitnessAnswer::Refused { status, says }) => {
                Err(Refusal::Refused(format!("status {status}: {says}")))
            }
            Err(error) => Err(Refusal::Unreachable(error.to_string())),
        }
    }
}
