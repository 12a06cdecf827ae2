//! Opening BData in its four forms.

use std::collections::BTreeMap;
use std::path::Path;

use super::{BData, BDataError, Metadata, Store, ValueLabels, legacy};
use crate::hdf5::{Dataset, Element, Group, Hdf5Error, Node, Source};

/// What bdpy calls the marker of its sparse arrays, with three r's.
const SPARSE: &str = "__bdpy_sparse_arrray";

pub(super) fn open(path: &Path) -> Result<BData, BDataError> {
    if !Source::recognises(path)? {
        return legacy::open(path);
    }
    let source = Source::open(path)?;
    let root = source.root();
    let layout = |what: String| BDataError::Layout {
        path: path.to_owned(),
        what,
    };
    let (groups, datasets) = (root.groups()?, root.datasets()?);
    for group in &groups {
        let inner = root.group(group)?;
        if inner
            .groups()?
            .iter()
            .chain(&inner.datasets()?)
            .any(|name| name == SPARSE)
        {
            return Err(BDataError::Sparse {
                path: path.to_owned(),
                object: inner.path().to_owned(),
            });
        }
    }
    let either = |names: &[String], wanted: [&str; 2]| {
        let found = wanted
            .iter()
            .find(|name| names.iter().any(|known| known == *name));
        found.map(|name| (*name).to_owned())
    };
    // The older spelling first, as bdpy has it.
    let name = either(&datasets, ["dataSet", "dataset"])
        .ok_or_else(|| layout(format!("it holds no dataset but {datasets:?}")))?;
    let group = either(&groups, ["metaData", "metadata"])
        .ok_or_else(|| layout(format!("it holds no metadata but the groups {groups:?}")))?;
    let dataset = root.dataset(&name)?;
    let group = root.group(&group)?;
    let keys = texts(&group.dataset("key")?)?;
    let descriptions = texts(&group.dataset("description")?)?;
    if keys.len() != descriptions.len() {
        return Err(layout(format!(
            "{} keys with {} descriptions",
            keys.len(),
            descriptions.len()
        )));
    }
    let value = group.dataset("value")?;
    let shape = |dataset: &Dataset<'_>| match *dataset.shape() {
        [rows, columns] => match (usize::try_from(rows), usize::try_from(columns)) {
            (Ok(rows), Ok(columns)) => Ok((rows, columns)),
            _ => Err(dataset.kind("rows × columns")),
        },
        _ => Err(dataset.kind("rows × columns")),
    };
    let (rows, width) = shape(&dataset)?;
    let of_matlab = dataset.attributes()?.contains_key("MATLAB_class");
    let count = keys.len();
    // Which side of the values is the keys'? Where both could be, MATLAB's mark decides.
    let described = shape(&value)?;
    let (plain, turned) = (described == (count, width), described == (rows, count));
    if !plain && !turned {
        return Err(layout(format!(
            "{count} keys with {described:?} values over a dataset of {rows} × {width}"
        )));
    }
    let transposed = turned && (!plain || of_matlab);
    let (samples, columns) = if transposed {
        (width, rows)
    } else {
        (rows, width)
    };
    let metadata = metadata(&value, keys, descriptions, columns, transposed)?;
    let vmap = if groups.iter().any(|group| group == "vmap") {
        vmap(&root.group("vmap")?, path)?
    } else {
        BTreeMap::new()
    };
    drop((dataset, value, group, root));
    Ok(BData {
        path: path.to_owned(),
        metadata,
        vmap,
        samples,
        store: Store::Hdf5 {
            source: Box::new(source),
            name,
            transposed,
        },
    })
}

fn metadata(
    value: &Dataset<'_>,
    keys: Vec<String>,
    descriptions: Vec<String>,
    columns: usize,
    transposed: bool,
) -> Result<Metadata, BDataError> {
    let width = if transposed { keys.len() } else { columns }.max(1);
    let mut filled = Metadata::filled(keys, descriptions, columns);
    value.for_each_block::<Hdf5Error>(|start, block| {
        for (row, values) in (start as usize..).zip(block.chunks_exact(width)) {
            for (at, &value) in values.iter().enumerate() {
                filled.push(if transposed { at } else { row }, value);
            }
        }
        Ok(())
    })?;
    Ok(filled)
}

/// Texts as they are, or those of MATLAB, of which each is referred to.
pub(super) fn texts(dataset: &Dataset<'_>) -> Result<Vec<String>, BDataError> {
    match dataset.element() {
        Element::Reference => {
            let text = |node| match node {
                Node::Dataset(inner) => utf16(&inner),
                Node::Group(_) => Err(dataset.kind("references to texts")),
            };
            let read: Result<Vec<String>, Hdf5Error> =
                dataset.targets()?.into_iter().map(text).collect();
            Ok(read?)
        }
        _ => Ok(dataset.read_texts()?),
    }
}

/// A char array of MATLAB: one row of UTF-16, or what stands for an empty one.
fn utf16(dataset: &Dataset<'_>) -> Result<String, Hdf5Error> {
    if dataset.attributes()?.contains_key("MATLAB_empty") {
        return Ok(String::new());
    }
    let units = dataset.read_f64()?;
    let units: Vec<u16> = units.iter().map(|&unit| unit as u16).collect();
    Ok(String::from_utf16_lossy(&units).trim().to_owned())
}

fn vmap(group: &Group<'_>, path: &Path) -> Result<BTreeMap<String, ValueLabels>, BDataError> {
    let mut all = BTreeMap::new();
    for key in group.groups()? {
        let inner = group.group(&key)?;
        let mut labels = ValueLabels::new();
        for name in inner.datasets()? {
            let value = name.parse::<f64>().ok().filter(|value| value.is_finite());
            let value = value.ok_or_else(|| BDataError::Layout {
                path: path.to_owned(),
                what: format!("{} has {name:?} where a number is expected", inner.path()),
            })?;
            labels.push((value, inner.dataset(&name)?.read_text()?));
        }
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.insert(key, labels);
    }
    Ok(all)
}
