//! Collecting from a model in this process.

use super::judge::{LocalJudge, LocalJudgeError};
use crate::server::Work;
use crate::server::account::{Asked, Counts, Meter, Snapshot, Stop};
use crate::server::feed::Feed;
use emotome_language::score::{ScoreError, ScorerParams};
use emotome_stimuli::run::Run;
use emotome_triplets::Trial;
use emotome_triplets::journal::{JournalWriter, Record};
use std::time::{Duration, Instant, SystemTime};

/// How a model in this process is asked. No parameter changes an answer.
///
/// | parameter | default | |
/// |---|---|---|
/// | `scorer` | [`ScorerParams`] | memory for what prompts share, and the processor |
/// | `at_once` | 16 | trials between two commits |
/// | `window` | 65,536 | trials that are sorted by what they share |
/// | `max_trials` | none | stop after so many |
#[derive(Debug, Clone)]
pub struct LocalParams {
    /// Memory and processor.
    pub scorer: ScorerParams,
    /// Trials between two commits.
    pub at_once: usize,
    /// Trials that are sorted by what they share.
    pub window: usize,
    /// Stop after so many trials.
    pub max_trials: Option<u64>,
}

impl Default for LocalParams {
    fn default() -> Self {
        Self {
            scorer: ScorerParams::default(),
            at_once: 16,
            window: 65_536,
            max_trials: None,
        }
    }
}

/// Asks a model in this process for the trials of the journal's design and stores every answer,
/// exactly once.
///
/// Answers are the same bits whatever was asked before, at once or by an earlier run that was
/// killed. `watch` is shown how the run goes after every commit. A full disk and a stop request are
/// told by [`Asked::stopped`].
///
/// # Errors
/// [`LocalJudgeError`]: prompts that are longer than the model reads, or a damaged model. What was
/// answered before is stored.
///
/// # Panics
/// If the design shows stimuli that the judge does not know, or `numbers` is not of the design.
pub fn collect<N>(
    judge: &LocalJudge<'_>,
    work: Work<N>,
    writer: &mut JournalWriter,
    params: &LocalParams,
    run: Run<'_>,
    mut watch: impl FnMut(&Snapshot),
) -> Result<Asked, LocalJudgeError>
where
    N: Iterator<Item = u64> + Clone,
{
    let design = writer.design().clone();
    assert!(
        design.n_stimuli() <= judge.n_stimuli(),
        "a design of other stimuli"
    );
    let open = work
        .numbers
        .clone()
        .filter(|&number| !work.settled.contains(number))
        .count() as u64;
    let most = params.max_trials.unwrap_or(u64::MAX);
    let total = open.min(most);
    let seed = design.params().seed;
    let mut feed = Feed::new(
        design,
        work.settled,
        work.numbers,
        params.window,
        seed,
        most,
    );
    let mut scorer = judge.scorer(params.scorer);
    let (began, mut meter, mut counts) = (Instant::now(), Meter::default(), Counts::default());
    let quiet = Run {
        progress: &emotome_stimuli::run::Silent,
        ..run
    };
    let mut stopped = None;
    run.progress.begin("asking", Some(total));
    while stopped.is_none() {
        let trials: Vec<Trial> = feed.by_ref().take(params.at_once.max(1)).collect();
        if trials.is_empty() {
            stopped = feed.cut.then_some(Stop::MaxTrials(most));
            break;
        }
        let before = Instant::now();
        let mut answers = match judge.answer(&mut scorer, &trials, quiet) {
            Err(LocalJudgeError::Score(ScoreError::Interrupted)) => {
                stopped = Some(Stop::Interrupted);
                break;
            }
            answers => answers?,
        };
        let latency = before.elapsed() / trials.len() as u32;
        let at = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        for answer in &mut answers {
            answer.latency = Some(latency);
        }
        let records: Vec<Record<'_>> = trials
            .iter()
            .zip(&answers)
            .map(|(&trial, answer)| answer.record(trial, at, None))
            .collect();
        match writer.append(work.agent, &records) {
            Ok(_) => answers.iter().for_each(|answer| counts.add(answer, None)),
            Err(error) => stopped = Some(Stop::Journal(error)),
        }
        run.progress.advance(trials.len() as u64);
        if run.interrupt.requested() {
            stopped.get_or_insert(Stop::Interrupted);
        }
        let rate = meter.rate(began.elapsed(), counts.trials());
        watch(&Snapshot {
            total,
            seconds: began.elapsed().as_secs_f64(),
            rate,
            eta_s: (rate > 0.0).then(|| total.saturating_sub(counts.trials()) as f64 / rate),
            requests: 0,
            retries: 0,
            endpoints: Vec::new(),
            ending: stopped.is_some(),
            counts: counts.clone(),
        });
    }
    run.progress.end();
    let seconds = began.elapsed().as_secs_f64();
    Ok(Asked {
        total,
        requests: 0,
        retries: 0,
        dropped: 0,
        seconds,
        rate: counts.trials() as f64 / seconds.max(1e-9),
        endpoints: Vec::new(),
        counts,
        stopped,
    })
}
