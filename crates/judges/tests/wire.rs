//! Requests are exactly what servers document: compared, byte for byte, with bodies put together from the
//! documentation by `fixtures/generate_requests.py`, and field by field with what each interface knows.

use bytes::Bytes;
use emotome_judges::answer::{AskParams, Mode, Orders};
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::Step;
use emotome_judges::prompt::{
    CaptionDeck, CaptionPolicy, Carrier, Content, MediaError, MediaKind, MediaSource, Medium,
    Shown, Template,
};
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::Sha256Sum;
use emotome_triplets::{Split, Trial, Triplet};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const CAPTIONS: [&str; 3] = ["a dog runs", "a \"kiss\"\nin fog", "wasp – é"];
const BYTES: [&[u8]; 3] = [b"first medium", b"second medium!", b"third medium??"];

const TEMPLATE: &str = r#"
name = "wire"
system = "Which one is odd? Answer {labels}."
user = """
Video {label1}: {first}
Video {label2}: {second}
Video {label3}: {third}
Answer:"""
again = "Only {labels}."
"#;

/// Three stimuli in one of the forms of the fixtures.
struct Three(&'static str);

impl MediaSource for Three {
    fn n_stimuli(&self) -> usize {
        3
    }

    fn carriage(&self) -> (MediaKind, Carrier) {
        match self.0 {
            "clip-data" => (MediaKind::Video, Carrier::Data),
            "clip-file" => (MediaKind::Video, Carrier::File),
            "clip-https" => (MediaKind::Video, Carrier::Https),
            _ => (MediaKind::Image, Carrier::Data),
        }
    }

    fn media(&self, stimulus: StimulusId) -> Result<Vec<Medium>, MediaError> {
        let bytes = BYTES[stimulus.index()];
        let medium = |mime: &'static str, bytes: &'static [u8], url: Option<String>| Medium {
            mime: mime.into(),
            content: url.map_or_else(|| Content::Bytes(Bytes::from_static(bytes)), Content::Url),
            sha256: Sha256Sum::of(bytes),
        };
        Ok(match self.0 {
            "image" => vec![medium("image/png", bytes, None)],
            "frames" => (0..3)
                .map(|k| medium("image/jpeg", &bytes[4 * k..4 * k + 4], None))
                .collect(),
            "clip-data" => vec![medium("video/mp4", bytes, None)],
            "clip-file" => vec![medium(
                "video/mp4",
                bytes,
                Some(format!("file:///data/clips/{stimulus}.mp4")),
            )],
            _ => vec![medium(
                "video/mp4",
                bytes,
                Some(format!("https://example.org/clips/{stimulus}.mp4")),
            )],
        })
    }

    fn describe(&self) -> Value {
        json!(self.0)
    }
}

fn shown(form: &'static str) -> Shown {
    if form != "captions" {
        return Shown::Media(Arc::new(Three(form)));
    }
    let texts = CAPTIONS.map(|text| vec![text.to_owned()]).to_vec();
    Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Number(1)).unwrap())
}

fn requests(name: &'static str) -> Vec<Bytes> {
    let words: Vec<&'static str> = name.split(' ').collect();
    let dialect: Dialect = serde_json::from_value(json!(words[0])).unwrap();
    let mut text = TEMPLATE.to_owned();
    if words.contains(&"begun") {
        text += "reply = \"It is\"\n";
    }
    let mode = match words[2] {
        "choice" => Mode::Choice {
            max_tokens: 32,
            audit: 0.0,
        },
        "free" => Mode::Free {
            max_tokens: 1024,
            reasks: 1,
            reask_tokens: 64,
        },
        _ => Mode::Logprob {
            orders: Orders::Cyclic,
            top: 20,
            constrain: words.contains(&"constrained"),
            audit: 0.0,
        },
    };
    let mut params = AskParams::new(
        "org/model",
        dialect,
        mode,
        Template::parse("wire", &text).unwrap(),
    );
    params.send_seed = false;
    if words.contains(&"passed") {
        params.decoding.top_p = Some(0.9);
        params.pass = serde_json::from_value(json!({
            "mm_processor_kwargs": { "fps": 2, "do_sample_frames": true },
            "media_io_kwargs": { "video": { "num_frames": -1 } },
            "chat_template_kwargs": { "enable_thinking": false },
            "extra": { "cache_salt": "study" },
        }))
        .unwrap();
    }
    let trial = Trial {
        number: 0,
        triplet: Triplet::new([2, 0, 1].map(StimulusId)).unwrap(),
        replicate: 0,
        split: Split::Train,
    };
    match params.check(shown(words[1])).unwrap().begin(&trial) {
        Step::Ask(requests) => requests.into_iter().map(|request| request.body).collect(),
        Step::Done(answer) => panic!("{name}: {answer:?}"),
    }
}

fn fixtures() -> Map<String, Value> {
    serde_json::from_str(include_str!("fixtures/requests.json")).unwrap()
}

#[test]
fn requests_are_byte_for_byte_those_of_the_documentation() {
    for (name, expected) in fixtures() {
        let name: &'static str = name.leak();
        let found = requests(name);
        assert_eq!(
            String::from_utf8_lossy(&found[0]),
            expected.to_string(),
            "{name}"
        );
    }
}

#[test]
fn other_orders_turn_the_stimuli_and_nothing_else() {
    let bodies = requests("vllm captions logprob");
    assert_eq!(bodies.len(), 3);
    let content = |body: &Bytes| {
        serde_json::from_slice::<Value>(body).unwrap()["messages"][1]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let [first, second, third] = [0, 1, 2].map(|place| CAPTIONS[[2, 0, 1][place]]);
    assert_eq!(
        content(&bodies[1]),
        format!("Video 1: {second}\nVideo 2: {third}\nVideo 3: {first}\nAnswer:")
    );
    assert_eq!(
        content(&bodies[2]),
        format!("Video 1: {third}\nVideo 2: {first}\nVideo 3: {second}\nAnswer:")
    );
}

/// Fields of a request that each interface documents, with the type of their values.
fn documented(dialect: &str) -> Vec<(&'static str, fn(&Value) -> bool)> {
    let mut fields: Vec<(&'static str, fn(&Value) -> bool)> = vec![
        ("model", Value::is_string),
        ("messages", Value::is_array),
        ("temperature", Value::is_number),
        ("top_p", Value::is_number),
        ("logprobs", Value::is_boolean),
        ("top_logprobs", Value::is_u64),
        ("seed", Value::is_u64),
    ];
    match dialect {
        "openai" => fields.extend([
            ("max_completion_tokens", Value::is_u64 as fn(&Value) -> bool),
            ("response_format", Value::is_object),
        ]),
        "ollama" | "hosted" => fields.extend([
            ("max_tokens", Value::is_u64 as fn(&Value) -> bool),
            ("response_format", Value::is_object),
        ]),
        "llama-cpp" => fields.extend([
            ("max_tokens", Value::is_u64 as fn(&Value) -> bool),
            ("grammar", Value::is_string),
            ("chat_template_kwargs", Value::is_object),
        ]),
        _ => fields.extend([
            ("max_tokens", Value::is_u64 as fn(&Value) -> bool),
            ("structured_outputs", Value::is_object),
            ("guided_choice", Value::is_array),
            ("add_generation_prompt", Value::is_boolean),
            ("continue_final_message", Value::is_boolean),
            ("mm_processor_kwargs", Value::is_object),
            ("media_io_kwargs", Value::is_object),
            ("chat_template_kwargs", Value::is_object),
            ("cache_salt", Value::is_string),
        ]),
    }
    fields
}

/// What is wrong with a part of a message, if anything.
fn fault_of_part(dialect: &str, part: &Value) -> Option<String> {
    let vllm = dialect == "vllm";
    let kind = part["type"].as_str()?;
    let source = &part[kind];
    let sound = match (kind, dialect) {
        ("text", _) => source.is_string(),
        ("image_url", _) => source["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("data:image/") || url.starts_with("https://")),
        ("video_url", "vllm" | "vllm-guided") => source["url"].as_str().is_some_and(|url| {
            ["data:video/", "https://", "file:///"]
                .iter()
                .any(|start| url.starts_with(start))
        }),
        ("input_video", "llama-cpp") => source["data"].is_string() ^ source["url"].is_string(),
        _ => false,
    };
    let keys = part
        .as_object()?
        .keys()
        .all(|key| key == "type" || key == kind || (vllm && key == "uuid"));
    (!sound || !keys).then(|| part.to_string())
}

#[test]
fn every_field_is_one_that_the_interface_documents() {
    for name in fixtures().keys() {
        let name: &'static str = name.clone().leak();
        let dialect = name.split(' ').next().unwrap();
        for body in requests(name) {
            let body: Value = serde_json::from_slice(&body).unwrap();
            for (key, value) in body.as_object().unwrap() {
                let known = documented(dialect)
                    .into_iter()
                    .find(|(field, _)| field == key);
                assert!(
                    known.is_some_and(|(_, fits)| fits(value)),
                    "{name}: {key} = {value}"
                );
            }
            let messages = body["messages"].as_array().unwrap();
            let roles: Vec<&str> = messages
                .iter()
                .map(|message| message["role"].as_str().unwrap())
                .collect();
            assert!(
                roles == ["system", "user"] || roles == ["system", "user", "assistant"],
                "{name}: {roles:?}"
            );
            for part in messages
                .iter()
                .filter_map(|message| message["content"].as_array())
                .flatten()
            {
                assert_eq!(fault_of_part(dialect, part), None, "{name}");
            }
        }
    }
}

#[test]
fn what_a_server_cannot_take_is_refused_before_the_first_trial() {
    let check = |dialect, form, reply: &str| {
        let text = format!("{TEMPLATE}{reply}");
        let mode = Mode::Logprob {
            orders: Orders::One,
            top: 20,
            constrain: false,
            audit: 0.0,
        };
        AskParams::new("m", dialect, mode, Template::parse("wire", &text).unwrap())
            .check(shown(form))
            .err()
            .map(|e| e.to_string())
    };
    for dialect in [Dialect::Ollama, Dialect::Openai, Dialect::Hosted] {
        let error = check(dialect, "clip-data", "").unwrap();
        assert!(error.contains("show frames instead"), "{error}");
        assert!(check(dialect, "captions", "reply = \"It is\"\n").is_some());
    }
    assert_eq!(
        check(Dialect::LlamaCpp, "clip-data", "reply = \"It is\"\n"),
        None
    );
}
