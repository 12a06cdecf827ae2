//! The command line as scripts see it: stable JSON, clear errors, nothing overwritten, real data.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A scratch folder with a small planted data set: 24 stimuli, 3 dimensions, 1,500 choices.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn planted() -> Self {
        let scratch = Self::new();
        scratch.json("simulate --items 24 --dims 3 --triplets 1500 --scale 1.5 --out planted");
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn run(&self, line: &str) -> assert_cmd::assert::Assert {
        let arguments: Vec<&str> = line.split(' ').collect();
        Command::cargo_bin("emotome")
            .unwrap()
            .current_dir(self.0.path())
            .args(arguments)
            .assert()
    }

    /// Runs a command with `--json`, which must print one object on stdout and nothing else.
    fn json(&self, line: &str) -> Value {
        let done = self.run(&format!("{line} --json")).success();
        let stdout = String::from_utf8(done.get_output().stdout.clone()).unwrap();
        assert_eq!(
            stdout.lines().count(),
            1,
            "{line}: stdout is not one line: {stdout}"
        );
        let value: Value = serde_json::from_str(&stdout).unwrap();
        assert!(value.is_object(), "{line}: {stdout}");
        value
    }

    /// Runs a command that must fail with status 1, an empty stdout and one line on stderr.
    fn error(&self, line: &str) -> String {
        let done = self.run(line).failure().code(1);
        let output = done.get_output();
        assert!(
            output.stdout.is_empty(),
            "{line}: stdout of a failure is not empty"
        );
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(
            stderr.trim_end().lines().count(),
            1,
            "{line}: not one line: {stderr}"
        );
        assert!(stderr.starts_with("emotome: error: "), "{stderr}");
        stderr
    }

    #[track_caller]
    fn refuses(&self, line: &str, words: &[&str]) {
        let stderr = self.error(line);
        for word in words {
            assert!(
                stderr.contains(word),
                "{line}: {word:?} is not in: {stderr}"
            );
        }
    }
}

#[track_caller]
fn has(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(
            value.get(field).is_some_and(|v| !v.is_null()),
            "no field {field:?} in {value}"
        );
    }
}

#[track_caller]
fn number(value: &Value, field: &str) -> f64 {
    value[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field} is no number in {value}"))
}

/// Shared real data; absent on most machines.
fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path.canonicalize().unwrap().display().to_string());
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// A `.npy` file of a header and a body.
fn npy(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let length = (header.len() + 1).next_multiple_of(64) - 10 + 64;
    bytes.extend(u16::try_from(length).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.resize(10 + length - 1, b' ');
    bytes.push(b'\n');
    bytes.extend(body);
    bytes
}

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
fn nothing_is_overwritten_without_force() {
    let scratch = Scratch::planted();
    scratch.write("features.txt", "1 2\n3 4\n5 7\n8 1\n2 2\n");
    for (line, out) in [
        (
            "tripletize --features features.txt --n 5 --out made.npy",
            "made.npy",
        ),
        (
            "import planted/triplets.npy --out imported.npy",
            "imported.npy",
        ),
        (
            "export --triplets planted/triplets.npy --out exported.csv",
            "exported.csv",
        ),
        (
            "fit --triplets planted/triplets.npy --dims 3 --epochs 2 --lambda 0.01 --out fitted",
            "fitted/embedding.npz",
        ),
        ("init study", "study/stimuli.tsv"),
        (
            "simulate --items 24 --dims 3 --triplets 100 --out planted",
            "planted/triplets.npy",
        ),
    ] {
        if !scratch.path(out).exists() {
            scratch.run(line).success();
        }
        scratch.write(out, "kept");
        scratch.refuses(line, &["exists", "--force"]);
        assert_eq!(
            fs::read_to_string(scratch.path(out)).unwrap(),
            "kept",
            "{line}"
        );
    }
    scratch.refuses(
        "export --triplets planted/embedding.npz --out exported.txt",
        &["exported.json exists"],
    );
    assert!(!scratch.path("exported.txt").exists());
    scratch
        .run("simulate --items 24 --dims 3 --triplets 100 --out planted --force")
        .success();
    assert_ne!(
        fs::read(scratch.path("planted/triplets.npy")).unwrap(),
        b"kept"
    );
}

#[test]
fn bad_choices_are_refused_in_one_line_and_leave_no_file() {
    let scratch = Scratch::planted();
    let parquet = {
        scratch
            .run("export --triplets planted/triplets.npy --out good.parquet")
            .success();
        fs::read(scratch.path("good.parquet")).unwrap()
    };
    let whole = fs::read(scratch.path("planted/triplets.npy")).unwrap();
    let one_based: String = (1..=22)
        .map(|i| format!("{} {} {}\n", i, i + 1, i + 2))
        .collect();
    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        ("empty.txt", Vec::new(), &["empty.txt", "no "]),
        ("blank.txt", b"\n\n".to_vec(), &["blank.txt", "no "]),
        (
            "ragged.txt",
            b"0 1 2\n3 4\n".to_vec(),
            &["ragged.txt", "line 2", "2 columns found, 3 expected"],
        ),
        (
            "range.txt",
            b"0 1 2\n3 4 99\n".to_vec(),
            &["line 2", "stimulus 99", "from 0 to 23"],
        ),
        (
            "negative.txt",
            b"0 1 -2\n".to_vec(),
            &["line 1", "stimulus -2", "never negative"],
        ),
        (
            "one_based.txt",
            one_based.into_bytes(),
            &["line 22", "stimulus 24", "--base 1"],
        ),
        (
            "repeated.txt",
            b"0 1 1\n".to_vec(),
            &["line 1", "shows a stimulus twice"],
        ),
        (
            "words.txt",
            b"0 1 cat\n".to_vec(),
            &["line 1", "\"cat\"", "whole number"],
        ),
        (
            "keys.csv",
            b"a,b,c,choice\n0,1,cat,1\n".to_vec(),
            &["line 2", "\"cat\""],
        ),
        (
            "cut.npy",
            whole[..whole.len() - 8].to_vec(),
            &["cut.npy", "bytes"],
        ),
        (
            "huge.npy",
            npy(
                "{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000, 3), }",
                &[0; 24],
            ),
            &["huge.npy", "1000000000000"],
        ),
        (
            "cut.parquet",
            parquet[..parquet.len() - 9].to_vec(),
            &["cut.parquet"],
        ),
    ];
    for (name, content, words) in cases {
        scratch.write(name, content);
        scratch.refuses(
            &format!("fit --triplets {name} --n-items 24 --dims 3 --out fitted"),
            words,
        );
        assert!(!scratch.path("fitted").exists(), "{name} left a folder");
        scratch.refuses(
            &format!("import {name} --n-items 24 --out imported.npy"),
            words,
        );
        assert!(!scratch.path("imported.npy").exists(), "{name} left a file");
        scratch.refuses(
            &format!("evaluate --embedding planted/embedding.npz --triplets {name}"),
            words,
        );
    }
    scratch.refuses(
        "fit --triplets absent.txt --dims 3 --out fitted",
        &["absent.txt"],
    );
    scratch.refuses(
        "fit --triplets planted/embedding.json --dims 3 --out fitted",
        &["--format"],
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
fn embeddings_are_matched_and_compared_on_the_same_trials() {
    let scratch = Scratch::planted();
    let table = fs::read_to_string(scratch.path("planted/embedding.tsv")).unwrap();
    let swapped: String = table
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            format!("{}\t{}\t{}\t{}\n", cells[0], cells[3], cells[1], cells[2])
        })
        .collect();
    scratch.write("swapped.tsv", swapped);
    let same = scratch.json("compare --embedding planted/embedding.npz --with swapped.tsv");
    assert!(number(&same, "mean_r") > 0.999_99, "{same}");
    assert_eq!(same["matches"].as_array().unwrap().len(), 3);
    assert!(same["scores"].is_null());
    let scored =
        scratch.json("compare --embedding planted/embedding.npz --with swapped.tsv --triplets planted/triplets.npy");
    let difference = &scored["scores"]["difference"];
    has(
        difference,
        &[
            "n",
            "accuracy_difference",
            "accuracy_difference_ci95",
            "nll_difference",
            "nll_difference_ci95",
        ],
    );
    assert!(number(difference, "nll_difference").abs() < 1e-6);
    scratch.write("other.txt", "1 0\n0 1\n1 1\n");
    scratch.refuses(
        "compare --embedding planted/embedding.npz --with other.txt",
        &["24", "3"],
    );
    scratch.write("elsewhere.txt", "30 31 32\n");
    scratch.refuses(
        "compare --triplets planted/triplets.npy --with elsewhere.txt",
        &["share no triplet"],
    );
}

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
fn every_command_explains_itself_and_completes() {
    let scratch = Scratch::new();
    let help = scratch.run("--help").success();
    let help = String::from_utf8(help.get_output().stdout.clone()).unwrap();
    for command in [
        "demo",
        "init",
        "check",
        "fetch",
        "plan",
        "import",
        "export",
        "collect",
        "fit",
        "evaluate",
        "compare",
        "journal",
        "completions",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} is not in the help"
        );
        scratch.run(&format!("{command} --help")).success();
    }
    scratch.run("completions bash").success();
}
