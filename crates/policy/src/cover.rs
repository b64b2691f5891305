//! Which combinations a list of rules leaves open, without trying them one by one.
//!
//! A rule accepts a set of values of each signal, that is a box in the space of combinations. What a rule
//! leaves of an open box is at most one box a signal, none of which overlap, so that a few thousand boxes
//! stand for millions of combinations.

use crate::facts::{COUNT, VALUES};

/// Accepted values of each signal, as bits.
pub(crate) type Accepted = [u16; COUNT];

/// The combinations that no rule has taken so far.
pub(crate) struct Open(Vec<Accepted>);

impl Open {
    /// All of them.
    pub(crate) fn all() -> Self {
        Self(vec![VALUES.map(|values| ((1u32 << values) - 1) as u16)])
    }

    /// Takes what a rule accepts; whether there was anything left for it.
    pub(crate) fn take(&mut self, rule: &Accepted) -> bool {
        let mut left = Vec::with_capacity(self.0.len());
        let mut took = false;
        for open in self.0.drain(..) {
            if overlaps(&open, rule) {
                took = true;
                subtract(open, rule, &mut left);
            } else {
                left.push(open);
            }
        }
        self.0 = left;
        took
    }

    /// How many combinations are left.
    pub(crate) fn count(&self) -> u64 {
        let size = |open: &Accepted| {
            open.iter()
                .map(|bits| u64::from(bits.count_ones()))
                .product::<u64>()
        };
        self.0.iter().map(size).sum()
    }

    /// The first combination left, by the order of the signals and of their values.
    pub(crate) fn first(&self) -> Option<[usize; COUNT]> {
        let lowest = |open: &Accepted| open.map(|bits| bits.trailing_zeros() as usize);
        self.0.iter().map(lowest).min()
    }
}

fn overlaps(open: &Accepted, rule: &Accepted) -> bool {
    open.iter().zip(rule).all(|(open, rule)| open & rule != 0)
}

/// `open` without what `rule` accepts, in boxes that do not overlap.
fn subtract(mut open: Accepted, rule: &Accepted, left: &mut Vec<Accepted>) {
    for (signal, accepted) in rule.iter().enumerate() {
        let outside = open[signal] & !accepted;
        if outside != 0 {
            let mut rest = open;
            rest[signal] = outside;
            left.push(rest);
            open[signal] &= accepted;
        }
    }
}
