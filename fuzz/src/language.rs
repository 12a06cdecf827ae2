//! What is fuzzed of language models. Apart from the other targets, which need more crates.

use emotome_language::chat::{ChatOptions, ChatTemplate, Message, Role};
use emotome_language::gguf::Gguf;
use emotome_language::model::Model;
use emotome_language::score::{Query, ScoreError, Scorer, ScorerParams};
use emotome_language::tokenizer::{TokenId, Tokenizer};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use std::fs;

/// A GGUF file: its header, every tensor, its network, its tokenizer and its chat template at work.
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
    if let Ok(network) = Model::load(&model) {
        compute(&network);
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

/// Whatever the weights, answers are log-probabilities or an error.
fn compute(model: &Model) {
    let tokens: Vec<TokenId> = (0..model.context_length().min(20))
        .map(|at| TokenId((at % model.vocabulary()) as u32))
        .collect();
    let query = |len: usize| Query {
        tokens: &tokens[..len],
        wanted: &tokens,
    };
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let mut scorer = Scorer::new(model, ScorerParams::default());
    match scorer.log_probabilities(&[query(tokens.len()), query(1)], run) {
        Ok(answers) => assert!(answers.iter().flatten().all(|p| *p <= 1e-6)),
        Err(ScoreError::NotFinite { .. } | ScoreError::Cache { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
