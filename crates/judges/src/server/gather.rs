//! Requests that belong to no trial, such as those of a readout or for names, asked in the same way as trials.

use super::account::Stop;
use super::ask::runtime;
use super::engine::{Begun, Engine, Phase};
use super::params::Server;
use crate::chat::usage_of;
use crate::dialogue::{Exchange, Request, Step};
use emotome_stimuli::run::Run;
use emotome_triplets::Nanos;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests under way at most, whatever their servers allow: each is held in memory.
const AT_ONCE: usize = 64;

/// How often a stop request is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Sends requests with the pace, the retries, the limits and the failover of [`ask`](super::ask()), and hands each
/// exchange to `read` as it comes, in any order. `read` says whether to send more. What was `spent` before counts
/// towards a bound on the cost.
///
/// Why it ended before the last request, if it did, is returned, unless `read` ended it. After a stop request, at the
/// bound, or when `read` wants no more, what is under way has `grace` to end and is handed over: it may have been paid
/// for. Where nothing can succeed it is dropped.
///
/// # Errors
/// Those of starting threads.
pub fn gather<T>(
    server: &Arc<Server>,
    requests: impl IntoIterator<Item = (T, Request)>,
    spent: Nanos,
    run: Run<'_>,
    mut read: impl FnMut(T, Exchange) -> bool,
) -> std::io::Result<Option<Stop>>
where
    T: Send + 'static,
{
    let runtime = runtime(server.params.threads)?;
    let engine = Arc::new(Engine::new(Arc::clone(server), spent));
    let mut requests = requests.into_iter();
    runtime.block_on(async {
        let mut ticks = tokio::time::interval(TICK);
        let mut under_way = JoinSet::new();
        let mut deadline: Option<Instant> = None;
        loop {
            while engine.phase() == Phase::Running
                && under_way.len() < AT_ONCE
                && let Some((what, request)) = requests.next()
            {
                let engine = Arc::clone(&engine);
                under_way.spawn(async move { (what, exchange(&engine, request).await) });
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
                            engine.advance(Phase::Draining);
                        }
                    }
                    Some(Ok((_, None))) => {}
                },
                _ = ticks.tick() => {
                    if run.interrupt.requested() {
                        engine.stop(Stop::Interrupted, Phase::Draining);
                    }
                    engine.check_reach();
                }
            }
            match engine.phase() {
                Phase::Running => {}
                Phase::Draining => {
                    let grace = engine.server.params.grace;
                    if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + grace) {
                        break;
                    }
                }
                Phase::Halted => break,
            }
        }
    });
    Ok(engine.why_stopped())
}

/// One exchange within the bound on the cost; `None` if the run ends before.
async fn exchange(engine: &Engine, request: Request) -> Option<Exchange> {
    let Begun { step, aside, place } = engine.admit(Step::Ask(vec![request])).await?;
    let Step::Ask(mut requests) = step else {
        return None;
    };
    let exchange = engine.exchange(requests.remove(0), place).await;
    let usage = exchange
        .as_ref()
        .and_then(|exchange| exchange.result.as_ref().ok());
    let usage = usage.map(|reply| usage_of(&reply.body));
    let prices = engine.server.params.prices;
    engine.settle(
        aside,
        usage.and_then(|usage| usage.cost.or_else(|| prices?.of(usage))),
    );
    exchange
}
