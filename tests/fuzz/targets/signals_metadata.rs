//! Metadata of every dialect, in every container, under limits.
#![no_main]

use colophon_fuzz::{pictures, write_seeds};
use colophon_imaging::{Channels, EncodeOptions, Format, PngChunk, encode};
use colophon_signals::{Limits, read_metadata};
use libfuzzer_sys::fuzz_target;

/// Texts of the dialects, as PNG chunks.
const TEXTS: [(&str, &str); 6] = [
    (
        "parameters",
        "a fox <lora:x:1>\nNegative prompt: b\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, \
     Size: 512x512, Model hash: 0123456789, Model: m, Version: v1.10.1",
    ),
    (
        "prompt",
        r#"{"3":{"class_type":"KSampler","inputs":{"seed":1,"steps":20,"model":["4",0],"positive":["6",0]}},
     "4":{"class_type":"CheckpointLoaderSimple","inputs":{"ckpt_name":"m.safetensors"}},
     "6":{"class_type":"CLIPTextEncode","inputs":{"text":"a fox"}}}"#,
    ),
    (
        "invokeai_metadata",
        r#"{"app_version":"4.2.0","generation_mode":"txt2img","model":{"name":"m"},"seed":1}"#,
    ),
    (
        "Comment",
        r#"{"prompt":"a fox","steps":28,"signed_hash":"AAAA","request_type":"PromptGenerateRequest"}"#,
    ),
    (
        "Description",
        "a fox --ar 3:2 --v 6.1 Job ID: 00000000-0000-0000-0000-000000000000",
    ),
    (
        "AIGC",
        r#"{"Label":"1","ContentProducer":"x","ProduceID":"1","ReservedCode1":"","ContentPropagator":""}"#,
    ),
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = pictures::files();
    for (key, text) in TEXTS {
        let mut picture = pictures::plain(2, 2, Channels::Rgb, false);
        picture.metadata.comments = vec![text.as_bytes().to_vec()];
        picture.metadata.png_chunks = vec![PngChunk {
            kind: *b"tEXt",
            data: format!("{key}\0{text}").into_bytes(),
        }];
        for format in [Format::Png, Format::Jpeg] {
            seeds.extend(encode(&picture, &EncodeOptions::new(format)));
        }
    }
    // A box of MP4 and HEIC, a directory of TIFF, a JPEG XL container.
    seeds.push(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1\0\0\0\x10meta\0\0\0\0\0\0\0\0".to_vec());
    seeds.push(pictures::exif(1));
    seeds.push(
        b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl \0\0\0\x0cxml \x3cx/\x3e".to_vec(),
    );
    seeds
}

fuzz_target!(
    init: write_seeds(seeds),
    |data: &[u8]| {
        let limits = Limits {
            metadata_bytes: 1 << 18,
            piece_bytes: 1 << 16,
            pieces: 200,
            steps: 5_000,
            json_bytes: 1 << 16,
            json_values: 5_000,
            exif_entries: 500,
            scan_bytes: 1 << 16,
            ..Limits::default()
        };
        let found = read_metadata(data, &limits);
        let said: usize = found.signals.iter().flat_map(|signal| &signal.fields).map(|field| field.value.len()).sum();
        assert!(said <= 8 * limits.metadata_bytes, "{said} bytes from {}", data.len());
    }
);
