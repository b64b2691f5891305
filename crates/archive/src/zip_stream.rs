//! Archives written as they are made, to something that cannot be gone back in.

use std::io::{self, Write};

use zip::result::ZipError;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A ZIP archive that is written from its beginning to its end. Files are stored, all with the same date, and may be
/// larger than 4 GiB: how large one is shows at its end only.
pub struct ZipStream<W: Write>(ZipWriter<StreamWriter<W>>);

impl<W: Write> ZipStream<W> {
    /// Begins an archive.
    pub fn new(to: W) -> Self {
        Self(ZipWriter::new_stream(to))
    }

    /// Begins a file; what is written from now on is in it.
    ///
    /// # Errors
    /// The system's, when the end of the file before cannot be written.
    pub fn start(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(true);
        self.0.start_file(name, options).map_err(told)
    }

    /// Ends the archive. Without its end it cannot be read, so that a part never passes for the whole.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish().map_err(told)?.flush()
    }
}

impl<W: Write> Write for ZipStream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn told(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}
