//! The way in: from the bytes of any picture to a report.

mod examine;
mod mark;
mod recover;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use colophon_fingerprint::MATCH_DISTANCE;
use colophon_imaging::{Fault, ImagingError, Limits};
use colophon_keys::{KeyStore, KeysError, Passphrase};
use colophon_ledger::Ledger;
use colophon_manifest::{TrustAnchors, VALIDATOR};
use colophon_policy::{
    AssetHash, Binding, Details, Facts, FingerprintMatch, VerdictTable, WatermarkState,
};
use colophon_watermark::{Detector, Source, WatermarkKey};
use sha2::{Digest as _, Sha256};

use crate::binding::Examined;
use crate::config::{Config, LOCAL_LIST, read_text};
use crate::facts::{agent_text, agreement};
use crate::lookup::{self, Answer, Question, Trouble};
use crate::report::{
    Container, Evidence, FingerprintEvidence, LedgerEvidence, Matched, Nearest, NotChecked,
    Outcome, Report, ReportError, ReportVerdict, Tool, WatermarkEvidence,
};
use crate::{Home, ProvenanceError, hex};
use examine::{Attached, Pixels};
use mark::{LedgerIds, MarkReader};

/// How a verifier checks.
#[derive(Debug, Default)]
pub struct VerifierOptions {
    /// Opens an encrypted watermark key.
    pub passphrase: Option<Passphrase>,
    /// Further trust anchors: a name for people and PEM certificates.
    pub trust_anchors: Vec<(String, String)>,
    /// Bounds on pictures; from the settings when `None`.
    pub limits: Option<Limits>,
    /// Longest time for reading one manifest; from the settings when `None`.
    pub deadline: Option<Duration>,
    /// Whether reports tell how strong a mark is as a number. For operators only: an attacker could
    /// follow the number down.
    pub scores: bool,
    /// Whether reports tell where in the picture the mark reads. For operators only, for the same
    /// reason.
    pub heat_map: bool,
}

/// Checks pictures; for use from many threads. Writes nothing and opens no connection.
pub struct Verifier {
    limits: Limits,
    deadline: Duration,
    anchors: TrustAnchors,
    trust_lists: Vec<String>,
    table: VerdictTable,
    /// Or why there is none.
    detector: Result<Detector, String>,
    /// Or why there is none.
    ledger: Result<Ledger, Trouble>,
    ids: LedgerIds,
    scores: bool,
    heat_map: bool,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("trust_lists", &self.trust_lists)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier on a home. Without one, or on one without keys, manifests are checked all the
    /// same; mark and ledger are not, and every report says why. Nothing is created.
    ///
    /// # Errors
    /// What the user has to put right first: [`ProvenanceError::Config`],
    /// [`ProvenanceError::Policy`], unusable trust anchors, or a wrong passphrase. Other trouble
    /// with keys or ledger becomes part of the reports.
    pub fn open(home: Option<&Home>, options: VerifierOptions) -> Result<Self, ProvenanceError> {
        let config = Config::load(home)?;
        let mut anchors = TrustAnchors::none();
        let mut trust_lists = Vec::new();
        let (mut detector, mut ledger) = no_home(home);
        if let Some(home) = home.filter(|home| home.has_keys()) {
            ledger = home.open_ledger_read_only().map_err(|error| match error {
                ProvenanceError::Ledger(error) => error.into(),
                other => Trouble {
                    why: other.to_string(),
                    damaged: false,
                },
            });
            match KeyStore::open(&home.keys(), options.passphrase) {
                Ok(keys) => {
                    // A root that cannot be read leaves our own files unlisted, and says so.
                    if let Ok(pem) = keys.root_certificate_pem() {
                        anchors = anchors.with_local_root(&pem)?;
                        trust_lists.push(LOCAL_LIST.to_owned());
                    }
                    detector = open_detector(&keys)?;
                }
                Err(error) => detector = Err(error.to_string()),
            }
        }
        if let Some(home) = home {
            anchors = config.add_anchors(home, anchors)?;
            trust_lists.extend(
                config
                    .trust_anchors
                    .value
                    .iter()
                    .map(|list| list.name.clone()),
            );
        }
        for (name, pem) in &options.trust_anchors {
            anchors = anchors.with_list(name, colophon_manifest::ListKind::Local, pem)?;
            trust_lists.push(name.clone());
        }
        Ok(Self {
            limits: options.limits.unwrap_or_else(|| config.limits()),
            deadline: options
                .deadline
                .unwrap_or(Duration::from_millis(config.manifest_deadline_ms.value)),
            anchors,
            trust_lists,
            table: verdict_table(home)?,
            detector,
            ledger,
            ids: LedgerIds::default(),
            scores: options.scores,
            heat_map: options.heat_map,
        })
    }

    /// The bounds on pictures, for reading files.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A report on a file that could not even be read, such as a folder.
    pub fn unreadable(&self, error: &ImagingError, name: &str) -> Report {
        let attached = Attached::not_checked("the file could not be read".to_owned());
        self.report(&[], name, Err(error), &attached, Instant::now())
    }

    /// Checks one picture. Whatever is wrong with the file becomes part of the report.
    pub fn verify(&self, bytes: &[u8], name: &str) -> Report {
        let start = Instant::now();
        let (pixels, attached) = rayon::join(
            || examine::pixels(bytes, &self.limits, self.mark_reader()),
            || examine::manifest(bytes, &self.limits, &self.anchors, self.deadline),
        );
        self.report(bytes, name, pixels.as_ref(), &attached, start)
    }

    fn mark_reader(&self) -> Option<MarkReader<'_>> {
        let detector = self.detector.as_ref().ok()?;
        Some(MarkReader {
            detector,
            ledger: self.ledger.as_ref().ok(),
            ids: &self.ids,
        })
    }

    fn report(
        &self,
        bytes: &[u8],
        name: &str,
        pixels: Result<&Pixels, &ImagingError>,
        attached: &Attached,
        start: Instant,
    ) -> Report {
        let asset_sha256: [u8; 32] = Sha256::digest(bytes).into();
        let pixels_or_none = pixels.ok();
        let answer = self.ask_ledger(asset_sha256, pixels_or_none, attached);
        let facts = self.facts(pixels_or_none, attached, &answer);
        let verdict = self.table.evaluate(facts, &details(attached, &answer));
        let mut not_checked = self.not_checked(pixels, attached, &answer);
        let evidence = self.evidence(bytes, pixels_or_none, attached, &answer, &mut not_checked);
        Report {
            colophon_report: Report::VERSION,
            file: name.to_owned(),
            outcome: Outcome::from(verdict.finding),
            error: pixels.err().map(|error| ReportError {
                kind: fault_name(error.fault()),
                message: error.to_string(),
            }),
            container: Container {
                format: colophon_imaging::sniff(bytes)
                    .ok()
                    .map(|format| format.to_string()),
                width: pixels_or_none.map(|pixels| pixels.luma.width() as u32),
                height: pixels_or_none.map(|pixels| pixels.luma.height() as u32),
                bytes: bytes.len() as u64,
                sha256: (!bytes.is_empty()).then(|| hex(&asset_sha256)),
            },
            verdict: ReportVerdict {
                rule: verdict.rule_id,
                finding: verdict.finding,
                headline: verdict.headline,
                explanation: verdict.explanation,
                reasons: verdict.reasons,
            },
            evidence,
            not_checked,
            tool: Tool {
                name: "colophon",
                version: env!("CARGO_PKG_VERSION"),
                validator: VALIDATOR,
                policy: self.table.hash().to_string(),
                trust_lists: self.trust_lists.clone(),
            },
            elapsed_ms: start.elapsed().as_millis() as u64,
        }
    }

    fn ask_ledger(
        &self,
        asset_sha256: [u8; 32],
        pixels: Option<&Pixels>,
        attached: &Attached,
    ) -> Answer {
        let detection = pixels.and_then(|pixels| pixels.mark.detection.as_ref());
        let watermark_id = detection.map(|detection| detection.payload.0);
        let ledger = match &self.ledger {
            Ok(ledger) => ledger,
            Err(trouble) => return Answer::none(trouble.clone(), watermark_id),
        };
        let question = Question {
            asset_sha256,
            watermark_id,
            attached: attached.report(),
            examined: pixels.map(|pixels| Examined {
                luma: &pixels.luma,
                placement: detection.map(|detection| &detection.placement),
                hashes: pixels.reliable_hashes(),
            }),
        };
        lookup::ask(ledger, question)
    }

    fn facts(&self, pixels: Option<&Pixels>, attached: &Attached, answer: &Answer) -> Facts {
        let hit = answer.hit.as_ref();
        let is_exact = |hit: &lookup::Hit| hit.matched_by.contains(&Matched::AssetHash);
        Facts {
            manifest: attached.state,
            watermark: match pixels.map(|pixels| pixels.mark.detection.as_ref()) {
                Some(Some(found)) => match found.source {
                    Source::Blind => WatermarkState::Found,
                    Source::Issued(_) => WatermarkState::Matched,
                },
                Some(None) if self.detector.is_ok() => WatermarkState::Absent,
                _ => WatermarkState::NotChecked,
            },
            ledger: answer.state,
            binding: hit.map_or(Binding::None, |hit| hit.comparison.binding),
            manifest_agreement: agreement(
                attached.report(),
                attached.state,
                hit.map(|hit| &hit.entry),
            ),
            fingerprint: match answer.alike {
                Some(_) => FingerprintMatch::Near,
                None => FingerprintMatch::None,
            },
            asset_hash: match hit {
                Some(hit) if is_exact(hit) => AssetHash::Exact,
                _ => AssetHash::None,
            },
        }
    }

    fn evidence(
        &self,
        bytes: &[u8],
        pixels: Option<&Pixels>,
        attached: &Attached,
        answer: &Answer,
        not_checked: &mut Vec<NotChecked>,
    ) -> Evidence {
        let origin = self
            .ledger
            .as_ref()
            .map_or("", |ledger| ledger.verifier_key().name());
        let recovered = match (&self.ledger, pixels, &answer.hit) {
            (Ok(ledger), Some(pixels), Some(hit)) => {
                let source = recover::Source {
                    ledger,
                    anchors: &self.anchors,
                    deadline: self.deadline,
                };
                source
                    .recover(bytes, pixels, attached.report(), hit)
                    .unwrap_or_else(|why| {
                        not_checked.push(not_checked_entry("recovered-manifest", &why));
                        None
                    })
            }
            _ => None,
        };
        Evidence {
            manifest: attached.evidence(),
            watermark: pixels.and_then(|pixels| self.watermark(pixels, answer)),
            faint_mark: pixels.and_then(|pixels| pixels.mark.faint),
            ledger: answer
                .hit
                .as_ref()
                .map(|hit| LedgerEvidence::new(hit, origin)),
            recovered_manifest: recovered,
            fingerprint: pixels.and_then(|pixels| {
                let (hashes, quality) = pixels.fingerprint.as_ref()?;
                Some(FingerprintEvidence {
                    hash: hashes[0].to_string(),
                    quality: quality.0,
                    nearest: answer
                        .alike
                        .as_ref()
                        .map(|(entry, distance)| Nearest::new(entry, *distance)),
                })
            }),
            declared: pixels.and_then(|pixels| pixels.declared.clone()),
        }
    }

    fn watermark(&self, pixels: &Pixels, answer: &Answer) -> Option<WatermarkEvidence> {
        let detection = pixels.mark.detection.as_ref()?;
        let marked = answer
            .hit
            .as_ref()
            .filter(|hit| hit.matched_by.contains(&Matched::Watermark));
        let issued = marked.map(|hit| (hit.entry.record.width, hit.entry.record.height));
        let examined = (pixels.luma.width(), pixels.luma.height());
        let detector = self.detector.as_ref().ok().filter(|_| self.heat_map);
        let heat_map = detector.map(|detector| detector.heat_map(&pixels.luma, detection));
        Some(WatermarkEvidence::new(
            detection,
            issued,
            examined,
            self.scores,
            heat_map,
        ))
    }

    fn not_checked(
        &self,
        pixels: Result<&Pixels, &ImagingError>,
        attached: &Attached,
        answer: &Answer,
    ) -> Vec<NotChecked> {
        let mut list = Vec::new();
        let mut push = |what: &str, why: &str| list.push(not_checked_entry(what, why));
        if let Some(why) = &attached.not_checked {
            push("manifest", why);
        }
        if let Some(why) = attached.revocation_not_checked() {
            push("revocation", why);
        }
        match (pixels, &self.detector) {
            (Err(_), _) => push("watermark", "the picture could not be decoded"),
            (Ok(_), Err(why)) => push("watermark", why),
            (Ok(_), Ok(_)) => {}
        }
        if let Ok(pixels) = pixels {
            if let Some(why) = &pixels.mark.problem {
                push("faint-marks", why);
            }
            if pixels.frames > 1 {
                push(
                    "frames",
                    &format!("only the first of {} frames was looked at", pixels.frames),
                );
            }
            if answer.hit.is_none() && self.ledger.is_ok() && pixels.reliable_hashes().is_none() {
                push(
                    "likeness",
                    "the picture has too little structure for a perceptual hash",
                );
            }
        }
        if let Some(why) = &answer.problem {
            push("ledger", why);
        }
        push(
            "marks-of-others",
            "only marks made with this home's own key can be read",
        );
        list
    }
}

fn not_checked_entry(what: &str, why: &str) -> NotChecked {
    NotChecked {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

fn no_home(home: Option<&Home>) -> (Result<Detector, String>, Result<Ledger, Trouble>) {
    let place = home.map_or("there is no home".to_owned(), |home| {
        format!("there is no home at {}", home.root.display())
    });
    let why = format!("{place}, so there is no ledger");
    (
        Err(format!("{place}, so there is no watermark key")),
        Err(Trouble {
            why,
            damaged: false,
        }),
    )
}

fn open_detector(keys: &KeyStore) -> Result<Result<Detector, String>, ProvenanceError> {
    match keys.watermark_key() {
        Ok(key) => Ok(Ok(Detector::new([&WatermarkKey::new(*key)]))),
        // The user can do better at once; a report that nothing was found would mislead.
        Err(error @ KeysError::WrongPassphrase(_)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The home's verdict table, or the built-in one.
pub(crate) fn verdict_table(home: Option<&Home>) -> Result<VerdictTable, ProvenanceError> {
    let path = home.map(|home| home.policies().join("verdicts.toml"));
    let text = match &path {
        Some(path) => read_text(path)?,
        None => None,
    };
    let (path, table) = match (path, text) {
        (Some(path), Some(text)) => (path, VerdictTable::from_toml(&text)),
        _ => (
            PathBuf::from("the built-in verdict table"),
            VerdictTable::built_in(),
        ),
    };
    table.map_err(|source| ProvenanceError::Policy { path, source })
}

/// What the sentences of the verdict may tell.
fn details(attached: &Attached, answer: &Answer) -> Details {
    let signer = attached.report().and_then(|report| report.signer.as_ref());
    let hit = answer.hit.as_ref().map(|hit| &hit.entry);
    let entry = hit.or(answer.alike.as_ref().map(|(entry, _)| entry));
    Details {
        signer: signer.and_then(|signer| {
            signer
                .organisation
                .clone()
                .or_else(|| signer.common_name.clone())
        }),
        generator: entry.and_then(|entry| entry.record.generator.as_ref().map(agent_text)),
        issued_at: entry.map(|entry| crate::rfc3339(entry.record.issued_at)),
        record: entry.map(|entry| entry.index.0),
    }
}

fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Picture => "picture",
        Fault::Limit => "limit",
        Fault::Unsupported => "unsupported",
        Fault::Request => "request",
        Fault::System => "system",
    }
}

/// Distances above it are no likeness; the report's documentation states the number.
const _: () = assert!(MATCH_DISTANCE == 31);
