//! Keys in a token: `SoftHSM2` stands for a hardware security module.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_keys::{
    Algorithm, FACTS_FILE, InitOptions, KeyStore, KeysError, NewPlace, PublicKey, Purpose, Role,
    Severity, TokenKey, check,
};

const NOW: i64 = 1_795_000_000;
const PIN: &str = "648219";

/// Where Debian, Fedora and Homebrew put the module.
const MODULES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// Not a real test of this name: the one below runs it with the token's settings in the environment,
/// which a module reads when it is loaded.
const INNER: &str = "COLOPHON_TEST_TOKEN";

fn softhsm() -> Option<PathBuf> {
    let module = MODULES.iter().map(PathBuf::from).find(|path| path.exists());
    let tool = Command::new("softhsm2-util").arg("--version").output();
    if module.is_none() || tool.is_err() {
        assert!(
            std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
            "softhsm2 is required"
        );
        eprintln!("SKIPPED: softhsm2 is not installed");
        return None;
    }
    module
}

#[test]
fn a_token_signs_claims_and_checkpoints() {
    if let Some(folder) = std::env::var_os(INNER) {
        let module = softhsm().unwrap();
        with_a_token(Path::new(&folder), &module);
        return;
    }
    if softhsm().is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let tokens = home.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let settings = home.path().join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    fs::write(&settings, text).unwrap();
    for label in ["first", "second"] {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label])
            .args(["--pin", PIN, "--so-pin", "11223344"])
            .env("SOFTHSM2_CONF", &settings)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_token_signs_claims_and_checkpoints",
            "--nocapture",
        ])
        .env("SOFTHSM2_CONF", &settings)
        .env(INNER, home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

fn with_a_token(folder: &Path, module: &Path) {
    let pin_file = folder.join("pin");
    fs::write(&pin_file, format!("{PIN}\n")).unwrap();
    let place = |key: &str| TokenKey {
        module: module.to_owned(),
        token: "first".to_owned(),
        key: key.to_owned(),
        pin_file: pin_file.clone(),
    };
    let dir = folder.join("keys");
    let mut store = KeyStore::init(&dir, InitOptions::local(NOW)).unwrap();
    for (role, label, algorithm) in [
        (Role::ClaimSigner, "claims", Algorithm::Es256),
        (Role::Receipt, "receipts", Algorithm::Ed25519),
        (Role::Ledger, "checkpoints", Algorithm::Ed25519),
        (Role::IssuingAuthority, "authority", Algorithm::Es256),
    ] {
        store
            .rotate(role, &NewPlace::Token(place(label), algorithm), NOW + 1)
            .unwrap();
    }
    // A certificate that a key in the token signed for a key in the token.
    let renewed = NewPlace::Token(place("claims-2"), Algorithm::Ed25519);
    store.rotate(Role::ClaimSigner, &renewed, NOW + 2).unwrap();
    let found = check(&dir, None, NOW + 2);
    assert!(
        found.iter().all(|it| it.severity() == Severity::Notice),
        "{found:?}"
    );
    let text = fs::read_to_string(dir.join(FACTS_FILE)).unwrap();
    assert!(text.contains("\"pkcs11\"") && !text.contains(PIN));

    let store = KeyStore::open(&dir, None).unwrap();
    let receipts = store.receipt_signer().unwrap();
    let signature = receipts.sign(Purpose::Receipt, b"tree head").unwrap();
    let public = PublicKey::from_der(receipts.public_key().der()).unwrap();
    assert!(public.verifies(b"tree head", &signature));
    assert!(store.claim_signer().unwrap().sign(b"claim").is_ok());
    assert!(store.ledger_signer().unwrap().sign(b"checkpoint").is_ok());
    assert!(store.certificate_request().unwrap().contains("REQUEST"));
    // Many threads, one session.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| receipts.sign(Purpose::Receipt, b"x").unwrap());
        }
    });
    refusals(folder, store, &place("claims"));
}

fn refusals(folder: &Path, mut store: KeyStore, place: &TokenKey) {
    let mut refused = |change: &dyn Fn(&mut TokenKey), part: &str| {
        let mut place = place.clone();
        change(&mut place);
        let place = NewPlace::Token(place, Algorithm::Ed25519);
        let error = store.rotate(Role::Policy, &place, NOW + 3).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
        assert!(!text.contains(PIN));
        assert!(store.policy_signer().is_ok(), "a refusal changes nothing");
    };
    // The same key for a second role.
    refused(&|place| "receipts".clone_into(&mut place.key), "one role");
    refused(&|place| "nowhere".clone_into(&mut place.token), "no token");
    refused(&|place| place.module = "/nowhere.so".into(), "module");
    let wrong = folder.join("wrong-pin");
    fs::write(&wrong, "000000\n").unwrap();
    // Another token: whoever is logged in to the first stays so.
    refused(
        &|place| {
            "second".clone_into(&mut place.token);
            place.pin_file.clone_from(&wrong);
        },
        "PIN",
    );
    fs::write(&wrong, "\n").unwrap();
    refused(&|place| place.pin_file.clone_from(&wrong), "PIN");
    refused(&|place| place.pin_file = folder.join("none"), "missing");
    assert!(matches!(
        store.rotate(
            Role::Watermark,
            &NewPlace::Token(place.clone(), Algorithm::Ed25519),
            NOW
        ),
        Err(KeysError::CannotChange { .. })
    ));
}
