//! What is fuzzed of language models. Apart from the other targets, which need more crates.

use emotome_language::chat::{ChatOptions, ChatTemplate, Message, Role};
use emotome_language::gguf::Gguf;
use emotome_language::tokenizer::Tokenizer;
use std::fs;

/// A GGUF file: its header, every tensor, its tokenizer and its chat template at work.
pub fn gguf(bytes: &[u8]) {
    const TEXT: &str = "It's 2 caf\u{e9}s,\n\n  <|im_end|> \u{1f600}\u{4e2d} [INST] ";
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let path = folder.path().join("file.gguf");
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let Ok(model) = Gguf::open(&path) else { return };
    for info in model.tensors() {
        if let Ok(tensor) = model.tensor(&info.name) {
            assert_eq!(tensor.to_f32().len(), tensor.elements());
        }
    }
    let Ok(tokenizer) = Tokenizer::new(model.metadata()) else {
        return;
    };
    if let Ok(tokens) = tokenizer.encode_text(TEXT) {
        assert!(tokens.iter().all(|&token| !tokenizer.is_mark(token)));
        let _ = tokenizer.decode(&tokens);
    }
    let _ = (
        tokenizer.spellings("1"),
        tokenizer.encode(&tokenizer.markup(TEXT)),
    );
    let Ok(template) = ChatTemplate::from_metadata(model.metadata()) else {
        return;
    };
    let messages = [Role::System, Role::User].map(|role| Message::new(role, TEXT));
    if let Ok(prompt) = template.render(&tokenizer, &messages, &ChatOptions::default()) {
        let _ = tokenizer.encode(&prompt);
    }
}
