//! Writing BData as bdpy does.

use std::collections::BTreeMap;
use std::path::Path;

use emotome_stimuli::output::Overwrite;

use super::{BDataError, Metadata, ValueLabels};
use crate::hdf5::Writer;

/// Writes a BData file that bdpy opens; `sample` fills the columns of each sample, in order, so that none but one is
/// ever held.
///
/// # Errors
///
/// [`BDataError::Hdf5`], and what `sample` returns.
pub fn write<E: From<BDataError>>(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    metadata: &Metadata,
    vmap: &BTreeMap<String, ValueLabels>,
    header: &[(&str, &str)],
    samples: usize,
    mut sample: impl FnMut(usize, &mut [f64]) -> Result<(), E>,
) -> Result<(), E> {
    let columns = metadata.columns();
    let mut writer = Writer::create(path, overwrite).map_err(BDataError::from)?;
    let shape = [samples as u64, columns as u64];
    let rows = writer.rows::<f64>("dataset", &shape);
    let mut rows = rows.map_err(BDataError::from)?;
    let mut row = vec![0.0; columns];
    for index in 0..samples {
        sample(index, &mut row)?;
        rows.write_f64(&row).map_err(BDataError::from)?;
    }
    rows.finish().map_err(BDataError::from)?;
    Ok(describe(writer, metadata, vmap, header)?)
}

fn describe(
    mut writer: Writer,
    metadata: &Metadata,
    vmap: &BTreeMap<String, ValueLabels>,
    header: &[(&str, &str)],
) -> Result<(), BDataError> {
    let (keys, columns) = (metadata.keys(), metadata.columns());
    writer.texts("metadata/key", keys)?;
    writer.texts("metadata/description", metadata.descriptions())?;
    let mut rows = writer.rows::<f64>("metadata/value", &[keys.len() as u64, columns as u64])?;
    for key in 0..keys.len() {
        let row: Vec<f64> = (0..columns).map(|c| metadata.value(key, c)).collect();
        rows.write_f64(&row)?;
    }
    rows.finish()?;
    writer.group("vmap")?;
    for (key, labels) in vmap {
        for (value, label) in labels {
            // As Python writes a float: 1.0, not 1.
            writer.text(&format!("vmap/{key}/{value:?}"), label)?;
        }
    }
    for (name, text) in header {
        writer.text(&format!("header/{name}"), text)?;
    }
    Ok(writer.finish()?)
}
