//! TLS for connections that come in: certificate and key out of PEM files, read again when they change.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::ServerError;

/// Longest PEM file read, bytes.
const MOST_PEM: u64 = 1 << 20;

/// What encrypts connections.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// The files as read last, and what is in them.
#[derive(Debug)]
struct Loaded {
    files: (Vec<u8>, Vec<u8>),
    key: Arc<CertifiedKey>,
}

#[derive(Debug)]
struct Current(RwLock<Loaded>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let loaded = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&loaded.key))
    }
}

impl Tls {
    /// Reads the certificate chain, the server's own first, and its key.
    ///
    /// # Errors
    /// [`ServerError::Tls`] for files that cannot be read, hold nothing of the kind or do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, ServerError> {
        let provider = Arc::new(default_provider());
        let loaded = read(certificate, key, &provider)?;
        let current = Arc::new(Current(RwLock::new(loaded)));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(certificate, error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// Reads the files again; `true` when they had changed. New connections get the new certificate.
    ///
    /// # Errors
    /// [`ServerError::Tls`]: the certificate before stays in use.
    pub fn reload(&self) -> Result<bool, ServerError> {
        let loaded = read(&self.certificate, &self.key, &self.provider)?;
        let mut current = self
            .current
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let changed = current.files != loaded.files;
        if changed {
            *current = loaded;
        }
        Ok(changed)
    }

    pub(crate) async fn accept<I>(&self, stream: I) -> io::Result<TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}

fn read(
    certificate: &Path,
    key: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Loaded, ServerError> {
    let files = (read_pem(certificate)?, read_pem(key)?);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files.0).collect();
    let chain = chain.map_err(|error| failed(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(failed(certificate, "it holds no certificate".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&files.1)
        .map_err(|_| failed(key, "it holds no private key in PEM".to_owned()))?;
    let certified = CertifiedKey::from_der(chain, private, provider)
        .map_err(|error| failed(key, error.to_string()))?;
    Ok(Loaded {
        files,
        key: Arc::new(certified),
    })
}

fn read_pem(path: &Path) -> Result<Vec<u8>, ServerError> {
    let about = std::fs::metadata(path).map_err(|error| failed(path, error.to_string()))?;
    if about.len() > MOST_PEM {
        return Err(failed(path, format!("it is longer than {MOST_PEM} bytes")));
    }
    std::fs::read(path).map_err(|error| failed(path, error.to_string()))
}

fn failed(path: &Path, reason: String) -> ServerError {
    ServerError::Tls {
        path: path.to_owned(),
        reason,
    }
}
