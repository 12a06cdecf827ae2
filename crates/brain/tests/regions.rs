//! Tables of regions say what anatomy says, and find the right voxels.

use std::collections::{BTreeMap, BTreeSet};

use emotome_brain::regions::{
    Area, Hemisphere, LabelError, Lookup, ParcelName, Parcels, Preset, RegionTable, TableError,
    area::NAMES, resolve,
};
use emotome_neurofiles::{Affine, Grid};
use proptest::prelude::*;

fn stems(preset: Preset, group: &str) -> BTreeSet<String> {
    let table = preset.table().unwrap();
    table.of(group).map(|row| row.stem.clone()).collect()
}

fn set(names: &str) -> BTreeSet<String> {
    names.split(' ').map(str::to_owned).collect()
}

const ANTERIOR_CINGULATE: &str = "p32pr a32pr p24 a24pr a24";
const INSULAR: &str = "AAIC MI PoI1 PoI2 FOP2 FOP3 Ig OP2-3";

#[test]
fn insula_is_insular_and_acc_is_cingulate() {
    for preset in [Preset::Horikawa2020, Preset::Emotion2025] {
        assert_eq!(stems(preset, "Insula"), set(INSULAR), "{preset:?}");
        assert_eq!(stems(preset, "ACC"), set(ANTERIOR_CINGULATE), "{preset:?}");
    }
    let insula = stems(Preset::Horikawa2020, "Insula");
    assert!(insula.contains("AAIC") && insula.contains("MI"));
    let acc = stems(Preset::Horikawa2020, "ACC");
    assert!(acc.contains("a24") && acc.contains("p24"));
}

#[test]
fn the_released_names_are_kept_under_a_name_that_says_so() {
    let shipped = Preset::Horikawa2020AsShipped;
    assert_eq!(stems(shipped, "Insula"), set(ANTERIOR_CINGULATE));
    assert_eq!(stems(shipped, "ACC"), set(INSULAR));
    assert_eq!(
        stems(shipped, "nuc_accum"),
        set("nuc_accum brodmann_area_34")
    );
    let remarks = shipped.table().unwrap().remarks.join(" ");
    assert!(remarks.contains("WRONG ON PURPOSE: Insula") && remarks.contains("Brodmann area 34"));
    assert!(!stems(Preset::Horikawa2020, "accumbens").contains("nuc_accum"));
    let sizes: BTreeMap<_, _> = [
        ("VC", 26),
        ("TPJ", 3),
        ("IPL", 3),
        ("PC", 7),
        ("STS", 4),
        ("TE", 4),
        ("MTC", 2),
        ("DLPFC", 4),
        ("DMPFC", 3),
        ("VMPFC", 4),
        ("OFC", 2),
        ("Insula", 8),
        ("ACC", 5),
    ]
    .into();
    for (group, size) in &sizes {
        assert_eq!(stems(Preset::Horikawa2020, group).len(), *size, "{group}");
    }
    assert_eq!(sizes.values().sum::<usize>(), 75);
}

#[test]
fn every_area_stands_in_exactly_one_of_the_22_sections() {
    let table = Preset::Glasser22.table().unwrap();
    assert_eq!(table.groups().len(), 22);
    let mut seen: Vec<&str> = table.rows.iter().map(|row| row.stem.as_str()).collect();
    let mut all = NAMES.to_vec();
    seen.sort_unstable();
    all.sort_unstable();
    assert_eq!(seen, all);
}

#[test]
fn cortical_rows_of_presets_are_areas_and_stand_ins_say_so() {
    let structures = set(
        "thalamus hippocampus hypothalamus pallidum brainstem caudate putamen accumbens amygdala \
        cerebellum nuc_accum brodmann_area_34",
    );
    for preset in [
        Preset::Horikawa2020,
        Preset::Horikawa2020AsShipped,
        Preset::Glasser22,
        Preset::Emotion2025,
    ] {
        for row in &preset.table().unwrap().rows {
            assert!(
                NAMES.contains(&row.stem.as_str()) || structures.contains(&row.stem),
                "{preset:?} {row:?}"
            );
        }
    }
    let follow_up = Preset::Emotion2025.table().unwrap();
    assert_eq!(follow_up.groups().len(), 26);
    for row in &follow_up.rows {
        let invented = ["MST", "TF", "VLPFC"].contains(&row.group.as_str());
        assert_eq!(row.note.starts_with("stand-in"), invented, "{row:?}");
    }
    for preset in [Preset::Yeo17, Preset::Yeo17Horikawa2020] {
        assert_eq!(preset.table().unwrap().groups().len(), 17);
    }
}

#[test]
fn file_names_order_areas_as_the_released_matrices_do() {
    let order = Area::by_file_name();
    let names: Vec<String> = order.iter().take(9).map(|area| area.to_string()).collect();
    assert_eq!(
        names,
        [
            "L_10d", "L_10pp", "L_10r", "L_10v", "L_11l", "L_13l", "L_1", "L_23c", "L_23d"
        ]
    );
    assert_eq!(order[180].to_string(), "R_10d");
    let unique: BTreeSet<_> = order.iter().collect();
    assert_eq!(unique.len(), 360);
}

#[test]
fn ids_and_names_lead_back() {
    for area in Area::all() {
        assert_eq!(Area::with_id(i64::from(area.id())), Some(area));
        assert_eq!(
            Area::with_right_first_id(i64::from(area.right_first_id())),
            Some(area)
        );
        for dressed in [area.bdata_key(), area.to_string(), format!("{area}_ROI")] {
            let name = ParcelName::read(&dressed).unwrap();
            assert_eq!(
                (name.hemisphere, name.stem.as_str()),
                (Some(area.hemisphere()), area.name())
            );
        }
    }
    assert_eq!([0, 361, i64::MIN, i64::MAX].map(Area::with_id), [None; 4]);
    assert_eq!(Area::with_right_first_id(0), None);
}

#[test]
fn names_lose_the_dress_of_their_files() {
    let left = Some(Hemisphere::Left);
    for (written, side, stem) in [
        ("L_V1_ROI-lh", left, "V1"),
        ("lh.V1", left, "V1"),
        ("L_7Pl_ROI", left, "7PL"),
        ("yeo2011_17_r_lh.17Networks_1", left, "17networks_1"),
        ("CIFTI_STRUCTURE_THALAMUS_LEFT", left, "thalamus"),
        ("pickatlas_r_waal_MNI_V4_Thalamus_L", left, "thalamus"),
        (
            "pickatlas_r_wTD_hemisphere_Left_Brainstem",
            left,
            "brainstem",
        ),
        ("Left-Accumbens-area", left, "accumbens"),
        ("hyppocampus", None, "hippocampus"),
        ("nuc_accum", None, "nuc_accum"),
        ("H", None, "H"),
        ("L_9-46d", left, "9-46d"),
    ] {
        let name = ParcelName::read(written).unwrap();
        assert_eq!(
            (name.hemisphere, name.stem.as_str()),
            (side, stem),
            "{written}"
        );
    }
    for contradiction in ["hcp180_r_lh.R_V1_ROI", "L_V1_ROI-rh", "", "lh."] {
        assert_eq!(ParcelName::read(contradiction), None, "{contradiction}");
    }
}

/// One voxel for each area and structure, as a BData file names them.
fn study() -> Parcels {
    let areas = Area::all().map(|area| area.bdata_key());
    let others = [
        "thalamus",
        "hyppocampus",
        "hypothalamus",
        "pallidum",
        "brainstem",
        "caudate",
        "putamen",
        "nuc_accum",
        "amygdala",
        "cerebellum",
    ];
    let names = areas.chain(others.map(str::to_owned));
    Parcels::from_members(370, names.enumerate().map(|(i, name)| (name, vec![i]))).unwrap()
}

#[test]
fn regions_of_the_2020_study_are_found_and_what_is_shared_or_empty_is_said() {
    let found = resolve(&Preset::Horikawa2020.table().unwrap(), &study());
    let vc = &found.regions[0];
    assert_eq!(
        (vc.name.as_str(), vc.members.len(), vc.parcels.len()),
        ("VC", 52, 52)
    );
    assert_eq!(found.empty(), ["accumbens"]);
    assert_eq!(found.outside, 360 - 150);
    assert!(found.overlaps.is_empty());

    let follow_up = resolve(&Preset::Emotion2025.table().unwrap(), &study());
    assert_eq!(follow_up.overlaps.len(), 1);
    assert_eq!(follow_up.overlaps[0].regions, ["VC", "MST"]);
    assert_eq!(follow_up.overlaps[0].members, 2);
    let report = follow_up.to_string();
    assert!(
        report.contains("without any voxel: Accumbens")
            && report.contains("VC and MST share 2 voxels"),
        "{report}"
    );
    let shipped = resolve(&Preset::Horikawa2020AsShipped.table().unwrap(), &study());
    assert!(shipped.empty().is_empty());
}

#[test]
fn one_hemisphere_stays_one_hemisphere() {
    let table = RegionTable::read(
        "t",
        "group,parcel,hemisphere\na,FFC,R\nb,R_FFC,\nc,FFC,\n\"d, e\",FFC,lh\n",
    )
    .unwrap();
    let found = resolve(&table, &study());
    let right = usize::from(Area::named(Hemisphere::Right, "FFC").unwrap().id()) - 1;
    assert_eq!(found.regions[0].members, [right]);
    assert_eq!(found.regions[1].members, [right]);
    assert_eq!(found.regions[2].members, [right - 180, right]);
    assert_eq!(
        (
            found.regions[3].name.as_str(),
            found.regions[3].members.as_slice()
        ),
        ("d, e", &[right - 180][..])
    );
}

#[test]
fn unknown_parcels_are_named_with_similar_ones() {
    let table = RegionTable::read(
        "mine.tsv",
        "group\tparcel\nface\tFCF\nface\tv1\nface\tnothing_like_it\n",
    )
    .unwrap();
    let error = table.check(&study()).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "mine.tsv names parcels that are not in the data: \"FCF\" (line 2, did you mean FEF or FFC?)"
        ),
        "{error}"
    );
    assert!(
        error.contains("\"v1\" (line 3, did you mean V1?)"),
        "{error}"
    );
    assert!(error.contains("\"nothing_like_it\" (line 4)"), "{error}");
}

#[test]
fn faults_of_tables_are_told_with_their_line() {
    let read = |text: &str| RegionTable::read("t", text).unwrap_err();
    assert!(matches!(
        read("group\tarea\na\tV1\n"),
        TableError::Column {
            column: "parcel",
            ..
        }
    ));
    assert!(matches!(
        read("group,parcel\na\n"),
        TableError::Cells {
            line: 2,
            found: 1,
            expected: 2,
            ..
        }
    ));
    assert!(matches!(
        read("group,parcel\n,V1\n"),
        TableError::Empty {
            line: 2,
            column: "group",
            ..
        }
    ));
    assert!(matches!(
        read("group,parcel,hemisphere\na,V1,up\n"),
        TableError::Side { line: 2, .. }
    ));
    assert!(matches!(
        read("group,parcel,hemisphere\na,L_V1,R\n"),
        TableError::Contradiction { line: 2, .. }
    ));
    assert!(matches!(
        read("# x\ngroup,parcel\na,V1\na,V1\n"),
        TableError::Repeated {
            line: 4,
            first: 3,
            ..
        }
    ));
    assert!(matches!(read("group,parcel\n"), TableError::Nothing { .. }));
    assert!(matches!(read(""), TableError::Nothing { .. }));
}

fn grid() -> Grid {
    Grid {
        shape: [2, 2, 1],
        affine: Affine([
            [2.0, 0.0, 0.0, 0.0],
            [0.0, 2.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 0.0],
        ]),
    }
}

#[test]
fn a_label_image_is_read_at_the_voxels_of_the_data() {
    let lookup = Lookup::read("index\tname\tcolor\n1\tL_V1\t#fff\n181\tR_V1\t#000\n").unwrap();
    let (parcels, unnamed) = Parcels::from_image(
        &grid(),
        &[1.0, 0.0, 181.0, 7.0],
        &lookup,
        &grid(),
        &[0, 2, 3],
    )
    .unwrap();
    let table = RegionTable::read("t", "group\tparcel\nearly\tV1\n").unwrap();
    assert_eq!(resolve(&table, &parcels).regions[0].members, [0, 1]);
    assert_eq!(unnamed, [(7, 1)].into());
    assert_eq!(Lookup::mmp().0[&182], "R_MST");
    assert_eq!(Lookup::mmp_right_first().0[&182], "L_MST");
}

#[test]
fn a_label_image_that_does_not_fit_is_refused() {
    let lookup = Lookup::mmp();
    let image = |values: &[f64], data: &Grid, voxels: &[usize]| {
        Parcels::from_image(&grid(), values, &lookup, data, voxels).unwrap_err()
    };
    let mut moved = grid();
    moved.affine.0[0][3] = 1.0;
    assert!(matches!(image(&[0.0; 4], &moved, &[]), LabelError::Grid(_)));
    assert!(matches!(
        image(&[0.0; 3], &grid(), &[]),
        LabelError::Count {
            found: 3,
            expected: 4
        }
    ));
    assert!(matches!(
        image(&[0.5; 4], &grid(), &[1]),
        LabelError::NotWhole { voxel: 1, .. }
    ));
    assert!(matches!(
        image(&[f64::NAN; 4], &grid(), &[1]),
        LabelError::NotWhole { .. }
    ));
    assert!(matches!(
        image(&[0.0; 4], &grid(), &[4]),
        LabelError::Outside { voxel: 4, of: 4 }
    ));
    assert!(matches!(
        Lookup::read("id\tname\n"),
        Err(LabelError::LookupColumns { .. })
    ));
    assert!(matches!(
        Lookup::read("index\tname\nx\tV1\n"),
        Err(LabelError::LookupRow { line: 2, .. })
    ));
    assert!(matches!(
        Lookup::read("index\tname\n1\ta\n1\tb\n"),
        Err(LabelError::LookupTwice { index: 1, .. })
    ));
    assert!(matches!(
        Parcels::from_members(2, [("a".into(), vec![2])]),
        Err(LabelError::Outside { .. })
    ));
    assert!(matches!(
        Parcels::from_members(2, [("lh.R_V1".into(), vec![])]),
        Err(LabelError::Name { .. })
    ));
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in "\\PC{0,40}(\\n|\\t|,|\"|\\PC){0,80}") {
        let _ = RegionTable::read("t", &text);
        let _ = Lookup::read(&text);
        let _ = ParcelName::read(&text);
    }

    #[test]
    fn regions_hold_the_union_of_their_parcels(labels in prop::collection::vec(0_i64..6, 1..60)) {
        let lookup = Lookup((1..=4).map(|i| (i, format!("p{i}"))).collect());
        let (parcels, unnamed) = Parcels::from_labels(&labels, &lookup).unwrap();
        let table = RegionTable::read("t", "group,parcel\na,p1\na,p2\nb,p2\nb,p3\n").unwrap();
        let found = resolve(&table, &parcels);
        let of = |wanted: &[i64]| -> Vec<usize> {
            (0..labels.len()).filter(|&i| wanted.contains(&labels[i])).collect()
        };
        prop_assert_eq!(&found.regions[0].members, &of(&[1, 2]));
        prop_assert_eq!(&found.regions[1].members, &of(&[2, 3]));
        prop_assert_eq!(found.overlaps.iter().map(|o| o.members).sum::<usize>(), of(&[2]).len());
        prop_assert_eq!(found.outside, of(&[0, 4, 5]).len());
        prop_assert_eq!(unnamed.values().sum::<usize>(), of(&[5]).len());
    }
}
