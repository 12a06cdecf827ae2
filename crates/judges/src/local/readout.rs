//! Readouts of a model in this process.

use super::model::{LocalModel, LocalModelError};
use crate::prompt::{Asks, CaptionDeck, Exhibit, Piece, Shown, Template};
use crate::readout::{Readout, ReadoutError, ReadoutWord, spellings, written};
use emotome_language::score::{Query, ScoreError, Scorer, ScorerParams};
use emotome_language::tokenizer::TokenId;
use emotome_stimuli::run::{Run, Silent};
use emotome_stimuli::{StimulusId, StimulusSet};
use ndarray::Array3;
use serde_json::{Map, Value, json};

/// Prompts scored together.
const AT_ONCE: usize = 128;

/// Why a model in this process gives no readout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalReadoutError {
    /// A template shows three stimuli.
    #[error("template {name:?} shows three stimuli; a readout shows one, at {{stimulus}}")]
    OddOneOut {
        /// The template.
        name: String,
    },
    /// A word has no spelling that is one token.
    #[error("the model needs several tokens for each spelling of {word:?}; take the word out")]
    NoToken {
        /// The word.
        word: String,
    },
    /// A stimulus has no caption.
    #[error("stimulus {key} has no caption to show; a readout needs one of every stimulus")]
    NotShown {
        /// Its key.
        key: String,
    },
    /// A prompt cannot be written.
    #[error(transparent)]
    Model(#[from] LocalModelError),
    /// A prompt cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// There are no words, prompts or stimuli.
    #[error(transparent)]
    Readout(#[from] ReadoutError),
}

/// What a model in this process is read out with.
#[derive(Debug)]
pub struct LocalReadout<'a> {
    model: &'a LocalModel,
    templates: Vec<Template>,
    shown: Shown,
    words: Vec<ReadoutWord>,
    /// The tokens of each word.
    tokens: Vec<Vec<TokenId>>,
}

impl<'a> LocalReadout<'a> {
    /// A readout of words under templates that show one caption each.
    ///
    /// # Errors
    /// [`LocalReadoutError::OddOneOut`] and [`LocalReadoutError::NoToken`].
    pub fn new(
        model: &'a LocalModel,
        templates: Vec<Template>,
        deck: CaptionDeck,
        words: Vec<ReadoutWord>,
    ) -> Result<Self, LocalReadoutError> {
        if let Some(template) = templates
            .iter()
            .find(|template| template.asks() != Asks::Readout)
        {
            let name = template.name.clone();
            return Err(LocalReadoutError::OddOneOut { name });
        }
        Ok(Self {
            tokens: words
                .iter()
                .map(|word| tokens_of(model, word))
                .collect::<Result<_, _>>()?,
            shown: Shown::Captions(deck),
            model,
            templates,
            words,
        })
    }

    /// What makes the numbers what they are.
    #[must_use]
    pub fn provenance(&self) -> Map<String, Value> {
        let sums = self
            .templates
            .iter()
            .map(|t| (t.name.clone(), json!(t.sha256)));
        Map::from_iter([
            ("Model".to_owned(), json!({ "sha256": self.model.sha256() })),
            ("Templates".to_owned(), Value::Object(sums.collect())),
            ("Shown".to_owned(), self.shown.describe()),
        ])
    }

    /// The log-probability of each word as the next token after each stimulus, under each template:
    /// `ln Σ p(spelling)` over those [`spellings`] that are one token of the model.
    ///
    /// # Errors
    /// [`LocalReadoutError`]; [`ScoreError::Interrupted`] if a stop was asked for.
    pub fn read(
        &self,
        stimuli: &StimulusSet,
        params: ScorerParams,
        run: Run<'_>,
    ) -> Result<Readout, LocalReadoutError> {
        let wanted: Vec<TokenId> = self.tokens.concat();
        let mut values = Array3::zeros((self.templates.len(), stimuli.len(), self.words.len()));
        let mut scorer = Scorer::new(&self.model.model, params);
        let quiet = Run {
            progress: &Silent,
            ..run
        };
        let ids: Vec<StimulusId> = (0..stimuli.len() as u32).map(StimulusId).collect();
        run.progress.begin(
            "reading out",
            Some((self.templates.len() * ids.len()) as u64),
        );
        for (template, mut values) in self.templates.iter().zip(values.outer_iter_mut()) {
            for ids in ids.chunks(AT_ONCE) {
                let prompts = ids.iter().map(|&id| self.prompt(template, id, stimuli));
                let prompts: Vec<Vec<TokenId>> = prompts.collect::<Result<_, _>>()?;
                let queries: Vec<Query<'_>> = prompts
                    .iter()
                    .map(|tokens| Query {
                        tokens,
                        wanted: &wanted,
                    })
                    .collect();
                let scores = scorer.log_probabilities(&queries, quiet)?;
                for (id, scores) in ids.iter().zip(scores) {
                    let mut rest = scores.as_slice();
                    for (value, tokens) in values.row_mut(id.index()).iter_mut().zip(&self.tokens) {
                        let (own, after) = rest.split_at(tokens.len());
                        rest = after;
                        *value = own.iter().map(|logprob| logprob.exp()).sum::<f64>().ln() as f32;
                    }
                }
                run.progress.advance(ids.len() as u64);
            }
        }
        run.progress.end();
        let readout = Readout {
            words: self.words.clone(),
            prompts: self.templates.iter().map(written).collect(),
            stimuli: stimuli.clone(),
            values,
            provenance: self.provenance(),
        };
        Ok(readout.check()?)
    }

    fn prompt(
        &self,
        template: &Template,
        id: StimulusId,
        stimuli: &StimulusSet,
    ) -> Result<Vec<TokenId>, LocalReadoutError> {
        let mut user = String::new();
        for piece in &template.user {
            match (piece, self.shown.alone(id)) {
                (Piece::Text(constant), _) => user += constant,
                (Piece::Stimulus(_), Ok(Exhibit::Text(caption))) => user += &caption,
                _ => {
                    let key = stimuli.keys()[id.index()].to_string();
                    return Err(LocalReadoutError::NotShown { key });
                }
            }
        }
        let (system, begun) = (template.system.as_deref(), template.reply.as_deref());
        Ok(self.model.prompt(system, user, begun)?)
    }
}

/// The tokens that are a spelling of a word, each once.
fn tokens_of(model: &LocalModel, word: &ReadoutWord) -> Result<Vec<TokenId>, LocalReadoutError> {
    let mut found = Vec::new();
    for spelling in spellings(&word.word) {
        let tokens = model
            .tokenizer
            .encode_text(&spelling)
            .map_err(LocalModelError::from)?;
        if let [token] = tokens[..]
            && !found.contains(&token)
        {
            found.push(token);
        }
    }
    if found.is_empty() {
        return Err(LocalReadoutError::NoToken {
            word: word.word.clone(),
        });
    }
    Ok(found)
}
