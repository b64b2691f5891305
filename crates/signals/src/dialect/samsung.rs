//! Samsung's trailer: `PEg_Info`, and `PhotoEditor_Re_Edit_Data`, with a `genAIType` that is not zero
//! after a tool of Galaxy AI was used. The format is not published; seen on Galaxy S23 to S25.

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Origin};
use crate::{Says, Source, json};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    for entry in all
        .entries
        .iter()
        .filter(|entry| entry.origin == Origin::Trailer)
    {
        let Some(value) = &entry.json else {
            continue;
        };
        let Some(kind) = gen_ai_type(value, all).filter(|kind| kind != "0" && kind != "-1") else {
            continue;
        };
        found.push(
            Draft::declared(Source::Samsung, Says::PartlyGenerated)
                .at(entry)
                .tool(Some("Galaxy AI"))
                .field("genAIType", &kind)
                .field(
                    "genImageVersion",
                    &json::text(value, "genImageVersion").unwrap_or_default(),
                )
                .field(
                    "connectorType",
                    &json::text(value, "connectorType").unwrap_or_default(),
                )
                .note("samsung-trailer"),
        );
    }
}

fn gen_ai_type(value: &Value, all: &Collected<'_>) -> Option<String> {
    if let Some(number) = json::member(value, "genAIType").and_then(Value::as_i64) {
        return Some(number.to_string());
    }
    // Within one of the editor's texts.
    value.as_object()?.values().take(100).find_map(|member| {
        let inner = json::object(member.as_str()?, all.limits)?;
        Some(json::member(&inner, "genAIType")?.as_i64()?.to_string())
    })
}
