//! `emotome fetch`: downloads that resume, are checked, and appear only when they are whole.
//!
//! A file `NAME` grows as `NAME.partial`, with the server's version of it in `NAME.partial.version`, so that
//! a part is never joined to another version. Once its length and checksum are right it gets its name, and
//! `NAME.source.json` says where it came from.

mod transfer;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::transfer::{Part, Transfer};
use crate::digest::{DigestError, Md5Sum, Sha256Sum, md5_of_file, sha256_of_file};
use crate::output::{self, AtomicFile, OutputError, Overwrite};
use crate::run::Run;
use crate::sources::{Source, SourceFile, sources};

/// How a file is known to be the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// Its SHA-256 is the known one.
    Sha256,
    /// Its MD5 is the published one.
    Md5,
    /// No checksum is known; its length is that which the server announced.
    Length,
    /// Nothing is known of it.
    Nothing,
}

/// Where a file came from: the content of `NAME.source.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source's name.
    pub source: String,
    /// The address it was downloaded from; `None` if the user had it.
    pub url: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// Its content.
    pub sha256: Sha256Sum,
    /// How it was checked.
    pub verified: Verified,
    /// What to cite.
    pub citation: String,
    /// On what terms it may be used.
    pub licence: String,
}

/// A file that is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Where it came from.
    #[serde(flatten)]
    pub origin: Origin,
    /// Bytes that had to be transferred now; 0 if it was there.
    pub transferred: u64,
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No source has the name.
    #[error("no source is called {found:?}; known are {known}")]
    UnknownSource {
        /// The name found.
        found: String,
        /// All names.
        known: String,
    },
    /// The source has no file of this name.
    #[error(
        "source {source_id} has no file {found:?}; it has {known}; give the file its original name"
    )]
    UnknownFile {
        /// The source.
        source_id: String,
        /// The name found.
        found: String,
        /// Its files.
        known: String,
    },
    /// There is no direct address.
    #[error(
        "{name}: there is no direct address; download it by hand from {landing}{form}, then register it with: \
         emotome fetch {source_id} --from FILE"
    )]
    ByHand {
        /// The source.
        source_id: String,
        /// The file.
        name: String,
        /// Where to look.
        landing: String,
        /// The form to fill in, as part of a sentence.
        form: String,
    },
    /// The address is not encrypted.
    #[error("{url}: only https addresses are followed; the download was not begun")]
    NotHttps {
        /// The address.
        url: String,
    },
    /// The server cannot be reached.
    #[error(
        "{url}: the server cannot be reached ({reason}); check the network (and HTTPS_PROXY), or download the \
         file on another machine and register it with: emotome fetch {source_id} --from FILE"
    )]
    Offline {
        /// The source.
        source_id: String,
        /// The address.
        url: String,
        /// What failed.
        reason: String,
    },
    /// The server refuses.
    #[error("{url}: the server answers {status}; the file may have moved: see {landing}")]
    Status {
        /// The address.
        url: String,
        /// The status line.
        status: String,
        /// Where to look.
        landing: String,
    },
    /// The connection broke too often.
    #[error(
        "{url}: the connection broke after {have} of {total} bytes ({reason}); what came is kept: \
         run the same command to go on"
    )]
    Cut {
        /// The address.
        url: String,
        /// Bytes there now.
        have: u64,
        /// Bytes expected, or `unknown`.
        total: String,
        /// What failed.
        reason: String,
    },
    /// Neither length nor checksum tells whether the file is whole.
    #[error(
        "{url}: the server does not say how long the file is and no checksum is known, so {have} bytes may be all \
         or a part; not accepted: download it by hand and register it with: emotome fetch {source_id} --from FILE"
    )]
    MayBePart {
        /// The source.
        source_id: String,
        /// The address.
        url: String,
        /// Bytes that came.
        have: u64,
    },
    /// The file has another length than it should.
    #[error("{place}: {found} bytes, expected {expected}; {consequence}")]
    WrongSize {
        /// The address or file.
        place: String,
        /// Bytes found.
        found: u64,
        /// Bytes expected.
        expected: u64,
        /// What was done.
        consequence: &'static str,
    },
    /// The file is not the one known.
    #[error("{place}: its {kind} is {found}, expected {expected}; {consequence}")]
    WrongChecksum {
        /// The address or file.
        place: String,
        /// `sha256` or `md5`.
        kind: &'static str,
        /// The checksum found.
        found: String,
        /// The checksum known.
        expected: String,
        /// What was done.
        consequence: &'static str,
    },
    /// Another process downloads the same file.
    #[error("{path}: another process is downloading this file; wait for it", path = path.display())]
    Busy {
        /// The partial file.
        path: PathBuf,
    },
    /// The user asked to stop.
    #[error("{url}: stopped after {have} bytes, which are kept: run the same command to go on")]
    Interrupted {
        /// The address.
        url: String,
        /// Bytes there now.
        have: u64,
    },
    /// A local file cannot be read.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A local file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The source of a name.
///
/// # Errors
/// [`FetchError::UnknownSource`] lists the known ones.
pub fn source(id: &str) -> Result<&'static Source, FetchError> {
    sources()
        .iter()
        .find(|source| source.id == id)
        .ok_or_else(|| FetchError::UnknownSource {
            found: id.to_owned(),
            known: sources()
                .iter()
                .map(|source| source.id.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// Downloads one file of a source into a folder, going on where an earlier attempt stopped.
///
/// A file that is there and has the known checksum, or the one noted when it was fetched, is left alone.
/// Redirects are followed within https only. Time is that of the network, plus one read for the checksum.
///
/// # Errors
/// [`FetchError`]; the file exists afterwards only if it is whole and right.
pub fn download(
    source: &Source,
    file: &SourceFile,
    folder: impl AsRef<Path>,
    overwrite: Overwrite,
    run: Run<'_>,
) -> Result<Fetched, FetchError> {
    let path = folder.as_ref().join(&file.name);
    if let Some(origin) = present(source, file, &path, overwrite)? {
        return Ok(Fetched {
            path,
            origin,
            transferred: 0,
        });
    }
    let Some(url) = &file.url else {
        let form = source
            .form
            .as_ref()
            .map(|form| format!(" (request it by the form {form})"));
        return Err(FetchError::ByHand {
            source_id: source.id.clone(),
            name: file.name.clone(),
            landing: source.landing.clone(),
            form: form.unwrap_or_default(),
        });
    };
    let mut transfer = Transfer {
        agent: transfer::agent(url)?,
        source,
        file,
        url,
        run,
        transferred: 0,
    };
    let mut part = Part::open(&path)?;
    run.progress.begin(&file.name, file.bytes);
    run.progress.advance(part.have);
    let length = transfer.run_to_end(&mut part);
    run.progress.end();
    if length.is_err() && part.have == 0 {
        part.discard();
    }
    let length = length?;
    part.sync()?;
    let verified = match verify(
        file,
        &part.path,
        url,
        "what came is discarded: run the command again",
    ) {
        Ok(Verified::Nothing) if length.is_none() => {
            part.discard();
            return Err(FetchError::MayBePart {
                source_id: source.id.clone(),
                url: url.clone(),
                have: part.have,
            });
        }
        Ok(Verified::Nothing) => Verified::Length,
        Ok(verified) => verified,
        Err(error) => {
            part.discard();
            return Err(error);
        }
    };
    let origin = origin(source, Some(url.clone()), &part.path, verified)?;
    output::rename(&part.path, &path, overwrite)?;
    part.forget_version();
    output::write_json(origin_path(&path), Overwrite::Replace, &origin)?;
    Ok(Fetched {
        path,
        origin,
        transferred: transfer.transferred,
    })
}

/// Takes a file that the user has into a folder, checked against what is known of it.
///
/// The file of the source is the one of the same checksum, else the one of the same name.
///
/// # Errors
/// [`FetchError::WrongChecksum`] if it is not the known file, [`FetchError::UnknownFile`] if the source has
/// none of that name.
pub fn register(
    source: &Source,
    from: impl AsRef<Path>,
    folder: impl AsRef<Path>,
    overwrite: Overwrite,
) -> Result<Fetched, FetchError> {
    let from = from.as_ref();
    let sha256 = sha256_of_file(from)?;
    let name = from
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let by_content = source.files.iter().find(|file| file.sha256 == Some(sha256));
    let Some(file) = by_content.or_else(|| source.files.iter().find(|file| file.name == name))
    else {
        return Err(FetchError::UnknownFile {
            source_id: source.id.clone(),
            found: name,
            known: source
                .files
                .iter()
                .map(|file| file.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        });
    };
    let path = folder.as_ref().join(&file.name);
    if let Some(origin) = present(source, file, &path, overwrite)? {
        return Ok(Fetched {
            path,
            origin,
            transferred: 0,
        });
    }
    let verified = verify(
        file,
        from,
        &from.display().to_string(),
        "it is not registered: fetch it again",
    )?;
    let origin = origin(source, None, from, verified)?;
    let mut out = AtomicFile::create(&path, overwrite)?;
    let copied = File::open(from).and_then(|mut file| io::copy(&mut file, &mut out));
    copied.map_err(|source| out.error(source))?;
    out.commit()?;
    output::write_json(origin_path(&path), Overwrite::Replace, &origin)?;
    Ok(Fetched {
        transferred: origin.bytes,
        path,
        origin,
    })
}

/// The note beside a fetched file.
fn origin_path(path: &Path) -> PathBuf {
    with_suffix(path, ".source.json")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn origin(
    source: &Source,
    url: Option<String>,
    path: &Path,
    verified: Verified,
) -> Result<Origin, FetchError> {
    let io = |source| DigestError::Io {
        path: path.to_owned(),
        source,
    };
    Ok(Origin {
        source: source.id.clone(),
        url,
        bytes: fs::metadata(path).map_err(io)?.len(),
        sha256: sha256_of_file(path)?,
        verified,
        citation: source.citation.clone(),
        licence: source.licence.clone(),
    })
}

/// The origin of a file that is there already and right; an error if it is another and may not be replaced.
fn present(
    source: &Source,
    file: &SourceFile,
    path: &Path,
    overwrite: Overwrite,
) -> Result<Option<Origin>, FetchError> {
    if !path.exists() {
        return Ok(None);
    }
    let noted: Option<Origin> = fs::read(origin_path(path))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let place = path.display().to_string();
    match verify(
        file,
        path,
        &place,
        "it is left as it is: use --force to replace it",
    ) {
        Ok(Verified::Nothing) => match noted {
            Some(noted) if noted.sha256 == sha256_of_file(path)? => Ok(Some(noted)),
            _ if overwrite == Overwrite::Refuse => Err(OutputError::Exists {
                path: path.to_owned(),
            }
            .into()),
            _ => Ok(None),
        },
        Ok(verified) => noted
            .map_or_else(|| origin(source, None, path, verified), Ok)
            .map(Some),
        Err(error) if overwrite == Overwrite::Refuse => Err(error),
        Err(_) => Ok(None),
    }
}

/// Compares a complete file with what is known of it.
fn verify(
    file: &SourceFile,
    path: &Path,
    place: &str,
    consequence: &'static str,
) -> Result<Verified, FetchError> {
    let place = || place.to_owned();
    let io = |source| DigestError::Io {
        path: path.to_owned(),
        source,
    };
    let found = fs::metadata(path).map_err(io)?.len();
    if let Some(expected) = file.bytes.filter(|expected| *expected != found) {
        return Err(FetchError::WrongSize {
            place: place(),
            found,
            expected,
            consequence,
        });
    }
    let wrong = |kind, found: String, expected: String| {
        Err(FetchError::WrongChecksum {
            place: place(),
            kind,
            found,
            expected,
            consequence,
        })
    };
    if let Some(expected) = file.sha256 {
        let found: Sha256Sum = sha256_of_file(path)?;
        return if found == expected {
            Ok(Verified::Sha256)
        } else {
            wrong("sha256", found.to_string(), expected.to_string())
        };
    }
    if let Some(expected) = file.md5 {
        let found: Md5Sum = md5_of_file(path)?;
        return if found == expected {
            Ok(Verified::Md5)
        } else {
            wrong("md5", found.to_string(), expected.to_string())
        };
    }
    Ok(Verified::Nothing)
}
