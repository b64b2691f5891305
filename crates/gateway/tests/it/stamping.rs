//! Time-stamps of an authority that OpenSSL plays.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use colophon_gateway::{GatewayError, TimeStampAuthority};
use tempfile::TempDir;

use crate::service::start;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
const SOON: Duration = Duration::from_secs(20);

const SETTINGS: &str = "
[tsa]
default_tsa = theirs
[theirs]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[stamps]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[req]
distinguished_name = name
[name]
";

fn openssl(folder: &Path, args: &[&str]) -> Option<bool> {
    match Command::new("openssl")
        .args(args)
        .current_dir(folder)
        .output()
    {
        Ok(output) => Some(output.status.success()),
        Err(error) => {
            assert!(
                std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
                "openssl is required: {error}"
            );
            eprintln!("SKIPPED: openssl is not installed");
            None
        }
    }
}

/// A folder with an authority: a root, and a leaf for time-stamps.
fn authority() -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("tsa.cnf"), SETTINGS).unwrap();
    fs::write(path.join("serial"), "01\n").unwrap();
    let root = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
        "-days",
        "3",
        "-subj",
        "/CN=Root of stamps",
    ];
    openssl(path, &root)?;
    let request = [
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "leaf.key",
        "-out",
        "leaf.csr",
        "-subj",
        "/CN=Stamps",
    ];
    assert_eq!(openssl(path, &request), Some(true));
    let leaf = [
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "tsa.cnf",
        "-extensions",
        "stamps",
        "-out",
        "leaf.pem",
    ];
    assert_eq!(openssl(path, &leaf), Some(true));
    Some(folder)
}

#[test]
fn a_time_stamp_comes_back_and_openssl_accepts_it() {
    let Some(folder) = authority() else { return };
    let folder = Arc::new(folder);
    let theirs = Arc::clone(&folder);
    let url = start(move |asked| {
        assert_eq!(asked.line, "POST /tsa");
        assert_eq!(
            (asked.header("content-type"), asked.header("accept")),
            (QUERY, REPLY)
        );
        let path = theirs.path();
        fs::write(path.join("got.tsq"), &asked.body).unwrap();
        let reply = [
            "ts",
            "-reply",
            "-config",
            "tsa.cnf",
            "-queryfile",
            "got.tsq",
            "-inkey",
            "leaf.key",
            "-signer",
            "leaf.pem",
            "-chain",
            "root.pem",
            "-out",
            "reply.tsr",
        ];
        assert_eq!(openssl(path, &reply), Some(true));
        (200, REPLY, fs::read(path.join("reply.tsr")).unwrap())
    });
    let path = folder.path();
    fs::write(path.join("data"), "a signature").unwrap();
    let query = [
        "ts",
        "-query",
        "-data",
        "data",
        "-sha256",
        "-cert",
        "-out",
        "query.tsq",
    ];
    assert_eq!(openssl(path, &query), Some(true));
    let client = TimeStampAuthority::new(&format!("{url}/tsa"), SOON, None).unwrap();
    let response = client
        .stamp(&fs::read(path.join("query.tsq")).unwrap())
        .unwrap();
    fs::write(path.join("ours.tsr"), response).unwrap();
    let verify = [
        "ts",
        "-verify",
        "-queryfile",
        "query.tsq",
        "-in",
        "ours.tsr",
        "-CAfile",
        "root.pem",
    ];
    assert_eq!(openssl(path, &verify), Some(true));

    // Asked with a digest that the authority does not take, it answers with a rejection.
    let query = ["ts", "-query", "-data", "data", "-sha1", "-out", "weak.tsq"];
    assert_eq!(openssl(path, &query), Some(true));
    let refused = client.stamp(&fs::read(path.join("weak.tsq")).unwrap());
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("PKIStatus 2"), "{text}");
}

#[test]
fn what_is_no_time_stamp_is_refused() {
    let answered = |status, media_type: &'static str, body: &'static [u8]| {
        let url = start(move |_| (status, media_type, body.to_vec()));
        let error = TimeStampAuthority::new(&url, SOON, None)
            .unwrap()
            .stamp(b"query");
        assert!(matches!(error, Err(GatewayError::Service { .. })));
        error.unwrap_err().to_string()
    };
    assert!(answered(500, REPLY, b"").contains("500"));
    assert!(answered(302, REPLY, b"").contains("302"));
    assert!(answered(200, "text/html", b"<p>").contains("text/html"));
    assert!(answered(200, REPLY, b"no DER").contains("no time-stamp"));
    for url in [
        "http://tsa.example/",
        "http://192.168.1.1/",
        "file:///x",
        "x",
    ] {
        assert!(TimeStampAuthority::new(url, SOON, None).is_err(), "{url}");
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = TimeStampAuthority::new(&url, Duration::from_millis(200), None).unwrap();
    let text = client.stamp(b"query").unwrap_err().to_string();
    assert!(text.contains("too long"), "{text}");
}
