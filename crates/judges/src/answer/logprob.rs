//! `logprob`: the probability of each label as the first token, over several presented orders.

use super::audit::{Audit, is_drawn};
use super::kept::{OrderRead, keep_orders};
use super::params::Orders;
use super::questions::{Questions, Ready, Verdict};
use super::refusal;
use crate::chat::Unsupported;
use crate::dialogue::{Dialogue, Exchange, Step};
use crate::judge::{JudgeDescription, Judgment, trial_stream};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::{Cause, Outcome, Trial};

/// Above this share of the listed probability, what labels that are not listed might have is too
/// much for probabilities to be given. The choice stands: what is listed is at least as probable.
const NEGLIGIBLE: f64 = 1e-3;

/// The dialogue of probabilities.
///
/// In each order `p_k` is the probability of the label of the k-th presented stimulus, normalised
/// over the three; by place in the trial, these are averaged over the orders with equal weight, and
/// the most probable place is the answer. An exact tie is drawn by the seed, since dropping ties
/// would take out trials of one kind. A label that is not listed counts 0 and is recorded as missing
/// with the bound; if no label is listed in one of the orders there is no answer.
#[derive(Debug)]
pub(super) struct Logprob {
    questions: Questions,
    orders: Orders,
    asked: Ready,
    free: Ready,
    audit: f64,
}

impl Logprob {
    pub(super) fn new(
        questions: Questions,
        orders: Orders,
        top: u32,
        constrain: bool,
        audit: f64,
    ) -> Result<Self, Unsupported> {
        // An answer in a JSON object begins with a brace: its first token is no label.
        if constrain && questions.params.dialect.answers_in_json() {
            return Err(Unsupported {
                dialect: questions.params.dialect,
                what: "log-probabilities of a constrained answer".to_owned(),
                why: "it constrains to JSON only, whose first token is a brace; set constrain = false",
            });
        }
        Ok(Self {
            asked: questions.ready(1, Some(top), constrain, true)?,
            free: questions.ready(1, Some(top), false, true)?,
            orders,
            audit,
            questions,
        })
    }

    fn read(&self, order: [usize; 3], exchange: &Exchange) -> Result<OrderRead, Cause> {
        let reply = self.questions.reply(exchange)?;
        if let Some(cause) = refusal::before_reading(&reply) {
            return Err(cause);
        }
        match OrderRead::new(order, &reply.first, self.questions.labels()) {
            Some(read) if read.presented().is_some() => Ok(read),
            Some(_) => Err(Cause::NoProbability),
            None if reply.content.trim().is_empty() => Err(Cause::EmptyReply),
            None => Err(Cause::Malformed),
        }
    }
}

/// The most probable place over all presented orders, and the probability of each place.
pub(crate) fn decide(seed: Seed, trial: &Trial, reads: &[OrderRead]) -> Verdict {
    let places: Option<Vec<[f64; 3]>> = reads.iter().map(OrderRead::places).collect();
    let places = places.ok_or(Cause::NoProbability)?;
    // Summed in ascending order: a model that looks at positions alone gives every place the same
    // numbers in another sequence, and no place may win by rounding.
    let sums = [0, 1, 2].map(|place| {
        let mut values: Vec<f64> = places.iter().map(|p| p[place]).collect();
        values.sort_by(f64::total_cmp);
        values.iter().sum::<f64>()
    });
    let total: f64 = sums.iter().sum();
    let mean = sums.map(|sum| sum / total);
    let top = mean[0].max(mean[1]).max(mean[2]);
    let ties = mean.iter().filter(|&&p| p == top).count() as f64;
    let shares = mean.map(|p| if p == top { 1.0 / ties } else { 0.0 });
    let seed = seed.derive("logprob tie");
    let drawn = Judgment::draw(shares, || CounterRng::new(seed, trial_stream(trial)));
    let certain = reads.iter().all(|read| read.uncertainty() <= NEGLIGIBLE);
    match drawn.outcome {
        Outcome::Chosen(place) => Ok((place, certain.then_some(mean))),
        _ => Err(Cause::NoProbability),
    }
}

impl Dialogue for Logprob {
    fn describe(&self) -> JudgeDescription {
        self.questions.describe()
    }

    fn n_stimuli(&self) -> usize {
        self.questions.n_stimuli()
    }

    fn begin(&self, trial: &Trial) -> Step {
        let orders = self.orders.list().iter().map(|&order| (order, &self.asked));
        let audit =
            is_drawn(self.questions.seed(), self.audit, trial).then_some(([0, 1, 2], &self.free));
        let requests = orders
            .chain(audit)
            .map(|(order, ready)| self.questions.request(trial, order, ready, None));
        match requests.collect() {
            Ok(requests) => Step::Ask(requests),
            Err(cause) => Step::Done(self.questions.answer(&[], Err(cause), None)),
        }
    }

    fn proceed(&self, trial: &Trial, exchanges: &[Exchange]) -> Step {
        let orders = self.orders.list();
        if exchanges.len() < orders.len() {
            return self.begin(trial);
        }
        let (asked, audits) = exchanges.split_at(orders.len());
        let reads: Result<Vec<OrderRead>, Cause> = first_fault(
            orders
                .iter()
                .zip(asked)
                .map(|(&order, exchange)| self.read(order, exchange)),
        );
        let verdict = match &reads {
            Ok(reads) => decide(self.questions.seed(), trial, reads),
            Err(cause) => Err(*cause),
        };
        let audit = audits
            .first()
            .map(|exchange| Audit::of(&self.questions, exchange));
        let kept = reads.ok().map(|reads| keep_orders(&reads, audit));
        Step::Done(self.questions.answer(exchanges, verdict, kept))
    }
}

/// All values, or the cause that weighs most: a transient one, which leaves the trial open, before
/// one that settles it; of equals, the first.
fn first_fault<T>(results: impl Iterator<Item = Result<T, Cause>>) -> Result<Vec<T>, Cause> {
    let mut values = Vec::new();
    let mut fault: Option<Cause> = None;
    for result in results {
        match (result, fault) {
            (Ok(value), _) => values.push(value),
            (Err(cause), None) => fault = Some(cause),
            (Err(cause), Some(found)) if cause.is_transient() && !found.is_transient() => {
                fault = Some(cause);
            }
            (Err(_), Some(_)) => {}
        }
    }
    fault.map_or(Ok(values), Err)
}
