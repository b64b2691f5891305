//! The policies, asked for a caller.

use colophon_accounts::{Caller, Kind, Scope};
use colophon_policy::{Operation, Principal, PrincipalKind, Reloaded, Resource};
use colophon_provenance::{Asked, ProvenanceError};

use crate::api::caller::From;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::Service;

/// Name of somebody without a key.
const ANONYMOUS: &str = "anonymous";
/// Team of somebody without a key, where the operator lets anyone read.
const PUBLIC: &str = "public";

impl Service {
    /// Asks the policies in force whether a caller may, on top of [`super::super::caller::From::need`]. Refusals are kept
    /// in the log of decisions, and so are permissions to take records out, to see personal data, to check very many
    /// pictures, and to change something. Waits for no disk.
    ///
    /// `personal` tells whether prompts, titles or names would be answered.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`] with the rule, its reason and its advice ([`ProblemKind::Unauthenticated`] for somebody
    /// without a key); [`ProblemKind::Overloaded`] when a decision that must be kept cannot be.
    pub fn ask(
        &self,
        caller: &Caller,
        operation: Operation,
        resource: Resource,
        personal: bool,
    ) -> Result<(), Problem> {
        let asked = Asked {
            principal: self.principal(caller),
            operation,
            resource,
            personal,
            at: self.now(),
        };
        match self.issuer.policies().ask(asked) {
            Ok(past) => {
                let look = matches!(
                    operation,
                    Operation::Verify | Operation::ReadLedger | Operation::Query
                );
                if !look || personal {
                    self.access.log.keep(&self.issuer, past)?;
                }
                Ok(())
            }
            Err(ProvenanceError::Refused { why, decision }) => {
                self.access.log.keep_refusal(&self.issuer, *decision);
                let kind = match caller.kind {
                    Kind::Anonymous => ProblemKind::Unauthenticated,
                    _ => ProblemKind::Forbidden,
                };
                Err(Problem::new(kind).with_detail(why))
            }
            Err(error) => Err(Problem::internal(error)),
        }
    }

    /// Asks about the ledger of this home.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_ledger(
        &self,
        caller: &Caller,
        operation: Operation,
        personal: bool,
    ) -> Result<(), Problem> {
        self.ask(caller, operation, self.issuer.ledger_resource(), personal)
    }

    /// Asks about checking one picture: the scope first, then the policies.
    ///
    /// # Errors
    /// As [`From::need`] and [`Self::ask`].
    pub(crate) fn may_verify(&self, from: &From) -> Result<(), Problem> {
        self.ask_ledger(from.need(Scope::Verify)?, Operation::Verify, false)
    }

    /// The caller as the policies know it: `api-key:NAME` or `user:NAME`, of other tenants than the home's own
    /// `TENANT/NAME`; for the options of issuing, and [`Self::ask`].
    pub fn principal(&self, caller: &Caller) -> Principal {
        let mut principal = match (&caller.kind, caller.full_name()) {
            (Kind::Owner, _) => return Principal::owner(),
            (Kind::Key(_), Some(name)) => Principal::named(PrincipalKind::ApiKey, &name),
            (Kind::User, Some(name)) => Principal::named(PrincipalKind::User, &name),
            (Kind::Anonymous, _) | (_, None) => {
                let mut nobody = Principal::named(PrincipalKind::Service, ANONYMOUS);
                if caller.may(Scope::Read) {
                    nobody.teams.push(PUBLIC.to_owned());
                }
                return nobody;
            }
        };
        principal.teams.clone_from(&caller.teams);
        principal
    }

    /// Whether the policies in force are not those in the files, because these do not load.
    pub fn policies_failed(&self) -> bool {
        self.ops.reloads().policies.is_some()
    }

    /// Reads the policies of the home again and puts them in force if they load; if they do not, those before stay, and
    /// metrics and status tell it. Reads files: not for threads that serve connections.
    ///
    /// # Errors
    /// [`ProvenanceError::Policy`] with what is wrong.
    pub fn reload_policies(&self) -> Result<Reloaded, ProvenanceError> {
        let reloaded = self.issuer.policies().reload();
        let failed = reloaded.as_ref().err().map(ToString::to_string);
        let is_news = self.ops.reloads().policies != failed;
        if is_news || matches!(reloaded, Ok(Reloaded::Swapped { .. })) {
            self.ops.policies_reloaded(failed);
        }
        reloaded
    }
}
