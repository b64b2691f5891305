//! Why an archive as a whole is not read.

/// Errors of this crate. What is wrong with a single file is [`crate::Unreadable`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is no archive of that kind, or damaged where its files are listed.
    #[error("the archive cannot be read: {0}; pack it again")]
    Damaged(String),
    /// More entries than are read.
    #[error("the archive holds more than {0} entries; send several smaller ones")]
    TooManyEntries(usize),
    /// More bytes than are unpacked.
    #[error("the archive unpacks to more than {0} bytes; send several smaller ones")]
    TooLarge(u64),
    /// Two entries of one name: readers differ in which of them they show.
    #[error("the archive holds two files of the same name; pack it again with each name once")]
    SameNames,
    /// It could not be written.
    #[error("the archive cannot be packed: {0}")]
    Pack(String),
}
