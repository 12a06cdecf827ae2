//! One request after the other to one endpoint.

use super::client::{Body, Carrier, ClientError, ClientParams, Sent};
use super::endpoint::Endpoint;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderValue;
use std::io::{self, Read, Write};
use std::path::Path;
use tokio::runtime::{Builder, Runtime};

/// What separates the parts of an upload; it occurs in no line of a batch file, as those are JSON.
const BOUNDARY: &str = "emotome-part-3f1c9d5e7a2b4860";

/// Sends one request after the other to one endpoint and waits for each: for probing a server, and for
/// the files of batches.
pub struct Caller {
    runtime: Runtime,
    carrier: Carrier,
    endpoint: Endpoint,
}

impl Caller {
    /// A caller of an endpoint; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(endpoint: Endpoint, params: ClientParams) -> Result<Self, ClientError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|error| ClientError::Setup {
                found: error.to_string(),
            })?,
            carrier: Carrier::new(std::slice::from_ref(&endpoint), params)?,
            endpoint,
        })
    }

    /// Posts a JSON body to a path, e.g. `chat/completions`, once.
    #[must_use]
    pub fn post(&self, path: &str, body: Bytes) -> Sent {
        let body = Some(Body::json(body));
        let sent = self.carrier.send(&self.endpoint, Method::POST, path, body);
        self.runtime.block_on(sent)
    }

    /// Gets what lies at a path, e.g. `models`, once.
    #[must_use]
    pub fn get(&self, path: &str) -> Sent {
        self.runtime
            .block_on(self.carrier.get(&self.endpoint, path))
    }

    /// Posts a file of JSON lines to a path as a form (`multipart/form-data`) with a purpose, once. The file
    /// is held in memory meanwhile.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn upload(&self, path: &str, purpose: &str, file: &Path) -> io::Result<Sent> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = name.replace(['"', '\r', '\n'], "_");
        let begin = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{BOUNDARY}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/jsonl\r\n\r\n"
        );
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        let mut opened = std::fs::File::open(file)?;
        let length = usize::try_from(opened.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length.saturating_add(begin.len() + end.len()))
            .map_err(io::Error::other)?;
        bytes.extend_from_slice(begin.as_bytes());
        opened.read_to_end(&mut bytes)?;
        bytes.extend_from_slice(end.as_bytes());
        let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={BOUNDARY}"));
        let body = Body {
            kind: kind.map_err(io::Error::other)?,
            bytes: Bytes::from(bytes),
        };
        let sent = self
            .carrier
            .send(&self.endpoint, Method::POST, path, Some(body));
        Ok(self.runtime.block_on(sent))
    }

    /// Writes the file of lines that lies at a path, of any length, without keys; `Err` holds what came
    /// instead of it.
    ///
    /// # Errors
    /// [`Sent`]; within, those of writing.
    pub fn download(&self, path: &str, to: &mut dyn Write) -> Result<io::Result<u64>, Box<Sent>> {
        let download = self.carrier.download(&self.endpoint, path, to);
        self.runtime.block_on(download)
    }

    /// The endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}
