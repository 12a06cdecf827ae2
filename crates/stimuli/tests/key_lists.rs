//! Lists of stimuli read in row order from every form they come in, and bad ones are named by line.

mod files;

use emotome_stimuli::{StimulusSet, keys};
use files::{put, refusal};
use tempfile::TempDir;

#[test]
fn keys_are_read_from_text_tables_and_folders() {
    let dir = TempDir::new().unwrap();
    let expected = StimulusSet::from_labels(["0001.mp4", "a, b", "é"]).unwrap();
    for (name, text) in [
        ("keys.txt", "0001.mp4\na, b\né\n"),
        (
            "windows.stimuli.txt",
            "\u{feff}0001.mp4\r\na, b\r\né\r\n\r\n",
        ),
        ("unended", "0001.mp4\na, b\né"),
        ("stimuli.tsv", "key\tmedia\n0001.mp4\tx\na, b\t\né\tn/a\n"),
        ("table.csv", "rank,video_id\n1,0001.mp4\n2,\"a, b\"\n3,é\n"),
    ] {
        assert_eq!(
            keys::read(put(&dir, name, text)).unwrap(),
            expected,
            "{name}"
        );
    }
    put(&dir, "study.toml", "format = 1\nname = \"x\"\n");
    assert_eq!(keys::read(dir.path()).unwrap(), expected);
}

#[test]
fn a_list_whose_rows_would_shift_is_refused() {
    let dir = TempDir::new().unwrap();
    for (name, text, expected) in [
        (
            "gap.txt",
            &b"a\n\nb\n"[..],
            "gap.txt: line 2 is blank; expected a key on every line",
        ),
        (
            "nothing.txt",
            b"\n",
            "nothing.txt: the list holds no stimulus",
        ),
        (
            "twice.txt",
            b"a\nb\na\n",
            "twice.txt: stimulus key \"a\" stands in rows 1 and 3 (counted from 1)",
        ),
        (
            "blanks.txt",
            b"a\n b\n",
            "blanks.txt: stimulus key \" b\" is empty, has blanks around it",
        ),
        (
            "latin.txt",
            b"\xf6\n",
            "latin.txt: the list of stimuli cannot be read: ",
        ),
        (
            "none.tsv",
            b"rank\tjoy\n1\t2\n",
            "none.tsv: 1 errors in the table; the first:\nerror[no-key-column]",
        ),
        (
            "ragged.tsv",
            b"key\tjoy\na\t2\nb\n",
            "ragged.tsv: 1 errors in the table; the first:\nerror[ragged-row]",
        ),
    ] {
        let message = refusal(&dir, keys::read(put(&dir, name, text)));
        assert!(message.starts_with(expected), "{message}");
    }
}
