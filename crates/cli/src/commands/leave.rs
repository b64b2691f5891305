//! Leave: before a command does something that the policies speak of, the bundle in force is asked.
//!
//! One place for all commands, so that a new one cannot be added without a thought about it. Commands that issue ask
//! within the issuer, with what is known of the picture; `policy publish` asks where it publishes.

use colophon_policy::{Operation, Principal, Resource};
use colophon_provenance::{Asked, Home, ask_policies};

use super::{Context, now};
use crate::args::{Audit, Command, Keys, Ledger};
use crate::failure::Failure;

/// What a command asks for.
struct Question<'a> {
    operation: Operation,
    /// A key's role or id, for what is done with keys; else it is about the ledger.
    key: Option<String>,
    personal: bool,
    requester: Option<&'a Principal>,
}

impl<'a> Question<'a> {
    fn of(operation: Operation, asker: &'a crate::args::Asker) -> Self {
        Self {
            operation,
            key: None,
            personal: false,
            requester: asker.principal.as_ref(),
        }
    }

    fn telling(self, personal: bool) -> Self {
        Self { personal, ..self }
    }

    fn on_key(self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }
}

/// Asks, if the command is one that the policies speak of.
///
/// # Errors
/// [`Failure::Provenance`] with the rule that refuses, or for policies that cannot be used.
pub fn ask(context: &Context<'_>, command: &Command) -> Result<(), Failure> {
    let Some(question) = question(command) else {
        return Ok(());
    };
    // Without any folder to call home the policies that ship are in force, and checking works.
    let home = context.home().ok();
    let resource = match (&question.key, &home) {
        (Some(key), _) => Home::key_resource(key),
        (None, Some(home)) => home.ledger_resource(),
        (None, None) => Resource::Ledger {
            name: String::new(),
        },
    };
    let asked = Asked {
        principal: question.requester.cloned().unwrap_or_else(Principal::owner),
        operation: question.operation,
        resource,
        personal: question.personal,
        at: now(),
    };
    Ok(ask_policies(home.as_ref(), asked)?)
}

fn question(command: &Command) -> Option<Question<'_>> {
    match command {
        Command::Verify(options) => {
            let many = options.bulk.targets.are_asked_for();
            let operation = if many {
                Operation::BulkVerify
            } else {
                Operation::Verify
            };
            Some(Question::of(operation, &options.asker))
        }
        Command::Keys(command) => of_keys(command),
        Command::Ledger(command) => of_ledger(command),
        // They ask for themselves, or have a home of their own.
        Command::Generate(_) | Command::Stamp(_) | Command::Policy(_) | Command::Serve(_) | Command::Demo(_)
        // Upkeep of files, which whoever has them can do with any tool.
        | Command::Access(_) | Command::Config(_) | Command::Feedback(_) | Command::Models(_) | Command::Trust(_) | Command::Witness(_)
        // Neither ledger nor keys.
        | Command::VerifyWorker(_) | Command::Watermark(_) | Command::Completions { .. } | Command::Man { .. } => None,
    }
}

fn of_keys(command: &Keys) -> Option<Question<'_>> {
    match command {
        Keys::Rotate(options) => {
            let role = colophon_keys::Role::from(options.role);
            Some(Question::of(Operation::RotateKey, &options.asker).on_key(role.id()))
        }
        Keys::Revoke { key, asker, .. } => {
            Some(Question::of(Operation::RotateKey, asker).on_key(key.as_str()))
        }
        Keys::Init { .. }
        | Keys::Show { .. }
        | Keys::Check { .. }
        | Keys::List { .. }
        | Keys::ExportPublic { .. }
        | Keys::Backup { .. }
        | Keys::Restore { .. }
        | Keys::Csr { .. }
        | Keys::ImportCertificate { .. } => None,
    }
}

fn of_ledger(command: &Ledger) -> Option<Question<'_>> {
    match command {
        Ledger::Show { asker, private, .. } => {
            Some(Question::of(Operation::ReadLedger, asker).telling(*private))
        }
        Ledger::List { asker, .. }
        | Ledger::Prove { asker, .. }
        | Ledger::Receipt { asker, .. } => Some(Question::of(Operation::ReadLedger, asker)),
        Ledger::Erase { asker, .. } => Some(Question::of(Operation::Redact, asker)),
        Ledger::Audit(command) => of_audit(command),
        // Of files that anyone may have, or upkeep of them.
        Ledger::Check { .. }
        | Ledger::Fsck { .. }
        | Ledger::Backup { .. }
        | Ledger::Restore { .. }
        | Ledger::Publish
        | Ledger::Seal
        | Ledger::Monitor(_)
        | Ledger::Mirror(_)
        | Ledger::Serve(_)
        | Ledger::Witnesses { .. }
        | Ledger::Evidence { .. } => None,
    }
}

fn of_audit(command: &Audit) -> Option<Question<'_>> {
    match command {
        Audit::Query(options) => Some(Question::of(Operation::Query, &options.asker)),
        Audit::Export(options) => {
            Some(Question::of(Operation::Export, &options.asker).telling(options.private))
        }
        Audit::Explain(options) => Some(Question::of(Operation::Query, &options.asker)),
        Audit::Stats(options) => Some(Question::of(Operation::Query, &options.asker)),
        // About the home's own decisions, or about a file that anyone may have.
        Audit::Decisions(_) | Audit::Replay(_) | Audit::CheckExport(_) => None,
    }
}
