//! Bundles of a home: what is in force, publishing, reloading, torn files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::common::{shipped, shipped_with};
use colophon_policy::{
    Bundle, Files, NOTE_FILE, Origin, PublishError, Published, Reloaded, Reloader, Store,
};
use colophon_tlog::{Ed25519Signer, NoteSigner as _};

fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed("example.org/ledger/policy", &[3; 32]).unwrap()
}

fn write(folder: &Path, files: &Files) {
    for (path, bytes) in files.iter() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn publish(store: &Store, files: Files) -> Result<Published, PublishError> {
    store.publish(files, &signer(), |_| Ok(()))
}

fn other() -> Files {
    let table =
        String::from_utf8(Files::shipped().get("principals.toml").unwrap().to_vec()).unwrap();
    shipped_with(
        "principals.toml",
        &table.replace("makers = []", "makers = [\"user:anna\"]"),
    )
}

#[test]
fn without_anything_the_shipped_bundle_is_in_force() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path().join("policies"));
    let in_force = store.in_force(&[]).unwrap();
    assert_eq!(
        (in_force.origin, in_force.files.hash()),
        (Origin::Shipped, shipped().hash())
    );
}

#[test]
fn a_table_alone_is_the_shipped_bundle_with_that_table() {
    let home = tempfile::tempdir().unwrap();
    let rule = "[[rule]]\nverdict = \"own\"\nfinding = \"nothing\"\naction = \"allow\"\nheadline = \"Own.\"\nexplain = \"Own.\"\n";
    fs::write(home.path().join("verdicts.toml"), rule).unwrap();
    let in_force = Store::new(home.path()).in_force(&[]).unwrap();
    assert_eq!(in_force.origin, Origin::ShippedWithTable);
    let bundle = Bundle::load(in_force.files).unwrap();
    assert_eq!(bundle.table().rule_ids().collect::<Vec<_>>(), ["own"]);
    assert_ne!(bundle.hash(), shipped().hash());
}

#[test]
fn part_of_a_bundle_is_refused_and_not_filled_up() {
    let home = tempfile::tempdir().unwrap();
    fs::write(
        home.path().join("mine.cedar"),
        "@id(\"a\")\npermit (principal, action, resource);\n",
    )
    .unwrap();
    let in_force = Store::new(home.path()).in_force(&[]).unwrap();
    assert_eq!(in_force.origin, Origin::Folder);
    let told = Bundle::load(in_force.files).unwrap_err().to_string();
    assert!(told.contains("schema.cedarschema: is missing"), "{told}");
}

#[test]
fn publishing_puts_in_force_and_keeps_the_old() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let first = publish(&store, Files::shipped()).unwrap();
    let second = publish(&store, other()).unwrap();
    assert_eq!(second.before, first.hash);
    let key = signer().verifier_key().clone();
    let in_force = store.in_force(std::slice::from_ref(&key)).unwrap();
    assert_eq!(
        (in_force.origin, in_force.files.hash()),
        (Origin::Published, second.hash)
    );
    assert_eq!(in_force.signers, ["example.org/ledger/policy"]);
    assert_eq!(store.previous().unwrap(), Some(first.hash));
    assert_eq!(
        store.published(first.hash, &[key]).unwrap().files.hash(),
        first.hash
    );
    // Once more the same: nothing is lost, the one before stays the one before.
    publish(&store, other()).unwrap();
    assert_eq!(store.previous().unwrap(), Some(first.hash));
}

#[test]
fn what_is_not_sound_is_not_published() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let first = publish(&store, Files::shipped()).unwrap();
    let broken = publish(&store, shipped_with("default.cedar", "permit"));
    assert!(matches!(broken, Err(PublishError::Problems(_))));
    let cedar = String::from_utf8(Files::shipped().get("default.cedar").unwrap().to_vec()).unwrap();
    let untested = publish(
        &store,
        shipped_with("default.cedar", &cedar.replace("\"2048\"", "\"4096\"")),
    );
    let Err(PublishError::Tests {
        count,
        first: place,
    }) = untested
    else {
        panic!("{untested:?}")
    };
    assert_eq!(count, 2);
    assert!(place.starts_with("tests/access.toml:"), "{place}");
    let unrecorded: Result<Published, PublishError> = store.publish(other(), &signer(), |_| {
        Err(PublishError::Sign(colophon_tlog::NoteError::Malformed(
            "no ledger",
        )))
    });
    assert!(unrecorded.is_err());
    assert_eq!(store.in_force(&[]).unwrap().files.hash(), first.hash);
}

#[test]
fn a_published_bundle_that_was_touched_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(home.path());
    let published = publish(&store, Files::shipped()).unwrap();
    let stranger = Ed25519Signer::from_seed("example.org/stranger", &[9; 32]).unwrap();
    assert!(store.in_force(&[stranger.verifier_key().clone()]).is_err());
    let note = published.folder.join(NOTE_FILE);
    let good = fs::read(&note).unwrap();
    fs::write(&note, &good[..good.len() / 2]).unwrap();
    assert!(store.in_force(&[]).is_err());
    fs::write(&note, good).unwrap();
    assert!(store.in_force(&[]).is_ok());
    for (path, bytes) in Files::shipped().iter() {
        let place = published.folder.join(path);
        fs::write(&place, &bytes[..bytes.len() - 1]).unwrap();
        assert!(store.in_force(&[]).is_err(), "{path}");
        fs::remove_file(&place).unwrap();
        assert!(store.in_force(&[]).is_err(), "{path}");
        fs::write(&place, bytes).unwrap();
    }
    fs::write(home.path().join("verdicts.toml"), "").unwrap();
    let told = store.in_force(&[]).unwrap_err().to_string();
    assert!(told.contains("lies beside published bundles"), "{told}");
    fs::remove_file(home.path().join("verdicts.toml")).unwrap();
    fs::write(home.path().join("current"), "nonsense\n").unwrap();
    assert!(
        store
            .in_force(&[])
            .unwrap_err()
            .to_string()
            .contains("does not name a bundle")
    );
    // That is how it is mended.
    fs::remove_file(home.path().join("current")).unwrap();
    publish(&store, Files::shipped()).unwrap();
}

#[test]
fn a_torn_bundle_never_replaces_one_in_force() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_path_buf();
    write(&folder, &Files::shipped());
    let place = folder.clone();
    let reloader = Reloader::new(move || Files::read(&place)).unwrap();
    let held = reloader.current();
    assert_eq!(reloader.reload(), Ok(Reloaded::Same));
    for (path, bytes) in Files::shipped().iter() {
        for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 2] {
            fs::write(folder.join(path), &bytes[..cut]).unwrap();
            // Whole files may be cut at the end of a rule: then it is another, whole bundle.
            if reloader.reload().is_err() {
                let after = Bundle::load(Files::read(&folder).unwrap());
                assert!(after.is_err(), "{path} cut at {cut}");
            } else {
                fs::write(folder.join(path), bytes).unwrap();
                reloader.reload().unwrap();
            }
            assert_eq!(
                reloader.current().hash(),
                shipped().hash(),
                "{path} cut at {cut}"
            );
        }
        fs::write(folder.join(path), bytes).unwrap();
    }
    fs::remove_dir_all(folder.join("lexicon")).unwrap();
    fs::remove_file(folder.join("verdicts.toml")).unwrap();
    assert!(reloader.reload().is_err());
    write(&folder, &other());
    let swapped = reloader.reload().unwrap();
    assert_eq!(
        swapped,
        Reloaded::Swapped {
            old: shipped().hash(),
            new: other().hash()
        }
    );
    assert_eq!(held.hash(), shipped().hash());
    assert!(Arc::strong_count(&held) == 1);
}
