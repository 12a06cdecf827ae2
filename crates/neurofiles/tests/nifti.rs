//! NIfTI images equal what nibabel reads from them, bit for bit; hostile headers end in an error that explains itself.

mod images;

use emotome_neurofiles::nifti::{
    ImageError, Layout, Mask, Note, Orientation, Reader, Version, Writer, write,
};
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::output::Overwrite;
use flate2::Compression;
use flate2::write::GzEncoder;
use images::{Case, bits, cases};
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use std::path::Path;

fn all<T: emotome_neurofiles::nifti::Sample>(path: &Path) -> Result<Vec<T>, ImageError> {
    let volumes: Result<Vec<Vec<T>>, _> = Reader::open(path)?.volumes()?.collect();
    Ok(volumes?.concat())
}

#[test]
fn every_type_order_scaling_and_container_equals_nibabel() {
    let mut count = 0;
    for case in cases("nifti") {
        let (folder, name) = (case.unpack(), &case.name);
        let path = folder.path().join(&case.open);
        let reader = Reader::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let shape: Vec<usize> = serde_json::from_value(case.json["shape"].clone()).unwrap();
        assert_eq!(reader.header().shape, shape, "{name}");
        let (affine, expected) = (reader.grid().affine.0.concat(), case.f64("affine"));
        if name == "v2le_qform16" || name == "v2be_qform16" {
            // Nearly a half turn: nibabel's 80 bits lose ten digits of the scalar part, ours do not.
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-13;
            assert!(
                affine.iter().zip(&expected).all(close),
                "{name}: {affine:?} {expected:?}"
            );
        } else {
            assert_eq!(
                bits(&affine),
                bits(&expected),
                "{name}: {affine:?} {expected:?}"
            );
        }
        let found = &reader.header().extensions;
        let expected = case.json["extensions"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(i64::from(found.code), expected[0]);
            assert_eq!(found.bytes, images::base64(&expected[1]));
        }
        if case.json["rgb"].is_string() {
            let colours = all::<[u8; 3]>(&path).unwrap();
            assert_eq!(
                colours.concat(),
                images::base64(&case.json["rgb"]),
                "{name}"
            );
            let error = all::<f32>(&path).unwrap_err().to_string();
            assert!(
                error.contains("Rgb24") && error.contains("colours"),
                "{error}"
            );
        } else {
            assert_eq!(
                bits(&all::<f64>(&path).unwrap()),
                bits(&case.f64("data")),
                "{name}"
            );
            let single: Vec<u32> = all::<f32>(&path)
                .unwrap()
                .iter()
                .map(|v| canonical(*v))
                .collect();
            let expected: Vec<u32> = case.f32("single").iter().map(|v| canonical(*v)).collect();
            assert_eq!(single, expected, "{name}");
            assert!(all::<[u8; 3]>(&path).is_err());
        }
        count += 1;
    }
    assert!(count > 150, "{count}");
}

fn canonical(v: f32) -> u32 {
    if v.is_nan() {
        f32::NAN.to_bits()
    } else {
        v.to_bits()
    }
}

fn named(name: &str) -> Case {
    cases("nifti").find(|c| c.name == name).unwrap()
}

#[test]
fn what_is_not_as_in_the_header_is_noted() {
    let notes = |name: &str| {
        let case = named(name);
        let folder = case.unpack();
        let reader = Reader::open(folder.path().join(&case.open)).unwrap();
        (
            reader.header().notes.clone(),
            reader.header().orientation,
            reader.header().version,
        )
    };
    let millimetres = 1000.0;
    assert_eq!(
        notes("v1le_meter"),
        (
            vec![Note::Units { millimetres }],
            Orientation::Sform(1),
            Version::One
        )
    );
    let sizes = vec![
        Note::VoxelSize {
            axis: 0,
            found: 0.0,
        },
        Note::VoxelSize {
            axis: 1,
            found: -3.0,
        },
        Note::NoOrientation,
    ];
    assert_eq!(
        notes("v2be_sizes1"),
        (sizes, Orientation::Sizes, Version::Two)
    );
    let turned = vec![Note::Handedness { found: 0.0 }];
    assert_eq!(
        notes("v1le_qform2"),
        (turned, Orientation::Qform(1), Version::One)
    );
}

fn grid(shape: [usize; 3]) -> Grid {
    let affine = Affine([
        [-2.0, 0.0, 0.5, 90.0],
        [0.0, 2.0, 0.0, -126.0],
        [0.25, 0.0, 2.0, -72.0],
    ]);
    Grid { shape, affine }
}

#[test]
fn a_mask_keeps_its_voxels_in_order_over_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let (mask, image) = (
        dir.path().join("mask.nii.gz"),
        dir.path().join("image.nii.gz"),
    );
    let grid = grid([61, 67, 31]);
    let n = grid.len().unwrap();
    let inside: Vec<f32> = (0..n)
        .map(|i| match i % 11 {
            0 => 1.0,
            3 => f32::NAN,
            5 => -1.0,
            _ => 0.0,
        })
        .collect();
    write(&mask, Overwrite::Refuse, &grid, &inside).unwrap();
    let layout = Layout {
        volumes: Some(3),
        repetition: Some(2.0),
        ..Layout::new(grid)
    };
    let mut writer = Writer::create(&image, Overwrite::Refuse, &layout).unwrap();
    for volume in 0..3 {
        let values: Vec<f64> = (0..n).map(|i| (i * 3 + volume) as f64).collect();
        writer.volume(&values).unwrap();
    }
    writer.finish().unwrap();
    let mask = Mask::read(&mask).unwrap();
    assert_eq!(mask.voxels().len(), n.div_ceil(11));
    assert_eq!(mask.nan, (n + 7) / 11);
    let third = mask.indices().nth(2).unwrap();
    assert_eq!(third, [22, 0, 0]);
    let reader = Reader::open(&image).unwrap();
    assert_eq!((reader.len(), reader.header().repetition), (3, Some(2.0)));
    for (volume, values) in reader.masked::<f32>(&mask).unwrap().enumerate() {
        let expected: Vec<f32> = (0..n)
            .step_by(11)
            .map(|i| (i * 3 + volume) as f32)
            .collect();
        assert_eq!(values.unwrap(), expected);
    }
    let mut elsewhere = grid;
    elsewhere.affine.0[1][3] += 1.0;
    let other = Mask::of(elsewhere, &vec![1.0; n]);
    let error = Reader::open(&image)
        .unwrap()
        .masked::<f32>(&other)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("differ by up to 1.0000 (entry [1, 3])"),
        "{error}"
    );
}

#[test]
fn an_empty_mask_and_a_mask_of_several_volumes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mask.nii");
    write(
        &path,
        Overwrite::Refuse,
        &grid([2, 1, 1]),
        &[0.0_f32, f32::NAN],
    )
    .unwrap();
    let error = Mask::read(&path).unwrap_err().to_string();
    assert!(error.contains("empty (1 voxels are NaN)"), "{error}");
    let layout = Layout {
        volumes: Some(2),
        ..Layout::new(grid([1, 1, 1]))
    };
    let mut writer = Writer::create(&path, Overwrite::Replace, &layout).unwrap();
    writer.volume(&[1_u8]).unwrap();
    writer.volume(&[1_u8]).unwrap();
    writer.finish().unwrap();
    let error = Mask::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("the number of volumes is 2; expected one"),
        "{error}"
    );
}

#[test]
fn equal_images_are_equal_files_and_long_axes_take_nifti_2() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a.nii.gz", "b.nii.gz", "long.nii"].map(|name| dir.path().join(name));
    for path in &paths[..2] {
        write(path, Overwrite::Refuse, &grid([2, 1, 1]), &[1_i16, -7]).unwrap();
    }
    assert_eq!(fs::read(&paths[0]).unwrap(), fs::read(&paths[1]).unwrap());
    write(
        &paths[2],
        Overwrite::Refuse,
        &grid([40_000, 1, 1]),
        &vec![7_u8; 40_000],
    )
    .unwrap();
    let reader = Reader::open(&paths[2]).unwrap();
    assert_eq!(
        (reader.header().version, reader.grid()),
        (Version::Two, grid([40_000, 1, 1]))
    );
    let error = write("x.img", Overwrite::Refuse, &grid([1; 3]), &[1_u8]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("expected one that ends in .nii or .nii.gz"),
        "{error}"
    );
    let error = write(
        dir.path().join("c.nii"),
        Overwrite::Refuse,
        &grid([2; 3]),
        &[1_u8],
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("1 elements; expected 1 volumes of 8"),
        "{error}"
    );
}

/// A header of NIfTI-1 and one voxel of `f32`.
fn plain() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nii");
    write(&path, Overwrite::Refuse, &grid([1; 3]), &[1.0_f32]).unwrap();
    fs::read(path).unwrap()
}

fn refused(bytes: &[u8], expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let zipped = {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    for (name, bytes) in [("x.nii", bytes), ("x.nii.gz", &zipped)] {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = all::<f32>(&path).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = plain();
    for at in 0..whole.len() {
        let expected = if at < 4 { "begins with" } else { "truncated" };
        refused(&whole[..at], expected);
    }
}

#[test]
fn lying_headers_are_named_with_field_and_place() {
    let with = |at: usize, bytes: &[u8]| {
        let mut header = plain();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        header
    };
    let shorts = |dims: [i16; 4]| {
        dims.iter()
            .flat_map(|d| d.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    refused(&with(0, &[1, 2, 3, 4]), "expected 348 or 540");
    refused(&with(344, b"n-1"), "ANALYZE");
    refused(
        &with(40, &shorts([8, 1, 1, 1])),
        "dim[0], the number of axes, (byte 40) is 8; expected 1 to 7",
    );
    refused(&with(40, &shorts([0, 1, 1, 1])), "expected 1 to 7");
    refused(
        &with(40, &shorts([3, 1, 0, 1])),
        "dim (byte 40) is [1, 0, 1]; expected no axis shorter than 1",
    );
    refused(
        &with(40, &shorts([3, 1, -4, 1])),
        "expected no axis shorter than 1",
    );
    refused(
        &with(40, &shorts([3, i16::MAX, i16::MAX, i16::MAX])),
        "the file is truncated or its header lies",
    );
    refused(&with(70, &[1, 0]), "datatype (byte 70) is 1 (binary)");
    refused(&with(70, &[32, 0]), "is 32 (complex)");
    refused(
        &with(108, &351.0_f32.to_le_bytes()),
        "vox_offset (byte 108) is 351; expected at least 352",
    );
    refused(
        &with(108, &352.5_f32.to_le_bytes()),
        "expected a whole number of bytes",
    );
    refused(
        &with(108, &(-1.0_f32).to_le_bytes()),
        "expected a whole number of bytes",
    );
    refused(
        &with(108, &f32::NAN.to_le_bytes()),
        "expected a whole number of bytes",
    );
    refused(
        &with(108, &1e9_f32.to_le_bytes()),
        "more than the 268435456 accepted",
    );
    refused(&with(108, &1e8_f32.to_le_bytes()), "truncated");
    refused(
        &with(280, &f32::NAN.to_le_bytes()),
        "the affine (byte 280) is [[NaN, ",
    );
    let mut inter = with(112, &2.0_f32.to_le_bytes());
    inter[116..120].copy_from_slice(&f32::INFINITY.to_le_bytes());
    refused(&inter, "scl_inter (byte 116) is inf");
    let mut quaternion = with(252, &[1, 0, 0, 0]);
    quaternion[256..264].copy_from_slice(&[1.0_f32.to_le_bytes(); 2].concat());
    refused(&quaternion, "of squared length 2; expected at most 1");
    let two_axes: Vec<u8> = [6_i16, 1, 1, 1, 1, 2, 2]
        .iter()
        .flat_map(|d| d.to_le_bytes())
        .collect();
    refused(
        &with(40, &two_axes),
        "at most one axis longer than 1 after the third",
    );
}

#[test]
fn a_lying_extension_is_refused() {
    for size in [i32::MIN, -1, 0, 7, 33, i32::MAX] {
        let mut bytes = plain();
        bytes[108..112].copy_from_slice(&384.0_f32.to_le_bytes());
        let mut room = vec![0; 32];
        room[..4].copy_from_slice(&size.to_le_bytes());
        bytes.splice(352..352, room);
        bytes[348] = 1;
        refused(&bytes, "the size of a header extension (byte 352) is");
    }
}

#[test]
fn a_header_that_no_file_can_back_takes_no_memory() {
    // 2⁶² elements, and a product that overflows.
    for dims in [
        [3_i64, 1 << 31, 1 << 31, 1],
        [3, i64::MAX, i64::MAX, i64::MAX],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.nii");
        write(
            &path,
            Overwrite::Refuse,
            &grid([40_000, 1, 1]),
            &vec![0_u8; 40_000],
        )
        .unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for (i, d) in dims.iter().enumerate() {
            bytes[16 + 8 * i..][..8].copy_from_slice(&d.to_le_bytes());
        }
        refused(&bytes, "header lies");
    }
}

#[test]
fn a_damaged_checksum_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nii.gz");
    write(&path, Overwrite::Refuse, &grid([2, 1, 1]), &[1.0_f32, 2.0]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 6;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = all::<f32>(&path).unwrap_err().to_string();
    assert!(error.contains("the compressed data are damaged"), "{error}");
}

#[test]
fn a_compressed_image_padded_at_its_end_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.nii.gz");
    write(&path, Overwrite::Refuse, &grid([2, 1, 1]), &[1.0_f32, 2.0]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 512]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(all::<f32>(&path).unwrap(), [1.0, 2.0]);
}

#[test]
fn a_pair_without_its_data_says_so() {
    let case = cases("nifti").find(|c| c.open.ends_with(".hdr")).unwrap();
    let folder = case.unpack();
    let image = folder.path().join("image.img");
    assert!(Reader::open(&image).is_ok(), "either name opens a pair");
    fs::remove_file(&image).unwrap();
    let error = Reader::open(folder.path().join("image.hdr")).unwrap_err();
    assert!(
        error.to_string().contains("image.img: cannot be read"),
        "{error}"
    );
}

#[test]
fn a_real_run_behind_its_mask_is_finite() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/brain/haxby_slice");
    if !folder.exists() {
        return println!("skipped: {} is absent", folder.display());
    }
    let mask = Mask::read(folder.join("mask.nii.gz")).unwrap();
    let reader = Reader::open(folder.join("bold.nii.gz")).unwrap();
    let count = reader.len();
    let rows: Vec<_> = reader
        .masked::<f32>(&mask)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!((rows.len(), mask.nan), (count, 0));
    assert!(rows.iter().all(|row| row.len() == mask.voxels().len()));
    assert!(rows.iter().flatten().all(|v| v.is_finite()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        shape in [1_usize..5, 1..5, 1..5],
        volumes in 1_usize..4,
        affine in prop::array::uniform3(prop::array::uniform4(-300.0_f32..300.0)),
        seed in any::<u32>(),
        zipped in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(if zipped { "x.nii.gz" } else { "x.nii" });
        let grid = Grid { shape, affine: Affine(affine.map(|row| row.map(f64::from))) };
        let n = grid.len().unwrap();
        let layout = Layout { volumes: Some(volumes), description: "über".into(), space: 4, ..Layout::new(grid) };
        let mut writer = Writer::create(&path, Overwrite::Refuse, &layout).unwrap();
        let value = |v: usize, i: usize| f32::from_bits(seed.wrapping_mul(2_654_435_761).rotate_left((v * n + i) as u32) & 0xff7f_ffff);
        for v in 0..volumes {
            writer.volume(&(0..n).map(|i| value(v, i)).collect::<Vec<_>>()).unwrap();
        }
        writer.finish().unwrap();
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(reader.grid(), grid);
        prop_assert_eq!(reader.header().orientation, Orientation::Sform(4));
        prop_assert_eq!(reader.header().description.as_str(), "über");
        for (v, volume) in reader.volumes::<f32>().unwrap().enumerate() {
            let expected: Vec<u32> = (0..n).map(|i| value(v, i).to_bits()).collect();
            let found: Vec<u32> = volume.unwrap().iter().map(|x| x.to_bits()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
