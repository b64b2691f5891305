//! Who may ask the service: its keys, the owner's key of the run, an issuer of identities; and the policies, read again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use colophon_accounts::oidc::{Provider, Web};
use colophon_accounts::{AccountsError, KeyText, Keys};
use colophon_gateway::IdentityClient;
use colophon_policy::Reloaded;
use colophon_provenance::Home;
use colophon_server::{Access, Identity, ServeSettings, Service};

use super::{Context, now, settings};
use crate::failure::Failure;

/// Longest secret of an issuer.
const MOST_SECRET: u64 = 4_096;

/// Who may ask.
pub struct Callers {
    /// For the service.
    pub access: Access,
    /// The owner's key, if there is one.
    pub owner: Option<KeyText>,
}

/// Keys and issuer of a home, for a service at `address`. Where no key works, the owner gets one for this run.
///
/// # Errors
/// [`Failure::Accounts`] for keys that cannot be read, [`Failure::Request`] and [`Failure::File`] for an issuer that
/// cannot be asked.
pub fn open(home: &Home, set: &ServeSettings, address: &str) -> Result<Callers, Failure> {
    let mut access = Access::of(home);
    let keys: &Keys = &access.keys;
    let owner = if set.owner_key || !keys.any_active(now())? {
        Some(KeyText::draw().map_err(AccountsError::from)?)
    } else {
        None
    };
    if let Some(key) = &owner {
        access = access.with_owner(key.clone());
    }
    if let Some(mut identity) = set
        .identity()
        .map_err(|error| Failure::Request(error.to_string()))?
    {
        if let Some(file) = &set.oidc_client_secret_file {
            identity.client_secret = Some(secret(&settings::file(home, file))?);
        }
        let provider = Provider::new(identity, Arc::new(Issuer(IdentityClient::default())));
        let provider = provider.map_err(|why| {
            Failure::Request(format!("`serve.oidc_issuer` cannot be used: {why}"))
        })?;
        let public = Some(set.public_url.as_str()).filter(|url| !url.is_empty());
        access = access.with_identity(Identity::new(provider, public.unwrap_or(address)));
    }
    Ok(Callers { access, owner })
}

/// Says how the owner gets in.
///
/// # Errors
/// [`Failure::Output`].
pub fn say(context: &Context<'_>, address: &str, owner: Option<&KeyText>) -> Result<(), Failure> {
    let Some(key) = owner else {
        return Ok(());
    };
    let printer = context.printer;
    // Behind the hash, so that no server and no log on the way sees it.
    printer.say(&format!(
        "For its owner, while it runs: {address}/#key={}",
        key.expose().as_str()
    ))?;
    printer.note(
        "whoever has that address may do everything; keys for others: `colophon access create`",
    );
    Ok(())
}

/// Reads the policies again and removes answers that are too old; what goes wrong is told once.
pub fn read_again(context: &Context<'_>, service: &Service) {
    let failed_before = service.policies_failed();
    match service.reload_policies() {
        Ok(Reloaded::Swapped { new, .. }) => {
            context
                .printer
                .note(&format!("the policies were read again: {new} is in force"));
            service.checks.renew();
        }
        Err(error) if !failed_before => {
            context
                .printer
                .note(&format!("the policies in force stay: {error}"));
        }
        Ok(Reloaded::Same) | Err(_) => {}
    }
    service.tidy_access();
}

fn secret(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::file("read", path)(error);
    let file = File::open(path).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(file.take(MOST_SECRET))
        .read_line(&mut line)
        .map_err(failed)?;
    let secret = line.trim().to_owned();
    if secret.is_empty() {
        return Err(Failure::Request(format!(
            "{} holds no secret",
            path.display()
        )));
    }
    Ok(secret)
}

/// The way to an issuer.
struct Issuer(IdentityClient);

impl Web for Issuer {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        self.0.get(url).map_err(|error| error.to_string())
    }

    fn post_form(&self, url: &str, form: &str) -> Result<Vec<u8>, String> {
        self.0
            .post_form(url, form)
            .map_err(|error| error.to_string())
    }
}
