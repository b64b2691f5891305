//! TLS: what is spoken, and certificates that change while the server runs.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use colophon_server::{Limits, Server, ServerError, Stop, Tls, log_routes};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Writes a new certificate for `localhost` and its key, and returns the certificate.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn load(folder: &Path) -> Result<Tls, ServerError> {
    Tls::load(&folder.join("chain.pem"), &folder.join("key.pem"))
}

/// The answer to one request by a client that trusts only this certificate.
fn ask(address: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream
        .write_all(b"GET /checkpoint HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8(answer).unwrap())
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_a_bad_one_never() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("checkpoint"), "a note\n").unwrap();
    let first = issue(folder.path());
    let tls = Arc::new(load(folder.path()).unwrap());
    let server = Server::listen("127.0.0.1:0".parse().unwrap())
        .unwrap()
        .with_tls(Arc::clone(&tls));
    let (address, stop) = (server.address(), Stop::new());
    let routes = log_routes(folder.path().to_owned(), &[]);
    let limits = Limits {
        head: Duration::from_secs(1),
        ..Limits::default()
    };
    let told = stop.clone();
    let thread = std::thread::spawn(move || server.run(routes, limits, &told).unwrap());

    let answer = ask(address, &first).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("a note\n"),
        "{answer}"
    );
    assert!(!tls.reload().unwrap(), "nothing has changed");

    let second = issue(folder.path());
    assert!(tls.reload().unwrap());
    assert!(ask(address, &second).unwrap().starts_with("HTTP/1.1 200"));
    assert!(
        ask(address, &first).is_err(),
        "the former one is not shown any more"
    );

    // Half of a change, as when only one of two files was copied.
    let other = tempfile::tempdir().unwrap();
    issue(other.path());
    std::fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("key.pem"), "{error}");
    assert!(ask(address, &second).unwrap().starts_with("HTTP/1.1 200"));

    // Who speaks no TLS, or nothing, is let go.
    let mut plain = TcpStream::connect(address).unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let told = crate::serving::rest(&mut plain);
    assert!(!told.starts_with(b"HTTP"));
    let mut silent = TcpStream::connect(address).unwrap();
    assert!(crate::serving::rest(&mut silent).is_empty());
    stop.stop();
    thread.join().unwrap();
}

#[test]
fn files_that_are_no_certificate_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (chain, key, part) in [
        ("", "", "no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "",
            "no private key",
        ),
    ] {
        std::fs::write(folder.path().join("chain.pem"), chain).unwrap();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = Tls::load(&folder.path().join("none"), &folder.path().join("key.pem"));
    assert!(error.unwrap_err().to_string().contains("none"));
}
