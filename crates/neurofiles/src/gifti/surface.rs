//! What a GIFTI is about: a mesh, or data on the vertices of one.

use std::path::Path;

use crate::freesurfer;
use crate::nifti::ImageError;

use super::{DataArray, Gifti, Intent, Values};

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

    /// The structure that it says it is of, such as `CortexLeft`: its own metadata, else that of its first array.
    pub fn structure(&self) -> Option<&str> {
        let first = self.arrays.first().map_or(&[][..], |array| &array.meta);
        let mut meta = self.meta.iter().chain(first);
        let found = meta.find(|(name, _)| name == "AnatomicalStructurePrimary");
        found.map(|(_, value)| value.trim())
    }

    /// Vertices and columns of the data per vertex: a column for each array of one axis and for each column of one of
    /// two; points and triangles are no data.
    ///
    /// # Errors
    /// [`ImageError::Field`] if there are none, their lengths differ, or an array has more axes.
    pub fn shape(&self) -> Result<(usize, usize), ImageError> {
        let wrong = |field: String, found: String, expected: String| {
            Err(ImageError::field(&self.source, field, found, expected))
        };
        let mut known: Option<(usize, usize)> = None;
        for (at, array) in self.data() {
            let (length, width) = match array.shape[..] {
                [length] => (length, 1),
                [length, width] => (length, width),
                _ => {
                    let found = format!("of shape {:?}", array.shape);
                    return wrong(format!("array {at}"), found, "one axis or two".into());
                }
            };
            let (first, columns) = known.unwrap_or((length, 0));
            if length != first {
                let expected = format!("{first}, as the first has");
                return wrong(
                    format!("the length of array {at}"),
                    length.to_string(),
                    expected,
                );
            }
            known = Some((first, columns + width));
        }
        match known {
            Some(shape) => Ok(shape),
            None => wrong(
                "data per vertex".into(),
                "in no array".into(),
                "in one at least: is this a surface?".into(),
            ),
        }
    }

    /// Hands over each column of the data per vertex; see [`shape`](Self::shape).
    ///
    /// # Errors
    /// Those of [`shape`](Self::shape) before the first column, and of `each`.
    pub fn each_column<E: From<ImageError>>(
        &self,
        mut each: impl FnMut(&[f64]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.shape()?;
        for (_, array) in self.data() {
            let values = array.values.to_f64();
            match array.shape[..] {
                [_, width] if width > 1 => {
                    for column in 0..width {
                        let own: Vec<f64> =
                            values.iter().skip(column).step_by(width).copied().collect();
                        each(&own)?;
                    }
                }
                _ => each(&values)?,
            }
        }
        Ok(())
    }

    /// All columns of the data per vertex; see [`shape`](Self::shape).
    ///
    /// # Errors
    /// Those of [`shape`](Self::shape).
    pub fn columns(&self) -> Result<Vec<Vec<f64>>, ImageError> {
        let mut columns = Vec::new();
        self.each_column(|column| {
            columns.push(column.to_vec());
            Ok::<(), ImageError>(())
        })?;
        Ok(columns)
    }

    fn data(&self) -> impl Iterator<Item = (usize, &DataArray)> {
        let data = self.arrays.iter().enumerate();
        data.filter(|(_, a)| !matches!(a.intent, Intent::Pointset | Intent::Triangle))
    }
}
