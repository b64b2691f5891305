//! Bundles and questions.

use colophon_policy::{
    AccessRequest, Bundle, Files, Label, Making, MarkStrength, Operation, Principal, PrincipalKind,
    Resource, Screening, Severity, SignerClass, UNSTATED,
};

/// 28 November 2026.
pub const NOW: i64 = 1_795_824_000;

pub fn shipped() -> Bundle {
    Bundle::shipped().unwrap()
}

/// The shipped files with one more, or one in place of another.
pub fn shipped_with(path: &str, text: &str) -> Files {
    let files = Files::shipped();
    let mut all: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()))
        .collect();
    all.retain(|(other, _)| other != path);
    all.push((path.to_owned(), text.as_bytes().to_vec()));
    Files::new(all).unwrap()
}

pub fn owner() -> Principal {
    Principal::owner()
}

pub fn maker() -> Principal {
    Principal {
        teams: vec!["makers".to_owned()],
        ..Principal::named(PrincipalKind::User, "anna")
    }
}

pub fn making() -> Making {
    Making {
        width: 512,
        height: 512,
        steps: 20,
        loras: Vec::new(),
        strength: MarkStrength::Standard,
        allow_unmarked: false,
        source: "trainedAlgorithmicMedia".to_owned(),
        signer: SignerClass::Local,
        prompt: Screening::default(),
    }
}

pub fn labelled(code: &str, severity: Severity) -> Making {
    let label = Label {
        code: code.to_owned(),
        severity,
        reasons: Vec::new(),
    };
    Making {
        prompt: Screening {
            labels: vec![label],
            engines: Vec::new(),
        },
        ..making()
    }
}

pub fn asked_by(principal: Principal, making: Making) -> AccessRequest {
    AccessRequest {
        principal,
        action: Operation::Generate,
        resource: Resource::Model {
            name: "m".to_owned(),
            built_in: true,
            remote: false,
        },
        time: NOW,
        purpose: UNSTATED.to_owned(),
        personal: false,
        making: Some(making),
    }
}
