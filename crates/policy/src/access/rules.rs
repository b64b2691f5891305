//! Loading Cedar policies: schema, files, annotations, strict validation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use cedar_policy::{Authorizer, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use serde::{Deserialize, Serialize};

use super::obligations::{OBLIGATIONS, TELLING};
use super::{
    AccessRequest, Making, MarkStrength, Obligations, Operation, Principal, Principals, Resource,
    SignerClass, UNSTATED, cedar,
};
use crate::files::{Files, text_of};
use crate::problem::{Place, Problem};
use crate::screen::Screening;
use crate::vocabulary::{Vocabulary, is_code};

/// Path in a bundle.
pub(crate) const SCHEMA: &str = "schema.cedarschema";
/// Most policies: a decision takes time for each.
const MOST_RULES: usize = 1_000;

/// What a policy does when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its `@id`.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// Where it stands.
    pub place: Place,
    /// Its `@reason`, for whom it concerns.
    pub reason: Option<String>,
    /// Its `@advice`: what could be done.
    pub advice: Option<String>,
    /// What it asks in return, if it permits.
    pub obligations: Obligations,
    /// Its text without layout and comments.
    #[serde(skip)]
    pub text: String,
}

/// All policies of a bundle, validated.
pub(crate) struct Rules {
    pub(super) schema: Schema,
    pub(super) set: PolicySet,
    pub(super) by_id: BTreeMap<String, Rule>,
    pub(super) authorizer: Authorizer,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_id.keys()).finish()
    }
}

impl Rules {
    /// Reads schema and policies of a bundle.
    ///
    /// # Errors
    /// Everything that is wrong: syntax, missing or repeated ids, unknown annotations, what the schema does not
    /// allow, a schema that the program's own questions do not fit.
    pub(crate) fn read(files: &Files, vocabulary: &Vocabulary) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader {
            vocabulary,
            set: PolicySet::new(),
            rules: BTreeMap::new(),
            sources: BTreeMap::new(),
            problems: Vec::new(),
        };
        let schema = reader.schema(files);
        let mut found = false;
        for (path, bytes) in files.of_kind("", ".cedar") {
            found = true;
            match text_of(path, bytes) {
                Ok(text) => reader.file(path, text),
                Err(problem) => reader.problems.push(problem),
            }
        }
        if !found {
            reader.problems.push(
                Problem::of_file("", "there is no policy file")
                    .with_help("without one nothing is permitted; add a NAME.cedar"),
            );
        }
        let Some(schema) = schema.filter(|_| reader.problems.is_empty()) else {
            return Err(reader.problems);
        };
        let schema = reader.validate(schema);
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        Ok(Self {
            schema,
            set: reader.set,
            by_id: reader.rules,
            authorizer: Authorizer::new(),
        })
    }

    /// By id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_id.values()
    }
}

struct Reader<'a> {
    vocabulary: &'a Vocabulary,
    set: PolicySet,
    rules: BTreeMap<String, Rule>,
    /// Text of the file of each rule.
    sources: BTreeMap<String, &'a str>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn schema(&mut self, files: &'a Files) -> Option<Schema> {
        let text = files
            .required(SCHEMA)
            .map_err(|problem| self.problems.push(problem))
            .ok()?;
        match Schema::from_cedarschema_str(text) {
            Ok((schema, warnings)) => {
                for warning in warnings {
                    cedar::problems(SCHEMA, text, &warning, &mut self.problems);
                }
                Some(schema)
            }
            Err(error) => {
                cedar::problems(SCHEMA, text, &error, &mut self.problems);
                None
            }
        }
    }

    fn file(&mut self, path: &str, text: &'a str) {
        let set: PolicySet = match text.parse() {
            Ok(set) => set,
            Err(error) => {
                let error: cedar_policy::ParseErrors = error;
                return cedar::problems(path, text, &error, &mut self.problems);
            }
        };
        if set.templates().next().is_some() {
            self.problems.push(
                Problem::of_file(path, "holds a template (`?principal` or `?resource`)")
                    .with_help("write a policy a team instead; nothing here would link it"),
            );
        }
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|policy| span(policy, text).start);
        for policy in policies {
            self.policy(path, text, policy);
        }
    }

    fn policy(&mut self, path: &str, text: &'a str, policy: &Policy) {
        let whole = span(policy, text);
        let head = whole.start..first_line_end(text, &whole);
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid => Effect::Forbid,
        };
        let id = policy.annotation("id").unwrap_or_default().to_owned();
        if !is_code(&id) {
            let problem = Problem::at(path, text, &head, "a policy needs an id of its own");
            return self.problems.push(problem.with_help(
                "put `@id(\"what-it-says\")` before it: small letters, digits and hyphens",
            ));
        }
        if let Some(other) = self.rules.get(&id) {
            let message = format!(
                "the id `{id}` is used twice; the other is at {}",
                other.place
            );
            return self.problems.push(Problem::at(path, text, &head, message));
        }
        if self.rules.len() == MOST_RULES {
            let message = format!("more than {MOST_RULES} policies in one bundle");
            return self.problems.push(
                Problem::at(path, text, &head, message)
                    .with_help("use teams and sets in place of one policy each"),
            );
        }
        let obligations = self.annotations(path, text, policy, &whole, effect);
        let rule = Rule {
            place: Place::of(path, text, &whole),
            reason: policy.annotation("reason").map(str::to_owned),
            advice: policy.annotation("advice").map(str::to_owned),
            text: policy.to_string(),
            id: id.clone(),
            effect,
            obligations,
        };
        if effect == Effect::Forbid && rule.reason.as_deref().unwrap_or_default().trim().is_empty()
        {
            let problem = Problem::at(
                path,
                text,
                &head,
                format!("`{id}` forbids without a reason"),
            );
            self.problems.push(
                problem.with_help(
                    "put `@reason(\"...\")` before it: it is told to whoever is refused",
                ),
            );
        }
        if let Err(error) = self.set.add(policy.new_id(PolicyId::new(&id))) {
            self.problems
                .push(Problem::at(path, text, &head, error.to_string()));
        }
        self.sources.insert(id.clone(), text);
        self.rules.insert(id, rule);
    }

    fn annotations(
        &mut self,
        path: &str,
        text: &str,
        policy: &Policy,
        whole: &Range<usize>,
        effect: Effect,
    ) -> Obligations {
        let mut obligations = Obligations::default();
        for (name, value) in policy.annotations() {
            let at = annotation(text, whole, name);
            let is_obligation = OBLIGATIONS.contains(&name);
            if is_obligation && effect == Effect::Forbid {
                let message = format!("`@{name}` on a policy that forbids has no effect");
                self.problems.push(
                    Problem::at(path, text, &at, message)
                        .with_help("obligations belong to a `permit`"),
                );
            } else if is_obligation {
                match Obligations::read(name, value, self.vocabulary) {
                    Ok(read) => obligations = obligations.merge(read),
                    Err(why) => {
                        let problem =
                            Problem::at(path, text, &at, format!("`@{name}` cannot be `{value}`"));
                        self.problems.push(problem.with_help(why));
                    }
                }
            } else if !TELLING.contains(&name) {
                let known = [TELLING.as_slice(), &OBLIGATIONS].concat().join(", @");
                let problem = Problem::at(path, text, &at, format!("unknown annotation `@{name}`"));
                self.problems
                    .push(problem.with_help(format!("annotations are @{known}")));
            }
        }
        obligations
    }

    /// Strict validation; a warning counts, since what Cedar warns of never applies or misleads.
    fn validate(&mut self, schema: Schema) -> Schema {
        let validator = Validator::new(schema);
        let result = validator.validate(&self.set, ValidationMode::Strict);
        let mut told = BTreeSet::new();
        let mut add = |id: &PolicyId, diagnostic: &dyn miette::Diagnostic| {
            let id: &str = id.as_ref();
            if let (Some(rule), Some(text)) = (self.rules.get(id), self.sources.get(id)) {
                let before = self.problems.len();
                cedar::problems(&rule.place.file, text, diagnostic, &mut self.problems);
                // The same is found once for each pair of principal and resource.
                let mut keep = self.problems.split_off(before);
                keep.retain(|problem| told.insert(problem.to_string()));
                self.problems.append(&mut keep);
            }
        };
        for error in result.validation_errors() {
            add(error.policy_id(), error);
        }
        for warning in result.validation_warnings() {
            add(warning.policy_id(), warning);
        }
        let schema = validator.schema().clone();
        self.fits(&schema);
        schema
    }

    /// Whether the program's questions fit the schema.
    fn fits(&mut self, schema: &Schema) {
        for sample in Operation::ALL.iter().map(|operation| sample(*operation)) {
            if let Err(why) = cedar::question(&sample, &Principals::default(), schema) {
                let message = format!(
                    "the question that the program asks for `{}` does not fit: {why}",
                    sample.action.as_str()
                );
                self.problems.push(Problem::of_file(SCHEMA, message).with_help("keep the entities, actions and contexts of the shipped schema; add to them only what is optional"));
            }
        }
    }
}

/// A question of each kind.
fn sample(action: Operation) -> AccessRequest {
    let resource = match action {
        Operation::Generate => Resource::Model {
            name: "m".to_owned(),
            built_in: true,
            remote: false,
        },
        Operation::Stamp | Operation::RotateKey => Resource::Signer {
            name: "s".to_owned(),
            class: SignerClass::Local,
        },
        _ => Resource::Ledger {
            name: "l".to_owned(),
        },
    };
    let making = Making {
        width: 1,
        height: 1,
        steps: 1,
        loras: Vec::new(),
        strength: MarkStrength::Standard,
        allow_unmarked: false,
        source: String::new(),
        signer: SignerClass::Local,
        prompt: Screening::default(),
    };
    let makes = matches!(action, Operation::Generate | Operation::Stamp);
    AccessRequest {
        principal: Principal::owner(),
        action,
        resource,
        time: 0,
        purpose: UNSTATED.to_owned(),
        personal: false,
        making: makes.then_some(making),
    }
}

/// Bytes of a policy in its file, annotations included.
fn span(policy: &Policy, text: &str) -> Range<usize> {
    // The parser's place is in Cedar's inner form only.
    match policy.as_ref().loc() {
        Some(loc) => loc.start()..loc.end().min(text.len()),
        None => 0..0,
    }
}

fn first_line_end(text: &str, whole: &Range<usize>) -> usize {
    let line = text.get(whole.clone()).and_then(|text| text.lines().next());
    whole.start + line.map_or(0, str::len)
}

/// Where `@name` stands in a policy.
fn annotation(text: &str, whole: &Range<usize>, name: &str) -> Range<usize> {
    let policy = text.get(whole.clone()).unwrap_or_default();
    let sign = format!("@{name}");
    let ends = |at: usize| {
        !policy[at + sign.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
    };
    let at = policy
        .match_indices(&sign)
        .map(|(at, _)| at)
        .find(|at| ends(*at))
        .unwrap_or(0);
    whole.start + at..whole.start + at + sign.len()
}
