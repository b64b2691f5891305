//! Loading, checking and evaluating the ordered table of rules.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use colophon_wording::{Language, Template, Wording, overclaim};

use crate::cover::{Accepted, Open};
use crate::facts::WhenFile;
use crate::{Action, Facts, Finding, PolicyError, PolicyHash, Verdict};

/// The table that ships with the program.
const BUILT_IN: &str = include_str!("../../../policies/verdicts.toml");
/// Longest table read, bytes.
const MAX_BYTES: usize = 256 * 1024;
/// What a sentence may tell about the picture.
const PLACEHOLDERS: [&str; 6] = [
    "signer",
    "generator",
    "issued-at",
    "record",
    "source",
    "tool",
];
/// Separates this hash from every other use of SHA-256; the number is the canonical form's version.
const HASH_DOMAIN: &str = "colophon verdict table 2";

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
    action: Action,
    /// For rules that the catalogue of sentences does not know.
    headline: Option<String>,
    explain: Option<String>,
    #[serde(default)]
    when: WhenFile,
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
    action: Action,
    /// Headline and explanation where the table brings its own.
    own: Option<(Template, Template)>,
    accepted: Accepted,
}

impl Rule {
    fn matches(&self, values: &[usize]) -> bool {
        let mut pairs = self.accepted.iter().zip(values);
        pairs.all(|(accepted, value)| accepted & 1 << value != 0)
    }

    fn sentence(&self, wording: &Wording, part: &str, values: &[(&str, &str)]) -> String {
        match (&self.own, part) {
            (Some((headline, _)), "headline") => wording.fill_template(headline, values),
            (Some((_, explanation)), _) => wording.fill_template(explanation, values),
            (None, _) => wording.fill(&format!("verdict.{}.{part}", self.id), values),
        }
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
            let own = own_sentences(&raw).map_err(|problem| PolicyError::BadSentence {
                rule: raw.verdict.clone(),
                problem,
                line,
            })?;
            let accepted = raw
                .when
                .accepted()
                .map_err(|signal| PolicyError::BadValueList {
                    rule: raw.verdict.clone(),
                    signal,
                    line,
                })?;
            hash_rule(&mut hasher, &raw, &accepted);
            lines.push(line);
            rules.push(Rule {
                id: raw.verdict,
                finding: raw.finding,
                action: raw.action,
                own,
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

    /// The verdict on `facts`, told in the words of `wording` with `values` by placeholder: `signer`,
    /// `generator`, `issued-at`, `record`, `source`, `tool`.
    pub fn evaluate(&self, facts: Facts, wording: &Wording, values: &[(&str, &str)]) -> Verdict {
        // INVARIANT: `check` has found a rule for every combination.
        let rule = &self.rules[self.first_match(facts).unwrap_or(self.rules.len() - 1)];
        Verdict {
            rule_id: rule.id.clone(),
            headline: rule.sentence(wording, "headline", values),
            finding: rule.finding,
            action: rule.action,
            explanation: rule.sentence(wording, "explain", values),
            reasons: facts.codes(),
        }
    }

    fn first_match(&self, facts: Facts) -> Option<usize> {
        let values = facts.values();
        self.rules.iter().position(|rule| rule.matches(&values))
    }

    /// Each combination must have a rule, and each rule must be the first for one.
    fn check(&self, lines: &[usize]) -> Result<(), PolicyError> {
        let mut open = Open::all();
        for (rule, &line) in self.rules.iter().zip(lines) {
            if !open.take(&rule.accepted) {
                return Err(PolicyError::Shadowed {
                    rule: rule.id.clone(),
                    line,
                });
            }
        }
        match open.first() {
            Some(values) => Err(PolicyError::Uncovered {
                facts: Facts::of(values),
                others: open.count() - 1,
            }),
            None => Ok(()),
        }
    }
}

/// A rule's own sentences; `None` when those of the catalogue are to be told.
fn own_sentences(rule: &RuleFile) -> Result<Option<(Template, Template)>, String> {
    let (Some(headline), Some(explain)) = (&rule.headline, &rule.explain) else {
        let known =
            |part| Wording::of(Language::English).has(&format!("verdict.{}.{part}", rule.verdict));
        if rule.headline.is_some()
            || rule.explain.is_some()
            || !(known("headline") && known("explain"))
        {
            return Err("give the rule a headline and an explain of its own".to_owned());
        }
        return Ok(None);
    };
    Ok(Some((own_sentence(headline)?, own_sentence(explain)?)))
}

fn own_sentence(text: &str) -> Result<Template, String> {
    let allowed = || PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
    let template =
        Template::parse(text).map_err(|problem| format!("{problem}; allowed: {}", allowed()))?;
    for language in Language::ALL {
        if let Some(word) = overclaim(language, text) {
            return Err(format!(
                "`{word}` claims more than evidence can show; say what was found and what was not"
            ));
        }
    }
    let unknown = template
        .placeholders()
        .find(|name| !PLACEHOLDERS.contains(name))
        .map(|name| format!("unknown placeholder `{{{name}}}`; allowed: {}", allowed()));
    unknown.map_or(Ok(template), Err)
}

/// Adds a rule's meaning to the hash: its texts, each with its length before it, then the accepted
/// values of every signal. Sentences of the catalogue are not part of it: they tell the meaning, in any
/// language, and do not make it.
fn hash_rule(hasher: &mut Sha256, rule: &RuleFile, accepted: &[u16]) {
    let finding = match rule.finding {
        Finding::Evidence => "evidence",
        Finding::Flagged => "flagged",
        Finding::Nothing => "nothing",
        Finding::Unchecked => "unchecked",
    };
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    let (headline, explain) = (own(&rule.headline), own(&rule.explain));
    for text in [
        rule.verdict.as_str(),
        finding,
        rule.action.as_str(),
        &headline,
        &explain,
    ] {
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
