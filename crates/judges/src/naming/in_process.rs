//! Asking a model in this process for names.

use super::interview::{Ask, Heard, Namer, Said, Turn};
use super::template::Question;
use crate::dialogue::Fault;
use crate::judge::JudgeDescription;
use crate::local::{LocalJudgeError, LocalModel};
use crate::prompt::CaptionDeck;
use crate::server::Stop;
use emotome_language::chat::Message;
use emotome_language::score::{End, Query, ScoreError, Scorer, ScorerParams};
use emotome_language::tokenizer::TokenId;
use emotome_stimuli::run::Run;
use emotome_triplets::{Nanos, Usage};
use serde_json::json;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Turns between two looks at what came.
const AT_ONCE: usize = 8;

/// Most tokens of a reply with a name.
const MOST_TOKENS: usize = 96;

/// How a reply with a name begins: without it, small models talk about the question.
const BEGUN: &str = "NAME:";

/// A model in this process that is asked for names: in two lines that begin with `NAME:`, of which each further token
/// is the most probable one.
/// Which stimulus a name fits is told by the probabilities of `1` and `2` as the next token.
#[derive(Debug)]
pub struct LocalNamer<'a> {
    model: &'a LocalModel,
    scorer: Scorer<'a>,
    /// The tokens that read as `1`, and as `2`.
    numbers: [Vec<TokenId>; 2],
    description: JudgeDescription,
}

impl<'a> LocalNamer<'a> {
    /// A model that is shown captions.
    ///
    /// # Errors
    /// [`LocalJudgeError::NoToken`] if it has no token for `1` or `2`.
    pub fn new(
        model: &'a LocalModel,
        deck: &CaptionDeck,
        params: ScorerParams,
    ) -> Result<Self, LocalJudgeError> {
        let tokens = |label: &str| {
            let spellings = model.tokenizer.spellings(label);
            match spellings.is_empty() {
                true => Err(LocalJudgeError::NoToken {
                    label: label.to_owned(),
                }),
                false => Ok(spellings
                    .into_iter()
                    .map(|spelling| spelling.token)
                    .collect()),
            }
        };
        let description = JudgeDescription::new("in-process", None)
            .with("model", json!({ "sha256": model.sha256() }))
            .with("tokens", MOST_TOKENS)
            .with("begun", BEGUN)
            .with(
                "shown",
                json!({ "captions": deck.policy(), "texts": deck.sha256() }),
            );
        Ok(Self {
            numbers: [tokens("1")?, tokens("2")?],
            scorer: Scorer::new(&model.model, params),
            model,
            description,
        })
    }

    /// What the model is, for the record.
    #[must_use]
    pub fn describe(&self) -> JudgeDescription {
        self.description.clone()
    }

    fn tokens(&self, turn: &Turn<'_>) -> Result<Vec<TokenId>, LocalJudgeError> {
        let messages: Vec<Message> = turn
            .talk
            .texts()
            .map(|(role, text)| Message::new(role, text))
            .collect();
        let begun = match turn.ask.question() {
            Question::Name => Some(BEGUN),
            Question::Fit => None,
        };
        Ok(self.model.conversation(&messages, begun)?)
    }

    /// What is said in each of these turns, all of one question.
    fn said(
        &mut self,
        question: Question,
        prompts: &[Vec<TokenId>],
        run: Run<'_>,
    ) -> Result<Vec<(Said, usize)>, ScoreError> {
        match question {
            Question::Name => {
                let prompts: Vec<&[TokenId]> = prompts.iter().map(Vec::as_slice).collect();
                let ends = self.model.tokenizer.ends();
                let said = self
                    .scorer
                    .continue_greedily(&prompts, MOST_TOKENS, ends, run)?;
                Ok(said
                    .into_iter()
                    .map(|said| {
                        let text = BEGUN.to_owned() + &self.model.tokenizer.decode(&said.tokens);
                        (
                            Said::Text {
                                text,
                                cut: said.end == End::Length,
                            },
                            said.tokens.len(),
                        )
                    })
                    .collect())
            }
            Question::Fit => {
                let wanted = self.numbers.concat();
                let queries: Vec<Query<'_>> = prompts
                    .iter()
                    .map(|tokens| Query {
                        tokens,
                        wanted: &wanted,
                    })
                    .collect();
                let scores = self.scorer.log_probabilities(&queries, run)?;
                let mass = |of: &[f64]| of.iter().map(|logprob| logprob.exp()).sum::<f64>().ln();
                Ok(scores
                    .iter()
                    .map(|scores| {
                        let (first, second) = scores.split_at(self.numbers[0].len());
                        (Said::Odds([mass(first), mass(second)]), 0)
                    })
                    .collect())
            }
        }
    }
}

impl Namer for LocalNamer<'_> {
    type Error = LocalJudgeError;

    fn ask<'t>(
        &mut self,
        turns: &mut dyn Iterator<Item = Turn<'t>>,
        _spent: Nanos,
        run: Run<'_>,
        hear: &mut dyn FnMut(Ask, Result<Heard, Fault>) -> bool,
    ) -> Result<Option<Stop>, LocalJudgeError> {
        let mut turns = turns.peekable();
        while let Some(question) = turns.peek().map(|turn| turn.ask.question()) {
            let mut some = Vec::new();
            while some.len() < AT_ONCE
                && let Some(turn) = turns.next_if(|turn| turn.ask.question() == question)
            {
                some.push(turn);
            }
            let prompts: Vec<Vec<TokenId>> = some
                .iter()
                .map(|turn| self.tokens(turn))
                .collect::<Result<_, _>>()?;
            let before = Instant::now();
            let said = match self.said(question, &prompts, run) {
                Err(ScoreError::Interrupted) => return Ok(Some(Stop::Interrupted)),
                said => said?,
            };
            let latency = before.elapsed() / some.len() as u32;
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            for ((turn, prompt), (said, written)) in some.iter().zip(&prompts).zip(said) {
                let heard = Heard {
                    ask: turn.ask,
                    turn: turn.turn,
                    prompt: turn.talk.prompt(),
                    seed: None,
                    at: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
                    requests: 0,
                    latency_ms: u32::try_from(latency.as_millis()).unwrap_or(u32::MAX),
                    usage: Usage {
                        prompt_tokens: u32::try_from(prompt.len()).ok(),
                        cached_tokens: None,
                        completion_tokens: u32::try_from(written).ok(),
                        cost: Some(Nanos(0)),
                    },
                    said,
                };
                if !hear(turn.ask, Ok(heard)) {
                    return Ok(None);
                }
            }
            if run.interrupt.requested() {
                return Ok(Some(Stop::Interrupted));
            }
        }
        Ok(None)
    }
}
