//! An images server for tests: `POST /v1/images/generations` and `GET /v1/models` as the OpenAI API
//! describes them, on 127.0.0.1 and a port of the system's choice. `crates/gateway/tests` prove it
//! conforming with the official Python client.
//!
//! Include it by `#[path = "../support/images_server.rs"] mod images_server;`; it needs `serde_json`
//! and `base64` and nothing else. By itself it does what a good server does:
//!
//! ```ignore
//! let server = ImagesServer::start();
//! let answer = ask(&server.url());                 // http://127.0.0.1:PORT
//! assert_eq!(server.requests().len(), 1);          // what was asked, headers and JSON
//! ```
//!
//! Misbehaviour is queued, one [`Reaction`] a request, and the next requests meet it:
//!
//! ```ignore
//! server.next(Reaction::error(429, "slow down", "rate_limit_exceeded").header("Retry-After", "1"));
//! server.next(Reaction::HangUp);
//! ```
//!
//! Pictures are PNG files of the size asked for, of smooth waves that differ by prompt, seed and
//! number; [`ImagesServer::paint`] takes another painter. Addresses of pictures lead to
//! `/files/NUMBER.png`; [`ImagesServer::serve`] puts a reaction at any other path.
#![allow(
    dead_code,
    reason = "each test program that includes this file uses a part of it"
)]

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Makes the file of picture `number` (from 0) for a request, of this width and height.
pub type Painter = dyn Fn(&Value, usize, u32, u32) -> Vec<u8> + Send + Sync;

/// Changes the answer of a good server.
pub type Change = dyn Fn(&mut Value) + Send + Sync;

/// What a request meets.
#[derive(Clone)]
pub enum Reaction {
    /// Pictures as asked for.
    Conform,
    /// The good answer, changed.
    Changed(Arc<Change>),
    /// The good answer in pieces of this many bytes with pauses between them.
    Drip(usize, Duration),
    /// The good answer, cut off after this many bytes of its body.
    CutOff(usize),
    /// This answer, whatever was asked.
    Answer {
        /// HTTP status.
        status: u16,
        /// Beside `Content-Length` and `Connection`.
        headers: Vec<(String, String)>,
        /// The body as it is.
        body: Vec<u8>,
    },
    /// A head of status 200 with these header lines, then these bytes again and again.
    Endless(&'static str, &'static [u8]),
    /// These bytes in place of HTTP.
    Raw(Vec<u8>),
    /// The connection is closed without a word.
    HangUp,
    /// Nothing, until the client or the test goes away.
    Silence,
    /// Another reaction, after this time.
    Late(Duration, Arc<Reaction>),
}

impl Reaction {
    /// An error object as the OpenAI API has them.
    pub fn error(status: u16, message: &str, code: &str) -> Self {
        let body = json!({"error": {"message": message, "type": "invalid_request_error",
            "param": null, "code": code}});
        Self::json(status, &body)
    }

    /// Any JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// Any body.
    pub fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::body(status, "text/plain", "moved").header("Location", to)
    }

    /// A good answer with this change.
    pub fn changed(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Changed(Arc::new(change))
    }

    /// This reaction, after a time.
    pub fn after(self, wait: Duration) -> Self {
        Self::Late(wait, Arc::new(self))
    }

    /// One more header of an [`Reaction::Answer`].
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Such as `POST`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// The JSON of the body, `null` without one.
    pub body: Value,
}

struct Shared {
    address: SocketAddr,
    stopped: AtomicBool,
    key: Mutex<Option<String>>,
    queue: Mutex<VecDeque<Reaction>>,
    paths: Mutex<HashMap<String, Reaction>>,
    requests: Mutex<Vec<Received>>,
    painter: Mutex<Arc<Painter>>,
}

/// The server. It stops when dropped.
pub struct ImagesServer {
    shared: Arc<Shared>,
    listening: Option<thread::JoinHandle<()>>,
}

impl ImagesServer {
    /// Starts listening.
    ///
    /// # Panics
    /// When the system gives no port.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on 127.0.0.1");
        let shared = Arc::new(Shared {
            address: listener.local_addr().expect("the port's number"),
            stopped: AtomicBool::new(false),
            key: Mutex::default(),
            queue: Mutex::default(),
            paths: Mutex::default(),
            requests: Mutex::default(),
            painter: Mutex::new(Arc::new(waves)),
        });
        let for_thread = Arc::clone(&shared);
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if for_thread.stopped.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(stream) = stream {
                    let shared = Arc::clone(&for_thread);
                    // A client that goes away is what many tests are about.
                    thread::spawn(move || shared.connection(&stream).ok());
                }
            }
        });
        Self {
            shared,
            listening: Some(listening),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Demands `Authorization: Bearer KEY` from now on.
    pub fn require_key(&self, key: &str) {
        *lock(&self.shared.key) = Some(key.to_owned());
    }

    /// Queues a reaction for a generation; an empty queue means [`Reaction::Conform`].
    pub fn next(&self, reaction: Reaction) {
        lock(&self.shared.queue).push_back(reaction);
    }

    /// Reacts so to every `GET` of `path`.
    pub fn serve(&self, path: &str, reaction: Reaction) {
        lock(&self.shared.paths).insert(path.to_owned(), reaction);
    }

    /// Makes pictures with another painter.
    pub fn paint(
        &self,
        painter: impl Fn(&Value, usize, u32, u32) -> Vec<u8> + Send + Sync + 'static,
    ) {
        *lock(&self.shared.painter) = Arc::new(painter);
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for ImagesServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The listener sits in `accept`; a connection wakes it.
        TcpStream::connect(self.shared.address).ok();
        if let Some(listening) = self.listening.take() {
            listening.join().ok();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn connection(&self, stream: &TcpStream) -> std::io::Result<()> {
        let Some(received) = receive(stream)? else {
            return Ok(());
        };
        lock(&self.requests).push(received.clone());
        let path = received.path.split('?').next().unwrap_or_default();
        let (reaction, good) = match (received.method.as_str(), path) {
            ("POST", "/v1/images/generations") => {
                let queued = lock(&self.queue).pop_front();
                (
                    queued.unwrap_or(Reaction::Conform),
                    self.generate(&received),
                )
            }
            ("GET", "/v1/models") => (Reaction::Conform, models()),
            ("GET", path) => match lock(&self.paths).get(path) {
                Some(reaction) => (reaction.clone(), not_found(path)),
                None => (Reaction::Conform, not_found(path)),
            },
            (_, path) => (Reaction::Conform, not_found(path)),
        };
        self.react(stream, reaction, good)
    }

    fn react(
        &self,
        mut stream: &TcpStream,
        reaction: Reaction,
        (status, mut good): (u16, Value),
    ) -> std::io::Result<()> {
        let json = [("Content-Type".to_owned(), "application/json".to_owned())];
        let whole = |value: &Value| {
            let body = value.to_string().into_bytes();
            (head(status, &json, body.len()), body)
        };
        match reaction {
            Reaction::Conform => {
                let (head, body) = whole(&good);
                send(stream, &[head.as_bytes(), &body].concat())
            }
            Reaction::Changed(change) => {
                change(&mut good);
                let (head, body) = whole(&good);
                send(stream, &[head.as_bytes(), &body].concat())
            }
            Reaction::Drip(size, pause) => {
                let (head, body) = whole(&good);
                stream.write_all(head.as_bytes())?;
                for piece in body.chunks(size) {
                    thread::sleep(pause);
                    stream.write_all(piece)?;
                }
                Ok(())
            }
            Reaction::CutOff(length) => {
                let (head, body) = whole(&good);
                send(stream, &[head.as_bytes(), &body[..length]].concat())
            }
            Reaction::Answer {
                status,
                headers,
                body,
            } => {
                let head = head(status, &headers, body.len());
                send(stream, &[head.as_bytes(), &body].concat())
            }
            Reaction::Endless(lines, bytes) => {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\n{lines}Connection: close\r\n\r\n"
                )?;
                loop {
                    stream.write_all(bytes)?;
                }
            }
            Reaction::Raw(bytes) => send(stream, &bytes),
            Reaction::HangUp => Ok(()),
            Reaction::Late(wait, then) => {
                thread::sleep(wait);
                self.react(stream, (*then).clone(), (status, good))
            }
            Reaction::Silence => {
                stream.set_read_timeout(Some(Duration::from_millis(20)))?;
                // Each look at the stream waits for those 20 ms.
                loop {
                    if is_gone(stream) || self.stopped.load(Ordering::SeqCst) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Status and JSON of a generation.
    fn generate(&self, received: &Received) -> (u16, Value) {
        let key = lock(&self.key).clone();
        let given = received.headers.get("authorization");
        if let Some(key) = key
            && given != Some(&format!("Bearer {key}"))
        {
            return refusal(401, "Incorrect API key provided", None, "invalid_api_key");
        }
        let request = &received.body;
        let wrong = |field: &str| {
            let message = format!("Invalid value for '{field}'.");
            refusal(400, &message, Some(field), "invalid_value")
        };
        if request["prompt"].as_str().is_none_or(str::is_empty) {
            return wrong("prompt");
        }
        let count = request.get("n").map_or(Some(1), Value::as_u64);
        let Some(count) = count.filter(|n| (1..=10).contains(n)) else {
            return wrong("n");
        };
        let size = request.get("size").map_or(Some("1024x1024"), Value::as_str);
        let sides = size.and_then(|size| size.split_once('x'));
        let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        let Some((width, height)) = sides.filter(|&(w, h)| w * h > 0 && w * h <= 1 << 24) else {
            return wrong("size");
        };
        let by_address = match request.get("response_format").map(Value::as_str) {
            None | Some(Some("b64_json")) => false,
            Some(Some("url")) => true,
            Some(_) => return wrong("response_format"),
        };
        let painter = Arc::clone(&lock(&self.painter));
        let mut data = Vec::new();
        for number in 0..count as usize {
            let picture = painter(request, number, width, height);
            data.push(if by_address {
                let mut paths = lock(&self.paths);
                let path = format!("/files/{}.png", paths.len());
                paths.insert(path.clone(), Reaction::body(200, "image/png", picture));
                json!({"url": format!("http://{}{path}", self.address)})
            } else {
                json!({"b64_json": STANDARD.encode(picture)})
            });
        }
        (200, json!({"created": 1_790_000_000, "data": data}))
    }
}

/// Reads a request whole; `None` when the client says nothing.
fn receive(stream: &TcpStream) -> std::io::Result<Option<Received>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            None => break,
        }
    }
    let length = headers.get("content-length");
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received {
        method,
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }))
}

fn head(status: u16, headers: &[(String, String)], length: usize) -> String {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines: String = lines.collect();
    format!("HTTP/1.1 {status} -\r\n{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n")
}

fn send(mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

/// Whether the client has closed the connection; waits for the stream's read time-out.
fn is_gone(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    }
}

fn models() -> (u16, Value) {
    let model = json!({"id": "test-model", "object": "model", "created": 1, "owned_by": "tests"});
    (200, json!({"object": "list", "data": [model]}))
}

fn not_found(path: &str) -> (u16, Value) {
    let message = format!("Invalid URL ({path})");
    refusal(404, &message, None, "unknown_url")
}

fn refusal(status: u16, message: &str, param: Option<&str>, code: &str) -> (u16, Value) {
    let error = json!({"message": message, "type": "invalid_request_error", "param": param,
        "code": code});
    (status, json!({ "error": error }))
}

/// A PNG of smooth waves that depend on prompt, seed and number.
pub fn waves(request: &Value, number: usize, width: u32, height: u32) -> Vec<u8> {
    let prompt = request["prompt"].as_str().unwrap_or_default();
    let seed = request["seed"].as_u64().unwrap_or(0) as usize;
    let mixed = prompt.bytes().fold(seed + number, |mix, byte| {
        (mix * 31 + usize::from(byte)) % 9973
    });
    let phase = mixed as f32 / 100.0;
    let mut rows = Vec::with_capacity((width as usize * 3 + 1) * height as usize);
    for y in 0..height {
        // Filter type 0: the bytes stand for themselves.
        rows.push(0);
        for x in 0..width {
            let (u, v) = (x as f32 / 23.0, y as f32 / 31.0);
            for channel in [0.0, 1.0, 2.0] {
                let wave = (u + phase * channel).sin() + (v - phase).cos() + (u * v / 9.0).sin();
                rows.push((128.0 + 38.0 * wave) as u8);
            }
        }
    }
    png(width, height, &rows)
}

/// A PNG of 8-bit RGB rows, each with its filter byte, stored without compression.
pub fn png(width: u32, height: u32, rows: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        file.extend((data.len() as u32).to_be_bytes());
        let body = [kind, data].concat();
        file.extend(&body);
        file.extend(crc32(&body).to_be_bytes());
    };
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[sides.as_slice(), &[8, 2, 0, 0, 0]].concat());
    let mut zlib = vec![0x78, 0x01];
    let pieces = rows.chunks(65_535);
    let last = pieces.len().saturating_sub(1);
    for (number, piece) in pieces.enumerate() {
        let length = piece.len() as u16;
        zlib.push(u8::from(number == last));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(piece);
    }
    let (a, b) = rows.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    zlib.extend(((b << 16) | a).to_be_bytes());
    chunk(b"IDAT", &zlib);
    chunk(b"IEND", &[]);
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    let table: Vec<u32> = (0..256).map(|byte| (0..8).fold(byte, step)).collect();
    let crc = bytes.iter().fold(u32::MAX, |crc, &byte| {
        table[((crc ^ u32::from(byte)) & 0xff) as usize] ^ (crc >> 8)
    });
    !crc
}
