//! Servers in threads of this process, and what the tests put behind them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use colophon_server::{Limits, Routes, Server, Stop, witness_routes};
use colophon_tlog::VerifierKey;
use colophon_witness::WitnessFolder;

/// A server that stops when dropped.
pub struct Running {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(routes: Routes, limits: Limits) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), routes, limits)
    }

    pub fn start_at(address: SocketAddr, routes: Routes, limits: Limits) -> Self {
        let server = Server::listen(address).unwrap();
        let (address, stop) = (server.address(), Stop::new());
        let told = stop.clone();
        let thread = std::thread::spawn(move || server.run(routes, limits, &told).unwrap());
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tells it to stop and waits until it has.
    pub fn end(mut self) {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap();
    }

    pub fn stop(&self) {
        self.stop.stop();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A witness's folder that knows a ledger.
pub struct AWitness {
    pub home: tempfile::TempDir,
    pub name: String,
}

impl AWitness {
    pub fn new(name: &str, ledger: &VerifierKey, shards: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let witness = Self {
            home,
            name: name.to_owned(),
        };
        witness.folder().init(name, None).unwrap();
        witness.folder().add_log(ledger, shards).unwrap();
        witness
    }

    pub fn folder(&self) -> WitnessFolder {
        WitnessFolder::new(self.home.path().join("witness"))
    }

    pub fn routes(&self) -> Routes {
        let witness = Arc::new(self.folder().open(None).unwrap());
        witness_routes(witness, Arc::new(|_, _| {}))
    }

    pub fn serve(&self) -> Running {
        Running::start(self.routes(), Limits::default())
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One request over a connection of its own.
pub fn ask(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // A server that answers early may close while we still write.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let split = answer.windows(4).position(|part| part == b"\r\n\r\n");
    let split = split.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&answer)));
    let head = String::from_utf8(answer[..split].to_vec()).unwrap();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: answer[split + 4..].to_vec(),
        head,
    }
}

pub fn get(address: SocketAddr, path: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    ask(address, request.as_bytes())
}

pub fn post(address: SocketAddr, path: &str, body: &[u8]) -> Reply {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    ask(address, &[head.as_bytes(), body].concat())
}
