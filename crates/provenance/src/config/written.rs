//! Settings as they are written in a file, with their lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use toml::de::{DeTable, DeValue};

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "origin", rename_all = "kebab-case")]
pub enum Origin {
    /// Built in.
    Default,
    /// `config.toml`.
    File {
        /// Line, counted from 1.
        line: usize,
    },
    /// A variable of the environment.
    Variable {
        /// Its name.
        variable: String,
    },
    /// An option of the command line.
    Flag {
        /// With its hyphens.
        flag: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "config.toml, line {line}"),
            Self::Variable { variable } => f.write_str(variable),
            Self::Flag { flag } => f.write_str(flag),
        }
    }
}

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenValue {
    /// One: text, a number or a truth value, as text.
    One(String),
    /// Several.
    Many(Vec<String>),
    /// A table, a date or another kind that no setting takes.
    Other,
}

/// A setting as written in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name within its table.
    pub name: String,
    /// Its value.
    pub value: WrittenValue,
    /// Its line, counted from 1.
    pub line: usize,
}

/// What a settings file says and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// Lines by name; those of tables as `table.name`.
    pub lines: BTreeMap<String, usize>,
    /// The table `serve`, which only the service understands.
    pub serve: Vec<Written>,
}

impl Lines {
    /// Of a text that was parsed before; of any other, nothing.
    pub fn of(text: &str) -> Self {
        let Ok(table) = DeTable::parse(text) else {
            return Self::default();
        };
        let line = |start: usize| 1 + text.bytes().take(start).filter(|b| *b == b'\n').count();
        let mut found = Self::default();
        for (key, value) in table.get_ref() {
            let name = key.get_ref();
            found.lines.insert(name.to_string(), line(key.span().start));
            let DeValue::Table(inner) = value.get_ref() else {
                continue;
            };
            for (key, value) in inner {
                let line = line(key.span().start);
                found
                    .lines
                    .insert(format!("{name}.{}", key.get_ref()), line);
                if name == "serve" {
                    found.serve.push(Written {
                        name: key.get_ref().to_string(),
                        value: written(value.get_ref()),
                        line,
                    });
                }
            }
        }
        found
    }
}

fn written(value: &DeValue<'_>) -> WrittenValue {
    let many = match value {
        DeValue::Array(values) => values
            .iter()
            .map(|value| one(value.get_ref()))
            .collect::<Option<_>>()
            .map(WrittenValue::Many),
        single => one(single).map(WrittenValue::One),
    };
    many.unwrap_or(WrittenValue::Other)
}

fn one(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_line() {
        let text = "organisation = \"A\"\n\n[signing]\n# none\ntimestamp_required = false\n\n[serve]\nqueue = 8\n\
                    hosts = [\n  \"a.example\",\n  \"b.example\",\n]\nrate = 1.5\n";
        let found = Lines::of(text);
        assert_eq!(found.lines["organisation"], 1);
        assert_eq!(found.lines["signing.timestamp_required"], 5);
        let of = |name: &str| found.serve.iter().find(|it| it.name == name).unwrap();
        assert_eq!(
            (of("queue").line, of("queue").value.clone()),
            (8, WrittenValue::One("8".to_owned()))
        );
        assert_eq!(
            (of("hosts").line, of("hosts").value.clone()),
            (
                9,
                WrittenValue::Many(vec!["a.example".to_owned(), "b.example".to_owned()])
            )
        );
        assert_eq!(of("rate").value, WrittenValue::Other);
    }
}
