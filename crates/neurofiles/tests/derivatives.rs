//! Names, betas and tables of derivatives.

use std::fs;

use emotome_neurofiles::derivatives::glmsingle::{self, Betas, GlmSingleError, Stage};
use emotome_neurofiles::derivatives::table::{self, Table, TableError};
use emotome_neurofiles::derivatives::{
    BidsName, DatasetDescription, Generator, Role, SourceDataset,
};
use emotome_neurofiles::hdf5::Writer;
use emotome_stimuli::output::Overwrite;
use proptest::prelude::*;

#[test]
fn names_of_fmriprep_old_and_new_tell_their_role() {
    for (name, role) in [
        (
            "sub-1_ses-2_task-a_run-1_space-T1w_desc-preproc_bold.nii.gz",
            Some(Role::PreprocessedBold),
        ),
        ("sub-1_task-a_run-1_bold.nii.gz", Some(Role::RawBold)),
        (
            "sub-1_task-a_space-fsaverage_hemi-L.func.gii",
            Some(Role::SurfaceBold),
        ),
        (
            "sub-1_task-a_hemi-L_space-fsaverage5_bold.func.gii",
            Some(Role::SurfaceBold),
        ),
        (
            "sub-1_task-a_space-fsLR_den-91k_bold.dtseries.nii",
            Some(Role::GrayordinateBold),
        ),
        (
            "sub-1_task-a_desc-confounds_regressors.tsv",
            Some(Role::Confounds),
        ),
        (
            "sub-1_task-a_desc-confounds_timeseries.tsv",
            Some(Role::Confounds),
        ),
        ("sub-1_task-a_events.tsv", Some(Role::Events)),
        (
            "sub-1_task-a_space-T1w_desc-brain_mask.nii.gz",
            Some(Role::BrainMask),
        ),
        ("sub-1_hemi-R_midthickness.surf.gii", Some(Role::Surface)),
        (
            "sub-1_hemi-R_space-fsLR_den-32k_sphere.surf.gii",
            Some(Role::Surface),
        ),
        ("sub-1_hemi-L_sulc.shape.gii", Some(Role::Morphometry)),
        (
            "sub-1_space-fsLR_den-91k_thickness.dscalar.nii",
            Some(Role::Morphometry),
        ),
        (
            "sub-1_hemi-L_desc-cortex_mask.label.gii",
            Some(Role::CortexMask),
        ),
        ("sub-1_T1w.nii.gz", None),
        ("sub-1_white.surf.gii", None),
        ("sub-1_task-a_desc-smoothAROMAnonaggr_bold.nii.gz", None),
    ] {
        let parsed: BidsName = name.parse().unwrap();
        assert_eq!(Role::of(&parsed), role, "{name}");
        assert_eq!(parsed.to_string(), name);
    }
    let name: BidsName = "sub-1_task-a_run-03_bold.nii.gz".parse().unwrap();
    assert_eq!((name.run(), name.get("ses")), (Some(3), None));
}

#[test]
fn names_are_built_in_the_order_of_bids() {
    let name = BidsName::new("stat", ".dscalar.nii").unwrap();
    let name = [
        ("desc", "emotion"),
        ("den", "91k"),
        ("model", "ours"),
        ("hemi", "L"),
        ("sub", "1"),
        ("space", "fsLR"),
        ("run", "2"),
        ("task", "video"),
        ("label", "V1"),
        ("ses", "1"),
        ("run", "3"),
    ]
    .into_iter()
    .fold(name, |name, (key, value)| name.with(key, value).unwrap());
    let built = "sub-1_ses-1_task-video_run-3_hemi-L_space-fsLR_den-91k_model-ours_label-V1_desc-emotion_stat.dscalar.nii";
    assert_eq!(name.to_string(), built);
    let renamed = name.renamed("stat", ".json").unwrap();
    assert_eq!(renamed.extension(), ".json");
    for (key, value) in [
        ("sub", "a_b"),
        ("", "1"),
        ("sub", ""),
        ("s-b", "1"),
        ("sub", "../x"),
    ] {
        assert!(
            BidsName::new("bold", ".nii")
                .unwrap()
                .with(key, value)
                .is_err()
        );
    }
    for (suffix, extension) in [
        ("", ".nii"),
        ("a-b", ".nii"),
        ("bold", "nii"),
        ("bold", "./x"),
    ] {
        assert!(
            BidsName::new(suffix, extension).is_err(),
            "{suffix}{extension}"
        );
    }
    for name in [
        "sub-1_sub-2_bold.nii",
        "bold_sub-1.nii.gz.",
        "sub-1__bold.nii",
        "sub-_bold.nii",
        "é.nii",
    ] {
        assert!(name.parse::<BidsName>().is_err(), "{name}");
    }
}

proptest! {
    #[test]
    fn a_name_that_is_read_is_written_as_it_was(name in "[a-z0-9_.+-]{0,40}") {
        if let Ok(parsed) = name.parse::<BidsName>() {
            prop_assert_eq!(parsed.to_string(), name);
        }
    }
}

#[test]
fn betas_of_glmsingle_are_known_by_name_and_pickles_refused() {
    let stage = |name: &str| glmsingle::recognise(name).unwrap();
    assert_eq!(stage("a/TYPEA_ONOFF.hdf5"), Some(Stage::OnOff));
    assert_eq!(stage("TYPEB_FITHRF.mat"), Some(Stage::FitHrf));
    assert_eq!(stage("TYPEC_FITHRF_GLMDENOISE.hdf5"), Some(Stage::Denoised));
    assert_eq!(stage("TYPED_FITHRF_GLMDENOISE_RR.mat"), Some(Stage::Ridge));
    assert_eq!(stage("DESIGNINFO.npy"), None);
    let error = glmsingle::recognise("TYPEB_FITHRF.npy").unwrap_err();
    assert!(matches!(error, GlmSingleError::Pickled { .. }));
    let message = error.to_string();
    assert_eq!(message.lines().count(), 4);
    assert!(
        message.contains("h5py.File(\"TYPEB_FITHRF.hdf5\", \"w\")"),
        "{message}"
    );
}

#[test]
fn betas_stream_trial_by_trial_whatever_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    for (number, shape) in [vec![2u64, 3, 4, 5], vec![24, 5]].into_iter().enumerate() {
        let path = folder
            .path()
            .join(number.to_string())
            .join("TYPEB_FITHRF.hdf5");
        let values: Vec<f64> = (0..120).map(f64::from).collect();
        let mut writer = Writer::create(&path, Overwrite::Refuse).unwrap();
        writer.numbers("betasmd", &shape, &values).unwrap();
        writer.numbers("R2", &[24], &values[..24]).unwrap();
        writer.finish().unwrap();
        let betas = Betas::open(&path).unwrap();
        assert_eq!((betas.trials(), betas.x_fastest()), (5, false));
        assert_eq!(betas.space().iter().product::<usize>(), 24);
        assert_eq!(betas.companion("R2").unwrap(), values[..24]);
        assert!(
            betas
                .companion("R3")
                .unwrap_err()
                .to_string()
                .contains("betasmd")
        );
        let mut seen = vec![f32::NAN; 120];
        betas
            .for_each_tile(|tile| {
                for s in 0..tile.samples {
                    for c in 0..tile.columns {
                        seen[(tile.column + c) * 5 + tile.sample + s] =
                            tile.values[s * tile.columns + c];
                    }
                }
                Ok::<_, GlmSingleError>(())
            })
            .unwrap();
        assert!(seen.iter().zip(&values).all(|(&a, &b)| f64::from(a) == b));
    }
    let path = folder.path().join("TYPEB_FITHRF.hdf5");
    let mut writer = Writer::create(&path, Overwrite::Refuse).unwrap();
    writer.numbers("betasmd", &[2, 2, 2], &[0.0; 8]).unwrap();
    writer.finish().unwrap();
    assert!(matches!(
        Betas::open(&path),
        Err(GlmSingleError::Shape { .. })
    ));
    let unnamed = Betas::open(folder.path().join("betas.hdf5"));
    assert!(matches!(unnamed, Err(GlmSingleError::Name { .. })));
}

#[test]
fn tables_keep_what_is_missing_apart_from_what_is_zero() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub-1_desc-confounds_timeseries.tsv");
    fs::write(
        &path,
        "\u{feff}csf\tfd\tname\r\n0\tn/a\tx\n1.5\t-2e-3\tn/a\n\n",
    )
    .unwrap();
    let table = Table::read(&path).unwrap();
    assert_eq!((table.rows(), table.columns().len()), (2, 3));
    assert_eq!(table.numbers("csf").unwrap(), [Some(0.0), Some(1.5)]);
    assert_eq!(table.numbers("fd").unwrap(), [None, Some(-2e-3)]);
    assert_eq!(table.texts("name").unwrap(), [Some("x"), None]);
    let message = table.numbers("name").unwrap_err().to_string();
    assert!(
        message.contains("line 2: name is \"x\"; expected a number or n/a"),
        "{message}"
    );
    assert!(matches!(table.texts("nme"), Err(TableError::Column { .. })));
    for (text, part) in [
        ("a\tb\n1\n", "line 2: 1 cells under 2 columns"),
        ("a\ta\n", "\"a\" twice"),
        ("", "without a name"),
    ] {
        fs::write(&path, text).unwrap();
        let message = Table::read(&path).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn events_carry_stimuli_and_must_fill_their_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub-1_task-video_events.tsv");
    let text = "onset\tduration\ttrial_type\tstim_file\n0\t8\trest\tn/a\n8\t4.5\tclip\t0001.mp4\n";
    fs::write(&path, text).unwrap();
    let events = table::events(&path).unwrap();
    assert_eq!(events[0].stim_file, None);
    assert_eq!(events[1].stim_file.as_deref(), Some("0001.mp4"));
    assert_eq!((events[1].onset, events[1].duration), (8.0, Some(4.5)));
    assert!(table::check_duration(&path, &events, 25, 0.5).is_ok());
    let message = table::check_duration(&path, &events, 24, 0.5)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("12.5 s in all, 24 volumes of 0.5 s make 12 s"),
        "{message}"
    );
    fs::write(&path, "onset\tduration\nn/a\t1\n").unwrap();
    assert!(table::events(&path).is_err());
}

#[test]
fn a_description_keeps_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let by = Generator {
        name: "emotome".into(),
        version: Some("1".into()),
        description: None,
        other: serde_json::Map::new(),
    };
    let from = SourceDataset {
        url: Some("https://openneuro.org/datasets/ds002425".into()),
        doi: None,
        version: None,
    };
    let mut description = DatasetDescription::derivative("maps", by, vec![from]);
    description.other.insert("Synthetic".into(), true.into());
    description.write(&folder, Overwrite::Refuse).unwrap();
    assert_eq!(DatasetDescription::read(&folder).unwrap(), description);
    let text = fs::read_to_string(folder.path().join(DatasetDescription::FILE)).unwrap();
    for part in [
        "\"BIDSVersion\"",
        "\"DatasetType\": \"derivative\"",
        "\"GeneratedBy\"",
        "\"SourceDatasets\"",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(description.write(&folder, Overwrite::Refuse).is_err());
    fs::write(
        folder.path().join(DatasetDescription::FILE),
        "{\"Name\": 3}",
    )
    .unwrap();
    assert!(DatasetDescription::read(&folder).is_err());
}
