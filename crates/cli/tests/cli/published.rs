//! Published data beside published numbers; skipped, and said so, where the data are absent.

use crate::scratch::{Scratch, has, number, shared};

#[test]
fn the_published_things_choices_import_score_and_agree_as_published() {
    let (Some(humans), Some(vice), Some(gpt4), Some(gpt35)) = (
        shared("triplets/2171trials_humans.txt"),
        shared("embeddings/vice_things.npy"),
        shared("triplets/2171trials_GPT_4.txt"),
        shared("triplets/2171trials_ChatGPT_3.5.txt"),
    ) else {
        return;
    };
    let scratch = Scratch::new();
    let imported = scratch.json(&format!(
        "import {humans} --reference {vice} --out humans.npy"
    ));
    assert_eq!(
        (&imported["n"], &imported["n_items"]),
        (&2171.into(), &1854.into())
    );
    assert_eq!(
        (
            &imported["detection"]["odd"],
            &imported["detection"]["base"]
        ),
        (&"third".into(), &"0".into())
    );
    scratch.refuses(
        &format!("import {humans} --reference {vice} --odd first --out wrong.npy"),
        &["%", "--odd third"],
    );
    let scored = scratch.json(&format!(
        "evaluate --embedding {vice} --triplets humans.npy"
    ));
    assert_eq!((1000.0 * number(&scored, "accuracy")).round(), 660.0);
    for (other, percent) in [(gpt4, 457.0), (gpt35, 347.0)] {
        let agreement = scratch.json(&format!("compare --triplets humans.npy --with {other}"));
        assert_eq!(
            (1000.0 * number(&agreement, "raw")).round(),
            percent,
            "{agreement}"
        );
        has(
            &agreement,
            &["triplets", "raw_ci95", "chance_corrected", "kappa", "n"],
        );
    }
}

#[test]
fn the_published_ratings_are_judged_by_kind() {
    let Some(ratings) = shared("ratings/ck2017_ratings48.csv") else {
        return;
    };
    let scratch = Scratch::new();
    let collect =
        format!("collect --judge ratings --features {ratings} --trials 3000 --no-diagnose");
    scratch.refuses(
        &format!("{collect} --journal j.sqlite"),
        &["several kinds", "--scales"],
    );
    for flags in [
        "--scales categories",
        "--scales dimensions",
        "--scales categories --raters 12",
    ] {
        let name = flags.replace([' ', '-'], "");
        let made = scratch.json(&format!(
            "{collect} {flags} --journal {name}.sqlite --agent {name}"
        ));
        assert_eq!(
            (&made["n_items"], &made["judged"]),
            (&2185.into(), &3000.into())
        );
        assert!(made["warnings"].as_array().unwrap().is_empty(), "{made}");
    }
}

#[test]
fn the_published_captions_and_ratings_make_a_study_by_the_published_list() {
    let (Some(ratings), Some(captions)) = (
        shared("ratings/ck2017_ratings48.csv"),
        shared("captions/caption_ck20.csv"),
    ) else {
        return;
    };
    let scratch = Scratch::new();
    let init = format!("init --ratings {ratings} --captions {captions}");
    for (list, flag, n) in [("2185", "", 2185), ("2181", " --list 2181", 2181)] {
        let made = scratch.json(&format!("{init} study{list}{flag}"));
        assert_eq!(
            (&made["list"], &made["stimuli"], &made["with_captions"]),
            (&list.into(), &n.into(), &n.into())
        );
        assert_eq!(made["captions_not_in_list"], 2196 - n);
        assert_eq!(scratch.json(&format!("check study{list}"))["errors"], 0);
    }
    // Label 1 is the first file.
    let table = std::fs::read_to_string(scratch.path("study2185/captions.tsv")).unwrap();
    assert!(table.contains("\n0001.mp4\t"));
}
