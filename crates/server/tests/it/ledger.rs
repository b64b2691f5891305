//! A ledger with two witnesses over loopback; monitors and mirrors over HTTP; an operator who lies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon_gateway::{LogClient, WitnessAnswer, WitnessClient};
use colophon_ledger::{
    CosignRequest, Event, EventKind, Ledger, LedgerError, LedgerOptions, Refusal, TreeSize,
    TrustListEvent, WitnessPolicy, Witnesses, Witnessing,
};
use colophon_monitor::{
    Alarm, Broken, Known, Look, Source, SourceError, Trouble, Watch, look, mirror,
};
use colophon_server::{Limits, log_routes};
use colophon_tlog::{
    AddCheckpoint, Checkpoint, Ed25519Signer, ForkEvidence, Note, NoteSigner as _, VerifierKey,
};

use crate::running::{AWitness, Running};

const BASE: &str = "ledger.example/test";
const SHARD: &str = "2027h1";

fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(BASE, &[42; 32]).unwrap()
}

fn key() -> VerifierKey {
    signer().verifier_key().clone()
}

fn event(name: &str) -> Event {
    Event {
        time: 1_800_000_000,
        what: EventKind::TrustList(TrustListEvent {
            imported: true,
            name: name.to_owned(),
            sha256: [1; 32],
        }),
    }
}

/// The way to witnesses that the command line takes too.
struct OverHttp(BTreeMap<String, WitnessClient>);

impl Witnesses for OverHttp {
    fn ask(
        &self,
        witness: &str,
        request: &CosignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let note = Note::parse(request.checkpoint).unwrap();
        let body = AddCheckpoint::new(request.old_size, request.proof.to_vec(), note).unwrap();
        let left = deadline.saturating_duration_since(Instant::now());
        match self.0[witness].add_checkpoint(body.to_string().as_bytes(), left) {
            Ok(WitnessAnswer::Cosigned(lines)) => Ok(lines),
            Ok(WitnessAnswer::Knows(size)) => Err(Refusal::Behind(TreeSize(size))),
            Ok(WitnessAnswer::Refused { status, says }) => {
                Err(Refusal::Refused(format!("{status} {says}")))
            }
            Err(error) => Err(Refusal::Unreachable(error.to_string())),
        }
    }
}

fn policy(quorum: &str, witnesses: &[(&AWitness, &Running)]) -> WitnessPolicy {
    let lines: Vec<String> = witnesses
        .iter()
        .map(|(witness, running)| {
            let key = witness.folder().key().unwrap();
            format!("witness {} {key} {}", witness.name, running.url())
        })
        .collect();
    let names: Vec<&str> = witnesses
        .iter()
        .map(|(witness, _)| witness.name.as_str())
        .collect();
    let (lines, names) = (lines.join("\n"), names.join(" "));
    let text = format!("{lines}\ngroup all-of-them {quorum} {names}\nquorum all-of-them\n");
    WitnessPolicy::parse(text.as_bytes()).unwrap()
}

fn open(folder: &Path, policy: &WitnessPolicy) -> Result<Ledger, LedgerError> {
    let clients = policy.witnesses().iter().map(|witness| {
        let client = WitnessClient::new(witness.url.as_deref().unwrap(), None).unwrap();
        (witness.name.clone(), client)
    });
    let options = LedgerOptions {
        witnessing: Some(Witnessing {
            policy: policy.clone(),
            witnesses: Arc::new(OverHttp(clients.collect())),
            deadline: Duration::from_secs(10),
        }),
        ..LedgerOptions::default()
    };
    Ledger::open_with(folder, BASE, Box::new(signer()), options)
}

struct OverHttpFiles(LogClient);

impl Source for OverHttpFiles {
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(path, limit)?)
    }
}

fn look_over(url: &str, known: &mut Known) -> Result<u64, Trouble> {
    let mut found = Look::default();
    let source = OverHttpFiles(LogClient::new(url, None).unwrap());
    look(&source, &key(), known, &Watch::default(), &mut found).map(|()| found.new)
}

fn alarm<T: std::fmt::Debug>(result: Result<T, Trouble>) -> Alarm {
    match result {
        Err(Trouble::Alarm(alarm)) => *alarm,
        other => panic!("no alarm: {other:?}"),
    }
}

fn served(folder: &Path) -> Running {
    Running::start(
        log_routes(folder.to_owned(), &["shards"]),
        Limits::default(),
    )
}

fn published(folder: &Path) -> Note {
    Note::parse(&fs::read(folder.join(SHARD).join("checkpoint")).unwrap()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let (path, name) = item.map(|item| (item.path(), item.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[test]
fn both_witnesses_cosign_and_everybody_can_check() {
    let (one, two) = (
        AWitness::new("w1.example", &key(), true),
        AWitness::new("w2.example", &key(), true),
    );
    let (at_one, at_two) = (one.serve(), two.serve());
    let policy = policy("all", &[(&one, &at_one), (&two, &at_two)]);
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), &policy).unwrap();
    for n in 0..5 {
        ledger.append_event(&event(&format!("list {n}"))).unwrap();
    }
    let note = published(folder.path());
    assert_eq!(policy.check_quorum(&note).unwrap().len(), 2);
    let seen = one.folder().logs().unwrap();
    let shard = seen
        .iter()
        .find(|log| log.key.name().ends_with(SHARD))
        .unwrap();
    let size = Checkpoint::parse_text(note.text()).unwrap().size;
    assert_eq!(shard.state.as_ref().unwrap().size(), size);

    // A monitor and a mirror over HTTP, and a monitor over the mirror.
    let site = served(folder.path());
    let mut known = Known::default();
    assert_eq!(look_over(&site.url(), &mut known).unwrap(), size.0);
    ledger.append_event(&event("one more")).unwrap();
    assert_eq!(look_over(&site.url(), &mut known).unwrap(), 1);
    let mirrored = tempfile::tempdir().unwrap();
    let source = OverHttpFiles(LogClient::new(&site.url(), None).unwrap());
    mirror(&source, &key(), mirrored.path()).unwrap();
    assert_eq!(published(mirrored.path()), published(folder.path()));
    let second_hand = served(mirrored.path());
    assert_eq!(look_over(&second_hand.url(), &mut known).unwrap(), 0);
    assert!(
        !mirrored.path().join(SHARD).join("ledger.sqlite").exists(),
        "only what is public"
    );
}

#[test]
fn without_its_quorum_nothing_is_published_and_nothing_is_lost() {
    let (one, two) = (
        AWitness::new("w1.example", &key(), true),
        AWitness::new("w2.example", &key(), true),
    );
    let (at_one, at_two) = (one.serve(), two.serve());
    let any = policy("any", &[(&one, &at_one), (&two, &at_two)]);
    let all = policy("all", &[(&one, &at_one), (&two, &at_two)]);
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &all)
        .unwrap()
        .append_event(&event("both"))
        .unwrap();
    let address = at_two.address();
    at_two.end();
    // One of two is enough for the one policy.
    open(folder.path(), &any)
        .unwrap()
        .append_event(&event("one"))
        .unwrap();
    let before = published(folder.path());
    let ledger = open(folder.path(), &all);
    let refused = match ledger {
        Ok(ledger) => ledger.append_event(&event("none")).map(drop),
        Err(error) => Err(error),
    };
    assert!(
        matches!(refused, Err(LedgerError::NoQuorum(_))),
        "{refused:?}"
    );
    assert_eq!(
        published(folder.path()),
        before,
        "what is on show has its quorum"
    );
    // The second comes back, three trees behind, and is brought up to date.
    let _back = Running::start_at(address, two.routes(), Limits::default());
    let ledger = open(folder.path(), &all).unwrap();
    ledger.append_event(&event("again")).unwrap();
    let now = published(folder.path());
    assert_eq!(all.check_quorum(&now).unwrap().len(), 2);
    let size = |note: &Note| Checkpoint::parse_text(note.text()).unwrap().size.0;
    assert!(size(&now) > size(&before));
}

/// The operator keeps two histories from one beginning.
fn two_histories(policy: &WitnessPolicy) -> (tempfile::TempDir, tempfile::TempDir) {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    open(ours.path(), policy)
        .unwrap()
        .append_event(&event("shared"))
        .unwrap();
    copy(ours.path(), theirs.path());
    (ours, theirs)
}

#[test]
fn a_witness_cosigns_one_of_two_histories() {
    let witness = AWitness::new("w1.example", &key(), true);
    let running = witness.serve();
    let policy = policy("all", &[(&witness, &running)]);
    let (ours, theirs) = two_histories(&policy);
    let (first, second) = (
        open(ours.path(), &policy).unwrap(),
        open(theirs.path(), &policy).unwrap(),
    );
    first.append_event(&event("ours")).unwrap();
    let refused = second.append_event(&event("theirs"));
    assert!(
        matches!(refused, Err(LedgerError::NoQuorum(_))),
        "{refused:?}"
    );
    let evidence = witness.folder().evidence().unwrap();
    let text = fs::read_to_string(evidence.first().unwrap()).unwrap();
    let origin = format!("{BASE}/{SHARD}");
    let key = VerifierKey::new(&origin, key().public_key()).unwrap();
    ForkEvidence::parse(&text).unwrap().verify(&key).unwrap();
}

#[test]
fn a_monitor_finds_two_histories_and_a_rewritten_one() {
    let quorum_none = WitnessPolicy::parse(b"quorum none\n").unwrap();
    let (ours, theirs) = two_histories(&quorum_none);
    for (folder, name) in [(&ours, "ours"), (&theirs, "theirs")] {
        open(folder.path(), &quorum_none)
            .unwrap()
            .append_event(&event(name))
            .unwrap();
    }
    let (site, other) = (served(ours.path()), served(theirs.path()));
    let mut known = Known::default();
    look_over(&site.url(), &mut known).unwrap();
    let found = alarm(look_over(&other.url(), &mut known));
    assert!(
        matches!(found.broken, Broken::Fork(_)),
        "{:?}",
        found.broken
    );
    // The log is made anew with the same key, one entry left out, and goes on growing.
    let anew = tempfile::tempdir().unwrap();
    let ledger = open(anew.path(), &quorum_none).unwrap();
    for name in ["ours", "later", "and later"] {
        ledger.append_event(&event(name)).unwrap();
    }
    let rewritten = served(anew.path());
    let found = alarm(look_over(&rewritten.url(), &mut known));
    assert_eq!(found.broken.code(), "fork", "{:?}", found.broken);
    // A mirror of the first refuses the second.
    let copy = tempfile::tempdir().unwrap();
    let from = |running: &Running| OverHttpFiles(LogClient::new(&running.url(), None).unwrap());
    mirror(&from(&site), &key(), copy.path()).unwrap();
    assert_eq!(
        alarm(mirror(&from(&rewritten), &key(), copy.path()))
            .broken
            .code(),
        "fork"
    );
    assert_eq!(published(copy.path()), published(ours.path()));
}

#[test]
fn an_operator_who_edits_drops_or_moves_a_row_is_found() {
    let quorum_none = WitnessPolicy::parse(b"quorum none\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), &quorum_none).unwrap();
    for n in 0..6 {
        ledger.append_event(&event(&format!("list {n}"))).unwrap();
    }
    drop(ledger);
    let size = Checkpoint::parse_text(published(folder.path()).text())
        .unwrap()
        .size
        .0;
    let bundle = folder
        .path()
        .join(format!("{SHARD}/tile/entries/000.p/{size}"));
    let honest = fs::read(&bundle).unwrap();
    let rows: Vec<Vec<u8>> = colophon_tlog::decode_bundle(&honest, size as u16)
        .unwrap()
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    let site = served(folder.path());
    let lie = |rows: &[Vec<u8>]| {
        let mut bytes = Vec::new();
        for row in rows {
            colophon_tlog::encode_bundle_entry(&mut bytes, row).unwrap();
        }
        fs::write(&bundle, bytes).unwrap();
        alarm(look_over(&site.url(), &mut Known::default())).broken
    };
    let mut edited = rows.clone();
    edited[3] = event("forged").encode();
    assert_eq!(lie(&edited), Broken::Entry(3));
    let mut moved = rows.clone();
    moved.swap(2, 4);
    assert_eq!(lie(&moved), Broken::Entry(2));
    let mut dropped = rows.clone();
    dropped.remove(2);
    assert_eq!(lie(&dropped).code(), "entry");
    fs::write(&bundle, honest).unwrap();
    assert_eq!(look_over(&site.url(), &mut Known::default()).unwrap(), size);
}
