//! Arrays written by NumPy read back as NumPy holds them, and damaged ones say what is wrong.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{
    Array, LabelledMatrix, Place, npz_members, read_matrix, read_matrix_named, read_npy, read_npz,
    write_npy, write_npz, write_tsv,
};
use emotome_stimuli::output::Overwrite;
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

fn fixtures() -> Value {
    serde_json::from_str(include_str!("fixtures/arrays.json")).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn put(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The message of a refusal, without the folder.
fn refusal<T: std::fmt::Debug>(dir: &TempDir, result: Result<T, impl std::fmt::Display>) -> String {
    let Err(error) = result else {
        panic!("accepted: {result:?}", result = result.ok())
    };
    error
        .to_string()
        .replace(&format!("{}/", dir.path().display()), "")
}

fn header(descr: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.bytes());
    file
}

#[test]
fn every_type_order_and_version_reads_as_numpy_holds_it() {
    let dir = TempDir::new().unwrap();
    let fixtures = fixtures();
    let cases = fixtures["arrays"].as_array().unwrap();
    assert!(cases.len() > 50);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let path = put(&dir, "a.npy", bytes(&case["bytes"]));
        let array = read_npy(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(array.dtype(), case["kind"], "{name}");
        assert_eq!(serde_json::json!(array.shape()), case["shape"], "{name}");
        if let Array::Text(texts) = &array {
            assert_eq!(
                serde_json::json!(texts.iter().collect::<Vec<_>>()),
                case["values"],
                "{name}"
            );
        } else {
            let place = Place {
                path: path.clone(),
                member: None,
            };
            let values = array.clone().into_f64(&place).unwrap();
            let expected = case["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_str().unwrap().parse::<f64>().unwrap());
            assert!(values.iter().copied().eq(expected), "{name}: {values:?}");
        }
        write_npy(&path, Overwrite::Replace, array.view()).unwrap();
        assert_eq!(
            read_npy(&path).unwrap(),
            array,
            "{name} changed on the way through a file of ours"
        );
    }
}

#[test]
fn what_is_no_array_of_numbers_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let fixtures = fixtures();
    for (name, expected) in [
        (
            "pickled",
            "a.npy: holds pickled Python objects (dtype |O), which can run any code when read and are therefore \
             refused; save numbers instead: np.save(file, np.asarray(a, dtype=float))",
        ),
        (
            "pickled record",
            "a.npy: holds pickled Python objects (dtype [('a', '<f4'), ('b', '|O')])",
        ),
        (
            "half",
            "a.npy: dtype <f2 is not supported; expected f4, f8, i1 to i8, u1 to u8, b1 or text",
        ),
        ("complex", "a.npy: dtype <c16 is not supported"),
        (
            "record",
            "a.npy: dtype [('a', '<f4'), ('b', '<i4')] is not supported",
        ),
        ("date", "a.npy: dtype <M8[D] is not supported"),
        (
            "empty",
            "a.npy: the array of shape (0, 3) and dtype <f8 has no content; expected at least one row",
        ),
    ] {
        let path = put(&dir, "a.npy", bytes(&fixtures["refused"][name]));
        let message = refusal(&dir, read_npy(path));
        assert!(message.starts_with(expected), "{name}: {message}");
    }
}

#[test]
fn a_header_that_claims_a_trillion_elements_is_weighed_against_the_file() {
    let dir = TempDir::new().unwrap();
    for (descr, shape, expected) in [
        (
            "<f4",
            "(1000000, 1000000)",
            "shape (1000000, 1000000) of <f4, 4000000000000 bytes of data, but there are 16",
        ),
        (
            "<f8",
            "(4294967296, 4294967296)",
            "of <f8, more than 2^63 bytes of data, but there are 16",
        ),
        (
            "<U1000000",
            "(1000000,)",
            "shape (1000000,) of <U1000000, 4000000000000 bytes of data, but there are 16",
        ),
        (
            "<U0",
            "(1000000000000,)",
            "the array of shape (1000000000000,) and dtype <U0 has no content",
        ),
        (
            "<f4",
            "(0, 1000000000000)",
            "the array of shape (0, 1000000000000) and dtype <f4 has no content",
        ),
        (
            "<f4",
            "(3,)",
            "shape (3,) of <f4, 12 bytes of data, but there are 16; the file is truncated or damaged",
        ),
        (
            "<f4",
            "(99999999999999999999,)",
            "shape is not a tuple of whole numbers in the header",
        ),
        (
            "<f4",
            "(-1, 4)",
            "shape is not a tuple of whole numbers in the header",
        ),
    ] {
        let mut file = header(descr, shape);
        file.extend([0; 16]);
        let path = put(&dir, "claims.npy", file);
        let message = refusal(&dir, read_npy(path));
        assert!(message.contains(expected), "{shape}: {message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let dir = TempDir::new().unwrap();
    let whole = bytes(&fixtures()["arrays"][0]["bytes"]);
    for length in 0..whole.len() {
        let path = put(&dir, "cut.npy", &whole[..length]);
        let message = refusal(&dir, read_npy(path));
        let expected = match length {
            0 => "cut.npy: the file has 0 bytes; expected at least one row of numbers".to_owned(),
            1..128 => format!(
                "cut.npy: not a NumPy array: the file of {length} bytes ends within its header"
            ),
            _ => format!(
                "cut.npy: the header claims shape (3, 4) of <f4, 48 bytes of data, but there are {}; the file is \
                 truncated or damaged: fetch or write it again",
                length - 128
            ),
        };
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn archives_of_numpy_read_with_their_labels() {
    let dir = TempDir::new().unwrap();
    for kind in ["stored", "deflated"] {
        let path = put(&dir, "a.npz", bytes(&fixtures()["archives"][kind]));
        assert_eq!(
            npz_members(&path).unwrap(),
            ["embedding", "stimuli", "columns", "seed"]
        );
        let matrix = read_matrix(&path).unwrap();
        assert_eq!(
            matrix.values,
            array![[0.0, 0.25], [0.5, 0.75], [1.0, 1.25]],
            "{kind}"
        );
        assert_eq!(
            matrix.rows,
            Some(StimulusSet::from_labels(["fog", "kiss", "wasp"]).unwrap())
        );
        assert_eq!(matrix.columns, Some(vec!["fear".into(), "joy".into()]));
        let message = refusal(&dir, read_matrix_named(&path, "weights"));
        assert_eq!(
            message,
            "a.npz, member \"weights\": no such member; the archive holds embedding, stimuli, columns, seed"
        );
    }
    let path = put(
        &dir,
        "two.npz",
        bytes(&fixtures()["archives"]["two matrices"]),
    );
    assert_eq!(
        refusal(&dir, read_matrix(&path)),
        "two.npz: 2 members are numeric matrices (a: f8 [2, 2], b: f8 [3, 3], note: |O, not read); expected one: \
         name the member to read"
    );
    assert_eq!(
        read_matrix_named(&path, "b").unwrap().values,
        Array2::<f64>::eye(3)
    );
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let dir = TempDir::new().unwrap();
    let whole = bytes(&fixtures()["archives"]["deflated"]);
    for length in (0..whole.len()).step_by(7) {
        let message = refusal(&dir, read_matrix(put(&dir, "cut.npz", &whole[..length])));
        let expected = if length == 0 {
            "cut.npz: the file has 0 bytes"
        } else {
            "cut.npz: not a sound .npz archive: "
        };
        assert!(message.starts_with(expected), "{message}");
    }
}

/// Overwrites the sizes that both headers of the only member of an archive claim.
fn lie_about_size(archive: &mut [u8], compressed: Option<u32>, size: u32) {
    let central = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for at in [18, central + 20] {
        if let Some(compressed) = compressed {
            archive[at..at + 4].copy_from_slice(&compressed.to_le_bytes());
        }
        archive[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
    }
}

fn zip_of(npy: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    archive.start_file("a.npy", options).unwrap();
    archive.write_all(npy).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_member_that_lies_about_its_size_is_refused() {
    let dir = TempDir::new().unwrap();
    let mut honest = header("<f4", "(4, 1)");
    honest.extend([7; 16]);
    let mut claims = header("<f4", "(250000000, 4)");
    let claimed = claims.len() as u32 + 4_000_000_000;
    claims.extend([7; 16]);
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let mut archive = zip_of(&claims, method);
        lie_about_size(&mut archive, None, claimed);
        let message = refusal(&dir, read_matrix(put(&dir, "lie.npz", archive)));
        assert!(
            message.contains("compressed bytes can hold at most"),
            "{message}"
        );
        // Bytes beyond the claim, and fewer than claimed.
        let length = honest.len() as u32;
        for (size, expected) in [
            (length - 4, "but there are 12"),
            (length + 4, "but there are 20"),
        ] {
            let mut archive = zip_of(&honest, method);
            lie_about_size(&mut archive, None, size);
            let message = refusal(&dir, read_matrix(put(&dir, "lie.npz", archive)));
            assert!(
                message.contains(expected) || message.contains("compressed bytes can hold"),
                "{message}"
            );
        }
    }
    let mut more = header("<f4", "(3, 1)");
    more.extend([7; 16]);
    let size = more.len() as u32 - 4;
    let mut archive = zip_of(&more, zip::CompressionMethod::Deflated);
    lie_about_size(&mut archive, None, size);
    let message = refusal(&dir, read_matrix(put(&dir, "lie.npz", archive)));
    assert!(
        message.starts_with("lie.npz, member \"a\": not a sound .npz archive: "),
        "{message}"
    );
}

#[test]
fn a_decompression_bomb_is_refused_before_it_goes_off() {
    let dir = TempDir::new().unwrap();
    let mut npy = header("<f4", "(500000000, 1)");
    let claimed = npy.len() as u32 + 2_000_000_000;
    npy.resize(4_000_000, 0);
    let mut archive = zip_of(&npy, zip::CompressionMethod::Deflated);
    // The payload need not be there: enough compressed bytes make the claim possible.
    let central = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let compressed = u32::from_le_bytes(archive[central + 20..central + 24].try_into().unwrap());
    assert!(u64::from(compressed) * 1032 < 2_000_000_000);
    let padding = vec![0; 2_500_000];
    let start = 30 + 5;
    archive.splice(
        start + compressed as usize..start + compressed as usize,
        padding.iter().copied(),
    );
    let end = archive
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .unwrap();
    let central = (central + padding.len()) as u32;
    archive[end + 16..end + 20].copy_from_slice(&central.to_le_bytes());
    let grown = compressed + padding.len() as u32;
    for at in [18, central as usize + 20] {
        archive[at..at + 4].copy_from_slice(&grown.to_le_bytes());
        archive[at + 4..at + 8].copy_from_slice(&claimed.to_le_bytes());
    }
    let message = refusal(&dir, read_matrix(put(&dir, "bomb.npz", archive)));
    assert!(
        message.contains("refused as a decompression bomb"),
        "{message}"
    );
}

#[test]
fn a_flipped_bit_in_an_archive_is_noticed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.npz");
    write_npz(
        &path,
        Overwrite::Refuse,
        &[("a", Array2::<f64>::ones((50, 50)).view().into())],
    )
    .unwrap();
    let mut archive = fs::read(&path).unwrap();
    let middle = archive.len() / 2;
    archive[middle] ^= 1;
    let message = refusal(&dir, read_npz(put(&dir, "flipped.npz", archive), "a"));
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn archives_depend_on_their_arrays_alone() {
    let dir = TempDir::new().unwrap();
    let matrix = array![[0.5_f32, 0.0], [0.25, 1.0]];
    let keys = ndarray::arr1(&["fog".to_owned(), "kiss".to_owned()]);
    let write = |name: &str| {
        let path = dir.path().join(name);
        let members = [
            ("embedding", matrix.view().into()),
            ("stimuli", keys.view().into()),
        ];
        write_npz(&path, Overwrite::Refuse, &members).unwrap();
        path
    };
    let first = fs::read(write("a.npz")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2100)); // past the resolution of zip time stamps
    assert_eq!(first, fs::read(write("b.npz")).unwrap());
    let back = read_matrix(dir.path().join("b.npz")).unwrap();
    assert_eq!(back.values, matrix.mapv(f64::from));
    assert_eq!(back.rows.unwrap().keys()[1].as_str(), "kiss");
}

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
