//! `emotome interpret` and `emotome figure`, on bare files.

use crate::scratch::{Scratch, has, number, shared};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

const N: usize = 60;

/// A number between 0 and 1 that looks random (splitmix64).
fn noise(i: usize, k: usize) -> f64 {
    let mut word = ((k * 1000 + i) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for shift in [30, 27] {
        word = (word ^ (word >> shift)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (word >> 40) as f64 / (1_u64 << 24) as f64
}

/// Ratings of 60 clips: awe, fear and joy are categories, valence and safety affective dimensions; joy was never
/// chosen.
fn ratings() -> String {
    let mut text = "clip,awe,fear,joy,valence,safety\n".to_owned();
    for i in 0..N {
        let rated = [
            noise(i, 1),
            noise(i, 2),
            0.0,
            1.0 + 8.0 * noise(i, 3),
            5.0 + noise(i, 4),
        ];
        let rated = rated.map(|value| format!("{value:.4}"));
        let _ = writeln!(text, "clip-{i:02},{}", rated.join(","));
    }
    text
}

/// An embedding whose dimensions are awe, little fear, much valence, noise, nothing.
fn embedding(keys: impl Fn(usize) -> String) -> String {
    let mut text = "key\ta\tb\tc\td\te\n".to_owned();
    for i in 0..N {
        let weights = [
            noise(i, 1) + 0.1 * noise(i, 5),
            1.0 - noise(i, 2),
            noise(i, 3) + 0.3 * noise(i, 6),
            noise(i, 9),
            0.0,
        ];
        let weights = weights.map(|value| format!("{value:.4}"));
        let _ = writeln!(text, "{}\t{}", keys(i), weights.join("\t"));
    }
    text
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("ratings.csv", ratings());
    scratch.write("embedding.tsv", embedding(|i| format!("clip-{i:02}")));
    scratch
}

const KINDS: &str =
    "--ratings ratings.csv --categories 3 --dimensions 2 --bootstraps 200 --permutations 200";

fn names(agent: &Value, rule: &str) -> Vec<String> {
    let names = agent["ratings"][rule]["dimensions"].as_array().unwrap();
    names
        .iter()
        .map(|name| name["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn interpret_names_planted_dimensions_and_writes_what_it_says() {
    let scratch = scratch();
    let line = format!("interpret --embedding embedding.tsv {KINDS} --out found");
    let found = scratch.json(&line);
    has(
        &found,
        &[
            "page", "cautions", "seconds", "stimuli", "ratings", "agents", "params",
        ],
    );
    let agent = &found["agents"][0];
    assert_eq!(agent["agent"], "embedding");
    assert_eq!(
        names(agent, "signed"),
        [
            "awe",
            "fear-low",
            "valence-high",
            "unexplained",
            "unexplained"
        ]
    );
    // The published rule drops the signs of categories, and names what chance explains.
    let published = names(agent, "published");
    assert_eq!(published[..2], ["awe", "fear"]);
    assert_ne!(published[3], "unexplained");
    assert_eq!(agent["pairs"]["constant_ratings"], serde_json::json!([2]));
    assert_eq!(agent["pairs"]["zero_dimensions"], serde_json::json!([4]));
    let r2 = &agent["explained"]["dimensions"][0]["categories"]["r2"];
    assert!(number(r2, "value") > 0.8, "{r2}");
    let page = fs::read_to_string(scratch.path("found/interpret.html")).unwrap();
    assert!(page.contains("joy") && page.contains("Ratings without any spread"));
    // The file has what the command printed, and the page's figures have their numbers beside them.
    let file: Value =
        serde_json::from_slice(&fs::read(scratch.path("found/interpret.json")).unwrap()).unwrap();
    assert_eq!(file["agents"], found["agents"]);
    let figures: Vec<String> = fs::read_dir(scratch.path("found/figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let svg = figures.iter().filter(|name| name.ends_with(".svg"));
    for name in svg.clone() {
        assert!(
            figures.contains(&name.replace(".svg", ".tsv")),
            "{name} has no numbers"
        );
    }
    assert!(svg.count() >= 9, "{figures:?}");
    scratch.refuses(&line, &["exists", "--force"]);
}

#[test]
fn results_do_not_depend_on_threads() {
    let scratch = scratch();
    for threads in [1, 3] {
        scratch.json(&format!(
            "interpret --embedding embedding.tsv {KINDS} --out on{threads} --threads {threads}"
        ));
    }
    for file in ["interpret.json", "places.tsv"] {
        let [one, three] =
            [1, 3].map(|t| fs::read(scratch.path(&format!("on{t}/{file}"))).unwrap());
        assert!(one == three, "{file} differs");
    }
}

#[test]
fn agents_are_compared_by_their_scores_and_keep_the_names_they_were_given() {
    let scratch = scratch();
    // The second has the same dimensions in another order, and names its rows in a list.
    let rows = embedding(|i| i.to_string());
    let turned = rows.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        [cells[3], cells[1], cells[4], cells[2]].join(" ")
    });
    scratch.write("turned.txt", turned.collect::<Vec<_>>().join("\n"));
    let keys = (0..N).map(|i| format!("clip-{i:02}"));
    scratch.write("keys.txt", keys.collect::<Vec<_>>().join("\n"));
    scratch.write("names.txt", "gladness\nwonder\nstatic\nno fear\n");
    let agents = "--embedding first=embedding.tsv --embedding second=turned.txt --keys keys.txt";
    let line = format!("interpret {agents} --names second=names.txt {KINDS} --out found");
    let found = scratch.json(&line);
    assert_eq!(
        found["stimuli"]["joined"],
        serde_json::json!(["key", "key"])
    );
    let pair = &found["between"]["dimensions"]["pairs"][0];
    let matched = pair["matches"].as_array().unwrap();
    let matched: Vec<[u64; 2]> = matched
        .iter()
        .filter(|m| m["shared"] == true)
        .map(|m| [0, 1].map(|side| m["clusters"][side].as_u64().unwrap()))
        .collect();
    assert_eq!(matched, [[0, 1], [1, 3], [2, 0], [3, 2]]);
    let pair = &found["between"]["pairs"][0];
    assert!(number(&pair["rsm"], "r") > 0.999, "{}", pair["rsm"]);
    assert!(number(&pair["cka"], "debiased") > 0.999, "{}", pair["cka"]);
    assert_eq!(found["agents"][1]["given_names"][3], "no fear");
    let page = fs::read_to_string(scratch.path("found/interpret.html")).unwrap();
    assert!(page.contains("4 no fear"));

    scratch.write("names.txt", "gladness\nwonder\n");
    scratch.refuses(&format!("{line} --force"), &["names 2 dimensions", "has 4"]);
    scratch.refuses(
        &format!("interpret {agents} --names names.txt {KINDS} --out refused"),
        &["--names AGENT=FILE", "first, second"],
    );
    scratch.refuses(
        "figure shared-dimensions --embedding embedding.tsv --out refused",
        &["shared-dimensions", "at least twice"],
    );
}

/// Half of what an agent was asked: what is true of a stimulus, and noise of this half of this agent.
fn half(agent: usize, half: usize, i: usize) -> [f64; 4] {
    let own = 20 + 10 * agent + 5 * half;
    [0, 1, 2, 3].map(|d| {
        let spread = if d == 3 { 1.2 } else { 0.4 };
        noise(i, d + 1) + spread * noise(i, own + d)
    })
}

#[test]
fn halves_of_the_choices_correct_comparisons_for_noise() {
    let scratch = scratch();
    let table = |row: &dyn Fn(usize) -> Vec<f64>| {
        (0..N).fold("key\ta\tb\tc\td\n".to_owned(), |text, i| {
            let cells: Vec<String> = row(i).iter().map(|x| format!("{x:.6}")).collect();
            format!("{text}clip-{i:02}\t{}\n", cells.join("\t"))
        })
    };
    for (agent, name) in ["x", "y"].into_iter().enumerate() {
        let mean = |i| {
            let [a, b] = [0, 1].map(|h| half(agent, h, i));
            (0..4).map(|d| (a[d] + b[d]) / 2.0).collect()
        };
        scratch.write(&format!("{name}.tsv"), table(&mean));
        scratch.write(
            &format!("{name}1.tsv"),
            table(&|i| half(agent, 0, i).to_vec()),
        );
        // In another order: counterparts are found, not counted off.
        let turned = |i| half(agent, 1, i).into_iter().rev().collect();
        scratch.write(&format!("{name}2.tsv"), table(&turned));
    }
    let agents = "--embedding x=x.tsv --embedding y=y.tsv --bootstraps 100 --permutations 40";
    let halves = "--halves x=x1.tsv,x2.tsv --halves y=y1.tsv,y2.tsv";
    let found = scratch.json(&format!("interpret {agents} {halves} --out found"));

    let column = |h: usize, d: usize| -> Vec<f64> { (0..N).map(|i| half(0, h, i)[d]).collect() };
    for d in 0..4 {
        let (a, b) = (column(0, d), column(1, d));
        let [ma, mb] = [&a, &b].map(|x| x.iter().sum::<f64>() / N as f64);
        let dot = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
        };
        let r = dot(&a, ma, &b, mb) / (dot(&a, ma, &a, ma) * dot(&b, mb, &b, mb)).sqrt();
        let reliability = &found["agents"][0]["reliability"];
        let whole = reliability["dimensions"][d].as_f64().unwrap();
        assert!((whole - 2.0 * r / (1.0 + r)).abs() < 1e-4, "{reliability}");
        assert_eq!(d == 3, whole < 0.8, "{reliability}");
    }
    let pair = &found["between"]["pairs"][0];
    let (raw, corrected) = (&pair["rsm"], &pair["rsm"]["corrected"]);
    let reliability = [0, 1].map(|side| corrected["reliability"][side].as_f64().unwrap());
    let expected = number(raw, "r") / (reliability[0] * reliability[1]).sqrt();
    assert!((number(corrected, "r") - expected).abs() < 1e-9, "{raw}");
    // The two agents hold the same, but for noise.
    let interval = [0, 1].map(|end| corrected["interval"][end].as_f64().unwrap());
    assert!(number(raw, "r") < 0.9, "{raw}");
    assert!(interval[0] < 1.0 && interval[1] > 1.0, "{raw}");
    let equal = &pair["cross_equally_reliable"];
    assert_eq!(equal["repeats"], 100);
    assert!(number(&equal["forward"], "mean") < number(&pair["cross"]["forward"]["mean"], "value"));
    let page = fs::read_to_string(scratch.path("found/interpret.html")).unwrap();
    assert!(
        page.contains("Similarities, without noise") && page.contains("How far dimensions repeat")
    );

    let refused = |rest: &str, said: &[&str]| {
        scratch.refuses(&format!("interpret {agents} {rest} --out refused"), said);
    };
    refused(
        "--halves x1.tsv,x2.tsv",
        &["--halves AGENT=FILE,FILE", "x, y"],
    );
    refused(
        "--halves z=x1.tsv,x2.tsv",
        &["--halves AGENT=FILE,FILE", "x, y"],
    );
    scratch
        .run(&format!(
            "interpret {agents} --halves x=x1.tsv --out refused"
        ))
        .failure()
        .code(2);
    let fewer: Vec<String> = table(&|i| half(0, 0, i).to_vec())
        .lines()
        .filter(|line| !line.starts_with("clip-07"))
        .map(str::to_owned)
        .collect();
    scratch.write("fewer.tsv", fewer.join("\n"));
    refused(
        "--halves x=x1.tsv,fewer.tsv",
        &["fewer.tsv", "lacks 1 of the 60", "clip-07"],
    );
}

#[test]
fn the_published_recipe_of_maps_is_asked_for_by_name() {
    let scratch = scratch();
    let mut rows = "key\ta\tb\tc\n".to_owned();
    for i in 0..120 {
        let weights = [1, 2, 3].map(|k| format!("{:.4}", 2.0 * noise(i, k)));
        let _ = writeln!(rows, "clip-{i:03}\t{}", weights.join("\t"));
    }
    scratch.write("more.tsv", rows);
    let few = "--bootstraps 40 --permutations 19";
    let map = |recipe: &str| {
        let out = format!("interpret --embedding more.tsv {few} --tsne {recipe} --out {recipe}");
        let maps = scratch.json(&out)["agents"][0]["maps"].clone();
        let places = fs::read_to_string(scratch.path(&format!("{recipe}/places.tsv"))).unwrap();
        (maps, places)
    };
    let (standard, published) = (map("standard"), map("published"));
    assert_eq!(standard.0["perplexities"], serde_json::json!([30.0]));
    assert_eq!(published.0["perplexities"], serde_json::json!([5.0, 30.0]));
    assert_eq!(published.0["recipe"], "published");
    // Only the t-SNE map is another one.
    assert_eq!(standard.0["umap"], published.0["umap"]);
    assert_ne!(standard.1, published.1);
    assert!(number(&published.0["tsne"]["quality"], "trustworthiness") > 0.8);
    let page = fs::read_to_string(scratch.path("published/interpret.html")).unwrap();
    assert!(page.contains("start by metric stress") && page.contains("t-SNE, published recipe"));
    scratch.refuses(
        &format!("interpret --embedding embedding.tsv {few} --tsne published --out refused"),
        &["60 stimuli", "at least 92", "--tsne"],
    );
    scratch.refuses(
        "figure ratings-heatmap --embedding embedding.tsv --ratings ratings.csv --tsne published --out refused",
        &["--tsne", "ratings-heatmap"],
    );
}

#[test]
fn labels_that_come_from_the_space_itself_are_called_circular() {
    let scratch = Scratch::new();
    // 120 clips in three categories by twelve raters each; the space is the categories themselves.
    let mut text = "key,awe,fear,joy,valence\n".to_owned();
    for i in 0..120 {
        let most = i % 3;
        let votes = (0..3).map(|k| match k == most {
            true => 7 + (noise(i, k) * 5.0) as u32,
            false => (noise(i, k) * 5.0) as u32,
        });
        let shares: Vec<String> = votes
            .map(|v| format!("{:.5}", f64::from(v) / 12.0))
            .collect();
        let _ = writeln!(
            text,
            "c{i},{},{:.3}",
            shares.join(","),
            1.0 + 8.0 * noise(i, 9)
        );
    }
    scratch.write("ratings.csv", &text);
    scratch.write("space.csv", &text);
    let line = "interpret --embedding space.csv --ratings ratings.csv --categories 3 --dimensions 1 \
                --raters 12 --bootstraps 200 --permutations 200 --out found";
    let found = scratch.json(&line.split_whitespace().collect::<Vec<_>>().join(" "));
    let structure = &found["agents"][0]["structure"];
    assert_eq!(structure["circularity"]["circular"], true);
    assert_eq!(structure["circularity"]["source"], "same-columns");
    let votes = &structure["split"]["votes"];
    assert_eq!(
        (&votes["used"], &votes["unclear"]),
        (&120.into(), &0.into())
    );
    let page = fs::read_to_string(scratch.path("found/interpret.html")).unwrap();
    assert!(page.contains("the ratings are columns of the space"));
}

#[test]
fn stimuli_that_a_file_lacks_are_counted_and_listed() {
    let scratch = scratch();
    // Five clips have other keys, and the rows stand in another order.
    let shifted = embedding(|i| format!("clip-{:02}", i + 5));
    scratch.write("shifted.tsv", shifted);
    let found = scratch.json(&format!(
        "interpret --embedding shifted.tsv {KINDS} --out found"
    ));
    let stimuli = &found["stimuli"];
    assert_eq!(
        (&stimuli["given"], &stimuli["used"]),
        (&60.into(), &55.into())
    );
    assert_eq!(stimuli["without_embedding"], serde_json::json!([5]));
    assert_eq!(stimuli["without_ratings"], serde_json::json!([5]));
    let left_out = fs::read_to_string(scratch.path("found/left_out.tsv")).unwrap();
    assert_eq!(left_out.lines().count(), 11, "{left_out}");
    assert!(left_out.contains("clip-00\tnot in the embedding of shifted"));
    assert!(left_out.contains("clip-64\tin the embedding of shifted alone"));
}

#[test]
fn files_without_keys_are_joined_row_by_row_and_say_so() {
    let scratch = scratch();
    let bare = |text: String, separator: char| {
        let rows = text.lines().skip(1);
        let rows = rows.map(|row| row.split_once(separator).unwrap().1.replace(separator, " "));
        rows.collect::<Vec<_>>().join("\n")
    };
    scratch.write("ratings.txt", bare(ratings(), ','));
    scratch.write("embedding.txt", bare(embedding(|i| i.to_string()), '\t'));
    let kinds = KINDS.replace("ratings.csv", "ratings.txt");
    for embedding in ["embedding.txt", "embedding.tsv"] {
        let found = scratch.json(&format!(
            "interpret --embedding {embedding} {kinds} --out found --force"
        ));
        let agent = &found["agents"][0];
        assert_eq!(
            names(agent, "signed")[..2],
            ["category 1", "category 2-low"]
        );
        assert_eq!(found["stimuli"]["ratings_joined"], "row");
        let cautions = found["cautions"].as_array().unwrap();
        assert!(
            cautions
                .iter()
                .any(|c| c.as_str().unwrap().contains("names no stimuli"))
        );
    }
}

#[test]
fn keys_that_are_numbers_are_keys_whatever_their_order() {
    let scratch = scratch();
    let numbered = ratings().lines().skip(1).enumerate().fold(
        "key,awe,fear,joy,valence,safety".to_owned(),
        |text, (i, line)| format!("{text}\n{i},{}", line.split_once(',').unwrap().1),
    );
    let mut shuffled: Vec<&str> = numbered.lines().collect();
    shuffled[1..].reverse();
    scratch.write("numbered.csv", &numbered);
    scratch.write("shuffled.csv", shuffled.join("\n"));
    scratch.write("counted.tsv", embedding(|i| i.to_string()));
    let [straight, turned] = ["numbered.csv", "shuffled.csv"].map(|file| {
        let kinds = KINDS.replace("ratings.csv", file);
        scratch.json(&format!(
            "interpret --embedding counted.tsv {kinds} --out {file}.d"
        ))
    });
    assert_eq!(turned["stimuli"]["joined"], serde_json::json!(["key"]));
    let r = |found: &Value| {
        found["agents"][0]["ratings"]["pearson"]["r"][0][0]
            .as_f64()
            .unwrap()
    };
    assert!((r(&straight) - r(&turned)).abs() < 1e-12 && r(&turned) > 0.9);
}

#[test]
fn bad_files_are_refused_with_what_was_found_and_what_to_do() {
    let scratch = scratch();
    let interpret = |embedding: &str, rest: &str| {
        format!("interpret --embedding {embedding} {rest} --out refused")
    };
    scratch.write("keyed.csv", ratings().replacen("clip,", "key,", 1));
    scratch.write("others.tsv", embedding(|i| format!("film-{i:02}")));
    scratch.refuses(
        &interpret("others.tsv", KINDS),
        &[
            "others.tsv",
            "share 0 stimuli",
            "\"film-00\"",
            "\"clip-00\"",
        ],
    );
    scratch.refuses(
        &interpret("embedding.tsv", "--ratings keyed.csv"),
        &["\"awe\"", "--categories N --dimensions M"],
    );
    scratch.refuses(
        &interpret(
            "embedding.tsv",
            "--ratings ratings.csv --categories 34 --dimensions 14",
        ),
        &[
            "5 columns",
            "34 categories and 14 dimensions",
            "48 together",
        ],
    );
    let short: String = embedding(|i| format!("clip-{i:02}"))
        .lines()
        .take(8)
        .fold(String::new(), |text, line| text + line + "\n");
    scratch.write("short.tsv", short);
    scratch.refuses(
        &interpret("short.tsv", KINDS),
        &["share 7 stimuli", "at least 10"],
    );
    scratch.write("rows.txt", "1 2\n3 4\n5 6\n");
    scratch.refuses(
        &interpret("rows.txt", KINDS),
        &["rows.txt", "3 rows", "60", "keys"],
    );
    let gap = embedding(|i| format!("clip-{i:02}")).replacen("\t0.0000\n", "\tnan\n", 1);
    scratch.write("gap.tsv", gap);
    scratch.refuses(&interpret("gap.tsv", KINDS), &["gap.tsv"]);
    scratch.refuses(
        &format!(
            "interpret --embedding embedding.tsv --embedding embedding.tsv {KINDS} --out refused"
        ),
        &["two embeddings are called \"embedding\"", "NAME=FILE"],
    );
    let few = KINDS.replace("--permutations 200", "--permutations 0");
    scratch.refuses(
        &interpret("embedding.tsv", &few),
        &["--permutations 0", "at least 19"],
    );
    let folds = format!("{KINDS} --folds 1");
    scratch.refuses(&interpret("embedding.tsv", &folds), &["fold"]);
    assert!(!scratch.path("refused/interpret.json").exists());
}

#[test]
fn a_figure_comes_from_bare_files_in_every_format() {
    let scratch = scratch();
    let drawn = scratch.json(&format!(
        "figure ratings-heatmap --embedding ours=embedding.tsv {KINDS} --out drawn"
    ));
    let figures = drawn["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 1);
    let read =
        |name: &str| fs::read(scratch.path(&format!("drawn/ratings-heatmap.{name}"))).unwrap();
    assert!(read("pdf").starts_with(b"%PDF") && read("png").starts_with(b"\x89PNG"));
    assert!(read("svg").starts_with(b"<?xml") && read("tsv").starts_with(b"dimension\t"));
    // Without ratings there is still something to draw; with a wrong dimension there is not.
    scratch.json("figure petals --embedding embedding.tsv --stimuli clip-03,clip-07 --as svg --dark --out drawn");
    let petals = fs::read_to_string(scratch.path("drawn/petals-dark.svg")).unwrap();
    assert!(petals.contains("clip-03") && petals.contains("clip-07"));
    scratch.refuses(
        "figure ratings-heatmap --embedding embedding.tsv --out refused",
        &["ratings", "--ratings FILE"],
    );
    scratch.refuses(
        "figure exemplars --embedding embedding.tsv --dims 9 --out refused",
        &["dimension 9", "there are 5"],
    );
    scratch.refuses(
        "figure petals --embedding embedding.tsv --stimuli clip-99 --out refused",
        &["clip-99"],
    );
    scratch.refuses(
        "figure petals --embedding embedding.tsv --width 5 --out refused",
        &["5 mm wide"],
    );
}

#[test]
fn published_ratings_name_themselves() {
    let Some(ratings) = shared("ratings/ck2017_ratings48.csv") else {
        return;
    };
    let scratch = Scratch::new();
    let found = scratch.json(&format!(
        "interpret --embedding people={ratings} --ratings {ratings} --bootstraps 50 --permutations 99 --out found"
    ));
    assert_eq!(found["stimuli"]["taken_for"], "Cowen & Keltner (2017)");
    let agent = &found["agents"][0];
    let signed = &agent["ratings"]["signed"]["classes"];
    // Every category goes with itself alone; affective dimensions go with each other.
    assert!(
        number(signed, "category") >= 30.0 && number(signed, "dimension") >= 12.0,
        "{signed}"
    );
    assert!(number(signed, "unexplained") == 0.0);
    let both = &agent["explained"]["overall"]["both"]["r2"];
    assert!(number(both, "value") > 0.999, "{both}");
}
