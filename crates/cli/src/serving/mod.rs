//! What the server is handed by the command line: checks in confined children, and fetches from other people's servers.

mod checks;
mod fetches;

pub use checks::ConfinedChecks;
pub use fetches::GuardedFetches;
