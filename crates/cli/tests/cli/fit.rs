//! `emotome fit`

use crate::scratch::{Scratch, has, number};
use serde_json::Value;
use std::fs;

#[test]
fn fit_has_its_stable_json_and_files() {
    let scratch = Scratch::planted();
    let fit = "fit --triplets planted/triplets.npy --n-items 24 --dims 6 --epochs 20";
    let spose = scratch.json(&format!(
        "{fit} --method spose --lambda 0.004 --seeds 2 --out spose"
    ));
    let fields = [
        "dims",
        "val_nll",
        "val_accuracy",
        "epochs",
        "seconds",
        "triplets_per_second",
        "peak_rss_bytes",
    ];
    has(&spose, &fields);
    assert!(
        number(&spose, "val_nll") < 1.0986,
        "worse than guessing: {spose}"
    );
    assert_eq!(spose["n_items"], 24);
    for file in [
        "embedding.npz",
        "embedding.tsv",
        "embedding.json",
        "history.tsv",
    ] {
        assert!(scratch.path("spose").join(file).exists(), "no {file}");
    }
    let provenance: Value =
        serde_json::from_slice(&fs::read(scratch.path("spose/embedding.json")).unwrap()).unwrap();
    has(
        &provenance,
        &[
            "emotome_version",
            "command",
            "seed",
            "parameters",
            "inputs",
            "created",
        ],
    );
    has(&provenance["inputs"][0], &["path", "sha256"]);
    has(
        &scratch.json(&format!("{fit} --method vice --out vice")),
        &fields,
    );
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let scratch = Scratch::planted();
    for threads in [1, 3] {
        scratch.json(&format!(
            "fit --triplets planted/triplets.npy --n-items 24 --dims 6 --epochs 5 --lambda 0.004 --threads {threads} --out t{threads}"
        ));
    }
    assert_eq!(
        fs::read(scratch.path("t1/embedding.npz")).unwrap(),
        fs::read(scratch.path("t3/embedding.npz")).unwrap()
    );
}

#[test]
fn triplets_in_two_splits_are_refused() {
    let scratch = Scratch::new();
    scratch.write("train.txt", "0 1 2\n3 4 5\n");
    scratch.write("test.txt", "6 7 8\n5 3 4\n");
    scratch.refuses(
        "fit --triplets train.txt --n-items 9 --test test.txt --dims 3 --out fitted",
        &["train", "test", "[3, 4, 5]"],
    );
    assert!(!scratch.path("fitted").exists());
}

#[test]
fn a_dry_run_says_what_would_be_fitted_and_writes_nothing() {
    let scratch = Scratch::planted();
    let plan = scratch.json("fit --triplets planted/triplets.npy --dims 5 --out fitted --dry-run");
    assert_eq!((&plan["n_items"], &plan["seeds"]), (&24.into(), &1.into()));
    assert_eq!(plan["trials"], serde_json::json!([1200, 150, 150]));
    // Nothing is left open.
    has(
        &plan["model"],
        &["dims", "epochs", "batch", "rate", "lambdas"],
    );
    assert!(!scratch.path("fitted").exists());
    scratch.refuses(
        "fit --triplets absent.npy --out fitted --dry-run",
        &["absent.npy"],
    );
    scratch
        .json("fit --triplets planted/triplets.npy --dims 5 --lambda 0.01 --epochs 2 --out fitted");
    let record = fs::read(scratch.path("fitted/embedding.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    has(&record["parameters"]["model"], &["epochs", "batch", "rate"]);
    scratch.refuses(
        "fit --triplets planted/triplets.npy --dims 5 --out fitted --dry-run",
        &["exists", "--force"],
    );
}

/// The probabilities of the choices as labels fit better than a draw from them does, and labels that
/// are the choices fit as these do.
#[test]
fn soft_labels_are_fitted() {
    let scratch = Scratch::new();
    scratch.json("collect --judge simulated --items 24 --dims 3 --trials 1500 --journal j.db");
    let made = scratch.json("export --journal j.db --out soft.npy --probabilities");
    assert_eq!(made["probabilities"], "soft.probabilities.npy");
    scratch.json("export --journal j.db --out soft.txt");
    let fit = "--dims 6 --lambda 0.004 --validation-share 0.1 --test-share 0";
    scratch.json(&format!("fit --triplets soft.npy {fit} --out hard"));
    scratch.json(&format!(
        "fit --triplets soft.npy {fit} --targets soft.probabilities.npy --out soft"
    ));
    let hard_labels = "0 0 1\n".repeat(1500);
    scratch.write("choices.txt", &hard_labels);
    scratch.json(&format!(
        "fit --triplets soft.npy {fit} --targets choices.txt --out same"
    ));
    let bytes = |folder: &str| fs::read(scratch.path(folder).join("embedding.npz")).unwrap();
    assert_eq!(bytes("hard"), bytes("same"), "labels that are the choices");
    assert_ne!(bytes("hard"), bytes("soft"));
    // Other choices of the same agent tell which fit knows it better.
    scratch.json("collect --judge simulated --items 24 --dims 3 --trials 2000 --journal more.db");
    scratch.json("export --journal more.db --out more.npy");
    let nll = |folder: &str| {
        number(
            &scratch.json(&format!(
                "evaluate --embedding {folder}/embedding.npz --triplets more.npy"
            )),
            "nll",
        )
    };
    assert!(nll("soft") < nll("hard"), "{} {}", nll("soft"), nll("hard"));

    scratch.write("short.txt", "0 0 1\n");
    scratch.refuses(
        &format!("fit --triplets soft.npy {fit} --targets short.txt --out x"),
        &["short.txt", "1 rows of 3 columns", "1500 choices"],
    );
    scratch.write("sums.txt", "0.5 0 1\n".repeat(1500));
    scratch.refuses(
        &format!("fit --triplets soft.npy {fit} --targets sums.txt --out x"),
        &["soft label 1", "summing to 1"],
    );
}

#[test]
fn keys_beside_the_choices_name_the_rows_of_the_embedding() {
    let scratch = Scratch::planted();
    let keys: String = (0..24).map(|i| format!("clip{i:02}\n")).collect();
    scratch.write("planted/triplets.stimuli.txt", &keys);
    let fit = "fit --triplets planted/triplets.npy --dims 3 --epochs 2 --lambda 0.01";
    let made = scratch.json(&format!("{fit} --out beside"));
    assert_eq!(
        (&made["stimuli"], &made["n_items_inferred"]),
        (&"planted/triplets.stimuli.txt".into(), &false.into())
    );
    let table = fs::read_to_string(scratch.path("beside/embedding.tsv")).unwrap();
    assert!(table.contains("\nclip23\t"), "{table}");
    scratch.refuses(
        &format!("{fit} --n-items 25 --out x"),
        &["24 stimuli", "25 are stated"],
    );
    scratch.write("other.txt", keys.replace("clip", "film"));
    scratch.json(&format!("{fit} --stimuli other.txt --out named"));
    let table = fs::read_to_string(scratch.path("named/embedding.tsv")).unwrap();
    assert!(table.contains("\nfilm00\t"), "{table}");
}

#[test]
fn fewer_seeds_leave_no_older_ones_beside_them() {
    let scratch = Scratch::planted();
    let fit = "fit --triplets planted/triplets.npy --dims 3 --epochs 2 --lambda 0.01 --out fitted --force";
    scratch.json(&format!("{fit} --seeds 3"));
    assert!(scratch.path("fitted/seeds/seed-03").exists());
    scratch.json(&format!("{fit} --seeds 2"));
    assert!(scratch.path("fitted/seeds/seed-02").exists());
    assert!(!scratch.path("fitted/seeds/seed-03").exists());
}
