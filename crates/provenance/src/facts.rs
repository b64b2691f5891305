//! From what the readers found to the closed facts that the rules judge, and to what is shown.

use colophon_ledger::{Agent, Entry, Kind};
use colophon_manifest::{
    IngredientState, Integrity, ManifestReport, Revocation, Signature, Time, Trust,
};
use colophon_policy::{ManifestAgreement, ManifestState};
use colophon_wording::Wording;

use crate::config::LOCAL_LIST;
use crate::generated::{BUILT_IN, backend_name, guidance};
use crate::hex;
use crate::lookup::Hit;
use crate::report::{
    AgentEvidence, ErasedEvidence, GenerationEvidence, InclusionEvidence, LedgerEvidence,
    ManifestEvidence, Nearest, RevokedEvidence, WeightsEvidence,
};
use crate::told;
use colophon_calendar::rfc3339;

/// The one value that the rules judge a readable manifest by.
pub(crate) fn manifest_state(report: &ManifestReport) -> ManifestState {
    let verdicts = &report.verdicts;
    match verdicts.signature.state {
        Signature::Invalid | Signature::Missing => return ManifestState::SignatureBad,
        Signature::Valid => {}
        _ => return ManifestState::NotChecked,
    }
    match verdicts.integrity.state {
        Integrity::Intact | Integrity::IntactWithGaps => {}
        Integrity::FileAltered | Integrity::ManifestOnly => return ManifestState::Altered,
        // Statements that are not those signed are worth as little as a signature that fails.
        Integrity::ManifestAltered => return ManifestState::SignatureBad,
        Integrity::Malformed => return ManifestState::Malformed,
        _ => return ManifestState::NotChecked,
    }
    if matches!(
        verdicts.revocation.state,
        Revocation::Revoked | Revocation::RevokedHere
    ) {
        return ManifestState::Untrusted;
    }
    // A stamp that does not fit counts as none: what then runs out is the certificate.
    let codes = &verdicts.time.codes;
    let has_run_out = codes.iter().any(|status| {
        matches!(
            status.code.as_str(),
            "signingCredential.expired" | "claimSignature.outsideValidity"
        )
    });
    if verdicts.time.state == Time::OutsideValidity || has_run_out {
        return ManifestState::Expired;
    }
    match &verdicts.trust.state {
        Trust::Trusted { list, .. } if list == LOCAL_LIST => ManifestState::Local,
        Trust::Trusted { .. } => ManifestState::Trusted,
        _ => ManifestState::Untrusted,
    }
}

/// Whether the manifest in the file is the recorded one. Equal labels prove nothing, since anyone
/// can choose a label; equal bytes do.
pub(crate) fn agreement(
    attached: Option<&ManifestReport>,
    state: ManifestState,
    recorded: Option<&Entry>,
) -> ManifestAgreement {
    let readable = !matches!(
        state,
        ManifestState::SignatureBad | ManifestState::Malformed | ManifestState::NotChecked
    );
    let (Some(attached), Some(entry), true) = (attached, recorded, readable) else {
        return ManifestAgreement::None;
    };
    let is_ingredient = attached.ingredients.iter().any(|ingredient| {
        ingredient.manifest_id.as_deref() == Some(&entry.record.manifest_id)
            && ingredient.state != IngredientState::Problems
    });
    if is_recorded(attached, entry) || is_ingredient {
        ManifestAgreement::Same
    } else {
        ManifestAgreement::Other
    }
}

/// Whether the manifest store in the file is the recorded one, byte for byte.
pub(crate) fn is_recorded(attached: &ManifestReport, entry: &Entry) -> bool {
    attached.store_sha256 == hex(&entry.record.manifest_sha256)
}

impl ManifestEvidence {
    /// A place of a manifest with nothing readable in it.
    pub(crate) fn unreadable(state: ManifestState, note: String) -> Self {
        Self {
            state,
            id: None,
            note: Some(note),
            claim_version: None,
            claim_generator: None,
            claim_generators: Vec::new(),
            spec_version: None,
            signer: None,
            title: None,
            source_types: Vec::new(),
            actions: Vec::new(),
            descriptions: Vec::new(),
            software_agents: Vec::new(),
            ai_parameters: Vec::new(),
            assertions: Vec::new(),
            software_agent: None,
            claimed_time: None,
            generation: None,
            unmarked_reason: None,
            ledger_origin: None,
            ingredients: Vec::new(),
            ingredients_note: None,
            references: Vec::new(),
            personal_assertions: Vec::new(),
            personal: Vec::new(),
            verdicts: None,
            revoked: None,
        }
    }

    /// A manifest that was read. What may tell of persons is for `full` reports only.
    pub(crate) fn new(
        report: &ManifestReport,
        state: ManifestState,
        wording: &Wording,
        full: bool,
    ) -> Self {
        let first = report.actions.first();
        let issuance = report.issuance.as_ref();
        let note = || wording.text("credentials.manifest.ingredients-cut");
        Self {
            state,
            id: Some(report.manifest_id.to_string()),
            note: None,
            claim_version: report.claim_version,
            claim_generator: report.claim_generator.as_ref().map(told::agent),
            claim_generators: told::agents(&report.claim_generators),
            spec_version: report.spec_version.clone(),
            signer: report.signer.as_ref().map(told::signer),
            title: report.title.clone().filter(|_| full),
            source_types: report.digital_source_types.clone(),
            actions: told::actions(&report.actions),
            descriptions: report
                .actions
                .iter()
                .filter_map(|each| each.description.clone())
                .collect(),
            software_agents: told::agents(&report.software_agents),
            ai_parameters: told::values(&report.ai_parameters),
            assertions: report.assertion_labels.clone(),
            software_agent: first.and_then(|it| it.software_agent.as_ref().map(told::agent)),
            claimed_time: first.and_then(|action| action.when.clone()),
            generation: report.generation.as_ref().map(said),
            unmarked_reason: issuance.and_then(|issuance| issuance.unmarked_reason.clone()),
            ledger_origin: issuance.and_then(|issuance| issuance.ledger_origin.clone()),
            ingredients: told::ingredients(&report.ingredients, wording, full),
            ingredients_note: report.ingredients_cut.then(note),
            references: told::references(&report.references, wording),
            personal_assertions: report.personal_labels.clone(),
            personal: if full {
                told::values(&report.personal)
            } else {
                Vec::new()
            },
            verdicts: Some(told::verdicts(&report.verdicts, wording)),
            revoked: report.revoked_here.as_ref().map(|entry| RevokedEvidence {
                from: rfc3339(entry.from),
                reason: entry.reason.clone(),
            }),
        }
    }
}

impl LedgerEvidence {
    pub(crate) fn new(hit: &Hit, origin: &str, full: bool) -> Self {
        let record = &hit.entry.record;
        let inclusion = match &hit.entry.inclusion {
            Ok(proven) => InclusionEvidence {
                proven: true,
                tree_size: Some(proven.tree_size.0),
                root: Some(hex(&proven.root.0)),
                problem: None,
            },
            Err(problem) => InclusionEvidence {
                proven: false,
                tree_size: None,
                root: None,
                problem: Some(problem.to_string()),
            },
        };
        Self {
            record: hit.entry.index.0,
            shard: hit.entry.shard.to_string(),
            origin: origin.to_owned(),
            matched_by: hit.matched_by.clone(),
            issued_at: rfc3339(record.issued_at),
            kind: match record.kind {
                Kind::Stamp => "stamp",
                _ => "generate",
            }
            .to_owned(),
            generator: record.generator.as_ref().map(agent_evidence),
            generation: record.generation.as_ref().map(recorded),
            source_type: record.source_type.clone(),
            asset_sha256: hex(&record.asset_sha256),
            manifest_id: record.manifest_id.clone(),
            width: record.width,
            height: record.height,
            marked: record.is_marked(),
            inclusion,
            comparison: if full {
                hit.comparison
            } else {
                hit.comparison.without_figures()
            },
            erased: erased(&hit.entry),
        }
    }
}

/// What was erased of a record, with the time and reason of the earlier erasure where there were two.
fn erased(entry: &Entry) -> Option<ErasedEvidence> {
    let parts = [
        ("private", entry.erased()),
        ("manifest", entry.manifest_erased.as_ref()),
    ];
    let gone = || {
        parts
            .iter()
            .filter_map(|(name, erased)| Some((*name, (*erased)?)))
    };
    let first = gone().map(|(_, erased)| erased).min_by_key(|it| it.at)?;
    Some(ErasedEvidence {
        on: rfc3339(first.at),
        reason: first.reason.code().to_owned(),
        parts: gone().map(|(name, _)| name.to_owned()).collect(),
    })
}

impl Nearest {
    pub(crate) fn new(entry: &Entry, distance: u32) -> Self {
        Self {
            record: entry.index.0,
            shard: entry.shard.to_string(),
            distance,
            issued_at: rfc3339(entry.record.issued_at),
            generator: entry.record.generator.as_ref().map(agent_evidence),
        }
    }
}

/// A generation as a manifest tells it.
fn said(it: &colophon_manifest::Generation) -> GenerationEvidence {
    GenerationEvidence {
        backend: it.backend.clone(),
        model_id: it.model_id.clone(),
        built_in: it.note.as_deref() == Some(BUILT_IN),
        license: it.license.clone(),
        training_licenses: it.training_licenses.clone(),
        weights: it
            .weights
            .iter()
            .map(|each| WeightsEvidence {
                file: each.file.clone(),
                sha256: each.sha256.clone(),
            })
            .collect(),
        width: it.width,
        height: it.height,
        seeds: it.seeds.clone(),
        steps: it.steps,
        sampler: it.sampler.clone(),
        guidance: it.guidance,
    }
}

/// A generation as a record tells it.
fn recorded(it: &colophon_ledger::Generation) -> GenerationEvidence {
    GenerationEvidence {
        backend: backend_name(it.backend).to_owned(),
        model_id: it.model_id.clone(),
        built_in: it.built_in,
        license: it.license.clone(),
        training_licenses: it.training_licenses.clone(),
        weights: it
            .weights
            .iter()
            .map(|each| WeightsEvidence {
                file: each.file.clone(),
                sha256: hex(&each.sha256),
            })
            .collect(),
        width: it.width,
        height: it.height,
        seeds: it.seeds.clone(),
        steps: it.steps,
        sampler: it.sampler.clone(),
        guidance: it.guidance_thousandths.map(guidance),
    }
}

fn agent_evidence(agent: &Agent) -> AgentEvidence {
    AgentEvidence {
        name: agent.name.clone(),
        version: agent.version.clone(),
    }
}

/// Name and version as one text.
pub(crate) fn agent_text(agent: &Agent) -> String {
    match &agent.version {
        Some(version) => format!("{} {version}", agent.name),
        None => agent.name.clone(),
    }
}
