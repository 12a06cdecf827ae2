//! `emotome collect` and `emotome journal`

use crate::scratch::{Scratch, has, number};
use serde_json::Value;
use std::fs;

#[test]
fn a_collection_resumes_extends_and_is_exported() {
    let scratch = Scratch::new();
    let collect = "collect --judge simulated --items 30 --dims 4 --journal j.sqlite";
    let first = scratch.json(&format!("{collect} --trials 1000"));
    has(&first, &["judged", "skipped", "standing", "diagnostics"]);
    assert_eq!(
        (&first["judged"], &first["skipped"]),
        (&1000.into(), &0.into())
    );
    let again = scratch.json(&format!("{collect} --trials 1000"));
    assert_eq!(
        (&again["judged"], &again["skipped"]),
        (&0.into(), &1000.into())
    );
    let more = scratch.json(&format!("{collect} --trials 1500"));
    assert_eq!(
        (&more["judged"], &more["skipped"]),
        (&500.into(), &1000.into())
    );
    scratch.refuses(
        &format!("{collect} --trials 1500 --seed 2"),
        &["another design", "new journal"],
    );
    scratch.refuses(
        &format!("{collect} --trials 1500 --lapse 0.1"),
        &["simulated", "new name"],
    );

    let shown = scratch.json("journal show j.sqlite");
    assert_eq!(
        (&shown["agents"][0]["name"], &shown["agents"][0]["choices"]),
        (&"simulated".into(), &1500.into())
    );
    let verified = scratch.json("journal verify j.sqlite");
    assert_eq!(
        (&verified["sound"], &verified["choices"]),
        (&true.into(), &1500.into())
    );

    let whole = scratch.json("export --journal j.sqlite --agent simulated --out whole.parquet");
    let test = scratch.json("export --journal j.sqlite --split test --out test.csv");
    assert_eq!(whole["n"], 1500);
    assert!(number(&test, "n") > 20.0 && number(&test, "n") < 200.0);
    scratch.refuses(
        "export --journal j.sqlite --agent nobody --out x.csv",
        &["nobody", "simulated"],
    );

    // Shards of one design are its trials, each once.
    for shard in 0..2 {
        scratch.json(&format!(
            "collect --judge simulated --items 30 --dims 4 --journal s{shard}.sqlite --trials 1500 --shard {shard}/2"
        ));
        scratch.json(&format!(
            "export --journal s{shard}.sqlite --out s{shard}.txt"
        ));
    }
    scratch.json("export --journal j.sqlite --out all.txt");
    let lines = |name: &str| -> Vec<String> {
        fs::read_to_string(scratch.path(name))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    };
    let mut parts = [lines("s0.txt"), lines("s1.txt")].concat();
    let mut all = lines("all.txt");
    parts.sort();
    all.sort();
    assert!(parts == all, "the shards are not the whole");
}

#[test]
fn a_journal_is_fitted_and_scored_as_its_export_is() {
    let scratch = Scratch::new();
    let collect = "collect --judge simulated --items 30 --dims 4 --trials 3000 --journal";
    scratch.json(&format!("{collect} j.sqlite"));
    scratch.json("export --journal j.sqlite --out j.parquet");
    let fit = "fit --lambda 0.01 --dims 8 --epochs 20";
    scratch.json(&format!("{fit} --triplets j.sqlite --out journal"));
    scratch.json(&format!("{fit} --triplets j.parquet --out file"));
    let embedding = |folder: &str| {
        fs::read(scratch.path(&format!("{folder}/embedding.tsv"))).expect("an embedding")
    };
    assert_eq!(embedding("journal"), embedding("file"));
    let score = |choices: &str| {
        let found = scratch.json(&format!(
            "evaluate --embedding file/embedding.npz --triplets {choices}"
        ));
        assert_eq!(found["scored_split"], "test");
        number(&found, "accuracy")
    };
    assert_eq!(score("j.sqlite"), score("j.parquet"));

    scratch.json(&format!("{collect} j.sqlite --agent second --lapse 0.2"));
    scratch.refuses(
        &format!("{fit} --triplets j.sqlite --out both"),
        &["simulated", "second", "--agent"],
    );
    scratch.json(&format!(
        "{fit} --triplets j.sqlite --agent simulated --out one"
    ));
    assert_eq!(embedding("one"), embedding("file"));
    scratch.refuses(
        &format!("{fit} --triplets j.sqlite --agent simulated --n-items 31 --out x"),
        &["30", "31"],
    );
}

#[test]
#[cfg(unix)]
fn an_interrupted_collection_says_how_to_resume_and_loses_nothing() {
    let scratch = Scratch::new();
    let collect = "collect --judge simulated --items 1000 --dims 30 --no-diagnose --json --journal j.sqlite --trials";
    let long = format!("{collect} 50000000");
    let running = std::process::Command::new(assert_cmd::cargo::cargo_bin("emotome"))
        .current_dir(scratch.0.path())
        .args(long.split(' '))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Readers may look on while the journal is written.
    let stored = || {
        let shown = scratch.run("journal show j.sqlite --json");
        let shown: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap_or_default();
        shown["agents"][0]["choices"].as_u64().unwrap_or(0)
    };
    let start = std::time::Instant::now();
    while stored() == 0 {
        assert!(
            start.elapsed().as_secs() < 60,
            "nothing was stored in a minute"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = running.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["interrupted"], true);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("run the same command to go on"), "{stderr}");
    let kept = stored();
    assert_eq!(summary["standing"]["settled"], kept);
    assert_eq!(scratch.json("journal verify j.sqlite")["sound"], true);
    let wanted = kept + 1000;
    let resumed = scratch.run(&format!("{collect} {wanted}")).success();
    let resumed: Value = serde_json::from_slice(&resumed.get_output().stdout).unwrap();
    assert_eq!(
        (&resumed["skipped"], &resumed["judged"]),
        (&kept.into(), &1000.into())
    );
}

#[test]
fn a_tampered_journal_is_found_out() {
    let scratch = Scratch::new();
    scratch.json("collect --judge simulated --items 20 --journal j.sqlite --trials 300");
    let mut bytes = fs::read(scratch.path("j.sqlite")).unwrap();
    bytes.truncate(bytes.len() / 2);
    scratch.write("cut.sqlite", bytes);
    scratch.run("journal verify cut.sqlite").failure().code(1);
    scratch.refuses(
        "journal show absent.sqlite",
        &["no journal", "emotome collect"],
    );
    scratch.write("text.sqlite", "not a journal");
    scratch.refuses("journal show text.sqlite", &["no emotome journal"]);
}

#[test]
fn bad_agents_are_caught_by_a_named_diagnostic() {
    let scratch = Scratch::new();
    for (k, (flags, name)) in [
        ("--fault random", "similarity-structure"),
        ("--fault one-dimensional", "item-marginals"),
        ("--fault stale --stale-rate 0.4", "serial-dependence"),
        ("--position-bias 1,0,0", "position-shares"),
    ]
    .into_iter()
    .enumerate()
    {
        let made = scratch.json(&format!(
            "collect --judge simulated --items 40 --dims 6 --trials 9000 --journal {k}.sqlite {flags}"
        ));
        let findings = made["diagnostics"].as_array().unwrap();
        let severity = &findings.iter().find(|f| f["name"] == name).unwrap()["severity"];
        assert!(
            severity == "warning" || severity == "serious",
            "{flags}: {name} is {severity}"
        );
    }
    let sound = scratch
        .json("collect --judge simulated --items 40 --dims 6 --trials 9000 --journal sound.sqlite");
    for finding in sound["diagnostics"].as_array().unwrap() {
        assert!(
            finding["severity"] != "warning" && finding["severity"] != "serious",
            "{finding}"
        );
    }
}

#[test]
fn shards_are_merged_into_the_whole() {
    let scratch = Scratch::new();
    let collect = "collect --judge simulated --items 30 --dims 4 --trials 1500 --no-diagnose";
    scratch.json(&format!("{collect} --journal whole.db"));
    for shard in 0..2 {
        scratch.json(&format!(
            "{collect} --journal s{shard}.db --shard {shard}/2"
        ));
    }
    let merged = scratch.json("journal merge s0.db s1.db --into all.db");
    assert_eq!(merged["agents"][0]["choices"], 1500);
    let again = scratch.json("journal merge s0.db --into all.db");
    assert_eq!(
        (
            &again["shards"][0]["choices"],
            &again["shards"][0]["already_there"]
        ),
        (&0.into(), &750.into())
    );
    assert_eq!(scratch.json("journal verify all.db")["sound"], true);
    for journal in ["whole", "all"] {
        scratch.json(&format!(
            "export --journal {journal}.db --out {journal}.csv"
        ));
    }
    assert_eq!(
        fs::read(scratch.path("whole.csv")).unwrap(),
        fs::read(scratch.path("all.csv")).unwrap()
    );
    scratch
        .json("collect --judge simulated --items 31 --trials 100 --no-diagnose --journal other.db");
    scratch.refuses("journal merge other.db --into all.db", &["another design"]);
}
