//! The evidence of a report, reader by reader.

use colophon_policy::Binding;
use colophon_provenance::{
    AgentEvidence, GenerationEvidence, Geometry, LedgerEvidence, ManifestEvidence, MarkStrength,
    Matched, RecoveredManifest, Report, SignerEvidence, VerdictEvidence, VerdictsEvidence,
    WatermarkEvidence,
};
use colophon_watermark::ACCEPT_LOG10;

use super::sheet::{Mark, Sheet};
use crate::text::counted;

type Lines = Vec<(Mark, String)>;

/// Adds one section for each reader.
pub fn sections(sheet: &mut Sheet, report: &Report, verbose: bool) {
    let evidence = &report.evidence;
    let absent = |what: &str, otherwise: &str| {
        let skipped = report.not_checked.iter().any(|item| item.what == what);
        vec![if skipped {
            (Mark::Caution, "not checked, see below".to_owned())
        } else {
            (Mark::Plain, otherwise.to_owned())
        }]
    };
    let attached = evidence
        .manifest
        .as_ref()
        .map(|it| manifest(it, true, verbose));
    sheet.section(
        "Manifest",
        &attached.unwrap_or_else(|| absent("manifest", "none in the file")),
    );
    let mark = evidence.watermark.as_ref().map(watermark);
    let faint = evidence
        .faint_mark
        .map(|_| (Mark::Caution, FAINT_MARK.to_owned()));
    let mark = mark.unwrap_or_else(|| absent("watermark", "none made with this home's key"));
    sheet.section("Watermark", &[mark, faint.into_iter().collect()].concat());
    let record = evidence.ledger.as_ref().map(|it| ledger(it, verbose));
    sheet.section(
        "Ledger",
        &record.unwrap_or_else(|| absent("ledger", "no record")),
    );
    if let Some(record) = &evidence.ledger {
        sheet.section("Content", &content(record));
    }
    if let Some(it) = &evidence.recovered_manifest {
        sheet.section("Recovered", &recovered(it, verbose));
    }
    if let Some(it) = evidence.fingerprint.as_ref() {
        let mut lines = Lines::new();
        if let Some(near) = &it.nearest {
            lines.push((
                Mark::Caution,
                format!(
                    "looks like the picture of record {}, issued {}{} ({} of 256 bits differ)",
                    near.record,
                    near.issued_at,
                    by(near.generator.as_ref()),
                    near.distance
                ),
            ));
        }
        if verbose {
            lines.push((
                Mark::Plain,
                format!("perceptual hash {}, quality {}", it.hash, it.quality),
            ));
        }
        sheet.section("Likeness", &lines);
    }
    for it in &evidence.signals {
        let tool = it.tool.as_deref().unwrap_or_default();
        let text = format!(
            "{} {}: {}, {} ({})",
            it.name,
            tool,
            it.class.name(),
            it.says.name(),
            it.places.join(", ")
        );
        sheet.section("Trace", &[(Mark::Plain, text)]);
    }
}

/// What is said of a match that the content does not confirm.
const FAINT_MARK: &str = "a faint mark fits an id in the ledger, but the picture does not clearly show what was recorded under it; it is not counted";

/// The id, how sure it is, and how the picture was turned.
fn watermark(it: &WatermarkEvidence) -> Lines {
    let how = match it.strength {
        MarkStrength::Clear => "read clearly".to_owned(),
        MarkStrength::Weak => "read, but weak".to_owned(),
        MarkStrength::Matched => format!(
            "matched by ledger: too weak to be read, compared with {}",
            counted(it.compared_ids.unwrap_or_default() as usize, "issued id")
        ),
    };
    let chance = match it.log10_false_positive {
        // Rounded up: it is an upper bound.
        Some(log10) => format!("at most 10^{:.0}", log10.ceil()),
        None => "less than one in ten billion".to_owned(),
    };
    let found = format!(
        "id {}, {how} (chance of that without a mark: {chance})",
        it.payload
    );
    let mut lines = vec![(Mark::Good, found), (Mark::Plain, geometry(&it.geometry))];
    lines.extend(it.heat_map.as_ref().map(|map| {
        let text = format!(
            "reads in {:.0} % of the picture, is missing in {:.0} %; for the rest it cannot be told",
            map.reads * 100.0,
            map.silent * 100.0
        );
        (Mark::Plain, text)
    }));
    lines
}

/// The sentence on the chance must hold for every mark that is told of.
const _: () = assert!(ACCEPT_LOG10 <= -10.0);

/// A manifest: who, what, and the verdicts on it, each apart.
fn manifest(it: &ManifestEvidence, with_verdicts: bool, verbose: bool) -> Lines {
    let mut lines = Lines::new();
    if let Some(note) = &it.note {
        lines.push((Mark::Caution, note.clone()));
    }
    if it.id.is_some() {
        let who = it
            .signer
            .as_ref()
            .map_or_else(|| "nobody who is named".to_owned(), signer);
        lines.push((signer_mark(it), format!("signed by {who}")));
    }
    if let Some(verdicts) = it.verdicts.as_ref().filter(|_| with_verdicts) {
        lines.extend(verdict_lines(verdicts, verbose));
    }
    lines.extend(statements(it).map(|text| (Mark::Plain, text)));
    if verbose {
        lines.extend(
            it.id
                .iter()
                .map(|id| (Mark::Plain, format!("manifest id {id}"))),
        );
    }
    lines
}

/// How far the signer's name can be believed; whether the file was changed since is told apart.
fn signer_mark(it: &ManifestEvidence) -> Mark {
    let states = it.verdicts.as_ref().map(|verdicts| {
        (
            verdicts.signature.state.as_str(),
            verdicts.trust.list.is_some(),
        )
    });
    match states {
        Some(("valid", true)) => Mark::Good,
        Some(("invalid" | "missing", _)) => Mark::Alert,
        _ => Mark::Caution,
    }
}

fn signer(it: &SignerEvidence) -> String {
    match (&it.organisation, &it.common_name) {
        (Some(organisation), Some(name)) => format!("{organisation} ({name})"),
        (Some(name), None) | (None, Some(name)) => name.clone(),
        (None, None) => "a certificate without names".to_owned(),
    }
}

/// What the manifest says, as far as it says anything.
fn statements(it: &ManifestEvidence) -> impl Iterator<Item = String> {
    let kinds = (!it.source_types.is_empty()).then(|| it.source_types.join(", "));
    let agent = it.software_agent.as_ref().map(agent);
    let said: Vec<String> = [
        kinds,
        agent.map(|agent| format!("by {agent}")),
        it.claimed_time.as_ref().map(|time| format!("on {time}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let made = (!said.is_empty()).then(|| format!("says: {}", said.join(" ")));
    let title = it.title.as_ref().map(|title| format!("title: {title}"));
    let unmarked = it
        .unmarked_reason
        .as_ref()
        .map(|reason| format!("issued without a mark: {reason}"));
    let parents = (!it.ingredients.is_empty())
        .then(|| format!("made from {}", counted(it.ingredients.len(), "other file")));
    let model = it.generation.as_ref().map(generation);
    let licenses = it.generation.as_ref().and_then(licenses);
    [made, model, licenses, title, unmarked, parents]
        .into_iter()
        .flatten()
}

/// The model and how it was asked, in one line.
fn generation(it: &GenerationEvidence) -> String {
    let model = match (it.built_in, it.backend.as_str()) {
        (true, _) => format!("built-in demo model {}", it.model_id),
        (false, "remote") => format!("model {} on a server", it.model_id),
        (false, _) => format!("model {}", it.model_id),
    };
    let seeds = match it.seeds.as_slice() {
        [] => None,
        [seed] => Some(format!("seed {seed}")),
        [first, .., last] => Some(format!("seeds {first} to {last}")),
    };
    let parts = [
        Some(model),
        seeds,
        it.steps.map(|steps| counted(steps as usize, "step")),
        it.sampler.clone(),
        it.guidance.map(|scale| format!("guidance {scale}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What the model and its training data are licensed under, as far as it is told.
fn licenses(it: &GenerationEvidence) -> Option<String> {
    let model = it
        .license
        .as_ref()
        .map(|license| format!("model under {license}"));
    let data = (!it.training_licenses.is_empty())
        .then(|| format!("trained on data under {}", it.training_licenses.join(", ")));
    let parts: Vec<String> = [model, data].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn verdict_lines(it: &VerdictsEvidence, verbose: bool) -> Lines {
    let line = |name: &str, verdict: &VerdictEvidence| {
        let codes: Vec<&str> = verdict
            .codes
            .iter()
            .map(|code| code.code.as_str())
            .collect();
        let codes = if verbose && !codes.is_empty() {
            format!(" [{}]", codes.join(", "))
        } else {
            String::new()
        };
        let text = format!("{name}: {}{codes}", verdict.sentence);
        (verdict_mark(name, &verdict.state), text)
    };
    let mut lines = vec![
        line("integrity", &it.integrity),
        line("signature", &it.signature),
        line("time", &it.time),
        line("trust", &it.trust),
        line("identity", &it.identity),
    ];
    // What was not checked is told under that heading.
    if it.revocation.state != "not-checked" {
        lines.push(line("revocation", &it.revocation));
    }
    lines
}

fn verdict_mark(name: &str, state: &str) -> Mark {
    match (name, state) {
        (_, "intact" | "valid" | "stamped" | "trusted-official" | "trusted-local" | "good") => {
            Mark::Good
        }
        ("time", "unstamped") | ("identity", "absent") => Mark::Plain,
        (
            _,
            "file-altered" | "manifest-altered" | "malformed" | "invalid" | "missing" | "bad-stamp"
            | "unacceptable" | "failed" | "revoked" | "revoked-here",
        ) => Mark::Alert,
        _ => Mark::Caution,
    }
}

fn ledger(it: &LedgerEvidence, verbose: bool) -> Lines {
    let ways: Vec<&str> = it
        .matched_by
        .iter()
        .map(|way| match way {
            Matched::Watermark => "the mark",
            Matched::AssetHash => "the file's hash",
            Matched::Manifest => "the manifest",
        })
        .collect();
    let mut lines = vec![
        (
            Mark::Good,
            format!("record {}, found by {}", it.record, listed(&ways)),
        ),
        (
            Mark::Plain,
            format!(
                "issued {}{}, {}, {} x {} pixels",
                it.issued_at,
                by(it.generator.as_ref()),
                source_type(&it.source_type),
                it.width,
                it.height
            ),
        ),
    ];
    if let Some(made) = &it.generation {
        lines.push((Mark::Plain, generation(made)));
        if verbose {
            lines.extend(made.weights.iter().map(|file| {
                let text = format!("sha-256 of the weights {} {}", file.file, file.sha256);
                (Mark::Plain, text)
            }));
        }
    }
    let inclusion = &it.inclusion;
    lines.push(if inclusion.proven {
        let size = inclusion.tree_size.map_or(String::new(), |size| {
            format!(" of {}", counted(size as usize, "record"))
        });
        (Mark::Good, format!("proven to be in the signed log{size}"))
    } else {
        let why = inclusion.problem.as_deref().unwrap_or("no reason given");
        (
            Mark::Alert,
            format!("not proven to be in the signed log: {why}"),
        )
    });
    if verbose {
        lines.push((Mark::Plain, format!("log {}", it.origin)));
        lines.extend(
            inclusion
                .root
                .iter()
                .map(|root| (Mark::Plain, format!("root {root}"))),
        );
        lines.push((
            Mark::Plain,
            format!("sha-256 of the issued file {}", it.asset_sha256),
        ));
    }
    lines
}

/// "a", "a and b", "a, b and c".
fn listed(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Whether the picture shows what was recorded.
fn content(it: &LedgerEvidence) -> Lines {
    let comparison = &it.comparison;
    let (mark, says) = match comparison.binding {
        Binding::Same => (Mark::Good, "shows what was recorded, or a part of it"),
        Binding::Different => (Mark::Alert, "shows something else than what was recorded"),
        Binding::Undecided => (
            Mark::Caution,
            "could not be compared clearly with what was recorded",
        ),
        Binding::None => (Mark::Caution, "was not compared with what was recorded"),
    };
    let detail = comparison
        .score
        .map_or(String::new(), |score| format!(" (correlation {score:.2})"));
    vec![(mark, format!("{says}{detail}"))]
}

fn recovered(it: &RecoveredManifest, verbose: bool) -> Lines {
    let mut lines = vec![if it.agrees {
        (
            Mark::Good,
            "the original manifest was kept in the ledger; its bindings agree with this picture"
                .to_owned(),
        )
    } else {
        (
            Mark::Alert,
            "a manifest was kept in the ledger, but its bindings do not agree with this picture"
                .to_owned(),
        )
    }];
    if verbose {
        lines.extend(it.bindings.iter().map(|binding| {
            let mark = if binding.agrees {
                Mark::Good
            } else {
                Mark::Alert
            };
            (mark, format!("{}: {}", binding.alg, binding.how))
        }));
    }
    // The five sentences would repeat those about a file that nobody has here any more.
    lines.extend(manifest(&it.manifest, verbose, verbose));
    lines
}

/// The last part of an IPTC source type's URI, which is what people know it by.
fn source_type(uri: &str) -> &str {
    uri.rsplit('/').next().unwrap_or(uri)
}

fn geometry(it: &Geometry) -> String {
    let mut parts = Vec::new();
    if it.flip {
        parts.push("mirrored".to_owned());
    }
    if it.rotation.abs() >= 0.05 {
        parts.push(format!("turned by {:.1} degrees", it.rotation));
    }
    if let Some(scale) = it.scale.filter(|scale| (scale - 1.0).abs() >= 0.005) {
        parts.push(format!("scaled to {:.0} %", scale * 100.0));
    }
    let what = match (parts.is_empty(), it.scale) {
        (false, _) => parts.join(", "),
        (true, Some(_)) => "neither turned nor scaled".to_owned(),
        (true, None) => "not turned".to_owned(),
    };
    format!("{what} since it was issued")
}

fn agent(it: &AgentEvidence) -> String {
    match &it.version {
        Some(version) => format!("{} {version}", it.name),
        None => it.name.clone(),
    }
}

fn by(generator: Option<&AgentEvidence>) -> String {
    generator.map_or(String::new(), |generator| {
        format!(" by {}", agent(generator))
    })
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
