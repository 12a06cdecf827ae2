//! A CIFTI opened for reading.

use std::path::Path;

use ndarray::Array2;

use crate::gifti::xml::Document;
use crate::nifti::{Found, Header, ImageError, Sample, Source, Stream, Volumes};

use super::Axis;
use super::axes::axes;

/// The code of the extension with the axes.
pub(crate) const EXTENSION: i32 = 32;

/// A CIFTI-2 file: its axes read, its matrix still in the file.
pub struct Reader {
    header: Header,
    axes: [Axis; 2],
    data: Source,
}

impl Reader {
    /// Opens `.dscalar.nii`, `.dtseries.nii`, `.dlabel.nii`, `.pscalar.nii` or any other of two axes.
    ///
    /// # Errors
    /// [`ImageError`], among others if there is no CIFTI header, a map of it is as long as another axis of the matrix,
    /// or an index lies outside its surface or volume.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let Found { header, data } = Found::open(path)?;
        let mut extensions = header.extensions.iter();
        let Some(extension) = extensions.find(|e| e.code == EXTENSION) else {
            let codes: Vec<i32> = header.extensions.iter().map(|e| e.code).collect();
            let expected = "32 among them, as CIFTI-2 has: is it a volume, or CIFTI-1?";
            return Err(ImageError::field(
                path,
                "the codes of header extensions",
                format!("{codes:?}"),
                expected,
            ));
        };
        let &[1, 1, 1, 1, first, second] = header.shape.as_slice() else {
            let expected = "four axes of length 1 and two of the matrix";
            return Err(ImageError::field(
                path,
                "the shape",
                format!("{:?}", header.shape),
                expected,
            ));
        };
        let end = extension
            .bytes
            .iter()
            .rposition(|&b| b != 0)
            .map_or(0, |at| at + 1);
        let document = Document::new(path, &extension.bytes[..end])?;
        let axes = axes(&document, [first, second])?;
        Ok(Self { header, axes, data })
    }

    /// What the NIfTI header says; its intent tells the kind (3006 is dscalar).
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The first and the second axis.
    pub fn axes(&self) -> &[Axis; 2] {
        &self.axes
    }

    /// For each element of the second axis, such as a grayordinate, its values along the first.
    ///
    /// # Errors
    /// [`ImageError::Truncated`] if the file cannot hold them.
    pub fn rows<T: Sample>(self) -> Result<Volumes<T>, ImageError> {
        let [length, count] = self.axes.each_ref().map(Axis::len);
        Stream::new(self.data, self.header.encoding(), length, count).map(Volumes::new)
    }

    /// The whole matrix, first axis × second axis.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn read<T: Sample>(self) -> Result<Array2<T>, ImageError> {
        let [length, count] = self.axes.each_ref().map(Axis::len);
        let mut values = Vec::new();
        for row in self.rows::<T>()? {
            values.extend(row?);
        }
        // Each row has the length of the first axis, so this is every element.
        Ok(Array2::from_shape_fn((length, count), |(i, j)| {
            values[j * length + i]
        }))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("header", &self.header)
            .field("axes", &self.axes)
            .finish_non_exhaustive()
    }
}
