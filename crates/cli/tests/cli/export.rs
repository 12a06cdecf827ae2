//! `emotome export`

use crate::scratch::{Scratch, number};
use std::fs;

#[test]
fn choices_survive_a_round_trip_through_every_format() {
    let scratch = Scratch::planted();
    let mut from = "planted/triplets.npy".to_owned();
    for (file, format) in [
        ("a.parquet", "parquet"),
        ("b.csv", "table"),
        ("c.txt", "nmi-ceiling"),
        ("d.csv", "things"),
        ("e.npy", "cblearn-odd-one-out"),
        ("f.txt", "cblearn-order"),
        ("g.npy", "last-odd"),
    ] {
        let source = scratch.path(&from).with_extension("format");
        let source = fs::read_to_string(source)
            .map(|name| format!(" --format {name}"))
            .unwrap_or_default();
        scratch
            .run(&format!(
                "export --triplets {from}{source} --n-items 24 --to-format {format} --out {file}"
            ))
            .success();
        fs::write(scratch.path(file).with_extension("format"), format).unwrap();
        from = file.to_owned();
    }
    let same = scratch.json("compare --triplets planted/triplets.npy --with g.npy");
    assert_eq!(
        (&same["triplets"], number(&same, "raw")),
        (&1500.into(), 1.0)
    );
}

#[test]
fn keys_that_a_format_cannot_hold_go_beside_it_and_come_back() {
    let scratch = Scratch::new();
    scratch.write("keys.csv", "a,b,c,choice\nowl,cat,dog,1\ncat,dog,bee,3\n");
    for out in ["numbers.npy", "numbers.txt"] {
        let made = scratch.json(&format!("export --triplets keys.csv --out {out}"));
        assert_eq!(made["stimuli"], "numbers.stimuli.txt");
    }
    let keys = fs::read_to_string(scratch.path("numbers.stimuli.txt")).unwrap();
    assert_eq!(keys, "bee\ncat\ndog\nowl\n");
    scratch.json("export --triplets numbers.npy --keys --out back.csv");
    let back = fs::read_to_string(scratch.path("back.csv")).unwrap();
    assert_eq!(back, "a,b,c,choice\ncat,dog,owl,3\ncat,dog,bee,3\n");
    let same = scratch.json("compare --triplets keys.csv --with numbers.npy");
    assert_eq!((&same["triplets"], number(&same, "raw")), (&2.into(), 1.0));
    // Other keys beside the same name are not written over.
    scratch.write("numbers.stimuli.txt", "a\nb\nc\nd\n");
    fs::remove_file(scratch.path("numbers.txt")).unwrap();
    fs::remove_file(scratch.path("numbers.txt.json")).unwrap();
    scratch.refuses(
        "export --triplets keys.csv --out numbers.txt",
        &["numbers.stimuli.txt exists", "--force"],
    );
    assert!(!scratch.path("numbers.txt").exists());
}

#[test]
fn probabilities_are_not_made_up() {
    let scratch = Scratch::planted();
    scratch.refuses(
        "export --triplets planted/triplets.npy --out x.npy --probabilities",
        &["planted/triplets.npy", "no choice probabilities"],
    );
    scratch.write(
        "r.csv",
        "key,joy,fear\na,0.5,0.2\nb,0.1,0.9\nc,0.4,0.4\nd,0.9,0.1\n",
    );
    scratch.write(
        "r.json",
        r#"{"scales": {"joy": {"kind": "category"}, "fear": {"kind": "category"}}}"#,
    );
    scratch.json("collect --judge ratings --features r.csv --raters 9 --trials 4 --validation 0 --test 0 --no-diagnose --journal j.db");
    scratch.refuses(
        "export --journal j.db --out x.npy --probabilities",
        &["j.db", "no choice probabilities"],
    );
}
