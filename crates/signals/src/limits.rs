//! How much is read of one file.

/// Limits on the work and memory that one file may cost. Whatever lies beyond is left out, and
/// [`crate::Problem`]s say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of metadata read in all, after inflation.
    pub metadata_bytes: usize,
    /// Bytes read of one piece, such as one PNG chunk, after inflation.
    pub piece_bytes: usize,
    /// Pieces of metadata read.
    pub pieces: usize,
    /// Chunks, segments, blocks and boxes visited, metadata or not.
    pub steps: usize,
    /// Depth of nested boxes.
    pub box_depth: usize,
    /// Depth of nested XML elements.
    pub xml_depth: usize,
    /// Attributes of all elements of one XMP packet.
    pub xml_attributes: usize,
    /// Properties kept of one XMP packet.
    pub xmp_properties: usize,
    /// Bytes of one JSON text.
    pub json_bytes: usize,
    /// Depth of nested JSON values.
    pub json_depth: usize,
    /// Values in all JSON texts that are kept, and in any one of them.
    pub json_values: usize,
    /// Entries of all EXIF directories of one file.
    pub exif_entries: usize,
    /// Names and values kept of all metadata.
    pub entries: usize,
    /// Bytes at either end of the file that are searched for packets outside their places.
    pub scan_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            metadata_bytes: 16 * MIB,
            piece_bytes: 4 * MIB,
            pieces: 2_000,
            steps: 200_000,
            box_depth: 12,
            xml_depth: 40,
            xml_attributes: 5_000,
            xmp_properties: 5_000,
            json_bytes: 2 * MIB,
            json_depth: 60,
            json_values: 200_000,
            exif_entries: 4_000,
            entries: 20_000,
            scan_bytes: 16 * MIB,
        }
    }
}
