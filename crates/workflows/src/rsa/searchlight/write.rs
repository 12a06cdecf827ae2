//! Maps, tables and provenance of a search.

use super::super::brain::Joined;
use super::super::models::{LeftOut, ModelOf};
use super::super::space::Space;
use super::super::{RsaError, volume};
use super::{ModelMap, Searched, SearchlightRequest, parameters};
use crate::WorkflowError;
use emotome_brain::searchlight::{Block, Comparison, Search};
use emotome_neurofiles::derivatives::BidsName;
use emotome_stimuli::output::{self, AtomicFile, Overwrite};
use emotome_stimuli::provenance::Provenance;
use ndarray::Array2;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What there is for every row of the store: a value where it is the centre of a neighbourhood, else NaN.
pub(super) fn by_row(
    joined: &Joined,
    blocks: &[Block],
    values: impl IntoIterator<Item = f64>,
) -> Vec<f64> {
    let mut rows = vec![f64::NAN; joined.store.voxels()];
    let centres = blocks.iter().flat_map(|block| &block.centres);
    for (&centre, value) in centres.zip(values) {
        rows[centre as usize] = value;
    }
    rows
}

/// Writes a map for each model.
pub(super) fn maps(
    request: &SearchlightRequest,
    joined: &Joined,
    space: &Space<'_>,
    blocks: &[Block],
) -> Result<Vec<ModelMap>, WorkflowError> {
    let scored = blocks.iter().any(|block| block.z.is_some());
    let all = |table: fn(&Block) -> Option<&Array2<f64>>| -> Vec<(String, Vec<f64>)> {
        let of = |(m, of): (usize, &ModelOf)| {
            let tables = blocks.iter().filter_map(table);
            let own = tables.flat_map(|table| table.column(m).to_vec());
            (of.name.clone(), by_row(joined, blocks, own))
        };
        request.models.iter().enumerate().map(of).collect()
    };
    let write = |stat: &str, maps: &[(String, Vec<f64>)]| {
        let name = named(joined, stat)?;
        space.write(&request.out, request.overwrite, &name, maps)
    };
    let values = all(|block| Some(&block.values));
    let written = write(statistic(request.comparison), &values)?;
    let z = if scored {
        write("z", &all(|block| block.z.as_ref()))?
    } else {
        Vec::new()
    };
    let each = values.iter().zip(written).enumerate();
    Ok(each
        .map(|(m, ((model, values), own))| {
            let defined = (0_u32..).zip(values).filter(|(_, value)| !value.is_nan());
            let peak = defined
                .clone()
                .reduce(|best, next| if next.1 > best.1 { next } else { best });
            let of_peak = |(row, _): (u32, &f64)| row;
            ModelMap {
                model: model.clone(),
                path: own.path,
                right_path: own.right_path,
                z_path: z.get(m).map(|z| z.path.clone()),
                right_z_path: z.get(m).and_then(|z| z.right_path.clone()),
                mean: emotome_stats::summary::mean(
                    &defined.map(|(_, &value)| value).collect::<Vec<_>>(),
                ),
                max: peak.map_or(f64::NAN, |(_, &value)| value),
                peak_voxel: peak.map(of_peak).and_then(|row| space.voxel(row)),
                peak_vertex: peak.map(of_peak).and_then(|row| space.vertex(row)),
                peak_mm: peak.map(of_peak).and_then(|row| space.millimetres(row)),
            }
        })
        .collect())
}

/// The name of maps of a statistic.
pub(super) fn named(joined: &Joined, stat: &str) -> Result<BidsName, RsaError> {
    let name = BidsName::new("statmap", ".nii.gz")?;
    let name = name.with("sub", &volume::entity(&joined.report.subject))?;
    Ok(name.with("stat", stat)?)
}

/// What the value of a map is called in file names.
const fn statistic(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Pearson => "pearson",
        Comparison::Cosine => "cosine",
        Comparison::CorrCov => "corrcov",
        Comparison::CosineCov => "cosinecov",
        Comparison::DebiasedCka => "debiasedcka",
        Comparison::Spearman | Comparison::SpearmanExact => "spearman",
        Comparison::KendallTauA => "taua",
    }
}

/// Writes every centre with its values.
pub(super) fn centres(
    request: &SearchlightRequest,
    space: &Space<'_>,
    search: &Search<'_>,
    blocks: &[Block],
) -> Result<(), WorkflowError> {
    let hoods = search.plan().neighbourhoods();
    let scored = blocks.iter().any(|block| block.z.is_some());
    let mut file = AtomicFile::create(request.out.join("centres.tsv"), request.overwrite)?;
    let written = (|| {
        write!(file, "{}\tmembers", space.header())?;
        for of in &request.models {
            write!(file, "\t{}", of.name)?;
        }
        for of in request.models.iter().filter(|_| scored) {
            write!(file, "\tz({})", of.name)?;
        }
        let bounded = blocks.iter().any(|block| block.bounds.is_some());
        writeln!(file, "{}", if bounded { "\tbound" } else { "" })?;
        let number = |v: f64| {
            if v.is_nan() {
                "n/a".to_owned()
            } else {
                v.to_string()
            }
        };
        let mut sphere = 0;
        for block in blocks {
            for (at, &centre) in block.centres.iter().enumerate() {
                let members = hoods.members(sphere).len();
                write!(file, "{}\t{members}", space.cells(centre))?;
                let row = block.values.row(at);
                let z = block.z.as_ref().map(|z| z.row(at));
                for &value in row.iter().chain(z.iter().flatten()) {
                    write!(file, "\t{}", number(value))?;
                }
                if let Some(bounds) = &block.bounds {
                    write!(file, "\t{}", number(bounds[at]))?;
                }
                writeln!(file)?;
                sphere += 1;
            }
        }
        Ok(())
    })();
    written.map_err(|source| file.error(source))?;
    Ok(file.commit()?)
}

/// Lists the stimuli that were left out.
pub(crate) fn write_left_out(
    out: &Path,
    overwrite: Overwrite,
    left_out: &[LeftOut],
) -> Result<(), WorkflowError> {
    if left_out.is_empty() {
        return Ok(());
    }
    let mut text = String::from("stimulus\treason\n");
    for LeftOut { key, reason } in left_out {
        text += &format!("{key}\t{reason}\n");
    }
    Ok(output::write(
        out.join("left_out.tsv"),
        overwrite,
        text.as_bytes(),
    )?)
}

/// The file that says what a file of maps holds.
fn beside(path: &Path) -> PathBuf {
    let name = path.to_string_lossy();
    let endings = [".nii.gz", ".shape.gii", ".dscalar.nii"];
    let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
    format!("{}.json", stem.unwrap_or(&name)).into()
}

/// What is said beside a file of maps.
#[derive(Default)]
struct Sidecar {
    statistic: &'static str,
    models: Vec<serde_json::Value>,
    constant: Vec<serde_json::Value>,
}

/// Writes what the results depend on, and says in words beside each map what it holds.
pub(super) fn provenance(
    request: &SearchlightRequest,
    store: &Path,
    searched: &Searched,
) -> Result<(), WorkflowError> {
    let mut provenance = Provenance::new(request.command.clone(), None, parameters(request, &[]));
    provenance.add_input(store.join("store.json"))?;
    for of in &request.models {
        provenance.add_input(&of.path)?;
    }
    let surfaces = request.midthickness.iter().flatten();
    for path in request.include.iter().chain(surfaces) {
        provenance.add_input(path)?;
    }
    let own = statistic(request.comparison);
    let z = "z among all relabellings of the stimuli";
    let mut files: BTreeMap<&Path, Sidecar> = BTreeMap::new();
    for map in &searched.maps {
        let sides = [Some(&map.path), map.right_path.as_ref()];
        let scores = [map.z_path.as_ref(), map.right_z_path.as_ref()];
        for (paths, statistic) in [(sides, own), (scores, z)] {
            for path in paths.into_iter().flatten() {
                let sidecar = files.entry(path).or_default();
                sidecar.statistic = statistic;
                sidecar.models.push(json!(map.model));
            }
        }
    }
    for map in &searched.joint {
        for path in [Some(&map.path), map.right_path.as_ref()]
            .into_iter()
            .flatten()
        {
            let sidecar = files.entry(path).or_default();
            sidecar.statistic = map.statistic;
            sidecar.models.push(json!(map.models));
            sidecar.constant.push(json!(map.constant));
        }
    }
    for (path, of) in files {
        // Maps of one file are told in their order; a map alone is told alone.
        let told = |mut each: Vec<serde_json::Value>| match each.len() {
            1 => each.remove(0),
            _ => json!(each),
        };
        let mut content = json!({
            "Model": told(of.models),
            "Statistic": of.statistic,
            "Distance": request.distance,
            "Neighbourhood": request.shape,
            "Pairs": request.pairs,
            "Stimuli": searched.brain.shared,
            "Synthetic": searched.brain.synthetic,
            "Standardisation": searched.brain.standardisation,
            "Provenance": provenance,
        });
        if !of.constant.is_empty() {
            content["HeldConstant"] = told(of.constant);
        }
        output::write_json(beside(path), request.overwrite, &content)?;
    }
    Ok(provenance.write(request.out.join("provenance.json"), request.overwrite)?)
}
