//! Does the picture show what the record's picture showed?

use colophon_fingerprint::{Decision, Fingerprint, MATCH_DISTANCE, Registration, Sketch, register};
use colophon_ledger::PrivatePart;
use colophon_policy::Binding;
use colophon_watermark::{Matrix, Placement, Plane};

use crate::report::Comparison;

/// The examined picture, for comparing.
#[derive(Clone, Copy)]
pub(crate) struct Examined<'a> {
    pub luma: &'a Plane,
    /// Where it lies in the issued picture, when a mark tells.
    pub placement: Option<&'a Placement>,
    /// Hashes of its eight turned and mirrored versions, when they may be used.
    pub hashes: Option<&'a [Fingerprint; 8]>,
}

impl Comparison {
    /// Nothing to compare.
    pub(crate) const NONE: Self = Self::without_scores(Binding::None);

    /// The file is the issued one, byte for byte.
    pub(crate) const EXACT: Self = Self::without_scores(Binding::Same);

    const fn without_scores(binding: Binding) -> Self {
        Self {
            binding,
            score: None,
            strength: None,
            overlap: None,
        }
    }

    /// The value that the rules judge alone: figures are for operators.
    pub(crate) const fn without_figures(self) -> Self {
        Self::without_scores(self.binding)
    }

    fn new(binding: Binding, found: &Registration) -> Self {
        Self {
            binding,
            score: Some(found.score),
            strength: Some(found.strength),
            overlap: Some(found.overlap),
        }
    }
}

/// Compares the picture with a record's private part.
pub(crate) fn compare(examined: Examined<'_>, recorded: &PrivatePart) -> Comparison {
    let sketch = recorded.sketch.as_deref().map(Sketch::from_bytes);
    let Some(Ok(sketch)) = sketch else {
        return Comparison::NONE;
    };
    match examined.placement {
        Some(placement) => {
            let (width, height) = sketch.original_size();
            let pose = placement.pose(width as usize, height as usize);
            registered(examined.luma, &sketch, pose.matrix).map_or(Comparison::NONE, |found| {
                Comparison::new(binding(found.decision), &found)
            })
        }
        None => compare_in_any_pose(examined, &sketch, recorded),
    }
}

/// Without a mark the pose is not known: a match in one of the likely ones is a match; that there
/// is none says little, unless the whole picture should have matched.
fn compare_in_any_pose(
    examined: Examined<'_>,
    sketch: &Sketch,
    recorded: &PrivatePart,
) -> Comparison {
    let (width, height) = sketch.original_size();
    let fit_x = examined.luma.width() as f64 / f64::from(width);
    let fit_y = examined.luma.height() as f64 / f64::from(height);
    let poses = [[[1.0, 0.0], [0.0, 1.0]], [[fit_x, 0.0], [0.0, fit_y]]];
    let found: Vec<Registration> = poses
        .into_iter()
        .filter_map(|pose| registered(examined.luma, sketch, pose))
        .collect();
    let Some(best) = found
        .iter()
        .max_by(|a, b| a.strength.total_cmp(&b.strength))
    else {
        return Comparison::NONE;
    };
    let hash_matches = examined
        .hashes
        .zip(recorded.fingerprint)
        .is_some_and(|(hashes, recorded)| nearest(hashes, recorded) <= MATCH_DISTANCE);
    let all_differ = found
        .iter()
        .all(|each| each.decision == Decision::Different);
    let decided = if best.decision == Decision::Same || hash_matches {
        Binding::Same
    } else if all_differ && examined.hashes.is_some() {
        Binding::Different
    } else {
        Binding::Undecided
    };
    Comparison::new(decided, best)
}

/// Smallest distance of any turned version from a recorded hash, bits.
pub(crate) fn nearest(hashes: &[Fingerprint; 8], recorded: [u8; 32]) -> u32 {
    let recorded = Fingerprint(recorded);
    let distances = hashes.iter().map(|hash| hash.distance(&recorded));
    distances.min().unwrap_or(u32::MAX)
}

fn registered(luma: &Plane, sketch: &Sketch, pose: Matrix) -> Option<Registration> {
    // A pose out of any sensible scale is no comparison, not a failure of the whole report.
    register(sketch, luma.data(), luma.width(), luma.height(), pose).ok()
}

fn binding(decision: Decision) -> Binding {
    match decision {
        Decision::Same => Binding::Same,
        Decision::Different => Binding::Different,
        Decision::Undecided => Binding::Undecided,
    }
}
