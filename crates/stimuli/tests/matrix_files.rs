//! Matrices read as they were written, with their labels, and bad ones are named with line and column.

mod files;

use std::fs;
use std::path::Path;

use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{Array, LabelledMatrix, Place, read_matrix, write_npy, write_tsv};
use emotome_stimuli::output::Overwrite;
use files::{header, put, refusal, zip_of};
use ndarray::{Array2, array};
use proptest::prelude::*;
use tempfile::TempDir;

#[test]
fn tables_read_with_or_without_header_and_keys() {
    let dir = TempDir::new().unwrap();
    let values = array![[0.5, 1e-3], [-2.0, f64::NAN]];
    let keys = ["0001.mp4", "0002.mp4"];
    for (name, text, keyed, named) in [
        (
            "a.csv",
            "\u{feff}Filename,Joy,Fear\r\n0001.mp4,0.5,1e-3\r\n0002.mp4,-2,\r\n",
            true,
            true,
        ),
        (
            "b.tsv",
            "key\tJoy\tFear\n0001.mp4\t0.5\t1e-3\n0002.mp4\t-2\tn/a\n",
            true,
            true,
        ),
        ("c.csv", "0001.mp4,0.5,1e-3\n0002.mp4,-2,NA\n", true, false),
        ("d.csv", "Joy,Fear\n0.5,1e-3\n-2,NaN\n", false, true),
        ("e.csv", "0.5,1e-3\n-2,nan", false, false),
        (
            "f.txt",
            "# Joy Fear\n 0.5  1e-3 \n\n-2\tnan\n",
            false,
            false,
        ),
        (
            "g.csv",
            "\"clip\",\"Joy\",\"Fear\"\n\"0001.mp4\",0.5,1e-3\n0002.mp4,-2,N/A\n",
            true,
            true,
        ),
    ] {
        let LabelledMatrix {
            values: found,
            rows,
            columns,
        } = read_matrix(put(&dir, name, text)).unwrap();
        assert_eq!(
            found.map(|v| v.to_bits()),
            values.map(|v| v.to_bits()),
            "{name}"
        );
        assert_eq!(
            rows,
            keyed.then(|| StimulusSet::from_labels(keys).unwrap()),
            "{name}"
        );
        assert_eq!(
            columns,
            named.then(|| vec!["Joy".to_owned(), "Fear".to_owned()]),
            "{name}"
        );
    }
    let numbered = read_matrix(put(&dir, "pandas.csv", ",0,1\n0,0.5,2\n1,1,4\n")).unwrap();
    assert_eq!(
        numbered.rows,
        Some(StimulusSet::from_labels(["0", "1"]).unwrap())
    );
    assert_eq!(numbered.values, array![[0.5, 2.0], [1.0, 4.0]]);
}

#[test]
fn a_bad_table_is_named_with_line_and_column() {
    let dir = TempDir::new().unwrap();
    for (name, text, expected) in [
        (
            "empty.csv",
            &b""[..],
            "empty.csv: the file has no line of text; expected at least one row of numbers",
        ),
        (
            "empty.txt",
            b"# nothing\n",
            "empty.txt: the file has no line of numbers; expected at least one row of numbers",
        ),
        (
            "head.csv",
            b"key,Joy\n",
            "head.csv: the table has a header and no rows; expected at least one row of numbers",
        ),
        (
            "keys.csv",
            b"key\na\nb\n",
            "keys.csv: the table has a column of keys and no column of numbers; expected at least one row of numbers",
        ),
        (
            "ragged.csv",
            "\u{feff}key,Joy,Fear\r\na,1,2\r\n\r\n\r\nb,1\r\n".as_bytes(),
            "ragged.csv: line 5 has 2 columns, line 1 has 3; all rows must be equally long: repair the line, or \
             check the separator",
        ),
        (
            "ragged.txt",
            b"1 2 3\n4 5 6 7\n",
            "ragged.txt: line 2 has 4 columns, line 1 has 3; all rows must be equally long: repair the line, or \
             check the separator",
        ),
        (
            "cell.tsv",
            b"key\tJoy\na\t0.5\nb\tmuch\n",
            "cell.tsv: line 3, column 2: \"much\" is not a number; expected a number, or an empty cell, NA or n/a \
             where it is missing",
        ),
        (
            "mixed.csv",
            b"1,2,3\nb,2,3\n",
            "mixed.csv: line 2, column 1: \"b\" is not a number; if the first column holds the keys of the stimuli, \
             call it \"key\" in the header",
        ),
        (
            "comma.txt",
            b"1,2\n",
            "comma.txt: line 1, column 1: \"1,2\" is not a number; expected numbers between blanks; name a table \
             with separators .csv or .tsv",
        ),
        (
            "twice.csv",
            b"key,Joy\na,1\na,2\n",
            "twice.csv: stimulus key \"a\" stands in rows 1 and 2 (counted from 1); keys must be unique: remove or \
             rename one",
        ),
        (
            "latin.csv",
            b"key,Joy\nb\xf6se,1\n",
            "latin.csv: line 2 is not UTF-8 text; save the table as UTF-8",
        ),
        (
            "latin.txt",
            b"1\n\xf6\n",
            "latin.txt: line 2 is not UTF-8 text; save the table as UTF-8",
        ),
        (
            "numbered.csv",
            b"0,1,2\n0.5,0.1,0.2\n",
            "numbered.csv: the first row reads 0, 1, … 2: column numbers written as a header, or data? \
             Give the columns names, or delete the row",
        ),
        (
            "a.mat",
            b"x",
            "a.mat: the extension \"mat\" names no array format; expected .npy, .npz, .tsv, .csv or .txt",
        ),
    ] {
        assert_eq!(refusal(&dir, read_matrix(put(&dir, name, text))), expected);
    }
    fs::create_dir(dir.path().join("folder.txt")).unwrap();
    let folder = refusal(&dir, read_matrix(dir.path().join("folder.txt")));
    assert_eq!(
        folder,
        "folder.txt: cannot be read: it is not a regular file"
    );
    let missing = refusal(&dir, read_matrix(dir.path().join("none.npy")));
    assert!(
        missing.starts_with("none.npy: cannot be read: No such file"),
        "{missing}"
    );
}

#[test]
fn an_array_that_is_no_matrix_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("flat.npy");
    write_npy(&path, Overwrite::Refuse, array![1.0, 2.0].view()).unwrap();
    assert_eq!(
        refusal(&dir, read_matrix(&path)),
        "flat.npy: shape [2] has 1 axes; expected 2, stimuli × columns"
    );
    let place = Place {
        path: "ids.npy".into(),
        member: None,
    };
    let ids = |values: ndarray::ArrayD<f64>| Array::F64(values).into_i64(&place);
    assert_eq!(
        ids(array![3.0, 4.0].into_dyn()).unwrap(),
        array![3, 4].into_dyn()
    );
    for value in [0.5, f64::NAN, f64::INFINITY, 9.3e18] {
        let message = ids(array![3.0, value].into_dyn()).unwrap_err().to_string();
        assert_eq!(
            message,
            format!("ids.npy: element 1 (counted from 0) is {value}; expected an integer")
        );
    }
    let lost = Array::I64(array![0, (1 << 53) + 1].into_dyn())
        .into_f64(&place)
        .unwrap_err()
        .to_string();
    assert!(
        lost.contains("element 1 (counted from 0) is 9007199254740993"),
        "{lost}"
    );
}

#[test]
fn the_published_embeddings_read_whole() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/embeddings");
    if !data.exists() {
        println!("skipped: {} is absent", data.display());
        return;
    }
    assert_eq!(
        read_matrix(data.join("spose_embedding_49d_sorted.txt"))
            .unwrap()
            .values
            .dim(),
        (1854, 49)
    );
    assert_eq!(
        read_matrix(data.join("vice_things.npy"))
            .unwrap()
            .values
            .dim(),
        (1854, 42)
    );
}

proptest! {
    #[test]
    fn a_table_reads_back_as_written(
        values in proptest::collection::vec(proptest::num::f64::ANY, 1..40),
        names in proptest::collection::vec("[a-zA-Z,\"é ]{1,6}", 1..4),
    ) {
        let width = names.len();
        let n = values.len().div_ceil(width);
        let names: Vec<String> = names.iter().map(|name| format!("n{}", name.trim())).collect();
        let matrix = Array2::from_shape_fn((n, width), |(i, j)| *values.get(i * width + j).unwrap_or(&0.0));
        let rows = StimulusSet::from_labels((0..n).map(|i| format!("\"clip\" {i}"))).unwrap();
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.tsv");
        write_tsv(&path, Overwrite::Refuse, &rows, &names, matrix.view()).unwrap();
        let back = read_matrix(&path).unwrap();
        for (a, b) in back.values.iter().zip(&matrix) {
            prop_assert!(a == b || (a.is_nan() && b.is_nan()), "{a} for {b}");
        }
        prop_assert_eq!(back.rows, Some(rows));
        prop_assert_eq!(back.columns, Some(names));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(tail in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..400) {
        let dir = TempDir::new().unwrap();
        let mut npy = header("<f4", "(3, 4)");
        npy.extend([0; 48]);
        let at = at.min(npy.len());
        npy.splice(at..(at + tail.len()).min(npy.len()), tail.iter().copied());
        let archive = zip_of(&npy, zip::CompressionMethod::Deflated);
        for (name, bytes) in [("a.npy", &npy), ("a.npz", &archive), ("b.npz", &tail), ("a.csv", &tail), ("a.txt", &tail)] {
            let _ = read_matrix(put(&dir, name, bytes));
        }
    }
}
