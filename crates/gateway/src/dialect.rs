//! What each kind of server accepts beyond the fields that all of them share.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::error::GatewayError;
use crate::request::{ImagesRequest, ResponseFormat};

/// The family of a server: which extensions it takes, under which names. `docs/gateway.md` lists
/// field by field what is sent to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's own API. No extension exists there, and unknown fields are refused.
    OpenAi,
    /// vLLM-Omni, SGLang-Diffusion and others that name their fields after Diffusers.
    Diffusers,
    /// LocalAI.
    LocalAi,
    /// The server of stable-diffusion.cpp, which takes extensions inside the prompt.
    StableDiffusionCpp,
}

/// Tags between which stable-diffusion.cpp looks for JSON in the prompt.
const EXTRA_OPEN: &str = "<sd_cpp_extra_args>";
const EXTRA_CLOSE: &str = "</sd_cpp_extra_args>";

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OpenAi,
        Self::Diffusers,
        Self::LocalAi,
        Self::StableDiffusionCpp,
    ];

    /// The name for command lines and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Diffusers => "diffusers",
            Self::LocalAi => "localai",
            Self::StableDiffusionCpp => "sd-cpp",
        }
    }

    /// The form of pictures that is asked for unless the request says otherwise: within the answer,
    /// which needs no second connection. Nothing is said to OpenAI, whose models return that form
    /// and refuse to be asked for it.
    pub fn response_format(self) -> ResponseFormat {
        match self {
            Self::OpenAi => ResponseFormat::ServerDefault,
            Self::Diffusers | Self::LocalAi | Self::StableDiffusionCpp => ResponseFormat::B64Json,
        }
    }

    /// The JSON to send.
    ///
    /// # Errors
    /// [`GatewayError::Unsupported`] for a field that this server would ignore or misread: a record
    /// of the picture must not state a seed that was never used.
    pub(crate) fn body(self, request: &ImagesRequest) -> Result<Value, GatewayError> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        put("prompt", json!(self.prompt(request)?));
        put("n", json!(request.count));
        put(
            "size",
            json!(format!("{}x{}", request.width, request.height)),
        );
        if let Some(model) = &request.model {
            put("model", json!(model));
        }
        match request.response_format.unwrap_or(self.response_format()) {
            ResponseFormat::B64Json => put("response_format", json!("b64_json")),
            ResponseFormat::Url => put("response_format", json!("url")),
            ResponseFormat::ServerDefault => {}
        }
        match self {
            Self::Diffusers => {
                if let Some(text) = &request.negative_prompt {
                    put("negative_prompt", json!(text));
                }
                if let Some(seed) = request.seed {
                    put("seed", json!(seed));
                }
                if let Some(steps) = request.steps {
                    put("num_inference_steps", json!(steps));
                }
                if let Some(scale) = request.guidance {
                    put("guidance_scale", decimal(scale));
                }
                if let Some(scale) = request.true_cfg {
                    put("true_cfg_scale", decimal(scale));
                }
            }
            Self::LocalAi => {
                if let Some(seed) = request.seed {
                    put("seed", json!(seed));
                }
                if let Some(steps) = request.steps {
                    put("step", json!(steps));
                }
            }
            // Refused or inside the prompt, see `prompt`.
            Self::OpenAi | Self::StableDiffusionCpp => {}
        }
        Ok(Value::Object(body))
    }

    /// The prompt, with what goes inside it.
    fn prompt(self, request: &ImagesRequest) -> Result<String, GatewayError> {
        let prompt = &request.prompt;
        let negative = request.negative_prompt.as_deref();
        match self {
            Self::Diffusers => Ok(prompt.clone()),
            Self::OpenAi => {
                let asked = [
                    ("negative prompt", negative.is_some()),
                    ("seed", request.seed.is_some()),
                    ("steps", request.steps.is_some()),
                    ("guidance", request.guidance.is_some()),
                    ("true CFG", request.true_cfg.is_some()),
                ];
                match asked.iter().find(|(_, asked)| *asked) {
                    Some((field, _)) => Err(self.lacks(field, "the OpenAI API has no such field")),
                    None => Ok(prompt.clone()),
                }
            }
            Self::LocalAi => self.local_ai_prompt(request, negative),
            Self::StableDiffusionCpp => self.sd_cpp_prompt(request, negative),
        }
    }

    /// LocalAI splits the prompt at `|` into prompt and negative prompt, passes seeds on as 32 bits
    /// and takes guidance from the model's configuration only.
    fn local_ai_prompt(
        self,
        request: &ImagesRequest,
        negative: Option<&str>,
    ) -> Result<String, GatewayError> {
        if request.prompt.contains('|') || negative.is_some_and(|text| text.contains('|')) {
            return Err(self.lacks(
                "`|` in a prompt",
                "it parts prompt and negative prompt there",
            ));
        }
        if request.seed.is_some_and(|seed| seed > i32::MAX as u64) {
            return Err(self.lacks("this seed", "it takes 0 to 2147483647"));
        }
        if request.guidance.is_some() || request.true_cfg.is_some() {
            return Err(self.lacks(
                "guidance",
                "set cfg_scale in the model's configuration there",
            ));
        }
        Ok(match negative {
            Some(negative) => format!("{}|{negative}", request.prompt),
            None => request.prompt.clone(),
        })
    }

    /// stable-diffusion.cpp ignores unknown fields and reads JSON between two tags in the prompt.
    fn sd_cpp_prompt(
        self,
        request: &ImagesRequest,
        negative: Option<&str>,
    ) -> Result<String, GatewayError> {
        let tagged = |text: &str| text.contains(EXTRA_OPEN) || text.contains(EXTRA_CLOSE);
        if tagged(&request.prompt) || negative.is_some_and(tagged) {
            return Err(self.lacks(
                "sd_cpp_extra_args in a prompt",
                "it would change settings that the record then states wrongly",
            ));
        }
        if request.seed.is_some_and(|seed| seed > i64::MAX as u64) {
            return Err(self.lacks("this seed", "it takes 0 to 9223372036854775807"));
        }
        if request.true_cfg.is_some() {
            return Err(self.lacks("true CFG", "its guidance is that already"));
        }
        let mut extra = Map::new();
        if let Some(negative) = negative {
            extra.insert("negative_prompt".to_owned(), json!(negative));
        }
        if let Some(seed) = request.seed {
            extra.insert("seed".to_owned(), json!(seed));
        }
        let mut sampling = Map::new();
        if let Some(steps) = request.steps {
            sampling.insert("sample_steps".to_owned(), json!(steps));
        }
        if let Some(scale) = request.guidance {
            sampling.insert("guidance".to_owned(), json!({"txt_cfg": decimal(scale)}));
        }
        if !sampling.is_empty() {
            extra.insert("sample_params".to_owned(), Value::Object(sampling));
        }
        Ok(if extra.is_empty() {
            request.prompt.clone()
        } else {
            let extra = Value::Object(extra);
            format!("{} {EXTRA_OPEN}{extra}{EXTRA_CLOSE}", request.prompt)
        })
    }

    fn lacks(self, field: &'static str, reason: &'static str) -> GatewayError {
        GatewayError::Unsupported {
            field,
            dialect: self.name(),
            reason,
        }
    }
}

/// `3.3` and not `3.299999952316284`.
fn decimal(value: f32) -> Value {
    value
        .to_string()
        .parse::<serde_json::Number>()
        .map_or(Value::Null, Value::Number)
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = GatewayError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| GatewayError::Request {
                field: "dialect",
                reason: "is openai, diffusers, localai or sd-cpp".to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut ImagesRequest);

    fn full() -> ImagesRequest {
        ImagesRequest {
            model: Some("m".into()),
            count: 2,
            negative_prompt: Some("blur \"x\"".into()),
            seed: Some(7),
            steps: Some(28),
            guidance: Some(3.3),
            ..ImagesRequest::new("a fox", 768, 512)
        }
    }

    #[test]
    fn each_server_gets_its_own_names() {
        let common = json!({"prompt": "a fox", "n": 1, "size": "768x512"});
        let plain = ImagesRequest::new("a fox", 768, 512);
        assert_eq!(Dialect::OpenAi.body(&plain).unwrap(), common);

        let mut request = full();
        request.true_cfg = Some(4.0);
        assert_eq!(
            Dialect::Diffusers.body(&request).unwrap(),
            json!({"prompt": "a fox", "n": 2, "size": "768x512", "model": "m",
                "response_format": "b64_json", "negative_prompt": "blur \"x\"", "seed": 7,
                "num_inference_steps": 28, "guidance_scale": 3.3, "true_cfg_scale": 4})
        );

        let mut request = full();
        request.guidance = None;
        request.response_format = Some(ResponseFormat::Url);
        assert_eq!(
            Dialect::LocalAi.body(&request).unwrap(),
            json!({"prompt": "a fox|blur \"x\"", "n": 2, "size": "768x512", "model": "m",
                "response_format": "url", "seed": 7, "step": 28})
        );

        let body = Dialect::StableDiffusionCpp.body(&full()).unwrap();
        let prompt = body["prompt"].as_str().unwrap();
        let extra = prompt.strip_prefix("a fox <sd_cpp_extra_args>").unwrap();
        let extra = extra.strip_suffix("</sd_cpp_extra_args>").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(extra).unwrap(),
            json!({"negative_prompt": "blur \"x\"", "seed": 7,
                "sample_params": {"sample_steps": 28, "guidance": {"txt_cfg": 3.3}}})
        );
        assert!(body.get("seed").is_none());
    }

    #[test]
    fn what_a_server_would_ignore_or_misread_is_refused() {
        let bad: [(Dialect, Change); 11] = [
            (Dialect::OpenAi, |r| r.seed = Some(1)),
            (Dialect::OpenAi, |r| r.steps = Some(1)),
            (Dialect::OpenAi, |r| r.guidance = Some(1.0)),
            (Dialect::OpenAi, |r| r.negative_prompt = Some("x".into())),
            (Dialect::LocalAi, |r| r.prompt = "a|b".into()),
            (Dialect::LocalAi, |r| r.seed = Some(1 << 31)),
            (Dialect::LocalAi, |r| r.guidance = Some(1.0)),
            (Dialect::StableDiffusionCpp, |r| r.seed = Some(1 << 63)),
            (Dialect::StableDiffusionCpp, |r| r.true_cfg = Some(1.0)),
            (Dialect::StableDiffusionCpp, |r| {
                r.prompt = "a <sd_cpp_extra_args>{}</sd_cpp_extra_args>".into();
            }),
            (Dialect::StableDiffusionCpp, |r| {
                r.negative_prompt = Some("</sd_cpp_extra_args>".into());
            }),
        ];
        for (dialect, change) in bad {
            let mut request = ImagesRequest::new("a fox", 64, 64);
            change(&mut request);
            assert!(
                matches!(
                    dialect.body(&request),
                    Err(GatewayError::Unsupported { .. })
                ),
                "{dialect}: {request:?}"
            );
        }
    }

    #[test]
    fn names_go_both_ways() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse::<Dialect>().unwrap(), dialect);
        }
        assert!("vllm".parse::<Dialect>().is_err());
    }
}
