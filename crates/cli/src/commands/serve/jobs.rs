//! Jobs and webhooks of the service: where they are kept, and how they reach the network.

use std::sync::Arc;

use colophon_gateway::{GatewayError, HookPoster};
use colophon_jobs::Store;
use colophon_provenance::Home;
use colophon_server::{Fetches, Jobs, Posts};
use colophon_webhooks::Hooks;

use super::super::Context;
use crate::failure::Failure;

/// Opens the jobs and webhooks of a home. With `near_webhooks` messages may go to this machine and
/// private networks. Addresses are fetched by `fetches`.
pub(super) fn open(
    context: &Context<'_>,
    home: &Home,
    near_webhooks: bool,
    fetches: Arc<dyn Fetches>,
) -> Result<Jobs, Failure> {
    let limits = colophon_jobs::Limits::default();
    let (store, lost) = Store::open(&home.root.join("jobs"), limits)?;
    let hooks = Hooks::open(
        &home.root.join("webhooks"),
        colophon_webhooks::Limits::default(),
    );
    let (hooks, more) = hooks?;
    for path in lost.iter().chain(&more) {
        let path = path.display().to_string();
        context.printer.note(&format!(
            "{} cannot be read and is left as it is",
            crate::text::clean(&path)
        ));
    }
    let poster = Poster(HookPoster {
        near: near_webhooks,
    });
    Ok(Jobs::new(
        store,
        hooks,
        Some(fetches),
        Some(Arc::new(poster)),
    ))
}

/// Posts messages of webhooks.
struct Poster(HookPoster);

impl Posts for Poster {
    fn admits(&self, address: &str) -> Result<(), String> {
        self.0.admits(address).map_err(said)
    }

    fn post(
        &self,
        address: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<(u16, Option<i64>), String> {
        let answer = self.0.post(address, headers, body).map_err(said)?;
        Ok((answer.status, answer.retry_after))
    }
}

fn said(error: GatewayError) -> String {
    match error {
        GatewayError::Guarded { to, reason, .. } => format!("{to}: {reason}"),
        other => other.to_string(),
    }
}
