//! Batch files within the limits of a service.

use super::BatchError;
use super::id::CustomId;
use crate::dialogue::Request;
use emotome_stimuli::digest::{DigestError, Sha256Sum, sha256_of_file};
use emotome_stimuli::output::{AtomicFile, Overwrite, write_json};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::PathBuf;

/// What one file may hold.
///
/// | parameter | default | source |
/// |---|---|---|
/// | `lines` | 50,000 | OpenAI Batch |
/// | `bytes` | 200,000,000 | OpenAI Batch |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLimits {
    /// The most requests.
    pub lines: u64,
    /// The most bytes.
    pub bytes: u64,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            lines: 50_000,
            bytes: 200_000_000,
        }
    }
}

/// One file of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// Its name, beside the manifest.
    pub file: String,
    /// Its requests.
    pub lines: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: Sha256Sum,
    /// The trial of its first request.
    pub first: u64,
    /// The trial of its last.
    pub last: u64,
}

/// What was written, in `STEM.manifest.json` beside the files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// A hash of everything that makes the agent what it is, as in every `custom_id`.
    pub agent: String,
    /// The description of the agent.
    pub description: serde_json::Value,
    /// The address of each request.
    pub url: String,
    /// The limits kept.
    pub limits: BatchLimits,
    /// All requests.
    pub lines: u64,
    /// The files.
    pub shards: Vec<Shard>,
}

/// Writes requests into files `STEM-0001.jsonl`, `STEM-0002.jsonl` …, each whole or not at all.
pub struct ShardWriter {
    folder: PathBuf,
    stem: String,
    overwrite: Overwrite,
    limits: BatchLimits,
    open: Option<(AtomicFile, Shard)>,
    done: Vec<Shard>,
    url: Option<String>,
}

impl ShardWriter {
    /// Files in a folder, which is made where it is missing.
    #[must_use]
    pub fn new(
        folder: impl Into<PathBuf>,
        stem: &str,
        overwrite: Overwrite,
        limits: BatchLimits,
    ) -> Self {
        Self {
            folder: folder.into(),
            stem: stem.to_owned(),
            overwrite,
            limits,
            open: None,
            done: Vec::new(),
            url: None,
        }
    }

    /// Adds a request.
    ///
    /// # Errors
    /// [`BatchError::TooLarge`] for a request that fits into no file, [`BatchError::Output`].
    pub fn write(&mut self, id: CustomId, request: &Request) -> Result<(), BatchError> {
        let url = format!("/v1/{}", request.path);
        let head =
            format!("{{\"custom_id\":\"{id}\",\"method\":\"POST\",\"url\":\"{url}\",\"body\":");
        let bytes = (head.len() + request.body.len() + 2) as u64;
        if bytes > self.limits.bytes {
            return Err(BatchError::TooLarge {
                id,
                bytes,
                limit: self.limits.bytes,
            });
        }
        let full = |shard: &Shard| {
            shard.lines >= self.limits.lines || shard.bytes + bytes > self.limits.bytes
        };
        if self.open.as_ref().is_some_and(|(_, shard)| full(shard)) {
            self.close()?;
        }
        if self.open.is_none() {
            let file = format!("{}-{:04}.jsonl", self.stem, self.done.len() + 1);
            let shard = Shard {
                lines: 0,
                bytes: 0,
                sha256: Sha256Sum::of(b""),
                first: id.number,
                last: id.number,
                file,
            };
            let file = AtomicFile::create(self.folder.join(&shard.file), self.overwrite)?;
            self.open = Some((file, shard));
        }
        if let Some((file, shard)) = &mut self.open {
            let mut write = || -> io::Result<()> {
                file.write_all(head.as_bytes())?;
                file.write_all(&request.body)?;
                file.write_all(b"}\n")
            };
            let written = write();
            written.map_err(|source| file.error(source))?;
            shard.lines += 1;
            shard.bytes += bytes;
            shard.last = id.number;
        }
        self.url.get_or_insert(url);
        Ok(())
    }

    fn close(&mut self) -> Result<(), BatchError> {
        if let Some((file, mut shard)) = self.open.take() {
            file.commit()?;
            let path = self.folder.join(&shard.file);
            shard.sha256 = sha256_of_file(&path).map_err(|error| BatchError::Io {
                path,
                source: match error {
                    DigestError::Io { source, .. } => source,
                    other => io::Error::other(other.to_string()),
                },
            })?;
            self.done.push(shard);
        }
        Ok(())
    }

    /// Closes the last file and writes the manifest of all.
    ///
    /// # Errors
    /// [`BatchError::Output`].
    pub fn finish(
        mut self,
        agent: u64,
        description: &impl Serialize,
    ) -> Result<Manifest, BatchError> {
        self.close()?;
        let manifest = Manifest {
            agent: format!("{agent:016x}"),
            description: serde_json::to_value(description).unwrap_or_default(),
            url: self.url.unwrap_or_default(),
            limits: self.limits,
            lines: self.done.iter().map(|shard| shard.lines).sum(),
            shards: self.done,
        };
        let path = self.folder.join(format!("{}.manifest.json", self.stem));
        write_json(path, self.overwrite, &manifest)?;
        Ok(manifest)
    }
}
