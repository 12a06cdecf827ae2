//! Everything that makes a model's answers what they are.

use super::AnyDialogue;
use super::choice::Choice;
use super::free::Free;
use super::logprob::Logprob;
use super::questions::Questions;
use crate::chat::{Dialect, Passthrough, Unsupported};
use crate::prompt::{Asks, Shown, Template};
use serde::{Deserialize, Serialize};

/// How a model is asked.
///
/// | parameter | default | |
/// |---|---|---|
/// | `decoding.temperature` | 0 | |
/// | `decoding.send_temperature` | yes | |
/// | `decoding.top_p` | not sent | |
/// | `seed` | 0 | of the requests, of ties and of the audit |
/// | `send_seed` | yes | a seed per trial, so that repeats are independent draws |
/// | `served_as` | none | further names under which replies come from this model |
/// | `keep` | 65,536 | bytes kept of a reply |
/// | `tokens_per_medium` | 512 | for token limits only |
#[derive(Debug, Clone)]
pub struct AskParams {
    /// The model, as the server calls it.
    pub model: String,
    /// The kind of server.
    pub dialect: Dialect,
    /// The answer mode.
    pub mode: Mode,
    /// The prompt.
    pub template: Template,
    /// How tokens are drawn.
    pub decoding: Decoding,
    /// Fields that go to the server as they are.
    pub pass: Passthrough,
    /// The seed.
    pub seed: u64,
    /// Whether requests bear a seed.
    pub send_seed: bool,
    /// Further names under which replies come from this model. Besides them, the name asked for and
    /// its dated snapshots (`NAME-2026-…`) are accepted, and any from llama.cpp, which serves one model.
    pub served_as: Vec<String>,
    /// The most bytes kept of a reply.
    pub keep: usize,
    /// Tokens that a picture or clip may take, for token limits.
    pub tokens_per_medium: u32,
}

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Decoding {
    /// Sampling temperature.
    pub temperature: f64,
    /// Whether it is sent: some hosted models take no temperature but their own.
    pub send_temperature: bool,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
}

impl Default for Decoding {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            send_temperature: true,
            top_p: None,
        }
    }
}

/// How answers are given. Different modes are different experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "mode",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Mode {
    /// Free text with the answer in a fixed form.
    Free {
        /// The most tokens of the reply; 1,024 by default.
        #[serde(default = "free_tokens")]
        max_tokens: u32,
        /// How often a reply without an answer, or with several, is asked again; 1 by default.
        #[serde(default = "one")]
        reasks: u8,
        /// The most tokens of a reply to that; 64 by default.
        #[serde(default = "reask_tokens")]
        reask_tokens: u32,
    },
    /// A label that the server makes sure of.
    Choice {
        /// The most tokens of the reply; 32 by default, room for `{"answer": "1"}`.
        #[serde(default = "choice_tokens")]
        max_tokens: u32,
        /// The share of trials with an extra, unconstrained request; 0.02 by default.
        #[serde(default = "audit")]
        audit: f64,
    },
    /// The probability of each label as the first token of the reply. A model that thinks first has
    /// none: turn its thinking off (`chat_template_kwargs`).
    Logprob {
        /// In which orders each trial is presented; three cyclic by default.
        #[serde(default)]
        orders: Orders,
        /// How many of the most probable tokens are listed; 20 by default.
        #[serde(default = "top")]
        top: u32,
        /// Whether the server may choose among the labels only; no by default. (vLLM then gives
        /// probabilities among the labels alone, llama.cpp those among all tokens.)
        #[serde(default)]
        constrain: bool,
        /// The share of trials with an extra, unconstrained request if `constrain` is on; 0.02 by
        /// default. Without it every reply tells the probability off the labels.
        #[serde(default = "audit")]
        audit: f64,
    },
}

const fn free_tokens() -> u32 {
    1024
}
const fn one() -> u8 {
    1
}
const fn reask_tokens() -> u32 {
    64
}
const fn choice_tokens() -> u32 {
    32
}
const fn audit() -> f64 {
    0.02
}
const fn top() -> u32 {
    20
}

/// In which orders a trial is presented, beginning with its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orders {
    /// As the trial has it.
    One,
    /// Each stimulus once at each place.
    #[default]
    Cyclic,
    /// All six.
    All,
}

impl Orders {
    /// The places of the trial in presented order.
    #[must_use]
    pub const fn list(self) -> &'static [[usize; 3]] {
        const ALL: [[usize; 3]; 6] = [
            [0, 1, 2],
            [1, 2, 0],
            [2, 0, 1],
            [0, 2, 1],
            [1, 0, 2],
            [2, 1, 0],
        ];
        let (cyclic, _) = ALL.split_at(3);
        match self {
            Self::One => cyclic.split_at(1).0,
            Self::Cyclic => cyclic,
            Self::All => &ALL,
        }
    }
}

impl Mode {
    /// Free text, by default.
    pub const FREE: Self = Self::Free {
        max_tokens: free_tokens(),
        reasks: one(),
        reask_tokens: reask_tokens(),
    };

    /// A label, by default.
    pub const CHOICE: Self = Self::Choice {
        max_tokens: choice_tokens(),
        audit: audit(),
    };

    /// Probabilities, by default.
    pub const LOGPROB: Self = Self::Logprob {
        orders: Orders::Cyclic,
        top: top(),
        constrain: false,
        audit: audit(),
    };

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free { .. } => "free",
            Self::Choice { .. } => "choice",
            Self::Logprob { .. } => "logprob",
        }
    }
}

/// Why a model cannot be asked so.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The server cannot do it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The template asks for something else.
    #[error(
        "template {name:?} shows one stimulus, for a readout; expected one that shows {{first}}, {{second}} and {{third}}"
    )]
    Readout {
        /// The template.
        name: String,
    },
    /// There are no words to ask again.
    #[error(
        "template {name:?} has no entry `again`, but {reasks} re-asks are set; add it, or set reasks = 0"
    )]
    NoAgain {
        /// The template.
        name: String,
        /// Re-asks set.
        reasks: u8,
    },
    /// A number is out of its range.
    #[error("{name} = {found}; expected {expected}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// Its value.
        found: f64,
        /// The range.
        expected: &'static str,
    },
    /// The model has no name.
    #[error("the judge names no model; give the name under which the server lists it")]
    NoModel,
}

impl AskParams {
    /// Parameters with the defaults of the table.
    #[must_use]
    pub fn new(model: impl Into<String>, dialect: Dialect, mode: Mode, template: Template) -> Self {
        Self {
            model: model.into(),
            dialect,
            mode,
            template,
            decoding: Decoding::default(),
            pass: Passthrough::default(),
            seed: 0,
            send_seed: true,
            served_as: Vec::new(),
            keep: 1 << 16,
            tokens_per_medium: 512,
        }
    }

    /// Checks the parameters against the kind of server and makes the dialogue.
    ///
    /// ```
    /// use emotome_judges::answer::{AskParams, Mode, Orders};
    /// use emotome_judges::chat::Dialect;
    /// use emotome_judges::prompt::{CaptionDeck, CaptionPolicy, Shown, presets};
    /// let texts = ["fog", "kiss", "wasp"].map(|text| vec![text.to_owned()]).to_vec();
    /// let shown = Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Number(1))?);
    /// let mode = Mode::Logprob { orders: Orders::Cyclic, top: 20, constrain: false, audit: 0.02 };
    /// let params = AskParams::new("m", Dialect::Vllm, mode, presets::get("choose-captions")?);
    /// assert_eq!(params.check(shown)?.n_stimuli(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AskError`] says what cannot be and what to do; nothing is changed silently.
    pub fn check(self, shown: Shown) -> Result<AnyDialogue, AskError> {
        let range = |name, found: f64, range: std::ops::RangeInclusive<f64>, expected| match range
            .contains(&found)
        {
            true => Ok(()),
            false => Err(AskError::Range {
                name,
                found,
                expected,
            }),
        };
        if self.model.trim().is_empty() {
            return Err(AskError::NoModel);
        }
        range(
            "temperature",
            self.decoding.temperature,
            0.0..=100.0,
            "a number from 0 to 100",
        )?;
        range(
            "top-p",
            self.decoding.top_p.unwrap_or(1.0),
            1e-9..=1.0,
            "a share above 0, up to 1",
        )?;
        range(
            "keep",
            self.keep as f64,
            0.0..=(1 << 20) as f64,
            "at most 1,048,576 bytes of a reply",
        )?;
        if self.template.asks() != Asks::OddOneOut {
            return Err(AskError::Readout {
                name: self.template.name,
            });
        }
        if let Shown::Media(source) = &shown {
            let (kind, carrier) = source.carriage();
            self.dialect.media_part(kind, carrier)?;
        }
        let tokens = "at least 1 token";
        match self.mode {
            Mode::Free {
                max_tokens,
                reasks,
                reask_tokens,
            } => {
                range("max-tokens", max_tokens.into(), 1.0..=1e9, tokens)?;
                range("reask-tokens", reask_tokens.into(), 1.0..=1e9, tokens)?;
                range("reasks", reasks.into(), 0.0..=8.0, "at most 8")?;
                if reasks > 0 && self.template.again.is_none() {
                    return Err(AskError::NoAgain {
                        name: self.template.name,
                        reasks,
                    });
                }
                Ok(Box::new(Free::new(
                    Questions::new(self, shown),
                    max_tokens,
                    reasks,
                    reask_tokens,
                )?))
            }
            Mode::Choice { max_tokens, audit } => {
                range("max-tokens", max_tokens.into(), 1.0..=1e9, tokens)?;
                range("audit", audit, 0.0..=1.0, "a share from 0 to 1")?;
                Ok(Box::new(Choice::new(
                    Questions::new(self, shown),
                    max_tokens,
                    audit,
                )?))
            }
            Mode::Logprob {
                orders,
                top,
                constrain,
                audit,
            } => {
                range(
                    "top",
                    top.into(),
                    3.0..=1e6,
                    "at least 3, one for each answer",
                )?;
                range("audit", audit, 0.0..=1.0, "a share from 0 to 1")?;
                let audit = if constrain { audit } else { 0.0 };
                Ok(Box::new(Logprob::new(
                    Questions::new(self, shown),
                    orders,
                    top,
                    constrain,
                    audit,
                )?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_orders_is_balanced() {
        for orders in [Orders::Cyclic, Orders::All] {
            let mut counts = [[0; 3]; 3];
            for order in orders.list() {
                for (shown, &place) in order.iter().enumerate() {
                    counts[shown][place] += 1;
                }
            }
            let expected = orders.list().len() / 3;
            assert!(counts.iter().flatten().all(|&n| n == expected));
        }
        assert_eq!(Orders::One.list(), [[0, 1, 2]]);
    }

    #[test]
    fn modes_are_read_with_their_defaults_and_strictly() {
        let mode = |text: &str| toml::from_str::<Mode>(text);
        let expected = Mode::Logprob {
            orders: Orders::Cyclic,
            top: 20,
            constrain: false,
            audit: 0.02,
        };
        assert_eq!(mode("mode = 'logprob'").unwrap(), expected);
        assert_eq!(
            mode("mode = 'free'\nmax-tokens = 5\nreasks = 0").unwrap(),
            Mode::Free {
                max_tokens: 5,
                reasks: 0,
                reask_tokens: 64
            }
        );
        assert!(mode("mode = 'choice'\norders = 'all'").is_err());
    }
}
