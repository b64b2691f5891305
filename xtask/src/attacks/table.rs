//! The table: every attack with its group and its goal.

use image::imageops;

use super::{Row, chains, codec, filters, geometry, overlay, tone};

/// Group by group, in the order of the report.
pub const GROUPS: &[(&str, &[Row])] = &[
    ("none", &[("none", Some(0.99), |p, _| Ok(p.clone()))]),
    ("codec", CODEC),
    ("scale", SCALE),
    ("crop", CROP),
    ("rotate", ROTATE),
    ("warp", WARP),
    ("tone", TONE),
    ("filter", FILTER),
    ("noise", NOISE),
    ("overlay", OVERLAY),
    ("chain", CHAIN),
    ("combination", COMBINATION),
    (super::REGENERATION, REGENERATION),
];

const CODEC: &[Row] = &[
    ("JPEG 90", Some(0.99), |p, _| codec::jpeg(p, 90)),
    ("JPEG 70", Some(0.99), |p, _| codec::jpeg(p, 70)),
    ("JPEG 50", Some(0.99), |p, _| codec::jpeg(p, 50)),
    ("JPEG 50, 4:4:4", Some(0.99), |p, _| {
        codec::jpeg_full_chroma(p, 50)
    }),
    ("JPEG 30", Some(0.97), |p, _| codec::jpeg(p, 30)),
    ("JPEG 20", Some(0.70), |p, _| codec::jpeg(p, 20)),
    ("JPEG 15", Some(0.70), |p, _| codec::jpeg(p, 15)),
    ("JPEG 10", None, |p, _| codec::jpeg(p, 10)),
    ("JPEG 85, shift by 4, JPEG 60", Some(0.97), |p, _| {
        chains::jpeg_twice(p)
    }),
    ("WebP 80", Some(0.97), |p, _| codec::webp(p, 80.0)),
    ("WebP 50", Some(0.97), |p, _| codec::webp(p, 50.0)),
    ("WebP 30", Some(0.70), |p, _| codec::webp(p, 30.0)),
    ("WebP 20", Some(0.70), |p, _| codec::webp(p, 20.0)),
    ("AVIF 60", Some(0.97), |p, _| codec::avif(p, 60)),
    ("AVIF 35", Some(0.70), |p, _| codec::avif(p, 35)),
    ("GIF, 256 colours", Some(0.97), |p, _| Ok(codec::gif(p))),
    ("palette of 64 colours", Some(0.97), |p, _| {
        Ok(codec::palette(p, 64))
    }),
    ("posterised to 4 bits", Some(0.97), |p, _| {
        Ok(codec::posterised(p, 4))
    }),
];

const SCALE: &[Row] = &[
    ("0.25x", Some(0.80), |p, _| Ok(geometry::scaled(p, 0.25))),
    ("0.3x", Some(0.95), |p, _| Ok(geometry::scaled(p, 0.3))),
    ("0.5x", Some(0.95), |p, _| Ok(geometry::scaled(p, 0.5))),
    ("0.75x", Some(0.95), |p, _| Ok(geometry::scaled(p, 0.75))),
    ("1.5x", Some(0.95), |p, _| Ok(geometry::scaled(p, 1.5))),
    ("2x", Some(0.95), |p, _| Ok(geometry::scaled(p, 2.0))),
    ("0.5x and back", Some(0.95), |p, _| {
        Ok(geometry::restored(&geometry::scaled(p, 0.5), p))
    }),
    ("long side 256", Some(0.80), |p, _| {
        Ok(geometry::long_side(p, 256))
    }),
    ("0.6x without a filter", Some(0.95), |p, _| {
        Ok(geometry::picked(p, 0.6))
    }),
    ("width 0.8x", Some(0.95), |p, _| {
        Ok(geometry::stretched(p, 0.8, 1.0))
    }),
    ("height 0.8x", Some(0.95), |p, _| {
        Ok(geometry::stretched(p, 1.0, 0.8))
    }),
    ("width 1.25x", Some(0.95), |p, _| {
        Ok(geometry::stretched(p, 1.25, 1.0))
    }),
    ("width 0.7x", Some(0.95), |p, _| {
        Ok(geometry::stretched(p, 0.7, 1.0))
    }),
];

const CROP: &[Row] = &[
    ("75 % of the area", Some(0.99), |p, n| {
        Ok(geometry::cropped(p, 0.75, n))
    }),
    ("50 %", Some(0.98), |p, n| Ok(geometry::cropped(p, 0.5, n))),
    ("25 %", Some(0.92), |p, n| Ok(geometry::cropped(p, 0.25, n))),
    ("10 %", Some(0.60), |p, n| Ok(geometry::cropped(p, 0.1, n))),
    ("50 %, enlarged to full size", Some(0.98), |p, n| {
        Ok(geometry::restored(&geometry::cropped(p, 0.5, n), p))
    }),
    ("25 %, enlarged to full size", Some(0.92), |p, n| {
        Ok(geometry::restored(&geometry::cropped(p, 0.25, n), p))
    }),
    ("9 : 16 from the middle", Some(0.92), |p, _| {
        Ok(geometry::cut_to_aspect(p, 9, 16))
    }),
    ("3 : 1 from the middle", Some(0.92), |p, _| {
        Ok(geometry::cut_to_aspect(p, 3, 1))
    }),
];

const ROTATE: &[Row] = &[
    ("1 degree", Some(0.97), |p, _| Ok(geometry::rotated(p, 1.0))),
    ("2 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 2.0))
    }),
    ("5 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 5.0))
    }),
    ("10 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 10.0))
    }),
    ("10 degrees, cut to fit", Some(0.97), |p, _| {
        Ok(geometry::rotated_to_fit(p, 10.0))
    }),
    ("17 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 17.0))
    }),
    ("30 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 30.0))
    }),
    ("45 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 45.0))
    }),
    ("60 degrees", Some(0.97), |p, _| {
        Ok(geometry::rotated(p, 60.0))
    }),
    ("90 degrees", Some(0.97), |p, _| Ok(imageops::rotate90(p))),
    ("180 degrees", Some(0.97), |p, _| Ok(imageops::rotate180(p))),
    ("270 degrees", Some(0.97), |p, _| Ok(imageops::rotate270(p))),
    ("mirrored left to right", Some(0.97), |p, _| {
        Ok(imageops::flip_horizontal(p))
    }),
    ("mirrored top to bottom", Some(0.97), |p, _| {
        Ok(imageops::flip_vertical(p))
    }),
    ("transposed", Some(0.97), |p, _| Ok(geometry::transposed(p))),
];

const WARP: &[Row] = &[
    ("shear 0.05", Some(0.95), |p, _| {
        Ok(geometry::sheared(p, 0.05))
    }),
    ("shear 0.1", Some(0.95), |p, _| {
        Ok(geometry::sheared(p, 0.1))
    }),
    ("perspective 3 %", Some(0.95), |p, n| {
        Ok(geometry::perspective(p, 0.03, n))
    }),
    ("perspective 5 %", Some(0.95), |p, n| {
        Ok(geometry::perspective(p, 0.05, n))
    }),
    ("perspective 8 %", Some(0.70), |p, n| {
        Ok(geometry::perspective(p, 0.08, n))
    }),
    ("perspective 12 %", Some(0.70), |p, n| {
        Ok(geometry::perspective(p, 0.12, n))
    }),
    ("random bend of 1 %", None, |p, n| {
        Ok(geometry::bent(p, 0.01, n))
    }),
    ("8 rows and columns dropped", Some(0.95), |p, n| {
        Ok(geometry::lines_dropped(p, 8, n))
    }),
];

const TONE: &[Row] = &[
    ("brightness 0.5", Some(0.99), |p, _| {
        Ok(tone::brightness(p, 0.5))
    }),
    ("brightness 1.5", Some(0.99), |p, _| {
        Ok(tone::brightness(p, 1.5))
    }),
    ("contrast 0.5", Some(0.99), |p, _| {
        Ok(tone::contrast(p, 0.5))
    }),
    ("contrast 1.5", Some(0.99), |p, _| {
        Ok(tone::contrast(p, 1.5))
    }),
    ("saturation 0", Some(0.99), |p, _| {
        Ok(tone::saturation(p, 0.0))
    }),
    ("saturation 2", Some(0.99), |p, _| {
        Ok(tone::saturation(p, 2.0))
    }),
    ("hue turned by 30 degrees", Some(0.99), |p, _| {
        Ok(tone::hue(p, 30.0))
    }),
    ("hue turned by 90 degrees", Some(0.99), |p, _| {
        Ok(tone::hue(p, 90.0))
    }),
    ("gamma 0.5", Some(0.99), |p, _| Ok(tone::gamma(p, 0.5))),
    ("gamma 2", Some(0.99), |p, _| Ok(tone::gamma(p, 2.0))),
    ("grey", Some(0.99), |p, _| Ok(tone::grey(p))),
    ("negative", Some(0.99), |p, _| Ok(tone::inverted(p))),
    ("sepia", Some(0.99), |p, _| Ok(tone::sepia(p))),
    ("automatic contrast", Some(0.99), |p, _| {
        Ok(tone::auto_contrast(p))
    }),
    ("histogram equalised", Some(0.99), |p, _| {
        Ok(tone::equalised(p))
    }),
    ("warmer white", Some(0.99), |p, _| Ok(tone::warmer(p))),
    ("sharpened", Some(0.99), |p, _| Ok(filters::sharpened(p))),
    ("strong unsharp mask", Some(0.99), |p, _| {
        Ok(filters::unsharp(p, 2.0, 2.5))
    }),
];

const FILTER: &[Row] = &[
    ("Gaussian blur, sd 1", Some(0.99), |p, _| {
        Ok(filters::blurred(p, 1.0))
    }),
    ("Gaussian blur, sd 2", Some(0.95), |p, _| {
        Ok(filters::blurred(p, 2.0))
    }),
    ("Gaussian blur, sd 3", Some(0.70), |p, _| {
        Ok(filters::blurred(p, 3.0))
    }),
    ("box 5", Some(0.95), |p, _| Ok(filters::box_mean(p, 5, 5))),
    ("median 3", Some(0.99), |p, _| Ok(filters::median(p, 3))),
    ("median 5", Some(0.85), |p, _| Ok(filters::median(p, 5))),
    ("bilateral", Some(0.95), |p, _| {
        Ok(filters::bilateral(p, 20.0))
    }),
    ("non-local means", Some(0.85), |p, _| {
        Ok(filters::non_local_means(p, 5.0))
    }),
    ("motion blur 7", Some(0.95), |p, _| {
        Ok(filters::box_mean(p, 7, 1))
    }),
];

const NOISE: &[Row] = &[
    ("normal, sd 0.02", Some(0.99), |p, n| {
        Ok(filters::noisy(p, 0.02, n))
    }),
    ("normal, sd 0.05", Some(0.97), |p, n| {
        Ok(filters::noisy(p, 0.05, n))
    }),
    ("normal, sd 0.1", Some(0.85), |p, n| {
        Ok(filters::noisy(p, 0.1, n))
    }),
    ("salt and pepper 0.02", Some(0.95), |p, n| {
        Ok(filters::salt_and_pepper(p, 0.02, n))
    }),
    ("film grain 0.05", Some(0.95), |p, n| {
        Ok(filters::grainy(p, 0.05, n))
    }),
    ("speckle 0.1", Some(0.95), |p, n| {
        Ok(filters::speckled(p, 0.1, n))
    }),
];

const OVERLAY: &[Row] = &[
    ("25 % erased", Some(0.95), |p, n| {
        Ok(overlay::erased(p, 0.25, n))
    }),
    ("25 % erased in six", Some(0.95), |p, n| {
        Ok(overlay::erased_in_six(p, 0.25, n))
    }),
    ("caption bars of 12 %", Some(0.95), |p, _| {
        Ok(overlay::captioned(p, 0.12))
    }),
    ("letterboxed to a square", Some(0.95), |p, _| {
        Ok(overlay::letterboxed(p))
    }),
    ("collage at 0.8x", Some(0.95), |p, n| {
        Ok(overlay::collage(p, 0.8, n))
    }),
    ("collage at 0.5x", Some(0.85), |p, n| {
        Ok(overlay::collage(p, 0.5, n))
    }),
    ("lettered across", Some(0.95), |p, _| {
        Ok(overlay::lettered(p))
    }),
    ("seven stickers", Some(0.95), |p, n| {
        Ok(overlay::stickered(p, n))
    }),
];

const CHAIN: &[Row] = &[
    ("WhatsApp", Some(0.95), |p, _| chains::whatsapp(p)),
    ("WhatsApp twice", Some(0.95), |p, _| {
        chains::whatsapp_twice(p)
    }),
    ("Twitter", Some(0.95), |p, _| chains::twitter(p)),
    ("Instagram", Some(0.95), |p, _| chains::instagram(p)),
    ("messenger preview", Some(0.95), |p, _| chains::messenger(p)),
    ("screenshot of a telephone", Some(0.95), |p, n| {
        Ok(overlay::telephone_screen(p, n))
    }),
    ("screenshot, JPEG 70", Some(0.95), chains::screenshot_jpeg),
    (
        "screenshot, cut, 0.7x, JPEG 80",
        Some(0.95),
        chains::screenshot_cut,
    ),
];

const COMBINATION: &[Row] = &[
    (
        "turned 10, 0.8x, crop 50 %, JPEG 50",
        Some(0.80),
        chains::turned_cut_jpeg,
    ),
    (
        "mirrored, crop 50 %, WebP 50",
        Some(0.80),
        chains::mirrored_cut_webp,
    ),
    (
        "perspective 5 %, noise, JPEG 50",
        Some(0.80),
        chains::perspective_noise_jpeg,
    ),
    (
        "photograph of a screen",
        Some(0.80),
        chains::photographed_screen,
    ),
    (
        "crop 50 %, brightness 0.5, JPEG 40",
        Some(0.80),
        chains::cut_dark_jpeg,
    ),
    (
        "turned 7, crop 60 %, 0.6x, JPEG 50",
        Some(0.80),
        chains::turned_small_jpeg,
    ),
];

const REGENERATION: &[Row] = &[
    // A stand-in: no learned model is at hand.
    ("proxy: 0.5x, non-local means, back", None, |p, _| {
        Ok(filters::regenerated_proxy(p))
    }),
];
