//! OpenAI's Batch interface: files go up, batches are begun and looked at, files come down.
//!
//! Fields as in the documentation of OpenAI (*API reference*, Files and Batch).

use crate::dialogue::{Fault, Reply};
use crate::printable::one_line;
use crate::server::{Caller, RetryParams, Sent, cause_of_status, message};
use emotome_stats::random::Seed;
use emotome_stimuli::output::{AtomicFile, OutputError, Overwrite};
use emotome_stimuli::run::Interrupt;
use emotome_triplets::Cause;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A service that runs batches.
pub struct Service<'a> {
    caller: &'a Caller,
    retry: RetryParams,
    interrupt: &'a Interrupt,
}

/// Why a service does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// It says no.
    #[error("{what}: {server} answered HTTP {status}: {said}; {advice}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The service.
        server: String,
        /// The status.
        status: u16,
        /// What it said.
        said: String,
        /// What to do.
        advice: &'static str,
    },
    /// It says nothing, several times.
    #[error(
        "{what}: {server} gave no reply after {tries} tries ({found}); run the same command again later"
    )]
    Silent {
        /// What was asked for.
        what: String,
        /// The service.
        server: String,
        /// How often.
        tries: u32,
        /// What happened last.
        found: String,
    },
    /// Its reply is not as documented.
    #[error("{what}: the reply of {server} is not as documented ({found}): {said}")]
    Strange {
        /// What was asked for.
        what: String,
        /// The service.
        server: String,
        /// What is wrong.
        found: String,
        /// The reply, shortened.
        said: String,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A stop was asked for.
    #[error("stopped on request; the same command goes on")]
    Interrupted,
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    /// The file is looked at.
    Validating,
    /// It is under way.
    InProgress,
    /// Results are put together.
    Finalizing,
    /// It is at its end.
    Completed,
    /// The file was not accepted.
    Failed,
    /// Time ran out; what was done by then is kept, and paid.
    Expired,
    /// It is being cancelled.
    Cancelling,
    /// It was cancelled; what was done by then is kept, and paid.
    Cancelled,
}

impl BatchStatus {
    /// Its name, as the service writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more comes.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Expired | Self::Cancelled
        )
    }
}

/// A batch, as the service describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Remote {
    /// Its name.
    pub id: String,
    /// How far it is.
    pub status: BatchStatus,
    /// Its requests.
    #[serde(default)]
    pub input_file_id: Option<String>,
    /// Replies, once there are any.
    #[serde(default)]
    pub output_file_id: Option<String>,
    /// Errors, once there are any.
    #[serde(default)]
    pub error_file_id: Option<String>,
    /// What is wrong with the file.
    #[serde(default)]
    pub errors: Option<RemoteErrors>,
    /// How many requests are done.
    #[serde(default)]
    pub request_counts: Option<RequestCounts>,
}

/// What is wrong with a file of requests.
#[derive(Debug, Clone, Deserialize)]
pub struct RemoteErrors {
    /// One by one.
    #[serde(default)]
    pub data: Vec<RemoteError>,
}

/// One thing that is wrong with a file of requests.
#[derive(Debug, Clone, Deserialize)]
pub struct RemoteError {
    /// In a word.
    #[serde(default)]
    pub code: Option<String>,
    /// In words.
    #[serde(default)]
    pub message: Option<String>,
    /// In which line.
    #[serde(default)]
    pub line: Option<u64>,
}

/// How many requests of a batch are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestCounts {
    /// All.
    #[serde(default)]
    pub total: u64,
    /// Those with a reply.
    #[serde(default)]
    pub completed: u64,
    /// Those with an error.
    #[serde(default)]
    pub failed: u64,
}

impl Remote {
    /// What is wrong with the file of requests, a line each.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let errors = self.errors.iter().flat_map(|errors| &errors.data);
        let line = |error: &RemoteError| {
            let at = error
                .line
                .map_or_else(String::new, |n| format!("line {n}: "));
            let (code, message) = (error.code.as_deref(), error.message.as_deref());
            one_line(&format!(
                "{at}{} ({})",
                message.unwrap_or("no message"),
                code.unwrap_or("no code")
            ))
        };
        errors.take(8).map(line).collect()
    }
}

#[derive(Deserialize)]
struct File {
    id: String,
}

#[derive(Deserialize)]
struct Listed {
    data: Vec<Remote>,
    #[serde(default)]
    has_more: bool,
}

/// The most pages of a list that are read, of a hundred batches each.
const PAGES: usize = 50;

/// The most characters of the name of a file or batch.
const LONGEST_ID: usize = 128;

impl<'a> Service<'a> {
    /// The service that a caller calls.
    #[must_use]
    pub const fn new(caller: &'a Caller, retry: RetryParams, interrupt: &'a Interrupt) -> Self {
        Self {
            caller,
            retry,
            interrupt,
        }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        self.caller.endpoint().to_string()
    }

    /// Uploads a file of requests; its name there. Tried again where that may help: a file that arrived
    /// twice costs nothing.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn upload(&self, path: &Path) -> Result<String, ServiceError> {
        let what = format!("the upload of {}", path.display());
        let mut unreadable = None;
        let reply = self.patiently(&what, || {
            self.caller
                .upload("files", "batch", path)
                .map_err(|source| {
                    unreadable = Some(source);
                })
        });
        if let Some(source) = unreadable {
            return Err(ServiceError::Io {
                path: path.to_owned(),
                source,
            });
        }
        let file: File = self.parse(&what, &reply?)?;
        self.checked(&what, file.id)
    }

    /// Begins a batch over an uploaded file. `None` if the request was sent and nobody knows what became of
    /// it: [`find`](Self::find) tells.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] if there is no batch for certain.
    pub fn begin(&self, input_file: &str) -> Result<Option<Remote>, ServiceError> {
        let what = "the begin of a batch";
        let body = json!({
            "input_file_id": input_file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": { "made_by": "emotome" },
        });
        let sent = self.caller.post("batches", body.to_string().into());
        match &sent.result {
            Ok(reply) if (200..300).contains(&reply.status) => {
                let remote: Remote = self.parse(what, reply)?;
                self.checked(what, remote.id.clone())?;
                Ok(Some(remote))
            }
            Ok(reply) if !cause_of_status(reply.status).is_some_and(Cause::is_transient) => {
                Err(self.refused(what, reply))
            }
            _ => Ok(None),
        }
    }

    /// The batch over an uploaded file, if there is one.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn find(&self, input_file: &str) -> Result<Option<Remote>, ServiceError> {
        let what = "the list of batches";
        let mut path = "batches?limit=100".to_owned();
        for _ in 0..PAGES {
            let reply = self.patiently(what, || Ok(self.caller.get(&path)))?;
            let page: Listed = self.parse(what, &reply)?;
            let last = page.data.last().map(|batch| batch.id.clone());
            let mut batches = page.data.into_iter();
            let is_it = |batch: &Remote| batch.input_file_id.as_deref() == Some(input_file);
            if let Some(found) = batches.find(is_it) {
                self.checked(what, found.id.clone())?;
                return Ok(Some(found));
            }
            let Some(last) = last.filter(|_| page.has_more) else {
                break;
            };
            path = format!("batches?limit=100&after={}", self.checked(what, last)?);
        }
        Ok(None)
    }

    /// How far a batch is.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn look(&self, batch: &str) -> Result<Remote, ServiceError> {
        let what = format!("the batch {batch}");
        let path = format!("batches/{}", self.checked(&what, batch.to_owned())?);
        let reply = self.patiently(&what, || Ok(self.caller.get(&path)))?;
        self.parse(&what, &reply)
    }

    /// Downloads a file of replies or errors; it appears under its name when it is whole.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn download(&self, file: &str, to: &Path) -> Result<u64, ServiceError> {
        let what = format!("the file {file}");
        let path = format!("files/{}/content", self.checked(&what, file.to_owned())?);
        let mut done = None;
        let reply = self.patiently(&what, || {
            let mut target = match AtomicFile::create(to, Overwrite::Replace) {
                Ok(target) => target,
                Err(error) => {
                    done = Some(Err(error));
                    return Err(());
                }
            };
            match self.caller.download(&path, &mut target) {
                Err(sent) => Ok(*sent),
                Ok(written) => {
                    let written = written.map_err(|source| target.error(source));
                    done = Some(written.and_then(|bytes| target.commit().map(|()| bytes)));
                    Err(())
                }
            }
        });
        match (done, reply) {
            (Some(done), _) => Ok(done?),
            (None, Ok(reply)) => Err(self.refused(&what, &reply)),
            (None, Err(error)) => Err(error),
        }
    }

    /// Sends until there is a reply that is no passing fault; `Err(())` from `send` ends it at once.
    fn patiently(
        &self,
        what: &str,
        mut send: impl FnMut() -> Result<Sent, ()>,
    ) -> Result<Reply, ServiceError> {
        for tries in 1.. {
            self.check_interrupt()?;
            let Ok(sent) = send() else {
                return Err(ServiceError::Interrupted);
            };
            let transient = match &sent.result {
                Ok(reply) => cause_of_status(reply.status).is_some_and(Cause::is_transient),
                Err(fault) => fault.cause.is_transient() && !sent.untrusted,
            };
            match sent.result {
                Ok(reply) if (200..300).contains(&reply.status) => return Ok(reply),
                Ok(reply) if !transient => return Err(self.refused(what, &reply)),
                result if !transient || tries >= self.retry.tries => {
                    return Err(ServiceError::Silent {
                        what: what.to_owned(),
                        server: self.address(),
                        tries,
                        found: match result {
                            Ok(reply) => format!("HTTP {}: {}", reply.status, message(&reply)),
                            Err(Fault { what, .. }) => what,
                        },
                    });
                }
                _ => {
                    let own = self.retry.pause(Seed(0), 0, tries);
                    self.pause(sent.pause.map_or(own, |asked| asked.min(self.retry.heed)))?;
                }
            }
        }
        unreachable!("the last try returns")
    }

    /// Waits, unless a stop is asked for.
    ///
    /// # Errors
    /// [`ServiceError::Interrupted`].
    pub fn pause(&self, pause: Duration) -> Result<(), ServiceError> {
        let end = Instant::now() + pause;
        loop {
            self.check_interrupt()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }

    fn check_interrupt(&self) -> Result<(), ServiceError> {
        if self.interrupt.requested() {
            return Err(ServiceError::Interrupted);
        }
        Ok(())
    }

    fn parse<T: DeserializeOwned>(&self, what: &str, reply: &Reply) -> Result<T, ServiceError> {
        serde_json::from_slice(&reply.body).map_err(|error| ServiceError::Strange {
            what: what.to_owned(),
            server: self.address(),
            found: error.to_string(),
            said: message(reply),
        })
    }

    /// A name that can stand in an address.
    fn checked(&self, what: &str, id: String) -> Result<String, ServiceError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(plain) {
            return Ok(id);
        }
        Err(ServiceError::Strange {
            what: what.to_owned(),
            server: self.address(),
            found: "a name of letters, digits, - and _ was expected".to_owned(),
            said: one_line(&id.chars().take(LONGEST_ID).collect::<String>()),
        })
    }

    fn refused(&self, what: &str, reply: &Reply) -> ServiceError {
        ServiceError::Refused {
            what: what.to_owned(),
            server: self.address(),
            status: reply.status,
            said: message(reply),
            advice: match reply.status {
                401 | 403 => "check that the key is right and may be used for batches",
                402 => "the account has no credit left: add some and run the same command again",
                404 | 405 => {
                    "it may have no Batch interface, or no longer know this name: for vLLM give the files to `vllm run-batch`, and its outputs to --outputs"
                }
                _ => "mend that and run the same command again",
            },
        }
    }
}
