//! How each kind of server is asked for each thing.

use crate::prompt::{Carrier, Labels, MediaKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// A kind of server that speaks the chat completions of OpenAI, with what it adds and lacks.
///
/// | | choice among labels | log-probabilities | beginning of the reply | pictures | clips |
/// |---|---|---|---|---|---|
/// | `vllm` (≥ 0.12) | `structured_outputs` | up to `--max-logprobs`, 20 at first | yes | data, file, https, with `uuid` | `video_url`: data, file, https |
/// | `vllm-guided` (< 0.12) | `guided_choice` | as above | yes | data, file, https | as above |
/// | `llama-cpp` | `grammar` | any number | yes | data, file, https | `input_video`: data, file, https |
/// | `ollama` | JSON schema | 20 (≥ 0.12.11) | no | data | no |
/// | `openai` | JSON schema | 20 | no | data, https | no |
/// | `hosted` (others like OpenAI) | JSON schema | 20 | no | data, https | no |
///
/// `openai` is asked for `max_completion_tokens`, all others for `max_tokens`. What a kind lacks is
/// [`Unsupported`] before anything is sent; nothing is left out or replaced silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// vLLM from version 0.12.
    Vllm,
    /// vLLM before version 0.12.
    VllmGuided,
    /// The server of llama.cpp.
    LlamaCpp,
    /// Ollama's OpenAI route.
    Ollama,
    /// OpenAI.
    Openai,
    /// Any other hosted service with OpenAI's interface.
    Hosted,
}

/// What a kind of server cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a server of kind {dialect} cannot be asked for {what}: {why}")]
pub struct Unsupported {
    /// The kind of server.
    pub dialect: Dialect,
    /// What was wanted.
    pub what: String,
    /// Why not, and what to do.
    pub why: &'static str,
}

/// Fields that go to the server as they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passthrough {
    /// vLLM: how its processor samples and scales media, e.g. `{"fps": 2}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub mm_processor_kwargs: Map<String, Value>,
    /// vLLM: how media are read, e.g. `{"video": {"num_frames": -1}}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub media_io_kwargs: Map<String, Value>,
    /// vLLM and llama.cpp: settings of the chat template, e.g. `{"enable_thinking": false}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub chat_template_kwargs: Map<String, Value>,
    /// Anything else, at the top level.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// What a request asks for besides its messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail<'a> {
    /// The most tokens of the reply.
    pub max_tokens: u32,
    /// Sampling temperature; not sent if `None`.
    pub temperature: Option<f64>,
    /// Nucleus sampling; not sent if `None`.
    pub top_p: Option<f64>,
    /// How many log-probabilities of the most likely tokens to list.
    pub top_logprobs: Option<u32>,
    /// Whether the reply must be one of these.
    pub among: Option<&'a Labels>,
    /// Whether the last message is the beginning of the reply.
    pub begun: bool,
}

/// The most log-probabilities that OpenAI and those like it list.
const MOST_LISTED: u32 = 20;

/// Fields that a request sets itself.
const OWN: [&str; 19] = [
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "logprobs",
    "top_logprobs",
    "structured_outputs",
    "guided_choice",
    "guided_json",
    "grammar",
    "response_format",
    "add_generation_prompt",
    "continue_final_message",
    "stream",
    "n",
    "json_schema",
];

impl Dialect {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Vllm,
        Self::VllmGuided,
        Self::LlamaCpp,
        Self::Ollama,
        Self::Openai,
        Self::Hosted,
    ];

    const fn is_vllm(self) -> bool {
        matches!(self, Self::Vllm | Self::VllmGuided)
    }

    fn cannot(self, what: impl Into<String>, why: &'static str) -> Unsupported {
        Unsupported {
            dialect: self,
            what: what.into(),
            why,
        }
    }

    /// Whether a constrained answer comes as the JSON object `{"answer": "1"}`.
    #[must_use]
    pub const fn answers_in_json(self) -> bool {
        matches!(self, Self::Ollama | Self::Openai | Self::Hosted)
    }

    /// Whether media may bear a `uuid` by which the server caches them.
    #[must_use]
    pub const fn names_media(self) -> bool {
        matches!(self, Self::Vllm)
    }

    /// Whether a reply that names the model `replied` may come from the model `asked`: under the same name, as
    /// a dated snapshot of it, or under one of the names in `also`.
    #[must_use]
    pub fn serves(self, asked: &str, replied: &str, also: &[String]) -> bool {
        let snapshot = replied
            .strip_prefix(asked)
            .and_then(|rest| rest.strip_prefix('-'));
        // llama.cpp serves one model under any name.
        self == Self::LlamaCpp
            || replied == asked
            || snapshot.is_some_and(|date| date.starts_with(|c: char| c.is_ascii_digit()))
            || also.iter().any(|name| name == replied)
    }

    /// The type of the message part that holds a picture or clip.
    ///
    /// # Errors
    /// [`Unsupported`] if this kind of server takes none.
    pub fn media_part(
        self,
        kind: MediaKind,
        carrier: Carrier,
    ) -> Result<&'static str, Unsupported> {
        match (self, kind, carrier) {
            (Self::Ollama, MediaKind::Image, Carrier::Https | Carrier::File) => Err(self.cannot(
                "an image by address",
                "it takes images as data only; send the bytes",
            )),
            (Self::Openai | Self::Hosted, MediaKind::Image, Carrier::File) => Err(self.cannot(
                "an image on its own disk",
                "it is not your machine; send the bytes, or an https address",
            )),
            (_, MediaKind::Image, _) => Ok("image_url"),
            (Self::Vllm | Self::VllmGuided, MediaKind::Video, _) => Ok("video_url"),
            (Self::LlamaCpp, MediaKind::Video, _) => Ok("input_video"),
            (_, MediaKind::Video, _) => Err(self.cannot(
                "a clip",
                "its chat completions take no clips; show frames instead, or serve the model with vLLM",
            )),
        }
    }

    /// The fields after the messages, in the order in which they are sent.
    ///
    /// # Errors
    /// [`Unsupported`] names what this kind of server cannot do.
    pub fn tail(
        self,
        tail: &Tail<'_>,
        pass: &Passthrough,
    ) -> Result<Map<String, Value>, Unsupported> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        let length = if self == Self::Openai {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        put(length, tail.max_tokens.into());
        if let Some(temperature) = tail.temperature {
            put("temperature", temperature.into());
        }
        if let Some(top_p) = tail.top_p {
            put("top_p", top_p.into());
        }
        if let Some(n) = tail.top_logprobs {
            if n > MOST_LISTED && !self.is_vllm() && self != Self::LlamaCpp {
                let what = format!("{n} log-probabilities");
                return Err(self.cannot(
                    what,
                    "it lists 20 at most; use vLLM with --max-logprobs, llama.cpp, or a model in the process",
                ));
            }
            put("logprobs", true.into());
            put("top_logprobs", n.into());
        }
        if let Some(labels) = tail.among {
            let labels = labels.all();
            match self {
                Self::Vllm => put("structured_outputs", json!({ "choice": labels })),
                Self::VllmGuided => put("guided_choice", json!(labels)),
                Self::LlamaCpp => put("grammar", grammar(labels).into()),
                Self::Ollama | Self::Openai | Self::Hosted => {
                    put("response_format", schema(labels))
                }
            };
        }
        if tail.begun {
            match self {
                Self::Vllm | Self::VllmGuided => {
                    put("add_generation_prompt", false.into());
                    put("continue_final_message", true.into());
                }
                Self::LlamaCpp => {}
                Self::Ollama | Self::Openai | Self::Hosted => {
                    return Err(self.cannot(
                        "a reply with a given beginning",
                        "it does not promise to continue a message; take the entry `reply` out of the template",
                    ));
                }
            }
        }
        let kwargs = [
            (
                "mm_processor_kwargs",
                &pass.mm_processor_kwargs,
                self.is_vllm(),
            ),
            ("media_io_kwargs", &pass.media_io_kwargs, self.is_vllm()),
            (
                "chat_template_kwargs",
                &pass.chat_template_kwargs,
                self.is_vllm() || self == Self::LlamaCpp,
            ),
        ];
        for (name, value, known) in kwargs {
            match (value.is_empty(), known) {
                (true, _) => {}
                (false, true) => {
                    fields.insert(name.to_owned(), Value::Object(value.clone()));
                }
                (false, false) => {
                    return Err(self.cannot(
                        format!("`{name}`"),
                        "it does not know the field; remove it from the judge",
                    ));
                }
            }
        }
        for (name, value) in &pass.extra {
            if OWN.contains(&name.as_str()) || fields.contains_key(name) {
                return Err(self.cannot(
                    format!("`{name}` among the extra fields"),
                    "the field is set by the answer mode and the other settings of the judge; remove it there",
                ));
            }
            fields.insert(name.clone(), value.clone());
        }
        Ok(fields)
    }

    /// The field, and its value, by which this kind of server makes sure that a reply is JSON of a schema.
    #[must_use]
    pub fn in_schema(self, name: &str, schema: &Value) -> (&'static str, Value) {
        match self {
            Self::Vllm => ("structured_outputs", json!({ "json": schema })),
            Self::VllmGuided => ("guided_json", schema.clone()),
            Self::LlamaCpp | Self::Ollama | Self::Openai | Self::Hosted => {
                ("response_format", response_format(name, schema))
            }
        }
    }
}

/// A grammar of exactly these answers, in the notation of llama.cpp.
fn grammar(labels: &[String; 3]) -> String {
    format!(
        "root ::= {}",
        labels
            .each_ref()
            .map(|label| format!("\"{label}\""))
            .join(" | ")
    )
}

/// A schema of an object whose only field is one of these answers.
fn schema(labels: &[String; 3]) -> Value {
    let schema = json!({
        "type": "object",
        "properties": { "answer": { "type": "string", "enum": labels } },
        "required": ["answer"],
        "additionalProperties": false,
    });
    response_format("answer", &schema)
}

/// The form of a reply as OpenAI has it.
fn response_format(name: &str, schema: &Value) -> Value {
    json!({ "type": "json_schema", "json_schema": { "name": name, "strict": true, "schema": schema } })
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vllm => "vllm",
            Self::VllmGuided => "vllm-guided",
            Self::LlamaCpp => "llama-cpp",
            Self::Ollama => "ollama",
            Self::Openai => "openai",
            Self::Hosted => "hosted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(among: Option<&Labels>) -> Tail<'_> {
        Tail {
            max_tokens: 1,
            temperature: Some(0.0),
            top_p: None,
            top_logprobs: Some(20),
            among,
            begun: false,
        }
    }

    #[test]
    fn each_kind_constrains_the_answer_in_its_own_way() {
        let labels = Labels::numbers();
        let field = |dialect: Dialect| {
            let mut fields = dialect
                .tail(&tail(Some(&labels)), &Passthrough::default())
                .unwrap();
            fields.retain(|name, _| {
                ![
                    "max_tokens",
                    "max_completion_tokens",
                    "temperature",
                    "logprobs",
                    "top_logprobs",
                ]
                .contains(&name.as_str())
            });
            serde_json::to_string(&fields).unwrap()
        };
        assert_eq!(
            field(Dialect::Vllm),
            r#"{"structured_outputs":{"choice":["1","2","3"]}}"#
        );
        assert_eq!(
            field(Dialect::VllmGuided),
            r#"{"guided_choice":["1","2","3"]}"#
        );
        assert_eq!(
            field(Dialect::LlamaCpp),
            r#"{"grammar":"root ::= \"1\" | \"2\" | \"3\""}"#
        );
        for dialect in [Dialect::Ollama, Dialect::Openai, Dialect::Hosted] {
            assert!(field(dialect).starts_with(r#"{"response_format":{"type":"json_schema","#));
        }
    }

    #[test]
    fn what_a_kind_lacks_is_refused_and_never_dropped() {
        let pass = Passthrough::default();
        let refused = |dialect: Dialect, tail: &Tail<'_>, pass: &Passthrough| {
            dialect.tail(tail, pass).is_err()
        };
        let begun = Tail {
            begun: true,
            ..tail(None)
        };
        let many = Tail {
            top_logprobs: Some(21),
            ..tail(None)
        };
        let kwargs = |json: Value| serde_json::from_value::<Passthrough>(json).unwrap();
        let media = kwargs(json!({ "mm_processor_kwargs": { "fps": 2 } }));
        let chat = kwargs(json!({ "chat_template_kwargs": { "enable_thinking": false } }));
        for dialect in Dialect::ALL {
            let local = dialect.is_vllm() || dialect == Dialect::LlamaCpp;
            assert_eq!(refused(dialect, &begun, &pass), !local, "{dialect}");
            assert_eq!(refused(dialect, &many, &pass), !local, "{dialect}");
            assert_eq!(refused(dialect, &tail(None), &chat), !local, "{dialect}");
            assert_eq!(
                refused(dialect, &tail(None), &media),
                !dialect.is_vllm(),
                "{dialect}"
            );
            let own = kwargs(json!({ "extra": { "stream": true } }));
            assert!(refused(dialect, &tail(None), &own), "{dialect}");
            let video = dialect.media_part(MediaKind::Video, Carrier::Data).is_ok();
            assert_eq!(video, local, "{dialect}");
            assert_eq!(serde_json::to_value(dialect).unwrap(), dialect.to_string());
        }
        let error = Dialect::Ollama
            .media_part(MediaKind::Video, Carrier::Data)
            .unwrap_err();
        assert!(error.to_string().contains("frames instead"), "{error}");
    }

    #[test]
    fn extra_fields_pass_through() {
        let pass: Passthrough =
            serde_json::from_value(json!({ "extra": { "cache_salt": "x", "min_p": 0.1 } }))
                .unwrap();
        let fields = Dialect::Vllm.tail(&tail(None), &pass).unwrap();
        assert_eq!(
            (&fields["cache_salt"], &fields["min_p"]),
            (&json!("x"), &json!(0.1))
        );
    }
}
