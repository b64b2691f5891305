//! Random bytes from the system, fetched some records ahead: a call for each would cost more than the bytes.

use std::cell::RefCell;

use zeroize::Zeroize as _;

use crate::error::LedgerError;

/// Bytes fetched at once, enough for a score of records.
const AHEAD: usize = 4_096;

/// What was fetched and is not used; wiped as it is handed out, and when the thread ends.
struct Ahead {
    bytes: [u8; AHEAD],
    used: usize,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

thread_local! {
    static BYTES: RefCell<Ahead> = const { RefCell::new(Ahead { bytes: [0; AHEAD], used: AHEAD }) };
}

/// Random bytes.
///
/// # Errors
/// [`LedgerError::Random`] when the system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], LedgerError> {
    const { assert!(N <= AHEAD) };
    BYTES.with_borrow_mut(|ahead| {
        if AHEAD - ahead.used < N {
            getrandom::fill(&mut ahead.bytes)
                .map_err(|error| LedgerError::Random(error.to_string()))?;
            ahead.used = 0;
        }
        let taken = &mut ahead.bytes[ahead.used..ahead.used + N];
        let mut bytes = [0; N];
        bytes.copy_from_slice(taken);
        taken.zeroize();
        ahead.used += N;
        Ok(bytes)
    })
}
