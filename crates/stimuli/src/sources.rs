//! The public data sets that `emotome fetch` knows: what they are, on what terms, and where they lie.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::digest::{Md5Sum, Sha256Sum};

/// A public data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name on the command line.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What to cite.
    pub citation: String,
    /// On what terms it may be used.
    pub licence: String,
    /// The page or DOI that describes it, and where files without an address are fetched by hand.
    pub landing: String,
    /// The form by which it, or a part of it, must be requested.
    #[serde(default)]
    pub form: Option<String>,
    /// What else a user should know.
    #[serde(default)]
    pub note: Option<String>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<SourceFile>,
}

/// A file of a public data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its name.
    pub name: String,
    /// Its address; `None` if it must be fetched by hand.
    #[serde(default)]
    pub url: Option<String>,
    /// Its size, if known.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Its SHA-256, if known.
    #[serde(default)]
    pub sha256: Option<Sha256Sum>,
    /// Its MD5, if known.
    #[serde(default)]
    pub md5: Option<Md5Sum>,
}

impl SourceFile {
    /// Whether a copy can be told from a damaged one.
    #[must_use]
    pub const fn has_checksum(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some()
    }
}

/// All known sources.
///
/// ```
/// let ratings = emotome_stimuli::sources::sources().iter().find(|source| source.id == "ck2017").unwrap();
/// assert!(ratings.form.is_some());
/// ```
#[must_use]
pub fn sources() -> &'static [Source] {
    #[derive(Deserialize)]
    struct Registry {
        source: Vec<Source>,
    }
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let registry: Result<Registry, _> = toml::from_str(include_str!("../presets/sources.toml"));
        registry
            .unwrap_or_else(|error| unreachable!("the registry is part of the program: {error}"))
            .source
    });
    &SOURCES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_can_be_cited_and_reached() {
        let mut ids: Vec<&str> = sources().iter().map(|source| source.id.as_str()).collect();
        for source in sources() {
            assert!(source.landing.starts_with("https://"), "{}", source.id);
            assert!(
                source.citation.contains("https://doi.org/"),
                "{}",
                source.id
            );
            assert!(!source.files.is_empty(), "{}", source.id);
            for url in source.files.iter().filter_map(|file| file.url.as_ref()) {
                assert!(url.starts_with("https://"), "{url}");
            }
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), sources().len());
    }
}
