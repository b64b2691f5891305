//! Fetches from addresses that callers of the service name.

use std::time::Duration;

use colophon_gateway::{
    FetchFault, FetchLimits, FetchRules, GatewayError, NearHost, fetch_by_rules,
};
use colophon_server::{FetchFailure, FetchTrouble, Fetches};

/// Longest time of one fetch, all redirects together.
const TIME: Duration = Duration::from_secs(15);
/// The port that hosts of the open network are asked at.
const PORT: u16 = 443;
/// Told of names that are not known and of names that lead into private networks alike: which of the two it is would
/// tell strangers what there is in them.
const HIDDEN: &str = "the host is not known, or is none of the open network";

/// Fetches over https from the open network, and from the hosts that the operator names.
#[derive(Debug)]
pub struct GuardedFetches(FetchRules);

impl GuardedFetches {
    /// `near` may be within private networks.
    pub fn new(near: Vec<NearHost>) -> Self {
        Self(FetchRules {
            ports: vec![PORT],
            near,
        })
    }
}

impl Fetches for GuardedFetches {
    fn fetch(&self, address: &str, most: usize) -> Result<Vec<u8>, FetchFailure> {
        let limits = FetchLimits {
            bytes: most as u64,
            time: TIME,
        };
        fetch_by_rules(address, &limits, &self.0).map_err(told)
    }
}

fn told(error: GatewayError) -> FetchFailure {
    let GatewayError::Guarded { reason, fault, .. } = error else {
        // Whatever else goes wrong is on this machine, such as certificates that cannot be read.
        return FetchFailure {
            trouble: FetchTrouble::Failed,
            said: "nothing can be fetched from here now".to_owned(),
        };
    };
    let trouble = match fault {
        FetchFault::Address | FetchFault::Hidden => FetchTrouble::Refused,
        FetchFault::TooLarge => FetchTrouble::TooLarge,
        FetchFault::TimedOut => FetchTrouble::TimedOut,
        FetchFault::Server => FetchTrouble::Failed,
    };
    let said = match fault {
        FetchFault::Hidden => HIDDEN.to_owned(),
        _ => reason,
    };
    FetchFailure { trouble, said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_private_networks_is_told_like_what_is_nowhere() {
        let fetches = GuardedFetches::new(Vec::new());
        let fetch = |address: &str| fetches.fetch(address, 1_000).unwrap_err();
        let nowhere = fetch("https://nothing.invalid/");
        assert_eq!(nowhere.trouble, FetchTrouble::Refused);
        for inside in [
            "https://localhost/",
            "https://10.0.0.1/",
            "https://[::ffff:192.168.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
        ] {
            assert_eq!(fetch(inside), nowhere, "{inside}");
        }
        assert_eq!(fetch("http://example.org/").trouble, FetchTrouble::Refused);
    }
}
