//! Speed of a language model in the process, beside llama.cpp on the same file and cores.
//!
//! ```sh
//! EMOTOME_SMOLLM2=SmolLM2-135M-Instruct.Q4_1.gguf EMOTOME_LLAMA_BENCH=llama-bench \
//!     RAYON_NUM_THREADS=2 cargo bench -p emotome-language
//! ```
//!
//! `-- prompt`, `-- triplets` or `-- continuations` runs that part alone. Rounds alternate between the two programs. CPU time is shown beside wall time: on a machine that
//! others use, it is the fairer of the two.

use emotome_language::gguf::Gguf;
use emotome_language::model::Model;
use emotome_language::score::{Query, Scorer, ScorerParams};
use emotome_language::tokenizer::{TokenId, Tokenizer};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
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

fn line(what: &str, count: f64, unit: &str, (wall, cpu): (f64, f64)) {
    println!(
        "{what:<44} {:>9.1} {unit}/s of wall time {:>9.1} {unit}/s of CPU time",
        count / wall,
        count / cpu
    );
}

fn quiet() -> Run<'static> {
    static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();
    Run {
        progress: &Silent,
        interrupt: INTERRUPT.get_or_init(Interrupt::default),
    }
}

fn main() {
    let Some(path) = std::env::var_os("EMOTOME_SMOLLM2").map(PathBuf::from) else {
        println!("skipped: EMOTOME_SMOLLM2 is not set");
        return;
    };
    let file = Gguf::open(&path).expect("a GGUF file");
    let model = Model::load(&file).expect("a supported model");
    let threads = rayon::current_num_threads();
    println!("{}, {threads} threads", path.display());
    let parts: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let runs = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    if runs("prompt") {
        prompt_processing(&model, &path, threads);
    }
    if runs("triplets") {
        let tokenizer = Tokenizer::new(file.metadata()).expect("a supported tokenizer");
        triplets(&model, &tokenizer);
    }
    if runs("continuations") {
        continuations(&model);
    }
}

/// One long prompt, by us and by llama.cpp in turns.
fn prompt_processing(model: &Model, path: &Path, threads: usize) {
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
            scorer
                .log_probabilities(&prompt, quiet())
                .expect("a prompt");
        });
        // The first round warms up.
        if round == 0 {
            continue;
        }
        line("prompt of 512 tokens", PROMPT as f64, "tokens", times);
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

/// Triplets of the demo's scenes, asked with a chat template: prompt by prompt, each from scratch,
/// then all together with what they share computed once.
fn triplets(model: &Model, tokenizer: &Tokenizer) {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/scenes.tsv");
    let scenes = std::fs::read_to_string(scenes).expect("a part of the demo");
    let captions: Vec<&str> = scenes
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    let mut rng = CounterRng::new(Seed(1), 1);
    let mut draw = |_| {
        let mut places: Vec<usize> = (0..40).collect();
        rng.shuffle(&mut places);
        [places[0], places[1], places[2]]
    };
    // All triplets of ten scenes, as full sets have them; and triplets drawn at random, 12 prompts to
    // a first caption, where 5,000 triplets of 2,180 stimuli have 14.
    let full = (0..10).flat_map(|a| (0..a).flat_map(move |b| (0..b).map(move |c| [a, b, c])));
    let designs = [
        ("all triplets of 10 scenes", full.collect::<Vec<_>>()),
        ("80 triplets of 40 scenes", (0..80).map(&mut draw).collect()),
    ];
    for (name, triplets) in designs {
        let texts: Vec<Vec<TokenId>> = triplets
            .iter()
            .flat_map(|&[a, b, c]| {
                [
                    [a, b, c],
                    [a, c, b],
                    [b, a, c],
                    [b, c, a],
                    [c, a, b],
                    [c, b, a],
                ]
            })
            .map(|order| prompt(tokenizer, order.map(|i| captions[i])))
            .collect();
        let queries: Vec<_> = texts
            .iter()
            .map(|tokens| Query {
                tokens,
                wanted: &WANTED,
            })
            .collect();
        let mut scorer = Scorer::new(model, ScorerParams::default());
        let few = &queries[..48];
        let scratch = timed(|| {
            for query in few {
                scorer.forget();
                scorer
                    .log_probabilities(std::slice::from_ref(query), quiet())
                    .expect("a prompt");
            }
        });
        scorer.forget();
        let before = scorer.work();
        let shared = timed(|| {
            scorer
                .log_probabilities(&queries, quiet())
                .expect("prompts");
        });
        let work = scorer.work();
        println!(
            "{name}, six orders each, {} tokens a prompt:",
            work.asked / (queries.len() + few.len()) as u64
        );
        line(
            "  each prompt from scratch",
            few.len() as f64 / 6.0,
            "triplets",
            scratch,
        );
        line(
            "  prefixes shared",
            triplets.len() as f64,
            "triplets",
            shared,
        );
        let times =
            |(wall, cpu): (f64, f64), count: usize| [wall / count as f64, cpu / count as f64];
        let (scratch, shared) = (times(scratch, few.len()), times(shared, queries.len()));
        println!(
            "  {:.2} times the triplets by wall time, {:.2} by CPU time; {} of {} tokens computed",
            scratch[0] / shared[0],
            scratch[1] / shared[1],
            work.computed - before.computed,
            work.asked - before.asked
        );
    }
}

/// A question about three captions in the chat format of the model.
fn prompt(tokenizer: &Tokenizer, captions: [&str; 3]) -> Vec<TokenId> {
    let mut prompt = tokenizer.markup(
        "<|im_start|>system\nYou judge short videos by the emotions they evoke in viewers.<|im_end|>\n\
         <|im_start|>user\nBelow are descriptions of three short videos. Two of them evoke similar emotions, \
         and one evokes a different emotion. Which one is the odd one out? Think of the feelings of \
         somebody who watches them, not of the objects that they show. Answer with its number alone: 1, 2 or 3.\n",
    );
    for (number, caption) in captions.iter().enumerate() {
        prompt.push_text(&format!("\n{}. {caption}", number + 1));
    }
    prompt.push(&tokenizer.markup("<|im_end|>\n<|im_start|>assistant\n"));
    tokenizer.encode(&prompt).expect("any text is tokens")
}

/// Tokens a second while answers are written, a prompt alone and many together.
fn continuations(model: &Model) {
    const TOKENS: usize = 16;
    for count in [1, 32] {
        let texts: Vec<Vec<TokenId>> = (0..count).map(|i| tokens(model, 100 + i, 64)).collect();
        let prompts: Vec<&[TokenId]> = texts.iter().map(Vec::as_slice).collect();
        let mut scorer = Scorer::new(model, ScorerParams::default());
        let mut go_on = |most| {
            timed(|| {
                scorer
                    .continue_greedily(&prompts, most, &[], quiet())
                    .expect("prompts");
            })
        };
        // The first token belongs to the prompt.
        go_on(1);
        let times = go_on(TOKENS);
        line(
            &format!("continuations of {count} prompts"),
            (TOKENS * prompts.len()) as f64,
            "tokens",
            times,
        );
    }
}
