//! Meshes, values on their vertices, and patches cut out of them.

use std::path::Path;

use crate::gifti::Surface;
use crate::nifti::ImageError;

use super::cursor::Cursor;

/// A surface with what FreeSurfer notes about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// The mesh.
    pub surface: Surface,
    /// Who made it and when.
    pub comment: String,
    /// What to add to a point to come to the scanner's coordinates, where the file says.
    pub c_ras: Option<[f64; 3]>,
}

/// Reads a surface of triangles (`lh.white`, `lh.pial`, `lh.inflated`, …).
///
/// # Errors
/// [`ImageError`], among others if a triangle names a vertex that is not there.
pub fn read_surface(path: impl AsRef<Path>) -> Result<Mesh, ImageError> {
    let mut file = Cursor::open(path.as_ref())?;
    file.magic(
        &[0xff, 0xff, 0xfe],
        "ff ff fe, as a surface of triangles does; convert others with mris_convert",
    )?;
    let comment = file.line("the comment")?;
    file.line("the second line")?;
    let (points, triangles) = (
        file.count("the number of vertices")?,
        file.count("the number of triangles")?,
    );
    let points: Vec<f32> = file.numbers(points.saturating_mul(3), "the vertices")?;
    let triangles: Vec<i32> = file.numbers(triangles.saturating_mul(3), "the triangles")?;
    let surface = Surface::checked(
        file.path(),
        points.as_chunks().0.to_vec(),
        triangles.as_chunks().0,
    )?;
    let c_ras = c_ras(file.rest()).map_err(|found| {
        let expected = "three finite numbers";
        ImageError::field(
            file.path(),
            "cras, the centre of the volume,",
            found,
            expected,
        )
    })?;
    Ok(Mesh {
        surface,
        comment,
        c_ras,
    })
}

/// The centre among the lines after the mesh, if they are said to be valid.
fn c_ras(footer: &[u8]) -> Result<Option<[f64; 3]>, String> {
    let text = String::from_utf8_lossy(footer);
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(key, _)| key.trim_end().ends_with(name))
            .map(|(_, value)| value.trim())
    };
    let valid = value("valid").is_some_and(|v| v.starts_with('1'));
    let Some(found) = value("cras").filter(|_| valid) else {
        return Ok(None);
    };
    let numbers: Vec<f64> = found
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [x, y, z] if x.is_finite() && y.is_finite() && z.is_finite() => Ok(Some([x, y, z])),
        _ => Err(found.chars().take(80).collect()),
    }
}

/// Reads a value per vertex (`lh.curv`, `lh.sulc`, `lh.thickness`, …) in the new format.
///
/// # Errors
/// [`ImageError`], among others for the format before 1998.
pub fn read_curv(path: impl AsRef<Path>) -> Result<Vec<f32>, ImageError> {
    let mut file = Cursor::open(path.as_ref())?;
    file.magic(
        &[0xff; 3],
        "ff ff ff, as a file of values does; convert older ones with mris_convert -c",
    )?;
    let vertices = file.count("the number of vertices")?;
    file.count("the number of triangles")?;
    let each = file.count("the number of values per vertex")?;
    if each != 1 {
        return Err(ImageError::field(
            file.path(),
            "the number of values per vertex (byte 11)",
            each,
            "1",
        ));
    }
    file.numbers(vertices, "the values")
}

/// A part of a surface, cut out and flattened.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Its vertices, by their number in the whole surface.
    pub vertices: Vec<u32>,
    /// Whether each is at the border.
    pub border: Vec<bool>,
    /// Where each is.
    pub points: Vec<[f32; 3]>,
}

/// Reads a patch (`lh.cortex.patch.flat`, …).
///
/// # Errors
/// [`ImageError`], among others for a vertex 0, since FreeSurfer counts from 1 here.
pub fn read_patch(path: impl AsRef<Path>) -> Result<Patch, ImageError> {
    let mut file = Cursor::open(path.as_ref())?;
    file.magic(
        &[0xff; 4],
        "−1 as four bytes, as a binary patch does; convert others with mris_convert -p",
    )?;
    let count = file.count("the number of vertices")?;
    let bytes = file
        .take(count.saturating_mul(16), "the vertices")?
        .to_vec();
    let mut patch = Patch {
        vertices: Vec::new(),
        border: Vec::new(),
        points: Vec::new(),
    };
    for (at, entry) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let word = |i: usize| std::array::from_fn(|b| entry[4 * i + b]);
        let number = i32::from_be_bytes(word(0));
        let point = [1, 2, 3].map(|i| f32::from_be_bytes(word(i)));
        if number == 0 || !point.iter().all(|v| v.is_finite()) {
            let found = format!("number {number} at {point:?}");
            let expected = "a number other than 0, at a finite place";
            return Err(ImageError::field(
                file.path(),
                format!("vertex {at} of the patch"),
                found,
                expected,
            ));
        }
        patch.vertices.push(number.unsigned_abs() - 1);
        patch.border.push(number < 0);
        patch.points.push(point);
    }
    Ok(patch)
}
