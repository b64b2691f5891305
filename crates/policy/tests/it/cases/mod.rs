//! Named cases.

use colophon_policy::{
    AssetHash, Binding, Camera, Contradiction, Facts, FingerprintMatch, LedgerState,
    ManifestAgreement, ManifestState, Statement, Trace, WatermarkState,
};

pub const NOTHING: Facts = Facts {
    manifest: ManifestState::Absent,
    statement: Statement::None,
    trace: Trace::None,
    camera: Camera::None,
    contradiction: Contradiction::None,
    watermark: WatermarkState::Absent,
    ledger: LedgerState::NotFound,
    binding: Binding::None,
    manifest_agreement: ManifestAgreement::None,
    fingerprint: FingerprintMatch::None,
    asset_hash: AssetHash::None,
};

/// A picture issued here, as released.
const ISSUED: Facts = Facts {
    manifest: ManifestState::Local,
    statement: Statement::Generated,
    trace: Trace::Declared,
    camera: Camera::None,
    contradiction: Contradiction::None,
    watermark: WatermarkState::Found,
    ledger: LedgerState::Found,
    binding: Binding::Same,
    manifest_agreement: ManifestAgreement::Same,
    fingerprint: FingerprintMatch::None,
    asset_hash: AssetHash::Exact,
};

/// The same after the metadata was stripped.
const STRIPPED: Facts = Facts {
    manifest: ManifestState::Absent,
    statement: Statement::None,
    trace: Trace::None,
    manifest_agreement: ManifestAgreement::None,
    asset_hash: AssetHash::None,
    ..ISSUED
};

#[expect(clippy::too_many_lines, reason = "a list of cases, read one by one")]
pub fn cases() -> Vec<(&'static str, Facts)> {
    use ManifestState as M;
    let signed = |manifest| Facts {
        manifest,
        ..NOTHING
    };
    vec![
        ("any picture from anywhere", NOTHING),
        ("issued here, untouched", ISSUED),
        (
            "issued here under a listed certificate",
            Facts {
                manifest: M::Trusted,
                ..ISSUED
            },
        ),
        (
            "issued elsewhere under our ledger, root unknown",
            Facts {
                manifest: M::Untrusted,
                ..ISSUED
            },
        ),
        (
            "issued here, certificate since expired",
            Facts {
                manifest: M::Expired,
                ..ISSUED
            },
        ),
        ("stripped", STRIPPED),
        (
            "stripped and too flat to compare",
            Facts {
                binding: Binding::Undecided,
                ..STRIPPED
            },
        ),
        (
            "stripped, private part erased",
            Facts {
                binding: Binding::None,
                ..STRIPPED
            },
        ),
        (
            "saved again, manifest kept",
            Facts {
                manifest: M::Altered,
                asset_hash: AssetHash::None,
                ..ISSUED
            },
        ),
        (
            "manifest damaged, mark intact",
            Facts {
                manifest: M::Malformed,
                ..STRIPPED
            },
        ),
        (
            "signature damaged, mark intact",
            Facts {
                manifest: M::SignatureBad,
                asset_hash: AssetHash::None,
                ..ISSUED
            },
        ),
        (
            "stripped and saved at a low quality",
            Facts {
                watermark: WatermarkState::Matched,
                ..STRIPPED
            },
        ),
        (
            "saved again at a low quality, manifest kept",
            Facts {
                manifest: M::Altered,
                watermark: WatermarkState::Matched,
                asset_hash: AssetHash::None,
                ..ISSUED
            },
        ),
        (
            "mark copied onto another picture",
            Facts {
                binding: Binding::Different,
                ..STRIPPED
            },
        ),
        (
            "mark copied onto a picture with a valid manifest",
            Facts {
                manifest: M::Trusted,
                manifest_agreement: ManifestAgreement::Other,
                binding: Binding::Different,
                ..STRIPPED
            },
        ),
        (
            "another signer's manifest over our picture",
            Facts {
                manifest: M::Untrusted,
                manifest_agreement: ManifestAgreement::Other,
                ..STRIPPED
            },
        ),
        (
            "ledger row changed",
            Facts {
                ledger: LedgerState::FoundUnproven,
                ..ISSUED
            },
        ),
        (
            "mark without a record",
            Facts {
                watermark: WatermarkState::Found,
                ..NOTHING
            },
        ),
        (
            "mark, no ledger at hand",
            Facts {
                watermark: WatermarkState::Found,
                ledger: LedgerState::NotChecked,
                ..NOTHING
            },
        ),
        ("a listed signature", signed(M::Trusted)),
        (
            "a camera's listed signature",
            Facts {
                statement: Statement::Captured,
                camera: Camera::Declared,
                ..signed(M::Trusted)
            },
        ),
        (
            "a generator's listed signature",
            Facts {
                statement: Statement::Generated,
                trace: Trace::Declared,
                ..signed(M::Trusted)
            },
        ),
        (
            "an editor's listed signature, with generated parts",
            Facts {
                statement: Statement::PartlyGenerated,
                ..signed(M::Trusted)
            },
        ),
        (
            "a generator on no list",
            Facts {
                statement: Statement::Generated,
                ..signed(M::Untrusted)
            },
        ),
        (
            "a generator's certificate, since expired",
            Facts {
                statement: Statement::Generated,
                ..signed(M::Expired)
            },
        ),
        (
            "a generator's file, saved again",
            Facts {
                statement: Statement::Generated,
                trace: Trace::Declared,
                ..signed(M::Altered)
            },
        ),
        (
            "signed as captured, marked as generated",
            Facts {
                statement: Statement::Captured,
                trace: Trace::Pixel,
                contradiction: Contradiction::CaptureAndGenerated,
                ..signed(M::Trusted)
            },
        ),
        (
            "a manifest bound to other content",
            Facts {
                contradiction: Contradiction::ManifestOfAnotherPicture,
                ..signed(M::Untrusted)
            },
        ),
        (
            "two ids",
            Facts {
                contradiction: Contradiction::TwoIds,
                ..ISSUED
            },
        ),
        (
            "dated in the future",
            Facts {
                contradiction: Contradiction::Dates,
                camera: Camera::Declared,
                ..NOTHING
            },
        ),
        (
            "a vendor's text on another picture",
            Facts {
                trace: Trace::Declared,
                contradiction: Contradiction::VendorSignature,
                ..NOTHING
            },
        ),
        (
            "the pixel mark of an open pipeline",
            Facts {
                trace: Trace::Pixel,
                ..NOTHING
            },
        ),
        (
            "a vendor's own signature",
            Facts {
                trace: Trace::VendorVerified,
                ..NOTHING
            },
        ),
        (
            "a generator's text",
            Facts {
                trace: Trace::Declared,
                ..NOTHING
            },
        ),
        (
            "a word in the metadata",
            Facts {
                trace: Trace::Weak,
                ..NOTHING
            },
        ),
        (
            "a photograph with its EXIF",
            Facts {
                camera: Camera::Declared,
                ..NOTHING
            },
        ),
        ("a stranger's signature", signed(M::Untrusted)),
        ("a stranger's expired signature", signed(M::Expired)),
        ("our key, no record", signed(M::Local)),
        ("someone's file changed after signing", signed(M::Altered)),
        (
            "someone's file with a broken signature",
            signed(M::SignatureBad),
        ),
        ("someone's unreadable manifest", signed(M::Malformed)),
        ("manifest kept elsewhere", signed(M::RemoteOnly)),
        (
            "issued unmarked, untouched but for the manifest reader",
            Facts {
                manifest: M::NotChecked,
                watermark: WatermarkState::Absent,
                ..ISSUED
            },
        ),
        (
            "a look-alike",
            Facts {
                fingerprint: FingerprintMatch::Near,
                ..NOTHING
            },
        ),
        (
            "no watermark key",
            Facts {
                watermark: WatermarkState::NotChecked,
                ..NOTHING
            },
        ),
    ]
}
