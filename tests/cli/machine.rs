//! The machine around the program: full disks, read-only folders, other processes, pipes, Ctrl-C.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Bench, Ended, names, photo, stamped};

/// A small file system in memory, unmounted when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        println!("skipped: a tmpfs cannot be mounted here");
        None
    }

    fn make_read_only(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_under_the_output() {
    let bench = Bench::new();
    let Some(_small) = Tmpfs::mount(bench.path("small"), "40k") else {
        return;
    };
    bench.write("a.jpg", &photo(21));
    bench
        .run(&["stamp", "a.jpg", "-o", "small/out.jpg"])
        .code(2)
        .says("free some space");
    bench
        .run(&["watermark", "embed", "a.jpg", "small/out.jpg"])
        .code(2)
        .says("free some space");
    bench
        .run(&["generate", "a fox", "--steps", "1", "-o", "small/fox.png"])
        .code(2)
        .says("free some space");
    assert_eq!(bench.names("small"), [""; 0], "nothing half-written");
    bench.run(&["ledger", "fsck"]).code(0);
    bench.run(&["stamp", "a.jpg", "-o", "out.jpg"]).code(0);
}

#[test]
fn a_full_disk_under_the_home() {
    let bench = Bench::new();
    let Some(small) = Tmpfs::mount(bench.path("home"), "1200k") else {
        return;
    };
    bench.write("a.jpg", &photo(22));
    bench.run(&["stamp", "a.jpg", "-o", "first.jpg"]).code(0);
    // As much as fits, in ever smaller pieces.
    for size in [1 << 16, 1 << 12, 1] {
        for piece in 0.. {
            if std::fs::write(
                small.0.join(format!("filler-{size}-{piece}")),
                vec![7; size],
            )
            .is_err()
            {
                break;
            }
        }
    }
    let mut failed = false;
    for at in 0..40 {
        let name = format!("out-{at}.jpg");
        let ended = bench.run(&["stamp", "a.jpg", "-o", &name]);
        if ended.code == Some(2) {
            ended.says("free some space");
            assert!(!bench.path(&name).exists(), "no file without its record");
            failed = true;
            break;
        }
    }
    assert!(failed, "the disk was never full");
    for name in names(&small.0)
        .iter()
        .filter(|name| name.starts_with("filler"))
    {
        std::fs::remove_file(small.0.join(name)).unwrap();
    }
    bench.run(&["stamp", "a.jpg", "-o", "later.jpg"]).code(0);
    bench.run(&["ledger", "fsck"]).code(0);
    bench.run(&["verify", "first.jpg", "later.jpg"]).code(0);
    assert!(bench.names(".").iter().all(|name| !name.contains(".part")));
}

#[test]
fn a_read_only_home() {
    let bench = Bench::new();
    let Some(home) = Tmpfs::mount(bench.path("home"), "20m") else {
        return;
    };
    bench.write("a.jpg", &photo(23));
    bench.run(&["stamp", "a.jpg", "-o", "out.jpg"]).code(0);
    home.make_read_only();
    bench
        .run(&["verify", "out.jpg"])
        .code(0)
        .says("proven to be in the signed log");
    bench.run(&["ledger", "list"]).code(0).says("proven");
    bench
        .run(&["stamp", "a.jpg", "-o", "second.jpg"])
        .code(2)
        .says("cannot be written to");
    assert_eq!(bench.names("."), ["a.jpg", "home", "out.jpg"]);
}

#[test]
fn a_home_that_cannot_be_made() {
    let bench = Bench::new();
    bench.write("home", b"a file in its place");
    bench.write("a.jpg", &photo(24));
    bench
        .run(&["stamp", "a.jpg", "-o", "out.jpg"])
        .code(2)
        .says("home");
    bench.run(&["keys", "init"]).code(2).says("home");
    assert_eq!(bench.names("."), ["a.jpg", "home"]);
    assert_eq!(bench.read("home"), b"a file in its place");
}

#[test]
fn processes_that_share_a_home() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(25));
    // Keys too are made by whichever comes first.
    let running: Vec<_> = (0..4)
        .map(|at| bench.start(&["stamp", "a.jpg", "-o", &format!("out-{at}.jpg"), "--json"]))
        .collect();
    let mut records = Vec::new();
    for child in running {
        let ended = Ended::from(child.wait_with_output().unwrap()).code(0);
        records.push(ended.json()[0]["record"].as_u64().unwrap());
    }
    records.sort_unstable();
    // Whoever made the keys told of all of them, once.
    assert_eq!(records, [8, 9, 10, 11]);
    bench.run(&["ledger", "fsck"]).code(0);
    bench
        .run(&["verify", "out-0.jpg", "out-1.jpg", "out-2.jpg", "out-3.jpg"])
        .code(0);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = stamped();
    let files = vec!["stamped.jpg"; 30];
    let mut child = bench.start(&[&["verify", "-v"][..], &files].concat());
    let mut first = [0; 1];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut first).unwrap();
    drop(pipe);
    let ended = Ended::from(child.wait_with_output().unwrap()).code(0);
    assert_eq!(ended.err, "");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_whole_files_only() {
    let bench = Bench::new();
    bench.run(&["keys", "init"]).code(0);
    let names: Vec<String> = (0..60).map(|at| format!("in-{at:02}.jpg")).collect();
    let picture = photo(26);
    for name in &names {
        bench.write(name, &picture);
    }
    let files: Vec<&str> = names.iter().map(String::as_str).collect();
    let child = bench.start(&[&["stamp"][..], &files, &["--out-dir", "out"]].concat());
    let patience = Instant::now() + Duration::from_mins(1);
    while !has_output(&bench.path("out")) {
        assert!(Instant::now() < patience, "no file was ever written");
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    Ended::from(child.wait_with_output().unwrap()).code(130);
    let left = bench.names("out");
    assert!(
        !left.is_empty() && left.len() < names.len(),
        "{} files",
        left.len()
    );
    assert!(left.iter().all(|name| name.starts_with("in-")), "{left:?}");
    let paths: Vec<String> = left.iter().map(|name| format!("out/{name}")).collect();
    let arguments: Vec<&str> = ["verify", "-q"]
        .into_iter()
        .chain(paths.iter().map(String::as_str))
        .collect();
    bench.run(&arguments).code(0);
    bench.run(&["ledger", "fsck"]).code(0);
}

#[cfg(unix)]
fn has_output(folder: &Path) -> bool {
    folder.exists() && names(folder).iter().any(|name| name.starts_with("in-"))
}
