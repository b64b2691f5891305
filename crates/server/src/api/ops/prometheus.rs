//! Counters and histograms, and the text in which Prometheus reads them (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Upper bounds of a histogram's buckets, seconds: from an answer out of memory to a picture being made.
const BOUNDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// Counters of one name, told apart by labels.
#[derive(Debug, Default)]
pub(crate) struct Family(Mutex<BTreeMap<Vec<String>, u64>>);

impl Family {
    /// One more.
    pub fn count(&self, labels: &[&str]) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        *cells.entry(labels).or_default() += 1;
    }

    fn cells(&self) -> BTreeMap<Vec<String>, u64> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.clone()
    }
}

/// How often something took how long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

/// Times told apart by one label.
#[derive(Debug, Default)]
pub(crate) struct Histogram(Mutex<BTreeMap<String, Times>>);

impl Histogram {
    /// Something took so many seconds.
    pub fn took(&self, label: &str, seconds: f64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = match all.get_mut(label) {
            Some(times) => times,
            None => all.entry(label.to_owned()).or_default(),
        };
        times.count += 1;
        times.sum += seconds;
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            times.buckets[bucket] += 1;
        }
    }
}

/// The text.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let open = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    /// A value that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, &[], &[(&[], value)]);
    }

    /// Values that go up and down, told apart by labels.
    pub fn gauges(&mut self, name: &str, help: &str, labels: &[&str], cells: &[(&[&str], f64)]) {
        self.head(name, "gauge", help);
        for (texts, value) in cells {
            let pairs: Vec<_> = labels.iter().copied().zip(texts.iter().copied()).collect();
            self.line(name, &pairs, *value);
        }
    }

    /// A value that only goes up.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(name, &[], value as f64);
    }

    /// Counters told apart by labels.
    pub fn family(&mut self, name: &str, help: &str, labels: &[&str], family: &Family) {
        self.head(name, "counter", help);
        for (texts, value) in family.cells() {
            let texts = texts.iter().map(String::as_str);
            let pairs: Vec<_> = labels.iter().copied().zip(texts).collect();
            self.line(name, &pairs, value as f64);
        }
    }

    /// Times told apart by a label.
    pub fn histogram(&mut self, name: &str, help: &str, label: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let all = histogram.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (text, times) in all.iter() {
            let mut sum = 0;
            for (bound, count) in BOUNDS.iter().zip(times.buckets) {
                sum += count;
                let le = bound.to_string();
                self.line(
                    &format!("{name}_bucket"),
                    &[(label, text), ("le", &le)],
                    sum as f64,
                );
            }
            let count = times.count as f64;
            self.line(
                &format!("{name}_bucket"),
                &[(label, text), ("le", "+Inf")],
                count,
            );
            self.line(&format!("{name}_sum"), &[(label, text)], times.sum);
            self.line(&format!("{name}_count"), &[(label, text)], count);
        }
    }

    /// As it is sent.
    pub fn finish(self) -> String {
        self.0
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let family = Family::default();
        family.count(&["/a \"b\"", "200"]);
        family.count(&["/a \"b\"", "200"]);
        let times = Histogram::default();
        times.took("/a", 0.002);
        times.took("/a", 0.3);
        times.took("/a", 1_000.0);
        let mut text = Text::default();
        text.family("f_total", "What.", &["route", "status"], &family);
        text.histogram("t_seconds", "How long.", "route", &times);
        text.gauge("g", "A gauge.", 1.5);
        let text = text.finish();
        for line in [
            "# TYPE f_total counter",
            "f_total{route=\"/a \\\"b\\\"\",status=\"200\"} 2",
            "t_seconds_bucket{route=\"/a\",le=\"0.001\"} 0",
            "t_seconds_bucket{route=\"/a\",le=\"0.0025\"} 1",
            "t_seconds_bucket{route=\"/a\",le=\"0.5\"} 2",
            "t_seconds_bucket{route=\"/a\",le=\"60\"} 2",
            "t_seconds_bucket{route=\"/a\",le=\"+Inf\"} 3",
            "t_seconds_count{route=\"/a\"} 3",
            "g 1.5",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
    }
}
