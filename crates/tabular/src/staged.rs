//! A file that appears under its name when it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file being written beside its destination, under its name with `.new` behind. A run that is killed meanwhile
/// leaves it; the next one writes over it.
#[derive(Debug)]
pub struct Staged {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Begins the file, in place of one that was left unfinished.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut name: OsString = path.as_os_str().into();
        name.push(".new");
        let temporary = PathBuf::from(name);
        // Never through a link that someone put there.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self {
            file: BufWriter::with_capacity(1 << 18, File::create_new(&temporary)?),
            temporary,
            path: path.to_path_buf(),
        })
    }

    /// Gives the file its name once it is on the disk, in place of one that has it.
    ///
    /// # Errors
    /// The system's; the file then has the temporary name.
    pub fn commit(self) -> io::Result<()> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        #[cfg(unix)]
        {
            let folder = match self.path.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
