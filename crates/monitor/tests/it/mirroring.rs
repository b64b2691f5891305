//! Copies are the ledger, at any moment, and stay so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use colophon_monitor::{Folder, Known, Look, Source, SourceError, Trouble, Watch, look, mirror};

use crate::honest::two_shards;
use crate::ledger::{BASE, Ledger, alarm, entries, entry, key};

/// All files below a folder that belong to a log.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in fs::read_dir(next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("mirror.lock") {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn look_at(folder: &Path) -> Result<u64, Trouble> {
    let mut found = Look::default();
    let source = Folder(folder.to_owned());
    look(
        &source,
        &key(),
        &mut Known::default(),
        &Watch::default(),
        &mut found,
    )
    .map(|()| found.new)
}

/// A source that breaks off after some files.
struct Breaking<'a> {
    inner: &'a Folder,
    left: AtomicU32,
}

impl Source for Breaking<'_> {
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.map_err(|_| "the network is gone")?;
        self.inner.get(path, limit)
    }
}

#[test]
fn a_copy_is_byte_for_byte_the_ledger() {
    let ledger = two_shards();
    let copy = tempfile::tempdir().unwrap();
    let source = Folder(ledger.path().to_owned());
    let done = mirror(&source, &key(), copy.path()).unwrap();
    assert_eq!(files(copy.path()), files(ledger.path()));
    assert_eq!(done.logs[&format!("{BASE}/2026h1")], (0, 302));
    let again = mirror(&source, &key(), copy.path()).unwrap();
    assert_eq!(
        (again.written, again.kept),
        (1, 0),
        "only the list is signed anew: {again:?}"
    );
}

#[test]
fn it_grows_with_the_ledger_and_drops_what_is_full() {
    let all = entries("a", 66_000);
    let ledger = Ledger::new();
    let copy = tempfile::tempdir().unwrap();
    let source = Folder(ledger.path().to_owned());
    for size in [0, 10, 256, 300, 66_000] {
        ledger.write("", BASE, &all[..size]);
        mirror(&source, &key(), copy.path()).unwrap();
        assert_eq!(look_at(copy.path()).unwrap() as usize, size);
    }
    assert!(
        !copy.path().join("tile/0/000.p").exists(),
        "no partial tiles before full ones"
    );
    assert!(
        copy.path().join("tile/2/000.p/1").exists(),
        "tiles of all levels"
    );
}

#[test]
fn stopped_anywhere_it_is_a_whole_older_ledger_and_goes_on() {
    let all = entries("a", 3_000);
    let ledger = Ledger::new();
    ledger.write("", BASE, &all[..500]);
    let copy = tempfile::tempdir().unwrap();
    let source = Folder(ledger.path().to_owned());
    mirror(&source, &key(), copy.path()).unwrap();
    ledger.write("", BASE, &all);
    let mut done = None;
    for left in 0.. {
        let breaking = Breaking {
            inner: &source,
            left: AtomicU32::new(left),
        };
        match mirror(&breaking, &key(), copy.path()) {
            Ok(mirrored) => {
                done = Some(mirrored);
                break;
            }
            Err(Trouble::Source(_)) => assert_eq!(look_at(copy.path()).unwrap(), 500, "{left}"),
            Err(trouble) => panic!("{left}: {trouble}"),
        }
    }
    assert_eq!(look_at(copy.path()).unwrap(), 3_000);
    let done = done.unwrap();
    assert!(done.kept > 0, "files of earlier runs are kept: {done:?}");
}

#[test]
fn a_damaged_file_here_is_got_anew() {
    let all = entries("a", 600);
    let ledger = Ledger::new();
    ledger.write("", BASE, &all[..520]);
    let copy = tempfile::tempdir().unwrap();
    let source = Folder(ledger.path().to_owned());
    mirror(&source, &key(), copy.path()).unwrap();
    ledger.write("", BASE, &all);
    fs::write(copy.path().join("tile/0/001"), [0; 8_192]).unwrap();
    mirror(&source, &key(), copy.path()).unwrap();
    fs::remove_file(copy.path().join("checkpoint")).unwrap();
    mirror(&source, &key(), copy.path()).unwrap();
    assert_eq!(look_at(copy.path()).unwrap(), 600);
}

#[test]
fn a_fork_is_refused_and_the_copy_stays() {
    let ledger = Ledger::single(&entries("a", 600));
    let copy = tempfile::tempdir().unwrap();
    let source = Folder(ledger.path().to_owned());
    mirror(&source, &key(), copy.path()).unwrap();
    let before = files(copy.path());
    let mut rows = entries("a", 900);
    rows[599] = entry("forged");
    ledger.write("", BASE, &rows);
    assert_eq!(
        alarm(mirror(&source, &key(), copy.path())).broken.code(),
        "fork"
    );
    assert_eq!(files(copy.path()), before);
    // Nor is a file that does not fit put in place.
    let ledger = Ledger::single(&entries("a", 900));
    let mut bundle = fs::read(ledger.file("tile/entries/003.p/132")).unwrap();
    bundle[30] ^= 1;
    fs::write(ledger.file("tile/entries/003.p/132"), bundle).unwrap();
    let source = Folder(ledger.path().to_owned());
    assert_eq!(
        alarm(mirror(&source, &key(), copy.path())).broken.code(),
        "entry"
    );
    assert_eq!(look_at(copy.path()).unwrap(), 600);
    assert!(!copy.path().join("tile/entries/003.p/132").exists());
}

#[test]
fn two_at_a_time_wait_for_each_other() {
    let ledger = Ledger::single(&entries("a", 5));
    let copy = tempfile::tempdir().unwrap();
    let held = fs::File::create(copy.path().join("mirror.lock")).unwrap();
    held.lock().unwrap();
    let source = Folder(ledger.path().to_owned());
    let error = mirror(&source, &key(), copy.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("another process"), "{error}");
}
