//! Maps, tables and provenance of a search.

use super::super::brain::Joined;
use super::super::models::LeftOut;
use super::super::{RsaError, volume};
use super::{ModelMap, Searched, SearchlightRequest, parameters};
use crate::WorkflowError;
use emotome_brain::searchlight::{Block, Comparison, Search};
use emotome_stimuli::output::{self, AtomicFile, Overwrite};
use emotome_stimuli::provenance::Provenance;
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Each centre with its voxel, in the order of blocks.
pub(super) fn placed<'a>(
    joined: &'a Joined,
    blocks: &'a [Block],
) -> Result<impl Iterator<Item = (&'a Block, usize, [u32; 3])> + Clone, RsaError> {
    let (_, voxels) = volume::grid(&joined.store)?;
    Ok(blocks.iter().flat_map(move |block| {
        block
            .centres
            .iter()
            .enumerate()
            .map(move |(at, &centre)| (block, at, voxels[centre as usize]))
    }))
}

/// Writes a map for each model.
pub(super) fn maps(
    request: &SearchlightRequest,
    joined: &Joined,
    blocks: &[Block],
) -> Result<Vec<ModelMap>, WorkflowError> {
    let (grid, _) = volume::grid(&joined.store)?;
    let scored = blocks.iter().any(|block| block.z.is_some());
    let statistic = statistic(request.comparison);
    let mut maps = Vec::with_capacity(request.models.len());
    for (m, of) in request.models.iter().enumerate() {
        let name = |stat: &str| image(request, joined, &of.name, stat);
        let all = placed(joined, blocks)?;
        let path = name(statistic);
        let values = all
            .clone()
            .map(|(block, at, voxel)| (voxel, block.values[[at, m]]));
        volume::write(&path, request.overwrite, &grid, values.clone())?;
        let mut z_path = None;
        if scored {
            let path = name("z");
            let z = all.filter_map(|(block, at, voxel)| Some((voxel, block.z.as_ref()?[[at, m]])));
            volume::write(&path, request.overwrite, &grid, z)?;
            z_path = Some(path);
        }
        let defined: Vec<([u32; 3], f64)> = values.filter(|(_, value)| !value.is_nan()).collect();
        let (peak_voxel, max) = defined
            .iter()
            .copied()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .unwrap_or(([0; 3], f64::NAN));
        maps.push(ModelMap {
            model: of.name.clone(),
            path,
            z_path,
            mean: emotome_stats::summary::mean(
                &defined.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            ),
            max,
            peak_voxel,
            peak_mm: grid.affine.apply(peak_voxel.map(f64::from)),
        });
    }
    Ok(maps)
}

/// The file of a model's map.
pub(super) fn image(
    request: &SearchlightRequest,
    joined: &Joined,
    model: &str,
    stat: &str,
) -> PathBuf {
    request.out.join(format!(
        "sub-{}_desc-{}_stat-{stat}_statmap.nii.gz",
        volume::entity(&joined.report.subject),
        volume::entity(model)
    ))
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
    joined: &Joined,
    search: &Search<'_>,
    blocks: &[Block],
) -> Result<(), WorkflowError> {
    let (grid, _) = volume::grid(&joined.store)?;
    let hoods = search.plan().neighbourhoods();
    let scored = blocks.iter().any(|block| block.z.is_some());
    let mut file = AtomicFile::create(request.out.join("centres.tsv"), request.overwrite)?;
    let written = (|| {
        write!(file, "i\tj\tk\tx\ty\tz\tmembers")?;
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
                let (_, voxels) = volume::grid(&joined.store).map_err(std::io::Error::other)?;
                let [i, j, k] = voxels[centre as usize];
                let [x, y, z] = grid.affine.apply([i, j, k].map(f64::from));
                write!(
                    file,
                    "{i}\t{j}\t{k}\t{x}\t{y}\t{z}\t{}",
                    hoods.members(sphere).len()
                )?;
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
    if let Some(path) = &request.include {
        provenance.add_input(path)?;
    }
    let z = |map: &ModelMap| {
        let statistic = "z among all relabellings of the stimuli";
        Some((
            map.z_path.clone()?,
            json!(map.model),
            json!(statistic),
            json!(null),
        ))
    };
    let each = searched.maps.iter().flat_map(|map| {
        let own = json!(statistic(request.comparison));
        let own = (map.path.clone(), json!(map.model), own, json!(null));
        std::iter::once(own).chain(z(map))
    });
    let together = searched.joint.iter().map(|map| {
        let (models, constant) = (json!(map.models), json!(map.constant));
        (map.path.clone(), models, json!(map.statistic), constant)
    });
    for (path, model, statistic, constant) in each.chain(together) {
        let sidecar = PathBuf::from(path.to_string_lossy().replace(".nii.gz", ".json"));
        let mut content = json!({
            "Model": model,
            "Statistic": statistic,
            "Distance": request.distance,
            "Neighbourhood": request.shape,
            "Pairs": request.pairs,
            "Stimuli": searched.brain.shared,
            "Synthetic": searched.brain.synthetic,
            "Standardisation": searched.brain.standardisation,
            "Provenance": provenance,
        });
        if !constant.is_null() {
            content["HeldConstant"] = constant;
        }
        output::write_json(sidecar, request.overwrite, &content)?;
    }
    Ok(provenance.write(request.out.join("provenance.json"), request.overwrite)?)
}
