//! Which caption stands for a stimulus.

use super::exhibit::MediaError;
use crate::judge::trial_stream;
use emotome_stats::random::{CounterRng, Seed, mix};
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::Sha256Sum;
use emotome_triplets::Trial;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Which captions of a stimulus are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CaptionPolicy {
    /// Always the k-th, counted from 1. Stimuli with fewer captions are not shown.
    Number(u32),
    /// All, a line each.
    All,
    /// One drawn for each trial and stimulus, uniformly.
    Drawn {
        /// The seed of the draws.
        seed: u64,
    },
}

/// A policy that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptionPolicyError {
    /// Captions are counted from 1.
    #[error("caption 0 does not exist; captions are counted from 1")]
    Zero,
    /// Fewer than three stimuli can be shown.
    #[error(
        "only {shown} of {n} stimuli have a caption to show; expected at least 3: add captions to captions.tsv, or \
         take another caption than number {number}"
    )]
    TooFew {
        /// Stimuli that can be shown.
        shown: usize,
        /// All stimuli.
        n: usize,
        /// The caption asked for, or 1.
        number: u32,
    },
}

/// The captions of all stimuli and the policy by which one is taken. Cloning shares the texts.
#[derive(Debug, Clone)]
pub struct CaptionDeck {
    texts: Arc<Vec<Vec<String>>>,
    policy: CaptionPolicy,
    sha256: Sha256Sum,
}

impl CaptionDeck {
    /// The captions of each stimulus, in the order of ids.
    ///
    /// # Errors
    /// [`CaptionPolicyError`] if the policy leaves fewer than three stimuli to show.
    ///
    /// ```
    /// use emotome_judges::prompt::{CaptionDeck, CaptionPolicy};
    /// let texts = ["fog", "kiss", "wasp"].map(|text| vec![text.to_owned()]).to_vec();
    /// let deck = CaptionDeck::new(texts.clone(), CaptionPolicy::Number(1))?;
    /// assert!(deck.unshown().is_empty());
    /// assert!(CaptionDeck::new(texts, CaptionPolicy::Number(2)).is_err());
    /// # Ok::<(), emotome_judges::prompt::CaptionPolicyError>(())
    /// ```
    pub fn new(texts: Vec<Vec<String>>, policy: CaptionPolicy) -> Result<Self, CaptionPolicyError> {
        let number = match policy {
            CaptionPolicy::Number(0) => return Err(CaptionPolicyError::Zero),
            CaptionPolicy::Number(number) => number,
            _ => 1,
        };
        let mut all = Vec::new();
        for captions in &texts {
            all.extend((captions.len() as u64).to_le_bytes());
            for caption in captions {
                all.extend((caption.len() as u64).to_le_bytes());
                all.extend_from_slice(caption.as_bytes());
            }
        }
        let deck = Self {
            sha256: Sha256Sum::of(&all),
            texts: Arc::new(texts),
            policy,
        };
        let n = deck.n_stimuli();
        match n - deck.unshown().len() {
            shown @ 0..3 => Err(CaptionPolicyError::TooFew { shown, n, number }),
            _ => Ok(deck),
        }
    }

    /// The number of stimuli.
    #[must_use]
    pub fn n_stimuli(&self) -> usize {
        self.texts.len()
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> CaptionPolicy {
        self.policy
    }

    /// The checksum of all captions and their order.
    #[must_use]
    pub const fn sha256(&self) -> Sha256Sum {
        self.sha256
    }

    /// The captions of each stimulus.
    #[must_use]
    pub fn texts(&self) -> &[Vec<String>] {
        &self.texts
    }

    /// The stimuli that have no caption to show, ascending: trials with one of them fail.
    #[must_use]
    pub fn unshown(&self) -> Vec<StimulusId> {
        let needed = match self.policy {
            CaptionPolicy::Number(number) => number as usize,
            _ => 1,
        };
        let few = self
            .texts
            .iter()
            .enumerate()
            .filter(|(_, captions)| captions.len() < needed);
        few.map(|(row, _)| StimulusId(row as u32)).collect()
    }

    /// The number of the caption that is shown in a trial, counted from 0; `None` if all are, or none.
    #[must_use]
    pub fn drawn(&self, trial: &Trial, stimulus: StimulusId) -> Option<usize> {
        self.row(trial_stream(trial) ^ mix(u64::from(stimulus.0)), stimulus)
    }

    fn row(&self, stream: u64, stimulus: StimulusId) -> Option<usize> {
        let n = self.texts.get(stimulus.index())?.len();
        let row = match self.policy {
            CaptionPolicy::All => None,
            CaptionPolicy::Number(number) => Some(number as usize - 1),
            CaptionPolicy::Drawn { .. } if n == 0 => None,
            CaptionPolicy::Drawn { seed } => {
                let mut rng = CounterRng::new(Seed(seed).derive("caption of a trial"), stream);
                Some(rng.below(n as u64) as usize)
            }
        };
        row.filter(|&row| row < n)
    }

    /// The caption, or captions, of a stimulus; one that is drawn is drawn from `stream`.
    pub(super) fn at(&self, stream: u64, stimulus: StimulusId) -> Result<Cow<'_, str>, MediaError> {
        let texts = self
            .texts
            .get(stimulus.index())
            .map_or(&[][..], Vec::as_slice);
        let text = match self.policy {
            CaptionPolicy::All if texts.len() > 1 => Some(Cow::Owned(texts.join("\n"))),
            CaptionPolicy::All => texts.first().map(|text| text.as_str().into()),
            _ => self
                .row(stream, stimulus)
                .map(|row| texts[row].as_str().into()),
        };
        text.ok_or_else(|| MediaError {
            stimulus,
            what: match self.policy {
                CaptionPolicy::Number(number) => {
                    format!("it has {} captions, not {number}", texts.len())
                }
                _ => "it has no caption".to_owned(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_triplets::{Split, Triplet};

    fn trial(items: [u32; 3], replicate: u16) -> Trial {
        Trial {
            number: 0,
            triplet: Triplet::new(items.map(StimulusId)).unwrap(),
            replicate,
            split: Split::Train,
        }
    }

    fn texts() -> Vec<Vec<String>> {
        (0..4)
            .map(|s| (0..5).map(|k| format!("{s}-{k}")).collect())
            .collect()
    }

    #[test]
    fn draws_differ_between_trials_and_stimuli_and_are_the_same_again() {
        let deck = CaptionDeck::new(texts(), CaptionPolicy::Drawn { seed: 1 }).unwrap();
        let mut counts = [0_usize; 5];
        let mut together = 0;
        for replicate in 0..2_000 {
            let trial = trial([0, 1, 2], replicate);
            let rows = [0, 1].map(|s| deck.drawn(&trial, StimulusId(s)).unwrap());
            assert_eq!(
                deck.at(trial_stream(&trial) ^ mix(1), StimulusId(1))
                    .unwrap(),
                format!("1-{}", rows[1])
            );
            counts[rows[0]] += 1;
            together += usize::from(rows[0] == rows[1]);
        }
        assert!(counts.iter().all(|n| (320..480).contains(n)), "{counts:?}");
        assert!(
            (320..480).contains(&together),
            "{together} of 2000 alike, 400 expected"
        );
    }

    #[test]
    fn stimuli_without_the_caption_are_named() {
        let mut some = texts();
        some[2].truncate(1);
        let deck = CaptionDeck::new(some, CaptionPolicy::Number(2)).unwrap();
        assert_eq!(deck.unshown(), [StimulusId(2)]);
        let error = deck.at(0, StimulusId(2)).unwrap_err();
        assert!(error.to_string().contains("1 captions, not 2"), "{error}");
        assert_eq!(deck.at(0, StimulusId(3)).unwrap(), "3-1");
        assert!(deck.at(0, StimulusId(9)).is_err());
        let all = CaptionDeck::new(texts(), CaptionPolicy::All).unwrap();
        assert_eq!(all.at(0, StimulusId(0)).unwrap(), "0-0\n0-1\n0-2\n0-3\n0-4");
    }

    #[test]
    fn the_checksum_sees_where_a_caption_ends() {
        let of = |texts: &[&[&str]]| {
            let texts = texts
                .iter()
                .map(|t| t.iter().map(|t| (*t).to_owned()).collect())
                .collect();
            CaptionDeck::new(texts, CaptionPolicy::All)
                .unwrap()
                .sha256()
        };
        assert_ne!(
            of(&[&["ab", "c"], &["d"], &["e"]]),
            of(&[&["a", "bc"], &["d"], &["e"]])
        );
        assert_ne!(
            of(&[&["ab"], &["d"], &["e"]]),
            of(&[&["ab"], &["e"], &["d"]])
        );
    }
}
