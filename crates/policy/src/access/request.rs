//! A question to the policies: who, what, on what, under which circumstances.

use serde::{Deserialize, Serialize};

use crate::codes::codes;
use crate::screen::Screening;

codes! {
    /// What is asked for: an action of the schema.
    Operation {
        /// Make a picture from a prompt and issue it.
        Generate = "generate",
        /// Mark, sign and record a picture made elsewhere.
        Stamp = "stamp",
        /// Check one picture.
        Verify = "verify",
        /// Check very many pictures.
        BulkVerify = "bulk-verify",
        /// Read single records.
        ReadLedger = "read-ledger",
        /// Search records.
        Query = "query",
        /// Take records out in bulk.
        Export = "export",
        /// Erase the private part of a record.
        Redact = "redact",
        /// Replace or revoke a key.
        RotateKey = "rotate-key",
        /// Put another bundle in force.
        PublishPolicy = "publish-policy",
    }
}

codes! {
    /// Kinds of principals.
    PrincipalKind {
        /// A person.
        User = "user",
        /// A program that acts for itself.
        Service = "service",
        /// A key that stands for whoever holds it.
        ApiKey = "api-key",
    }
}

codes! {
    /// How strong a mark is, the weakest first.
    MarkStrength {
        /// Least visible.
        Subtle = "subtle",
        /// As is usual.
        Standard = "standard",
        /// Most robust.
        Strong = "strong",
    }
}

codes! {
    /// How far a signing chain is vouched for, the least first.
    SignerClass {
        /// A chain made here, on no public list.
        Local = "local",
        /// A chain of an authority outside of this home, as public lists hold them.
        Listed = "listed",
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Principal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name.
    pub name: String,
    /// Whether it is the owner of this home: whoever can open its keys.
    #[serde(default)]
    pub owner: bool,
    /// Teams that it is in, besides those that `principals.toml` tells.
    #[serde(default)]
    pub teams: Vec<String>,
}

impl Principal {
    /// Whoever runs the program on a home whose keys open.
    pub fn owner() -> Self {
        Self {
            kind: PrincipalKind::User,
            name: "owner".to_owned(),
            owner: true,
            teams: Vec::new(),
        }
    }

    /// Someone for whom the owner acts; in the teams that the bundle tells.
    pub fn named(kind: PrincipalKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            owner: false,
            teams: Vec::new(),
        }
    }
}

/// What it is asked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "kind",
    deny_unknown_fields
)]
pub enum Resource {
    /// A model.
    Model {
        /// Its stable identifier.
        name: String,
        /// Whether it is the one that is part of the program.
        #[serde(default)]
        built_in: bool,
        /// Whether a server runs it.
        #[serde(default)]
        remote: bool,
    },
    /// A signing key with its chain.
    Signer {
        /// Id of its key, or any name.
        name: String,
        /// How far it is vouched for.
        class: SignerClass,
    },
    /// A ledger.
    Ledger {
        /// Its origin.
        name: String,
    },
}

/// A low-rank change of a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoraName {
    /// Its name, which is no address.
    pub name: String,
    /// SHA-256 of its file, 64 hexadecimal digits; empty when it is not known.
    #[serde(default)]
    pub sha256: String,
}

/// Circumstances of making a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Making {
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Denoising steps; 0 when they are not known.
    #[serde(default)]
    pub steps: u32,
    /// Low-rank changes of the model.
    #[serde(default)]
    pub loras: Vec<LoraName>,
    /// Strength of the mark.
    pub strength: MarkStrength,
    /// Whether the picture may go out without a mark if it has no room for one.
    #[serde(default)]
    pub allow_unmarked: bool,
    /// How the picture comes to be: IPTC digital source type, such as `trainedAlgorithmicMedia`.
    pub source: String,
    /// How far the signing chain is vouched for.
    pub signer: SignerClass,
    /// What the screens say of the prompt.
    #[serde(default)]
    pub prompt: Screening,
}

/// A question to the policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccessRequest {
    /// Who asks.
    pub principal: Principal,
    /// What for.
    pub action: Operation,
    /// On what.
    pub resource: Resource,
    /// The time, Unix seconds.
    pub time: i64,
    /// Why, a code of the vocabulary.
    #[serde(default = "unstated")]
    pub purpose: String,
    /// Whether personal data would be told: prompts, titles, requesters. Of reading only.
    #[serde(default)]
    pub personal: bool,
    /// Of [`Operation::Generate`] and [`Operation::Stamp`] only.
    #[serde(default)]
    pub making: Option<Making>,
}

/// The purpose where none is told.
pub const UNSTATED: &str = "unstated";

fn unstated() -> String {
    UNSTATED.to_owned()
}
