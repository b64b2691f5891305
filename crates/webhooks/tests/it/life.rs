//! A store and its deliveries.

use std::collections::BTreeSet;
use std::path::Path;

use colophon_accounts::Tenant;
use colophon_webhooks::{
    ATTEMPTS, Due, Endpoint, Event, EventKind, Hooks, Limits, NewEndpoint, Outcome, Posted, Scheme,
    WebhookError, verify,
};
use serde_json::json;

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

fn new(of: &str) -> NewEndpoint {
    NewEndpoint {
        tenant: tenant(of),
        url: "https://hooks.example/x".into(),
        description: None,
        events: BTreeSet::new(),
        scheme: Scheme::HmacSha256,
    }
}

fn event(id: &str) -> Event {
    Event {
        id: id.into(),
        kind: EventKind::JobCompleted,
        at: 50,
        data: json!({"id": "job_1"}),
    }
}

fn open(root: &Path) -> Hooks {
    let (hooks, damaged) = Hooks::open(root, Limits::default()).unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    hooks
}

#[expect(clippy::unnecessary_wraps, reason = "as a client answers")]
fn posted(status: u16) -> Result<Posted, String> {
    Ok(Posted {
        status,
        retry_after: None,
    })
}

fn verified(due: &Due, endpoint: &Endpoint, now: i64) -> bool {
    let secrets: Vec<_> = endpoint.secret().into_iter().collect();
    let keys: Vec<_> = endpoint.public_key().into_iter().collect();
    verify(&secrets, &keys, &due.headers, due.body.as_bytes(), now).is_ok()
}

#[test]
fn a_message_is_tried_until_it_arrives_and_survives_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let hooks = open(root.path());
    let endpoint = hooks.create(new("a"), 10).unwrap();
    assert_eq!(
        hooks
            .send(&tenant("b"), None, &event("msg_0"), 100)
            .unwrap(),
        0
    );
    assert_eq!(
        hooks
            .send(&tenant("a"), None, &event("msg_1"), 100)
            .unwrap(),
        1
    );
    assert_eq!(
        hooks
            .send(&tenant("a"), None, &event("msg_1"), 100)
            .unwrap(),
        0,
        "it waits already"
    );
    let due = hooks.due(100).unwrap();
    assert!(verified(&due, &endpoint, 100));
    assert_eq!(
        due.body,
        r#"{"type":"job.completed","timestamp":"1970-01-01T00:00:50Z","data":{"id":"job_1"}}"#
    );
    assert_eq!(hooks.due(100), None, "it is in hand");
    let outcome = hooks.done(due.clone(), posted(500), 101, 0).unwrap();
    assert_eq!(outcome, Outcome::Again(106));
    assert_eq!((hooks.due(105), hooks.next_time(101)), (None, Some(106)));
    drop(hooks);

    let hooks = open(root.path());
    let again = hooks.due(106).unwrap();
    assert_eq!(again.headers.id, due.headers.id, "the same message");
    assert_eq!(again.headers.timestamp, 106, "another attempt");
    assert!(verified(&again, &endpoint, 106));
    assert_eq!(
        hooks
            .done(again, Err("no connection".into()), 107, 0)
            .unwrap(),
        Outcome::Again(407)
    );
    let last = hooks.get(&tenant("a"), endpoint.id).unwrap().last.unwrap();
    assert_eq!(
        (last.status, last.error.as_deref()),
        (None, Some("no connection"))
    );
    let third = hooks.due(407).unwrap();
    assert_eq!(
        hooks.done(third, posted(204), 408, 0).unwrap(),
        Outcome::Delivered
    );
    assert_eq!(hooks.next_time(408), None);
    drop(hooks);
    assert_eq!(open(root.path()).due(1_000_000), None);
}

#[test]
fn who_wants_no_more_gets_no_more_until_a_test_arrives() {
    let root = tempfile::tempdir().unwrap();
    let hooks = open(root.path());
    let endpoint = hooks.create(new("a"), 10).unwrap();
    for id in ["msg_1", "msg_2"] {
        hooks.send(&tenant("a"), None, &event(id), 100).unwrap();
    }
    let due = hooks.due(100).unwrap();
    assert_eq!(hooks.done(due, posted(410), 100, 0).unwrap(), Outcome::Gone);
    assert_eq!(hooks.waiting(endpoint.id), 0);
    let told = hooks.get(&tenant("a"), endpoint.id).unwrap();
    assert_eq!(told.disabled.unwrap().why, "gone");
    assert_eq!(
        hooks
            .send(&tenant("a"), None, &event("msg_3"), 101)
            .unwrap(),
        0
    );
    let test = hooks.test(&tenant("a"), endpoint.id, 110).unwrap();
    assert!(verified(&test, &endpoint, 110) && test.body.contains("webhook.test"));
    assert_eq!(
        hooks.done(test, posted(500), 110, 0).unwrap(),
        Outcome::GivenUp,
        "tried once"
    );
    let test = hooks.test(&tenant("a"), endpoint.id, 120).unwrap();
    assert_eq!(
        hooks.done(test, posted(200), 120, 0).unwrap(),
        Outcome::Delivered
    );
    assert_eq!(
        hooks
            .send(&tenant("a"), None, &event("msg_4"), 121)
            .unwrap(),
        1
    );
}

#[test]
fn three_days_without_success_disable() {
    let root = tempfile::tempdir().unwrap();
    let hooks = open(root.path());
    let endpoint = hooks.create(new("a"), 10).unwrap();
    hooks
        .send(&tenant("a"), None, &event("msg_1"), 100)
        .unwrap();
    let mut now = 100;
    for attempt in 1..=ATTEMPTS {
        now = hooks.next_time(now).unwrap();
        let due = hooks.due(now).unwrap();
        let outcome = hooks.done(due, posted(503), now, 255).unwrap();
        assert_eq!(
            outcome == Outcome::GivenUp,
            attempt == ATTEMPTS,
            "{attempt}"
        );
    }
    assert!(now > 100 + 75 * 3600, "{now}");
    let told = hooks.get(&tenant("a"), endpoint.id).unwrap();
    assert_eq!(told.disabled.unwrap().why, "failing");
}

#[test]
fn one_slow_receiver_holds_up_nobody_else() {
    let root = tempfile::tempdir().unwrap();
    let hooks = open(root.path());
    let slow = hooks.create(new("a"), 10).unwrap();
    let other = hooks.create(new("a"), 11).unwrap();
    for id in ["msg_1", "msg_2"] {
        hooks.send(&tenant("a"), None, &event(id), 100).unwrap();
    }
    let (first, second) = (hooks.due(100).unwrap(), hooks.due(100).unwrap());
    assert_ne!(first.url.len() + 1, 0);
    assert_eq!(hooks.due(100), None, "one message at a time to each");
    assert_eq!(
        hooks.done(second, posted(200), 100, 0).unwrap(),
        Outcome::Delivered
    );
    assert!(hooks.due(100).is_some());
    drop(first);
    let named = hooks
        .send(&tenant("a"), Some(other.id), &event("msg_3"), 100)
        .unwrap();
    assert_eq!((named, hooks.waiting(slow.id) <= 1), (1, true));
}

#[test]
fn keys_change_without_a_gap() {
    let root = tempfile::tempdir().unwrap();
    let hooks = open(root.path());
    for scheme in [Scheme::HmacSha256, Scheme::Ed25519] {
        let before = hooks
            .create(NewEndpoint { scheme, ..new("a") }, 10)
            .unwrap();
        let after = hooks.rotate(&tenant("a"), before.id, 1000).unwrap();
        assert_ne!(
            before
                .secret()
                .map(|it| it.reveal())
                .or(before.public_key().map(|it| it.to_string())),
            after
                .secret()
                .map(|it| it.reveal())
                .or(after.public_key().map(|it| it.to_string()))
        );
        let at = |now| hooks.test(&tenant("a"), before.id, now).unwrap();
        assert!(verified(&at(1001), &before, 1001) && verified(&at(1001), &after, 1001));
        let later = 1000 + 24 * 3600;
        assert!(!verified(&at(later), &before, later) && verified(&at(later), &after, later));
    }
}

#[test]
fn endpoints_are_their_tenants_and_bounded() {
    let root = tempfile::tempdir().unwrap();
    let limits = Limits {
        endpoints_per_tenant: 1,
        deliveries: 1,
    };
    let (hooks, _) = Hooks::open(root.path(), limits).unwrap();
    let endpoint = hooks.create(new("a"), 10).unwrap();
    assert!(matches!(
        hooks.create(new("a"), 10),
        Err(WebhookError::TooManyEndpoints(1))
    ));
    assert!(matches!(
        hooks.get(&tenant("b"), endpoint.id),
        Err(WebhookError::Unknown)
    ));
    assert!(matches!(
        hooks.delete(&tenant("b"), endpoint.id),
        Err(WebhookError::Unknown)
    ));
    hooks.send(&tenant("a"), None, &event("msg_1"), 1).unwrap();
    assert!(matches!(
        hooks.send(&tenant("a"), None, &event("msg_2"), 1),
        Err(WebhookError::TooManyDeliveries(1))
    ));
    hooks.delete(&tenant("a"), endpoint.id).unwrap();
    assert_eq!((hooks.due(9), hooks.list(&tenant("a")).len()), (None, 0));
    assert!("job.done".parse::<EventKind>().is_err());
    assert!(
        !format!("{endpoint:?}").contains("whsec_"),
        "no secret in a log"
    );
}
