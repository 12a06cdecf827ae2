//! Keeping answers: one thread writes them to the journal as they come.

use super::account::{Counts, Stop};
use super::engine::{Done, Engine, Phase, lock};
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::Progress;
use emotome_triplets::Cause;
use emotome_triplets::journal::{AgentId, JournalError, JournalWriter, Record};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

/// Answers are stored once there are so many, so many bytes of replies, or when `commit` has passed.
const ROWS: usize = 4_096;
const BYTES: usize = 16 << 20;

/// How often the writer looks for answers; they wait in a channel of [`WAITING`].
const LOOK: Duration = Duration::from_millis(10);

/// Answers on their way to the writer.
pub(super) const WAITING: usize = 1_024;

/// Rejected trials that are held back at most.
const HELD: usize = 4_096;

/// The writer of a run.
pub(super) struct Keeper<'a> {
    pub(super) engine: &'a Engine,
    pub(super) writer: &'a mut JournalWriter,
    pub(super) agent: AgentId,
    pub(super) counts: &'a Mutex<Counts>,
    pub(super) progress: &'a dyn Progress,
}

/// As long as a run has met nothing but rejections, they may be the fault of the request itself:
/// they are held back and settle nothing.
struct Opening {
    held: Vec<Done>,
    /// Bytes of their replies.
    bytes: usize,
    /// The stimuli that all of them show: one that no server can read may be the reason.
    common: Vec<StimulusId>,
    /// Whether the run is stopped for it.
    stopped: bool,
}

/// What to do with an answer at the beginning of a run.
enum Heard {
    /// Store these.
    Keep(Vec<Done>),
    /// So many were rejected that the run must stop.
    Stop(Stop),
    Wait,
}

impl Opening {
    fn hear(&mut self, done: Done, most: u32) -> Heard {
        let rejected = done.requests > 0
            && matches!(
                done.answer.cause,
                Some(Cause::Rejected | Cause::MediaRejected | Cause::Redirected)
            );
        if self.stopped {
            return if rejected {
                Heard::Wait
            } else {
                Heard::Keep(vec![done])
            };
        }
        let items = done.trial.triplet.items();
        let what = done.said.clone();
        if self.held.is_empty() {
            self.common = items.to_vec();
        }
        self.common.retain(|id| items.contains(id));
        self.bytes += done.answer.reply.as_ref().map_or(0, String::len);
        self.held.push(done);
        if !rejected || self.held.len() >= HELD || self.bytes >= BYTES {
            Heard::Keep(std::mem::take(&mut self.held))
        } else if self.held.len() >= most as usize && self.common.is_empty() {
            let trials = self.held.len() as u32;
            self.held.clear();
            self.stopped = true;
            Heard::Stop(Stop::Rejected { trials, what })
        } else {
            Heard::Wait
        }
    }
}

impl Keeper<'_> {
    /// Stores answers until there are no more.
    pub(super) fn keep(mut self, mut answers: Receiver<Done>) {
        let mut opening = Some(Opening {
            held: Vec::new(),
            bytes: 0,
            common: Vec::new(),
            stopped: false,
        });
        let (mut batch, mut bytes, mut failing) = (Vec::new(), 0, 0);
        let mut since = Instant::now();
        loop {
            match answers.try_recv() {
                Ok(done) => {
                    self.check_failing(&done, &mut failing);
                    let fresh = match &mut opening {
                        None => vec![done],
                        Some(beginning) => {
                            match beginning.hear(done, self.engine.server.params.rejected) {
                                Heard::Wait => continue,
                                Heard::Keep(fresh) => {
                                    opening.take_if(|opening| !opening.stopped);
                                    fresh
                                }
                                Heard::Stop(stop) => {
                                    self.engine.stop(stop, Phase::Halted);
                                    continue;
                                }
                            }
                        }
                    };
                    if batch.is_empty() {
                        since = Instant::now();
                    }
                    bytes += fresh
                        .iter()
                        .map(|done| done.answer.reply.as_ref().map_or(0, String::len))
                        .sum::<usize>();
                    batch.extend(fresh);
                }
                Err(TryRecvError::Empty) => std::thread::sleep(LOOK),
                Err(TryRecvError::Disconnected) => break,
            }
            let full = batch.len() >= ROWS || bytes >= BYTES;
            if full || !batch.is_empty() && since.elapsed() >= self.engine.server.params.commit {
                if !self.store(&mut batch, &mut answers) {
                    return;
                }
                bytes = 0;
            }
        }
        batch.extend(opening.map(|opening| opening.held).unwrap_or_default());
        self.store(&mut batch, &mut answers);
    }

    /// Stops a run in which nothing succeeds any more.
    fn check_failing(&self, done: &Done, failing: &mut u32) {
        match done.answer.cause.filter(|cause| cause.is_transient()) {
            None => *failing = 0,
            Some(cause) => {
                *failing += 1;
                let (trials, what) = (*failing, done.said.clone());
                if trials >= self.engine.server.params.failing {
                    self.engine.stop(
                        Stop::Failing {
                            trials,
                            cause,
                            what,
                        },
                        Phase::Halted,
                    );
                }
            }
        }
    }

    /// Stores a batch; if that fails, the run stops and later answers are dropped: they are asked again.
    fn store(&mut self, batch: &mut Vec<Done>, answers: &mut Receiver<Done>) -> bool {
        if let Err(error) = self.append(batch) {
            self.engine.stop(Stop::Journal(error), Phase::Halted);
            answers.close();
            return false;
        }
        let mut counts = lock(self.counts);
        for done in batch.iter() {
            counts.add(&done.answer, Some(done.requests));
        }
        drop(counts);
        self.progress.advance(batch.len() as u64);
        batch.clear();
        true
    }

    fn append(&mut self, batch: &[Done]) -> Result<(), JournalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let records: Vec<Record<'_>> = batch
            .iter()
            .map(|done| done.answer.record(done.trial, done.at, Some(done.requests)))
            .collect();
        self.writer.append(self.agent, &records).map(|_| ())
    }
}
