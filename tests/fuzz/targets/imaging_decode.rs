//! Container walk and decoders: whatever comes in, a picture within the limits or an error comes out.
#![no_main]

use colophon_fuzz::{only_our_panics_count, pictures, write_seeds};
use colophon_imaging::{Limits, decode};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(
    init: {
        write_seeds(pictures::files);
        only_our_panics_count();
    },
    |data: &[u8]| -> Corpus {
        let limits = Limits {
            max_bytes: 1 << 20,
            max_pixels: 1 << 18,
            max_side: 1 << 14,
            max_frames: 20,
            max_icc_bytes: 1 << 16,
            max_text_bytes: 1 << 18,
            max_jpeg_scans: 20,
        };
        let Ok(picture) = decode(data, &limits) else {
            return Corpus::Keep;
        };
        let (width, height) = (u64::from(picture.width()), u64::from(picture.height()));
        assert!(width * height <= limits.max_pixels && width.max(height) <= 1 << 14);
        let samples = width * height * picture.channels().count() as u64;
        assert_eq!(samples, picture.samples().len() as u64);
        let metadata = &picture.metadata;
        let text = metadata.xmp.as_ref().map_or(0, Vec::len) + metadata.exif.as_ref().map_or(0, Vec::len);
        assert!(text as u64 <= 2 * limits.max_text_bytes, "{text} bytes of metadata");
        Corpus::Keep
    }
);
