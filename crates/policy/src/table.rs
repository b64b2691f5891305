//! Loading, checking and evaluating the ordered table of rules.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use colophon_wording::{Language, Template, Wording, overclaim};

use crate::cover::{self, Accepted, Open};
use crate::facts::WhenFile;
use crate::files::syntax_problem;
use crate::problem::Problem;
use crate::{Action, Facts, Finding, PolicyError, Verdict};

/// The table that ships with the program.
const BUILT_IN: &str = include_str!("../../../policies/verdicts.toml");
/// Path in a bundle.
pub(crate) const VERDICTS: &str = "verdicts.toml";
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
}

/// A rule of the table, for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRule<'a> {
    /// Its name.
    pub rule: &'a str,
    /// What was found, if it decides.
    pub finding: Finding,
    /// What is recommended.
    pub action: Action,
    /// Values that it accepts, by signal; a signal that is not named may have any.
    pub when: BTreeMap<&'static str, Vec<&'static str>>,
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
    fn new(raw: RuleFile, earlier: &[Self], line: usize) -> Result<Self, PolicyError> {
        if earlier.iter().any(|rule| rule.id == raw.verdict) {
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
        Ok(Self {
            id: raw.verdict,
            finding: raw.finding,
            action: raw.action,
            own,
            accepted,
        })
    }

    fn matches(&self, values: &[usize]) -> bool {
        let mut pairs = self.accepted.iter().zip(values);
        pairs.all(|(accepted, value)| accepted & 1 << value != 0)
    }

    /// Accepted values by signal, without signals of which every value is.
    fn conditions(
        &self,
        signals: &[(&'static str, Vec<&'static str>)],
    ) -> BTreeMap<&'static str, Vec<&'static str>> {
        let mut conditions = BTreeMap::new();
        for (accepted, (signal, values)) in self.accepted.iter().zip(signals) {
            let numbered = values.iter().copied().enumerate();
            let held: Vec<&str> = numbered
                .filter(|(number, _)| accepted & 1 << number != 0)
                .map(|(_, value)| value)
                .collect();
            if held.len() < values.len() {
                conditions.insert(*signal, held);
            }
        }
        conditions
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
        let file = parse(text).map_err(|error| match error {
            Unread::TooLong => PolicyError::TooLong {
                bytes: text.len(),
                limit: MAX_BYTES,
            },
            Unread::Syntax(error) => PolicyError::Syntax(error.to_string()),
        })?;
        Self::of(file, text).map_err(|(_, first)| first)
    }

    /// As [`Self::from_toml`], for a file of a bundle.
    pub(crate) fn read(path: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let file = parse(text).map_err(|error| {
            vec![match error {
                Unread::TooLong => {
                    Problem::of_file(path, format!("is longer than {MAX_BYTES} bytes"))
                }
                Unread::Syntax(error) => syntax_problem(path, text, &error),
            }]
        })?;
        Self::of(file, text).map_err(|(all, _)| {
            let problem = |(span, error): &(Range<usize>, PolicyError)| match error {
                PolicyError::Uncovered { .. } => Problem::of_file(path, error.to_string()),
                error => Problem::at(path, text, span, without_line(&error.to_string())),
            };
            all.iter().map(problem).collect()
        })
    }

    /// Checks the rules one by one and together; everything that is wrong, and the first of it.
    fn of(file: TableFile, text: &str) -> Result<Self, (Wrong, PolicyError)> {
        let mut rules: Vec<Rule> = Vec::with_capacity(file.rule.len());
        let mut heads = Vec::with_capacity(file.rule.len());
        let mut wrong: Wrong = Vec::new();
        for spanned in file.rule {
            let head = head(text, &spanned.span());
            let line = line_of(text, head.start);
            match Rule::new(spanned.into_inner(), &rules, line) {
                Ok(rule) => {
                    rules.push(rule);
                    heads.push((head, line));
                }
                Err(error) => wrong.push((head, error)),
            }
        }
        let table = Self { rules };
        // A rule that is missing for its own fault would leave gaps that are none.
        if wrong.is_empty() {
            wrong = table.check(&heads);
        }
        match wrong.first().cloned() {
            None => Ok(table),
            Some((_, first)) => Err((wrong, first)),
        }
    }

    /// The table that ships with the program.
    ///
    /// # Errors
    /// Never in a release: a test loads it.
    pub fn built_in() -> Result<Self, PolicyError> {
        Self::from_toml(BUILT_IN)
    }

    /// Ids of the rules in order.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// The rules, in their order.
    pub fn rules(&self) -> impl Iterator<Item = TableRule<'_>> {
        let signals = Facts::signals();
        self.rules.iter().map(move |rule| TableRule {
            rule: &rule.id,
            finding: rule.finding,
            action: rule.action,
            when: rule.conditions(&signals),
        })
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

    /// Id of the rule that judges `facts`.
    pub fn rule_for(&self, facts: Facts) -> &str {
        // INVARIANT: `check` has found a rule for every combination.
        &self.rules[self.first_match(facts).unwrap_or(self.rules.len() - 1)].id
    }

    /// How many combinations of evidence there are.
    pub fn combinations() -> u64 {
        Open::all().count()
    }

    /// What each rule means, by id, without its place among the others.
    pub(crate) fn meanings(&self) -> BTreeMap<String, String> {
        let meaning = |rule: &Rule| {
            format!(
                "{:?}",
                (rule.finding, rule.action, &rule.own, rule.accepted)
            )
        };
        let meanings = self
            .rules
            .iter()
            .map(|rule| (rule.id.clone(), meaning(rule)));
        meanings.collect()
    }

    /// Tells of each block of combinations that `other` judges differently: both rules, how many, the first.
    pub(crate) fn differences(&self, other: &Self, mut tell: impl FnMut(&str, &str, u64, Facts)) {
        let (ours, theirs) = (self.taken(), other.taken());
        for (rule, boxes) in self.rules.iter().zip(&ours) {
            for (new, others) in other.rules.iter().zip(&theirs) {
                if rule.id == new.id && rule.finding == new.finding && rule.action == new.action {
                    continue;
                }
                for one in boxes {
                    for both in others.iter().filter_map(|other| cover::common(one, other)) {
                        tell(
                            &rule.id,
                            &new.id,
                            cover::size(&both),
                            Facts::of(cover::first(&both)),
                        );
                    }
                }
            }
        }
    }

    /// What each rule is the first to take, in boxes.
    fn taken(&self) -> Vec<Vec<Accepted>> {
        let mut open = Open::all();
        self.rules
            .iter()
            .map(|rule| open.take_boxes(&rule.accepted))
            .collect()
    }

    fn first_match(&self, facts: Facts) -> Option<usize> {
        let values = facts.values();
        self.rules.iter().position(|rule| rule.matches(&values))
    }

    /// Each combination must have a rule, and each rule must be the first for one.
    fn check(&self, heads: &[(Range<usize>, usize)]) -> Wrong {
        let mut open = Open::all();
        let mut wrong = Wrong::new();
        for (rule, (head, line)) in self.rules.iter().zip(heads) {
            if !open.take(&rule.accepted) {
                let error = PolicyError::Shadowed {
                    rule: rule.id.clone(),
                    line: *line,
                };
                wrong.push((head.clone(), error));
            }
        }
        if let Some(values) = open.first() {
            let error = PolicyError::Uncovered {
                facts: Facts::of(values),
                others: open.count() - 1,
            };
            wrong.push((0..0, error));
        }
        wrong
    }
}

/// What is wrong, with its place.
type Wrong = Vec<(Range<usize>, PolicyError)>;

/// Why a table has no rules at all.
enum Unread {
    TooLong,
    Syntax(toml::de::Error),
}

fn parse(text: &str) -> Result<TableFile, Unread> {
    if text.len() > MAX_BYTES {
        return Err(Unread::TooLong);
    }
    toml::from_str(text).map_err(Unread::Syntax)
}

/// The first line of a rule.
fn head(text: &str, span: &Range<usize>) -> Range<usize> {
    let line = text.get(span.clone()).and_then(|rule| rule.lines().next());
    span.start..span.start + line.map_or(0, str::len)
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at)
        .map_or(0, |before| before.matches('\n').count())
        + 1
}

/// A message without the line that its place tells anyway.
fn without_line(message: &str) -> &str {
    let rest = message
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "));
    rest.map_or(message, |(_, rest)| rest)
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
