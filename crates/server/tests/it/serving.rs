//! The service over a home of its own, and who asks it.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use colophon_provenance::{
    Home, InitOptions, Issuer, Language, Limits as PictureLimits, Report, ReportError,
};
use colophon_server::{
    CheckFailure, Checked, Checks, Children, Layers, Ops, ServeSettings, Service, Wanted,
    service_routes,
};

use crate::running::{Reply, Running, ask};

/// Seconds of 27 November 2026.
pub const NOW: i64 = 1_795_737_600;

/// Checks nothing: these tests are about what is around it.
struct NoChecks;

impl Checks for NoChecks {
    fn check(&self, _: &str, _: &[u8], _: Wanted) -> Result<Checked, CheckFailure> {
        Err(CheckFailure("not in this test".to_owned()))
    }

    fn unchecked(&self, _: &str, _: ReportError, _: Language) -> Result<Report, CheckFailure> {
        Err(CheckFailure("not in this test".to_owned()))
    }

    fn limits(&self) -> PictureLimits {
        PictureLimits::default()
    }

    fn at_once(&self) -> usize {
        1
    }

    fn children(&self) -> Children {
        Children {
            alive: 1,
            started: 3,
            failed: 2,
        }
    }
}

/// What a service writes about requests.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A service that runs.
pub struct Serving {
    pub running: Running,
    pub log: Written,
    pub service: Arc<Service>,
    _home: tempfile::TempDir,
}

impl Serving {
    /// With these settings, written as in the environment: `NAME=VALUE`.
    pub fn with(settings: &[&str]) -> Self {
        let variables = settings.iter().map(|setting| {
            let (name, value) = setting.split_once('=').unwrap();
            let name = format!("COLOPHON_SERVE_{}", name.to_ascii_uppercase());
            (name, value.to_owned())
        });
        let layers = Layers {
            variables: variables.collect(),
            ..Layers::default()
        };
        let settings = ServeSettings::read(&layers).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.init(InitOptions::new(NOW)).unwrap();
        let issuer = Issuer::open(&home, None, NOW).unwrap();
        let log = Written::default();
        // The port is not known yet, and is no part of a name.
        let listens = SocketAddr::from(([127, 0, 0, 1], 0));
        let ops = Ops::new(settings.clone(), listens, Box::new(log.clone()));
        let service = Service::new(
            home,
            Arc::new(issuer),
            Arc::new(NoChecks),
            settings.service(),
            Arc::new(|| NOW),
        );
        let service = Arc::new(service.with_ops(ops));
        let routes = service_routes(Arc::clone(&service));
        Self {
            running: Running::start(routes, settings.limits()),
            log,
            service,
            _home: folder,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// One request with these lines after the first, which names method and address; `Host` is ours unless named.
    pub fn ask(&self, first: &str, lines: &[&str]) -> Reply {
        ask(self.address(), head(first, lines).as_bytes())
    }
}

/// The head of a request over a connection of its own.
pub fn head(first: &str, lines: &[&str]) -> String {
    let named = lines.iter().any(|line| line.starts_with("Host:"));
    let host = if named { "" } else { "Host: localhost\r\n" };
    let lines: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
    format!("{first} HTTP/1.1\r\n{host}Connection: close\r\n{lines}\r\n")
}

/// All that comes until the other end closes; at most 20 seconds.
pub fn rest(stream: &mut TcpStream) -> Vec<u8> {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    all
}
