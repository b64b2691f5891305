//! The solvers by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;

/// A way from noise to picture; see [`crate::solver`] for what each computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum SamplerKind {
    /// First order along the probability-flow ODE; `FlowMatchEulerDiscreteScheduler` for flow
    /// models, `EulerDiscreteScheduler` for the others.
    FlowEuler,
    /// Euler with fresh noise in each step, `EulerAncestralDiscreteScheduler`.
    EulerAncestral,
    /// DPM-Solver++ of second order, multistep, `DPMSolverMultistepScheduler`.
    DpmPp2M,
    /// `UniPC` of second order with the `bh2` form, `UniPCMultistepScheduler`.
    UniPc,
    /// DDIM with eta 0, `DDIMScheduler`.
    Ddim,
}

impl SamplerKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::FlowEuler,
        Self::EulerAncestral,
        Self::DpmPp2M,
        Self::UniPc,
        Self::Ddim,
    ];

    /// Its short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::FlowEuler => "euler",
            Self::EulerAncestral => "euler-a",
            Self::DpmPp2M => "dpmpp-2m",
            Self::UniPc => "unipc",
            Self::Ddim => "ddim",
        }
    }

    /// All short names, for a message.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for SamplerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SamplerKind {
    type Err = DiffusionError;

    /// The short name, the class name in diffusers (with or without `Scheduler`), or what other
    /// interfaces call it ("Euler a", "DPM++ 2M"). Case, blanks, `-` and `_` do not count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let folded: String = text
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == '+')
            .flat_map(char::to_lowercase)
            .map(|c| if c == '+' { 'p' } else { c })
            .collect();
        let folded = folded.strip_suffix("scheduler").unwrap_or(&folded);
        Ok(match folded {
            "euler"
            | "floweuler"
            | "flowmatcheuler"
            | "flowmatcheulerdiscrete"
            | "eulerdiscrete" => Self::FlowEuler,
            "eulera" | "eulerancestral" | "eulerancestraldiscrete" => Self::EulerAncestral,
            "dpmpp2m" | "dpmsolverpp" | "dpmsolvermultistep" => Self::DpmPp2M,
            "unipc" | "unipcmultistep" => Self::UniPc,
            "ddim" => Self::Ddim,
            _ => {
                return Err(DiffusionError::UnknownSampler {
                    found: text.to_owned(),
                });
            }
        })
    }
}

impl TryFrom<String> for SamplerKind {
    type Error = DiffusionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SamplerKind> for String {
    fn from(kind: SamplerKind) -> Self {
        kind.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in SamplerKind::ALL {
            assert_eq!(kind.to_string().parse::<SamplerKind>().unwrap(), kind);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<SamplerKind>(&json).unwrap(), kind);
        }
    }

    #[test]
    fn names_of_other_programs_are_known() {
        let known = [
            ("FlowMatchEulerDiscreteScheduler", SamplerKind::FlowEuler),
            (
                "EulerAncestralDiscreteScheduler",
                SamplerKind::EulerAncestral,
            ),
            ("Euler a", SamplerKind::EulerAncestral),
            ("DPM++ 2M", SamplerKind::DpmPp2M),
            ("DPMSolverMultistepScheduler", SamplerKind::DpmPp2M),
            ("dpmsolver++", SamplerKind::DpmPp2M),
            ("UniPCMultistep", SamplerKind::UniPc),
            ("uni_pc", SamplerKind::UniPc),
            ("DDIMScheduler", SamplerKind::Ddim),
        ];
        for (name, kind) in known {
            assert_eq!(name.parse::<SamplerKind>().unwrap(), kind, "{name}");
        }
        let error = "plms".parse::<SamplerKind>().unwrap_err().to_string();
        assert!(
            error.contains("plms") && error.contains("dpmpp-2m"),
            "{error}"
        );
    }
}
