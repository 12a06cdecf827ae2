//! `dataset_description.json` of a folder of derivatives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use emotome_stimuli::output::{self, OutputError, Overwrite};
use serde::{Deserialize, Serialize};

/// Why a description cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The system refused to open or read the file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The file is no description.
    #[error("{path}: {source}; expected Name and BIDSVersion, and GeneratedBy for derivatives", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// What a dataset of BIDS says of itself; what is not named here is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetDescription {
    /// Its name.
    #[serde(rename = "Name")]
    pub name: String,
    /// The version of BIDS it follows.
    #[serde(rename = "BIDSVersion")]
    pub bids_version: String,
    /// `raw` or `derivative`.
    #[serde(
        rename = "DatasetType",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub dataset_type: Option<String>,
    /// What made it.
    #[serde(rename = "GeneratedBy", default, skip_serializing_if = "Vec::is_empty")]
    pub generated_by: Vec<Generator>,
    /// What it was made from.
    #[serde(
        rename = "SourceDatasets",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub source_datasets: Vec<SourceDataset>,
    /// Everything else.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// A program that made derivatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Its name.
    #[serde(rename = "Name")]
    pub name: String,
    /// Its version.
    #[serde(rename = "Version", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it did.
    #[serde(
        rename = "Description",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// Where data came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceDataset {
    /// Its address.
    #[serde(rename = "URL", default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its DOI.
    #[serde(rename = "DOI", default, skip_serializing_if = "Option::is_none")]
    pub doi: Option<String>,
    /// Its version.
    #[serde(rename = "Version", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl DatasetDescription {
    /// The name of the file in its folder.
    pub const FILE: &str = "dataset_description.json";

    /// Derivatives after BIDS 1.10.
    pub fn derivative(name: &str, by: Generator, from: Vec<SourceDataset>) -> Self {
        Self {
            name: name.to_owned(),
            bids_version: "1.10.0".into(),
            dataset_type: Some("derivative".into()),
            generated_by: vec![by],
            source_datasets: from,
            other: serde_json::Map::new(),
        }
    }

    /// Reads the description in a folder.
    ///
    /// # Errors
    ///
    /// [`DescriptionError`].
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, DescriptionError> {
        let path = folder.as_ref().join(Self::FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|source| DescriptionError::Json { path, source }),
            Err(source) => Err(DescriptionError::Io { path, source }),
        }
    }

    /// Writes the description into a folder.
    ///
    /// # Errors
    ///
    /// [`DescriptionError`].
    pub fn write(
        &self,
        folder: impl AsRef<Path>,
        overwrite: Overwrite,
    ) -> Result<(), DescriptionError> {
        let path = folder.as_ref().join(Self::FILE);
        Ok(output::write_json(path, overwrite, self)?)
    }
}
