//! `emotome evaluate`

use crate::scratch::{Scratch, has, number};
use serde_json::Value;
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

/// What was fitted is no evidence of how well the fit predicts.
#[test]
fn only_choices_marked_for_testing_are_scored() {
    let scratch = Scratch::planted();
    scratch.json("export --triplets planted/triplets.npy --out rows.csv");
    let rows = fs::read_to_string(scratch.path("rows.csv")).unwrap();
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    let split = |row: usize| ["train", "train", "test", "validation", "ceiling"][row % 5];
    let own = rows.iter().enumerate().filter(|(row, _)| row % 5 == 2);
    let own: String = own.map(|(_, line)| format!("{line}\n")).collect();
    scratch.write("own.csv", format!("a,b,c,choice\n{own}"));
    let marked = |wanted: &[&str]| -> String {
        let rows = rows.iter().enumerate();
        let rows = rows.filter(|(row, _)| wanted.contains(&split(*row)));
        let rows: String = rows
            .map(|(row, line)| format!("{line},{}\n", split(row)))
            .collect();
        format!("a,b,c,choice,split\n{rows}")
    };
    scratch.write(
        "all.csv",
        marked(&["train", "validation", "test", "ceiling"]),
    );
    scratch.json("export --triplets all.csv --out all.parquet");
    let evaluate = "evaluate --embedding planted/embedding.npz --triplets";
    let only = scratch.json(&format!("{evaluate} own.csv"));
    let every = scratch.json(&format!("{evaluate} planted/triplets.npy"));
    assert_eq!(
        (&only["n"], &only["marked_splits"], &only["scored_split"]),
        (&300.into(), &Value::Null, &Value::Null)
    );
    assert_ne!(only["nll"], every["nll"]);
    for file in ["all.csv", "all.parquet"] {
        let scored = scratch.json(&format!("{evaluate} {file}"));
        for field in ["n", "accuracy", "accuracy_ci95", "nll"] {
            assert_eq!(scored[field], only[field], "{file}: {field}");
        }
        let counts = serde_json::json!({
            "train": 600, "validation": 300, "test": 300, "ceiling": 300, "full_set": 0,
        });
        assert_eq!(scored["marked_splits"], counts);
        assert_eq!(scored["scored_split"], "test");
        let alike = scratch.json(&format!("{evaluate} {file} --ignore-splits"));
        assert_eq!(
            (&alike["n"], &alike["nll"], &alike["marked_splits"]),
            (&1500.into(), &every["nll"], &Value::Null)
        );
        assert_eq!(alike["scored_split"], Value::Null);
        let both = scratch.json(&format!(
            "compare --embedding planted/embedding.npz --with planted/embedding.npz --triplets {file}"
        ));
        for side in ["first", "second"] {
            assert_eq!(both["scores"][side]["nll"], only["nll"], "compare {file}");
        }
        assert_eq!(both["scores"]["marked_splits"], counts);
    }
    let said = scratch.run(&format!("{evaluate} all.csv")).success();
    let output = said.get_output();
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(stdout.contains("300, those marked test"), "{stdout}");
    for words in ["300 choices for testing", "600 for training"] {
        assert!(stderr.contains(words), "{words:?} is not in {stderr}");
    }

    scratch.write("untested.csv", marked(&["train", "validation"]));
    scratch.refuses(
        &format!("{evaluate} untested.csv"),
        &[
            "untested.csv",
            "no choice for testing",
            "600 for training",
            "--ignore-splits",
        ],
    );
    let alike = scratch.json(&format!("{evaluate} untested.csv --ignore-splits"));
    assert_eq!(alike["n"], 900);
}

#[test]
fn choices_of_several_agents_are_not_pooled_without_a_word() {
    let scratch = Scratch::planted();
    scratch.json("export --triplets planted/triplets.npy --out rows.csv");
    let rows = fs::read_to_string(scratch.path("rows.csv")).unwrap();
    let rows: String = rows
        .lines()
        .skip(1)
        .enumerate()
        .map(|(row, line)| format!("{line},{}\n", ["Ann", "Bob"][row % 2]))
        .collect();
    scratch.write("two.csv", format!("a,b,c,choice,agent\n{rows}"));
    for command in [
        "evaluate --embedding planted/embedding.npz --triplets two.csv",
        "compare --triplets two.csv --with two.csv",
    ] {
        let said = scratch.run(command).success();
        let stderr = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
        assert!(
            stderr.contains("choices of 2 agents"),
            "{command}: {stderr}"
        );
    }
}
