//! What is fuzzed of MATLAB, HDF5 and BData files, of selections, of names and tables of derivatives, and of drawings.

use emotome_neurofiles::bdata::{BData, BDataError, Metadata, RoiFile, RoiFileError, Selection};
use emotome_neurofiles::derivatives::table::{self, Table};
use emotome_neurofiles::derivatives::{BidsName, DatasetDescription, Role};
use emotome_neurofiles::hdf5::{Group, Hdf5Error, Node, Source};
use emotome_neurofiles::matlab;
use emotome_neurofiles::overlays::Overlays;
use std::fs;
use std::path::Path;

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] = [
    ("matlab", matlab),
    ("hdf5", hdf5),
    ("selection", selection),
    ("derivatives", derivatives),
    ("overlays", overlays),
];

/// A MATLAB file of any version: its names, and all its values.
pub fn matlab(bytes: &[u8]) {
    with_file("file.mat", bytes, |path| {
        let names = matlab::names(path);
        if let Ok(values) = matlab::read(path) {
            let read: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
            assert_eq!(names.ok(), Some(read), "names and values disagree");
            for (_, value) in &values {
                let _ = (value.texts(), value.text(), value.dims());
            }
        }
    });
}

/// An HDF5 file: every object some levels deep; and the same as BData and as the file of one region.
pub fn hdf5(bytes: &[u8]) {
    with_file("file.h5", bytes, |path| {
        if let Ok(source) = Source::open(path) {
            walk(&source.root(), 0, &mut 500);
        }
        if let Ok(file) = RoiFile::open(path) {
            let mut voxels = 0;
            let read = file.for_each_voxel(|_, responses| {
                assert_eq!(responses.len(), file.samples());
                voxels += 1;
                Ok::<_, RoiFileError>(())
            });
            assert!(read.is_err() || file.samples() == 0 || voxels == file.voxels());
        }
        let Ok(file) = BData::open(path) else { return };
        let keys = file.metadata().keys().to_vec();
        for key in keys.iter().take(20) {
            let columns = Selection::key(key).columns(file.metadata());
            let Ok(columns) = columns else { continue };
            let mut values = 0;
            let read = file.for_each_tile(&columns, |tile| {
                assert_eq!(tile.values.len(), tile.samples * tile.columns);
                values += tile.values.len();
                Ok::<_, BDataError>(())
            });
            assert!(read.is_err() || values == columns.len() * file.samples());
            let _ = file.labels(key);
        }
    });
}

fn walk(group: &Group<'_>, depth: usize, left: &mut u32) {
    let _ = group.attributes();
    for name in group.datasets().unwrap_or_default() {
        let Some(less) = left.checked_sub(1) else {
            return;
        };
        *left = less;
        let Ok(dataset) = group.dataset(&name) else {
            continue;
        };
        let _ = (
            dataset.attributes(),
            dataset.read_texts(),
            dataset.read_complex(),
        );
        let whole = dataset.read_f64();
        let mut rows = Vec::new();
        let streamed = dataset.for_each_block::<Hdf5Error>(|_, block| {
            rows.extend_from_slice(block);
            Ok(())
        });
        if let (Ok(whole), Ok(())) = (whole, streamed) {
            assert_eq!(whole.len(), rows.len(), "rows and whole disagree");
        }
        for node in dataset.targets().unwrap_or_default().iter().take(20) {
            if let Node::Group(inner) = node
                && depth < 4
            {
                walk(inner, depth + 1, left);
            }
        }
    }
    for name in group.groups().unwrap_or_default() {
        let Some(less) = left.checked_sub(1) else {
            return;
        };
        *left = less;
        if let Ok(inner) = group.group(&name)
            && depth < 4
        {
            walk(&inner, depth + 1, left);
        }
    }
}

/// A selection, over a few keys.
pub fn selection(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut metadata = Metadata::new(8);
    metadata.select("ROI_A", "", 0..5);
    metadata.select("ROI_B", "", 3..8);
    metadata.describe("F", "", |column| column as f64);
    match text.parse::<Selection>() {
        Ok(selection) => {
            if let Ok(columns) = selection.columns(&metadata) {
                assert!(columns.is_sorted() && columns.iter().all(|&column| column < 8));
            }
        }
        Err(error) => assert!(error.at >= 1 && error.at <= text.chars().count() + 1),
    }
}

/// A name of BIDS, a table, events and a description, each from the same bytes.
pub fn derivatives(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(name) = text.parse::<BidsName>()
    {
        assert_eq!(name.to_string(), text);
        let _ = (Role::of(&name), name.run());
    }
    with_file(DatasetDescription::FILE, bytes, |path| {
        if let Ok(table) = Table::read(path) {
            for column in table.columns() {
                assert_eq!(
                    table.texts(column).ok().map(|c| c.len()),
                    Some(table.rows())
                );
                let _ = table.numbers(column);
            }
        }
        if let Ok(events) = table::events(path) {
            let _ = table::check_duration(path, &events, 100, 2.0);
        }
        let _ = path.parent().map(DatasetDescription::read);
    });
}

/// Regions drawn in an SVG.
pub fn overlays(bytes: &[u8]) {
    with_file("overlays.svg", bytes, |path| {
        if let Ok(found) = Overlays::read(path, "rois") {
            let borders = found.regions.iter().flat_map(|region| &region.borders);
            let mut points = borders.flat_map(|border| &border.points);
            assert!(points.all(|point| point.iter().all(|v| v.is_finite())));
        }
    });
}

fn with_file(name: &str, bytes: &[u8], visit: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    visit(&path);
}
