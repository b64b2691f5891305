//! The evidence of a report in words, reader by reader.

mod ledger;
mod manifest;
mod mark;
mod traces;

pub(crate) use traces::grade;

use colophon_provenance::{AgentEvidence, GenerationEvidence, Report};

use crate::document::{Item, Mark, Section};
use crate::phrase::{Phrase, Words, number, spaced};

/// One section for each reader that has something to say.
pub(crate) fn sections(report: &Report, words: Words<'_>) -> Vec<Section> {
    let evidence = &report.evidence;
    let or_absent = |key: &'static str, items: Option<Vec<Item>>| Section {
        key,
        items: items.unwrap_or_else(|| vec![absent(report, key, words)]),
    };
    let mut marks = evidence.watermark.as_ref().map_or_else(
        || vec![absent(report, "watermark", words)],
        |it| mark::read(it, words),
    );
    if evidence.faint_mark.is_some() {
        marks.push(Item::new(Mark::Caution, words.text("watermark.faint")));
    }
    let attached = evidence.manifest.as_ref();
    let record = evidence.ledger.as_ref();
    let mut all = vec![
        or_absent("manifest", attached.map(|it| manifest::attached(it, words))),
        Section {
            key: "watermark",
            items: marks,
        },
        or_absent("ledger", record.map(|it| ledger::record(it, words))),
    ];
    let mut add = |key, items: Vec<Item>| {
        if !items.is_empty() {
            all.push(Section { key, items });
        }
    };
    let content = record.map(|it| ledger::content(it, words));
    add("content", content.into_iter().collect());
    let recovered = evidence.recovered_manifest.as_ref();
    add(
        "recovered",
        recovered.map_or_else(Vec::new, |it| manifest::recovered(it, words)),
    );
    let alike = evidence.fingerprint.as_ref();
    add(
        "likeness",
        alike.map_or_else(Vec::new, |it| ledger::likeness(it, words)),
    );
    add(
        "traces",
        if evidence.signals.is_empty() {
            vec![Item::plain(words.text("none.traces"))]
        } else {
            traces::by_class(&evidence.signals, words)
        },
    );
    add(
        "unreadable",
        mark::unreadable(&evidence.unreadable_marks, words),
    );
    add(
        "timeline",
        traces::times(&evidence.timeline, evidence.counted_time.as_ref(), words),
    );
    all
}

/// What is said where a reader found nothing, or was not asked.
fn absent(report: &Report, key: &str, words: Words<'_>) -> Item {
    if report.not_checked.iter().any(|item| item.what == key) {
        Item::new(Mark::Caution, words.text("not-checked-below"))
    } else {
        Item::plain(words.text(&format!("none.{key}")))
    }
}

/// Name and version of a program or model.
fn agent(it: &AgentEvidence) -> Phrase {
    let version = it.version.iter().map(|version| Phrase::outside(version));
    let parts: Vec<Phrase> = std::iter::once(Phrase::outside(&it.name))
        .chain(version)
        .collect();
    spaced(&parts)
}

/// The model and how it was asked, in one line.
fn generation(it: &GenerationEvidence, words: Words<'_>) -> Phrase {
    let key = match (it.built_in, it.backend.as_str()) {
        (true, _) => "model.built-in",
        (false, "remote") => "model.remote",
        (false, _) => "model.named",
    };
    let mut parts = vec![words.fill(key, &[("id", &Phrase::outside(&it.model_id))])];
    match it.seeds.as_slice() {
        [] => {}
        [seed] => parts.push(words.fill("model.seed", &[("seed", &number(seed))])),
        [first, .., last] => parts.push(words.fill(
            "model.seeds",
            &[("first", &number(first)), ("last", &number(last))],
        )),
    }
    parts.extend(it.steps.map(|steps| words.counted("steps", steps.into())));
    parts.extend(it.sampler.as_ref().map(|sampler| Phrase::outside(sampler)));
    if let Some(scale) = it.guidance {
        let digits = usize::from(scale.fract() != 0.0);
        let scale = words.decimal(scale, digits);
        parts.push(words.fill("model.guidance", &[("scale", &scale)]));
    }
    words.joined(&parts)
}

/// What the model and its training data are licensed under, as far as it is told.
fn licenses(it: &GenerationEvidence, words: Words<'_>) -> Option<Phrase> {
    let license = it
        .license
        .as_ref()
        .map(|license| words.fill("model.license", &[("license", &Phrase::outside(license))]));
    let training = (!it.training_licenses.is_empty()).then(|| {
        let list = words.joined(&outsiders(&it.training_licenses));
        words.fill("model.training", &[("list", &list)])
    });
    let parts: Vec<Phrase> = [license, training].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| words.joined(&parts))
}

/// The hash of each file of the weights.
fn weights<'a>(it: &'a GenerationEvidence, words: Words<'a>) -> impl Iterator<Item = Item> + 'a {
    it.weights.iter().map(move |file| {
        let name = Phrase::outside(&file.file);
        let hash = Phrase::outside(&file.sha256);
        Item::fine(words.fill("model.weights", &[("file", &name), ("hash", &hash)]))
    })
}

fn outsiders(texts: &[String]) -> Vec<Phrase> {
    texts.iter().map(|text| Phrase::outside(text)).collect()
}

/// An IPTC source type in words, with the last part of its URI, which is its name.
fn source_type(uri: &str, words: Words<'_>) -> Phrase {
    let name = uri.rsplit('/').next().unwrap_or(uri);
    let key = format!("source-type.{name}");
    if !words.has(&key) {
        return Phrase::outside(name);
    }
    spaced(&[words.text(&key), Phrase::plain(&format!("({name})"))])
}
