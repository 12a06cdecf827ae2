//! Every seed of the fuzzers, among them every input that once broke a reader, is read without a
//! panic and in little memory. See `fuzz/README.md`.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a crate of its own elsewhere")]
mod targets;

use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{write_npy, write_npz};
use emotome_stimuli::output::Overwrite;
use emotome_triplets::design::DesignParams;
use emotome_triplets::formats::{ChoiceTable, Format, WriteOptions};
use emotome_triplets::journal::{Agent, JournalWriter, Record};
use emotome_triplets::{Choice, ChoiceSet, Outcome, Position};
use ndarray::{Array2, arr1};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

#[test]
fn every_seed_is_read_without_a_panic() {
    let mut seeds = 0;
    for (name, target) in targets::TARGETS {
        let before = seeds;
        for entry in fs::read_dir(corpus().join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
            seeds += 1;
        }
        assert!(seeds > before, "{name} has no seed");
    }
    println!("{seeds} seeds");
    // Linux tells the most memory that the process ever took.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(peak) = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()) {
        assert!(peak < 1 << 20, "{peak} KiB of memory taken");
    }
}

/// Makes the binary seeds; text ones are written by hand.
#[test]
#[ignore = "writes into fuzz/corpus"]
fn binary_seeds_are_made_anew() {
    let force = Overwrite::Replace;
    let seed = |target: &str, name: &str| {
        let folder = corpus().join(target);
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    };
    let matrix = Array2::from_shape_fn((4, 3), |(i, j)| (i * 3 + j) as f32 / 8.0);
    let keys = arr1(&["fog", "kiss", "wasp", "rain"].map(str::to_owned));
    for target in ["arrays", "embedding"] {
        write_npy(seed(target, "matrix.npy"), force, matrix.view()).unwrap();
        let members = [
            ("embedding", matrix.view().into()),
            ("stimuli", keys.view().into()),
        ];
        write_npz(seed(target, "keyed.npz"), force, &members).unwrap();
    }
    write_npy(seed("arrays", "keys.npy"), force, keys.view()).unwrap();

    let design = DesignParams {
        trials: 40,
        ..DesignParams::new(10, 1)
    }
    .check()
    .unwrap();
    let place = |number: u64| Position::ALL[(number % 3) as usize];
    let choices: Vec<Choice> = design
        .trials()
        .map(|trial| Choice {
            triplet: trial.triplet,
            odd: place(trial.number),
        })
        .collect();
    let table: ChoiceTable = ChoiceSet::new(10, choices).unwrap().into();
    let options = WriteOptions {
        overwrite: force,
        ..WriteOptions::default()
    };
    for (format, target, name) in [
        (Format::LastOdd, "arrays", "last-odd.npy"),
        (Format::CblearnCount, "arrays", "cblearn-count.npz"),
        (Format::CblearnTensor, "arrays", "cblearn-tensor.npz"),
        (Format::Parquet, "parquet", "canonical.parquet"),
    ] {
        format.write(&seed(target, name), &table, &options).unwrap();
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let stimuli = StimulusSet::from_labels((0..10).map(|i| i.to_string())).unwrap();
    let mut journal = JournalWriter::create(&path, &design, &stimuli).unwrap();
    let agent = journal.register(&Agent::default()).unwrap();
    let records: Vec<Record<'_>> = design
        .trials()
        .map(|trial| Record {
            reply: Some("the second"),
            ..Record::new(
                trial,
                match trial.number % 4 {
                    0 => Outcome::Refused,
                    _ => Outcome::Chosen(place(trial.number)),
                },
            )
        })
        .collect();
    journal.append(agent, &records).unwrap();
    drop(journal);
    fs::copy(&path, seed("journal", "journal.db")).unwrap();
}
