//! Annotations: every vertex in a region.

use std::collections::HashMap;
use std::path::Path;

use crate::nifti::ImageError;

use super::cursor::Cursor;

/// A region of the colour table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its number in the table.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Red, green and blue, and 255 less the opacity.
    pub rgbt: [u8; 4],
}

impl Region {
    /// What stands for it at a vertex: R + 2⁸ G + 2¹⁶ B.
    pub fn code(&self) -> i32 {
        let [r, g, b, _] = self.rgbt.map(i32::from);
        r | g << 8 | b << 16
    }
}

/// Regions, and the one of each vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The region of each vertex by its place in [`regions`](Self::regions); none for code 0 and for codes that are
    /// not in the table.
    pub labels: Vec<Option<usize>>,
    /// The colour table in the order of the file.
    pub regions: Vec<Region>,
    /// Vertices whose code, other than 0, is not in the table.
    pub unlisted: usize,
}

/// Reads an annotation with a colour table of version 2 (`lh.aparc.annot`, …).
///
/// # Errors
/// [`ImageError`], among others unless every vertex is there exactly once and the regions' codes differ.
pub fn read_annot(path: impl AsRef<Path>) -> Result<Annotation, ImageError> {
    let mut file = Cursor::open(path.as_ref())?;
    let count = file.count("the number of vertices")?;
    let pairs: Vec<i32> = file.numbers(count.saturating_mul(2), "the vertices")?;
    let mut codes = vec![None; count];
    for (at, &[vertex, code]) in pairs.as_chunks().0.iter().enumerate() {
        let place = usize::try_from(vertex).ok().and_then(|v| codes.get_mut(v));
        match place {
            Some(place @ None) => *place = Some(code),
            _ => {
                let expected = format!("each of 0 to {} once", count - 1);
                return Err(ImageError::field(
                    file.path(),
                    format!("vertex {at} (byte {})", 4 + 8 * at),
                    vertex,
                    expected,
                ));
            }
        }
    }
    let regions = table(&mut file)?;
    let mut by_code = HashMap::new();
    for (at, region) in regions.iter().enumerate() {
        if let Some(other) = by_code.insert(region.code(), at) {
            let found = format!("{:?}, that of {:?}", region.rgbt, regions[other].name);
            let what = format!("the colour of region {:?}", region.name);
            return Err(ImageError::field(
                file.path(),
                what,
                found,
                "a colour of its own, for it tells regions apart",
            ));
        }
    }
    let codes = codes.into_iter().map(|code| code.unwrap_or(0));
    let mut unlisted = 0;
    let labels = codes.map(|code| {
        let region = by_code.get(&code).copied().filter(|_| code != 0);
        unlisted += usize::from(region.is_none() && code != 0);
        region
    });
    Ok(Annotation {
        labels: labels.collect(),
        regions,
        unlisted,
    })
}

fn table(file: &mut Cursor) -> Result<Vec<Region>, ImageError> {
    let wrong = |file: &Cursor, field: &str, found: i32, expected: &str| {
        Err(ImageError::field(
            file.path(),
            format!("{field} (byte {})", file.at() - 4),
            found,
            expected,
        ))
    };
    let tag = file.int("the mark of a colour table")?;
    if tag != 1 {
        return wrong(
            file,
            "the mark of a colour table",
            tag,
            "1: write the annotation with its colour table",
        );
    }
    let version = file.int("the version of the colour table")?;
    if version != -2 {
        return wrong(
            file,
            "the version of the colour table",
            version,
            "−2: write it anew with FreeSurfer 4 or later",
        );
    }
    file.count("the size of the colour table")?;
    let name = file.count("the length of the table's name")?;
    file.take(name, "the table's name")?;
    let count = file.count("the number of regions")?;
    let mut regions = Vec::new();
    for _ in 0..count {
        let index = file.count("the number of a region")?;
        let length = file.count("the length of a region's name")?;
        let name = file.take(length, "a region's name")?;
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let colour: Vec<i32> = file.numbers(4, "a region's colour")?;
        let mut rgbt = [0; 4];
        for (channel, &found) in rgbt.iter_mut().zip(&colour) {
            *channel = match u8::try_from(found) {
                Ok(value) => value,
                Err(_) => {
                    let what = format!("the colour of region {name:?}");
                    return Err(ImageError::field(
                        file.path(),
                        what,
                        format!("{colour:?}"),
                        "numbers from 0 to 255",
                    ));
                }
            };
        }
        regions.push(Region { index, name, rgbt });
    }
    Ok(regions)
}
