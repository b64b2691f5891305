//! A client for tests: one request a connection, and streams of events.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        let value = serde_json::from_slice(&self.body);
        assert!(
            value.is_ok(),
            "{value:?}: {}",
            String::from_utf8_lossy(&self.body)
        );
        value.unwrap()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub fn status(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}{body}", self.head);
        self
    }
}

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    pub id: Option<u64>,
    pub name: String,
    pub data: String,
}

/// Asks a server at `http://HOST:PORT`.
pub fn ask(url: &str, key: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
    let mut reader = send(
        url,
        key,
        method,
        path,
        &format!("Content-Type: {kind}\r\n"),
        body,
    );
    let head = head(&mut reader);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut raw = Vec::new();
    reader.read_to_end(&mut raw).unwrap();
    let chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    Answer {
        status,
        body: if chunked { unchunked(&raw) } else { raw },
        head,
    }
}

pub fn get(url: &str, key: &str, path: &str) -> Answer {
    ask(url, key, "GET", path, "text/plain", b"")
}

/// Follows events until `enough` says so or the stream ends.
pub fn follow(
    url: &str,
    key: &str,
    path: &str,
    last: Option<u64>,
    mut enough: impl FnMut(&Event) -> bool,
) -> Vec<Event> {
    let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
    let mut reader = send(url, key, "GET", path, &last, b"");
    let head = head(&mut reader);
    assert!(head.contains("text/event-stream"), "{head}");
    let mut events = Vec::new();
    let mut event = Event::default();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return events;
        }
        // Lengths of chunks stand between lines of events and look like none of them.
        match line.trim_end().split_once(':') {
            Some(("id", value)) => event.id = value.trim().parse().ok(),
            Some(("event", value)) => value.trim().clone_into(&mut event.name),
            Some(("data", value)) => value.trim().clone_into(&mut event.data),
            None if line.trim_end().is_empty() && !event.name.is_empty() => {
                events.push(std::mem::take(&mut event));
                if enough(&events[events.len() - 1]) {
                    return events;
                }
            }
            _ => {}
        }
    }
}

fn send(
    url: &str,
    key: &str,
    method: &str,
    path: &str,
    more: &str,
    body: &[u8],
) -> BufReader<TcpStream> {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(2)))
        .unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server may answer before it has read all.
    let _ = stream.write_all(body);
    BufReader::new(stream)
}

fn head(reader: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "no answer: {head}");
    }
    head
}

fn unchunked(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|pair| pair == b"\r\n") {
        let length = std::str::from_utf8(&raw[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        body.extend_from_slice(&raw[end + 2..end + 2 + length]);
        raw = &raw[end + 4 + length..];
    }
    body
}
