//! What a backend returns.

use std::fmt;
use std::time::Duration;

/// The kind of a returned picture, told from its bytes and not from what the server calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `image/png`.
    Png,
    /// `image/jpeg`.
    Jpeg,
    /// `image/webp`.
    WebP,
}

impl MediaType {
    /// The IANA name, such as `image/png`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One picture of an answer. Its header was read, its pixels were not: whoever issues it decodes it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnedPicture {
    /// The file as the server made it.
    pub bytes: Vec<u8>,
    /// What kind of file it is.
    pub media_type: MediaType,
    /// Width in pixels by the file's header.
    pub width: u32,
    /// Height in pixels by the file's header.
    pub height: u32,
    /// The prompt that the server says it used in place of the one sent.
    pub revised_prompt: Option<String>,
}

impl fmt::Debug for ReturnedPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReturnedPicture")
            .field("bytes", &self.bytes.len())
            .field("media_type", &self.media_type)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("revised_prompt", &self.revised_prompt)
            .finish()
    }
}

/// How an answer differs from the request without being useless. Worth a warning to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// Another number of pictures than asked for. Those above it were dropped.
    Count {
        /// Pictures asked for.
        asked: u32,
        /// Pictures in the answer.
        returned: u32,
    },
    /// A picture of another size than asked for.
    Size {
        /// Which, from 0.
        picture: usize,
        /// Width and height asked for, in pixels.
        asked: (u32, u32),
        /// Width and height of the picture, in pixels.
        returned: (u32, u32),
    },
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { asked, returned } if returned > asked => write!(
                f,
                "the backend returned {returned} pictures, {asked} were asked for; the rest was dropped"
            ),
            Self::Count { asked, returned } => write!(
                f,
                "the backend returned {returned} of the {asked} pictures asked for"
            ),
            Self::Size {
                picture,
                asked: (w, h),
                returned: (rw, rh),
            } => write!(
                f,
                "picture {} is {rw}x{rh}, not {w}x{h} as asked for",
                picture + 1
            ),
        }
    }
}

/// Pictures of one request, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// In the order of the answer, at most as many as asked for.
    pub pictures: Vec<ReturnedPicture>,
    /// The model the server says it used; most do not say.
    pub model: Option<String>,
    /// The server's time of generation, in seconds since 1970 UTC.
    pub created: Option<i64>,
    /// From the call to the last byte, retries and waits included.
    pub elapsed: Duration,
    /// Requests made, 1 and more.
    pub attempts: u32,
    /// What is not as asked.
    pub deviations: Vec<Deviation>,
}
