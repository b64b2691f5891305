//! An HTTP client of one connection, small enough to cost the machine nothing that is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for anything.
const WAIT: Duration = Duration::from_mins(1);

/// A connection that is used again as long as the server keeps it.
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// Asks over the connection there is, or over a new one.
    pub fn post(&mut self, path: &str, lines: &str, body: &[u8]) -> Result<Answer> {
        self.ask("POST", path, lines, body)
    }

    pub fn get(&mut self, path: &str, lines: &str) -> Result<Answer> {
        self.ask("GET", path, lines, b"")
    }

    fn ask(&mut self, method: &str, path: &str, lines: &str, body: &[u8]) -> Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.address)?),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{lines}\r\n",
            body.len()
        );
        // A server that turns a request away early may stop reading; its answer is there all the same.
        let sent = stream
            .get_mut()
            .write_all(&[head.as_bytes(), body].concat());
        let (answer, keep) = read(&mut stream).map_err(|error| match sent {
            Ok(()) => error,
            Err(broken) => broken.into(),
        })?;
        if keep {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    Ok(stream)
}

/// One answer, and whether the connection stays.
pub fn read(stream: &mut BufReader<TcpStream>) -> Result<(Answer, bool)> {
    let mut line = String::new();
    let mut next = |stream: &mut BufReader<TcpStream>| -> Result<String> {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            bail!("closed without an answer");
        }
        Ok(line.trim_end().to_ascii_lowercase())
    };
    let first = next(stream)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("no status in `{first}`"))?;
    let (mut length, mut chunked, mut keep) = (0, false, true);
    loop {
        let header = next(stream)?;
        match header
            .split_once(':')
            .map(|(name, value)| (name, value.trim()))
        {
            Some(("content-length", value)) => length = value.parse()?,
            Some(("transfer-encoding", "chunked")) => chunked = true,
            Some(("connection", "close")) => keep = false,
            None if header.is_empty() => break,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if !chunked {
        stream.take(length).read_to_end(&mut body)?;
        return Ok((Answer { status, body }, keep));
    }
    loop {
        let size = u64::from_str_radix(&next(stream)?, 16)?;
        stream.take(size).read_to_end(&mut body)?;
        next(stream)?;
        if size == 0 {
            return Ok((Answer { status, body }, keep));
        }
    }
}
