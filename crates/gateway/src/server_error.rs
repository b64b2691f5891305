//! What servers say when they refuse: five shapes of JSON, or anything at all.

use std::fmt;

use serde_json::Value;

use crate::secret::Secret;

/// Longest text kept of what a server says, in characters.
const MAX_CHARS: usize = 400;

/// Codes and types that tell of a content policy: OpenAI's, Azure's and those seen in gateways
/// before them.
const POLICY: [&str; 6] = [
    "moderation_blocked",
    "content_policy_violation",
    "content_filter",
    "contentFilter",
    "content_moderation",
    "safety_violation",
];

/// An error as the server told it, in the words of the OpenAI API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// For people. Empty when the server said nothing readable.
    pub message: String,
    /// Such as `invalid_request_error`.
    pub kind: Option<String>,
    /// Such as `unknown_parameter`.
    pub code: Option<String>,
    /// The field at fault.
    pub param: Option<String>,
}

impl ServerError {
    /// Reads the body of an answer with an error status, or of any answer with an error in it.
    /// `None` when it is JSON without an error.
    pub(crate) fn from_json(body: &Value, key: Option<&Secret>) -> Option<Self> {
        let error = match body.get("error").filter(|error| !error.is_null()) {
            // OpenAI, LocalAI, newer vLLM.
            Some(Value::Object(error)) => {
                let text = |name: &str| error.get(name).and_then(plain);
                Self {
                    message: text("message").unwrap_or_default(),
                    kind: text("type"),
                    code: text("code"),
                    param: text("param"),
                }
            }
            // stable-diffusion.cpp: the text itself, or a code beside a message.
            Some(error) => {
                let error = plain(error).unwrap_or_default();
                match body.get("message").and_then(plain) {
                    Some(message) => Self {
                        message,
                        code: Some(error),
                        ..Self::default()
                    },
                    None => Self {
                        message: error,
                        ..Self::default()
                    },
                }
            }
            None => Self::without_error_field(body)?,
        };
        Some(error.clean(key))
    }

    /// FastAPI's `detail`, and the bare object of older vLLM.
    fn without_error_field(body: &Value) -> Option<Self> {
        let message = match body.get("detail") {
            Some(Value::Array(details)) => {
                let one = |detail: &Value| {
                    let place = detail.get("loc").and_then(Value::as_array);
                    let place = place.and_then(|loc| loc.last()).and_then(plain);
                    let message = detail.get("msg").and_then(plain)?;
                    Some(place.map_or(message.clone(), |place| format!("{place}: {message}")))
                };
                let told: Vec<String> = details.iter().filter_map(one).take(5).collect();
                told.join("; ")
            }
            Some(detail) => detail
                .get("message")
                .and_then(plain)
                .or_else(|| plain(detail))?,
            None => {
                if body.get("data").is_some() {
                    return None;
                }
                body.get("message").and_then(plain)?
            }
        };
        Some(Self {
            message,
            kind: body.get("type").and_then(plain),
            code: body.get("code").and_then(plain),
            param: body.get("param").and_then(plain),
        })
    }

    /// A body that is not JSON: its beginning, if it is text and no web page.
    pub(crate) fn from_text(body: &[u8], key: Option<&Secret>) -> Self {
        let text = String::from_utf8_lossy(body);
        let page = text.trim_start().starts_with('<');
        let error = Self {
            message: if page {
                String::new()
            } else {
                text.into_owned()
            },
            ..Self::default()
        };
        error.clean(key)
    }

    fn clean(self, key: Option<&Secret>) -> Self {
        let tidy = |text: String| readable(&text, key);
        Self {
            message: tidy(self.message),
            kind: self.kind.map(tidy),
            code: self.code.map(tidy),
            param: self.param.map(tidy),
        }
    }

    /// Whether the prompt was refused for what it shows.
    pub(crate) fn is_content_policy(&self) -> bool {
        let named = |field: &Option<String>| {
            field
                .as_deref()
                .is_some_and(|field| POLICY.contains(&field))
        };
        let message = self.message.to_ascii_lowercase();
        named(&self.code)
            || named(&self.kind)
            || message.contains("safety system")
            || message.contains("content policy")
    }

    /// Whether a 429 will stay one however long one waits.
    pub(crate) fn is_out_of_credit(&self) -> bool {
        let code = self.code.as_deref();
        matches!(
            code,
            Some("insufficient_quota" | "billing_hard_limit_reached")
        ) || self.kind.as_deref() == Some("insufficient_quota")
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message.trim_end_matches(['.', ' ']);
        if message.is_empty() {
            f.write_str("no reason given")?;
        } else {
            f.write_str(message)?;
        }
        match (&self.code, &self.kind) {
            (Some(code), _) => write!(f, " [{code}]"),
            (None, Some(kind)) => write!(f, " [{kind}]"),
            (None, None) => Ok(()),
        }
    }
}

/// Text or number, as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Text of a server made fit for a terminal: one line, no control characters, not long, and
/// without the key, which some servers repeat in their complaint about it.
pub(crate) fn readable(text: &str, key: Option<&Secret>) -> String {
    let text = match key {
        Some(key) => text.replace(key.reveal(), "[redacted]"),
        None => text.to_owned(),
    };
    let mut line = String::new();
    for (count, word) in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .enumerate()
    {
        if word.is_empty() {
            continue;
        }
        if count > 0 && !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|&c| !is_invisible(c)));
        if line.chars().count() > MAX_CHARS {
            let cut = line.chars().take(MAX_CHARS).collect::<String>();
            return cut + "...";
        }
    }
    line
}

/// Marks that reorder or hide text on a terminal.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> ServerError {
        ServerError::from_json(body, None).unwrap()
    }

    #[test]
    fn every_servers_way_to_refuse_is_understood() {
        let openai = read(&json!({"error": {
            "message": "Unknown parameter: 'response_format'.", "type": "invalid_request_error",
            "param": "response_format", "code": "unknown_parameter"}}));
        assert_eq!(openai.param.as_deref(), Some("response_format"));
        assert_eq!(
            openai.to_string(),
            "Unknown parameter: 'response_format' [unknown_parameter]"
        );
        let local_ai = read(&json!({"error": {"code": 500, "message": "no model", "type": ""}}));
        assert_eq!(local_ai.code.as_deref(), Some("500"));
        let sd_cpp = read(&json!({"error": "prompt required"}));
        assert_eq!(sd_cpp.message, "prompt required");
        let sd_cpp = read(&json!({"error": "server_error", "message": "out of memory"}));
        assert_eq!(sd_cpp.to_string(), "out of memory [server_error]");
        let fast_api = read(&json!({"detail": "Only 'b64_json' is supported"}));
        assert_eq!(fast_api.message, "Only 'b64_json' is supported");
        let fast_api = read(&json!({"detail": [
            {"loc": ["body", "n"], "msg": "must be at most 10", "type": "less_than_equal"}]}));
        assert_eq!(fast_api.message, "n: must be at most 10");
        let old_vllm = read(&json!({"object": "error", "message": "bad", "code": 400}));
        assert_eq!(old_vllm.message, "bad");
        let odd = read(&json!({"error": {"message": {"deep": 1}}}));
        assert_eq!(odd.to_string(), "no reason given");
    }

    #[test]
    fn an_answer_with_pictures_is_no_error() {
        let good = json!({"created": 1, "data": [], "error": null, "message": "done"});
        assert_eq!(ServerError::from_json(&good, None), None);
        assert_eq!(ServerError::from_json(&json!([1, 2]), None), None);
    }

    #[test]
    fn a_content_policy_is_told_as_such() {
        let by_code = read(&json!({"error": {"message": "no", "code": "moderation_blocked"}}));
        assert!(by_code.is_content_policy());
        let by_text = read(&json!({"error": {
            "message": "Your request was rejected as a result of our safety system."}}));
        assert!(by_text.is_content_policy());
        assert!(!read(&json!({"error": "size"})).is_content_policy());
    }

    #[test]
    fn what_a_server_says_is_safe_to_print_and_holds_no_key() {
        let key = Secret::new("sk-abc123").unwrap();
        let body = json!({"error": {"message":
            format!("Incorrect API key\r\n\u{1b}[31msk-abc123\u{202e} {}", "x ".repeat(900))}});
        let text = ServerError::from_json(&body, Some(&key)).unwrap().message;
        assert!(
            text.starts_with("Incorrect API key [31m[redacted] x"),
            "{text}"
        );
        assert!(text.chars().count() <= MAX_CHARS + 3);
        assert!(!text.chars().any(char::is_control));
        let page = ServerError::from_text(b"  <html>sk-abc123", Some(&key));
        assert_eq!(page.to_string(), "no reason given");
    }
}
