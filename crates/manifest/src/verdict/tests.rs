use super::*;

const SOUND: [(&str, bool); 5] = [
    ("claimSignature.validated", false),
    ("claimSignature.insideValidity", false),
    ("assertion.hashedURI.match", false),
    ("assertion.dataHash.match", false),
    ("signingCredential.trusted", false),
];

/// Verdicts on a sound manifest with `changes` to its codes: a code already there changes
/// its place, `-code` leaves.
fn with(changes: &[(&str, bool)]) -> Verdicts {
    let mut codes: Vec<(&str, bool)> = SOUND.to_vec();
    for &(code, failed) in changes {
        codes.retain(|(other, _)| *other != code.trim_start_matches('-'));
        if !code.starts_with('-') {
            codes.push((code, failed));
        }
    }
    judge(&statuses(&codes), &circumstances())
}

fn statuses(codes: &[(&str, bool)]) -> Vec<Status> {
    let status = |&(code, failed): &(&str, bool)| Status {
        code: code.to_owned(),
        outcome: if failed {
            StatusOutcome::Failed
        } else {
            StatusOutcome::Success
        },
        url: None,
    };
    codes.iter().map(status).collect()
}

fn circumstances() -> Circumstances {
    Circumstances {
        anchored_by: Some(("local".to_owned(), crate::ListKind::Local)),
        file: FileAtHand::Own,
        has_identity: false,
        revoked_here: None,
        stamp_is_listed: true,
        certificate_is_current: true,
    }
}

fn integrity_with(changes: &[(&str, bool)]) -> Integrity {
    with(changes).integrity.state
}

#[test]
fn a_sound_manifest_is_sound_in_all_five() {
    let verdicts = with(&[]);
    assert_eq!(verdicts.integrity.state, Integrity::Intact);
    assert_eq!(verdicts.signature.state, Signature::Valid);
    assert_eq!(verdicts.time.state, Time::Unstamped);
    assert!(matches!(verdicts.trust.state, Trust::Trusted { .. }));
    assert_eq!(verdicts.revocation.state, Revocation::NotChecked);
    assert_eq!(verdicts.identity.state, Identity::Absent);
}

#[test]
fn a_failure_of_one_kind_leaves_the_others_alone() {
    let expired = with(&[
        ("signingCredential.expired", true),
        ("-claimSignature.insideValidity", false),
    ]);
    assert_eq!(
        (expired.integrity.state, expired.time.state),
        (Integrity::Intact, Time::OutsideValidity)
    );
    let eku = with(&[
        ("signingCredential.invalid", true),
        ("-signingCredential.trusted", false),
    ]);
    assert_eq!(
        (eku.integrity.state, eku.trust.state),
        (Integrity::Intact, Trust::Unacceptable)
    );
    let revoked = with(&[("signingCredential.ocsp.revoked", true)]);
    assert_eq!(
        (revoked.integrity.state, revoked.revocation.state),
        (Integrity::Intact, Revocation::Revoked)
    );
    let offline = with(&[("cawg.ica.did_unavailable", true)]);
    assert_eq!(
        (offline.integrity.state, offline.identity.state),
        (Integrity::Intact, Identity::NotChecked)
    );
    let forged = with(&[
        ("cawg.ica.did_unavailable", true),
        ("cawg.ica.signature_mismatch", true),
    ]);
    assert_eq!(forged.identity.state, Identity::Failed);
    let rule = with(&[("assertion.action.malformed", true)]);
    assert_eq!(
        (rule.integrity.state, rule.signature.state),
        (Integrity::Malformed, Signature::Valid)
    );
    let nested = with(&[("ingredient.manifest.mismatch", true)]);
    assert_eq!(nested.integrity.state, Integrity::Intact);
}

#[test]
fn changes_are_called_by_what_was_changed() {
    let differs = [
        ("assertion.dataHash.mismatch", true),
        ("-assertion.dataHash.match", false),
    ];
    assert_eq!(integrity_with(&differs), Integrity::FileAltered);
    assert_eq!(
        integrity_with(&[("assertion.hashedURI.mismatch", true)]),
        Integrity::ManifestAltered
    );
    assert_eq!(
        integrity_with(&[("assertion.missing", true)]),
        Integrity::ManifestAltered
    );
    assert_eq!(
        integrity_with(&[("assertion.dataHash.additionalExclusionsPresent", false)]),
        Integrity::IntactWithGaps
    );
    assert_eq!(
        integrity_with(&[("-assertion.dataHash.match", false)]),
        Integrity::NotChecked
    );
    assert_eq!(
        integrity_with(&[("claim.hardBindings.missing", true)]),
        Integrity::Malformed
    );
}

#[test]
fn a_bad_signature_takes_hashes_and_trust_with_it() {
    let bad = with(&[
        ("claimSignature.mismatch", true),
        ("-claimSignature.validated", false),
    ]);
    assert_eq!(bad.signature.state, Signature::Invalid);
    assert_eq!(bad.integrity.state, Integrity::ManifestAltered);
    assert_eq!(bad.trust.state, Trust::NotChecked);
    let none = with(&[("-claimSignature.validated", false)]);
    assert_eq!(
        (none.integrity.state, none.trust.state),
        (Integrity::NotChecked, Trust::NotChecked)
    );
}

#[test]
fn a_code_nobody_knows_is_shown_and_counts_when_it_failed() {
    let failed = with(&[("assertion.newRule.broken", true)]);
    assert_eq!(failed.integrity.state, Integrity::Malformed);
    assert!(
        failed
            .integrity
            .codes
            .iter()
            .any(|status| status.code == "assertion.newRule.broken")
    );
    let passed = with(&[("assertion.newRule.kept", false)]);
    assert_eq!(passed.integrity.state, Integrity::Intact);
    assert!(
        passed
            .integrity
            .codes
            .iter()
            .any(|status| status.code == "assertion.newRule.kept")
    );
}

#[test]
fn time_stamps_are_told_apart() {
    let time = |changes| with(changes).time.state;
    assert_eq!(
        time(&[("timeStamp.trusted", false), ("timeStamp.validated", false)]),
        Time::Stamped
    );
    assert_eq!(
        time(&[
            ("timeStamp.validated", false),
            ("timeStamp.untrusted", false)
        ]),
        Time::StampedUntrusted
    );
    assert_eq!(time(&[("timeStamp.mismatch", false)]), Time::BadStamp);
    assert_eq!(
        time(&[("-claimSignature.insideValidity", false)]),
        Time::NotChecked
    );
}

#[test]
fn a_stamp_of_an_unlisted_authority_does_not_carry_an_old_certificate() {
    let codes: Vec<_> = SOUND
        .into_iter()
        .chain([("timeStamp.validated", false), ("timeStamp.trusted", false)])
        .collect();
    let state = |stamp_is_listed, certificate_is_current| {
        let circumstances = Circumstances {
            stamp_is_listed,
            certificate_is_current,
            ..circumstances()
        };
        judge(&statuses(&codes), &circumstances).time.state
    };
    assert_eq!(state(true, false), Time::Stamped);
    assert_eq!(state(false, true), Time::StampedUntrusted);
    assert_eq!(state(false, false), Time::OutsideValidity);
}

#[test]
fn an_ingredient_is_not_blamed_for_a_file_that_is_not_here() {
    let judged = |codes: &[(&str, bool)]| {
        let circumstances = Circumstances {
            file: FileAtHand::None,
            ..circumstances()
        };
        judge(&statuses(codes), &circumstances).integrity
    };
    let whole = judged(&[
        ("claimSignature.validated", false),
        ("assertion.dataHash.mismatch", true),
    ]);
    assert_eq!(whole.state, Integrity::FileAbsent);
    assert_eq!(whole.codes, []);
    let changed = judged(&[
        ("claimSignature.validated", false),
        ("assertion.hashedURI.mismatch", true),
    ]);
    assert_eq!(changed.state, Integrity::ManifestAltered);
}

#[test]
fn a_local_list_speaks_before_an_answer_that_all_is_well() {
    let judged = |here| {
        let mut codes = SOUND.to_vec();
        codes.push(("signingCredential.ocsp.notRevoked", false));
        let circumstances = Circumstances {
            revoked_here: here,
            ..circumstances()
        };
        let verdicts = judge(&statuses(&codes), &circumstances);
        (verdicts.revocation.state, verdicts.are_sound())
    };
    assert_eq!(judged(None), (Revocation::Good, true));
    let before = judged(Some(RevokedHere::Before));
    assert_eq!(before, (Revocation::RevokedHere, false));
    let later = judged(Some(RevokedHere::AfterTrustedTime));
    assert_eq!(later, (Revocation::RevokedLater, true));
}
