//! What can be set.

use std::net::SocketAddr;
use std::path::PathBuf;

use colophon_accounts::Scope;
use colophon_accounts::oidc::OidcSettings;

use super::value::{AccessLog, ByteCount, Hosts, Network, Span};
use super::{Layers, SettingError, settings};
use crate::api::Settings;
use crate::limits::{Limits, Pace};

settings! {
    /// The settings of `colophon serve`.
    pub struct ServeSettings {
        /// Address and port to listen on
        listen: SocketAddr = "127.0.0.1:8750",
        /// Whether anyone may check pictures without a key, as law asks of detection tools
        public_verify: bool = "true",
        /// Whether anyone may read records, proofs, statistics, policies and keys without a key
        public_audit: bool = "true",
        /// How long issued files can be fetched by their addresses
        keep_served: Span = "1h",
        /// Requests a minute of each key or person whose key says nothing else; 0 is any number
        key_requests: usize = "1200",
        /// Pictures a minute of each of them, checked, stamped or made; 0 is any number
        key_pictures: usize = "600",
        /// Bytes a day that each of them may send; 0 is any number
        key_bytes: ByteCount = "0",
        /// Requests a minute of callers without a key, by address (IPv6: by network of 64 bits); 0 is any number
        public_requests: usize = "600",
        /// Pictures a minute that these may check; 0 is any number
        public_pictures: usize = "120",
        /// Bytes a day that these may send; 0 is any number
        public_bytes: ByteCount = "10GiB",
        /// Whether the owner gets a key for the time that the service runs although API keys were made
        owner_key: bool = "false",
        /// Scheme and host under which the service is reached, such as `https://colophon.example`: addresses in
        /// answers begin with it, and people are sent back there when they signed on. Without it, what a caller names
        /// and where the service listens
        public_url: String = "",
        /// Issuer of identities (OpenID Connect), such as `https://login.example`; its people can sign on, and its
        /// tokens are good as `Bearer`
        oidc_issuer: String = "",
        /// What the issuer calls this service
        oidc_client_id: String = "",
        /// File with the service's secret at the issuer in its first line, where it gives one
        oidc_client_secret_file: Option<PathBuf> = "",
        /// What tokens sent as `Bearer` must be for (`aud`) [default: the client id]
        oidc_audience: String = "",
        /// Claim with a person's name; only `sub` is never given to another person
        oidc_name_claim: String = "sub",
        /// Claim with the names of a person's teams
        oidc_teams_claim: String = "groups",
        /// Claim with a person's tenant; without one all people are of the home's own
        oidc_tenant_claim: String = "",
        /// What people may use the service for, as scopes of API keys; the policies decide within these bounds
        oidc_scopes: Hosts = "issue,verify,jobs,read,export",
        /// Team whose members may use the service for everything
        oidc_admin_team: String = "",
        /// Whether anyone may read the metrics; otherwise a key with the scope `read` is needed
        public_metrics: bool = "false",
        /// Names under which the service is reached; requests to other names are refused. While it listens on
        /// loopback, `localhost` and the loopback addresses are names of it, and without this list only they are.
        /// Elsewhere an empty list takes any name
        hosts: Hosts = "",
        /// Origins whose pages may read what is public and check pictures; `*` is every origin
        cors_origins: Hosts = "",
        /// Proxies whose `Forwarded` and `X-Forwarded-For` headers are believed
        trusted_proxies: Vec<Network> = "",
        /// PEM file with the certificate chain for HTTPS, the server's own first; read again when it changes
        tls_certificate: Option<PathBuf> = "",
        /// PEM file with the key of the certificate
        tls_key: Option<PathBuf> = "",
        /// How long browsers must use HTTPS only once they were here (HSTS); sent over HTTPS, `0s` is not at all
        hsts: Span = "180d",
        /// Connections at a time; further ones wait
        connections: usize = "512",
        /// Connections at a time from one address; further ones are refused. Loopback and trusted proxies are not
        /// counted
        connections_per_address: usize = "64",
        /// Requests after which a connection is closed
        requests_per_connection: usize = "10000",
        /// Age after which a connection is closed once its answer is out
        connection_age: Span = "10m",
        /// Longest wait for the head of a request, the first or a later one of a connection
        head_time: Span = "15s",
        /// Slowest that a body may arrive and an answer be taken, in bytes a second, once `pace_grace` is over
        pace: ByteCount = "8KiB",
        /// Wait for a client that counts for nothing yet
        pace_grace: Span = "10s",
        /// Requests in hand at a time; further ones are told to come back
        requests: usize = "256",
        /// Pieces of work on pictures that wait for a processor; further ones are told to come back
        queue: usize = "64",
        /// Longest body of a request with a picture
        picture_bytes: ByteCount = "64MiB",
        /// Longest body of any other request
        body_bytes: ByteCount = "1MiB",
        /// Bodies of requests held in memory at a time; further ones are told to come back
        upload_memory: ByteCount = "512MiB",
        /// Longest time to an answer, the body's arrival not counted
        answer_time: Span = "30s",
        /// The same where a picture is checked or stamped, the wait for a processor included
        picture_time: Span = "2m",
        /// The same where pictures are made
        making_time: Span = "30m",
        /// Longest time for a picture to arrive
        upload_time: Span = "5m",
        /// Whether callers with a key may see where in a picture its mark is
        heat_map_for_keys: bool = "true",
        /// Hosts within private networks, with or without a port, from which pictures are fetched too, over HTTPS or
        /// HTTP. Any caller who may check pictures can have any picture there checked
        fetch_hosts: Hosts = "",
        /// Whether webhooks may go to this machine and its private networks, over plain HTTP too
        near_webhooks: bool = "false",
        /// Whether answers are compressed for those who take it
        compression: bool = "true",
        /// Lines about requests on standard error
        access_log: AccessLog = "text",
        /// Whether those lines hold the caller's address, which is personal data
        log_addresses: bool = "false",
        /// Collector to which a span of each request is sent, by OTLP over HTTP with JSON, such as
        /// `http://127.0.0.1:4318`
        otlp_endpoint: Option<String> = "",
        /// Space that must be free on the disk of the home to be ready
        ready_disk: ByteCount = "256MiB",
        /// Greatest age of the ledger's newest checkpoint to be ready; `0s` is any
        ready_checkpoint: Span = "0s",
        /// Time between being told to stop and refusing connections, in which `/readyz` says that it is not ready
        stop_notice: Span = "0s",
        /// Longest wait for answers under way when told to stop
        stop_drain: Span = "20s",
    }
}

impl Default for ServeSettings {
    /// Every default.
    #[expect(
        clippy::expect_used,
        reason = "the defaults are constants, and a test reads them"
    )]
    fn default() -> Self {
        Self::read(&Layers::default()).expect("the defaults can be read")
    }
}

impl ServeSettings {
    /// The bounds of the server.
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.connections,
            per_address: self.connections_per_address,
            requests: self.requests_per_connection,
            body: self.body_bytes.get(),
            head: self.head_time.0,
            pace: Pace {
                per_second: self.pace.0,
                grace: self.pace_grace.0,
            },
            age: self.connection_age.0,
            notice: self.stop_notice.0,
            drain: self.stop_drain.0,
        }
    }

    /// How the service behaves.
    pub fn service(&self) -> Settings {
        Settings {
            public_verify: self.public_verify,
            public_audit: self.public_audit,
            queue: self.queue,
            picture_bytes: self.picture_bytes.get(),
            upload_memory: self.upload_memory.get(),
            upload_time: self.upload_time.0,
            heat_map_for_keys: self.heat_map_for_keys,
            keep_served: self.keep_served.0,
            public_url: Some(self.public_url.clone()).filter(|url| !url.is_empty()),
        }
    }

    /// What callers with a key may ask for, unless their key says otherwise; the owner may any amount.
    pub fn key_limits(&self) -> colophon_accounts::Limits {
        limits(self.key_requests, self.key_pictures, self.key_bytes)
    }

    /// What callers without a key may ask for.
    pub fn public_limits(&self) -> colophon_accounts::Limits {
        limits(
            self.public_requests,
            self.public_pictures,
            self.public_bytes,
        )
    }

    /// What is set of an issuer of identities; the secret is still to be read.
    ///
    /// # Errors
    /// [`SettingError`] for a scope that does not exist.
    pub fn identity(&self) -> Result<Option<OidcSettings>, SettingError> {
        if self.oidc_issuer.is_empty() {
            return Ok(None);
        }
        let scope = |code: &String| {
            Scope::from_code(code).ok_or_else(|| {
                SettingError::Together(format!("`serve.oidc_scopes`: there is no scope `{code}`"))
            })
        };
        let scopes = self.oidc_scopes.0.iter().map(scope);
        let set = |text: &String| (!text.is_empty()).then(|| text.clone());
        Ok(Some(OidcSettings {
            audience: set(&self.oidc_audience),
            name_claim: self.oidc_name_claim.clone(),
            teams_claim: self.oidc_teams_claim.clone(),
            tenant_claim: set(&self.oidc_tenant_claim),
            scopes: scopes.collect::<Result<_, _>>()?,
            admin_team: set(&self.oidc_admin_team),
            ..OidcSettings::new(self.oidc_issuer.as_str(), self.oidc_client_id.as_str())
        }))
    }

    /// What one setting cannot know of another.
    fn check(&self) -> Result<(), SettingError> {
        let fail = |reason: &str| Err(SettingError::Together(reason.to_owned()));
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return fail(
                "`serve.tls_certificate` and `serve.tls_key` are set together or not at all",
            );
        }
        let counts = [
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
            ("requests_per_connection", self.requests_per_connection),
            ("requests", self.requests),
            ("picture_bytes", self.picture_bytes.get()),
            ("body_bytes", self.body_bytes.get()),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return fail(&format!("`serve.{name}` must be 1 or more"));
        }
        let spans = [
            ("connection_age", self.connection_age),
            ("head_time", self.head_time),
            ("answer_time", self.answer_time),
            ("picture_time", self.picture_time),
            ("making_time", self.making_time),
        ];
        if let Some((name, _)) = spans.iter().find(|(_, span)| span.0.is_zero()) {
            return fail(&format!("`serve.{name}` must be longer than nothing"));
        }
        if self.upload_memory < self.picture_bytes || self.upload_memory < self.body_bytes {
            return fail("`serve.upload_memory` must hold one body of the longest kind at least");
        }
        Ok(())
    }
}

fn limits(requests: usize, pictures: usize, bytes: ByteCount) -> colophon_accounts::Limits {
    let count = |number: usize| {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        (number > 0).then_some(number)
    };
    colophon_accounts::Limits {
        requests_per_minute: count(requests),
        pictures_per_minute: count(pictures),
        bytes_per_day: (bytes.0 > 0).then_some(bytes.0),
    }
}
