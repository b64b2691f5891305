//! A Python script that answers requests, a line of JSON each.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A script at work; it is stopped when this is dropped.
pub struct Script {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What came of the start of a script.
pub enum Start {
    /// It waits for requests.
    Ready(Script),
    /// Something that it needs is not there, and what.
    Missing(String),
}

impl Script {
    /// Runs the text of a script with one argument until it greets.
    pub fn start(text: &str, argument: impl AsRef<OsStr>) -> Result<Start> {
        let spawned = Command::new("python3")
            .args(["-c", text])
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => return Ok(Start::Missing(format!("python3 does not start: {error}"))),
        };
        let requests = child.stdin.take().context("no pipe to the script")?;
        let answers = child.stdout.take().context("no pipe from the script")?;
        let mut script = Self {
            child,
            requests,
            answers: BufReader::new(answers),
        };
        let greeting = script.answer()?;
        Ok(match greeting["missing"].as_str() {
            Some(reason) => Start::Missing(reason.into()),
            None => Start::Ready(script),
        })
    }

    /// The answer to one request.
    pub fn ask(&mut self, request: &Value) -> Result<Value> {
        writeln!(self.requests, "{request}")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the script ended: {}", self.child.wait()?);
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
