//! Pictures in the terminal, for terminals that can show them.

mod inline;
mod kitty;
mod quantise;
#[cfg(unix)]
mod query;
mod sixel;

use std::io::{self, IsTerminal as _};
use std::path::Path;

use colophon_diffusion::RgbImage;
use colophon_imaging::{
    Channels, EncodeOptions, Format, Limits, Picture, Samples, decode, encode, read_bounded,
};

use crate::args::{Generate, Show};
use crate::commands::Context;
use crate::failure::Failure;
use crate::printer::raw;

/// Longest side shown, pixels.
const SIDE: u32 = 320;

/// A way to show pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// Kitty graphics protocol.
    Kitty,
    /// iTerm2 inline images protocol.
    Inline,
    /// DEC sixel graphics.
    Sixel,
}

/// Shows the issued picture in `path`, if that is wanted and the terminal can. What is shown is read
/// from the file, so that it carries the mark like the file itself.
///
/// # Errors
/// [`Failure::Imaging`] if the file is gone again, [`Failure::Output`].
pub fn picture(context: &Context<'_>, options: &Generate, path: &Path) -> Result<(), Failure> {
    let wanted = match options.show {
        Show::Never => None,
        Show::Always => Some(from_environment(&variable).unwrap_or(Protocol::Sixel)),
        Show::Auto if context.printer.is_quiet() || options.issue.json => None,
        Show::Auto if !io::stdout().is_terminal() => None,
        Show::Auto => from_environment(&variable).or_else(from_terminal),
    };
    let Some(protocol) = wanted else {
        return Ok(());
    };
    let limits = Limits::default();
    let picture = decode(&read_bounded(path, &limits)?, &limits)?;
    let small = shrunk(
        &RgbImage {
            width: picture.width(),
            height: picture.height(),
            pixels: picture.to_rgb8(),
        },
        SIDE,
    );
    let bytes = match protocol {
        Protocol::Kitty => kitty::encode(&png(small)?),
        Protocol::Inline => inline::encode(&png(small)?),
        Protocol::Sixel => sixel::encode(&small),
    };
    raw(&bytes)
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// What the terminal says of itself by `variable`.
fn from_environment(variable: &dyn Fn(&str) -> String) -> Option<Protocol> {
    let terminal = variable("TERM");
    // Multiplexers swallow what they do not know, and pass the variables of the terminal around them.
    let is_multiplexed = ["screen", "tmux"]
        .iter()
        .any(|name| terminal.starts_with(name))
        || !variable("TMUX").is_empty();
    if is_multiplexed {
        return None;
    }
    if !variable("KITTY_WINDOW_ID").is_empty()
        || terminal.contains("kitty")
        || terminal.contains("ghostty")
    {
        return Some(Protocol::Kitty);
    }
    match variable("TERM_PROGRAM").as_str() {
        "ghostty" => Some(Protocol::Kitty),
        "iTerm.app" | "WezTerm" | "mintty" => Some(Protocol::Inline),
        _ if variable("LC_TERMINAL") == "iTerm2" => Some(Protocol::Inline),
        _ => None,
    }
}

/// Asks the terminal, where both ends of the conversation are one.
fn from_terminal() -> Option<Protocol> {
    #[cfg(unix)]
    if io::stdin().is_terminal() && query::has_sixel() {
        return Some(Protocol::Sixel);
    }
    None
}

fn png(image: RgbImage) -> Result<Vec<u8>, Failure> {
    let samples = Samples::U8(image.pixels);
    let picture = Picture::new(image.width, image.height, Channels::Rgb, samples)?;
    Ok(encode(&picture, &EncodeOptions::new(Format::Png))?)
}

/// The picture with a longer side of at most `most` pixels, each the mean of those it covers.
pub fn shrunk(image: &RgbImage, most: u32) -> RgbImage {
    let longer = image.width.max(image.height);
    if longer <= most {
        return image.clone();
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(most) / u64::from(longer)).max(1) as u32;
    let (width, height) = (scaled(image.width), scaled(image.height));
    let covered = |at: u32, small: u32, large: u32| {
        let edge = |at: u32| (u64::from(at) * u64::from(large) / u64::from(small)) as usize;
        edge(at)..edge(at + 1).max(edge(at) + 1)
    };
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        let rows = covered(y, height, image.height);
        for x in 0..width {
            let columns = covered(x, width, image.width);
            let mut sums = [0u64; 3];
            for row in rows.clone() {
                let start = row * image.width as usize;
                let line = &image.pixels[(start + columns.start) * 3..(start + columns.end) * 3];
                for pixel in line.chunks_exact(3) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += u64::from(*value);
                    }
                }
            }
            let count = (rows.len() * columns.len()) as u64;
            pixels.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    RgbImage {
        width,
        height,
        pixels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Option<Protocol> {
        from_environment(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map_or(String::new(), |(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_are_known_by_their_variables() {
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("TERM", "xterm-256color")]), None);
        assert_eq!(told(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(told(&[("KITTY_WINDOW_ID", "1")]), Some(Protocol::Kitty));
        assert_eq!(told(&[("TERM", "xterm-ghostty")]), Some(Protocol::Kitty));
        assert_eq!(
            told(&[("TERM_PROGRAM", "iTerm.app")]),
            Some(Protocol::Inline)
        );
        assert_eq!(told(&[("LC_TERMINAL", "iTerm2")]), Some(Protocol::Inline));
        for multiplexed in [("TERM", "tmux-256color"), ("TERM", "screen"), ("TMUX", "x")] {
            assert_eq!(told(&[multiplexed, ("TERM_PROGRAM", "iTerm.app")]), None);
            assert_eq!(told(&[multiplexed, ("KITTY_WINDOW_ID", "1")]), None);
        }
    }

    #[test]
    fn shrinking_takes_means() {
        let image = RgbImage {
            width: 4,
            height: 2,
            pixels: [[0u8, 10, 20]; 2]
                .into_iter()
                .chain([[100, 100, 100]; 2])
                .cycle()
                .take(8)
                .flatten()
                .collect(),
        };
        let small = shrunk(&image, 2);
        assert_eq!((small.width, small.height), (2, 1));
        assert_eq!(small.pixels, [0, 10, 20, 100, 100, 100]);
        assert_eq!(shrunk(&image, 4), image);
        let line = RgbImage {
            width: 1000,
            height: 1,
            pixels: vec![7; 3000],
        };
        let small = shrunk(&line, 320);
        assert_eq!((small.width, small.height), (320, 1));
        assert!(small.pixels.iter().all(|value| *value == 7));
    }
}
