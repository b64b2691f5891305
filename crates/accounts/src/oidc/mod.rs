//! People, by an issuer of identities (OpenID Connect Core 1.0, Discovery 1.0).
//!
//! [`Provider`] reads what the issuer says of itself and its keys, by a way to the network that it is handed
//! ([`Web`]), checks tokens and makes callers of them. [`SignOn`] is the browser's way: authorization code with PKCE
//! (RFC 7636), state and nonce, then a session.

mod jwks;
mod jwt;
mod provider;
mod sign_on;
#[cfg(test)]
mod tests;

pub use jwks::KeySet;
pub use jwt::{Claims, Expected, TokenError, verify};
pub use provider::{OidcError, OidcSettings, Provider, Web};
pub use sign_on::{Begin, Returned, SESSION, Session, SessionToken, SignOn};
