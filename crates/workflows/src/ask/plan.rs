//! What asking a judge will take: requests, tokens, money, time and disk, before anything is sent.

use super::asking::dialogue;
use super::prepare::prepare;
use super::{AskError, AskRequest, here};
use crate::WorkflowError;
use emotome_judges::answer::Mode;
use emotome_judges::dialogue::Step;
use emotome_triplets::Trial;
use emotome_triplets::plan::{Plan, PlanParams};
use serde::Serialize;

/// The plan of asking a judge. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct JudgePlan {
    /// The judge.
    pub judge: String,
    /// Requests to a server; 0 for a model in this process.
    pub requests: f64,
    /// Trials whose prompts were made to count their tokens.
    pub sampled: usize,
    /// How tokens were counted.
    pub basis: &'static str,
    /// Everything else.
    #[serde(flatten)]
    pub plan: Plan,
}

/// Trials whose prompts are made.
const SAMPLE: u64 = 256;

/// Bytes that are kept of a reply: of a body, and of the probabilities of one presented order; both measured.
const BODY: f64 = 700.0;
const ORDER: f64 = 110.0;

/// What asking a judge for the design will take, from the prompts of a sample of its trials.
///
/// # Errors
/// As [`super::ask`], except those of keys and journal.
pub fn plan_judge(request: &AskRequest, params: &PlanParams) -> Result<JudgePlan, WorkflowError> {
    let judge = &request.judge;
    let prepared = prepare(request)?;
    let design = request.design.design(prepared.study.stimuli.len())?;
    let step = (design.len() / SAMPLE).max(1);
    let trials: Vec<Trial> = (0..design.len())
        .step_by(step as usize)
        .filter_map(|t| design.trial(t))
        .collect();
    let (mut sampled, mut requests, mut prompt, mut completion) = (0_usize, 0.0, 0.0, 0.0);
    let basis = if judge.runs_here() {
        let model = here::open(judge)?;
        let local = here::judge(judge, &prepared, &model)?;
        for trial in &trials {
            if let Some(tokens) = local.prompt_tokens(trial).map_err(AskError::from)? {
                sampled += 1;
                prompt += tokens as f64;
            }
        }
        "counted by the model's tokenizer"
    } else {
        let dialogue = dialogue(judge, &prepared)?;
        for trial in &trials {
            if let Step::Ask(asked) = dialogue.begin(trial) {
                let most = f64::from(most_tokens(prepared.mode));
                sampled += 1;
                requests += asked.len() as f64;
                prompt += asked
                    .iter()
                    .map(|request| f64::from(request.tokens) - most)
                    .sum::<f64>();
                completion += most * asked.len() as f64;
            }
        }
        "estimated at a token for every four bytes; replies at their longest"
    };
    let mean = |sum: f64| sum / (sampled.max(1) as f64);
    let kept = match prepared.mode {
        Mode::Logprob { orders, .. } => ORDER * orders.list().len() as f64,
        Mode::Free { .. } => BODY + 4.0 * mean(completion),
        Mode::Choice { .. } => BODY,
    };
    let price = judge.price.as_ref();
    let params = PlanParams {
        tokens: Some([mean(prompt), mean(completion)]),
        price: price
            .map(|price| [price.of.prompt, price.of.completion])
            .or(params.price),
        currency: price.map_or_else(|| params.currency.clone(), |price| price.currency.clone()),
        reply_bytes: kept,
        ..params.clone()
    };
    Ok(JudgePlan {
        judge: judge.name().to_owned(),
        requests: mean(requests) * design.len() as f64,
        sampled,
        basis,
        plan: Plan::of(&design, &params)?,
    })
}

const fn most_tokens(mode: Mode) -> u32 {
    match mode {
        Mode::Free { max_tokens, .. } | Mode::Choice { max_tokens, .. } => max_tokens,
        Mode::Logprob { .. } => 1,
    }
}
