//! `emotome tripletize` and `emotome simulate`

use crate::scratch::{Scratch, has, npy, number};
use std::fs;

#[test]
fn tripletize_has_its_stable_form_for_every_metric() {
    let scratch = Scratch::new();
    let rows = (0..12).map(|i| format!("s{i},{},{},{}\n", i % 5, (i * 7) % 3 + 1, i * i % 11));
    scratch.write(
        "features.csv",
        format!("key,x,y,z\n{}", rows.collect::<String>()),
    );
    for metric in ["cosine", "correlation", "dot", "euclidean"] {
        let made = scratch.json(&format!(
            "tripletize --features features.csv --metric {metric} --n 100 --out {metric}.txt"
        ));
        assert_eq!(made["n"], 100);
        assert_eq!(made["stimuli"], format!("{metric}.stimuli.txt"));
        let keys = fs::read_to_string(scratch.path(&format!("{metric}.stimuli.txt"))).unwrap();
        assert_eq!(keys, (0..12).map(|i| format!("s{i}\n")).collect::<String>());
        assert_eq!(
            fs::read_to_string(scratch.path(&format!("{metric}.txt")))
                .unwrap()
                .lines()
                .count(),
            100
        );
    }
}

#[test]
fn simulate_plants_what_evaluate_recovers() {
    let scratch = Scratch::new();
    let made = scratch.json("simulate --items 20 --dims 4 --triplets 800 --out here");
    has(
        &made,
        &[
            "n_items",
            "dims",
            "n",
            "best_accuracy",
            "best_nll",
            "triplets",
            "embedding",
        ],
    );
    let scored =
        scratch.json("evaluate --embedding here/embedding.npz --triplets here/triplets.npy");
    assert!((number(&scored, "accuracy") - number(&made, "best_accuracy")).abs() < 1e-12);

    let guessing =
        scratch.json("simulate --items 20 --dims 4 --triplets 800 --lapse 0.3 --out guessing");
    let evaluate = "evaluate --embedding guessing/embedding.npz --triplets guessing/triplets.npy";
    let knowing = scratch.json(&format!("{evaluate} --lapse 0.3"));
    assert!((number(&knowing, "nll") - number(&guessing, "best_nll")).abs() < 1e-12);
    assert!(number(&scratch.json(evaluate), "nll") > number(&guessing, "best_nll") + 0.01);
    let biased = scratch
        .json("simulate --items 20 --dims 4 --triplets 800 --position-bias 2,0,0 --out biased");
    assert!(biased["best_accuracy"].is_null() && biased["best_nll"].is_null());
}

#[test]
fn bad_features_are_refused_in_one_line_and_leave_no_file() {
    let scratch = Scratch::planted();
    let npz = fs::read(scratch.path("planted/embedding.npz")).unwrap();
    let nan = npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 1), }",
        &[1.0, f64::NAN, 2.0, 3.0].map(f64::to_le_bytes).concat(),
    );
    let cases: [(&str, Vec<u8>, &[&str]); 7] = [
        ("empty.csv", Vec::new(), &["empty.csv"]),
        (
            "ragged.csv",
            b"key,x,y\na,1,2\nb,3\n".to_vec(),
            &["ragged.csv", "line 3"],
        ),
        (
            "text.csv",
            b"key,x\na,1\nb,tall\nc,2\n".to_vec(),
            &["text.csv", "tall"],
        ),
        (
            "twice.csv",
            b"key,x\na,1\na,2\nc,2\n".to_vec(),
            &["twice.csv", "\"a\""],
        ),
        (
            "nan.npy",
            nan,
            &["missing", "stimulus 1, column 0", "drop-stimuli"],
        ),
        (
            "huge.npy",
            npy(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,1), }",
                &[0; 8],
            ),
            &["huge.npy", "1000000000000"],
        ),
        ("cut.npz", npz[..npz.len() / 2].to_vec(), &["cut.npz"]),
    ];
    for (name, content, words) in cases {
        scratch.write(name, content);
        scratch.refuses(
            &format!("tripletize --features {name} --n 3 --out made.npy"),
            words,
        );
        scratch.refuses(
            &format!("collect --judge features --features {name} --journal made.journal"),
            words,
        );
        assert!(
            !scratch.path("made.npy").exists() && !scratch.path("made.journal").exists(),
            "{name} left a file"
        );
    }
    let scored = "--triplets planted/triplets.npy --embedding";
    scratch.refuses(&format!("evaluate {scored} cut.npz"), &["cut.npz"]);
    scratch.refuses(
        &format!("evaluate {scored} nan.npy"),
        &["nan.npy", "NaN at stimulus 1, dimension 0", "not finite"],
    );
    scratch.write("small.txt", "1 0\n0 1\n1 1\n");
    scratch.refuses(&format!("evaluate {scored} small.txt"), &["stimulus", "3"]);
}

#[test]
fn noise_is_calibrated_to_a_stated_agreement() {
    let scratch = Scratch::new();
    let rows = (0..40).map(|i| format!("s{i},{},{},{}\n", i % 5, (i * 7) % 3 + 1, i * i % 11));
    scratch.write(
        "features.csv",
        format!("key,x,y,z\n{}", rows.collect::<String>()),
    );
    let made = scratch.json(
        "tripletize --features features.csv --n 3000 --match-agreement 0.6 --probabilities --out soft.npy",
    );
    let found = &made["calibration"];
    assert!((number(found, "achieved") - 0.6).abs() < 1e-6 && number(found, "temperature") > 0.0);
    assert_eq!(made["probabilities"], "soft.probabilities.npy");
    scratch.json("fit --triplets soft.npy --targets soft.probabilities.npy --dims 5 --lambda 0.004 --out fitted");
    let collect = "collect --judge features --features features.csv --trials 500 --no-diagnose --journal j.db";
    let collected = scratch.json(&format!("{collect} --match-agreement 0.6"));
    assert_eq!(
        collected["calibration"]["temperature"],
        found["temperature"]
    );
    // The same flags resume; another target is another agent.
    assert_eq!(
        scratch.json(&format!("{collect} --match-agreement 0.6"))["skipped"],
        500
    );
    scratch.refuses(&format!("{collect} --match-agreement 0.5"), &["new name"]);
    scratch.refuses(
        "tripletize --features features.csv --n 30 --match-accuracy 0.2 --out x.npy",
        &["0.2", "answers at random give 0.33"],
    );
    scratch
        .run("tripletize --features features.csv --n 30 --temperature 1 --match-accuracy 0.7 --out x.npy")
        .failure()
        .code(2);
}
