//! Names of BIDS: `sub-1_ses-2_task-video_run-03_space-T1w_desc-preproc_bold.nii.gz`.

use std::fmt;
use std::str::FromStr;

/// Entities in the order that BIDS 1.10 prescribes.
const ORDER: [&str; 31] = [
    "sub",
    "ses",
    "tpl",
    "cohort",
    "sample",
    "task",
    "tracksys",
    "acq",
    "nuc",
    "voi",
    "ce",
    "trc",
    "stain",
    "rec",
    "dir",
    "run",
    "mod",
    "echo",
    "flip",
    "inv",
    "mt",
    "part",
    "proc",
    "hemi",
    "space",
    "split",
    "recording",
    "chunk",
    "seg",
    "res",
    "den",
];
/// Those that come after the entities BIDS does not know.
const LAST: [&str; 2] = ["label", "desc"];

/// Why a name is none of BIDS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is no name of BIDS: {what}; expected such as sub-1_task-video_desc-preproc_bold.nii.gz"
)]
#[non_exhaustive]
pub struct NameError {
    /// The name.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
}

/// A name taken apart: entities, suffix and extension.
///
/// ```
/// use emotome_neurofiles::derivatives::BidsName;
/// let name: BidsName = "sub-1_hemi-L_space-fsaverage5_bold.func.gii".parse()?;
/// assert_eq!((name.get("hemi"), name.suffix()), (Some("L"), Some("bold")));
/// let map = BidsName::new("rsa", ".nii.gz")?.with("desc", "emotion")?.with("sub", "1")?.with("space", "T1w")?;
/// assert_eq!(map.to_string(), "sub-1_space-T1w_desc-emotion_rsa.nii.gz");
/// # Ok::<(), emotome_neurofiles::derivatives::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidsName {
    entities: Vec<(String, String)>,
    suffix: Option<String>,
    extension: String,
}

impl BidsName {
    /// A name without entities.
    ///
    /// # Errors
    ///
    /// [`NameError`] unless the suffix is letters and digits and the extension begins with a point.
    pub fn new(suffix: &str, extension: &str) -> Result<Self, NameError> {
        format!("{suffix}{extension}")
            .parse()
            .and_then(|name: Self| {
                if name.extension == extension && name.entities.is_empty() {
                    Ok(name)
                } else {
                    Err(error(
                        suffix,
                        format!("suffix {suffix:?}, extension {extension:?}"),
                    ))
                }
            })
    }

    /// With an entity, in its place; one of the same key is replaced.
    ///
    /// # Errors
    ///
    /// [`NameError`] unless key and value are letters and digits (the value also `+`).
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, NameError> {
        if !plain(key) || !is_value(value) {
            return Err(error(&format!("{key}-{value}"), "letters and digits only"));
        }
        self.entities.retain(|(known, _)| known != key);
        self.entities.push((key.to_owned(), value.to_owned()));
        self.entities.sort_by_key(|(key, _)| rank(key));
        Ok(self)
    }

    /// With another suffix and extension.
    ///
    /// # Errors
    ///
    /// As [`BidsName::new`].
    pub fn renamed(self, suffix: &str, extension: &str) -> Result<Self, NameError> {
        Ok(Self {
            entities: self.entities,
            ..Self::new(suffix, extension)?
        })
    }

    /// The value of an entity such as `sub`, `ses`, `task`, `run`, `space`, `hemi`, `den` or `desc`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut found = self.entities.iter().filter(|(known, _)| known == key);
        found.next().map(|(_, value)| value.as_str())
    }

    /// `run` as a number.
    pub fn run(&self) -> Option<u32> {
        self.get("run").and_then(|run| run.parse().ok())
    }

    /// All entities, in the order of the name.
    pub fn entities(&self) -> impl Iterator<Item = (&str, &str)> {
        let entities = self.entities.iter();
        entities.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What the file holds: `bold`, `mask`, `timeseries`, …; early fMRIPrep left it out of surfaces.
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    /// From the first point: `.nii.gz`, `.func.gii`, `.dtseries.nii`, ….
    pub fn extension(&self) -> &str {
        &self.extension
    }
}

impl FromStr for BidsName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let (stem, extension) = match name.find('.') {
            Some(point) => name.split_at(point),
            None => (name, ""),
        };
        let mut entities: Vec<(String, String)> = Vec::new();
        let mut suffix = None;
        let mut parts = stem.split('_').peekable();
        while let Some(part) = parts.next() {
            match part.split_once('-') {
                Some((key, value)) if plain(key) && is_value(value) => {
                    if entities.iter().any(|(known, _)| known == key) {
                        return Err(error(name, format!("{key:?} twice")));
                    }
                    entities.push((key.to_owned(), value.to_owned()));
                }
                None if parts.peek().is_none() && plain(part) => suffix = Some(part.to_owned()),
                _ => return Err(error(name, format!("{part:?} is no key-value"))),
            }
        }
        let extension = extension.to_owned();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if !extension.chars().all(fits) || extension.ends_with('.') {
            return Err(error(name, format!("extension {extension:?}")));
        }
        Ok(Self {
            entities,
            suffix,
            extension,
        })
    }
}

impl fmt::Display for BidsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entities = self.entities.iter();
        let entities = entities.map(|(key, value)| format!("{key}-{value}"));
        let parts: Vec<String> = entities.chain(self.suffix.clone()).collect();
        write!(f, "{}{}", parts.join("_"), self.extension)
    }
}

fn rank(key: &str) -> usize {
    let among = |order: &[&str]| order.iter().position(|known| *known == key);
    let last = || among(&LAST).map(|at| ORDER.len() + 1 + at);
    among(&ORDER).or_else(last).unwrap_or(ORDER.len())
}

fn plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_value(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '+')
}

fn error(name: &str, what: impl Into<String>) -> NameError {
    NameError {
        name: name.to_owned(),
        what: what.into(),
    }
}
