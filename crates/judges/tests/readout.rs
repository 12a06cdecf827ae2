//! Readouts: the recorded one of the demo and its choices, and those that a server gives.

use bytes::Bytes;
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::Reply;
use emotome_judges::prompt::{CaptionDeck, CaptionPolicy, Shown, presets};
use emotome_judges::readout::{
    Readout, ReadoutAskError, ReadoutError, ReadoutJudge, ReadoutParams, ReadoutWord,
};
use emotome_judges::{Judge, readout};
use emotome_stats::random::Seed;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::{StimulusId, StimulusSet};
use emotome_triplets::{Cause, Outcome, Position, Split, Trial, Triplet};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;

fn demo(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo")).join(name)
}

fn trial(items: [u32; 3], replicate: u16) -> Trial {
    Trial {
        number: 0,
        triplet: Triplet::new(items.map(StimulusId)).unwrap(),
        replicate,
        split: Split::Train,
    }
}

/// Recorded by an implementation of its own, in Python.
#[test]
fn the_recorded_choices_of_the_demo_follow_from_its_readout() {
    let readout = Readout::read(demo("smollm2_readout.npy")).unwrap();
    assert_eq!(readout.values.dim(), (5, 240, 94));
    let judge = ReadoutJudge::new(&readout, Seed(0)).unwrap();
    let recorded =
        SerializedFileReader::new(File::open(demo("smollm2_choices.parquet")).unwrap()).unwrap();
    let (mut n, mut same) = (0, 0);
    for row in recorded.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let cell = |name: &str| {
            let column = row
                .get_column_iter()
                .position(|(column, _)| column == name)
                .unwrap();
            row.get_int(column).unwrap()
        };
        let trial = trial(["a", "b", "c"].map(|name| cell(name) as u32), 0);
        let odd = Position::from_index(cell("choice") as usize).unwrap();
        n += 1;
        same += usize::from(
            judge.judge_under(cell("template") as usize, &trial).outcome == Outcome::Chosen(odd),
        );
    }
    assert_eq!((n, same), (67_024, n));
}

#[test]
fn prompts_are_drawn_evenly_and_are_the_same_again() {
    let readout = Readout::read(demo("smollm2_readout.npy")).unwrap();
    let judge = ReadoutJudge::new(&readout, Seed(5)).unwrap();
    let mut counts = [0; 5];
    for replicate in 0..1_000 {
        let trial = trial([3, 1, 2], replicate);
        counts[judge.prompt_of(&trial)] += 1;
        assert_eq!(
            judge.judge(&trial),
            judge.judge_under(judge.prompt_of(&trial), &trial)
        );
    }
    assert!(counts.iter().all(|n| (150..250).contains(n)), "{counts:?}");
}

#[test]
fn a_readout_survives_writing_and_a_damaged_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.npy");
    let mut readout = Readout::read(demo("smollm2_readout.npy")).unwrap();
    readout.write(&path, Overwrite::Refuse).unwrap();
    let again = Readout::read(&path).unwrap();
    assert_eq!(
        (&again.words, &again.prompts, &again.values),
        (&readout.words, &readout.prompts, &readout.values)
    );
    assert_eq!(again.provenance["Model"], readout.provenance["Model"]);

    readout.values[[1, 2, 3]] = f32::NAN;
    assert!(matches!(
        readout.clone().check(),
        Err(ReadoutError::Value { .. })
    ));
    readout.words.pop();
    assert!(matches!(
        readout.check(),
        Err(ReadoutError::Shape { words: 93, .. })
    ));
    std::fs::write(path.with_extension("json"), "{\"Words\": []}").unwrap();
    assert!(matches!(
        Readout::read(&path),
        Err(ReadoutError::Sidecar { .. })
    ));
}

fn params(dialect: Dialect) -> ReadoutParams {
    let words = ["joy", "fear"].map(|word| ReadoutWord {
        word: word.into(),
        category: None,
    });
    let templates = ["readout-one-word", "readout-i-feel"].map(|name| presets::get(name).unwrap());
    ReadoutParams::new("m", dialect, templates.to_vec(), words.to_vec())
}

fn shown() -> Shown {
    let texts = ["fog", "kiss", "wasp"]
        .map(|text| vec![text.to_owned()])
        .to_vec();
    Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Drawn { seed: 1 }).unwrap())
}

fn reply(listed: &[(&str, f64)]) -> Reply {
    let top: Vec<Value> = listed
        .iter()
        .map(|(token, p)| json!({"token": token, "logprob": p.ln()}))
        .collect();
    let body = json!({"choices": [{"message": {"content": "x"}, "logprobs": {"content": [{"token": listed[0].0, "logprob": listed[0].1.ln(), "top_logprobs": top}]}}]});
    Reply {
        status: 200,
        body: Bytes::from(body.to_string()),
    }
}

#[test]
fn spellings_are_summed_and_missing_words_are_not_made_up() {
    let questions = params(Dialect::LlamaCpp).check(shown()).unwrap();
    assert_eq!(questions.len(), 6);
    let body: Value = serde_json::from_slice(&questions.request(5).unwrap().unwrap().body).unwrap();
    assert_eq!(
        (&body["top_logprobs"], &body["max_tokens"]),
        (&json!(20_000), &json!(1))
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "Imagine that you watch this short clip: wasp\nHow does it make you feel?"},
            {"role": "assistant", "content": "It makes me feel"},
        ])
    );
    assert!(questions.request(6).is_none());

    let row = questions
        .read(&reply(&[
            (" joy", 0.2),
            ("joy", 0.1),
            ("Fear", 0.05),
            (" Joy", 0.1),
            ("JOY", 0.3),
        ]))
        .unwrap();
    assert!((f64::from(row.values[0].unwrap()).exp() - 0.4).abs() < 1e-6);
    assert!((f64::from(row.values[1].unwrap()).exp() - 0.05).abs() < 1e-6);
    let stimuli = StimulusSet::from_labels(["fog", "kiss", "wasp"]).unwrap();
    let mut fill = questions.fill(stimuli.clone()).unwrap();
    (0..6).for_each(|question| fill.enter(question, &row));
    assert_eq!(fill.finish().unwrap().values.dim(), (2, 3, 2));

    let short = questions
        .read(&reply(&[(" joy", 0.2), ("x", 0.1)]))
        .unwrap();
    assert_eq!(short.values[1], None);
    let mut fill = questions.fill(stimuli).unwrap();
    (0..6).for_each(|question| fill.enter(question, if question == 4 { &short } else { &row }));
    let error = fill.finish().unwrap_err();
    assert!(
        matches!(&error, ReadoutAskError::Incomplete { missing: 1, cells: 12, word, .. } if word == "fear"),
        "{error}"
    );
    let none = Reply {
        status: 200,
        body: Bytes::from_static(b"{\"choices\": [{\"message\": {\"content\": \"x\"}}]}"),
    };
    assert_eq!(questions.read(&none).unwrap_err().cause, Cause::Malformed);
}

#[test]
fn servers_that_list_twenty_tokens_are_refused_with_advice() {
    for dialect in [Dialect::Ollama, Dialect::Openai, Dialect::Hosted] {
        let error = params(dialect).check(shown()).unwrap_err();
        assert!(
            error.to_string().contains("a model in the process"),
            "{error}"
        );
    }
    let mut three = params(Dialect::Vllm);
    three
        .templates
        .push(presets::get("choose-captions").unwrap());
    assert!(matches!(
        three.check(shown()),
        Err(ReadoutAskError::OddOneOut { .. })
    ));
    let mut twice = params(Dialect::Vllm);
    twice.words.push(ReadoutWord {
        word: "Joy".into(),
        category: None,
    });
    assert!(matches!(
        twice.check(shown()),
        Err(ReadoutAskError::Twice { .. })
    ));
    assert_eq!(readout::spellings("élan")[2], "Élan");
}
