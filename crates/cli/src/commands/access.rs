//! `access`: API keys of the service.

use colophon_accounts::{KeyRecord, KeyState, Keys, Limits, NewKey, Scope};
use colophon_provenance::rfc3339;
use serde_json::{Value, json};

use super::{Context, now};
use crate::args::Access;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, FAINT, GOOD, styled};
use crate::text::clean;

/// Folder of the keys in a home.
const FOLDER: &str = "access";
const DAY: i64 = 86_400;

/// Runs `access`.
pub fn run(context: &Context<'_>, command: &Access) -> Result<Exit, Failure> {
    let keys = Keys::new(context.home()?.root.join(FOLDER));
    match command {
        Access::Create {
            name,
            scope,
            team,
            tenant,
            expires,
            requests,
            pictures,
            bytes,
            json,
        } => {
            let key = NewKey {
                name: name.clone(),
                tenant: tenant.clone(),
                scopes: scope.iter().copied().collect(),
                teams: (!team.is_empty()).then(|| team.clone()),
                expires: expires.as_deref().map(end).transpose()?,
                limits: Limits {
                    requests_per_minute: *requests,
                    pictures_per_minute: *pictures,
                    bytes_per_day: *bytes,
                },
            };
            create(context, &keys, key, *json)
        }
        Access::List { json } => {
            let all = keys.list()?;
            for key in &all {
                show(context, &keys, key, *json, false)?;
            }
            if all.is_empty() && !json {
                context.printer.say("There are no API keys yet.")?;
            }
            Ok(Exit::DONE)
        }
        Access::Show { id, json } => {
            show(context, &keys, &*keys.get(*id)?, *json, true)?;
            Ok(Exit::DONE)
        }
        Access::Revoke { id, json } => {
            for id in id {
                let key = {
                    let _writing = context.interrupt.writing();
                    keys.revoke(*id, now())?
                };
                show(context, &keys, &key, *json, false)?;
            }
            Ok(Exit::DONE)
        }
    }
}

fn create(context: &Context<'_>, keys: &Keys, key: NewKey, json: bool) -> Result<Exit, Failure> {
    let (text, record) = {
        let _writing = context.interrupt.writing();
        keys.create(key, now())?
    };
    if json {
        let mut line = as_json(keys, &record);
        line["key"] = json!(text.expose().as_str());
        context.printer.json(&line)?;
        return Ok(Exit::DONE);
    }
    context.printer.data(text.expose().as_str())?;
    show(context, keys, &record, false, true)?;
    context.printer.note(
        "the key is shown this once and kept nowhere; send it as `Authorization: Bearer KEY`",
    );
    Ok(Exit::DONE)
}

fn show(
    context: &Context<'_>,
    keys: &Keys,
    key: &KeyRecord,
    json: bool,
    whole: bool,
) -> Result<(), Failure> {
    if json {
        return context.printer.json(&as_json(keys, key));
    }
    let (style, state) = match key.state(now()) {
        KeyState::Active => (GOOD, "active"),
        KeyState::Expired => (FAINT, "expired"),
        KeyState::Revoked => (ALERT, "revoked"),
    };
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
    context.printer.say(&format!(
        "{}  {}  {}  {}",
        key.id,
        styled(style, &format!("{state:<7}")),
        clean(&format!("{}/{}", key.tenant, key.name)),
        scopes.join(",")
    ))?;
    if !whole && !context.printer.is_verbose() {
        return Ok(());
    }
    let line = |label: &str, value: &str| {
        let label = styled(FAINT, &format!("{label:<9}"));
        context.printer.say(&format!("  {label} {}", clean(value)))
    };
    let limit = |name: &str, limit: Option<u64>| limit.map(|limit| format!("{limit} {name}"));
    let limits = [
        limit(
            "requests a minute",
            key.limits.requests_per_minute.map(u64::from),
        ),
        limit(
            "pictures a minute",
            key.limits.pictures_per_minute.map(u64::from),
        ),
        limit("bytes a day", key.limits.bytes_per_day),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    let or = |text: Option<String>, none: &str| text.unwrap_or_else(|| none.to_owned());
    line(
        "teams",
        &or(
            some(key.teams.join(", ")),
            "none but those that the policies tell",
        ),
    )?;
    line("made", &rfc3339(key.created))?;
    line("ends", &or(key.expires.map(rfc3339), "never"))?;
    if let Some(at) = key.revoked {
        line("revoked", &rfc3339(at))?;
    }
    line("last used", &or(last_used(keys, key), "never"))?;
    line(
        "limits",
        &or(some(limits.join(", ")), "those of the service"),
    )
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn last_used(keys: &Keys, key: &KeyRecord) -> Option<String> {
    let day = keys.last_used(key.id)?;
    Some(rfc3339(day * DAY).chars().take(10).collect())
}

/// As `GET /v1/access/keys` tells it.
fn as_json(keys: &Keys, key: &KeyRecord) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": key.scopes,
        "teams": key.teams,
        "state": key.state(now()),
        "created_at": rfc3339(key.created),
        "expires_at": key.expires.map(rfc3339),
        "revoked_at": key.revoked.map(rfc3339),
        "last_used": last_used(keys, key),
        "limits": {
            "requests_per_minute": key.limits.requests_per_minute,
            "pictures_per_minute": key.limits.pictures_per_minute,
            "bytes_per_day": key.limits.bytes_per_day,
        },
    })
}

/// An end: `90d` from now, a day or a time.
fn end(text: &str) -> Result<i64, Failure> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    if let Some(days) = days {
        return Ok(now() + i64::from(days) * DAY);
    }
    colophon_provenance::trust::moment(text).ok_or_else(|| {
        Failure::Request(format!(
            "`{text}` is no time; write 90d, 2027-01-31 or 2027-01-31T12:00:00Z"
        ))
    })
}
