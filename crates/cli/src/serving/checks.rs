//! Checks of pictures in confined children: one pool of them for every language and every extra.

use colophon_imaging::Limits;
use colophon_provenance::{Language, Report, ReportError, ReportOptions};
use colophon_server::{CheckFailure, Checked, Checks, Children, Small, Wanted};

use crate::checker::{Confined, Setup, Wants};
use crate::commands::Context;
use crate::commands::pictures::thumbnail_size;
use crate::failure::Failure;
use crate::printer::describe;

/// Children that answer requests; started when first needed.
pub struct ConfinedChecks(Confined);

impl ConfinedChecks {
    /// One child a processor at most.
    ///
    /// # Errors
    /// [`Failure`] on unusable settings.
    pub fn new(context: &Context<'_>) -> Result<Self, Failure> {
        Ok(Self(Confined::new(context, Setup::default(), usize::MAX)?))
    }
}

/// Reports that go out never tell everything: see [`ReportOptions::full`].
fn wants(wanted: Wanted) -> Wants {
    Wants {
        report: ReportOptions {
            full: false,
            crjson: wanted.crjson,
            language: wanted.language,
            heat_map: wanted.heat_map,
        },
        drawn_heat_map: wanted.heat_map,
        thumbnail: wanted.thumbnail,
    }
}

fn failed(failure: &Failure) -> CheckFailure {
    CheckFailure(describe(failure))
}

impl Checks for ConfinedChecks {
    fn check(&self, name: &str, bytes: &[u8], wanted: Wanted) -> Result<Checked, CheckFailure> {
        let checked = self.0.check(name.to_owned(), bytes, wants(wanted));
        let checked = checked.map_err(|failure| failed(&failure))?;
        let container = &checked.report.container;
        let thumbnail = match (checked.thumbnail, container.width, container.height) {
            (Some(jpeg), Some(width), Some(height)) => {
                let (width, height) = thumbnail_size(width, height);
                Some(Small {
                    jpeg,
                    width,
                    height,
                })
            }
            _ => None,
        };
        Ok(Checked {
            report: checked.report,
            heat_map: checked.heat_map,
            thumbnail,
            crjson: checked.crjson,
        })
    }

    fn unchecked(
        &self,
        name: &str,
        why: ReportError,
        language: Language,
    ) -> Result<Report, CheckFailure> {
        let wanted = Wanted {
            language,
            ..Wanted::default()
        };
        let report = self.0.unchecked(name.to_owned(), why, wants(wanted));
        report.map_err(|failure| failed(&failure))
    }

    fn limits(&self) -> Limits {
        self.0.limits().clone()
    }

    fn renew(&self) {
        self.0.renew();
    }

    fn children(&self) -> Children {
        let counts = self.0.counts();
        Children {
            alive: counts.alive,
            started: counts.started,
            failed: counts.failed,
        }
    }

    fn at_once(&self) -> usize {
        self.0.children()
    }
}
