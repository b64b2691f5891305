//! The times of a picture on a line, with what lies between.

use colophon_provenance::{TimelineEntry, TimelineGrade};

use super::markup::Markup;
use crate::evidence::grade;
use crate::phrase::{Phrase, Words, number};

/// Writes the times in the report's order.
pub(super) fn write(out: &mut Markup, entries: &[TimelineEntry], words: Words<'_>) {
    out.open("ol", &[("class", "times")]);
    let mut before: Option<i64> = None;
    for entry in entries {
        let day = day(&entry.when);
        let class = match entry.grade {
            TimelineGrade::Declared => "declared",
            TimelineGrade::Signed => "signed",
            TimelineGrade::Stamped => "stamped",
            TimelineGrade::Logged => "logged",
        };
        out.open("li", &[("class", class)]);
        if let (Some(before), Some(day)) = (before, day) {
            let gap = gap(day - before, words);
            out.element("span", &[("class", "gap")], &gap);
        }
        out.element("span", &[("class", "when")], &Phrase::outside(&entry.when));
        out.open("span", &[("class", "what")]);
        out.text(&Phrase::plain(&entry.sentence));
        out.element("span", &[("class", "grade")], &grade(entry.grade, words));
        out.element(
            "span",
            &[("class", "place")],
            &Phrase::outside(&entry.place),
        );
        out.close("span");
        out.close("li");
        before = day.or(before);
    }
    out.close("ol");
}

/// How long after the one before, in whole days or years. Shorter gaps are not told: the times of a picture
/// are rarely in one time zone.
fn gap(days: i64, words: Words<'_>) -> Phrase {
    let (unit, count) = match days.unsigned_abs() {
        0 => return words.text("gap.same-day"),
        days @ 1..730 => ("days", days),
        days => ("years", days * 400 / 146_097),
    };
    let form = if count == 1 { "one" } else { "other" };
    words.fill(&format!("gap.{unit}-{form}"), &[("n", &number(count))])
}

/// The day that a time begins with (`YYYY-MM-DD`), as a number of days.
fn day(when: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| -> Option<i64> {
        let text = when.get(from..to)?;
        text.bytes()
            .all(|c| c.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    let dash = |at: usize| when.as_bytes().get(at) == Some(&b'-');
    if !(dash(4) && dash(7)) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !((1..=12).contains(&month) && (1..=31).contains(&day)) {
        return None;
    }
    // Days from civil, counted from March so that leap days fall at a year's end.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    Some(
        365 * year + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * month + 2) / 5
            + day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_wording::{Language, Wording};

    #[test]
    fn days_are_counted_over_leap_years() {
        let between = |from: &str, to: &str| day(to).unwrap() - day(from).unwrap();
        assert_eq!(between("2024-02-28", "2024-03-01T00:00:00Z"), 2);
        assert_eq!(between("2023-02-28", "2023-03-01"), 1);
        assert_eq!(between("1900-01-01", "2000-01-01"), 36_524);
        for bad in ["2024", "2024-13-01", "2024:01:01", "20é4-01-01", ""] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }

    #[test]
    fn gaps_are_told_in_days_and_years() {
        let words = Words(Wording::of(Language::English));
        let told = |days| gap(days, words).text();
        assert_eq!(told(0), "same day");
        assert_eq!(told(1), "1 day later");
        assert_eq!(told(729), "729 days later");
        assert_eq!(told(731), "2 years later");
    }
}
