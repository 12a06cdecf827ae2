//! Regions through the command line: planted truth, the same bits however they were reached, and every table.

use crate::scratch::{Scratch, has, number};
use serde_json::Value;
use std::fs;

/// A number in [−1, 1) that depends on its place alone.
fn noise(at: usize) -> f64 {
    let hash = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((hash ^ (hash >> 29)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Three subjects with one model planted in TPJ, and another that is nowhere.
fn study(stimuli: usize) -> Scratch {
    let scratch = Scratch::new();
    for (name, first) in [("planted", 0), ("other", 50_000)] {
        let rows: String = (0..stimuli)
            .map(|s| {
                let [a, b, c] = [0, 1, 2].map(|column| noise(first + 3 * s + column));
                format!("s{s}\t{a}\t{b}\t{c}\n")
            })
            .collect();
        scratch.write(&format!("{name}.tsv"), format!("key\ta\tb\tc\n{rows}"));
    }
    scratch.json("brain simulate --model planted.tsv --plant TPJ=planted@rsa:0.3 --subjects 3 --voxels 3000 --edge 4 --per-run 15 --sessions 1 --standardise run --out study");
    scratch
}

const STORES: &str = "--store study/sub-01 --store study/sub-02 --store study/sub-03";
const TABLES: [&str; 4] = ["regions.tsv", "group.tsv", "pairs.tsv", "variance.tsv"];

fn tables(scratch: &Scratch, folder: &str) -> Vec<Vec<u8>> {
    let read = |name: &str| fs::read(scratch.path(&format!("{folder}/{name}"))).unwrap();
    TABLES.map(read).into()
}

#[test]
fn planted_regions_have_it_all_and_bits_do_not_depend_on_threads() {
    let scratch = study(120);
    let line = format!(
        "rsa roi {STORES} --regions horikawa2020 --model planted.tsv --model other.tsv --permutations 300 --bootstraps 40 --reweighted --pairs across-runs"
    );
    let found = scratch.json(&format!("{line} --out roi"));
    for threads in 1..=3 {
        scratch.json(&format!("{line} --threads {threads} --out t{threads}"));
        assert_eq!(
            tables(&scratch, &format!("t{threads}")),
            tables(&scratch, "roi")
        );
    }
    let list = |name: &str| found[name].as_array().unwrap().clone();
    let planted = |v: &Value| v["region"] == "TPJ";
    assert!(
        (0.3..0.5).contains(&number(&found, "reachable_prevalence")),
        "{found}"
    );
    let (mut false_alarms, mut majorities) = (0.0, 0);
    for group in list("group") {
        has(&group, &["no_subject_p_fwe", "majority_p_fwe"]);
        if planted(&group) && group["model"] == "planted" {
            assert_eq!(group["significant"], 3, "{group}");
            assert!(number(&group, "no_subject_p_fwe") < 0.01, "{group}");
            assert!(number(&group, "prevalence_rejected") > 0.2, "{group}");
            assert!(number(&group, "bootstrap_p") < 0.05, "{group}");
        } else {
            false_alarms += number(&group, "significant");
            majorities += usize::from(number(&group, "no_subject_p_fwe") < 0.05);
        }
    }
    assert!(false_alarms <= 2.0, "{false_alarms} false alarms");
    assert_eq!(majorities, 0);
    for cell in list("cells") {
        has(&cell, &["others"]);
        if planted(&cell) && cell["model"] == "planted" {
            assert!(number(&cell, "others") > 0.05, "{cell}");
            assert!(number(&cell, "reweighted") > 0.1, "{cell}");
        } else if cell["model"] == "other" {
            // Where no feature fits with a positive weight nothing is predicted, and nothing is said.
            let fitted = cell["reweighted"].as_f64().unwrap_or(0.0);
            assert!(fitted.abs() < 0.12, "{cell}");
        }
    }
    for pair in list("pairs") {
        assert_eq!(
            (&pair["first"], &pair["second"]),
            (&"planted".into(), &"other".into())
        );
        if planted(&pair) {
            assert!(
                number(&pair, "p") < 0.05 && number(&pair, "difference") > 0.1,
                "{pair}"
            );
        }
    }
    // Parts sum to what all explain, and the words say whose they are.
    let cells = list("cells");
    for parts in list("variance").chunks(3) {
        let sum: f64 = parts.iter().map(|part| number(part, "r2")).sum();
        assert!((sum - number(&parts[0], "all_r2")).abs() < 1e-12);
        assert_eq!(parts[0]["meaning"], "explained by planted alone");
        assert_eq!(
            parts[2]["meaning"],
            "explained by each of planted and other"
        );
        let own = cells.iter().find(|cell| {
            cell["subject"] == parts[0]["subject"]
                && cell["region"] == parts[0]["region"]
                && cell["model"] == "planted"
        });
        let unique = number(own.unwrap(), "unique_r2");
        assert!((unique - number(&parts[0], "r2")).abs() < 1e-12);
    }
}

#[test]
fn a_comparison_that_is_killed_goes_on_to_the_same_bits() {
    let scratch = study(300);
    let line = format!(
        "rsa roi {STORES} --regions horikawa2020 --model planted.tsv --model other.tsv --permutations 500 --bootstraps 10 --quiet"
    );
    scratch.json(&format!("{line} --out whole"));
    let partial = scratch.path("cut/regions.partial");
    scratch.killed(&format!("{line} --out cut"), &partial, 1_000);
    scratch.refuses(&format!("{line} --out cut"), &["--resume", "--force"]);
    scratch.refuses(
        &format!("{line} --out cut --resume").replace("500", "501"),
        &["other inputs or parameters"],
    );
    let resumed = scratch.json(&format!("{line} --out cut --resume"));
    assert!(number(&resumed, "resumed_parts") >= 1.0, "{resumed}");
    assert!(!partial.exists());
    assert_eq!(tables(&scratch, "cut"), tables(&scratch, "whole"));
    scratch.refuses(
        &format!("{line} --out whole --resume"),
        &["no interrupted run"],
    );
    scratch.refuses(&format!("{line} --out whole"), &["exists", "--force"]);
}
