//! `emotome brain`, `emotome rsa` and `emotome map`

use crate::scratch::{Scratch, has, npy, number};
use emotome_neurofiles::nifti::{self, Reader};
use emotome_neurofiles::{Affine, Grid};
use emotome_stimuli::output::Overwrite;
use std::fs;
use std::process::Command;

const STIMULI: usize = 12;
const EDGE: usize = 5;

/// A number that looks random, the same for every run.
fn noise(at: usize) -> f64 {
    let mut x = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

fn grid() -> Grid {
    Grid {
        shape: [EDGE; 3],
        affine: Affine([
            [-2.0, 0.0, 0.0, 4.0],
            [0.0, 2.0, 0.0, -6.0],
            [0.0, 0.0, 2.0, 1.0],
        ]),
    }
}

/// The response of voxel (i, j, k) to a stimulus.
fn response([i, j, k]: [usize; 3], stimulus: usize) -> f32 {
    noise(((i * 7 + j) * 7 + k) * 100 + stimulus) as f32
}

/// Whether a voxel is in the mask: a corner is cut off.
const fn inside([i, j, k]: [usize; 3]) -> bool {
    i + j + k > 2
}

fn voxels() -> Vec<[usize; 3]> {
    let all = (0..EDGE * EDGE * EDGE).map(|at| [at % EDGE, at / EDGE % EDGE, at / EDGE / EDGE]);
    all.collect()
}

fn feature(stimulus: usize, column: usize) -> f64 {
    noise(1_000_000 + stimulus * 4 + column)
}

/// A 4-D image, the same as a matrix, a mask, labels and a model.
fn bare() -> Scratch {
    let scratch = Scratch::new();
    let layout = nifti::Layout {
        volumes: Some(STIMULI),
        ..nifti::Layout::new(grid())
    };
    let mut writer =
        nifti::Writer::<f32>::create(scratch.path("bold.nii.gz"), Overwrite::Refuse, &layout)
            .unwrap();
    for stimulus in 0..STIMULI {
        let volume: Vec<f32> = voxels()
            .into_iter()
            .map(|v| response(v, stimulus))
            .collect();
        writer.volume(&volume).unwrap();
    }
    writer.finish().unwrap();
    let mask: Vec<u8> = voxels().into_iter().map(|v| u8::from(inside(v))).collect();
    nifti::write(
        scratch.path("mask.nii.gz"),
        Overwrite::Refuse,
        &grid(),
        &mask,
    )
    .unwrap();
    // NumPy's data[mask]: the last index fastest.
    let mut columns: Vec<[usize; 3]> = voxels().into_iter().filter(|&v| inside(v)).collect();
    columns.sort_unstable();
    let body: Vec<u8> = (0..STIMULI)
        .flat_map(|s| columns.iter().map(move |&v| response(v, s)))
        .flat_map(f32::to_le_bytes)
        .collect();
    let header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({STIMULI}, {}), }}",
        columns.len()
    );
    scratch.write("bold.npy", npy(&header, &body));
    let labels: String = (0..STIMULI)
        .map(|s| format!("clip{s:02}\t{}\n", 1 + s / 4))
        .collect();
    scratch.write("labels.tsv", format!("stimulus\trun\n{labels}"));
    // Another order, and a stimulus that was not shown.
    let rows: String = (0..=STIMULI)
        .rev()
        .map(|s| {
            format!(
                "clip{s:02}\t{}\t{}\t{}\t{}\n",
                feature(s, 0),
                feature(s, 1),
                feature(s, 2),
                feature(s, 3)
            )
        })
        .collect();
    scratch.write("model.tsv", format!("key\ta\tb\tc\td\n{rows}"));
    scratch
}

fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (a, b) = (mean(x), mean(y));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(&x, &y)| f(x - a, y - b)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

/// Distances of a brain around a voxel and of a model, by a loop over pairs.
fn distances(
    centre: [usize; 3],
    columns: std::ops::Range<usize>,
    pairs: impl Fn(usize, usize) -> bool,
) -> [Vec<f64>; 2] {
    let near = |v: &[usize; 3]| {
        (0..3)
            .map(|a| v[a].abs_diff(centre[a]).pow(2))
            .sum::<usize>()
            <= 4
    };
    let members: Vec<[usize; 3]> = voxels()
        .into_iter()
        .filter(|v| inside(*v) && near(v))
        .collect();
    let pattern = |s: usize| {
        members
            .iter()
            .map(|&v| f64::from(response(v, s)))
            .collect::<Vec<f64>>()
    };
    let features = |s: usize| columns.clone().map(|c| feature(s, c)).collect::<Vec<f64>>();
    let mut found = [Vec::new(), Vec::new()];
    for i in 0..STIMULI {
        for j in i + 1..STIMULI {
            if pairs(i, j) {
                found[0].push(1.0 - pearson(&pattern(i), &pattern(j)));
                found[1].push(1.0 - pearson(&features(i), &features(j)));
            }
        }
    }
    found
}

/// What a loop over pairs finds around a voxel.
fn looped(centre: [usize; 3], pairs: impl Fn(usize, usize) -> bool) -> f64 {
    let [brain, model] = distances(centre, 0..4, pairs);
    pearson(&brain, &model)
}

fn map(scratch: &Scratch, path: &str) -> Vec<f32> {
    let reader = Reader::open(scratch.path(path)).unwrap();
    assert_eq!(reader.grid(), grid());
    reader.volumes::<f32>().unwrap().next().unwrap().unwrap()
}

#[test]
fn a_searchlight_of_bare_files_equals_a_loop_over_pairs() {
    let scratch = bare();
    for (data, pairs) in [
        ("bold.nii.gz", "all"),
        ("bold.npy", "all"),
        ("bold.nii.gz", "across-runs"),
    ] {
        let found = scratch.json(&format!(
            "rsa searchlight --data {data} --mask mask.nii.gz --labels labels.tsv --model model.tsv --metric pearson --radius 2vox --pairs {pairs} --out {data}-{pairs}"
        ));
        has(
            &found,
            &[
                "centres",
                "seconds",
                "gflops",
                "peak_rss_bytes",
                "maps",
                "peak",
            ],
        );
        let inside: Vec<[usize; 3]> = voxels().into_iter().filter(|&v| inside(v)).collect();
        assert_eq!(found["centres"], inside.len());
        assert_eq!(found["left_out"], 1);
        let values = map(
            &scratch,
            &format!("{data}-{pairs}/sub-unnamed_stat-pearson_desc-model_statmap.nii.gz"),
        );
        for (at, voxel) in voxels().into_iter().enumerate() {
            let value = f64::from(values[at]);
            if !self::inside(voxel) {
                assert!(value.is_nan(), "{voxel:?} outside of the mask has {value}");
                continue;
            }
            let expected = looped(voxel, |i, j| pairs == "all" || i / 4 != j / 4);
            assert!(
                (value - expected).abs() < 1e-6,
                "{data} {pairs} {voxel:?}: {value}, looped {expected}"
            );
        }
    }
}

#[test]
fn the_column_that_says_what_was_shown_is_found_or_asked_for() {
    let scratch = bare();
    let import = "brain import --matrix bold.npy --mask mask.nii.gz --subject 01 --quiet";
    let found = scratch.json(&format!("{import} --events labels.tsv --out found"));
    assert_eq!(found["reconciliation"]["stimuli"], STIMULI);
    assert_eq!(
        found["manifest"]["provenance"]["parameters"]["columns"]["label"],
        "stimulus"
    );
    let text = fs::read_to_string(scratch.path("labels.tsv")).unwrap();
    scratch.write("odd.tsv", text.replace("stimulus", "clip shown"));
    scratch.refuses(
        &format!("{import} --events odd.tsv --out no"),
        &["clip shown, run", "--label"],
    );
    let line = format!("{import} --events odd.tsv --out named --label");
    let words: Vec<&str> = line.split(' ').chain(["clip shown"]).collect();
    let done = Command::new(assert_cmd::cargo::cargo_bin!("emotome"))
        .current_dir(scratch.0.path())
        .args(words)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn maps_of_several_models_part_their_variance_as_a_loop_does() {
    let scratch = bare();
    let part = |columns: std::ops::Range<usize>, file: &str| {
        let rows: String = (0..STIMULI)
            .map(|s| {
                let row: Vec<String> = columns.clone().map(|c| feature(s, c).to_string()).collect();
                format!("clip{s:02}\t{}\n", row.join("\t"))
            })
            .collect();
        let names: Vec<String> = columns.clone().map(|c| format!("c{c}")).collect();
        scratch.write(file, format!("key\t{}\n{rows}", names.join("\t")));
    };
    part(0..4, "a.tsv");
    part(1..6, "b.tsv");
    let line = "rsa searchlight --data bold.nii.gz --mask mask.nii.gz --labels labels.tsv --model a.tsv --metric pearson --radius 2vox";
    let found = scratch.json(&format!(
        "{line} --model b.tsv --partial others --variance --control typicality=a --out maps"
    ));
    // Two models and a control: three partial maps, R², and seven parts.
    assert_eq!(found["joint"].as_array().unwrap().len(), 3 + 1 + 7);
    let found = scratch.json(&format!(
        "{line} --model b.tsv --partial b --variance --out two"
    ));
    let [partial, r2, ..] = found["joint"].as_array().unwrap().as_slice() else {
        panic!("{found}");
    };
    assert_eq!(partial["models"], serde_json::json!(["a"]));
    assert_eq!(partial["constant"], serde_json::json!(["b"]));
    assert_eq!(r2["statistic"], "r2");
    let values = |name: &str| map(&scratch, &format!("two/sub-unnamed_{name}_statmap.nii.gz"));
    let [partial, r2] = ["stat-partial_desc-a", "stat-r2_desc-aANDb"].map(values);
    let parts = [
        "stat-unique_desc-a",
        "stat-unique_desc-b",
        "stat-common_desc-aANDb",
    ]
    .map(values);
    for (at, voxel) in voxels().into_iter().enumerate() {
        if !inside(voxel) {
            assert!(partial[at].is_nan() && r2[at].is_nan());
            continue;
        }
        let [brain, a] = distances(voxel, 0..4, |_, _| true);
        let [_, b] = distances(voxel, 1..6, |_, _| true);
        let [xa, xb, ab] = [pearson(&brain, &a), pearson(&brain, &b), pearson(&a, &b)];
        let expected = (xa - xb * ab) / ((1.0 - xb * xb) * (1.0 - ab * ab)).sqrt();
        assert!((f64::from(partial[at]) - expected).abs() < 1e-6);
        let all = (xa * xa + xb * xb - 2.0 * xa * xb * ab) / (1.0 - ab * ab);
        assert!((f64::from(r2[at]) - all).abs() < 1e-6);
        assert!((f64::from(parts[0][at]) - (all - xb * xb)).abs() < 1e-6);
        let sum: f32 = parts.iter().map(|part| part[at]).sum();
        assert!((f64::from(sum) - all).abs() < 1e-6);
    }
    for (flags, words) in [
        ("--partial others", &["1 models", "give two"][..]),
        ("--model b.tsv --partial c", &["\"c\"", "a, b"]),
        ("--model b.tsv --partial a,b", &["leave one"]),
        (
            "--model again=a.tsv --variance",
            &["\"again\"", "combination"],
        ),
        ("--control louder", &["louder", "typicality"]),
        ("--control shuffled=c", &["\"c\""]),
    ] {
        scratch.refuses(
            &format!("{line} {flags} --out wrong --force --quiet"),
            words,
        );
    }
}

#[test]
fn a_search_that_is_killed_goes_on_to_the_same_bits() {
    let scratch = Scratch::new();
    let rows: String = (0..400)
        .map(|s| {
            format!(
                "s{s}\t{}\t{}\t{}\n",
                noise(3 * s),
                noise(3 * s + 1),
                noise(3 * s + 2)
            )
        })
        .collect();
    scratch.write("model.tsv", format!("key\ta\tb\tc\n{rows}"));
    scratch.json("brain simulate --model model.tsv --plant TPJ=model@rsa:0.2 --subjects 1 --voxels 3000 --edge 5 --per-run 40 --out study");
    let line = "rsa searchlight --store study/sub-01 --model model.tsv --metric spearman --radius 3vox --quiet";
    scratch.json(&format!("{line} --out whole"));
    let partial = scratch.path("cut/blocks.partial");
    scratch.killed(&format!("{line} --out cut"), &partial, 5_000);
    scratch.refuses(&format!("{line} --out cut"), &["--resume", "--force"]);
    scratch.refuses(
        &format!("{line} --out cut --resume").replace("3vox", "2vox"),
        &["other inputs or parameters"],
    );
    let resumed = scratch.json(&format!("{line} --out cut --resume"));
    assert!(number(&resumed, "resumed_blocks") >= 1.0, "{resumed}");
    assert!(!partial.exists());
    for file in [
        "centres.tsv",
        "sub-01_stat-spearman_desc-model_statmap.nii.gz",
    ] {
        assert_eq!(
            fs::read(scratch.path(&format!("cut/{file}"))).unwrap(),
            fs::read(scratch.path(&format!("whole/{file}"))).unwrap(),
            "{file}"
        );
    }
    scratch.refuses(
        &format!("{line} --out whole --resume"),
        &["no interrupted run"],
    );
    scratch.refuses(&format!("{line} --out whole"), &["exists", "--force"]);
}

#[test]
fn planted_regions_are_found_and_others_are_not() {
    let scratch = Scratch::new();
    let rows: String = (0..120)
        .map(|s| {
            format!(
                "s{s}\t{}\t{}\t{}\n",
                noise(3 * s),
                noise(3 * s + 1),
                noise(3 * s + 2)
            )
        })
        .collect();
    scratch.write("planted.tsv", format!("key\ta\tb\tc\n{rows}"));
    let rows: String = (0..120)
        .map(|s| format!("s{s}\t{}\t{}\n", noise(5_000 + 2 * s), noise(5_001 + 2 * s)))
        .collect();
    scratch.write("other.tsv", format!("key\ta\tb\n{rows}"));
    scratch.json("brain simulate --model planted.tsv --plant TPJ=planted@rsa:0.45 --subjects 3 --voxels 4000 --edge 4 --per-run 20 --sessions 1 --standardise run --out study");
    for layout in ["bdata", "nifti"] {
        let made = scratch.json(&format!("brain simulate --model planted.tsv --plant TPJ=planted@rsa:0.3 --subjects 1 --voxels 400 --edge 8 --per-run 20 --sessions 1 --layout {layout} --out {layout}"));
        assert_eq!(made["synthetic"], true);
    }
    let imported = scratch.json("brain import --bdata bdata/sub-01_desc-simulated_bdata.h5 --subject 01 --standardise run --out imported");
    assert_eq!(
        (
            &imported["manifest"]["voxels"],
            &imported["manifest"]["synthetic"]
        ),
        (&400.into(), &true.into())
    );
    assert_eq!(imported["reconciliation"]["stimuli"], 120);
    let stores = "--store study/sub-01 --store study/sub-02 --store study/sub-03";
    let found = scratch.json(&format!(
        "rsa roi {stores} --regions horikawa2020 --model planted.tsv --model other.tsv --permutations 200 --bootstraps 50 --published-tests --out roi"
    ));
    let group = found["group"].as_array().unwrap();
    let of = |region: &str, model: &str| {
        group
            .iter()
            .find(|g| g["region"] == region && g["model"] == model)
            .unwrap_or_else(|| panic!("no {region} beside {model}"))
    };
    let tpj = of("TPJ", "planted");
    assert_eq!(tpj["significant"], 3, "{tpj}");
    assert!(number(tpj, "mean") > 0.15);
    assert!(number(tpj, "ceiling_upper") >= number(tpj, "ceiling_lower"));
    has(
        tpj,
        &[
            "prevalence_lower",
            "at_least_two_p",
            "bootstrap_p",
            "bootstrap_pairwise_p",
        ],
    );
    let elsewhere = group
        .iter()
        .filter(|g| g["region"] != "TPJ" || g["model"] == "other");
    let false_alarms: f64 = elsewhere.map(|g| number(g, "significant")).sum();
    assert!(
        false_alarms <= 2.0,
        "{false_alarms} false alarms in three subjects"
    );
    assert_eq!(number(&found, "smallest_sign_flip_p"), 0.25);
    for file in [
        "regions.tsv",
        "dataset_description.json",
        "group.tsv",
        "roi.json",
        "provenance.json",
        "region-bars.svg",
        "region-bars.pdf",
        "region-bars.png",
        "region-bars.tsv",
    ] {
        assert!(scratch.path("roi").join(file).exists(), "no {file}");
    }
    let search =
        "rsa searchlight --store study/sub-01 --model planted.tsv --radius 3vox --permutations 100";
    let whole = scratch.json(&format!("{search} --metric cka --out anywhere"));
    let anywhere = &whole["family_wise"][0];
    assert!(
        (10.0..400.0).contains(&number(anywhere, "significant")),
        "{anywhere}"
    );
    assert!(
        scratch
            .path("anywhere/sub-01_stat-pfwe_desc-planted_statmap.nii.gz")
            .exists()
    );
    let whole = scratch.json(&format!(
        "{search} --model other.tsv --metric corr_cov --tfce --cluster-threshold 0.05 --keep-relabelled 5 --out spatial"
    ));
    let [planted, other] = [0, 1].map(|model| &whole["family_wise"][model]);
    for (of, least, most) in [(planted, 20.0, 500.0), (other, 0.0, 0.0)] {
        let found = number(&of["tfce"], "significant");
        assert!((least..=most).contains(&found), "{of}");
    }
    assert!((1.0..=2.0).contains(&number(&planted["clusters"], "significant")));
    assert_eq!(number(&other["clusters"], "significant"), 0.0);
    let kept = Reader::open(scratch.path(planted["surrogates"].as_str().unwrap())).unwrap();
    assert_eq!(kept.volumes::<f32>().unwrap().count(), 5);
    for (flags, words) in [
        ("--cluster-threshold=-1", ["threshold of clusters", "-1"]),
        ("--permutations 0 --tfce", ["--tfce", "--permutations 0"]),
    ] {
        let line = format!("{search} --metric corr_cov {flags} --out no5 --quiet");
        let line = match flags.starts_with("--permutations") {
            true => line.replace(" --permutations 100", ""),
            false => line,
        };
        scratch.refuses(&line, &words);
    }
    scratch.refuses(
        &format!("{search} --metric cka --tfce --out no4 --quiet"),
        &["above it everywhere", "corr_cov"],
    );
    scratch.refuses(
        &format!("{search} --metric pearson --out no3 --quiet"),
        &["--metric cka", "rsa roi"],
    );
    // The same on one thread, and with the tables of the program.
    scratch.json(&format!("rsa roi {stores} --regions horikawa2020 --model planted.tsv --model other.tsv --permutations 200 --bootstraps 50 --published-tests --threads 1 --out one"));
    assert_eq!(
        fs::read(scratch.path("one/regions.tsv")).unwrap(),
        fs::read(scratch.path("roi/regions.tsv")).unwrap()
    );
    assert_eq!(
        fs::read(scratch.path("one/group.tsv")).unwrap(),
        fs::read(scratch.path("roi/group.tsv")).unwrap()
    );
    scratch.refuses(
        &format!("rsa roi {stores} --regions emotion --model planted.tsv --out no --quiet"),
        &["names no table of regions", "emotion2025"],
    );
    scratch.refuses(
        "rsa roi --store study/sub-01 --store study/sub-01 --model planted.tsv --out no2 --quiet",
        &["both of subject"],
    );
}

#[test]
fn a_mask_of_another_grid_is_refused_with_the_numbers() {
    let scratch = bare();
    let mut moved = grid();
    moved.affine.0[0][3] += 14.2;
    let mask = vec![1_u8; EDGE * EDGE * EDGE];
    nifti::write(
        scratch.path("moved.nii.gz"),
        Overwrite::Refuse,
        &moved,
        &mask,
    )
    .unwrap();
    let line = "rsa searchlight --data bold.nii.gz --labels labels.tsv --model model.tsv --radius 2vox --quiet --out";
    scratch.refuses(
        &format!("{line} a --mask moved.nii.gz"),
        &["14.2", "[0, 3]", "resample"],
    );
    scratch.write("nameless.tsv", "a\tb\nx\t1\n");
    scratch.refuses(
        &format!("{line} b --mask mask.nii.gz").replace("labels.tsv", "nameless.tsv"),
        &["nameless.tsv", "stimulus"],
    );
    scratch.write(
        "few.tsv",
        "key\ta\tb\nclip00\t1\t2\nclip01\t2\t1\nelse\t1\t1\n",
    );
    scratch.refuses(
        &format!("{line} c --mask mask.nii.gz").replace("model.tsv", "few.tsv"),
        &["share 2 stimuli", "few.tsv"],
    );
    scratch.refuses(
        &format!("{line} d --mask mask.nii.gz --model other=model.tsv --model ot-her=model.tsv")
            .replace("--model model.tsv ", ""),
        &["same file name"],
    );
    let help = scratch.run("rsa searchlight --data bold.nii.gz --mask mask.nii.gz --labels labels.tsv --model model.tsv --radius 3 --out e").failure();
    assert!(String::from_utf8_lossy(&help.get_output().stderr).contains("3vox or 6mm"));
}

#[test]
fn two_files_are_compared_for_what_they_hold() {
    let scratch = Scratch::new();
    scratch.write("a.csv", "key,x,y\np,0,1\nq,2,2\nr,5,1\ns,1,7\n");
    scratch.write("b.txt", "0 2 5 6\n2 0 3 5\n5 3 0 8\n6 5 8 0\n");
    let found = scratch.json("rsa compare a.csv b.txt --distance euclidean --metric spearman");
    assert_eq!(found["inferred"], serde_json::json!([true, true]));
    assert_eq!(found["joined"], serde_json::json!(["key", "row"]));
    assert_eq!(found["files"][1]["holds"]["kind"], "dissimilarities");
    assert_eq!((&found["pairs"], &found["stimuli"]), (&6.into(), &4.into()));
    assert!(number(&found, "value") > 0.8, "{found}");
    let same = scratch.json("rsa compare a.csv a.csv --metric cka --distance sqeuclidean");
    assert!((number(&same, "value") - 1.0).abs() < 1e-12);
    scratch.write("skew.txt", "0 2 5\n2 0 3\n4 3 0\n");
    scratch.refuses(
        "rsa compare skew.txt skew.txt --a-holds dissimilarities",
        &["not symmetric", "(2, 0) is 4"],
    );
}

#[test]
fn maps_are_drawn_of_areas_regions_volumes_and_differences() {
    let scratch = bare();
    scratch.write(
        "areas.tsv",
        "region\tvalue\nL_V1\t0.1\nMST\t0.3\nR_TPOJ1\t-0.05\n",
    );
    let drawn = scratch.json("map parcels areas.tsv --out areas");
    assert_eq!(drawn["files"].as_array().unwrap().len(), 4);
    let svg = fs::read_to_string(scratch.path("areas/flat-map.svg")).unwrap();
    assert!(
        svg.contains("left") && svg.contains("right"),
        "sides are not named"
    );
    scratch.write(
        "regions.tsv",
        "subject\tregion\tvalue\n01\tVC\t0.1\n01\tTPJ\t0.3\n02\tVC\t0.2\n01\tAmygdala\t0.1\n",
    );
    let drawn = scratch
        .json("map parcels regions.tsv --regions emotion2025 --only subject=01 --out regions");
    assert!(
        drawn["notes"][0].as_str().unwrap().contains("Amygdala"),
        "{drawn}"
    );
    scratch.refuses(
        "map parcels regions.tsv --regions emotion2025 --out twice",
        &["--only"],
    );
    scratch.refuses(
        "map parcels areas.tsv --name area --out none",
        &["no column \"area\"", "region, value"],
    );
    scratch.write("wrong.tsv", "region\tvalue\nV99\t1\n");
    scratch.refuses("map parcels wrong.tsv --out wrong", &["V99"]);
    scratch.json("map slices bold.nii.gz --number 3 --cuts z=5,x=0 --out slices");
    scratch.refuses(
        "map slices bold.nii.gz --number 13 --out no",
        &["number 13", "12"],
    );
    scratch.refuses(
        "map slices bold.nii.gz --cuts z=90 --out beside",
        &["z = 90 mm", "from 0 to 10 mm"],
    );
    let compared = scratch.json("map compare a=mask.nii.gz b=mask.nii.gz --cuts z=5 --out both");
    assert!(
        compared["files"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| { f.as_str().unwrap().ends_with("desc-bMinusa_statmap.nii.gz") })
    );
}
