//! Pictures at addresses that callers name.

use std::sync::Arc;

use super::super::ports::{FetchFailure, FetchTrouble, Fetches};
use super::super::problem::{Problem, ProblemKind};
use super::super::work::Work;

/// Most fetches at once. Each waits for somebody else's server, so that they take turns apart from all other work.
const AT_ONCE: usize = 4;
/// Most fetches that wait.
const QUEUE: usize = 16;

/// Fetches that run and wait.
pub(crate) struct Fetching {
    fetches: Option<Arc<dyn Fetches>>,
    work: Work,
}

impl Fetching {
    /// `None` where nothing is to be fetched.
    pub(crate) fn new(fetches: Option<Arc<dyn Fetches>>) -> Self {
        Self {
            fetches,
            work: Work::new(AT_ONCE, QUEUE),
        }
    }

    /// Whether anything is fetched.
    pub(crate) fn is_offered(&self) -> bool {
        self.fetches.is_some()
    }

    /// The file at an address, at most so many bytes.
    ///
    /// # Errors
    /// [`ProblemKind::NotImplemented`], [`ProblemKind::Overloaded`], or what kept it from being fetched.
    pub(crate) async fn fetch(&self, address: &str, most: usize) -> Result<Vec<u8>, Problem> {
        let Some(fetches) = self.fetches.clone() else {
            return Err(Problem::new(ProblemKind::NotImplemented)
                .with_detail("this installation fetches nothing; upload the picture"));
        };
        let address = address.to_owned();
        let fetched = self.work.run(move || fetches.fetch(&address, most)).await?;
        fetched.map_err(|failure| problem(&failure))
    }
}

fn problem(failure: &FetchFailure) -> Problem {
    let kind = match failure.trouble {
        FetchTrouble::Refused => ProblemKind::Unprocessable,
        FetchTrouble::TooLarge => ProblemKind::TooLarge,
        FetchTrouble::TimedOut => ProblemKind::TimedOut,
        FetchTrouble::Failed => ProblemKind::Upstream,
    };
    Problem::new(kind)
        .with_detail(failure.said.clone())
        .at("/url")
}

/// The last part of an address's path, for the report.
pub(super) fn name_of(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let after_host = path.split_once("://").map_or(path, |(_, rest)| rest);
    after_host.rsplit_once('/').map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_end_of_the_path() {
        for (address, name) in [
            ("https://example.org/a/fox.png", "fox.png"),
            ("https://example.org/fox.png?token=secret#x", "fox.png"),
            ("https://example.org/", ""),
            ("https://example.org", ""),
            ("https://example.org?a=/b.png", ""),
        ] {
            assert_eq!(name_of(address), name, "{address}");
        }
    }
}
