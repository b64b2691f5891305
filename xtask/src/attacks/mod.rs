//! What happens to pictures: deterministic attacks for the robustness table.
//!
//! The list joins those of the published benchmarks (WAVES, ICML 2024; Omni Seal Bench, 2025;
//! `StirMark`, IH 1998) with what services and screens do. An attack sees a picture and its
//! number, from which every random choice follows; nothing depends on the machine.

pub mod chains;
pub mod codec;
pub mod edits;
pub mod filters;
pub mod geometry;
pub mod overlay;
pub mod raster;
mod table;
pub mod tone;

use std::borrow::Cow;

use anyhow::Result;
use image::RgbImage;

/// Group of the attacks that make the whole picture anew, every pixel in its place.
pub const REGENERATION: &str = "regeneration";

/// One named thing that may happen to a picture.
pub struct Attack {
    /// Name in the table.
    pub name: Cow<'static, str>,
    /// What kind of attack it is.
    pub group: &'static str,
    /// The rate of exact recovery that we aim at, 0 to 1; `None` where it is only reported.
    pub goal: Option<f64>,
    /// The transformation of a picture and its number in the folder.
    pub apply: Box<Transformation>,
}

/// A picture and its number to what becomes of it.
pub type Transformation = dyn Fn(&RgbImage, u64) -> Result<RgbImage> + Send + Sync;

/// Name, goal, transformation.
type Row = (
    &'static str,
    Option<f64>,
    fn(&RgbImage, u64) -> Result<RgbImage>,
);

/// All attacks, group by group, in the order of the table.
pub fn all() -> impl Iterator<Item = Attack> {
    table::GROUPS.iter().flat_map(|(group, rows)| {
        rows.iter().map(|&(name, goal, apply)| Attack {
            name: name.into(),
            group,
            goal,
            apply: Box::new(apply),
        })
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashSet;

    use image::Rgb;

    use super::*;

    /// A small picture with areas, edges, texture and colours.
    pub(crate) fn scene(number: u64) -> RgbImage {
        let mut random = raster::Random::new(number, "scene");
        let picture = RgbImage::from_fn(360, 240, |x, y| {
            let (fx, fy) = (x as f32, y as f32);
            let rough = if x > 200 {
                30.0 * random.normal()
            } else {
                4.0 * random.normal()
            };
            let edge = if (x / 40 + y / 40) % 2 == 0 {
                40.0
            } else {
                0.0
            };
            let base = 60.0 + 0.25 * fx + 0.2 * fy + edge + rough;
            Rgb([
                base,
                base * 0.8 + 20.0 * (fx / 31.0).sin(),
                200.0 - base * 0.6,
            ]
            .map(raster::sample))
        });
        filters::blurred(&picture, 0.8)
    }

    #[test]
    fn names_are_unique_within_a_group_and_there_are_enough() {
        let names: HashSet<_> = all().map(|a| (a.group, a.name)).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() >= 75);
    }

    #[test]
    fn every_attack_but_the_first_changes_the_picture_the_same_way_each_time() {
        let picture = scene(9);
        for attack in all().skip(1) {
            let once = (attack.apply)(&picture, 4).unwrap();
            assert_ne!(once, picture, "{}", attack.name);
            assert_eq!(
                once,
                (attack.apply)(&picture, 4).unwrap(),
                "{}",
                attack.name
            );
        }
    }

    #[test]
    fn attacks_with_chance_depend_on_the_picture_number() {
        let picture = scene(9);
        for name in [
            "50 %",
            "perspective 5 %",
            "normal, sd 0.05",
            "25 % erased",
            "collage at 0.5x",
        ] {
            let attack = all().find(|a| a.name == name).unwrap();
            assert_ne!(
                (attack.apply)(&picture, 1).unwrap(),
                (attack.apply)(&picture, 2).unwrap(),
                "{name}"
            );
        }
    }
}
