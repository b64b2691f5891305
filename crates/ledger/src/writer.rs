//! The writer thread: gathers waiting records into groups and commits them together.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use colophon_tlog::{Hash, LeafIndex, TreeSize};

use crate::erase::{ErasureOutcome, Order};
use crate::error::LedgerError;
use crate::ledger::LedgerOptions;
use crate::record::Prepared;
use crate::sequencer::Sequencer;
use crate::shards::{RecordId, ShardName};

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
    /// The shard that holds it.
    pub shard: ShardName,
    /// Its index in the shard.
    pub index: LeafIndex,
    /// Hash of its leaf.
    pub leaf_hash: Hash,
    /// Size of the first signed tree that covers it.
    pub tree_size: TreeSize,
}

impl Receipt {
    /// The place that is always the same.
    pub fn id(&self) -> RecordId {
        RecordId {
            shard: self.shard,
            index: self.index,
        }
    }
}

/// What the writer is asked to do.
pub(crate) enum Task {
    /// Enter records, all of them or none.
    Append(Vec<Prepared>),
    /// Enter this if nothing was entered before.
    First(Prepared),
    /// Enter this as the last entry, if that has not been done.
    Seal(Prepared),
    /// Publish what is durable and not yet published.
    Publish,
    /// Erase parts of records and enter the redactions.
    Erase(Order),
}

/// What came of a task.
pub(crate) struct Answer {
    pub outcome: Outcome,
    /// Records that were not looked at, because the shard is sealed.
    pub unused: Vec<Prepared>,
    /// What an erasure did.
    pub erasure: Option<ErasureOutcome>,
}

type Outcome = Result<Vec<Receipt>, LedgerError>;

/// A task, and where the answer goes.
struct Job {
    task: Task,
    answer: SyncSender<Answer>,
}

impl Job {
    /// How many records it brings to a group; `None` for a task that stands alone.
    fn records(&self) -> Option<usize> {
        match &self.task {
            Task::Append(records) => Some(records.len()),
            _ => None,
        }
    }

    fn reply(self, outcome: Outcome, erasure: Option<ErasureOutcome>) {
        // A caller that no longer waits needs no answer.
        let _ = self.answer.send(Answer {
            outcome,
            unused: Vec::new(),
            erasure,
        });
    }
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
            options: options.clone(),
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

    /// Does a task and waits for it. The error of one whose records were not looked at, because the shard is sealed,
    /// is [`LedgerError::Sealed`], and the records come back.
    pub fn run(&self, task: Task) -> Answer {
        let (answer, reply) = sync_channel(1);
        let job = Job { task, answer };
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        let answer = if sent { reply.recv().ok() } else { None };
        answer.unwrap_or_else(|| Answer {
            outcome: Err(self.stopped()),
            unused: Vec::new(),
            erasure: None,
        })
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
                    job.reply(Err(error.clone()), None);
                    match error {
                        // Somebody else's turn is no reason to stop.
                        LedgerError::Busy(_) => continue,
                        _ => return Err(error),
                    }
                }
            };
            self.take_turn(job)?;
            drop(lock);
            if self.next.is_some() {
                thread::sleep(OFFER);
            }
        }
        Ok(())
    }

    /// Works while jobs wait, up to the turn's limit, then makes the files durable.
    fn take_turn(&mut self, first: Job) -> Result<(), LedgerError> {
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
            patience = match job.records() {
                Some(records) => self.append(job, records, patience)?,
                None => self.single(job)?,
            };
            if self.sequencer.wants_settling()? {
                break;
            }
        }
        self.sequencer.settle()
    }

    /// Commits a group that starts with `first`; returns how long to wait for the next one.
    fn append(
        &mut self,
        first: Job,
        size: usize,
        patience: Duration,
    ) -> Result<Duration, LedgerError> {
        if self.sequencer.is_sealed() {
            give_back(first);
            return Ok(Duration::ZERO);
        }
        let group = self.gather(first, size, patience);
        let mut records = Vec::new();
        let mut callers = Vec::new();
        for job in group {
            if let Task::Append(mut brought) = job.task {
                callers.push((brought.len(), job.answer));
                records.append(&mut brought);
            }
        }
        let outcome = self.sequencer.commit(&records);
        let many = callers.len() > 1;
        reply(callers, &outcome);
        carry_on(outcome)?;
        // Callers that were just answered come back at once; waiting for them makes the next group whole.
        Ok(if many { GATHER } else { Duration::ZERO })
    }

    fn single(&mut self, job: Job) -> Result<Duration, LedgerError> {
        let sequencer = &mut self.sequencer;
        let mut erasure = None;
        let outcome = match &job.task {
            Task::First(event) if sequencer.size() == 0 => {
                sequencer.commit(std::slice::from_ref(event))
            }
            Task::Seal(event) => {
                let sealed = if sequencer.is_sealed() {
                    sequencer.publish_waiting().map(|()| Vec::new())
                } else {
                    sequencer.commit(std::slice::from_ref(event))
                };
                // Once the list says that it is sealed, nobody opens the shard for writing, and with that finishes
                // what a crash interrupted: its files are to be durable before.
                sealed.and_then(|receipts| sequencer.finish().map(|()| receipts))
            }
            Task::Erase(_) if sequencer.is_sealed() => {
                job.reply(Err(LedgerError::Sealed), None);
                return Ok(Duration::ZERO);
            }
            Task::Erase(order) => {
                let plan = match sequencer.plan_erasure(order) {
                    Ok(plan) => plan,
                    // Refused before anything was written: no reason to stop.
                    Err(refused) => {
                        job.reply(Err(refused), None);
                        return Ok(Duration::ZERO);
                    }
                };
                sequencer.erase(plan).map(|outcome| {
                    erasure = Some(outcome);
                    Vec::new()
                })
            }
            _ => sequencer.publish_waiting().map(|()| Vec::new()),
        };
        job.reply(outcome.clone(), erasure);
        carry_on(outcome)?;
        Ok(Duration::ZERO)
    }

    fn gather(&mut self, first: Job, mut size: usize, patience: Duration) -> Vec<Job> {
        let until = Instant::now() + patience;
        let mut group = vec![first];
        while size < self.options.max_group {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(job) = self.inbox.recv_timeout(left) else {
                break;
            };
            match job.records() {
                Some(records) if size + records <= self.options.max_group => {
                    size += records;
                    group.push(job);
                }
                _ => {
                    self.next = Some(job);
                    break;
                }
            }
        }
        group
    }
}

/// Whether the writer can go on: it can when records are durable and only their publication waits for witnesses.
fn carry_on(outcome: Outcome) -> Result<(), LedgerError> {
    match outcome {
        Ok(_) | Err(LedgerError::NoQuorum(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Hands the records of a job back, because the shard is sealed.
fn give_back(job: Job) {
    let Job { task, answer } = job;
    let unused = match task {
        Task::Append(records) => records,
        _ => Vec::new(),
    };
    // A caller that no longer waits needs no answer.
    let _ = answer.send(Answer {
        outcome: Err(LedgerError::Sealed),
        unused,
        erasure: None,
    });
}

/// Answers every caller of a group with its share of the receipts.
fn reply(callers: Vec<(usize, SyncSender<Answer>)>, outcome: &Outcome) {
    let mut done = 0;
    for (count, answer) in callers {
        let share = outcome
            .as_ref()
            .map(|receipts| receipts[done..done + count].to_vec())
            .map_err(Clone::clone);
        done += count;
        // A caller that no longer waits needs no answer.
        let _ = answer.send(Answer {
            outcome: share,
            unused: Vec::new(),
            erasure: None,
        });
    }
}
