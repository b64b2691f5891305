//! Codec of events.

use super::*;
use crate::leaf::Leaf;
use proptest::option;
use proptest::prelude::*;

fn names() -> impl Strategy<Value = String> {
    "[a-z./-]{0,40}|\\PC{0,20}"
}

fn revocations() -> impl Strategy<Value = RevocationReason> {
    use RevocationReason as Reason;
    prop_oneof![
        Just(Reason::Unspecified),
        Just(Reason::KeyCompromise),
        Just(Reason::CaCompromise),
        Just(Reason::AffiliationChanged),
        Just(Reason::Superseded),
        Just(Reason::CessationOfOperation),
        Just(Reason::PrivilegeWithdrawn),
    ]
}

fn key_events() -> impl Strategy<Value = EventKind> {
    let actions = prop_oneof![
        Just(KeyAction::Created),
        Just(KeyAction::Activated),
        Just(KeyAction::Retired),
        (revocations(), any::<i64>())
            .prop_map(|(reason, from)| KeyAction::Revoked { reason, from }),
    ];
    let bytes = option::of(proptest::collection::vec(any::<u8>(), 0..60));
    (actions, "[a-z-]{1,20}", any::<[u8; 32]>(), bytes).prop_map(
        |(action, role, key_id, public_key)| {
            EventKind::Key(KeyEvent {
                action,
                role,
                key_id,
                public_key,
            })
        },
    )
}

fn certificates() -> impl Strategy<Value = EventKind> {
    let serial = proptest::collection::vec(any::<u8>(), 0..21);
    let certificate = prop_oneof![
        any::<[u8; 32]>().prop_map(CertificateRef::Sha256),
        (any::<[u8; 32]>(), serial).prop_map(|(issuer_sha256, serial)| CertificateRef::Serial {
            issuer_sha256,
            serial
        }),
    ];
    (certificate, revocations(), any::<i64>()).prop_map(|(certificate, reason, from)| {
        EventKind::CertificateRevoked(CertificateRevoked {
            certificate,
            reason,
            from,
        })
    })
}

fn redactions() -> impl Strategy<Value = EventKind> {
    let parts = prop_oneof![
        Just(Parts::Private),
        Just(Parts::Manifest),
        Just(Parts::All)
    ];
    let by = prop_oneof![
        "[a-z]{1,20}".prop_map(Actor::Role),
        any::<[u8; 32]>().prop_map(Actor::Committed),
    ];
    let reason = proptest::sample::select(ErasureReason::ALL.to_vec());
    (option::of(names()), any::<u64>(), parts, reason, by).prop_map(
        |(log, record, parts, reason, by)| {
            EventKind::Redaction(Redaction {
                log,
                record,
                parts,
                reason,
                by,
            })
        },
    )
}

fn shards() -> impl Strategy<Value = EventKind> {
    let previous = (names(), any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(origin, size, root)| PreviousShard { origin, size, root });
    let opened = (names(), option::of(previous))
        .prop_map(|(base, previous)| EventKind::ShardOpened(ShardOpened { base, previous }));
    prop_oneof![opened, Just(EventKind::ShardSealed)]
}

pub(crate) fn events() -> impl Strategy<Value = Event> {
    let policy = any::<([u8; 32], [u8; 32])>().prop_map(|(bundle_sha256, note_sha256)| {
        EventKind::PolicyPublished(PolicyPublished {
            bundle_sha256,
            note_sha256,
        })
    });
    let list = (any::<bool>(), names(), any::<[u8; 32]>()).prop_map(|(imported, name, sha256)| {
        EventKind::TrustList(TrustListEvent {
            imported,
            name,
            sha256,
        })
    });
    let what = prop_oneof![
        key_events(),
        policy,
        list,
        certificates(),
        redactions(),
        shards()
    ];
    (any::<i64>(), what).prop_map(|(time, what)| Event { time, what })
}

proptest! {
    #[test]
    fn events_round_trip(event in events()) {
        let leaf = event.encode();
        prop_assert_eq!(event.check(), Ok(()));
        prop_assert_eq!(Event::decode(&leaf), Ok(event.clone()));
        prop_assert_eq!(Leaf::decode(&leaf), Ok(Leaf::Event(Box::new(event))));
        prop_assert!(leaf.len() < 65_535);
    }

    /// Every accepted byte string is the one encoding of what it says.
    #[test]
    fn altered_events_are_refused_or_canonical(event in events(), at: proptest::sample::Index, byte: u8, cut: bool) {
        let mut leaf = event.encode();
        let at = at.index(leaf.len());
        if cut { leaf.truncate(at) } else { leaf[at] = byte }
        if let Ok(decoded) = Leaf::decode(&leaf) {
            prop_assert_eq!(decoded.encode(), leaf);
        }
    }

    #[test]
    fn noise_is_no_leaf_or_a_canonical_one(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(decoded) = Leaf::decode(&noise) {
            prop_assert_eq!(decoded.encode(), noise);
        }
    }
}

#[test]
fn texts_keep_to_their_limits() {
    let event = |what| Event { time: 0, what };
    let key = |role: usize, key: usize| {
        event(EventKind::Key(KeyEvent {
            action: KeyAction::Created,
            role: "x".repeat(role),
            key_id: [0; 32],
            public_key: Some(vec![0; key]),
        }))
    };
    assert_eq!(key(64, 4_096).check(), Ok(()));
    assert!(key(65, 0).check().is_err() && key(0, 4_097).check().is_err());
    let long = event(EventKind::ShardOpened(ShardOpened {
        base: "x".repeat(1_025),
        previous: None,
    }));
    assert!(long.check().is_err());
}
