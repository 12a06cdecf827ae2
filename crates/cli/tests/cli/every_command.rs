//! What holds for every command: errors in one line, nothing overwritten, help.

use crate::scratch::{Scratch, npy};
use std::fs;

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
    scratch
        .run("simulate --items 24 --dims 3 --triplets 100 --out planted --force")
        .success();
    assert_ne!(
        fs::read(scratch.path("planted/triplets.npy")).unwrap(),
        b"kept"
    );
    // The same choices in two formats have a record each.
    scratch.json("export --triplets planted/triplets.npy --out exported.txt");
    for record in ["exported.csv.json", "exported.txt.json"] {
        assert!(scratch.path(record).exists(), "no {record}");
    }
    fs::remove_file(scratch.path("exported.txt")).unwrap();
    scratch.refuses(
        "export --triplets planted/triplets.npy --out exported.txt",
        &["exported.txt.json exists"],
    );
    assert!(!scratch.path("exported.txt").exists());
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
        "name",
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

#[test]
fn flags_that_mean_nothing_here_are_refused() {
    let scratch = Scratch::planted();
    let fit = "fit --triplets planted/triplets.npy --dims 3 --out fitted";
    for (line, flag) in [
        (format!("{fit} --method vice --lambda 0.01"), "--lambda"),
        (format!("{fit} --pi 0.4"), "--pi"),
        (format!("{fit} --window 5"), "--window"),
        (
            "collect --judge simulated --items 9 --journal j.db --features x.csv".to_owned(),
            "--features",
        ),
        (
            "collect --judge features --features x.csv --journal j.db --raters 5".to_owned(),
            "--raters",
        ),
        (
            "collect --judge features --features x.csv --journal j.db --lapse 0.1".to_owned(),
            "--lapse",
        ),
        (
            "collect --judge simulated --items 9 --journal j.db --temperature 1".to_owned(),
            "--temperature",
        ),
    ] {
        scratch.refuses(&line, &[flag, "has no meaning with"]);
    }
    assert!(!scratch.path("fitted").exists() && !scratch.path("j.db").exists());
}

#[test]
#[cfg(unix)]
fn arguments_that_are_not_text_are_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let scratch = Scratch::planted();
    let name = std::ffi::OsStr::from_bytes(b"fit\xff");
    let output = std::process::Command::new(assert_cmd::cargo::cargo_bin("emotome"))
        .current_dir(scratch.0.path())
        .args([
            "fit",
            "--triplets",
            "planted/triplets.npy",
            "--dims",
            "3",
            "--epochs",
            "2",
        ])
        .args(["--lambda", "0.01", "--out"])
        .arg(name)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(output.status.success(), "{stderr}");
}
