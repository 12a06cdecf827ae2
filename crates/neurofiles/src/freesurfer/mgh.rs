//! MGH volumes, compressed or not.

use std::path::Path;

use crate::grid::Affine;
use crate::nifti::{DataType, Encoding, ImageError, Reader, Source};

/// The fixed part of the header.
const HEADER: usize = 284;

/// What the header of an MGH volume says beyond its grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MghHeader {
    /// The type of the elements.
    pub data_type: DataType,
    /// Whether the header has an orientation (goodRASFlag); else the affine is FreeSurfer's default, 1 mm voxels in
    /// coronal slices about the origin, i to the left, j down and k to the front (nibabel 5.4 turns j up and k back).
    pub oriented: bool,
}

impl Reader<MghHeader> {
    /// Opens `.mgh` or `.mgz` and reads the header; volumes are read as those of NIfTI.
    ///
    /// # Errors
    /// [`ImageError`] that names the field, what it holds and what it should.
    pub fn open_mgh(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let mut source = Source::open(path)?;
        let mut bytes = [0; HEADER];
        source.fill(&mut bytes, "the header")?;
        let word = |at: usize| -> [u8; 4] { std::array::from_fn(|i| bytes[at + i]) };
        let int = |at: usize| i32::from_be_bytes(word(at));
        let real = |at: usize| f32::from_be_bytes(word(at));
        let field = |name: &str, at: usize, found: String, expected: &str| {
            ImageError::field(path, format!("{name} (byte {at})"), found, expected)
        };
        if int(0) != 1 {
            return Err(ImageError::format(
                path,
                &bytes[..4],
                "version 1 as a 32-bit number, as MGH does",
            ));
        }
        let dims = [4, 8, 12, 16].map(int);
        let shape = dims.map(|n| usize::try_from(n).unwrap_or(0));
        if shape.contains(&0) {
            return Err(field(
                "the shape",
                4,
                format!("{dims:?}"),
                "no axis shorter than 1",
            ));
        }
        let data_type = match int(20) {
            0 => DataType::U8,
            1 => DataType::I32,
            3 => DataType::F32,
            4 => DataType::I16,
            found => {
                let expected =
                    "0 (bytes), 1 (i32), 3 (f32) or 4 (i16): convert the volume with mri_convert";
                return Err(field("the type", 20, found.to_string(), expected));
            }
        };
        let oriented = i16::from_be_bytes([bytes[28], bytes[29]]) > 0;
        let (sizes, directions, centre) = if oriented {
            let directions =
                [0, 1, 2].map(|axis| [0, 1, 2].map(|row| real(42 + 12 * axis + 4 * row)));
            ([30, 34, 38].map(real), directions, [78, 82, 86].map(real))
        } else {
            (
                [1.0; 3],
                [[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]],
                [0.0; 3],
            )
        };
        let affine = Affine([0, 1, 2].map(|row| {
            // Rounded to single precision, as nibabel does.
            let [x, y, z] = [0, 1, 2].map(|axis| f64::from(directions[axis][row] * sizes[axis]));
            let [i, j, k] = [0, 1, 2].map(|axis| f64::from(dims[axis]));
            let origin = f64::from(centre[row]) - (x * i + y * j + z * k) / 2.0;
            [x, y, z, f64::from(origin as f32)]
        }));
        if !affine.0.iter().flatten().all(|v| v.is_finite()) {
            return Err(field(
                "the affine",
                30,
                format!("{:?}", affine.0),
                "finite numbers",
            ));
        }
        let encoding = Encoding {
            data_type,
            big_endian: true,
            scaling: None,
        };
        Self::new(
            path,
            MghHeader {
                data_type,
                oriented,
            },
            encoding,
            affine,
            &shape,
            source,
        )
    }
}
