//! Counts of what was issued and of what checks came to, and their drawings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use colophon_calendar::rfc3339;
use colophon_ledger::{Decisions, Kind, Leaf, LedgerError, Outcome, PublicRecord, Query};
use serde::Serialize;

use crate::AuditError;
use crate::chart::{Bar, columns, escaped, rows};
use crate::text::hex;

/// Entries taken from the ledger at once.
const PAGE: usize = 1_024;
const DAY: i64 = 86_400;
/// Names told one by one; the others are counted together.
const NAMES: usize = 24;
/// Days drawn one by one; more are drawn by week.
const COLUMNS: usize = 90;
/// 1970-01-05 was a Monday.
const FIRST_MONDAY: i64 = 4;

/// Counts, in the form of their JSON. Days are `YYYY-MM-DD` in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Records of pictures.
    pub pictures: u64,
    /// Events.
    pub events: u64,
    /// Pictures without a watermark.
    pub unmarked: u64,
    /// Pictures by day of issue.
    pub by_day: BTreeMap<String, u64>,
    /// Pictures by week of issue, named by its Monday.
    pub by_week: BTreeMap<String, u64>,
    /// Pictures by how they came to be issued.
    pub by_kind: BTreeMap<String, u64>,
    /// Pictures by model or program.
    pub by_model: BTreeMap<String, u64>,
    /// Pictures by id of the key that signed.
    pub by_signer: BTreeMap<String, u64>,
    /// Checks by rule.
    pub checks_by_rule: BTreeMap<String, u64>,
    /// Checks by what was recommended.
    pub checks_by_action: BTreeMap<String, u64>,
    /// Checks by day.
    pub checks_by_day: BTreeMap<String, u64>,
    /// Requests by what was decided: `allow` or `deny`.
    pub requests: BTreeMap<String, u64>,
}

impl Statistics {
    /// Counts the answers of a query, and all logged decisions.
    ///
    /// # Errors
    /// [`AuditError`] when ledger or decisions cannot be read.
    pub fn count(query: &Query<'_>, decisions: Option<&Decisions>) -> Result<Self, AuditError> {
        let mut counts = Self::default();
        let mut cursor = Some(query.start());
        while let Some(from) = cursor {
            let page = query.page(from, PAGE)?;
            for hit in &page.hits {
                let leaf = Leaf::decode(&hit.leaf).map_err(|reason| AuditError::Leaf {
                    log: hit.log.clone(),
                    index: hit.id.index.0,
                    reason,
                })?;
                match leaf {
                    Leaf::Record(record) => counts.add(&record),
                    _ => counts.events += 1,
                }
            }
            cursor = page.next;
        }
        if let Some(decisions) = decisions {
            counts.add_decisions(decisions)?;
        }
        Ok(counts)
    }

    fn add(&mut self, record: &PublicRecord) {
        self.pictures += 1;
        self.unmarked += u64::from(!record.is_marked());
        let day = record.issued_at.div_euclid(DAY);
        let monday = (day - FIRST_MONDAY).div_euclid(7) * 7 + FIRST_MONDAY;
        let kind = match record.kind {
            Kind::Generate => "generate",
            Kind::Stamp => "stamp",
            _ => "other",
        };
        let model = record.generator.as_ref();
        let model = model.map_or("not stated", |agent| &agent.name);
        one_more(&mut self.by_day, &date(day), 1);
        one_more(&mut self.by_week, &date(monday), 1);
        one_more(&mut self.by_kind, kind, 1);
        one_more(&mut self.by_model, model, 1);
        one_more(&mut self.by_signer, &hex(&record.signer_key_id), 1);
    }

    /// Adds all logged decisions.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub fn add_decisions(&mut self, decisions: &Decisions) -> Result<(), LedgerError> {
        for tally in decisions.tallies()? {
            match &tally.outcome {
                Outcome::Issuing { allowed } => {
                    let word = if *allowed { "allow" } else { "deny" };
                    one_more(&mut self.requests, word, tally.count);
                }
                Outcome::Check { rule, action, .. } => {
                    one_more(&mut self.checks_by_rule, rule, tally.count);
                    one_more(&mut self.checks_by_action, action, tally.count);
                    one_more(&mut self.checks_by_day, &date(tally.day), tally.count);
                }
            }
        }
        Ok(())
    }
}

fn one_more(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => drop(counts.insert(name.to_owned(), more)),
    }
}

fn date(day: i64) -> String {
    let text = rfc3339(day.saturating_mul(DAY));
    text.split('T').next().unwrap_or_default().to_owned()
}

/// The drawings, each with a name for its file.
pub fn charts(counts: &Statistics) -> Vec<(&'static str, String)> {
    let mut drawn = Vec::new();
    let (unit, bars) = over_time(&counts.by_day, &counts.by_week);
    let title = format!("Pictures issued by {unit} (UTC)");
    drawn.push(("issued", columns(&title, &bars)));
    for (name, title, counts) in [
        ("models", "Pictures by model or program", &counts.by_model),
        ("signers", "Pictures by signing key", &counts.by_signer),
        ("verdicts", "Checks by rule", &counts.checks_by_rule),
        ("requests", "Requests by decision", &counts.requests),
    ] {
        if !counts.is_empty() {
            drawn.push((name, rows(title, &most(counts))));
        }
    }
    drawn
}

/// Bars by day, or by week when days are too many; days without any count too.
fn over_time(
    by_day: &BTreeMap<String, u64>,
    by_week: &BTreeMap<String, u64>,
) -> (&'static str, Vec<Bar>) {
    let (unit, counts, step) = if filled(by_day, 1).len() <= COLUMNS {
        ("day", by_day, 1)
    } else {
        ("week, from Monday on", by_week, 7)
    };
    (unit, filled(counts, step))
}

/// The counts with the days between them.
fn filled(counts: &BTreeMap<String, u64>, step: i64) -> Vec<Bar> {
    /// Enough for a century of weeks; a record of a wrong clock must not fill the memory.
    const MOST: usize = 5_300;
    let day = |date: &String| {
        colophon_calendar::Span::parse(&format!("{date}T00:00:00Z")).map(|span| span.from / DAY)
    };
    let (first, last) = (counts.keys().next(), counts.keys().next_back());
    let (Some(first), Some(last)) = (first.and_then(day), last.and_then(day)) else {
        return Vec::new();
    };
    let days = (0..).map(|number| first + number * step);
    days.take_while(|day| *day <= last)
        .take(MOST)
        .map(|day| {
            let label = date(day);
            Bar {
                count: counts.get(&label).copied().unwrap_or(0),
                label,
            }
        })
        .collect()
}

/// The most frequent first, and the rest together.
fn most(counts: &BTreeMap<String, u64>) -> Vec<Bar> {
    let mut bars: Vec<Bar> = counts
        .iter()
        .map(|(label, count)| Bar {
            label: label.clone(),
            count: *count,
        })
        .collect();
    bars.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    if bars.len() > NAMES {
        let rest = bars.split_off(NAMES - 1);
        bars.push(Bar {
            label: format!("{} others", rest.len()),
            count: rest.iter().map(|bar| bar.count).sum(),
        });
    }
    bars
}

/// The drawings on one web page without scripts. `what` tells what was counted.
pub fn page(counts: &Statistics, what: &str) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Ledger statistics</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font-family:system-ui,sans-serif;max-width:760px;margin:2rem auto;\
         padding:0 1rem}}svg{{width:100%;height:auto;margin:0.5rem 0}}dt{{float:left;width:12rem}}</style>\n\
         <h1>Ledger statistics</h1>\n<p>{}</p>\n<dl>\n",
        escaped(what)
    );
    for (name, count) in [
        ("Pictures", counts.pictures),
        ("of them unmarked", counts.unmarked),
        ("Events", counts.events),
        ("Checks logged", counts.checks_by_action.values().sum()),
        ("Requests logged", counts.requests.values().sum()),
    ] {
        // Writing into a string does not fail.
        let _ = writeln!(page, "<dt>{name}</dt><dd>{count}</dd>");
    }
    page.push_str("</dl>\n");
    for (_, svg) in charts(counts) {
        page.push_str(&svg);
    }
    page.push_str("</html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(days: &[&str]) -> BTreeMap<String, u64> {
        days.iter().map(|day| ((*day).to_owned(), 2)).collect()
    }

    #[test]
    fn days_without_pictures_are_drawn_too() {
        let bars = filled(&counts(&["2026-02-27", "2026-03-02"]), 1);
        let labels: Vec<&str> = bars.iter().map(|bar| bar.label.as_str()).collect();
        assert_eq!(
            labels,
            ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
        );
        assert_eq!(
            bars.iter().map(|bar| bar.count).collect::<Vec<_>>(),
            [2, 0, 0, 2]
        );
    }

    #[test]
    fn many_days_become_weeks_that_begin_on_monday() {
        let mut statistics = Statistics::default();
        one_more(&mut statistics.by_day, "2020-01-01", 1);
        one_more(&mut statistics.by_day, "2026-11-27", 1);
        one_more(&mut statistics.by_week, "2019-12-30", 1);
        one_more(&mut statistics.by_week, "2026-11-23", 1);
        let (unit, bars) = over_time(&statistics.by_day, &statistics.by_week);
        assert_eq!(unit, "week, from Monday on");
        assert_eq!((bars[0].count, bars[bars.len() - 1].count), (1, 1));
    }

    #[test]
    fn rare_names_are_counted_together() {
        let many: BTreeMap<String, u64> = (0..40).map(|n| (format!("model {n}"), n)).collect();
        let bars = most(&many);
        assert_eq!(bars.len(), NAMES);
        assert_eq!((bars[0].label.as_str(), bars[0].count), ("model 39", 39));
        assert_eq!(bars[NAMES - 1].label, "17 others");
        assert_eq!(
            bars.iter().map(|bar| bar.count).sum::<u64>(),
            (0..40_u64).sum::<u64>()
        );
    }
}
