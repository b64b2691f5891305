//! Processes that issue pictures and are killed in the middle, again and again.
//!
//! What must hold after each round: once somebody has opened the ledger for writing again, fsck finds nothing, and
//! every picture under its final name verifies against a proven record. A record without a picture is harmless.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What came of the rounds.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Processes that were killed before they were done.
    pub killed: u64,
    /// Pictures under their final names, all of them verified.
    pub pictures: u64,
    /// Records in the ledger at the end; at least one a picture.
    pub records: u64,
}

/// Issues with `binary` in `folder`, which holds the picture `original`.
pub struct KillLoop<'a> {
    pub binary: &'a Path,
    pub folder: &'a Path,
    pub original: &'a str,
    /// Processes at once.
    pub processes: u64,
    /// Pictures that each is asked for.
    pub pictures: u64,
    /// Decides when the processes are killed.
    pub seed: u64,
}

impl KillLoop<'_> {
    /// Runs `rounds` rounds; the first thing that is wrong ends it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn run(&self, rounds: u64, mut tell: impl FnMut(u64, &Outcome)) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        let inputs = self.copies()?;
        // The time that nobody disturbs: pictures are stamped by as many processes as later.
        let start = Instant::now();
        let mut children = self.start(&inputs, 0)?;
        for child in &mut children {
            Self::ended_well(child)?;
        }
        let whole = start.elapsed();
        self.check(0, &mut outcome)?;
        for round in 1..=rounds {
            let mut children = self.start(&inputs, round)?;
            for (number, child) in children.iter_mut().enumerate() {
                // One after the other, each at a time of its own; the first may be dead long before the last.
                let share = mixed(self.seed ^ (round << 8) ^ number as u64) % 1_000;
                let until = whole.mul_f64(share as f64 / 1_000.0 * 0.9);
                sleep(until.saturating_sub(start_of(number, until)));
                if child.try_wait().map_err(words)?.is_none() {
                    child.kill().map_err(words)?;
                    outcome.killed += 1;
                }
                child.wait().map_err(words)?;
            }
            self.check(round, &mut outcome)?;
            tell(round, &outcome);
        }
        Ok(outcome)
    }

    /// Copies of the picture, one for each that a process is asked for.
    fn copies(&self) -> Result<Vec<String>, String> {
        (0..self.pictures)
            .map(|number| {
                let name = format!("copy-{number}.png");
                fs::copy(self.folder.join(self.original), self.folder.join(&name))
                    .map_err(words)?;
                Ok(name)
            })
            .collect()
    }

    fn start(&self, inputs: &[String], round: u64) -> Result<Vec<Child>, String> {
        (0..self.processes)
            .map(|number| {
                let out = format!("out-{round}-{number}");
                fs::create_dir_all(self.folder.join(&out)).map_err(words)?;
                let command = ["stamp", "--quiet", "--out-dir", &out];
                self.command(&command).args(inputs).spawn().map_err(words)
            })
            .collect()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command
            .args(arguments)
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .env("COLOPHON_HOME", "home")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn ended_well(child: &mut Child) -> Result<(), String> {
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            // What it said is for the report of a failure only.
            let _ = stderr.read_to_string(&mut said);
        }
        let status = child.wait().map_err(words)?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a process that was left alone: {status}: {said}"))
        }
    }

    /// One picture more, undisturbed, so that the ledger is opened for writing; then everything is looked at.
    fn check(&self, round: u64, outcome: &mut Outcome) -> Result<(), String> {
        let out = format!("out-{round}-after");
        fs::create_dir_all(self.folder.join(&out)).map_err(words)?;
        let more = ["stamp", "--quiet", "--out-dir", &out, self.original];
        Self::ended_well(&mut self.command(&more).spawn().map_err(words)?)
            .map_err(|what| format!("round {round}, stamping again: {what}"))?;
        let fsck = self.output(&["ledger", "fsck", "--json"])?;
        if !fsck.0 {
            return Err(format!("round {round}: fsck: {}", fsck.1));
        }
        outcome.records = number_after(&fsck.1, "\"entries\":").unwrap_or(0);
        let pictures = self.pictures_of(round)?;
        for picture in &pictures {
            let (good, report) = self.output(&["verify", "--json", picture])?;
            if !good || !report.contains("\"proven\":true") {
                return Err(format!("round {round}: {picture} is there, but: {report}"));
            }
        }
        outcome.pictures += pictures.len() as u64;
        if outcome.records < outcome.pictures {
            return Err(format!(
                "round {round}: fewer records than pictures: {outcome:?}"
            ));
        }
        Ok(())
    }

    /// Whether a command ended well, and its output.
    fn output(&self, arguments: &[&str]) -> Result<(bool, String), String> {
        let output = self
            .command(arguments)
            .stdout(Stdio::piped())
            .output()
            .map_err(words)?;
        let said = [output.stdout, output.stderr].concat();
        Ok((
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        ))
    }

    /// Pictures of a round under their final names; a killed process may leave files under temporary ones.
    fn pictures_of(&self, round: u64) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let starts = format!("out-{round}-");
        for folder in fs::read_dir(self.folder).map_err(words)? {
            let folder = folder.map_err(words)?.path();
            if !name(&folder).starts_with(&starts) {
                continue;
            }
            for file in fs::read_dir(&folder).map_err(words)? {
                let file = file.map_err(words)?.path();
                if !name(&file).starts_with('.') && file.extension().is_some_and(|e| e == "png") {
                    found.push(format!("{}/{}", name(&folder), name(&file)));
                }
            }
        }
        Ok(found)
    }
}

/// The moments of several processes follow each other; each waits from the one before.
fn start_of(number: usize, until: Duration) -> Duration {
    if number == 0 {
        Duration::ZERO
    } else {
        until / 2
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn words(error: std::io::Error) -> String {
    error.to_string()
}

/// The number that follows `key` in a line of JSON.
fn number_after(json: &str, key: &str) -> Option<u64> {
    let rest = json.split_once(key)?.1.trim_start();
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

fn mixed(number: u64) -> u64 {
    let z = number
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
