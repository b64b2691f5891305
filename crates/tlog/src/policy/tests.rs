use super::*;
use crate::cosignature::cosign;
use crate::hash::{Hash, TreeSize};
use crate::key::{Cosigner as _, Ed25519Cosigner, Ed25519Signer, NoteSigner as _};
use alloc::format;
use proptest::prelude::*;

fn log() -> Ed25519Signer {
    Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap()
}

fn witness(number: u8) -> Ed25519Cosigner {
    let name = format!("witness.example/{number}");
    Ed25519Cosigner::from_seed(&name, &[100 + number; 32]).unwrap()
}

fn key(number: u8) -> String {
    witness(number).cosigner_key().to_string()
}

/// The specification's example: two of X1 to X3 (0 to 2) and any of Y1 to Y3 (3 to 5).
fn two_levels() -> String {
    let [x1, x2, x3, y1, y2, y3] = [0, 1, 2, 3, 4, 5].map(key);
    let log = log();
    let log = log.verifier_key();
    format!(
        "# two organisations\n\nlog {log}\n\
         witness X1 {x1}\nwitness X2 {x2}\nwitness X3 {x3}\ngroup X-witnesses 2 X1 X2 X3\n  \
         witness\tY1  {y1} https://Y1.example/ \nwitness Y2 {y2}\nwitness Y3 {y3}\n\
         group Y-witnesses any Y1 Y2 Y3\n\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    )
}

fn note(witnesses: impl IntoIterator<Item = u8>) -> Note {
    let checkpoint = Checkpoint {
        origin: String::from("example.org/log"),
        size: TreeSize(0),
        root: Hash::empty_tree(),
        extensions: Vec::new(),
    };
    let mut note = checkpoint.sign(&log()).unwrap();
    for number in witnesses {
        let time = UnixTime(1_000 + u64::from(number));
        let line = cosign(note.text(), time, &witness(number)).unwrap();
        note.add_signature(line).unwrap();
    }
    note
}

fn parse(text: &str) -> Result<WitnessPolicy, PolicyError> {
    WitnessPolicy::parse(text.as_bytes())
}

#[test]
fn the_specifications_example_counts_as_it_says() {
    let policy = parse(&two_levels()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    assert_eq!(
        policy.witnesses()[3].url.as_deref(),
        Some("https://Y1.example/")
    );
    // Every subset of the six witnesses, against the rule in words.
    for set in 0_u8..64 {
        let among = (0..6).filter(|number| set >> number & 1 == 1);
        let met = policy.check(&note(among.clone()));
        let expected = (set & 0b111).count_ones() >= 2 && set >> 3 != 0;
        assert_eq!(met.is_ok(), expected, "{set:06b}: {met:?}");
        match met {
            Ok(met) => assert_eq!(
                met.witnesses
                    .iter()
                    .map(|witness| witness.time.0)
                    .collect::<Vec<_>>(),
                among.map(|n| 1_000 + u64::from(n)).collect::<Vec<_>>()
            ),
            Err(NotMet::Quorum { witnessed, missing }) => {
                assert_eq!((witnessed.len() + missing.len()), 6);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn one_witness_or_none_may_be_the_quorum() {
    let logs = format!("log {}\n", log().verifier_key());
    let none = parse(&format!("{logs}quorum none\n")).unwrap();
    assert_eq!(none.check(&note([])).unwrap().witnesses, []);
    // A final newline may be missing.
    let one = parse(&format!("{logs}witness w {}\nquorum w", key(0))).unwrap();
    assert!(one.check(&note([0])).is_ok());
    let error = one.check(&note([1])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "too few witnesses cosigned this checkpoint: none did, these did not: w"
    );
}

#[test]
fn strangers_logs_and_wrong_signatures_are_refused() {
    let without_log = parse(&format!("witness w {}\nquorum w\n", key(0))).unwrap();
    assert!(matches!(
        without_log.check(&note([0])),
        Err(NotMet::UnknownLog { .. })
    ));
    assert!(
        without_log
            .check_log(&note([0]), log().verifier_key())
            .is_ok()
    );
    let other = Ed25519Signer::from_seed("example.org/log", &[8; 32]).unwrap();
    assert!(matches!(
        without_log.check_log(&note([0]), other.verifier_key()),
        Err(NotMet::Checkpoint(_))
    ));
    // A cosignature of another checkpoint under a known witness's name spoils the note.
    let policy = parse(&two_levels()).unwrap();
    let mut forged = note([0, 1, 3]);
    let text = format!("example.org/log\n1\n{}\n", Hash::empty_tree().to_base64());
    forged
        .add_signature(cosign(&text, UnixTime(1), &witness(2)).unwrap())
        .unwrap();
    assert!(matches!(
        policy.check(&forged),
        Err(NotMet::Checkpoint(CheckpointError::Note(
            NoteError::BadSignature(_)
        )))
    ));
}

#[test]
fn errors_name_the_line() {
    let (k0, k1, log) = (key(0), key(1), log().verifier_key().to_string());
    let own = Ed25519Cosigner::from_seed("w", &[7; 32]).unwrap();
    let own = own.cosigner_key();
    let cases = [
        (String::new(), 1, PolicyErrorReason::NoQuorum),
        (
            format!("\n#x\nwitness w {k0}\n"),
            4,
            PolicyErrorReason::NoQuorum,
        ),
        (String::from("quorum w\n"), 1, unknown("w")),
        (
            format!("witness none {k0}\n"),
            1,
            PolicyErrorReason::DuplicateName("none".into()),
        ),
        (
            format!("witness w {k0}\nwitness w {k1}\n"),
            2,
            PolicyErrorReason::DuplicateName("w".into()),
        ),
        (
            format!("witness w {k0}\nwitness v {k0}\n"),
            2,
            PolicyErrorReason::DuplicateKey,
        ),
        (
            format!("log {log}\nlog {log}\n"),
            2,
            PolicyErrorReason::DuplicateKey,
        ),
        (
            format!("log {log}\nwitness w {own}\n"),
            2,
            PolicyErrorReason::DuplicateKey,
        ),
        (
            format!("witness w {log}\n"),
            1,
            PolicyErrorReason::Key(KeyError::Type {
                expected: 4,
                found: 1,
            }),
        ),
        (
            format!("log {k0}\n"),
            1,
            PolicyErrorReason::Key(KeyError::Type {
                expected: 1,
                found: 4,
            }),
        ),
        (
            format!("witness w {k0}\ngroup g 2 w\n"),
            2,
            PolicyErrorReason::Threshold,
        ),
        (
            format!("witness w {k0}\ngroup g 0 w\n"),
            2,
            PolicyErrorReason::Threshold,
        ),
        (
            format!("witness w {k0}\ngroup g +1 w\n"),
            2,
            PolicyErrorReason::Threshold,
        ),
        (
            String::from("group g any\n"),
            1,
            PolicyErrorReason::Threshold,
        ),
        (
            format!("witness w {k0}\ngroup g any w w\n"),
            2,
            PolicyErrorReason::MemberTwice("w".into()),
        ),
        (
            format!("witness w {k0}\ngroup g any w\ngroup h any w\n"),
            3,
            PolicyErrorReason::MemberTwice("w".into()),
        ),
        (String::from("group g any none\n"), 1, unknown("none")),
        (
            String::from("quorum none\nquorum none\n"),
            2,
            PolicyErrorReason::SecondQuorum,
        ),
        (
            String::from("quorum none extra\n"),
            1,
            PolicyErrorReason::Form,
        ),
        (String::from("Quorum none\n"), 1, PolicyErrorReason::Form),
        (String::from("quorum none\r\n"), 1, PolicyErrorReason::Text),
    ];
    for (text, line, reason) in cases {
        assert_eq!(parse(&text), Err(PolicyError { line, reason }), "{text}");
    }
}

fn unknown(name: &str) -> PolicyErrorReason {
    PolicyErrorReason::UnknownName(String::from(name))
}

#[test]
fn comments_may_hold_any_octets_and_sizes_are_bounded() {
    assert!(WitnessPolicy::parse(b"# \xff\xfe\nquorum none\n").is_ok());
    assert!(WitnessPolicy::parse(b"quorum \xff\n").is_err());
    let long = alloc::vec![b'\n'; MAX_BYTES + 1];
    assert_eq!(
        WitnessPolicy::parse(&long).unwrap_err().reason,
        PolicyErrorReason::TooLarge
    );
}

proptest! {
    #[test]
    fn any_text_parses_without_panic(text in "(log |witness |group |quorum |none|any|all|[1-3] |a |b |#|\n|\t){0,30}") {
        let _ = parse(&text);
    }

    #[test]
    fn altered_policies_never_panic(at: proptest::sample::Index, byte: u8) {
        let mut text = two_levels().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(policy) = WitnessPolicy::parse(&text) {
            let _ = policy.check(&note([0, 1, 3]));
        }
    }
}
