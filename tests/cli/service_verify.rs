//! Checks that the program serves: pictures sent and fetched, hostile ones among them, and manifests found again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_imaging::{EncodeOptions, Format, Limits, Metadata, decode, encode};
use serde_json::{Value, json};

use crate::bad_input::{header, png_of, zeros};
use crate::images_server::{ImagesServer, Reaction};
use crate::support::{Bench, names, photo, scene, stamped};

/// The program as a service; ended when dropped.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    /// Serves the home of a bench, which must have keys. Temporary files would be in `tmp`.
    fn start(bench: &Bench, more: &[&str]) -> Self {
        std::fs::create_dir_all(bench.path("tmp")).unwrap();
        let arguments = [&["serve", "--listen", "127.0.0.1:0"][..], more].concat();
        let mut child = bench
            .command(&arguments)
            .env("TMPDIR", bench.path("tmp"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            let found = line.split_once("http://").map(|(_, rest)| rest);
            let port = |c: char| c != '.' && c != ':' && !c.is_ascii_digit();
            let found = found.and_then(|rest| rest.split(port).next()?.parse().ok());
            if let Some(address) = found {
                break address;
            }
        };
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn ask(&self, request: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        // A server that answers early may close while we still write.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let split = answer.windows(4).position(|part| part == b"\r\n\r\n");
        let split = split.expect("there is an answer");
        let head = String::from_utf8(answer[..split].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (
            status,
            head.to_ascii_lowercase(),
            answer[split + 4..].to_vec(),
        )
    }

    fn post(&self, target: &str, kind: &str, body: &[u8]) -> (u16, Value) {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, _, body) = self.ask(&[head.as_bytes(), body].concat());
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn verify(&self, picture: &[u8]) -> Value {
        let (status, report) = self.post("/v1/verify", "application/octet-stream", picture);
        assert_eq!(status, 200, "{report}");
        report
    }

    fn verify_url(&self, url: &str) -> (u16, Value) {
        let body = json!({ "url": url }).to_string();
        self.post("/v1/verify/url", "application/json", body.as_bytes())
    }

    fn get(&self, target: &str) -> (u16, String, Vec<u8>) {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        self.ask(request.as_bytes())
    }

    /// Processes that it has started and that still run.
    #[cfg(target_os = "linux")]
    fn children(&self) -> usize {
        let parent = self.child.id().to_string();
        let of = |name: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
            let after_name = stat.rsplit_once(") ")?.1.to_owned();
            after_name.split(' ').nth(1).map(str::to_owned)
        };
        names(std::path::Path::new("/proc"))
            .iter()
            .filter(|name| of(name).as_deref() == Some(parent.as_str()))
            .count()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bench with keys and a picture issued as `stamped.jpg`.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("original.jpg", &photo(1));
    bench
        .run(&["stamp", "original.jpg", "-o", "stamped.jpg"])
        .code(0);
    bench
}

/// Every file below a folder, with its length.
fn files(bench: &Bench, folder: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![bench.path(folder)];
    while let Some(folder) = folders.pop() {
        for name in names(&folder) {
            let path = folder.join(&name);
            let about = path.metadata().unwrap();
            if about.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), about.len()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_service_reports_what_the_command_reports_and_keeps_nothing() {
    let bench = bench();
    let expected = bench
        .run(&["verify", "--json", "stamped.jpg"])
        .code(0)
        .json()
        .remove(0);
    let serving = Serving::start(&bench, &[]);
    let home = files(&bench, "home");
    let same = |mut report: Value| {
        report["elapsed_ms"] = json!(0);
        report["file"] = json!("");
        report
    };
    let picture = bench.read("stamped.jpg");
    let report = serving.verify(&picture);
    assert_eq!(report["file"], "picture");
    assert_eq!(same(report), same(expected));

    // Other languages and extras need no other child.
    let (_, german) = serving.post("/v1/verify?lang=de", "image/jpeg", &picture);
    assert_eq!(german["tool"]["language"], "de");
    let (_, more) = serving.post("/v1/verify?include=thumbnail", "image/jpeg", &picture);
    let small = more["attachments"]["thumbnail"]["data"].as_str().unwrap();
    let small = decode(&STANDARD.decode(small).unwrap(), &Limits::default()).unwrap();
    assert_eq!((small.width(), small.height()), (512, 384));
    assert_eq!(
        more["report"]["evidence"]["watermark"]["heat_map"],
        Value::Null
    );
    #[cfg(target_os = "linux")]
    assert_eq!(serving.children(), 1, "one pool for everything");
    let again = serving.verify(&picture);
    assert_eq!(again["tool"]["language"], "en");

    let page = b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n";
    let length = format!("Content-Length: {}\r\n\r\n", picture.len());
    let (status, head, page) = serving.ask(&[&page[..], length.as_bytes(), &picture].concat());
    assert!(status == 200 && head.contains("text/html"), "{head}");
    assert!(
        String::from_utf8(page)
            .unwrap()
            .contains("data:image/jpeg;base64,")
    );

    assert_eq!(files(&bench, "home"), home);
    assert!(files(&bench, "tmp").is_empty());
}

#[test]
fn hostile_pictures_cost_a_report_and_no_more() {
    let bench = bench();
    let serving = Serving::start(&bench, &[]);
    let picture = bench.read("stamped.jpg");
    let rule = |report: &Value| report["verdict"]["rule"].as_str().unwrap().to_owned();
    let good = rule(&serving.verify(&picture));

    let cut = serving.verify(&picture[..picture.len() / 2]);
    assert!(cut["error"].is_object(), "{cut}");
    // 900 million pixels, and metadata of 64 MiB, in small files.
    let pixels = png_of(&[
        (b"IHDR", &header(30_000, 30_000, 1)),
        (b"IDAT", &zeros((30_000 / 8 + 1) * 30_000)),
        (b"IEND", b""),
    ]);
    let text = [b"Comment\0\0", &zeros(64 << 20)[..]].concat();
    let text = png_of(&[
        (b"IHDR", &header(300, 300, 8)),
        (b"zTXt", &text),
        (b"IDAT", &zeros(301 * 300)),
        (b"IEND", b""),
    ]);
    for bomb in [pixels, text] {
        assert_eq!(serving.verify(&bomb)["error"]["kind"], "limit");
    }
    // A page after the picture's end: it is told of and never sent back.
    let page = b"<html><script>alert(1)</script>";
    let both = serving.verify(&[&picture[..], page].concat());
    assert_eq!(both["container"]["trailing_bytes"], page.len());
    let page_first = serving.verify(&[&page[..], &picture].concat());
    assert_eq!(page_first["error"]["kind"], "unsupported");
    assert!(page_first["container"]["format"].is_null());
    let zip = serving.verify(b"PK\x03\x04 an archive");
    assert_eq!(zip["error"]["kind"], "unsupported");
    let noise: Vec<u8> = (0..5_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let headed = [&b"\x89PNG\r\n\x1a\n"[..], &noise].concat();
    assert_eq!(serving.verify(&headed)["outcome"], "could-not-check");

    let announced =
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n";
    assert_eq!(serving.ask(announced.as_bytes()).0, 413);
    let aborted =
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc";
    let mut stream = TcpStream::connect(serving.address).unwrap();
    stream.write_all(aborted.as_bytes()).unwrap();
    drop(stream);

    assert_eq!(rule(&serving.verify(&picture)), good, "as at first");
    assert!(files(&bench, "tmp").is_empty());
}

#[test]
fn pictures_are_fetched_from_where_the_operator_says_and_from_nowhere_else_within() {
    let bench = bench();
    let store = ImagesServer::start();
    let picture = bench.read("stamped.jpg");
    store.serve("/fox.jpg", Reaction::body(200, "image/jpeg", picture));
    store.serve("/moved", Reaction::redirect(302, "/fox.jpg"));
    let metadata = "http://169.254.169.254/latest/meta-data/";
    store.serve("/metadata", Reaction::redirect(302, metadata));
    let near = store.url().trim_start_matches("http://").to_owned();
    let serving = Serving::start(&bench, &["--fetch-hosts", &near]);
    let own = format!("http://{}/fox.jpg", serving.address);
    store.serve("/own", Reaction::redirect(302, &own));

    for path in ["/fox.jpg?signature=abc", "/moved"] {
        let (status, report) = serving.verify_url(&format!("{}{path}", store.url()));
        assert_eq!(status, 200, "{report}");
        assert_eq!(report["outcome"], "evidence-found");
    }
    let port = near.rsplit_once(':').unwrap().1;
    let metadata = format!("{}/metadata", store.url());
    let redirected = format!("{}/own", store.url());
    let other_name = format!("http://localhost:{port}/fox.jpg");
    let with_user = format!("http://user@{near}/fox.jpg");
    let hidden: Vec<(u16, Value)> = [
        "https://nothing.invalid/a.png",
        "https://localhost/a.png",
        "https://127.0.0.1/a.png",
        "https://10.0.0.1/a.png",
        "https://192.168.1.1/a.png",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1]/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0/",
    ]
    .into_iter()
    .map(|url| serving.verify_url(url))
    .collect();
    for (status, told) in &hidden {
        assert_eq!((*status, &told["detail"]), (422, &hidden[0].1["detail"]));
    }
    for refused in [
        own.as_str(),
        &metadata,
        &redirected,
        &other_name,
        &with_user,
        "http://example.org/a.png",
        "https://example.org:8443/a.png",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/",
        "data:image/png;base64,AAAA",
        "nothing",
    ] {
        let (status, told) = serving.verify_url(refused);
        assert_eq!(status, 422, "{refused}: {told}");
    }
    let (status, _) = serving.verify_url(&format!("{}/nothing.jpg", store.url()));
    assert_eq!(status, 502);
    assert!(files(&bench, "tmp").is_empty());
}

#[test]
fn a_stripped_picture_finds_its_manifest_again() {
    let bench = bench();
    let file = bench.read("stamped.jpg");
    let serving = Serving::start(&bench, &[]);
    let mut picture = decode(&file, &Limits::default()).unwrap();
    picture.metadata = Metadata::default();
    let bare = encode(&picture, &EncodeOptions::new(Format::Jpeg)).unwrap();
    assert!(
        !bare.windows(4).any(|part| part == b"jumb"),
        "it lost its manifest"
    );
    let (status, found) = serving.post("/c2pa/matches/byContent", "image/jpeg", &bare);
    assert_eq!(status, 200, "{found}");
    let id = found["matches"][0]["manifestId"].as_str().unwrap();
    assert_eq!(found["matches"][0]["similarityScore"], 100);
    let (status, head, manifest) = serving.get(&format!("/c2pa/manifests/{id}"));
    assert!(status == 200 && head.contains("application/c2pa"), "{head}");
    let embedded = colophon_manifest::extract_manifest_bytes(&file, "image/jpeg").unwrap();
    assert_eq!(Some(&manifest), embedded.as_ref());
    let (_, _, receipt) = serving.get(&format!("/c2pa/manifests/{id}/receipts"));
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    assert_eq!(receipt["verified"], true);
    c2patool_reads(&bench, &bare, &manifest);
}

/// A program of others reads the manifest beside the stripped picture: all of it holds but the hash of the bytes, which
/// are others now. `COLOPHON_C2PATOOL` names it.
fn c2patool_reads(bench: &Bench, bare: &[u8], manifest: &[u8]) {
    bench.write("bare.jpg", bare);
    bench.write("bare.c2pa", manifest);
    let tool = std::env::var("COLOPHON_C2PATOOL").unwrap_or_else(|_| "c2patool".to_owned());
    let output = Command::new(&tool)
        .args(["bare.jpg", "--external-manifest", "bare.c2pa"])
        .current_dir(bench.path("."))
        .output();
    let Ok(output) = output else {
        let required = std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() == Ok("1");
        assert!(!required, "required: {tool}");
        println!("skipped: no {tool} (COLOPHON_C2PATOOL names it)");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("claimSignature.validated"), "{said}");
    assert!(said.contains("assertion.dataHash.mismatch"), "{said}");
}

#[test]
fn feedback_is_read_and_removed_by_the_operator() {
    let bench = Bench::new();
    bench.run(&["keys", "init"]).code(0);
    bench
        .run(&["feedback", "list"])
        .code(0)
        .says("there are no messages");
    let serving = Serving::start(&bench, &[]);
    let message = json!({
        "kind": "wrong-finding",
        "text": "That is my own photograph.\u{1b}[31m",
        "contact": "ada@example.org",
        "contact_consent": true,
    });
    let (status, kept) = serving.post(
        "/v1/feedback",
        "application/json",
        message.to_string().as_bytes(),
    );
    assert_eq!(status, 201, "{kept}");
    let id = kept["id"].as_str().unwrap();
    let listed = bench
        .run(&["feedback", "list"])
        .code(0)
        .says(id)
        .says("ada@example.org");
    assert!(!listed.out.contains('\u{1b}'));
    let as_data = bench.run(&["feedback", "list", "--json"]).code(0).json();
    assert_eq!(as_data[0]["text"], message["text"]);
    bench
        .run(&["feedback", "remove", id])
        .code(0)
        .says("removed 1 message");
    bench
        .run(&["feedback", "remove", id])
        .code(2)
        .says("no message");
    assert_eq!(bench.names("home/feedback"), [""; 0]);
}

#[test]
fn a_picture_of_nobody_leads_nowhere() {
    let bench = bench();
    let serving = Serving::start(&bench, &[]);
    let other = encode(&scene(9, 640, 480), &EncodeOptions::new(Format::Png)).unwrap();
    let (_, found) = serving.post("/c2pa/matches/byContent", "image/png", &other);
    assert_eq!(found["matches"], json!([]));
    // A picture of another home: its mark is none of this one.
    let theirs = stamped().read("stamped.jpg");
    let (_, found) = serving.post(
        "/c2pa/matches/byContent?alg=io.colophon.watermark.1",
        "image/jpeg",
        &theirs,
    );
    assert_eq!(found["matches"], json!([]));
}
