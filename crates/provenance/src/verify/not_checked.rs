//! What a report says that it did not check.

use super::{Read, Verifier};
use crate::lookup::Answer;
use crate::report::NotChecked;

impl Verifier {
    /// What was not checked, and why, in the order in which a reader would ask.
    pub(super) fn not_checked(&self, read: &Read, answer: &Answer) -> Vec<NotChecked> {
        let (pixels, attached) = (&read.pixels, &read.attached);
        let text = |key: &str| self.wording.text(&format!("not-checked.{key}"));
        let fill = |key: &str, values: &[(&str, &str)]| {
            self.wording.fill(&format!("not-checked.{key}"), values)
        };
        let mut list = Vec::new();
        let mut push = |what: &str, why: &str| list.push(NotChecked::new(what, why));
        if let Some(why) = &attached.not_checked {
            push("manifest", why);
        }
        if let Some(why) = attached.revocation_not_checked(self.wording) {
            push("revocation", &why);
        }
        match (pixels, &self.shared.detector) {
            (Err(_), _) => push("watermark", &text("watermark-undecoded")),
            (Ok(_), Err(why)) => push("watermark", &why.tell(self.wording)),
            (Ok(_), Ok(_)) => {}
        }
        if let Ok(pixels) = pixels {
            if let Some(why) = &pixels.mark.problem {
                push("faint-marks", why);
            }
            if pixels.frames > 1 {
                push(
                    "frames",
                    &fill("frames", &[("count", &pixels.frames.to_string())]),
                );
            }
            if answer.hit.is_none()
                && self.shared.ledger.is_ok()
                && pixels.reliable_hashes().is_none()
            {
                push("likeness", &text("likeness"));
            }
        }
        if let Some(why) = &answer.problem {
            push("ledger", &why.tell(self.wording));
        }
        for mark in &read.findings.unreadable_marks {
            let values = [
                ("name", mark.name.as_str()),
                ("named-by", mark.named_by.as_str()),
            ];
            push("unreadable-mark", &fill("unreadable-mark", &values));
        }
        for problem in &read.findings.problems {
            let sentence = self
                .wording
                .text(&format!("signal.problem.{}", problem.what));
            push("metadata", &format!("{sentence} ({})", problem.place));
        }
        for list in self.shared.trust_lists.iter().filter(|list| list.stale) {
            let date = list.next_update.as_deref().unwrap_or_default();
            let values = [("name", list.name.as_str()), ("date", date)];
            push("trust-list", &fill("trust-list-stale", &values));
        }
        push("marks-of-others", &text("marks-of-others"));
        list
    }
}
