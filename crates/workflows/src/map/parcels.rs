//! Values of areas or regions on the flattened cortex, with outlines that come with the program.

use super::draw::{self, Look, MapSummary, Sure, Target};
use super::error::MapError;
use crate::WorkflowError;
use emotome_brain::regions::{Area, Hemisphere, Preset, RegionTable};
use emotome_brain::surface::{inner_point, mmp};
use emotome_figures::cortex::{CortexMap, FlatHemisphere, FlatOutline, FlatParcel, Line};
use emotome_figures::paint::Colours;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A map of parcel values.
#[derive(Debug, Clone)]
pub struct ParcelMapRequest {
    /// A table of values, such as `group.tsv` or `regions.tsv`.
    pub table: PathBuf,
    /// The column of names: HCP-MMP areas, with or without hemisphere, or regions of `regions`.
    pub name: String,
    /// The column of values.
    pub value: String,
    /// Only rows with these values in these columns.
    pub only: Vec<(String, String)>,
    /// A table of regions that comes with the program, where names are of regions.
    pub regions: Option<String>,
    /// How it looks.
    pub look: Look,
    /// Columns that fade colours, and that say what is outlined.
    pub sure: Sure,
    /// Where it goes.
    pub target: Target,
}

/// Draws values of areas on the flattened cortex.
///
/// # Errors
/// [`MapError::Table`] for a table that lacks the columns, [`MapError::Unknown`] for names that nothing answers to.
pub fn parcel_map(request: &ParcelMapRequest) -> Result<MapSummary, WorkflowError> {
    let rows = rows(request)?;
    let table = match &request.regions {
        Some(name) => Some(preset(&request.table, name)?),
        None => None,
    };
    let colours = request
        .look
        .sure(&request.sure, rows.iter().filter_map(|row| row.score));
    let look = &request.look;
    let (figure, mut unknown, twice) =
        flat(&rows, table.as_ref(), &look.title, look.narrow, colours);
    if unknown.len() == rows.len() {
        unknown.truncate(8);
        return Err(MapError::Unknown {
            path: request.table.clone(),
            names: unknown,
        }
        .into());
    }
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        notes.push(format!(
            "not on the cortex, and not drawn: {}",
            unknown.join(", ")
        ));
    }
    if !twice.is_empty() {
        notes.push(format!(
            "areas of several regions have the value of the last: {}",
            twice.join(", ")
        ));
    }
    let mut files = Vec::new();
    let stem = "flat-map";
    draw::write(&request.target, stem, &figure, &mut files)?;
    let parameters = json!({
        "name": request.name, "value": request.value, "only": request.only, "regions": request.regions, "look": request.look, "sure": request.sure,
        "acknowledgement": mmp::NOTICE,
    });
    draw::provenance(&request.target, stem, parameters, [request.table.as_path()])?;
    Ok(MapSummary { files, notes })
}

/// The map of values, names that no area answers to, and areas that several rows claim.
fn flat(
    rows: &[Row],
    table: Option<&RegionTable>,
    title: &str,
    narrow: bool,
    colours: Colours,
) -> (CortexMap, Vec<String>, Vec<String>) {
    let mut values: BTreeMap<u16, &Row> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut twice = BTreeSet::new();
    for row in rows {
        let areas = areas_of(&row.name, table);
        if areas.is_empty() {
            unknown.push(row.name.clone());
        }
        for area in areas {
            if values.insert(area.id(), row).is_some() {
                twice.insert(area.to_string());
            }
        }
    }
    let figure = CortexMap {
        title: title.to_owned(),
        narrow,
        colours,
        hemispheres: [Hemisphere::Left, Hemisphere::Right]
            .map(|side| hemisphere(side, &values, table, rows))
            .into(),
        note: "Outlines: HCP-MMP 1.0 (Glasser et al. 2016) on the fs_LR flat surfaces; data provided by the Human Connectome Project".to_owned(),
    };
    (figure, unknown, twice.into_iter().collect())
}

/// A map of one value a region of a table that comes with the program; outlined where it was found. None where no
/// region lies on the cortex.
pub(crate) fn region_map(
    table: &RegionTable,
    values: impl IntoIterator<Item = (String, f64, bool)>,
    title: &str,
    colours: Colours,
) -> Option<CortexMap> {
    let rows: Vec<Row> = values
        .into_iter()
        .map(|(name, value, found)| Row {
            name,
            value,
            score: None,
            found,
        })
        .collect();
    let (figure, unknown, _) = flat(&rows, Some(table), title, false, colours);
    (unknown.len() < rows.len()).then_some(figure)
}

fn preset(path: &Path, name: &str) -> Result<RegionTable, MapError> {
    let wrong = |what: String| MapError::Table {
        path: path.to_owned(),
        what,
    };
    let preset = Preset::named(name).ok_or_else(|| {
        wrong(format!(
            "{name:?} names no table of regions; known are {}",
            Preset::ALL.map(Preset::name).join(", ")
        ))
    })?;
    preset.table().map_err(|error| wrong(error.to_string()))
}

/// The areas that a name means: one, the same on both sides, or those of a region.
fn areas_of(name: &str, table: Option<&RegionTable>) -> Vec<Area> {
    let both = |stem: &str| {
        Hemisphere::BOTH
            .into_iter()
            .filter_map(|side| Area::named(side, stem))
            .collect::<Vec<_>>()
    };
    if let Some(table) = table {
        let rows = table.of(name);
        return rows
            .flat_map(|row| {
                both(&row.stem)
                    .into_iter()
                    .filter(|area| row.side.includes(Some(area.hemisphere())))
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    let side = |side: Hemisphere, rest: &str| Area::named(side, rest).into_iter().collect();
    match name.split_once('_') {
        Some(("L", rest)) => side(Hemisphere::Left, rest),
        Some(("R", rest)) => side(Hemisphere::Right, rest),
        _ => both(name),
    }
}

fn hemisphere(
    side: Hemisphere,
    values: &BTreeMap<u16, &Row>,
    table: Option<&RegionTable>,
    rows: &[Row],
) -> FlatHemisphere {
    let parcels = mmp::areas(side)
        .into_iter()
        .map(|(area, rings)| FlatParcel {
            name: area.to_string(),
            rings,
            value: values.get(&area.id()).map_or(f64::NAN, |row| row.value),
            confidence: values.get(&area.id()).and_then(|row| row.score),
        });
    let around = |ids: &BTreeSet<i64>| {
        mmp::flat(side)
            .merged(|label| i64::from(ids.contains(&label)))
            .rings(1)
    };
    let mut outlines = Vec::new();
    if let Some(table) = table {
        for row in rows {
            let ids: BTreeSet<i64> = areas_of(&row.name, Some(table))
                .into_iter()
                .filter(|area| area.hemisphere() == side)
                .map(|area| i64::from(area.id()))
                .collect();
            let rings = around(&ids);
            if !rings.is_empty() {
                outlines.push(FlatOutline {
                    name: row.name.clone(),
                    at: inner_point(&rings),
                    rings,
                    line: Line::Region,
                });
            }
        }
    }
    let found = values.iter().filter(|(_, row)| row.found);
    let rings = around(&found.map(|(&id, _)| i64::from(id)).collect());
    if !rings.is_empty() {
        outlines.push(FlatOutline {
            rings,
            line: Line::Found,
            ..FlatOutline::default()
        });
    }
    FlatHemisphere {
        name: match side {
            Hemisphere::Left => "left",
            Hemisphere::Right => "right",
        }
        .to_owned(),
        parcels: parcels.collect(),
        vertices: None,
        outlines,
    }
}

/// Most bytes of a table.
const MOST_BYTES: u64 = 64 << 20;

/// What a row says of an area or a region.
struct Row {
    name: String,
    value: f64,
    /// How opaque its colour is, in the unit of [`draw::Fade`].
    score: Option<f64>,
    /// Whether it is outlined.
    found: bool,
}

/// The rows that are asked for.
fn rows(request: &ParcelMapRequest) -> Result<Vec<Row>, MapError> {
    let path = &request.table;
    let wrong = |what: String| MapError::Table {
        path: path.clone(),
        what,
    };
    let bytes = std::fs::metadata(path)
        .map_err(|e| wrong(e.to_string()))?
        .len();
    if bytes > MOST_BYTES {
        return Err(wrong(format!(
            "{bytes} bytes are more than the {MOST_BYTES} of a table"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split('\t')
        .map(str::trim)
        .collect();
    let column = |name: &str| {
        header.iter().position(|cell| *cell == name).ok_or_else(|| {
            wrong(format!(
                "has no column {name:?}; its columns are {}",
                header.join(", ")
            ))
        })
    };
    let (name, value) = (column(&request.name)?, column(&request.value)?);
    let fade = request.sure.fade.as_ref();
    let fade = fade
        .map(|fade| Ok::<_, MapError>((fade, column(&fade.of)?)))
        .transpose()?;
    let outline = request.sure.outline.as_ref();
    let outline = outline
        .map(|outline| Ok::<_, MapError>((outline, column(&outline.of)?)))
        .transpose()?;
    let only = request
        .only
        .iter()
        .map(|(of, wanted)| Ok((column(of)?, wanted.as_str())))
        .collect::<Result<Vec<_>, MapError>>()?;
    let mut rows: Vec<Row> = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        if cells.len() != header.len() {
            return Err(wrong(format!(
                "line {}: {} cells, the header has {}",
                at + 2,
                cells.len(),
                header.len()
            )));
        }
        if only.iter().any(|(of, wanted)| cells[*of] != *wanted) {
            continue;
        }
        let number = |of: usize| match cells[of] {
            "n/a" | "" | "NaN" => Ok(f64::NAN),
            cell => cell
                .parse::<f64>()
                .map_err(|_| wrong(format!("line {}: {:?} is no number", at + 2, cell))),
        };
        if !seen.insert(cells[name]) {
            return Err(wrong(format!(
                "line {}: {:?} has a value already; choose rows with --only COLUMN=VALUE, e.g. of one model and subject",
                at + 2,
                cells[name]
            )));
        }
        rows.push(Row {
            name: cells[name].to_owned(),
            value: number(value)?,
            score: fade
                .map(|(fade, of)| Ok::<_, MapError>(fade.score(number(of)?)))
                .transpose()?,
            found: match outline {
                Some((outline, of)) => outline.inside(number(of)?) == 1.0,
                None => false,
            },
        });
    }
    if rows.iter().all(|row| row.value.is_nan()) {
        return Err(MapError::Nothing { path: path.clone() });
    }
    Ok(rows)
}
