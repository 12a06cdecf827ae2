//! Tokens against independent implementations (`tests/fixtures/generate_tokenizers.py`), and what
//! never becomes a mark.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::gguf::build::Build;
use crate::gguf::{Array, Gguf, Value};

#[derive(Deserialize)]
struct Fixture<G> {
    tokens: Vec<String>,
    types: Vec<i32>,
    #[serde(default)]
    merges: Vec<String>,
    #[serde(default)]
    scores: Vec<f32>,
    texts: Vec<String>,
    goldens: G,
}

impl<G> Fixture<G> {
    /// Another token at the end of the vocabulary.
    fn with(mut self, text: &str, kind: i32) -> Self {
        self.tokens.push(text.into());
        self.types.push(kind);
        self.scores.push(0.0);
        self
    }

    fn id(&self, text: &str) -> TokenId {
        TokenId(self.tokens.iter().position(|token| token == text).unwrap() as u32)
    }

    fn build(&self, model: &str, pre: &str) -> Build {
        let texts = |texts: &[String]| Value::Array(Array::Text(texts.to_vec()));
        Build::default()
            .value("tokenizer.ggml.model", Value::Text(model.into()))
            .value("tokenizer.ggml.pre", Value::Text(pre.into()))
            .value("tokenizer.ggml.tokens", texts(&self.tokens))
            .value("tokenizer.ggml.merges", texts(&self.merges))
            .value(
                "tokenizer.ggml.token_type",
                Value::Array(Array::I32(self.types.clone())),
            )
            .value(
                "tokenizer.ggml.scores",
                Value::Array(Array::F32(self.scores.clone())),
            )
            .value("tokenizer.ggml.bos_token_id", Value::Unsigned(1))
            .value("tokenizer.ggml.eos_token_id", Value::Unsigned(2))
    }
}

type ByRule = BTreeMap<String, Vec<Vec<TokenId>>>;

fn bpe() -> Fixture<ByRule> {
    serde_json::from_str(include_str!("../../tests/fixtures/bpe.json")).unwrap()
}

fn spm() -> Fixture<Vec<Vec<TokenId>>> {
    serde_json::from_str(include_str!("../../tests/fixtures/spm.json")).unwrap()
}

fn tokenizer(build: &Build) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::new(open(build).metadata())
}

/// A small tokenizer with these marks, of which the first begins and the second ends texts.
pub(crate) fn with_marks(marks: &[&str]) -> Tokenizer {
    let fixture = marks
        .iter()
        .fold(bpe(), |fixture, mark| fixture.with(mark, 3));
    let mut build = fixture.build("gpt2", "qwen2");
    for (key, value) in &mut build.values {
        match key.as_str() {
            "tokenizer.ggml.bos_token_id" => {
                *value = Value::Unsigned(fixture.id(marks[0]).0.into());
            }
            "tokenizer.ggml.eos_token_id" => {
                *value = Value::Unsigned(fixture.id(marks[1]).0.into());
            }
            _ => {}
        }
    }
    tokenizer(&build).unwrap()
}

fn open(build: &Build) -> Gguf {
    build.open().unwrap()
}

#[test]
fn byte_level_tokens_are_those_of_the_reference_under_every_rule() {
    let fixture = bpe();
    assert_eq!(fixture.goldens.len(), 17);
    for (rule, goldens) in &fixture.goldens {
        let tokenizer = tokenizer(&fixture.build("gpt2", rule)).unwrap();
        assert_eq!(fixture.texts.len(), goldens.len());
        for (text, golden) in fixture.texts.iter().zip(goldens) {
            let tokens = tokenizer.encode_text(text).unwrap();
            assert_eq!(&tokens, golden, "{rule} {text:?}");
            assert_eq!(&tokenizer.decode(&tokens), text);
        }
    }
    // The texts tell the rules apart, but for those with the same cuts.
    let mut distinct: Vec<_> = fixture.goldens.values().collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 16);
}

#[test]
fn tokens_by_scores_are_those_of_the_reference() {
    let fixture = spm();
    let tokenizer = tokenizer(&fixture.build("llama", "default")).unwrap();
    assert!(tokenizer.adds_bos());
    for (text, golden) in fixture.texts.iter().zip(&fixture.goldens) {
        let tokens = tokenizer.encode_text(text).unwrap();
        assert_eq!(&tokens, golden, "{text:?}");
        let expected = if text.is_empty() {
            "".into()
        } else {
            format!(" {text}")
        };
        assert_eq!(tokenizer.decode(&tokens), expected);
    }
}

#[test]
fn a_space_of_its_own_begins_text_after_a_mark_where_the_file_says_so() {
    let fixture = spm();
    let build = fixture.build("llama", "default");
    let with = tokenizer(&build).unwrap();
    let key = "tokenizer.ggml.add_space_prefix";
    let without = tokenizer(&build.value(key, Value::Bool(false))).unwrap();
    let prompt = with.markup("a</s>b");
    let eos = TokenId(2);
    assert_eq!(with.decode(&with.encode(&prompt).unwrap()), "<s> a</s> b");
    assert_eq!(
        without.decode(&without.encode(&prompt).unwrap()),
        "<s>a</s>b"
    );
    assert!(with.encode(&prompt).unwrap().contains(&eos));
}

#[test]
fn text_never_becomes_a_mark() {
    let bpe = bpe()
        .with("<think>", 4)
        .with("[PAD7]", 4)
        .with("[gMASK]", 3);
    let spm = spm().with("<think>", 4).with("[PAD7]", 4);
    for build in [bpe.build("gpt2", "gpt-2"), spm.build("llama", "default")] {
        let tokenizer = tokenizer(&build).unwrap();
        let marks: Vec<String> = tokenizer.mark_texts().map(str::to_owned).collect();
        assert!(marks.len() >= 4, "{marks:?}");
        for mark in &marks {
            let text = format!("a caption{mark} and {mark}{mark}");
            let tokens = tokenizer.encode_text(&text).unwrap();
            assert!(
                tokens.iter().all(|&token| !tokenizer.is_mark(token)),
                "{mark}"
            );
            assert_eq!(tokenizer.decode(&tokens).trim(), text);
            // In markup it is one.
            let tokens = tokenizer.encode(&tokenizer.markup(&text)).unwrap();
            let own = |&&token: &&TokenId| tokenizer.bytes(token) == Some(mark.as_bytes());
            let first = usize::from(tokenizer.adds_bos());
            assert_eq!(tokens[first..].iter().filter(own).count(), 3, "{mark}");
        }
    }
}

#[test]
fn the_spelling_of_a_byte_token_is_no_byte() {
    let tokenizer = tokenizer(&spm().build("llama", "default")).unwrap();
    let tokens = tokenizer.encode_text("<0x41>").unwrap();
    assert_eq!(tokenizer.decode(&tokens), " <0x41>");
}

#[test]
fn added_words_are_taken_whole() {
    let fixture = bpe().with("  ", 4).with("    ", 4).with("colour", 4);
    let tokenizer = tokenizer(&fixture.build("gpt2", "gpt-2")).unwrap();
    let tokens = tokenizer.encode_text("discoloured      ").unwrap();
    for whole in ["colour", "    ", "  "] {
        assert_eq!(
            tokens.iter().filter(|&&t| t == fixture.id(whole)).count(),
            1,
            "{whole:?}"
        );
    }
    assert_eq!(tokenizer.decode(&tokens), "discoloured      ");
}

#[test]
fn the_first_token_is_there_once() {
    let fixture = bpe().with("<s>", 3);
    let bos = fixture.id("<s>");
    let build = fixture.build("gpt2", "gpt-2");
    let replaced = |flag| {
        let mut build = build
            .clone()
            .value("tokenizer.ggml.add_bos_token", Value::Bool(flag));
        for (key, value) in &mut build.values {
            if key == "tokenizer.ggml.bos_token_id" {
                *value = Value::Unsigned(bos.0.into());
            }
        }
        tokenizer(&build).unwrap()
    };
    let tokenizer = replaced(true);
    for text in ["<s>a", "a"] {
        let tokens = tokenizer.encode(&tokenizer.markup(text)).unwrap();
        assert_eq!(tokens.iter().filter(|&&t| t == bos).count(), 1);
        assert_eq!(tokens[0], bos);
    }
    assert_eq!(tokenizer.encode(&Prompt::default()).unwrap(), [bos]);
    let tokenizer = replaced(false);
    assert_eq!(tokenizer.encode(&Prompt::default()).unwrap(), []);
    assert_eq!(tokenizer.encode(&tokenizer.markup("<s>")).unwrap(), [bos]);
}

#[test]
fn every_end_of_an_answer_is_known() {
    let fixture = bpe().with("<|endoftext|>", 3).with("<|halt|>", 3);
    let halt = fixture.id("<|halt|>");
    let named = Value::Unsigned(halt.0.into());
    let build = fixture
        .build("gpt2", "gpt-2")
        .value("tokenizer.ggml.eot_token_id", named);
    let expected = ["<|im_end|>", "<|endoftext|>", "<|halt|>"].map(|text| fixture.id(text));
    assert_eq!(
        tokenizer(&build).unwrap().ends(),
        [&[TokenId(2)], &expected[..]].concat()
    );
}

#[test]
fn prompts_are_joined_with_their_marks() {
    let fixture = bpe();
    let tokenizer = tokenizer(&fixture.build("gpt2", "gpt-2")).unwrap();
    let mut prompt = tokenizer.markup("<|im_start|>user\n");
    prompt.push_text("<|im_end|>");
    prompt.push(&tokenizer.markup("<|im_end|>"));
    assert_eq!(prompt.text(), "<|im_start|>user\n<|im_end|><|im_end|>");
    let [start, end] = ["<|im_start|>", "<|im_end|>"].map(|text| fixture.id(text));
    assert_eq!(prompt.marks(), [(0..12, start), (27..37, end)]);
    let tokens = tokenizer.encode(&prompt).unwrap();
    assert_eq!(tokens.iter().filter(|&&t| t == end).count(), 1);
    assert_eq!(tokens.last(), Some(&end));
}

#[test]
fn spellings_of_an_answer_are_found_with_white_space_around_them() {
    let fixture = bpe().with(" 1", 3).with("1\n", 4);
    let tokenizer = tokenizer(&fixture.build("gpt2", "gpt-2")).unwrap();
    let found: Vec<String> = tokenizer
        .spellings("1")
        .into_iter()
        .inspect(|spelling| {
            assert_eq!(
                tokenizer.bytes(spelling.token),
                Some(spelling.text.as_bytes())
            );
        })
        .map(|spelling| spelling.text)
        .collect();
    assert!(
        found.contains(&"1".into()) && found.contains(&" 1".into()),
        "{found:?}"
    );
    assert!(found.contains(&"1\n".into()), "{found:?}");
    assert!(found.iter().all(|text| text.trim() == "1"));
    // A mark is no answer, however it is spelled.
    assert!(tokenizer.spellings("<|im_end|>").is_empty());
    assert!(tokenizer.spellings("  ").is_empty());
    let spm = super::Tokenizer::new(open(&spm().build("llama", "default")).metadata()).unwrap();
    assert!(
        spm.spellings("a")
            .iter()
            .any(|spelling| spelling.text == " a")
    );
}

#[test]
fn a_character_that_the_vocabulary_lacks_is_named() {
    let mut fixture = bpe();
    // The byte 4 is spelled U+0104.
    let end = fixture.id("\u{104}").index();
    fixture.tokens[end] = "another".into();
    let tokenizer = tokenizer(&fixture.build("gpt2", "gpt-2")).unwrap();
    let message = tokenizer
        .encode_text("ring \u{4} twice")
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("the model cannot read '\\u{4}' (U+0004)")
            && message.contains("byte 0x04"),
        "{message}"
    );
}

#[test]
fn what_is_not_known_is_refused_with_advice() {
    let fixture = bpe();
    let says = |build: &Build| tokenizer(build).unwrap_err().to_string();
    let unknown = says(&fixture.build("gpt2", "kimi-k2"));
    assert!(
        unknown.contains("\"kimi-k2\"") && unknown.contains("known are gpt-2, phi-2"),
        "{unknown}"
    );
    assert!(says(&fixture.build("bert", "x")).contains("model \"bert\"; expected \"gpt2\""));
    let mut without = fixture.build("gpt2", "gpt-2");
    without
        .values
        .retain(|(key, _)| key != "tokenizer.ggml.pre");
    assert!(says(&without).contains("does not say how text is cut"));
    without.values.clear();
    assert!(says(&without).contains("has no metadata \"tokenizer.ggml.model\""));
}

#[test]
fn a_vocabulary_that_contradicts_itself_is_refused() {
    let says = |fixture: Fixture<ByRule>| {
        tokenizer(&fixture.build("gpt2", "gpt-2"))
            .unwrap_err()
            .to_string()
    };
    let mut short = bpe();
    short.types.pop();
    assert!(says(short).contains("token_type has"));
    let twice = bpe().with("a", 1);
    assert!(says(twice).contains("are both \"a\""));
    assert!(says(bpe().with("odd", 7)).contains("is of type 7"));
    assert!(says(bpe().with("<0xZZ>", 6)).contains("names no byte"));
    for (merge, complaint) in [
        ("ab", "is no pair"),
        ("qq zz", "not in the vocabulary"),
        ("a ", "not in the vocabulary"),
        ("a b c", "not in the vocabulary"),
    ] {
        let mut fixture = bpe();
        fixture.merges.push(merge.into());
        assert!(says(fixture).contains(complaint), "{merge:?}");
    }
    let mut doubled = bpe();
    doubled.merges.push(doubled.merges[3].clone());
    assert!(says(doubled).contains("is listed twice"));

    let mut scores = spm();
    scores.scores[7] = f32::NAN;
    let error = tokenizer(&scores.build("llama", "default")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("token 7 has no number as its score")
    );
    scores.scores.pop();
    assert!(tokenizer(&scores.build("llama", "default")).is_err());
    let mut far = bpe().build("gpt2", "gpt-2");
    far.values
        .retain(|(key, _)| key != "tokenizer.ggml.eos_token_id");
    let far = far.value("tokenizer.ggml.eos_token_id", Value::Unsigned(1 << 20));
    let error = tokenizer(&far).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("eos_token_id is 1048576, but there are")
    );
}

#[test]
fn long_texts_take_time_in_proportion() {
    // Quadratic merging or matching would take minutes.
    let texts = ["a", " ", "\n", "x1", "\u{301}", "A", "!", "ab "].map(|part| part.repeat(20_000));
    let fixture = bpe();
    for rule in fixture.goldens.keys() {
        let tokenizer = tokenizer(&fixture.build("gpt2", rule)).unwrap();
        for text in &texts {
            assert_eq!(
                &tokenizer.decode(&tokenizer.encode_text(text).unwrap()),
                text
            );
        }
    }
    let tokenizer = tokenizer(&spm().build("llama", "default")).unwrap();
    for text in &texts {
        assert_eq!(
            tokenizer.decode(&tokenizer.encode_text(text).unwrap()),
            format!(" {text}")
        );
    }
}

proptest! {
    #[test]
    fn tokens_say_the_text(text in "(?s)[a-z <>|_0-9\n'é一]{0,60}|(?s).{0,60}") {
        static BOTH: LazyLock<[Tokenizer; 2]> = LazyLock::new(|| {
            [bpe().build("gpt2", "llama-bpe"), spm().build("llama", "default")]
                .map(|build| tokenizer(&build).unwrap())
        });
        let [by_rule, by_score] = &*BOTH;
        prop_assert_eq!(by_rule.decode(&by_rule.encode_text(&text).unwrap()), text.as_str());
        let tokens = by_score.encode_text(&text).unwrap();
        let shown = by_score.decode(&tokens);
        prop_assert_eq!(shown.strip_prefix(' ').unwrap_or(""), text.as_str());
    }
}
