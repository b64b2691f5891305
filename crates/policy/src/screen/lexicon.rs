//! The engine that ships: lists of words, and of groups of words that mean something only together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use super::normalise::{Reading, Word, normalise, words};
use super::{Label, Screen, Severity};
use crate::files::{syntax_problem, text_of};
use crate::problem::Problem;
use crate::vocabulary::Vocabulary;

/// Version of the way words are folded and found; raised when the same lists would find other things.
const ENGINE: &str = "lexicon-1";
/// Words between which a combination counts, where an entry does not say.
const WITHIN: usize = 12;
/// Shortest term that is sought inside of letters that were put together, bytes.
const LEAST_WITHIN: usize = 4;
/// Most words of one lexicon.
const MOST_TERMS: usize = 50_000;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LexiconFile {
    /// For people.
    #[serde(rename = "language")]
    _language: String,
    /// Phrases that mean no harm, whatever words are in them.
    #[serde(default)]
    innocent: Vec<Spanned<String>>,
    #[serde(default)]
    group: BTreeMap<String, Vec<Spanned<String>>>,
    #[serde(default)]
    entry: Vec<Spanned<EntryFile>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct EntryFile {
    label: Spanned<String>,
    severity: Severity,
    reason: String,
    #[serde(default)]
    terms: Vec<Spanned<String>>,
    #[serde(default)]
    all: Vec<Spanned<String>>,
    within: Option<usize>,
}

/// What a found term counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Innocent,
    Group(usize),
    Entry(usize),
}

#[derive(Debug)]
struct Entry {
    label: String,
    severity: Severity,
    reason: String,
    /// Numbers of the groups of which all must be found; none for an entry with terms.
    all: Vec<usize>,
    within: usize,
}

/// A term as it is sought.
#[derive(Debug)]
struct Term {
    use_: Use,
    /// Whether a word may go on after it.
    open: bool,
}

/// Word lists over folded text; see [`super::normalise`].
#[derive(Debug)]
pub struct Lexicon {
    finder: AhoCorasick,
    terms: Vec<Term>,
    groups: usize,
    entries: Vec<Entry>,
    version: String,
}

/// Reads the lists.
#[derive(Default)]
struct Reader {
    patterns: Vec<String>,
    terms: Vec<Term>,
    groups: BTreeMap<String, usize>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Lexicon {
    /// Reads the files of a bundle's `lexicon/`, each with its path. Groups of the same name in several files are
    /// one.
    ///
    /// # Errors
    /// What is wrong with them, all of it: no TOML, unknown labels or groups, empty words, too many.
    pub(crate) fn read(
        files: &[(&str, &[u8])],
        vocabulary: &Vocabulary,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let mut hasher = Sha256::new();
        let mut parsed = Vec::new();
        for (path, bytes) in files {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
            match text_of(path, bytes).and_then(|text| Ok((text, parse(path, text)?))) {
                Ok((text, file)) => parsed.push((*path, text, file)),
                Err(problem) => reader.problems.push(problem),
            }
        }
        for (path, text, file) in &parsed {
            reader.words(path, text, file);
        }
        for (path, text, file) in &parsed {
            for entry in &file.entry {
                reader.entry(path, text, entry, vocabulary);
            }
        }
        let hash = hasher.finalize();
        reader.finish(format!("{ENGINE}/{}", crate::hex(&hash[..4])))
    }

    /// How many terms are sought, those of groups and innocent ones among them.
    pub fn terms(&self) -> usize {
        self.terms.len()
    }

    /// Where each term stands in one reading: its use and the words that it covers.
    fn found(
        &self,
        text: &str,
        words: &[Word],
        places: &[Range<usize>],
    ) -> Vec<(Use, Range<usize>)> {
        let mut found = Vec::new();
        for hit in self.finder.find_overlapping_iter(text) {
            let term = &self.terms[hit.pattern().as_usize()];
            // INVARIANT: a term begins and ends with a letter or digit, so inside of a word.
            let first = places
                .partition_point(|place| place.start <= hit.start())
                .saturating_sub(1);
            let last = places
                .partition_point(|place| place.start < hit.end())
                .saturating_sub(1);
            let within = |word: usize| words[word].joined && hit.len() >= LEAST_WITHIN;
            let starts = places[first].start == hit.start() || within(first);
            let ends = term.open || places[last].end == hit.end() || within(last);
            if starts && ends {
                found.push((term.use_, first..last + 1));
            }
        }
        found
    }

    /// Numbers of the entries that hold for one reading.
    fn holding(&self, found: &[(Use, Range<usize>)], holding: &mut BTreeSet<usize>) {
        // By start, each with the greatest end so far.
        let mut covers: Vec<(usize, usize)> = Vec::new();
        let innocents = found.iter().filter(|(use_, _)| *use_ == Use::Innocent);
        covers.extend(innocents.map(|(_, words)| (words.start, words.end)));
        covers.sort_unstable();
        let mut end = 0;
        for cover in &mut covers {
            end = end.max(cover.1);
            cover.1 = end;
        }
        let innocent = |words: &Range<usize>| {
            let after = covers.partition_point(|cover| cover.0 <= words.start);
            after > 0 && covers[after - 1].1 >= words.end
        };
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.groups];
        for (use_, words) in found {
            match use_ {
                Use::Innocent => {}
                _ if innocent(words) => {}
                Use::Entry(entry) => {
                    holding.insert(*entry);
                }
                Use::Group(group) => groups[*group].push(words.start),
            }
        }
        for places in &mut groups {
            places.sort_unstable();
        }
        for (number, entry) in self.entries.iter().enumerate() {
            if !entry.all.is_empty() && together(&entry.all, &groups, entry.within) {
                holding.insert(number);
            }
        }
    }
}

/// Whether one place of each group lies within so many words.
fn together(all: &[usize], groups: &[Vec<usize>], within: usize) -> bool {
    let near = |from: usize, group: &usize| {
        let places = &groups[*group];
        let next = places.partition_point(|place| *place < from);
        places
            .get(next)
            .is_some_and(|place| *place <= from + within)
    };
    let starts = all.iter().flat_map(|group| &groups[*group]);
    starts
        .into_iter()
        .any(|start| all.iter().all(|group| near(*start, group)))
}

impl Screen for Lexicon {
    fn version(&self) -> String {
        self.version.clone()
    }

    fn labels(&self, prompt: &str) -> Result<Vec<Label>, String> {
        let words = words(prompt);
        let mut seen: Vec<String> = Vec::new();
        let mut holding = BTreeSet::new();
        for reading in Reading::ALL {
            let (text, places) = reading.of(&words);
            // Of plain text all readings are one.
            if !seen.contains(&text) {
                self.holding(&self.found(&text, &words, &places), &mut holding);
                seen.push(text);
            }
        }
        let mut labels: BTreeMap<&str, Label> = BTreeMap::new();
        for entry in holding.iter().map(|number| &self.entries[*number]) {
            let label = labels.entry(&entry.label).or_insert_with(|| Label {
                code: entry.label.clone(),
                severity: entry.severity,
                reasons: Vec::new(),
            });
            label.severity = label.severity.max(entry.severity);
            if !label.reasons.contains(&entry.reason) {
                label.reasons.push(entry.reason.clone());
                label.reasons.sort();
            }
        }
        Ok(labels.into_values().collect())
    }
}

fn parse(path: &str, text: &str) -> Result<LexiconFile, Problem> {
    toml::from_str(text).map_err(|error| syntax_problem(path, text, &error))
}

impl Reader {
    fn words(&mut self, path: &str, text: &str, file: &LexiconFile) {
        for phrase in &file.innocent {
            self.term(path, text, phrase, Use::Innocent);
        }
        for (name, terms) in &file.group {
            let next = self.groups.len();
            let group = *self.groups.entry(name.clone()).or_insert(next);
            for term in terms {
                self.term(path, text, term, Use::Group(group));
            }
        }
    }

    fn term(&mut self, path: &str, text: &str, term: &Spanned<String>, use_: Use) {
        let written = term.get_ref();
        let open = written.ends_with('*');
        let folded = normalise(written.trim_end_matches('*'));
        if folded.is_empty() || written.trim_end_matches('*').contains('*') {
            let message = format!("`{written}` is no term");
            let help = "write one or more words; a `*` only at the end, where the word may go on";
            self.problems
                .push(Problem::at(path, text, &term.span(), message).with_help(help));
        } else if self.terms.len() == MOST_TERMS {
            let message = format!("more than {MOST_TERMS} terms in one lexicon");
            self.problems
                .push(Problem::at(path, text, &term.span(), message));
        } else {
            self.patterns.push(folded);
            self.terms.push(Term { use_, open });
        }
    }

    fn entry(
        &mut self,
        path: &str,
        text: &str,
        spanned: &Spanned<EntryFile>,
        vocabulary: &Vocabulary,
    ) {
        let entry = spanned.get_ref();
        let label = entry.label.get_ref();
        if !vocabulary.has_label(label) {
            let message = format!("the label `{label}` is not in the vocabulary");
            let help = format!(
                "labels are {}",
                vocabulary.labels().collect::<Vec<_>>().join(", ")
            );
            self.problems
                .push(Problem::at(path, text, &entry.label.span(), message).with_help(help));
        }
        if entry.terms.is_empty() == entry.all.is_empty() {
            let message =
                "an entry has either `terms` or `all`, the groups of which each must be found";
            self.problems
                .push(Problem::at(path, text, &spanned.span(), message));
        }
        let mut all = Vec::new();
        for name in &entry.all {
            if let Some(group) = self.groups.get(name.get_ref()) {
                all.push(*group);
            } else {
                let message = format!("there is no group `{}` in any list", name.get_ref());
                let known = self.groups.keys().cloned().collect::<Vec<_>>().join(", ");
                let problem = Problem::at(path, text, &name.span(), message);
                self.problems
                    .push(problem.with_help(format!("groups are {known}")));
            }
        }
        let number = self.entries.len();
        for term in &entry.terms {
            self.term(path, text, term, Use::Entry(number));
        }
        self.entries.push(Entry {
            label: label.clone(),
            severity: entry.severity,
            reason: entry.reason.clone(),
            all,
            within: entry.within.unwrap_or(WITHIN),
        });
    }

    fn finish(self, version: String) -> Result<Lexicon, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&self.patterns);
        Ok(Lexicon {
            finder: finder.map_err(|error| vec![Problem::of_file("lexicon", error.to_string())])?,
            terms: self.terms,
            groups: self.groups.len(),
            entries: self.entries,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "language = \"en\"\ninnocent = [\"time bomb countdown\"]\n\
        group.place = [\"school\", \"church\"]\ngroup.deed = [\"attack*\"]\n\
        [[entry]]\nlabel = \"a\"\nseverity = \"grave\"\nreason = \"word\"\nterms = [\"bomb\", \"pipe bomb\"]\n\
        [[entry]]\nlabel = \"b\"\nseverity = \"severe\"\nreason = \"both\"\nall = [\"place\", \"deed\"]\nwithin = 3\n";

    fn vocabulary() -> Vocabulary {
        Vocabulary::read(
            "v",
            "[labels]\na = \"A\"\nb = \"B\"\n[purposes]\nu = \"U\"\n",
        )
        .unwrap()
    }

    fn read(list: &str) -> Result<Lexicon, Vec<Problem>> {
        Lexicon::read(&[("lexicon/x.toml", list.as_bytes())], &vocabulary())
    }

    fn codes(prompt: &str) -> Vec<String> {
        let labels = read(LIST).unwrap().labels(prompt).unwrap();
        labels.into_iter().map(|label| label.code).collect()
    }

    #[test]
    fn words_count_whole_and_in_every_spelling() {
        assert_eq!(codes("a bomb"), ["a"]);
        assert_eq!(codes("b0mb, B\u{200b}O M B"), ["a"]);
        assert_eq!(codes("b o m b"), ["a"]);
        assert_eq!(codes("a p i p e b o m b"), ["a"]);
        assert!(codes("bombastic, bombard, abomb").is_empty());
        assert!(codes("a time-bomb countdown").is_empty());
        assert_eq!(codes("a time-bomb countdown and a bomb"), ["a"]);
    }

    #[test]
    fn a_combination_counts_only_near() {
        assert_eq!(codes("attacking a school"), ["b"]);
        assert_eq!(codes("school, an attack"), ["b"]);
        assert!(codes("a school far away from any attack").is_empty());
        assert!(codes("attack").is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let wrong = LIST
            .replace("label = \"a\"", "label = \"c\"")
            .replace("\"deed\"]", "\"died\"]")
            .replace("\"pipe bomb\"", "\" * \"");
        let problems = read(&wrong).unwrap_err();
        let lines: Vec<usize> = problems
            .iter()
            .filter_map(|each| Some(each.place.as_ref()?.line))
            .collect();
        assert_eq!(lines, [6, 9, 14], "{problems:?}");
        assert!(
            problems[2].to_string().contains("groups are deed, place"),
            "{}",
            problems[2]
        );
    }

    #[test]
    fn the_version_changes_with_the_lists() {
        let other = read(&LIST.replace("church", "chapel")).unwrap();
        assert_ne!(read(LIST).unwrap().version(), other.version());
    }
}
