//! The media files of a study as they are: images and clips, sent whole or by address.

use super::exhibit::{Carrier, Content, MediaError, MediaKind, MediaSource, Medium};
use bytes::Bytes;
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::{Sha256Sum, sha256_of_file};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How files reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentAs {
    /// Their bytes in the request.
    Data,
    /// `file://` addresses on the server's disk; this folder there holds what the media folder holds here.
    File(PathBuf),
    /// `https://` addresses below this one.
    Https(String),
}

/// Media types by extension.
const TYPES: [(&str, &str, MediaKind); 10] = [
    ("png", "image/png", MediaKind::Image),
    ("jpg", "image/jpeg", MediaKind::Image),
    ("jpeg", "image/jpeg", MediaKind::Image),
    ("webp", "image/webp", MediaKind::Image),
    ("gif", "image/gif", MediaKind::Image),
    ("mp4", "video/mp4", MediaKind::Video),
    ("webm", "video/webm", MediaKind::Video),
    ("mov", "video/quicktime", MediaKind::Video),
    ("mkv", "video/x-matroska", MediaKind::Video),
    ("avi", "video/x-msvideo", MediaKind::Video),
];

/// Why files cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaFilesError {
    /// Images and clips are mixed.
    #[error(
        "{image} is an image and {video} a clip; a judge is shown one kind: choose frames, or keep to one kind"
    )]
    Mixed {
        /// An image.
        image: PathBuf,
        /// A clip.
        video: PathBuf,
    },
    /// No file can be shown.
    #[error(
        "none of {n} stimuli has a file that can be shown; expected png, jpeg, webp, gif, mp4, webm, mov, mkv or avi"
    )]
    None {
        /// The number of stimuli.
        n: usize,
    },
    /// The address cannot be completed.
    #[error(
        "{found:?} is no https address without a query; expected e.g. https://example.org/clips"
    )]
    Address {
        /// The address.
        found: String,
    },
    /// The folder on the server is no absolute path.
    #[error("{found} is no absolute path; give the folder as the server sees it", found = found.display())]
    Folder {
        /// The folder.
        found: PathBuf,
    },
}

/// The media files of a study.
pub struct MediaFiles {
    root: PathBuf,
    files: Vec<Option<PathBuf>>,
    expected: Vec<Option<Sha256Sum>>,
    known: Vec<OnceLock<Sha256Sum>>,
    kind: MediaKind,
    sent: SentAs,
}

impl MediaFiles {
    /// Files below `root`, by stimulus, with the checksums that the study states for them. Sent by
    /// address, a file with a checksum need not be here.
    ///
    /// # Errors
    /// [`MediaFilesError`]; a stimulus without a file is no error, see [`unshown`](Self::unshown).
    pub fn new(
        root: impl Into<PathBuf>,
        files: Vec<(Option<PathBuf>, Option<Sha256Sum>)>,
        sent: SentAs,
    ) -> Result<Self, MediaFilesError> {
        match &sent {
            SentAs::Https(address)
                if !address.starts_with("https://") || address.contains(['?', '#', ' ']) =>
            {
                return Err(MediaFilesError::Address {
                    found: address.clone(),
                });
            }
            SentAs::File(folder) if !folder.is_absolute() => {
                return Err(MediaFilesError::Folder {
                    found: folder.clone(),
                });
            }
            _ => {}
        }
        let (files, expected): (Vec<Option<PathBuf>>, Vec<_>) = files.into_iter().unzip();
        let first = |wanted: MediaKind| {
            let of_kind = |path: &&PathBuf| type_of(path).is_some_and(|(_, kind)| kind == wanted);
            files.iter().flatten().find(of_kind)
        };
        let kind = match (first(MediaKind::Image), first(MediaKind::Video)) {
            (Some(image), Some(video)) => {
                return Err(MediaFilesError::Mixed {
                    image: image.clone(),
                    video: video.clone(),
                });
            }
            (Some(_), None) => MediaKind::Image,
            (None, Some(_)) => MediaKind::Video,
            (None, None) => return Err(MediaFilesError::None { n: files.len() }),
        };
        Ok(Self {
            root: root.into(),
            known: files.iter().map(|_| OnceLock::new()).collect(),
            files,
            expected,
            kind,
            sent,
        })
    }

    /// The stimuli that have no file of a known type, ascending: trials with one of them fail.
    #[must_use]
    pub fn unshown(&self) -> Vec<StimulusId> {
        let known = |file: &Option<PathBuf>| file.as_deref().and_then(type_of).is_some();
        let rows = self
            .files
            .iter()
            .enumerate()
            .filter(|(_, file)| !known(file));
        rows.map(|(row, _)| StimulusId(row as u32)).collect()
    }

    fn address(&self, below: &Path) -> Option<String> {
        let (mut address, folder) = match &self.sent {
            SentAs::Data => return None,
            SentAs::File(folder) => ("file://".to_owned(), folder.join(below)),
            SentAs::Https(base) => (format!("{}/", base.trim_end_matches('/')), below.to_owned()),
        };
        for byte in folder.to_string_lossy().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    address.push(char::from(byte));
                }
                _ => address += &format!("%{byte:02X}"),
            }
        }
        Some(address)
    }
}

fn type_of(path: &Path) -> Option<(&'static str, MediaKind)> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let found = TYPES.iter().find(|(known, ..)| *known == extension);
    found.map(|&(_, mime, kind)| (mime, kind))
}

impl MediaSource for MediaFiles {
    fn n_stimuli(&self) -> usize {
        self.files.len()
    }

    fn carriage(&self) -> (MediaKind, Carrier) {
        let carrier = match self.sent {
            SentAs::Data => Carrier::Data,
            SentAs::File(_) => Carrier::File,
            SentAs::Https(_) => Carrier::Https,
        };
        (self.kind, carrier)
    }

    fn media(&self, stimulus: StimulusId) -> Result<Vec<Medium>, MediaError> {
        let cannot = |what: String| MediaError { stimulus, what };
        let row = stimulus.index();
        let below = self.files.get(row).and_then(Option::as_ref);
        let below = below.ok_or_else(|| cannot("it has no media file".to_owned()))?;
        let (mime, _) = type_of(below)
            .ok_or_else(|| cannot(format!("{} is of no known type", below.display())))?;
        let path = self.root.join(below);
        let checked = |sum: Sha256Sum| match self.expected[row] {
            Some(expected) if expected != sum => Err(cannot(format!(
                "{} has sha256 {sum}, but stimuli.tsv says {expected}",
                path.display()
            ))),
            _ => Ok(*self.known[row].get_or_init(|| sum)),
        };
        let (content, sha256) = match self.address(below) {
            Some(address) => {
                // The server reads its own copy; what the study says of it is all that is known.
                let sum = match self.expected[row].or(self.known[row].get().copied()) {
                    Some(known) => known,
                    None => {
                        checked(sha256_of_file(&path).map_err(|error| cannot(error.to_string()))?)?
                    }
                };
                (Content::Url(address), sum)
            }
            None => {
                let bytes = fs::read(&path)
                    .map_err(|error| cannot(format!("{}: {error}", path.display())))?;
                let sum = match self.known[row].get() {
                    Some(&known) => known,
                    None => checked(Sha256Sum::of(&bytes))?,
                };
                (Content::Bytes(Bytes::from(bytes)), sum)
            }
        };
        Ok(vec![Medium {
            mime: mime.into(),
            content,
            sha256,
        }])
    }

    fn describe(&self) -> serde_json::Value {
        let (kind, carrier) = self.carriage();
        json!({ "media": kind, "sent-as": carrier })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<(Option<PathBuf>, Option<Sha256Sum>)> {
        names
            .iter()
            .map(|name| (Some(PathBuf::from(name)), None))
            .collect()
    }

    #[test]
    fn addresses_are_escaped() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a b#.mp4"), b"x").unwrap();
        let of = |sent| {
            let source = MediaFiles::new(dir.path(), files(&["a b#.mp4"]), sent).unwrap();
            match &source.media(StimulusId(0)).unwrap()[0].content {
                Content::Url(url) => url.clone(),
                Content::Bytes(_) => unreachable!("sent by address"),
            }
        };
        assert_eq!(
            of(SentAs::File("/data".into())),
            "file:///data/a%20b%23.mp4"
        );
        assert_eq!(
            of(SentAs::Https("https://h.org/c/".into())),
            "https://h.org/c/a%20b%23.mp4"
        );
    }

    #[test]
    fn a_changed_or_missing_file_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.png"), b"new").unwrap();
        let mut listed = files(&["a.png", "b.png", "c.txt"]);
        listed[0].1 = Some(Sha256Sum::of(b"old"));
        listed.push((None, None));
        let source = MediaFiles::new(dir.path(), listed, SentAs::Data).unwrap();
        for row in 0..5 {
            assert!(source.media(StimulusId(row)).is_err(), "{row}");
        }
        assert_eq!(source.unshown(), [StimulusId(2), StimulusId(3)]);
    }

    #[test]
    fn mixed_kinds_and_bad_addresses_are_refused() {
        let new = |names: &[&str], sent| MediaFiles::new(".", files(names), sent).err();
        assert!(matches!(
            new(&["a.png", "b.mp4"], SentAs::Data),
            Some(MediaFilesError::Mixed { .. })
        ));
        assert!(matches!(
            new(&["a.txt"], SentAs::Data),
            Some(MediaFilesError::None { n: 1 })
        ));
        for base in ["http://h.org", "https://h.org/?key=1"] {
            assert!(matches!(
                new(&["a.png"], SentAs::Https(base.into())),
                Some(MediaFilesError::Address { .. })
            ));
        }
        assert!(matches!(
            new(&["a.png"], SentAs::File("rel".into())),
            Some(MediaFilesError::Folder { .. })
        ));
    }
}
