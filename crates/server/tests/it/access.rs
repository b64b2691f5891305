//! Keys over HTTP; people of an OpenID provider that somebody else wrote.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use colophon_accounts::KeyText;
use colophon_accounts::oidc::{OidcSettings, Provider, Web};
use colophon_gateway::IdentityClient;
use colophon_imaging::Limits as PictureLimits;
use colophon_provenance::{Home, Issuer, Language, Report, ReportError};
use colophon_server::{
    Access, CheckFailure, Checked, Checks, Identity, Limits, Service, Settings, Wanted,
    service_routes,
};
use serde_json::{Value, json};

use crate::running::{Reply, Running, ask};

/// There is nothing to check here.
struct NoChecks;

impl Checks for NoChecks {
    fn check(&self, _: &str, _: &[u8], _: Wanted) -> Result<Checked, CheckFailure> {
        Err(CheckFailure(String::new()))
    }

    fn unchecked(&self, _: &str, _: ReportError, _: Language) -> Result<Report, CheckFailure> {
        Err(CheckFailure(String::new()))
    }

    fn limits(&self) -> PictureLimits {
        PictureLimits::default()
    }

    fn at_once(&self) -> usize {
        1
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs() as i64
}

/// A service for these callers.
fn serve(home: &Home, access: Access, address: SocketAddr) -> Running {
    let issuer = Arc::new(Issuer::open(home, None, now()).unwrap());
    let settings = Settings::default();
    let service = Service::new(
        home.clone(),
        issuer,
        Arc::new(NoChecks),
        settings,
        Arc::new(now),
    );
    let routes = service_routes(Arc::new(service.with_access(access)));
    Running::start_at(address, routes, Limits::default())
}

struct Bench {
    _folder: tempfile::TempDir,
    home: Home,
    running: Running,
    owner: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        let owner = KeyText::draw().unwrap();
        let access = Access::of(&home).with_owner(owner.clone());
        let running = serve(&home, access, "127.0.0.1:0".parse().unwrap());
        Self {
            _folder: folder,
            home,
            running,
            owner: owner.expose().to_string(),
        }
    }

    fn send(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> (Reply, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let key = key.map_or(String::new(), |key| {
            format!("Authorization: Bearer {key}\r\n")
        });
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = ask(self.running.address(), request.as_bytes());
        let value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        (reply, value)
    }

    fn made(&self, by: &str, key: &Value) -> (String, Value) {
        let (reply, mut made) = self.send("POST", "/v1/access/keys", Some(by), key);
        assert_eq!(reply.status, 201, "{made}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let text = made["key"].take();
        (text.as_str().unwrap().to_owned(), made)
    }
}

#[test]
fn a_key_is_made_used_listed_and_revoked() {
    let bench = Bench::new();
    let (_, nobody) = bench.send("GET", "/v1/whoami", None, &Value::Null);
    assert_eq!(
        (&nobody["kind"], &nobody["scopes"]),
        (&json!("anonymous"), &json!(["verify", "read"]))
    );
    let (_, owner) = bench.send("GET", "/v1/whoami", Some(&bench.owner), &Value::Null);
    assert_eq!(
        (&owner["kind"], &owner["owner"]),
        (&json!("owner"), &json!(true))
    );

    let wanted = json!({"name": "studio", "tenant": "news", "scopes": ["issue", "admin"], "expires_at": "2999-01-01T00:00:00Z"});
    let (key, made) = bench.made(&bench.owner, &wanted);
    assert_eq!(
        (&made["state"], &made["teams"]),
        (&json!("active"), &json!(["makers"]))
    );
    let (_, who) = bench.send("GET", "/v1/whoami", Some(&key), &Value::Null);
    assert_eq!(who["principal"], "api-key:news/studio");

    // Nobody makes a key for more than the own one is for.
    for (more, at) in [
        (
            json!({"name": "x", "scopes": ["issue", "export"]}),
            "/scopes",
        ),
        (
            json!({"name": "x", "scopes": ["issue"], "tenant": "own"}),
            "/tenant",
        ),
        (
            json!({"name": "x", "scopes": ["issue"], "teams": ["auditors"]}),
            "/teams",
        ),
    ] {
        let (reply, problem) = bench.send("POST", "/v1/access/keys", Some(&key), &more);
        assert_eq!(
            (reply.status, &problem["pointer"]),
            (403, &json!(at)),
            "{problem}"
        );
    }
    let (plain, under) = bench.made(&key, &json!({"name": "desk", "scopes": ["issue"]}));
    assert_eq!(under["tenant"], "news");
    let (reply, _) = bench.send("GET", "/v1/access/keys", Some(&plain), &Value::Null);
    assert_eq!(reply.status, 403);
    let (reply, _) = bench.send("GET", "/v1/access/keys", None, &Value::Null);
    assert_eq!(
        (reply.status, reply.header("www-authenticate")),
        (401, Some("Bearer"))
    );

    // Tenants do not see each other's keys.
    let (other, _) = bench.made(
        &bench.owner,
        &json!({"name": "o", "tenant": "other", "scopes": ["admin"]}),
    );
    let (_, listed) = bench.send("GET", "/v1/access/keys", Some(&other), &Value::Null);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/access/keys/{id}");
    let (reply, _) = bench.send("DELETE", &path, Some(&other), &Value::Null);
    assert_eq!(reply.status, 404);
    let (_, all) = bench.send("GET", "/v1/access/keys", Some(&bench.owner), &Value::Null);
    assert_eq!(all["keys"].as_array().unwrap().len(), 3);
    assert!(!all.to_string().contains(&key[18..]), "no secret is listed");
    assert!(all["keys"][0]["last_used"].is_string());

    let (reply, revoked) = bench.send("DELETE", &path, Some(&bench.owner), &Value::Null);
    assert_eq!((reply.status, &revoked["state"]), (200, &json!("revoked")));
    let (reply, problem) = bench.send("GET", "/v1/whoami", Some(&key), &Value::Null);
    assert_eq!(reply.status, 401, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("revoked"));

    // By another process, and at once.
    let keys = colophon_accounts::Keys::new(bench.home.root.join("access"));
    keys.revoke(under["id"].as_str().unwrap().parse().unwrap(), now())
        .unwrap();
    let (reply, _) = bench.send("GET", "/v1/whoami", Some(&plain), &Value::Null);
    assert_eq!(reply.status, 401);
}

#[test]
fn what_cannot_be_a_key_is_refused_by_name() {
    let bench = Bench::new();
    for (bad, status) in [
        (json!({"name": "x"}), 400),
        (json!({"name": "x", "scopes": ["root"]}), 400),
        (json!({"name": "x", "scopes": ["issue"], "scope": 1}), 400),
        (
            json!({"name": "x", "scopes": ["issue"], "tenant": "A B"}),
            400,
        ),
        (
            json!({"name": "x", "scopes": ["issue"], "expires_at": "tomorrow"}),
            400,
        ),
        (
            json!({"name": "x", "scopes": ["issue"], "expires_at": "2001-01-01T00:00:00Z"}),
            422,
        ),
        (json!({"name": "a/b", "scopes": ["issue"]}), 422),
        (json!({"name": "x", "scopes": []}), 422),
        (
            json!({"name": "x", "scopes": ["issue"], "limits": {"bytes_per_day": 0}}),
            422,
        ),
        (json!([]), 400),
    ] {
        let (reply, problem) = bench.send("POST", "/v1/access/keys", Some(&bench.owner), &bad);
        assert_eq!(reply.status, status, "{bad}: {problem}");
        assert!(problem["detail"].is_string(), "{problem}");
    }
    for path in ["/v1/access/keys/x", "/v1/access/keys/aaaaaaaa"] {
        let (reply, _) = bench.send("DELETE", path, Some(&bench.owner), &Value::Null);
        assert_eq!(reply.status, 404);
    }
    let (reply, problem) = bench.send("GET", "/auth/login", None, &Value::Null);
    assert_eq!(reply.status, 501, "{problem}");
}

struct Network(IdentityClient);

impl Web for Network {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        self.0.get(url).map_err(|error| error.to_string())
    }

    fn post_form(&self, url: &str, form: &str) -> Result<Vec<u8>, String> {
        self.0
            .post_form(url, form)
            .map_err(|error| error.to_string())
    }
}

/// Python with `oidc-provider-mock`, or `None` with the reason printed.
fn python() -> Option<String> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import oidc_provider_mock, httpx"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        found || std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
        "{python} with oidc-provider-mock is needed"
    );
    if !found {
        println!("SKIPPED: there is no {python} with oidc-provider-mock");
    }
    found.then_some(python)
}

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn people_of_a_foreign_provider_sign_on_and_show_its_tokens() {
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/oidc.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let issuer = next()["issuer"].as_str().unwrap().to_owned();

    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    let settings = OidcSettings {
        client_secret: Some("x".to_owned()),
        ..OidcSettings::new(issuer.as_str(), "colophon")
    };
    let provider = Provider::new(settings, Arc::new(Network(IdentityClient::default()))).unwrap();
    let address = free();
    let url = format!("http://{address}");
    let access = Access::of(&home).with_identity(Identity::new(provider, &url));
    let _running = serve(&home, access, address);
    writeln!(child.stdin.take().unwrap(), "{url}").unwrap();

    let good = next();
    assert_eq!(
        (&good["bearer"], &good["status"]),
        (&json!("good"), &json!(200)),
        "{good}"
    );
    let who = &good["who"];
    assert_eq!(
        (&who["principal"], &who["teams"]),
        (&json!("user:ida"), &json!(["makers", "desk"]))
    );
    for name in ["other", "altered"] {
        let bad = next();
        assert_eq!(
            (&bad["bearer"], &bad["status"]),
            (&json!(name), &json!(401)),
            "{bad}"
        );
    }
    let begun = next();
    assert_eq!(
        (&begun["begun"], &begun["stolen"]),
        (&json!(303), &json!(403)),
        "{begun}"
    );
    assert!(
        begun["at_issuer"]
            .as_str()
            .unwrap()
            .contains("code_challenge_method=S256")
    );
    let cookie = begun["cookie"].as_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let ended = next();
    assert_eq!(
        (&ended["ended"], &ended["to"]),
        (&json!(303), &json!("/records/1")),
        "{ended}"
    );
    assert_eq!(ended["again"], 403, "a state is good once");
    let session = ended["cookies"][0].as_str().unwrap();
    assert!(
        session.contains("HttpOnly") && session.contains("SameSite=Strict"),
        "{session}"
    );
    let session = next();
    assert_eq!(
        (&session["session"], &session["who"]["kind"]),
        (&json!(200), &json!("user")),
        "{session}"
    );
    assert_eq!(session["who"]["principal"], "user:ida");
    let out = next();
    assert_eq!(
        out,
        json!({"without": 403, "wrong": 403, "right": 204, "after": "anonymous"})
    );
    assert_eq!(next()["refused"], 403);
    assert!(child.wait().unwrap().success());
}
