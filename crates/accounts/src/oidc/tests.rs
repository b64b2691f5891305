//! Tokens that prove something and tokens that do not; an issuer that changes its keys; sign-ons.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use super::*;
use crate::{Scope, Tenant};

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://login.example";

struct Signer {
    id: &'static str,
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(id: &'static str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { id, pair }
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "use": "sig", "x": x})
    }

    fn set(&self) -> Vec<u8> {
        json!({"keys": [self.jwk()]}).to_string().into_bytes()
    }

    fn token(&self, claims: &Value) -> String {
        self.token_with(
            &json!({"alg": "EdDSA", "kid": self.id, "typ": "JWT"}),
            claims,
        )
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = parts(header, claims);
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn parts(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "colophon", "sub": "ida", "exp": NOW + 60, "iat": NOW,
        "groups": ["makers", "desk"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut all = claims();
    all[name] = value;
    all
}

fn without(name: &str) -> Value {
    let mut all = claims();
    all.as_object_mut().unwrap().remove(name);
    all
}

fn checked(token: &str, keys: &KeySet) -> Result<Claims, TokenError> {
    let expected = Expected {
        issuer: ISSUER,
        audience: "colophon",
        nonce: None,
        now: NOW,
    };
    verify(token, keys, &expected)
}

#[test]
fn a_token_proves_what_it_says_for_as_long_as_it_says() {
    let signer = Signer::new("a", 1);
    let keys = KeySet::read(&signer.set()).unwrap();
    let ok = |claims: &Value| checked(&signer.token(claims), &keys);
    assert_eq!(ok(&claims()).unwrap()["sub"], "ida");
    ok(&with("aud", json!(["other", "colophon"]))).unwrap();
    ok(&with("exp", json!(f64::from(1_790_000_001) + 0.5))).unwrap();
    ok(&with("exp", json!(NOW - 59))).unwrap();
    for (claims, error) in [
        (
            with("iss", json!("https://login.example/")),
            TokenError::Issuer,
        ),
        (without("iss"), TokenError::Issuer),
        (with("aud", json!("other")), TokenError::Audience),
        (with("aud", json!(["other"])), TokenError::Audience),
        (without("aud"), TokenError::Audience),
        (with("exp", json!(NOW - 60)), TokenError::Expired),
        (without("exp"), TokenError::Claim("exp".to_owned())),
        // A time that is a text must not pass for none.
        (
            with("exp", json!("9999999999")),
            TokenError::Claim("exp".to_owned()),
        ),
        (with("nbf", json!("1")), TokenError::Claim("nbf".to_owned())),
        (with("nbf", json!(NOW + 61)), TokenError::NotYet),
        (with("iat", json!(NOW + 61)), TokenError::NotYet),
        (with("sub", json!("")), TokenError::Claim("sub".to_owned())),
        (with("sub", json!(7)), TokenError::Claim("sub".to_owned())),
    ] {
        assert_eq!(ok(&claims), Err(error), "{claims}");
    }
}

#[test]
fn a_signature_counts_by_the_issuers_key_and_a_known_algorithm_alone() {
    let (signer, other) = (Signer::new("a", 1), Signer::new("a", 2));
    let keys = KeySet::read(&signer.set()).unwrap();
    let good = signer.token(&claims());
    let signature = good.rsplit_once('.').unwrap().1;
    let head = |alg: &str| json!({"alg": alg, "kid": "a"});
    // As RFC 8725, 2.1: no signature, or the public key as a shared secret.
    let none = format!("{}.", parts(&head("none"), &claims()));
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, signer.pair.public_key().as_ref());
    let signed = parts(&head("HS256"), &claims());
    let mac = ring::hmac::sign(&secret, signed.as_bytes());
    let shared = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.as_ref()));
    let moved = format!(
        "{}.{signature}",
        parts(&head("EdDSA"), &with("sub", json!("ute")))
    );
    for (token, error) in [
        (none, TokenError::Algorithm),
        (shared, TokenError::Algorithm),
        (
            signer.token_with(&head("ES256"), &claims()),
            TokenError::UnknownKey,
        ),
        (
            signer.token_with(&json!({"alg": "EdDSA", "kid": "b"}), &claims()),
            TokenError::UnknownKey,
        ),
        (other.token(&claims()), TokenError::Signature),
        (moved, TokenError::Signature),
    ] {
        assert_eq!(checked(&token, &keys), Err(error), "{token}");
    }
    for header in [
        json!({"alg": "EdDSA", "kid": "a", "crit": ["x"], "x": 1}),
        json!({"alg": "EdDSA", "kid": "a", "typ": "logout+jwt"}),
        json!({"kid": "a"}),
    ] {
        let refused = checked(&signer.token_with(&header, &claims()), &keys);
        assert!(
            matches!(refused, Err(TokenError::Malformed(_))),
            "{header}: {refused:?}"
        );
    }
    let unnamed = signer.token_with(&json!({"alg": "EdDSA"}), &claims());
    checked(&unnamed, &keys).unwrap();
}

#[test]
fn curves_are_read_and_keys_for_other_purposes_are_not() {
    let random = SystemRandom::new();
    let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let stored = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(scheme, stored.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(32);
    let jwk = |more: Value| {
        let mut jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "e",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        jwk.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"keys": [{"kty": "oct", "k": "AAAA"}, jwk]})
            .to_string()
            .into_bytes()
    };
    let signed = parts(&json!({"alg": "ES256", "kid": "e"}), &claims());
    let signature = pair.sign(&random, signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    checked(&token, &KeySet::read(&jwk(json!({}))).unwrap()).unwrap();
    checked(
        &token,
        &KeySet::read(&jwk(json!({"alg": "ES256", "use": "sig"}))).unwrap(),
    )
    .unwrap();
    let other = KeySet::read(&jwk(json!({"alg": "ES384"}))).unwrap();
    assert_eq!(checked(&token, &other), Err(TokenError::UnknownKey));
    for useless in [
        json!({"use": "enc"}),
        json!({"key_ops": ["encrypt"]}),
        json!({"x": "AA"}),
    ] {
        assert!(KeySet::read(&jwk(useless.clone())).is_err(), "{useless}");
    }
}

proptest! {
    #[test]
    fn no_text_is_taken_for_a_token(text in "\\PC{0,60}", parts in "[A-Za-z0-9_.-]{0,200}") {
        let keys = KeySet::read(&Signer::new("a", 1).set()).unwrap();
        prop_assert!(checked(&text, &keys).is_err());
        prop_assert!(checked(&parts, &keys).is_err());
        let _ = KeySet::read(text.as_bytes());
    }

    #[test]
    fn one_changed_letter_ends_a_token(at in 0usize..200, letter in "[A-Za-z0-9_.-]") {
        let signer = Signer::new("a", 1);
        let keys = KeySet::read(&signer.set()).unwrap();
        let token = signer.token(&claims());
        let at = at % token.len();
        let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        prop_assert!(changed == token || checked(&changed, &keys).is_err());
    }
}

/// An issuer in memory: answers in order, the last for ever; counts what it was asked.
struct Fake {
    keys: Mutex<VecDeque<Result<Vec<u8>, String>>>,
    tokens: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn new(keys: Vec<Result<Vec<u8>, String>>) -> Arc<Self> {
        Arc::new(Self {
            keys: Mutex::new(keys.into()),
            tokens: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn asked_for_keys(&self) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|url| url.ends_with("/keys")).count()
    }
}

impl Web for Fake {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push(url.to_owned());
        if url.ends_with("/.well-known/openid-configuration") {
            return Ok(json!({
                "issuer": ISSUER,
                "jwks_uri": "https://login.example/keys",
                "authorization_endpoint": "https://login.example/authorize",
                "token_endpoint": "https://login.example/token",
            })
            .to_string()
            .into_bytes());
        }
        let mut keys = self.keys.lock().unwrap();
        if keys.len() > 1 {
            return keys.pop_front().unwrap();
        }
        keys[0].clone()
    }

    fn post_form(&self, url: &str, form: &str) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push(format!("{url}?{form}"));
        let token = self.tokens.lock().unwrap().pop_front();
        Ok(match token {
            Some(token) => json!({"id_token": token, "access_token": "x"}),
            None => json!({"error": "invalid_grant"}),
        }
        .to_string()
        .into_bytes())
    }
}

fn provider(web: &Arc<Fake>) -> Provider {
    let settings = OidcSettings {
        admin_team: Some("admins".to_owned()),
        ..OidcSettings::new(ISSUER, "colophon")
    };
    Provider::new(settings, Arc::clone(web) as Arc<dyn Web>).unwrap()
}

#[test]
fn a_token_becomes_a_person_with_teams() {
    let signer = Signer::new("a", 1);
    let provider = provider(&Fake::new(vec![Ok(signer.set())]));
    let caller = provider.caller(&signer.token(&claims()), NOW).unwrap();
    assert_eq!(caller.full_name().as_deref(), Some("ida"));
    assert_eq!(caller.teams, ["makers", "desk"]);
    assert!(caller.may(Scope::Issue) && !caller.may(Scope::Admin) && !caller.owner);
    let admin = with("groups", json!("desk admins"));
    assert!(
        provider
            .caller(&signer.token(&admin), NOW)
            .unwrap()
            .may(Scope::Admin)
    );
    for bad in [
        with("sub", json!("news/ida")),
        with("groups", json!([1])),
        with("groups", json!({"a": 1})),
    ] {
        let refused = provider.caller(&signer.token(&bad), NOW);
        assert!(
            matches!(refused, Err(OidcError::Token(TokenError::Claim(_)))),
            "{bad}"
        );
    }
}

#[test]
fn a_tenant_comes_from_its_claim_or_nobody_comes_in() {
    let signer = Signer::new("a", 1);
    let settings = OidcSettings {
        tenant_claim: Some("org".to_owned()),
        ..OidcSettings::new(ISSUER, "colophon")
    };
    let web = Fake::new(vec![Ok(signer.set())]);
    let provider = Provider::new(settings, web as Arc<dyn Web>).unwrap();
    let caller = |claims: &Value| provider.caller(&signer.token(claims), NOW);
    assert_eq!(
        caller(&with("org", json!("news"))).unwrap().tenant,
        "news".parse().unwrap()
    );
    assert_eq!(
        caller(&with("org", json!("own"))).unwrap().tenant,
        Tenant::own()
    );
    for org in [json!(null), json!("public"), json!("A B"), json!(["news"])] {
        assert!(caller(&with("org", org.clone())).is_err(), "{org}");
    }
    assert!(caller(&claims()).is_err());
}

#[test]
fn keys_are_asked_for_once_an_hour_and_when_a_new_one_turns_up() {
    let (old, new) = (Signer::new("a", 1), Signer::new("b", 2));
    let web = Fake::new(vec![Ok(old.set()), Ok(new.set()), Err("gone".to_owned())]);
    let provider = provider(&web);
    let good = |signer: &Signer, at: i64| {
        let mut claims = claims();
        claims["exp"] = json!(at + 60);
        claims["iat"] = json!(at);
        provider.caller(&signer.token(&claims), at)
    };
    good(&old, NOW).unwrap();
    good(&old, NOW + 3_599).unwrap();
    assert_eq!(web.asked_for_keys(), 1);
    // Rotation: the new key's id is not known, so the issuer is asked at once.
    good(&new, NOW + 3_599).unwrap();
    assert_eq!(web.asked_for_keys(), 2);
    // Made-up ids have the issuer asked once a minute at most.
    let stranger = Signer::new("c", 3);
    for second in 0..60 {
        good(&stranger, NOW + 3_600 + second).unwrap_err();
    }
    assert!(web.asked_for_keys() <= 3, "{}", web.asked_for_keys());
    // The issuer is away: what is known is good for a day.
    good(&new, NOW + 3_599 + 86_399).unwrap();
    let late = good(&new, NOW + 3_599 + 86_400 + 60);
    assert!(matches!(late, Err(OidcError::Issuer(_))), "{late:?}");
}

#[test]
fn an_issuer_that_could_be_overheard_is_refused() {
    for address in [
        "http://login.example",
        "http://127.0.0.1.example",
        "https://u@login.example",
        "ftp://x",
        "",
    ] {
        let web = Fake::new(vec![Err(String::new())]);
        let made = Provider::new(OidcSettings::new(address, "c"), web as Arc<dyn Web>);
        assert!(made.is_err(), "{address}");
    }
    let web = Fake::new(vec![Ok(Signer::new("a", 1).set())]);
    let other = OidcSettings::new("https://login.example/tenant", "colophon");
    let provider = Provider::new(other, web as Arc<dyn Web>).unwrap();
    let refused = provider.caller(&Signer::new("a", 1).token(&claims()), NOW);
    assert!(
        matches!(refused, Err(OidcError::Issuer(_))),
        "it calls itself otherwise"
    );
}

fn query(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let found = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap().to_owned()
}

#[test]
fn a_sign_on_ends_in_a_session_once_and_in_the_same_browser() {
    let signer = Signer::new("a", 1);
    let web = Fake::new(vec![Ok(signer.set())]);
    let (provider, sign_on) = (provider(&web), SignOn::default());
    let redirect = "https://colophon.example/auth/callback";
    let begin = |next: &str| sign_on.begin(&provider, redirect, next, NOW).unwrap();
    let finish = |begun: &Begin, browser: &str, issuer: Option<&str>, now: i64| {
        let state = query(&begun.url, "state");
        let returned = Returned {
            state: &state,
            code: "code",
            issuer,
            browser,
        };
        sign_on.finish(&provider, redirect, &returned, now)
    };
    let answer = |begun: &Begin| {
        let nonce = query(&begun.url, "nonce");
        let token = signer.token(&with("nonce", json!(nonce)));
        web.tokens.lock().unwrap().push_back(token);
    };

    let begun = begin("/records/1?x=2");
    assert!(
        begun
            .url
            .starts_with("https://login.example/authorize?response_type=code&")
    );
    assert_eq!(query(&begun.url, "code_challenge_method"), "S256");
    answer(&begun);
    let (token, session, next) = finish(&begun, &begun.browser, Some(ISSUER), NOW + 5).unwrap();
    assert_eq!(next, "/records/1?x=2");
    assert_eq!(session.caller.name.as_deref(), Some("ida"));
    let sent = web.asked.lock().unwrap().last().unwrap().clone();
    let verifier = query(&sent, "code_verifier");
    let challenge = <sha2::Sha256 as sha2::Digest>::digest(verifier.as_bytes());
    assert_eq!(
        query(&begun.url, "code_challenge"),
        URL_SAFE_NO_PAD.encode(challenge)
    );
    assert!(!sent.contains("client_secret"), "{sent}");
    assert_eq!(sign_on.session(token.expose(), NOW + 6), Some(session));
    assert_eq!(sign_on.session(token.expose(), NOW + 5 + SESSION), None);
    sign_on.end(token.expose());
    assert_eq!(sign_on.session(token.expose(), NOW + 6), None);
    let again = finish(&begun, &begun.browser, None, NOW + 6);
    assert_eq!(again.err(), Some(OidcError::State), "a state is good once");

    let begun = begin("/");
    let stolen = finish(&begun, "another browser", None, NOW);
    assert_eq!(stolen.err(), Some(OidcError::State));
    let begun = begin("/");
    assert_eq!(
        finish(&begun, &begun.browser, None, NOW + 600).err(),
        Some(OidcError::State)
    );
    let begun = begin("/");
    let mixed = finish(&begun, &begun.browser, Some("https://other.example"), NOW);
    assert_eq!(mixed.err(), Some(OidcError::Token(TokenError::Issuer)));
    let begun = begin("/");
    web.tokens
        .lock()
        .unwrap()
        .push_back(signer.token(&with("nonce", json!("replayed"))));
    let replayed = finish(&begun, &begun.browser, None, NOW);
    assert_eq!(replayed.err(), Some(OidcError::Token(TokenError::Nonce)));
    let begun = begin("/");
    let refused = finish(&begun, &begun.browser, None, NOW);
    assert!(matches!(refused.err(), Some(OidcError::Issuer(why)) if why.contains("invalid_grant")));
}

#[test]
fn nobody_is_sent_to_another_site_afterwards() {
    let signer = Signer::new("a", 1);
    let web = Fake::new(vec![Ok(signer.set())]);
    let (provider, sign_on) = (provider(&web), SignOn::default());
    for next in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a\r\nb",
        "",
        "/ä",
    ] {
        let begun = sign_on
            .begin(&provider, "https://c.example/auth/callback", next, NOW)
            .unwrap();
        let nonce = query(&begun.url, "nonce");
        web.tokens
            .lock()
            .unwrap()
            .push_back(signer.token(&with("nonce", json!(nonce))));
        let state = query(&begun.url, "state");
        let returned = Returned {
            state: &state,
            code: "c",
            issuer: None,
            browser: &begun.browser,
        };
        let finished = sign_on.finish(&provider, "https://c.example/auth/callback", &returned, NOW);
        assert_eq!(finished.unwrap().2, "/", "{next}");
    }
}
