//! Requests that belong to no trial, such as those of a readout, asked in the same way as trials.

use super::account::Stop;
use super::ask::runtime;
use super::engine::{Engine, Phase};
use super::params::Server;
use crate::dialogue::{Exchange, Request};
use emotome_stimuli::run::Run;
use emotome_triplets::Nanos;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Requests under way at most, whatever their servers allow: each is held in memory.
const AT_ONCE: usize = 64;

/// How often a stop request is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Sends requests with the pace, the retries, the limits and the failover of [`ask`](super::ask()), and hands each
/// exchange to `read` as it comes, in any order. `read` says whether to go on.
///
/// Why it ended before the last request, if it did, is returned; what was under way is dropped then.
///
/// # Errors
/// Those of starting threads.
pub fn gather<T>(
    server: &Arc<Server>,
    requests: impl IntoIterator<Item = (T, Request)>,
    run: Run<'_>,
    mut read: impl FnMut(T, Exchange) -> bool,
) -> std::io::Result<Option<Stop>>
where
    T: Send + 'static,
{
    let runtime = runtime(server.params.threads)?;
    let engine = Arc::new(Engine::new(Arc::clone(server), Nanos(0)));
    let mut requests = requests.into_iter();
    runtime.block_on(async {
        let mut ticks = tokio::time::interval(TICK);
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < AT_ONCE
                && let Some((what, request)) = requests.next()
            {
                let engine = Arc::clone(&engine);
                under_way.spawn(async move { (what, engine.exchange(request, None).await) });
            }
            tokio::select! {
                ended = under_way.join_next() => match ended {
                    None => break,
                    Some(Err(error)) => match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_) => break,
                    },
                    Some(Ok((what, Some(exchange)))) => {
                        if !read(what, exchange) {
                            break;
                        }
                    }
                    Some(Ok((_, None))) => {}
                },
                _ = ticks.tick() => {
                    if run.interrupt.requested() {
                        engine.stop(Stop::Interrupted, Phase::Halted);
                    }
                    engine.check_reach();
                }
            }
            if engine.phase() > Phase::Running {
                break;
            }
        }
    });
    Ok(engine.why_stopped())
}
