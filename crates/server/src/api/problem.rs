//! Errors as RFC 9457 problem details.

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// Kinds of problems; their types and statuses are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind { $($(#[$doc])* $name),+ }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The last part of its type.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// Its HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// What is wrong, for people; the same for all of its kind.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

problems! {
    /// The request cannot be understood.
    InvalidRequest = "invalid-request", BAD_REQUEST, "The request cannot be understood";
    /// No key, or one that is not known.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "An API key is needed";
    /// The key or the policies do not allow it.
    Forbidden = "forbidden", FORBIDDEN, "This is not allowed";
    /// There is nothing there.
    NotFound = "not-found", NOT_FOUND, "There is nothing at this address";
    /// The address knows other methods.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The address does not know this method";
    /// The request came too slowly.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request took too long to arrive";
    /// It does not fit what is there.
    Conflict = "conflict", CONFLICT, "This does not fit what is there";
    /// It was begun, and nobody knows what came of it.
    OutcomeUnknown = "outcome-unknown", CONFLICT, "It is not known what came of this";
    /// It was there and is no longer.
    Gone = "gone", GONE, "This is no longer kept";
    /// More bytes or pixels than are taken.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "This is larger than what is taken";
    /// More text in an address than is taken.
    UriTooLong = "uri-too-long", URI_TOO_LONG, "The address is longer than what is taken";
    /// A kind of file that is not taken.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "This kind of file is not taken";
    /// It is for a server of another name.
    Misdirected = "misdirected", MISDIRECTED_REQUEST, "This is not the server that was asked for";
    /// Understood, and cannot be done.
    Unprocessable = "unprocessable", UNPROCESSABLE_ENTITY, "This cannot be done";
    /// The caller's own limit.
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests";
    /// The service failed.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service failed";
    /// This installation does not do it.
    NotImplemented = "not-implemented", NOT_IMPLEMENTED, "This installation does not offer that";
    /// Another server that was asked failed.
    Upstream = "upstream", BAD_GATEWAY, "Another server that was asked failed";
    /// More to do than can be done.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "There is more to do than can be done";
    /// It took too long.
    TimedOut = "timed-out", GATEWAY_TIMEOUT, "It took too long";
    /// The disk is full.
    NoSpace = "no-space", INSUFFICIENT_STORAGE, "There is no room left to keep it";
}

/// An error as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    detail: Option<String>,
    pointer: Option<String>,
    retry_after: Option<u32>,
    cause: Option<String>,
}

/// The body of an answer that is a problem (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Address of a page about problems of this kind, relative to the server.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    kind: String,
    /// What is wrong, the same for all of this kind.
    title: &'static str,
    /// HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What is wrong this time, and what can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// JSON pointer or name of the parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// Id of the request, also in the header `x-request-id` and in the operator's log.
    #[serde(rename = "requestId")]
    request_id: String,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: ProblemKind) -> Self {
        Self {
            kind,
            detail: None,
            pointer: None,
            retry_after: None,
            cause: None,
        }
    }

    /// The service failed, because of this.
    pub fn internal(cause: impl Display) -> Self {
        Self::new(ProblemKind::Internal).because(cause)
    }

    /// The request cannot be understood, because of this.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidRequest).with_detail(detail)
    }

    /// What is wrong this time, and what can be done. Never anything that the caller may not see.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What failed, for the operator's log alone: it may tell of paths and settings.
    #[must_use]
    pub fn because(mut self, cause: impl Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Which part of the request is wrong.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// When it may be tried again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Which part of the request is wrong.
    pub fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }

    /// What failed, for the operator.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// What is wrong this time.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // For those who tell the same in another shape.
        let told = self.clone();
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind.code()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail,
            pointer: self.pointer,
            request_id: super::request_id::current(),
        };
        let mut response = (self.kind.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(told);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own_and_is_an_error() {
        let codes: BTreeSet<&str> = ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ProblemKind::ALL.len());
        assert!(
            ProblemKind::ALL
                .iter()
                .all(|kind| kind.status().as_u16() >= 400)
        );
    }
}
