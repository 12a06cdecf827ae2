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

#[test]
fn halves_of_the_choices_are_fitted_apart() {
    let scratch = Scratch::planted();
    let fit = |rest: &str| {
        let line =
            format!("fit --triplets planted/triplets.npy --dims 5 --lambda 0.01 --epochs 2 {rest}");
        scratch.json(&line)
    };
    let [first, second] = ["1", "2"].map(|half| fit(&format!("--half {half} --out half-{half}")));
    for half in [&first, &second] {
        let trials = half["trials"].as_array().unwrap();
        assert_eq!(trials.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 750);
    }
    assert_ne!(first["val_nll"], second["val_nll"]);
    let record = fs::read(scratch.path("half-2/embedding.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["parameters"]["half"], "second");
    scratch
        .run("fit --triplets planted/triplets.npy --half 3 --out third")
        .failure()
        .code(2);
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

/// Choices with a split column: every row among stimuli 0 to 5 is marked as of the full set.
fn with_marks() -> (Scratch, Vec<Vec<String>>) {
    let scratch = Scratch::new();
    scratch.json("collect --judge simulated --items 24 --dims 3 --trials 1200 --validation 0.1 --test 0.1 --ceiling 20,3,6 --journal j.db");
    scratch.json("export --journal j.db --out exported.csv");
    let table = fs::read_to_string(scratch.path("exported.csv")).unwrap();
    let mut rows: Vec<Vec<String>> = table
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    let split = rows[0].iter().position(|name| name == "split").unwrap();
    for row in &mut rows[1..] {
        if row[..3].iter().all(|id| id.parse::<u32>().unwrap() < 6) {
            row[split] = "fullset".into();
        }
        row.swap(4, split);
    }
    rows[0].swap(4, split);
    (scratch, rows)
}

fn table<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>) -> String {
    rows.into_iter().map(|row| row.join(",") + "\n").collect()
}

#[test]
fn marked_splits_are_used_and_ceiling_and_full_set_have_no_part_in_a_fit() {
    let (scratch, rows) = with_marks();
    let marked = |names: &[&str]| {
        let kept = rows[1..]
            .iter()
            .filter(|row| names.contains(&row[4].as_str()));
        let kept: Vec<_> = kept.collect();
        (
            table([&rows[0]].into_iter().chain(kept.iter().copied())),
            kept.len(),
        )
    };
    let n = |name: &str| marked(&[name]).1;
    let [train, validation, test] = ["train", "validation", "test"].map(n);
    let apart = [n("ceiling"), n("fullset")];
    assert!(train > 800 && apart[0] >= 100 && apart[1] > 5, "{apart:?}");
    scratch.write("all.csv", table(&rows));
    scratch.json("export --triplets all.csv --out all.parquet");
    let fit = "--n-items 24 --dims 6 --epochs 10 --lambda 0.004";
    let bytes = |folder: &str| fs::read(scratch.path(folder).join("embedding.npz")).unwrap();

    // The same fit as with files of their own that hold only what is marked.
    let own = |name: &str| {
        let rows = rows[1..].iter().filter(|row| row[4] == name);
        let header = ["a,b,c,choice\n".to_owned()].into_iter();
        let lines = rows.map(|row| row[..4].join(",") + "\n");
        scratch.write(
            &format!("{name}.csv"),
            header.chain(lines).collect::<String>(),
        );
    };
    for name in ["train", "validation", "test"] {
        own(name);
    }
    let apart_files = scratch.json(&format!(
        "fit --triplets train.csv --validation validation.csv --test test.csv {fit} --out files"
    ));
    assert_eq!(apart_files["marked_splits"], Value::Null);
    for file in ["all.csv", "all.parquet"] {
        let out = file.replace('.', "-");
        let made = scratch.json(&format!("fit --triplets {file} {fit} --out {out}"));
        assert_eq!(made["trials"], serde_json::json!([train, validation, test]));
        let counts = serde_json::json!({
            "train": train, "validation": validation, "test": test,
            "ceiling": apart[0], "full_set": apart[1],
        });
        assert_eq!(made["marked_splits"], counts);
        assert_eq!(made["test"]["accuracy"], apart_files["test"]["accuracy"]);
        assert!(bytes(&out) == bytes("files"), "{file}");
    }

    // Soft labels stay with their choices.
    let labels = rows[1..].iter().map(|row| match row[3].as_str() {
        "1" => "1 0 0\n",
        "2" => "0 1 0\n",
        _ => "0 0 1\n",
    });
    scratch.write("labels.txt", labels.collect::<String>());
    scratch.json(&format!(
        "fit --triplets all.csv --targets labels.txt {fit} --out labelled"
    ));
    assert!(
        bytes("labelled") == bytes("files"),
        "labels that are the choices"
    );

    // What is held out is said once only.
    for flags in ["--validation-share 0.2", "--test test.csv"] {
        scratch.refuses(
            &format!("fit --triplets all.csv {flags} {fit} --out x"),
            &[
                "all.csv",
                &format!("{validation} choices for validation"),
                "--ignore-splits",
            ],
        );
    }
    let alike = scratch.json(&format!(
        "fit --triplets all.csv --ignore-splits --test-share 0 {fit} --out alike"
    ));
    let trials: Vec<usize> = serde_json::from_value(alike["trials"].clone()).unwrap();
    assert_eq!(trials.iter().sum::<usize>(), rows.len() - 1);
    assert_eq!(alike["marked_splits"], Value::Null);

    // Where nothing is marked as held out, shares are drawn of what is to be fitted.
    scratch.write("unsplit.csv", marked(&["train", "ceiling", "fullset"]).0);
    for flags in ["", "--validation-share 0.2 "] {
        let drawn = scratch.json(&format!(
            "fit --triplets unsplit.csv {flags}{fit} --out drawn --force"
        ));
        let trials: Vec<usize> = serde_json::from_value(drawn["trials"].clone()).unwrap();
        assert_eq!(trials.iter().sum::<usize>(), train);
        assert!(trials[1] > 50 && trials[2] > 50, "{trials:?}");
    }
    scratch.write("repeats.csv", marked(&["ceiling"]).0);
    scratch.refuses(
        &format!("fit --triplets repeats.csv {fit} --out x"),
        &[
            "no choice for training",
            &format!("{} for the ceiling", apart[0]),
        ],
    );
    let said = scratch.run(&format!("fit --triplets all.csv {fit} --out said"));
    let said = String::from_utf8(said.success().get_output().stderr.clone()).unwrap();
    let words = format!(
        "{} for the noise ceiling and {} of the full set",
        apart[0], apart[1]
    );
    assert!(said.contains(&words), "{said}");
}

#[test]
fn a_triplet_marked_for_two_splits_is_refused() {
    let scratch = Scratch::new();
    for other in ["test", "fullset"] {
        let rows = format!(
            "a,b,c,choice,split\n0,1,2,1,train\n3,4,5,1,train\n5,3,4,2,{other}\n6,7,8,1,validation\n"
        );
        scratch.write("marked.csv", rows);
        scratch.refuses(
            "fit --triplets marked.csv --n-items 9 --dims 3 --lambda 0.01 --out fitted",
            &["train", "[3, 4, 5]"],
        );
    }
}

#[test]
fn vice_says_what_pruning_did_and_several_seeds_end_in_a_consensus() {
    let scratch = Scratch::new();
    scratch.json("simulate --items 24 --dims 3 --triplets 6000 --scale 1.5 --out planted");
    let fit = "fit --triplets planted/triplets.npy --method vice --dims 6";
    let one = scratch.json(&format!("{fit} --out one"));
    let pruning = &one["pruning"];
    assert_eq!(pruning["dims_before"], 6);
    assert_eq!(pruning["dims"], one["dims"], "{pruning}");
    assert_eq!(pruning["unpruned"], false);
    assert_eq!(pruning["after"]["nll"], one["val_nll"]);
    has(&pruning["before"], &["nll", "accuracy"]);
    assert_eq!(one["prior_selection"], Value::Null);

    let two = scratch.json(&format!("{fit} --seeds 2 --out two"));
    let agreement = two["agreement"].as_array().unwrap();
    assert_eq!(agreement.len() as u64, two["dims"].as_u64().unwrap());
    assert!(agreement.iter().all(|r| r.as_f64().unwrap() > 0.5));
    // The refit starts from dimensions of the seeds, which were pruned before.
    assert!(
        two["pruning"]["dims_before"].as_u64()
            <= two["seeds"][0]["dims"]
                .as_u64()
                .max(two["seeds"][1]["dims"].as_u64())
    );
    let last = fs::read(scratch.path("two/embedding.npz")).unwrap();
    for seed in ["seed-01", "seed-02"] {
        let run = scratch.path("two/seeds").join(seed).join("embedding.npz");
        assert_ne!(fs::read(run).unwrap(), last, "a seed is no consensus");
    }

    let few = scratch.json(&format!(
        "{fit} --validation-share 0.97 --test-share 0.01 --out few"
    ));
    assert_eq!(few["pruning"]["unpruned"], true, "{few}");
    assert_eq!(
        (&few["pruning"]["dims"], &few["dims"]),
        (&0.into(), &6.into())
    );
}

#[test]
fn the_prior_of_vice_is_chosen_where_that_is_asked_for() {
    let scratch = Scratch::planted();
    let fit = "fit --triplets planted/triplets.npy --dims 4 --epochs 5";
    let made = scratch.json(&format!("{fit} --method vice --select-prior --out made"));
    let chosen = &made["prior_selection"];
    let candidates = chosen["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 5);
    let nll = |c: &Value| c["before_pruning"]["nll"].as_f64().unwrap();
    let best = candidates.iter().min_by(|a, b| nll(a).total_cmp(&nll(b)));
    assert_eq!(best.unwrap()["prior"], chosen["prior"]);
    let record: Value =
        serde_json::from_slice(&fs::read(scratch.path("made/embedding.json")).unwrap()).unwrap();
    let parameters = &record["parameters"];
    assert_eq!(&parameters["prior_selection"], chosen);
    for name in ["spike", "slab", "pi"] {
        assert_eq!(parameters["model"][name], chosen["prior"][name], "{name}");
    }
    // The fit is that with the chosen prior.
    let [spike, pi] = ["spike", "pi"].map(|name| &chosen["prior"][name]);
    scratch.json(&format!(
        "{fit} --method vice --spike {spike} --pi {pi} --out named"
    ));
    let bytes = |folder: &str| fs::read(scratch.path(folder).join("embedding.npz")).unwrap();
    assert_eq!(bytes("made"), bytes("named"));
    scratch.refuses(
        &format!("{fit} --method spose --select-prior --out x"),
        &["--select-prior", "--method spose"],
    );
    scratch
        .run(&format!(
            "{fit} --method vice --select-prior --pi 0.5 --out x"
        ))
        .failure();
}

#[test]
fn an_embedding_that_says_nothing_about_stimuli_says_so() {
    let scratch = Scratch::planted();
    let fit = "fit --triplets planted/triplets.npy --dims 6 --epochs 20";
    let made = scratch.json(&format!("{fit} --lambda 0.004 --out some"));
    assert_eq!(made["empty_rows"], 0, "{made}");
    let none = scratch
        .run(&format!("{fit} --lambda 10 --out none --json"))
        .success();
    let summary: Value = serde_json::from_slice(&none.get_output().stdout).unwrap();
    assert_eq!(summary["empty_rows"], 24);
    let said = String::from_utf8(none.get_output().stderr.clone()).unwrap();
    for words in ["no weight on any dimension: 24", "150 of 150 (100.0 %)"] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
}

#[test]
fn choices_of_several_agents_are_never_fitted_together() {
    let scratch = Scratch::new();
    let lines = |seed: u64, triplets: usize| -> Vec<String> {
        scratch.json(&format!(
            "simulate --items 24 --dims 3 --triplets {triplets} --seed {seed} --out s{seed}"
        ));
        scratch.json(&format!(
            "export --triplets s{seed}/triplets.npy --out s{seed}.csv"
        ));
        let table = fs::read_to_string(scratch.path(&format!("s{seed}.csv"))).unwrap();
        table.lines().skip(1).map(str::to_owned).collect()
    };
    let (ann, bob) = (lines(1, 900), lines(2, 600));
    let split = |row: usize| ["train", "validation", "train", "test"][row % 4];
    let (mut both, mut own) = (
        "a,b,c,choice,split,agent\n".to_owned(),
        "a,b,c,choice,split\n".to_owned(),
    );
    let mut labels = String::new();
    for (row, line) in ann.iter().enumerate() {
        let split = split(row);
        own += &format!("{line},{split}\n");
        both += &format!("{line},{split},ann\n");
        // A simulated odd one stands last.
        labels += "0 0 1\n";
        if let Some(line) = bob.get(row) {
            both += &format!("{line},{split},bob\n");
            labels += "1 0 0\n";
        }
    }
    scratch.write("own.csv", own);
    scratch.write("both.csv", both);
    scratch.write("labels.txt", labels);
    scratch.json("export --triplets both.csv --out both.parquet");
    let fit = "--n-items 24 --dims 6 --epochs 10 --lambda 0.004";
    let bytes = |folder: &str| fs::read(scratch.path(folder).join("embedding.npz")).unwrap();
    let alone = scratch.json(&format!("fit --triplets own.csv {fit} --out own"));
    assert_eq!(alone["agent"], Value::Null);
    for file in ["both.csv", "both.parquet"] {
        let known = [file, "\"ann\" (900)", "\"bob\" (600)", "--agent"];
        for flags in ["", " --agent eve", " --dry-run"] {
            scratch.refuses(
                &format!("fit --triplets {file} {fit} --out x{flags}"),
                &known,
            );
        }
        let out = file.replace('.', "-");
        let made = scratch.json(&format!(
            "fit --triplets {file} --agent ann {fit} --out {out}"
        ));
        assert_eq!(made["agent"], "ann");
        assert_eq!(made["trials"], serde_json::json!([450, 225, 225]));
        assert_eq!(made["marked_splits"], alone["marked_splits"]);
        assert!(bytes(&out) == bytes("own"), "{file}");
    }
    for agent in ["", " --agent eve"] {
        scratch.refuses(
            &format!("report --triplets both.csv{agent} --out x"),
            &["both.csv", "\"bob\" (600)", "--agent"],
        );
    }
    // Soft labels stay with their choices.
    scratch.json(&format!(
        "fit --triplets both.csv --agent ann --targets labels.txt {fit} --out labelled"
    ));
    assert!(
        bytes("labelled") == bytes("own"),
        "labels that are the choices"
    );
    // Held-out files are no exception.
    let train = "fit --triplets s1/triplets.npy";
    scratch.refuses(
        &format!("{train} --test both.csv {fit} --out x"),
        &["both.csv", "\"bob\" (600)"],
    );
    scratch.refuses(
        &format!("{train} --agent ann {fit} --out x"),
        &["triplets.npy", "--agent"],
    );
    // One agent needs no name, and a wrong name is no name for it.
    let both = fs::read_to_string(scratch.path("both.csv")).unwrap();
    let one = both.lines().filter(|line| !line.contains("bob"));
    scratch.write(
        "one.csv",
        one.map(|line| format!("{line}\n")).collect::<String>(),
    );
    let made = scratch.json(&format!("fit --triplets one.csv {fit} --out one"));
    assert_eq!(made["agent"], "ann");
    assert!(bytes("one") == bytes("own"));
    scratch.refuses(
        &format!("fit --triplets one.csv --agent bob {fit} --out x"),
        &["\"ann\" (900)"],
    );
}
