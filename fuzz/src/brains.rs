//! What is fuzzed of stores of responses, of tables of regions, and of the names and numbers of parcels.

use emotome_brain::regions::{Lookup, ParcelName, Parcels, RegionTable, resolve};
use emotome_brain::store::{Repeats, Selection, Store};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use std::fs;

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 2] = [("store", store), ("regions", regions)];

/// The files of a sound store: 4 voxels, 6 samples, 2 regions.
const FILES: [(&str, &[u8]); 6] = [
    ("store.json", include_bytes!("../store/store.json")),
    ("samples.tsv", include_bytes!("../store/samples.tsv")),
    ("voxels.tsv", include_bytes!("../store/voxels.tsv")),
    ("regions.tsv", include_bytes!("../store/regions.tsv")),
    ("data.npy", include_bytes!("../store/data.npy")),
    ("regions.npy", include_bytes!("../store/regions.npy")),
];

/// A store one of whose files, by the first byte, is the rest of the bytes.
pub fn store(bytes: &[u8]) {
    let Some((&which, content)) = bytes.split_first() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for (at, (name, sound)) in FILES.iter().enumerate() {
        let file = if at == usize::from(which) {
            content
        } else {
            sound
        };
        fs::write(folder.path().join(name), file).expect("a file");
    }
    let Ok(store) = Store::open(folder.path()) else {
        return;
    };
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    for repeats in [Repeats::Mean, Repeats::First, Repeats::Each] {
        let view = store.view(Selection {
            stimuli: None,
            repeats,
            left_out: true,
        });
        if let Ok(responses) = store.load(&view, run) {
            assert_eq!(responses.values.dim(), (store.voxels(), view.rows.len()));
        }
    }
    let _ = store.repeated();
    assert_eq!(store.places().len(), store.voxels());
}

/// A table of regions, a table of numbers and names, and the names of parcels, from the same text.
pub fn regions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let parcels = Parcels::from_members(
        8,
        [
            ("L_V1".to_owned(), vec![0, 1]),
            ("R_MST".to_owned(), vec![2, 7]),
            ("amygdala".to_owned(), vec![3]),
        ],
    );
    if let Ok(table) = RegionTable::read("table", text) {
        assert!(!table.groups().is_empty());
        if let Ok(parcels) = &parcels {
            for region in resolve(&table, parcels).regions {
                assert!(region.members.is_sorted() && region.members.iter().all(|&v| v < 8));
            }
        }
    }
    if let Ok(lookup) = Lookup::read(text) {
        let _ = Parcels::from_labels(&[0, 1, 2, 40, -1, i64::MAX], &lookup);
    }
    for line in text.lines() {
        let _ = ParcelName::read(line);
    }
}
