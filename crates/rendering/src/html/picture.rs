//! The picture at the head of a report, with the heat map of its mark.

use colophon_provenance::HeatMapEvidence;

use super::markup::Markup;
use super::{Attachments, Image, ImageKind};
use crate::document::Document;
use crate::phrase::Words;

/// Most cells of a map that is drawn, each way. Maps have a few dozen.
const MOST_CELLS: usize = 256;

/// Writes the picture, or an empty frame, with what the file is.
pub(super) fn write(
    out: &mut Markup,
    document: &Document<'_>,
    attachments: &Attachments,
    id: &str,
) {
    let words = document.words;
    let mark = document.report.evidence.watermark.as_ref();
    let map = mark
        .and_then(|mark| mark.heat_map.as_ref())
        .filter(|map| map.columns <= MOST_CELLS && map.rows <= MOST_CELLS);
    out.open("figure", &[("class", "picture")]);
    match &attachments.thumbnail {
        None => {
            out.element("p", &[("class", "empty")], &words.text("page.no-thumbnail"));
        }
        Some(image) => {
            let switch = format!("{id}-map");
            if map.is_some() {
                // Without a script, a box that is ticked shows what follows it.
                out.void(
                    "input",
                    &[
                        ("type", "checkbox"),
                        ("id", &switch),
                        ("checked", "checked"),
                    ],
                );
                out.element("label", &[("for", &switch)], &words.text("page.heat-map"));
            }
            out.open("div", &[("class", "frame")]);
            thumbnail(out, image, words);
            if let Some(map) = map {
                heat_map(out, map, words);
            }
            out.close("div");
        }
    }
    out.open("figcaption", &[]);
    out.text(&document.about);
    if let Some(map) = map.filter(|_| attachments.thumbnail.is_some()) {
        legend(out, map, words);
    }
    out.close("figcaption");
    out.close("figure");
}

fn thumbnail(out: &mut Markup, image: &Image, words: Words<'_>) {
    let kind = match image.kind {
        ImageKind::Jpeg => "image/jpeg",
        ImageKind::Png => "image/png",
    };
    let source = format!("data:{kind};base64,{}", image.base64);
    out.void(
        "img",
        &[
            ("src", &source),
            ("width", &image.width.to_string()),
            ("height", &image.height.to_string()),
            ("alt", &words.text("page.thumbnail-alt").text()),
        ],
    );
}

/// Where the mark is missing, in an outline, and where it cannot be told, in grey.
fn heat_map(out: &mut Markup, map: &HeatMapEvidence, words: Words<'_>) {
    let percent = |share: f64| words.decimal(share * 100.0, 0);
    let alt = words.fill(
        "page.heat-map-alt",
        &[
            ("reads", &percent(map.reads)),
            ("silent", &percent(map.silent)),
        ],
    );
    let view = format!("0 0 {} {}", map.columns, map.rows);
    out.open(
        "svg",
        &[
            ("viewBox", &view),
            ("preserveAspectRatio", "none"),
            ("role", "img"),
            ("aria-label", &alt.text()),
        ],
    );
    let grid = Grid(map);
    out.open("path", &[("class", "unclear"), ("d", &grid.cells(b'u'))]);
    out.close("path");
    out.open("path", &[("class", "silent"), ("d", &grid.outline(b's'))]);
    out.close("path");
    out.close("svg");
}

fn legend(out: &mut Markup, map: &HeatMapEvidence, words: Words<'_>) {
    let grid = Grid(map);
    for (letter, class, key) in [
        (b's', "silent", "page.heat-silent"),
        (b'u', "unclear", "page.heat-unclear"),
    ] {
        if !grid.cells(letter).is_empty() {
            let class = format!("legend {class}");
            out.open("span", &[("class", &class)]);
            out.text(&words.text(key));
            out.close("span");
        }
    }
}

/// The cells of a map, as far as it holds them.
struct Grid<'a>(&'a HeatMapEvidence);

impl Grid<'_> {
    fn is(&self, column: usize, row: usize, letter: u8) -> bool {
        let cells = self.0.classes.get(row).map(String::as_bytes);
        column < self.0.columns && cells.and_then(|row| row.get(column)) == Some(&letter)
    }

    fn all(&self, letter: u8) -> impl Iterator<Item = (usize, usize)> {
        (0..self.0.rows)
            .flat_map(|row| (0..self.0.columns).map(move |column| (column, row)))
            .filter(move |&(column, row)| self.is(column, row, letter))
    }

    /// A path over all cells of a class.
    fn cells(&self, letter: u8) -> String {
        self.all(letter)
            .map(|(column, row)| format!("M{column} {row}h1v1h-1z"))
            .collect::<Vec<_>>()
            .concat()
    }

    /// A path around the cells of a class, where a cell of another class or the picture's edge follows.
    fn outline(&self, letter: u8) -> String {
        self.all(letter)
            .flat_map(|(column, row)| {
                let is = |column: Option<usize>, row: Option<usize>| {
                    matches!((column, row), (Some(column), Some(row)) if self.is(column, row, letter))
                };
                let (left, above) = (column.checked_sub(1), row.checked_sub(1));
                let (right, below) = (column + 1, row + 1);
                [
                    (is(Some(column), above), format!("M{column} {row}h1")),
                    (is(Some(column), Some(below)), format!("M{column} {below}h1")),
                    (is(left, Some(row)), format!("M{column} {row}v1")),
                    (is(Some(right), Some(row)), format!("M{right} {row}v1")),
                ]
            })
            .filter(|(is_inner, _)| !is_inner)
            .map(|(_, line)| line)
            .collect()
    }
}
