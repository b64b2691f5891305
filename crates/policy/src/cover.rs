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
        !self.take_boxes(rule).is_empty()
    }

    /// Takes what a rule accepts; what there was left for it, in boxes that do not overlap.
    pub(crate) fn take_boxes(&mut self, rule: &Accepted) -> Vec<Accepted> {
        let mut left = Vec::with_capacity(self.0.len());
        let mut taken = Vec::new();
        for open in self.0.drain(..) {
            if let Some(both) = common(&open, rule) {
                taken.push(both);
                subtract(open, rule, &mut left);
            } else {
                left.push(open);
            }
        }
        self.0 = left;
        taken
    }

    /// How many combinations are left.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(size).sum()
    }

    /// The first combination left, by the order of the signals and of their values.
    pub(crate) fn first(&self) -> Option<[usize; COUNT]> {
        self.0.iter().map(first).min()
    }
}

/// How many combinations are in a box.
pub(crate) fn size(one: &Accepted) -> u64 {
    let values = one.iter().map(|bits| u64::from(bits.count_ones()));
    values.product()
}

/// The first combination in a box that is not empty.
pub(crate) fn first(one: &Accepted) -> [usize; COUNT] {
    one.map(|bits| bits.trailing_zeros() as usize)
}

/// What is in both boxes, if anything.
pub(crate) fn common(one: &Accepted, other: &Accepted) -> Option<Accepted> {
    let mut both = *one;
    for (bits, other) in both.iter_mut().zip(other) {
        *bits &= other;
    }
    both.iter().all(|bits| *bits != 0).then_some(both)
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
