//! Standardising each voxel over its samples, and what its runs and sessions explain.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::sample::Sample;

/// Over which samples a voxel is standardised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Not at all.
    None,
    /// Over all samples at once, as Horikawa et al. (2020).
    Global,
    /// Within each session.
    Session,
    /// Within each run.
    Run,
}

/// What standardising does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Subtracts the mean.
    Centre,
    /// Subtracts the mean and divides by the standard deviation.
    Zscore,
}

/// Which samples the mean and the deviation come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// All stored samples, those left out of analyses too, as Horikawa et al. (2020).
    All,
    /// Samples that take part in analyses.
    Kept,
}

/// How responses are standardised, voxel by voxel: z = (x − mean) / sd, computed in 64 bits, stored in 32.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `scope` | `None` | samples to standardise over |
/// | `scale` | `Zscore` | centre only, or divide too |
/// | `ddof` | 1 | sd² = Σ(x − mean)² / (n − ddof) |
/// | `over` | `All` | samples that the mean and sd come from |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standardisation {
    /// Over which samples.
    pub scope: Scope,
    /// What is done.
    pub scale: Scale,
    /// Delta degrees of freedom of the variance.
    pub ddof: usize,
    /// Samples that the moments come from.
    pub over: Over,
}

impl Default for Standardisation {
    fn default() -> Self {
        Self {
            scope: Scope::None,
            scale: Scale::Zscore,
            ddof: 1,
            over: Over::All,
        }
    }
}

/// What the means of runs and sessions explain of the variance of the responses as they came, and what
/// chance alone would: (groups − 1) / (samples − 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeansExplain {
    /// Share of the sum of squares between runs.
    pub runs: f64,
    /// The share expected by chance.
    pub runs_by_chance: f64,
    /// Share of the sum of squares between sessions.
    pub sessions: f64,
    /// The share expected by chance.
    pub sessions_by_chance: f64,
}

/// Groups of samples: for each sample its group, and the number and size of each.
#[derive(Debug, Clone)]
struct Groups {
    of: Vec<u32>,
    numbers: Vec<u32>,
    /// Samples that count, in each group.
    counts: Vec<usize>,
}

impl Groups {
    fn new(samples: &[Sample], counted: &[bool], number: impl Fn(&Sample) -> u32) -> Self {
        let mut numbers: Vec<u32> = samples.iter().map(&number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let of: Vec<u32> = samples
            .iter()
            .map(|s| numbers.partition_point(|&other| other < number(s)) as u32)
            .collect();
        let mut counts = vec![0; numbers.len()];
        for (&group, &counted) in of.iter().zip(counted) {
            counts[group as usize] += usize::from(counted);
        }
        Self {
            of,
            numbers,
            counts,
        }
    }

    /// Means of the counted samples, and the sum of squares about them.
    fn moments(&self, row: &[f32], counted: &[bool], means: &mut Vec<f64>, squares: &mut Vec<f64>) {
        means.clear();
        means.resize(self.counts.len(), 0.0);
        squares.clear();
        squares.resize(self.counts.len(), 0.0);
        let each = || row.iter().zip(&self.of).zip(counted).filter(|(_, c)| **c);
        for ((&x, &group), _) in each() {
            means[group as usize] += f64::from(x);
        }
        for (mean, &n) in means.iter_mut().zip(&self.counts) {
            *mean /= n as f64;
        }
        for ((&x, &group), _) in each() {
            let difference = f64::from(x) - means[group as usize];
            squares[group as usize] += difference * difference;
        }
    }
}

/// What is found in one voxel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Found {
    /// Samples that are not finite.
    pub(super) not_finite: u32,
    /// Runs of two samples or more in which it does not vary.
    pub(super) constant_runs: u32,
    /// Runs that hold a value that is not finite.
    pub(super) broken_runs: u32,
    /// Sum of squares about the mean; of it between runs, and between sessions.
    pub(super) total: f64,
    pub(super) between_runs: f64,
    pub(super) between_sessions: f64,
    /// Whether it cannot be divided by its standard deviation.
    pub(super) no_deviation: bool,
}

impl Found {
    pub(super) const fn usable(&self) -> bool {
        self.not_finite == 0 && self.constant_runs == 0 && !self.no_deviation
    }
}

/// Standardises voxels of one set of samples.
#[derive(Debug, Clone)]
pub(super) struct Standardiser {
    how: Standardisation,
    all: Vec<bool>,
    counted: Vec<bool>,
    runs: Groups,
    sessions: Groups,
    scope: Groups,
}

impl Standardiser {
    pub(super) fn new(how: Standardisation, samples: &[Sample]) -> Result<Self, StoreError> {
        let all = vec![true; samples.len()];
        let counted = match how.over {
            Over::All => all.clone(),
            Over::Kept => samples.iter().map(Sample::kept).collect(),
        };
        let (name, scope) = match how.scope {
            Scope::None | Scope::Global => ("subject", Groups::new(samples, &counted, |_| 0)),
            Scope::Session => ("session", Groups::new(samples, &counted, |s| s.session)),
            Scope::Run => ("run", Groups::new(samples, &counted, |s| s.run)),
        };
        let least = match (how.scope, how.scale) {
            (Scope::None, _) => 0,
            (_, Scale::Centre) => 1,
            (_, Scale::Zscore) => how.ddof.saturating_add(2).max(2),
        };
        if let Some(small) = scope.counts.iter().position(|&n| n < least) {
            return Err(StoreError::SmallGroup {
                scope: name,
                number: scope.numbers[small],
                n: scope.counts[small],
                ddof: how.ddof,
            });
        }
        Ok(Self {
            how,
            runs: Groups::new(samples, &all, |s| s.run),
            sessions: Groups::new(samples, &all, |s| s.session),
            scope,
            all,
            counted,
        })
    }

    /// Looks at the samples of one voxel and standardises them in place if the voxel is usable.
    pub(super) fn voxel(&self, row: &mut [f32]) -> Found {
        let mut found = Found::default();
        let groups = self.runs.counts.len();
        let mut first = vec![None; groups];
        let mut varies = vec![false; groups];
        let mut broken = vec![false; groups];
        for (&x, &run) in row.iter().zip(&self.runs.of) {
            let run = run as usize;
            if !x.is_finite() {
                found.not_finite += 1;
                broken[run] = true;
            }
            varies[run] |= *first[run].get_or_insert(x) != x;
        }
        for run in 0..groups {
            found.broken_runs += u32::from(broken[run]);
            found.constant_runs +=
                u32::from(!varies[run] && !broken[run] && self.runs.counts[run] > 1);
        }
        if found.not_finite > 0 {
            return found;
        }
        let (mut means, mut squares) = (Vec::new(), Vec::new());
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / row.len() as f64;
        let square = |x: &f32| (f64::from(*x) - mean).powi(2);
        found.total = row.iter().map(square).sum();
        for (groups, between) in [
            (&self.runs, &mut found.between_runs),
            (&self.sessions, &mut found.between_sessions),
        ] {
            groups.moments(row, &self.all, &mut means, &mut squares);
            *between = (found.total - squares.iter().sum::<f64>()).max(0.0);
        }
        if self.how.scope == Scope::None {
            return found;
        }
        self.scope
            .moments(row, &self.counted, &mut means, &mut squares);
        let scale: Vec<f64> = match self.how.scale {
            Scale::Centre => vec![1.0; means.len()],
            Scale::Zscore => squares
                .iter()
                .zip(&self.scope.counts)
                .map(|(square, &n)| (square / (n - self.how.ddof) as f64).sqrt())
                .collect(),
        };
        found.no_deviation = scale.contains(&0.0);
        if found.usable() {
            for (x, &group) in row.iter_mut().zip(&self.scope.of) {
                let group = group as usize;
                *x = ((f64::from(*x) - means[group]) / scale[group]) as f32;
            }
        }
        found
    }

    /// Shares of variance from sums over voxels.
    pub(super) fn shares(&self, total: f64, runs: f64, sessions: f64) -> MeansExplain {
        let share = |part: f64| if total > 0.0 { part / total } else { 0.0 };
        let chance =
            |groups: &Groups| (groups.numbers.len() - 1) as f64 / (groups.of.len() - 1) as f64;
        MeansExplain {
            runs: share(runs),
            runs_by_chance: chance(&self.runs),
            sessions: share(sessions),
            sessions_by_chance: chance(&self.sessions),
        }
    }
}

impl Standardisation {
    /// What a reader of results must know if run or session means were left in.
    ///
    /// Said when a share exceeds twice what chance gives and five points more; none otherwise.
    pub fn warning(&self, explain: &MeansExplain) -> Option<String> {
        let much = |share: f64, chance: f64| share > 2.0 * chance && share > chance + 0.05;
        let (what, share, chance, remedy) =
            if self.scope != Scope::Run && much(explain.runs, explain.runs_by_chance) {
                ("run", explain.runs, explain.runs_by_chance, "run-wise")
            } else if !matches!(self.scope, Scope::Run | Scope::Session)
                && much(explain.sessions, explain.sessions_by_chance)
            {
                (
                    "session",
                    explain.sessions,
                    explain.sessions_by_chance,
                    "session-wise",
                )
            } else {
                return None;
            };
        Some(format!(
            "{what} means explain {:.1} % of the variance of the responses ({:.1} % by chance) and are left in: \
             stimuli of one {what} will look alike; z-score {remedy}, or exclude pairs within a run",
            100.0 * share,
            100.0 * chance
        ))
    }
}
