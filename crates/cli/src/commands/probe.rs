//! `serve --probe`: whether the service that runs here is ready, for containers without any other program.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use colophon_server::ServeSettings;

use crate::exit::Exit;
use crate::failure::Failure;

/// Longest wait for each step.
const WAIT: Duration = Duration::from_secs(4);
/// The status line is all that counts.
const MOST_ANSWER: u64 = 4_096;

/// Asks the address that the settings name. Over TLS only whether somebody listens: the certificate is for other names.
///
/// # Errors
/// [`Failure::Request`] when it is not ready.
pub fn run(settings: &ServeSettings) -> Result<Exit, Failure> {
    let address = local(settings.listen);
    let fails = |why: String| Failure::Request(format!("no service is ready at {address}: {why}"));
    let mut stream = TcpStream::connect_timeout(&address, WAIT)
        .and_then(|stream| stream.set_read_timeout(Some(WAIT)).map(|()| stream))
        .map_err(|error| fails(error.to_string()))?;
    if settings.tls_certificate.is_some() {
        return Ok(Exit::DONE);
    }
    let mut answer = Vec::new();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .and_then(|()| stream.take(MOST_ANSWER).read_to_end(&mut answer))
        .map_err(|error| fails(error.to_string()))?;
    let line = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    if line.starts_with(b"HTTP/1.1 200 ") {
        return Ok(Exit::DONE);
    }
    Err(fails(String::from_utf8_lossy(line).into_owned()))
}

/// Every address of this machine includes loopback.
fn local(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}
