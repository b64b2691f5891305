//! The life of one picture: everything that ledger and decisions tell of it, each claim checked.

use colophon_calendar::rfc3339;
use colophon_ledger::{
    CheckDecision, Decisions, Entries, Entry, Event as LogEvent, EventKind, Filter,
    IssuingDecision, Ledger, LedgerError, Query, RecordId, WitnessPolicy, check_proof,
};
use colophon_tlog::{Note, TlogProof, VerifierKey, Witnessed, leaf_hash};
use serde_json::{Value, json};

use crate::event::describe;
use crate::text::hex;
use crate::{AuditError, Row};

/// Most checks told.
const CHECKS: usize = 100;
/// Events taken from the ledger at once.
const PAGE: usize = 256;
/// Fingerprints that differ in at most so many of 256 bits are alike.
const DISTANCE: u32 = 31;

/// What is known of one picture.
#[derive(Clone, Debug)]
pub struct Life {
    /// The record. Its `inclusion` is part of the answer.
    pub entry: Entry,
    /// Name of the log that holds it.
    pub log: String,
    /// The proof file, or why there is none. Checked against the ledger's key.
    pub proof: Result<String, String>,
    /// Who cosigned the proof's checkpoint, or why the witness policy is not met; `None` without a policy.
    pub witnesses: Option<Result<Vec<Witnessed>, String>>,
    /// The manifest's bytes, which are those that were entered, or why they are not here.
    pub manifest: Result<Vec<u8>, String>,
    /// Requests that led to it.
    pub issuing: Vec<IssuingDecision>,
    /// Later events that concern it, in the order of entry.
    pub events: Vec<Event>,
    /// Checks of its file, or that led to it.
    pub checks: Vec<CheckDecision>,
    /// Other records whose pictures look like it, nearest first.
    pub alike: Vec<Alike>,
}

/// A later event that concerns a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place.
    pub id: RecordId,
    /// Unix seconds.
    pub time: i64,
    /// Its name.
    pub name: &'static str,
    /// What it says, as `name=value`.
    pub says: String,
    /// Whether it is in the signed log.
    pub proven: bool,
}

/// A record whose picture looks alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// Its place.
    pub id: RecordId,
    /// Bits of the fingerprints that differ, of 256.
    pub distance: u32,
    /// Whether it is in the signed log.
    pub proven: bool,
}

/// A line of the life as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about; empty for more of the line before.
    pub label: &'static str,
    /// What is told.
    pub text: String,
    /// Whether a person should look at it.
    pub finding: bool,
}

impl Life {
    /// Gathers the life of the picture of `entry`.
    ///
    /// # Errors
    /// [`AuditError`] when ledger or decisions cannot be read. What does not fit is told in the life.
    pub fn of(
        ledger: &Ledger,
        entry: Entry,
        decisions: Option<&Decisions>,
        policy: Option<&WitnessPolicy>,
    ) -> Result<Self, AuditError> {
        let id = entry.id();
        let shards = ledger.shards()?;
        let key = shards
            .into_iter()
            .find(|shard| shard.name == id.shard)
            .map(|shard| shard.key)
            .ok_or(LedgerError::NoEntry(id.into()))?;
        let proof = ledger.prove(id).map_err(|error| error.to_string());
        let proof = proof.and_then(|proof| {
            let checked = check_proof(&proof, &entry.leaf, &key);
            checked.map(|_| proof).map_err(|error| error.to_string())
        });
        let witnesses =
            policy.map(|policy| witnesses(proof.as_deref().unwrap_or(""), policy, &key));
        let (issuing, checks) = match decisions {
            Some(decisions) => (
                decisions.issuing_of(id)?,
                decisions.checks_of(id, &entry.record.asset_sha256, CHECKS)?,
            ),
            None => Default::default(),
        };
        Ok(Self {
            manifest: ledger.manifest_bytes(id).map_err(|error| error.to_string()),
            events: later_events(ledger, &entry, key.name())?,
            alike: alike(ledger, &entry)?,
            log: key.name().to_owned(),
            proof,
            witnesses,
            issuing,
            checks,
            entry,
        })
    }

    /// Whether something is not as it should be: no proof, another manifest, a witness policy that is not met, a
    /// revoked key.
    pub fn has_findings(&self) -> bool {
        self.lines().iter().any(|line| line.finding)
    }

    /// The life in lines, from the first to the last of it.
    pub fn lines(&self) -> Vec<Line> {
        let mut told = Told::default();
        self.tell_record(&mut told);
        self.tell_proof(&mut told);
        for issuing in &self.issuing {
            let word = if issuing.allowed { "allowed" } else { "denied" };
            let rules = issuing.rules.join(", ");
            told.add(
                "request",
                format!("{} {word} by {rules}", rfc3339(issuing.at)),
            );
        }
        for event in &self.events {
            let line = format!(
                "{} {} {} ({})",
                rfc3339(event.time),
                event.name,
                event.says,
                event.id
            );
            if event.name == "key-revoked" || event.name == "certificate-revoked" || !event.proven {
                told.finding("event", line);
            } else {
                told.add("event", line);
            }
        }
        for check in &self.checks {
            let same = check.asset == self.entry.record.asset_sha256;
            let file = if same {
                "the issued file"
            } else {
                "another file"
            };
            told.add(
                "check",
                format!(
                    "{} {file}: {} ({})",
                    rfc3339(check.at),
                    check.rule,
                    check.action
                ),
            );
        }
        for alike in &self.alike {
            told.add(
                "alike",
                format!("record {}, {} of 256 bits differ", alike.id, alike.distance),
            );
        }
        told.0
    }

    fn tell_record(&self, told: &mut Told) {
        let record = &self.entry.record;
        told.add("issued", rfc3339(record.issued_at));
        let maker = record.generator.as_ref().map(|agent| match &agent.version {
            Some(version) => format!("{} {version}", agent.name),
            None => agent.name.clone(),
        });
        told.add(
            "by",
            maker.unwrap_or_else(|| "a program not stated".to_owned()),
        );
        if let Some(generation) = &record.generation {
            told.add("model", generation.model_id.clone());
            for file in &generation.weights {
                told.add("weights", format!("{} {}", hex(&file.sha256), file.file));
            }
        }
        told.add("file sha-256", hex(&record.asset_sha256));
        told.add("signed by key", hex(&record.signer_key_id));
        told.add("under policy", hex(&record.policy_hash));
        told.add("manifest", record.manifest_id.clone());
        match &self.manifest {
            Ok(bytes) => told.add("", format!("kept, {} bytes, as entered", bytes.len())),
            Err(why) => told.finding("", why.clone()),
        }
    }

    fn tell_proof(&self, told: &mut Told) {
        told.add("record", self.entry.id().to_string());
        told.add("leaf hash", hex(&leaf_hash(&self.entry.leaf).0));
        match (&self.proof, &self.entry.inclusion) {
            (Ok(_), Ok(inclusion)) => told.add(
                "proof",
                format!(
                    "holds: in the signed log {} of {} entries, root {}",
                    self.log, inclusion.tree_size.0, inclusion.root
                ),
            ),
            (Err(why), _) => told.finding("proof", format!("does not hold: {why}")),
            (Ok(_), Err(why)) => told.finding("proof", format!("does not hold: {why}")),
        }
        match &self.witnesses {
            None => told.add("witnesses", "no witness policy is set".to_owned()),
            Some(Err(why)) => told.finding("witnesses", why.clone()),
            Some(Ok(witnesses)) => {
                for witness in witnesses {
                    let time = rfc3339(witness.time.0 as i64);
                    told.add("cosigned by", format!("{} at {time}", witness.name));
                }
            }
        }
    }

    /// The life for programs; public facts only.
    pub fn to_json(&self) -> Value {
        let entry = &self.entry;
        let row = Row::of_leaf(&self.log, entry.index.0, &entry.leaf).ok();
        json!({
            "record": entry.id().to_string(),
            "facts": row.map(|row| row.to_json()),
            "proven": self.proof.is_ok() && entry.inclusion.is_ok(),
            "problem": self.proof.as_ref().err(),
            "tree_size": entry.inclusion.as_ref().ok().map(|inclusion| inclusion.tree_size.0),
            "witnesses": self.witnesses.as_ref().map(witnesses_json),
            "manifest_kept": self.manifest.is_ok(),
            "manifest_problem": self.manifest.as_ref().err(),
            "requests": self.issuing.iter().map(|it| json!({
                "at": rfc3339(it.at), "allowed": it.allowed, "rules": it.rules, "labels": it.labels,
                "policy": hex(&it.policy),
            })).collect::<Vec<_>>(),
            "events": self.events.iter().map(|it| json!({
                "record": it.id.to_string(), "time": rfc3339(it.time), "event": it.name, "says": it.says,
                "proven": it.proven,
            })).collect::<Vec<_>>(),
            "checks": self.checks.iter().map(|it| json!({
                "at": rfc3339(it.at), "asset_sha256": hex(&it.asset), "rule": it.rule, "finding": it.finding,
                "action": it.action, "policy": hex(&it.policy),
            })).collect::<Vec<_>>(),
            "alike": self.alike.iter().map(|it| json!({
                "record": it.id.to_string(), "distance": it.distance, "proven": it.proven,
            })).collect::<Vec<_>>(),
            "findings": self.lines().into_iter().filter(|line| line.finding).map(|line| line.text).collect::<Vec<_>>(),
        })
    }
}

/// Lines as they come.
#[derive(Default)]
struct Told(Vec<Line>);

impl Told {
    fn add(&mut self, label: &'static str, text: String) {
        let finding = false;
        self.0.push(Line {
            label,
            text,
            finding,
        });
    }

    fn finding(&mut self, label: &'static str, text: String) {
        let finding = true;
        self.0.push(Line {
            label,
            text,
            finding,
        });
    }
}

fn witnesses_json(witnesses: &Result<Vec<Witnessed>, String>) -> Value {
    match witnesses {
        Err(why) => json!({ "met": false, "problem": why }),
        Ok(witnesses) => json!({
            "met": true,
            "cosigned": witnesses.iter().map(|it| json!({
                "witness": it.name, "at": rfc3339(it.time.0 as i64),
            })).collect::<Vec<_>>(),
        }),
    }
}

fn witnesses(
    proof: &str,
    policy: &WitnessPolicy,
    key: &VerifierKey,
) -> Result<Vec<Witnessed>, String> {
    let proof = TlogProof::parse(proof).map_err(|error| error.to_string())?;
    let note = Note::parse(proof.checkpoint.as_bytes()).map_err(|error| error.to_string())?;
    let met = policy
        .check_log(&note, key)
        .map_err(|error| error.to_string())?;
    Ok(met.witnesses)
}

/// Events after the record: what happened to its key, to itself, to the policy, to its shard.
fn later_events(ledger: &Ledger, entry: &Entry, log: &str) -> Result<Vec<Event>, AuditError> {
    let filter = Filter {
        entries: Entries::Events,
        ..Filter::default()
    };
    let query = Query::new(ledger, filter, None, false)?;
    let mut events = Vec::new();
    let mut cursor = Some(query.after(entry.id()));
    while let Some(from) = cursor {
        let page = query.page(from, PAGE)?;
        for hit in page.hits {
            let event = LogEvent::decode(&hit.leaf).map_err(|reason| AuditError::Leaf {
                log: hit.log.clone(),
                index: hit.id.index.0,
                reason,
            })?;
            if concerns(&event.what, hit.id, entry, log) {
                let (name, says) = describe(&event.what);
                events.push(Event {
                    id: hit.id,
                    time: event.time,
                    name,
                    says,
                    proven: hit.inclusion.is_ok(),
                });
            }
        }
        cursor = page.next;
    }
    Ok(events)
}

/// Whether an event at `at` is about the record `entry` of the log `log`.
fn concerns(event: &EventKind, at: RecordId, entry: &Entry, log: &str) -> bool {
    match event {
        EventKind::Key(key) => key.key_id == entry.record.signer_key_id,
        EventKind::PolicyPublished(_) | EventKind::CertificateRevoked(_) => true,
        EventKind::Redaction(redaction) => {
            let in_log = match &redaction.log {
                None => at.shard == entry.shard,
                Some(name) => name == log,
            };
            in_log && redaction.record == entry.index.0
        }
        EventKind::ShardSealed => at.shard == entry.shard,
        _ => false,
    }
}

fn alike(ledger: &Ledger, entry: &Entry) -> Result<Vec<Alike>, LedgerError> {
    let fingerprint = entry.part().and_then(|part| part.fingerprint);
    let Some(fingerprint) = fingerprint else {
        return Ok(Vec::new());
    };
    let near = ledger.by_fingerprint(&fingerprint, DISTANCE)?;
    let others = near
        .into_iter()
        .filter(|(other, _)| other.id() != entry.id());
    Ok(others
        .map(|(other, distance)| Alike {
            id: other.id(),
            distance,
            proven: other.inclusion.is_ok(),
        })
        .collect())
}
