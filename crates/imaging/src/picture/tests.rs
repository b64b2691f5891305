use proptest::prelude::*;

use super::*;

fn rgba(samples: &[u8]) -> Picture {
    let width = (samples.len() / 4) as u32;
    Picture::new(width, 1, Channels::Rgba, Samples::U8(samples.to_vec())).unwrap()
}

#[test]
fn luma_is_rec_601_at_both_depths_and_seen_on_white() {
    let rgb = Samples::U8(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 10, 10]);
    let picture = Picture::new(4, 1, Channels::Rgb, rgb).unwrap();
    let expected = [76.245, 149.685, 29.07, 10.0];
    for (luma, expected) in picture.luma().iter().zip(expected) {
        assert!((luma - expected).abs() < 1e-3);
    }
    let gray = Samples::U16(vec![0, 257, 65535]);
    let picture = Picture::new(3, 1, Channels::Gray, gray).unwrap();
    assert_eq!(picture.luma(), [0.0, 1.0, 255.0]);
    let luma = rgba(&[0, 0, 0, 0, 0, 0, 0, 51, 100, 100, 100, 255]).luma();
    assert!((luma[0] - 255.0).abs() < 1e-3);
    assert!((luma[1] - 204.0).abs() < 1e-3);
    assert!((luma[2] - 100.0).abs() < 1e-3);
}

#[test]
fn delta_is_rounded_clamped_and_spares_alpha() {
    let mut picture = rgba(&[250, 100, 3, 255, 9, 9, 9, 0, 9, 9, 9, 1]);
    picture.add_luma_delta(&[6.5, 50.0, -20.0]).unwrap();
    let expected = [255, 107, 10, 255, 9, 9, 9, 0, 0, 0, 0, 1];
    assert_eq!(picture.samples(), &Samples::U8(expected.to_vec()));

    let deep = Samples::U16(vec![1000, 65_500, 100]);
    let mut picture = Picture::new(3, 1, Channels::Gray, deep).unwrap();
    picture.add_luma_delta(&[0.5, 1.0, -1.0]).unwrap();
    // Half a unit of 8 bits is 128.5 of 16 bits.
    assert_eq!(picture.samples(), &Samples::U16(vec![1129, 65_535, 0]));
}

#[test]
fn a_wrong_delta_changes_nothing() {
    let mut picture = rgba(&[1, 2, 3, 255, 4, 5, 6, 255]);
    let before = picture.samples().clone();
    for delta in [
        &[1.0][..],
        &[1.0, 2.0, 3.0],
        &[1.0, f32::NAN],
        &[f32::INFINITY, 0.0],
    ] {
        assert!(picture.add_luma_delta(delta).is_err());
        assert_eq!(picture.samples(), &before);
    }
}

#[test]
fn psnr_of_known_pictures() {
    let a = rgba(&[10, 20, 30, 255, 40, 50, 60, 255]);
    assert_eq!(a.psnr(&a).unwrap(), f64::INFINITY);
    // Every colour sample off by one: 20 log10(255). Alpha does not count.
    let b = rgba(&[11, 21, 29, 255, 41, 49, 61, 7]);
    assert!((a.psnr(&b).unwrap() - 48.1308).abs() < 1e-3);
    let longer = rgba(&[0; 12]);
    assert!(a.psnr(&longer).is_err());
    let deep = Picture::new(2, 1, Channels::Rgba, Samples::U16(vec![0; 8])).unwrap();
    assert!(a.psnr(&deep).is_err());
}

#[test]
fn crop_takes_the_rectangle() {
    let samples = Samples::U8((0..12).collect());
    let picture = Picture::new(4, 3, Channels::Gray, samples).unwrap();
    let cut = picture.crop(1, 1, 2, 2).unwrap();
    assert_eq!((cut.width(), cut.height()), (2, 2));
    assert_eq!(cut.samples(), &Samples::U8(vec![5, 6, 9, 10]));
    for (x, y, width, height) in [
        (0, 0, 5, 1),
        (0, 0, 0, 1),
        (3, 0, 2, 1),
        (u32::MAX, 0, 2, 1),
    ] {
        assert!(picture.crop(x, y, width, height).is_err());
    }
}

#[test]
fn samples_must_fill_the_picture() {
    let three = || Samples::U8(vec![0; 3]);
    assert!(Picture::new(1, 1, Channels::Rgb, three()).is_ok());
    assert!(Picture::new(2, 1, Channels::Rgb, three()).is_err());
    assert!(Picture::new(0, 1, Channels::Rgb, Samples::U8(Vec::new())).is_err());
    assert!(Picture::new(u32::MAX, u32::MAX, Channels::Rgba, three()).is_err());
}

#[test]
fn rgb8_is_seen_on_white() {
    assert_eq!(
        rgba(&[9, 8, 7, 0, 9, 8, 7, 255]).to_rgb8(),
        [255, 255, 255, 9, 8, 7]
    );
    let deep = Samples::U16(vec![0, 65_535]);
    let gray = Picture::new(1, 1, Channels::GrayAlpha, deep).unwrap();
    assert_eq!(gray.to_rgb8(), [0, 0, 0]);
}

proptest! {
    /// Adding a change moves the luma by it, but for rounding, where nothing is clamped.
    #[test]
    fn delta_moves_luma(
        pixels in proptest::collection::vec([60..190_u8, 60..190_u8, 60..190_u8], 1..50),
        step in -50.0..50.0_f32,
    ) {
        let width = pixels.len() as u32;
        let samples = Samples::U8(pixels.concat());
        let mut picture = Picture::new(width, 1, Channels::Rgb, samples).unwrap();
        let before = picture.luma();
        picture.add_luma_delta(&vec![step; before.len()]).unwrap();
        for (before, after) in before.iter().zip(picture.luma()) {
            prop_assert!((after - before - step).abs() <= 0.501);
        }
    }
}
