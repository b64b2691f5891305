//! What a verifier says when it cannot see everything.

use colophon_imaging::ImagingError;
use colophon_policy::ManifestState;
use colophon_provenance::{
    Home, InitOptions, Issuer, Outcome, Passphrase, ProvenanceError, Report, ReportError, Verifier,
    VerifierOptions,
};

use crate::support::{NOW, Place, rule, scene, was_not_checked};

#[test]
fn nothing_is_found_in_an_unmarked_picture() {
    let place = Place::new();
    let report = place.verify(&scene(8));
    assert_eq!(
        (rule(&report), report.outcome),
        ("nothing-found", Outcome::NothingFound)
    );
    assert_eq!(report.exit_code(), 3);
}

#[test]
fn without_a_home_the_manifest_is_checked_and_the_rest_named() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(1), "a.png");
    let elsewhere = tempfile::tempdir().unwrap();
    let absent = Home::new(elsewhere.path().join("none"));
    for home in [None, Some(&absent)] {
        let verifier = Verifier::open(home, VerifierOptions::default()).unwrap();
        let report = verifier.verify(&bytes, "a.png");
        assert_eq!(rule(&report), "signed-unlisted-generated");
        assert!(was_not_checked(&report, "watermark") && was_not_checked(&report, "ledger"));
    }
    assert!(!absent.root.exists());

    let keys = colophon_keys::KeyStore::open(&place.home.keys(), None).unwrap();
    let root = keys.root_certificate_pem().unwrap();
    let options = VerifierOptions {
        trust_anchors: vec![("a friend".to_owned(), root)],
        ..VerifierOptions::default()
    };
    let report = Verifier::open(None, options)
        .unwrap()
        .verify(&bytes, "a.png");
    assert_eq!(
        report.evidence.manifest.as_ref().unwrap().state,
        ManifestState::Trusted
    );
    assert_eq!(list_names(&report), ["c2pa", "c2pa-tsa", "a friend"]);
}

fn list_names(report: &Report) -> Vec<&str> {
    let lists = &report.tool.trust_lists;
    lists.iter().map(|list| list.name.as_str()).collect()
}

#[test]
fn what_is_no_picture_is_reported_not_failed() {
    let place = Place::new();
    let whole = scene(1);
    for (bytes, kind) in [
        (&b""[..], "picture"),
        (b"plain text", "unsupported"),
        (b"%PDF-1.7", "unsupported"),
        (&whole[..whole.len() / 2], "picture"),
    ] {
        let report = place.verify(bytes);
        assert_eq!(report.outcome, Outcome::CouldNotCheck, "{kind}");
        assert_eq!(report.exit_code(), 2);
        assert_eq!(report.error.as_ref().unwrap().kind, kind);
        assert!(was_not_checked(&report, "watermark"));
    }
    let folder = ImagingError::IsFolder("x".into());
    let report = place
        .verifier()
        .unchecked(&[], ReportError::from(&folder), "x");
    assert_eq!(report.outcome, Outcome::CouldNotCheck);
    assert!(report.error.unwrap().message.contains("is a folder"));
}

#[test]
fn encrypted_keys_need_their_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    let pass = |text: &str| Some(Passphrase::new(text.to_owned()).unwrap());
    let options = InitOptions {
        passphrase: pass("correct"),
        ..InitOptions::new(NOW)
    };
    home.init(options).unwrap();
    assert!(matches!(
        Issuer::open(&home, None, NOW),
        Err(ProvenanceError::Keys(_))
    ));
    assert!(matches!(
        Issuer::open(&home, pass("wrong"), NOW),
        Err(ProvenanceError::Keys(_))
    ));
    assert!(
        !Issuer::open(&home, pass("correct"), NOW)
            .unwrap()
            .made_home()
    );

    let with = |text: Option<&str>| VerifierOptions {
        passphrase: text.and_then(pass),
        ..VerifierOptions::default()
    };
    assert!(Verifier::open(Some(&home), with(Some("wrong"))).is_err());
    let report = Verifier::open(Some(&home), with(None))
        .unwrap()
        .verify(&scene(1), "x");
    assert_eq!(rule(&report), "mark-not-checked");
    let report = Verifier::open(Some(&home), with(Some("correct")))
        .unwrap()
        .verify(&scene(1), "x");
    assert_eq!(rule(&report), "nothing-found");
}

#[test]
fn keys_are_never_made_twice() {
    let place = Place::new();
    assert!(place.home.init(InitOptions::new(NOW)).is_err());
    assert!(!Issuer::open(&place.home, None, NOW).unwrap().made_home());
}

#[test]
fn a_verdict_table_of_the_home_is_used_and_a_broken_one_refused() {
    let place = Place::new();
    std::fs::create_dir_all(place.home.policies()).unwrap();
    let file = place.home.policies().join("verdicts.toml");
    let table = "[[rule]]\nverdict = \"own\"\nfinding = \"nothing\"\naction = \"allow\"\nheadline = \"Own table.\"\nexplain = \"Says one thing.\"\n";
    std::fs::write(&file, table).unwrap();
    assert_eq!(rule(&place.verify(&scene(1))), "own");
    std::fs::write(&file, "[[rule]]\n").unwrap();
    let broken = Verifier::open(Some(&place.home), VerifierOptions::default()).unwrap_err();
    assert!(broken.to_string().contains("verdicts.toml"), "{broken}");
}

#[test]
fn a_trust_list_of_the_settings_is_asked() {
    let (ours, theirs) = (Place::new(), Place::new());
    let (_, bytes) = theirs.stamped(&scene(1), "a.png");
    let keys = colophon_keys::KeyStore::open(&theirs.home.keys(), None).unwrap();
    let config =
        "[[trust_anchors]]\nname = \"friends\"\nkind = \"local\"\npath = \"friends.pem\"\n";
    std::fs::write(ours.home.config_file(), config).unwrap();
    let missing = Verifier::open(Some(&ours.home), VerifierOptions::default()).unwrap_err();
    assert!(missing.to_string().contains("friends"), "{missing}");

    let root = keys.root_certificate_pem().unwrap();
    std::fs::write(ours.home.root.join("friends.pem"), root).unwrap();
    let report = ours.verify(&bytes);
    assert_eq!(rule(&report), "signed-listed-generated");
    assert_eq!(
        list_names(&report),
        ["local", "c2pa", "c2pa-tsa", "friends"]
    );
}
