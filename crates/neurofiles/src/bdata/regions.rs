//! `roiInf.mat`: which keys make up the regions of a study.

use std::path::{Path, PathBuf};

use crate::matlab::{self, MatlabError, Value};

/// Why sets of regions cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The MATLAB file below cannot be read.
    #[error(transparent)]
    Matlab(#[from] MatlabError),
    /// The file is of another layout.
    #[error(
        "{path}: {what}; expected a struct roiInf whose fields hold roiDescrip, roiName and exRoiName of equal lengths",
        path = path.display()
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// What is missing or does not fit.
        what: String,
    },
}

/// A region: keys of BData whose columns make it up, and keys whose columns are taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionKeys {
    /// Its short name.
    pub name: String,
    /// The keys.
    pub keys: Vec<String>,
    /// The keys whose columns are taken out.
    pub excluded: Vec<String>,
}

/// The sets of regions of a `roiInf.mat`, such as `hcp360`, by name in the order of the file.
///
/// # Errors
///
/// [`RegionError`].
pub fn region_sets(path: impl AsRef<Path>) -> Result<Vec<(String, Vec<RegionKeys>)>, RegionError> {
    let path = path.as_ref();
    let Value::Struct { fields, .. } = matlab::read_variable(path, "roiInf")? else {
        return Err(layout(path, "roiInf is no struct".into()));
    };
    let mut sets = Vec::new();
    for (name, values) in fields {
        for value in values {
            sets.push((name.clone(), regions(path, &name, &value)?));
        }
    }
    Ok(sets)
}

fn layout(path: &Path, what: String) -> RegionError {
    RegionError::Layout {
        path: path.to_owned(),
        what,
    }
}

fn regions(path: &Path, set: &str, value: &Value) -> Result<Vec<RegionKeys>, RegionError> {
    let part = |field: &str| {
        let part = value.scalar_field(field);
        part.ok_or_else(|| layout(path, format!("{set} has no {field}")))
    };
    let lists = |field: &str| {
        let cells = part(field)?.cells();
        let lists = cells.and_then(|cells| cells.iter().map(keys).collect::<Option<Vec<_>>>());
        lists.ok_or_else(|| layout(path, format!("{set}.{field} holds no lists of keys")))
    };
    let names = part("roiDescrip")?.texts();
    let names = names.ok_or_else(|| layout(path, format!("{set}.roiDescrip holds no texts")))?;
    let (keys, mut excluded) = (lists("roiName")?, lists("exRoiName")?);
    if excluded.is_empty() {
        excluded.resize(names.len(), Vec::new());
    }
    if keys.len() != names.len() || excluded.len() != names.len() {
        let what = format!(
            "{set}: {} names, {} lists of keys, {} of keys taken out",
            names.len(),
            keys.len(),
            excluded.len()
        );
        return Err(layout(path, what));
    }
    let regions = names.into_iter().zip(keys).zip(excluded);
    let region = |((name, keys), excluded)| RegionKeys {
        name,
        keys,
        excluded,
    };
    Ok(regions.map(region).collect())
}

/// A cell of keys, one key, or an empty array.
fn keys(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Numbers(numbers) if numbers.re.is_empty() => Some(Vec::new()),
        Value::Text(text) if text.units.is_empty() => Some(Vec::new()),
        other => other.texts(),
    }
}
