//! A verdict table of an operator's own: read and checked, or refused with a reason.
#![no_main]

use colophon_fuzz::write_seeds;
use colophon_policy::VerdictTable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds(|| vec![include_bytes!("../../../policies/verdicts.toml").to_vec()]),
    |data: &[u8]| {
        if let Ok(text) = str::from_utf8(data) {
            let _ = VerdictTable::from_toml(text);
        }
    }
);
