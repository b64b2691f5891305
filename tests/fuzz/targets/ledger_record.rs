//! Leaves of a ledger: only the one form that we write is read, so what is read encodes to the same bytes.
#![no_main]

use colophon_fuzz::write_seeds;
use colophon_ledger::{Kind, PublicRecord};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let record = PublicRecord {
        issued_at: 1_790_000_000,
        kind: Kind::Stamp,
        generator: None,
        source_type: "trainedAlgorithmicMedia".to_owned(),
        asset_sha256: [1; 32],
        manifest_sha256: [2; 32],
        manifest_id: "urn:c2pa:00000000-0000-0000-0000-000000000000".to_owned(),
        signer_key_id: [3; 32],
        policy_hash: [4; 32],
        width: 512,
        height: 300,
        watermark_commitment: Some([5; 32]),
        requester_commitment: None,
        private_commitment: [6; 32],
        generation: None,
    };
    let unmarked = PublicRecord {
        watermark_commitment: None,
        requester_commitment: Some([7; 32]),
        ..record.clone()
    };
    vec![record.encode(), unmarked.encode()]
}

fuzz_target!(
    init: write_seeds(seeds),
    |data: &[u8]| {
        if let Ok(record) = PublicRecord::decode(data) {
            assert_eq!(record.encode(), data, "two forms of one record: {record:?}");
        }
    }
);
