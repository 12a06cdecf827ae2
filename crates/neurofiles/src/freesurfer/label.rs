//! Labels: some vertices, listed as text.

use std::path::Path;
use std::str::FromStr;

use crate::nifti::ImageError;

use super::cursor::Cursor;

/// Vertices with their places and a value each.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The first line.
    pub comment: String,
    /// The vertices, in the order of the file.
    pub vertices: Vec<u32>,
    /// Where they are.
    pub points: Vec<[f64; 3]>,
    /// Their values.
    pub values: Vec<f64>,
}

/// Reads a label (`lh.V1_exvivo.label`, …); a label of a volume, whose vertices are −1, is refused.
///
/// # Errors
/// [`ImageError`] with the line.
pub fn read_label(path: impl AsRef<Path>) -> Result<Label, ImageError> {
    let file = Cursor::open(path.as_ref())?;
    let wrong = |line: usize, found: &str, expected: &str| {
        let found: String = found.chars().take(80).collect();
        ImageError::field(
            file.path(),
            format!("line {line}"),
            format!("{found:?}"),
            expected,
        )
    };
    let text = str::from_utf8(file.rest())
        .map_err(|_| ImageError::format(file.path(), file.rest(), "text, as a label does"))?;
    let mut lines = text.lines();
    let comment = lines.next().unwrap_or_default().to_owned();
    let count = lines.next().unwrap_or_default();
    let count: usize = count
        .trim()
        .parse()
        .map_err(|_| wrong(2, count, "the number of vertices"))?;
    let mut label = Label {
        comment,
        vertices: Vec::new(),
        points: Vec::new(),
        values: Vec::new(),
    };
    for (at, line) in lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().take(6).collect();
        let entry = || {
            let &[vertex, x, y, z, value] = words.as_slice() else {
                return None;
            };
            let number = |word| f64::from_str(word).ok();
            Some((
                vertex.parse().ok()?,
                [number(x)?, number(y)?, number(z)?],
                number(value)?,
            ))
        };
        let expected = "a vertex, its three coordinates and a value";
        let (vertex, point, value) = entry().ok_or_else(|| wrong(at + 3, line, expected))?;
        label.vertices.push(vertex);
        label.points.push(point);
        label.values.push(value);
    }
    if label.vertices.len() != count {
        let found = format!("{count}, but {} vertices follow", label.vertices.len());
        return Err(wrong(
            2,
            &found,
            "the number of vertices; the file is truncated or damaged: fetch it again",
        ));
    }
    Ok(label)
}
