//! Study folders: made from what a laboratory has, read back by key, and checked like source code.

use std::fs;
use std::path::{Path, PathBuf};

use emotome_stimuli::captions::Captions;
use emotome_stimuli::check::check;
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::finding::Findings;
use emotome_stimuli::init::{LeftOut, Parts, init};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::ratings::{Kind, RatingsTable};
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_stimuli::study::{Manifest, Study};
use emotome_stimuli::{StimulusId, StimulusSet};
use tempfile::TempDir;

fn with_run<T>(work: impl FnOnce(Run<'_>) -> T) -> T {
    work(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

fn put(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
    }
    path.exists().then_some(path)
}

/// A small sound study: two clips, captions, ratings with a sidecar.
fn sound() -> TempDir {
    let dir = TempDir::new().unwrap();
    put(
        &dir,
        "study.toml",
        "format = 1\nname = \"small\"\nmedia = \"clips\"\n[sensitive]\nHorror = 0.3\n",
    );
    put(&dir, "clips/a.mp4", "first");
    put(&dir, "clips/b.mp4", "second");
    let (a, b) = (Sha256Sum::of(b"first"), Sha256Sum::of(b"second"));
    put(
        &dir,
        "stimuli.tsv",
        format!(
            "key\tmedia\tcaption\tsha256\tsensitive\na.mp4\ta.mp4\tA fog.\t{a}\tn/a\nb.mp4\tb.mp4\tA knife.\t{b}\tHorror\n"
        ),
    );
    put(
        &dir,
        "ratings/felt.tsv",
        "key\tHorror\tvalence\nb.mp4\t0.5\t2\na.mp4\t0\t6.5\n",
    );
    put(
        &dir,
        "ratings/felt.json",
        r#"{"description": "felt", "source": "us", "licence": "CC0-1.0", "scales": {
            "Horror": {"kind": "category", "units": "share of raters", "min": 0, "max": 1, "n_raters": 12},
            "valence": {"kind": "dimension", "min": 1, "max": 9, "n_raters": 9}}}"#,
    );
    dir
}

fn codes(findings: &Findings) -> Vec<&str> {
    findings
        .as_slice()
        .iter()
        .map(|finding| finding.code)
        .collect()
}

#[test]
fn a_sound_study_has_no_findings_and_joins_by_key() {
    let dir = sound();
    assert_eq!(
        with_run(|run| check(dir.path(), run)).render(9),
        "0 errors, 0 warnings, 0 notes\n"
    );
    let study = Study::open(dir.path()).unwrap();
    let felt = study.ratings("felt").unwrap();
    // The table lists b before a; the study a before b.
    let aligned = felt.align(&study.stimuli);
    assert_eq!(
        aligned.table.values,
        ndarray::array![[0.0, 6.5], [0.5, 2.0]]
    );
    assert!(aligned.unrated.is_empty() && aligned.unused.is_empty());
    assert_eq!(
        felt.of_kind(Kind::Dimension).values,
        ndarray::array![[2.0], [6.5]]
    );
    assert_eq!(felt.scales[0].1.n_raters, Some(12));
    assert_eq!(study.records[1].sensitive, ["Horror"]);
    assert_eq!(study.captions().of(StimulusId(1)), ["A knife."]);
    assert_eq!(
        felt.column("joy").unwrap_err().to_string(),
        "ratings \"felt\" have no scale \"joy\"; they have Horror, valence"
    );
}

#[test]
fn each_fault_is_found_where_it_is() {
    let both = |a: &str, b: &str| {
        format!("key\tmedia\tcaption\tsha256\tsensitive\na.mp4\t{a}\nb.mp4\t{b}\n")
    };
    let none = "n/a\tA fog.\tn/a\tn/a";
    for (file, text, expected) in [
        (
            "study.toml",
            "format = 1\nname = \"x\"\ncolour = 3\n".to_owned(),
            "error[bad-manifest]: unknown field `colour`, expected one of `format`, `name`, `description`, `licence`, \
             `citation`, `media`, `sensitive`\n  --> study.toml:3\n",
        ),
        (
            "study.toml",
            "format = 2\nname = \"x\"\n".to_owned(),
            "error[format]: format 2\n  --> study.toml\n",
        ),
        (
            "stimuli.tsv",
            "label\tmedia\na\tb\n".to_owned(),
            "error[no-key-column]: the columns are label, media\n  --> stimuli.tsv:1\n   = expected: a column key, and \
             optionally media, caption, sha256 and sensitive\n   = fix: name the column of keys so\n",
        ),
        (
            "stimuli.tsv",
            String::new(),
            "error[empty-file]: the file has no line of text\n  --> stimuli.tsv\n",
        ),
        (
            "stimuli.tsv",
            "key\tcaption\na.mp4\tA fog.\n\nb.mp4\n".to_owned(),
            "error[ragged-row]: 1 columns\n  --> stimuli.tsv:4\n   = expected: 2, as in the header\n",
        ),
        (
            "stimuli.tsv",
            "key\tcaption\na.mp4\tA fog.\nb.mp4\tB\na.mp4\tC\n".to_owned(),
            "error[duplicate-key]: key \"a.mp4\" stands here and on line 2\n  --> stimuli.tsv:4\n",
        ),
        (
            "stimuli.tsv",
            both(none, "n/a\tA knife.\tabc\tHorror"),
            "error[bad-sha256]: \"abc\" is no sha256; expected 64 hexadecimal digits\n  --> stimuli.tsv:3\n",
        ),
        (
            "stimuli.tsv",
            both(none, "n/a\tA fog.\tn/a\tHorror"),
            "warning[caption-identical]: b.mp4 has the same captions as a.mp4 on line 2\n  --> stimuli.tsv:3\n",
        ),
        (
            "stimuli.tsv",
            both(none, "n/a\tn/a\tn/a\tHorror"),
            "warning[caption-missing]: b.mp4 has no caption; 1 other stimuli have\n  --> stimuli.tsv:3\n",
        ),
        (
            "stimuli.tsv",
            both(none, "n/a\tA knife.\tn/a\tn/a"),
            "error[not-flagged]: b.mp4 is rated Horror 0.5 (limit 0.3) and is not flagged\n  --> stimuli.tsv:3\n   \
             = expected: a flag for every limit of [sensitive] in study.toml that is reached\n   = fix: write \"Horror\" \
             into the column sensitive\n",
        ),
        (
            "stimuli.tsv",
            both(
                "clips.mp4\tA fog.\tn/a\tn/a",
                "b.mp4\tA knife.\tn/a\tHorror",
            ),
            "warning[media-missing]: a.mp4: there is no file ",
        ),
        (
            "stimuli.tsv",
            both("a.mp4\tA fog.\tn/a\tn/a", "a.mp4\tA knife.\tn/a\tHorror"),
            "warning[same-media]: b.mp4 is the same file as a.mp4 on line 2\n  --> stimuli.tsv:3\n",
        ),
        (
            "clips/a.mp4",
            "swapped".to_owned(),
            "error[sha256-mismatch]: a.mp4: ",
        ),
        (
            "captions.tsv",
            "key\tcaption\na.mp4\tMist.\nz.mp4\tA bee.\n".to_owned(),
            "error[unknown-key]: key \"z.mp4\" is not in stimuli.tsv\n  --> captions.tsv:3\n   = expected: one of its 2 \
             keys\n",
        ),
        (
            "captions.tsv",
            "key\tcaption\na.mp4\t\n".to_owned(),
            "warning[caption-empty]: an empty caption of \"a.mp4\"\n  --> captions.tsv:2\n",
        ),
        (
            "captions.tsv",
            "key\tsound\na.mp4\tboo\n".to_owned(),
            "error[no-caption-column]: the columns are key, sound\n  --> captions.tsv:1\n",
        ),
        (
            "ratings/felt.tsv",
            "key\tHorror\tvalence\na.mp4\t0\t9.5\nb.mp4\t0.5\t2\n".to_owned(),
            "error[out-of-scale]: 9.5 as rating of \"a.mp4\" on \"valence\"\n  --> ratings/felt.tsv:2\n   = expected: a \
             value from 1 to 9\n   = fix: correct the cell, or the scale in ratings/felt.json\n",
        ),
        (
            "ratings/felt.tsv",
            "key\tHorror\tvalence\na.mp4\t0\tmild\nb.mp4\t0.5\t2\n".to_owned(),
            "error[not-a-number]: \"mild\" as rating of \"a.mp4\" on \"valence\"\n  --> ratings/felt.tsv:2\n",
        ),
        (
            "ratings/felt.tsv",
            "key\tHorror\tvalence\na.mp4\t0\tn/a\nb.mp4\t0.5\t\n".to_owned(),
            "note[missing-ratings]: 2 of 2 stimuli have no rating on \"valence\"\n  --> ratings/felt.tsv\n",
        ),
        (
            "ratings/felt.tsv",
            "key\tHorror\tvalence\na.mp4\t0\t5\nc.mp4\t0.5\t2\n".to_owned(),
            "error[unknown-key]: key \"c.mp4\" is not in stimuli.tsv\n  --> ratings/felt.tsv:3\n",
        ),
        (
            "ratings/felt.tsv",
            "key\tHorror\tvalence\na.mp4\t0\t5\n".to_owned(),
            "warning[unrated]: 1 of 2 stimuli are not rated, b.mp4 first\n  --> ratings/felt.tsv\n",
        ),
        (
            "ratings/felt.tsv",
            "Horror\tvalence\n0\t5\n".to_owned(),
            "error[no-key-column]: the first column is called \"Horror\"\n  --> ratings/felt.tsv:1\n",
        ),
        (
            "ratings/felt.tsv",
            "key\tHorror\tvalence\tvalence\na.mp4\t0\t5\t5\nb.mp4\t0.5\t5\t5\n".to_owned(),
            "error[scale-name]: column 4 is called \"valence\", like another or like nothing\n  --> ratings/felt.tsv:1\n",
        ),
        (
            "ratings/felt.json",
            "{\"scales\": {\"Horror\": {\"maximum\": 1}}}".to_owned(),
            "error[bad-sidecar]: unknown field `maximum`, expected one of `kind`, `units`, `min`, `max`, `n_raters`, \
             `description` at line 1 column 32\n  --> ratings/felt.json:1\n",
        ),
        (
            "ratings/felt.json",
            "{\"scales\": {\"Horror\": {}}}".to_owned(),
            "warning[scale-undescribed]: scale \"valence\" of ratings/felt.tsv is not described\n  --> ratings/felt.json\n",
        ),
        (
            "ratings/felt.json",
            "{\"scales\": {\"Horror\": {}, \"valence\": {}, \"Joy\": {}}}".to_owned(),
            "warning[scale-absent]: scale \"Joy\" is described and not in ratings/felt.tsv\n  --> ratings/felt.json\n",
        ),
        (
            "ratings/more.tsv",
            "key\tJoy\na.mp4\t1\nb.mp4\t2\n".to_owned(),
            "warning[sidecar-missing]: the sidecar cannot be read: ",
        ),
        (
            "ratings/notes.docx",
            String::new(),
            "note[unused-file]: the file is not read\n  --> ratings/notes.docx\n",
        ),
    ] {
        let dir = sound();
        put(&dir, file, text);
        let findings = with_run(|run| check(dir.path(), run));
        let rendered = findings.render(9);
        assert!(
            rendered.contains(expected),
            "{file}: expected\n{expected}\nin\n{rendered}"
        );
        let is_error = expected.starts_with("error");
        assert_eq!(findings.first_error().is_some(), is_error, "{rendered}");
        // What needs no look at media stops the study from being opened too.
        if is_error && !expected.contains("mismatch") && !expected.contains("not-flagged") {
            let message = Study::open(dir.path()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn a_flood_of_findings_is_cut_and_counted() {
    let dir = sound();
    let rows: String = (0..50).map(|i| format!("x{i}\t0\t5\n")).collect();
    put(
        &dir,
        "ratings/felt.tsv",
        format!("key\tHorror\tvalence\n{rows}"),
    );
    let findings = with_run(|run| check(dir.path(), run));
    let text = findings.render(3);
    assert_eq!(text.matches("error[unknown-key]").count(), 3, "{text}");
    assert!(
        text.ends_with("… and 47 more [unknown-key]\n50 errors, 1 warning, 0 notes\n"),
        "{text}"
    );
    let json = findings.to_json();
    assert_eq!(json["errors"], 50);
    assert_eq!(json["findings"][0]["code"], "unknown-key");
    assert_eq!(json["findings"][0]["severity"], "error");
    assert_eq!(json["findings"][0]["line"], 2);
}

#[test]
fn an_interrupted_check_says_that_it_is_incomplete() {
    let dir = sound();
    let interrupt = Interrupt::default();
    interrupt.request();
    let findings = check(
        dir.path(),
        Run {
            progress: &Silent,
            interrupt: &interrupt,
        },
    );
    assert_eq!(codes(&findings), ["interrupted"]);
}

#[test]
fn a_study_made_from_nothing_opens() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("new");
    let mut manifest = Manifest::new("a \"quoted\" name");
    manifest.description = Some("two\nlines".into());
    let make = |overwrite| {
        with_run(|run| init(&root, manifest.clone(), &Parts::default(), overwrite, run))
    };
    let (study, report) = make(Overwrite::Refuse).unwrap();
    assert_eq!(report.stimuli, 0);
    assert_eq!(Study::open(&root).unwrap(), study);
    assert_eq!(codes(&with_run(|run| check(&root, run))), ["no-stimuli"]);
    let message = make(Overwrite::Refuse).unwrap_err().to_string();
    assert!(message.ends_with(
        "study.toml exists and is left as it is; use --force to replace it, or write elsewhere"
    ));
    make(Overwrite::Replace).unwrap();
    // An older table would silently join the new study.
    let old = put(&dir, "new/ratings/old.tsv", "key\tJoy\n");
    let message = make(Overwrite::Replace).unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "{} is no part of the new study, which would take it for its own; delete it, or write elsewhere",
            old.display()
        )
    );
}

#[test]
fn a_study_made_from_clips_and_tables_joins_them_and_counts_the_rest() {
    let dir = TempDir::new().unwrap();
    for (name, bytes) in [
        ("b.mp4", "2"),
        ("a.MP4", "1"),
        ("c.webm", "3"),
        ("notes.txt", "n"),
        ("sub/d.mp4", "4"),
    ] {
        put(&dir, &format!("study/clips/{name}"), bytes);
    }
    let table = put(
        &dir,
        "r.csv",
        "clip,Horror\nb.mp4,0.4\nz.mp4,0.1\na.MP4,0.29\n",
    );
    put(
        &dir,
        "r.json",
        r#"{"scales": {"Horror": {"min": 0, "max": 1}}}"#,
    );
    let message = RatingsTable::read(&table).unwrap_err().to_string();
    assert!(
        message.contains("the first column is called \"clip\""),
        "{message}"
    );
    fs::write(
        &table,
        "Filename,Horror\nb.mp4,0.4\nz.mp4,0.1\na.MP4,0.29\n",
    )
    .unwrap();
    let captions = put(
        &dir,
        "c.csv",
        "\u{feff}video_id,description\nb.mp4,\"B, one\"\na.MP4,A\nb.mp4,B two\n",
    );
    let parts = Parts {
        clips: Some(dir.path().join("study/clips")),
        ratings: vec![RatingsTable::read(&table).unwrap()],
        captions: Some(Captions::read(&captions).unwrap()),
        include: None,
    };
    let root = dir.path().join("study");
    let (study, report) = with_run(|run| {
        init(
            &root,
            Manifest::new("clips"),
            &parts,
            Overwrite::Refuse,
            run,
        )
    })
    .unwrap();
    assert_eq!(
        study.stimuli,
        StimulusSet::from_labels(["a.MP4", "b.mp4", "c.webm"]).unwrap()
    );
    assert_eq!(
        (
            report.stimuli,
            report.with_media,
            report.with_captions,
            report.sensitive
        ),
        (3, 3, 2, 1)
    );
    assert_eq!(report.other_files, 2);
    assert_eq!(
        report.left_out,
        [LeftOut {
            part: "r".into(),
            n: 1,
            first: "z.mp4".into()
        }]
    );
    assert_eq!(study.manifest.media, Path::new("clips"));
    let back = Study::open(&root).unwrap();
    assert_eq!(back, study);
    assert_eq!(back.records[1].captions, ["B, one", "B two"]);
    assert_eq!(back.records[1].sensitive, ["Horror"]);
    assert_eq!(
        codes(&with_run(|run| check(&root, run))),
        ["unrated", "caption-missing"]
    );
}

#[test]
fn a_folder_without_clips_is_refused() {
    let dir = TempDir::new().unwrap();
    put(&dir, "clips/notes.txt", "n");
    let parts = Parts {
        clips: Some(dir.path().join("clips")),
        ..Parts::default()
    };
    let root = dir.path().join("study");
    let error = with_run(|run| init(&root, Manifest::new("x"), &parts, Overwrite::Refuse, run))
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message
            .contains("none of the 1 entries is a clip or picture; expected files ending in mp4, "),
        "{message}"
    );
    assert!(!root.exists());
}

#[test]
fn the_published_ratings_and_captions_make_a_study() {
    let (Some(ratings), Some(captions)) = (
        shared("ratings/ck2017_ratings48.csv"),
        shared("captions/caption_ck20.csv"),
    ) else {
        return;
    };
    let (table, known) = RatingsTable::read_known(&ratings).unwrap();
    assert_eq!(known, Some("Cowen & Keltner (2017)"));
    assert_eq!(table.values.dim(), (2185, 48));
    assert_eq!(table.of_kind(Kind::Category).scales.len(), 34);
    assert_eq!(table.of_kind(Kind::Dimension).scales.len(), 14);
    assert_eq!(table.missing(), [0; 48]);
    let captions = Captions::read(&captions).unwrap();
    assert_eq!(captions.stimuli.len(), 2196);
    assert!(captions.texts.iter().all(|texts| texts.len() == 20));

    // Three ways to count the same videos.
    let include: List = "2181".parse().unwrap();
    let parts = Parts {
        ratings: vec![include.ratings(&table).unwrap()],
        captions: Some(include.captions(&captions).unwrap().0),
        include: Some(include.stimuli().unwrap()),
        clips: None,
    };
    let dir = TempDir::new().unwrap();
    let (study, report) = with_run(|run| {
        init(
            dir.path(),
            Manifest::new("emotion"),
            &parts,
            Overwrite::Refuse,
            run,
        )
    })
    .unwrap();
    assert_eq!(
        (report.stimuli, report.with_captions, report.left_out.len()),
        (2181, 2181, 0)
    );
    assert_eq!(Study::open(dir.path()).unwrap(), study);
    assert_eq!(
        with_run(|run| check(dir.path(), run)).render(9),
        "0 errors, 0 warnings, 0 notes\n"
    );

    let dir = TempDir::new().unwrap();
    let parts = Parts {
        ratings: vec![table],
        ..Parts::default()
    };
    let (study, report) = with_run(|run| {
        init(
            dir.path(),
            Manifest::new("ck2017"),
            &parts,
            Overwrite::Refuse,
            run,
        )
    })
    .unwrap();
    // 1,704 milder videos remain.
    assert_eq!((report.stimuli, report.sensitive), (2185, 2185 - 1704));
    assert_eq!(Study::open(dir.path()).unwrap(), study);
    assert_eq!(
        codes(&with_run(|run| check(dir.path(), run))),
        ["no-content"]
    );
}

#[test]
fn other_ratings_are_not_taken_for_the_published_ones() {
    let dir = TempDir::new().unwrap();
    let path = put(
        &dir,
        "r.csv",
        "Filename,Admiration,Adoration,Joy\na,0,0,1\n",
    );
    let message = RatingsTable::read_ck2017(&path).unwrap_err().to_string();
    assert_eq!(RatingsTable::read_known(&path).unwrap().1, None);
    assert!(
        message.ends_with(
            "r.csv: column 3 is \"Joy\", expected \"Aesthetic Appreciation\"; these are not the 34 category and 14 \
             dimension ratings of Cowen & Keltner (2017): read them as a table of your own"
        ),
        "{message}"
    );
}
