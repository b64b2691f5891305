//! Folders and disks that do not cooperate.

use std::path::Path;
use std::process::Command;

use colophon_ledger::{LedgerError, fsck};

use crate::common::{
    TempDir, check, copy_dir, key, open, reader, record, shard, try_open, watermark_id,
};

/// A write that fails acknowledges nothing, stops the writer, and leaves a ledger that opens again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_writer() {
    let dir = TempDir::new();
    open(dir.path()).append(record(0)).unwrap();
    let journal = shard(dir.path()).join("staged");
    std::fs::remove_file(&journal).unwrap();
    // Every write to this device fails with "no space left".
    std::os::unix::fs::symlink("/dev/full", &journal).unwrap();
    let ledger = open(dir.path());
    assert!(matches!(
        ledger.append(record(1)),
        Err(LedgerError::DiskFull { .. })
    ));
    let next = ledger.append(record(2));
    assert!(
        matches!(&next, Err(LedgerError::WriterStopped(why)) if matches!(**why, LedgerError::DiskFull { .. })),
        "{next:?}"
    );
    assert!(ledger.by_watermark_id(watermark_id(1)).unwrap().is_empty());
    drop(ledger);
    std::fs::remove_file(&journal).unwrap();
    assert_eq!(open(dir.path()).append(record(3)).unwrap().index.0, 1);
    assert!(fsck(dir.path(), &key()).unwrap().is_sound());
}

#[test]
fn a_read_only_folder_is_read_and_not_written() {
    if let Ok(dir) = std::env::var("COLOPHON_TEST_READ_ONLY_DIR") {
        return in_read_only_folders(dir.as_ref());
    }
    let dir = TempDir::new();
    let (clean, crashed) = (dir.path().join("clean"), dir.path().join("crashed"));
    drop(
        open(&clean)
            .append_many((0..300).map(record).collect())
            .unwrap(),
    );
    // A copy taken while the ledger is open is what a crash leaves: the write-ahead log is still full.
    let ledger = open(&dir.path().join("open"));
    ledger.append(record(0)).unwrap();
    copy_dir(&dir.path().join("open"), &crashed);
    std::fs::remove_file(shard(&crashed).join("ledger.sqlite-shm")).unwrap();
    let protect = |mode: &str| {
        let folders = [&clean, &crashed];
        assert!(
            Command::new("chmod")
                .args(["-R", mode])
                .args(folders)
                .status()
                .unwrap()
                .success()
        );
    };
    protect("a-w,a+rX");
    // A copy, because nobody may be kept out of the folder that the build lies in.
    let executable = dir.path().join("test-program");
    std::fs::copy(std::env::current_exe().unwrap(), &executable).unwrap();
    let test = [
        "--exact",
        "faults::a_read_only_folder_is_read_and_not_written",
    ];
    // Permissions do not bind the superuser, so the test runs as nobody.
    let child = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(executable)
        .args(test)
        .env("COLOPHON_TEST_READ_ONLY_DIR", dir.path())
        .status();
    let ran_as_user = dir.path().join("clean/probe");
    let superuser = std::fs::File::create(ran_as_user).is_ok();
    let outcome = match (superuser, child) {
        (true, Ok(status)) => Some(status.success()),
        (true, Err(_)) => None,
        (false, _) => {
            in_read_only_folders(dir.path());
            Some(true)
        }
    };
    protect("u+w");
    match outcome {
        Some(passed) => assert!(passed),
        None if std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_some() => {
            panic!("setpriv (util-linux) is missing")
        }
        None => eprintln!("SKIPPED: setpriv (util-linux) is missing"),
    }
}

fn in_read_only_folders(dir: &Path) {
    let clean = dir.join("clean");
    let ledger = reader(&clean).unwrap();
    assert!(
        ledger.by_watermark_id(watermark_id(299)).unwrap()[0]
            .inclusion
            .is_ok()
    );
    assert!(fsck(&clean, &key()).unwrap().is_sound());
    let refused = try_open(&clean).unwrap_err();
    assert!(matches!(refused, LedgerError::NotWritable(_)), "{refused}");
    let crashed = reader(&dir.join("crashed")).unwrap_err();
    assert!(
        matches!(crashed, LedgerError::NeedsRecovery(_)),
        "{crashed}"
    );
}

/// What has not moved into the database file yet is covered too: a byte gone bad in the write-ahead log sets the
/// database back, which is named, and nothing more is written on it. What lies outside stays readable.
#[test]
fn a_flipped_byte_in_the_write_ahead_log_is_named_and_contained() {
    let dir = TempDir::new();
    let (whole, copy) = (dir.path().join("whole"), dir.path().join("copy"));
    open(&whole)
        .append_many((0..20).map(record).collect())
        .unwrap();
    let ledger = open(&whole);
    ledger.append_many((20..40).map(record).collect()).unwrap();
    let staged = shard(&whole).join("staged");
    while std::fs::metadata(&staged).unwrap().len() > 0 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    copy_dir(&whole, &copy);
    std::fs::remove_file(shard(&copy).join("ledger.sqlite-shm")).unwrap();
    assert!(check(&copy).is_sound());
    let path = shard(&copy).join("ledger.sqlite-wal");
    let original = std::fs::read(&path).unwrap();
    for at in (0..original.len()).step_by(original.len() / 40) {
        let mut bytes = original.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let report = check(&copy);
        let named = report.problems.iter().any(|problem| {
            let file = problem.file.as_deref().unwrap_or_default();
            file.ends_with("ledger.sqlite") || problem.what.contains("the database was set back")
        });
        assert!(named, "byte {at}: {:?}", report.problems);
        let refused = try_open(&copy).unwrap_err();
        assert!(
            matches!(refused, LedgerError::Damaged(_)),
            "byte {at}: {refused}"
        );
        let entry = &reader(&copy)
            .unwrap()
            .by_watermark_id(watermark_id(7))
            .unwrap()[0];
        assert!(entry.inclusion.is_ok(), "byte {at}");
    }
}
