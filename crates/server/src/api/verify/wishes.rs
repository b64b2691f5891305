//! What is wanted of a check, and whether whoever asks may have it.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, header};
use colophon_accounts::Scope;
use colophon_provenance::Language;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::caller::From;
use super::super::ports::Wanted;
use super::super::problem::{Problem, ProblemKind};
use super::super::service::Settings;

/// Parameters of a check.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Language of the sentences: `en` or `de`.
    #[param(example = "en")]
    lang: Option<String>,
    /// What is wanted beside the report, with commas: `heat-map` (where the mark reads; with a key, where the operator
    /// allows it), `thumbnail` (the picture small), `crjson` (all that the manifest says, also of persons; with a key
    /// that has the scope `personal`).
    #[param(example = "thumbnail")]
    include: Option<String>,
}

/// What one check is to give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    /// For the check.
    pub wanted: Wanted,
    /// Whether attachments were asked for, so that the answer has the form that holds them.
    pub attachments: bool,
    /// Whether a page is wanted instead of JSON.
    pub page: bool,
}

impl Wishes {
    /// # Errors
    /// [`Problem`] for what is not known, does not go together, or is not for this caller.
    pub(super) fn of(
        asked: Result<Query<Asked>, QueryRejection>,
        headers: &HeaderMap,
        caller: &From,
        settings: &Settings,
    ) -> Result<Self, Problem> {
        let Query(asked) = asked.map_err(|error| Problem::invalid(error.body_text()))?;
        let mut wanted = Wanted::default();
        if let Some(lang) = &asked.lang {
            wanted.language =
                lang.parse()
                    .map_err(|error: colophon_provenance::UnknownLanguage| {
                        Problem::invalid(error.to_string()).at("lang")
                    })?;
        }
        let include = asked.include.as_deref().unwrap_or_default();
        for word in include
            .split(',')
            .map(str::trim)
            .filter(|it| !it.is_empty())
        {
            match word {
                "heat-map" => {
                    may_see_heat_map(caller, settings)?;
                    wanted.heat_map = true;
                }
                "thumbnail" => wanted.thumbnail = true,
                "crjson" => {
                    caller.need(Scope::Personal)?;
                    wanted.crjson = true;
                }
                other => {
                    let other: String = other.chars().take(40).collect();
                    let detail =
                        format!("`{other}` is not known; there are heat-map, thumbnail and crjson");
                    return Err(Problem::invalid(detail).at("include"));
                }
            }
        }
        let attachments = wanted != of_language(wanted.language);
        let page = wants_page(headers);
        if page {
            if wanted.crjson {
                let detail = "a page holds no crJSON; ask for JSON, or leave it out";
                return Err(Problem::invalid(detail).at("include"));
            }
            wanted.thumbnail = true;
        }
        Ok(Self {
            wanted,
            attachments,
            page,
        })
    }
}

fn of_language(language: Language) -> Wanted {
    Wanted {
        language,
        ..Wanted::default()
    }
}

/// Where a mark reads is how far an attempt to remove it has come, so that nobody learns it unknown and unlimited.
fn may_see_heat_map(caller: &From, settings: &Settings) -> Result<(), Problem> {
    if caller.0.name.is_none() {
        return Err(Problem::new(ProblemKind::Unauthenticated)
            .with_detail("the heat map needs a key with the scope `verify`")
            .at("include"));
    }
    if !settings.heat_map_for_keys {
        return Err(Problem::new(ProblemKind::Forbidden)
            .with_detail(
                "the heat map is not given over HTTP here; `colophon verify --heat-map` makes it",
            )
            .at("include"));
    }
    Ok(())
}

/// Whether a page is wanted rather than JSON: what is named first counts.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .map(axum::http::HeaderValue::as_bytes);
    let accept = String::from_utf8_lossy(accept.unwrap_or_default()).to_ascii_lowercase();
    let kinds = accept
        .split(',')
        .map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds
        .into_iter()
        .find(|kind| matches!(*kind, "text/html" | "application/json" | "*/*"))
        == Some("text/html")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use colophon_accounts::{Caller, Scopes};

    use super::*;

    fn wishes(
        include: &str,
        accept: &str,
        caller: Caller,
        settings: &Settings,
    ) -> Result<Wishes, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        let asked = Asked {
            lang: Some("de".to_owned()),
            include: Some(include.to_owned()),
        };
        Wishes::of(Ok(Query(asked)), &headers, &From(caller), settings)
    }

    fn key(scopes: &[Scope]) -> Caller {
        Caller {
            name: Some("a".to_owned()),
            scopes: scopes.iter().copied().collect(),
            ..Caller::anonymous(Scopes::default())
        }
    }

    #[test]
    fn what_helps_attackers_or_tells_of_persons_is_not_for_everyone() {
        let settings = Settings::default();
        let anyone = Caller::anonymous(Scopes::all());
        let kind = |include: &str, caller: Caller, settings: &Settings| {
            wishes(include, "*/*", caller, settings)
                .map_err(|problem| problem.kind())
                .err()
        };
        assert_eq!(kind("thumbnail", anyone.clone(), &settings), None);
        let none = Some(ProblemKind::Unauthenticated);
        assert_eq!(kind("heat-map", anyone, &settings), none);
        let verifier = key(&[Scope::Verify]);
        assert_eq!(
            kind("thumbnail,heat-map", verifier.clone(), &settings),
            None
        );
        let no = Some(ProblemKind::Forbidden);
        assert_eq!(kind("crjson", verifier.clone(), &settings), no);
        let both = key(&[Scope::Verify, Scope::Personal]);
        assert_eq!(kind("crjson", both, &settings), None);
        let closed = Settings {
            heat_map_for_keys: false,
            ..settings
        };
        assert_eq!(kind("heat-map", verifier.clone(), &closed), no);
        let unknown = Some(ProblemKind::InvalidRequest);
        assert_eq!(kind("full", verifier, &closed), unknown);
    }

    #[test]
    fn a_page_is_given_to_whom_it_is_named_first() {
        for (accept, page) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json", false),
            ("*/*", false),
            ("application/json, text/html", false),
        ] {
            let wishes = wishes("", accept, key(&[Scope::Verify]), &Settings::default()).unwrap();
            assert_eq!(wishes.page, page, "{accept}");
            assert!(!wishes.attachments);
            assert_eq!(wishes.wanted.language, Language::German);
        }
    }
}
