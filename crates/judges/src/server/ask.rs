//! Asking a server for the trials of a design.

use super::account::{Asked, Counts, Meter, Snapshot, Stop};
use super::endpoint::EndpointError;
use super::engine::{Engine, Phase, Prepared, lock};
use super::feed::Feed;
use super::keep::{Keeper, WAITING};
use super::params::Server;
use crate::dialogue::{Dialogue, Step};
use emotome_stimuli::run::Run;
use emotome_triplets::Nanos;
use emotome_triplets::journal::{AgentId, JournalWriter, Settled};
use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

/// What is to be asked.
#[derive(Debug, Clone)]
pub struct Work<N> {
    /// In whose name answers are stored.
    pub agent: AgentId,
    /// The trials that need not be asked: those of
    /// [`standing`](emotome_triplets::journal::Journal::standing), or of
    /// [`reopened`](emotome_triplets::journal::Journal::reopened) if some are to be asked again.
    pub settled: Settled,
    /// What the agent has cost before, which counts towards a bound on the cost.
    pub spent: Nanos,
    /// The trials of the design, ascending, e.g. `0..design.len()` or a shard.
    pub numbers: N,
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The design shows stimuli that cannot be shown.
    #[error(
        "the design shows {design} stimuli, but the judge knows {judge}; use a design for these stimuli"
    )]
    UnknownStimuli {
        /// Stimuli of the design.
        design: usize,
        /// Stimuli that can be shown.
        judge: usize,
    },
    /// A trial number is past the end of the design.
    #[error(
        "trial {number} was asked for, but the design has {trials}; ask for fewer trials or extend the design"
    )]
    PastTheEnd {
        /// The trial.
        number: u64,
        /// Trials of the design.
        trials: u64,
    },
    /// Pictures or clips may not be sent there.
    #[error(transparent)]
    Upload(#[from] EndpointError),
    /// Threads cannot be started.
    #[error("no threads can be started for requests: {0}")]
    Threads(std::io::Error),
}

/// Prepared questions that wait for a place.
const PREPARED: usize = 32;

/// KiB that the requests of prepared trials and of those under way may take in memory together.
const ROOM: u32 = 512 << 10;

/// How often the end of a run is looked for, and a snapshot shown.
const TICK: Duration = Duration::from_millis(100);
const SHOW: Duration = Duration::from_millis(250);

/// Asks a server for the trials of the journal's design and stores every answer, exactly once.
///
/// Answers are committed every half second or 4,096 answers; a process that dies loses those since, and they
/// are asked again. Memory does not depend on the number of trials: requests that are prepared or under way take
/// 512 MiB at most, or those of one trial. `watch` is shown how the run
/// goes, four times a second, on the calling thread.
///
/// Whatever ends the run early (a stop request, a bound, a server that is gone, a full disk) is told
/// by [`Asked::stopped`]: new trials are no longer begun, those under way have `grace` to end, and
/// every whole answer is stored. The same call asks for the rest.
///
/// # Errors
/// [`AskError`], before anything is sent.
pub fn ask<N>(
    dialogue: &Arc<dyn Dialogue>,
    server: &Arc<Server>,
    work: Work<N>,
    writer: &mut JournalWriter,
    run: Run<'_>,
    mut watch: impl FnMut(&Snapshot),
) -> Result<Asked, AskError>
where
    N: Iterator<Item = u64> + Clone + Send,
{
    let design = writer.design().clone();
    let (of_design, of_judge) = (design.n_stimuli(), dialogue.n_stimuli());
    if of_design > of_judge {
        return Err(AskError::UnknownStimuli {
            design: of_design,
            judge: of_judge,
        });
    }
    if dialogue.shows_media() {
        server.may_receive_media()?;
    }
    let trials = design.len();
    let mut open = 0;
    for number in work.numbers.clone() {
        if number >= trials {
            return Err(AskError::PastTheEnd { number, trials });
        }
        open += u64::from(!work.settled.contains(number));
    }
    let most = server.params.max_trials.unwrap_or(u64::MAX);
    let total = open.min(most);
    let runtime = runtime(server.params.threads).map_err(AskError::Threads)?;
    let engine = Arc::new(Engine::new(Arc::clone(server), work.spent));
    let room = Arc::new(Semaphore::new(ROOM as usize));
    let counts = Mutex::new(Counts::default());
    let feed = Feed::new(
        design,
        work.settled,
        work.numbers,
        server.params.window,
        server.params.seed.0,
        most,
    );
    let feed = Mutex::new(feed);
    let (ready_in, ready) = mpsc::channel(PREPARED);
    let (done, answers) = mpsc::channel(WAITING);
    run.progress.begin("asking", Some(total));
    std::thread::scope(|scope| {
        let keeper = Keeper {
            engine: &engine,
            writer,
            agent: work.agent,
            counts: &counts,
            progress: run.progress,
        };
        let mut threads = vec![scope.spawn(|| keeper.keep(answers))];
        for _ in 0..server.params.preparers {
            let ready = ready_in.clone();
            let (feed, dialogue, room) = (&feed, &**dialogue, &room);
            let handle = runtime.handle().clone();
            threads.push(scope.spawn(move || prepare(feed, dialogue, room, &handle, &ready)));
        }
        drop(ready_in);
        let dispatch = Arc::clone(&engine).dispatch(Arc::clone(dialogue), ready, done);
        let dispatcher = runtime.spawn(dispatch);
        runtime.block_on(attend(&engine, dispatcher, &counts, total, run, &mut watch));
        room.close();
        // What is still under way is dropped here, and with it the last senders to the keeper.
        drop(runtime);
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
    run.progress.end();
    if lock(&feed).cut {
        engine.stop(Stop::MaxTrials(total), Phase::Draining);
    }
    let counts = counts
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (seconds, stored) = (engine.now().as_secs_f64(), counts.trials());
    Ok(Asked {
        total,
        requests: engine.requests.load(Ordering::Relaxed),
        retries: engine.retries.load(Ordering::Relaxed),
        dropped: engine.begun.load(Ordering::Relaxed).saturating_sub(stored),
        seconds,
        rate: stored as f64 / seconds,
        endpoints: engine.endpoints(),
        stopped: engine.why_stopped(),
        counts,
    })
}

pub(super) fn runtime(threads: usize) -> std::io::Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder
        .worker_threads(threads)
        .thread_name("requests")
        .enable_all()
        .build()
}

/// Prepares the questions of trials, one after the other, as long as anybody wants them.
fn prepare<N: Iterator<Item = u64>>(
    feed: &Mutex<Feed<N>>,
    dialogue: &dyn Dialogue,
    room: &Arc<Semaphore>,
    handle: &Handle,
    ready: &mpsc::Sender<Prepared>,
) {
    loop {
        let Some(trial) = lock(feed).next() else {
            return;
        };
        let step = dialogue.begin(&trial);
        let bytes = match &step {
            Step::Ask(requests) => requests.iter().map(|request| request.body.len()).sum(),
            Step::Done(_) => 0,
        };
        // A trial that takes more than all of the room waits until it is alone.
        let kib = u32::try_from(bytes / 1_024).unwrap_or(ROOM).min(ROOM);
        let Ok(room) = handle.block_on(Arc::clone(room).acquire_many_owned(kib)) else {
            return;
        };
        if ready.blocking_send(Prepared { trial, step, room }).is_err() {
            return;
        }
    }
}

/// Attends a run until its end: stop requests, lost servers, the time of grace, snapshots.
async fn attend(
    engine: &Engine,
    mut dispatcher: tokio::task::JoinHandle<()>,
    counts: &Mutex<Counts>,
    total: u64,
    run: Run<'_>,
    watch: &mut impl FnMut(&Snapshot),
) {
    let mut ticks = tokio::time::interval(TICK);
    let mut meter = Meter::default();
    let mut shown: Option<Instant> = None;
    let mut deadline: Option<Instant> = None;
    loop {
        let ended = tokio::select! {
            ended = &mut dispatcher => Some(ended),
            _ = ticks.tick() => None,
        };
        if ended.is_none() {
            if run.interrupt.requested() {
                engine.stop(Stop::Interrupted, Phase::Draining);
            }
            engine.check_reach();
        }
        if ended.is_some() || shown.is_none_or(|shown| shown.elapsed() >= SHOW) {
            shown = Some(Instant::now());
            watch(&snapshot(engine, lock(counts).clone(), total, &mut meter));
        }
        match ended {
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            Some(_) => return,
            None => {}
        }
        if engine.phase() > Phase::Running {
            let grace = engine.server.params.grace;
            let end = *deadline.get_or_insert_with(|| Instant::now() + grace);
            if Instant::now() >= end || !engine.can_store() {
                dispatcher.abort();
            }
        }
    }
}

fn snapshot(engine: &Engine, counts: Counts, total: u64, meter: &mut Meter) -> Snapshot {
    let (now, done) = (engine.now(), counts.trials());
    let rate = meter.rate(now, done);
    Snapshot {
        total,
        seconds: now.as_secs_f64(),
        rate,
        eta_s: (rate > 0.0).then(|| total.saturating_sub(done) as f64 / rate),
        requests: engine.requests.load(Ordering::Relaxed),
        retries: engine.retries.load(Ordering::Relaxed),
        endpoints: engine.endpoints(),
        ending: engine.phase() > Phase::Running,
        counts,
    }
}
