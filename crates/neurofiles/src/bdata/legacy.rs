//! BData as MATLAB 5 to 7 saved it: a matrix `dataSet` and a struct `metaData`.

use std::collections::BTreeMap;
use std::path::Path;

use super::{BData, BDataError, Metadata, Store};
use crate::matlab::{self, Numbers, Value};

pub(super) fn open(path: &Path) -> Result<BData, BDataError> {
    let layout = |what: String| BDataError::Layout {
        path: path.to_owned(),
        what,
    };
    let names = matlab::names(path)?;
    let variable = |wanted: [&str; 2]| {
        let found = wanted
            .iter()
            .find(|name| names.iter().any(|known| known == *name));
        let name = found
            .ok_or_else(|| layout(format!("it holds no {} but {names:?}", wanted.join(" or "))))?;
        Ok::<_, BDataError>(matlab::read_variable(path, name)?)
    };
    let described = variable(["metaData", "metadata"])?;
    let texts = |field: &str| {
        let read = described.scalar_field(field).and_then(Value::texts);
        let read = read.ok_or_else(|| layout(format!("metadata.{field} holds no texts")))?;
        Ok::<_, BDataError>(
            read.iter()
                .map(|text| text.trim().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let (keys, descriptions) = (texts("key")?, texts("description")?);
    let value = described.scalar_field("value").and_then(Value::numbers);
    let value = value.ok_or_else(|| layout("metadata.value holds no numbers".into()))?;
    let Value::Numbers(Numbers {
        dims, re, im: None, ..
    }) = variable(["dataSet", "dataset"])?
    else {
        return Err(layout("the dataset is no matrix of numbers".into()));
    };
    let (&[samples, columns], [count, described]) = (dims.as_slice(), value.dims.as_slice()) else {
        return Err(layout(format!(
            "a dataset of {dims:?}, values of {:?}",
            value.dims
        )));
    };
    if (*count, *described) != (keys.len(), columns) || descriptions.len() != keys.len() {
        return Err(layout(format!(
            "{} keys, {} descriptions and {count} × {described} values over {columns} columns",
            keys.len(),
            descriptions.len()
        )));
    }
    let count = *count;
    let mut metadata = Metadata::filled(keys, descriptions, columns);
    for column in 0..columns {
        for key in 0..count {
            metadata.push(key, value.re[column * count + key]);
        }
    }
    Ok(BData {
        path: path.to_owned(),
        metadata,
        vmap: BTreeMap::new(),
        samples,
        store: Store::Memory(re),
    })
}
