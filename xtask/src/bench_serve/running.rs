//! The service as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::client::Client;

/// Longest that starting and stopping may take.
const WAIT: Duration = Duration::from_mins(1);

/// A service that runs; killed when dropped.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    /// Key of the owner, where the service has drawn one.
    pub key: Option<String>,
}

impl Running {
    /// Starts the binary over a home and waits until it is ready.
    pub fn start(binary: &Path, home: &Path, settings: &[&str]) -> Result<Self> {
        let mut child = Command::new(binary)
            .arg("--home")
            .arg(home)
            .args(["serve", "--listen", "127.0.0.1:0", "--access-log", "off"])
            // The limits of one caller would be met long before those of the machine.
            .args(["--public-requests", "0", "--public-pictures", "0"])
            .args([
                "--public-bytes",
                "0",
                "--key-requests",
                "0",
                "--key-pictures",
                "0",
            ])
            .args(settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the binary could not be started")?;
        let out = child.stdout.take().context("a pipe was asked for")?;
        let mut running = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: None,
        };
        let mut lines = BufReader::new(out).lines();
        let line = loop {
            let line = lines.next().context("it ended before it listened")??;
            if line.contains("http://") {
                break line;
            }
        };
        let place = line.split("http://").nth(1).unwrap_or_default();
        let address = place.split(['/', ' ', '#']).next().unwrap_or_default();
        running.address = address.parse().context("no address was told")?;
        // A home without API keys has its service draw one for the owner.
        let owner = lines.next().context("it ended before it told its key")??;
        running.key = owner.split("#key=").nth(1).map(str::to_owned);
        // What it says later is read and thrown away.
        std::thread::spawn(move || lines.for_each(drop));
        let begun = Instant::now();
        let mut client = Client::new(running.address);
        while client.get("/readyz", "").map(|answer| answer.status).ok() != Some(200) {
            ensure!(begun.elapsed() < WAIT, "it does not become ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }

    /// Lines for the head of a request that needs a key.
    pub fn authorized(&self) -> String {
        self.key
            .as_ref()
            .map(|key| format!("Authorization: Bearer {key}\r\n"))
            .unwrap_or_default()
    }

    /// Memory of the service and its children, KiB.
    pub fn memory(&self) -> Result<u64> {
        let own = self.child.id();
        let mut sum = resident(own)?;
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if parent(id) == Some(own) {
                sum += resident(id).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    /// Tells it to stop, and waits until it has; the time that took.
    pub fn stop(mut self) -> Result<Duration> {
        let begun = Instant::now();
        let id = self.child.id().to_string();
        ensure!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()?
                .success()
        );
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.code() == Some(0), "it ended with {status}");
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > WAIT {
                bail!("it does not stop");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resident(id: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no memory is told")?.parse()?)
}

fn parent(id: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}
