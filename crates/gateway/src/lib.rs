//! Clients of other people's servers: of images servers, of hubs that models are pulled from ([`Hub`]), of logs
//! ([`LogClient`]), of witnesses ([`WitnessClient`]), of remote signers ([`RemoteKeyClient`]) and of time-stamp
//! authorities ([`TimeStampAuthority`]).
//!
//! The first is one of OpenAI-compatible images servers: vLLM-Omni, SGLang-Diffusion, LocalAI,
//! stable-diffusion.cpp's server, OpenAI. Pictures are made there, provenance stays here.
//!
//! [`Client::generate`] sends one `POST {base}/v1/images/generations`, fetches what comes back as
//! addresses, and returns whole files whose headers were read. It blocks; no runtime leaks out. The
//! backend is not trusted: every count of bytes has a limit that holds while reading, and picture
//! addresses are followed only where `docs/gateway.md` says.
//!
//! ```no_run
//! use colophon_gateway::{Backend, Client, ImagesRequest};
//!
//! # fn main() -> Result<(), colophon_gateway::GatewayError> {
//! let client = Client::new(Backend::new("http://127.0.0.1:8000"))?;
//! let answer = client.generate(&ImagesRequest::new("a red fox", 512, 512), &|| false)?;
//! println!("{} in {:?}", answer.pictures[0].media_type, answer.elapsed);
//! # Ok(())
//! # }
//! ```

mod answer;
mod backend;
mod base64;
mod client;
mod destinations;
mod dialect;
mod error;
mod exchange;
mod extract;
mod fetch;
mod guarded;
mod hook;
mod hub;
mod identity;
mod job;
mod log;
mod parse;
mod posting;
mod request;
mod retry;
mod secret;
mod server_error;
mod signer;
mod site;
mod sniff;
mod telemetry;
#[cfg(test)]
mod test_server;
mod timestamp;
mod transport;
mod witness;

pub use answer::{Answer, Deviation, MediaType, ReturnedPicture};
pub use backend::{Backend, MAX_RETRIES};
pub use client::Client;
pub use dialect::Dialect;
pub use error::GatewayError;
pub use guarded::{
    FetchFault, FetchLimits, FetchRules, NearHost, NearHostError, fetch_by_rules, fetch_guarded,
};
pub use hook::{HookAnswer, HookPoster};
pub use hub::{DEFAULT_HUB, Hub, HubFile, HubModel};
pub use identity::IdentityClient;
pub use log::LogClient;
pub use request::{
    ImagesRequest, MAX_COUNT, MAX_GUIDANCE, MAX_PROMPT_CHARS, MAX_SIDE, MAX_STEPS, ResponseFormat,
};
pub use secret::Secret;
pub use server_error::ServerError;
pub use signer::{FAILURES_TO_PAUSE, MAX_WAITING, PAUSE, RemoteKeyClient};
pub use telemetry::TraceCollector;
pub use timestamp::{MAX_TOKEN_BYTES, TimeStampAuthority};
pub use witness::{WitnessAnswer, WitnessClient};
