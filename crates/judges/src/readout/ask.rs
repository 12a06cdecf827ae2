//! Readouts from a server.
//!
//! The probabilities of some hundred words are not among the 20 most likely tokens that OpenAI,
//! Ollama and most hosted services list, so these cannot do it. Two can: the server of llama.cpp
//! lists any number of tokens, and vLLM as many as it was started to allow (`--max-logprobs 20000`,
//! or −1 for all). Elsewhere use a model in the process.

use super::{Readout, ReadoutError, ReadoutWord, spellings, written};
use crate::chat::{ChatReply, Conversation, Dialect, Passthrough, Tail, TokenLogprob, Unsupported};
use crate::dialogue::{Reply, Request};
use crate::prompt::{Asks, Content, Exhibit, Piece, Shown, Template};
use emotome_stimuli::{StimulusId, StimulusSet};
use emotome_triplets::Cause;
use ndarray::Array3;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How a server is asked for a readout.
#[derive(Debug, Clone)]
pub struct ReadoutParams {
    /// The model, as the server calls it.
    pub model: String,
    /// The kind of server.
    pub dialect: Dialect,
    /// The prompts; each shows one stimulus.
    pub templates: Vec<Template>,
    /// The words.
    pub words: Vec<ReadoutWord>,
    /// How many of the most probable tokens are listed; 20,000 by default.
    pub top: u32,
    /// Fields that go to the server as they are.
    pub pass: Passthrough,
    /// Further names under which replies come from this model.
    pub served_as: Vec<String>,
}

/// Why a server cannot be asked for a readout.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadoutAskError {
    /// The server cannot do it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A template shows three stimuli.
    #[error(
        "template {name:?} shows three stimuli; a readout needs {{stimulus}}, once: take one of the presets readout-…"
    )]
    OddOneOut {
        /// The template.
        name: String,
    },
    /// There is nothing to ask.
    #[error(
        "a readout of {templates} prompts and {words} words; expected at least 1 prompt and 2 words"
    )]
    Empty {
        /// Prompts.
        templates: usize,
        /// Words.
        words: usize,
    },
    /// A word stands twice.
    #[error("the word {word:?} stands twice in the list; remove one")]
    Twice {
        /// The word.
        word: String,
    },
    /// The stimuli shown are not those of the study.
    #[error("{shown} stimuli are shown, but {stimuli} have keys; expected as many")]
    Stimuli {
        /// Stimuli shown.
        shown: usize,
        /// Keys.
        stimuli: usize,
    },
    /// Words were not among the listed tokens.
    #[error(
        "{missing} of {cells} log-probabilities were not listed, the first of {word:?}; none is made up: list more tokens \
         than {top} (vLLM: start it with --max-logprobs), or take other words"
    )]
    Incomplete {
        /// Values missing.
        missing: usize,
        /// Values asked for.
        cells: usize,
        /// A word with a missing value.
        word: String,
        /// Tokens listed.
        top: u32,
    },
    /// The values are none.
    #[error("{0}")]
    Values(String),
}

/// The questions of a readout: one for each prompt and stimulus, numbered `prompt · n_stimuli + stimulus`.
#[derive(Debug)]
pub struct ReadoutQuestions {
    params: ReadoutParams,
    shown: Shown,
    tails: Vec<Vec<u8>>,
    /// The column of each spelling.
    columns: HashMap<String, usize>,
}

/// The log-probabilities of the words after one stimulus.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// By word; `None` if no spelling was listed.
    pub values: Vec<Option<f32>>,
    /// The smallest listed log-probability, above which a missing spelling cannot be.
    pub bound: f32,
}

/// Why a reply is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct RowFault {
    /// The cause.
    pub cause: Cause,
}

impl ReadoutParams {
    /// Parameters with the default of the table.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        dialect: Dialect,
        templates: Vec<Template>,
        words: Vec<ReadoutWord>,
    ) -> Self {
        Self {
            model: model.into(),
            dialect,
            templates,
            words,
            top: 20_000,
            pass: Passthrough::default(),
            served_as: Vec::new(),
        }
    }

    /// Checks the parameters against the kind of server.
    ///
    /// # Errors
    /// [`ReadoutAskError`].
    pub fn check(self, shown: Shown) -> Result<ReadoutQuestions, ReadoutAskError> {
        if self.templates.is_empty() || self.words.len() < 2 {
            return Err(ReadoutAskError::Empty {
                templates: self.templates.len(),
                words: self.words.len(),
            });
        }
        let mut columns = HashMap::new();
        for (column, word) in self.words.iter().enumerate() {
            for spelling in spellings(&word.word) {
                if columns
                    .insert(spelling, column)
                    .is_some_and(|other| other != column)
                {
                    return Err(ReadoutAskError::Twice {
                        word: word.word.clone(),
                    });
                }
            }
        }
        if let Shown::Media(source) = &shown {
            let (kind, carrier) = source.carriage();
            self.dialect.media_part(kind, carrier)?;
        }
        let mut tails = Vec::new();
        for template in &self.templates {
            if template.asks() != Asks::Readout {
                return Err(ReadoutAskError::OddOneOut {
                    name: template.name.clone(),
                });
            }
            let tail = Tail {
                max_tokens: 1,
                temperature: Some(0.0),
                top_p: None,
                top_logprobs: Some(self.top),
                among: None,
                begun: template.reply.is_some(),
            };
            tails.push(
                serde_json::to_vec(&self.dialect.tail(&tail, &self.pass)?).unwrap_or_default(),
            );
        }
        Ok(ReadoutQuestions {
            params: self,
            shown,
            tails,
            columns,
        })
    }
}

impl ReadoutQuestions {
    /// The number of questions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.params.templates.len() * self.shown.n_stimuli()
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a readout of these questions is made with.
    #[must_use]
    pub fn provenance(&self) -> Map<String, Value> {
        let params = &self.params;
        let sums = params
            .templates
            .iter()
            .map(|t| (t.name.clone(), json!(t.sha256)));
        Map::from_iter([
            (
                "Model".to_owned(),
                json!({ "Name": params.model, "Server": params.dialect, "Fields": params.pass }),
            ),
            ("Templates".to_owned(), Value::Object(sums.collect())),
            ("Shown".to_owned(), self.shown.describe()),
            ("Tokens listed".to_owned(), params.top.into()),
        ])
    }

    /// The words, in column order.
    #[must_use]
    pub fn words(&self) -> &[ReadoutWord] {
        &self.params.words
    }

    /// How many tokens a server lists.
    #[must_use]
    pub const fn top(&self) -> u32 {
        self.params.top
    }

    /// The first word that a row has no value of.
    #[must_use]
    pub fn missing(&self, row: &Row) -> Option<&str> {
        let missing = row.values.iter().position(Option::is_none)?;
        Some(&self.params.words[missing].word)
    }

    /// A question; `None` past the last.
    ///
    /// # Errors
    /// [`RowFault`] with [`Cause::NotShown`] if the stimulus cannot be shown.
    pub fn request(&self, question: usize) -> Option<Result<Request, RowFault>> {
        let n = self.shown.n_stimuli();
        let template = self.params.templates.get(question.checked_div(n)?)?;
        let stimulus = StimulusId((question % n) as u32);
        let tail = &self.tails[question / n];
        Some(self.write(template, stimulus, tail).ok_or(RowFault {
            cause: Cause::NotShown,
        }))
    }

    fn write(&self, template: &Template, stimulus: StimulusId, tail: &[u8]) -> Option<Request> {
        let exhibit = self.shown.alone(stimulus).ok()?;
        let bytes = match &exhibit {
            Exhibit::Text(_) => 0,
            Exhibit::Media(media) => media
                .iter()
                .map(|medium| match &medium.content {
                    Content::Bytes(bytes) => bytes.len(),
                    Content::Url(_) => 0,
                })
                .sum(),
        };
        let mut conversation = Conversation::new(self.params.dialect, &self.params.model, bytes);
        if let Some(system) = &template.system {
            conversation.say("system", system);
        }
        let parts: Vec<Exhibit<'_>> = template
            .user
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Exhibit::Text(text.into()),
                Piece::Stimulus(_) => exhibit.clone(),
            })
            .collect();
        conversation.show("user", &parts).ok()?;
        if let Some(reply) = &template.reply {
            conversation.say("assistant", reply);
        }
        Some(conversation.finish(tail, None, 1, 512))
    }

    /// The row that a reply gives.
    ///
    /// # Errors
    /// [`RowFault`]: that of the reply, or [`Cause::Malformed`] if it lists no token.
    pub fn read(&self, reply: &Reply) -> Result<Row, RowFault> {
        let reply = ChatReply::read(reply).map_err(|cause| RowFault { cause })?;
        let ReadoutParams {
            dialect,
            model,
            served_as,
            ..
        } = &self.params;
        let replied = reply.model.as_deref();
        if replied.is_some_and(|replied| !dialect.serves(model, replied, served_as)) {
            return Err(RowFault {
                cause: Cause::WrongReply,
            });
        }
        let bound = reply
            .first
            .last()
            .ok_or(RowFault {
                cause: Cause::Malformed,
            })?
            .logprob as f32;
        let mut masses = vec![0.0_f64; self.params.words.len()];
        for TokenLogprob { token, logprob } in &reply.first {
            if let Some(&column) = self.columns.get(token) {
                masses[column] += logprob.exp();
            }
        }
        let value = |mass: f64| (mass > 0.0).then(|| mass.ln() as f32);
        Ok(Row {
            values: masses.into_iter().map(value).collect(),
            bound,
        })
    }

    /// An empty readout to fill with rows.
    ///
    /// # Errors
    /// [`ReadoutAskError::Stimuli`] if the stimuli are not as many as are shown.
    pub fn fill(&self, stimuli: StimulusSet) -> Result<ReadoutFill<'_>, ReadoutAskError> {
        let shown = self.shown.n_stimuli();
        if stimuli.len() != shown {
            return Err(ReadoutAskError::Stimuli {
                shown,
                stimuli: stimuli.len(),
            });
        }
        let shape = (self.params.templates.len(), shown, self.params.words.len());
        Ok(ReadoutFill {
            questions: self,
            stimuli,
            values: Array3::from_elem(shape, f32::NAN),
        })
    }
}

/// A readout while its rows come in, in any order.
#[derive(Debug)]
pub struct ReadoutFill<'a> {
    questions: &'a ReadoutQuestions,
    stimuli: StimulusSet,
    values: Array3<f32>,
}

impl ReadoutFill<'_> {
    /// Enters the row of a question; past the last question nothing is entered.
    pub fn enter(&mut self, question: usize, row: &Row) {
        let n = self.stimuli.len();
        let (prompt, stimulus) = (question / n, question % n);
        if prompt < self.values.dim().0 {
            let mut cells = self.values.slice_mut(ndarray::s![prompt, stimulus, ..]);
            for (cell, value) in cells.iter_mut().zip(&row.values) {
                *cell = value.unwrap_or(f32::NAN);
            }
        }
    }

    /// The readout, complete.
    ///
    /// # Errors
    /// [`ReadoutAskError::Incomplete`] if a value is missing: none is made up.
    pub fn finish(self) -> Result<Readout, ReadoutAskError> {
        let params = &self.questions.params;
        let mut missing = self
            .values
            .indexed_iter()
            .filter(|(_, value)| value.is_nan());
        if let Some(((_, _, word), _)) = missing.next() {
            return Err(ReadoutAskError::Incomplete {
                missing: 1 + missing.count(),
                cells: self.values.len(),
                word: params.words[word].word.clone(),
                top: params.top,
            });
        }
        drop(missing);
        let provenance = self.questions.provenance();
        let readout = Readout {
            words: params.words.clone(),
            prompts: params.templates.iter().map(written).collect(),
            stimuli: self.stimuli,
            values: self.values,
            provenance,
        };
        readout
            .check()
            .map_err(|error: ReadoutError| ReadoutAskError::Values(error.to_string()))
    }
}
