//! The tables and the file of every figure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::measure::{Outcome, Reading};
use super::statistics::{Proportion, Sorted};
use crate::attacks::Attack;

/// Everything that one run found.
pub struct Report<'a> {
    /// What was done to the pictures.
    pub attacks: &'a [Attack],
    /// What became of them.
    pub outcomes: &'a [Option<Outcome>],
    /// Besides the pictures' own, so many ids among which weak marks were looked up.
    pub issued: Option<usize>,
}

impl Report<'_> {
    /// Head figures, groups, attacks.
    pub fn markdown(&self) -> String {
        [
            self.head(),
            self.group_table(),
            self.attack_table(),
            self.regeneration_table(),
        ]
        .join("\n")
    }

    fn marked(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().flatten()
    }

    fn readings(&self, attack: usize) -> impl Iterator<Item = &Reading> {
        self.marked().map(move |o| &o.readings[attack])
    }

    /// Exact recoveries among all pictures; a picture that was refused a mark is a miss.
    fn recovered(&self, attack: usize) -> Proportion {
        let hits = self.readings(attack).filter(|r| r.right).count();
        Proportion {
            hits,
            count: self.outcomes.len(),
        }
    }

    /// As [`Self::recovered`], with the ids that the ledger matched.
    fn found(&self, attack: usize) -> Proportion {
        let matched = self.readings(attack).filter(|r| r.matched).count();
        let read = self.recovered(attack);
        Proportion {
            hits: read.hits + matched,
            ..read
        }
    }

    fn reached(&self, attack: usize) -> Option<bool> {
        self.attacks[attack]
            .goal
            .map(|goal| self.recovered(attack).rate() >= goal)
    }

    fn alarms(&self, attacks: &[usize]) -> Proportion {
        let tried = attacks
            .iter()
            .flat_map(|&a| self.readings(a))
            .filter_map(|r| r.unmarked);
        Proportion::of(tried.map(|u| u.0))
    }

    fn mean_rate(&self, attacks: &[usize]) -> f64 {
        attacks
            .iter()
            .map(|&a| self.recovered(a).rate())
            .collect::<Sorted>()
            .mean()
    }

    fn head(&self) -> String {
        let all: Vec<usize> = (0..self.attacks.len()).collect();
        let refused = self.outcomes.iter().filter(|o| o.is_none()).count();
        let wrong = all
            .iter()
            .flat_map(|&a| self.readings(a))
            .filter(|r| r.wrong)
            .count();
        let alarms = self.alarms(&all);
        let mut text = format!(
            "{} pictures, {refused} refused (counted as misses); {} attacks, mean recovery {:.1} % \
             (goal 95 %).\nWrong ids: {wrong}. Ids in unmarked pictures after the same attacks: {} of {}.\n\n",
            self.outcomes.len(),
            all.len(),
            100.0 * self.mean_rate(&all),
            alarms.hits,
            alarms.count,
        );
        text.push_str(
            "| marked against original | least | median | mean |\n| --- | ---: | ---: | ---: |\n",
        );
        for (name, digits, value) in FIGURES {
            let values: Sorted = self.marked().map(value).collect();
            let _ = writeln!(
                text,
                "| {name} | {:.digits$} | {:.digits$} | {:.digits$} |",
                values.least(),
                values.median(),
                values.mean()
            );
        }
        text
    }

    /// Group names in order with the numbers of their attacks.
    fn groups(&self) -> Vec<(&'static str, Vec<usize>)> {
        let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
        for (number, attack) in self.attacks.iter().enumerate() {
            match groups.last_mut() {
                Some((name, members)) if *name == attack.group => members.push(number),
                _ => groups.push((attack.group, vec![number])),
            }
        }
        groups
    }

    fn group_table(&self) -> String {
        let mut text = String::from(
            "| group | attacks | mean recovery | goals reached | detect, marked: median, p99 | \
             unmarked: median, p99 |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for (name, members) in self.groups() {
            let goals = Proportion::of(members.iter().filter_map(|&a| self.reached(a)));
            let readings = || members.iter().flat_map(|&a| self.readings(a));
            let marked: Sorted = readings().map(|r| r.ms).collect();
            let unmarked: Sorted = readings().filter_map(|r| r.unmarked.map(|u| u.1)).collect();
            let verdict = if goals.hits == goals.count {
                ""
            } else {
                " ✗"
            };
            let _ = writeln!(
                text,
                "| {name} | {} | {:.1} % | {} of {}{verdict} | {} | {} |",
                members.len(),
                100.0 * self.mean_rate(&members),
                goals.hits,
                goals.count,
                times(&marked),
                times(&unmarked),
            );
        }
        text
    }

    fn attack_table(&self) -> String {
        let mut text = String::from("| group | attack | exact id | 95 % interval | goal | |");
        let mut line = String::from("| --- | --- | ---: | ---: | ---: | --- |");
        if let Some(issued) = self.issued {
            let _ = write!(text, " or matched among {issued} others | 95 % interval |");
            line += " ---: | ---: |";
        }
        let _ = writeln!(text, "\n{line}");
        for (number, attack) in self.attacks.iter().enumerate() {
            let goal = attack
                .goal
                .map_or("-".to_owned(), |g| format!("{:.0} %", 100.0 * g));
            let verdict = match self.reached(number) {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "",
            };
            let read = share(self.recovered(number));
            let _ = write!(
                text,
                "| {} | {} | {read} | {goal} | {verdict} |",
                attack.group, attack.name
            );
            if self.issued.is_some() {
                let _ = write!(text, " {} |", share(self.found(number)));
            }
            text.push('\n');
        }
        text
    }

    /// How much regenerations change; nothing if there are none.
    fn regeneration_table(&self) -> String {
        let mut text = String::new();
        for (number, attack) in self.attacks.iter().enumerate() {
            let values: Sorted = self.readings(number).filter_map(|r| r.psnr).collect();
            if values.median().is_nan() {
                continue;
            }
            if text.is_empty() {
                text += "| PSNR of the regeneration, dB | least | median | mean |\n\
                         | --- | ---: | ---: | ---: |\n";
            }
            let _ = writeln!(
                text,
                "| {} | {:.1} | {:.1} | {:.1} |",
                attack.name,
                values.least(),
                values.median(),
                values.mean()
            );
        }
        text
    }

    /// Every figure, for programs.
    pub fn json(&self) -> Value {
        let all: Vec<usize> = (0..self.attacks.len()).collect();
        let attacks: Vec<Value> = all
            .iter()
            .map(|&number| {
                let (attack, recovered) = (&self.attacks[number], self.recovered(number));
                json!({
                    "group": attack.group,
                    "name": attack.name,
                    "goal": attack.goal,
                    "hits": recovered.hits,
                    "count": recovered.count,
                    "interval": recovered.interval(),
                    "found": self.found(number).hits,
                    "wrong": self.readings(number).filter(|r| r.wrong).count(),
                    "false_alarms": self.alarms(&[number]).hits,
                    "read": self.outcomes.iter()
                        .map(|o| o.as_ref().is_some_and(|o| o.readings[number].right))
                        .collect::<Vec<_>>(),
                    "correlations": self.readings(number).map(|r| r.correlation).collect::<Vec<_>>(),
                    "psnr": self.readings(number).filter_map(|r| r.psnr).collect::<Vec<_>>(),
                    "detect_ms": self.readings(number).map(|r| r.ms).collect::<Sorted>().median(),
                })
            })
            .collect();
        let pictures: Vec<Value> = self
            .outcomes
            .iter()
            .map(|outcome| match outcome {
                None => Value::Null,
                Some(outcome) => FIGURES
                    .iter()
                    .map(|(name, _, value)| ((*name).to_owned(), json!(value(outcome))))
                    .collect(),
            })
            .collect();
        json!({ "mean_recovery": self.mean_rate(&all), "attacks": attacks, "pictures": pictures })
    }
}

/// Hits, trials and interval as two cells.
fn share(proportion: Proportion) -> String {
    let (low, high) = proportion.interval();
    format!(
        "{}/{} | {:.0} to {:.0} %",
        proportion.hits,
        proportion.count,
        100.0 * low,
        100.0 * high
    )
}

/// Median and 99th percentile of milliseconds, if any were measured.
fn times(values: &Sorted) -> String {
    let (median, late) = (values.median(), values.quantile(0.99));
    if median.is_nan() {
        return "-".into();
    }
    format!("{median:.0}, {late:.0} ms")
}

/// A figure of one marked picture: name, decimals, value.
type Figure = (&'static str, usize, fn(&Outcome) -> f64);

const FIGURES: [Figure; 4] = [
    ("PSNR, dB", 2, |o| o.quality.psnr),
    ("SSIM", 4, |o| o.quality.ssim),
    ("SSIMULACRA 2", 1, |o| o.quality.ssimulacra2),
    ("milliseconds to embed", 0, |o| o.embed_ms),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks;
    use crate::metrics::Quality;

    fn outcome(right: [bool; 2]) -> Outcome {
        let reading = |right: bool| Reading {
            right,
            matched: false,
            wrong: !right,
            correlation: Some(20.0),
            psnr: None,
            ms: 5.0,
            unmarked: Some((false, 9.0)),
        };
        Outcome {
            quality: Quality {
                psnr: 43.0,
                ssim: 0.99,
                ssimulacra2: 91.0,
            },
            embed_ms: 100.0,
            readings: right.map(reading).to_vec(),
        }
    }

    #[test]
    fn refused_pictures_are_misses_and_goals_are_judged() {
        let attacks: Vec<Attack> = attacks::all()
            .filter(|a| ["JPEG 50", "AVIF 35"].contains(&a.name.as_ref()))
            .collect();
        let outcomes = [
            Some(outcome([true, true])),
            Some(outcome([true, true])),
            Some(outcome([true, true])),
            None,
        ];
        let report = Report {
            attacks: &attacks,
            outcomes: &outcomes,
            issued: None,
        };
        let text = report.markdown();
        assert!(text.contains("4 pictures, 1 refused"), "{text}");
        assert!(
            text.contains("| codec | JPEG 50 | 3/4 | 30 to 95 % | 99 % | ✗ |"),
            "{text}"
        );
        assert!(
            text.contains("| codec | AVIF 35 | 3/4 | 30 to 95 % | 70 % | ✓ |"),
            "{text}"
        );
        assert!(
            text.contains("| codec | 2 | 75.0 % | 1 of 2 ✗ | 5, 5 ms | 9, 9 ms |"),
            "{text}"
        );
        assert_eq!(report.json()["attacks"][0]["hits"], 3);
    }

    #[test]
    fn wrong_ids_and_false_alarms_are_counted() {
        let attacks: Vec<Attack> = attacks::all().take(2).collect();
        let mut bad = outcome([true, false]);
        bad.readings[0].unmarked = Some((true, 1.0));
        let outcomes = [Some(bad)];
        let text = Report {
            attacks: &attacks,
            outcomes: &outcomes,
            issued: None,
        }
        .markdown();
        assert!(text.contains("Wrong ids: 1."), "{text}");
        assert!(text.contains("after the same attacks: 1 of 2."), "{text}");
    }

    #[test]
    fn what_the_ledger_matched_and_what_a_regeneration_changed_is_shown() {
        let attacks: Vec<Attack> = attacks::all()
            .filter(|a| a.name == "none" || a.group == attacks::REGENERATION)
            .collect();
        let mut weak = outcome([true, false]);
        weak.readings[1].wrong = false;
        weak.readings[1].matched = true;
        weak.readings[1].psnr = Some(31.25);
        let outcomes = [Some(weak)];
        let report = |issued| Report {
            attacks: &attacks,
            outcomes: &outcomes,
            issued,
        };
        let text = report(Some(1000)).markdown();
        for row in [
            "or matched among 1000 others | 95 % interval |\n",
            "| 0/1 | 0 to 79 % | - |  | 1/1 | 21 to 100 % |\n",
            "| proxy: 0.5x, non-local means, back | 31.2 | 31.2 | 31.2 |\n",
        ] {
            assert!(text.contains(row), "{text}");
        }
        assert!(text.contains("Wrong ids: 0."), "{text}");
        assert!(!report(None).markdown().contains("matched"));
        assert_eq!(report(None).json()["attacks"][1]["found"], 1);
    }
}
