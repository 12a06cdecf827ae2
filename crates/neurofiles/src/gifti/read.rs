//! Reading GIFTI.

use std::io::Read;
use std::path::{Component, Path};

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use flate2::read::ZlibDecoder;

use crate::nifti::{Element, ImageError, Source};

use super::xml::{Document, Node};
use super::{DataArray, Gifti, INTENTS, Intent, Label, Transform, Values};

/// The most that a document may take, expanded.
const DOCUMENT: u64 = 1 << 31;

/// The most that all arrays may take together, expanded, with eight bytes to an element.
const ARRAYS: u64 = 1 << 32;

/// Deflate codes at most 258 bytes in 2 bits.
const MAX_DEFLATE_RATIO: usize = 1032;

/// Padding is not always written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Gifti {
    /// Reads `.gii` or `.gii.gz`, in any encoding, byte order and indexing order.
    ///
    /// An external file must lie in the folder of the GIFTI or below it.
    ///
    /// # Errors
    /// [`ImageError::Xml`] with the byte of the XML, among others; a document of more than 2 GiB is refused, and more
    /// than 2²⁹ elements in all arrays together.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let mut source = Source::open(path)?;
        let bytes = source.rest(DOCUMENT, "the document", "split the file")?;
        let start = bytes.trim_ascii_start();
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        if start.first() != Some(&b'<') {
            return Err(ImageError::format(path, &bytes, "XML, as GIFTI is"));
        }
        let document = Document::new(path, &bytes)?;
        let root = document.root("GIFTI")?;
        let labels = match root.child("LabelTable") {
            Some(table) => labels(&document, table)?,
            None => Vec::new(),
        };
        let mut room = ARRAYS;
        let arrays: Result<Vec<_>, _> = root
            .children("DataArray")
            .map(|node| array(&document, node, &mut room))
            .collect();
        let arrays = arrays?;
        if let Some(claimed) = root.attribute("NumberOfDataArrays")
            && claimed.trim().parse() != Ok(arrays.len())
        {
            let expected = format!("{}, the number of <DataArray>", arrays.len());
            return Err(document.wrong(&root, "NumberOfDataArrays", claimed, &expected));
        }
        Ok(Self {
            source: path.to_owned(),
            meta: document.meta(&root),
            labels,
            arrays,
        })
    }
}

/// A label table, of GIFTI or of CIFTI.
pub(crate) fn labels(document: &Document<'_>, table: &Node<'_>) -> Result<Vec<Label>, ImageError> {
    let one = |node: &Node<'_>| {
        let channel = |name: &str, default: f32| match node.attribute(name) {
            Some(_) => document.number(node, name, "a number from 0 to 1"),
            None => Ok(default),
        };
        // Old files say Index.
        let key = if node.attribute("Key").is_some() {
            "Key"
        } else {
            "Index"
        };
        Ok(Label {
            key: document.number(node, key, "a whole number")?,
            name: node.text.trim().to_owned(),
            rgba: [
                channel("Red", 0.0)?,
                channel("Green", 0.0)?,
                channel("Blue", 0.0)?,
                channel("Alpha", 1.0)?,
            ],
        })
    };
    table.children("Label").map(one).collect()
}

fn array(
    document: &Document<'_>,
    node: &Node<'_>,
    room: &mut u64,
) -> Result<DataArray, ImageError> {
    let axes: usize = document.number(node, "Dimensionality", "1 to 6")?;
    if !(1..=6).contains(&axes) {
        return Err(document.wrong(node, "Dimensionality", &axes.to_string(), "1 to 6"));
    }
    let shape: Result<Vec<usize>, _> = (0..axes)
        .map(|axis| document.number(node, &format!("Dim{axis}"), "a whole number"))
        .collect();
    let shape = shape?;
    let count = shape
        .iter()
        .try_fold(1_usize, |n, &m| n.checked_mul(m).filter(|&n| n > 0));
    let Some(count) = count else {
        let what =
            format!("the shape is {shape:?}; expected at least one element, and fewer than 2⁶⁴");
        return Err(document.error(node.at, what));
    };
    let column_major = match document.attribute(node, "ArrayIndexingOrder")? {
        "RowMajorOrder" => false,
        "ColumnMajorOrder" => true,
        found => {
            return Err(document.wrong(
                node,
                "ArrayIndexingOrder",
                found,
                "RowMajorOrder or ColumnMajorOrder",
            ));
        }
    };
    let claimed = (count as u64).saturating_mul(8);
    *room = room.checked_sub(claimed).ok_or_else(|| ImageError::Limit {
        path: document.path.to_owned(),
        what: format!(
            "what the arrays hold up to that at byte {} of the XML",
            node.at
        ),
        claimed: claimed.saturating_add(ARRAYS - *room),
        limit: ARRAYS,
        remedy: "split the file",
    })?;
    let read = Raw {
        document,
        node,
        shape: &shape,
        count,
        column_major,
    };
    let values = match document.attribute(node, "DataType")? {
        "NIFTI_TYPE_UINT8" => Values::U8(read.values()?),
        "NIFTI_TYPE_INT32" => Values::I32(read.values()?),
        "NIFTI_TYPE_FLOAT32" => Values::F32(read.values()?),
        "NIFTI_TYPE_FLOAT64" => Values::F64(read.values()?),
        found => {
            let expected = "NIFTI_TYPE_UINT8, INT32, FLOAT32 or FLOAT64: convert the file";
            return Err(document.wrong(node, "DataType", found, expected));
        }
    };
    let intent = document.attribute(node, "Intent")?;
    let known = INTENTS.iter().find(|(_, name)| *name == intent);
    let transforms = node
        .children("CoordinateSystemTransformMatrix")
        .map(|node| {
            let text = |name| {
                node.child(name)
                    .map(|n| n.text.trim().to_owned())
                    .unwrap_or_default()
            };
            let matrix = node.child("MatrixData");
            let matrix = matrix
                .ok_or_else(|| document.error(node.at, "a transform without <MatrixData>"))?;
            Ok(Transform {
                from: text("DataSpace"),
                to: text("TransformedSpace"),
                matrix: document.matrix(matrix)?,
            })
        });
    let transforms: Result<Vec<_>, ImageError> = transforms.collect();
    Ok(DataArray {
        intent: known.map_or_else(
            || Intent::Other(intent.to_owned()),
            |(intent, _)| intent.clone(),
        ),
        values,
        meta: document.meta(node),
        transforms: transforms?,
        shape,
    })
}

struct Raw<'a, 'd> {
    document: &'a Document<'d>,
    node: &'a Node<'d>,
    shape: &'a [usize],
    count: usize,
    column_major: bool,
}

impl Raw<'_, '_> {
    fn values<E: Element + Copy + std::str::FromStr>(&self) -> Result<Vec<E>, ImageError> {
        let (document, node) = (self.document, self.node);
        let text = node.child("Data").map_or("", |data| &data.text);
        let values = match document.attribute(node, "Encoding")? {
            "ASCII" => {
                let data = node
                    .child("Data")
                    .ok_or_else(|| document.error(node.at, "an array without <Data>"))?;
                let values: Vec<E> = document.numbers(data, "a number of the array's type")?;
                if values.len() != self.count {
                    return Err(self.size(values.len(), "numbers"));
                }
                values
            }
            encoding => {
                let size = self.count.checked_mul(size_of::<E>());
                let size = size.ok_or_else(|| self.size(usize::MAX, "bytes"))?;
                let bytes = match encoding {
                    "Base64Binary" => self.decoded(text)?,
                    "GZipBase64Binary" => self.expanded(&self.decoded(text)?, size)?,
                    "ExternalFileBinary" => self.external(size)?,
                    found => {
                        let expected =
                            "ASCII, Base64Binary, GZipBase64Binary or ExternalFileBinary";
                        return Err(document.wrong(node, "Encoding", found, expected));
                    }
                };
                if bytes.len() != size {
                    return Err(self.size(bytes.len(), "bytes"));
                }
                let big_endian = match document.attribute(node, "Endian")? {
                    "BigEndian" => true,
                    "LittleEndian" => false,
                    found => {
                        return Err(document.wrong(
                            node,
                            "Endian",
                            found,
                            "LittleEndian or BigEndian",
                        ));
                    }
                };
                let mut values = Vec::with_capacity(self.count);
                E::each(&bytes, big_endian, |value| values.push(value));
                values
            }
        };
        Ok(if self.column_major && self.shape.len() > 1 {
            self.transposed(&values)
        } else {
            values
        })
    }

    fn size(&self, found: usize, unit: &str) -> ImageError {
        let what = format!(
            "<Data> holds {found} {unit}, which is no array of shape {:?}; the file is damaged: fetch or write it again",
            self.shape
        );
        self.document.error(self.node.at, what)
    }

    fn decoded(&self, text: &str) -> Result<Vec<u8>, ImageError> {
        let dense: Vec<u8> = text
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        BASE64.decode(dense).map_err(|error| {
            let what = format!("<Data> is no base64: {error}; the file is damaged: fetch it again");
            self.document.error(self.node.at, what)
        })
    }

    fn expanded(&self, compressed: &[u8], size: usize) -> Result<Vec<u8>, ImageError> {
        if size / MAX_DEFLATE_RATIO > compressed.len() {
            return Err(self.size(compressed.len(), "compressed bytes"));
        }
        let mut bytes = Vec::new();
        // One byte more than is due shows that there is too much.
        let mut decoder = ZlibDecoder::new(compressed).take(size as u64 + 1);
        decoder
            .read_to_end(&mut bytes)
            .map_err(|source| ImageError::Compressed {
                path: self.document.path.to_owned(),
                what: format!("the array at byte {}", self.node.at),
                source,
            })?;
        Ok(bytes)
    }

    fn external(&self, size: usize) -> Result<Vec<u8>, ImageError> {
        let (document, node) = (self.document, self.node);
        let name = document.attribute(node, "ExternalFileName")?;
        let offset = match node.attribute("ExternalFileOffset").map(str::trim) {
            None | Some("") => 0,
            Some(_) => document.number(node, "ExternalFileOffset", "a whole number of bytes")?,
        };
        let folder = match document.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let relative = Path::new(name);
        let inside = || {
            let plain = relative
                .components()
                .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
            let target = folder.join(relative).canonicalize().ok()?;
            (plain && target.starts_with(folder.canonicalize().ok()?)).then_some(target)
        };
        let Some(target) = inside() else {
            let expected = "a file in the folder of the GIFTI, or below it";
            return Err(document.wrong(node, "ExternalFileName", name, expected));
        };
        let mut source = Source::open(&target)?;
        source.skip_to(offset, "what comes before the array")?;
        source.bytes(size as u64, "an array of the GIFTI")
    }

    /// Row-major order from column-major.
    fn transposed<E: Copy>(&self, values: &[E]) -> Vec<E> {
        let mut index = vec![0; self.shape.len()];
        let strides: Vec<usize> = self
            .shape
            .iter()
            .scan(1, |stride, &n| Some(std::mem::replace(stride, *stride * n)))
            .collect();
        let mut out = Vec::with_capacity(values.len());
        for _ in 0..values.len() {
            out.push(
                values[index
                    .iter()
                    .zip(&strides)
                    .map(|(i, s)| i * s)
                    .sum::<usize>()],
            );
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        out
    }
}
