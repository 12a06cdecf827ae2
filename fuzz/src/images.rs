//! What is fuzzed of images, surfaces and grayordinates. Apart from the other targets, which need more crates.

use emotome_neurofiles::nifti::{ImageError, Mask, Reader, Sample};
use emotome_neurofiles::{cifti, freesurfer, gifti};
use std::fs;
use std::path::Path;

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 4] = [
    ("nifti", nifti),
    ("gifti", gifti),
    ("cifti", cifti),
    ("freesurfer", freesurfer),
];

/// NIfTI: header, extensions, every volume as numbers and as colours, as a mask and behind it; a pair whose two files
/// are the same bytes.
pub fn nifti(bytes: &[u8]) {
    with_file("file.nii", bytes, |path| {
        told(volumes::<f32>(Reader::open(path)));
        told(volumes::<f64>(Reader::open(path)));
        told(volumes::<[u8; 3]>(Reader::open(path)));
        masked(path);
    });
    with_file("file.hdr", bytes, |path| {
        write(&path.with_extension("img"), bytes);
        told(volumes::<f32>(Reader::open(path)));
    });
}

/// GIFTI: everything in it, as a surface and as columns; what was read is written and read again.
pub fn gifti(bytes: &[u8]) {
    with_file("file.gii", bytes, |path| {
        let Some(read) = told(gifti::Gifti::read(path)) else {
            return;
        };
        if let Some(surface) = told(read.surface()) {
            let points = surface.points.len() as u32;
            assert!(surface.triangles.iter().flatten().all(|&v| v < points));
        }
        if let Some(columns) = told(read.columns()) {
            assert!(
                columns
                    .iter()
                    .all(|column| column.len() == columns[0].len())
            );
        }
        let copy = path.with_file_name("copy.gii");
        let written = read.write(&copy, emotome_stimuli::output::Overwrite::Refuse);
        if told(written).is_some() {
            let again =
                gifti::Gifti::read(&copy).unwrap_or_else(|error| panic!("not read again: {error}"));
            assert_eq!(again.arrays.len(), read.arrays.len());
        }
    });
}

/// CIFTI-2: axes, rows and the matrix; what was read is written and read again.
pub fn cifti(bytes: &[u8]) {
    with_file("file.nii", bytes, |path| {
        let Some(reader) = told(cifti::Reader::open(path)) else {
            return;
        };
        let axes = reader.axes().clone();
        let Some(matrix) = told(reader.read::<f32>()) else {
            return;
        };
        assert_eq!(matrix.shape(), [axes[0].len(), axes[1].len()]);
        for ending in [
            "dscalar", "dlabel", "dtseries", "dconn", "pscalar", "ptseries", "pconn",
        ] {
            let copy = path.with_file_name(format!("copy.{ending}.nii"));
            let written = cifti::write(
                &copy,
                emotome_stimuli::output::Overwrite::Refuse,
                &axes,
                matrix.view(),
            );
            if told(written).is_some() {
                let again = cifti::Reader::open(&copy)
                    .unwrap_or_else(|error| panic!("not read again: {error}"));
                assert!(
                    again.axes().each_ref().map(cifti::Axis::len)
                        == axes.each_ref().map(cifti::Axis::len)
                );
            }
        }
    });
}

/// Every file of FreeSurfer.
pub fn freesurfer(bytes: &[u8]) {
    with_file("file", bytes, |path| {
        if let Some(mesh) = told(freesurfer::read_surface(path)) {
            let points = mesh.surface.points.len() as u32;
            assert!(mesh.surface.triangles.iter().flatten().all(|&v| v < points));
        }
        told(freesurfer::read_curv(path));
        if let Some(annot) = told(freesurfer::read_annot(path)) {
            assert!(
                annot
                    .labels
                    .iter()
                    .flatten()
                    .all(|&at| at < annot.regions.len())
            );
        }
        told(freesurfer::read_label(path));
        if let Some(patch) = told(freesurfer::read_patch(path)) {
            assert_eq!(patch.vertices.len(), patch.points.len());
        }
        told(volumes::<f32>(Reader::open_mgh(path)));
    });
    with_file("file.mgz", bytes, masked);
}

fn volumes<T: Sample>(reader: Result<Reader<impl Sized>, ImageError>) -> Result<(), ImageError> {
    let reader = reader?;
    let (length, count) = (reader.grid().len(), reader.len());
    let mut read = 0;
    for volume in reader.volumes::<T>()? {
        assert_eq!(Some(volume?.len()), length);
        read += 1;
        // Many volumes in a small file are all alike to the reader.
        if read == 1000 {
            return Ok(());
        }
    }
    assert_eq!(read, count);
    Ok(())
}

fn masked(path: &Path) {
    let Some(mask) = told(Mask::read(path)) else {
        return;
    };
    assert!(
        mask.indices()
            .all(|index| (0..3).all(|axis| index[axis] < mask.grid().shape[axis]))
    );
    let reader = Reader::open_volume(path).unwrap_or_else(|error| panic!("read before: {error}"));
    let rows = reader
        .masked::<f32>(&mask)
        .unwrap_or_else(|error| panic!("its own grid: {error}"));
    for row in rows {
        let row = row.unwrap_or_else(|error| panic!("read before: {error}"));
        assert!(row.len() == mask.voxels().len() && row.iter().all(|&v| v >= 0.0));
    }
}

/// What was read; an error must say something.
fn told<T>(read: Result<T, ImageError>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(
                error.to_string().len() < 20_000,
                "a message of {} bytes",
                error.to_string().len()
            );
            None
        }
    }
}

fn with_file(name: &str, bytes: &[u8], visit: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let path = folder.path().join(name);
    write(&path, bytes);
    visit(&path);
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
}
