//! Keys over time: what was issued before stays good, what is revoked is doubted.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::support::{Bench, photo};

/// A home of its own, since keys change, with one issued picture.
fn issued() -> Bench {
    let bench = Bench::new();
    bench.write("first.jpg", &photo(1));
    bench
        .run(&["stamp", "first.jpg", "-o", "stamped.jpg"])
        .code(0);
    bench
}

fn verified(bench: &Bench, file: &str) -> Value {
    bench.run(&["verify", "--json", file]).json().remove(0)
}

fn verdict<'a>(report: &'a Value, which: &str) -> &'a str {
    let state = &report["evidence"]["manifest"]["verdicts"][which]["state"];
    state.as_str().unwrap()
}

fn keys(bench: &Bench) -> Vec<Value> {
    bench.run(&["keys", "list", "--json"]).code(0).json()
}

fn of_role<'a>(keys: &'a [Value], role: &str) -> Vec<&'a Value> {
    keys.iter().filter(|key| key["role"] == role).collect()
}

#[test]
fn pictures_of_former_keys_stay_good() {
    let bench = issued();
    for role in [
        "watermark",
        "signer",
        "root",
        "issuing",
        "signer",
        "policy",
        "receipt",
    ] {
        bench.run(&["keys", "rotate", role]).code(0).says("rotated");
    }
    bench.write("second.jpg", &photo(2));
    bench
        .run(&["stamp", "second.jpg", "-o", "second-out.png"])
        .code(0);
    let former = verified(&bench, "stamped.jpg");
    assert_eq!(verdict(&former, "trust"), "trusted-local");
    assert_eq!(former["outcome"], "evidence-found");
    let all = keys(&bench);
    let first = of_role(&all, "watermark")[0]["id"].clone();
    assert_eq!(former["evidence"]["watermark"]["former_key"], first);
    let present = verified(&bench, "second-out.png");
    assert_eq!(verdict(&present, "trust"), "trusted-local");
    assert_eq!(present["evidence"]["watermark"]["former_key"], Value::Null);
    let states: Vec<_> = of_role(&all, "signer")
        .iter()
        .map(|key| key["state"].clone())
        .collect();
    assert_eq!(states, ["retired", "retired", "active"]);
    bench.run(&["keys", "check"]).code(0);
    bench.run(&["keys", "list"]).code(0).says("retired");
}

#[test]
fn the_ledgers_key_rotates_with_a_new_shard() {
    let bench = issued();
    bench.run(&["keys", "rotate", "ledger"]).code(0);
    bench.write("second.jpg", &photo(2));
    bench
        .run(&["stamp", "second.jpg", "-o", "second-out.png"])
        .code(0);
    for file in ["stamped.jpg", "second-out.png"] {
        let report = verified(&bench, file);
        assert_eq!(report["outcome"], "evidence-found", "{report}");
    }
    bench.run(&["ledger", "fsck"]).code(0);
}

#[test]
fn a_revoked_signer_is_doubted_and_replaced() {
    let bench = issued();
    bench
        .run(&[
            "keys",
            "revoke",
            "signer",
            "--reason",
            "boredom",
            "--from",
            "2020-01-01",
        ])
        .code(2)
        .says("keyCompromise");
    bench
        .run(&[
            "keys",
            "revoke",
            "signer",
            "--reason",
            "keyCompromise",
            "--from",
            "soon",
        ])
        .code(2)
        .says("such as");
    let revoke = [
        "keys",
        "revoke",
        "signer",
        "--reason",
        "keyCompromise",
        "--from",
        "2020-01-01",
    ];
    bench.run(&revoke).code(0).says("revoked");
    let report = verified(&bench, "stamped.jpg");
    assert_eq!(verdict(&report, "revocation"), "revoked-here");
    assert_ne!(report["verdict"]["rule"], "issued-and-unchanged");
    bench.write("second.jpg", &photo(2));
    bench
        .run(&["stamp", "second.jpg", "-o", "none.png"])
        .code(2)
        .says("keys rotate");
    assert!(!bench.path("none.png").exists());
    bench.run(&["keys", "rotate", "signer"]).code(0);
    bench
        .run(&["stamp", "second.jpg", "-o", "second-out.png"])
        .code(0);
    let report = verified(&bench, "second-out.png");
    assert_eq!(verdict(&report, "trust"), "trusted-local");
    assert_ne!(verdict(&report, "revocation"), "revoked-here");
}

#[test]
fn public_keys_are_listed_under_the_policy_keys_signature() {
    let bench = issued();
    bench.run(&["keys", "rotate", "signer"]).code(0);
    bench
        .run(&["keys", "export-public", "-o", "keys.note"])
        .code(0);
    let note = String::from_utf8(bench.read("keys.note")).unwrap();
    let (text, signature) = note.split_once("\n\n").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "io.colophon.public-keys/1");
    let listed: Vec<Value> = lines[2..]
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(listed.len(), keys(&bench).len());
    let policy = of_role(&listed, "policy")[0]["verifier_key"]
        .as_str()
        .unwrap();
    let name = policy.split('+').next().unwrap();
    assert!(
        signature.starts_with(&format!("\u{2014} {name} ")),
        "{signature}"
    );
    assert!(!note.contains("PRIVATE"));
    // Never over a file that is there.
    bench
        .run(&["keys", "export-public", "-o", "keys.note"])
        .code(2);
}

#[test]
fn a_backup_brings_the_keys_back() {
    let bench = issued();
    bench.write("words", b"correct horse\n");
    let words = ["--backup-passphrase-file", "words"];
    bench
        .run(&[&["keys", "backup", "keys.backup"][..], &words].concat())
        .code(0);
    bench
        .run(&[&["keys", "restore", "keys.backup"][..], &words].concat())
        .code(2)
        .says("already holds");
    fs::rename(bench.path("home/keys"), bench.path("lost")).unwrap();
    bench
        .run(&[&["keys", "restore", "keys.backup"][..], &words].concat())
        .code(0);
    assert_eq!(bench.names("home/keys"), bench.names("lost"));
    assert_eq!(verified(&bench, "stamped.jpg")["outcome"], "evidence-found");
}

/// Whether OpenSSL ran; `None` without it.
fn openssl(folder: &Path, script: &str) -> Option<()> {
    if Command::new("openssl").arg("version").output().is_err() {
        let required = std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() == Ok("1");
        assert!(!required, "openssl is required");
        eprintln!("SKIPPED: openssl is not installed");
        return None;
    }
    let output = Command::new("bash")
        .args(["-ec", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(())
}

const SETTINGS: &str = "
[tsa]
default_tsa = theirs
[theirs]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[signer]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
extendedKeyUsage=emailProtection
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[stamps]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[req]
distinguished_name=name
[name]
";

const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

#[test]
fn another_authority_certifies_the_signer() {
    let bench = issued();
    bench.write("cnf", SETTINGS.as_bytes());
    bench
        .run(&[
            "keys",
            "rotate",
            "signer",
            "--prepare",
            "--algorithm",
            "es256",
        ])
        .code(0)
        .says("keys csr");
    bench.run(&["keys", "csr", "-o", "signer.csr"]).code(0);
    let script = format!(
        "openssl req -x509 {EC} -config cnf -extensions authority -keyout root.key -out root.pem -days 90 -subj '/O=Some CA/CN=Some root'
         openssl x509 -req -in signer.csr -CA root.pem -CAkey root.key -CAcreateserial -days 60 -extfile cnf -extensions signer -out leaf.pem
         cat leaf.pem root.pem > chain.pem"
    );
    let Some(()) = openssl(&bench.path("."), &script) else {
        return;
    };
    bench
        .run(&["keys", "import-certificate", "leaf.pem"])
        .code(2)
        .says("root");
    bench
        .run(&["keys", "import-certificate", "chain.pem"])
        .code(0)
        .says("new certificate");
    bench.write("second.jpg", &photo(2));
    bench
        .run(&["stamp", "second.jpg", "-o", "second-out.png"])
        .code(0);
    let report = verified(&bench, "second-out.png");
    assert_eq!(verdict(&report, "signature"), "valid");
    // Installed is not trusted: that is said by a list alone.
    assert_eq!(verdict(&report, "trust"), "untrusted");
    bench
        .run(&[
            "trust", "import", "root.pem", "--name", "theirs", "--kind", "official",
        ])
        .code(0);
    let report = verified(&bench, "second-out.png");
    assert_eq!(verdict(&report, "trust"), "trusted-official");
    bench.run(&["keys", "check"]).code(0);
}

/// A time-stamp authority of OpenSSL's behind a server of this machine; its address.
fn authority(folder: &Path) -> Option<String> {
    fs::write(folder.join("cnf"), SETTINGS).unwrap();
    let script = format!(
        "echo 01 > serial
         openssl req -x509 {EC} -config cnf -extensions authority -keyout tsroot.key -out tsroot.pem -days 90 -subj '/CN=Root of stamps'
         openssl req {EC} -config cnf -keyout ts.key -out ts.csr -subj '/O=Stamps/CN=Stamper'
         openssl x509 -req -in ts.csr -CA tsroot.pem -CAkey tsroot.key -CAcreateserial -days 60 -extfile cnf -extensions stamps -out ts.pem"
    );
    openssl(folder, &script)?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut query = vec![0; length];
            reader.read_exact(&mut query).unwrap();
            fs::write(folder.join("tsq"), query).unwrap();
            openssl(
                &folder,
                "openssl ts -reply -config cnf -queryfile tsq -inkey ts.key -signer ts.pem -chain tsroot.pem -out tsr",
            );
            let reply = fs::read(folder.join("tsr")).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                reply.len()
            );
            stream
                .write_all(&[head.as_bytes(), &reply].concat())
                .unwrap();
        }
    });
    Some(url)
}

#[test]
fn time_stamps_are_asked_for_only_when_named() {
    let bench = issued();
    let Some(url) = authority(&bench.path(".")) else {
        return;
    };
    assert_eq!(
        verdict(&verified(&bench, "stamped.jpg"), "time"),
        "unstamped"
    );
    bench.write("second.jpg", &photo(2));
    let stamp =
        |url: &str, out: &str| bench.run(&["stamp", "second.jpg", "--timestamp", url, "-o", out]);
    stamp(&url, "stamped.png").code(0);
    assert_eq!(
        verdict(&verified(&bench, "stamped.png"), "time"),
        "stamped-untrusted"
    );
    bench
        .run(&[
            "trust",
            "import",
            "tsroot.pem",
            "--name",
            "stamps",
            "--kind",
            "local",
            "--for",
            "time-stamps",
        ])
        .code(0);
    let report = verified(&bench, "stamped.png");
    assert_eq!(verdict(&report, "time"), "stamped");
    let grades: Vec<_> = report["evidence"]["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["grade"].clone())
        .collect();
    assert!(
        grades.contains(&"stamped".into()) && grades.contains(&"logged".into()),
        "{grades:?}"
    );

    // Compromised after the stamped time: that picture stays good, the one without a stamp is doubted.
    bench
        .run(&[
            "keys",
            "revoke",
            "signer",
            "--reason",
            "keyCompromise",
            "--from",
            "2099-01-01",
        ])
        .code(0);
    assert_eq!(
        verdict(&verified(&bench, "stamped.png"), "revocation"),
        "revoked-later"
    );
    assert_eq!(
        verdict(&verified(&bench, "stamped.jpg"), "revocation"),
        "revoked-here"
    );
    bench.run(&["keys", "rotate", "signer"]).code(0);

    stamp("http://127.0.0.1:1/", "none.png")
        .code(2)
        .says("no time-stamp");
    assert!(!bench.path("none.png").exists());
    stamp("http://tsa.example/", "none.png")
        .code(2)
        .says("https");
    bench.write(
        "home/config.toml",
        b"[signing]\ntimestamp_required = false\n",
    );
    stamp("http://127.0.0.1:1/", "without.png")
        .code(0)
        .says("without a time-stamp");
    assert_eq!(
        verdict(&verified(&bench, "without.png"), "time"),
        "unstamped"
    );
    bench.write(
        "home/config.toml",
        format!("[signing]\ntimestamp_url = \"{url}\"\n").as_bytes(),
    );
    bench
        .run(&["stamp", "second.jpg", "-o", "by-settings.png"])
        .code(0);
    assert_eq!(
        verdict(&verified(&bench, "by-settings.png"), "time"),
        "stamped"
    );
}
