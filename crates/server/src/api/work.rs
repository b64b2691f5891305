//! Work that takes a processor: so much at once, so much waiting, the rest is told to come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::problem::{Problem, ProblemKind};

/// As long as somebody asked within so long, one place is left to those who ask.
const LIVELY: Duration = Duration::from_secs(10);

/// A bounded number of threads with a bounded queue before them.
#[derive(Debug)]
pub struct Work {
    places: Arc<Semaphore>,
    at_once: usize,
    queue: usize,
    waiting: AtomicUsize,
    /// When somebody last asked for a place who waits for the answer.
    asked: Mutex<Option<Instant>>,
    spared: Mutex<()>,
    freed: Arc<Notify>,
}

/// A place at work; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit.take();
        self.freed.notify_waiters();
    }
}

impl Work {
    /// So many pieces of work at once, and so many more that wait. At least one at once.
    pub fn new(at_once: usize, queue: usize) -> Self {
        let at_once = at_once.max(1);
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            at_once,
            queue,
            waiting: AtomicUsize::new(0),
            asked: Mutex::new(None),
            spared: Mutex::new(()),
            freed: Arc::new(Notify::new()),
        }
    }

    /// Most pieces of work at once.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// How many run and how many wait.
    pub fn load(&self) -> (usize, usize) {
        let running = self.at_once.saturating_sub(self.places.available_permits());
        (running, self.waiting.load(Ordering::Relaxed))
    }

    /// Whether one more piece of work would be turned away now.
    pub fn is_full(&self) -> bool {
        let (running, waiting) = self.load();
        running >= self.at_once && waiting >= self.queue
    }

    /// Does a piece of work on a thread of its own. Whoever stops waiting gives up the place in the queue; work that has
    /// begun is finished.
    ///
    /// # Errors
    /// [`ProblemKind::Overloaded`] when the queue is full; [`ProblemKind::Internal`] when the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let place = self.place(permit);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(place);
            result
        });
        done.await.map_err(|_| Problem::new(ProblemKind::Internal))
    }

    /// A place for work that nobody waits for: only when nobody who does is in the queue, and of several places not the
    /// last while such requests come.
    pub(crate) async fn spare(&self) -> Place {
        loop {
            let freed = self.freed.notified();
            let mut freed = std::pin::pin!(freed);
            // From here on no place is freed unnoticed.
            freed.as_mut().enable();
            if let Some(permit) = self.try_spare(self.left_free()) {
                return self.place(permit);
            }
            // A place that is left free becomes usable by time alone.
            let _ = tokio::time::timeout(LIVELY / 10, freed).await;
        }
    }

    /// How many places are left to those who wait for an answer.
    fn left_free(&self) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let lively = asked.is_some_and(|asked| asked.elapsed() < LIVELY);
        usize::from(lively && self.at_once > 1)
    }

    fn try_spare(&self, left_free: usize) -> Option<OwnedSemaphorePermit> {
        // One after the other, so that two do not both take what only one may.
        let _one = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        if self.places.available_permits() <= left_free {
            return None;
        }
        // Places that are freed go to those in the queue first, so that one to be had means that the queue is empty.
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        Place {
            permit: Some(permit),
            freed: Arc::clone(&self.freed),
        }
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = || Problem::new(ProblemKind::Overloaded).retry_after(2);
        let waiting = Waiting::enter(&self.waiting, self.queue).ok_or_else(full)?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        drop(waiting);
        // The semaphore is never closed.
        place.map_err(|_| full())
    }
}

/// A place in the queue; given back when dropped, so also when the caller has gone.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let more = |now: usize| (now < most).then_some(now + 1);
        waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn what_neither_runs_nor_waits_is_told_to_come_back() {
        runtime().block_on(async {
            let work = Arc::new(Work::new(1, 1));
            let (go, gate) = mpsc::channel::<()>();
            let first = {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.run(move || gate.recv().is_ok()).await })
            };
            while work.load().0 == 0 {
                tokio::task::yield_now().await;
            }
            let second = {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.run(|| 2).await })
            };
            while work.load().1 == 0 {
                tokio::task::yield_now().await;
            }
            let third = work.run(|| 3).await.unwrap_err();
            assert_eq!(third.kind(), ProblemKind::Overloaded);
            go.send(()).unwrap();
            assert!(first.await.unwrap().unwrap());
            assert_eq!(second.await.unwrap().unwrap(), 2);
            assert_eq!(work.run(|| 4).await.unwrap(), 4, "there is room again");
        });
    }

    #[test]
    fn whoever_stops_waiting_leaves_the_queue() {
        runtime().block_on(async {
            let work = Arc::new(Work::new(1, 1));
            let (go, gate) = mpsc::channel::<()>();
            let first = {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.run(move || gate.recv().is_ok()).await })
            };
            while work.load().0 == 0 {
                tokio::task::yield_now().await;
            }
            let second = {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.run(|| 2).await })
            };
            while work.load().1 == 0 {
                tokio::task::yield_now().await;
            }
            second.abort();
            let _ = second.await;
            assert_eq!(work.load().1, 0);
            go.send(()).unwrap();
            assert!(first.await.unwrap().unwrap());
        });
    }

    #[test]
    fn spare_places_are_those_that_nobody_waits_for() {
        runtime().block_on(async {
            let work = Arc::new(Work::new(2, 4));
            let first = work.spare().await;
            let second = work.spare().await;
            let asked = {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.run(|| ()).await })
            };
            while work.load().1 == 0 {
                tokio::task::yield_now().await;
            }
            let third = {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.spare().await })
            };
            drop(first);
            asked.await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(
                !third.is_finished(),
                "the place is left to the next who asks"
            );
            drop(second);
            drop(third.await.unwrap());
        });
    }

    #[test]
    fn work_that_panics_is_told_as_such_and_gives_its_place_back() {
        runtime().block_on(async {
            let work = Work::new(1, 0);
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| {}));
            let failed = work.run(|| -> u8 { panic!("on purpose") }).await;
            std::panic::set_hook(hook);
            assert_eq!(failed.unwrap_err().kind(), ProblemKind::Internal);
            assert_eq!(work.run(|| 1).await.unwrap(), 1);
        });
    }

    /// What a rule costs those who wait and those who do not: the figures of decision 0028.
    #[test]
    #[ignore = "takes a minute and proves nothing; prints what the decision tells"]
    fn figures() {
        const PICTURE: Duration = Duration::from_millis(100);
        let sleep = || std::thread::sleep(PICTURE);
        for at_once in [2, 8] {
            for rule in ["one queue", "yield", "yield, one left free"] {
                runtime().block_on(async {
                    let work = Arc::new(Work::new(at_once, 1000));
                    let done = Arc::new(AtomicUsize::new(0));
                    for _ in 0..at_once {
                        let (work, done) = (Arc::clone(&work), Arc::clone(&done));
                        tokio::spawn(async move {
                            loop {
                                if rule == "one queue" {
                                    work.run(sleep).await.unwrap();
                                } else {
                                    let free = usize::from(rule != "yield");
                                    let place = loop {
                                        let left = work.left_free() * free;
                                        match work.try_spare(left) {
                                            Some(permit) => break work.place(permit),
                                            None => {
                                                tokio::time::sleep(Duration::from_millis(1)).await;
                                            }
                                        }
                                    };
                                    let slept = tokio::task::spawn_blocking(move || {
                                        sleep();
                                        drop(place);
                                    });
                                    slept.await.unwrap();
                                }
                                done.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    }
                    let begun = Instant::now();
                    let mut waits = Vec::new();
                    while begun.elapsed() < Duration::from_secs(10) {
                        tokio::time::sleep(Duration::from_millis(230)).await;
                        let asked = Instant::now();
                        work.run(sleep).await.unwrap();
                        waits.push(asked.elapsed().saturating_sub(PICTURE).as_millis());
                    }
                    waits.sort_unstable();
                    eprintln!(
                        "{at_once} places, {rule}: waits p50 {} ms, p95 {} ms; jobs {:.1} pictures a second",
                        waits[waits.len() / 2],
                        waits[waits.len() * 95 / 100],
                        done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
                    );
                });
            }
        }
    }
}
