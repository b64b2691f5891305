//! The service as its operator meets it: settings, start, signals, the service manager, the end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Bench;

/// A service that runs; killed when dropped.
pub struct Served {
    child: Child,
    pub address: SocketAddr,
}

impl Served {
    /// Over the bench's home; standard error goes into the file `err`.
    pub fn start(bench: &Bench, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let err = fs::File::create(bench.path("err")).unwrap();
        let mut child = bench
            .command(&all)
            .envs(variables.iter().copied())
            .stderr(err)
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let mut lines = BufReader::new(out).lines();
        let place = loop {
            let line = lines.next().expect("it listens").unwrap();
            if let Some((_, place)) = line.split_once("://") {
                break place.split(['/', '#', ' ']).next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: place.parse().unwrap(),
        }
    }

    /// The whole answer to `GET` as text.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end; at most 40 seconds.
    pub fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < Duration::from_secs(40), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_manager_starts_and_stops_it() {
    let bench = Bench::new();
    let heard = UnixDatagram::bind(bench.path("notify")).unwrap();
    heard
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let hear = || {
        let mut bytes = [0; 64];
        let length = heard.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let socket = bench.path("notify");
    let variables = [
        ("NOTIFY_SOCKET", socket.to_str().unwrap()),
        ("WATCHDOG_USEC", "400000"),
    ];
    let mut served = Served::start(&bench, &["--access-log", "json"], &variables);
    assert_eq!(hear(), "READY=1");
    assert_eq!(hear(), "WATCHDOG=1");
    assert_eq!(hear(), "WATCHDOG=1", "again and again");
    assert!(served.get("/readyz").starts_with("HTTP/1.1 200 "));
    let port = served.address.to_string();
    bench.run(&["serve", "--listen", &port, "--probe"]).code(0);
    served.signal("-TERM");
    while hear() != "STOPPING=1" {}
    assert_eq!(served.ended(), Some(0));
    let log = fs::read_to_string(bench.path("err")).unwrap();
    assert!(log.contains("\"route\":\"/readyz\""), "{log}");
    bench
        .run(&["serve", "--listen", &port, "--probe"])
        .code(2)
        .says("no service is ready");
    bench.run(&["ledger", "fsck"]).code(0);
}

#[test]
fn a_second_signal_does_not_wait() {
    let bench = Bench::new();
    let mut served = Served::start(&bench, &["--stop-drain", "30s"], &[]);
    // An answer is under way for as long as its request is not sent to the end.
    let mut held = TcpStream::connect(served.address).unwrap();
    held.write_all(b"POST /livez HTTP/1.1\r\nHost: localhost\r\n")
        .unwrap();
    assert!(served.get("/livez").starts_with("HTTP/1.1 200 "));
    served.signal("-INT");
    let begun = Instant::now();
    while !fs::read_to_string(bench.path("err"))
        .unwrap()
        .contains("stopping")
    {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
    }
    served.signal("-INT");
    assert_eq!(served.ended(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(10));
    bench.run(&["ledger", "fsck"]).code(0);
}

#[test]
fn settings_are_told_with_their_place_and_refused_before_anything_runs() {
    let bench = Bench::new();
    bench.run(&["keys", "init"]).code(0);
    bench.write("home/config.toml", b"[serve]\nqueue = 7\n");
    let show = |variables: &[(&str, &str)], arguments: &[&str]| {
        let output = bench
            .command(&[&["config", "show"], arguments].concat())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        crate::support::Ended::from(output)
    };
    let shown = show(&[("COLOPHON_SERVE_REQUESTS", "9")], &["--origin"]).code(0);
    let line = |name: &str| {
        let found = shown.out.lines().find(|line| line.contains(name));
        found
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("serve.queue "), "serve.queue 7 (config.toml, line 2)");
    assert_eq!(
        line("serve.requests "),
        "serve.requests 9 (COLOPHON_SERVE_REQUESTS)"
    );
    assert_eq!(line("serve.hsts "), "serve.hsts 180d (default)");
    let json = show(&[], &["--json"]).code(0).json().remove(0);
    let settings = json["settings"].as_array().unwrap();
    let queue = settings
        .iter()
        .find(|it| it["name"] == "serve.queue")
        .unwrap();
    assert_eq!(
        (&queue["origin"], &queue["line"]),
        (&"file".into(), &2.into())
    );

    bench.run(&["serve", "--check"]).code(0).says("can be used");
    show(&[("COLOPHON_SERVE_NONE", "9")], &[])
        .code(2)
        .says("COLOPHON_SERVE_NONE");
    for (text, part) in [
        ("[serve]\nqeue = 7\n", "serve.qeue"),
        ("[serve]\npicture_time = 5\n", "config.toml, line 2"),
        (
            "[serve]\ntls_certificate = \"c.pem\"\ntls_key = \"k.pem\"\n",
            "c.pem",
        ),
    ] {
        bench.write("home/config.toml", text.as_bytes());
        bench.run(&["serve", "--check"]).code(2).says(part);
        bench.run(&["serve"]).code(2).says(part);
    }
    bench
        .run(&["serve", "--listen", "nowhere"])
        .code(2)
        .says("--listen");
}

#[test]
fn a_certificate_is_read_again_when_told() {
    let bench = Bench::new();
    let openssl = |name: &str| {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .arg("-keyout")
            .arg(bench.path("home/key.pem"))
            .arg("-out")
            .arg(bench.path("home/chain.pem"))
            .stderr(Stdio::null())
            .status();
        made.is_ok_and(|status| status.success())
    };
    bench.run(&["keys", "init"]).code(0);
    if !openssl("first.example") {
        assert!(
            std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
            "no openssl"
        );
        println!("skipped: the Debian package openssl is missing");
        return;
    }
    let files = ["--tls-certificate", "chain.pem", "--tls-key", "key.pem"];
    let mut served = Served::start(&bench, &files, &[]);
    let shown = || {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &served.address.to_string()])
            .args(["-servername", "localhost", "-CAfile"])
            .arg(bench.path("home/chain.pem"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let first = shown();
    assert!(
        first.contains("CN=first.example") || first.contains("CN = first.example"),
        "{first}"
    );
    assert!(first.contains("Verify return code: 0"), "{first}");
    assert!(openssl("second.example"));
    served.signal("-HUP");
    let begun = Instant::now();
    while !shown().contains("second.example") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    served.signal("-TERM");
    assert_eq!(served.ended(), Some(0));
}
