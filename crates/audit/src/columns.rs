//! Columns of exports: one row an entry of the log. They are public; `docs/audit.md` lists them.

use colophon_calendar::rfc3339;
use colophon_ledger::{
    Backend, Event, Generation, Hit, Kind as RecordKind, Leaf, PrivatePart, PublicRecord,
    RecordError,
};
use colophon_tabular::{Cell, Column, Kind};
use colophon_tlog::leaf_hash;
use serde_json::Value;

use crate::event::describe;
use crate::text::hex;

/// Between the values of a column that can hold several.
const SEPARATOR: &str = "; ";
/// How many of the columns hold public facts.
const PUBLIC: usize = 32;

/// The columns of an export with private facts; the public ones come first.
pub const ALL_COLUMNS: &[Column] = &[
    text("log", "Name (origin line) of the log that holds the entry."),
    integer("entry", "Number of the entry in that log, from 0."),
    text(
        "leaf_hash",
        "Hash of the entry in the log's tree (RFC 6962), hex.",
    ),
    text(
        "type",
        "What the entry is: `picture`, or the name of an event.",
    ),
    time("time", "When it was entered, by the ledger's clock."),
    text(
        "kind",
        "How the picture came to be issued: `generate` or `stamp`.",
    ),
    text("generator", "The model or program that made the picture."),
    text("generator_version", "Its version."),
    text("model", "Identifier of the model."),
    text(
        "backend",
        "Where the model ran: `embedded` in the program that issued, or `remote`.",
    ),
    text(
        "weights",
        "SHA-256 of the files of the model's weights, hex.",
    ),
    text("weights_files", "Names of those files, in the same order."),
    text("license", "SPDX expression of the licence of the weights."),
    text(
        "training_licenses",
        "SPDX expressions of the licences of the training data.",
    ),
    text("seeds", "Seeds of the pictures shown."),
    integer("steps", "Denoising steps."),
    text("sampler", "Name of the sampler."),
    integer("guidance_thousandths", "Guidance scale in thousandths."),
    text("source_type", "IPTC digital source type."),
    integer("width", "Width of the picture in pixels."),
    integer("height", "Height of the picture in pixels."),
    boolean("marked", "Whether the picture was issued with a watermark."),
    text("asset_sha256", "SHA-256 of the issued file, hex."),
    text("manifest_id", "Identifier of the manifest."),
    text("manifest_sha256", "SHA-256 of the manifest's bytes, hex."),
    text(
        "signer_key_id",
        "Id of the key that signed the manifest, hex.",
    ),
    text("policy_sha256", "SHA-256 of the policy in force, hex."),
    text("prompt_commitment", "Salted commitment to the prompt, hex."),
    text(
        "watermark_commitment",
        "Salted commitment to the watermark's id, hex.",
    ),
    text(
        "private_commitment",
        "Salted commitment to the private part, hex.",
    ),
    text(
        "requester_commitment",
        "Salted commitment to who asked for the picture, hex.",
    ),
    text("event", "What the event says, as `name=value`."),
    text("watermark_id", "Private: id in the pixels, 16 hex digits."),
    text(
        "fingerprint",
        "Private: PDQ fingerprint of the picture, hex.",
    ),
    text("title", "Private: the title."),
    text("prompt", "Private: the prompt."),
    text(
        "negative_prompt",
        "Private: what the picture was not to show.",
    ),
    text(
        "unmarked_reason",
        "Private: why the picture carries no mark.",
    ),
    text("requester", "Private: who asked for the picture."),
];

/// The columns of an export: public facts alone.
pub const PUBLIC_COLUMNS: &[Column] = ALL_COLUMNS.split_at(PUBLIC).0;

const fn text(name: &'static str, meaning: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Text,
        meaning,
    }
}

const fn integer(name: &'static str, meaning: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Integer,
        meaning,
    }
}

const fn time(name: &'static str, meaning: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Time,
        meaning,
    }
}

const fn boolean(name: &'static str, meaning: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Boolean,
        meaning,
    }
}

/// A row: what the columns hold of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Vec<Owned>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Empty,
    Text(String),
    Integer(i64),
    Time(i64),
    Boolean(bool),
}

impl From<&str> for Owned {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Owned {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Owned {
    fn from(number: u32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl<T: Into<Self>> From<Option<T>> for Owned {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl Row {
    /// The row of a hit in [`ALL_COLUMNS`]; the private cells are filled as far as the hit carries a private part.
    ///
    /// # Errors
    /// [`RecordError`] for a leaf that cannot be read.
    pub fn of(hit: &Hit) -> Result<Self, RecordError> {
        let mut row = Self::of_leaf(&hit.log, hit.id.index.0, &hit.leaf)?;
        row.0.truncate(PUBLIC);
        row.0.extend(private_cells(hit.private.as_ref()));
        Ok(row)
    }

    /// A hit as a JSON object: its public cells, its place, and whether it is proven.
    ///
    /// # Errors
    /// As [`Row::of`].
    pub fn json_of(hit: &Hit) -> Result<Value, RecordError> {
        let mut value = Self::of(hit)?.to_json();
        value["record"] = hit.id.to_string().into();
        value["proven"] = hit.inclusion.is_ok().into();
        value["problem"] = hit.inclusion.as_ref().err().map(ToString::to_string).into();
        Ok(value)
    }

    /// The row of a leaf, without private facts.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that are no leaf.
    pub fn of_leaf(log: &str, index: u64, leaf: &[u8]) -> Result<Self, RecordError> {
        let mut cells = vec![
            log.into(),
            Owned::Integer(index as i64),
            hex(&leaf_hash(leaf).0).into(),
        ];
        match Leaf::decode(leaf)? {
            Leaf::Record(record) => cells.extend(record_cells(&record)),
            Leaf::Event(event) => cells.extend(event_cells(&event)),
            // INVARIANT: a leaf of another kind does not decode.
            _ => return Err(RecordError::Malformed),
        }
        cells.extend(private_cells(None));
        Ok(Self(cells))
    }

    /// The public cells as a JSON object.
    pub fn to_json(&self) -> Value {
        let cells = self.cells(false);
        let fields = PUBLIC_COLUMNS.iter().zip(&cells).map(|(column, cell)| {
            let value = match *cell {
                Cell::Empty => Value::Null,
                Cell::Text(text) => text.into(),
                Cell::Integer(number) => number.into(),
                Cell::Time(time) => rfc3339(time).into(),
                Cell::Boolean(is) => is.into(),
            };
            (column.name.to_owned(), value)
        });
        Value::Object(fields.collect())
    }

    /// The cells of [`ALL_COLUMNS`], or of [`PUBLIC_COLUMNS`] alone.
    pub fn cells(&self, private: bool) -> Vec<Cell<'_>> {
        let shown = if private { self.0.len() } else { PUBLIC };
        let cell = |owned| match owned {
            &Owned::Empty => Cell::Empty,
            Owned::Text(text) => Cell::Text(text),
            Owned::Integer(number) => Cell::Integer(*number),
            Owned::Time(time) => Cell::Time(*time),
            Owned::Boolean(is) => Cell::Boolean(*is),
        };
        self.0[..shown].iter().map(cell).collect()
    }
}

fn record_cells(record: &PublicRecord) -> Vec<Owned> {
    let kind = match record.kind {
        RecordKind::Generate => "generate",
        RecordKind::Stamp => "stamp",
        _ => "other",
    };
    let agent = record.generator.as_ref();
    let mut cells = vec![
        "picture".into(),
        Owned::Time(record.issued_at),
        kind.into(),
        agent.map(|agent| agent.name.clone()).into(),
        agent.and_then(|agent| agent.version.clone()).into(),
    ];
    cells.extend(generation_cells(record.generation.as_ref()));
    let prompt = record
        .generation
        .as_ref()
        .map(|it| hex(&it.prompt_commitment));
    cells.extend([
        record.source_type.clone().into(),
        record.width.into(),
        record.height.into(),
        Owned::Boolean(record.is_marked()),
        hex(&record.asset_sha256).into(),
        record.manifest_id.clone().into(),
        hex(&record.manifest_sha256).into(),
        hex(&record.signer_key_id).into(),
        hex(&record.policy_hash).into(),
        prompt.into(),
        record.watermark_commitment.map(|hash| hex(&hash)).into(),
        hex(&record.private_commitment).into(),
        record.requester_commitment.map(|hash| hex(&hash)).into(),
        Owned::Empty,
    ]);
    cells
}

fn event_cells(event: &Event) -> Vec<Owned> {
    let (name, says) = describe(&event.what);
    let mut cells = vec![name.into(), Owned::Time(event.time)];
    cells.resize(PUBLIC - 4, Owned::Empty);
    cells.push(says.into());
    cells
}

/// From `model` to `guidance_thousandths`.
fn generation_cells(generation: Option<&Generation>) -> Vec<Owned> {
    let Some(it) = generation else {
        return vec![Owned::Empty; 10];
    };
    let backend = match it.backend {
        Backend::Embedded => "embedded",
        _ => "remote",
    };
    vec![
        it.model_id.clone().into(),
        backend.into(),
        joined(it.weights.iter().map(|file| hex(&file.sha256))),
        joined(it.weights.iter().map(|file| file.file.clone())),
        it.license.clone().into(),
        joined(it.training_licenses.iter().cloned()),
        joined(it.seeds.iter().map(u64::to_string)),
        it.steps.into(),
        it.sampler.clone().into(),
        it.guidance_thousandths.into(),
    ]
}

fn private_cells(part: Option<&PrivatePart>) -> Vec<Owned> {
    let Some(it) = part else {
        return vec![Owned::Empty; ALL_COLUMNS.len() - PUBLIC];
    };
    vec![
        it.watermark_id.map(|id| format!("{id:016x}")).into(),
        it.fingerprint.map(|hash| hex(&hash)).into(),
        it.title.clone().into(),
        it.prompt.clone().into(),
        it.negative_prompt.clone().into(),
        it.unmarked_reason.clone().into(),
        it.requester.clone().into(),
    ]
}

fn joined(values: impl Iterator<Item = String>) -> Owned {
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        Owned::Empty
    } else {
        values.join(SEPARATOR).into()
    }
}
