//! Who is in which team.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Principal, PrincipalKind};
use crate::files::syntax_problem;
use crate::problem::Problem;

/// Path in a bundle.
pub(crate) const PRINCIPALS: &str = "principals.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalsFile {
    teams: BTreeMap<String, Vec<Spanned<String>>>,
}

/// Teams with their members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Principals {
    teams: BTreeMap<String, Vec<(PrincipalKind, String)>>,
}

impl Principals {
    pub(crate) fn read(path: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let file: PrincipalsFile =
            toml::from_str(text).map_err(|error| vec![syntax_problem(path, text, &error)])?;
        let mut problems = Vec::new();
        let mut teams = BTreeMap::new();
        for (team, members) in file.teams {
            let mut read = Vec::new();
            for member in members {
                let parts = member.get_ref().split_once(':');
                let named =
                    parts.and_then(|(kind, name)| Some((PrincipalKind::from_code(kind)?, name)));
                match named.filter(|(_, name)| !name.is_empty()) {
                    Some((kind, name)) => read.push((kind, name.to_owned())),
                    None => problems.push(
                        Problem::at(
                            path,
                            text,
                            &member.span(),
                            format!("`{}` names nobody", member.get_ref()),
                        )
                        .with_help("write user:NAME, service:NAME or api-key:NAME"),
                    ),
                }
            }
            teams.insert(team, read);
        }
        if problems.is_empty() {
            Ok(Self { teams })
        } else {
            Err(problems)
        }
    }

    /// Names of all teams, in order.
    pub fn teams(&self) -> impl Iterator<Item = &str> {
        self.teams.keys().map(String::as_str)
    }

    /// Teams of a principal, by name.
    pub fn teams_of<'a>(&'a self, principal: &'a Principal) -> impl Iterator<Item = &'a str> {
        let is_member = |members: &[(PrincipalKind, String)]| {
            members
                .iter()
                .any(|(kind, name)| *kind == principal.kind && *name == principal.name)
        };
        let named = self
            .teams
            .iter()
            .filter(move |(_, members)| is_member(members));
        named.map(|(team, _)| team.as_str())
    }
}
