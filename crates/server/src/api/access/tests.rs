//! The layer around a small router, over a real home.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use colophon_accounts::{Caller, KeyText, Limits as KeyLimits, NewKey, Scope, Tenant};
use colophon_imaging::Limits;
use colophon_ledger::Decisions;
use colophon_policy::{Files, Operation};
use colophon_provenance::{Home, Issuer, Language, Report, ReportError};
use tower::ServiceExt as _;

use super::Access;
use crate::api::caller::From;
use crate::api::ports::{CheckFailure, Checked, Checks, Wanted};
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::{Service, Settings};

const NOW: i64 = 1_795_168_800;

/// There is nothing to check here.
struct NoChecks;

impl Checks for NoChecks {
    fn check(&self, _: &str, _: &[u8], _: Wanted) -> Result<Checked, CheckFailure> {
        Err(CheckFailure(String::new()))
    }

    fn unchecked(&self, _: &str, _: ReportError, _: Language) -> Result<Report, CheckFailure> {
        Err(CheckFailure(String::new()))
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn at_once(&self) -> usize {
        1
    }
}

/// A service with a clock that is set by hand, and a count of what was carried out.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    done: Arc<AtomicU32>,
    service: Arc<Service>,
    owner: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(NOW));
        let (service, owner) = Self::service(&folder, &clock);
        Self {
            folder,
            clock,
            done: Arc::default(),
            service,
            owner,
        }
    }

    fn service(folder: &tempfile::TempDir, clock: &Arc<AtomicI64>) -> (Arc<Service>, String) {
        let home = Home::new(folder.path().join("home"));
        let issuer = Arc::new(Issuer::open(&home, None, NOW).unwrap());
        let owner = KeyText::draw().unwrap();
        let access = Access::of(&home).with_owner(owner.clone());
        let now = Arc::clone(clock);
        let clock = Arc::new(move || now.load(Ordering::SeqCst));
        let service = Service::new(home, issuer, Arc::new(NoChecks), Settings::default(), clock);
        (
            Arc::new(service.with_access(access)),
            owner.expose().to_string(),
        )
    }

    fn key(&self, name: &str, tenant: &str, scopes: &[Scope], limits: KeyLimits) -> String {
        let key = NewKey {
            name: name.to_owned(),
            tenant: tenant.parse().unwrap(),
            scopes: scopes.iter().copied().collect(),
            teams: None,
            expires: None,
            limits,
        };
        let (text, _) = self.service.access.keys.create(key, NOW).unwrap();
        text.expose().to_string()
    }

    /// `POST /v1/stamp` counts and answers the count after `wait` milliseconds; a body of `bad` is refused, one of `break`
    /// fails.
    fn router(&self) -> Router {
        let done = Arc::clone(&self.done);
        let stamp = move |body: Bytes| async move {
            if body.as_ref() == b"bad" {
                return Err(Problem::invalid("on purpose"));
            }
            if let Some(wait) = body.strip_prefix(b"wait") {
                let wait = std::str::from_utf8(wait).unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            let count = done.fetch_add(1, Ordering::SeqCst) + 1;
            if body.as_ref() == b"break" {
                return Err(Problem::new(ProblemKind::Internal));
            }
            Ok((
                [("x-colophon-record", "r1"), ("x-other", "o")],
                format!("{count}"),
            ))
        };
        let service = Arc::clone(&self.service);
        Router::new()
            .route("/v1/stamp", post(stamp))
            .route(
                "/v1/whoami",
                get(|From(caller): From| async move { format!("{:?}", caller.name) }),
            )
            .layer(from_fn_with_state(Arc::clone(&service), super::layer))
            .with_state(service)
    }

    fn send(&self, request: Request) -> impl Future<Output = Response<Body>> + use<> {
        let router = self.router();
        async move { router.oneshot(request).await.unwrap() }
    }
}

fn stamp(key: &str, name: Option<&str>, body: &str) -> Request {
    let mut request = Request::post("/v1/stamp").header("authorization", format!("Bearer {key}"));
    if let Some(name) = name {
        request = request.header("idempotency-key", name);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

fn who(address: &str, key: Option<&str>) -> Request {
    from("/v1/whoami", address, key)
}

fn from(path: &str, address: &str, key: Option<&str>) -> Request {
    let mut request = Request::get(path);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let address: SocketAddr = format!("[{address}]:4711").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

async fn told(response: Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn run(work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(work);
}

#[test]
fn a_request_with_a_key_is_carried_out_once() {
    run(async {
        let bench = Bench::new();
        let studio = bench.key("studio", "own", &[Scope::Issue], KeyLimits::default());
        let first = told(bench.send(stamp(&studio, Some("a"), "x")).await).await;
        assert_eq!(first, (200, "1".to_owned()));
        let again = bench.send(stamp(&studio, Some("a"), "x")).await;
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(again.headers()["x-colophon-record"], "r1");
        assert!(!again.headers().contains_key("x-other"));
        assert_eq!(told(again).await, first);
        let (status, why) = told(bench.send(stamp(&studio, Some("a"), "y")).await).await;
        assert_eq!(status, 422, "{why}");
        // Another caller's key of the same name is another.
        let other = told(bench.send(stamp(&bench.owner, Some("a"), "y")).await).await;
        assert_eq!(other.1, "2");
        // Without, each is carried out.
        assert_eq!(
            told(bench.send(stamp(&studio, None, "x")).await).await.1,
            "3"
        );
        // After a restart, and until a day has passed.
        let Bench {
            folder,
            clock,
            done,
            service,
            ..
        } = bench;
        drop(service);
        let (service, owner) = Bench::service(&folder, &clock);
        let bench = Bench {
            folder,
            clock,
            done,
            service,
            owner,
        };
        assert_eq!(
            told(bench.send(stamp(&studio, Some("a"), "x")).await).await,
            first
        );
        bench.clock.fetch_add(86_400, Ordering::SeqCst);
        assert_eq!(
            told(bench.send(stamp(&studio, Some("a"), "x")).await)
                .await
                .1,
            "4"
        );
    });
}

#[test]
fn refusals_are_forgotten_and_failures_are_kept() {
    run(async {
        let bench = Bench::new();
        let owner = bench.owner.clone();
        assert_eq!(
            told(bench.send(stamp(&owner, Some("a"), "bad")).await)
                .await
                .0,
            400
        );
        assert_eq!(
            told(bench.send(stamp(&owner, Some("a"), "x")).await)
                .await
                .1,
            "1"
        );
        for _ in 0..2 {
            assert_eq!(
                told(bench.send(stamp(&owner, Some("b"), "break")).await)
                    .await
                    .0,
                500
            );
        }
        assert_eq!(
            bench.done.load(Ordering::SeqCst),
            2,
            "it was not tried again"
        );
        let nameless = told(bench.send(stamp(&owner, Some(""), "x")).await).await;
        assert_eq!(nameless.0, 400);
    });
}

#[test]
fn whoever_goes_and_comes_back_finds_the_answer() {
    run(async {
        let bench = Bench::new();
        let owner = bench.owner.clone();
        let gone = tokio::spawn(bench.send(stamp(&owner, Some("a"), "wait300")));
        tokio::time::sleep(Duration::from_millis(150)).await;
        gone.abort();
        let (status, why) = told(bench.send(stamp(&owner, Some("a"), "wait300")).await).await;
        assert_eq!(status, 409, "it is under way: {why}");
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (status, answer) =
                told(bench.send(stamp(&owner, Some("a"), "wait300")).await).await;
            if status == 200 {
                assert_eq!(
                    (answer.as_str(), bench.done.load(Ordering::SeqCst)),
                    ("1", 1)
                );
                return;
            }
        }
        panic!("the answer was not kept");
    });
}

#[test]
fn what_a_stop_broke_off_is_told_with_what_the_ledger_knows() {
    run(async {
        let bench = Bench::new();
        let owner = bench.owner.clone();
        // The runtime of a process that ends takes its tasks along.
        let mut short = tokio::runtime::Builder::new_multi_thread();
        let short = short.worker_threads(1).enable_time().build().unwrap();
        let work = short.spawn(bench.send(stamp(&owner, Some("a"), "wait60000")));
        tokio::time::sleep(Duration::from_millis(500)).await;
        short.shutdown_background();
        assert!(work.await.is_err());
        let (status, why) = told(bench.send(stamp(&owner, Some("a"), "wait60000")).await).await;
        assert_eq!(status, 409, "{why}");
        assert!(why.contains("/problems/outcome-unknown"), "{why}");
        assert!(
            why.contains("nothing was issued"),
            "the ledger has not grown: {why}"
        );
    });
}

#[test]
fn limits_are_told_and_held_for_each_caller() {
    run(async {
        let bench = Bench::new();
        let limits = KeyLimits {
            requests_per_minute: Some(3),
            pictures_per_minute: Some(2),
            bytes_per_day: None,
        };
        let studio = bench.key("studio", "own", &[Scope::Issue], limits);
        let first = bench.send(stamp(&studio, None, "x")).await;
        let header = |name: &str| first.headers()[name].to_str().unwrap().to_owned();
        assert!(header("ratelimit-policy").contains("\"requests\";q=3;w=60"));
        assert!(
            header("ratelimit").contains("\"requests\";r=2;t=20"),
            "{}",
            header("ratelimit")
        );
        assert_eq!(
            bench.send(stamp(&studio, None, "x")).await.status(),
            StatusCode::OK
        );
        // Two pictures are used up, the third request is still there.
        let third = bench.send(stamp(&studio, None, "x")).await;
        assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(third.headers()["retry-after"], "30");
        let (_, why) = told(third).await;
        assert!(why.contains("2 pictures a minute"), "{why}");
        let fourth = told(bench.send(stamp(&studio, None, "x")).await).await;
        assert!(fourth.1.contains("3 requests a minute"), "{}", fourth.1);
        bench.clock.fetch_add(60, Ordering::SeqCst);
        assert_eq!(
            bench.send(stamp(&studio, None, "x")).await.status(),
            StatusCode::OK
        );
        // The owner is not counted.
        let unlimited = bench.send(stamp(&bench.owner, None, "x")).await;
        assert!(!unlimited.headers().contains_key("ratelimit"));
    });
}

#[test]
fn callers_without_a_key_are_told_apart_by_address_and_guesses_count() {
    run(async {
        let bench = Bench::new();
        let most = bench.service.ops.settings.public_requests;
        for _ in 0..most {
            let guess = bench.send(who("2001:db8::1", Some("colophon_guess"))).await;
            assert_eq!(guess.status(), StatusCode::UNAUTHORIZED);
        }
        let guess = bench.send(who("2001:db8::2", Some("colophon_guess"))).await;
        assert_eq!(
            guess.status(),
            StatusCode::TOO_MANY_REQUESTS,
            "of the same network"
        );
        let file = bench
            .send(from("/web/js/app.js", "2001:db8::2", None))
            .await;
        assert_ne!(
            file.status(),
            StatusCode::TOO_MANY_REQUESTS,
            "the page's files are not counted"
        );
        let page = bench.send(from("/", "2001:db8::2", None)).await;
        assert_eq!(page.status(), StatusCode::TOO_MANY_REQUESTS);
        let other = bench.send(who("2001:db8:0:1::1", None)).await;
        assert_eq!(told(other).await, (200, "None".to_owned()));
        let owner = bench.send(who("2001:db8::1", Some(&bench.owner))).await;
        assert_eq!(
            owner.status(),
            StatusCode::OK,
            "a good key is counted by itself"
        );
    });
}

#[test]
fn the_policies_decide_within_the_scopes_and_tell_the_rule() {
    let bench = Bench::new();
    let service = &bench.service;
    let caller = |key: &str| service.access.holder(key, NOW).unwrap();
    let ask =
        |caller: &Caller, operation, personal| service.ask_ledger(caller, operation, personal);
    let auditor = caller(&bench.key("audit", "own", &[Scope::Export], KeyLimits::default()));
    ask(&auditor, Operation::Export, false).unwrap();
    let refused = ask(&auditor, Operation::Export, true).unwrap_err();
    assert_eq!(refused.kind(), ProblemKind::Forbidden);
    let refused = ask(&auditor, Operation::Redact, false).unwrap_err();
    assert!(
        refused.detail().unwrap().contains("no rule permits it"),
        "{refused:?}"
    );
    let nobody = Caller::anonymous(service.open_scopes());
    ask(&nobody, Operation::Verify, false).unwrap();
    ask(&nobody, Operation::ReadLedger, false).unwrap();
    let refused = ask(&nobody, Operation::Export, false).unwrap_err();
    assert_eq!(refused.kind(), ProblemKind::Unauthenticated);
    let closed = Caller::anonymous([Scope::Verify].into_iter().collect());
    ask(&closed, Operation::ReadLedger, false).unwrap_err();
    ask(&Caller::owner(), Operation::Redact, false).unwrap();

    // Another bundle is in force at once, and a bad one never.
    let policies = service.home.policies();
    for (path, bytes) in Files::shipped().iter() {
        let path = policies.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let rules = policies.join("default.cedar");
    let shipped = std::fs::read_to_string(&rules).unwrap();
    let closed = "@id(\"closed\") @reason(\"it is night\") @advice(\"come in the morning\")\n\
        forbid (principal is Colophon::ApiKey, action == Colophon::Action::\"export\", resource);\n";
    std::fs::write(&rules, format!("{shipped}\n{closed}")).unwrap();
    service.reload_policies().unwrap();
    let refused = ask(&auditor, Operation::Export, false).unwrap_err();
    let why = refused.detail().unwrap();
    assert!(
        why.contains("closed")
            && why.contains("it is night")
            && why.contains("come in the morning"),
        "{why}"
    );
    std::fs::write(&rules, "permit (").unwrap();
    service.reload_policies().unwrap_err();
    assert!(service.policies_failed());
    ask(&auditor, Operation::Export, false).unwrap_err();

    // Refusals and what takes records out are kept, looks at single ones are not; no name is.
    let ledger = service.home.ledger();
    drop(bench.service);
    let kept = Decisions::open(&ledger).unwrap().issuing(None, 99).unwrap();
    let actions: Vec<(String, bool)> = kept
        .iter()
        .rev()
        .map(|(_, it)| {
            let asked: serde_json::Value = serde_json::from_str(&it.request).unwrap();
            assert!(!it.request.contains("audit\""), "{}", it.request);
            (asked["action"].as_str().unwrap().to_owned(), it.allowed)
        })
        .collect();
    let expected = [
        ("export", true),
        ("export", false),
        ("redact", false),
        ("export", false),
        ("read-ledger", false),
        ("redact", true),
        ("export", false),
        ("export", false),
    ];
    let expected: Vec<(String, bool)> = expected.map(|(name, it)| (name.to_owned(), it)).into();
    assert_eq!(actions, expected);
    drop(bench.folder);
}

#[test]
fn tenants_are_names_apart() {
    let bench = Bench::new();
    let key = bench.key("studio", "news", &[Scope::Issue], KeyLimits::default());
    let caller = bench.service.access.holder(&key, NOW).unwrap();
    let principal = bench.service.principal(&caller);
    assert_eq!(principal.name, "news/studio");
    assert_eq!(principal.teams, ["makers"]);
    assert!(!caller.sees(&Tenant::own()));
}
