//! The HTTP interface of a witness (C2SP `tlog-witness`).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::middleware::from_fn;
use axum::routing::post;
use colophon_tlog::{UnixTime, WitnessDecision};
use colophon_witness::{Answer, Witness, WitnessError};

use crate::routes::{Routes, answer, in_time, sentence};

/// Is told of every answer: the HTTP status and, in words, why.
pub type Observer = Arc<dyn Fn(u16, &str) + Send + Sync>;

#[derive(Clone)]
struct Service {
    witness: Arc<Witness>,
    observer: Observer,
}

/// Serves `POST /add-checkpoint`. `observer` learns what a caller does not: why the witness itself failed.
pub fn witness_routes(witness: Arc<Witness>, observer: Observer) -> Routes {
    let service = Service { witness, observer };
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .with_state(service)
        .layer(from_fn(in_time));
    Routes(router)
}

async fn add_checkpoint(State(service): State<Service>, body: Bytes) -> Response<Body> {
    let observer = Arc::clone(&service.observer);
    let answered =
        tokio::task::spawn_blocking(move || service.witness.add_checkpoint(&body, now()));
    let (response, why) = match answered.await {
        Ok(Ok(answer)) => response(&answer),
        Ok(Err(error)) => failure(&error),
        Err(_) => (
            sentence(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed"),
            "a thread of the witness ended early; look into its messages above".to_owned(),
        ),
    };
    observer(response.status().as_u16(), &why);
    response
}

fn response(given: &Answer) -> (Response<Body>, String) {
    match given {
        Answer::Cosigned(line) => (
            answer(
                StatusCode::OK,
                "text/plain; charset=utf-8",
                "no-store",
                format!("{line}\n"),
            ),
            "cosigned".to_owned(),
        ),
        Answer::Malformed(error) => {
            let why = error.to_string();
            (sentence(StatusCode::BAD_REQUEST, &why), why)
        }
        Answer::Refused(decision) => {
            let why = reason(decision);
            // The decision's statuses are all real ones.
            let status = StatusCode::from_u16(decision.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let response = match decision.size_body() {
                Some(size) => answer(status, WitnessDecision::SIZE_TYPE, "no-store", size),
                None => sentence(status, &why),
            };
            (response, why)
        }
    }
}

fn reason(decision: &WitnessDecision) -> String {
    match decision {
        WitnessDecision::Accepted(_) => "accepted".to_owned(),
        WitnessDecision::OldSizeAbove => "the old size is larger than the checkpoint's".to_owned(),
        WitnessDecision::BadSignature(error) => error.to_string(),
        WitnessDecision::UnknownOrigin => "this witness does not know that log".to_owned(),
        WitnessDecision::Conflict(size) => format!("the last tree cosigned has {size} entries"),
        WitnessDecision::Fork(size) => {
            format!("FORK: another tree of {size} entries was cosigned; see the evidence")
        }
        WitnessDecision::BadProof(error) => {
            format!("the new tree is not proved to grow out of the last one cosigned: {error}")
        }
    }
}

/// Callers learn that the witness failed; what failed, with its paths, is for its operator.
fn failure(error: &WitnessError) -> (Response<Body>, String) {
    let response = sentence(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the witness cannot answer; its operator has been told why",
    );
    let why = match std::error::Error::source(error) {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    };
    (response, why)
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(since.map_or(0, |since| since.as_secs()))
}
