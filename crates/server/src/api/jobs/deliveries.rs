//! Posting messages that are due.

use std::sync::Arc;
use std::time::Duration;

use colophon_webhooks::{Due, Outcome, Posted, WebhookError};

use super::super::ports::Posts;
use super::super::service::Service;
use super::Jobs;

/// Longest wait for news without being told of any.
const LOOK: Duration = Duration::from_mins(1);

/// Posts what is due until the server stops.
pub(super) async fn pump(service: Arc<Service>) {
    let Some(jobs) = &service.jobs else { return };
    let Some(posts) = jobs.posts.clone() else {
        return;
    };
    while !jobs.is_stopping() {
        let Ok(place) = Arc::clone(&jobs.posting).acquire_owned().await else {
            return;
        };
        let mut news = std::pin::pin!(jobs.message.notified());
        // News from here on is not missed.
        news.as_mut().enable();
        let now = service.now();
        let Some(due) = jobs.hooks.due(now) else {
            drop(place);
            let wait = jobs.hooks.next_time(now).map_or(LOOK, |next| {
                let seconds = next.saturating_sub(now).max(1);
                Duration::from_secs(seconds.unsigned_abs()).min(LOOK)
            });
            let _ = tokio::time::timeout(wait, news).await;
            continue;
        };
        let (service, posts) = (Arc::clone(&service), Arc::clone(&posts));
        tokio::spawn(async move {
            let now = service.now();
            if let Some(jobs) = &service.jobs {
                // What could not be noted is tried again after the next start.
                let _ = post(jobs, posts, due, now).await;
                jobs.message.notify_waiters();
            }
            drop(place);
        });
    }
}

/// Posts one message and notes what came of it. `None` when the thread was lost.
pub(super) async fn post(
    jobs: &Jobs,
    posts: Arc<dyn Posts>,
    due: Due,
    now: i64,
) -> Option<Result<(Outcome, Result<u16, String>), WebhookError>> {
    let hooks = Arc::clone(&jobs.hooks);
    let posted = tokio::task::spawn_blocking(move || {
        let came = posts.post(&due.url, &due.headers.pairs(), due.body.as_bytes());
        let told = came.clone().map(|(status, _)| status);
        let came = came.map(|(status, retry_after)| Posted {
            status,
            retry_after,
        });
        // Without a random source nothing is moved, which is no reason to fail.
        let chance = getrandom::u32().unwrap_or_default() as u8;
        hooks
            .done(due, came, now, chance)
            .map(|outcome| (outcome, told))
    });
    posted.await.ok()
}
