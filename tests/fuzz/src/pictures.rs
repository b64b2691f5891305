//! Small pictures with every kind of metadata, written by our own encoders.

use colophon_imaging::{
    Channels, Density, DensityUnit, EncodeOptions, Format, Metadata, Picture, PngChunk,
    ProvenanceXmp, Samples, encode,
};

/// What an issued picture says about itself.
pub fn provenance() -> ProvenanceXmp {
    ProvenanceXmp {
        digital_source_type:
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia".to_owned(),
        ai_system_used: Some("A <model> & more".to_owned()),
        ai_system_version: Some("2".to_owned()),
        creator_tool: Some("Colophon".to_owned()),
    }
}

/// A picture of gradients without metadata.
///
/// # Panics
/// Never: the sizes fit.
pub fn plain(width: u32, height: u32, channels: Channels, sixteen: bool) -> Picture {
    let count = width as usize * height as usize * channels.count();
    let value = |i: usize| (i * i * 7 + i * 31) % 65_521;
    let samples = if sixteen {
        Samples::U16((0..count).map(|i| value(i) as u16).collect())
    } else {
        Samples::U8((0..count).map(|i| (value(i) >> 8) as u8).collect())
    };
    Picture::new(width, height, channels, samples).expect("the sizes fit")
}

/// EXIF as cameras write it: orientation, maker, time.
pub fn exif(orientation: u16) -> Vec<u8> {
    let text = b"Example Camera\0\0";
    let mut block = b"II*\0\x08\0\0\0\x03\0".to_vec();
    let end = 8 + 2 + 3 * 12 + 4u32;
    for (tag, kind, count, value) in [
        (0x0110u16, 2u16, 16u32, end),
        (0x0112, 3, 1, orientation.into()),
        (0x0132, 2, 16, end + 16),
    ] {
        block.extend(tag.to_le_bytes());
        block.extend(kind.to_le_bytes());
        block.extend(count.to_le_bytes());
        block.extend(value.to_le_bytes());
    }
    block.extend([0; 4]);
    block.extend(text);
    block.extend(b"2026:11:26 12:00");
    block
}

/// A packet in which other programs have left properties.
pub const XMP: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmp:CreatorTool="Example" tiff:Orientation="6" e:DigitalSourceType="http://example.org/x">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &amp; b</rdf:li></rdf:Alt></dc:title><!-- c --></rdf:Description>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#;

/// All metadata that the formats have a place for.
pub fn metadata() -> Metadata {
    let mut icc = vec![0; 132];
    icc[..4].copy_from_slice(&132u32.to_be_bytes());
    icc[16..20].copy_from_slice(b"RGB ");
    let chunk = |kind: &[u8; 4], data: &[u8]| PngChunk {
        kind: *kind,
        data: data.to_vec(),
    };
    Metadata {
        icc: Some(icc),
        exif: Some(exif(6)),
        xmp: Some(XMP.as_bytes().to_vec()),
        iptc: Some(b"8BIM\x04\x04\0\0\0\0\0\x0b\x1c\x02\x78\0\x06A note\0".to_vec()),
        comments: vec![b"a comment".to_vec()],
        density: Some(Density {
            x: 300,
            y: 300,
            unit: DensityUnit::Inch,
        }),
        png_chunks: vec![
            chunk(b"gAMA", &45_455u32.to_be_bytes()),
            chunk(b"tEXt", b"parameters\0a fox\nSteps: 20, Seed: 1"),
            chunk(
                b"iTXt",
                b"prompt\0\0\0en\0\0{\"1\": {\"class_type\": \"KSampler\"}}",
            ),
        ],
    }
}

/// Pictures as PNG, JPEG, WebP and, written by hand, GIF and BMP.
pub fn files() -> Vec<Vec<u8>> {
    use Channels::{Gray, GrayAlpha, Rgb, Rgba};
    let mut files = vec![gif(), bmp()];
    for (channels, sixteen) in [
        (Gray, false),
        (GrayAlpha, true),
        (Rgb, false),
        (Rgb, true),
        (Rgba, false),
    ] {
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            for lossy in [None, Some(80.0)] {
                let mut picture = plain(17, 9, channels, sixteen);
                if lossy.is_none() {
                    picture.metadata = metadata();
                }
                let options = EncodeOptions {
                    webp_quality: lossy,
                    ..EncodeOptions::new(format)
                };
                files.extend(encode(&picture, &options));
            }
        }
    }
    files
}

fn gif() -> Vec<u8> {
    let mut file = b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    file.extend(b"\x21\xfe\x05hello\0");
    file.extend(b"\x21\xf9\x04\x01\x0a\0\0\0");
    file.extend(b"\x2c\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0\x3b");
    file
}

fn bmp() -> Vec<u8> {
    let mut file =
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0".to_vec();
    file.extend([0; 4]);
    file.extend(b"\x10\0\0\0\x13\x0b\0\0\x13\x0b\0\0\0\0\0\0\0\0\0\0");
    file.extend(b"\x01\x02\x03\x04\x05\x06\0\0\x07\x08\x09\x0a\x0b\x0c\0\0");
    file
}
