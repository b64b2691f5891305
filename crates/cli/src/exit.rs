//! Exit codes, part of the public contract.

use std::process::ExitCode;

use colophon_provenance::Outcome;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// Done; for a check: every file answered, and evidence found.
    pub const DONE: Self = Self(0);
    /// A finding that a person should look at.
    pub const FINDING: Self = Self(1);
    /// Failed, or could not be checked.
    pub const FAILED: Self = Self(2);

    /// Ended by Ctrl-C: 128 + SIGINT.
    pub const INTERRUPTED: Self = Self(130);

    /// The end of a check of several files.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self(Outcome::exit_code_of_all(outcomes))
    }

    /// The end of a run over many files, whose code is counted elsewhere.
    pub fn of_code(code: u8) -> Self {
        Self(code)
    }

    /// The number for the system.
    pub fn code(self) -> i32 {
        i32::from(self.0)
    }

    /// Done, or a finding.
    pub fn sound(sound: bool) -> Self {
        if sound { Self::DONE } else { Self::FINDING }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
