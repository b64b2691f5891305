//! The writer thread: gathers waiting records into groups and commits them together.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use colophon_tlog::{Hash, LeafIndex, TreeSize};

use crate::error::LedgerError;
use crate::ledger::LedgerOptions;
use crate::record::Prepared;
use crate::sequencer::Sequencer;

/// Jobs that may wait before callers are held up.
const QUEUE: usize = 4_096;
/// How long a group is held open once groups form.
const GATHER: Duration = Duration::from_millis(1);
/// Groups committed before the lock is offered to other processes.
const GROUPS_PER_LOCK: u32 = 48;
/// Longer than the interval at which other processes try the lock.
const OFFER: Duration = Duration::from_millis(6);

/// The durable place of an entered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its index in the log.
    pub index: LeafIndex,
    /// Hash of its leaf.
    pub leaf_hash: Hash,
    /// Size of the first signed tree that covers it.
    pub tree_size: TreeSize,
}

type Answer = Result<Vec<Receipt>, LedgerError>;

/// Records that are entered together, and where the answer goes.
struct Job {
    records: Vec<Prepared>,
    /// How many records it brought.
    count: usize,
    answer: SyncSender<Answer>,
}

/// Handle to the writer thread; dropping it lets the thread finish what was handed in.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Why the thread stopped.
    failure: Arc<Mutex<Option<LedgerError>>>,
}

impl Writer {
    pub fn start(sequencer: Sequencer, options: &LedgerOptions) -> Result<Self, LedgerError> {
        let (jobs, inbox) = sync_channel(QUEUE);
        let failure = Arc::new(Mutex::new(None));
        let mut worker = Worker {
            sequencer,
            inbox,
            next: None,
            options: *options,
        };
        let report = Arc::clone(&failure);
        let thread = thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || {
                match worker.run() {
                    // Everything is durable already; what a failure here leaves undone, the next opening does.
                    Ok(()) => drop(worker.sequencer.close(worker.options.lock_timeout)),
                    // The reason is stored before the worker, and with it every waiting job, is dropped.
                    Err(error) => {
                        *report.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
            })
            .map_err(|error| {
                LedgerError::Database(format!("cannot start the writer thread: {error}"))
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            failure,
        })
    }

    /// Hands records in and waits until they are durable.
    pub fn append(&self, records: Vec<Prepared>) -> Answer {
        let (answer, reply) = sync_channel(1);
        let sent = self.jobs.as_ref().is_some_and(|jobs| {
            jobs.send(Job {
                count: records.len(),
                records,
                answer,
            })
            .is_ok()
        });
        if !sent {
            return Err(self.stopped());
        }
        reply.recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> LedgerError {
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let failure =
            failure.unwrap_or_else(|| LedgerError::Database("the writer thread ended".to_owned()));
        LedgerError::WriterStopped(Box::new(failure))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has already been printed; nothing is left to do for it here.
            let _ = thread.join();
        }
    }
}

struct Worker {
    sequencer: Sequencer,
    inbox: Receiver<Job>,
    /// A job taken from the inbox for which there was no room in the last group.
    next: Option<Job>,
    options: LedgerOptions,
}

impl Worker {
    fn run(&mut self) -> Result<(), LedgerError> {
        while let Some(job) = self.next.take().or_else(|| self.inbox.recv().ok()) {
            let lock = match self.sequencer.begin(self.options.lock_timeout) {
                Ok(lock) => lock,
                Err(error) => {
                    reply(vec![job], &Err(error.clone()));
                    match error {
                        // Somebody else's turn is no reason to stop.
                        LedgerError::Busy(_) => continue,
                        _ => return Err(error),
                    }
                }
            };
            self.commit_groups(job)?;
            drop(lock);
            if self.next.is_some() {
                thread::sleep(OFFER);
            }
        }
        Ok(())
    }

    /// Commits groups while jobs wait, up to the turn's limit, then makes the files durable.
    fn commit_groups(&mut self, first: Job) -> Result<(), LedgerError> {
        self.next = Some(first);
        let mut patience = Duration::ZERO;
        for _ in 0..GROUPS_PER_LOCK {
            let Some(job) = self
                .next
                .take()
                .or_else(|| self.inbox.recv_timeout(patience).ok())
            else {
                break;
            };
            let mut group = self.gather(job, patience);
            let mut records = Vec::new();
            for job in &mut group {
                records.append(&mut job.records);
            }
            let outcome = self.sequencer.commit(&records);
            // Callers that were just answered come back at once; waiting for them makes the next group whole.
            patience = if group.len() > 1 {
                GATHER
            } else {
                Duration::ZERO
            };
            reply(group, &outcome);
            outcome?;
            if self.sequencer.wants_settling()? {
                break;
            }
        }
        self.sequencer.settle()
    }

    fn gather(&mut self, first: Job, patience: Duration) -> Vec<Job> {
        let until = Instant::now() + patience;
        let mut size = first.records.len();
        let mut group = vec![first];
        while size < self.options.max_group {
            match self
                .inbox
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(job) if size + job.records.len() <= self.options.max_group => {
                    size += job.records.len();
                    group.push(job);
                }
                Ok(job) => {
                    self.next = Some(job);
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        group
    }
}

/// Answers every job of a group with its share of the receipts.
fn reply(group: Vec<Job>, outcome: &Answer) {
    let mut done = 0;
    for job in group {
        let share = outcome
            .as_ref()
            .map(|receipts| receipts[done..done + job.count].to_vec())
            .map_err(Clone::clone);
        done += job.count;
        // A caller that no longer waits needs no answer.
        let _ = job.answer.send(share);
    }
}
