//! `emotome import`

use crate::scratch::{Scratch, has};
use std::fs;

#[test]
fn unknown_labels_are_refused_by_name() {
    let scratch = Scratch::new();
    scratch.write("keys.txt", "cat\ndog\nowl\nbee\n");
    scratch.write(
        "choices.csv",
        "a,b,c,choice\ncat,dog,owl,1\ncat,bee,yak,2\n",
    );
    scratch.refuses(
        "import choices.csv --keys --stimuli keys.txt --out out.csv",
        &["line 3", "\"yak\"", "not among the 4 stimuli"],
    );
    assert!(!scratch.path("out.csv").exists());
    let made = scratch
        .json("import choices.csv --keys --stimuli keys.txt --leave-out-bad-rows --out out.csv");
    assert_eq!((&made["n"], &made["left_out"]), (&1.into(), &1.into()));
    let list = fs::read_to_string(scratch.path("out.left_out.tsv")).unwrap();
    assert!(list.starts_with("line\treason\n3\t"), "{list}");
}

#[test]
fn import_finds_the_odd_column_and_refuses_flags_that_contradict_the_data() {
    let scratch = Scratch::planted();
    let text = scratch.json("export --triplets planted/triplets.npy --out last.txt");
    assert_eq!(text["n"], 1500);
    let moved = fs::read_to_string(scratch.path("last.txt")).unwrap();
    let moved = moved.lines().map(|line| {
        let ids: Vec<u32> = line
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        format!("{} {} {}\n", ids[2] + 1, ids[0] + 1, ids[1] + 1)
    });
    scratch.write("first.txt", moved.collect::<String>());
    let import = "import first.txt --reference planted/embedding.npz --n-items 24";
    scratch.refuses(
        &format!("{import} --out out.txt --base 1"),
        &["odd = third", "%", "--odd first", "--base 1"],
    );
    scratch.refuses(
        &format!("{import} --out out.txt --odd first"),
        &["stimulus 24", "--base 1"],
    );
    assert!(!scratch.path("out.txt").exists());
    let made = scratch.json(&format!("{import} --out out.txt --odd first --base 1"));
    assert_eq!(made["detection"]["odd"], "first");
    assert!(made["warnings"].as_array().unwrap().is_empty());
    let unsure = scratch.json("import first.txt --odd first --out unsure.txt");
    assert!(
        unsure["warnings"][0].as_str().unwrap().contains("--base 1"),
        "{unsure}"
    );
    assert_eq!(
        fs::read(scratch.path("out.txt")).unwrap(),
        fs::read(scratch.path("last.txt")).unwrap()
    );
    has(
        &made["detection"]["scores"][0],
        &["odd", "base", "rows", "accuracy", "accuracy_ci95"],
    );
}

#[test]
fn tables_are_read_by_the_columns_named() {
    let scratch = Scratch::new();
    scratch.write(
        "raters.csv",
        "rater,a,b,c,choice,rt\nx,0,1,2,1,300\nx,0,1,3,,\ny,4,1,3,2,\n",
    );
    let made = scratch.json("import raters.csv --out raters.tsv");
    assert_eq!(
        (
            &made["n"],
            &made["without_choice"],
            &made["ignored_columns"][0]
        ),
        (&2.into(), &1.into(), &"rt".into())
    );
    let written = fs::read_to_string(scratch.path("raters.tsv")).unwrap();
    assert_eq!(
        written,
        "a\tb\tc\tchoice\trater\n0\t1\t2\t1\tx\n4\t1\t3\t2\ty\n"
    );

    scratch.write("odd.csv", "i,j,odd\n0,1,2\n3,4,5\n");
    for odd in ["odd", "last"] {
        scratch.json(&format!(
            "import odd.csv --columns i,j,odd --odd {odd} --out {odd}.txt"
        ));
        assert_eq!(
            fs::read_to_string(scratch.path(&format!("{odd}.txt"))).unwrap(),
            "0 1 2\n3 4 5\n"
        );
    }
    scratch.refuses(
        "import odd.csv --out x.txt",
        &["no column \"a\"", "\"odd\"", "--columns"],
    );
    scratch.write("plain.txt", "0 1 2\n");
    scratch.refuses(
        "import plain.txt --odd winner --out x.txt",
        &["winner", "first, second or third"],
    );

    // Keys that only the table has are kept beside numbers.
    scratch.write("keys.csv", "a,b,c,choice\nowl,cat,dog,1\ncat,dog,bee,3\n");
    let keyed = scratch.json("import keys.csv --keys --out keyed.txt");
    assert_eq!(keyed["stimuli"], "keyed.stimuli.txt");
    assert_eq!(
        fs::read_to_string(scratch.path("keyed.stimuli.txt")).unwrap(),
        "bee\ncat\ndog\nowl\n"
    );
}

#[test]
fn a_dry_run_tests_and_writes_nothing() {
    let scratch = Scratch::planted();
    let made =
        scratch.json("import planted/triplets.npy --reference planted/embedding.npz --dry-run");
    assert!(made["out"].is_null() && made["stimuli"].is_null());
    assert_eq!(
        (&made["n"], &made["detection"]["odd"]),
        (&1500.into(), &"third".into())
    );
    let files = fs::read_dir(scratch.0.path()).unwrap().count();
    assert_eq!(files, 1, "only what was planted");
    scratch.run("import planted/triplets.npy").failure().code(2);
}

#[test]
fn choices_come_into_a_study_under_its_keys() {
    let scratch = Scratch::new();
    scratch.write(
        "ratings.csv",
        "key,joy\nowl,0.9\ncat,0.1\ndog,0.3\nbee,0.2\n",
    );
    scratch.json("init study --ratings ratings.csv");
    scratch.write(
        "choices.csv",
        "a,b,c,choice\nowl,cat,dog,1\ncat,dog,bee,3\n",
    );
    let made = scratch.json("import choices.csv --study study");
    assert_eq!(made["out"], "study/choices/choices.parquet");
    assert_eq!((&made["keys"], &made["n_items"]), (&true.into(), &4.into()));
    scratch.json("export --triplets study/choices/choices.parquet --keys --out back.csv");
    assert_eq!(
        fs::read(scratch.path("back.csv")).unwrap(),
        fs::read(scratch.path("choices.csv")).unwrap()
    );
    scratch.write("stranger.csv", "a,b,c,choice\nowl,cat,yak,1\n");
    scratch.refuses(
        "import stranger.csv --study study",
        &["\"yak\"", "4 stimuli"],
    );
    assert_eq!(scratch.json("check study")["errors"], 0);
}
