//! Questions in Cedar's terms, and Cedar's messages in ours.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression as Value, Schema,
};
use miette::Diagnostic;

use super::{AccessRequest, Making, Operation, Principals, Resource};
use crate::problem::Problem;
use crate::screen::Severity;

/// Namespace of all names in the schema.
const NAMESPACE: &str = "Colophon";
/// First and last second that Cedar's `datetime` can name with four digits for the year.
const TIMES: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// What Cedar is asked.
pub(super) struct Question {
    pub request: Request,
    pub entities: Entities,
}

/// Puts a question into Cedar's terms. The error says why it does not fit the schema.
pub(super) fn question(
    asked: &AccessRequest,
    principals: &Principals,
    schema: &Schema,
) -> Result<Question, String> {
    let kind = match asked.principal.kind {
        super::PrincipalKind::User => "User",
        super::PrincipalKind::Service => "Service",
        super::PrincipalKind::ApiKey => "ApiKey",
    };
    let principal = uid(kind, &asked.principal.name)?;
    let told = asked.principal.teams.iter().map(String::as_str);
    let teams: BTreeSet<&str> = told.chain(principals.teams_of(&asked.principal)).collect();
    let teams = teams
        .into_iter()
        .map(|team| uid("Team", team))
        .collect::<Result<HashSet<_>, _>>()?;
    let attributes = match kind {
        "User" => record([("owner", Value::new_bool(asked.principal.owner))]),
        _ if asked.principal.owner => return Err("only a user can be the owner".to_owned()),
        _ => HashMap::new(),
    };
    let mut entities: Vec<Entity> = teams.iter().cloned().map(Entity::with_uid).collect();
    entities.push(
        Entity::new(principal.clone(), attributes, teams).map_err(|error| error.to_string())?,
    );
    let (resource, attributes) = resource(&asked.resource)?;
    entities.push(
        Entity::new(resource.clone(), attributes, HashSet::new())
            .map_err(|error| error.to_string())?,
    );
    let context = Context::from_pairs(context(asked)?).map_err(|error| error.to_string())?;
    let action = uid("Action", asked.action.as_str())?;
    let request = Request::new(principal, action, resource, context, Some(schema))
        .map_err(|error| told_in_one(&error))?;
    let entities =
        Entities::from_entities(entities, Some(schema)).map_err(|error| told_in_one(&error))?;
    Ok(Question { request, entities })
}

fn uid(kind: &str, name: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = format!("{NAMESPACE}::{kind}")
        .parse()
        .map_err(|_| format!("`{kind}` is no entity type"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> HashMap<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn resource(resource: &Resource) -> Result<(EntityUid, HashMap<String, Value>), String> {
    Ok(match resource {
        Resource::Model {
            name,
            built_in,
            remote,
        } => (
            uid("Model", name)?,
            record([
                ("builtIn", Value::new_bool(*built_in)),
                ("remote", Value::new_bool(*remote)),
            ]),
        ),
        Resource::Signer { name, class } => (
            uid("Signer", name)?,
            record([("class", text(class.as_str()))]),
        ),
        Resource::Ledger { name } => (uid("Ledger", name)?, HashMap::new()),
    })
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn texts<'a>(all: impl Iterator<Item = &'a str>) -> Value {
    Value::new_set(all.map(text))
}

fn context(asked: &AccessRequest) -> Result<Vec<(String, Value)>, String> {
    if !TIMES.contains(&asked.time) {
        return Err("the time lies outside the years 0 to 9999".to_owned());
    }
    let mut pairs = vec![
        ("time".to_owned(), Value::new_datetime(datetime(asked.time))),
        ("purpose".to_owned(), text(&asked.purpose)),
    ];
    match (&asked.making, asked.action) {
        (Some(making), Operation::Generate | Operation::Stamp) => {
            pairs.extend(making_pairs(making)?);
        }
        (None, Operation::Generate | Operation::Stamp) => {
            return Err(format!(
                "`{}` needs `making`: what the picture is to be",
                asked.action.as_str()
            ));
        }
        (Some(_), _) => {
            return Err(format!(
                "`making` does not go with `{}`",
                asked.action.as_str()
            ));
        }
        (None, _) => pairs.push(("personal".to_owned(), Value::new_bool(asked.personal))),
    }
    Ok(pairs)
}

fn making_pairs(making: &Making) -> Result<Vec<(String, Value)>, String> {
    let prompt = &making.prompt;
    let prompt = Value::new_record([
        ("labels".to_owned(), texts(prompt.at_least(Severity::Minor))),
        ("grave".to_owned(), texts(prompt.at_least(Severity::Grave))),
        (
            "severe".to_owned(),
            texts(prompt.at_least(Severity::Severe)),
        ),
    ])
    .map_err(|error| error.to_string())?;
    Ok(record([
        ("width", Value::new_long(making.width.into())),
        ("height", Value::new_long(making.height.into())),
        ("steps", Value::new_long(making.steps.into())),
        (
            "loras",
            texts(making.loras.iter().map(|lora| lora.name.as_str())),
        ),
        (
            "loraHashes",
            texts(making.loras.iter().map(|lora| lora.sha256.as_str())),
        ),
        ("strength", text(making.strength.as_str())),
        ("allowUnmarked", Value::new_bool(making.allow_unmarked)),
        ("source", text(&making.source)),
        ("signerClass", text(making.signer.as_str())),
        ("prompt", prompt),
    ])
    .into_iter()
    .collect())
}

/// `YYYY-MM-DDThh:mm:ssZ` of Unix seconds, by the proleptic Gregorian calendar.
fn datetime(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of the year 0, in eras of 400 years; a year begins in March, so that a leap day ends it.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let civil_month = if month < 10 { month + 3 } else { month - 9 };
    let civil_year = year + era * 400 + i64::from(civil_month <= 2);
    format!(
        "{civil_year:04}-{civil_month:02}-{day_of_month:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// A message with its help in one line.
fn told_in_one(error: &dyn Diagnostic) -> String {
    match error.help() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    }
}

/// Cedar's message, and all that it holds, as problems of a file.
pub(super) fn problems(file: &str, source: &str, error: &dyn Diagnostic, out: &mut Vec<Problem>) {
    let label = error.labels().and_then(|mut labels| labels.next());
    let message = match label.as_ref().and_then(|label| label.label()) {
        Some(label) if !error.to_string().contains(label) => format!("{error}: {label}"),
        _ => error.to_string(),
    };
    let problem = match label {
        Some(label) => Problem::at(
            file,
            source,
            &(label.offset()..label.offset() + label.len()),
            message,
        ),
        None => Problem::of_file(file, message),
    };
    out.push(match error.help() {
        Some(help) => problem.with_help(help.to_string()),
        None => problem,
    });
    for related in error.related().into_iter().flatten() {
        problems(file, source, related, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_796_169_599, "2026-12-01T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (*TIMES.start(), "0000-01-01T00:00:00Z"),
            (*TIMES.end(), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(datetime(seconds), date);
        }
    }
}
