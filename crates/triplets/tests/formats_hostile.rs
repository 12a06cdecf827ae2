//! Bad input costs an error that says what, where and what to do; never a panic, a hang or memory.

use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::formats::{Format, FormatError, Imported, ReadOptions, RowError, Stimuli};
use proptest::prelude::*;
use std::path::Path;

fn read_with(
    name: &str,
    content: &[u8],
    format: Format,
    adapt: impl FnOnce(&mut ReadOptions<'static>),
) -> Result<Imported, FormatError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut options = ReadOptions::new(Stimuli::Count(10));
    adapt(&mut options);
    format.read(
        &path,
        &options,
        Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        },
    )
}

fn read(content: impl AsRef<[u8]>, format: Format) -> Result<Imported, FormatError> {
    read_with("file.txt", content.as_ref(), format, |_| {})
}

/// The message without the folder.
fn error(content: impl AsRef<[u8]>, format: Format) -> String {
    let text = read(content, format).unwrap_err().to_string();
    text[text.find("file.txt").unwrap()..].to_owned()
}

#[test]
fn every_fault_of_a_text_file_is_named_with_its_line_and_remedy() {
    let skip = " (`--leave-out-bad-rows` skips and lists such rows)";
    for (content, expected) in [
        ("0 1 2\n3 4\n", "line 2: 2 columns found, 3 expected"),
        ("0 1 2\n\n3 4 5 6\n", "line 3: 4 columns found, 3 expected"),
        (
            "0 1 2\n3 4 10\n",
            "line 2: stimulus 10 found, but ids of 10 stimuli counted from 0 run from 0 to 9; \
             is the file counted from 1 (`--base 1`), or is --n-items too small?",
        ),
        (
            "0 1 -2\n",
            "line 1: stimulus -2 found, but ids of 10 stimuli counted from 0 run from 0 to 9; ids are never negative",
        ),
        (
            "0 1 5000000000\n",
            "line 1: stimulus 5000000000 found, but ids of 10 stimuli counted from 0 run from 0 to 9; \
             is the file counted from 1 (`--base 1`), or is --n-items too small?",
        ),
        (
            "4 1 4\n",
            "line 1: row [4, 1, 4] shows a stimulus twice; an odd-one-out trial needs three different ones",
        ),
        (
            "a b c\n0 1 2\n",
            "line 1: \"a\" found where a whole number is expected; a file with named columns or stimulus keys is read \
             with `--format table`",
        ),
        (
            "# note\n0 1 2.5\n",
            "line 2: \"2.5\" found where a whole number is expected",
        ),
        (
            "0 1 2\n0 \x001 2\n",
            "line 2: a zero byte found; the file is not plain text (UTF-16, or a binary array with the wrong ending?)",
        ),
    ] {
        assert_eq!(
            error(content, Format::LastOdd),
            format!("file.txt, {expected}{skip}")
        );
    }
    let nothing =
        "file.txt: the file has no rows; expected at least one trial: was the export cut off?";
    for empty in ["", "\n\n", "# only a note\n", "\u{feff}"] {
        assert_eq!(error(empty, Format::LastOdd), nothing);
    }
    for format in [
        Format::Table,
        Format::Things,
        Format::NmiCeilingLog,
        Format::Parquet,
    ] {
        assert_eq!(error("", format), nothing, "{format}");
    }
    assert_eq!(error("a,b,c,choice\n", Format::Table), nothing);
    let long = error(vec![b'7'; 9 << 20], Format::LastOdd);
    assert_eq!(
        long,
        "file.txt, line 1: no line end within 8388608 bytes; expected one short row per line: is this a text file?"
    );
    let absent = Format::LastOdd.read(
        Path::new("no/such/file.txt"),
        &ReadOptions::new(Stimuli::Count(3)),
        Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        },
    );
    assert!(
        absent
            .unwrap_err()
            .to_string()
            .starts_with("no/such/file.txt: No such file")
    );
}

#[test]
fn marks_of_other_systems_are_read_through() {
    for content in [
        "\u{feff}0 1 2\r\n3 4 5\r\n",
        "0\t1\t2\r\n3,4,5",
        "0;1;2\n\n \n# x\n3 4 5\n",
        " 0.0 1e0 2\n3 4 5 ",
    ] {
        let imported = read(content, Format::LastOdd).unwrap();
        let ids: Vec<_> = imported
            .table
            .choices
            .choices()
            .iter()
            .map(|c| c.triplet.items().map(|id| id.0))
            .collect();
        assert_eq!(ids, [[0, 1, 2], [3, 4, 5]], "{content:?}");
    }
    let imported = read(
        "\u{feff}a,b,c,choice\r\n0,1,2,1\r\n\r\n3,4,5,3\r\n",
        Format::Table,
    )
    .unwrap();
    assert_eq!(imported.table.choices.len(), 2);
    let imported = read(
        "\u{feff}0,1,2,1,p,r\r\n3,4,5,3,p,r\r\n",
        Format::NmiCeilingLog,
    )
    .unwrap();
    assert_eq!(imported.table.choices.len(), 2);
}

#[test]
fn a_bad_row_is_left_out_only_when_asked_and_then_listed() {
    let content = b"0 1 2\n3 4\nx 1 2\n4 5 99\n6 7 7\n7 8 9\n";
    let imported = read_with("file.txt", content, Format::LastOdd, |options| {
        options.leave_out_bad_rows = true;
    })
    .unwrap();
    assert_eq!((imported.rows, imported.table.choices.len()), (6, 2));
    let lines: Vec<u64> = imported.left_out.iter().map(|row| row.line).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert!(matches!(
        imported.left_out[2].reason,
        RowError::OutOfRange { id: 99, .. }
    ));
    let all = read_with("file.txt", b"x\ny\n", Format::LastOdd, |options| {
        options.leave_out_bad_rows = true;
    })
    .unwrap();
    assert_eq!((all.table.choices.len(), all.left_out.len()), (0, 2));
}

#[test]
fn every_fault_of_a_table_is_named() {
    for (content, expected) in [
        (
            "a,b,choice\n1,2,3\n",
            "file.txt: no column \"c\" among [\"a\", \"b\", \"choice\"]; name the columns of this file (`--columns`)",
        ),
        (
            "a,b,c,choice,a\n",
            "file.txt: column \"a\" stands twice in the header; rename one",
        ),
        (
            "a,b,c,choice\n0,1,2\n",
            "line 2: 3 columns found, 4 as in the first row expected",
        ),
        (
            "a,b,c,choice\n0,1,2,0\n",
            "line 2: choice \"0\" found, expected 1, 2 or 3 (a place counted from 1)",
        ),
        (
            "a,b,c,choice\n0,1,2,left\n",
            "line 2: \"left\" found where a whole number is expected",
        ),
        (
            "a,b,c,choice,response_ms\n0,1,2,1,fast\n",
            "line 2: \"fast\" found in column \"response_ms\", expected milliseconds",
        ),
        (
            "a,b,c,choice,split\n0,1,2,1,dev\n",
            "line 2: \"dev\" found in column \"split\", expected train, validation, test, ceiling or fullset",
        ),
        (
            "a,b,c,choice,replicate\n0,1,2,1,-1\n",
            "line 2: \"-1\" found in column \"replicate\", expected a whole number from 0",
        ),
        (
            "a,b,c,choice,trial\n0,1,2,1,5\n0,1,2,1,\n",
            "file.txt: 1 kept rows have no trial number, others have one; fill the column or drop it",
        ),
        (
            "a,b,c,choice\n0,1,\"2,1\n3,4,5,1\n",
            "line 2: 3 columns found, 4 as in the first row expected",
        ),
        ("a\0,b,c,choice\n", "line 1: a zero byte found"),
    ] {
        let found = error(content, Format::Table);
        assert!(found.contains(expected), "{content:?}: {found}");
    }
    let invalid = error(b"a,b,c,choice,agent\n0,1,2,1,\xff\n", Format::Table);
    assert!(
        invalid.contains("line 2: text that is not UTF-8 found; save the file as UTF-8"),
        "{invalid}"
    );
}

#[test]
fn damaged_arrays_are_refused() {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    let claim = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000, 3), }\n";
    header.extend_from_slice(&(claim.len() as u16).to_le_bytes());
    header.extend_from_slice(claim);
    let huge = read_with("file.npy", &header, Format::LastOdd, |_| {})
        .unwrap_err()
        .to_string();
    assert!(huge.contains("1000000000000"), "{huge}");
    let cut = read_with("file.npy", b"\x93NUMPY\x01", Format::LastOdd, |_| {})
        .unwrap_err()
        .to_string();
    assert!(cut.contains("file.npy"), "{cut}");
    let wide = |width: usize| {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        let header =
            format!("{{'descr': '<i4', 'fortran_order': False, 'shape': (2, {width}), }}\n");
        file.extend_from_slice(&(header.len() as u16).to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        (0..2 * width as i32).for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
        file
    };
    assert!(read_with("file.npy", &wide(3), Format::LastOdd, |_| {}).is_ok());
    let error = read_with("file.npy", &wide(4), Format::LastOdd, |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("an array of 4 columns found, 3 expected for last-odd"),
        "{error}"
    );
}

#[test]
fn a_parquet_file_cut_anywhere_is_refused_with_a_reason() {
    let whole = include_bytes!("fixtures/pyarrow_defaults.parquet");
    let read = |bytes: &[u8]| {
        read_with("file.parquet", bytes, Format::Parquet, |options| {
            options.stimuli = Stimuli::Count(20);
        })
    };
    assert!(read(whole).is_ok());
    for cut in (1..whole.len())
        .step_by(97)
        .chain([whole.len() - 1, 3, 4, 8, 12])
    {
        let error = read(&whole[..cut]).unwrap_err().to_string();
        assert!(
            error.contains("file.parquet: not a complete Parquet file (cut off while copying?)"),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bytes_in_parquet_are_an_error_at_worst(at in 0..1_000_000_usize, value: u8, more in prop::collection::vec((0..1_000_000_usize, any::<u8>()), 0..3)) {
        let mut bytes = include_bytes!("fixtures/pyarrow_defaults.parquet").to_vec();
        for (at, value) in more.into_iter().chain([(at, value)]) {
            // The footer, which says where everything is, gets half of the damage.
            let at = if at % 2 == 0 { bytes.len() - 1 - at / 2 % 2000 } else { at % bytes.len() };
            bytes[at] = value;
        }
        let _ = read_with("file.parquet", &bytes, Format::Parquet, |options| {
            options.stimuli = Stimuli::Count(20);
            options.leave_out_bad_rows = true;
        });
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn arbitrary_bytes_never_panic_in_any_format(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in Format::ALL {
            for name in ["file.txt", "file.npy", "file.npz"] {
                let _ = read_with(name, &bytes, format, |options| options.leave_out_bad_rows = true);
            }
        }
    }

    #[test]
    fn nearly_right_text_never_panics_and_every_row_is_accounted_for(text in "([0-9]{1,2}[ ,\t]){0,4}[-0-9.eaT#\"\0\r]{0,5}(\n[0-9 ]{0,9}){0,6}") {
        for format in Format::ALL {
            if let Ok(imported) = read_with("file.txt", text.as_bytes(), format, |options| options.leave_out_bad_rows = true) {
                let pairs = u64::from(matches!(format, Format::CblearnOrder | Format::CblearnCount | Format::CblearnBoolean | Format::CblearnTensor));
                prop_assert_eq!(imported.rows, (imported.table.choices.len() as u64) * (1 + pairs) + imported.left_out.len() as u64);
            }
        }
    }
}
