//! `keys`: made, shown, checked. No private key is ever printed.

mod life;

use colophon_keys::{Finding, KeyFacts, KeyStore, Severity};
use colophon_provenance::{InitOptions, rfc3339};
use serde_json::json;

use super::{Context, now};
use crate::args::Keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{ALERT, CAUTION, FAINT, GOOD, STRONG, styled};
use crate::text::wrapped;

/// Runs `keys`.
pub fn run(context: &Context<'_>, command: &Keys) -> Result<Exit, Failure> {
    match command {
        Keys::Init {
            organisation,
            common_name,
            country,
            ledger_name,
            ask_passphrase,
        } => {
            let options = InitOptions {
                organisation: organisation.clone(),
                common_name: common_name.clone(),
                country: country.clone(),
                ledger_origin: ledger_name.clone(),
                passphrase: passphrase::to_protect(context.global, *ask_passphrase)?,
                now: now(),
            };
            init(context, options)
        }
        Keys::Show {
            root_certificate: true,
            ..
        } => {
            let store = KeyStore::open(&context.home()?.keys(), None)?;
            context
                .printer
                .data(store.root_certificate_pem()?.trim_end())?;
            Ok(Exit::DONE)
        }
        Keys::Show { json, .. } => {
            let facts = colophon_keys::describe(&context.home()?.keys())?;
            if *json {
                context.printer.json(&facts)?;
            } else {
                show(context, &facts)?;
            }
            Ok(Exit::DONE)
        }
        Keys::Check { json } => check(context, *json),
        Keys::List { json } => life::list(context, *json),
        Keys::Rotate(options) => life::rotate(context, options),
        Keys::Revoke {
            key, reason, from, ..
        } => life::revoke(context, key, reason, from),
        Keys::ExportPublic { out } => life::export_public(context, out.as_deref()),
        Keys::Backup {
            file,
            backup_passphrase_file,
        } => life::backup(context, file, backup_passphrase_file.as_deref()),
        Keys::Restore {
            file,
            backup_passphrase_file,
        } => life::restore(context, file, backup_passphrase_file.as_deref()),
        Keys::Csr { out } => life::csr(context, out.as_deref()),
        Keys::ImportCertificate { chain, root } => {
            life::import_certificate(context, chain, root.as_deref())
        }
    }
}

fn init(context: &Context<'_>, options: InitOptions) -> Result<Exit, Failure> {
    let home = context.home()?;
    let encrypted = options.passphrase.is_some();
    {
        let _writing = context.interrupt.writing();
        home.init(options)?;
    }
    let printer = context.printer;
    printer.say(&format!(
        "Keys and an empty ledger made in {}",
        home.root.display()
    ))?;
    if !encrypted {
        printer
            .note("the private keys are not encrypted; only their file permissions protect them");
    }
    printer.say(
        "The chain is local: it is on no public list. Others can trust it if you give them the",
    )?;
    printer.say("root certificate: colophon keys show --root-certificate")?;
    Ok(Exit::DONE)
}

fn show(context: &Context<'_>, facts: &KeyFacts) -> Result<(), Failure> {
    let printer = context.printer;
    let line = |label: &str, value: &str| {
        printer.say(&format!(
            "  {} {value}",
            styled(FAINT, &format!("{label:<17}"))
        ))
    };
    printer.say(&styled(STRONG, "Signing chain"))?;
    line("trust", facts.trust)?;
    for certificate in &facts.certificates {
        line(certificate.role, &certificate.subject)?;
        line(
            "  valid",
            &format!(
                "{} to {}",
                rfc3339(certificate.not_before),
                rfc3339(certificate.not_after)
            ),
        )?;
        line("  sha-256", &certificate.sha256)?;
    }
    printer.say(&styled(STRONG, "Ledger"))?;
    line("name", &facts.ledger.name)?;
    line("verifier key", &facts.ledger.verifier_key)?;
    printer.say(&styled(STRONG, "Watermark"))?;
    line("key id", &facts.watermark_key_id)?;
    printer.say(&styled(STRONG, "Files"))?;
    line("made", &rfc3339(facts.created_at))?;
    line("encrypted", if facts.encrypted { "yes" } else { "no" })?;
    line("folder", &context.home()?.keys().display().to_string())
}

fn check(context: &Context<'_>, json: bool) -> Result<Exit, Failure> {
    let keys = context.home()?.keys();
    let passphrase = passphrase::to_open(context.global, &keys)?;
    let findings = colophon_keys::check(&keys, passphrase, now());
    if json {
        context.printer.json(&as_json(&findings))?;
    } else {
        for finding in &findings {
            tell(context, finding)?;
        }
        if findings.is_empty() {
            context
                .printer
                .say(&styled(GOOD, "Nothing is wrong with the keys."))?;
        }
    }
    Ok(exit(&findings))
}

fn tell(context: &Context<'_>, finding: &Finding) -> Result<(), Failure> {
    let (style, label) = match finding.severity() {
        Severity::Problem => (ALERT, "problem"),
        Severity::Notice => (CAUTION, "notice "),
    };
    let text = format!("{} {}", finding.sentence(), finding.remedy());
    for (at, line) in wrapped(&text, context.printer.width() - 9, "", "")
        .iter()
        .enumerate()
    {
        let label = if at == 0 {
            styled(style, label)
        } else {
            " ".repeat(7)
        };
        context.printer.say(&format!("{label}  {line}"))?;
    }
    Ok(())
}

fn as_json(findings: &[Finding]) -> serde_json::Value {
    let each = findings.iter().map(|finding| {
        json!({
            "code": finding.code(),
            "severity": match finding.severity() {
                Severity::Problem => "problem",
                Severity::Notice => "notice",
            },
            "sentence": finding.sentence(),
            "remedy": finding.remedy(),
        })
    });
    json!({ "sound": exit(findings) == Exit::DONE, "findings": each.collect::<Vec<_>>() })
}

/// Keys that cannot be opened could not be checked; notices are no finding.
fn exit(findings: &[Finding]) -> Exit {
    if findings
        .iter()
        .any(|finding| matches!(finding, Finding::Unusable(_) | Finding::WrongPassphrase(_)))
    {
        Exit::FAILED
    } else {
        Exit::sound(
            findings
                .iter()
                .all(|finding| finding.severity() != Severity::Problem),
        )
    }
}
