//! Ledgers kept open for reading, so that not every request opens one.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use colophon_ledger::Ledger;
use colophon_provenance::Home;

use super::super::problem::Problem;
use super::home_problem;

/// What the keys of a home are told apart by: the time and length of their list. New keys sign new shards.
type Stamp = Option<(SystemTime, u64)>;

/// Ledgers that are open and not in use. Each has a connection of its own to each shard; it follows by itself what is
/// entered and which shards are opened. None has the storage key: private parts stay locked.
#[derive(Debug)]
pub(super) struct Readers {
    home: Home,
    idle: Mutex<Vec<(Stamp, Ledger)>>,
    most: usize,
}

impl Readers {
    /// At most `most` are kept.
    pub fn new(home: Home, most: usize) -> Self {
        Self {
            home,
            idle: Mutex::new(Vec::new()),
            most,
        }
    }

    /// Asks a ledger that nobody else asks meanwhile.
    pub fn with<T>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let stamp = self.stamp();
        let waiting = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            // Opened under other keys.
            idle.retain(|(of, _)| *of == stamp);
            idle.pop()
        };
        let ledger = if let Some((_, ledger)) = waiting {
            ledger
        } else {
            let opened = self.home.open_ledger_read_only();
            opened.map_err(|error| home_problem(&error))?
        };
        // One that a panic is in the way of is not put back.
        let answer = question(&ledger);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push((stamp, ledger));
        }
        answer
    }

    fn stamp(&self) -> Stamp {
        let list: PathBuf = self.home.keys().join("keys.json");
        let about = std::fs::metadata(list).ok()?;
        Some((about.modified().ok()?, about.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::problem::ProblemKind;
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let options = colophon_provenance::InitOptions::new(1_800_000_000);
        home.init(options).unwrap();
        (folder, home)
    }

    #[test]
    fn a_ledger_is_kept_open_and_goes_with_its_keys() {
        let (_folder, home) = home();
        let readers = Readers::new(home.clone(), 1);
        let kept = || readers.idle.lock().unwrap().len();
        let within = readers.with(|_| readers.with(|_| Ok(kept())));
        assert_eq!(within.unwrap(), 0, "both are in use");
        assert_eq!(kept(), 1, "no more than allowed");
        readers.with(|_| Ok(())).unwrap();
        assert_eq!(kept(), 1);
        // Whoever rotates keys writes their list anew.
        let list = home.keys().join("keys.json");
        let text = std::fs::read_to_string(&list).unwrap();
        std::fs::write(&list, text + "\n").unwrap();
        let before = readers.idle.lock().unwrap()[0].0;
        readers.with(|_| Ok(())).unwrap();
        assert_ne!(readers.idle.lock().unwrap()[0].0, before);
    }

    #[test]
    fn a_question_that_fails_costs_no_reader() {
        let (_folder, home) = home();
        let readers = Readers::new(home, 4);
        let failed = readers.with(|_| Err::<(), _>(Problem::new(ProblemKind::NotFound)));
        assert_eq!(failed.unwrap_err().kind(), ProblemKind::NotFound);
        assert_eq!(readers.idle.lock().unwrap().len(), 1);
    }
}
