//! Output and error files of batches, indexed by request.

use super::BatchError;
use super::id::CustomId;
use crate::dialogue::Reply;
use crate::server::cause_of_status;
use bytes::Bytes;
use emotome_triplets::Cause;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// The longest line that is read; longer ones are counted as torn.
const MAX_LINE: u64 = 64 << 20;

/// What was found in output files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct OutputCounts {
    /// Lines with something on them.
    pub lines: u64,
    /// Requests that have a reply, or an error that is final.
    pub replies: u64,
    /// Of these, errors.
    pub errors: u64,
    /// Lines whose request expired, was cancelled, or met a passing fault: it is asked again.
    pub to_repeat: u64,
    /// Further replies to a request that has one; the first counts.
    pub duplicates: u64,
    /// Lines that name no request of this agent and design.
    pub unknown: u64,
    /// Lines that are no JSON, such as the last of a file that was cut.
    pub torn: u64,
}

/// Where a reply is.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: u32,
    length: u32,
    offset: u64,
    is_error: bool,
}

/// All replies in a set of files. 60 bytes a reply; the replies themselves stay in the files.
#[derive(Debug, Default)]
pub struct Outputs {
    paths: Vec<PathBuf>,
    places: BTreeMap<CustomId, Place>,
    counts: OutputCounts,
}

/// A line, as far as the index needs it.
#[derive(Deserialize)]
struct Line {
    custom_id: Option<String>,
    response: Option<Status>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Status {
    status_code: Option<u16>,
}

/// A line, read again for its reply.
#[derive(Deserialize)]
struct FullLine {
    custom_id: String,
    response: Option<Response>,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Response {
    status_code: Option<u16>,
    #[serde(default)]
    body: Value,
}

impl Outputs {
    /// Indexes files, in any order and number, for an agent and a design of `n_trials`.
    ///
    /// # Errors
    /// [`BatchError::Io`] if a file cannot be read. Faulty lines are counted and are no errors.
    pub fn read(paths: &[PathBuf], agent: u64, n_trials: u64) -> Result<Self, BatchError> {
        let mut outputs = Self {
            paths: paths.to_vec(),
            ..Self::default()
        };
        for (file, path) in paths.iter().enumerate() {
            let failed = |source| BatchError::Io {
                path: path.clone(),
                source,
            };
            let mut reader = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
            let (mut line, mut offset) = (Vec::new(), 0);
            loop {
                line.clear();
                let read = reader
                    .by_ref()
                    .take(MAX_LINE)
                    .read_until(b'\n', &mut line)
                    .map_err(failed)? as u64;
                if read == 0 {
                    break;
                }
                let place = Place {
                    file: file as u32,
                    length: read as u32,
                    offset,
                    is_error: false,
                };
                offset += read;
                if read == MAX_LINE && line.last() != Some(&b'\n') {
                    offset += skip_line(&mut reader).map_err(failed)?;
                }
                if !line.trim_ascii().is_empty() {
                    outputs.enter(&line, place, agent, n_trials);
                }
            }
        }
        outputs.counts.replies = outputs.places.len() as u64;
        outputs.counts.errors = outputs
            .places
            .values()
            .filter(|place| place.is_error)
            .count() as u64;
        Ok(outputs)
    }

    fn enter(&mut self, line: &[u8], mut place: Place, agent: u64, n_trials: u64) {
        self.counts.lines += 1;
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            self.counts.torn += 1;
            return;
        };
        let id = line.custom_id.and_then(|id| id.parse::<CustomId>().ok());
        let Some(id) = id.filter(|id| id.agent == agent && id.number < n_trials) else {
            self.counts.unknown += 1;
            return;
        };
        let status = line.response.and_then(|response| response.status_code);
        let cause = match status {
            Some(status) => cause_of_status(status),
            // Expired or cancelled: there was no reply at all.
            None if line.error.is_some() => Some(Cause::NoReply),
            None => Some(Cause::Malformed),
        };
        if cause.is_some_and(Cause::is_transient) {
            self.counts.to_repeat += 1;
            return;
        }
        place.is_error = cause.is_some();
        match self.places.get_mut(&id) {
            None => {
                self.places.insert(id, place);
            }
            // What succeeded when it was asked again counts more than an error before.
            Some(found) if found.is_error && !place.is_error => *found = place,
            Some(found) => self.counts.duplicates += u64::from(found.is_error == place.is_error),
        }
    }

    /// What was found.
    #[must_use]
    pub const fn counts(&self) -> OutputCounts {
        self.counts
    }

    /// The numbers of the trials with a reply, ascending, each once.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        let mut last = None;
        let numbers = self.places.keys().map(|id| id.number);
        numbers.filter(move |&number| last.replace(number) != Some(number))
    }

    /// The reply to a request, if there is one; `Some(None)` for a line that holds none.
    pub(super) fn reply(&self, id: CustomId) -> Result<Option<Option<Reply>>, BatchError> {
        let Some(place) = self.places.get(&id) else {
            return Ok(None);
        };
        let path = &self.paths[place.file as usize];
        let read = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(place.offset))?;
            let mut line = vec![0; place.length as usize];
            file.read_exact(&mut line)?;
            Ok(line)
        };
        let line = read().map_err(|source| BatchError::Io {
            path: path.clone(),
            source,
        })?;
        let line: Option<FullLine> = serde_json::from_slice(&line).ok();
        let line = line.filter(|line| line.custom_id == id.to_string());
        let line = line.ok_or_else(|| BatchError::Changed {
            path: path.clone(),
            id,
        })?;
        let Some((status, mut body)) = line
            .response
            .and_then(|response| Some((response.status_code?, response.body)))
        else {
            return Ok(Some(None));
        };
        if body.is_null() && !line.error.is_null() {
            body = serde_json::json!({ "error": line.error });
        }
        let body = match body {
            Value::String(text) => text,
            body => body.to_string(),
        };
        Ok(Some(Some(Reply {
            status,
            body: Bytes::from(body),
        })))
    }
}

/// Skips to the end of a line that is too long; returns the bytes skipped.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let (length, done) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(length);
        skipped += length as u64;
        if done {
            return Ok(skipped);
        }
    }
}
