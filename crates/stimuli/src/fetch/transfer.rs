//! The transfer itself: one file over as many connections as it takes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body};

use super::{FetchError, with_suffix};
use crate::output;
use crate::run::Run;
use crate::sources::{Source, SourceFile};

/// Bytes taken from the network at a time.
const BLOCK: usize = 1 << 16;
/// Connections that may break, each after some progress, before the user is asked to try again.
const ATTEMPTS: usize = 5;
/// The longest a server may stay silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any file known; a server that sends more is broken.
const MAX_BYTES: u64 = 1 << 37;

/// Follows https and nothing else; http serves this machine alone, unredirected, as tests need it.
pub(super) fn agent(url: &str) -> Result<Agent, FetchError> {
    let refused = || FetchError::NotHttps {
        url: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let https = uri.scheme_str() == Some("https");
    let this_machine = uri.scheme_str() == Some("http") && uri.host() == Some("127.0.0.1");
    if !(https || this_machine) {
        return Err(refused());
    }
    let config = Agent::config_builder()
        .https_only(https)
        .max_redirects(if https { 10 } else { 0 })
        .http_status_as_error(false)
        .user_agent(concat!("emotome/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    Ok(config.build().into())
}

/// The part of a file that has come so far.
pub(super) struct Part {
    pub(super) path: PathBuf,
    version_path: PathBuf,
    file: File,
    pub(super) have: u64,
}

impl Part {
    pub(super) fn open(path: &Path) -> Result<Self, FetchError> {
        let (path, version_path) = (
            with_suffix(path, ".partial"),
            with_suffix(path, ".partial.version"),
        );
        let io = |source| output::explain(path.clone(), 0, source);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FetchError::Busy { path }),
            Err(TryLockError::Error(source)) => return Err(io(source).into()),
        }
        let have = file.metadata().map_err(io)?.len();
        Ok(Self {
            path,
            version_path,
            file,
            have,
        })
    }

    /// The server's name for the version that the part is of.
    fn version(&self) -> Option<String> {
        fs::read_to_string(&self.version_path)
            .ok()
            .filter(|text| !text.is_empty())
    }

    fn restart(&mut self, version: Option<&str>) -> Result<(), FetchError> {
        let done = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)));
        done.map_err(|source| output::explain(self.path.clone(), 0, source))?;
        self.have = 0;
        fs::write(&self.version_path, version.unwrap_or_default())
            .map_err(|source| output::explain(self.version_path.clone(), 0, source))?;
        Ok(())
    }

    /// Puts what came on the disk.
    pub(super) fn sync(&self) -> Result<(), FetchError> {
        self.file
            .sync_all()
            .map_err(|source| output::explain(self.path.clone(), self.have, source))?;
        Ok(())
    }

    /// Removes what came, which cannot be used.
    pub(super) fn discard(&self) {
        // What cannot be removed is checked again by the next attempt.
        let _ = fs::remove_file(&self.path);
        self.forget_version();
    }

    /// Removes the note of the version, which is of no use without a part.
    pub(super) fn forget_version(&self) {
        let _ = fs::remove_file(&self.version_path);
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file
            .write_all(bytes)
            .map_err(|source| output::explain(self.path.clone(), self.have, source))?;
        self.have += bytes.len() as u64;
        Ok(())
    }
}

/// How one connection ended.
enum End {
    /// The body is complete; its total length if the server framed it.
    Whole(Option<u64>),
    /// The connection broke.
    Broken(String),
    /// The part does not fit what the server has; begin anew.
    Mismatch,
}

pub(super) struct Transfer<'a> {
    pub(super) agent: Agent,
    pub(super) source: &'a Source,
    pub(super) file: &'a SourceFile,
    pub(super) url: &'a str,
    pub(super) run: Run<'a>,
    pub(super) transferred: u64,
}

impl Transfer<'_> {
    /// Connects until the file is whole; returns its length if the server told it.
    pub(super) fn run_to_end(&mut self, part: &mut Part) -> Result<Option<u64>, FetchError> {
        let mut attempts = 0;
        loop {
            let before = self.transferred;
            attempts += 1;
            match self.connect(part)? {
                End::Whole(length) => return Ok(length),
                End::Mismatch if attempts < ATTEMPTS => part.restart(None)?,
                End::Broken(_) if self.transferred > before && attempts < ATTEMPTS => {
                    self.run.progress.note("the connection broke; going on");
                }
                End::Broken(reason) => {
                    return Err(FetchError::Cut {
                        url: self.url.to_owned(),
                        have: part.have,
                        total: self
                            .file
                            .bytes
                            .map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string()),
                        reason,
                    });
                }
                End::Mismatch => {
                    return Err(FetchError::Cut {
                        url: self.url.to_owned(),
                        have: part.have,
                        total: "an unknown number of".to_owned(),
                        reason: "the server answers with other ranges than asked for".to_owned(),
                    });
                }
            }
        }
    }

    fn connect(&mut self, part: &mut Part) -> Result<End, FetchError> {
        let mut request = self.agent.get(self.url);
        // Without a version a part might be joined to the rest of another file.
        let version = part.version();
        match (&version, self.file.has_checksum()) {
            (Some(version), _) if part.have > 0 => {
                request = request
                    .header(header::RANGE, format!("bytes={}-", part.have))
                    .header(header::IF_RANGE, version);
            }
            (None, true) if part.have > 0 => {
                request = request.header(header::RANGE, format!("bytes={}-", part.have));
            }
            _ => {}
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(error) if self.transferred > 0 => return Ok(End::Broken(error.to_string())),
            Err(error) => return Err(self.offline(&error)),
        };
        let total = match response.status() {
            StatusCode::OK => {
                part.restart(version_of(&response).as_deref())?;
                response.body().content_length()
            }
            StatusCode::PARTIAL_CONTENT => match content_range(&response) {
                Some((start, total)) if start == part.have => total,
                _ => return Ok(End::Mismatch),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if part.have > 0 => {
                match unsatisfied_range(&response) {
                    // The part was whole already; its checksum will tell.
                    Some(total) if total == part.have => return Ok(End::Whole(Some(total))),
                    _ => return Ok(End::Mismatch),
                }
            }
            status => {
                return Err(FetchError::Status {
                    url: self.url.to_owned(),
                    status: status.to_string(),
                    landing: self.source.landing.clone(),
                });
            }
        };
        if let (Some(found), Some(expected)) = (total, self.file.bytes)
            && found != expected
        {
            return Err(FetchError::WrongSize {
                place: self.url.to_owned(),
                found,
                expected,
                consequence: "the server has another version of the file, and nothing was taken: see the landing page",
            });
        }
        // Chunked bodies end with a mark, so that their end is certain.
        let framed = total.is_some() || is_chunked(&response);
        self.receive(&mut response, part, total, framed)
    }

    fn receive(
        &mut self,
        response: &mut Response<Body>,
        part: &mut Part,
        total: Option<u64>,
        framed: bool,
    ) -> Result<End, FetchError> {
        let limit = self.file.bytes.or(total).unwrap_or(MAX_BYTES);
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut block = vec![0; BLOCK];
        loop {
            if self.run.interrupt.requested() {
                return Err(FetchError::Interrupted {
                    url: self.url.to_owned(),
                    have: part.have,
                });
            }
            let n = match body.read(&mut block) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Ok(End::Broken(error.to_string())),
            };
            if n == 0 {
                break;
            }
            if part.have + n as u64 > limit {
                part.restart(None)?;
                return Err(FetchError::WrongSize {
                    place: self.url.to_owned(),
                    found: limit + 1,
                    expected: limit,
                    consequence: "the server sends more than it should; what came is discarded",
                });
            }
            part.append(&block[..n])?;
            self.transferred += n as u64;
            self.run.progress.advance(n as u64);
        }
        match total {
            Some(total) if part.have < total => {
                Ok(End::Broken("the server closed the connection".to_owned()))
            }
            _ => Ok(End::Whole(framed.then_some(part.have))),
        }
    }

    fn offline(&self, error: &ureq::Error) -> FetchError {
        match error {
            ureq::Error::RequireHttpsOnly(url) => FetchError::NotHttps { url: url.clone() },
            ureq::Error::TooManyRedirects => FetchError::Status {
                url: self.url.to_owned(),
                status: "with more than 10 redirects".to_owned(),
                landing: self.source.landing.clone(),
            },
            _ => FetchError::Offline {
                source_id: self.source.id.clone(),
                url: self.url.to_owned(),
                reason: error.to_string(),
            },
        }
    }
}

fn header_text<'a>(response: &'a Response<Body>, name: &header::HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// A strong entity tag, which changes with every byte of the file.
fn version_of(response: &Response<Body>) -> Option<String> {
    header_text(response, &header::ETAG)
        .filter(|tag| tag.starts_with('"'))
        .map(str::to_owned)
}

fn is_chunked(response: &Response<Body>) -> bool {
    header_text(response, &header::TRANSFER_ENCODING)
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// Start and total of `bytes START-END/TOTAL`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let (range, total) = header_text(response, &header::CONTENT_RANGE)?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()))
}

/// Total of `bytes */TOTAL`.
fn unsatisfied_range(response: &Response<Body>) -> Option<u64> {
    header_text(response, &header::CONTENT_RANGE)?
        .strip_prefix("bytes */")?
        .parse()
        .ok()
}
