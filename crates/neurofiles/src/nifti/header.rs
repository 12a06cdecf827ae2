//! Headers: what they say, checked.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::grid::Affine;

use super::orientation::rotation;
use super::{DataType, Encoding, ImageError, Source};

/// The most that all header extensions together may take.
const EXTENSIONS: u64 = 1 << 28;

/// Which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// NIfTI-1, a header of 348 bytes.
    One,
    /// NIfTI-2, a header of 540 bytes.
    Two,
}

/// A stored number x stands for slope · x + intercept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// The slope, neither 0 nor NaN.
    pub slope: f64,
    /// The intercept.
    pub intercept: f64,
}

/// Where the affine comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// The matrix, with its code (1 scanner, 2 aligned, 3 Talairach, 4 MNI).
    Sform(i32),
    /// The quaternion, with its code.
    Qform(i32),
    /// Nothing but voxel sizes: as nibabel does, the origin is taken at the centre and i to run to the left.
    Sizes,
}

/// Text or data of a program in the header, kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Whose (6 is a comment, 32 is CIFTI).
    pub code: i32,
    /// What it holds, with its padding.
    pub bytes: Vec<u8>,
}

/// What was read otherwise than it stands in the header.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// The header has no orientation: which side is left is not known.
    NoOrientation,
    /// Lengths are in other units and were made millimetres.
    Units {
        /// Millimetres in the unit.
        millimetres: f64,
    },
    /// The size of a voxel was 0, read as 1, or negative, read without its sign.
    VoxelSize {
        /// The axis, 0 to 2.
        axis: usize,
        /// The size found.
        found: f64,
    },
    /// The sign of the third axis was neither 1 nor −1, read as 1.
    Handedness {
        /// The sign found.
        found: f64,
    },
    /// A single file said that its data begin at byte 0; they were read right after the header.
    NoOffset,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOrientation => write!(
                f,
                "the header has voxel sizes but no orientation; i was taken to run to the left and the origin to lie at the centre"
            ),
            Self::Units { millimetres } => {
                write!(
                    f,
                    "lengths were multiplied by {millimetres} to make them millimetres"
                )
            }
            Self::VoxelSize { axis, found } => {
                write!(
                    f,
                    "the voxel size along axis {axis} is {found}, read as {}",
                    size(*found)
                )
            }
            Self::Handedness { found } => {
                write!(
                    f,
                    "pixdim[0], the sign of the third axis, is {found}, read as 1"
                )
            }
            Self::NoOffset => write!(f, "vox_offset is 0, read as the end of the header"),
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The format.
    pub version: Version,
    /// Whether numbers have their most significant byte first.
    pub big_endian: bool,
    /// Elements along each axis, 1 to 7 axes, none of length 0.
    pub shape: Vec<usize>,
    /// The type of the elements.
    pub data_type: DataType,
    /// What stored numbers stand for, if not themselves.
    pub scaling: Option<Scaling>,
    /// From voxel indices to millimetres.
    pub affine: Affine,
    /// Where the affine comes from.
    pub orientation: Orientation,
    /// Seconds from one volume to the next, where the header gives a time.
    pub repetition: Option<f64>,
    /// What the numbers are (3006 is a CIFTI of scalars).
    pub intent: i32,
    /// Free text.
    pub description: String,
    /// Extensions in order.
    pub extensions: Vec<Extension>,
    /// What was read otherwise than it stands.
    pub notes: Vec<Note>,
}

impl Header {
    pub(crate) fn encoding(&self) -> Encoding {
        Encoding {
            data_type: self.data_type,
            big_endian: self.big_endian,
            scaling: self.scaling,
        }
    }
}

/// A header and its data, which begin where the source stands.
pub(crate) struct Found {
    pub(crate) header: Header,
    pub(crate) data: Source,
}

impl Found {
    /// Reads the header of a single file, or of either file of a pair.
    pub(crate) fn open(path: &Path) -> Result<Self, ImageError> {
        const WHAT: &str = "the header and its extensions";
        const REMEDY: &str = "write the image without its extensions";
        let path = sibling(path, ".img", ".hdr").unwrap_or_else(|| path.to_owned());
        let mut source = Source::open(&path)?;
        let fields = Fields::read(&mut source)?;
        let mut header = fields.header()?;
        let end = source.at();
        let offset = fields.offset()?;
        if fields.single() {
            let at = if offset == 0 {
                header.notes.push(Note::NoOffset);
                end + 4
            } else {
                offset
            };
            if at < end + 4 {
                let expected = format!("at least {}, where the header ends", end + 4);
                return Err(fields.error("vox_offset", OFFSET, offset, expected));
            }
            let room = at - end;
            if room > EXTENSIONS {
                let path = path.clone();
                let (what, limit) = (WHAT.to_owned(), EXTENSIONS);
                return Err(ImageError::Limit {
                    path,
                    what,
                    claimed: room,
                    limit,
                    remedy: REMEDY,
                });
            }
            let room = source.bytes(room, WHAT)?;
            header.extensions = extensions(&fields, &room)?;
            return Ok(Self {
                header,
                data: source,
            });
        }
        header.extensions = extensions(&fields, &source.rest(EXTENSIONS, WHAT, REMEDY)?)?;
        let Some(image) = sibling(&path, ".hdr", ".img") else {
            let expected = "n+1 or n+2 for a single file, or a name that ends in .hdr, with the .img beside it";
            return Err(fields.error("magic", MAGIC, "that of a header without data", expected));
        };
        let mut data = Source::open(&image)?;
        data.skip_to(offset, "what comes before the data")?;
        Ok(Self { header, data })
    }
}

/// The other file of a pair, with or without `.gz`, whichever is there; none if `path` does not end in `from`.
fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let split = plain.len().checked_sub(from.len())?;
    let (stem, ending) = plain.split_at_checked(split)?;
    if !ending.eq_ignore_ascii_case(from) {
        return None;
    }
    let to = if ending.starts_with(".I") || ending.starts_with(".H") {
        to.to_uppercase()
    } else {
        to.to_owned()
    };
    let zipped = path.with_file_name(format!("{stem}{to}.gz"));
    let plain_one = path.with_file_name(format!("{stem}{to}"));
    let zipped_first = name != plain;
    let [first, second] = if zipped_first {
        [zipped, plain_one]
    } else {
        [plain_one, zipped]
    };
    Some(if !first.exists() && second.exists() {
        second
    } else {
        first
    })
}

/// Extensions in what lies between the header and the data.
fn extensions(fields: &Fields, room: &[u8]) -> Result<Vec<Extension>, ImageError> {
    let mut found = Vec::new();
    let Some((flag, mut rest)) = room.split_at_checked(4) else {
        return Ok(found);
    };
    // Fewer bytes than the smallest extension takes are padding.
    while flag[0] != 0 && rest.len() >= 16 {
        let int = |at: usize| {
            let bytes = std::array::from_fn(|i| rest[at + i]);
            if fields.big_endian {
                i32::from_be_bytes(bytes)
            } else {
                i32::from_le_bytes(bytes)
            }
        };
        let (size, code) = (int(0), int(4));
        let Some(extension) = usize::try_from(size)
            .ok()
            .and_then(|size| rest.get(8..size))
        else {
            let at = fields.bytes.len() + room.len() - rest.len();
            let field = format!("the size of a header extension (byte {at})");
            let expected = format!(
                "8 to {}, which lie before the data; the header is damaged: write the file again",
                rest.len()
            );
            return Err(ImageError::field(&fields.path, field, size, expected));
        };
        found.push(Extension {
            code,
            bytes: extension.to_owned(),
        });
        rest = &rest[8 + extension.len()..];
    }
    Ok(found)
}

/// The size of a voxel as it is read.
fn size(found: f64) -> f64 {
    if found == 0.0 { 1.0 } else { found.abs() }
}

/// Where a field lies in NIfTI-1 and in NIfTI-2.
type At = [usize; 2];

const MAGIC: At = [344, 4];
const DIM: At = [40, 16];
const GLMIN: At = [144, 0];
const INTENT: At = [68, 504];
const DATATYPE: At = [70, 12];
const PIXDIM: At = [76, 104];
const OFFSET: At = [108, 168];
const SLOPE: At = [112, 176];
const INTERCEPT: At = [116, 184];
const UNITS: At = [123, 500];
const DESCRIPTION: At = [148, 240];
const QFORM: At = [252, 344];
const SFORM: At = [254, 348];
const QUATERNION: At = [256, 352];
const QOFFSET: At = [268, 376];
const SROW: At = [280, 400];

/// The fixed part of a header.
struct Fields {
    path: PathBuf,
    bytes: Vec<u8>,
    big_endian: bool,
    version: Version,
}

impl Fields {
    fn read(source: &mut Source) -> Result<Self, ImageError> {
        const EXPECTED: &str = "348 or 540 as a 32-bit number, as NIfTI does";
        let path = source.path().to_owned();
        let start = source.begin(4)?;
        let Ok(first) = <[u8; 4]>::try_from(start.as_slice()) else {
            return Err(ImageError::format(&path, &start, EXPECTED));
        };
        let big_endian = matches!(i32::from_be_bytes(first), 348 | 540);
        let size = if big_endian {
            i32::from_be_bytes(first)
        } else {
            i32::from_le_bytes(first)
        };
        let version = match size {
            348 => Version::One,
            540 => Version::Two,
            _ => return Err(ImageError::format(&path, &start, EXPECTED)),
        };
        let mut bytes = vec![0; size as usize];
        bytes[..4].copy_from_slice(&first);
        source.fill(&mut bytes[4..], "the header")?;
        let fields = Self {
            path,
            bytes,
            big_endian,
            version,
        };
        let expected: &[&[u8]] = match version {
            Version::One => &[b"n+1\0", b"ni1\0"],
            Version::Two => &[b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n"],
        };
        let magic = fields.slice(MAGIC, expected[0].len());
        if !expected.contains(&magic) {
            let found = format!("{:?}", String::from_utf8_lossy(magic));
            let expected = match version {
                Version::One => {
                    "\"n+1\\0\" or \"ni1\\0\"; an ANALYZE 7.5 image has no orientation: convert it, saying which side is left"
                }
                Version::Two => {
                    "\"n+2\\0\\r\\n\\x1a\\n\" or \"ni2…\"; a file copied as text is damaged: copy it as binary"
                }
            };
            return Err(fields.error("magic", MAGIC, found, expected));
        }
        Ok(fields)
    }

    fn at(&self, at: At) -> usize {
        at[(self.version == Version::Two) as usize]
    }

    fn slice(&self, at: At, length: usize) -> &[u8] {
        &self.bytes[self.at(at)..][..length]
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = std::array::from_fn(|i| self.bytes[at + i]);
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// Number `index` of a field of 16-bit numbers, of 32 or 64 bits in NIfTI-2.
    fn short(&self, at: At, index: usize, wide: usize) -> i64 {
        let start = self.at(at);
        match (self.version, wide) {
            (Version::One, _) | (_, 2) => i16::from_le_bytes(self.array(start + 2 * index)).into(),
            (_, 4) => i32::from_le_bytes(self.array(start + 4 * index)).into(),
            _ => i64::from_le_bytes(self.array(start + 8 * index)),
        }
    }

    /// Number `index` of a field of `f32`, of `f64` in NIfTI-2.
    fn real(&self, at: At, index: usize) -> f64 {
        let start = self.at(at);
        match self.version {
            Version::One => f32::from_le_bytes(self.array(start + 4 * index)).into(),
            Version::Two => f64::from_le_bytes(self.array(start + 8 * index)),
        }
    }

    fn error(
        &self,
        name: &str,
        at: At,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> ImageError {
        let field = format!("{name} (byte {})", self.at(at));
        ImageError::field(&self.path, field, found, expected)
    }

    /// Whether header and data share a file.
    fn single(&self) -> bool {
        self.slice(MAGIC, 2)[1] == b'+'
    }

    fn offset(&self) -> Result<u64, ImageError> {
        let expected = "a whole number of bytes, 0 or more";
        let offset = match self.version {
            Version::One => self.real(OFFSET, 0),
            Version::Two => {
                let offset = i64::from_le_bytes(self.array(self.at(OFFSET)));
                return u64::try_from(offset)
                    .map_err(|_| self.error("vox_offset", OFFSET, offset, expected));
            }
        };
        if offset >= 0.0 && offset.fract() == 0.0 && offset < u64::MAX as f64 {
            Ok(offset as u64)
        } else {
            Err(self.error("vox_offset", OFFSET, offset, expected))
        }
    }

    fn shape(&self) -> Result<Vec<usize>, ImageError> {
        let axes = self.short(DIM, 0, 8);
        if !(1..=7).contains(&axes) {
            return Err(self.error("dim[0], the number of axes,", DIM, axes, "1 to 7"));
        }
        let mut dim: Vec<i64> = (1..=axes as usize)
            .map(|axis| self.short(DIM, axis, 8))
            .collect();
        // FreeSurfer writes arrays over more vertices than 16 bits can count in two ways of its own.
        if self.version == Version::One && axes >= 3 {
            if dim[..3] == [-1, 1, 1] {
                dim[0] = i32::from_le_bytes(self.array(self.at(GLMIN))).into();
            } else if dim[..3] == [27307, 1, 6] {
                (dim[0], dim[2]) = (163_842, 1);
            }
        }
        let shape = dim
            .iter()
            .map(|&n| usize::try_from(n).ok().filter(|&n| n > 0));
        let shape: Option<Vec<_>> = shape.collect();
        shape.ok_or_else(|| self.error("dim", DIM, format!("{dim:?}"), "no axis shorter than 1"))
    }

    fn scaling(&self) -> Result<Option<Scaling>, ImageError> {
        let (slope, intercept) = (self.real(SLOPE, 0), self.real(INTERCEPT, 0));
        if slope == 0.0 || !slope.is_finite() {
            return Ok(None);
        }
        if !intercept.is_finite() {
            let expected =
                "a finite number beside a slope; set scl_slope to 0 if the numbers are not scaled";
            return Err(self.error("scl_inter", INTERCEPT, intercept, expected));
        }
        let scaled = slope != 1.0 || intercept != 0.0;
        Ok(scaled.then_some(Scaling { slope, intercept }))
    }

    fn affine(
        &self,
        shape: &[usize],
        notes: &mut Vec<Note>,
    ) -> Result<(Affine, Orientation), ImageError> {
        let (sform, qform) = (self.short(SFORM, 0, 4), self.short(QFORM, 0, 4));
        let zooms = [0, 1, 2].map(|axis| self.real(PIXDIM, axis + 1));
        let (mut matrix, orientation, at) = if sform > 0 {
            let matrix =
                [0, 1, 2].map(|row| [0, 1, 2, 3].map(|column| self.real(SROW, 4 * row + column)));
            (matrix, Orientation::Sform(sform as i32), SROW)
        } else {
            for (axis, found) in zooms.into_iter().enumerate() {
                if found <= 0.0 {
                    notes.push(Note::VoxelSize { axis, found });
                }
            }
            let mut zooms = zooms.map(size);
            if qform > 0 {
                let found = self.real(PIXDIM, 0);
                if found == -1.0 {
                    zooms[2] = -zooms[2];
                } else if found != 1.0 {
                    notes.push(Note::Handedness { found });
                }
                let bcd = [0, 1, 2].map(|i| self.real(QUATERNION, i));
                let threshold = 3.0
                    * match self.version {
                        Version::One => f64::from(f32::EPSILON),
                        Version::Two => f64::EPSILON,
                    };
                let linear = rotation(bcd, zooms, threshold).map_err(|squares| {
                    let found = format!("{bcd:?}, of squared length {squares}");
                    let expected = "at most 1, as of a unit quaternion; set qform_code to 0 and give a matrix (sform)";
                    self.error("the quaternion", QUATERNION, found, expected)
                })?;
                let matrix = [0, 1, 2].map(|row| {
                    let [a, b, c] = linear[row];
                    [a, b, c, self.real(QOFFSET, row)]
                });
                (matrix, Orientation::Qform(qform as i32), QUATERNION)
            } else {
                notes.push(Note::NoOrientation);
                let mut matrix = [[0.0; 4]; 3];
                for (axis, row) in matrix.iter_mut().enumerate() {
                    let zoom = if axis < shape.len() { zooms[axis] } else { 1.0 };
                    let zoom = if axis == 0 { -zoom } else { zoom };
                    let length = shape.get(axis).map_or(1, |&n| n);
                    row[axis] = zoom;
                    row[3] = -((length as f64 - 1.0) / 2.0) * zoom;
                }
                (matrix, Orientation::Sizes, PIXDIM)
            }
        };
        let millimetres = match self.bytes[self.units_at()] & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        };
        if millimetres != 1.0 {
            notes.push(Note::Units { millimetres });
            matrix.iter_mut().flatten().for_each(|v| *v *= millimetres);
        }
        if !matrix.iter().flatten().all(|v| v.is_finite()) {
            let expected = "finite numbers; set the orientation anew, with the affine of an image of the same grid";
            return Err(self.error("the affine", at, format!("{matrix:?}"), expected));
        }
        Ok((Affine(matrix), orientation))
    }

    /// The byte with the units, the lowest of four in NIfTI-2.
    fn units_at(&self) -> usize {
        self.at(UNITS)
            + if self.version == Version::Two && self.big_endian {
                3
            } else {
                0
            }
    }

    fn header(&self) -> Result<Header, ImageError> {
        let shape = self.shape()?;
        let code = self.short(DATATYPE, 0, 2) as i16;
        let data_type = DataType::from_code(code).ok_or_else(|| {
            let name = match code {
                1 => " (binary)",
                32 | 1792 | 2048 => " (complex)",
                1536 => " (float128)",
                2304 => " (RGBA)",
                _ => "",
            };
            let expected = "2, 4, 8, 16, 64, 128, 256, 512, 768, 1024 or 1280: convert the image, for example to float32";
            self.error("datatype", DATATYPE, format!("{code}{name}"), expected)
        })?;
        let mut notes = Vec::new();
        let (affine, orientation) = self.affine(&shape, &mut notes)?;
        let unit = match self.bytes[self.units_at()] & 0x38 {
            8 => Some(1.0),
            16 => Some(1e-3),
            24 => Some(1e-6),
            _ => None,
        };
        let repetition = unit.map(|unit| unit * self.real(PIXDIM, 4));
        let text = self.slice(DESCRIPTION, 80).split(|&b| b == 0).next();
        let description = String::from_utf8_lossy(text.unwrap_or_default())
            .trim()
            .to_owned();
        Ok(Header {
            version: self.version,
            big_endian: self.big_endian,
            data_type,
            scaling: self.scaling()?,
            affine,
            orientation,
            repetition: repetition.filter(|&s| shape.len() > 3 && s > 0.0 && s.is_finite()),
            intent: self.short(INTENT, 0, 4) as i32,
            description,
            extensions: Vec::new(),
            notes,
            shape,
        })
    }
}
