//! What is told of the mark. Public answers hold classes, not scores: a score tells whoever tries to
//! remove a mark how far an attempt has come.

use colophon_watermark::{CellClass, Detection, HeatMap, Source};
use serde::{Deserialize, Serialize};

/// Bound (log10 of the false-positive probability) from which on a reading is clear. It lies ten
/// orders below the bound of acceptance; that is 1.7 standard deviations more of correlation, so that
/// the same mark under other noise of the same power would be read all but one time in twenty.
const CLEAR_LOG10: f64 = -20.0;

/// A mark that was read or matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WatermarkEvidence {
    /// The id, 16 hex digits.
    pub payload: String,
    /// How the id was found.
    pub source: MarkSource,
    /// Issued ids that the mark was compared with; `None` when it was read.
    pub compared_ids: Option<u64>,
    /// How strong it is.
    pub strength: MarkStrength,
    /// Log10 of the bound on the probability that an unmarked picture gives any id; only for
    /// operators, see [`crate::ReportOptions::full`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log10_false_positive: Option<f64>,
    /// Id of the key that it was made with, when that is a former one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_key: Option<String>,
    /// How the picture was turned since it was marked.
    pub geometry: Geometry,
    /// Where in the picture the mark reads; only for operators, see
    /// [`crate::ReportOptions::heat_map`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heat_map: Option<HeatMapEvidence>,
}

/// How an id was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkSource {
    /// Read from the pixels alone.
    Read,
    /// Too weak to be read: compared with the ids in the ledger, and confirmed by the content.
    MatchedByLedger,
}

/// How strong a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkStrength {
    /// Read, with room to spare.
    Clear,
    /// Read, with little room.
    Weak,
    /// Matched only.
    Matched,
}

/// How a picture was turned and scaled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Geometry {
    /// Degrees, -180..=180, clockwise, after the flip.
    pub rotation: f64,
    /// Examined pixels for one issued pixel; `None` where no record tells the size as issued.
    pub scale: Option<f64>,
    /// Mirrored left to right.
    pub flip: bool,
}

/// Where in a picture its mark reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeatMapEvidence {
    /// Cells in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// A text a row with one letter a cell: `r` where the mark reads, `s` where it is silent although it
    /// should read, `u` where that is unclear.
    pub classes: Vec<String>,
    /// Share of the picture in which the mark reads, 0..=1.
    pub reads: f64,
    /// Share of the picture in which the mark is silent although it should read, 0..=1.
    pub silent: f64,
}

impl HeatMapEvidence {
    fn new(map: &HeatMap) -> Self {
        let letter = |class| match class {
            CellClass::Reads => 'r',
            CellClass::Silent => 's',
            CellClass::Unclear => 'u',
        };
        let rows = map.cells().chunks(map.columns());
        Self {
            columns: map.columns(),
            rows: map.rows(),
            classes: rows
                .map(|row| row.iter().map(|cell| letter(cell.class)).collect())
                .collect(),
            reads: map.share(CellClass::Reads),
            silent: map.share(CellClass::Silent),
        }
    }
}

/// A faint mark that fits an issued id, while the content does not show that it is that picture. It
/// counts as no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FaintMark {
    /// Issued ids that it was compared with.
    pub compared_ids: u64,
}

impl WatermarkEvidence {
    /// `issued` is the size in pixels of the picture that the mark was made for, where known;
    /// `examined` that of the picture at hand.
    pub(crate) fn new(
        detection: &Detection,
        issued: Option<(u32, u32)>,
        examined: (usize, usize),
        scores: bool,
        heat_map: Option<&HeatMap>,
    ) -> Self {
        let compared_ids = compared_ids(detection);
        Self {
            payload: detection.payload.to_string(),
            source: match compared_ids {
                None => MarkSource::Read,
                Some(_) => MarkSource::MatchedByLedger,
            },
            compared_ids,
            strength: MarkStrength::of(detection),
            log10_false_positive: scores.then_some(detection.log10_false_positive),
            former_key: None,
            geometry: Geometry::of(detection, issued, examined),
            heat_map: heat_map.map(HeatMapEvidence::new),
        }
    }
}

impl MarkStrength {
    fn of(detection: &Detection) -> Self {
        match detection.source {
            Source::Issued(_) => Self::Matched,
            Source::Blind if detection.log10_false_positive <= CLEAR_LOG10 => Self::Clear,
            Source::Blind => Self::Weak,
        }
    }
}

impl Geometry {
    fn of(detection: &Detection, issued: Option<(u32, u32)>, examined: (usize, usize)) -> Self {
        // Turns do not depend on the size, which then stands for any.
        let (width, height) = issued.map_or(examined, |(width, height)| {
            (width as usize, height as usize)
        });
        let pose = detection.placement.pose(width, height);
        Self {
            rotation: pose.rotation_degrees(),
            scale: issued.map(|_| pose.scale()),
            flip: pose.flipped(),
        }
    }
}

/// Issued ids that a mark was compared with, when it was not read.
pub(crate) fn compared_ids(detection: &Detection) -> Option<u64> {
    match detection.source {
        Source::Blind => None,
        Source::Issued(count) => Some(count as u64),
    }
}
