//! The JSON of reports against `docs/report.schema.json`, by a reader of our own for the words that the
//! schema uses, and by Python's `jsonschema`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use colophon_provenance::{Language, Report};
use serde_json::{Value, json};
use support::{KINDS, path, read};

fn schema_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/report.schema.json")
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(schema_path()).unwrap()).unwrap()
}

/// What in `value` does not follow `rule`; `seen` gathers the places of the schema that were used.
fn problems(root: &Value, rule: &Value, value: &Value, seen: &mut BTreeSet<String>) -> Vec<String> {
    if let Some(name) = rule.get("$ref").and_then(Value::as_str) {
        let rule = root.pointer(name.trim_start_matches('#')).expect(name);
        return problems(root, rule, value, seen);
    }
    if let Some(any) = rule.get("anyOf").and_then(Value::as_array) {
        let all: Vec<_> = any
            .iter()
            .map(|rule| problems(root, rule, value, seen))
            .collect();
        let fits = all.iter().any(Vec::is_empty);
        return if fits { Vec::new() } else { all.concat() };
    }
    let mut found = Vec::new();
    if rule.get("const").is_some_and(|only| only != value) {
        found.push(format!("{value} is not the value allowed"));
    }
    if let Some(names) = rule.get("enum").and_then(Value::as_array)
        && !names.contains(value)
    {
        found.push(format!("{value} is not on the list"));
    }
    let least = rule.get("minimum").and_then(Value::as_f64);
    let is_less = value
        .as_f64()
        .zip(least)
        .is_some_and(|(value, least)| value < least);
    if !has_type(rule, value) || is_less {
        found.push(format!("{value} is not {}", rule["type"]));
    }
    if let (Some(properties), Some(fields)) = (rule["properties"].as_object(), value.as_object()) {
        assert_eq!(rule["additionalProperties"], json!(false));
        for name in rule["required"].as_array().unwrap() {
            if !fields.contains_key(name.as_str().unwrap()) {
                found.push(format!("{name} is missing"));
            }
        }
        for (name, field) in fields {
            match properties.get(name) {
                None => found.push(format!("{name} is not known")),
                Some(rule) => {
                    if !field.is_null() {
                        seen.insert(rule["description"].as_str().unwrap().to_owned());
                    }
                    found.extend(problems(root, rule, field, seen));
                }
            }
        }
    }
    if let (Some(rule), Some(items)) = (rule.get("items"), value.as_array()) {
        found.extend(
            items
                .iter()
                .flat_map(|item| problems(root, rule, item, seen)),
        );
    }
    found
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let names: Vec<&str> = match rule.get("type") {
        None => return true,
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(name) => name.as_str().into_iter().collect(),
    };
    names.iter().any(|name| match *name {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schema uses {other}"),
    })
}

fn check(value: &Value) -> Vec<String> {
    let root = schema();
    problems(&root, &root, value, &mut BTreeSet::new())
}

/// The report as this version writes it.
fn written(text: &str) -> Value {
    let report: Report = serde_json::from_str(text).unwrap();
    serde_json::to_value(report).unwrap()
}

#[test]
fn reports_follow_the_schema() {
    assert_eq!(
        schema()["properties"]["colophon_report"]["const"],
        json!(Report::VERSION)
    );
    for kind in KINDS {
        for language in Language::ALL {
            let value = written(&read(&format!("{kind}.{language}.json")));
            assert_eq!(check(&value), Vec::<String>::new(), "{kind}");
        }
    }
}

#[test]
fn the_schema_knows_every_field_and_no_other() {
    let text = read("everything.json");
    let value = written(&text);
    // A field that the file lacks would have been added here, one that reports lack would be gone.
    let whole: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, whole);
    let root = schema();
    let mut seen = BTreeSet::new();
    assert_eq!(
        problems(&root, &root, &value, &mut seen),
        Vec::<String>::new()
    );
    let all = root["$defs"].as_object().unwrap().values().chain([&root]);
    for rule in all
        .filter_map(|rule| rule["properties"].as_object())
        .flatten()
    {
        let told = rule.1["description"].as_str().unwrap();
        assert!(seen.contains(told), "no report has {}: {told}", rule.0);
    }
}

#[test]
fn what_does_not_follow_the_schema_is_found() {
    let good = written(&read("issued.en.json"));
    for (place, wrong) in [
        ("/colophon_report", json!(2)),
        ("/outcome", json!("fine")),
        ("/container", json!({ "format": null })),
        ("/container/bytes", json!(-1)),
        ("/evidence/signals", json!([{ "source": "unheard-of" }])),
        ("/tool/confinement", json!("none")),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(place).unwrap() = wrong;
        assert!(!check(&value).is_empty(), "{place}");
    }
    let mut value = good;
    value["evidence"]["more"] = json!(null);
    assert_eq!(check(&value), ["more is not known"]);
}

#[test]
fn another_validator_agrees() {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = "
import json, sys
try:
    import jsonschema
except ImportError:
    sys.exit(3)
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
for name in sys.argv[2:]:
    report = json.load(open(name))
    for error in check.iter_errors(report):
        print(name, list(error.path), error.message)
    report['evidence']['more'] = None
    if check.is_valid(report):
        print(name, 'takes an unknown field')
";
    let names = KINDS.map(|kind| path(&format!("{kind}.en.json")));
    let output = Command::new(&python)
        .args(["-c", script])
        .arg(schema_path())
        .args(names)
        .arg(path("everything.json"))
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(3) => output,
        _ => {
            let is_required = std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_some();
            assert!(!is_required, "{python} has no jsonschema");
            eprintln!("skipped: {python} has no jsonschema");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}{error}");
}
