//! `verify` over folders, patterns and lists, into tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use colophon_batch::{
    Checker, Inputs, Item, Options, Outputs, Summary, Target, Trouble, run as run_all,
};
use colophon_imaging::{ImagingError, Limits};
use colophon_ledger::Decisions;
use colophon_provenance::{Report, ReportError};
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use super::audit::log_check;
use super::{Context, is_stdin, verify};
use crate::args::{Bulk, Targets, Verify};
use crate::checker::{Confined, Setup, Wants};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs::MOST_WORKERS;
use crate::text::{clean, counted, hex};

/// Confined children, and what ended the run when they cannot be had any more.
struct Children {
    confined: Confined,
    wants: Wants,
    /// What a report looks like when nothing more can be asked.
    blank: Report,
    fatal: OnceLock<Failure>,
    /// Where checks are noted, if they are.
    decisions: Option<Decisions>,
}

impl Children {
    fn or_fatal(&self, report: Result<Report, Failure>, name: &str) -> Report {
        report.unwrap_or_else(|failure| {
            // Only the first matters.
            let _ = self.fatal.set(failure);
            let mut report = self.blank.clone();
            name.clone_into(&mut report.file);
            report
        })
    }
}

impl Checker for Children {
    fn limits(&self) -> &Limits {
        self.confined.limits()
    }

    fn has_ended(&self) -> bool {
        self.fatal.get().is_some()
    }

    fn check(&self, bytes: &[u8], name: &str) -> Report {
        let checked = self.confined.check(name.to_owned(), bytes, self.wants);
        let noted = checked.and_then(|checked| {
            if let Some(decisions) = &self.decisions {
                log_check(decisions, &checked.report)?;
            }
            Ok(checked.report)
        });
        self.or_fatal(noted, name)
    }

    fn failed(&self, trouble: Trouble, name: &str) -> Report {
        let error = match trouble {
            Trouble::Unreadable(error) => ReportError::from(&error),
            Trouble::GaveUp => ReportError::new(
                "crashed",
                "the check broke off on this file; check it alone, and report it if it breaks off again"
                    .to_owned(),
            ),
        };
        let report = self.confined.unchecked(name.to_owned(), error, self.wants);
        self.or_fatal(report, name)
    }
}

/// Runs `verify` with outputs.
pub fn run(context: &Context<'_>, options: &Verify) -> Result<Exit, Failure> {
    let bulk = &options.bulk;
    let confined = Confined::new(context, Setup::of(options), jobs(bulk))?;
    let wants = Wants::of(options);
    let never_read = ReportError::from(&ImagingError::Empty);
    let checker = Children {
        blank: confined.unchecked(String::new(), never_read, wants)?,
        confined,
        wants,
        fatal: OnceLock::new(),
        decisions: verify::decisions(context, options)?,
    };
    let inputs = Inputs::new(&options.files)?;
    let outputs = Outputs {
        jsonl: bulk.targets.jsonl.as_deref().map(target),
        csv: bulk.targets.csv.as_deref().map(target),
        parquet: bulk.targets.parquet.as_deref().map(target),
    };
    // Held to the end: Ctrl-C lets the pictures in hand finish and be noted.
    let _writing = context.interrupt.writing();
    let run_options = Options {
        jobs: checker.confined.children(),
        other_files: bulk.other_files,
        resume: bulk.resume,
        overwrite: bulk.overwrite,
        settings: settings(options, &checker)?,
        stop: &|| context.interrupt.is_stopping() || checker.has_ended(),
    };
    let streams = is_streamed(&bulk.targets);
    let bar = if streams {
        ProgressBar::hidden()
    } else {
        context.printer.many_files()
    };
    let summary = thread::scope(|scope| {
        if !bar.is_hidden() && inputs.can_be_counted() {
            scope.spawn(|| count(&inputs, &bar, &|| context.interrupt.is_stopping()));
        }
        let mut pace = Pace::default();
        let summary = run_all(&inputs, &checker, &outputs, &run_options, |seen| {
            bar.set_position(seen.rows + seen.skipped);
            bar.set_message(pace.told(seen, bar.length()));
        });
        bar.finish_and_clear();
        summary
    })?;
    if let Some(failure) = checker.fatal.into_inner() {
        return Err(failure);
    }
    let told = told(&summary, outputs.part().as_deref());
    if streams {
        for line in &told {
            context.printer.note(line);
        }
    } else {
        context.printer.say(&told.join("\n"))?;
    }
    Ok(Exit::of_code(summary.exit_code()))
}

fn target(path: &Path) -> Target {
    if is_stdin(path) {
        Target::Stream
    } else {
        Target::File(path.to_path_buf())
    }
}

/// Whether standard output holds rows, so that nothing else may stand there.
fn is_streamed(targets: &Targets) -> bool {
    let outputs = [&targets.jsonl, &targets.csv, &targets.parquet];
    outputs.into_iter().flatten().any(|path| is_stdin(path))
}

fn jobs(bulk: &Bulk) -> usize {
    bulk.jobs.map_or_else(
        || {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            cores.min(MOST_WORKERS)
        },
        usize::from,
    )
}

/// What a report depends on besides the file.
fn settings(options: &Verify, checker: &Children) -> Result<String, Failure> {
    let tool = &checker.blank.tool;
    let tool = serde_json::to_value(tool).map_err(|error| Failure::Output(error.into()))?;
    let anchor = |path: &PathBuf| {
        let pem = fs::read(path).map_err(Failure::file("read the trust anchor", path))?;
        Ok(hex(&Sha256::digest(pem)))
    };
    let anchors = options.trust_anchor.iter().map(anchor);
    let anchors = anchors.collect::<Result<Vec<String>, Failure>>()?;
    let settings = serde_json::json!({ "tool": tool, "full": options.full, "anchors": anchors });
    Ok(settings.to_string())
}

/// Counts the inputs for the bar; a list that grows meanwhile makes the bar a little wrong, no more.
fn count(inputs: &Inputs, bar: &ProgressBar, stop: &dyn Fn() -> bool) {
    let files = inputs.items().take_while(|_| !stop() && !bar.is_finished());
    bar.set_length(files.map(|_: Item| 1).sum());
}

/// How fast it goes, over the last seconds rather than the whole run, so that rows of an earlier run do not count.
#[derive(Default)]
struct Pace {
    /// When this stretch began, and how many files were seen by then.
    since: Option<(Instant, u64)>,
    rate: f64,
}

impl Pace {
    const STRETCH: Duration = Duration::from_secs(5);

    fn told(&mut self, seen: &Summary, length: Option<u64>) -> String {
        let checked = seen.rows - seen.resumed;
        let (start, before) = *self.since.get_or_insert((Instant::now(), checked));
        let elapsed = start.elapsed();
        if elapsed > Self::STRETCH || self.rate == 0.0 {
            self.rate = (checked - before) as f64 / elapsed.as_secs_f64().max(1e-3);
        }
        if elapsed > Self::STRETCH {
            self.since = Some((Instant::now(), checked));
        }
        let left = length
            .map(|length| length.saturating_sub(seen.rows + seen.skipped) as f64 / self.rate)
            .filter(|seconds| seconds.is_finite());
        match left {
            Some(left) => format!("{:.0}/s, {} left", self.rate, duration(left)),
            None => format!("{:.0}/s", self.rate),
        }
    }
}

fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The run in a few lines.
fn told(summary: &Summary, part: Option<&Path>) -> Vec<String> {
    let mut lines = vec![format!(
        "{} in {}, {:.1} a second",
        counted(summary.rows as usize, "picture"),
        duration(summary.elapsed.as_secs_f64()),
        summary.rate()
    )];
    let mut counts = |label: &str, counts: &BTreeMap<String, u64>| {
        if !counts.is_empty() {
            let each: Vec<String> = counts
                .iter()
                .map(|(code, count)| format!("{code} {count}"))
                .collect();
            lines.push(format!("  {label:<12}{}", each.join(", ")));
        }
    };
    counts("outcomes", &summary.outcomes);
    counts("actions", &summary.actions);
    counts("traces", &summary.traces);
    counts("errors", &summary.errors);
    if summary.duplicates > 0 {
        lines.push(format!("  {:<12}{}", "duplicates", summary.duplicates));
    }
    if summary.groups() > 0 {
        lines.push(format!(
            "  {:<12}{} of pictures that look alike",
            "groups",
            summary.groups()
        ));
    }
    if summary.resumed > 0 {
        lines.push(format!(
            "  {:<12}{} were finished before",
            "resumed", summary.resumed
        ));
    }
    if summary.skipped > 0 {
        lines.push(format!(
            "  {:<12}{} that are no pictures; --other-files checks them",
            "passed over", summary.skipped
        ));
    }
    if let Some(part) = part.filter(|_| summary.stopped) {
        lines.push(format!(
            "stopped; {} holds what is done, and --resume goes on from there",
            clean(&part.display().to_string())
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_read_them() {
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(61.0), "1 min 1 s");
        assert_eq!(duration(7265.0), "2 h 1 min");
    }
}
