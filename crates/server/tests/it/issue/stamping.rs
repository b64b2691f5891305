//! `POST /v1/stamp` and the files that it leaves.

use colophon_imaging::{
    Channels, EncodeOptions, Format, Limits as PictureLimits, Picture, Samples, decode, encode,
};

use super::{Bench, SIDE, file, json_of};
use crate::running::{ask, get};

#[test]
fn a_picture_is_stamped_as_a_body_and_as_a_form() {
    let bench = Bench::new();
    let raw = bench.post(
        "/v1/stamp?generator=Camera&title=Rings",
        &[],
        &file(Format::Jpeg),
    );
    assert_eq!(raw.status, 200, "{raw:?}");
    let body = json_of(&raw);
    assert_eq!(body["format"], "jpeg");
    assert!(body["watermark_id"].is_string() && body["policy_hash"].is_string());
    let record = body["record"].as_str().unwrap();
    assert_eq!(body["id"], record.replacen('-', "/", 1));
    assert_eq!(
        body["links"]["proof"],
        format!("/v1/records/{record}/proof")
    );
    let told = body.to_string();
    assert!(!told.contains("press") && !told.contains("home"), "{told}");

    // The file, by its address alone.
    let path = body["links"]["file"].as_str().unwrap();
    assert!(body["url"].as_str().unwrap().ends_with(path));
    let served = get(bench.running.address(), path);
    assert_eq!(served.status, 200);
    assert_eq!(served.header("content-type"), Some("image/jpeg"));
    assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
    assert!(
        served
            .header("cache-control")
            .unwrap()
            .starts_with("private")
    );
    assert_eq!(served.body.len() as u64, body["bytes"]);
    let last = if path.ends_with("0.jpg") { '1' } else { '0' };
    let other = format!("{}{last}.jpg", &path[..path.len() - 5]);
    assert_eq!(get(bench.running.address(), &other).status, 404);

    let form = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (name, bytes) in parts {
            let head = format!(
                "--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"../x\"\r\n\r\n"
            );
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend(b"--B--\r\n");
        body
    };
    let kind = ("Content-Type", "multipart/form-data; boundary=B");
    let request = br#"{"format": "webp", "prompt": "kept in private"}"#;
    let picture = file(Format::Png);
    let body = form(&[("request", request), ("image", &picture)]);
    let image = bench.post("/v1/stamp", &[kind, ("Accept", "image/*")], &body);
    assert_eq!(image.status, 200, "{:?}", image.head);
    assert_eq!(image.header("content-type"), Some("image/webp"));
    let issued = decode(&image.body, &PictureLimits::default()).unwrap();
    assert_eq!(
        (issued.width(), issued.source_format()),
        (SIDE, Format::WebP)
    );
    assert!(image.header("x-colophon-record").is_some());
    assert!(image.header("x-colophon-watermark-id").is_some());
    assert!(
        image
            .header("link")
            .unwrap()
            .contains("rel=\"describedby\"")
    );
    assert!(!image.head.contains("private") || !image.head.contains("kept in"));
    let plain = form(&[("image", &picture), ("quality", b"80"), ("format", b"jpeg")]);
    assert_eq!(
        json_of(&bench.post("/v1/stamp", &[kind], &plain))["format"],
        "jpeg"
    );
    assert_eq!(bench.records().len(), 3);
}

#[test]
fn what_cannot_be_stamped_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    let picture = file(Format::Png);
    let long = vec![0; (4 << 20) + 1];
    // A PNG of 60,000 x 60,000 pixels by its head.
    let mut wide = picture.clone();
    wide[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let small = {
        let samples = Samples::U8(vec![90; 3 * 16 * 16]);
        let picture = Picture::new(16, 16, Channels::Rgb, samples).unwrap();
        encode(&picture, &EncodeOptions::new(Format::Png)).unwrap()
    };
    for (path, body, status, field) in [
        ("/v1/stamp", &long, 413, ""),
        ("/v1/stamp", &wide, 422, ""),
        ("/v1/stamp", &small, 422, "image"),
        ("/v1/stamp", &b"no picture".to_vec(), 415, "image"),
        ("/v1/stamp", &Vec::new(), 422, "image"),
        ("/v1/stamp?colour=red", &picture, 400, "colour"),
        ("/v1/stamp?quality=101", &picture, 400, "quality"),
        ("/v1/stamp?quality=high", &picture, 400, "quality"),
        ("/v1/stamp?source=guesswork", &picture, 400, "source"),
        ("/v1/stamp?format=gif", &picture, 400, "format"),
        ("/v1/stamp?source=digitalCapture", &picture, 403, ""),
        ("/v1/stamp?allow_unmarked=true", &picture, 403, ""),
    ] {
        let refused = bench.post(path, &[], body);
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        let problem = json_of(&refused);
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"));
        if !field.is_empty() {
            assert_eq!(problem["pointer"], field, "{problem}");
        }
    }
    let head = "POST /v1/stamp HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(ask(bench.running.address(), head.as_bytes()).status, 401);
    assert_eq!(bench.records().len(), 0);
}
