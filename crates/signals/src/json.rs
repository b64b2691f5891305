//! JSON of unknown writers, under limits.

use serde_json::Value;

use crate::Limits;

/// The JSON object that `text` is; `None` when it is none, or one beyond the limits. Python's `NaN` and
/// `Infinity`, which ComfyUI writes, are read as null.
pub(crate) fn object(text: &str, limits: &Limits) -> Option<Value> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text.len() > limits.json_bytes || !text.starts_with('{') || values(text, limits).is_none() {
        return None;
    }
    let value = serde_json::from_str(text)
        .ok()
        .or_else(|| serde_json::from_str(&without_nan(text)?).ok());
    value.filter(Value::is_object)
}

/// The JSON object that begins at the start of `text`, whatever follows it.
pub(crate) fn leading_object<'t>(text: &'t str, limits: &Limits) -> Option<(Value, &'t str)> {
    let end = end_of_object(text, limits)?;
    Some((object(&text[..end], limits)?, &text[end..]))
}

/// Where the object that begins at the start of `text` ends.
fn end_of_object(text: &str, limits: &Limits) -> Option<usize> {
    if !text.starts_with('{') {
        return None;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate().take(limits.json_bytes) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Number of values in a text, or more; `None` when depth or number is beyond the limits. Parsed values take
/// many times the bytes of their text.
pub(crate) fn values(text: &str, limits: &Limits) -> Option<usize> {
    let (mut depth, mut values, mut in_text, mut escaped) = (0_usize, 1_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            b',' if !in_text => values += 1,
            _ => {}
        }
        if depth > limits.json_depth || values > limits.json_values {
            return None;
        }
    }
    Some(values)
}

fn without_nan(text: &str) -> Option<String> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_text = false;
    while let Some(at) = rest.find(['"', '\\', 'N', 'I', '-']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let word = ["NaN", "-Infinity", "Infinity"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        if let Some(word) = word.filter(|_| !in_text) {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = in_text && rest.starts_with('\\');
        in_text ^= rest.starts_with('"');
        let characters = rest.chars().take(if escaped { 2 } else { 1 });
        let kept = characters.map(char::len_utf8).sum();
        out.push_str(&rest[..kept]);
        rest = &rest[kept..];
    }
    out.push_str(rest);
    Some(out)
}

/// A value as people read it: text without quotes, all else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Member `key`, whatever its case.
pub(crate) fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    object.get(key).or_else(|| {
        object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    })
}

/// Member `key` as text that is not empty.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    let text = plain(member(value, key)?);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_outside_of_strings_is_null() {
        let limits = Limits::default();
        let value = object(
            r#"{"a": NaN, "b": [-Infinity, 1], "c": "NaN \"NaN"}"#,
            &limits,
        )
        .unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"a":null,"b":[null,1],"c":"NaN \"NaN"}"#
        );
    }

    #[test]
    fn deep_and_wide_texts_are_refused() {
        let limits = Limits::default();
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
        assert_eq!(object(&deep, &limits), None);
        let wide = format!("{{\"a\":[{}1]}}", "1,".repeat(limits.json_values));
        assert_eq!(object(&wide, &limits), None);
    }

    #[test]
    fn an_object_ends_where_its_brace_closes() {
        let limits = Limits::default();
        let (value, rest) = leading_object(r#"{"a":"}"}tail"#, &limits).unwrap();
        assert_eq!((value["a"].as_str(), rest), (Some("}"), "tail"));
        assert!(leading_object(r#"{"a":"#, &limits).is_none());
    }
}
