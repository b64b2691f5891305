//! From a reading to a scene: which layers there are and where they lie.

use serde::Deserialize;

use super::reader::{Mention, Reading};
use crate::error::DiffusionError;
use crate::noise;
use crate::request::Seed;

/// Objects in a picture at most.
pub(super) const MOST: usize = 6;
/// Relations in the order of training.
const RELATIONS: [&str; 8] = [
    "beside", "left", "right", "above", "below", "on", "front", "behind",
];

/// The names that the networks know by number; `scene.json` beside the weights.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) words: Vec<String>,
    pub(super) concepts: Vec<String>,
    pub(super) styles: Vec<String>,
    pub(super) colours: Vec<String>,
    pub(super) sizes: Vec<String>,
    pub(super) relations: Vec<String>,
    pub(super) kinds: Vec<Kind>,
    /// Row of the painter for each concept and style; none where it was never seen.
    pub(super) rows: Vec<Vec<Option<u32>>>,
}

/// A kind of background.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kind {
    pub(super) name: String,
    /// Words for it, such as `in the snow`.
    pub(super) words: String,
    /// Row of the painter.
    pub(super) row: u32,
    /// Whether it comes in any colour.
    pub(super) coloured: bool,
    /// Whether objects stand on it.
    pub(super) grounded: bool,
}

impl Names {
    pub(super) fn parse(json: &str) -> Result<Self, DiffusionError> {
        let names: Self = serde_json::from_str(json)
            .map_err(|error| DiffusionError::Description(format!("scene.json: {error}")))?;
        let fits = names.relations == RELATIONS
            && names.rows.len() == names.concepts.len()
            && names
                .rows
                .iter()
                .all(|row| row.len() == names.styles.len() && row.iter().any(Option::is_some));
        if fits {
            Ok(names)
        } else {
            let reason = "scene.json does not fit this program".to_owned();
            Err(DiffusionError::Description(reason))
        }
    }

    /// Rows of the painter, but for the last, which means "not said".
    pub(super) fn painter_rows(&self) -> usize {
        let objects = self.rows.iter().flatten().flatten().count();
        objects + self.kinds.len()
    }
}

/// Everything to be drawn, the background first, then objects from the back to the front.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) background: Drawn,
    pub(super) objects: Vec<Placed>,
    /// Whether the objects stand on the ground.
    pub(super) grounded: bool,
    /// What was understood, for people.
    pub(super) described: String,
}

/// What the painter is asked for in one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) row: u32,
    /// 0 for its own colour.
    pub(super) colour: u32,
    /// Mirrored left to right.
    pub(super) mirrored: bool,
}

/// An object in its place: its middle in shares of the picture's width and height, its side in
/// shares of the shorter of the two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) drawn: Drawn,
    pub(super) x: f32,
    pub(super) y: f32,
    /// Side of the layer's square.
    pub(super) side: f32,
}

/// Random choices of one picture, from the seed alone.
struct Dice {
    seed: Seed,
    block: u64,
}

impl Dice {
    /// Uniform in 0..1.
    fn uniform(&mut self) -> f32 {
        let words = noise::words(self.seed, noise::FIRST_FAMILY_STREAM, self.block);
        self.block += 1;
        words[0] as f32 / 4_294_967_296.0
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f32) as usize).min(count.saturating_sub(1))
    }

    fn one_of(&mut self, items: &[usize]) -> usize {
        items.get(self.below(items.len())).copied().unwrap_or(0)
    }
}

/// Composes the scene that `reading` asks for; what it leaves open is drawn from the seed, but never
/// what `avoided` names.
pub(super) fn compose(names: &Names, reading: &Reading, avoided: &Reading, seed: Seed) -> Scene {
    let mut dice = Dice { seed, block: 0 };
    let style = style(names, reading, avoided, &mut dice);
    let mentions = within_most(&reading.mentions);
    let (kind, kind_colour) = background(names, reading, &mentions, avoided, &mut dice);
    let grounded = names.kinds[kind].grounded;
    let mut objects = Vec::new();
    for (mention, spot) in place(&mentions, grounded) {
        let jitter = 0.015;
        let row = row(&names.rows[mention.concept], style);
        objects.push(Placed {
            drawn: Drawn {
                row,
                colour: mention.colour as u32,
                mirrored: dice.uniform() < 0.5,
            },
            x: spot.x + dice.between(-jitter, jitter),
            y: spot.y + dice.between(-jitter, jitter),
            side: spot.side * dice.between(0.95, 1.05),
        });
    }
    let background = Drawn {
        row: names.kinds[kind].row,
        colour: kind_colour as u32,
        mirrored: dice.uniform() < 0.5,
    };
    Scene {
        background,
        objects,
        grounded,
        described: described(names, &mentions, kind, kind_colour, style),
    }
}

fn style(names: &Names, reading: &Reading, avoided: &Reading, dice: &mut Dice) -> usize {
    if reading.style > 0 {
        return reading.style - 1;
    }
    let all: Vec<usize> = (0..names.styles.len()).collect();
    let open: Vec<usize> = all
        .iter()
        .copied()
        .filter(|style| avoided.style != style + 1)
        .collect();
    dice.one_of(&open)
}

/// The concept's row in this style, else in the first that there is.
fn row(rows: &[Option<u32>], style: usize) -> u32 {
    let wanted = rows.get(style).copied().flatten();
    wanted
        .or_else(|| rows.iter().copied().flatten().next())
        .unwrap_or(0)
}

/// No more objects than fit: later mentions give way first, each keeps one while there is room.
fn within_most(mentions: &[Mention]) -> Vec<Mention> {
    let mut kept: Vec<Mention> = mentions.iter().copied().take(MOST).collect();
    let mut total: usize = kept.iter().map(|mention| mention.count).sum();
    for mention in kept.iter_mut().rev() {
        let less = total.saturating_sub(MOST).min(mention.count - 1);
        mention.count -= less;
        total -= less;
    }
    kept
}

/// Kind and colour of the background. Unnamed, it is plain or a gradient in a colour that no object
/// has.
fn background(
    names: &Names,
    reading: &Reading,
    mentions: &[Mention],
    avoided: &Reading,
    dice: &mut Dice,
) -> (usize, usize) {
    let by_name = |name: &str| names.kinds.iter().position(|kind| kind.name == name);
    let kind = if reading.kind > 0 {
        reading.kind - 1
    } else {
        let quiet = if dice.uniform() < 0.5 {
            "plain"
        } else {
            "gradient"
        };
        by_name(quiet).unwrap_or(0)
    };
    if !names.kinds[kind].coloured {
        return (kind, 0);
    }
    if reading.kind_colour > 0 {
        return (kind, reading.kind_colour);
    }
    let calm = [
        "blue", "yellow", "pink", "green", "purple", "orange", "gray", "white",
    ];
    let open: Vec<usize> = (1..=names.colours.len())
        .filter(|colour| {
            calm.contains(&names.colours[colour - 1].as_str())
                && *colour != avoided.kind_colour
                && mentions.iter().all(|mention| mention.colour != *colour)
        })
        .collect();
    (kind, dice.one_of(&open))
}

/// Where an object's square lies.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spot {
    x: f32,
    y: f32,
    side: f32,
}

/// Places every object, those in the back first.
fn place(mentions: &[Mention], grounded: bool) -> Vec<(Mention, Spot)> {
    let stacked = mentions
        .iter()
        .skip(1)
        .find(|mention| !matches!(RELATIONS[mention.relation], "beside" | "left" | "right"));
    let mut placed = match stacked {
        Some(mention) if mentions.len() > 1 => two_groups(mentions, RELATIONS[mention.relation]),
        _ => rows(&in_reading_order(mentions), grounded),
    };
    for (mention, spot) in &mut placed {
        let factor = match mention.size {
            1 => 0.62,
            2 => 1.3,
            _ => 1.0,
        };
        let side = (spot.side * factor).min(0.92);
        // What stands keeps its foot on the ground.
        if grounded {
            spot.y += 0.45 * (spot.side - side);
        }
        spot.side = side;
    }
    placed.sort_by(|a, b| foot(a.1).total_cmp(&foot(b.1)));
    placed
}

fn foot(spot: Spot) -> f32 {
    spot.y + 0.45 * spot.side
}

/// One entry an object, from left to right: "a right of b" turns the two around.
fn in_reading_order(mentions: &[Mention]) -> Vec<Mention> {
    let mut groups: Vec<Mention> = Vec::new();
    for mention in mentions {
        let before = groups.len().saturating_sub(1);
        if RELATIONS[mention.relation] == "right" {
            groups.insert(before, *mention);
        } else {
            groups.push(*mention);
        }
    }
    each(&groups)
}

fn each(mentions: &[Mention]) -> Vec<Mention> {
    let each = mentions
        .iter()
        .flat_map(|mention| vec![*mention; mention.count]);
    each.take(MOST).collect()
}

/// Up to three side by side; more in two rows, the back one smaller and higher.
fn rows(objects: &[Mention], grounded: bool) -> Vec<(Mention, Spot)> {
    let count = objects.len();
    let base = if grounded { 0.56 } else { 0.5 };
    let row = |objects: &[Mention], y: f32, side: f32| -> Vec<(Mention, Spot)> {
        let step = 1.0 / objects.len() as f32;
        // Rows of one and two draw together, or there is a hole in the middle.
        let squeeze = if objects.len() == 2 { 0.9 } else { 1.0 };
        let spot = |i: usize| Spot {
            x: 0.5 + ((i as f32 + 0.5) * step - 0.5) * squeeze,
            y,
            side,
        };
        objects
            .iter()
            .enumerate()
            .map(|(i, mention)| (*mention, spot(i)))
            .collect()
    };
    match count {
        0 => Vec::new(),
        1 => row(objects, base, 0.66),
        2 => row(objects, base + 0.02, 0.46),
        3 => row(objects, base + 0.04, 0.34),
        _ => {
            let back = count / 2;
            let side = if count == 4 { 0.42 } else { 0.34 };
            let (high, low) = if grounded { (0.42, 0.72) } else { (0.27, 0.73) };
            let mut all = row(&objects[..back], high, side);
            all.extend(row(&objects[back..], low, side));
            all
        }
    }
}

/// The first mention and the others, one over, on, in front of or behind the other.
fn two_groups(mentions: &[Mention], relation: &str) -> Vec<(Mention, Spot)> {
    let (first, second) = (each(&mentions[..1]), each(&mentions[1..]));
    let line = |objects: &[Mention], y: f32, side: f32| -> Vec<(Mention, Spot)> {
        let count = objects.len() as f32;
        let side = side.min(0.95 / count);
        let spot = |i: usize| Spot {
            x: 0.5 + (i as f32 + 0.5 - count / 2.0) * side * 1.05,
            y,
            side,
        };
        objects
            .iter()
            .enumerate()
            .map(|(i, mention)| (*mention, spot(i)))
            .collect()
    };
    let (ours, theirs) = match relation {
        "above" => ((0.25, 0.4), (0.72, 0.46)),
        "below" => ((0.75, 0.4), (0.27, 0.42)),
        "on" => ((0.31, 0.38), (0.67, 0.54)),
        "front" => ((0.7, 0.42), (0.45, 0.6)),
        _ => ((0.4, 0.56), (0.7, 0.44)),
    };
    let mut all = line(&first, ours.0, ours.1);
    all.extend(line(&second, theirs.0, theirs.1));
    all
}

/// What was understood, such as `2 green red apple, on a blue plain background, flat`.
fn described(
    names: &Names,
    mentions: &[Mention],
    kind: usize,
    kind_colour: usize,
    style: usize,
) -> String {
    let colour = |number: usize| match number {
        0 => String::new(),
        number => format!("{} ", names.colours[number - 1]),
    };
    let mut parts: Vec<String> = Vec::new();
    for mention in mentions {
        let size = match mention.size {
            0 => String::new(),
            size => format!("{} ", names.sizes[size]),
        };
        let name = &names.concepts[mention.concept];
        parts.push(format!(
            "{} x {size}{}{name}",
            mention.count,
            colour(mention.colour)
        ));
    }
    let kind = &names.kinds[kind];
    parts.push(format!("{}{}", colour(kind_colour), kind.words));
    parts.push(names.styles[style].clone());
    parts.join(", ")
}
