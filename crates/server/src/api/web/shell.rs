//! The frame of every page with its words in it, so that a browser can paint it before any script has come.
//!
//! `web/index.html` names its sentences (`data-t`, `data-label`, `data-hint`; see `web/js/shell.js`). Every page that the
//! navigation leads to is prepared once in each language and theme, and one more for all others. The styles are in the
//! page too; the content policy names them by their hash.

use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_wording::{Language, Wording};
use sha2::{Digest, Sha256};

use super::asset::{Asset, Keep, tokens};
use crate::api::caller::cookie;
use crate::api::front::CONTENT_POLICY;

/// Where the page begins that checks pictures. Its first view is in the markup too.
const FIRST: &str = "/";
const TEMPLATE: [&str; 2] = ["<template id=\"verify\">", "</template>"];

/// Cookies of what somebody has chosen (`web/js/choice.js`).
const LANGUAGE: &str = "colophon-language";
const THEME: &str = "colophon-theme";

/// How a page is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    language: Language,
    /// `None` follows the system.
    theme: Option<&'static str>,
}

impl Look {
    fn all() -> impl Iterator<Item = Self> {
        let themes = [None, Some("light"), Some("dark")];
        let languages = Language::ALL.into_iter();
        languages.flat_map(move |language| themes.map(|theme| Self { language, theme }))
    }

    /// What was chosen before, else what the browser asks for.
    fn wanted(request: &HeaderMap) -> Self {
        let language = cookie(request, LANGUAGE).and_then(|code| code.parse().ok());
        let theme = cookie(request, THEME);
        let mut known = Self::all().filter_map(|look| look.theme);
        Self {
            language: language.unwrap_or_else(|| accepted(request)),
            theme: known.find(|known| Some(*known) == theme),
        }
    }
}

/// Every page, prepared.
pub(super) struct Shell {
    looks: Vec<(Look, Pages)>,
    /// The content policy, with the hash of the styles.
    policy: HeaderValue,
}

/// The pages of one look.
struct Pages {
    /// Those of the navigation, by address.
    named: Vec<(String, Asset)>,
    other: Asset,
}

impl Shell {
    /// From the markup of `index.html`, its addresses final, and the styles that go into it.
    pub(super) fn new(markup: &str, styles: &str) -> Self {
        let looks = Look::all().map(|look| {
            let asset = |address| {
                let page = page(markup, look, address);
                let page = page.replacen("<style>", &format!("<style>{styles}"), 1);
                Asset::new("text/html; charset=utf-8", page.into_bytes())
            };
            let named = navigation(markup)
                .map(|address| (address.to_owned(), asset(Some(address))))
                .collect();
            let other = asset(None);
            (look, Pages { named, other })
        });
        Self {
            looks: looks.collect(),
            policy: policy(styles),
        }
    }

    /// The answer to a request for the page at `address`. Every look is prepared.
    pub(super) fn answer(&self, address: &str, request: &HeaderMap) -> Response {
        let wanted = Look::wanted(request);
        let found = self.looks.iter().find(|(look, _)| *look == wanted);
        let Some((_, pages)) = found.or(self.looks.first()) else {
            return Response::default();
        };
        let named = pages.named.iter().find(|(each, _)| each == address);
        let asset = named.map_or(&pages.other, |(_, asset)| asset);
        let mut response = asset.answer(request, Keep::Asking);
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("accept-language, cookie"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        response
    }
}

/// The service's policy, which allows these styles beside those in files.
fn policy(styles: &str) -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(styles));
    let with = format!("style-src 'self' 'sha256-{hash}'");
    let policy = CONTENT_POLICY.replace("style-src 'self'", &with);
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(CONTENT_POLICY))
}

/// The language that a browser asks for most, else English.
fn accepted(request: &HeaderMap) -> Language {
    let mut best = (0.0, Language::default());
    for part in tokens(request, &ACCEPT_LANGUAGE) {
        let mut words = part.split(';').map(str::trim);
        let tag = words.next().unwrap_or_default().to_ascii_lowercase();
        let Ok(language) = tag.split('-').next().unwrap_or_default().parse() else {
            continue;
        };
        let weight = words.find_map(|word| word.strip_prefix("q="));
        let weight = weight.map_or(1.0, |it| it.parse::<f32>().unwrap_or(0.0));
        if weight > best.0 {
            best = (weight, language);
        }
    }
    best.1
}

/// Every beginning of an element, and the text up to the next.
fn elements(markup: &str) -> impl Iterator<Item = (&str, &str)> {
    markup.split('<').filter_map(|part| part.split_once('>'))
}

/// Where the navigation leads.
fn navigation(markup: &str) -> impl Iterator<Item = &str> {
    elements(markup).filter_map(|(tag, _)| leads_to(tag))
}

/// The address that an element of the navigation leads to.
fn leads_to(tag: &str) -> Option<&str> {
    attribute(tag, "data-t")?.strip_prefix("web.nav.")?;
    attribute(tag, "href")
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    value.split_once('"').map(|(value, _)| value)
}

/// The markup of one page.
fn page(markup: &str, look: Look, address: Option<&str>) -> String {
    let language = look.language;
    let mut page = String::with_capacity(markup.len() * 2);
    for (tag, text) in elements(markup) {
        page.push('<');
        match attribute(tag, "lang").filter(|_| tag.starts_with("html ")) {
            Some(written) => {
                page.push_str(&tag.replacen(written, language.code(), 1));
                if let Some(theme) = look.theme {
                    page.extend([" data-theme=\"", theme, "\""]);
                }
            }
            None => page.push_str(tag),
        }
        let told = [("data-label", "aria-label"), ("data-hint", "title")];
        for (name, target) in told {
            if let Some(key) = attribute(tag, name) {
                page.extend([" ", target, "=\"", &words(language, key), "\""]);
            }
        }
        if leads_to(tag).is_some_and(|it| Some(it) == address) {
            page.push_str(" aria-current=\"page\"");
        }
        page.push('>');
        match attribute(tag, "data-t") {
            Some(key) => page.push_str(&words(language, key)),
            None => page.push_str(text),
        }
    }
    if address == Some(FIRST) {
        begun(&page)
    } else {
        page
    }
}

/// The page with its first view in its place, from the template that stands below.
fn begun(page: &str) -> String {
    let first = page.split_once(TEMPLATE[0]);
    let first = first.and_then(|(_, rest)| rest.split_once(TEMPLATE[1]));
    let first = first.map_or("", |(first, _)| first);
    page.replacen("<main ", "<main data-page=\"verify\" ", 1)
        .replacen("</main>", &format!("{first}</main>"), 1)
}

/// A sentence as it may stand in markup.
fn words(language: Language, key: &str) -> String {
    let text = Wording::of(language).text(key);
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::to_bytes;
    use axum::http::StatusCode;
    use axum::http::header::{ETAG, IF_NONE_MATCH};

    use super::super::files::INDEX;
    use super::*;

    const STYLES: &str = "p { color: red; }\n";

    fn plain(language: Language) -> Look {
        Look {
            language,
            theme: None,
        }
    }

    fn asking(languages: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_LANGUAGE, languages.parse().unwrap())])
    }

    #[test]
    fn the_language_asked_for_most_is_spoken() {
        for (header, code) in [
            ("", "en"),
            ("de", "de"),
            ("DE-at, en;q=0.9", "de"),
            ("en, de", "en"),
            ("en;q=0.4, de;q=0.7", "de"),
            ("fr-CH, fr;q=0.9, de;q=0.8, *;q=0.5", "de"),
            ("de;q=0, fr", "en"),
            ("*", "en"),
            ("de;q=x", "en"),
            ("den, deutsch", "en"),
        ] {
            assert_eq!(accepted(&asking(header)).code(), code, "{header}");
        }
    }

    #[test]
    fn every_sentence_that_is_named_is_there_and_filled_in() {
        let named = ["data-t", "data-label", "data-hint"];
        let mut count = 0;
        for (tag, text) in elements(INDEX) {
            for key in named.iter().filter_map(|name| attribute(tag, name)) {
                count += 1;
                for language in Language::ALL {
                    let wording = Wording::of(language);
                    assert!(wording.has(key), "{key} in {language}");
                    let mut values = wording.template(key).unwrap().placeholders();
                    assert_eq!(values.next(), None, "{key} needs a value");
                }
            }
            let filled = attribute(tag, "data-t").is_some();
            assert!(
                !filled || text.is_empty(),
                "{tag} has words beside the catalogue's"
            );
        }
        assert!(count > 40, "{count}");
        for language in Language::ALL {
            for address in navigation(INDEX).map(Some).chain([None]) {
                let page = page(INDEX, plain(language), address);
                let empty = elements(&page).find(|(tag, text)| {
                    let lacks =
                        |from, to| attribute(tag, from).is_some() != attribute(tag, to).is_some();
                    attribute(tag, "data-t").is_some() && text.trim().is_empty()
                        || lacks("data-hint", "title")
                        || attribute(tag, "data-label").is_some()
                            && attribute(tag, "aria-label").is_none()
                });
                assert_eq!(empty, None);
            }
        }
    }

    #[test]
    fn nothing_but_words_is_added_to_the_markup() {
        let parts = elements(INDEX).map(|(tag, text)| format!("<{tag}>{text}"));
        assert_eq!(parts.collect::<String>(), INDEX, "all of it is read");
        for language in Language::ALL {
            let page = page(INDEX, plain(language), None);
            assert_eq!(elements(&page).count(), elements(INDEX).count());
            let begins = format!("<!doctype html>\n<html lang=\"{language}\" ");
            assert!(page.starts_with(&begins) && page.ends_with("</html>\n"));
            for other in Language::ALL {
                let button = format!("class=\"icon-button language\" lang=\"{other}\"");
                assert!(page.contains(&button), "its own language stays");
            }
        }
    }

    #[test]
    fn words_cannot_become_markup() {
        let key = "\"<i>&";
        assert_eq!(words(Language::English, key), "&quot;&lt;i&gt;&amp;");
    }

    #[test]
    fn the_first_view_is_there_and_only_where_it_belongs() {
        let first = page(INDEX, plain(Language::German), Some("/"));
        let main = first.split("<main ").nth(1).unwrap();
        let main = main.split("</main>").next().unwrap();
        assert!(main.starts_with("data-page=\"verify\" "));
        for part in [
            "Woher kommt dieses Bild?",
            "class=\"welcome\"",
            "<noscript>",
        ] {
            assert!(main.contains(part), "{part}");
        }
        assert!(
            first.contains("href=\"/\" data-t=\"web.nav.verify\" aria-current=\"page\">Prüfen")
        );
        let other = page(INDEX, plain(Language::German), Some("/keys"));
        assert!(!other.contains("data-page"));
        assert_eq!(other.matches("aria-current").count(), 1);
        assert_eq!(
            other.matches("class=\"welcome\"").count(),
            1,
            "in the template"
        );
        assert_eq!(
            page(INDEX, plain(Language::German), None)
                .matches("aria-current")
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn each_page_and_language_has_a_name_of_its_own() {
        let shell = Shell::new(INDEX, STYLES);
        let mut tags = BTreeSet::new();
        for languages in ["en", "de"] {
            for address in ["/", "/ledger", "/records/2026h2-0", "/no/such/page"] {
                let request = asking(languages);
                let answer = shell.answer(address, &request);
                let vary = answer.headers().get_all(VARY).into_iter();
                let vary: Vec<_> = vary.map(|it| it.to_str().unwrap()).collect();
                assert_eq!(vary.join(", "), "accept-encoding, accept-language, cookie");
                let tag = answer.headers()[ETAG].clone();
                let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
                let lang = format!("<html lang=\"{languages}\"");
                assert!(String::from_utf8_lossy(&body).contains(&lang));
                tags.insert(tag.to_str().unwrap().to_owned());
                let mut again = request.clone();
                again.insert(IF_NONE_MATCH, tag);
                let known = shell.answer(address, &again);
                assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
                assert_eq!(known.headers().get_all(VARY).into_iter().count(), 2);
            }
        }
        assert_eq!(tags.len(), 6, "both other addresses have the same page");
    }

    #[tokio::test]
    async fn what_was_chosen_before_is_what_comes() {
        let shell = Shell::new(INDEX, STYLES);
        for (cookies, begins) in [
            ("", "<html lang=\"en\" dir=\"ltr\">"),
            ("colophon-language=de", "<html lang=\"de\" dir=\"ltr\">"),
            (
                "a=b; colophon-theme=dark; colophon-language=de",
                "<html lang=\"de\" dir=\"ltr\" data-theme=\"dark\">",
            ),
            (
                "colophon-theme=light",
                "<html lang=\"en\" dir=\"ltr\" data-theme=\"light\">",
            ),
            (
                "colophon-theme=\"><script>; colophon-language=xx",
                "<html lang=\"en\" dir=\"ltr\">",
            ),
        ] {
            let mut request = asking("en");
            request.insert("cookie", cookies.parse().unwrap());
            let answer = shell.answer("/", &request);
            let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            assert!(String::from_utf8_lossy(&body).contains(begins), "{cookies}");
        }
    }

    #[tokio::test]
    async fn the_policy_names_the_styles_and_nothing_else() {
        let answer = Shell::new(INDEX, STYLES).answer("/keys", &HeaderMap::new());
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].clone();
        // `printf 'p { color: red; }\n' | openssl dgst -sha256 -binary | base64`
        let hash = "48sSy1L+0pGBMr3XQog56zBcXid1hhmpAwenUuKoe5w=";
        assert_eq!(
            policy.to_str().unwrap(),
            CONTENT_POLICY.replace(
                "style-src 'self'",
                &format!("style-src 'self' 'sha256-{hash}'")
            )
        );
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(&format!("<style>{STYLES}</style>")));
        assert_eq!(body.matches("<style").count(), 1);
    }
}
