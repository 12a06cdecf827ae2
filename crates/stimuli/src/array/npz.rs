//! NumPy `.npz` archives: a zip file of `.npy` members, stored or deflated.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{Array, ArrayError, ArrayRef, Place, npy};
use crate::output::{AtomicFile, Overwrite};

/// Deflate cannot expand a byte to more than this many.
const MAX_DEFLATE_RATIO: u64 = 1032;
/// Expansion that real numbers reach; beyond it [`BOMB_BYTES`] limits a member.
const PLAIN_RATIO: u64 = 100;
/// The most that a member of suspicious expansion may hold.
const BOMB_BYTES: u64 = 1 << 30;

/// The names of the arrays in an `.npz` archive, in file order, without `.npy`.
///
/// # Errors
/// [`ArrayError`] when the file is missing or no archive.
pub fn npz_members(path: impl AsRef<Path>) -> Result<Vec<String>, ArrayError> {
    Ok(open(path.as_ref())?
        .file_names()
        .filter_map(|name| Some(member_name(&name.ok()?)))
        .collect())
}

/// Reads one array of an `.npz` archive.
///
/// # Errors
/// [`ArrayError`] when the archive is damaged, lacks the member, lies about its size, or the member is
/// no array (see [`read_npy`](super::read_npy)).
pub fn read_npz(path: impl AsRef<Path>, member: &str) -> Result<Array, ArrayError> {
    let path = path.as_ref();
    let mut archive = open(path)?;
    let place = member_place(path, member);
    let index = [format!("{member}.npy"), member.to_owned()]
        .iter()
        .find_map(|n| archive.index_for_name(n));
    let Some(index) = index else {
        return Err(ArrayError::NoMember {
            place,
            available: npz_members(path)?.join(", "),
        });
    };
    let (mut entry, claimed) = entry(&mut archive, index, &place)?;
    let array = npy::read_from(&mut entry, claimed, &place).map_err(|e| within(&place, e))?;
    // Reading past the last element makes the decoder check length and checksum.
    match entry.read(&mut [0]) {
        Ok(0) => Ok(array),
        Ok(_) => Err(broken(
            &place,
            format!("it holds more than the {claimed} bytes it claims"),
        )),
        Err(error) => Err(broken(&place, error.to_string())),
    }
}

/// What the members of an archive claim to be, by their headers alone, so that members that are not
/// wanted cost nothing: name, and element type and shape or why it is none.
pub(super) fn describe(path: &Path) -> Result<Vec<(String, Described)>, ArrayError> {
    let mut archive = open(path)?;
    let names = archive.file_names();
    let members: Vec<Option<String>> = names.map(|name| Some(member_name(&name.ok()?))).collect();
    let named = members.into_iter().enumerate();
    let described = named.filter_map(|(index, member)| Some((index, member?)));
    let described = described.map(|(index, member)| {
        let place = member_place(path, &member);
        let (mut entry, claimed) = entry(&mut archive, index, &place)?;
        let described = npy::describe(&mut entry, claimed, &place);
        match described {
            // Other members may be of any kind as long as one is a matrix.
            Err(ArrayError::Pickled { dtype, .. } | ArrayError::DType { dtype, .. }) => {
                Ok((member, Err(dtype)))
            }
            other => Ok((member, Ok(other.map_err(|error| within(&place, error))?))),
        }
    });
    described.collect()
}

/// Element type and shape, or a type that is not read.
type Described = Result<(&'static str, Vec<u64>), String>;

/// A member and the bytes it claims to hold, weighed against its compressed bytes.
fn entry<'a>(
    archive: &'a mut ZipArchive<BufReader<File>>,
    index: usize,
    place: &Place,
) -> Result<(impl Read + use<'a>, u64), ArrayError> {
    let entry = archive
        .by_index(index)
        .map_err(|error| broken(place, error.to_string()))?;
    let (claimed, compressed) = (entry.size(), entry.compressed_size());
    let possible = match entry.compression() {
        CompressionMethod::Stored => compressed,
        _ => compressed.saturating_mul(MAX_DEFLATE_RATIO),
    };
    if claimed > possible {
        return Err(broken(
            place,
            format!(
                "it claims {claimed} bytes, but its {compressed} compressed bytes can hold at most {possible}"
            ),
        ));
    }
    if claimed > BOMB_BYTES && claimed / compressed.max(1) > PLAIN_RATIO {
        return Err(ArrayError::Bomb {
            place: place.clone(),
            compressed,
            claimed,
            limit: BOMB_BYTES,
        });
    }
    Ok((entry, claimed))
}

fn member_place(path: &Path, member: &str) -> Place {
    Place {
        path: path.to_owned(),
        member: Some(member.to_owned()),
    }
}

fn broken(place: &Place, what: String) -> ArrayError {
    ArrayError::Archive {
        place: place.clone(),
        what,
    }
}

/// What fails to be read within an archive is the archive's fault.
fn within(place: &Place, error: ArrayError) -> ArrayError {
    match error {
        ArrayError::Io { source, .. } => broken(place, source.to_string()),
        other => other,
    }
}

/// Writes an `.npz` archive; its bytes depend on the arrays and their names alone.
///
/// Members are stored uncompressed, with a fixed time stamp.
///
/// ```
/// use emotome_stimuli::array::{read_npz, write_npz};
/// use emotome_stimuli::output::Overwrite;
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("embedding.npz");
/// let embedding = ndarray::array![[0.5_f32, 0.0], [0.25, 1.0]];
/// write_npz(&path, Overwrite::Refuse, &[("embedding", embedding.view().into())])?;
/// assert_eq!(read_npz(&path, "embedding")?.shape(), [2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ArrayError::Output`] when the file exists and `overwrite` forbids it, or cannot be written.
pub fn write_npz(
    path: impl AsRef<Path>,
    overwrite: Overwrite,
    arrays: &[(&str, ArrayRef<'_>)],
) -> Result<(), ArrayError> {
    let mut file = AtomicFile::create(path.as_ref(), overwrite)?;
    let written = write_members(&mut file, arrays);
    written.map_err(|source| file.error(source))?;
    Ok(file.commit()?)
}

fn write_members(file: &mut AtomicFile, arrays: &[(&str, ArrayRef<'_>)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(file);
    // Members past 4 GiB need the long header; its presence must depend on the array alone.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
        .large_file(true);
    let mut write = || -> io::Result<()> {
        for (name, array) in arrays {
            archive.start_file(format!("{name}.npy"), options)?;
            npy::write_to(&mut archive, array)?;
        }
        Ok(())
    };
    if let Err(error) = write() {
        // Dropped, it would try to finish, fail again and print that.
        std::mem::forget(archive);
        return Err(error);
    }
    archive.finish()?;
    Ok(())
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, ArrayError> {
    let place = Place::file(path);
    let (file, length) = super::open(&place)?;
    if length == 0 {
        return Err(ArrayError::Empty {
            place,
            what: "the file has 0 bytes".into(),
        });
    }
    ZipArchive::new(BufReader::new(file)).map_err(|error| ArrayError::Archive {
        place: place.clone(),
        what: error.to_string(),
    })
}

fn member_name(file_name: &str) -> String {
    file_name
        .strip_suffix(".npy")
        .unwrap_or(file_name)
        .to_owned()
}
