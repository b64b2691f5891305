//! Traces of other generators: from metadata, from credentials, from pixels, told without what may tell of
//! a person unless a full report is asked for.

use colophon_policy::{Camera, Statement, Trace};
use colophon_signals::{Class, Findings, Says, Signal, Source};
use colophon_wording::Wording;

use crate::report::{FieldEvidence, SignalEvidence, UnreadableMarkEvidence};

/// What of all traces the rules judge.
pub(crate) fn trace(signals: &[Signal]) -> Trace {
    let strongest = signals
        .iter()
        .filter(|signal| signal.class != Class::Signed && speaks_of_a_model(signal.says))
        .map(|signal| signal.class)
        .min();
    let hinted = signals.iter().any(|signal| {
        signal.class == Class::Weak
            && signal.says == Says::Unstated
            && signal.source != Source::Camera
    });
    match strongest {
        Some(Class::Pixel) => Trace::Pixel,
        Some(Class::VendorVerified) => Trace::VendorVerified,
        Some(Class::Declared) => Trace::Declared,
        Some(_) => Trace::Weak,
        None if hinted => Trace::Weak,
        None => Trace::None,
    }
}

/// Whether unsigned metadata is such as a camera writes.
pub(crate) fn camera(signals: &[Signal]) -> Camera {
    let captured = signals
        .iter()
        .any(|signal| signal.class != Class::Signed && signal.says == Says::Captured);
    if captured {
        Camera::Declared
    } else {
        Camera::None
    }
}

/// Whether it says that a trained model took part.
pub(crate) fn speaks_of_a_model(says: Says) -> bool {
    matches!(
        says,
        Says::Generated | Says::PartlyGenerated | Says::PossiblyGenerated
    )
}

/// What a manifest states, as the rules judge it.
pub(crate) fn statement(says: Says) -> Statement {
    match says {
        Says::Generated => Statement::Generated,
        Says::PartlyGenerated => Statement::PartlyGenerated,
        Says::PossiblyGenerated => Statement::PossiblyGenerated,
        Says::Captured => Statement::Captured,
        Says::Made => Statement::Made,
        Says::Unstated => Statement::Unstated,
    }
}

/// The trace that a verdict names: the strongest unsigned one that the rules went by.
pub(crate) fn named(signals: &[Signal]) -> Option<&Signal> {
    let unsigned = || {
        signals
            .iter()
            .filter(|signal| signal.class != Class::Signed)
    };
    unsigned()
        .filter(|signal| speaks_of_a_model(signal.says))
        // A vendor's own words tell more than a standard's field, which anyone's program writes.
        .min_by_key(|signal| (signal.class, is_standard(signal.source)))
        .or_else(|| unsigned().find(|signal| signal.says == Says::Captured))
        .or_else(|| unsigned().next())
}

fn is_standard(source: Source) -> bool {
    matches!(source, Source::Iptc | Source::Tc260 | Source::Other)
}

/// Product and version as one text.
pub(crate) fn tool_text(signal: &Signal) -> Option<String> {
    let tool = signal.tool.as_ref()?;
    Some(match &signal.version {
        Some(version) => format!("{tool} {version}"),
        None => tool.clone(),
    })
}

/// Traces as they are told. `full` tells what may tell of a person too.
pub(crate) fn evidence(signals: &[Signal], wording: &Wording, full: bool) -> Vec<SignalEvidence> {
    let field = |field: &colophon_signals::Field| FieldEvidence {
        name: field.name.clone(),
        value: (full || !field.personal).then(|| field.value.clone()),
    };
    signals
        .iter()
        .map(|signal| SignalEvidence {
            source: signal.source,
            name: signal.source.name().to_owned(),
            class: signal.class,
            says: signal.says,
            tool: signal.tool.clone(),
            version: signal.version.clone(),
            places: signal.places.clone(),
            fields: signal.fields.iter().map(field).collect(),
            note: signal
                .note
                .map(|key| wording.text(&format!("signal.note.{key}"))),
        })
        .collect()
}

/// Marks that are said to be there and cannot be read here.
pub(crate) fn unreadable(findings: &Findings) -> Vec<UnreadableMarkEvidence> {
    findings
        .unreadable_marks
        .iter()
        .map(|mark| UnreadableMarkEvidence {
            name: mark.name.clone(),
            source: mark.source,
            named_by: mark.named_by.clone(),
            check_at: mark.check_at.map(str::to_owned),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_signals::Field;
    use colophon_wording::Language;

    fn signal(source: Source, class: Class, says: Says) -> Signal {
        Signal {
            source,
            class,
            says,
            tool: None,
            version: None,
            places: Vec::new(),
            fields: Vec::new(),
            note: None,
        }
    }

    #[test]
    fn the_strongest_trace_of_a_model_decides() {
        let camera = signal(Source::Camera, Class::Weak, Says::Captured);
        let iptc = signal(Source::Iptc, Class::Declared, Says::Generated);
        let midjourney = signal(Source::Midjourney, Class::Declared, Says::Generated);
        let pixel = signal(Source::Diffusers, Class::Pixel, Says::Generated);
        let host = signal(Source::HuggingFace, Class::Weak, Says::Unstated);
        let signed = signal(Source::OpenAi, Class::Signed, Says::Generated);
        assert_eq!(trace(&[]), Trace::None);
        assert_eq!(trace(std::slice::from_ref(&camera)), Trace::None);
        assert_eq!(trace(std::slice::from_ref(&signed)), Trace::None);
        assert_eq!(trace(&[host, camera.clone()]), Trace::Weak);
        assert_eq!(trace(&[iptc.clone(), camera.clone()]), Trace::Declared);
        assert_eq!(trace(&[iptc.clone(), pixel]), Trace::Pixel);
        assert_eq!(super::camera(&[camera]), Camera::Declared);
        assert_eq!(super::camera(std::slice::from_ref(&iptc)), Camera::None);
        assert_eq!(
            named(&[iptc, midjourney]).map(|signal| signal.source),
            Some(Source::Midjourney)
        );
    }

    #[test]
    fn what_may_tell_of_a_person_is_withheld_in_public() {
        let mut one = signal(Source::WebUi, Class::Declared, Says::Generated);
        one.fields = vec![
            Field::new("Steps", "20"),
            Field::personal("prompt", "my aunt"),
        ];
        let english = Wording::of(Language::English);
        let public = evidence(std::slice::from_ref(&one), english, false);
        assert_eq!(public[0].fields[0].value.as_deref(), Some("20"));
        assert_eq!(public[0].fields[1].value, None);
        let full = evidence(&[one], english, true);
        assert_eq!(full[0].fields[1].value.as_deref(), Some("my aunt"));
    }
}
