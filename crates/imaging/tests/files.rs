//! Reading with a bound, writing whole or not at all.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use colophon_imaging::{
    Fault, ImagingError, Limits, StagedFile, read_bounded, read_bounded_from, write_atomic,
};

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_whole_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.png");
    write_atomic(&path, b"first", false).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first");

    let error = write_atomic(&path, b"second", false).unwrap_err();
    assert!(matches!(&error, ImagingError::AlreadyExists(at) if *at == path));
    assert_eq!(error.fault(), Fault::Request);
    assert_eq!(fs::read(&path).unwrap(), b"first");

    write_atomic(&path, b"second", true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["out.png"]);
}

#[test]
fn a_dropped_stage_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.png");
    let mut staged = StagedFile::create(&path, false).unwrap();
    staged.write(b"half").unwrap();
    assert!(!path.exists(), "no name before the commit");
    assert_eq!(names(folder.path()).len(), 1);
    drop(staged);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.png");
    let mut staged = StagedFile::create(&path, false).unwrap();
    staged.write(b"ours").unwrap();
    fs::write(&path, b"theirs").unwrap();
    let error = staged.commit().unwrap_err();
    assert!(matches!(error, ImagingError::AlreadyExists(_)));
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    assert_eq!(names(folder.path()), ["out.png"]);
}

#[test]
fn folders_and_missing_folders_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for overwrite in [false, true] {
        let error = write_atomic(folder.path(), b"x", overwrite).unwrap_err();
        assert!(matches!(error, ImagingError::IsFolder(_)), "{error}");
    }
    let error = write_atomic(&folder.path().join("no/out.png"), b"x", false).unwrap_err();
    assert!(
        matches!(&error, ImagingError::Io { source, .. } if source.kind() == ErrorKind::NotFound)
    );
    assert_eq!(error.fault(), Fault::System);
    assert!(names(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn the_file_may_be_read_by_others_as_the_umask_says() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    write_atomic(&ours, b"x", false).unwrap();
    fs::write(&plain, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

#[test]
fn reading_tells_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.png");
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    let read = |path: &Path| read_bounded(path, &limits);

    fs::write(&path, b"0123456789").unwrap();
    assert_eq!(read(&path).unwrap(), b"0123456789");
    assert_eq!(
        read_bounded_from(&b"0123456789"[..], &limits).unwrap(),
        b"0123456789"
    );

    fs::write(&path, b"0123456789a").unwrap();
    assert_eq!(read(&path).unwrap_err().fault(), Fault::Limit);
    let endless = std::io::repeat(7);
    assert_eq!(
        read_bounded_from(endless, &limits).unwrap_err().fault(),
        Fault::Limit
    );

    fs::write(&path, b"").unwrap();
    assert!(matches!(read(&path), Err(ImagingError::Empty)));
    assert!(matches!(
        read(folder.path()),
        Err(ImagingError::IsFolder(_))
    ));
    let error = read(&folder.path().join("none.png")).unwrap_err();
    assert!(error.to_string().contains("check the name"), "{error}");
}

/// Needs a file system of its own, which only an administrator may mount.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
            "cannot mount a small tmpfs"
        );
        println!("SKIPPED: cannot mount a small tmpfs");
        return;
    }
    let kept = folder.path().join("kept.png");
    write_atomic(&kept, b"old", false).unwrap();
    let error = write_atomic(&kept, &vec![1; 1 << 20], true).unwrap_err();
    let (left, old) = (names(folder.path()), fs::read(&kept).unwrap());
    let unmounted = Command::new("umount").arg(folder.path()).status();
    assert!(unmounted.unwrap().success());

    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(left, ["kept.png"]);
    assert_eq!(old, b"old");
}
