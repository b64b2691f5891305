//! Bytes as text.

pub(crate) use colophon_ledger::hex;

/// 64 lower-case hexadecimal digits: statements have one spelling.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    colophon_ledger::unhex(text).filter(|hash| hex(hash) == text)
}

/// A decimal number in its one spelling.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
