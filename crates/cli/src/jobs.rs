//! Work over many files: in parallel, answered in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::commands::Context;
use crate::failure::Failure;

/// Most files worked on at once: a large picture takes up to a gigabyte while it is in hand.
pub const MOST_WORKERS: usize = 8;

/// Runs `work` on every item and hands the answers to `tell` in the order of the items, each as
/// soon as it and all before it are there. A progress bar runs meanwhile. After Ctrl-C no more
/// work is begun.
///
/// # Errors
/// The first error of `tell`; work not begun by then is not begun.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    context: &Context<'_>,
    work: impl Fn(&T) -> R + Sync,
    mut tell: impl FnMut(R) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MOST_WORKERS)
        .min(items.len());
    let next = AtomicUsize::new(0);
    let (sender, answers) = mpsc::channel();
    let bar = context.printer.progress(items.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next, work) = (sender.clone(), &next, &work);
            let interrupt = context.interrupt;
            scope.spawn(move || {
                while let Some((at, item)) = take(items, next).filter(|_| !interrupt.is_stopping())
                {
                    if sender.send((at, work(item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut told = 0;
        for (at, answer) in answers {
            bar.inc(1);
            waiting.insert(at, answer);
            while let Some(answer) = waiting.remove(&told) {
                told += 1;
                if let Err(failure) = bar.suspend(|| tell(answer)) {
                    next.store(items.len(), Ordering::Relaxed);
                    bar.finish_and_clear();
                    return Err(failure);
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    })
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}
