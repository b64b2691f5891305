//! The way in: from the bytes of any picture to a report.

mod contradictions;
mod examine;
mod mark;
mod not_checked;
mod open;
mod recover;
mod statements;
mod timeline;
mod traces;

use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon_fingerprint::MATCH_DISTANCE;
use colophon_imaging::Limits;
use colophon_ledger::Ledger;
use colophon_manifest::{TrustAnchors, VALIDATOR};
use colophon_policy::{
    AssetHash, Binding, Contradiction, Facts, FingerprintMatch, ManifestState, PolicyHash,
    Statement, VerdictTable, WatermarkState,
};
use colophon_signals::Findings;
use colophon_watermark::{Detector, HeatMap, Source};
use colophon_wording::Wording;
use sha2::{Digest as _, Sha256};

use crate::binding::Examined;
use crate::facts::{agent_text, agreement};
use crate::hex;
use crate::lookup::{self, Answer, Question, Trouble, Why};
use crate::report::{
    Container, Evidence, FingerprintEvidence, LedgerEvidence, Matched, Nearest, NotChecked,
    Outcome, Report, ReportError, ReportVerdict, Tool, TrustListEvidence, WatermarkEvidence,
};
use examine::{Attached, ManifestReader, Pixels};
use mark::{LedgerIds, MarkReader};
pub use open::{ReportOptions, VerifierOptions};
use timeline::Timeline;

/// Checks pictures; for use from many threads. Writes nothing and opens no connection.
pub struct Verifier {
    shared: Arc<Shared>,
    options: ReportOptions,
    wording: &'static Wording,
    confinement: Vec<String>,
}

/// What every check is made with, whatever is wanted of its report.
struct Shared {
    limits: Limits,
    deadline: Duration,
    anchors: TrustAnchors,
    trust_lists: Vec<TrustListEvidence>,
    table: VerdictTable,
    policy: PolicyHash,
    /// Or why there is none.
    detector: Result<Detector, Why>,
    /// Ids of the watermark keys in the detector's order: the one in use, then former ones.
    mark_keys: Vec<String>,
    /// Or why there is none.
    ledger: Result<Ledger, Trouble>,
    ids: LedgerIds,
}

/// A report, and what is too large for it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// The report.
    pub report: Report,
    /// Where in the picture the mark reads, if [`ReportOptions::heat_map`] asks for it.
    pub heat_map: Option<HeatMap>,
    /// The validator's own report on the manifest (crJSON), if [`ReportOptions::crjson`] asks for it.
    pub crjson: Option<String>,
}

/// What the readers of one file found.
struct Read {
    pixels: Result<Pixels, ReportError>,
    attached: Attached,
    findings: Findings,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("trust_lists", &self.shared.trust_lists)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// The same verifier, with other reports. Keys, lists and the ledger are shared, so that it costs nothing.
    #[must_use]
    pub fn reporting(&self, options: ReportOptions) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            options,
            wording: Wording::of(options.language),
            confinement: self.confinement.clone(),
        }
    }

    /// Says what confines this process, for the reports.
    pub fn confined_by(&mut self, confinement: Vec<String>) {
        self.confinement = confinement;
    }

    /// The bounds on pictures, for reading files.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// A report on a file that could not be checked at all, such as a folder, or one whose check was ended.
    /// `bytes` as far as they could be read; they are not looked into beyond their format.
    pub fn unchecked(&self, bytes: &[u8], error: ReportError, name: &str) -> Report {
        let key = if bytes.is_empty() {
            "unreadable-file"
        } else {
            "check-ended"
        };
        let why = self.wording.text(&format!("not-checked.{key}"));
        let read = Read {
            pixels: Err(error),
            attached: Attached::not_checked(why),
            findings: Findings::default(),
        };
        self.report(bytes, name, &read, Instant::now()).report
    }

    /// Checks one picture. Whatever is wrong with the file becomes part of the report.
    pub fn verify(&self, bytes: &[u8], name: &str) -> Report {
        self.examine(bytes, name).report
    }

    /// As [`Self::verify`], with what is too large for a report.
    pub fn examine(&self, bytes: &[u8], name: &str) -> Examination {
        self.examine_with_store(bytes, None, name)
    }

    /// As [`Self::examine`], with a manifest store that was fetched from where the file says it is kept.
    pub fn examine_with_store(
        &self,
        bytes: &[u8],
        store: Option<&[u8]>,
        name: &str,
    ) -> Examination {
        let start = Instant::now();
        let reader = ManifestReader {
            limits: &self.shared.limits,
            anchors: &self.shared.anchors,
            deadline: self.shared.deadline,
            crjson: self.options.crjson,
            wording: self.wording,
        };
        let (pixels, (mut attached, mut findings)) = rayon::join(
            || examine::pixels(bytes, &self.shared.limits, self.mark_reader()),
            || (reader.read(bytes, store), examine::metadata(bytes)),
        );
        attached.or_remote(findings.remote_manifest.as_deref());
        examine::gather(&mut findings, &attached, pixels.as_ref().ok());
        let read = Read {
            pixels: pixels.map_err(|error| ReportError::from(&error)),
            attached,
            findings,
        };
        self.report(bytes, name, &read, start)
    }

    fn mark_reader(&self) -> Option<MarkReader<'_>> {
        let detector = self.shared.detector.as_ref().ok()?;
        Some(MarkReader {
            detector,
            ledger: self.shared.ledger.as_ref().ok(),
            ids: &self.shared.ids,
        })
    }

    fn report(&self, bytes: &[u8], name: &str, read: &Read, start: Instant) -> Examination {
        let asset_sha256: [u8; 32] = Sha256::digest(bytes).into();
        let pixels = read.pixels.as_ref().ok();
        let answer = self.ask_ledger(asset_sha256, pixels, &read.attached);
        let timeline = self.timeline(read, &answer);
        let contradictions = self.contradictions(read, &answer, timeline.impossible());
        let gravest = contradictions.first().map(|(kind, _)| *kind);
        let facts = self.facts(read, &answer, gravest.unwrap_or(Contradiction::None));
        let values = values(&read.attached, &answer, &read.findings);
        let values: Vec<(&str, &str)> = values
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
            .collect();
        let verdict = self.shared.table.evaluate(facts, self.wording, &values);
        let mut not_checked = self.not_checked(read, &answer);
        let mut evidence = self.evidence(bytes, read, &answer, &mut not_checked);
        evidence.timeline = timeline.into_entries();
        let stated = read.attached.stated().is_some();
        let manifest = read.attached.report().filter(|_| stated);
        let log = self.shared.ledger.as_ref().ok();
        let log = log.map(|ledger| ledger.verifier_key().name());
        evidence.counted_time = Timeline::counted(manifest, &answer, log, self.wording);
        let (watermark, heat_map) = pixels
            .and_then(|pixels| self.watermark(pixels, &answer))
            .map_or((None, None), |(told, map)| (Some(told), map));
        evidence.watermark = watermark;
        let report = Report {
            colophon_report: Report::VERSION,
            file: name.to_owned(),
            outcome: Outcome::from(verdict.finding),
            error: read.pixels.as_ref().err().cloned(),
            container: Container {
                format: colophon_imaging::sniff(bytes)
                    .ok()
                    .map(|format| format.to_string()),
                width: pixels.map(|pixels| pixels.luma.width() as u32),
                height: pixels.map(|pixels| pixels.luma.height() as u32),
                bytes: bytes.len() as u64,
                sha256: (!bytes.is_empty()).then(|| hex(&asset_sha256)),
                trailing_bytes: read.findings.trailing_bytes,
            },
            verdict: ReportVerdict {
                rule: verdict.rule_id,
                finding: verdict.finding,
                action: verdict.action,
                headline: verdict.headline,
                explanation: verdict.explanation,
                reasons: verdict.reasons,
                contradictions: contradictions.into_iter().map(|(_, told)| told).collect(),
            },
            evidence,
            not_checked,
            tool: self.tool(),
            elapsed_ms: start.elapsed().as_millis() as u64,
        };
        let manifest = read.attached.report();
        Examination {
            report,
            heat_map,
            crjson: manifest.and_then(|manifest| manifest.crjson.clone()),
        }
    }

    fn tool(&self) -> Tool {
        Tool {
            name: "colophon".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            validator: VALIDATOR.to_owned(),
            policy: self.shared.policy.to_string(),
            trust_lists: self.shared.trust_lists.clone(),
            language: self.wording.language().code().to_owned(),
            confinement: self.confinement.clone(),
        }
    }

    fn timeline(&self, read: &Read, answer: &Answer) -> Timeline {
        let usable = read.attached.stated().is_some();
        let manifest = read.attached.report().filter(|_| usable);
        let intact = usable && read.attached.state != ManifestState::Altered;
        let dates = &read.findings.dates;
        Timeline::new(
            dates,
            manifest,
            intact,
            answer,
            self.wording,
            crate::time::now(),
        )
    }

    fn contradictions(
        &self,
        read: &Read,
        answer: &Answer,
        dates: Vec<timeline::Impossible>,
    ) -> Vec<(Contradiction, crate::report::Contradiction)> {
        let pixels = read.pixels.as_ref().ok();
        let detection = pixels.and_then(|pixels| pixels.mark.detection.as_ref());
        let hit = answer.hit.as_ref();
        let found = contradictions::Found {
            state: read.attached.state,
            manifest: read.attached.report(),
            states: read.attached.stated(),
            signals: &read.findings.signals,
            read_id: detection
                .filter(|found| found.source == Source::Blind)
                .map(|found| found.payload.0),
            hashes: pixels.and_then(Pixels::reliable_hashes),
            answer,
            recorded_generated: hit
                .is_some_and(|hit| contradictions::is_generated(&hit.entry.record.source_type)),
            dates,
        };
        found.all(self.wording)
    }

    fn ask_ledger(
        &self,
        asset_sha256: [u8; 32],
        pixels: Option<&Pixels>,
        attached: &Attached,
    ) -> Answer {
        let detection = pixels.and_then(|pixels| pixels.mark.detection.as_ref());
        let watermark_id = detection.map(|detection| detection.payload.0);
        let ledger = match &self.shared.ledger {
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

    fn facts(&self, read: &Read, answer: &Answer, contradiction: Contradiction) -> Facts {
        let (pixels, attached) = (read.pixels.as_ref().ok(), &read.attached);
        let signals = &read.findings.signals;
        let hit = answer.hit.as_ref();
        let is_exact = |hit: &lookup::Hit| hit.matched_by.contains(&Matched::AssetHash);
        Facts {
            manifest: attached.state,
            statement: attached.stated().map_or(Statement::None, traces::statement),
            trace: traces::trace(signals),
            camera: traces::camera(signals),
            contradiction,
            watermark: match pixels.map(|pixels| pixels.mark.detection.as_ref()) {
                Some(Some(found)) => match found.source {
                    Source::Blind => WatermarkState::Found,
                    Source::Issued(_) => WatermarkState::Matched,
                },
                Some(None) if self.shared.detector.is_ok() => WatermarkState::Absent,
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
        read: &Read,
        answer: &Answer,
        not_checked: &mut Vec<NotChecked>,
    ) -> Evidence {
        let (pixels, attached) = (read.pixels.as_ref().ok(), &read.attached);
        let origin = self
            .shared
            .ledger
            .as_ref()
            .map_or("", |ledger| ledger.verifier_key().name());
        let recovered = match (&self.shared.ledger, pixels, &answer.hit) {
            (Ok(ledger), Some(pixels), Some(hit)) => {
                let source = recover::Source {
                    ledger,
                    anchors: &self.shared.anchors,
                    deadline: self.shared.deadline,
                    wording: self.wording,
                    full: self.options.full,
                };
                source
                    .recover(bytes, pixels, attached.report(), hit)
                    .unwrap_or_else(|why| {
                        not_checked.push(NotChecked::new("recovered-manifest", &why));
                        None
                    })
            }
            _ => None,
        };
        Evidence {
            manifest: attached.evidence(self.wording, self.options.full),
            watermark: None,
            faint_mark: pixels.and_then(|pixels| pixels.mark.faint),
            ledger: answer
                .hit
                .as_ref()
                .map(|hit| LedgerEvidence::new(hit, origin, self.options.full)),
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
            signals: traces::evidence(&read.findings.signals, self.wording, self.options.full),
            unreadable_marks: traces::unreadable(&read.findings),
            timeline: Vec::new(),
            counted_time: None,
        }
    }

    fn watermark(
        &self,
        pixels: &Pixels,
        answer: &Answer,
    ) -> Option<(WatermarkEvidence, Option<HeatMap>)> {
        let detection = pixels.mark.detection.as_ref()?;
        let marked = answer
            .hit
            .as_ref()
            .filter(|hit| hit.matched_by.contains(&Matched::Watermark));
        let issued = marked.map(|hit| (hit.entry.record.width, hit.entry.record.height));
        let examined = (pixels.luma.width(), pixels.luma.height());
        let detector = self
            .shared
            .detector
            .as_ref()
            .ok()
            .filter(|_| self.options.heat_map);
        let heat_map = detector.map(|detector| detector.heat_map(&pixels.luma, detection));
        let mut told = WatermarkEvidence::new(
            detection,
            issued,
            examined,
            self.options.full,
            heat_map.as_ref(),
        );
        let former = Some(detection.key_index).filter(|index| *index > 0);
        told.former_key = former.and_then(|index| self.shared.mark_keys.get(index).cloned());
        Some((told, heat_map))
    }
}

/// What the sentences of the verdict may tell, by placeholder.
fn values(
    attached: &Attached,
    answer: &Answer,
    findings: &Findings,
) -> [(&'static str, Option<String>); 6] {
    let signer = attached.report().and_then(|report| report.signer.as_ref());
    let hit = answer.hit.as_ref().map(|hit| &hit.entry);
    let entry = hit.or(answer.alike.as_ref().map(|(entry, _)| entry));
    let named = traces::named(&findings.signals);
    [
        (
            "signer",
            signer.and_then(|signer| {
                let names = signer.organisation.clone();
                names.or_else(|| signer.common_name.clone())
            }),
        ),
        (
            "generator",
            entry.and_then(|entry| entry.record.generator.as_ref().map(agent_text)),
        ),
        (
            "issued-at",
            entry.map(|entry| crate::rfc3339(entry.record.issued_at)),
        ),
        ("record", entry.map(|entry| entry.index.0.to_string())),
        (
            "source",
            named.map(|signal| signal.source.name().to_owned()),
        ),
        ("tool", named.and_then(traces::tool_text)),
    ]
}

/// Distances above it are no likeness; the report's documentation states the number.
const _: () = assert!(MATCH_DISTANCE == 31);
