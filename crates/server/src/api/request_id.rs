//! A name for each request, so that a caller and the operator's log speak of the same one.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id of a caller's own that is kept.
const MOST: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// Gives each request an id, the caller's own if it has a plain one, and tells it in the answer.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(drawn);
    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(NAME, value);
    }
    response
}

/// Work for the request in hand that goes on in a task of its own, under the same id.
pub(super) fn carried<T: Future>(work: T) -> impl Future<Output = T::Output> {
    CURRENT.scope(current(), work)
}

/// The id of the request in hand; empty outside of one.
pub(crate) fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

fn given(request: &Request) -> Option<String> {
    let text = request.headers().get(NAME)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=MOST).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

fn drawn() -> String {
    // Without a random source ids are not unique, which is no reason to fail.
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}
