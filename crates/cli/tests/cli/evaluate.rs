//! `emotome evaluate`

use crate::scratch::{Scratch, has, number};
use std::fs;

#[test]
fn evaluate_has_its_stable_json_for_every_kind_of_embedding() {
    let scratch = Scratch::planted();
    let of = |file: &str| {
        scratch.json(&format!(
            "evaluate --embedding {file} --triplets planted/triplets.npy"
        ))
    };
    let npz = of("planted/embedding.npz");
    has(&npz, &["n", "accuracy", "accuracy_ci95", "nll", "ties"]);
    let ci = npz["accuracy_ci95"]
        .as_array()
        .expect("the interval is a pair");
    assert_eq!(ci.len(), 2);
    let accuracy = number(&npz, "accuracy");
    assert!(ci[0].as_f64().unwrap() < accuracy && accuracy < ci[1].as_f64().unwrap());
    assert_eq!(npz["n"], 1500);
    // The same weights as text score the same.
    let table = fs::read_to_string(scratch.path("planted/embedding.tsv")).unwrap();
    let rows = table
        .lines()
        .skip(1)
        .map(|line| line.split_once('\t').unwrap().1.replace('\t', " ") + "\n");
    scratch.write("weights.txt", rows.collect::<String>());
    assert_eq!(number(&of("weights.txt"), "accuracy"), accuracy);
    assert_eq!(number(&of("planted/embedding.tsv"), "accuracy"), accuracy);
}

/// The same choices by row, by key, and by key on an embedding whose rows stand the other way round.
#[test]
fn choices_with_keys_are_scored_by_key() {
    let scratch = Scratch::planted();
    let by_row =
        scratch.json("evaluate --embedding planted/embedding.npz --triplets planted/triplets.npy");
    let table = fs::read_to_string(scratch.path("planted/embedding.tsv")).unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    let mut rows: Vec<String> = rows.lines().map(|row| format!("clip{row}\n")).collect();
    scratch.write("keyed.tsv", format!("{header}\n{}", rows.concat()));
    rows.reverse();
    scratch.write("reversed.tsv", format!("{header}\n{}", rows.concat()));
    scratch.json("export --triplets planted/triplets.npy --out rows.csv");
    let rows = fs::read_to_string(scratch.path("rows.csv")).unwrap();
    let keyed = |prefix: &str| -> String {
        let named = rows.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [a, b, c, odd] = cells[..4] else {
                panic!("{line}")
            };
            format!("{prefix}{a},{prefix}{b},{prefix}{c},{odd}\n")
        });
        format!("a,b,c,choice\n{}", named.collect::<String>())
    };
    scratch.write("keys.csv", keyed("clip"));
    scratch.json("import keys.csv --keys --out keys.parquet");
    for embedding in ["keyed.tsv", "reversed.tsv"] {
        for choices in ["keys.csv", "keys.parquet"] {
            let scored = scratch.json(&format!(
                "evaluate --embedding {embedding} --triplets {choices}"
            ));
            let off = number(&scored, "accuracy") - number(&by_row, "accuracy");
            assert!(off.abs() < 1e-12, "{embedding} on {choices}: {scored}");
            let compared = scratch.json(&format!(
                "compare --embedding {embedding} --with {embedding} --triplets {choices}"
            ));
            let compared = &compared["scores"]["first"];
            assert_eq!(compared["accuracy"], scored["accuracy"]);
        }
    }
    // By row the reversed embedding is no model of these choices.
    let wrong = scratch.json("evaluate --embedding reversed.tsv --triplets rows.csv");
    assert!(number(&wrong, "accuracy") < number(&by_row, "accuracy") - 0.1);

    scratch.write("others.csv", keyed("film"));
    scratch.json("import others.csv --keys --out others.parquet");
    for command in ["evaluate", "compare --with keyed.tsv"] {
        for choices in ["others.csv", "others.parquet"] {
            scratch.refuses(
                &format!("{command} --embedding keyed.tsv --triplets {choices}"),
                &[choices, "\"film", "24 stimuli"],
            );
        }
    }
    // Numbers that are keys as well as rows are not guessed at.
    let shifted: String = table
        .lines()
        .skip(1)
        .enumerate()
        .map(|(row, line)| {
            let (_, weights) = line.split_once('\t').unwrap();
            format!("{}\t{weights}\n", 23 - row)
        })
        .collect();
    scratch.write("numbers.tsv", format!("{header}\n{shifted}"));
    scratch.refuses(
        "evaluate --embedding numbers.tsv --triplets rows.csv",
        &["rows.csv", "numbers.tsv", "rows", "keys", "--keys"],
    );
}
