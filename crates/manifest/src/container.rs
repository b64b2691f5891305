//! A bounded walk through the container to the manifest store, before any parser sees it.
//!
//! Where the store lives (C2PA 2.4, section 11.3): JPEG APP11 segments (JPEG XT, ISO/IEC 18477-3),
//! the PNG chunk `caBX`, the RIFF chunk `C2PA`, the GIF application extension `C2PA_GIF`, and the `uuid`
//! box of ISO base media files (AVIF, HEIF). A truncated container is walked as far as it goes.

mod bmff;
mod refused;

use crate::ManifestError;
pub(crate) use refused::refused;

/// Most bytes of manifest data that are read. Genuine pictures carry tens of kilobytes.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Type of the description box of a C2PA manifest store.
const C2PA_STORE_UUID: [u8; 16] = *b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71";

/// The containers this crate handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Jpeg,
    Png,
    WebP,
    Gif,
    Avif,
    Heif,
}

impl Container {
    pub(crate) fn from_mime(mime: &str) -> Result<Self, ManifestError> {
        match mime {
            "image/jpeg" => Ok(Self::Jpeg),
            "image/png" => Ok(Self::Png),
            "image/webp" => Ok(Self::WebP),
            "image/gif" => Ok(Self::Gif),
            "image/avif" => Ok(Self::Avif),
            "image/heic" | "image/heif" => Ok(Self::Heif),
            other => Err(ManifestError::UnsupportedFormat(
                other.chars().take(80).collect(),
            )),
        }
    }

    pub(crate) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
            Self::Heif => "image/heic",
        }
    }

    pub(crate) fn can_sign(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP)
    }

    const ALL: [Self; 6] = [
        Self::Jpeg,
        Self::Png,
        Self::WebP,
        Self::Gif,
        Self::Avif,
        Self::Heif,
    ];

    fn matches(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => bytes.starts_with(&[0xff, 0xd8, 0xff]),
            Self::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            Self::WebP => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
            Self::Gif => bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a"),
            Self::Avif => bmff::kind(bytes) == Some(bmff::Kind::Avif),
            Self::Heif => bmff::kind(bytes) == Some(bmff::Kind::Heif),
        }
    }
}

/// The media type of a container this crate reads, by its first bytes.
pub fn media_type(asset: &[u8]) -> Option<&'static str> {
    let found = Container::ALL.into_iter().find(|each| each.matches(asset));
    found.map(Container::mime)
}

/// The manifest store (JUMBF) that `asset` carries, or `None`.
///
/// # Errors
/// [`ManifestError::UnsupportedFormat`], [`ManifestError::WrongFormat`];
/// [`ManifestError::TooLarge`] beyond [`MAX_MANIFEST_BYTES`], counted over all of the file.
pub fn extract_manifest_bytes(asset: &[u8], mime: &str) -> Result<Option<Vec<u8>>, ManifestError> {
    match find_store(asset, container_of(asset, mime)?)? {
        Found::Store(bytes) => Ok(Some(bytes)),
        Found::Nothing | Found::Damaged => Ok(None),
    }
}

/// The container of media type `mime`, or why a file of this kind is not looked into.
pub(crate) fn container_of(asset: &[u8], mime: &str) -> Result<Container, ManifestError> {
    Container::from_mime(mime).map_err(|error| match refused(asset) {
        Some(container) => ManifestError::RefusedContainer { container },
        None => error,
    })
}

/// What the walk found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Data in the place of a manifest store that does not begin like one.
    Damaged,
    Store(Vec<u8>),
}

pub(crate) fn find_store(asset: &[u8], container: Container) -> Result<Found, ManifestError> {
    if !container.matches(asset) {
        if let Some(container) = refused(asset) {
            return Err(ManifestError::RefusedContainer { container });
        }
        return Err(ManifestError::WrongFormat {
            expected: container.mime(),
        });
    }
    let mut stores = Stores::default();
    match container {
        Container::Jpeg => walk_jpeg(asset, &mut stores)?,
        Container::Png => walk_png(asset, &mut stores)?,
        Container::WebP => walk_riff(asset, &mut stores)?,
        Container::Gif => walk_gif(asset, &mut stores)?,
        Container::Avif | Container::Heif => bmff::walk(asset, &mut stores)?,
    }
    // APP11 segments hold other JUMBF as well; the other places belong to C2PA alone.
    let mention = |store: &Store| {
        let head = &store.bytes[..store.bytes.len().min(48)];
        head.windows(4).any(|word| word == b"c2pa")
    };
    let damaged = stores
        .list
        .iter()
        .any(|store| container != Container::Jpeg || mention(store));
    let whole = stores
        .list
        .into_iter()
        .map(|store| store.bytes)
        .find(|bytes| is_c2pa_store(bytes));
    Ok(match whole {
        Some(bytes) => Found::Store(bytes),
        None if damaged => Found::Damaged,
        None => Found::Nothing,
    })
}

/// Pieces of manifest data, joined by key and counted.
#[derive(Default)]
struct Stores {
    list: Vec<Store>,
    total: usize,
}

struct Store {
    key: u16,
    bytes: Vec<u8>,
}

impl Stores {
    fn count(&mut self, bytes: usize) -> Result<(), ManifestError> {
        self.total += bytes;
        if self.total > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge {
                limit: MAX_MANIFEST_BYTES,
            });
        }
        Ok(())
    }

    fn start(&mut self, key: u16, piece: &[u8]) -> Result<(), ManifestError> {
        self.count(piece.len())?;
        self.list.push(Store {
            key,
            bytes: piece.to_vec(),
        });
        Ok(())
    }

    fn extend(&mut self, key: u16, piece: &[u8]) -> Result<(), ManifestError> {
        self.count(piece.len())?;
        if let Some(store) = self.list.iter_mut().rev().find(|store| store.key == key) {
            store.bytes.extend_from_slice(piece);
        }
        Ok(())
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn is_c2pa_store(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"jumb")
        && bytes.get(12..16) == Some(b"jumd")
        && bytes.get(16..32) == Some(&C2PA_STORE_UUID)
}

fn walk_jpeg(asset: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let mut at = 2;
    while let Some(&byte) = asset.get(at) {
        let marker = asset.get(at + 1).copied().unwrap_or(0);
        // Entropy-coded data, its stuffed zeros, fill bytes and markers without a length.
        if byte != 0xff || matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8 | 0xff) {
            at += if byte == 0xff && marker != 0xff { 2 } else { 1 };
            continue;
        }
        let Some(length) = u16_at(asset, at + 2).map(usize::from) else {
            break;
        };
        if marker == 0xd9 || length < 2 {
            break;
        }
        if marker == 0xeb
            && let Some(segment) = asset.get(at + 4..at + 2 + length)
        {
            jpeg_segment(segment, stores)?;
        }
        at += 2 + length;
    }
    Ok(())
}

/// One APP11 segment: `JP`, box instance number (2 bytes), packet sequence number (4 bytes), then
/// the box header, repeated in every packet, and a part of the box.
fn jpeg_segment(segment: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let (Some(b"JP"), Some(instance), Some(sequence)) =
        (segment.get(..2), u16_at(segment, 2), u32_at(segment, 4))
    else {
        return Ok(());
    };
    let whole = segment.get(8..).unwrap_or_default();
    if sequence == 1 {
        return stores.start(instance, whole);
    }
    // A length of one announces a further eight bytes of length.
    let header = if u32_at(whole, 0) == Some(1) { 16 } else { 8 };
    stores.extend(instance, whole.get(header..).unwrap_or_default())
}

fn walk_png(asset: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let mut at = 8;
    while let (Some(length), Some(kind)) = (u32_at(asset, at), asset.get(at + 4..at + 8)) {
        let Some(end) = (at + 8).checked_add(length as usize) else {
            break;
        };
        if kind == b"caBX" {
            stores.start(
                0,
                asset.get(at + 8..end.min(asset.len())).unwrap_or_default(),
            )?;
        }
        at = end.saturating_add(4);
    }
    Ok(())
}

fn walk_riff(asset: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let mut at = 12;
    while let (Some(kind), Some(length)) = (asset.get(at..at + 4), u32_at(asset, at + 4)) {
        let length = length.swap_bytes() as usize;
        let Some(end) = (at + 8).checked_add(length) else {
            break;
        };
        if kind == b"C2PA" {
            stores.start(
                0,
                asset.get(at + 8..end.min(asset.len())).unwrap_or_default(),
            )?;
        }
        // Chunks are padded to an even length.
        at = end.saturating_add(length % 2);
    }
    Ok(())
}

fn walk_gif(asset: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let color_table = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            3 << ((flags & 7) + 1)
        }
    };
    let Some(&flags) = asset.get(10) else {
        return Ok(());
    };
    let mut at = 13 + color_table(flags);
    loop {
        match asset.get(at) {
            Some(0x2c) => {
                let Some(&flags) = asset.get(at + 9) else {
                    break;
                };
                // Image descriptor, colour table, code size.
                at = gif_sub_blocks(asset, at + 11 + color_table(flags), |_| Ok(()))?;
            }
            Some(0x21) => {
                let is_c2pa = asset.get(at + 1..at + 11) == Some(b"\xff\x0bC2PA_GIF");
                if is_c2pa {
                    stores.start(0, &[])?;
                    at = gif_sub_blocks(asset, at + 14, |piece| stores.extend(0, piece))?;
                } else {
                    at = gif_sub_blocks(asset, at + 2, |_| Ok(()))?;
                }
            }
            _ => break,
        }
    }
    Ok(())
}

fn gif_sub_blocks(
    asset: &[u8],
    mut at: usize,
    mut each: impl FnMut(&[u8]) -> Result<(), ManifestError>,
) -> Result<usize, ManifestError> {
    while let Some(&length) = asset.get(at) {
        if length == 0 {
            return Ok(at + 1);
        }
        each(
            asset
                .get(at + 1..at + 1 + usize::from(length))
                .unwrap_or_default(),
        )?;
        at += 1 + usize::from(length);
    }
    Ok(asset.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn store(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 38).unwrap().to_be_bytes();
        let head = [
            &length,
            b"jumb",
            &[0, 0, 0, 30],
            b"jumd",
            C2PA_STORE_UUID.as_slice(),
            b"\x03c2pa\0",
        ]
        .concat();
        [&head, payload].concat()
    }

    fn jpeg(store: &[u8], piece: usize) -> Vec<u8> {
        let mut asset = b"\xff\xd8\xff\xe0\x00\x04ab".to_vec();
        let (header, body) = store.split_at(8);
        for (index, part) in body.chunks(piece).enumerate() {
            let sequence = u32::try_from(index + 1).unwrap().to_be_bytes();
            let length = u16::try_from(part.len() + 18).unwrap().to_be_bytes();
            asset.extend(
                [
                    b"\xff\xeb",
                    &length[..],
                    b"JP\x02\x11",
                    &sequence,
                    header,
                    part,
                ]
                .concat(),
            );
        }
        // A scan with a stuffed zero and a restart marker, then the end.
        [
            &asset,
            b"\xff\xda\x00\x03\x00\x12\xff\x00\xff\xd0\x34\xff\xd9".as_slice(),
        ]
        .concat()
    }

    fn png(store: &[u8]) -> Vec<u8> {
        let length = u32::try_from(store.len()).unwrap().to_be_bytes();
        [
            b"\x89PNG\r\n\x1a\n\0\0\0\x02tEXtxx\0\0\0\0",
            &length[..],
            b"caBX",
            store,
            &[0; 4],
        ]
        .concat()
    }

    fn webp(store: &[u8]) -> Vec<u8> {
        let length = u32::try_from(store.len()).unwrap().to_le_bytes();
        [
            b"RIFF\0\0\0\0WEBPVP8L\x03\0\0\0xyz\0C2PA",
            &length[..],
            store,
        ]
        .concat()
    }

    fn gif(store: &[u8]) -> Vec<u8> {
        let mut asset = b"GIF89a\x01\0\x01\0\x80\0\0abcdef!\xf9\x04\0\0\0\0\0".to_vec();
        asset.extend(b"!\xff\x0bC2PA_GIF\x01\0\0");
        for part in store.chunks(255) {
            asset.push(u8::try_from(part.len()).unwrap());
            asset.extend(part);
        }
        [
            &asset,
            b"\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;".as_slice(),
        ]
        .concat()
    }

    proptest! {
        #[test]
        fn a_store_comes_out_of_every_container_as_it_went_in(payload in prop::collection::vec(any::<u8>(), 0..3000), piece in 20usize..2000) {
            let store = store(&payload);
            let cases = [("image/jpeg", jpeg(&store, piece)), ("image/png", png(&store)), ("image/webp", webp(&store)), ("image/gif", gif(&store))];
            for (mime, asset) in cases {
                prop_assert_eq!(extract_manifest_bytes(&asset, mime).unwrap(), Some(store.clone()), "{}", mime);
            }
        }

        #[test]
        fn no_bytes_make_the_walk_fail(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            for (mime, magic) in [
                ("image/jpeg", b"\xff\xd8\xff".as_slice()),
                ("image/png", b"\x89PNG\r\n\x1a\n"),
                ("image/webp", b"RIFF\0\0\0\0WEBP"),
                ("image/gif", b"GIF89a"),
            ] {
                let asset = [magic, &bytes].concat();
                prop_assert!(extract_manifest_bytes(&asset, mime).is_ok());
            }
        }
    }

    #[test]
    fn other_jumbf_is_not_a_manifest() {
        let mut other = store(b"");
        other[16] ^= 1;
        other[33..37].copy_from_slice(b"else");
        assert_eq!(
            find_store(&jpeg(&other, 100), Container::Jpeg).unwrap(),
            Found::Nothing
        );
    }

    #[test]
    fn a_store_with_a_broken_head_is_not_nothing() {
        for at in [4, 12, 16, 20] {
            let mut broken = store(b"");
            broken[at] ^= 1;
            for (asset, container) in [
                (jpeg(&broken, 100), Container::Jpeg),
                (png(&broken), Container::Png),
            ] {
                assert_eq!(
                    find_store(&asset, container).unwrap(),
                    Found::Damaged,
                    "{at}"
                );
            }
        }
    }
}
