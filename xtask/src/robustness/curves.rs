//! Recovery against the strength of an attack, as drawings.

use std::path::Path;

use anyhow::{Context, Result};
use image::RgbImage;

use super::measure;
use super::options::Options;
use crate::attacks::{codec, geometry};
use crate::chart::{Chart, Point};

/// An attack with a strength.
struct Curve {
    file: &'static str,
    title: &'static str,
    axis: &'static str,
    strengths: &'static [f64],
    apply: fn(&RgbImage, f64, u64) -> Result<RgbImage>,
}

const CURVES: [Curve; 4] = [
    Curve {
        file: "jpeg.svg",
        title: "Recovery after JPEG",
        axis: "JPEG quality (4:2:0)",
        strengths: &[5.0, 7.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0],
        apply: |p, quality, _| codec::jpeg(p, quality as u8),
    },
    Curve {
        file: "rotation.svg",
        title: "Recovery after rotation",
        axis: "degrees, black corners",
        strengths: &[0.5, 3.0, 8.0, 15.0, 22.5, 30.0, 37.5, 45.0, 60.0, 75.0],
        apply: |p, degrees, _| Ok(geometry::rotated(p, degrees)),
    },
    Curve {
        file: "scale.svg",
        title: "Recovery after scaling",
        axis: "scale",
        strengths: &[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6],
        apply: |p, factor, _| Ok(geometry::scaled(p, factor)),
    },
    Curve {
        file: "crop.svg",
        title: "Recovery after cropping",
        axis: "share of the area kept",
        strengths: &[0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8],
        apply: |p, area, number| Ok(geometry::cropped(p, area, number)),
    },
];

/// Measures every curve and writes one drawing for each into `folder`.
pub fn draw(pictures: &[RgbImage], options: &Options, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for curve in &CURVES {
        let points = curve
            .strengths
            .iter()
            .map(|&strength| {
                let hits = measure::hits(pictures, options, |p, n| (curve.apply)(p, strength, n))?;
                let (low, high) = hits.interval();
                Ok(Point {
                    x: strength,
                    y: hits.rate(),
                    low,
                    high,
                })
            })
            .collect::<Result<_>>()?;
        let chart = Chart {
            title: format!("{} ({} pictures)", curve.title, pictures.len()),
            x_label: curve.axis.into(),
            y_label: "exact ids, 95 % interval".into(),
            points,
        };
        let path = folder.join(curve.file);
        std::fs::write(&path, chart.svg())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
