//! The odd one out by the probabilities of the labels.

use super::model::{LocalModel, LocalModelError};
use crate::answer::{OrderRead, Orders, decide, keep_orders};
use crate::dialogue::Answer;
use crate::judge::JudgeDescription;
use crate::prompt::{Asks, CaptionDeck, Exhibit, Piece, Shown, Template};
use emotome_language::score::{Query, ScoreError, Scorer, ScorerParams};
use emotome_language::tokenizer::TokenId;
use emotome_stats::random::{Seed, mix};
use emotome_stimuli::run::Run;
use emotome_triplets::{Cause, Nanos, Trial, Usage};
use serde_json::json;

/// Asks a model in this process for the odd one out of three captions.
///
/// The probability of a label is the sum over all tokens that read as the label with blanks removed
/// (`1`, ` 1`); by place in the trial, probabilities are normalised over the three labels and
/// averaged over the presented orders, as with a server.
#[derive(Debug)]
pub struct LocalJudge<'a> {
    model: &'a LocalModel,
    template: Template,
    shown: Shown,
    orders: Orders,
    seed: Seed,
    /// The tokens of each label.
    spellings: [Vec<TokenId>; 3],
    wanted: Vec<TokenId>,
}

/// Why a model cannot be asked so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalJudgeError {
    /// The template shows one stimulus.
    #[error(
        "template {name:?} shows one stimulus, for a readout; expected one that shows {{first}}, {{second}} and {{third}}"
    )]
    Readout {
        /// The template.
        name: String,
    },
    /// A label is no single token.
    #[error(
        "the model has no token that reads as label {label:?}; take other labels, e.g. A, B and C or 1, 2 and 3"
    )]
    NoToken {
        /// The label.
        label: String,
    },
    /// A prompt cannot be written.
    #[error(transparent)]
    Model(#[from] LocalModelError),
    /// A prompt cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl<'a> LocalJudge<'a> {
    /// A judge that shows captions through a template.
    ///
    /// # Errors
    /// [`LocalJudgeError`] if the template is for readouts, or a label is no token of the model.
    pub fn new(
        model: &'a LocalModel,
        template: Template,
        deck: CaptionDeck,
        orders: Orders,
        seed: Seed,
    ) -> Result<Self, LocalJudgeError> {
        if template.asks() != Asks::OddOneOut {
            return Err(LocalJudgeError::Readout {
                name: template.name,
            });
        }
        let mut spellings: [Vec<TokenId>; 3] = Default::default();
        for (tokens, label) in spellings.iter_mut().zip(template.labels.all()) {
            *tokens = model
                .tokenizer
                .spellings(label)
                .into_iter()
                .map(|spelling| spelling.token)
                .collect();
            if tokens.is_empty() {
                return Err(LocalJudgeError::NoToken {
                    label: label.clone(),
                });
            }
        }
        Ok(Self {
            wanted: spellings.concat(),
            spellings,
            model,
            template,
            shown: Shown::Captions(deck),
            orders,
            seed,
        })
    }

    /// What the agent is.
    #[must_use]
    pub fn describe(&self) -> JudgeDescription {
        JudgeDescription::new("in-process", Some(self.seed))
            .with("model", json!({ "sha256": self.model.sha256() }))
            .with(
                "answers",
                json!({ "mode": "logprob", "orders": self.orders }),
            )
            .with("template", self.template.describe())
            .with("shown", self.shown.describe())
    }

    /// The number of stimuli that can be shown.
    #[must_use]
    pub fn n_stimuli(&self) -> usize {
        self.shown.n_stimuli()
    }

    /// A scorer of the model, which remembers nothing yet.
    #[must_use]
    pub fn scorer(&self, params: ScorerParams) -> Scorer<'a> {
        Scorer::new(&self.model.model, params)
    }

    /// The answers to trials, in their order. Which trials stand together changes no answer.
    ///
    /// # Errors
    /// [`LocalJudgeError`]; a trial with a stimulus that has no caption is an answer, not an error.
    pub fn answer(
        &self,
        scorer: &mut Scorer<'_>,
        trials: &[Trial],
        run: Run<'_>,
    ) -> Result<Vec<Answer>, LocalJudgeError> {
        let orders = self.orders.list();
        let mut prompts: Vec<Vec<TokenId>> = Vec::with_capacity(trials.len() * orders.len());
        // Where the prompts of a trial begin, if it can be shown.
        let mut starts = Vec::with_capacity(trials.len());
        for trial in trials {
            let users: Option<Vec<String>> = orders
                .iter()
                .map(|&order| self.user(trial, order))
                .collect();
            starts.push(users.as_ref().map(|_| prompts.len()));
            for user in users.into_iter().flatten() {
                prompts.push(self.model.prompt(
                    self.template.system.as_deref(),
                    user,
                    self.template.reply.as_deref(),
                )?);
            }
        }
        let wanted = &self.wanted;
        let queries: Vec<Query<'_>> = prompts
            .iter()
            .map(|tokens| Query { tokens, wanted })
            .collect();
        let scores = scorer.log_probabilities(&queries, run)?;
        let answer = |(trial, start): (&Trial, &Option<usize>)| match start {
            None => Answer::without_choice(Cause::NotShown),
            Some(start) => {
                let range = *start..start + orders.len();
                self.read(trial, &prompts[range.clone()], &scores[range])
            }
        };
        Ok(trials.iter().zip(&starts).map(answer).collect())
    }

    /// The tokens of a trial's prompts, all orders together; `None` if a stimulus cannot be shown.
    ///
    /// # Errors
    /// [`LocalJudgeError::Model`] if a prompt cannot be written.
    pub fn prompt_tokens(&self, trial: &Trial) -> Result<Option<usize>, LocalJudgeError> {
        let mut tokens = 0;
        for &order in self.orders.list() {
            let Some(user) = self.user(trial, order) else {
                return Ok(None);
            };
            let (system, begun) = (
                self.template.system.as_deref(),
                self.template.reply.as_deref(),
            );
            tokens += self.model.prompt(system, user, begun)?.len();
        }
        Ok(Some(tokens))
    }

    /// The user's message, unless a stimulus cannot be shown.
    fn user(&self, trial: &Trial, order: [usize; 3]) -> Option<String> {
        let items = trial.triplet.items();
        let mut text = String::new();
        for piece in &self.template.user {
            match piece {
                Piece::Text(constant) => text += constant,
                Piece::Stimulus(place) => match self.shown.of(trial, items[order[*place]]) {
                    Ok(Exhibit::Text(caption)) => text += &caption,
                    _ => return None,
                },
            }
        }
        Some(text)
    }

    fn read(&self, trial: &Trial, prompts: &[Vec<TokenId>], scores: &[Vec<f64>]) -> Answer {
        let read = |(&order, scores): (&[usize; 3], &Vec<f64>)| {
            let mut rest = scores.as_slice();
            let logprobs = self.spellings.each_ref().map(|tokens| {
                let (own, after) = rest.split_at(tokens.len());
                rest = after;
                own.iter().map(|logprob| logprob.exp()).sum::<f64>().ln()
            });
            OrderRead::known(order, logprobs)
        };
        let reads: Vec<OrderRead> = self.orders.list().iter().zip(scores).map(read).collect();
        let tokens = prompts.iter().map(Vec::len).sum::<usize>();
        let shown = prompts
            .iter()
            .flatten()
            .fold(0, |hash, token| mix(hash ^ u64::from(token.0)));
        let answer = match decide(self.seed, trial, &reads) {
            Ok((place, probabilities)) => Answer {
                outcome: emotome_triplets::Outcome::Chosen(place),
                cause: None,
                probabilities,
                ..Answer::without_choice(Cause::NoProbability)
            },
            Err(cause) => Answer::without_choice(cause),
        };
        Answer {
            reply: Some(keep_orders(&reads, None)),
            prompt: Some(shown),
            seed: Some(self.seed.0),
            usage: Usage {
                prompt_tokens: u32::try_from(tokens).ok(),
                cached_tokens: None,
                completion_tokens: Some(0),
                cost: Some(Nanos(0)),
            },
            ..answer
        }
    }
}
