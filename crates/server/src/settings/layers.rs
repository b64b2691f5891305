//! Default, file, environment, command line: the last one that says something counts.

use std::collections::BTreeMap;

use colophon_provenance::{Origin, Written, WrittenValue};

use super::VARIABLES;
use super::value::Value;

/// What is told of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// Its name in the table `[serve]`.
    pub name: &'static str,
    /// What is written.
    pub kind: &'static str,
    /// Its default, as written.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

impl Declared {
    /// Its variable in the environment.
    pub fn variable(&self) -> String {
        variable(self.name)
    }

    /// Its flag, without the hyphens before it.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

fn variable(name: &str) -> String {
    format!("{VARIABLES}{}", name.to_ascii_uppercase())
}

/// A value that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Name of the setting.
    pub name: &'static str,
    /// Its value, as written.
    pub value: String,
    /// Where it is from.
    pub origin: Origin,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting `{name}` ({origin}); `colophon config show` lists them")]
    Unknown {
        /// As written.
        name: String,
        /// Where.
        origin: Origin,
    },
    /// It cannot have this value.
    #[error("`serve.{name}` ({origin}): {reason}")]
    Value {
        /// Name of the setting.
        name: &'static str,
        /// Where the value is from.
        origin: Origin,
        /// What was expected.
        reason: String,
    },
    /// Settings do not go together.
    #[error("{0}")]
    Together(String),
}

/// Where settings are read from.
#[derive(Debug, Clone, Default)]
pub struct Layers<'a> {
    /// The table `[serve]`.
    pub file: &'a [Written],
    /// The environment, as far as its names begin with [`VARIABLES`].
    pub variables: BTreeMap<String, String>,
    /// Flags of the command line by names of settings.
    pub flags: BTreeMap<String, String>,
}

impl Layers<'_> {
    pub(super) fn refuse_unknown(&self, declared: &[Declared]) -> Result<(), SettingError> {
        let known = |name: &str| declared.iter().any(|it| it.name == name);
        if let Some(written) = self.file.iter().find(|it| !known(&it.name)) {
            return Err(SettingError::Unknown {
                name: format!("serve.{}", written.name),
                origin: Origin::File { line: written.line },
            });
        }
        let named = |name: &str| declared.iter().any(|it| it.variable() == name);
        if let Some(name) = self.variables.keys().find(|name| !named(name)) {
            return Err(SettingError::Unknown {
                name: name.clone(),
                origin: Origin::Variable {
                    variable: name.clone(),
                },
            });
        }
        Ok(())
    }

    pub(super) fn read<T: Value>(
        &self,
        name: &'static str,
        default: &'static str,
        shown: &mut Vec<Shown>,
    ) -> Result<T, SettingError> {
        let (written, origin) = self.find(name, default)?;
        match T::parse(&written) {
            Ok(value) => {
                shown.push(Shown {
                    name,
                    value: value.show(),
                    origin,
                });
                Ok(value)
            }
            Err(reason) => Err(SettingError::Value {
                name,
                origin,
                reason,
            }),
        }
    }

    fn find(
        &self,
        name: &'static str,
        default: &'static str,
    ) -> Result<(Vec<String>, Origin), SettingError> {
        if let Some(text) = self.flags.get(name) {
            let flag = format!("--{}", name.replace('_', "-"));
            return Ok((listed(text), Origin::Flag { flag }));
        }
        let variable = variable(name);
        if let Some(text) = self.variables.get(&variable) {
            return Ok((listed(text), Origin::Variable { variable }));
        }
        let Some(found) = self.file.iter().find(|it| it.name == name) else {
            return Ok((listed(default), Origin::Default));
        };
        let origin = Origin::File { line: found.line };
        match &found.value {
            WrittenValue::One(text) => Ok((vec![text.clone()], origin)),
            WrittenValue::Many(texts) => Ok((texts.clone(), origin)),
            WrittenValue::Other => Err(SettingError::Value {
                name,
                origin,
                reason: "expected text, a whole number, true, false or a list of texts".to_owned(),
            }),
        }
    }
}

/// A list is written with commas where there is only one text.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}
