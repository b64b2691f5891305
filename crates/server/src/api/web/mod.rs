//! The web page: its files, its words, and the addresses that lead to it.
//!
//! All files are in the program. Addresses with the hash of all files in them (`/web/HASH/js/app.js`) may be kept for ever;
//! plain ones (`/web/js/app.js`) are asked for again and answered with 304. `index.html` names the former, and since
//! modules import each other by relative addresses, a browser never mixes two editions of the page.

mod asset;
mod files;
mod problems;
mod shell;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use colophon_wording::{Language, Wording};
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;

use self::asset::{Asset, Keep};
use self::shell::Shell;
use super::problem::{Problem, ProblemKind};
use super::service::Service;

/// Addresses of pages. Their frame is in the markup, and the first view of `/`; the rest is made by the script of the page.
const PAGES: [&str; 9] = [
    "/",
    "/records/{*id}",
    "/ledger",
    "/generate",
    "/policy",
    "/keys",
    "/status",
    "/docs",
    "/docs/{*part}",
];
/// The parts of the catalogue that the page needs, by the first word of their keys.
const WORDS: &[&str] = &["web", "report", "action", "missing"];
/// Those that one page needs: what each rule of the verdict table tells.
const VERDICTS: &[&str] = &["verdict"];
/// Hexadecimal digits of the edition's hash in addresses.
const EDITION: usize = 16;

/// Everything that is served, prepared once.
static SITE: LazyLock<Site> = LazyLock::new(Site::new);

pub(super) fn router(document: &OpenApi) -> Router<Arc<Service>> {
    // A document of our own types always has a JSON form.
    let json = document.to_json().unwrap_or_default();
    let document = Arc::new(Asset::new("application/json", json.into_bytes()));
    let pages = PAGES.iter().fold(Router::new(), |router, address| {
        router.route(address, get(index))
    });
    pages
        .route("/web/{*path}", get(file))
        .route("/problems/{code}", get(problems::page))
        .route(
            "/openapi.json",
            get(async move |headers: HeaderMap| document.answer(&headers, Keep::Asking)),
        )
        .fallback(nothing)
}

async fn index(uri: Uri, headers: HeaderMap) -> Response {
    SITE.shell.answer(uri.path(), &headers)
}

/// The page of an address that the navigation does not lead to.
fn other(headers: &HeaderMap) -> Response {
    SITE.shell.answer("", headers)
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let (name, keep) = match path.split_once('/') {
        Some((edition, rest)) if edition == SITE.edition => (rest, Keep::ForEver),
        _ => (path.as_str(), Keep::Asking),
    };
    match SITE.files.get(name) {
        Some(asset) => asset.answer(&headers, keep),
        None => Problem::new(ProblemKind::NotFound).into_response(),
    }
}

/// An address without anything: a page for people, a problem for programs.
async fn nothing(method: Method, headers: HeaderMap) -> Response {
    if method == Method::GET && wants_page(&headers) {
        return (StatusCode::NOT_FOUND, other(&headers)).into_response();
    }
    Problem::new(ProblemKind::NotFound).into_response()
}

/// Whether a person's browser asks, and not a program.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accepts.is_some_and(|it| {
        it.split(',')
            .any(|kind| kind.trim().starts_with("text/html"))
    })
}

struct Site {
    /// Hash of all files and words.
    edition: String,
    shell: Shell,
    files: BTreeMap<String, Asset>,
}

impl Site {
    fn new() -> Self {
        let words = Language::ALL.into_iter().flat_map(|language| {
            [("", WORDS), ("-verdicts", VERDICTS)].map(|(part, wanted)| {
                let name = format!("wording/{}{part}.json", language.code());
                (
                    name,
                    "application/json",
                    words(language, wanted).into_bytes(),
                )
            })
        });
        let files = files::ALL
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), asset::media_type(name), bytes.to_vec()));
        let all: Vec<_> = files.chain(words).collect();
        let mut hash = Sha256::new_with_prefix(files::INDEX);
        for (name, _, bytes) in &all {
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let mut edition = colophon_provenance::hex(&hash.finalize());
        edition.truncate(EDITION);
        let index = files::INDEX.replace("\"/web/", &format!("\"/web/{edition}/"));
        Self {
            shell: Shell::new(&index, &first_styles()),
            files: all
                .into_iter()
                .map(|(name, kind, bytes)| (name, Asset::new(kind, bytes)))
                .collect(),
            edition,
        }
    }
}

/// What is needed before anything is painted.
fn first_styles() -> String {
    let sheet = |wanted: &&str| files::ALL.iter().find(|(name, _)| name == wanted);
    let sheets = files::FIRST_SHEETS.iter().filter_map(sheet);
    sheets
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect()
}

/// Words of the page as a JSON object from key to sentence, placeholders in braces.
fn words(language: Language, parts: &[&str]) -> String {
    let wording = Wording::of(language);
    let wanted = wording.keys().filter(|key| {
        let first = key.split('.').next().unwrap_or_default();
        parts.contains(&first)
    });
    let all: BTreeMap<&str, String> = wanted
        .filter_map(|key| {
            let template = wording.template(key)?;
            Some((key, template.fill(|name| format!("{{{name}}}"))))
        })
        .collect();
    // Text to text always has a JSON form.
    serde_json::to_string(&all).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::HeaderValue;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn cached(response: &Response) -> &str {
        response.headers()[header::CACHE_CONTROL].to_str().unwrap()
    }

    #[tokio::test]
    async fn what_the_page_names_is_there_and_may_be_kept() {
        let page = text(SITE.shell.answer("/", &HeaderMap::new())).await;
        let names: Vec<&str> = page
            .split('"')
            .filter_map(|part| part.strip_prefix("/web/"))
            .collect();
        assert_eq!(names.len(), 2, "drawing and script: {page}");
        for name in names {
            assert!(name.starts_with(&SITE.edition), "{name}");
            let answer = file(Path(name.to_owned()), HeaderMap::new()).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            assert!(cached(&answer).contains("immutable"), "{name}");
        }
    }

    #[tokio::test]
    async fn plain_addresses_are_asked_again_and_others_are_not_there() {
        let answer = file(Path("js/app.js".to_owned()), HeaderMap::new()).await;
        assert_eq!(cached(&answer), "no-cache");
        for name in [
            "0123456789abcdef/js/app.js",
            "js",
            "../Cargo.toml",
            "README.md",
            "index.html",
        ] {
            let answer = file(Path(name.to_owned()), HeaderMap::new()).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[test]
    fn the_styles_of_the_first_view_are_all_there() {
        let styles = first_styles();
        let parts = files::FIRST_SHEETS.map(|name| {
            let part = files::ALL.iter().find(|(known, _)| *known == name);
            std::str::from_utf8(part.unwrap().1).unwrap()
        });
        assert_eq!(styles, parts.concat());
        assert!(parts.iter().all(|part| part.ends_with("}\n")));
        assert!(!styles.contains('<'), "nothing in it ends the element");
    }

    #[tokio::test]
    async fn words_come_with_their_placeholders() {
        for language in Language::ALL {
            let name = format!("wording/{}.json", language.code());
            let words = text(file(Path(name), HeaderMap::new()).await).await;
            let words: BTreeMap<String, String> = serde_json::from_str(&words).unwrap();
            assert!(words["web.title"].contains("{page}"));
            assert!(words["report.ledger.record"].contains("{record}"));
            assert!(!words.keys().any(|key| key.starts_with("code.")));
            let name = format!("wording/{}-verdicts.json", language.code());
            let verdicts = text(file(Path(name), HeaderMap::new()).await).await;
            assert!(verdicts.contains("verdict.nothing-found.headline"));
        }
    }

    #[tokio::test]
    async fn people_get_pages_and_programs_problems() {
        let browser = HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_static("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        )]);
        let page = nothing(Method::GET, browser.clone()).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        assert!(text(page).await.starts_with("<!doctype html>"));
        let problem = nothing(Method::GET, HeaderMap::new()).await;
        let kind = &problem.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/problem+json");
        assert_eq!(
            nothing(Method::POST, browser.clone()).await.headers()[header::CONTENT_TYPE],
            kind
        );

        let told = problems::page(Path("gone".to_owned()), HeaderMap::new()).await;
        assert_eq!(
            text(told).await,
            r#"{"code":"gone","title":"This is no longer kept","status":410}"#
        );
        let told = problems::page(Path("gone".to_owned()), browser.clone()).await;
        assert!(text(told).await.starts_with("<!doctype html>"));
        let none = problems::page(Path("none".to_owned()), browser).await;
        assert_eq!(none.status(), StatusCode::NOT_FOUND);
    }
}
