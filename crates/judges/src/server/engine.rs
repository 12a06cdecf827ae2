//! Trials under way: from a prepared question over every request to an answer.

use super::account::Stop;
use super::fleet::{End, Fleet, Place, Take};
use super::params::Server;
use super::price::{Allowance, Budget};
use super::verdict::Verdict;
use crate::dialogue::{Answer, Dialogue, Exchange, Request, Step};
use emotome_triplets::journal::MAX_REPLY;
use emotome_triplets::{Cause, Nanos, Trial};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How far the end of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Running,
    /// No new trials; those under way go on.
    Draining,
    /// Nothing more is sent.
    Halted,
}

/// A trial that is answered.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) trial: Trial,
    pub(super) answer: Answer,
    pub(super) requests: u32,
    /// Milliseconds since 1970.
    pub(super) at: u64,
    /// What its last exchange said, if that was no reply that could be read.
    pub(super) said: String,
}

/// What all trials under way share.
pub(super) struct Engine {
    pub(super) server: Arc<Server>,
    fleet: Mutex<Fleet>,
    /// A place at an endpoint was freed.
    freed: Notify,
    budget: Mutex<Budget>,
    /// Money set aside was freed.
    paid: Notify,
    phase: watch::Sender<Phase>,
    stopped: Mutex<Option<Stop>>,
    start: Instant,
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) begun: AtomicU64,
    /// Why an endpoint could not be reached, last.
    unreachable: Mutex<String>,
}

/// The value behind a lock. What is kept behind them is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine whose bound on the cost counts what was spent before.
    pub(super) fn new(server: Arc<Server>, spent: Nanos) -> Self {
        let fleet = Fleet::new(server.limits.iter().copied());
        let budget = Budget::new(server.params.max_cost, spent);
        Self {
            server,
            fleet: Mutex::new(fleet),
            freed: Notify::new(),
            budget: Mutex::new(budget),
            paid: Notify::new(),
            phase: watch::Sender::new(Phase::Running),
            stopped: Mutex::new(None),
            start: Instant::now(),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            unreachable: Mutex::new(String::new()),
        }
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Brings the end nearer; the first reason stands.
    pub(super) fn stop(&self, stop: Stop, phase: Phase) {
        lock(&self.stopped).get_or_insert(stop);
        self.advance(phase);
    }

    pub(super) fn advance(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = *now < phase;
            *now = (*now).max(phase);
            later
        });
    }

    /// Whether answers to what is under way can still be stored.
    pub(super) fn can_store(&self) -> bool {
        !matches!(*lock(&self.stopped), Some(Stop::Journal(_)))
    }

    /// Why the run stopped.
    pub(super) fn why_stopped(&self) -> Option<Stop> {
        lock(&self.stopped).take()
    }

    /// Waits for a phase.
    async fn until(&self, phase: Phase) {
        // The sender lives as long as this engine.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Stops the run if nobody has been reachable for too long.
    pub(super) fn check_reach(&self) {
        let patience = self.server.params.patience;
        if lock(&self.fleet).is_lost(patience, self.now()) {
            let mut what = lock(&self.unreachable).clone();
            if what.is_empty() {
                "asked to be left alone for longer".clone_into(&mut what);
            }
            let proxied = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]
                .into_iter()
                .find(|name| std::env::var_os(name).is_some());
            if let (Some(name), None) = (proxied, &self.server.params.client.proxy) {
                what.push_str(&format!(
                    "; the proxy in {name} is not used unless it is stated"
                ));
            }
            self.stop(Stop::Unreachable { patience, what }, Phase::Halted);
        }
    }

    /// What each endpoint is doing.
    pub(super) fn endpoints(&self) -> Vec<super::fleet::EndpointState> {
        let addresses: Vec<String> = self
            .server
            .endpoints
            .iter()
            .map(ToString::to_string)
            .collect();
        lock(&self.fleet).states(&addresses, self.now()).collect()
    }

    /// Begins trials as places get free, until there are no more, and waits for their ends.
    ///
    /// The next trial is taken first and then waits for a place, so that prepared questions do not pile up.
    pub(super) async fn dispatch(
        self: Arc<Self>,
        dialogue: Arc<dyn Dialogue>,
        mut ready: mpsc::Receiver<Prepared>,
        done: mpsc::Sender<Done>,
    ) {
        let mut under_way = JoinSet::new();
        loop {
            let next = tokio::select! {
                biased;
                () = self.until(Phase::Draining) => None,
                next = ready.recv() => next,
            };
            let Some(Prepared { trial, step, room }) = next else {
                break;
            };
            let Some(begun) = self.admit(step).await else {
                break;
            };
            self.begun.fetch_add(1, Ordering::Relaxed);
            let (engine, done) = (Arc::clone(&self), done.clone());
            let dialogue = Arc::clone(&dialogue);
            under_way.spawn(async move {
                if let Some(answered) = engine.answer(&*dialogue, trial, begun).await
                    && done.send(answered).await.is_err()
                {
                    // Nobody stores answers any more: nothing more may be paid for.
                    engine.advance(Phase::Halted);
                }
                drop(room);
            });
            while let Some(ended) = under_way.try_join_next() {
                propagate(ended);
            }
        }
        drop(ready);
        while let Some(ended) = under_way.join_next().await {
            propagate(ended);
        }
    }

    /// Finds money and a place for the first request of a trial.
    pub(super) async fn admit(&self, step: Step) -> Option<Begun> {
        let estimate = match &step {
            Step::Ask(requests) => self.estimate(requests),
            Step::Done(_) => Nanos(0),
        };
        let aside = loop {
            let paid = self.paid.notified();
            tokio::pin!(paid);
            paid.as_mut().enable();
            let allowance = lock(&self.budget).set_aside(estimate);
            match allowance {
                Allowance::Granted(aside) => break aside,
                Allowance::Later => tokio::select! {
                    () = paid => {}
                    () = self.until(Phase::Draining) => return None,
                },
                Allowance::Exhausted => {
                    let bound = self.server.params.max_cost.unwrap_or_default();
                    self.stop(Stop::MaxCost { bound }, Phase::Draining);
                    return None;
                }
            }
        };
        let place = match &step {
            Step::Ask(requests) if !requests.is_empty() => {
                match self.place(None, requests[0].tokens, Phase::Draining).await {
                    Some(place) => Some(place),
                    None => {
                        lock(&self.budget).settle(aside, Some(Nanos(0)));
                        return None;
                    }
                }
            }
            _ => None,
        };
        Some(Begun { step, aside, place })
    }

    fn estimate(&self, requests: &[Request]) -> Nanos {
        let prices = self.server.params.prices;
        let most = |request: &Request| prices.map_or(0, |prices| prices.most(request.tokens).0);
        Nanos(requests.iter().map(most).fold(0, u64::saturating_add))
    }

    /// Waits for a place at an endpoint, if possible not at `avoid`; `None` once the run is in `phase`.
    async fn place(&self, avoid: Option<usize>, tokens: u32, phase: Phase) -> Option<Place> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.phase() >= phase {
                return None;
            }
            let take = lock(&self.fleet).take(self.now(), avoid, tokens);
            let look_again = match take {
                Take::Place(place) => return Some(place),
                Take::Later(Some(at)) => self.start + at,
                Take::Later(None) => Instant::now() + Duration::from_secs(3_600),
            };
            tokio::select! {
                () = freed => {}
                () = sleep_until(look_again) => {}
                () = self.until(phase) => return None,
            }
        }
    }

    /// Asks until the dialogue has its answer; `None` if the run is halted before.
    async fn answer(
        self: &Arc<Self>,
        dialogue: &dyn Dialogue,
        trial: Trial,
        begun: Begun,
    ) -> Option<Done> {
        let Begun {
            mut step,
            mut aside,
            mut place,
        } = begun;
        let mut exchanges: Vec<Exchange> = Vec::new();
        let answer = loop {
            let requests = match step {
                Step::Done(answer) => break Some(answer),
                // There is nothing to send and nothing to read.
                Step::Ask(requests) if requests.is_empty() => {
                    break Some(Answer::without_choice(Cause::NotShown));
                }
                Step::Ask(requests) => requests,
            };
            if !exchanges.is_empty() {
                // A conversation that was paid for is finished, even beyond what was set aside for it.
                let more = self.estimate(&requests);
                aside.0 = aside
                    .0
                    .saturating_add(lock(&self.budget).set_aside_anyway(more).0);
            }
            let Some(turn) = self.turn(requests, place.take()).await else {
                break None;
            };
            exchanges.extend(turn);
            step = dialogue.proceed(&trial, &exchanges);
        };
        let answer = answer.map(|answer| self.finish(answer));
        let cost = match &answer {
            Some(answer) if exchanges.is_empty() => Some(answer.usage.cost.unwrap_or_default()),
            Some(answer) => answer.usage.cost,
            None => None,
        };
        self.settle(aside, cost);
        let said = match exchanges.last().map(|exchange| &exchange.result) {
            Some(Ok(reply)) if reply.status >= 300 => {
                format!("HTTP {}: {}", reply.status, super::verdict::message(reply))
            }
            Some(Err(fault)) => fault.what.clone(),
            _ => String::new(),
        };
        Some(Done {
            trial,
            answer: answer?,
            requests: exchanges.iter().map(|exchange| exchange.sent).sum(),
            at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis() as u64),
            said,
        })
    }

    /// What was set aside is free again, and what was paid is spent.
    pub(super) fn settle(&self, aside: Nanos, cost: Option<Nanos>) {
        lock(&self.budget).settle(aside, cost);
        self.paid.notify_one();
    }

    /// Adds the price, and keeps the reply within what a journal holds.
    fn finish(&self, mut answer: Answer) -> Answer {
        let prices = self.server.params.prices;
        answer.usage.cost = answer
            .usage
            .cost
            .or_else(|| prices.and_then(|prices| prices.of(answer.usage)));
        if let Some(reply) = answer
            .reply
            .as_mut()
            .filter(|reply| reply.len() > MAX_REPLY)
        {
            let bytes = reply.len();
            reply.truncate(reply.floor_char_boundary(1 << 16));
            reply.insert_str(
                0,
                &format!("[{bytes} bytes, too many to keep; they begin:] "),
            );
        }
        answer
    }

    /// Sends the requests of a turn, at once if there are several.
    async fn turn(
        self: &Arc<Self>,
        mut requests: Vec<Request>,
        place: Option<Place>,
    ) -> Option<Vec<Exchange>> {
        if requests.len() == 1 {
            let only = requests.remove(0);
            return Some(vec![self.exchange(only, place).await?]);
        }
        let mut place = place;
        let mut under_way = JoinSet::new();
        for (k, request) in requests.into_iter().enumerate() {
            let (engine, place) = (Arc::clone(self), place.take());
            under_way.spawn(async move { (k, engine.exchange(request, place).await) });
        }
        let mut exchanges = Vec::new();
        while let Some(ended) = under_way.join_next().await {
            let (k, exchange) = propagate(ended)?;
            exchanges.push((k, exchange?));
        }
        exchanges.sort_by_key(|(k, _)| *k);
        Some(
            exchanges
                .into_iter()
                .map(|(_, exchange)| exchange)
                .collect(),
        )
    }

    /// Sends a request, again if that may help; `None` if the run is halted before there is a result.
    pub(super) async fn exchange(
        &self,
        request: Request,
        mut first: Option<Place>,
    ) -> Option<Exchange> {
        let retry = self.server.params.retry;
        let (mut tries, mut broken, mut avoid) = (0, false, None);
        loop {
            let place = match first.take() {
                Some(place) => place,
                None => self.place(avoid, request.tokens, Phase::Halted).await?,
            };
            let held = Held::new(self, place);
            tries += 1;
            self.requests.fetch_add(1, Ordering::Relaxed);
            if tries > 1 {
                self.retries.fetch_add(1, Ordering::Relaxed);
            }
            let endpoint = &self.server.endpoints[place.endpoint];
            let sent = self.server.carrier.post(endpoint, &request).await;
            let verdict = Verdict::of(&sent, endpoint, request.path, broken);
            let end = match &verdict {
                Verdict::Final(end) | Verdict::Again(end) => *end,
                Verdict::Fatal(_) => End::Faulty,
            };
            // An endpoint rests as long as it asks; only pauses up to `heed` are waited for by the request.
            held.end(end, sent.latency, sent.pause.filter(|_| end != End::Served));
            match verdict {
                Verdict::Fatal(what) => {
                    self.stop(Stop::Fatal { what }, Phase::Halted);
                    return None;
                }
                // Nothing was sent, so that no try is spent: whether to go on is a question of patience.
                Verdict::Again(End::Unreachable) => {
                    self.requests.fetch_sub(1, Ordering::Relaxed);
                    tries -= 1;
                    if tries > 0 {
                        self.retries.fetch_sub(1, Ordering::Relaxed);
                    }
                    if let Err(fault) = sent.result {
                        *lock(&self.unreachable) = fault.what;
                    }
                    avoid = Some(place.endpoint);
                }
                Verdict::Again(_) if tries < retry.tries => {
                    broken |= sent.result.as_ref().is_ok_and(|reply| reply.status < 300);
                    if may_be_billed(&sent) {
                        let most = self.estimate(std::slice::from_ref(&request));
                        lock(&self.budget).lose(most);
                    }
                    avoid = Some(place.endpoint);
                    let asked = sent.pause.filter(|&pause| pause <= retry.heed);
                    let own = retry.pause(self.server.params.seed, request.prompt, tries);
                    // After a pause that was asked for, all come back at once unless they are spread.
                    let pause = asked.map_or(own, |asked| asked + own.min(asked / 4));
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.until(Phase::Halted) => return None,
                    }
                }
                Verdict::Again(_) | Verdict::Final(_) => {
                    return Some(Exchange {
                        request,
                        result: sent.result,
                        latency: sent.latency,
                        sent: tries,
                    });
                }
            }
        }
    }
}

/// Whether a request of which nothing is kept may have to be paid: it arrived, and was not turned away.
fn may_be_billed(sent: &super::client::Sent) -> bool {
    match &sent.result {
        Ok(reply) => reply.status < 300,
        Err(fault) => fault.cause != Cause::Unreachable,
    }
}

/// A trial with its first step, and the room that its requests take in memory until it is answered.
pub(super) struct Prepared {
    pub(super) trial: Trial,
    pub(super) step: Step,
    pub(super) room: OwnedSemaphorePermit,
}

/// A trial, or a single request, that may begin.
pub(super) struct Begun {
    pub(super) step: Step,
    pub(super) aside: Nanos,
    pub(super) place: Option<Place>,
}

/// A place that is given back whatever happens.
struct Held<'a> {
    engine: &'a Engine,
    place: Option<Place>,
}

impl<'a> Held<'a> {
    const fn new(engine: &'a Engine, place: Place) -> Self {
        Self {
            engine,
            place: Some(place),
        }
    }

    fn end(mut self, end: End, latency: Duration, rest: Option<Duration>) {
        if let Some(place) = self.place.take() {
            let now = self.engine.now();
            lock(&self.engine.fleet).end(place, end, latency, rest, now);
            self.engine.freed.notify_one();
            // A success may have made room for one more.
            if end == End::Served {
                self.engine.freed.notify_one();
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            lock(&self.engine.fleet).give_back(place);
            self.engine.freed.notify_one();
        }
    }
}

/// The value of a task; a panic in it goes on here.
fn propagate<T>(ended: Result<T, tokio::task::JoinError>) -> Option<T> {
    match ended {
        Ok(value) => Some(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}
