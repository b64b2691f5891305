//! Setting a verifier up: keys, lists, rules, ledger.

use std::sync::Arc;
use std::time::Duration;

use colophon_imaging::Limits;
use colophon_keys::{KeyStore, KeysError, Passphrase};
use colophon_ledger::Ledger;
use colophon_manifest::TrustAnchors;
use colophon_watermark::Detector;
use colophon_wording::{Language, Wording};
use serde::{Deserialize, Serialize};

use super::mark::LedgerIds;
use super::{Shared, Verifier};
use crate::config::{Config, LOCAL_LIST};
use crate::lookup::{Trouble, Why};
use crate::mark_keys::MarkKeys;
use crate::report::TrustListEvidence;
use crate::trust::{Lists, Revocations};
use crate::{Home, ProvenanceError};

/// What is wanted of the reports; each check may want something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportOptions {
    /// Whether reports tell everything: what may tell of a person (prompts, names, places, serial numbers), and
    /// how strong a mark is as a number. For operators only: an attacker could follow the number down.
    pub full: bool,
    /// Whether the validator's own report on manifests (crJSON) is wanted. It holds all that they say.
    pub crjson: bool,
    /// Language of the sentences.
    pub language: Language,
    /// Whether reports tell where in the picture the mark reads. For operators only, for the same
    /// reason.
    pub heat_map: bool,
}

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
    /// What is wanted of the reports, unless [`Verifier::reporting`] says otherwise.
    pub report: ReportOptions,
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
        let policies = crate::policies::in_force(home)?;
        let mut anchors = TrustAnchors::none();
        let mut trust_lists = Vec::new();
        let (mut detector, mut ledger) = no_home(home);
        let mut mark_keys = Vec::new();
        if let Some(home) = home.filter(|home| home.has_keys()) {
            match KeyStore::open(&home.keys(), options.passphrase) {
                Ok(keys) => {
                    ledger = home.read_ledger(&keys).map_err(trouble);
                    // A root that cannot be read leaves our own files unlisted, and says so.
                    if let Ok(pem) = keys.root_certificates_pem() {
                        anchors = anchors.with_local_root(&pem)?;
                        trust_lists.push(TrustListEvidence::local(LOCAL_LIST));
                    }
                    (detector, mark_keys) = open_detector(&keys)?;
                }
                Err(error) => {
                    detector = Err(Why::Said(error.to_string()));
                    ledger = Err(trouble(error.into()));
                }
            }
        }
        let lists = Lists::load(home)?;
        anchors = lists
            .add_to(anchors)?
            .with_revoked(Revocations::load(home)?.all().to_vec());
        trust_lists.extend(lists.evidence());
        if let Some(home) = home {
            anchors = config.add_anchors(home, anchors)?;
            trust_lists.extend(
                config
                    .trust_anchors
                    .value
                    .iter()
                    .map(|list| TrustListEvidence::local(&list.name)),
            );
        }
        for (name, pem) in &options.trust_anchors {
            anchors = anchors.with_list(name, colophon_manifest::ListKind::Local, pem)?;
            trust_lists.push(TrustListEvidence::local(name));
        }
        let shared = Shared {
            limits: options.limits.unwrap_or_else(|| config.limits()),
            deadline: options
                .deadline
                .unwrap_or(Duration::from_millis(config.manifest_deadline_ms.value)),
            anchors,
            trust_lists,
            table: colophon_policy::verdict_table(&policies).map_err(|problems| {
                let folder = home.map(Home::policies).unwrap_or_default();
                ProvenanceError::policy(&folder, problems)
            })?,
            policy: policies.hash(),
            detector,
            mark_keys,
            ledger,
            ids: LedgerIds::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            options: options.report,
            wording: Wording::of(options.report.language),
            confinement: Vec::new(),
        })
    }
}

fn no_home(home: Option<&Home>) -> (Result<Detector, Why>, Result<Ledger, Trouble>) {
    let without = |what| Why::NoHome {
        what,
        place: home.map(|home| home.root.display().to_string()),
    };
    (
        Err(without("not-checked.no-watermark-key")),
        Err(Trouble {
            why: without("not-checked.no-ledger"),
            damaged: false,
        }),
    )
}

fn trouble(error: ProvenanceError) -> Trouble {
    match error {
        ProvenanceError::Ledger(error) => error.into(),
        other => Trouble {
            why: Why::Said(other.to_string()),
            damaged: false,
        },
    }
}

/// A detector or why there is none, and the ids of its keys.
type Marks = (Result<Detector, Why>, Vec<String>);

fn open_detector(keys: &KeyStore) -> Result<Marks, ProvenanceError> {
    match MarkKeys::open(keys) {
        Ok(all) => Ok((Ok(all.detector()), all.ids)),
        // The user can do better at once; a report that nothing was found would mislead.
        Err(error @ KeysError::WrongPassphrase(_)) => Err(error.into()),
        Err(error) => Ok((Err(Why::Said(error.to_string())), Vec::new())),
    }
}
