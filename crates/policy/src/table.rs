//! Loading, checking and evaluating the ordered table of rules.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::facts::SIGNALS;
use crate::template::Template;
use crate::{
    AssetHash, Binding, Details, Facts, Finding, FingerprintMatch, LedgerState, ManifestAgreement,
    ManifestState, PolicyError, PolicyHash, Verdict, WatermarkState,
};

/// The table that ships with the program.
const BUILT_IN: &str = include_str!("../../../policies/verdicts.toml");
/// Longest table read, bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Separates this hash from every other use of SHA-256; the number is the canonical form's version.
const HASH_DOMAIN: &str = "colophon verdict table 1";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TableFile {
    rule: Vec<Spanned<RuleFile>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RuleFile {
    verdict: String,
    finding: Finding,
    headline: String,
    explain: String,
    #[serde(default)]
    when: WhenFile,
}

/// A missing signal accepts any value.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WhenFile {
    manifest: Option<Vec<ManifestState>>,
    watermark: Option<Vec<WatermarkState>>,
    ledger: Option<Vec<LedgerState>>,
    binding: Option<Vec<Binding>>,
    manifest_agreement: Option<Vec<ManifestAgreement>>,
    fingerprint: Option<Vec<FingerprintMatch>>,
    asset_hash: Option<Vec<AssetHash>>,
}

/// An ordered, complete table of rules without dead ones.
#[derive(Debug, Clone)]
pub struct VerdictTable {
    rules: Vec<Rule>,
    hash: PolicyHash,
}

#[derive(Debug, Clone)]
struct Rule {
    id: String,
    finding: Finding,
    headline: Template,
    explanation: Template,
    /// Accepted values a signal, as bits.
    accepted: [u16; SIGNALS.len()],
}

impl Rule {
    fn matches(&self, values: &[u16; SIGNALS.len()]) -> bool {
        self.accepted
            .iter()
            .zip(values)
            .all(|(accepted, value)| accepted & value != 0)
    }
}

impl VerdictTable {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// [`PolicyError`]: not TOML, unknown names, bad sentences, duplicate or unreachable rules, or a
    /// combination of facts without a rule.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError::TooLong {
                bytes: text.len(),
                limit: MAX_BYTES,
            });
        }
        let file: TableFile =
            toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        let mut hasher = Sha256::new();
        hash_text(&mut hasher, HASH_DOMAIN);
        let mut rules: Vec<Rule> = Vec::with_capacity(file.rule.len());
        let mut lines = Vec::with_capacity(file.rule.len());
        for spanned in file.rule {
            let line = text
                .get(..spanned.span().start)
                .map_or(0, |before| before.matches('\n').count())
                + 1;
            let raw = spanned.into_inner();
            if rules.iter().any(|rule| rule.id == raw.verdict) {
                return Err(PolicyError::DuplicateRule {
                    rule: raw.verdict,
                    line,
                });
            }
            let sentence = |text: &str| {
                Template::parse(text).map_err(|problem| PolicyError::BadSentence {
                    rule: raw.verdict.clone(),
                    problem,
                    line,
                })
            };
            let (headline, explanation) = (sentence(&raw.headline)?, sentence(&raw.explain)?);
            let accepted =
                accepted_values(&raw.when).map_err(|signal| PolicyError::BadValueList {
                    rule: raw.verdict.clone(),
                    signal,
                    line,
                })?;
            hash_rule(&mut hasher, &raw, &accepted);
            lines.push(line);
            rules.push(Rule {
                id: raw.verdict,
                finding: raw.finding,
                headline,
                explanation,
                accepted,
            });
        }
        let table = Self {
            rules,
            hash: PolicyHash(hasher.finalize().into()),
        };
        table.check(&lines)?;
        Ok(table)
    }

    /// The table that ships with the program.
    ///
    /// # Errors
    /// Never in a release: a test loads it.
    pub fn built_in() -> Result<Self, PolicyError> {
        Self::from_toml(BUILT_IN)
    }

    /// SHA-256 of the table's canonical form.
    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// Ids of the rules in order.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// The verdict on `facts`, with `details` put into the sentences.
    pub fn evaluate(&self, facts: Facts, details: &Details) -> Verdict {
        // INVARIANT: `check` has found a rule for every combination.
        let rule = &self.rules[self.first_match(facts).unwrap_or(self.rules.len() - 1)];
        Verdict {
            rule_id: rule.id.clone(),
            headline: rule.headline.fill(details),
            finding: rule.finding,
            explanation: rule.explanation.fill(details),
            reasons: facts.codes(),
        }
    }

    fn first_match(&self, facts: Facts) -> Option<usize> {
        let values = value_bits(facts);
        self.rules.iter().position(|rule| rule.matches(&values))
    }

    /// Tries every combination: each must have a rule, and each rule must be first for one.
    fn check(&self, lines: &[usize]) -> Result<(), PolicyError> {
        let mut reached = vec![false; self.rules.len()];
        let mut uncovered = Vec::new();
        for facts in Facts::all() {
            match self.first_match(facts) {
                Some(rule) => reached[rule] = true,
                None => uncovered.push(facts),
            }
        }
        if let Some(rule) = reached.iter().position(|reached| !reached) {
            return Err(PolicyError::Shadowed {
                rule: self.rules[rule].id.clone(),
                line: lines[rule],
            });
        }
        match uncovered.first() {
            Some(&facts) => Err(PolicyError::Uncovered {
                facts,
                others: uncovered.len() - 1,
            }),
            None => Ok(()),
        }
    }
}

/// One bit a value, in the order of the enum; enums have at most 16 values.
fn value_bits(facts: Facts) -> [u16; SIGNALS.len()] {
    [
        1 << facts.manifest as u16,
        1 << facts.watermark as u16,
        1 << facts.ledger as u16,
        1 << facts.binding as u16,
        1 << facts.manifest_agreement as u16,
        1 << facts.fingerprint as u16,
        1 << facts.asset_hash as u16,
    ]
}

/// Accepted values of all signals; the error is the signal whose list is empty or repeats a value.
fn accepted_values(when: &WhenFile) -> Result<[u16; SIGNALS.len()], &'static str> {
    fn bits<T: Copy>(list: Option<&[T]>, all: &[T], bit: impl Fn(T) -> u16) -> Option<u16> {
        let list = list.unwrap_or(all);
        let bits = list
            .iter()
            .fold(0u16, |bits, &value| bits | 1 << bit(value));
        (!list.is_empty() && bits.count_ones() as usize == list.len()).then_some(bits)
    }
    let accepted = [
        bits(when.manifest.as_deref(), ManifestState::ALL, |value| {
            value as u16
        }),
        bits(when.watermark.as_deref(), WatermarkState::ALL, |value| {
            value as u16
        }),
        bits(when.ledger.as_deref(), LedgerState::ALL, |value| {
            value as u16
        }),
        bits(when.binding.as_deref(), Binding::ALL, |value| value as u16),
        bits(
            when.manifest_agreement.as_deref(),
            ManifestAgreement::ALL,
            |value| value as u16,
        ),
        bits(
            when.fingerprint.as_deref(),
            FingerprintMatch::ALL,
            |value| value as u16,
        ),
        bits(when.asset_hash.as_deref(), AssetHash::ALL, |value| {
            value as u16
        }),
    ];
    let mut values = [0; SIGNALS.len()];
    for ((value, bits), signal) in values.iter_mut().zip(accepted).zip(SIGNALS) {
        *value = bits.ok_or(signal)?;
    }
    Ok(values)
}

/// Adds a rule's meaning to the hash: its texts, each with its length before it, then the accepted
/// values of every signal.
fn hash_rule(hasher: &mut Sha256, rule: &RuleFile, accepted: &[u16]) {
    let finding = match rule.finding {
        Finding::Evidence => "evidence",
        Finding::Flagged => "flagged",
        Finding::Nothing => "nothing",
        Finding::Unchecked => "unchecked",
    };
    for text in [&rule.verdict, finding, &rule.headline, &rule.explain] {
        hash_text(hasher, text);
    }
    for bits in accepted {
        hasher.update(bits.to_be_bytes());
    }
}

fn hash_text(hasher: &mut Sha256, text: &str) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text);
}
