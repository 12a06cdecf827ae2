//! Small random models against a reference in double precision (`fixtures/generate_models.py`,
//! compared with transformers when it was made).

use emotome_lanes::InstructionSet;
use emotome_language::gguf::Gguf;
use emotome_language::model::Model;
use emotome_language::score::{End, Query, ScoreError, Scorer, ScorerParams};
use emotome_language::tokenizer::TokenId;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Recorded {
    tokens: Vec<TokenId>,
    prefixes: Vec<usize>,
    log_probabilities: Vec<Vec<f64>>,
}

const NAMES: [&str; 3] = ["llama", "qwen2", "qwen3"];

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn model(name: &str) -> Model {
    let file = Gguf::open(fixture(&format!("{name}.gguf"))).expect("a fixture");
    Model::load(&file).expect("a supported model")
}

fn recorded(name: &str) -> Recorded {
    let text = std::fs::read(fixture("models.json")).expect("a fixture");
    let mut all: BTreeMap<String, Recorded> = serde_json::from_slice(&text).expect("a fixture");
    all.remove(name).expect("a recorded model")
}

/// Log-probabilities of the whole vocabulary after each prompt, as bits.
fn bits(scorer: &mut Scorer<'_>, prompts: &[&[TokenId]]) -> Vec<Vec<u64>> {
    let all: Vec<TokenId> = (0..45).map(TokenId).collect();
    let queries: Vec<_> = prompts
        .iter()
        .map(|tokens| Query {
            tokens,
            wanted: &all,
        })
        .collect();
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let answers = scorer
        .log_probabilities(&queries, run)
        .expect("sound prompts");
    let to_bits = |answer: Vec<f64>| answer.into_iter().map(f64::to_bits).collect();
    answers.into_iter().map(to_bits).collect()
}

#[test]
fn three_architectures_agree_with_the_reference() {
    for name in NAMES {
        let (model, recorded) = (model(name), recorded(name));
        let prompts: Vec<_> = recorded
            .prefixes
            .iter()
            .map(|&n| &recorded.tokens[..n])
            .collect();
        let mut scorer = Scorer::new(&model, ScorerParams::default());
        let found = bits(&mut scorer, &prompts);
        let mut worst = 0.0_f64;
        for (found, expected) in found.iter().zip(&recorded.log_probabilities) {
            assert_eq!(found.len(), expected.len());
            let total: f64 = found.iter().map(|&l| f64::from_bits(l).exp()).sum();
            assert!(
                (total - 1.0).abs() < 1e-6,
                "{name}: probabilities sum to {total}"
            );
            for (&found, expected) in found.iter().zip(expected) {
                worst = worst.max((f64::from_bits(found) - expected).abs());
            }
        }
        println!("{name}: differs by at most {worst:.2e}");
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for name in NAMES {
        let (model, tokens) = (model(name), recorded(name).tokens);
        let prompts = [&tokens[..], &tokens[..21], &tokens[20..]];
        let of = |instructions| {
            let params = ScorerParams {
                instructions,
                ..ScorerParams::default()
            };
            bits(&mut Scorer::new(&model, params), &prompts)
        };
        let expected = of(InstructionSet::Portable);
        for set in InstructionSet::available() {
            assert_eq!(of(set), expected, "{name}, {set:?}");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (model, tokens) = (model("qwen3"), recorded("qwen3").tokens);
    let prompts: Vec<_> = (1..tokens.len()).map(|n| &tokens[n / 2..n + 1]).collect();
    let expected = bits(&mut Scorer::new(&model, ScorerParams::default()), &prompts);
    for threads in [1, 2, 3, 16] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        let found =
            pool.install(|| bits(&mut Scorer::new(&model, ScorerParams::default()), &prompts));
        assert_eq!(found, expected, "{threads} threads");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Prompts over few tokens share many starts, at every place of a page.
    #[test]
    fn batches_splits_and_what_is_remembered_change_no_bit(
        which in 0_usize..3,
        prompts in prop::collection::vec(prop::collection::vec(0_u32..3, 1..40), 1..12),
        asked_before in prop::collection::vec(prop::collection::vec(0_u32..3, 1..40), 0..6),
        batch_tokens in 1_usize..70,
        pages in 4_u64..40,
    ) {
        let model = model(NAMES[which]);
        let texts = |lists: Vec<Vec<u32>>| -> Vec<Vec<TokenId>> {
            lists.into_iter().map(|list| list.into_iter().map(TokenId).collect()).collect()
        };
        let (prompts, asked_before) = (texts(prompts), texts(asked_before));
        let prompts: Vec<_> = prompts.iter().map(Vec::as_slice).collect();
        let asked_before: Vec<_> = asked_before.iter().map(Vec::as_slice).collect();
        let mut alone = Scorer::new(&model, ScorerParams::default());
        let expected: Vec<_> = prompts
            .iter()
            .map(|&prompt| {
                alone.forget();
                bits(&mut alone, &[prompt]).remove(0)
            })
            .collect();
        let params = ScorerParams {
            cache_bytes: pages * model.key_value_bytes(1),
            batch_tokens,
            ..ScorerParams::default()
        };
        let mut scorer = Scorer::new(&model, params);
        bits(&mut scorer, &asked_before);
        prop_assert_eq!(bits(&mut scorer, &prompts), expected);
    }
}

#[test]
fn what_prompts_share_is_computed_once() {
    let (model, tokens) = (model("llama"), recorded("llama").tokens);
    let mut texts = Vec::new();
    for last in 0..20 {
        let mut text = tokens[..30].to_vec();
        text.extend([TokenId(last), TokenId(7)]);
        texts.push(text);
    }
    let prompts: Vec<_> = texts.iter().map(Vec::as_slice).collect();
    let mut scorer = Scorer::new(&model, ScorerParams::default());
    bits(&mut scorer, &prompts);
    assert_eq!(
        (scorer.work().asked, scorer.work().computed),
        (20 * 32, 30 + 20 * 2)
    );
    // Known to the last token, whose logits are computed again.
    bits(&mut scorer, &prompts[3..4]);
    assert_eq!(scorer.work().computed, 30 + 20 * 2 + 1);
}

#[test]
fn continuations_are_what_scoring_says() {
    for name in NAMES {
        let (model, tokens) = (model(name), recorded(name).tokens);
        let run = Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        };
        let best = |text: &[TokenId]| {
            let found = bits(&mut Scorer::new(&model, ScorerParams::default()), &[text]).remove(0);
            let value = |i: &usize| f64::from_bits(found[*i]);
            // The first of equals.
            let best = (0..found.len())
                .rev()
                .max_by(|a, b| value(a).total_cmp(&value(b)));
            TokenId(best.expect("a vocabulary") as u32)
        };
        let prompts = [&tokens[..14], &tokens[3..9], &tokens[..]];
        let mut scorer = Scorer::new(&model, ScorerParams::default());
        let found = scorer
            .continue_greedily(&prompts, 20, &[], run)
            .expect("room for 20 tokens");
        for (continuation, prompt) in found.iter().zip(prompts) {
            assert_eq!(
                (continuation.tokens.len(), continuation.end),
                (20, End::Length)
            );
            let mut text = prompt.to_vec();
            for &token in &continuation.tokens {
                assert_eq!(best(&text), token, "{name}");
                text.push(token);
            }
        }
        let stop = found[0].tokens[12];
        let until = found[0]
            .tokens
            .iter()
            .position(|&token| token == stop)
            .expect("it is there");
        let cut = scorer
            .continue_greedily(&prompts[..1], 20, &[stop], run)
            .expect("as before");
        assert_eq!(
            (&cut[0].tokens[..], cut[0].end),
            (&found[0].tokens[..until], End::Stopped(stop))
        );
    }
}

#[test]
fn what_cannot_be_scored_is_refused_with_its_number() {
    let (model, tokens) = (model("llama"), recorded("llama").tokens);
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let mut scorer = Scorer::new(&model, ScorerParams::default());
    let good = Query {
        tokens: &tokens,
        wanted: &tokens,
    };
    let long = [TokenId(0); 129];
    let outside = [TokenId(45)];
    let mut refusal = |bad: Query<'_>| {
        scorer
            .log_probabilities(&[good, bad], run)
            .expect_err("a bad prompt")
            .to_string()
    };
    assert_eq!(
        refusal(Query {
            tokens: &[],
            ..good
        }),
        "prompt 1 is empty; expected at least one token"
    );
    assert!(
        refusal(Query {
            tokens: &long,
            ..good
        })
        .starts_with("prompt 1 has 129 tokens, and the model reads at most 128")
    );
    assert!(
        refusal(Query {
            tokens: &outside,
            ..good
        })
        .starts_with("prompt 1 holds or asks for token 45, and the vocabulary ends at 44")
    );
    assert!(
        refusal(Query {
            wanted: &outside,
            ..good
        })
        .contains("token 45")
    );
    let params = ScorerParams {
        cache_bytes: 4 * model.key_value_bytes(1),
        ..ScorerParams::default()
    };
    let error = Scorer::new(&model, params)
        .log_probabilities(&[good], run)
        .expect_err("50 tokens in 4 pages");
    assert!(
        matches!(error, ScoreError::Cache { prompt: 0, .. }),
        "{error}"
    );
    let interrupt = Interrupt::default();
    interrupt.request();
    let stopped = Run {
        interrupt: &interrupt,
        ..run
    };
    assert!(matches!(
        scorer.log_probabilities(&[good], stopped),
        Err(ScoreError::Interrupted)
    ));
}
