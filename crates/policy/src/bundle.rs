//! A bundle: schema, policies, verdict table, vocabulary, lists and tests, checked as a whole and named by one hash.

use colophon_tlog::{Note, NoteError, NoteSigner, VerifierKey};

use crate::access::{PRINCIPALS, Principals, Rule, Rules, SCHEMA};
use crate::files::Files;
use crate::problem::{Problem, Problems};
use crate::screen::{Lexicon, Screen, Screening};
use crate::table::VERDICTS;
use crate::vocabulary::{VOCABULARY, Vocabulary};
use crate::{PolicyHash, VerdictTable};

/// Everything that decides, checked. Immutable; for use from many threads.
#[derive(Debug)]
pub struct Bundle {
    files: Files,
    hash: PolicyHash,
    vocabulary: Vocabulary,
    principals: Principals,
    lexicon: Lexicon,
    pub(crate) rules: Rules,
    table: VerdictTable,
}

impl Bundle {
    /// Checks files and makes a bundle of them.
    ///
    /// # Errors
    /// Everything that is wrong, with its places.
    pub fn load(files: Files) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let vocabulary = keep(
            files
                .required(VOCABULARY)
                .and_then(|text| Vocabulary::read(VOCABULARY, text))
                .map_err(|it| vec![it]),
            &mut problems,
        );
        let principals = keep(
            files
                .required(PRINCIPALS)
                .map_err(|it| vec![it])
                .and_then(|text| Principals::read(PRINCIPALS, text)),
            &mut problems,
        );
        let table = keep(table(&files), &mut problems);
        if vocabulary.is_none() && files.get(SCHEMA).is_none() {
            problems.extend(files.required(SCHEMA).err());
        }
        // The others speak its words.
        let spoken = vocabulary.and_then(|vocabulary| {
            let lists: Vec<_> = files.of_kind("lexicon/", ".toml").collect();
            let lexicon = keep(Lexicon::read(&lists, &vocabulary), &mut problems);
            let rules = keep(Rules::read(&files, &vocabulary), &mut problems);
            Some((vocabulary, lexicon?, rules?))
        });
        match (principals, table, spoken) {
            (Some(principals), Some(table), Some((vocabulary, lexicon, rules)))
                if problems.is_empty() =>
            {
                Ok(Self {
                    hash: files.hash(),
                    files,
                    vocabulary,
                    principals,
                    lexicon,
                    rules,
                    table,
                })
            }
            _ => Err(problems.into()),
        }
    }

    /// The bundle that ships with the program.
    ///
    /// # Errors
    /// Never in a release: a test loads it.
    pub fn shipped() -> Result<Self, Problems> {
        Self::load(Files::shipped())
    }

    /// The files that it was made of.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// SHA-256 of the canonical listing, the bundle's name in records and reports.
    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// The words that policies and lists use.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Who is in which team.
    pub fn principals(&self) -> &Principals {
        &self.principals
    }

    /// The policies, by id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// What becomes of evidence.
    pub fn table(&self) -> &VerdictTable {
        &self.table
    }

    /// The word lists.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// What the word lists say of a prompt.
    ///
    /// # Errors
    /// As [`Self::screen_with`].
    pub fn screen(&self, prompt: &str) -> Result<Screening, String> {
        self.screen_with(prompt, &[])
    }

    /// What the word lists and further engines say of a prompt.
    ///
    /// # Errors
    /// Why an engine could not judge, or which label it gives that the vocabulary lacks; then nothing may be made.
    pub fn screen_with(&self, prompt: &str, further: &[&dyn Screen]) -> Result<Screening, String> {
        let mut screening = Screening::default();
        for engine in std::iter::once(&self.lexicon as &dyn Screen).chain(further.iter().copied()) {
            let version = engine.version();
            let labels = engine
                .labels(prompt)
                .map_err(|why| format!("the prompt could not be screened by {version}: {why}"))?;
            if let Some(label) = labels
                .iter()
                .find(|label| !self.vocabulary.has_label(&label.code))
            {
                return Err(format!(
                    "{version} gives the label `{}`, which is not in the vocabulary",
                    label.code
                ));
            }
            screening = screening.with(Screening {
                labels,
                engines: vec![version],
            });
        }
        Ok(screening)
    }
}

/// The verdict table of a bundle's files alone, for those who only check pictures.
///
/// # Errors
/// What is wrong with it.
pub fn verdict_table(files: &Files) -> Result<VerdictTable, Problems> {
    table(files).map_err(Problems::from)
}

fn table(files: &Files) -> Result<VerdictTable, Vec<Problem>> {
    let text = files.required(VERDICTS).map_err(|problem| vec![problem])?;
    VerdictTable::read(VERDICTS, text)
}

fn keep<T>(read: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|wrong| problems.extend(wrong)).ok()
}

/// Signs a bundle's listing.
///
/// # Errors
/// [`NoteError::Signer`] when the key cannot be used.
pub fn sign(files: &Files, signer: &dyn NoteSigner) -> Result<String, NoteError> {
    Ok(Note::sign(&files.listing(), signer)?.to_string())
}

/// Checks that a note is the listing of these files and, where keys are given, that one of them signed it. Returns the
/// names of those who signed.
///
/// # Errors
/// What does not fit, and what can be done.
pub fn check_note(
    files: &Files,
    note: &[u8],
    keys: &[VerifierKey],
) -> Result<Vec<String>, Problem> {
    use crate::files::NOTE_FILE;
    let wrong = |error: NoteError| Problem::of_file(NOTE_FILE, error.to_string());
    let note = Note::parse(note).map_err(wrong)?;
    if note.text() != files.listing() {
        return Err(
            Problem::of_file(NOTE_FILE, "the files are not those that were signed")
                .with_help("publish the bundle anew, or put its files back as they were"),
        );
    }
    let refusals: Vec<NoteError> = keys
        .iter()
        .filter_map(|key| note.verify(key).err())
        .collect();
    if refusals.len() == keys.len()
        && let Some(error) = refusals.into_iter().next()
    {
        return Err(wrong(error));
    }
    Ok(note
        .signatures()
        .iter()
        .map(|signature| signature.name.clone())
        .collect())
}
