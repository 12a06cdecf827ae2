//! What a GIFTI is about: a mesh, or data on the vertices of one.

use std::path::Path;

use crate::freesurfer;
use crate::nifti::ImageError;

use super::{Gifti, Intent, Values};

/// A mesh of triangles.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Where each vertex is, in millimetres.
    pub points: Vec<[f32; 3]>,
    /// Three vertices of each triangle, all of which there are.
    pub triangles: Vec<[u32; 3]>,
}

impl Surface {
    /// The mesh, once every point is finite and every triangle names points that there are.
    pub(crate) fn checked(
        path: &Path,
        points: Vec<[f32; 3]>,
        triangles: &[[i32; 3]],
    ) -> Result<Self, ImageError> {
        if let Some(at) = points.iter().position(|p| !p.iter().all(|v| v.is_finite())) {
            let found = format!("{:?}", points[at]);
            return Err(ImageError::field(
                path,
                format!("point {at}"),
                found,
                "finite numbers",
            ));
        }
        let whole = |&i: &i32| {
            u32::try_from(i)
                .ok()
                .filter(|&i| (i as usize) < points.len())
        };
        let checked = triangles.iter().enumerate().map(|(at, triangle)| {
            let [a, b, c] = triangle.each_ref().map(whole);
            a.zip(b).zip(c).map(|((a, b), c)| [a, b, c]).ok_or_else(|| {
                let expected = format!(
                    "vertices from 0 to {}: is the file damaged?",
                    points.len().saturating_sub(1)
                );
                ImageError::field(
                    path,
                    format!("triangle {at}"),
                    format!("{triangle:?}"),
                    expected,
                )
            })
        });
        let triangles = checked.collect::<Result<_, _>>()?;
        Ok(Self { points, triangles })
    }
}

/// Reads a mesh from `.gii`, `.gii.gz`, or a file of FreeSurfer.
///
/// # Errors
/// [`ImageError`] that says what was found and where.
pub fn read_surface(path: impl AsRef<Path>) -> Result<Surface, ImageError> {
    let path = path.as_ref();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if name.ends_with(".gii") || name.ends_with(".gii.gz") {
        Gifti::read(path)?.surface()
    } else {
        Ok(freesurfer::read_surface(path)?.surface)
    }
}

impl Gifti {
    /// The mesh: the one array of points and the one of triangles.
    ///
    /// # Errors
    /// [`ImageError::Field`] if either is missing or doubled, of another shape, or a triangle names a vertex that is
    /// not there.
    pub fn surface(&self) -> Result<Surface, ImageError> {
        let path = &self.source;
        let one = |intent: Intent, name: &str| {
            let mut arrays = self.arrays.iter().filter(|a| a.intent == intent);
            let (first, count) = (arrays.next(), arrays.count());
            let found = format!("in {} arrays", count + usize::from(first.is_some()));
            let array = first.filter(|_| count == 0);
            let array = array.ok_or_else(|| {
                ImageError::field(path, name, found, "in one: is this a surface?")
            })?;
            if array.shape.len() == 2 && array.shape[1] == 3 {
                return Ok(array);
            }
            let found = format!("of shape {:?}", array.shape);
            Err(ImageError::field(
                path,
                format!("the array of {name}"),
                found,
                "n × 3",
            ))
        };
        let (points, triangles) = (
            one(Intent::Pointset, "points")?,
            one(Intent::Triangle, "triangles")?,
        );
        let points: Vec<[f32; 3]> = match &points.values {
            Values::F32(values) => values.as_chunks().0.to_vec(),
            Values::F64(values) => values
                .as_chunks()
                .0
                .iter()
                .map(|p: &[f64; 3]| p.map(|v| v as f32))
                .collect(),
            _ => {
                return Err(ImageError::field(
                    path,
                    "the array of points",
                    "whole numbers",
                    "FLOAT32",
                ));
            }
        };
        match &triangles.values {
            Values::I32(values) => Surface::checked(path, points, values.as_chunks().0),
            _ => Err(ImageError::field(
                path,
                "the array of triangles",
                "not of whole numbers",
                "INT32",
            )),
        }
    }

    /// Data per vertex, a column for each array of one axis and for each column of one of two.
    ///
    /// # Errors
    /// [`ImageError::Field`] if there are none, or their lengths differ.
    pub fn columns(&self) -> Result<Vec<Vec<f64>>, ImageError> {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let data = self.arrays.iter().enumerate();
        for (at, array) in
            data.filter(|(_, a)| !matches!(a.intent, Intent::Pointset | Intent::Triangle))
        {
            let values = array.values.to_f64();
            match array.shape[..] {
                [_] => columns.push(values),
                [_, width] => columns.extend(
                    (0..width).map(|c| values.iter().skip(c).step_by(width).copied().collect()),
                ),
                _ => {
                    let found = format!("of shape {:?}", array.shape);
                    return Err(ImageError::field(
                        &self.source,
                        format!("array {at}"),
                        found,
                        "one axis or two",
                    ));
                }
            }
        }
        let lengths: Vec<usize> = columns.iter().map(Vec::len).collect();
        match lengths[..] {
            [] => Err(ImageError::field(
                &self.source,
                "data per vertex",
                "in no array",
                "in one at least: is this a surface?",
            )),
            [first, ..] => match lengths.iter().position(|&n| n != first) {
                None => Ok(columns),
                Some(at) => {
                    let expected = format!("{first}, as the first has");
                    Err(ImageError::field(
                        &self.source,
                        format!("the length of column {at}"),
                        lengths[at],
                        expected,
                    ))
                }
            },
        }
    }
}
