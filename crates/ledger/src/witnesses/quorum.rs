//! Gathering the cosignatures of a quorum, all witnesses side by side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use colophon_tlog::{Checkpoint, Hash, Note, NoteSignature, TreeSize};

use super::{CosignRequest, Refusal, WitnessFailure, Witnessing};
use crate::error::LedgerError;

/// How long more cosignatures are waited for once the quorum is met.
const GRACE: Duration = Duration::from_millis(20);
/// Questions to one witness about one checkpoint: as known, as it answered, and once more in case another writer was
/// faster.
const TRIES: u32 = 3;

/// Makes the consistency proof between two sizes.
pub(crate) type Prove<'a> = dyn Fn(TreeSize, TreeSize) -> Result<Vec<Hash>, LedgerError> + 'a;

/// The witnesses of a policy and what is known of them.
pub(crate) struct Quorum {
    witnessing: Witnessing,
    peers: Vec<Peer>,
}

/// What is known of one witness.
#[derive(Default)]
struct Peer {
    /// Size of the tree that it cosigned last.
    size: TreeSize,
    /// A question that nobody waits for any more is still under way.
    busy: Arc<AtomicBool>,
}

/// One checkpoint on its way through the witnesses.
struct Round<'a> {
    signed: Arc<[u8]>,
    size: TreeSize,
    note: Note,
    prove: &'a Prove<'a>,
    proofs: BTreeMap<TreeSize, Arc<[Hash]>>,
    deadline: Instant,
    answers: Sender<(usize, Result<Vec<u8>, Refusal>)>,
}

impl Quorum {
    pub fn new(witnessing: &Witnessing) -> Self {
        let peers = witnessing.policy.witnesses().iter();
        Self {
            peers: peers.map(|_| Peer::default()).collect(),
            witnessing: witnessing.clone(),
        }
    }

    /// Learns from a published checkpoint who cosigned it.
    pub fn learn(&mut self, published: &[u8]) {
        let Ok(note) = Note::parse(published) else {
            return;
        };
        let Ok(checkpoint) = Checkpoint::parse_text(note.text()) else {
            return;
        };
        for (peer, witness) in self
            .peers
            .iter_mut()
            .zip(self.witnessing.policy.witnesses())
        {
            if note.verify_cosignature(&witness.key).is_ok() {
                peer.size = peer.size.max(checkpoint.size);
            }
        }
    }

    /// Returns the checkpoint with the cosignatures of a quorum, and of whoever else was quick.
    ///
    /// # Errors
    /// [`LedgerError::NoQuorum`]; what a proof could not be made for.
    pub fn cosign(&mut self, signed: &[u8], prove: &Prove<'_>) -> Result<Vec<u8>, LedgerError> {
        let damaged = |what: String| LedgerError::Damaged(format!("the new checkpoint: {what}"));
        let note = Note::parse(signed).map_err(|error| damaged(error.to_string()))?;
        let checkpoint =
            Checkpoint::parse_text(note.text()).map_err(|error| damaged(error.to_string()))?;
        let (answers, inbox) = channel();
        let mut round = Round {
            signed: signed.into(),
            size: checkpoint.size,
            note,
            prove,
            proofs: BTreeMap::new(),
            deadline: Instant::now() + self.witnessing.deadline,
            answers,
        };
        let failures = self.ask_all(&mut round, &inbox)?;
        match self.witnessing.policy.check_quorum(&round.note) {
            Ok(_) => Ok(round.note.to_string().into_bytes()),
            Err(_) => Err(LedgerError::NoQuorum(failures)),
        }
    }

    fn ask_all(
        &mut self,
        round: &mut Round<'_>,
        inbox: &Receiver<(usize, Result<Vec<u8>, Refusal>)>,
    ) -> Result<Vec<WitnessFailure>, LedgerError> {
        // What each witness has failed with, if it was asked; `None` while its answer is awaited or is good.
        let mut failed: Vec<Option<Refusal>> = self.peers.iter().map(|_| None).collect();
        let mut tries = vec![0; self.peers.len()];
        let mut awaited = vec![false; self.peers.len()];
        for at in 0..self.peers.len() {
            if self.peers[at].busy.load(Ordering::Acquire) {
                failed[at] = Some(Refusal::Busy);
            } else {
                tries[at] += 1;
                failed[at] = self.ask(at, round)?;
                awaited[at] = failed[at].is_none();
            }
        }
        let mut until = round.deadline;
        while awaited.contains(&true) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((at, answer)) = inbox.recv_timeout(left) else {
                break;
            };
            awaited[at] = false;
            match answer.and_then(|lines| self.accept(at, &lines, round)) {
                Ok(()) => {
                    if self.witnessing.policy.check_quorum(&round.note).is_ok() {
                        until = until.min(Instant::now() + GRACE);
                    }
                }
                Err(Refusal::Behind(size)) if size <= round.size && tries[at] < TRIES => {
                    tries[at] += 1;
                    self.peers[at].size = size;
                    failed[at] = self.ask(at, round)?;
                    awaited[at] = failed[at].is_none();
                }
                Err(refusal) => failed[at] = Some(refusal),
            }
        }
        let late = Refusal::Late(self.witnessing.deadline);
        let witnesses = self.witnessing.policy.witnesses().iter();
        let failures = witnesses.zip(failed).zip(awaited);
        Ok(failures
            .filter_map(|((witness, failed), awaited)| {
                let why = if awaited { Some(late.clone()) } else { failed }?;
                Some(WitnessFailure {
                    witness: witness.name.clone(),
                    why,
                })
            })
            .collect())
    }

    /// Starts one question; `Some` when not even that was possible.
    fn ask(&self, at: usize, round: &mut Round<'_>) -> Result<Option<Refusal>, LedgerError> {
        let old = self.peers[at].size.min(round.size);
        let proof = round.proof(old)?;
        let name = self.witnessing.policy.witnesses()[at].name.clone();
        let witnesses = Arc::clone(&self.witnessing.witnesses);
        let busy = Arc::clone(&self.peers[at].busy);
        let (signed, deadline) = (Arc::clone(&round.signed), round.deadline);
        let answers = round.answers.clone();
        busy.store(true, Ordering::Release);
        let spawned = thread::Builder::new()
            .name("ledger-witness".to_owned())
            .spawn(move || {
                // Given back in any case, also when the client panics: nobody then answers, and the witness is late.
                let idle = Idle(busy);
                let request = CosignRequest {
                    old_size: old,
                    proof: &proof,
                    checkpoint: &signed,
                };
                let answer = witnesses.ask(&name, &request, deadline);
                drop(idle);
                // Nobody may be waiting any more.
                let _ = answers.send((at, answer));
            });
        Ok(spawned.err().map(|error| {
            self.peers[at].busy.store(false, Ordering::Release);
            Refusal::Unreachable(error.to_string())
        }))
    }

    /// Takes a cosignature into the note, if it is that witness's and good.
    fn accept(&mut self, at: usize, lines: &[u8], round: &mut Round<'_>) -> Result<(), Refusal> {
        let bad = |error: &dyn std::error::Error| Refusal::BadSignature(error.to_string());
        let key = &self.witnessing.policy.witnesses()[at].key;
        let lines = NoteSignature::parse_lines(lines).map_err(|error| bad(&error))?;
        let mut note = round.note.clone();
        for line in lines {
            if line.name == key.name() && line.key_id == key.key_id() {
                note.add_signature(line).map_err(|error| bad(&error))?;
            }
        }
        note.verify_cosignature(key).map_err(|error| bad(&error))?;
        round.note = note;
        self.peers[at].size = round.size;
        Ok(())
    }
}

/// Marks a witness as free again when dropped.
struct Idle(Arc<AtomicBool>);

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Round<'_> {
    /// The proof from a size to the checkpoint, made once.
    fn proof(&mut self, old: TreeSize) -> Result<Arc<[Hash]>, LedgerError> {
        if let Some(known) = self.proofs.get(&old) {
            return Ok(Arc::clone(known));
        }
        let proof: Arc<[Hash]> = (self.prove)(old, self.size)?.into();
        self.proofs.insert(old, Arc::clone(&proof));
        Ok(proof)
    }
}
