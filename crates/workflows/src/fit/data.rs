//! What a model is fitted to and scored on, read and split without leaks.

use super::{FitRequest, Half, HeldOut, MarkedSplits, Method, part};
use crate::WorkflowError;
use crate::choices::{self, ChoiceFile};
use crate::write::refuse_existing;
use emotome_embedding::train::{FitError, TrainingData};
use emotome_judges::tripletize::pair_probabilities;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::read_matrix;
use emotome_stimuli::run::Run;
use emotome_triplets::split::{SplitError, check_disjoint, split};
use emotome_triplets::{ChoiceSet, Split};
use std::path::{Path, PathBuf};

/// What a model is fitted to and scored on.
pub(super) struct Data {
    pub(super) train: ChoiceSet,
    pub(super) validation: ChoiceSet,
    pub(super) test: ChoiceSet,
    /// Soft labels of the training choices.
    targets: Option<Vec<[f32; 3]>>,
    pub(super) marked: Option<MarkedSplits>,
    pub(super) agent: Option<String>,
    pub(super) stimuli: Option<StimulusSet>,
    pub(super) n_inferred: bool,
}

impl Data {
    pub(super) fn read(request: &FitRequest, run: Run<'_>) -> Result<Self, WorkflowError> {
        let files = [
            "embedding.npz",
            "embedding.tsv",
            "embedding.json",
            "history.tsv",
        ];
        refuse_existing(request.overwrite, files.map(|file| request.out.join(file)))?;
        let imported = choices::read(&request.triplets, None, run)?;
        let (path, named) = (&request.triplets.path, request.agent.as_deref());
        let (mut all, extras) = (imported.table.choices, imported.table.extras);
        let mut targets = match &request.targets {
            Some(path) => Some(soft_labels(path, &all)?),
            None => None,
        };
        let stimuli = imported.stimuli;
        let agent = choices::one_agent(path, extras.agent.as_ref(), named)?;
        if agent.is_none() && named.is_some() {
            return Err(WorkflowError::NoAgents { path: path.clone() });
        }
        let mut splits = extras.split.filter(|_| !request.ignore_splits);
        if let Some((_, rows)) = agent.as_ref().filter(|(_, rows)| rows.len() < all.len()) {
            all = all.select(rows.iter().copied());
            targets = targets.map(|q| rows.iter().map(|&row| q[row]).collect());
            splits = splits.map(|splits| rows.iter().map(|&row| splits[row]).collect());
        }
        if let Some(half) = request.half {
            let rows = half.rows(all.len(), request.seed);
            all = all.select(rows.iter().copied());
            targets = targets.map(|q| rows.iter().map(|&row| q[row]).collect());
            splits = splits.map(|splits| rows.iter().map(|&row| splits[row]).collect());
        }
        let marked = splits.as_deref().map(MarkedSplits::of);
        let (main, held_out, full_set, targets) = match &splits {
            None => (all, None, None, targets),
            Some(splits) => {
                let part = |wanted| part(&all, splits, wanted);
                let targets = targets.map(|q| {
                    let marked = q.into_iter().zip(splits);
                    let train = marked.filter(|(_, split)| **split == Split::Train);
                    train.map(|(q, _)| q).collect()
                });
                let held_out = [part(Split::Validation), part(Split::Test)];
                let held_out = Some(held_out).filter(|parts| parts.iter().any(|p| !p.is_empty()));
                let full_set = Some(part(Split::FullSet));
                (part(Split::Train), held_out, full_set, targets)
            }
        };
        if let Some(marked) = marked {
            let path = path.clone();
            if main.is_empty() {
                return Err(WorkflowError::NothingToTrainOn { path, marked });
            }
            if held_out.is_some() && !matches!(request.held_out, HeldOut::Marked { .. }) {
                return Err(WorkflowError::HeldOutTwice { path, marked });
            }
        }
        let (parts, targets) = match (&request.held_out, held_out) {
            (_, Some([validation, test])) => (disjoint([main, validation, test])?, targets),
            (HeldOut::Marked { otherwise: shares } | HeldOut::Shares(shares), None) => {
                let rows = split(&main, *shares, &[], request.seed)?;
                let targets = targets.map(|q| rows.train.iter().map(|&row| q[row]).collect());
                let parts = [rows.train, rows.validation, rows.test];
                (parts.map(|rows| main.select(rows)), targets)
            }
            (HeldOut::Files { validation, test }, None) => {
                let n = main.n_stimuli();
                let target = stimuli
                    .as_ref()
                    .map(|set| (request.triplets.path.as_path(), set));
                let load = |path: &Option<PathBuf>| -> Result<ChoiceSet, WorkflowError> {
                    let Some(path) = path else {
                        return Ok(ChoiceSet::empty(n));
                    };
                    let file = ChoiceFile {
                        format: request.triplets.format,
                        n_stimuli: target.is_none().then_some(n),
                        ..ChoiceFile::new(path.clone())
                    };
                    let table = choices::read(&file, target, run)?.table;
                    let labels = table.extras.agent.as_ref();
                    Ok(match choices::one_agent(path, labels, named)? {
                        Some((_, rows)) => table.choices.select(rows),
                        None => table.choices,
                    })
                };
                (disjoint([main, load(validation)?, load(test)?])?, targets)
            }
        };
        let [train, validation, test] = parts;
        if let Some(full_set) = &full_set {
            check_disjoint(&[("train", &train), ("full set", full_set)])?;
        }
        if let Some(marked) = marked {
            run.progress.note(&marked.told(path));
        }
        Ok(Self {
            train,
            validation,
            test,
            targets,
            marked,
            agent: agent.map(|(name, _)| name),
            stimuli,
            n_inferred: imported.n_inferred,
        })
    }

    pub(super) fn trials(&self) -> [usize; 3] {
        [self.train.len(), self.validation.len(), self.test.len()]
    }

    pub(super) fn for_training(&self) -> TrainingData<'_> {
        TrainingData {
            train: &self.train,
            validation: (!self.validation.is_empty()).then_some(&self.validation),
            targets: self.targets.as_deref(),
        }
    }

    /// The model with batch size, epochs and step size as they are for these choices.
    pub(super) fn resolved(&self, method: &Method) -> Result<Method, FitError> {
        let (n, trials) = (self.train.n_stimuli(), self.train.len());
        Ok(match method.clone() {
            Method::Spose {
                mut params,
                lambdas,
            } => {
                if let [only] = lambdas[..] {
                    params.lambda = only;
                }
                Method::Spose {
                    params: params.check()?.resolved(n, trials),
                    lambdas,
                }
            }
            Method::Vice { params, priors } => Method::Vice {
                params: params.check()?.resolved(trials),
                priors,
            },
        })
    }
}

impl Half {
    /// The choices of this half of n, in order: equal seeds give halves that have none in common.
    fn rows(self, n: usize, seed: Seed) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..n).collect();
        CounterRng::new(seed.derive("halves"), 0).shuffle(&mut rows);
        let second = rows.split_off(n.div_ceil(2));
        let mut rows = match self {
            Self::First => rows,
            Self::Second => second,
        };
        rows.sort_unstable();
        rows
    }
}

/// Training, validation and test choices that share no triplet.
fn disjoint(parts: [ChoiceSet; 3]) -> Result<[ChoiceSet; 3], SplitError> {
    let [train, validation, test] = &parts;
    check_disjoint(&[("train", train), ("validation", validation), ("test", test)])?;
    Ok(parts)
}

/// Probabilities that the stimulus of each column is odd, as labels of the pairs of each choice.
fn soft_labels(path: &Path, choices: &ChoiceSet) -> Result<Vec<[f32; 3]>, WorkflowError> {
    let table = read_matrix(path)?.values;
    if table.dim() != (choices.len(), 3) {
        return Err(WorkflowError::Targets {
            path: path.into(),
            rows: table.nrows(),
            columns: table.ncols(),
            choices: choices.len(),
        });
    }
    let rows = choices.choices().iter().zip(table.rows());
    Ok(rows
        .map(|(&choice, p)| pair_probabilities(choice, [p[0], p[1], p[2]].map(|p| p as f32)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::Half;
    use emotome_stats::random::Seed;

    #[test]
    fn halves_share_no_choice_and_miss_none() {
        for n in [0, 1, 2, 7, 1000] {
            let [first, second] = [Half::First, Half::Second].map(|half| half.rows(n, Seed(3)));
            assert_eq!(first.len(), n.div_ceil(2));
            let mut all = [first, second].concat();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
        let of = |seed| Half::First.rows(1000, Seed(seed));
        assert!(of(3) == of(3) && of(3) != of(4));
    }
}
