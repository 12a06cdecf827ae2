//! Every writer's files read back as what was written, and as other tools write them.

use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_stimuli::{StimulusId, StimulusSet};
use emotome_triplets::convention::{Base, Convention, OddColumn};
use emotome_triplets::formats::{
    ChoiceTable, Extras, Format, FormatError, Imported, ItemTokens, Labels, OddBy, PresentedOrder,
    ReadOptions, Record, RecordWriter, RowError, Stimuli, TableColumns, WriteOptions,
};
use emotome_triplets::{Choice, ChoiceSet, Outcome, Position, Split, Triplet};
use proptest::prelude::*;
use std::path::Path;

fn read(path: &Path, format: Format, options: &ReadOptions<'_>) -> Result<Imported, FormatError> {
    format.read(
        path,
        options,
        Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        },
    )
}

fn choice([a, b, c]: [u32; 3], odd: usize) -> Choice {
    Choice {
        triplet: Triplet::new([a, b, c].map(StimulusId)).unwrap(),
        odd: Position::from_index(odd).unwrap(),
    }
}

/// Choices over 50 stimuli; stimulus 0 and places other than the third always occur.
fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let row = (0..50_u32, 1..49_u32, 1..49_u32, 0..3_usize).prop_map(|(a, b, c, odd)| {
        let b = (a + b) % 50;
        let mut c = (a + c) % 50;
        if c == b || c == a {
            c = (b.max(a) + 1) % 50;
            if c == b || c == a {
                c = (c + 1) % 50;
            }
        }
        choice([a, b, c], odd)
    });
    prop::collection::vec(row, 1..60).prop_map(|mut rows| {
        rows.push(choice([0, 49, 7], 1));
        rows
    })
}

fn odd_last(choices: &[Choice]) -> Vec<Choice> {
    choices
        .iter()
        .map(|choice| self::choice(choice.odd_last().map(|id| id.0), 2))
        .collect()
}

fn table(choices: Vec<Choice>) -> ChoiceTable {
    ChoiceSet::new(50, choices).unwrap().into()
}

fn convention(odd: OddColumn, base: Base) -> Option<Convention> {
    Some(Convention { odd, base })
}

fn round_trip(
    format: Format,
    extension: &str,
    convention: Option<Convention>,
    written: &ChoiceTable,
) -> Result<Imported, FormatError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trials").with_extension(extension);
    format.write(
        &path,
        written,
        &WriteOptions {
            convention,
            ..WriteOptions::default()
        },
    )?;
    read(
        &path,
        format,
        &ReadOptions {
            convention,
            ..ReadOptions::new(Stimuli::Count(50))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn formats_without_order_keep_the_odd_one_and_the_order_of_the_pair(choices in choices()) {
        use OddColumn::{First, Second, Third};
        let lost = odd_last(&choices);
        let table = table(choices);
        let mut cases = vec![
            (Format::CblearnOrder, "txt", None),
            (Format::CblearnOrder, "npy", convention(Third, Base::One)),
            (Format::CblearnOddOneOut, "txt", None),
            (Format::CblearnOddOneOut, "npy", None),
            (Format::NmiPromptLog, "csv", None),
        ];
        for extension in ["txt", "npy", "npz"] {
            cases.push((Format::CblearnCount, extension, None));
            cases.push((Format::CblearnBoolean, extension, None));
        }
        for odd in [First, Second, Third] {
            for base in [Base::Zero, Base::One] {
                cases.push((Format::LastOdd, "txt", convention(odd, base)));
                cases.push((Format::LastOdd, "npy", convention(odd, base)));
            }
        }
        for (format, extension, convention) in cases {
            let back = round_trip(format, extension, convention, &table).unwrap();
            prop_assert_eq!(back.table.choices.choices(), &lost, "{} {} {:?}", format, extension, convention);
            prop_assert_eq!(back.table.presented_order, PresentedOrder::LostOddLast);
            prop_assert_eq!(back.left_out.len(), 0);
            let one_row = matches!(format, Format::LastOdd | Format::CblearnOddOneOut | Format::NmiPromptLog);
            let rows_per_choice = if one_row { 1 } else { 2 };
            prop_assert_eq!(back.rows, rows_per_choice * lost.len() as u64);
        }
    }

    #[test]
    fn formats_with_order_keep_every_choice_as_presented(choices in choices()) {
        use OddColumn::Choice;
        let table = table(choices);
        let mut cases = vec![(Format::Parquet, "parquet", None)];
        for base in [Base::Zero, Base::One] {
            for place in [Base::Zero, Base::One] {
                let convention = convention(Choice(place), base);
                for extension in ["txt", "csv", "npy", "npz"] {
                    cases.push((Format::NmiCeiling, extension, convention));
                }
                cases.push((Format::NmiCeilingLog, "csv", convention));
                cases.push((Format::Things, "tsv", convention));
                cases.push((Format::Table, "csv", convention));
                for extension in ["txt", "npy", "npz"] {
                    cases.push((Format::CblearnOddOneOut, extension, convention));
                }
            }
        }
        for (format, extension, convention) in cases {
            let back = round_trip(format, extension, convention, &table).unwrap();
            prop_assert_eq!(&back.table, &table, "{} {} {:?}", format, extension, convention);
        }
    }

    #[test]
    fn extras_survive_tables_and_parquet(choices in choices(), seed in 0..1000_u64) {
        let rows = choices.len() as u64;
        let label = |k: u64| ["ann", "bob, \"b\"", "tab\there", "é"][(k % 4) as usize];
        let labels = |step: u64| {
            let mut names: Vec<String> = Vec::new();
            let codes = (0..rows).map(|row| {
                let name = label(row * step + seed);
                names.iter().position(|known| known == name).unwrap_or_else(|| { names.push(name.into()); names.len() - 1 }) as u32
            }).collect();
            Labels { names, codes }
        };
        let extras = Extras {
            number: Some((0..rows).map(|row| row * seed + (1 << 33)).collect()),
            agent: Some(labels(1)),
            rater: Some(labels(3)),
            response_ms: Some((0..rows).map(|row| row as f32 * 0.37 + 250.0).collect()),
            replicate: Some((0..rows).map(|row| (row % 7) as u16).collect()),
            split: Some((0..rows).map(|row| Split::ALL[(row % 5) as usize]).collect()),
        };
        let table = ChoiceTable { extras, ..table(choices) };
        for (format, extension) in [(Format::Table, "csv"), (Format::Table, "tsv"), (Format::Parquet, "parquet")] {
            let back = round_trip(format, extension, None, &table).unwrap();
            prop_assert_eq!(&back.table, &table, "{} {}", format, extension);
        }
    }

    #[test]
    fn keys_survive_tables_by_place_and_by_item(choices in choices()) {
        let keys = StimulusSet::from_labels((0..50).map(|k| format!("clip, {k:02}"))).unwrap();
        let table = table(choices);
        for odd in [OddBy::Place("choice".into()), OddBy::Item("odd".into())] {
            let columns = TableColumns {
                items: ["left", "mid dle", "right"].map(str::to_owned),
                odd,
                tokens: ItemTokens::Keys,
                ..TableColumns::default()
            };
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("trials.csv");
            let options = WriteOptions { stimuli: Some(&keys), columns: columns.clone(), ..WriteOptions::default() };
            Format::Table.write(&path, &table, &options).unwrap();
            let options = ReadOptions { columns, ..ReadOptions::new(Stimuli::Set(&keys)) };
            prop_assert_eq!(&read(&path, Format::Table, &options).unwrap().table, &table);
            // Without a study the keys are learned, in alphabetical order.
            let learned = read(&path, Format::Table, &ReadOptions { stimuli: Stimuli::Infer, ..options }).unwrap();
            let set = learned.stimuli.unwrap();
            prop_assert!(learned.n_inferred);
            prop_assert!(set.keys().is_sorted());
            for (ours, theirs) in table.choices.choices().iter().zip(learned.table.choices.choices()) {
                prop_assert_eq!(ours.odd, theirs.odd);
                for place in Position::ALL {
                    prop_assert_eq!(keys.key(ours.triplet.at(place)), set.key(theirs.triplet.at(place)));
                }
            }
        }
    }
}

fn text(content: impl AsRef<[u8]>, format: Format, n: usize) -> Result<Imported, FormatError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.txt");
    std::fs::write(&path, content).unwrap();
    read(&path, format, &ReadOptions::new(Stimuli::Count(n)))
}

fn ids(imported: &Imported) -> Vec<([u32; 3], usize)> {
    let choices = imported.table.choices.choices();
    choices
        .iter()
        .map(|choice| (choice.triplet.items().map(|id| id.0), choice.odd.index()))
        .collect()
}

#[test]
fn the_ceiling_table_comes_with_four_or_five_columns_but_not_both() {
    let four = text("3  1 0   2\n0 1 2 1\n", Format::NmiCeiling, 4).unwrap();
    assert_eq!(ids(&four), [([3, 1, 0], 1), ([0, 1, 2], 0)]);
    assert_eq!(four.table.presented_order, PresentedOrder::Known);
    let five = text("3 1 0 2 17\n0 1 2 1 18\n", Format::NmiCeiling, 4).unwrap();
    assert_eq!(ids(&five), ids(&four));
    assert_eq!(five.ignored_columns, ["column 5"]);
    let error = text("3 1 0 2\n0 1 2 1 5\n", Format::NmiCeiling, 4)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 2: 5 columns found, 4 as in the first row expected"),
        "{error}"
    );
}

#[test]
fn a_constant_column_of_threes_is_a_sorted_file_and_not_a_record_of_places() {
    let sorted = text("3 1 0 3\n0 1 2 3\n", Format::NmiCeiling, 4).unwrap();
    assert_eq!(sorted.table.presented_order, PresentedOrder::LostOddLast);
}

#[test]
fn the_logs_of_the_collectors_are_read() {
    let log = "12,7,1853,2,\"Which of A, B\nor C?\",\"b. \"\"Banjo\"\"\"\n4,5,6,1,prompt,reply\n";
    let imported = text(log, Format::NmiCeilingLog, 1854).unwrap();
    assert_eq!(ids(&imported), [([12, 7, 1853], 1), ([4, 5, 6], 0)]);
    assert_eq!(imported.table.presented_order, PresentedOrder::Known);
    let log = "\"[12, 7, 1853]\",prompt,reply\n\"['4', '5', '6']\",\"a\nb\",reply\n";
    let imported = text(log, Format::NmiPromptLog, 1854).unwrap();
    assert_eq!(ids(&imported), [([12, 7, 1853], 2), ([4, 5, 6], 2)]);
    assert_eq!(imported.table.presented_order, PresentedOrder::LostOddLast);
    let error = text(
        "\"[1, 2, 3]\",p,r\n\"[4, 5]\",p,r\n",
        Format::NmiPromptLog,
        9,
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("line 2: 2 columns found, 3 expected"),
        "{error}"
    );
}

#[test]
fn the_things_table_counts_from_1_and_may_hold_other_columns() {
    let file = "subject\t\"trip.1\"\ttrip.2\ttrip.3\tchoice\tRT\nx\t1\t2\t4\t3\t0.7\ny\t4\t3\t2\t1.0\t0.8\ny\t4\t3\t1\tNA\t\n";
    let imported = text(file, Format::Things, 4).unwrap();
    assert_eq!(ids(&imported), [([0, 1, 3], 2), ([3, 2, 1], 0)]);
    assert_eq!(imported.ignored_columns, ["subject", "RT"]);
    assert_eq!(imported.left_out.len(), 1);
    assert_eq!(
        (
            imported.left_out[0].line,
            imported.left_out[0].reason.to_string()
        ),
        (4, "no choice (NA)".into())
    );
    assert_eq!(
        (imported.rows, imported.id_range, imported.n_seen),
        (3, (1, 4), 4)
    );
    let error = text("trip.1,trip.2,trip.3,choice\n0,1,2,1\n", Format::Things, 4)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 2: stimulus 0 found")
            && error.contains("counted from 0 (`--base 0`)?"),
        "{error}"
    );
}

#[test]
fn anchored_rows_become_choices_only_in_pairs() {
    let paired = text("1 2 3\n5 4 0\n2 1 3\n4 5 0\n", Format::CblearnOrder, 6).unwrap();
    assert_eq!(ids(&paired), [([1, 2, 3], 2), ([5, 4, 0], 2)]);
    assert_eq!((paired.rows, paired.table.choices.len()), (4, 2));
    let error = text("1 2 3\n2 1 3\n5 4 0\n1 3 2\n", Format::CblearnOrder, 6)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("2 of 4 rows have no partner, first [5, 4, 0] (i, nearer, farther)"),
        "{error}"
    );
    // A response of -1 swaps near and far: (1, 3, 2, -1) says that 1 is nearer 2.
    let counted = text("1 3 2 -1\n2 1 3 1\n", Format::CblearnCount, 6).unwrap();
    assert_eq!(ids(&counted), [([1, 2, 3], 2)]);
    let error = text("1 3 2 0\n2 1 3 1\n", Format::CblearnCount, 6)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 1: choice \"0\" found, expected 1 or -1"),
        "{error}"
    );
}

/// Of 1 and 2, 3 is twice the odd one; of 0 and 3, 2 is: 0 is not nearer 2 than 3, and 3 is nearer 0 than 2.
#[test]
fn a_sparse_tensor_counts_comparisons() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tensor.npz");
    let write = |coords: ndarray::Array2<i64>, data: Vec<i64>| {
        let data = ndarray::Array1::from(data);
        let members = [
            ("coords", coords.view().into()),
            ("data", data.view().into()),
        ];
        emotome_stimuli::array::write_npz(&path, Overwrite::Replace, &members).unwrap();
        read(
            &path,
            Format::CblearnTensor,
            &ReadOptions::new(Stimuli::Count(4)),
        )
    };
    let coords = ndarray::array![[1, 2, 0, 3], [2, 1, 2, 0], [3, 3, 3, 2]];
    let imported = write(coords.clone(), vec![2, 2, -1, 1]).unwrap();
    assert_eq!(
        ids(&imported),
        [([1, 2, 3], 2), ([1, 2, 3], 2), ([0, 3, 2], 2)]
    );
    assert_eq!(imported.rows, 6);
    let error = write(coords.clone(), vec![2, 1, -1, 1])
        .unwrap_err()
        .to_string();
    assert!(error.contains("1 of 5 rows have no partner"), "{error}");
    let error = write(coords.clone(), vec![i64::MIN, 1, 1, 1])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("4 entries claim 9223372036854775811 comparisons"),
        "{error}"
    );
    let error = write(coords, vec![1]).unwrap_err().to_string();
    assert!(
        error.contains("coords of shape [3, 4] and 1 data found"),
        "{error}"
    );
}

#[test]
fn tensors_keep_repeats_and_refuse_those_that_would_cancel() {
    let rows = vec![
        choice([4, 0, 9], 1),
        choice([9, 0, 4], 1),
        choice([7, 2, 3], 0),
    ];
    let written = table(rows);
    let back = round_trip(Format::CblearnTensor, "npz", None, &written).unwrap();
    let mut pairs: Vec<_> = ids(&back);
    pairs.sort_unstable();
    assert_eq!(pairs, [([2, 3, 7], 2), ([4, 9, 0], 2), ([4, 9, 0], 2)]);
    let opposed = table(vec![choice([4, 0, 9], 1), choice([4, 0, 9], 2)]);
    let error = round_trip(Format::CblearnTensor, "npz", None, &opposed).unwrap_err();
    assert!(error.to_string().contains("would cancel"), "{error}");
}

#[test]
fn no_file_is_written_under_a_name_that_promises_another_form() {
    let table = table(vec![choice([0, 1, 2], 0)]);
    for (format, name) in [
        (Format::LastOdd, "npz"),
        (Format::CblearnOrder, "npz"),
        (Format::LastOdd, "parquet"),
        (Format::Things, "npy"),
        (Format::Table, "npz"),
        (Format::NmiPromptLog, "npy"),
        (Format::CblearnTensor, "txt"),
    ] {
        let error = round_trip(format, name, None, &table).unwrap_err();
        assert!(
            matches!(error, FormatError::Unsupported { .. }),
            "{format} {name}: {error}"
        );
    }
}

#[test]
fn conventions_that_a_format_cannot_have_are_refused() {
    let options = ReadOptions {
        convention: convention(OddColumn::First, Base::Zero),
        ..ReadOptions::new(Stimuli::Count(5))
    };
    let error = read(Path::new("absent"), Format::Things, &options)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "things files have a column with the place of the odd one, so `first` cannot be the odd one; \
         drop the flag or name another format"
    );
    for format in Format::ALL {
        assert_eq!(format.name().parse::<Format>(), Ok(format));
    }
    assert!(
        "spose"
            .parse::<Format>()
            .unwrap_err()
            .contains("expected one of last-odd, nmi-ceiling")
    );
}

#[test]
fn the_number_of_stimuli_is_inferred_only_when_asked_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.txt");
    std::fs::write(&path, "1 2 3\n4 9 2\n").unwrap();
    let imported = read(&path, Format::LastOdd, &ReadOptions::new(Stimuli::Infer)).unwrap();
    assert!(imported.n_inferred);
    assert_eq!(
        (
            imported.table.choices.n_stimuli(),
            imported.n_seen,
            imported.id_range
        ),
        (10, 5, (1, 9))
    );
    std::fs::write(&path, "1 2 4000000000\n").unwrap();
    let error = read(&path, Format::LastOdd, &ReadOptions::new(Stimuli::Infer))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ids of 16777216 stimuli counted from 0 run from 0 to 16777215"),
        "{error}"
    );
    let error = read(
        &path,
        Format::LastOdd,
        &ReadOptions::new(Stimuli::Count(1 << 40)),
    )
    .unwrap_err()
    .to_string();
    assert_eq!(
        error,
        "1099511627776 stimuli asked for, at most 4294967295 can be numbered"
    );
}

#[test]
fn files_are_never_replaced_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let table = table(vec![choice([0, 1, 2], 0)]);
    for (format, name) in [
        (Format::LastOdd, "a.txt"),
        (Format::LastOdd, "a.npy"),
        (Format::Parquet, "a.parquet"),
    ] {
        let path = dir.path().join(name);
        format
            .write(&path, &table, &WriteOptions::default())
            .unwrap();
        let error = format
            .write(&path, &table, &WriteOptions::default())
            .unwrap_err();
        assert!(
            error.to_string().contains("use --force to replace it"),
            "{error}"
        );
        let force = WriteOptions {
            overwrite: Overwrite::Replace,
            ..WriteOptions::default()
        };
        format.write(&path, &table, &force).unwrap();
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The rows from which the Parquet fixtures were made: items, choice and whether it is missing.
fn fixture_rows() -> Vec<([u32; 3], usize, bool)> {
    let text = std::fs::read_to_string(fixture("parquet_rows.txt")).unwrap();
    text.lines()
        .map(|line| {
            let numbers: Vec<u32> = line
                .split(' ')
                .map(|number| number.parse().unwrap())
                .collect();
            (
                [numbers[0], numbers[1], numbers[2]],
                numbers[3] as usize,
                numbers[4] == 1,
            )
        })
        .collect()
}

#[test]
fn parquet_files_of_pyarrow_and_pandas_are_read() {
    let rows = fixture_rows();
    let present: Vec<_> = rows
        .iter()
        .filter(|row| !row.2)
        .map(|row| (row.0, row.1))
        .collect();
    let options = ReadOptions::new(Stimuli::Count(20));
    let pyarrow = read(
        &fixture("pyarrow_defaults.parquet"),
        Format::Parquet,
        &options,
    )
    .unwrap();
    assert_eq!(ids(&pyarrow), present);
    assert_eq!(pyarrow.left_out.len(), 10);
    assert_eq!(
        pyarrow.left_out[0].reason,
        RowError::NoChoice {
            status: "refused".into()
        }
    );
    assert_eq!(pyarrow.ignored_columns, ["note"]);
    let extras = &pyarrow.table.extras;
    let last = present.len() - 1;
    assert_eq!(extras.number.as_ref().unwrap()[last], 499);
    assert_eq!(
        (
            extras.agent.as_ref().unwrap().at(0),
            extras.agent.as_ref().unwrap().at(last)
        ),
        ("model", "people")
    );
    assert_eq!(
        (
            extras.split.as_ref().unwrap()[0],
            extras.split.as_ref().unwrap()[last]
        ),
        (Split::Train, Split::Test)
    );
    let response = extras.response_ms.as_ref().unwrap();
    assert!(response[3].is_nan() && response[4] == 6.0 && response[last] == 748.5);
    assert_eq!(
        (extras.rater.as_ref(), extras.replicate.as_ref()),
        (None, None)
    );

    let pandas = read(&fixture("pandas_floats.parquet"), Format::Parquet, &options).unwrap();
    assert_eq!(ids(&pandas), present);
    assert_eq!(
        pandas.left_out[0].reason,
        RowError::NoChoice {
            status: "null".into()
        }
    );

    let keys = StimulusSet::from_labels((0..20).rev().map(|k| format!("clip{k:02}"))).unwrap();
    let by_key = read(
        &fixture("pyarrow_keys.parquet"),
        Format::Parquet,
        &ReadOptions::new(Stimuli::Set(&keys)),
    )
    .unwrap();
    let reversed: Vec<_> = rows
        .iter()
        .map(|row| (row.0.map(|id| 19 - id), row.1))
        .collect();
    assert_eq!(ids(&by_key), reversed);
    let few = StimulusSet::from_labels((0..19).map(|k| format!("clip{k:02}"))).unwrap();
    let error = read(
        &fixture("pyarrow_keys.parquet"),
        Format::Parquet,
        &ReadOptions::new(Stimuli::Set(&few)),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("stimulus \"clip19\" is not among the 19 stimuli")
    );
}

#[test]
fn parquet_carries_keys_order_and_failed_trials() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trials.parquet");
    let keys = StimulusSet::from_labels(["fog", "kiss", "wasp", "war"]).unwrap();
    let mut writer = RecordWriter::create(
        &path,
        4,
        Some(&keys),
        PresentedOrder::LostOddLast,
        Overwrite::Refuse,
    )
    .unwrap();
    let triplet = |ids: [u32; 3]| Triplet::new(ids.map(StimulusId)).unwrap();
    let full = Record {
        number: Some(u64::MAX),
        agent: Some("model"),
        rater: Some("r1"),
        triplet: triplet([3, 0, 2]),
        outcome: Outcome::Chosen(Position::Third),
        replicate: Some(3),
        split: Some(Split::Ceiling),
        prompt_hash: Some("abc"),
        model_rev: Some("v1"),
        temperature: Some(0.5),
        seed: Some(9),
        raw_response_ref: Some("reply/1"),
        response_ms: Some(812.5),
    };
    writer.push(&full).unwrap();
    for outcome in [
        Outcome::Invalid,
        Outcome::Ambiguous,
        Outcome::Refused,
        Outcome::TimedOut,
        Outcome::Failed,
    ] {
        writer.push(&Record { outcome, ..full }).unwrap();
    }
    writer.finish().unwrap();

    // Aligned by key to a study in another order, with one more stimulus.
    let study = StimulusSet::from_labels(["wasp", "war", "zoo", "fog", "kiss"]).unwrap();
    let imported = read(
        &path,
        Format::Parquet,
        &ReadOptions::new(Stimuli::Set(&study)),
    )
    .unwrap();
    assert_eq!(ids(&imported), [([1, 3, 0], 2)]);
    assert_eq!(imported.table.choices.n_stimuli(), 5);
    assert_eq!(imported.table.presented_order, PresentedOrder::LostOddLast);
    assert_eq!(imported.table.extras.number, Some(vec![u64::MAX]));
    let statuses: Vec<String> = imported
        .left_out
        .iter()
        .map(|row| row.reason.to_string())
        .collect();
    assert_eq!(
        statuses,
        ["invalid", "ambiguous", "refused", "timeout", "failed"]
            .map(|status| format!("no choice ({status})"))
    );
    // Without a study, the file brings its own stimuli.
    let imported = read(&path, Format::Parquet, &ReadOptions::new(Stimuli::Infer)).unwrap();
    assert!(!imported.n_inferred);
    assert_eq!(imported.table.choices.n_stimuli(), 4);
    assert_eq!(imported.stimuli, Some(keys));
}

#[test]
fn a_single_comparison_of_every_place_survives_many_row_groups() {
    let rows: Vec<Choice> = (0..600_000)
        .map(|row| {
            choice(
                [row % 50, (row + 7) % 50, (row + 31) % 50],
                row as usize % 3,
            )
        })
        .collect();
    let written = table(rows);
    let back = round_trip(Format::Parquet, "parquet", None, &written).unwrap();
    assert!(back.table == written);
}
