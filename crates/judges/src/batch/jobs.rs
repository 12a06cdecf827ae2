//! Which files of requests are where: kept beside them, so that a run that ends at any moment goes on.

use super::service::{BatchStatus, Remote, RequestCounts, Service, ServiceError};
use super::shards::Shard;
use emotome_stimuli::digest::sha256_of_file;
use emotome_stimuli::output::{OutputError, Overwrite, write_json};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file of the jobs of a folder, and the file that keeps a second process out.
const NAME: &str = "batches.json";
const LOCK: &str = "batches.lock";

/// The most bytes of the file of jobs.
const MAX_BYTES: u64 = 64 << 20;

/// Why the jobs of a folder cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// The file cannot be read.
    #[error("{path}: {found}; it says which batches are paid for, so mend it rather than delete it", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
    /// It belongs to another judge or service.
    #[error("{path} holds batches of {of}, not of {wanted}; name another folder", path = path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Of what.
        of: String,
        /// Of what it should be.
        wanted: String,
    },
    /// Another process is at it.
    #[error("another process is at work in {folder}; wait for its end", folder = folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of requests is not what it was.
    #[error("{path} is not the file that was written ({found}); restore it, or delete it and {NAME}, which asks again for all that has no reply", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The service does not do what it is asked.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// A file of requests on its way. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The file.
    #[serde(flatten)]
    pub shard: Shard,
    /// Its name at the service, once it is there.
    #[serde(default)]
    pub input_file: Option<String>,
    /// Whether a batch was asked for, of which nothing may be known yet.
    #[serde(default)]
    pub begun: bool,
    /// The batch.
    #[serde(default)]
    pub batch: Option<String>,
    /// How far it is.
    #[serde(default)]
    pub status: Option<BatchStatus>,
    /// How many of its requests are done.
    #[serde(default)]
    pub requests: RequestCounts,
    /// What the service finds wrong with the file.
    #[serde(default)]
    pub said: Vec<String>,
    /// Files of replies and errors, in the same folder.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Whether all there will ever be is here.
    #[serde(default)]
    pub fetched: bool,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    server: String,
    agent: String,
    jobs: Vec<Job>,
}

/// All files of requests of a folder, and which batches they are in.
#[derive(Debug)]
pub struct Jobs {
    folder: PathBuf,
    server: String,
    agent: String,
    jobs: Vec<Job>,
    /// Held as long as the jobs are.
    _lock: File,
}

impl Jobs {
    /// The jobs of a folder, which is made where it is missing; none yet in a new one. Another process is
    /// kept out until they are dropped.
    ///
    /// # Errors
    /// [`JobsError`].
    pub fn open(folder: &Path, server: &str, agent: u64) -> Result<Self, JobsError> {
        let path = folder.join(NAME);
        let unreadable = |error: io::Error| JobsError::Unreadable {
            path: path.clone(),
            found: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(unreadable)?;
        let lock = File::create(folder.join(LOCK)).map_err(unreadable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JobsError::Locked {
                folder: folder.to_owned(),
            },
            TryLockError::Error(error) => unreadable(error),
        })?;
        let agent = format!("{agent:016x}");
        let jobs = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(error)),
            Ok(file) => {
                let mut text = String::new();
                file.take(MAX_BYTES)
                    .read_to_string(&mut text)
                    .map_err(unreadable)?;
                let kept: Kept =
                    serde_json::from_str(&text).map_err(|error| unreadable(error.into()))?;
                for (of, wanted) in [(&kept.server, server), (&kept.agent, agent.as_str())] {
                    if of != wanted {
                        return Err(JobsError::Other {
                            path,
                            of: of.clone(),
                            wanted: wanted.to_owned(),
                        });
                    }
                }
                kept.jobs
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            server: server.to_owned(),
            agent,
            jobs,
            _lock: lock,
        })
    }

    /// All jobs, the oldest first.
    #[must_use]
    pub fn all(&self) -> &[Job] {
        &self.jobs
    }

    /// Whether nothing more comes from any of them.
    #[must_use]
    pub fn have_ended(&self) -> bool {
        self.jobs.iter().all(|job| job.fetched)
    }

    /// The files of replies and errors that are here.
    #[must_use]
    pub fn outputs(&self) -> Vec<PathBuf> {
        let names = self.jobs.iter().flat_map(|job| &job.outputs);
        names.map(|name| self.folder.join(name)).collect()
    }

    /// Adds files of requests that lie in the folder.
    ///
    /// # Errors
    /// [`JobsError::Output`].
    pub fn add(&mut self, shards: &[Shard]) -> Result<(), JobsError> {
        self.jobs.extend(shards.iter().map(|shard| Job {
            shard: shard.clone(),
            input_file: None,
            begun: false,
            batch: None,
            status: None,
            requests: RequestCounts::default(),
            said: Vec::new(),
            outputs: Vec::new(),
            fetched: false,
        }));
        self.save()
    }

    /// Asks how far each batch is, and changes nothing else.
    ///
    /// # Errors
    /// [`JobsError`].
    pub fn look(&mut self, service: &Service<'_>) -> Result<(), JobsError> {
        for job in self.jobs.iter_mut().filter(|job| !job.fetched) {
            if let Some(batch) = &job.batch {
                job.take(&service.look(batch)?);
            }
        }
        self.save()
    }

    /// Takes every job as far as it goes: uploads its file, begins its batch, and fetches what came of it
    /// at its end. Every step is kept before the next one begins.
    ///
    /// A batch is begun once: where it is not known what became of asking for it, also in an earlier run
    /// that was killed, it is looked for among those of the service first.
    ///
    /// # Errors
    /// [`JobsError`]; what was done until then stays done.
    pub fn advance(&mut self, service: &Service<'_>) -> Result<(), JobsError> {
        for k in 0..self.jobs.len() {
            if self.jobs[k].input_file.is_none() {
                let path = self.unchanged(&self.jobs[k].shard)?;
                self.jobs[k].input_file = Some(service.upload(&path)?);
                self.save()?;
            }
            if self.jobs[k].batch.is_none() {
                self.begin(k, service)?;
            }
        }
        for k in 0..self.jobs.len() {
            let job = &mut self.jobs[k];
            let Some(batch) = job.batch.clone().filter(|_| !job.fetched) else {
                continue;
            };
            let remote = service.look(&batch)?;
            job.take(&remote);
            if remote.status.has_ended() {
                self.fetch(k, &remote, service)?;
            }
            self.save()?;
        }
        Ok(())
    }

    fn begin(&mut self, k: usize, service: &Service<'_>) -> Result<(), JobsError> {
        let Some(input_file) = self.jobs[k].input_file.clone() else {
            return Ok(());
        };
        let mut found = match self.jobs[k].begun {
            true => service.find(&input_file)?,
            false => None,
        };
        if found.is_none() {
            self.jobs[k].begun = true;
            self.save()?;
            found = service.begin(&input_file)?;
        }
        match found {
            Some(remote) => {
                self.jobs[k].batch = Some(remote.id.clone());
                self.jobs[k].take(&remote);
                self.save()
            }
            // It is looked for when the jobs are advanced the next time.
            None => Ok(()),
        }
    }

    fn fetch(&mut self, k: usize, remote: &Remote, service: &Service<'_>) -> Result<(), JobsError> {
        let stem = self.jobs[k].shard.file.clone();
        let stem = stem.trim_end_matches(".jsonl");
        let files = [
            (&remote.output_file_id, "output"),
            (&remote.error_file_id, "errors"),
        ];
        let mut outputs = Vec::new();
        for (file, kind) in files {
            if let Some(file) = file {
                let name = format!("{stem}.{kind}.jsonl");
                service.download(file, &self.folder.join(&name))?;
                outputs.push(name);
            }
        }
        self.jobs[k].outputs = outputs;
        self.jobs[k].fetched = true;
        Ok(())
    }

    /// A file of requests, if it is still what was written.
    fn unchanged(&self, shard: &Shard) -> Result<PathBuf, JobsError> {
        let changed = |found: String| JobsError::Changed {
            path: self.folder.join(&shard.file),
            found,
        };
        // Names come from a file that anybody may have written.
        if Path::new(&shard.file).components().count() != 1 {
            return Err(changed("its name leads out of the folder".to_owned()));
        }
        let path = self.folder.join(&shard.file);
        let sha256 = sha256_of_file(&path).map_err(|error| changed(error.to_string()))?;
        if sha256 == shard.sha256 {
            Ok(path)
        } else {
            Err(changed("its checksum differs".to_owned()))
        }
    }

    fn save(&self) -> Result<(), JobsError> {
        let kept = Kept {
            server: self.server.clone(),
            agent: self.agent.clone(),
            jobs: self.jobs.clone(),
        };
        write_json(self.folder.join(NAME), Overwrite::Replace, &kept)?;
        Ok(())
    }
}

impl Job {
    fn take(&mut self, remote: &Remote) {
        self.status = Some(remote.status);
        self.requests = remote.request_counts.unwrap_or_default();
        self.said = remote.said();
    }
}
