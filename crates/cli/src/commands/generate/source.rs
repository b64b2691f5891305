//! The picture that another one is made from, and its mask.

use std::path::Path;

use colophon_diffusion::{PaintMask, RgbImage, SourcePicture};
use colophon_imaging::{ImagingError, Limits, Picture, decode, read_bounded};
use colophon_provenance::Config;

use crate::args::Generate;
use crate::commands::Context;
use crate::failure::Failure;

/// The file, and its picture without what goes beyond the multiple that the model needs: half of that on either side.
///
/// # Errors
/// [`Failure::Imaging`]; [`Failure::Request`] where mask or size do not fit.
pub fn read(
    context: &Context<'_>,
    options: &Generate,
    path: &Path,
    multiple: u32,
) -> Result<(Vec<u8>, SourcePicture), Failure> {
    let limits = Config::load(Some(&context.home()?))?.limits();
    let (file, picture) = load(path, &limits)?;
    let cut = Cut::new(&picture, multiple)?;
    if let Some(asked) = options.size
        && (asked.width(), asked.height()) != (cut.width, cut.height)
    {
        return Err(Failure::Request(format!(
            "the picture to start from makes one of {}x{}; leave --size out, or scale the picture first",
            cut.width, cut.height
        )));
    }
    if (cut.width, cut.height) != (picture.width(), picture.height()) {
        context.printer.note(&format!(
            "{} is cut to {}x{}, since the model makes multiples of {multiple} pixels",
            path.display(),
            cut.width,
            cut.height
        ));
    }
    let mask = match &options.mask {
        Some(mask) => {
            let (_, mask) = load(mask, &limits)?;
            if (mask.width(), mask.height()) != (picture.width(), picture.height()) {
                return Err(Failure::Request(format!(
                    "the mask is {}x{}, the picture {}x{}; they must be of one size",
                    mask.width(),
                    mask.height(),
                    picture.width(),
                    picture.height()
                )));
            }
            let values = mask
                .luma()
                .iter()
                .map(|value| value.round() as u8)
                .collect::<Vec<u8>>();
            Some(PaintMask {
                width: cut.width,
                height: cut.height,
                values: cut.of(&values, 1),
            })
        }
        None => None,
    };
    let image = RgbImage {
        width: cut.width,
        height: cut.height,
        pixels: cut.of(&picture.to_rgb8(), 3),
    };
    let source = SourcePicture {
        image,
        strength: options.image_strength,
        mask,
    };
    Ok((file, source))
}

fn load(path: &Path, limits: &Limits) -> Result<(Vec<u8>, Picture), Failure> {
    let named = |error: ImagingError| Failure::Request(format!("{}: {error}", path.display()));
    let file = read_bounded(path, limits).map_err(named)?;
    let picture = decode(&file, limits).map_err(named)?;
    Ok((file, picture))
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
    fn new(picture: &Picture, multiple: u32) -> Result<Self, Failure> {
        let multiple = multiple.max(1);
        let side = |length: u32| length / multiple * multiple;
        let (width, height) = (side(picture.width()), side(picture.height()));
        if width == 0 || height == 0 {
            return Err(Failure::Request(format!(
                "the picture to start from is {}x{}; the model needs sides of at least {multiple} pixels",
                picture.width(),
                picture.height()
            )));
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
