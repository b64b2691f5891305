//! A manifest store by itself (JUMBF, CBOR, COSE, certificates), as a ledger or a side file hands it over.
#![no_main]

use std::time::Duration;

use colophon_fuzz::{foreign_may_give_up, only_our_panics_count, write_seeds};
use colophon_manifest::{TrustAnchors, extract_manifest_bytes, read_detached};
use libfuzzer_sys::fuzz_target;

mod signed;

/// A gray PNG of one pixel.
const ASSET: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\
\0\0\0\x0aIDATx\x9ch`\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xae\x42\x60\x82";

fn seeds() -> Vec<Vec<u8>> {
    let stores = signed::files().into_iter().filter_map(|file| {
        let format = colophon_imaging::sniff(&file).ok()?;
        extract_manifest_bytes(&file, format.mime()).ok()?
    });
    stores.collect()
}

fuzz_target!(
    init: {
        write_seeds(seeds);
        only_our_panics_count();
    },
    |data: &[u8]| {
        let limit = Duration::from_secs(5);
        foreign_may_give_up(|| read_detached(data, ASSET, "image/png", &TrustAnchors::none(), limit));
    }
);
