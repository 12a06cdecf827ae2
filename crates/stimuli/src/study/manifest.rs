//! `study.toml`: the name of a study, its terms, where its media lie, and when a stimulus is sensitive.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::MANIFEST;
use crate::finding::Findings;
use crate::finding::Severity::Error;
use crate::ratings::RatingsTable;
use crate::stimulus::StimulusId;

/// The layout that this version reads and writes.
const FORMAT: u32 = 1;

/// What `study.toml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The layout of the folder; 1 so far.
    pub format: u32,
    /// The name of the study.
    pub name: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The terms under which the folder's own tables may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What to cite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<String>,
    /// The folder that media paths start from, itself relative to the study folder.
    #[serde(default = "Manifest::default_media")]
    pub media: PathBuf,
    /// A stimulus rated at or above one of these limits is sensitive and must be flagged in `stimuli.tsv`.
    #[serde(default)]
    pub sensitive: BTreeMap<String, f64>,
}

impl Manifest {
    /// A manifest with the default rule for sensitive stimuli: Sexual Desire .15, Horror .3, Disgust .4.
    ///
    /// ```
    /// let manifest = emotome_stimuli::study::Manifest::new("clips");
    /// assert_eq!(manifest.sensitive["Horror"], 0.3);
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        let sensitive = [("Sexual Desire", 0.15), ("Horror", 0.3), ("Disgust", 0.4)];
        Self {
            format: FORMAT,
            name: name.into(),
            description: None,
            licence: None,
            citation: None,
            media: Self::default_media(),
            sensitive: sensitive
                .map(|(scale, limit)| (scale.to_owned(), limit))
                .into(),
        }
    }

    fn default_media() -> PathBuf {
        ".".into()
    }

    /// The scales on which a stimulus reaches the limit, by name.
    #[must_use]
    pub fn sensitive_scales(&self, table: &RatingsTable, stimulus: StimulusId) -> Vec<String> {
        let scales = table.scales.iter().zip(table.values.row(stimulus.index()));
        let reached = scales.filter(|((name, _), value)| {
            self.sensitive
                .get(name)
                .is_some_and(|limit| *value >= limit)
        });
        reached.map(|((name, _), _)| name.clone()).collect()
    }
}

pub(super) fn load_manifest(root: &Path, findings: &mut Findings) -> Option<Manifest> {
    let name = Path::new(MANIFEST);
    let text = match fs::read_to_string(root.join(name)) {
        Ok(text) => text,
        Err(error) => {
            findings.add(
                (Error, "no-study"),
                (name, None),
                format!("the file cannot be read: {error}"),
                "a study folder with a study.toml",
                "make one with: emotome init DIR",
            );
            return None;
        }
    };
    let manifest: Manifest = match toml::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start].matches('\n').count() as u64);
            findings.add(
                (Error, "bad-manifest"),
                (name, line),
                error.message(),
                "format, name, and optionally description, licence, citation, media and [sensitive]",
                "correct the entry",
            );
            return None;
        }
    };
    if manifest.format != FORMAT {
        findings.add(
            (Error, "format"),
            (name, None),
            format!("format {}", manifest.format),
            format!("format {FORMAT}, the only one this version knows"),
            "use the version of emotome that made the study",
        );
        return None;
    }
    Some(manifest)
}

/// The manifest with comments for the people who will edit it.
pub(super) fn manifest_text(manifest: &Manifest) -> String {
    let quote = |text: &str| toml::Value::from(text).to_string();
    let entry = |name: &str, hint: &str, value: Option<&String>| match value {
        Some(value) => format!("{name} = {}\n", quote(value)),
        None => format!("# {name} = \"{hint}\"\n"),
    };
    let mut text = format!(
        "format = {}\nname = {}\n",
        manifest.format,
        quote(&manifest.name)
    );
    text += &entry(
        "description",
        "what the study is about",
        manifest.description.as_ref(),
    );
    text += &entry(
        "licence",
        "terms of use of the tables in this folder",
        manifest.licence.as_ref(),
    );
    text += &entry("citation", "what to cite", manifest.citation.as_ref());
    text += "\n# Media paths in stimuli.tsv start from this folder.\n";
    text += &format!("media = {}\n", quote(&manifest.media.display().to_string()));
    text += "\n# A stimulus rated at or above one of these limits must be flagged as sensitive in stimuli.tsv.\n";
    text += "[sensitive]\n";
    for (scale, limit) in &manifest.sensitive {
        text += &format!("{} = {limit:?}\n", quote(scale));
    }
    text
}
