//! `emotome rsa group`, and maps of what it finds.

use crate::scratch::{Scratch, has, number};
use emotome_neurofiles::gifti::{Gifti, Surface};
use emotome_neurofiles::nifti::{self, Reader};
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::output::Overwrite;
use std::fs;

const SHAPE: [usize; 3] = [7, 6, 5];
const N: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];

fn grid() -> Grid {
    Grid {
        shape: SHAPE,
        affine: Affine([
            [-2.0, 0.0, 0.0, 7.0],
            [0.0, 2.0, 0.0, -6.0],
            [0.0, 0.0, 3.0, 1.0],
        ]),
    }
}

/// A number that looks random, the same for every run.
fn noise(at: usize) -> f64 {
    let mut x = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// Whether a model is planted in a voxel.
const fn planted(at: usize) -> bool {
    let [i, j, k] = [
        at % SHAPE[0],
        at / SHAPE[0] % SHAPE[1],
        at / (SHAPE[0] * SHAPE[1]),
    ];
    i >= 2 && i < 5 && j >= 1 && j < 4 && k >= 1 && k < 4
}

fn value(subject: usize, model: usize, at: usize) -> f64 {
    let effect = if planted(at) && model == 0 { 0.5 } else { 0.0 };
    effect + 0.2 * noise((subject * 10 + model) * 10_000 + at)
}

fn write(scratch: &Scratch, name: &str, values: impl Fn(usize) -> f64) {
    let volume: Vec<f32> = (0..N).map(|at| values(at) as f32).collect();
    nifti::write(scratch.path(name), Overwrite::Refuse, &grid(), &volume).unwrap();
}

/// Maps of two models and maps of p of the first; the first voxel is outside, the second is missed by one subject.
fn study(subjects: usize) -> Scratch {
    let scratch = Scratch::new();
    for subject in 1..=subjects {
        for (model, name) in ["mllm", "categories"].into_iter().enumerate() {
            let file = format!("sub-{subject:02}_desc-{name}_stat-pearson_statmap");
            write(&scratch, &format!("{file}.nii.gz"), |at| match at {
                0 => f64::NAN,
                1 if subject == 2 => f64::NAN,
                _ => value(subject, model, at),
            });
            let beside = format!(
                r#"{{"Model": "{name}", "Statistic": "pearson", "Neighbourhood": "3vox", "Synthetic": true}}"#
            );
            scratch.write(&format!("{file}.json"), beside);
        }
        write(
            &scratch,
            &format!("sub-{subject:02}_desc-mllm_stat-pfwe_statmap.nii.gz"),
            |at| {
                if planted(at) && subject != 3 {
                    0.01
                } else {
                    0.7
                }
            },
        );
    }
    scratch
}

fn list(subjects: usize, rest: &str) -> String {
    let files = (1..=subjects).map(|s| format!("sub-{s:02}_desc-{rest}_statmap.nii.gz"));
    files.collect::<Vec<_>>().join(" ")
}

fn map(scratch: &Scratch, path: &str) -> Vec<f32> {
    let reader = Reader::open(scratch.path(path)).unwrap();
    assert_eq!(reader.grid(), grid());
    reader.volumes::<f32>().unwrap().next().unwrap().unwrap()
}

#[test]
fn eight_subjects_find_what_was_planted_and_nothing_else() {
    let scratch = study(8);
    let maps = list(8, "mllm_stat-pearson");
    let p = list(8, "mllm_stat-pfwe");
    let found = scratch.json(&format!(
        "rsa group {maps} --p {p} --replicated 7 --out group"
    ));
    has(&found, &["notes", "critical_t", "replication", "seconds"]);
    assert_eq!(found["smallest_p"], 2.0 / 256.0);
    assert_eq!(found["flips"], 256);
    assert_eq!(
        (&found["name"], &found["synthetic"]),
        (&"mllm".into(), &true.into())
    );
    assert_eq!(found["voxels"], N - 2);
    assert_eq!(
        (&found["untested"]["missing"], &found["untested"]["outside"]),
        (&1.into(), &1.into())
    );
    assert_eq!(found["subjects"][1]["missing"], 1);
    // t by its definition.
    let t = map(&scratch, "group/stat-t_desc-mllm_statmap.nii.gz");
    let mean = map(&scratch, "group/stat-mean_desc-mllm_statmap.nii.gz");
    let p_fwe = map(&scratch, "group/stat-pfwe_desc-mllm_statmap.nii.gz");
    let p_tfce = map(&scratch, "group/stat-ptfce_desc-mllm_statmap.nii.gz");
    let p_mass = map(&scratch, "group/stat-pmass_desc-mllm_statmap.nii.gz");
    let count = map(&scratch, "group/stat-count_desc-mllm_statmap.nii.gz");
    assert!(t[0].is_nan() && t[1].is_nan() && p_fwe[1].is_nan());
    let mut hits = 0;
    for at in 2..N {
        let own: Vec<f64> = (1..=8).map(|s| f64::from(value(s, 0, at) as f32)).collect();
        let m = own.iter().sum::<f64>() / 8.0;
        let variance = own.iter().map(|v| (v - m).powi(2)).sum::<f64>() / 7.0;
        let expected = m / (variance / 8.0).sqrt();
        assert!((f64::from(t[at]) - expected).abs() < 1e-4 * expected.abs().max(1.0));
        assert!((f64::from(mean[at]) - m).abs() < 1e-6);
        let significant = [p_tfce[at] <= 0.05, p_mass[at] <= 0.05];
        // Enhancement and clusters may reach a voxel beyond a planted border, and do not reach two.
        if planted(at) {
            assert_eq!(significant, [true; 2], "{at}");
            hits += usize::from(p_fwe[at] <= 0.05);
        } else {
            assert!(p_fwe[at] > 0.05, "{at}");
        }
        assert_eq!(count[at], if planted(at) { 7.0 } else { 0.0 });
    }
    assert!(hits > 15, "{hits}");
    assert_eq!(found["significant_voxels"], hits);
    assert_eq!(found["replication"]["voxels"][7], 27);
    assert_eq!(found["replication"]["replicated"], 27);
    let lower = found["replication"]["prevalence_lower"][8]
        .as_f64()
        .unwrap();
    assert!((0.05_f64.powf(1.0 / 9.0) - lower).abs() < 0.02, "{lower}");
    let table = read(&scratch, "group/clusters.tsv");
    let first: Vec<&str> = table.lines().nth(1).unwrap().split('\t').collect();
    assert_eq!((first[1], number_of(first[5])), ("above", 2.0 / 256.0));
    let [i, j, k] = [7, 8, 9].map(|at| number_of(first[at]));
    assert_eq!(
        [10, 11, 12].map(|at| number_of(first[at])),
        [7.0 - 2.0 * i, -6.0 + 2.0 * j, 1.0 + 3.0 * k]
    );
    assert!(planted((i + 7.0 * (j + 6.0 * k)) as usize));
    let told = read(&scratch, "group/dataset_description.json");
    assert!(told.contains("\"Synthetic\": true") && told.contains("derivative"));
    assert!(read(&scratch, "group/stat-t_desc-mllm_statmap.json").contains("one-sample t"));
    assert!(read(&scratch, "group/provenance.json").contains("sub-08"));
}

fn read(scratch: &Scratch, path: &str) -> String {
    fs::read_to_string(scratch.path(path)).unwrap()
}

/// What a command says as it fails.
fn fails(scratch: &Scratch, line: &str) -> String {
    let done = scratch.run(line).failure();
    String::from_utf8(done.get_output().stderr.clone()).unwrap()
}

fn number_of(text: &str) -> f64 {
    text.parse().unwrap()
}

#[test]
fn what_few_subjects_can_reach_is_said_first() {
    let scratch = study(5);
    let maps = list(5, "mllm_stat-pearson");
    let two = scratch.json(&format!("rsa group {maps} --out two"));
    assert_eq!(two["smallest_p"], 0.0625);
    assert_eq!(
        (
            &two["can_reach_level"],
            &two["significant_voxels"],
            &two["critical_t"]
        ),
        (&false.into(), &0.into(), &serde_json::Value::Null)
    );
    let first = two["notes"][0].as_str().unwrap();
    assert!(
        first.contains("0.0625") && first.contains("--side greater"),
        "{first}"
    );
    let one = scratch.json(&format!("rsa group {maps} --side greater --out one"));
    assert_eq!(one["smallest_p"], 0.03125);
    assert_eq!(one["can_reach_level"], true);
    assert!(number(&one, "significant_voxels") > 0.0);
}

#[test]
fn two_models_are_compared_within_subjects() {
    let scratch = study(8);
    let (a, b) = (
        list(8, "mllm_stat-pearson"),
        list(8, "categories_stat-pearson"),
    );
    let found = scratch.json(&format!("rsa group {a} --minus {b} --out less"));
    assert_eq!(found["name"], "mllmMinuscategories");
    let mean = map(
        &scratch,
        "less/stat-mean_desc-mllmMinuscategories_statmap.nii.gz",
    );
    for at in 2..N {
        let expected = (1..=8)
            .map(|s| f64::from(value(s, 0, at) as f32) - f64::from(value(s, 1, at) as f32))
            .sum::<f64>()
            / 8.0;
        assert!((f64::from(mean[at]) - expected).abs() < 1e-6);
    }
    // A model less itself says nothing, and that is said.
    let failed = fails(&scratch, &format!("rsa group {a} --minus {a} --out self"));
    assert!(failed.contains("0 throughout"), "{failed}");
}

#[test]
fn surrogates_tell_of_how_many_people_it_holds() {
    let scratch = study(5);
    let layout = nifti::Layout {
        volumes: Some(20),
        ..nifti::Layout::new(grid())
    };
    for subject in 1..=5 {
        let path = scratch.path(&format!("sub-{subject:02}_desc-mllm_surrogates.nii.gz"));
        let mut writer = nifti::Writer::<f32>::create(path, Overwrite::Refuse, &layout).unwrap();
        for draw in 0..20 {
            let volume: Vec<f32> = (0..N)
                .map(|at| value(100 + subject * 30 + draw, 1, at) as f32)
                .collect();
            writer.volume(&volume).unwrap();
        }
        writer.finish().unwrap();
    }
    let maps = list(5, "mllm_stat-pearson");
    let surrogates = maps.replace("_stat-pearson_statmap", "_surrogates");
    let found = scratch.json(&format!(
        "rsa group {maps} --surrogates {surrogates} --draws 2000 --out group"
    ));
    let prevalence = &found["prevalence"];
    assert_eq!(
        (&prevalence["surrogates"], &prevalence["significant"]),
        (&20.into(), &27.into())
    );
    assert!(number(prevalence, "reachable") > 0.4);
    let rejected = map(
        &scratch,
        "group/stat-prevalencerejected_desc-mllm_statmap.nii.gz",
    );
    assert!((2..N).all(|at| planted(at) != rejected[at].is_nan()));
}

#[test]
fn maps_that_do_not_belong_together_are_refused_with_the_numbers() {
    let scratch = study(3);
    let maps = list(3, "mllm_stat-pearson");
    let volume = vec![0.5_f32; N];
    let moved = Grid {
        affine: Affine([
            [-2.0, 0.0, 0.0, 7.5],
            [0.0, 2.0, 0.0, -6.0],
            [0.0, 0.0, 3.0, 1.0],
        ]),
        ..grid()
    };
    nifti::write(
        scratch.path("moved.nii.gz"),
        Overwrite::Refuse,
        &moved,
        &volume,
    )
    .unwrap();
    for (command, said) in [
        (format!("rsa group {maps} moved.nii.gz --out a"), "0.5000"),
        (
            format!("rsa group {maps} sub-02_desc-mllm_stat-pearson_statmap.nii.gz --out b"),
            "both of subject",
        ),
        (
            "rsa group sub-01_desc-mllm_stat-pearson_statmap.nii.gz sub-02_desc-categories_stat-pearson_statmap.nii.gz --out c".to_owned(),
            "made differently",
        ),
        (
            "rsa group sub-01_desc-mllm_stat-pearson_statmap.nii.gz sub-02_desc-mllm_stat-pearson_statmap.nii.gz --minus sub-02_desc-categories_stat-pearson_statmap.nii.gz sub-01_desc-categories_stat-pearson_statmap.nii.gz --out d".to_owned(),
            "in one order",
        ),
        (format!("rsa group {maps} --p {maps} --out e"), "is no p"),
        (
            format!("rsa group {maps} --p sub-01_desc-mllm_stat-pfwe_statmap.nii.gz --out f"),
            "1 files are given for --p and 3 maps",
        ),
        (format!("rsa group {maps} --exceeds 0 --replicated 4 --out g"), "k is 4"),
        (format!("rsa group {maps} --cluster-p 1.5 --out h"), "between 0 and 1"),
    ] {
        let failed = fails(&scratch, &command);
        assert!(failed.contains(said), "{command}: {failed}");
    }
    assert!(fs::exists(scratch.path("moved.nii.gz")).unwrap());
}

/// A plane through the volume as the midthickness of both sides, and the same as flat surfaces.
fn planes(scratch: &Scratch) {
    const EDGE: usize = 9;
    for (letter, offset) in [("L", -6.0_f32), ("R", 0.5)] {
        let points: Vec<[f32; 3]> = (0..EDGE * EDGE)
            .map(|at| {
                let (x, y) = ((at % EDGE) as f32 * 0.7, (at / EDGE) as f32);
                [offset + x, -5.0 + y, 7.0]
            })
            .collect();
        let corner = |x: usize, y: usize| (y * EDGE + x) as u32;
        let triangles: Vec<[u32; 3]> = (0..EDGE - 1)
            .flat_map(|y| (0..EDGE - 1).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                let [a, b, c, d] =
                    [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| corner(x, y));
                [[a, b, c], [b, d, c]]
            })
            .collect();
        let surface = Surface { points, triangles };
        for name in ["mid", "flat"] {
            let path = scratch.path(&format!("{letter}.{name}.gii"));
            Gifti::from_surface(&surface, None)
                .write(path, Overwrite::Refuse)
                .unwrap();
        }
    }
}

#[test]
fn results_below_the_level_fade_and_those_above_are_outlined() {
    let scratch = study(8);
    scratch.json(&format!(
        "rsa group {} --out group",
        list(8, "mllm_stat-pearson")
    ));
    let of = |stat: &str| format!("group/stat-{stat}_desc-mllm_statmap.nii.gz");
    let sure = format!("--confidence size={} --outline {}", of("t"), of("ptfce"));
    scratch.json(&format!(
        "map slices {} {sure} --cuts z=7,x=-1 --out slices",
        of("mean")
    ));
    let svg = read(&scratch, "slices/slices.svg");
    assert!(
        svg.contains("|t|")
            && svg.contains("outlined: p ≤ 0.05")
            && svg.contains("x = −1 mm (left)")
    );
    let table = read(&scratch, "slices/slices.tsv");
    let t = map(&scratch, &of("t"));
    for line in table.lines().skip(1).step_by(17) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [i, j, k] = [0, 1, 2].map(|at| cells[at].parse::<usize>().unwrap());
        let expected = f64::from(t[i + SHAPE[0] * (j + SHAPE[1] * k)]).abs();
        assert!(
            (number_of(cells[7]) - expected).abs() < 1e-3 * expected.max(1.0),
            "{line}"
        );
    }
    assert!(read(&scratch, "slices/dataset_description.json").contains("\"Synthetic\": true"));
    assert!(read(&scratch, "slices/provenance.json").contains("stat-t_desc-mllm"));
    // Values below the level are there as well.
    let plain = |svg: &str| svg.matches("stroke-width=\"2.3\"").count();
    assert!(plain(&svg) >= 2, "{}", plain(&svg));

    planes(&scratch);
    let drawing = r#"<svg width="1120" height="800"><g inkscape:label="rois"><g inkscape:label="shapes">
<g inkscape:label="V1"><path d="M100,100h100v100z M1000,100h100v100z"/></g></g></g></svg>"#;
    scratch.write("overlays.svg", drawing);
    let surfaces = "--midthickness L.mid.gii,R.mid.gii --radius 1 --flat L.flat.gii,R.flat.gii --inflated L.mid.gii,R.mid.gii";
    let drawn = scratch.json(&format!(
        "map surface {} {surfaces} {sure} --overlays overlays.svg --narrow --out surface",
        of("mean")
    ));
    assert!(drawn["notes"].as_array().unwrap().len() >= 2);
    let svg = read(&scratch, "surface/flat-map.svg");
    assert_eq!(svg.matches(">V1<").count(), 2, "a region on either side");
    assert!(svg.contains("|t|"));
    for side in ["L", "R"] {
        let name = format!("surface/hemi-{side}_stat-mean_desc-mllm_statmap.func.gii");
        assert!(fs::exists(scratch.path(&name)).unwrap(), "{name}");
    }
    scratch.write("overlays.svg", drawing.replace("1120", "2240"));
    scratch.refuses(
        &format!(
            "map surface {} {surfaces} --overlays overlays.svg --out other",
            of("mean")
        ),
        &["2.800", "flat surfaces that it was drawn on"],
    );

    let areas = "area\tvalue\tp\tz\nV1\t0.1\t0.01\t4\nV2\t0.2\t0.5\tn/a\nL_IPS1\t0.05\t0.04\t1\n";
    scratch.write("areas.tsv", areas);
    scratch.json("map parcels areas.tsv --name area --confidence p=p --outline p --out parcels");
    let svg = read(&scratch, "parcels/flat-map.svg");
    assert!(svg.contains("1 − p") && svg.contains("L_V1: 0.100 (1 − p 0.990)"));
    assert!(fs::exists(scratch.path("parcels/dataset_description.json")).unwrap());
    scratch.json("map parcels areas.tsv --name area --confidence size=z --fade 1,3 --out z");
    for (line, said) in [
        (
            "map parcels areas.tsv --name area --confidence size=q --out a",
            "no column \"q\"",
        ),
        (
            "map parcels areas.tsv --name area --outline area --out b",
            "is no number",
        ),
    ] {
        scratch.refuses(line, &[said]);
    }
    let failed = fails(
        &scratch,
        "map parcels areas.tsv --name area --confidence p --out c",
    );
    assert!(failed.contains("p=p"), "{failed}");
    let command = format!("map slices {} --cuts x=40 --out d", of("mean"));
    scratch.refuses(&command, &["x = 40", "from -6 to 8"]);
}
