//! A bounded walk over a manifest store's boxes (JUMBF, ISO/IEC 19566-5), before the validator parses them.

use std::ops::Range;

use crate::ManifestError;
use crate::container::u32_at;

/// Most boxes of a store. Genuine stores have some ten a manifest.
pub const MAX_BOXES: usize = 20_000;
/// Deepest nesting of boxes; C2PA needs five levels.
pub const MAX_DEPTH: usize = 12;
/// Most manifests of a store. The validator goes 200 ingredients deep and no further.
pub const MAX_MANIFESTS: usize = 256;

/// One manifest of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestBox {
    pub label: String,
    /// Its bytes within the store.
    pub range: Range<usize>,
}

impl ManifestBox {
    /// The COSE signature over the claim.
    pub(crate) fn signature<'a>(&self, store: &'a [u8]) -> Option<&'a [u8]> {
        let manifest = next_box(store, self.range.start, self.range.end)?;
        let mut at = manifest.content.start;
        while let Some(found) = next_box(store, at, manifest.content.end) {
            at = found.whole.end;
            let content = store.get(found.content.clone())?;
            if description_label(content).as_deref() == Some("c2pa.signature") {
                let description = next_box(store, found.content.start, found.content.end)?;
                let cose = next_box(store, description.whole.end, found.content.end)?;
                return store.get(cose.content);
            }
        }
        None
    }
}

/// What the walk found: the manifests in order, the active one last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub manifests: Vec<ManifestBox>,
    /// Where the description of the store ends.
    description_end: usize,
}

impl Survey {
    /// Walks over every box.
    ///
    /// # Errors
    /// [`ManifestError::TooComplex`] beyond a limit. A broken store is walked as far as it goes.
    pub(crate) fn of(store: &[u8]) -> Result<Self, ManifestError> {
        let mut survey = Self::default();
        let Some(whole) = next_box(store, 0, store.len()) else {
            return Ok(survey);
        };
        let mut count = 0;
        // Superboxes still to be walked: where, up to where, how deep.
        let mut open = vec![(whole.content, 1usize)];
        while let Some((range, depth)) = open.pop() {
            let mut at = range.start;
            while let Some(found) = next_box(store, at, range.end) {
                count += 1;
                too_many(count, MAX_BOXES, "boxes")?;
                at = found.whole.end;
                match &found.kind {
                    b"jumd" if depth == 1 && survey.description_end == 0 => {
                        survey.description_end = found.whole.end;
                    }
                    b"jumb" => {
                        too_many(depth + 1, MAX_DEPTH, "levels of boxes")?;
                        if depth == 1 {
                            survey.add(store, &found)?;
                        }
                        open.push((found.content, depth + 1));
                    }
                    _ => {}
                }
            }
        }
        Ok(survey)
    }

    fn add(&mut self, store: &[u8], found: &Found) -> Result<(), ManifestError> {
        too_many(self.manifests.len() + 1, MAX_MANIFESTS, "manifests")?;
        self.manifests.push(ManifestBox {
            label: description_label(&store[found.content.clone()]).unwrap_or_default(),
            range: found.whole.clone(),
        });
        Ok(())
    }

    /// The label of the active manifest, which is the last one.
    pub(crate) fn active(&self) -> Option<&ManifestBox> {
        self.manifests.last()
    }

    /// A store of one manifest alone, to be judged by itself.
    pub(crate) fn alone(&self, store: &[u8], manifest: &ManifestBox) -> Option<Vec<u8>> {
        let description = store.get(8..self.description_end)?;
        let content = store.get(manifest.range.clone())?;
        let length = u32::try_from(8 + description.len() + content.len()).ok()?;
        Some(
            [
                &length.to_be_bytes(),
                b"jumb".as_slice(),
                description,
                content,
            ]
            .concat(),
        )
    }
}

/// The active manifest of a store, in a store of its own; `None` when the boxes cannot be read.
pub fn active_manifest(store: &[u8]) -> Option<Vec<u8>> {
    let survey = Survey::of(store).ok()?;
    survey.alone(store, survey.active()?)
}

fn too_many(count: usize, limit: usize, what: &'static str) -> Result<(), ManifestError> {
    if count > limit {
        return Err(ManifestError::TooComplex { what, limit });
    }
    Ok(())
}

struct Found {
    kind: [u8; 4],
    whole: Range<usize>,
    content: Range<usize>,
}

/// The box at `at`; `None` at the end and for a box that does not fit.
fn next_box(bytes: &[u8], at: usize, end: usize) -> Option<Found> {
    let kind: [u8; 4] = bytes
        .get(at.checked_add(4)?..at.checked_add(8)?)?
        .try_into()
        .ok()?;
    let (length, header) = match u32_at(bytes, at)? {
        // A length of zero goes to the end, one of one announces eight further bytes of length.
        0 => (end.checked_sub(at)?, 8),
        1 => {
            let long: [u8; 8] = bytes.get(at + 8..at + 16)?.try_into().ok()?;
            (usize::try_from(u64::from_be_bytes(long)).ok()?, 16)
        }
        short => (short as usize, 8),
    };
    let stop = at.checked_add(length)?;
    (length >= header && stop <= end).then_some(Found {
        kind,
        whole: at..stop,
        content: at + header..stop,
    })
}

/// The label in a JUMBF description box: length, `jumd`, type (16 bytes), toggles, text, zero.
fn description_label(description: &[u8]) -> Option<String> {
    const HAS_LABEL: u8 = 0x02;
    (description.get(4..8)? == b"jumd" && description.get(24)? & HAS_LABEL != 0).then_some(())?;
    let text = description.get(25..)?.split(|&byte| byte == 0).next()?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
        [&length[..], &kind, content].concat()
    }

    fn superbox(label: &str, content: &[u8]) -> Vec<u8> {
        let description = boxed(
            *b"jumd",
            &[&[7; 16], &[3][..], label.as_bytes(), &[0]].concat(),
        );
        boxed(*b"jumb", &[&description, content].concat())
    }

    #[test]
    fn manifests_are_told_apart_and_can_stand_alone() {
        let (one, two) = (
            superbox("urn:one", &boxed(*b"cbor", b"1")),
            superbox("urn:two", b""),
        );
        let store = superbox("c2pa", &[one.clone(), two].concat());
        let survey = Survey::of(&store).unwrap();
        let labels: Vec<&str> = survey
            .manifests
            .iter()
            .map(|each| each.label.as_str())
            .collect();
        assert_eq!(labels, ["urn:one", "urn:two"]);
        assert_eq!(survey.active().unwrap().label, "urn:two");
        let alone = survey.alone(&store, &survey.manifests[0]).unwrap();
        assert_eq!(alone, superbox("c2pa", &one));
    }

    #[test]
    fn too_much_of_anything_is_refused() {
        let deep = (0..=MAX_DEPTH).fold(Vec::new(), |inner, _| superbox("x", &inner));
        let many = superbox(
            "c2pa",
            &superbox("urn:one", &boxed(*b"free", b"").repeat(MAX_BOXES)),
        );
        let manifests = superbox("c2pa", &superbox("urn:one", b"").repeat(MAX_MANIFESTS + 1));
        for (store, expected) in [
            (deep, "levels of boxes"),
            (many, "boxes"),
            (manifests, "manifests"),
        ] {
            match Survey::of(&store) {
                Err(ManifestError::TooComplex { what, .. }) => assert_eq!(what, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn boxes_that_go_to_the_end_do_not_nest_without_end() {
        let endless = superbox("c2pa", &[0, 0, 0, 0, b'j', b'u', b'm', b'b'].repeat(40));
        assert!(matches!(
            Survey::of(&endless),
            Err(ManifestError::TooComplex {
                what: "levels of boxes",
                ..
            })
        ));
    }

    #[test]
    fn the_signature_is_found_by_its_label() {
        let signature = superbox("c2pa.signature", &boxed(*b"cbor", b"cose"));
        let store = superbox(
            "c2pa",
            &superbox(
                "urn:one",
                &[superbox("c2pa.claim.v2", b""), signature].concat(),
            ),
        );
        let survey = Survey::of(&store).unwrap();
        assert_eq!(
            survey.active().unwrap().signature(&store),
            Some(b"cose".as_slice())
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Survey::of(&bytes);
            let _ = Survey::of(&superbox("c2pa", &bytes));
        }
    }
}
