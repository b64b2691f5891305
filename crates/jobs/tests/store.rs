//! Jobs over their whole life, with reports that need no keys.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use colophon_accounts::Tenant;
use colophon_archive::pack_zip;
use colophon_jobs::{Form, Job, JobsError, Kind, Limits, Load, Noted, Plan, State, Store, Turn};
use colophon_provenance::Report;
use proptest::prelude::*;
use serde_json::{Value, json};

fn report(name: &str, bytes: usize) -> Report {
    serde_json::from_value(json!({
        "colophon_report": Report::VERSION,
        "file": name,
        "outcome": "nothing-found",
        "error": null,
        "container": {
            "format": "JPEG", "width": 4, "height": 3, "bytes": bytes, "sha256": format!("{bytes:064x}"), "trailing_bytes": 0,
        },
        "verdict": {
            "rule": "test", "finding": "nothing", "action": "allow", "headline": "", "explanation": "",
            "reasons": [], "contradictions": [],
        },
        "evidence": {
            "manifest": null, "watermark": null, "faint_mark": null, "ledger": null, "recovered_manifest": null,
            "fingerprint": null, "signals": [], "unreadable_marks": [], "timeline": [],
        },
        "not_checked": [],
        "tool": {
            "name": "colophon", "version": "0", "validator": "", "policy": "00", "trust_lists": [], "language": "en",
            "confinement": [],
        },
        "elapsed_ms": 0,
    }))
    .unwrap()
}

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

fn plan(of: &str, kind: Kind) -> Plan {
    Plan {
        tenant: tenant(of),
        by: None,
        kind,
        language: "en".into(),
        webhook: None,
    }
}

fn open(root: &Path) -> Store {
    Store::open(root, Limits::default()).unwrap().0
}

/// A job of pictures `0.jpg` on, each of its own length.
fn job(store: &Store, of: &str, pictures: usize, now: i64) -> Arc<Job> {
    let mut intake = store.intake(plan(of, Kind::Files)).unwrap();
    for number in 0..pictures {
        intake
            .file(&format!("{number}.jpg"), &vec![1; number + 1])
            .unwrap();
    }
    intake.commit(now).unwrap()
}

/// Checks one picture; the name of its job's tenant, its name, and what came of it.
fn work(mut turn: Turn) -> (String, Noted) {
    match turn.load(100).unwrap() {
        Load::Bytes { name, bytes } => {
            let report = report(&name, bytes.len());
            (name, turn.note(&report, 100).unwrap())
        }
        Load::Url(name) => {
            let report = report(&name, 1);
            (name, turn.note(&report, 100).unwrap())
        }
        Load::Trouble { name, why } => {
            let mut report = report(&name, 0);
            report.error = Some(why);
            (name, turn.note(&report, 100).unwrap())
        }
        Load::Nothing(noted) => (String::new(), noted),
    }
}

fn work_all(store: &Store) -> usize {
    let mut turns = 0;
    while let Some(turn) = store.next(Kind::Files).or_else(|| store.next(Kind::Urls)) {
        work(turn);
        turns += 1;
    }
    turns
}

fn rows(job: &Job) -> Vec<Value> {
    let (file, _) = job.results(Form::JsonLines).unwrap();
    let text = std::io::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(job: &Job) -> Vec<String> {
    rows(job)
        .iter()
        .map(|row| row["file"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_job_goes_from_queued_to_done_and_leaves_its_rows_alone() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let job = job(&store, "a", 3, 7);
    assert_eq!((job.state(), rows(&job)), (State::Queued, vec![]));
    assert_eq!(store.held().stored_bytes, 6);
    work(store.next(Kind::Files).unwrap());
    assert_eq!((job.state(), rows(&job).len()), (State::Running, 1));
    assert_eq!(work_all(&store), 2);
    let view = job.view();
    assert_eq!(
        (view.state, view.counts.rows, view.ended),
        (State::Done, 3, Some(100))
    );
    assert_eq!(names(&job), ["0.jpg", "1.jpg", "2.jpg"]);
    let folder = root.path().join("a").join(job.id().to_string());
    let mut left: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["job.json", "rows.part"], "what was sent is gone");
    assert_eq!((store.held().open, store.held().stored_bytes), (0, 0));
    assert_eq!(store.untold().len(), 1);
    store.told(&job).unwrap();
    drop((store, job));
    assert!(open(root.path()).untold().is_empty());
}

#[test]
fn turns_go_round_by_tenant_job_and_picture() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let (long, second) = (job(&store, "a", 40, 1), job(&store, "a", 2, 2));
    let other = job(&store, "b", 2, 3);
    let mut order = Vec::new();
    for _ in 0..8 {
        let turn = store.next(Kind::Files).unwrap();
        order.push(turn.job().id());
        work(turn);
    }
    let (a, b, c) = (long.id(), second.id(), other.id());
    assert_eq!(
        order,
        [a, c, b, c, a, b, a, a],
        "nobody waits for the long job"
    );
}

#[test]
fn rows_come_in_the_order_of_the_pictures_whoever_finishes_first() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let job = job(&store, "a", 4, 1);
    let mut turns: Vec<Turn> = (0..4).map(|_| store.next(Kind::Files).unwrap()).collect();
    assert!(store.next(Kind::Files).is_none());
    work(turns.remove(2));
    assert_eq!(names(&job), [""; 0], "the first is not finished");
    work(turns.remove(0));
    assert_eq!(names(&job), ["0.jpg"]);
    // Whoever gives up gives the picture back.
    drop(turns.remove(1));
    work(turns.remove(0));
    assert_eq!(names(&job), ["0.jpg", "1.jpg", "2.jpg"]);
    assert_eq!(work(store.next(Kind::Files).unwrap()).1, Noted::Ended);
    assert_eq!(rows(&job)[3]["row"], 4);
}

#[test]
fn equal_bytes_are_stored_and_checked_once() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let mut intake = store.intake(plan("a", Kind::Files)).unwrap();
    for name in ["x.jpg", "y.jpg", "z.jpg"] {
        intake.file(name, b"same").unwrap();
    }
    intake.file("other.jpg", b"not the same").unwrap();
    let job = intake.commit(1).unwrap();
    assert_eq!(job.view().bytes, 16);
    let first = store.next(Kind::Files).unwrap();
    // The second and third wait for the first, whoever asks.
    let mut checked = Vec::new();
    while let Some(turn) = store.next(Kind::Files) {
        checked.push(work(turn).0);
    }
    assert_eq!(checked, ["", "", "other.jpg"]);
    work(first);
    work_all(&store);
    assert_eq!(job.state(), State::Done);
    let rows = rows(&job);
    assert_eq!(names(&job), ["x.jpg", "y.jpg", "z.jpg", "other.jpg"]);
    assert_eq!(rows[0]["duplicate_of"], Value::Null);
    assert_eq!(rows[1]["duplicate_of"], "x.jpg");
    assert_eq!(rows[2]["duplicate_of"], "x.jpg");
    assert_eq!(job.view().counts.duplicates, 2);
}

#[test]
fn an_interrupted_job_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let id = {
        let store = open(root.path());
        let job = job(&store, "a", 20, 1);
        let mut turns: Vec<Turn> = (0..9).map(|_| store.next(Kind::Files).unwrap()).collect();
        // Out of order, and two in hand when the process ends.
        work(turns.remove(8));
        work(turns.remove(3));
        work(turns.remove(0));
        std::mem::forget(turns);
        job.id()
    };
    // A torn end, as a crash leaves it.
    let part = root.path().join("a").join(id.to_string()).join("rows.part");
    let mut bytes = fs::read(&part).unwrap();
    bytes.truncate(bytes.len() - 10);
    fs::write(&part, bytes).unwrap();

    let (store, damaged) = reopened(root.path());
    assert!(damaged.is_empty());
    let job = store.get(&tenant("a"), id).unwrap();
    assert_eq!(job.state(), State::Interrupted);
    assert!(
        store.next(Kind::Files).is_none(),
        "before it is known how far it was"
    );
    assert!(!store.resume(&job, 50).unwrap());
    assert_eq!(job.view().counts.rows, 2, "the torn row is checked again");
    assert_eq!(work_all(&store), 18);
    let view = job.view();
    assert_eq!((view.state, view.interruptions), (State::Done, 1));
    let expected: Vec<String> = (0..20).map(|number| format!("{number}.jpg")).collect();
    assert_eq!(names(&job), expected, "nothing twice, nothing missing");
}

/// The store of a process after one that was killed: its lock is gone with it.
fn reopened(root: &Path) -> (Store, Vec<std::path::PathBuf>) {
    // What a killed process held is leaked above, its lock with it.
    fs::remove_file(root.join(".lock")).unwrap();
    Store::open(root, Limits::default()).unwrap()
}

#[test]
fn a_job_that_was_finished_but_for_its_last_word_ends_at_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let id = {
        let store = open(root.path());
        let job = job(&store, "a", 2, 1);
        work_all(&store);
        job.id()
    };
    let path = root.path().join("a").join(id.to_string()).join("job.json");
    let mut about: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    about["state"] = "running".into();
    about["ended"] = Value::Null;
    fs::write(&path, about.to_string()).unwrap();
    let store = open(root.path());
    let job = store.get(&tenant("a"), id).unwrap();
    assert!(store.resume(&job, 60).unwrap());
    assert_eq!((job.state(), names(&job).len()), (State::Done, 2));
    assert_eq!(store.held().open, 0);
}

#[test]
fn what_was_lost_is_said() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let first = job(&store, "a", 2, 1);
    let folder = root.path().join("a").join(first.id().to_string());
    fs::write(folder.join("inputs.pack"), b"1").unwrap();
    work_all(&store);
    let rows_of_first = rows(&first);
    assert_eq!(rows_of_first[0]["error"], Value::Null);
    assert_eq!(rows_of_first[1]["error"]["kind"], "system");

    let second = job(&store, "a", 2, 2);
    work(store.next(Kind::Files).unwrap());
    let (id, path) = (
        second.id(),
        root.path().join("a").join(second.id().to_string()),
    );
    drop((store, first, second));
    fs::write(path.join("rows.part"), "{}\n").unwrap();
    fs::create_dir(root.path().join("a").join("job_broken")).unwrap();
    let (store, damaged) = Store::open(root.path(), Limits::default()).unwrap();
    assert_eq!(damaged, [root.path().join("a").join("job_broken")]);
    let job = store.get(&tenant("a"), id).unwrap();
    assert!(store.resume(&job, 60).unwrap());
    let view = job.view();
    assert_eq!(view.state, State::Failed);
    assert!(view.failure.unwrap().starts_with("its rows were lost"));
}

#[test]
fn a_cancelled_job_keeps_its_rows_and_takes_no_more() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let job = job(&store, "a", 5, 1);
    work(store.next(Kind::Files).unwrap());
    let in_hand = store.next(Kind::Files).unwrap();
    assert!(matches!(
        store.remove(&job),
        Err(JobsError::State(State::Running))
    ));
    store.cancel(&job, 9).unwrap();
    assert!(matches!(
        store.cancel(&job, 9),
        Err(JobsError::State(State::Cancelled))
    ));
    assert_eq!(work(in_hand).1, Noted::TooLate);
    assert!(store.next(Kind::Files).is_none());
    assert_eq!(names(&job), ["0.jpg"]);
    assert_eq!((store.held().open, store.held().stored_bytes), (0, 0));
    assert!(store.untold().is_empty(), "who cancels knows");
    store.remove(&job).unwrap();
    assert!(matches!(
        store.get(&tenant("a"), job.id()),
        Err(JobsError::Unknown)
    ));
    assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 0);
}

#[test]
fn jobs_are_their_tenants_and_listed_newest_first() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let ids: Vec<_> = (0..5).map(|at| job(&store, "a", 1, at).id()).collect();
    job(&store, "b", 1, 9);
    assert!(matches!(
        store.get(&tenant("b"), ids[0]),
        Err(JobsError::Unknown)
    ));
    let page = |before, most| -> Vec<_> {
        let jobs = store.list(&tenant("a"), before, most);
        jobs.iter().map(|job| job.id()).collect()
    };
    assert_eq!(page(None, 2), [ids[4], ids[3]]);
    assert_eq!(page(Some((3, ids[3])), 9), [ids[2], ids[1], ids[0]]);
}

#[test]
fn every_bound_holds() {
    let root = tempfile::tempdir().unwrap();
    let limits = Limits {
        open_per_tenant: 2,
        open: 3,
        kept: 4,
        inputs: 3,
        input_bytes: 50,
        job_bytes: 100,
        stored_bytes: 150,
        retention: 10,
    };
    let (store, _) = Store::open(root.path(), limits).unwrap();
    assert!(matches!(
        Store::open(root.path(), limits),
        Err(JobsError::InUse(_))
    ));
    let intake = |of: &str| store.intake(plan(of, Kind::Files));

    let mut many = intake("a").unwrap();
    for number in 0..3 {
        many.file("x", &[number]).unwrap();
    }
    assert!(matches!(
        many.file("x", &[9]),
        Err(JobsError::TooManyInputs(3))
    ));
    drop(many);
    let mut large = intake("a").unwrap();
    large.file("a", &[1; 50]).unwrap();
    large.file("b", &[2; 50]).unwrap();
    assert!(matches!(
        large.file("c", &[3; 1]),
        Err(JobsError::TooManyBytes(100))
    ));
    assert_eq!(store.held().stored_bytes, 100);
    drop(large);
    assert_eq!(
        store.held().stored_bytes,
        0,
        "what is not sent whole leaves nothing"
    );
    assert!(matches!(
        intake("a").unwrap().commit(1),
        Err(JobsError::Empty)
    ));

    let one = |of: &str, byte: u8| {
        let mut intake = intake(of)?;
        intake.file("p", &[byte; 50])?;
        intake.file("too large", &[byte; 51])?;
        intake.commit(1)
    };
    let first = one("a", 1).unwrap();
    one("a", 2).unwrap();
    assert!(matches!(one("a", 3), Err(JobsError::TooManyOpen(2))));
    one("b", 3).unwrap();
    assert!(matches!(one("c", 4), Err(JobsError::TooManyOpen(3))));
    work_all(&store);
    assert_eq!(rows(&first)[1]["error"]["kind"], "limit");
    one("a", 1).unwrap();
    work_all(&store);
    assert!(matches!(one("a", 1), Err(JobsError::TooManyKept(4))));
    assert_eq!(store.sweep(109).unwrap(), 0);
    assert_eq!(store.sweep(110).unwrap(), 4);
    assert_eq!(store.held().kept, 0);
}

#[test]
fn an_archive_becomes_a_job_of_its_pictures() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let jpeg = [0xff, 0xd8, 0xff, 0xe0];
    let packed = pack_zip([
        ("in/b.jpg", &jpeg[..]),
        ("in/../../../a", &[0xff, 0xd8, 0xff, 0xe1]),
        ("in/notes.txt", b"no picture"),
        ("in/.hidden.jpg", &jpeg),
    ])
    .unwrap();
    let mut intake = store.intake(plan("a", Kind::Files)).unwrap();
    intake.zip(Cursor::new(packed)).unwrap();
    let job = intake.commit(1).unwrap();
    work_all(&store);
    assert_eq!(names(&job), ["in/b.jpg", "in/a"]);
    assert_eq!(job.view().passed, 2);
}

#[test]
fn open_jobs_hold_no_file_and_no_thread_each() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let files = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let threads = || fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = (files(), threads());
    // 10,000 were tried by hand.
    let many = std::env::var("COLOPHON_OPEN_JOBS").map_or(300, |many| many.parse().unwrap());
    let mut jobs = Vec::new();
    for number in 0..many {
        jobs.push(job(&store, &format!("t{}", number % 7), 2, number));
    }
    assert_eq!(store.held().open, many as usize);
    // One picture of each: every job has begun.
    for _ in 0..many {
        work(store.next(Kind::Files).unwrap());
    }
    assert!(jobs.iter().all(|job| job.state() == State::Running));
    let after = (files(), threads());
    // Other tests run beside this one.
    assert!(
        after.0 < before.0 + 100 && after.1 < before.1 + 20,
        "{before:?} {after:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is finished, given back, killed and resumed in whatever order: every picture has exactly one row.
    #[test]
    fn nothing_is_lost_or_told_twice(steps in proptest::collection::vec((0u8..10, any::<proptest::sample::Index>()), 0..60), equal in 1usize..6) {
        let root = tempfile::tempdir().unwrap();
        let mut store = open(root.path());
        let id = {
            let mut intake = store.intake(plan("a", Kind::Files)).unwrap();
            for number in 0..12 {
                intake.file(&format!("{number}"), &[(number % equal) as u8; 3]).unwrap();
            }
            intake.commit(1).unwrap().id()
        };
        let mut hands: Vec<Turn> = Vec::new();
        for (step, which) in steps {
            match step {
                0..=4 => hands.extend(store.next(Kind::Files)),
                5..=7 if !hands.is_empty() => {
                    let turn = hands.swap_remove(which.index(hands.len()));
                    work(turn);
                }
                8 if !hands.is_empty() => drop(hands.swap_remove(which.index(hands.len()))),
                9 => {
                    // Killed: nothing is given back.
                    hands.into_iter().for_each(std::mem::forget);
                    hands = Vec::new();
                    std::mem::forget(store);
                    store = reopened(root.path()).0;
                    for job in store.interrupted() {
                        store.resume(&job, 9).unwrap();
                    }
                }
                _ => {}
            }
        }
        drop(hands);
        work_all(&store);
        let job = store.get(&tenant("a"), id).unwrap();
        prop_assert_eq!(job.state(), State::Done);
        let mut seen = BTreeMap::new();
        for name in names(&job) {
            *seen.entry(name).or_insert(0) += 1;
        }
        prop_assert_eq!(seen.len(), 12);
        prop_assert!(seen.values().all(|count| *count == 1));
    }
}
