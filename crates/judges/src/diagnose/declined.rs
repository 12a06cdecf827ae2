//! Which trials ended without a choice, and are they spread evenly over the stimuli?

use super::finding::percent;
use super::{DiagnoseParams, Finding, Judged, Severity};
use emotome_stats::interval::wilson;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_triplets::Outcome;
use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Why a trial has no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Without {
    /// The agent declined.
    Refused,
    /// No answer in the asked form, or several.
    Unclear,
    /// It failed or timed out, for reasons outside the agent.
    Failed,
}

impl Without {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Unclear, Self::Failed];

    /// Which of them an outcome is; `None` for a choice.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Chosen(_) => None,
            Outcome::Refused => Some(Self::Refused),
            Outcome::Invalid | Outcome::Ambiguous => Some(Self::Unclear),
            Outcome::Failed | Outcome::TimedOut => Some(Self::Failed),
        }
    }

    /// Name, advice on its rate, and name by stimulus, with the words for both.
    const fn words(self) -> [&'static str; 5] {
        match self {
            Self::Refused => [
                "refusals",
                "were refused",
                "refused trials are missing not at random: report them by category, and how the result changes \
                 without the stimuli concerned; never fill them in",
                "refusals-by-stimulus",
                "refused",
            ],
            Self::Unclear => [
                "unclear-answers",
                "had no answer in the asked form, or several",
                "read some of the raw replies; ask again with a short constrained form, or score the answer \
                 tokens instead of parsing text",
                "unclear-by-stimulus",
                "left without a clear answer",
            ],
            Self::Failed => [
                "failures",
                "failed or timed out for reasons outside the agent",
                "collect them again",
                "failures-by-stimulus",
                "lost to failures or time limits",
            ],
        }
    }
}

/// How often each stimulus was shown, and in trials without a choice; one showing a triplet.
#[derive(Debug, Clone)]
pub struct Missing {
    /// All trials, and of these those without a choice, by [`Without`].
    pub(super) trials: u64,
    pub(super) trials_without: [u64; 3],
    /// Distinct triplets, and of these those without a choice.
    pub(super) triplets: u64,
    pub(super) triplets_without: [u64; 3],
    pub(super) shown: Vec<u64>,
    pub(super) without: [Vec<u64>; 3],
}

impl Missing {
    pub(super) fn new(n_stimuli: usize) -> Self {
        Self {
            trials: 0,
            trials_without: [0; 3],
            triplets: 0,
            triplets_without: [0; 3],
            shown: vec![0; n_stimuli],
            without: std::array::from_fn(|_| vec![0; n_stimuli]),
        }
    }

    pub(super) fn push(&mut self, (trial, outcome): &Judged, counts: bool) {
        let kind = Without::of(*outcome).map(|kind| kind as usize);
        self.trials += 1;
        if let Some(kind) = kind {
            self.trials_without[kind] += 1;
        }
        if counts {
            self.triplets += 1;
            if let Some(kind) = kind {
                self.triplets_without[kind] += 1;
            }
            for id in trial.triplet.items() {
                self.shown[id.index()] += 1;
                if let Some(kind) = kind {
                    self.without[kind][id.index()] += 1;
                }
            }
        }
    }

    /// Distinct triplets that showed each stimulus.
    #[must_use]
    pub fn shown(&self) -> &[u64] {
        &self.shown
    }

    /// Of these, the ones without a choice for one reason.
    #[must_use]
    pub fn without(&self, kind: Without) -> &[u64] {
        &self.without[kind as usize]
    }

    /// Of these, the ones without a choice for any reason, by stimulus.
    #[must_use]
    pub fn without_any(&self) -> Vec<u64> {
        let [a, b, c] = &self.without;
        (0..a.len()).map(|i| a[i] + b[i] + c[i]).collect()
    }

    /// For each stimulus, whether its trials lack a choice more often than all trials do:
    /// binomial upper tails, adjusted over stimuli by Benjamini and Hochberg. NaN for one never shown.
    #[must_use]
    pub fn adjusted(&self, missing: &[u64]) -> Vec<f64> {
        // Every trial shows three stimuli.
        let overall = missing.iter().sum::<u64>() as f64 / self.shown.iter().sum::<u64>() as f64;
        let p: Vec<f64> = self
            .shown
            .iter()
            .zip(missing)
            .map(|(&shown, &missing)| match (shown, missing) {
                (0, _) => f64::NAN,
                (_, 0) => 1.0,
                (shown, missing) => Binomial::new(overall, shown)
                    .map_or(f64::NAN, |binomial| binomial.sf(missing - 1)),
            })
            .collect();
        benjamini_hochberg(&p)
    }

    pub(super) fn findings(&self, params: &DiagnoseParams) -> Vec<Finding> {
        Without::ALL
            .into_iter()
            .flat_map(|kind| [self.rate(kind, params), self.by_stimulus(kind, params)])
            .collect()
    }

    fn rate(&self, kind: Without, params: &DiagnoseParams) -> Finding {
        let [name, what, advice, ..] = kind.words();
        let total = self.trials as f64;
        let count = self.trials_without[kind as usize] as f64;
        let share = count / total;
        let severity = match share {
            0.0 => Severity::Fine,
            _ if share < params.missing => Severity::Note,
            _ if share < params.missing_large => Severity::Warning,
            _ => Severity::Serious,
        };
        Finding::new(
            name,
            severity,
            share,
            format!("{count} of {total} trials ({}) {what}", percent(share)),
        )
        .n(total)
        .interval(wilson(count, total, 0.95))
        .expected(0.0)
        .advise(advice)
    }

    fn by_stimulus(&self, kind: Without, params: &DiagnoseParams) -> Finding {
        let [.., name, what] = kind.words();
        let (shown, missing) = (&self.shown, self.without(kind));
        let n = shown.len();
        let overall = self.triplets_without[kind as usize] as f64 / self.triplets as f64;
        let adjusted = self.adjusted(missing);
        let share = |i: usize| missing[i] as f64 / shown[i] as f64;
        let mut flagged: Vec<usize> = (0..n).filter(|&i| adjusted[i] <= params.alpha).collect();
        flagged.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then(a.cmp(&b)));
        let severity = match flagged.first() {
            None => Severity::Fine,
            Some(&worst) if share(worst) < 0.5 => Severity::Warning,
            Some(_) => Severity::Serious,
        };
        let explanation = if missing.iter().all(|&count| count == 0) {
            format!("no trial was {what}")
        } else if flagged.is_empty() {
            format!(
                "no stimulus was {what} more often than the overall {}",
                percent(overall)
            )
        } else {
            format!(
                "{} of {n} stimuli were {what} more often than the overall {} (false-discovery rate {})",
                flagged.len(),
                percent(overall),
                params.alpha,
            )
        };
        let smallest = adjusted
            .iter()
            .copied()
            .filter(|p| !p.is_nan())
            .fold(1.0, f64::min);
        Finding::new(name, severity, flagged.len() as f64, explanation)
        .expected(0.0)
        .p(smallest)
        .stimuli(flagged.iter().map(|&i| (i as u32, share(i))).collect())
        .advise(
            "choices about these stimuli are missing not at random: report them as a list, check that the \
             agent can open them, and show that the result holds without them",
        )
    }
}
