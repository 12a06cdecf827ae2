//! What is fuzzed: every parser, as plain functions of bytes that must neither panic, hang, nor take
//! memory out of proportion to them. `corpus/NAME` holds the seeds of each.

use emotome_embedding::files::read_embedding;
use emotome_stimuli::array::{Place, npz_members, read_npy, read_npz};
use emotome_stimuli::captions::Captions;
use emotome_stimuli::check::check;
use emotome_stimuli::ratings::RatingsTable;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_stimuli::study::Study;
use emotome_stimuli::{StimulusId, keys};
use emotome_triplets::convention::{Reference, detect};
use emotome_triplets::formats::{
    Format, Imported, ItemTokens, OddBy, ReadOptions, Stimuli, TableColumns,
};
use emotome_triplets::journal::{Journal, JournalError};
use std::fs;
use std::path::{Path, PathBuf};

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 8] = [
    ("triplets", triplets),
    ("table", table),
    ("arrays", arrays),
    ("embedding", embedding),
    ("parquet", parquet),
    ("study", study),
    ("journal", journal),
    ("convention", convention),
];

/// Text of every convention of triplets.
pub fn triplets(bytes: &[u8]) {
    with_file("file.txt", bytes, |path| {
        for format in Format::ALL {
            if !matches!(format, Format::Parquet | Format::CblearnTensor) {
                read(path, format, TableColumns::default());
            }
        }
    });
}

/// Tables with named columns: by place, by item and key, and the THINGS names.
pub fn table(bytes: &[u8]) {
    let by_key = TableColumns {
        odd: OddBy::Item("odd".into()),
        tokens: ItemTokens::Keys,
        ..TableColumns::default()
    };
    with_file("file.csv", bytes, |path| {
        read(path, Format::Table, TableColumns::default());
        read(path, Format::Table, by_key.clone());
        read(path, Format::Things, TableColumns::default());
    });
}

/// `.npy` and `.npz`, as arrays and as triplets.
pub fn arrays(bytes: &[u8]) {
    with_file("file.npy", bytes, |path| {
        if let Ok(array) = read_npy(path) {
            let place = Place {
                path: path.to_owned(),
                member: None,
            };
            let _ = array.clone().into_f64(&place);
            let _ = array.into_i64(&place);
        }
        for format in [Format::LastOdd, Format::CblearnOddOneOut] {
            read(path, format, TableColumns::default());
        }
    });
    with_file("file.npz", bytes, |path| {
        for member in npz_members(path).unwrap_or_default() {
            let _ = read_npz(path, &member);
        }
        for format in [Format::CblearnTensor, Format::CblearnCount] {
            read(path, format, TableColumns::default());
        }
    });
}

/// Embeddings in every format.
pub fn embedding(bytes: &[u8]) {
    for extension in ["npy", "npz", "csv", "tsv", "txt"] {
        with_file(&format!("file.{extension}"), bytes, |path| {
            let _ = read_embedding(path);
        });
    }
}

/// Canonical records.
pub fn parquet(bytes: &[u8]) {
    with_file("file.parquet", bytes, |path| {
        read(path, Format::Parquet, TableColumns::default());
    });
}

/// A study folder: the files follow one another, each after a line `=== NAME`.
pub fn study(bytes: &[u8]) {
    const FILES: [&str; 6] = [
        "study.toml",
        "stimuli.tsv",
        "captions.tsv",
        "ratings/joy.tsv",
        "ratings/joy.json",
        "keys.txt",
    ];
    with_file("study.toml", b"", |path| {
        let Some(root) = path.parent() else { return };
        let made = fs::create_dir(root.join("ratings"));
        made.unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
        let mut rest = bytes;
        while let Some((name, body, next)) = section(rest) {
            if let Some(name) = FILES.iter().find(|known| known.as_bytes() == name) {
                write(&root.join(name), body);
            }
            rest = next;
        }
        let findings = check(root, run(&Interrupt::default()));
        let _ = (findings.render(3), findings.to_json());
        if let Ok(study) = Study::open(root) {
            assert_eq!(study.stimuli.len(), study.records.len());
        }
        let _ = Captions::read(root.join("captions.tsv"));
        let _ = RatingsTable::read_known(root.join("ratings/joy.tsv"));
        let _ = keys::read(root.join("keys.txt"));
        let _ = keys::read(root.join("stimuli.tsv"));
    });
}

/// A journal: opened, resumed, verified, and read to the last reply.
pub fn journal(bytes: &[u8]) {
    with_file("file.db", bytes, |path| {
        let Ok(journal) = Journal::open(path) else {
            return;
        };
        let interrupt = Interrupt::default();
        let _ = journal.verify(&run(&interrupt));
        for (agent, _) in journal.agents().unwrap_or_default() {
            if let Ok(standing) = journal.standing(agent) {
                let _ = (standing.choices(), standing.settled.next_open(0));
            }
            let _ = journal.choices(agent, None, &run(&interrupt));
            let _ = journal.for_each_attempt(agent, |row| {
                row.reply
                    .map_or(Ok(()), |reply| journal.reply(reply).map(drop))
            });
            let _ = journal.for_each_choice(agent, |_| Ok::<_, JournalError>(()));
        }
    });
}

/// The test of conventions, with every kind of reference.
pub fn convention(bytes: &[u8]) {
    with_file("file.txt", bytes, |path| {
        for format in [Format::LastOdd, Format::NmiCeiling] {
            let Some(imported) = read(path, format, TableColumns::default()) else {
                continue;
            };
            let near = |a: StimulusId, b: StimulusId| -f64::from(a.0.abs_diff(b.0));
            for reference in [
                Reference::Itself,
                Reference::Similarity(&near),
                Reference::Choices(&imported.table.choices),
            ] {
                let detection = detect(&imported, reference);
                assert!(!detection.to_string().is_empty());
            }
        }
    });
}

/// Reads a file strictly and leniently, among few stimuli and among as many as it names; what is
/// accepted must account for every row.
fn read(path: &Path, format: Format, columns: TableColumns) -> Option<Imported> {
    let mut found = None;
    for (stimuli, leave_out_bad_rows) in [(Stimuli::Count(10), false), (Stimuli::Infer, true)] {
        let options = ReadOptions {
            leave_out_bad_rows,
            columns: columns.clone(),
            ..ReadOptions::new(stimuli)
        };
        found = format.read(path, &options, run(&Interrupt::default())).ok();
        let Some(imported) = &found else { continue };
        let (kept, left_out) = (imported.table.choices.len(), imported.left_out.len());
        let anchored = matches!(
            format,
            Format::CblearnOrder
                | Format::CblearnCount
                | Format::CblearnBoolean
                | Format::CblearnTensor
        );
        let rows = kept * if anchored { 2 } else { 1 } + left_out;
        assert_eq!(imported.rows, rows as u64, "{format} lost rows");
        let extras = &imported.table.extras;
        for length in [
            extras.number.as_ref().map(Vec::len),
            extras.agent.as_ref().map(|labels| labels.codes.len()),
            extras.rater.as_ref().map(|labels| labels.codes.len()),
            extras.response_ms.as_ref().map(Vec::len),
            extras.replicate.as_ref().map(Vec::len),
            extras.split.as_ref().map(Vec::len),
        ] {
            assert!(
                length.is_none_or(|length| length == kept),
                "{format} misaligned a column"
            );
        }
    }
    found
}

fn run(interrupt: &Interrupt) -> Run<'_> {
    Run {
        progress: &Silent,
        interrupt,
    }
}

/// Name, body and what follows of the next `=== NAME` section.
fn section(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let rest = bytes.strip_prefix(b"=== ")?;
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let (name, rest) = (&rest[..end], &rest[end + 1..]);
    let next = rest
        .windows(5)
        .position(|window| window == b"\n=== ")
        .map_or(rest.len(), |at| at + 1);
    Some((name, &rest[..next], &rest[next..]))
}

fn with_file(name: &str, bytes: &[u8], visit: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let path: PathBuf = folder.path().join(name);
    write(&path, bytes);
    visit(&path);
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
}
