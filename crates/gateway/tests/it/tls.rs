//! HTTPS: certificates, and pictures on other hosts. A TLS front passes on to the plain server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use colophon_gateway::{Backend, Client, GatewayError, ImagesRequest, ResponseFormat, Secret};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::images_server::{ImagesServer, Reaction, waves};
use crate::{ask_with, request};

/// A TLS server before another server. It lives as long as the test program.
struct Front {
    address: SocketAddr,
    /// The certificate, as a file to trust.
    pem: PathBuf,
    _folder: tempfile::TempDir,
}

impl Front {
    fn before(server: &ImagesServer, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("ca.pem");
        std::fs::write(&pem, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let behind = server.address();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                // A client that refuses the certificate is what some tests are about.
                thread::spawn(move || pass_on(stream, config, behind).ok());
            }
        });
        Self {
            address,
            pem,
            _folder: folder,
        }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// One request and its answer.
fn pass_on(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    behind: SocketAddr,
) -> std::io::Result<()> {
    let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(session, stream));
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if client.read_until(b'\n', &mut request)? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    let mut server = TcpStream::connect(behind)?;
    server.write_all(&[request, body].concat())?;
    let mut client = client.into_inner();
    std::io::copy(&mut server, &mut client)?;
    client.conn.send_close_notify();
    client.flush()
}

fn client(front: &Front, change: impl Fn(&mut Backend)) -> Client {
    let mut backend = Backend::new(front.url());
    backend.api_key = Secret::new("sk-key").ok();
    change(&mut backend);
    Client::new(backend).unwrap()
}

#[test]
fn a_certificate_of_ones_own_is_trusted_once_it_is_named() {
    let server = ImagesServer::start();
    let front = Front::before(&server, "127.0.0.1");
    let trusting = client(&front, |b| b.root_certificates = Some(front.pem.clone()));
    let answer = trusting.generate(&request(), &|| false).unwrap();
    assert_eq!(answer.pictures.len(), 1);
    let mut by_address = request();
    by_address.response_format = Some(ResponseFormat::Url);
    server.serve(
        "/x.png",
        Reaction::body(200, "image/png", waves(&json!({}), 0, 64, 48)),
    );
    server.next(Reaction::json(200, &json!({"data": [{"url": "/x.png"}]})));
    let answer = trusting.generate(&by_address, &|| false).unwrap();
    assert_eq!(answer.pictures.len(), 1);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_neither_prompt_nor_key() {
    let server = ImagesServer::start();
    let front = Front::before(&server, "127.0.0.1");
    let wrong_name = Front::before(&server, "gpu.example");
    for client in [
        client(&front, |_| {}),
        client(&wrong_name, |b| {
            b.root_certificates = Some(wrong_name.pem.clone());
        }),
    ] {
        let error = client.generate(&request(), &|| false).unwrap_err();
        assert!(matches!(error, GatewayError::Tls { .. }), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn https_to_a_server_without_it_is_told() {
    let server = ImagesServer::start();
    let url = server.url().replace("http:", "https:");
    let mut backend = Backend::new(url);
    backend.retries = 0;
    let error = Client::new(backend)
        .unwrap()
        .generate(&request(), &|| false)
        .unwrap_err();
    assert!(
        matches!(
            error,
            GatewayError::Tls { .. } | GatewayError::Unreachable { .. }
        ),
        "{error:?}"
    );
}

#[test]
fn another_host_beside_the_backend_is_asked_without_the_key() {
    let server = ImagesServer::start();
    let store = ImagesServer::start();
    let front = Front::before(&store, "127.0.0.1");
    store.serve("/x.png", Reaction::redirect(302, "/y.png"));
    store.serve(
        "/y.png",
        Reaction::body(200, "image/png", waves(&json!({}), 0, 64, 48)),
    );
    let address = format!("{}/x.png", front.url());
    let by_address = ImagesRequest {
        response_format: Some(ResponseFormat::Url),
        ..request()
    };
    let ask = |allow: bool| {
        server.next(Reaction::json(200, &json!({"data": [{"url": address}]})));
        ask_with(&server, &by_address, |b| {
            b.api_key = Secret::new("sk-key").ok();
            b.allow_other_hosts = allow;
            b.root_certificates = Some(front.pem.clone());
        })
    };
    assert_eq!(ask(true).unwrap().pictures.len(), 1);
    let requests = store.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|r| !r.headers.contains_key("authorization"))
    );
    let error = ask(false).unwrap_err();
    assert!(
        matches!(error, GatewayError::PictureAddress { .. }),
        "{error:?}"
    );
}
