//! A client of collectors of traces (OTLP over HTTP with JSON, opentelemetry.io/docs/specs/otlp).

use std::time::Duration;

use crate::error::GatewayError;
use crate::posting::{Ask, Service};

const JSON: &str = "application/json";
/// Longest answer read: it says how many spans were not taken, if any.
const MOST_ANSWER: u64 = 64 << 10;

/// A collector.
pub struct TraceCollector {
    service: Service,
}

impl TraceCollector {
    /// The collector at an address such as `http://127.0.0.1:4318`: https://, or http:// on this machine. `time`
    /// bounds a whole request.
    ///
    /// # Errors
    /// [`GatewayError::Service`] for an address that is not asked.
    pub fn new(address: &str, time: Duration) -> Result<Self, GatewayError> {
        Ok(Self {
            service: Service::new(address, time, None)?,
        })
    }

    /// Sends an `ExportTraceServiceRequest` in JSON.
    ///
    /// # Errors
    /// [`GatewayError::Service`] when it is not taken.
    pub fn send(&self, request: &[u8]) -> Result<(), GatewayError> {
        let failed = |reason: String| GatewayError::Service {
            to: self.service.shown(),
            reason,
        };
        let answer = self
            .service
            .ask(&Ask {
                path: "/v1/traces",
                body: Some((JSON, request)),
                accept: JSON,
                key: None,
                limit: MOST_ANSWER,
            })
            .map_err(failed)?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(failed(format!("it answers status {status}"))),
        }
    }
}
