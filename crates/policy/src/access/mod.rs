//! Who may do what: Cedar policies over a fixed kind of question.
//!
//! Nothing is allowed that no policy permits; one policy that forbids outweighs all that permit; and a question that
//! does not fit the schema, or a policy that cannot be evaluated, is a refusal that says so. Cedar itself passes over
//! policies that fail to evaluate, which would turn a broken `forbid` into a permission.

mod cedar;
mod decide;
mod explain;
mod obligations;
mod principals;
mod request;
mod rules;

pub use decide::{Decision, RuleRef};
pub use explain::{Change, Considered, Explanation};
pub use obligations::Obligations;
pub use principals::Principals;
pub use request::{
    AccessRequest, LoraName, Making, MarkStrength, Operation, Principal, PrincipalKind, Resource,
    SignerClass, UNSTATED,
};
pub use rules::{Effect, Rule};

pub(crate) use principals::PRINCIPALS;
pub(crate) use rules::{Rules, SCHEMA};
