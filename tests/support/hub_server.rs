//! A model hub for tests, on 127.0.0.1 and a port of the system's choice: the listing and the files of one model, with
//! ranges, a redirect in front of large files as real hubs have it, and what can go wrong.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";
/// Files of at least this many bytes come from another place, and their hashes are told.
const LARGE: usize = 1 << 16;

/// What the server does besides answering well.
#[derive(Default)]
pub struct Trouble {
    /// Bytes after which the connection ends, once, for files of this end of their names.
    pub cut_off: Option<(String, usize)>,
    /// Whether ranges are ignored, as simple servers do.
    pub no_ranges: bool,
    /// A file whose bytes are not those announced.
    pub swapped: Option<String>,
    /// Status of every answer.
    pub status: Option<u16>,
    /// A file that is listed besides.
    pub listed: Option<String>,
    /// The licence of the card.
    pub license: Option<String>,
}

struct Shared {
    repository: String,
    files: BTreeMap<String, Vec<u8>>,
    trouble: Mutex<Trouble>,
    /// Lines of requests and their ranges.
    asked: Mutex<Vec<String>>,
}

/// A running hub.
pub struct HubServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl HubServer {
    /// Serves these files as `repository`.
    pub fn start(repository: &str, files: BTreeMap<String, Vec<u8>>, trouble: Trouble) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            repository: repository.to_owned(),
            files,
            trouble: Mutex::new(trouble),
            asked: Mutex::default(),
        });
        let of_thread = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = of_thread.clone();
                thread::spawn(move || shared.answer(stream));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Changes what goes wrong.
    pub fn set(&self, trouble: Trouble) {
        *self.shared.trouble.lock().unwrap() = trouble;
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let path = line
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let mut from = None;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) < 3 {
                break;
            }
            if let Some(range) = header.to_lowercase().strip_prefix("range: bytes=") {
                from = range.trim().trim_end_matches('-').parse::<usize>().ok();
            }
        }
        self.asked.lock().unwrap().push(match from {
            Some(from) => format!("{path} from {from}"),
            None => path.clone(),
        });
        let mut trouble = self.trouble.lock().unwrap();
        let (status, headers, mut body) = self.reply(&path, from, &trouble);
        let announced = body.len();
        if let Some((_, bytes)) = trouble
            .cut_off
            .take_if(|(end, _)| status < 300 && path.ends_with(end.as_str()))
        {
            body.truncate(bytes);
        }
        drop(trouble);
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {announced}\r\n{headers}Connection: close\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&body);
    }

    fn reply(&self, path: &str, from: Option<usize>, trouble: &Trouble) -> (u16, String, Vec<u8>) {
        if let Some(status) = trouble.status {
            return (status, String::new(), b"no".to_vec());
        }
        let repository = &self.repository;
        if path.starts_with(&format!("/api/models/{repository}/revision/")) {
            return (
                200,
                String::new(),
                self.listing(trouble).to_string().into_bytes(),
            );
        }
        let resolve = format!("/{repository}/resolve/{REVISION}/");
        let moved = path.strip_prefix("/large/");
        let Some(name) = moved.or_else(|| path.strip_prefix(&resolve)) else {
            return (404, String::new(), Vec::new());
        };
        let Some(bytes) = self.files.get(name) else {
            return (404, String::new(), Vec::new());
        };
        if moved.is_none() && bytes.len() >= LARGE {
            return (302, format!("Location: /large/{name}\r\n"), Vec::new());
        }
        let mut bytes = bytes.clone();
        if trouble.swapped.as_deref() == Some(name) {
            bytes[0] ^= 1;
        }
        match from.filter(|_| !trouble.no_ranges) {
            Some(from) => {
                let range = format!(
                    "Content-Range: bytes {from}-{}/{}\r\n",
                    bytes.len() - 1,
                    bytes.len()
                );
                (206, range, bytes.split_off(from))
            }
            None => (200, String::new(), bytes),
        }
    }

    fn listing(&self, trouble: &Trouble) -> Value {
        let sibling = |(name, bytes): (&String, &Vec<u8>)| {
            let mut sibling = json!({ "rfilename": name, "size": bytes.len() });
            if bytes.len() >= LARGE {
                let digest = hexadecimal(&Sha256::digest(bytes));
                sibling["lfs"] = json!({ "sha256": digest, "size": bytes.len() });
            }
            sibling
        };
        let mut siblings: Vec<Value> = self.files.iter().map(sibling).collect();
        siblings.extend(
            trouble
                .listed
                .iter()
                .map(|name| json!({ "rfilename": name, "size": 1 })),
        );
        let license = trouble.license.as_deref().unwrap_or("apache-2.0");
        json!({ "sha": REVISION, "siblings": siblings, "cardData": { "license": license } })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}
