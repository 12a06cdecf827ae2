//! `emotome init`, `check`, `fetch` and `plan`

use crate::scratch::{Scratch, number};
use serde_json::Value;
use std::fs;

#[test]
fn a_study_is_made_checked_and_faults_are_found() {
    let scratch = Scratch::new();
    scratch.write(
        "ratings.csv",
        "key,joy,Horror\ndawn,0.9,0\ncliff,0.1,0.5\nrain,0.3,0\n",
    );
    let made = scratch.json("init study --ratings ratings.csv");
    assert_eq!(
        (&made["stimuli"], &made["sensitive"]),
        (&3.into(), &1.into())
    );
    let checked = scratch.json("check study");
    assert_eq!(checked["errors"], 0, "{checked}");
    let table = fs::read_to_string(scratch.path("study/stimuli.tsv")).unwrap();
    scratch.write("study/stimuli.tsv", table.replace("dawn", "rain"));
    let found = scratch.run("check study").failure().code(1);
    let shown = String::from_utf8(found.get_output().stdout.clone()).unwrap();
    for words in [
        "error[duplicate-key]",
        "--> stimuli.tsv:",
        "= expected:",
        "= fix:",
    ] {
        assert!(shown.contains(words), "{words:?} is not in {shown}");
    }
    let json = scratch.run("check study --json").failure().code(1);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert!(number(&json, "errors") >= 1.0);
}

#[test]
fn clips_and_captions_are_joined_by_key_and_leftovers_are_counted() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("clips")).unwrap();
    for name in ["b.mp4", "a.mp4", "notes.pdf"] {
        scratch.write(&format!("clips/{name}"), name);
    }
    scratch.write(
        "captions.tsv",
        "key\tcaption\na.mp4\tdawn over hills\nb.mp4\ta cliff\nc.mp4\train\n",
    );
    let made = scratch.json("init study --clips clips --captions captions.tsv");
    for (field, n) in [
        ("stimuli", 2),
        ("with_media", 2),
        ("with_captions", 2),
        ("other_files", 1),
    ] {
        assert_eq!(made[field], n, "{field}");
    }
    assert_eq!(made["left_out"][0]["first"], "c.mp4");
    assert_eq!(scratch.json("check study")["errors"], 0);
    fs::write(scratch.path("clips/a.mp4"), "another film").unwrap();
    let found = scratch.run("check study").failure().code(1);
    let shown = String::from_utf8(found.get_output().stdout.clone()).unwrap();
    assert!(shown.contains("error[sha256-mismatch]"), "{shown}");
}

#[test]
fn sources_are_listed_and_a_wrong_file_is_not_registered() {
    let scratch = Scratch::new();
    let list = scratch.json("fetch --list");
    assert!(
        list["sources"]
            .as_array()
            .unwrap()
            .iter()
            .any(|source| source["id"] == "ck2017")
    );
    scratch.refuses("fetch ck2017", &["by hand", "form", "--from FILE"]);
    scratch.refuses("fetch nowhere", &["nowhere", "ck2017"]);
    scratch.write("ck2017_ratings48.csv", "not the ratings\n");
    scratch.refuses(
        "fetch ck2017 --from ck2017_ratings48.csv",
        &["bytes", "expected 481672", "not registered"],
    );
    assert!(!scratch.path("data").exists());
}

#[test]
fn a_plan_counts_trials_time_and_cost() {
    let scratch = Scratch::new();
    let line = "plan --items 2180 --dims 30 --trials 7100000 --rate 50 --tokens 450,2 --price-in 0.1 --price-out 0.4";
    let plan = scratch.json(line);
    assert_eq!(number(&plan, "bound").round(), 725_293.0);
    assert_eq!(number(&plan, "seconds"), 142_000.0);
    assert!((number(&plan, "cost") - (7.1e6 * (450.0 * 0.1 + 2.0 * 0.4) / 1e6)).abs() < 1e-6);
    assert_eq!(
        scratch.json("plan --items 2180 --dims 30")["trials"],
        7_252_934,
        "ten times n·d·log2 n"
    );
    scratch.refuses("plan --items 2", &["2 stimuli", "expected 3"]);
}
