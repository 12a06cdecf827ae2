//! `emotome figure`: every figure by name, in every format, from bare files.

use crate::scratch::{Scratch, number, shared};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

/// The planted data set, with what every figure needs: two more fits, choices of another agent, repeats, all
/// triplets of five stimuli, and ratings.
fn planted() -> Scratch {
    let scratch = Scratch::planted();
    let numbers = "--items 24 --dims 3 --triplets 1500 --scale 1.5";
    scratch.json(&format!("simulate {numbers} --seed 2 --out other"));
    let ids = |choices: &[[usize; 3]]| {
        choices.iter().fold(String::new(), |mut text, [a, b, c]| {
            let _ = writeln!(text, "{a} {b} {c}");
            text
        })
    };
    // Forty triplets asked three times, the odd one last, which once was another.
    let repeats: Vec<[usize; 3]> = (0..40)
        .map(|i| [i % 24, (i + 5) % 24, (i + 11) % 24])
        .flat_map(|[a, b, c]| [[a, b, c], [a, b, c], [a, c, b]])
        .collect();
    scratch.write("repeats.txt", ids(&repeats));
    let mut all = Vec::new();
    for a in 0..8 {
        for b in a + 1..8 {
            for c in b + 1..8 {
                // Neighbours by number stay together.
                all.push(if b - a <= c - b { [a, b, c] } else { [b, c, a] });
            }
        }
    }
    scratch.write("all.txt", ids(&all));
    let mut ratings = "key,awe,fear,joy,valence,safety\n".to_owned();
    for i in 0..24 {
        let rated = [i * 7 % 24, i * 5 % 24, i * 11 % 24, i * 13 % 24, i];
        let rated = rated.map(|r| (r as f64 / 24.0).to_string());
        let _ = writeln!(ratings, "{i},{}", rated.join(","));
    }
    scratch.write("ratings.csv", ratings);
    scratch
}

/// The flags of a figure, as its line of the help says what it needs.
fn flags(needs: &str) -> String {
    let embedding = "--embedding first=planted/embedding.npz";
    let mut flags = Vec::new();
    if needs.contains("--embedding") {
        flags.push(embedding);
    }
    if needs.contains("--embedding NAME=FILE at least twice") {
        flags.push("--embedding second=other/embedding.npz");
    }
    if needs.contains("--triplets NAME=FILE at least twice") {
        flags.push(
            "--triplets a=planted/triplets.npy --triplets b=repeats.txt --triplets c=all.txt",
        );
    } else if needs.contains("--triplets FILE") {
        flags.push("--triplets planted/triplets.npy");
    }
    if needs.contains("--full-set") {
        flags.push("--full-set all.txt");
    }
    if needs.contains("--ratings") {
        flags.push("--ratings ratings.csv --categories 3 --dimensions 2");
    }
    flags.join(" ")
}

/// Every figure with its line of the help.
fn names(scratch: &Scratch) -> Vec<(String, String)> {
    let help = scratch.run("figure --help").success();
    let help = String::from_utf8(help.get_output().stdout.clone()).unwrap();
    // Lines are wrapped: an entry goes on to the next one, or to a blank line.
    let listed = help.split_once("Possible values:").unwrap().1;
    let listed = listed.split_once("\n\n").unwrap().0;
    let listed = listed.split_whitespace().collect::<Vec<_>>().join(" ");
    let entries = listed.trim_start_matches("- ").split(" - ");
    let named = entries.filter_map(|entry| entry.split_once(':'));
    named
        .filter(|(_, about)| about.contains("(--"))
        .map(|(name, about)| (name.trim().to_owned(), about.to_owned()))
        .collect()
}

#[test]
fn every_figure_is_listed_with_what_it_needs_and_drawn_from_that() {
    let scratch = planted();
    let names = names(&scratch);
    assert_eq!(names.len(), 22, "{names:?}");
    for (name, needs) in names {
        let line = format!(
            "figure {name} {} --bootstraps 50 --permutations 50",
            flags(&needs)
        );
        if name == "shared-communities" {
            // Three planted dimensions do not go together.
            scratch.refuses(&format!("{line} --out {name}"), &["nothing to draw"]);
            continue;
        }
        let drawn = scratch.json(&format!("{line} --out {name}"));
        for figure in drawn["figures"].as_array().unwrap() {
            assert!(!figure["alt"].as_str().unwrap().contains("NaN"), "{figure}");
            for file in figure["files"].as_array().unwrap() {
                let file = file.as_str().unwrap();
                let bytes = fs::read(scratch.path(file)).unwrap();
                let start: &[u8] = match file.rsplit_once('.').unwrap().1 {
                    "svg" => b"<?xml",
                    "pdf" => b"%PDF",
                    "png" => b"\x89PNG",
                    _ => b"",
                };
                assert!(bytes.starts_with(start) && bytes.len() > 20, "{file}");
            }
            assert_eq!(figure["files"].as_array().unwrap().len(), 4, "{name}");
        }
        assert!(scratch.path(&format!("{name}/{name}.json")).exists());
        // The same on one thread, in the dark, and narrow.
        scratch.json(&format!("{line} --as svg --threads 1 --out {name}-again"));
        let svg = &drawn["figures"][0]["files"][0].as_str().unwrap();
        let again = svg.replacen(&format!("{name}/"), &format!("{name}-again/"), 1);
        let [one, other] = [*svg, &again].map(|file| fs::read(scratch.path(file)).unwrap());
        assert!(one == other, "{name} differs between runs");
        scratch.json(&format!(
            "{line} --as png --dark --width 89 --out {name}-dark"
        ));
    }
}

#[test]
fn a_figure_without_what_it_needs_names_the_flag() {
    let scratch = planted();
    let embedding = "--embedding planted/embedding.npz";
    for (line, words) in [
        (
            "rsm".to_owned(),
            ["the figure rsm needs", "--embedding FILE"],
        ),
        (
            format!("accuracy {embedding}"),
            ["choices", "--triplets FILE"],
        ),
        (
            format!("retained {embedding}"),
            ["choices", "--triplets FILE"],
        ),
        (
            format!("predicted-measured {embedding}"),
            ["few stimuli", "--full-set FILE"],
        ),
        (
            format!("reproducibility {embedding}"),
            ["several agents or seeds", "at least twice"],
        ),
        (
            "consistency --triplets planted/triplets.npy".to_owned(),
            ["several agents", "--triplets NAME=FILE at least twice"],
        ),
        (
            format!("accuracy {embedding} --triplets a=repeats.txt --triplets b=all.txt"),
            ["one file of choices, 2 are given", "--triplets FILE once"],
        ),
        (
            format!("rsm {embedding} --triplets repeats.txt"),
            ["--triplets", "has no meaning with the figure rsm"],
        ),
        (
            format!("petals {embedding} --ceiling repeats.txt"),
            ["--ceiling", "has no meaning with the figure petals"],
        ),
        (format!("rsm {embedding} --stimuli 3,99"), ["99", "stimul"]),
        (
            format!("rsm {embedding} --stimuli 3,3"),
            ["nothing to draw in rsm", "two stimuli"],
        ),
        (
            format!("accuracy {embedding} --triplets planted/triplets.npy --ceiling all.txt"),
            ["triplet", "twice"],
        ),
    ] {
        scratch.refuses(&format!("figure {line} --out refused"), &words);
    }
    assert!(!scratch.path("refused").exists());
}

#[test]
fn figures_of_choices_show_the_numbers_of_the_other_commands() {
    let scratch = planted();
    let files = "--embedding planted/embedding.npz --triplets planted/triplets.npy";
    let score = scratch.json(&format!("evaluate {files}"));
    scratch.json(&format!(
        "figure accuracy {files} --ceiling repeats.txt --as tsv --out drawn"
    ));
    scratch.json(&format!("figure retained {files} --as tsv --out drawn"));
    let read = |name: &str| -> Vec<Vec<String>> {
        let text = fs::read_to_string(scratch.path(&format!("drawn/{name}.tsv"))).unwrap();
        let rows = text.lines().skip(1);
        rows.map(|row| row.split('\t').map(String::from).collect())
            .collect()
    };
    let value = |text: &str| text.parse::<f64>().unwrap();
    let accuracy = &read("accuracy")[0];
    assert!((value(&accuracy[1]) - number(&score, "accuracy")).abs() < 1e-9);
    assert_eq!(accuracy[4], score["n"].to_string());
    assert!(value(&accuracy[6]) < value(&accuracy[7]), "{accuracy:?}");
    let retained = read("retained");
    assert_eq!(retained.len(), 4);
    assert!((value(&retained[3][2]) - number(&score, "accuracy")).abs() < 1e-9);
    assert!((value(&retained[0][2]) - 1.0 / 3.0).abs() < 1e-9);
}

/// A PNG file of 16 × 8 pixels, from left to right ever redder.
const PICTURE: &str = "89504e470d0a1a0a0000000d49484452000000100000000808020000007f14e8c00000003f4944415478da63608892e38f92938b92d38d92b38992f38e928b8a92cb8c92ab88926b8f929b1625b7344a6e4b94dce128b94b51720fa3e4184635d042030052c174416b1382740000000049454e44ae426082";

/// A study of pictures: a made one, a flagged one, one that is no picture, one without a file.
fn study(scratch: &Scratch, pictures: &[(&str, &str, &str)]) -> Value {
    fs::create_dir_all(scratch.path("study")).unwrap();
    scratch.write(
        "study/study.toml",
        "format = 1\nname = \"s\"\nmedia = \".\"\n",
    );
    let mut table = "key\tmedia\tsha256\tsensitive\n".to_owned();
    let mut embedding = "key\ta\tb\n".to_owned();
    for i in 0..12 {
        let (media, flags) = pictures
            .get(i)
            .map_or(("n/a", "n/a"), |(_, media, flags)| (*media, *flags));
        let _ = writeln!(table, "s{i:02}\t{media}\tn/a\t{flags}");
        let _ = writeln!(embedding, "s{i:02}\t{}\t{}", 12 - i, i % 5);
    }
    scratch.write("study/stimuli.tsv", table);
    scratch.write("embedding.tsv", embedding);
    let line = "figure exemplars --embedding embedding.tsv --dims 1 --study study";
    scratch.json(&format!("{line} --as svg --out plain"));
    let hidden = scratch.json(&format!("{line} --with-frames --as svg,png --out hidden"));
    scratch.json(&format!(
        "{line} --with-frames --blur-flagged --as svg --out blurred"
    ));
    hidden
}

fn pictures_in(scratch: &Scratch, folder: &str) -> usize {
    let svg = fs::read_to_string(scratch.path(&format!("{folder}/exemplars.svg"))).unwrap();
    svg.matches("data:image/png").count()
}

#[test]
fn frames_are_shown_only_on_demand_and_flagged_ones_never_as_they_are() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("study")).unwrap();
    let picture: Vec<u8> = (0..PICTURE.len() / 2)
        .map(|i| u8::from_str_radix(&PICTURE[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    scratch.write("study/a.png", picture);
    scratch.write("study/torn.png", b"\x89PNG\r\n\x1a\nno more");
    let hidden = study(
        &scratch,
        &[
            ("s00", "a.png", "n/a"),
            ("s01", "a.png", "Horror"),
            ("s02", "torn.png", "n/a"),
        ],
    );
    assert_eq!(pictures_in(&scratch, "plain"), 0);
    let shown = pictures_in(&scratch, "hidden");
    assert_eq!(shown, 1, "{hidden}");
    assert_eq!(pictures_in(&scratch, "blurred"), 2);
    let svg = fs::read_to_string(scratch.path("hidden/exemplars.svg")).unwrap();
    assert!(svg.contains("not shown: flagged"));
    let without = hidden["without_picture"].as_array().unwrap();
    let of = |key: &str| without.iter().find(|one| one["stimulus"] == key);
    assert!(
        of("s02").unwrap()["reason"]
            .as_str()
            .unwrap()
            .contains("torn.png")
    );
    assert!(
        of("s03").unwrap()["reason"]
            .as_str()
            .unwrap()
            .contains("names no file")
    );
    assert!(of("s01").is_none() && of("s00").is_none());
    scratch
        .run("figure exemplars --embedding embedding.tsv --with-frames --out x")
        .failure();
}

#[test]
fn real_clips_are_shown_by_the_frame_in_their_middle() {
    let (Some(bikes), Some(bunny), Some(image)) = (
        shared("video/bikes.mp4"),
        shared("video/bigbuckbunny.mp4"),
        shared("images/oasis24/Cat 1.jpg"),
    ) else {
        return;
    };
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("study")).unwrap();
    for (from, to) in [(bikes, "a.mp4"), (bunny, "b.mp4"), (image, "c.jpg")] {
        fs::copy(from, scratch.path(&format!("study/{to}"))).unwrap();
    }
    let named = [
        ("s00", "a.mp4", "n/a"),
        ("s01", "b.mp4", "Gore"),
        ("s02", "c.jpg", "n/a"),
    ];
    study(&scratch, &named);
    assert_eq!(pictures_in(&scratch, "hidden"), 2);
    assert_eq!(pictures_in(&scratch, "blurred"), 3);
}
