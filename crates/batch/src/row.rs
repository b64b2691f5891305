//! One row a picture: what tables hold. The columns are public; `docs/bulk.md` lists them.

use colophon_provenance::{ManifestEvidence, Report, SignalEvidence, Source};
use colophon_tabular::{Cell, Column, Kind};
use serde::{Deserialize, Serialize};

/// Between the values of a column that can hold several.
const SEPARATOR: &str = "; ";

macro_rules! columns {
    (@type Text) => { Option<String> };
    (@type Integer) => { Option<i64> };
    ($(#[doc = $meaning:literal] $name:ident: $kind:ident),+ $(,)?) => {
        /// A row. Every column may be empty.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Row {
            $(#[doc = $meaning] pub $name: columns!(@type $kind)),+
        }

        impl Row {
            /// The columns, in order.
            pub const COLUMNS: &'static [Column] = &[
                $(Column {
                    name: stringify!($name),
                    kind: Kind::$kind,
                    meaning: $meaning.trim_ascii(),
                }),+
            ];

            /// The values, in the order of [`Self::COLUMNS`].
            pub fn cells(&self) -> Vec<Cell<'_>> {
                vec![$(Cell::from(&self.$name)),+]
            }
        }
    };
}

columns! {
    /// Number of the row, from 1, in the order of the input.
    row: Integer,
    /// Name of the file, as given or met.
    file: Text,
    /// The answer in one word: `evidence-found`, `flagged`, `could-not-check` or `nothing-found`.
    outcome: Text,
    /// What the rules recommend: `allow`, `label`, `review` or `escalate`.
    action: Text,
    /// Id of the rule that matched.
    rule: Text,
    /// What the rule makes of it: `evidence`, `flagged`, `nothing` or `unchecked`.
    finding: Text,
    /// One plain sentence or two, in the language asked for.
    headline: Text,
    /// The facts judged, `signal=value`.
    reasons: Text,
    /// Codes of what does not go together, gravest first.
    contradictions: Text,
    /// What was not checked.
    not_checked: Text,
    /// State of the manifest in the file, as the rules judge it.
    manifest: Text,
    /// Verdict on the manifest: are bytes and statements those that were signed?
    integrity: Text,
    /// Verdict on the manifest: does the signature check out?
    signature: Text,
    /// Verdict on the manifest: is the time of signing known?
    time: Text,
    /// Verdict on the manifest: does the certificate lead to a list?
    trust: Text,
    /// Verdict on the manifest: was the certificate revoked?
    revocation: Text,
    /// Verdict on the manifest: does anyone besides the signer vouch for it?
    identity: Text,
    /// Name of the trust list that the certificate leads to.
    trust_list: Text,
    /// Organisation or name in the signing certificate; only a name unless `trust` is `trusted`.
    signer: Text,
    /// Program that wrote the manifest, with its version.
    claim_generator: Text,
    /// What the manifest states of how the picture came to be, as the rules judge it.
    statement: Text,
    /// Digital source types that the manifest states.
    source_types: Text,
    /// Id in this home's mark, 16 hex digits.
    watermark: Text,
    /// How the mark was found: `read` or `matched-by-ledger`.
    watermark_source: Text,
    /// Number of the ledger record that mark, file or manifest leads to.
    ledger_record: Integer,
    /// How the record was found: `watermark`, `asset-hash`, `manifest`.
    matched_by: Text,
    /// Number of the ledger record whose picture looks most alike, when nothing stronger led to one.
    nearest_record: Integer,
    /// Differing bits of its fingerprint, 0 to 31.
    nearest_distance: Integer,
    /// Whose the strongest trace of a generator or program is, as a code.
    trace_source: Text,
    /// What that trace is worth: `signed`, `pixel`, `vendor-verified`, `declared` or `weak`.
    trace_class: Text,
    /// What that trace says of how the picture came to be.
    trace_says: Text,
    /// Product or model that it names.
    trace_tool: Text,
    /// Version of that.
    trace_version: Text,
    /// Whose all traces are, strongest first.
    trace_sources: Text,
    /// Camera or phone that the file names.
    camera: Text,
    /// Marks that the file is said to carry and that cannot be read here.
    unreadable_marks: Text,
    /// Format by content, such as `JPEG`.
    format: Text,
    /// Width in pixels, upright.
    width: Integer,
    /// Height in pixels, upright.
    height: Integer,
    /// Size of the file in bytes.
    bytes: Integer,
    /// SHA-256 of the file, hex.
    sha256: Text,
    /// PDQ fingerprint of the pixels, hex.
    pdq: Text,
    /// PDQ quality, 0 to 100; fingerprints below 50 are not compared.
    pdq_quality: Integer,
    /// Who can put right that the picture was not decoded: `picture`, `limit`, `unsupported`, `request` or `system`.
    error_kind: Text,
    /// Why the picture was not decoded.
    error: Text,
    /// Number of the first row of the pictures that look like this one; its own if none before does; empty without a usable fingerprint.
    group: Integer,
    /// Name of the first file with the very same bytes; empty for that file itself.
    duplicate_of: Text,
    /// Milliseconds that the check took, of a duplicate those of reading it.
    elapsed_ms: Integer,
    /// Version of the report form.
    report_version: Integer,
    /// Version of the program.
    tool_version: Text,
    /// Hash of the rules, hex.
    policy: Text,
}

impl Row {
    /// What a report says; `row`, `group` and `duplicate_of` are the run's to fill in.
    pub fn of(report: &Report) -> Self {
        let evidence = &report.evidence;
        let mut row = Self {
            file: Some(report.file.clone()),
            report_version: Some(i64::from(report.colophon_report)),
            tool_version: Some(report.tool.version.clone()),
            policy: Some(report.tool.policy.clone()),
            elapsed_ms: Some(report.elapsed_ms as i64),
            unreadable_marks: joined(evidence.unreadable_marks.iter().map(|mark| &mark.name)),
            ..Self::default()
        };
        row.tell_verdict(report);
        row.tell_file(report);
        if let Some(manifest) = &evidence.manifest {
            row.tell_manifest(manifest);
        }
        row.tell_marks(report);
        row.tell_traces(report);
        row
    }

    fn tell_verdict(&mut self, report: &Report) {
        let verdict = &report.verdict;
        self.outcome = code(&report.outcome);
        self.action = code(&verdict.action);
        self.rule = Some(verdict.rule.clone());
        self.finding = code(&verdict.finding);
        self.headline = Some(verdict.headline.clone());
        self.reasons = joined(&verdict.reasons);
        self.contradictions = joined(verdict.contradictions.iter().map(|found| &found.code));
        self.not_checked = joined(report.not_checked.iter().map(|entry| &entry.what));
        self.statement = verdict
            .reasons
            .iter()
            .find_map(|reason| reason.strip_prefix("statement="))
            .map(str::to_owned);
        self.error_kind = report.error.as_ref().map(|error| error.kind.clone());
        self.error = report.error.as_ref().map(|error| error.message.clone());
    }

    fn tell_file(&mut self, report: &Report) {
        let container = &report.container;
        self.format.clone_from(&container.format);
        self.width = container.width.map(i64::from);
        self.height = container.height.map(i64::from);
        self.bytes = Some(container.bytes as i64);
        self.sha256.clone_from(&container.sha256);
        let fingerprint = report.evidence.fingerprint.as_ref();
        self.pdq = fingerprint.map(|found| found.hash.clone());
        self.pdq_quality = fingerprint.map(|found| i64::from(found.quality));
        let nearest = fingerprint.and_then(|found| found.nearest.as_ref());
        self.nearest_record = nearest.map(|nearest| nearest.record as i64);
        self.nearest_distance = nearest.map(|nearest| i64::from(nearest.distance));
    }

    fn tell_manifest(&mut self, manifest: &ManifestEvidence) {
        self.manifest = code(&manifest.state);
        if let Some(verdicts) = &manifest.verdicts {
            self.integrity = code(&verdicts.integrity.state);
            self.signature = code(&verdicts.signature.state);
            self.time = code(&verdicts.time.state);
            self.trust = code(&verdicts.trust.state);
            self.trust_list.clone_from(&verdicts.trust.list);
            self.revocation = code(&verdicts.revocation.state);
            self.identity = code(&verdicts.identity.state);
        }
        self.signer = manifest.signer.as_ref().and_then(|signer| {
            let name = signer.organisation.as_ref().or(signer.common_name.as_ref());
            name.cloned()
        });
        self.claim_generator =
            manifest
                .claim_generator
                .as_ref()
                .map(|agent| match &agent.version {
                    Some(version) => format!("{} {version}", agent.name),
                    None => agent.name.clone(),
                });
        self.source_types = joined(&manifest.source_types);
    }

    fn tell_marks(&mut self, report: &Report) {
        if let Some(mark) = &report.evidence.watermark {
            self.watermark = Some(mark.payload.clone());
            self.watermark_source = code(&mark.source);
        }
        if let Some(record) = &report.evidence.ledger {
            self.ledger_record = Some(record.record as i64);
            let ways: Vec<String> = record.matched_by.iter().filter_map(code).collect();
            self.matched_by = joined(&ways);
        }
    }

    fn tell_traces(&mut self, report: &Report) {
        let signals = &report.evidence.signals;
        let mut sources: Vec<&str> = Vec::new();
        for signal in signals {
            if !sources.contains(&signal.source.code()) {
                sources.push(signal.source.code());
            }
        }
        self.trace_sources = joined(&sources);
        // A camera is told in a column of its own.
        let strongest = signals.iter().find(|signal| !is_camera(signal));
        if let Some(signal) = strongest {
            self.trace_source = Some(signal.source.code().to_owned());
            self.trace_class = Some(signal.class.code().to_owned());
            self.trace_says = Some(signal.says.code().to_owned());
            self.trace_tool.clone_from(&signal.tool);
            self.trace_version.clone_from(&signal.version);
        }
        let camera = signals.iter().find(|signal| is_camera(signal));
        self.camera = camera.map(|signal| signal.tool.as_ref().unwrap_or(&signal.name).clone());
    }
}

fn is_camera(signal: &SignalEvidence) -> bool {
    signal.source == Source::Camera
}

/// The values in one text; `None` if there are none.
fn joined<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Option<String> {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push_str(SEPARATOR);
        }
        text.push_str(value.as_ref());
    }
    (!text.is_empty()).then_some(text)
}

/// The code that the report's JSON form has for a value.
fn code(value: &impl Serialize) -> Option<String> {
    match serde_json::to_value(value).ok()? {
        serde_json::Value::String(code) => Some(code),
        serde_json::Value::Object(fields) => text(fields.get("state")?),
        _ => None,
    }
}

fn text(value: &serde_json::Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
