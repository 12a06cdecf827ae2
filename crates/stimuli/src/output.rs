//! Writing results: never over an older one unasked, and never half of one.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

/// What to do when the file to be written exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Leave it and fail.
    #[default]
    Refuse,
    /// Replace it in one step once the new one is complete (`--force`).
    Replace,
}

impl Overwrite {
    /// The policy that a `--force` flag asks for.
    #[must_use]
    pub const fn from_force(force: bool) -> Self {
        if force { Self::Replace } else { Self::Refuse }
    }
}

/// Why a result was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The file or folder is there already.
    #[error("{path} exists and is left as it is; use --force to replace it, or write elsewhere", path = path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "{path}: the disk is full after {written} bytes; nothing was left behind and no older file was touched: \
         free space, or write elsewhere",
        path = path.display()
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// Bytes written before.
        written: u64,
    },
    /// The system refused otherwise.
    #[error("{path}: cannot be written: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file in the same folder; [`commit`](Self::commit) flushes them to the disk and
/// renames it. Dropping it without that leaves no trace. Writes are buffered.
///
/// ```
/// use emotome_stimuli::output::{AtomicFile, Overwrite};
/// use std::io::Write;
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("rates.tsv");
/// let mut file = AtomicFile::create(&path, Overwrite::Refuse)?;
/// writeln!(file, "key\trate")?;
/// assert!(!path.exists());
/// file.commit()?;
/// let error = AtomicFile::create(&path, Overwrite::Refuse).unwrap_err();
/// assert!(error.to_string().contains("--force"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    overwrite: Overwrite,
    file: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Begins a file; its folder is made where it is missing.
    ///
    /// # Errors
    /// [`OutputError::Exists`] if the file exists and may not be replaced, [`OutputError::Io`] if the
    /// folder cannot be written to.
    pub fn create(path: impl Into<PathBuf>, overwrite: Overwrite) -> Result<Self, OutputError> {
        let path = path.into();
        if overwrite == Overwrite::Refuse && path.symlink_metadata().is_ok() {
            return Err(OutputError::Exists { path });
        }
        let folder = folder_of(&path);
        let begin = || {
            fs::create_dir_all(folder)?;
            let mut builder = tempfile::Builder::new();
            builder.prefix(".").suffix(".partial");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                // The umask narrows this, as it does for every other new file.
                builder.permissions(Permissions::from_mode(0o666));
            }
            builder.tempfile_in(folder)
        };
        match begin() {
            Ok(file) => Ok(Self {
                path,
                overwrite,
                file: BufWriter::with_capacity(1 << 16, file),
            }),
            Err(source) => Err(explain(path, 0, source)),
        }
    }

    /// Where the file will stand.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a failed write to this file means.
    #[must_use]
    pub fn error(&self, source: io::Error) -> OutputError {
        let written = self
            .file
            .get_ref()
            .as_file()
            .metadata()
            .map_or(0, |m| m.len());
        explain(self.path.clone(), written, source)
    }

    /// Puts the complete file under its name, on the disk.
    ///
    /// # Errors
    /// [`OutputError`] when the disk is full, or the name was taken meanwhile.
    pub fn commit(mut self) -> Result<(), OutputError> {
        let flushed = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().as_file().sync_all());
        flushed.map_err(|source| self.error(source))?;
        let Self {
            path,
            overwrite,
            file,
        } = self;
        let file = file
            .into_inner()
            .map_err(|e| explain(path.clone(), 0, e.into_error()))?;
        let renamed = match overwrite {
            Overwrite::Refuse => file.persist_noclobber(&path),
            Overwrite::Replace => file.persist(&path),
        };
        match renamed {
            Ok(_) => sync_folder(folder_of(&path)).map_err(|source| explain(path, 0, source)),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                Err(OutputError::Exists { path })
            }
            Err(error) => Err(explain(path, 0, error.error)),
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Writes a whole file in one step, see [`AtomicFile`].
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write(
    path: impl Into<PathBuf>,
    overwrite: Overwrite,
    bytes: &[u8],
) -> Result<(), OutputError> {
    let mut file = AtomicFile::create(path, overwrite)?;
    file.write_all(bytes).map_err(|source| file.error(source))?;
    file.commit()
}

/// Writes a value as indented JSON in one step, see [`AtomicFile`].
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write_json(
    path: impl Into<PathBuf>,
    overwrite: Overwrite,
    value: &impl Serialize,
) -> Result<(), OutputError> {
    let mut file = AtomicFile::create(path, overwrite)?;
    let written = serde_json::to_writer_pretty(&mut file, value).map_err(io::Error::from);
    written
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|source| file.error(source))?;
    file.commit()
}

/// Makes a folder for results, which must not hold anything unless it may be replaced.
///
/// With [`Overwrite::Replace`] files in it are replaced one by one as they are written; others stay.
///
/// # Errors
/// [`OutputError::Exists`] if it holds something and `overwrite` is [`Overwrite::Refuse`].
pub fn folder(path: impl Into<PathBuf>, overwrite: Overwrite) -> Result<(), OutputError> {
    let path = path.into();
    let made = fs::create_dir_all(&path).and_then(|()| Ok(fs::read_dir(&path)?.next().is_some()));
    match made {
        Ok(true) if overwrite == Overwrite::Refuse => Err(OutputError::Exists { path }),
        Ok(_) => Ok(()),
        Err(source) => Err(explain(path, 0, source)),
    }
}

/// Gives a complete file its name, on the disk.
pub(crate) fn rename(from: &Path, to: &Path, overwrite: Overwrite) -> Result<(), OutputError> {
    if overwrite == Overwrite::Refuse && to.symlink_metadata().is_ok() {
        return Err(OutputError::Exists {
            path: to.to_owned(),
        });
    }
    let renamed = fs::rename(from, to).and_then(|()| sync_folder(folder_of(to)));
    renamed.map_err(|source| explain(to.to_owned(), 0, source))
}

/// What a failed write means.
pub(crate) fn explain(path: PathBuf, written: u64, source: io::Error) -> OutputError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            OutputError::DiskFull { path, written }
        }
        _ => OutputError::Io { path, source },
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str() != OsStr::new("") => folder,
        _ => Path::new("."),
    }
}

/// A rename survives a power cut only once the folder itself is on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn an_abandoned_file_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(dir.path().join("a"), Overwrite::Refuse).unwrap();
        file.write_all(&[0; 100_000]).unwrap();
        drop(file);
        assert_eq!(listing(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn a_name_taken_while_writing_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = AtomicFile::create(&path, Overwrite::Refuse).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(file.commit(), Err(OutputError::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(listing(dir.path()), ["a"]);
    }

    #[test]
    fn force_replaces_the_file_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, Overwrite::Refuse, b"old").unwrap();
        let mut file = AtomicFile::create(&path, Overwrite::Replace).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_folder_with_results_is_refused_without_force() {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path().join("new"), Overwrite::Refuse).unwrap();
        let error = folder(dir.path(), Overwrite::Refuse).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("use --force to replace it, or write elsewhere"),
            "{error}"
        );
        folder(dir.path(), Overwrite::Replace).unwrap();
    }

    #[test]
    fn a_full_disk_is_named_as_such() {
        let error = explain("x.npz".into(), 42, ErrorKind::StorageFull.into());
        assert_eq!(
            error.to_string(),
            "x.npz: the disk is full after 42 bytes; nothing was left behind and no older file was touched: \
             free space, or write elsewhere"
        );
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_is_written_as_far_as_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (ours, plain) = (dir.path().join("ours"), dir.path().join("plain"));
        write(&ours, Overwrite::Refuse, b"").unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
