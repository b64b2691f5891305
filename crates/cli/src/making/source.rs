//! The picture that another one is made from, and its mask.

use colophon_diffusion::{PaintMask, RgbImage, SourcePicture};
use colophon_imaging::{Picture, Samples};

/// What in a mask is drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskBy {
    /// What is white.
    White,
    /// What is transparent, as the OpenAI API has it; what is white in a mask without transparent places.
    Transparency,
}

/// Why a picture cannot be started from.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Another size was asked for.
    #[error("the picture to start from makes one of {0}x{1}", .made.0, .made.1)]
    Size {
        /// Width and height of what it makes.
        made: (u32, u32),
    },
    /// It is smaller than anything that the model makes.
    #[error("the picture to start from is {0}x{1}; the model needs sides of at least {least} pixels", .found.0, .found.1)]
    Small {
        /// Its width and height.
        found: (u32, u32),
        /// Shortest side, pixels.
        least: u32,
    },
    /// The mask is of another size.
    #[error("the mask is {0}x{1}, the picture {2}x{3}; they must be of one size", .mask.0, .mask.1, .picture.0, .picture.1)]
    Mask {
        /// Width and height of the mask.
        mask: (u32, u32),
        /// Width and height of the picture.
        picture: (u32, u32),
    },
}

/// A picture to start from, as a model takes it.
pub struct Start {
    /// Without what goes beyond the multiple that the model needs: half of that on either side.
    pub picture: SourcePicture,
    /// Whether something was cut off.
    pub was_cut: bool,
}

impl Start {
    /// `strength` is the share that is drawn anew, `size` what is asked for, `multiple` what the sides of the model's
    /// pictures are multiples of.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(
        picture: &Picture,
        mask: Option<(&Picture, MaskBy)>,
        strength: f32,
        size: Option<(u32, u32)>,
        multiple: u32,
    ) -> Result<Self, StartError> {
        let cut = Cut::new(picture, multiple)?;
        let made = (cut.width, cut.height);
        if size.is_some_and(|asked| asked != made) {
            return Err(StartError::Size { made });
        }
        let whole = size_of(picture);
        let mask = match mask {
            Some((mask, _)) if size_of(mask) != whole => {
                return Err(StartError::Mask {
                    mask: size_of(mask),
                    picture: whole,
                });
            }
            Some((mask, by)) => Some(PaintMask {
                width: cut.width,
                height: cut.height,
                values: cut.of(&values(mask, by), 1),
            }),
            None => None,
        };
        let image = RgbImage {
            width: cut.width,
            height: cut.height,
            pixels: cut.of(&picture.to_rgb8(), 3),
        };
        Ok(Self {
            was_cut: made != whole,
            picture: SourcePicture {
                image,
                strength,
                mask,
            },
        })
    }
}

fn size_of(picture: &Picture) -> (u32, u32) {
    (picture.width(), picture.height())
}

/// For each pixel how much of it is drawn anew, 255 for all.
fn values(mask: &Picture, by: MaskBy) -> Vec<u8> {
    if by == MaskBy::Transparency
        && let Some(clear) = transparency(mask)
    {
        return clear;
    }
    mask.luma()
        .iter()
        .map(|value| value.round() as u8)
        .collect()
}

/// 255 where a picture is transparent; `None` where no pixel of it is.
fn transparency(picture: &Picture) -> Option<Vec<u8>> {
    let channels = picture.channels();
    if !channels.has_alpha() {
        return None;
    }
    let last = channels.count() - 1;
    let clear: Vec<u8> = match picture.samples() {
        Samples::U8(samples) => {
            let pixels = samples.chunks_exact(channels.count());
            pixels.map(|pixel| 255 - pixel[last]).collect()
        }
        Samples::U16(samples) => {
            let pixels = samples.chunks_exact(channels.count());
            pixels.map(|pixel| 255 - (pixel[last] >> 8) as u8).collect()
        }
    };
    clear.iter().any(|value| *value > 0).then_some(clear)
}

/// The middle of a picture.
struct Cut {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    from_width: u32,
}

impl Cut {
    fn new(picture: &Picture, multiple: u32) -> Result<Self, StartError> {
        let multiple = multiple.max(1);
        let side = |length: u32| length / multiple * multiple;
        let (width, height) = (side(picture.width()), side(picture.height()));
        if width == 0 || height == 0 {
            return Err(StartError::Small {
                found: size_of(picture),
                least: multiple,
            });
        }
        Ok(Self {
            left: (picture.width() - width) / 2,
            top: (picture.height() - height) / 2,
            width,
            height,
            from_width: picture.width(),
        })
    }

    fn of(&self, values: &[u8], channels: usize) -> Vec<u8> {
        let row = |y: u32| {
            let start = (y as usize * self.from_width as usize + self.left as usize) * channels;
            &values[start..start + self.width as usize * channels]
        };
        (self.top..self.top + self.height)
            .flat_map(row)
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_imaging::Channels;

    fn rgba(pixels: [[u8; 4]; 4]) -> Picture {
        Picture::new(2, 2, Channels::Rgba, Samples::U8(pixels.concat())).unwrap()
    }

    #[test]
    fn a_mask_is_read_by_its_transparency_only_where_it_has_some() {
        let clear = rgba([[0, 0, 0, 0], [255, 255, 255, 255], [9, 9, 9, 255], [0; 4]]);
        assert_eq!(values(&clear, MaskBy::Transparency), [255, 0, 0, 255]);
        let solid = rgba([[255; 4], [0, 0, 0, 255], [0, 0, 0, 255], [255; 4]]);
        for by in [MaskBy::Transparency, MaskBy::White] {
            assert_eq!(values(&solid, by), [255, 0, 0, 255], "{by:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let picture = rgba([[255; 4]; 4]);
        let start = |size, multiple| Start::new(&picture, None, 0.5, size, multiple).map(|_| ());
        assert_eq!(start(Some((2, 2)), 2), Ok(()));
        assert_eq!(
            start(Some((4, 2)), 2),
            Err(StartError::Size { made: (2, 2) })
        );
        assert_eq!(
            start(None, 8),
            Err(StartError::Small {
                found: (2, 2),
                least: 8
            })
        );
        let small = Picture::new(1, 1, Channels::Gray, Samples::U8(vec![255])).unwrap();
        let masked = Start::new(&picture, Some((&small, MaskBy::White)), 0.5, None, 1);
        assert_eq!(
            masked.map(|_| ()),
            Err(StartError::Mask {
                mask: (1, 1),
                picture: (2, 2)
            })
        );
    }
}
