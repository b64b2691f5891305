//! A moderator's jobs, through the real binary: sent, followed, killed, gone on with, told of.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use colophon_accounts::{Keys, NewKey, Scope};
use colophon_archive::pack_zip;
use colophon_batch::Row;
use colophon_tabular::{Form, Reader, Value as Cell};
use colophon_webhooks::{Headers, Secret, verify};
use serde_json::{Value, json};

use crate::http_client::{Answer, Event, ask, follow, get};
use crate::support::{Bench, jpeg, photo, scene};

/// The service; killed when dropped.
struct Server {
    child: Child,
    _out: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.start(&["serve", "--listen", "127.0.0.1:0", "--near-webhooks"]);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let mut words = line.split_whitespace();
        let url = words
            .find_map(|word| word.find("http://").map(|at| &word[at..]))
            .expect("the line tells the address");
        let end = url.find('#').unwrap_or(url.len());
        Self {
            child,
            _out: out,
            url: url[..end].trim_end_matches('/').to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

fn key(bench: &Bench, tenant: &str) -> String {
    let new = NewKey {
        name: format!("moderation-{tenant}"),
        tenant: tenant.parse().unwrap(),
        scopes: [Scope::Jobs, Scope::Verify].into_iter().collect(),
        teams: None,
        expires: None,
        limits: colophon_accounts::Limits::default(),
    };
    let (text, _) = Keys::new(bench.path("home/access"))
        .create(new, now())
        .unwrap();
    text.expose().to_string()
}

/// Whatever is posted to it, the first time refused for now.
fn receiver() -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, posted) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap_or(0) == 0 {
                    break;
                }
            }
            let length = field(&head, "content-length").and_then(|text| text.parse().ok());
            let mut body = vec![0; length.unwrap_or_default()];
            reader.read_exact(&mut body).unwrap();
            let status = if number == 0 {
                "503 Busy"
            } else {
                "204 No Content"
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = sender.send((head, String::from_utf8(body).unwrap()));
        }
    });
    (url, posted)
}

fn field(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
        .next()
}

/// Sixty pictures in `in`, two of them equal, one issued here, one broken; and the folder as a ZIP.
fn pictures(bench: &Bench) -> Vec<u8> {
    bench
        .run(&["keys", "init", "--ledger-name", "ledger.example"])
        .code(0);
    bench.write("original.jpg", &photo(1));
    bench
        .run(&["stamp", "original.jpg", "-o", "stamped.jpg"])
        .code(0);
    fs::create_dir(bench.path("in")).unwrap();
    let mut files = vec![("in/notes.txt".to_owned(), b"no picture".to_vec())];
    for number in 0..60u32 {
        let bytes = match number {
            7 => bench.read("stamped.jpg"),
            20 => b"\xff\xd8\xff\xe0 broken".to_vec(),
            number => jpeg(&scene(number.min(58), 160, 120), 90),
        };
        files.push((format!("in/{number:02}.jpg"), bytes));
    }
    for (name, bytes) in &files {
        bench.write(name, bytes);
    }
    pack_zip(files.iter().map(|(name, bytes)| (name.as_str(), &**bytes))).unwrap()
}

fn wait(server: &Server, key: &str, job: &str) -> Value {
    for _ in 0..1200 {
        let body = get(&server.url, key, job).status(200).json();
        if matches!(
            body["state"].as_str(),
            Some("done" | "failed" | "cancelled")
        ) {
            return body;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    unreachable!("the job does not end");
}

/// Lines without what two runs cannot share.
fn lines(text: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(text)
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            row["elapsed_ms"] = Value::Null;
            row
        })
        .collect()
}

/// Cells without what two runs cannot share.
fn table(bench: &Bench, name: &str, form: Form) -> Vec<Vec<Cell>> {
    let elapsed = Row::COLUMNS
        .iter()
        .position(|column| column.name == "elapsed_ms");
    Reader::open(&bench.path(name), form, Row::COLUMNS)
        .unwrap()
        .map(|row| {
            let mut cells = row.unwrap();
            cells[elapsed.unwrap()] = Cell::Empty;
            cells
        })
        .collect()
}

fn row_ids(events: &[Event]) -> Vec<u64> {
    let rows = events.iter().filter(|event| event.name == "row");
    rows.map(|event| event.id.unwrap()).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_job_that_is_killed_in_the_middle_comes_to_what_verify_says() {
    let bench = Bench::new();
    let archive = pictures(&bench);
    let key = key(&bench, "own");
    let server = Server::start(&bench);
    let (url, posted) = receiver();

    let hook = json!({"url": url, "events": ["job.completed"]}).to_string();
    let hook = ask(
        &server.url,
        &key,
        "POST",
        "/v1/webhooks",
        "application/json",
        hook.as_bytes(),
    )
    .status(201);
    let hook = hook.json();
    let secret: Secret = hook["secret"].as_str().unwrap().parse().unwrap();

    let sent = ask(
        &server.url,
        &key,
        "POST",
        "/v1/jobs",
        "application/zip",
        &archive,
    )
    .status(202);
    let job = sent.header("location").unwrap().to_owned();
    let body = sent.json();
    assert_eq!(
        (body["inputs"].as_u64(), body["passed_over"].as_u64()),
        (Some(60), Some(1))
    );
    let events = format!("{job}/events");
    let before = follow(&server.url, &key, &events, None, |event| {
        event.id == Some(10)
    });
    assert_eq!(row_ids(&before), (1..=10).collect::<Vec<_>>());
    let partial = get(&server.url, &key, &format!("{job}/results")).status(200);
    assert_eq!(partial.header("x-job-state"), Some("running"));
    get(&server.url, &key, &format!("{job}/results?format=csv")).status(409);
    // SIGKILL.
    drop(server);

    let server = Server::start(&bench);
    let after = follow(&server.url, &key, &events, Some(10), |_| false);
    assert_eq!(
        row_ids(&after),
        (11..=60).collect::<Vec<_>>(),
        "no event is missing or comes twice"
    );
    let last = after.last().unwrap();
    assert_eq!(last.name, "end");
    let body = wait(&server, &key, &job);
    assert_eq!(body["state"], "done");
    assert_eq!(
        (body["done"].as_u64(), body["interruptions"].as_u64()),
        (Some(60), Some(1))
    );
    assert_eq!(body["duplicates"], 1);

    // The same pictures in one run of the command line.
    bench
        .run(&[
            "verify",
            "in",
            "--jsonl",
            "cli.jsonl",
            "--csv",
            "cli.csv",
            "--parquet",
            "cli.parquet",
        ])
        .code(2);
    let result = |form: &str| {
        get(&server.url, &key, &format!("{job}/results?format={form}"))
            .status(200)
            .body
    };
    let told = lines(&result("jsonl"));
    assert_eq!(told.len(), 60);
    assert_eq!(told, lines(&bench.read("cli.jsonl")));
    let partial = lines(&partial.body);
    assert_eq!(
        partial[..],
        told[..partial.len()],
        "what was told early holds"
    );
    for (name, form) in [("csv", Form::Csv), ("parquet", Form::Parquet)] {
        bench.write(&format!("job.{name}"), &result(name));
        let (ours, theirs) = (format!("job.{name}"), format!("cli.{name}"));
        assert_eq!(
            table(&bench, &ours, form),
            table(&bench, &theirs, form),
            "{name}"
        );
    }

    // Refused for now, so sent again; the same message, signed anew.
    let (first, _) = posted.recv_timeout(Duration::from_mins(1)).unwrap();
    let (head, message) = posted.recv_timeout(Duration::from_mins(1)).unwrap();
    assert_eq!(field(&first, "webhook-id"), field(&head, "webhook-id"));
    let headers = Headers {
        id: field(&head, "webhook-id").unwrap(),
        timestamp: field(&head, "webhook-timestamp").unwrap().parse().unwrap(),
        signature: field(&head, "webhook-signature").unwrap(),
    };
    assert_eq!(
        verify(&[secret], &[], &headers, message.as_bytes(), now()),
        Ok(())
    );
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["type"], "job.completed");
    assert_eq!(message["data"]["job"], job.as_str());
    assert_eq!(message["data"]["outcomes"], body["outcomes"]);
    assert!(!message.to_string().contains(".jpg"), "counts, no names");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn jobs_are_bounded_kept_apart_and_called_off() {
    let bench = Bench::new();
    bench
        .run(&["keys", "init", "--ledger-name", "ledger.example"])
        .code(0);
    let (own, other) = (key(&bench, "own"), key(&bench, "other"));
    let server = Server::start(&bench);
    let post = |key: &str, kind: &str, body: &[u8]| -> Answer {
        ask(&server.url, key, "POST", "/v1/jobs", kind, body)
    };
    // Bad requests are told apart, and leave nothing.
    post("nothing", "application/zip", b"").status(401);
    post(&own, "image/png", b"x").status(415);
    post(&own, "application/zip", b"no archive").status(400);
    post(
        &own,
        "application/zip",
        &pack_zip([("a.txt", &b"x"[..])]).unwrap(),
    )
    .status(400);
    post(&own, "application/json", br#"{"urls": [], "colour": 1}"#).status(400);
    let bad = post(
        &own,
        "application/json",
        br#"{"urls": ["file:///etc/passwd"]}"#,
    )
    .status(400);
    assert_eq!(bad.json()["pointer"], "/urls/0");
    post(&own, "application/jsonl", b"{\"id\": 1}\n").status(400);
    let listed = get(&server.url, &own, "/v1/jobs").status(200).json();
    assert_eq!(listed["jobs"], json!([]));

    // A form, with names that lead nowhere.
    let picture = jpeg(&scene(3, 160, 120), 90);
    let mut form = Vec::new();
    for name in ["../../a.jpg", "b.jpg"] {
        form.extend(
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n"
            )
            .bytes(),
        );
        form.extend(&picture);
        form.extend(b"\r\n");
    }
    form.extend(b"--x--\r\n");
    let sent = post(&own, "multipart/form-data; boundary=x", &form).status(202);
    let job = sent.header("location").unwrap().to_owned();
    wait(&server, &own, &job);
    let rows = lines(
        &get(&server.url, &own, &format!("{job}/results"))
            .status(200)
            .body,
    );
    assert_eq!(rows[0]["file"], "a.jpg");
    assert_eq!(rows[1]["duplicate_of"], "a.jpg");

    // Addresses: where strangers may not have things fetched, the row says so, and what the list says comes back.
    let list = b"{\"url\": \"https://127.0.0.1/x.png\", \"case\": 7}\n\"https://10.0.0.1/y.png\"\n";
    let sent = post(&own, "application/x-ndjson", list).status(202);
    let urls = sent.header("location").unwrap().to_owned();
    let body = wait(&server, &own, &urls);
    assert_eq!(
        (body["state"].as_str(), body["errors"]["request"].as_u64()),
        (Some("done"), Some(2))
    );
    let rows = lines(
        &get(&server.url, &own, &format!("{urls}/results"))
            .status(200)
            .body,
    );
    assert_eq!(
        (rows[0]["input"]["case"].as_u64(), rows[1]["file"].as_str()),
        (Some(7), Some("https://10.0.0.1/y.png"))
    );

    // Another tenant sees nothing.
    for path in [
        job.clone(),
        format!("{job}/results"),
        format!("{job}/events"),
    ] {
        get(&server.url, &other, &path).status(404);
    }
    ask(&server.url, &other, "DELETE", &job, "text/plain", b"").status(404);
    assert_eq!(
        get(&server.url, &other, "/v1/jobs").status(200).json()["jobs"],
        json!([])
    );

    // Called off, then removed.
    let many: Vec<(String, Vec<u8>)> = (0..200)
        .map(|number| (format!("{number}.jpg"), jpeg(&scene(number, 160, 120), 90)))
        .collect();
    let many = pack_zip(many.iter().map(|(name, bytes)| (name.as_str(), &**bytes))).unwrap();
    let sent = post(&own, "application/zip", &many).status(202);
    let long = sent.header("location").unwrap().to_owned();
    let cancelled = ask(&server.url, &own, "DELETE", &long, "text/plain", b"").status(200);
    assert_eq!(cancelled.json()["state"], "cancelled");
    get(&server.url, &own, &format!("{long}/results?format=csv")).status(200);
    ask(&server.url, &own, "DELETE", &long, "text/plain", b"").status(204);
    get(&server.url, &own, &long).status(404);

    // Webhooks: nothing that is not http, none of another tenant.
    for (url, status) in [
        ("ftp://a.example/", 400),
        ("https://169.254.169.254/", 400),
        ("https://hooks.example/", 201),
    ] {
        let body = json!({"url": url, "signature": "ed25519"}).to_string();
        let made = ask(
            &server.url,
            &own,
            "POST",
            "/v1/webhooks",
            "application/json",
            body.as_bytes(),
        )
        .status(status);
        if status == 201 {
            let made = made.json();
            assert!(made["public_key"].as_str().unwrap().starts_with("whpk_"));
            let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
            get(&server.url, &own, &path).status(200);
            get(&server.url, &other, &path).status(404);
            ask(&server.url, &own, "DELETE", &path, "text/plain", b"").status(204);
        }
    }
    // A full stop leaves the jobs; the next start has them.
    drop(server);
    let server = Server::start(&bench);
    assert_eq!(
        get(&server.url, &own, &job).status(200).json()["state"],
        "done"
    );
}

/// `COLOPHON_PICTURES=1000 cargo test --release -p colophon --test cli -- --ignored --nocapture a_thousand`
#[test]
#[ignore = "takes minutes; prints the figures of docs/decisions/0028-jobs.md"]
fn a_thousand_pictures_in_one_job() {
    let many: u32 = std::env::var("COLOPHON_PICTURES").map_or(1000, |many| many.parse().unwrap());
    let bench = Bench::new();
    bench
        .run(&["keys", "init", "--ledger-name", "ledger.example"])
        .code(0);
    let key = key(&bench, "own");
    fs::create_dir(bench.path("in")).unwrap();
    let files: Vec<(String, Vec<u8>)> = (0..many)
        .map(|number| {
            (
                format!("in/{number:05}.jpg"),
                jpeg(&scene(number, 512, 384), 90),
            )
        })
        .collect();
    for (name, bytes) in &files {
        bench.write(name, bytes);
    }
    let archive = pack_zip(files.iter().map(|(name, bytes)| (name.as_str(), &**bytes))).unwrap();
    let server = Server::start(&bench);
    let (url, posted) = receiver();
    let hook = json!({"url": url}).to_string();
    ask(
        &server.url,
        &key,
        "POST",
        "/v1/webhooks",
        "application/json",
        hook.as_bytes(),
    )
    .status(201);
    let begun = std::time::Instant::now();
    let sent = ask(
        &server.url,
        &key,
        "POST",
        "/v1/jobs",
        "application/zip",
        &archive,
    )
    .status(202);
    let taken = begun.elapsed();
    let job = sent.header("location").unwrap().to_owned();
    let events = follow(&server.url, &key, &format!("{job}/events"), None, |_| false);
    let done = begun.elapsed();
    // A stream ends with its connection; what is missing is asked for.
    let body = wait(&server, &key, &job);
    posted.recv_timeout(Duration::from_mins(1)).unwrap();
    let told = begun.elapsed();
    let status =
        fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap_or_default();
    let memory = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or_default();
    eprintln!(
        "{many} pictures, {} MB: taken in {taken:?}, done in {done:?}, told in {told:?}",
        archive.len() >> 20
    );
    eprintln!(
        "{:.1} pictures a second; {} rows followed; {memory}",
        f64::from(many) / done.saturating_sub(taken).as_secs_f64(),
        row_ids(&events).len()
    );
    for form in ["jsonl", "csv", "parquet"] {
        let begun = std::time::Instant::now();
        let result = get(&server.url, &key, &format!("{job}/results?format={form}")).status(200);
        eprintln!(
            "{form}: {} KB in {:?}",
            result.body.len() >> 10,
            begun.elapsed()
        );
    }
    assert_eq!(body["done"], many);
    drop(server);
    let begun = std::time::Instant::now();
    bench.run(&["verify", "in", "--jsonl", "cli.jsonl"]);
    eprintln!(
        "the command line alone: {:.1} pictures a second",
        f64::from(many) / begun.elapsed().as_secs_f64()
    );
}
