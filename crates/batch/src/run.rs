//! A run: inputs in, rows out, in the same order.

mod tell;
mod work;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use colophon_imaging::{ImagingError, Limits};
use colophon_provenance::Report;

use crate::alike::Firsts;
use crate::journal::{Finished, Journal};
use crate::output::Outputs;
use crate::{BatchError, Inputs, Summary};
use tell::Teller;
use work::{Crew, Feed};

/// What checks pictures; used from many threads at once.
pub trait Checker: Sync {
    /// Bounds on what is read.
    fn limits(&self) -> &Limits;
    /// Checks one picture. May panic: that is then told by [`Self::failed`].
    fn check(&self, bytes: &[u8], name: &str) -> Report;
    /// The report on a picture that was not checked. Must not panic.
    fn failed(&self, trouble: Trouble, name: &str) -> Report;
    /// Whether nothing can be checked any more, whatever the picture. What was answered last counts for nothing
    /// then; [`Options::stop`] must say so too.
    fn has_ended(&self) -> bool {
        false
    }
}

/// Why a picture was not checked.
#[derive(Debug)]
pub enum Trouble {
    /// The file could not be read.
    Unreadable(ImagingError),
    /// The check ended without an answer.
    GaveUp,
}

/// How a run is done.
pub struct Options<'a> {
    /// Pictures checked at once, at least one.
    pub jobs: usize,
    /// Whether files of folders and patterns are checked too that are no pictures.
    pub other_files: bool,
    /// Whether the part file of a stopped run is taken up, if there is one.
    pub resume: bool,
    /// Whether outputs that exist are replaced and a part file is given up.
    pub overwrite: bool,
    /// Everything on which a report depends besides the file. A part file with other settings is not taken up.
    pub settings: String,
    /// Whether to stop; asked before each picture. Those in hand are finished.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Checks everything and writes the outputs.
///
/// Pictures are checked in parallel and told in the order of the inputs. Equal bytes are checked once. Besides the
/// pictures in hand some 250 bytes are held for each file, whatever its size. Every finished picture is at once in the
/// part file ([`Outputs::part`]); the outputs are written from it at the end, and it is removed. `seen` is called after
/// each file.
///
/// # Errors
/// [`BatchError`]: what is wrong with the arguments, the outputs or the disk; never with a picture.
pub fn run(
    inputs: &Inputs,
    checker: &impl Checker,
    outputs: &Outputs,
    options: &Options<'_>,
    mut seen: impl FnMut(&Summary),
) -> Result<Summary, BatchError> {
    let start = Instant::now();
    let (journal, finished) = journal(outputs, options)?;
    let firsts = Firsts::default();
    let mut teller = Teller::new(journal, outputs.stream(), checker, &firsts)?;
    let feed = Feed::new(inputs.items(), options.stop);
    let crew = Crew {
        checker,
        feed: &feed,
        firsts: &firsts,
        finished: &finished,
        other_files: options.other_files,
        keep_reports: teller.keeps_reports(),
    };
    let (sender, answers) = mpsc::channel();
    let told = thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            let (sender, crew) = (sender.clone(), &crew);
            scope.spawn(move || crew.work(&sender));
        }
        drop(sender);
        // Answers that came before those in front of them.
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (place, answer) in answers {
            waiting.insert(place, answer);
            while let Some(answer) = waiting.remove(&next) {
                if let Err(error) = teller.tell(next, answer) {
                    feed.close();
                    return Err(error);
                }
                next += 1;
                feed.told(next);
                teller.summary.elapsed = start.elapsed();
                seen(&teller.summary);
            }
        }
        Ok(())
    });
    told?;
    let stopped = feed.was_stopped();
    let mut summary = teller.finish(outputs, stopped)?;
    summary.stopped = stopped;
    summary.elapsed = start.elapsed();
    Ok(summary)
}

fn journal(outputs: &Outputs, options: &Options<'_>) -> Result<(Journal, Finished), BatchError> {
    let reports = outputs.need_reports();
    let part = outputs.part();
    let resumed = part.as_ref().filter(|part| options.resume && part.exists());
    // A run that was killed while it wrote its outputs has left some.
    outputs.check(options.overwrite || resumed.is_some())?;
    match (part.as_ref(), resumed) {
        (None, _) => Ok((
            Journal::nameless(&options.settings, reports)?,
            Finished::new(),
        )),
        (_, Some(part)) => Journal::resume(part, &options.settings, reports),
        (Some(part), None) => {
            let journal = Journal::create(part, &options.settings, reports, options.overwrite)?;
            Ok((journal, Finished::new()))
        }
    }
}
