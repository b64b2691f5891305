//! Folders and disks that do not cooperate.

use std::path::Path;
use std::process::Command;

use colophon_ledger::{Ledger, LedgerError, fsck};

use crate::common::{ORIGIN, TempDir, copy_dir, key, open, record, signer, watermark_id};

/// A write that fails acknowledges nothing, stops the writer, and leaves a ledger that opens again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_writer() {
    let dir = TempDir::new();
    open(dir.path()).append(record(0)).unwrap();
    let journal = dir.path().join("staged");
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
    std::fs::remove_file(crashed.join("ledger.sqlite-shm")).unwrap();
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
    let ledger = Ledger::open_read_only(&clean, key()).unwrap();
    assert!(
        ledger.by_watermark_id(watermark_id(299)).unwrap()[0]
            .inclusion
            .is_ok()
    );
    assert!(fsck(&clean, &key()).unwrap().is_sound());
    let refused = Ledger::open(&clean, ORIGIN, Box::new(signer())).unwrap_err();
    assert!(matches!(refused, LedgerError::NotWritable(_)), "{refused}");
    let crashed = Ledger::open_read_only(&dir.join("crashed"), key()).unwrap_err();
    assert!(
        matches!(crashed, LedgerError::NeedsRecovery(_)),
        "{crashed}"
    );
}
