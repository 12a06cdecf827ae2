//! Writing GIFTI.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use emotome_stimuli::output::{OutputError, Overwrite};
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::nifti::{Container, ImageError, Stored};

use super::xml::escape;
use super::{DataArray, Gifti, INTENTS, Intent, Label, Surface, Transform, Values};

impl Gifti {
    /// A mesh to be written, in scanner coordinates, of a structure such as `CortexLeft`.
    pub fn from_surface(surface: &Surface, structure: Option<&str>) -> Self {
        let mut identity = [[0.0; 4]; 4];
        (0..4).for_each(|i| identity[i][i] = 1.0);
        let space = "NIFTI_XFORM_SCANNER_ANAT".to_owned();
        let vertices = surface.triangles.concat();
        let points = DataArray {
            transforms: vec![Transform {
                from: space.clone(),
                to: space,
                matrix: identity,
            }],
            ..DataArray::new(
                Intent::Pointset,
                vec![surface.points.len(), 3],
                Values::F32(surface.points.concat()),
            )
        };
        let vertices = Values::I32(vertices.into_iter().map(|v| v as i32).collect());
        let triangles =
            DataArray::new(Intent::Triangle, vec![surface.triangles.len(), 3], vertices);
        Self {
            meta: of_structure(structure),
            arrays: vec![points, triangles],
            ..Self::default()
        }
    }

    /// Named data per vertex to be written.
    pub fn from_columns(
        intent: &Intent,
        columns: &[(&str, &[f32])],
        structure: Option<&str>,
    ) -> Self {
        let array = |&(name, values): &(&str, &[f32])| DataArray {
            meta: vec![("Name".to_owned(), name.to_owned())],
            ..DataArray::new(
                intent.clone(),
                vec![values.len()],
                Values::F32(values.to_vec()),
            )
        };
        Self {
            meta: of_structure(structure),
            arrays: columns.iter().map(array).collect(),
            ..Self::default()
        }
    }

    /// A label per vertex to be written, with the table of labels.
    pub fn from_labels(keys: &[i32], labels: &[Label], structure: Option<&str>) -> Self {
        let keys = DataArray::new(Intent::Label, vec![keys.len()], Values::I32(keys.to_vec()));
        Self {
            meta: of_structure(structure),
            labels: labels.to_vec(),
            arrays: vec![keys],
            ..Self::default()
        }
    }

    /// Writes `.gii` or `.gii.gz`, little-endian and compressed; equal content gives equal bytes.
    ///
    /// # Errors
    /// [`ImageError::Layout`] if an array does not fill its shape, [`ImageError::Extension`] if the name ends
    /// otherwise, [`ImageError::Output`] if the system refuses.
    pub fn write(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<(), ImageError> {
        let path = path.as_ref();
        for (at, array) in self.arrays.iter().enumerate() {
            let count = array
                .shape
                .iter()
                .try_fold(1_usize, |n, &m| n.checked_mul(m));
            if count != Some(array.values.len())
                || array.values.is_empty()
                || array.shape.is_empty()
            {
                let expected = format!("at least one, in the shape {:?}", array.shape);
                return Err(ImageError::layout(
                    path,
                    format!("elements of array {at}"),
                    array.values.len(),
                    expected,
                ));
            }
        }
        let mut out = Container::create(path, overwrite, &[".gii", ".gii.gz"], ".gii or .gii.gz")?;
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE GIFTI SYSTEM \"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n\
             <GIFTI Version=\"1.0\" NumberOfDataArrays=\"{}\">\n{}{}",
            self.arrays.len(),
            meta(&self.meta),
            table(&self.labels)
        );
        for array in &self.arrays {
            let array = array.xml().map_err(|source| OutputError::Io {
                path: path.to_owned(),
                source,
            })?;
            text.push_str(&array);
            out.put(text.as_bytes())?;
            text.clear();
        }
        out.put(text.as_bytes())?;
        out.put(b"</GIFTI>\n")?;
        out.finish()
    }
}

impl DataArray {
    /// An array without metadata or transforms.
    pub fn new(intent: Intent, shape: Vec<usize>, values: Values) -> Self {
        Self {
            intent,
            shape,
            values,
            meta: Vec::new(),
            transforms: Vec::new(),
        }
    }

    fn xml(&self) -> io::Result<String> {
        let (kind, bytes) = match &self.values {
            Values::U8(values) => ("UINT8", little(values)),
            Values::I32(values) => ("INT32", little(values)),
            Values::F32(values) => ("FLOAT32", little(values)),
            Values::F64(values) => ("FLOAT64", little(values)),
        };
        let known = INTENTS.iter().find(|(intent, _)| *intent == self.intent);
        let intent = match (&self.intent, known) {
            (Intent::Other(name), _) => escape(name),
            (_, known) => known
                .map_or("NIFTI_INTENT_NONE", |(_, name)| name)
                .to_owned(),
        };
        let mut dims = String::new();
        for (axis, n) in self.shape.iter().enumerate() {
            let _ = write!(dims, " Dim{axis}=\"{n}\"");
        }
        let mut transforms = String::new();
        for Transform { from, to, matrix } in &self.transforms {
            // A line for each row, without which nibabel reads a list.
            let rows: Vec<String> = matrix
                .iter()
                .map(|row| row.map(|v| v.to_string()).join(" "))
                .collect();
            let (from, to) = (escape(from), escape(to));
            let _ = writeln!(
                transforms,
                "<CoordinateSystemTransformMatrix><DataSpace>{from}</DataSpace><TransformedSpace>{to}</TransformedSpace>\
                 <MatrixData>{}</MatrixData></CoordinateSystemTransformMatrix>",
                rows.join("\n")
            );
        }
        Ok(format!(
            "<DataArray Intent=\"{intent}\" DataType=\"NIFTI_TYPE_{kind}\" ArrayIndexingOrder=\"RowMajorOrder\" \
             Dimensionality=\"{}\"{dims} Encoding=\"GZipBase64Binary\" Endian=\"LittleEndian\" ExternalFileName=\"\" \
             ExternalFileOffset=\"\">\n{}{transforms}<Data>{}</Data>\n</DataArray>\n",
            self.shape.len(),
            meta(&self.meta),
            BASE64_STANDARD.encode(deflated(&bytes)?)
        ))
    }
}

fn of_structure(structure: Option<&str>) -> Vec<(String, String)> {
    let entry = |s: &str| ("AnatomicalStructurePrimary".to_owned(), s.to_owned());
    structure.map(entry).into_iter().collect()
}

fn little<T: Stored>(values: &[T]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|v| v.to_le().as_ref().to_vec())
        .collect()
}

/// A zlib stream.
fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::new(6));
    out.write_all(bytes)?;
    out.finish()
}

/// `<MetaData>` of GIFTI and CIFTI.
pub(crate) fn meta(entries: &[(String, String)]) -> String {
    let mut text = String::from("<MetaData>");
    for (name, value) in entries {
        let (name, value) = (escape(name), escape(value));
        let _ = write!(text, "<MD><Name>{name}</Name><Value>{value}</Value></MD>");
    }
    text + "</MetaData>\n"
}

/// `<LabelTable>` of GIFTI and CIFTI.
pub(crate) fn table(labels: &[Label]) -> String {
    let mut text = String::from("<LabelTable>");
    for Label {
        key,
        name,
        rgba: [red, green, blue, alpha],
    } in labels
    {
        let name = escape(name);
        let _ = write!(
            text,
            "<Label Key=\"{key}\" Red=\"{red}\" Green=\"{green}\" Blue=\"{blue}\" Alpha=\"{alpha}\">{name}</Label>"
        );
    }
    text + "</LabelTable>\n"
}
