//! What goes along with a permission: a closed vocabulary of annotations, and how several are merged.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Making, MarkStrength, SignerClass};
use crate::vocabulary::Vocabulary;

/// Annotations that are obligations.
pub(crate) const OBLIGATIONS: [&str; 4] =
    ["min_strength", "signer_class", "add_labels", "max_side"];
/// Annotations that tell something of the policy.
pub(crate) const TELLING: [&str; 3] = ["id", "reason", "advice"];

/// What a permission asks in return. All that hold count: see [`Obligations::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Obligations {
    /// `@min_strength("standard")`: the mark is at least that strong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_strength: Option<MarkStrength>,
    /// `@signer_class("listed")`: the signing chain is vouched for at least that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer_class: Option<SignerClass>,
    /// `@max_side("2048")`: no side is longer, pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_side: Option<u32>,
    /// `@add_labels("a b")`: these labels go along with the picture's decision.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub add_labels: BTreeSet<String>,
}

impl Obligations {
    /// Both: the greater strength, the stricter signer, the smaller size, the union of labels. In any order, any
    /// grouping and any number of times the same.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.min_strength = self.min_strength.max(other.min_strength);
        self.signer_class = self.signer_class.max(other.signer_class);
        self.max_side = match (self.max_side, other.max_side) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.add_labels.extend(other.add_labels);
        self
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads one annotation of [`OBLIGATIONS`]. The error says what is allowed.
    pub(crate) fn read(name: &str, value: &str, vocabulary: &Vocabulary) -> Result<Self, String> {
        let mut read = Self::default();
        match name {
            "min_strength" => {
                let known = MarkStrength::from_code(value);
                read.min_strength = Some(
                    known.ok_or_else(|| one_of(MarkStrength::ALL.iter().map(|it| it.as_str())))?,
                );
            }
            "signer_class" => {
                let known = SignerClass::from_code(value);
                read.signer_class = Some(
                    known.ok_or_else(|| one_of(SignerClass::ALL.iter().map(|it| it.as_str())))?,
                );
            }
            "max_side" => {
                let side = value.parse().ok().filter(|side| *side > 0);
                read.max_side = Some(side.ok_or("it takes a number of pixels above 0")?);
            }
            _ => {
                read.add_labels = value.split_whitespace().map(str::to_owned).collect();
                let unknown = read
                    .add_labels
                    .iter()
                    .find(|label| !vocabulary.has_label(label));
                if read.add_labels.is_empty() || unknown.is_some() {
                    return Err(one_of(vocabulary.labels()).replace(
                        "one of",
                        "labels of the vocabulary, with spaces between them:",
                    ));
                }
            }
        }
        Ok(read)
    }

    /// Which of the obligations a request breaks that its maker cannot put right, in words; `strength` can be
    /// raised and labels can be added, a chain or a picture cannot be changed.
    pub(crate) fn broken_by(&self, making: &Making) -> Option<String> {
        let side = making.width.max(making.height);
        match (self.signer_class, self.max_side) {
            (Some(class), _) if making.signer < class => Some(format!(
                "a signer of class `{}` is asked for, and this one is `{}`",
                class.as_str(),
                making.signer.as_str()
            )),
            (_, Some(most)) if side > most => Some(format!(
                "a side of {side} pixels is longer than the {most} allowed"
            )),
            _ => None,
        }
    }

    /// The strength to mark with where `asked` was asked for.
    pub fn strength(&self, asked: MarkStrength) -> MarkStrength {
        self.min_strength.map_or(asked, |least| asked.max(least))
    }
}

fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> String {
    format!("it takes one of {}", known.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_obligations() -> impl Strategy<Value = Obligations> {
        let strength = proptest::option::of(proptest::sample::select(MarkStrength::ALL));
        let class = proptest::option::of(proptest::sample::select(SignerClass::ALL));
        let labels = proptest::collection::btree_set("[a-c]", 0..3);
        (strength, class, proptest::option::of(1_u32..5), labels).prop_map(
            |(min_strength, signer_class, max_side, add_labels)| Obligations {
                min_strength,
                signer_class,
                max_side,
                add_labels,
            },
        )
    }

    proptest! {
        #[test]
        fn merging_is_a_semilattice(a in any_obligations(), b in any_obligations(), c in any_obligations()) {
            prop_assert_eq!(a.clone().merge(b.clone()), b.clone().merge(a.clone()));
            prop_assert_eq!(
                a.clone().merge(b.clone()).merge(c.clone()),
                a.clone().merge(b.clone().merge(c))
            );
            prop_assert_eq!(a.clone().merge(a.clone()), a.clone());
            prop_assert_eq!(a.clone().merge(Obligations::default()), a);
        }
    }

    #[test]
    fn the_stricter_wins() {
        let vocabulary = Vocabulary::read("v", "[labels]\na = \"A\"\n[purposes]\n").unwrap();
        let read = |name, value| Obligations::read(name, value, &vocabulary);
        let merged = read("min_strength", "subtle")
            .unwrap()
            .merge(read("min_strength", "strong").unwrap())
            .merge(read("max_side", "512").unwrap())
            .merge(read("max_side", "256").unwrap());
        assert_eq!(merged.min_strength, Some(MarkStrength::Strong));
        assert_eq!(merged.max_side, Some(256));
        assert_eq!(merged.strength(MarkStrength::Subtle), MarkStrength::Strong);
        assert!(read("max_side", "0").is_err() && read("add_labels", "a b").is_err());
        assert!(
            read("signer_class", "best")
                .unwrap_err()
                .contains("local, listed")
        );
    }
}
