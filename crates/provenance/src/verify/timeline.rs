//! Times: who states them, in which order they lie, and which cannot be together.

use colophon_manifest::{ManifestReport, Time};
use colophon_signals::Dated;
use colophon_wording::Wording;

use crate::lookup::Answer;
use crate::report::{CountedTime, TimelineEntry, TimelineGrade};
use colophon_calendar::{Span, rfc3339};

/// Clocks and time zones may be off by so much before it counts, seconds.
const SLACK: i64 = 2 * 86_400;

/// A time that lies after another although it must have come before it.
pub(crate) struct Impossible {
    pub later: String,
    pub earlier: String,
}

/// All times of a picture.
pub(crate) struct Timeline {
    entries: Vec<TimelineEntry>,
    now: i64,
    /// Whether metadata and manifest are as they were signed.
    intact: bool,
}

impl Timeline {
    /// The times stated by metadata, manifest and ledger. `now` in Unix seconds.
    pub fn new(
        dates: &[Dated],
        manifest: Option<&ManifestReport>,
        intact: bool,
        answer: &Answer,
        wording: &Wording,
        now: i64,
    ) -> Self {
        let entry = |what: &str, when: String, place: String, grade| TimelineEntry {
            when,
            what: what.to_owned(),
            sentence: wording.text(&format!("date.{what}")),
            place,
            grade,
        };
        let mut entries: Vec<TimelineEntry> = dates
            .iter()
            .filter(|date| Span::parse(&date.when).is_some())
            .map(|date| {
                let grade = TimelineGrade::Declared;
                entry(date.what, date.when.clone(), date.place.clone(), grade)
            })
            .collect();
        if let Some(manifest) = manifest {
            for action in &manifest.actions {
                if let Some(when) = action
                    .when
                    .as_ref()
                    .filter(|when| Span::parse(when).is_some())
                {
                    let place = format!("C2PA {}", action.action);
                    entries.push(entry("action", when.clone(), place, TimelineGrade::Signed));
                }
            }
            let stamp = manifest
                .signer
                .as_ref()
                .and_then(|signer| signer.stamped_at.clone());
            if let Some(when) = stamp.filter(|when| Span::parse(when).is_some()) {
                let place = "C2PA time-stamp".to_owned();
                entries.push(entry("stamped", when, place, TimelineGrade::Stamped));
            }
        }
        if let Some(hit) = answer
            .hit
            .as_ref()
            .filter(|hit| hit.entry.inclusion.is_ok())
        {
            let when = rfc3339(hit.entry.record.issued_at);
            let place = format!("record {}", hit.entry.id());
            entries.push(entry("logged", when, place, TimelineGrade::Logged));
        }
        entries.sort_by_key(|entry| Span::parse(&entry.when).map(|span| span.from));
        entries.dedup_by(|a, b| a.when == b.when && a.what == b.what && a.place == b.place);
        Self {
            entries,
            now,
            intact,
        }
    }

    /// The time of issuing that counts: that of a listed authority's stamp; without one, that of this
    /// machine's ledger.
    pub fn counted(
        manifest: Option<&ManifestReport>,
        answer: &Answer,
        log: Option<&str>,
        wording: &Wording,
    ) -> Option<CountedTime> {
        let stamp = manifest
            .filter(|manifest| manifest.verdicts.time.state == Time::Stamped)
            .and_then(|manifest| manifest.signer.as_ref());
        if let Some((when, signer)) = stamp.and_then(|it| Some((it.stamped_at.clone()?, it))) {
            let by = signer.stamped_by.clone();
            let name = by.as_deref().unwrap_or("?");
            return Some(CountedTime {
                source: TimelineGrade::Stamped,
                sentence: wording.fill("date.counted-stamp", &[("when", &when), ("by", name)]),
                when,
                by,
            });
        }
        let hit = answer
            .hit
            .as_ref()
            .filter(|hit| hit.entry.inclusion.is_ok())?;
        let when = rfc3339(hit.entry.record.issued_at);
        Some(CountedTime {
            source: TimelineGrade::Logged,
            sentence: wording.fill("date.counted-ledger", &[("when", &when)]),
            when,
            by: log.map(str::to_owned),
        })
    }

    /// Earliest first.
    pub fn into_entries(self) -> Vec<TimelineEntry> {
        self.entries
    }

    /// Pairs that cannot be. What metadata states counts against a stamp or a record only when the bytes are
    /// those signed: otherwise it may have been written later, by editing.
    pub fn impossible(&self) -> Vec<Impossible> {
        let mut pairs = Vec::new();
        for entry in &self.entries {
            let Some(span) = Span::parse(&entry.when) else {
                continue;
            };
            let claimed = entry.grade <= TimelineGrade::Signed;
            if claimed && span.from > self.now + SLACK {
                pairs.push(Impossible {
                    later: told(entry),
                    earlier: rfc3339(self.now),
                });
                continue;
            }
            // Only of the making itself is it known that it came before the signing.
            let of_making = matches!(
                entry.what.as_str(),
                "captured" | "digitised" | "created" | "generated" | "action"
            );
            if !(claimed && of_making && self.intact) {
                continue;
            }
            let later = self.entries.iter().find(|other| {
                let fixed = other.grade >= TimelineGrade::Stamped;
                let until = Span::parse(&other.when).map(|span| span.until);
                fixed && until.is_some_and(|until| span.from > until + SLACK)
            });
            if let Some(other) = later {
                pairs.push(Impossible {
                    later: told(entry),
                    earlier: told(other),
                });
            }
        }
        pairs
    }
}

fn told(entry: &TimelineEntry) -> String {
    format!("{} {} ({})", entry.sentence, entry.when, entry.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_policy::LedgerState;

    fn timeline(dates: &[(&'static str, &str)], intact: bool, now: i64) -> Timeline {
        let dates: Vec<Dated> = dates
            .iter()
            .map(|(what, when)| Dated {
                what,
                when: (*when).to_owned(),
                place: "EXIF".to_owned(),
            })
            .collect();
        let answer = Answer {
            state: LedgerState::NotFound,
            hit: None,
            alike: None,
            problem: None,
        };
        let wording = Wording::of(colophon_wording::Language::English);
        Timeline::new(&dates, None, intact, &answer, wording, now)
    }

    #[test]
    fn times_are_in_order_and_the_future_is_noticed() {
        let now = Span::parse("2026-11-26T00:00:00Z").unwrap().from;
        let dates = [
            ("captured", "2026-11-20T10:00:00"),
            ("modified", "2019-01-01"),
            ("created", "not a date"),
        ];
        let fine = timeline(&dates, true, now);
        assert!(fine.impossible().is_empty());
        let order: Vec<String> = fine
            .into_entries()
            .into_iter()
            .map(|entry| entry.what)
            .collect();
        assert_eq!(order, ["modified", "captured"]);
        let future = timeline(&[("captured", "2031-01-01")], false, now);
        assert_eq!(future.impossible().len(), 1);
        // Time zones: tomorrow may be today.
        assert!(
            timeline(&[("captured", "2026-11-27T10:00:00")], false, now)
                .impossible()
                .is_empty()
        );
    }

    #[test]
    fn a_making_after_the_stamp_is_noticed_only_in_what_was_signed() {
        let now = Span::parse("2026-11-26T00:00:00Z").unwrap().from;
        for (intact, found) in [(true, 1), (false, 0)] {
            let mut line = timeline(
                &[
                    ("captured", "2026-05-01T10:00:00"),
                    ("modified", "2026-06-01"),
                ],
                intact,
                now,
            );
            line.entries.push(TimelineEntry {
                when: "2026-04-01T00:00:00Z".to_owned(),
                what: "stamped".to_owned(),
                sentence: "stamped".to_owned(),
                place: "C2PA time-stamp".to_owned(),
                grade: TimelineGrade::Stamped,
            });
            assert_eq!(line.impossible().len(), found);
        }
    }
}
