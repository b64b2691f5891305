//! A signed file as it comes in: our walk to the manifest store, then the validator.
#![no_main]

use std::time::Duration;

use colophon_fuzz::{foreign_may_give_up, only_our_panics_count, write_seeds};
use colophon_imaging::{Format, sniff};
use colophon_manifest::{TrustAnchors, extract_manifest_bytes, read};
use libfuzzer_sys::fuzz_target;

mod signed;

fuzz_target!(
    init: {
        write_seeds(signed::files);
        only_our_panics_count();
    },
    |data: &[u8]| {
        let format = sniff(data).unwrap_or(Format::Jpeg);
        let _ = extract_manifest_bytes(data, format.mime());
        foreign_may_give_up(|| read(data, format.mime(), &TrustAnchors::none(), Duration::from_secs(5)));
    }
);
