//! Whatever fails, no file is left, and no file is without its record.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use colophon_provenance::{Destination, Home, IssueOptions, Issuer, ProvenanceError, StampRequest};

use crate::support::{KEY_EVENTS, NOW, Place, options, request, rule, scene, shard};

#[test]
fn a_missing_folder_leaves_no_record() {
    let place = Place::new();
    assert!(place.stamp(&scene(1), "missing/a.png").is_err());
    assert_eq!((place.records(), place.outputs().len()), (0, 0));
}

#[test]
fn an_output_that_cannot_carry_a_manifest_is_refused() {
    let place = Place::new();
    let refused = place.stamp(&scene(1), "a.gif").unwrap_err();
    assert!(refused.to_string().contains(".png"), "{refused}");
    assert_eq!((place.records(), place.outputs().len()), (0, 0));
}

#[test]
fn a_release_cut_short_after_the_record_is_harmless() {
    let place = Place::new();
    // While another process holds the ledger, the file is staged but not yet recorded.
    let lock = File::options()
        .write(true)
        .open(shard(&place.home).join("lock"))
        .unwrap();
    lock.lock().unwrap();
    let failed = std::thread::scope(|scope| {
        let stamping = scope.spawn(|| place.stamp(&scene(1), "a.png"));
        let start = Instant::now();
        while place.outputs().is_empty() {
            assert!(start.elapsed() < Duration::from_secs(9) && !stamping.is_finished());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(
            place
                .outputs()
                .iter()
                .all(|name| name.starts_with(".colophon-"))
        );
        // The name is taken before it can be given.
        std::fs::write(place.out("a.png"), "precious").unwrap();
        lock.unlock().unwrap();
        stamping.join().unwrap().unwrap_err()
    });
    assert!(matches!(failed, ProvenanceError::Imaging(_)), "{failed}");
    assert_eq!(std::fs::read(place.out("a.png")).unwrap(), b"precious");
    assert_eq!(place.outputs(), ["a.png"]);
    // The record stands without a file; the next picture is issued as if nothing had happened.
    assert_eq!(place.records(), 1);
    let (issued, bytes) = place.stamped(&scene(1), "b.png");
    assert_eq!(issued.record, KEY_EVENTS + 1);
    assert_eq!(rule(&place.verify(&bytes)), "issued-and-unchanged");
}

#[test]
fn a_file_whose_mark_does_not_read_back_is_not_released() {
    let place = Place::new();
    let rough = StampRequest {
        options: IssueOptions {
            jpeg_quality: Some(1),
            ..options()
        },
        ..request()
    };
    let failed = place.stamp_with(&scene(1), "a.jpg", &rough).unwrap_err();
    assert!(
        matches!(failed, ProvenanceError::ReadBack { .. }),
        "{failed}"
    );
    assert_eq!((place.records(), place.outputs().len()), (0, 0));
}

#[test]
fn a_file_that_its_own_root_does_not_vouch_for_is_not_released() {
    let (place, other) = (Place::new(), Place::new());
    let root = |home: &Home| home.keys().join(colophon_keys::ROOT_CERTIFICATE_FILE);
    std::fs::copy(root(&other.home), root(&place.home)).unwrap();
    let issuer = Issuer::open(&place.home, None, NOW).unwrap();
    let destination = Destination {
        path: place.out("a.png"),
        overwrite: false,
    };
    let failed = issuer
        .stamp(&scene(1), &request(), destination)
        .unwrap_err();
    assert!(failed.to_string().contains("this home's root"), "{failed}");
    assert_eq!((place.records(), place.outputs().len()), (0, 0));
}

#[test]
fn a_full_disk_leaves_nothing() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(64) else {
        return;
    };
    let path = disk.path().join("a.png");
    let failed = place
        .issuer
        .stamp(
            &scene(1),
            &request(),
            Destination {
                path,
                overwrite: false,
            },
        )
        .unwrap_err();
    assert!(failed.to_string().contains("free some space"), "{failed}");
    assert_eq!(disk.path().read_dir().unwrap().count(), 0);
    assert_eq!(place.records(), 0);
}

#[test]
fn a_full_disk_under_the_ledger_leaves_no_file() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(1024) else {
        return;
    };
    let home = Home::new(disk.path().join("home"));
    let issuer = Issuer::open(&home, None, NOW).unwrap();
    let filler = disk.path().join("filler");
    let mut file = File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    let destination = Destination {
        path: place.out("a.png"),
        overwrite: false,
    };
    let failed = issuer
        .stamp(&scene(1), &request(), destination)
        .unwrap_err();
    assert!(matches!(failed, ProvenanceError::Ledger(_)), "{failed}");
    assert!(place.outputs().is_empty());
}

/// A file system in memory of a few kilobytes.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, with a line that says so, where mounting is not allowed.
    fn mount(kilobytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={kilobytes}k"),
                "colophon-test",
            ])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        println!("SKIPPED: a small tmpfs cannot be mounted here");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
