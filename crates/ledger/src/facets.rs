//! What entries are looked up by besides the columns of their rows: which facts which tile of 256 entries holds.
//!
//! For each tile and each fact that an entry of it states there is one bitmap, and for each tile the span of its times.
//! So a commit touches a handful of rows however many records it enters, and a question skips whole tiles. All of it
//! follows from the leaves: it narrows a search and proves nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::event::{Event, EventKind};
use crate::leaf::Leaf;
use crate::query::Filter;
use crate::record::{Kind, PublicRecord};

/// Entries of a tile.
pub(crate) const WIDTH: u64 = 256;

/// A fact that an entry states, as the database numbers its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Facet {
    pub kind: i64,
    pub value: Vec<u8>,
}

const MODEL: i64 = 1;
const WEIGHTS: i64 = 2;
const SIGNER: i64 = 3;
const POLICY: i64 = 4;
const KIND: i64 = 5;

impl Facet {
    fn new(kind: i64, value: impl AsRef<[u8]>) -> Self {
        Self {
            kind,
            value: value.as_ref().to_vec(),
        }
    }

    fn of_kind(kind: Kind) -> Self {
        let number = match kind {
            Kind::Generate => 1,
            Kind::Stamp => 2,
        };
        Self::new(KIND, [number])
    }

    fn of_event(event: &Event) -> Vec<Self> {
        match &event.what {
            EventKind::Key(key) => vec![Self::new(SIGNER, key.key_id)],
            EventKind::PolicyPublished(it) => vec![Self::new(POLICY, it.bundle_sha256)],
            _ => Vec::new(),
        }
    }

    fn of_record(record: &PublicRecord) -> Vec<Self> {
        let mut facets = vec![
            Self::of_kind(record.kind),
            Self::new(SIGNER, record.signer_key_id),
            Self::new(POLICY, record.policy_hash),
        ];
        if let Some(agent) = &record.generator {
            facets.push(Self::new(MODEL, &agent.name));
        }
        if let Some(generation) = &record.generation {
            facets.push(Self::new(MODEL, &generation.model_id));
            let files = generation.weights.iter();
            facets.extend(files.map(|file| Self::new(WEIGHTS, file.sha256)));
        }
        facets
    }

    /// What every entry states that the filter admits.
    pub fn of_filter(filter: &Filter) -> Vec<Self> {
        let hash = |kind, hash: &Option<[u8; 32]>| hash.map(|hash| Self::new(kind, hash));
        [
            filter.kind.map(Self::of_kind),
            filter.model.as_ref().map(|name| Self::new(MODEL, name)),
            hash(WEIGHTS, &filter.weights),
            hash(SIGNER, &filter.signer),
            hash(POLICY, &filter.policy),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What one entry states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    /// Unix seconds.
    pub time: i64,
    pub facets: Vec<Facet>,
}

impl Stated {
    pub fn of_record(record: &PublicRecord) -> Self {
        Self {
            time: record.issued_at,
            facets: Facet::of_record(record),
        }
    }

    pub fn of_event(event: &Event) -> Self {
        Self {
            time: event.time,
            facets: Facet::of_event(event),
        }
    }

    /// What leaf bytes state; `None` where they are no leaf.
    pub fn of_leaf(leaf: &[u8]) -> Option<Self> {
        match Leaf::decode(leaf).ok()? {
            Leaf::Record(record) => Some(Self::of_record(&record)),
            Leaf::Event(event) => Some(Self::of_event(&event)),
        }
    }
}

/// Which entries of a tile: entry `i` is bit `i % 8` of byte `i / 8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub [u8; 32]);

impl Bits {
    pub const NONE: Self = Self([0; 32]);
    pub const ALL: Self = Self([0xff; 32]);

    pub fn set(&mut self, offset: u8) {
        self.0[usize::from(offset / 8)] |= 1 << (offset % 8);
    }

    pub fn has(&self, offset: u8) -> bool {
        self.0[usize::from(offset / 8)] >> (offset % 8) & 1 == 1
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    pub fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }

    pub fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    pub fn or(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// The entries, in order.
    pub fn offsets(self) -> impl DoubleEndedIterator<Item = u8> {
        (0..=u8::MAX).filter(move |offset| self.has(*offset))
    }
}

/// What some entries of one tile state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TileFacts {
    /// Earliest and latest time, Unix seconds.
    pub span: (i64, i64),
    pub facets: BTreeMap<Facet, Bits>,
}

impl TileFacts {
    /// By tile, what neighbouring entries state, the first of which stands at `first`. What is no leaf states nothing.
    pub fn of<'a>(
        first: u64,
        entries: impl IntoIterator<Item = Option<Cow<'a, Stated>>>,
    ) -> BTreeMap<u64, Self> {
        let mut tiles = BTreeMap::new();
        for (index, stated) in (first..).zip(entries) {
            if let Some(stated) = stated {
                Self::add(&mut tiles, index, &stated);
            }
        }
        tiles
    }

    /// [`TileFacts::of`] leaf bytes.
    pub fn of_leaves<'a>(
        first: u64,
        leaves: impl IntoIterator<Item = &'a [u8]>,
    ) -> BTreeMap<u64, Self> {
        let stated = leaves.into_iter().map(Stated::of_leaf);
        Self::of(first, stated.map(|stated| stated.map(Cow::Owned)))
    }

    fn add(tiles: &mut BTreeMap<u64, Self>, index: u64, stated: &Stated) {
        let time = stated.time;
        let tile = tiles.entry(index / WIDTH).or_insert_with(|| Self {
            span: (time, time),
            facets: BTreeMap::new(),
        });
        tile.span = (tile.span.0.min(time), tile.span.1.max(time));
        for facet in &stated.facets {
            let offset = (index % WIDTH) as u8;
            // Neighbours state the same: what is known need not be copied.
            if let Some(bits) = tile.facets.get_mut(facet) {
                bits.set(offset);
            } else {
                tile.facets
                    .entry(facet.clone())
                    .or_insert(Bits::NONE)
                    .set(offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::tests::events;
    use crate::record::Prepared;
    use crate::record::tests::records;

    fn leaves() -> impl Strategy<Value = Leaf> {
        prop_oneof![
            records().prop_map(|it| Leaf::decode(&Prepared::new(it).unwrap().leaf).unwrap()),
            events().prop_map(|it| Leaf::Event(Box::new(it))),
        ]
    }

    fn stated(leaf: &Leaf) -> Vec<Facet> {
        Stated::of_leaf(&leaf.encode()).unwrap().facets
    }

    /// A filter made of what a leaf says, with the parts chosen by the bits of `which`.
    fn asking_for(leaf: &Leaf, which: u8) -> Filter {
        let on = |bit: u8| which >> bit & 1 == 1;
        let mut filter = Filter {
            entries: crate::query::Entries::All,
            ..Filter::default()
        };
        match leaf {
            Leaf::Record(record) => {
                let generation = record.generation.as_ref();
                let weights = generation.and_then(|it| it.weights.first());
                let name = if on(0) {
                    record.generator.as_ref().map(|it| it.name.clone())
                } else {
                    generation.map(|it| it.model_id.clone())
                };
                filter.model = name.filter(|_| on(1));
                filter.weights = weights.map(|file| file.sha256).filter(|_| on(2));
                filter.signer = on(3).then_some(record.signer_key_id);
                filter.policy = on(4).then_some(record.policy_hash);
                filter.kind = on(5).then_some(record.kind);
            }
            Leaf::Event(event) => match &event.what {
                EventKind::Key(key) => filter.signer = on(0).then_some(key.key_id),
                EventKind::PolicyPublished(it) => {
                    filter.policy = on(0).then_some(it.bundle_sha256);
                }
                _ => {}
            },
        }
        filter
    }

    proptest! {
        /// Else a search would miss an entry that it must find.
        #[test]
        fn what_a_filter_admits_states_all_that_the_filter_asks_for(leaf in leaves(), which: u8) {
            let filter = asking_for(&leaf, which);
            prop_assert!(filter.admits(&leaf.encode()).unwrap());
            let stated = stated(&leaf);
            for asked in Facet::of_filter(&filter) {
                prop_assert!(stated.contains(&asked), "{asked:?} of {stated:?}");
            }
        }

        #[test]
        fn each_leaf_is_found_in_its_tile(leaves in proptest::collection::vec(leaves(), 1..9), first in 250_u64..260) {
            let bytes: Vec<Vec<u8>> = leaves.iter().map(Leaf::encode).collect();
            let tiles = TileFacts::of_leaves(first, bytes.iter().map(Vec::as_slice));
            for (index, leaf) in (first..).zip(&leaves) {
                let tile = &tiles[&(index / WIDTH)];
                prop_assert!(tile.span.0 <= leaf.time() && leaf.time() <= tile.span.1);
                for facet in stated(leaf) {
                    prop_assert!(tile.facets[&facet].has((index % WIDTH) as u8));
                }
            }
            let set: u32 = tiles.values().flat_map(|tile| tile.facets.values()).map(Bits::count).sum();
            let mut stated = leaves.iter().map(stated).collect::<Vec<_>>();
            for facets in &mut stated {
                facets.sort();
                facets.dedup();
            }
            prop_assert_eq!(set as usize, stated.iter().map(Vec::len).sum::<usize>(), "and nothing else");
        }

        #[test]
        fn bits_are_a_set(a: [u8; 32], b: [u8; 32]) {
            let (a, b) = (Bits(a), Bits(b));
            let both: Vec<u8> = a.offsets().filter(|it| b.has(*it)).collect();
            prop_assert_eq!(a.and(&b).offsets().collect::<Vec<_>>(), both);
            prop_assert_eq!(a.or(&b).count(), a.count() + b.count() - a.and(&b).count());
            let mut made = Bits::NONE;
            a.offsets().for_each(|offset| made.set(offset));
            prop_assert_eq!(made, a);
        }
    }
}
