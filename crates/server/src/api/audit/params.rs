//! Query parameters: the filters of `ledger query`, read strictly.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use colophon_accounts::{Caller, Scope};
use colophon_calendar::Span;
use colophon_ledger::{Entries, Filter, Kind, Likeness, unhex};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::{Problem, ProblemKind};

/// Most bits of a fingerprint that may differ, and how many do where nothing is said.
const DISTANCE: (u32, u32) = (128, 31);

/// Query parameters; one that is not known is refused by name.
pub(super) struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// Whether events are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Events {
    /// Records of pictures alone.
    #[default]
    None,
    /// Records and events.
    All,
    /// Events alone.
    Only,
}

/// From which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// The oldest first.
    #[default]
    Oldest,
    /// The newest first.
    Newest,
}

/// Query parameters that choose entries, with further ones of an address.
macro_rules! choosing {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            /// Entered at this time or later: `YYYY-MM-DD` (midnight UTC), or RFC 3339
            #[param(example = "2026-11-01")]
            pub since: Option<String>,
            /// Entered before this time
            #[param(example = "2026-12-01T00:00:00Z")]
            pub until: Option<String>,
            /// Name of the model or program, or identifier of the model
            pub model: Option<String>,
            /// SHA-256 of a file of the model's weights
            #[param(pattern = "^[0-9a-fA-F]{64}$")]
            pub weights: Option<String>,
            /// Id of the key that signed the manifest; of events, those of that key
            #[param(pattern = "^[0-9a-fA-F]{64}$")]
            pub signer: Option<String>,
            /// SHA-256 of the policy in force; of events, its publication
            #[param(pattern = "^[0-9a-fA-F]{64}$")]
            pub policy: Option<String>,
            /// SHA-256 of the issued file
            #[param(pattern = "^[0-9a-fA-F]{64}$")]
            pub asset: Option<String>,
            /// Identifier of the manifest
            pub manifest_id: Option<String>,
            /// How the picture came to be issued
            #[param(pattern = "^(generate|stamp)$")]
            pub kind: Option<String>,
            /// Whether events are asked for
            #[param(inline)]
            pub events: Option<Events>,
            /// Id of the mark in the pixels; needs the scope `admin`
            #[param(pattern = "^[0-9a-fA-F]{16}$")]
            pub watermark: Option<String>,
            /// Pictures with a fingerprint like this; needs the scope `admin`
            #[param(pattern = "^[0-9a-fA-F]{64}$")]
            pub like: Option<String>,
            /// Most bits of 256 in which fingerprints may differ, for `like`
            #[param(maximum = 128)]
            pub distance: Option<u32>,
            /// Records that a logged check led to which came to this rule, finding or action; needs the scope `admin`
            pub verdict: Option<String>,
            $($(#[$about])* pub $field: $type,)*
        }

        impl $name {
            /// The filter that they ask for.
            ///
            /// # Errors
            /// As [`Which::filter`].
            pub fn filter(&self, caller: &Caller) -> Result<Filter, Problem> {
                Which {
                    entries: self.events.unwrap_or_default(),
                    since: self.since.as_deref(),
                    until: self.until.as_deref(),
                    model: self.model.as_deref(),
                    hashes: [
                        ("weights", self.weights.as_deref()),
                        ("signer", self.signer.as_deref()),
                        ("policy", self.policy.as_deref()),
                        ("asset", self.asset.as_deref()),
                    ],
                    manifest_id: self.manifest_id.as_deref(),
                    kind: self.kind.as_deref(),
                    watermark: self.watermark.as_deref(),
                    like: self.like.as_deref(),
                    distance: self.distance,
                    verdict: self.verdict.as_deref(),
                }
                .filter(caller)
            }
        }
    };
}

choosing! {
    /// A list of entries, by page.
    Listing {
        /// From which end the entries are listed; the oldest first where nothing is said
        #[param(inline)]
        order: Option<Order>,
        /// Most entries of a page; 100 where nothing is said
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<usize>,
        /// Where the page before ended; with the same other parameters
        cursor: Option<String>,
    }
}

choosing! {
    /// A table of entries, whole.
    Exporting {
        /// Form of the table
        #[param(pattern = "^(csv|jsonl|parquet)$", example = "parquet")]
        format: String,
        /// Adds the private columns; needs the scope `personal`, and is for the owner alone
        private: Option<bool>,
    }
}

choosing! {
    /// Counts of entries.
    Counting {
        /// `svg` for a drawing; JSON where nothing is said
        #[param(pattern = "^(json|svg)$")]
        format: Option<String>,
        /// Which drawing: `issued`, `models`, `signers`, `verdicts` or `requests`
        #[param(pattern = "^(issued|models|signers|verdicts|requests)$")]
        chart: Option<String>,
    }
}

/// Which entries are asked for, as text; all conditions must hold.
struct Which<'a> {
    entries: Events,
    since: Option<&'a str>,
    until: Option<&'a str>,
    model: Option<&'a str>,
    /// Weights, signer, policy, asset.
    hashes: [(&'static str, Option<&'a str>); 4],
    manifest_id: Option<&'a str>,
    kind: Option<&'a str>,
    watermark: Option<&'a str>,
    like: Option<&'a str>,
    distance: Option<u32>,
    verdict: Option<&'a str>,
}

impl Which<'_> {
    /// The filter. What rests on private facts is for the operator, not for everybody.
    ///
    /// # Errors
    /// [`ProblemKind::InvalidRequest`] naming the parameter; [`ProblemKind::Forbidden`].
    fn filter(&self, caller: &Caller) -> Result<Filter, Problem> {
        let [weights, signer, policy, asset] = self.hashes.map(|(name, text)| hash(name, text));
        let filter = Filter {
            entries: match self.entries {
                Events::None => Entries::Pictures,
                Events::All => Entries::All,
                Events::Only => Entries::Events,
            },
            since: parsed("since", self.since, time)?,
            until: parsed("until", self.until, time)?,
            kind: parsed("kind", self.kind, kind)?,
            model: self.model.map(str::to_owned),
            weights: weights?,
            signer: signer?,
            policy: policy?,
            asset: asset?,
            manifest: self.manifest_id.map(str::to_owned),
            watermark: parsed("watermark", self.watermark, mark_id)?,
            like: self.likeness()?,
            verdict: self.verdict.map(str::to_owned),
        };
        if filter.is_public() || caller.may(Scope::Admin) {
            return Ok(filter);
        }
        let kind = match caller.name {
            None => ProblemKind::Unauthenticated,
            Some(_) => ProblemKind::Forbidden,
        };
        Err(Problem::new(kind).with_detail(
            "watermark, like and verdict rest on facts that are not public: they need a key with the scope `admin`",
        ))
    }

    fn likeness(&self) -> Result<Option<Likeness>, Problem> {
        let distance = self.distance.unwrap_or(DISTANCE.1);
        if distance > DISTANCE.0 {
            return Err(Problem::invalid("the distance is 0 to 128 bits").at("distance"));
        }
        match hash("like", self.like)? {
            None if self.distance.is_some() => {
                Err(Problem::invalid("a distance goes with `like`").at("distance"))
            }
            like => Ok(like.map(|fingerprint| Likeness {
                fingerprint,
                distance,
            })),
        }
    }
}

fn parsed<T>(
    name: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, Problem> {
    let value = text.map(parse).transpose();
    value.map_err(|what| Problem::invalid(what).at(name))
}

/// A value that reads itself from text.
pub(super) fn read<T: FromStr<Err: Display>>(name: &'static str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::invalid(error.to_string()).at(name))
}

fn hash(name: &'static str, text: Option<&str>) -> Result<Option<[u8; 32]>, Problem> {
    parsed(name, text, |text| {
        unhex(text).ok_or("expected 64 hexadecimal digits")
    })
}

fn kind(text: &str) -> Result<Kind, &'static str> {
    match text {
        "generate" => Ok(Kind::Generate),
        "stamp" => Ok(Kind::Stamp),
        _ => Err("expected `generate` or `stamp`"),
    }
}

/// The id of a mark as it is written: 16 hexadecimal digits.
pub(super) fn mark_id(text: &str) -> Result<u64, &'static str> {
    let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u64::from_str_radix(text, 16).ok().filter(|_| digits);
    id.ok_or("expected 16 hexadecimal digits")
}

/// A day, which begins at midnight UTC, or a time with its zone; Unix seconds.
fn time(text: &str) -> Result<i64, &'static str> {
    let whole = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Span::parse(&whole)
        .filter(|span| span.from == span.until)
        .map(|span| span.from)
        .ok_or("expected YYYY-MM-DD, or a time such as 2026-11-27T08:00:00Z")
}

#[cfg(test)]
mod tests {
    use colophon_accounts::Scopes;

    use super::*;

    fn which(query: &str) -> Result<Listing, String> {
        let uri = format!("/?{query}").parse().unwrap();
        match Query::try_from_uri(&uri) {
            Ok(Query(which)) => Ok(which),
            Err(rejection) => Err(rejection.body_text()),
        }
    }

    fn filter(query: &str, caller: &Caller) -> Result<Filter, Problem> {
        which(query).unwrap().filter(caller)
    }

    fn anyone() -> Caller {
        Caller::anonymous([Scope::Read].into_iter().collect::<Scopes>())
    }

    #[test]
    fn parameters_become_the_filter_that_is_signed_in_statements() {
        let hash = "0a".repeat(32);
        let query = format!(
            "since=2026-09-21&until=2026-09-21T16:13:20%2B02:00&model=A%26B&signer={hash}&kind=stamp&events=all"
        );
        let filter = filter(&query, &anyone()).unwrap();
        assert_eq!(
            filter.to_string(),
            format!(
                "entries=all&since=1789948800&until=1790000000&kind=stamp&model=A%26B&signer={hash}"
            )
        );
    }

    #[test]
    fn a_wrong_value_is_named_and_so_is_an_unknown_parameter() {
        for (query, name) in [
            ("since=yesterday", "since"),
            ("signer=0a", "signer"),
            ("kind=found", "kind"),
            ("distance=3", "distance"),
            ("distance=129", "distance"),
            ("watermark=1", "watermark"),
            ("watermark=%2B000000000000001", "watermark"),
        ] {
            let problem = filter(query, &Caller::owner()).unwrap_err();
            assert_eq!(problem.kind(), ProblemKind::InvalidRequest, "{query}");
            assert_eq!(problem.pointer(), Some(name), "{query}");
        }
        assert!(which("singer=0a").unwrap_err().contains("singer"));
        assert!(which("since=1&since=2").is_err());
    }

    #[test]
    fn private_facts_are_no_way_in_for_everybody() {
        let like = format!("like={}", "00".repeat(32));
        for query in ["watermark=0123456789abcdef", "verdict=altered", &like] {
            let refused = filter(query, &anyone()).unwrap_err();
            assert_eq!(refused.kind(), ProblemKind::Unauthenticated, "{query}");
            let mut known = anyone();
            known.name = Some("reader".to_owned());
            let refused = filter(query, &known).unwrap_err();
            assert_eq!(refused.kind(), ProblemKind::Forbidden, "{query}");
            assert!(filter(query, &Caller::owner()).is_ok(), "{query}");
        }
    }
}
