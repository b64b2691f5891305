//! Who asks: API keys, tenants, what a key may be used for ([`Scope`]). Knows no HTTP, and no clock: times are handed in.

mod address;
mod caller;
mod error;
mod files;
mod idempotency;
mod keys;
mod limits;
pub mod oidc;
mod record;
mod scope;
mod tenant;
mod text;

pub use address::AddressPrefix;
pub use caller::{Caller, Kind, NameError, check_name, tenant_of};
pub use error::AccountsError;
pub use idempotency::{
    Begun, Idempotency, KEPT, KeptAnswer, MOST_BODY, RequestHash, RequestName, Running,
};
pub use keys::{Denied, Keys};
pub use limits::{Exhausted, Left, Measure, RateLimiter, Subject};
pub use record::{KeyRecord, KeyState, Limits, NewKey, teams_of};
pub use scope::{Scope, Scopes};
pub use tenant::{Tenant, TenantError};
pub use text::{KeyHash, KeyId, KeyText, KeyTextError, PREFIX};

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// 32 bytes out of 64 hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}
