//! Arrays written by NumPy read back as NumPy holds them, and damaged ones say what is wrong.

mod files;

use std::fs;

use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{
    Array, Place, npz_members, read_matrix, read_matrix_named, read_npy, read_npz, write_npy,
    write_npz,
};
use emotome_stimuli::output::Overwrite;
use files::{header, put, refusal, zip_of};
use ndarray::{Array2, array};
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
