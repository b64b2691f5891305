//! Traces of generators, cameras and programs, and the times of a picture.

use colophon_provenance::{
    Class, CountedTime, Says, SignalEvidence, Source, TimelineEntry, TimelineGrade,
};

use super::outsiders;
use crate::document::{Field, Item, Mark};
use crate::phrase::{Phrase, Words, spaced};

/// The traces under what they are worth, strongest first.
pub(super) fn by_class(signals: &[SignalEvidence], words: Words<'_>) -> Vec<Item> {
    Class::ALL
        .iter()
        .filter_map(|class| {
            let inside: Vec<Item> = signals
                .iter()
                .filter(|it| it.class == *class)
                .map(|it| trace(it, words))
                .collect();
            let mut group = Item::plain(words.text(&format!("class.{}", class.code())));
            group.inside = inside;
            (!group.inside.is_empty()).then_some(group)
        })
        .collect()
}

/// Whose trace or mark it is. Names that are words, such as "camera", are told in the language.
pub(super) fn source_name(source: Source, name: &str, words: Words<'_>) -> Phrase {
    words.or(&format!("source.{}", source.code()), name)
}

fn trace(it: &SignalEvidence, words: Words<'_>) -> Item {
    let name = source_name(it.source, &it.name, words);
    let tool = it.tool.as_ref().filter(|tool| **tool != it.name);
    let tool: Vec<Phrase> = tool
        .into_iter()
        .chain(&it.version)
        .map(|text| Phrase::outside(text))
        .collect();
    let tool = spaced(&tool);
    let says = match it.says {
        Says::Unstated => None,
        says => Some(words.text(&format!("says.{}", says.code()))),
    };
    let values = [
        ("name", &name),
        ("tool", &tool),
        ("says", says.as_ref().unwrap_or(&tool)),
    ];
    let text = match (tool.text().is_empty(), &says) {
        (false, Some(_)) => words.fill("trace.whole", &values),
        (true, Some(_)) => words.fill("trace.without-tool", &values),
        (false, None) => words.fill("trace.without-says", &values),
        (true, None) => name,
    };
    let mark = match it.class {
        Class::Pixel | Class::VendorVerified => Mark::Good,
        Class::Signed | Class::Declared => Mark::Plain,
        Class::Weak => Mark::Caution,
    };
    let mut item = Item::new(mark, text);
    if !it.places.is_empty() {
        let places = words.joined(&outsiders(&it.places));
        let text = words.fill("trace.places", &[("places", &places)]);
        item.inside.push(Item::plain(text));
    }
    item.inside
        .extend(it.note.iter().map(|note| Item::plain(Phrase::plain(note))));
    item.fields = it
        .fields
        .iter()
        .map(|field| Field {
            name: Phrase::outside(&field.name),
            value: field.value.as_ref().map(|value| Phrase::outside(value)),
        })
        .collect();
    item
}

/// One line a time, in the report's order.
pub(super) fn times(
    entries: &[TimelineEntry],
    counted: Option<&CountedTime>,
    words: Words<'_>,
) -> Vec<Item> {
    let counted = counted.map(|it| Item::new(Mark::Plain, Phrase::outside(&it.sentence)));
    entries
        .iter()
        .map(|it| {
            let mark = match it.grade {
                TimelineGrade::Declared => Mark::Caution,
                TimelineGrade::Signed => Mark::Plain,
                TimelineGrade::Stamped | TimelineGrade::Logged => Mark::Good,
            };
            let text = words.fill(
                "time.line",
                &[
                    ("when", &Phrase::outside(&it.when)),
                    ("what", &Phrase::plain(&it.sentence)),
                    ("grade", &grade(it.grade, words)),
                    ("place", &Phrase::outside(&it.place)),
                ],
            );
            Item::new(mark, text)
        })
        .chain(counted)
        .collect()
}

/// Who vouches for a time.
pub(crate) fn grade(grade: TimelineGrade, words: Words<'_>) -> Phrase {
    words.text(match grade {
        TimelineGrade::Declared => "grade.declared",
        TimelineGrade::Signed => "grade.signed",
        TimelineGrade::Stamped => "grade.stamped",
        TimelineGrade::Logged => "grade.logged",
    })
}
