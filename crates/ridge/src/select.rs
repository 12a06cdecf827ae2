//! Penalties chosen, and the scores they lead to.

use crate::block::Block;
use crate::cross::{Chosen, CrossValidated, Params};
use crate::kernel::shrink;
use crate::plan::{Plan, Turned};
use crate::score::{Pooled, Score, Sums};
use ndarray::Array2;
use std::ops::Range;

/// Results of a block.
pub(crate) struct Part {
    pub(crate) targets: Range<usize>,
    pub(crate) pearson: Vec<f64>,
    pub(crate) r2: Vec<f64>,
    pub(crate) chosen: Indices,
    /// For each fold, penalties × targets.
    pub(crate) table: Vec<Array2<f64>>,
    pub(crate) constant: Vec<usize>,
    pub(crate) not_finite: Vec<usize>,
}

impl Part {
    pub(crate) fn of(block: &Block) -> Self {
        Self {
            targets: block.targets.clone(),
            pearson: Vec::new(),
            r2: Vec::new(),
            chosen: Indices::default(),
            table: Vec::new(),
            constant: block.constant.clone(),
            not_finite: block.not_finite.clone(),
        }
    }
}

/// Places of penalties in their list and the scores that chose them, by fold.
#[derive(Clone, Default)]
pub(crate) struct Indices {
    pub(crate) at: Vec<Vec<Option<usize>>>,
    pub(crate) scores: Vec<Vec<f64>>,
}

impl Indices {
    pub(crate) fn part(&self, targets: Range<usize>) -> Self {
        Self {
            at: self
                .at
                .iter()
                .map(|row| row[targets.clone()].to_vec())
                .collect(),
            scores: self
                .scores
                .iter()
                .map(|row| row[targets.clone()].to_vec())
                .collect(),
        }
    }
}

impl Plan<'_> {
    /// Scores of all penalties over all folds, each predicted from the others; the best one's are reported.
    pub(crate) fn same_folds(&self, turned: &Turned<'_>, params: &Params) -> Part {
        let block = turned.block;
        let (penalties, targets) = (self.penalties.len(), block.targets.len());
        let mut pooled = vec![Pooled::default(); penalties * targets];
        for basis in &self.single {
            let training: Vec<usize> = self.training(basis).collect();
            let b = self.coordinates(basis, turned, &training);
            let mut scratch = self.scratch(basis, block.width);
            self.penalised(basis, turned, 0, &b, &mut scratch, |at, t, sums| {
                pooled[at * targets + t].add(sums, params.pooling);
            });
        }
        let table = |score| {
            Array2::from_shape_fn((penalties, targets), |(at, t)| {
                pooled[at * targets + t].score(score, params.pooling)
            })
        };
        Part {
            table: vec![
                table(Score::Pearson),
                table(Score::R2),
                table(Score::NegativeMse),
            ],
            ..Part::of(block)
        }
    }

    /// Chooses penalties over all blocks and reports their scores.
    pub(crate) fn share(&self, parts: Vec<Part>, params: &Params) -> Vec<Part> {
        let all = |score: Score| {
            let views: Vec<_> = parts
                .iter()
                .map(|part| part.table[score as usize].view())
                .collect();
            ndarray::concatenate(ndarray::Axis(1), &views).unwrap_or_default()
        };
        let tables = [all(Score::Pearson), all(Score::R2), all(Score::NegativeMse)];
        let targets = tables[0].ncols();
        let scores = &tables[params.score as usize];
        let chosen = params
            .rule
            .choose(self.penalties, targets, |at, t| scores[[at, t]]);
        let of = |table: &Array2<f64>| -> Vec<f64> {
            (0..targets)
                .map(|t| chosen[t].map_or(f64::NAN, |at| table[[at, t]]))
                .collect()
        };
        let part = Part {
            targets: 0..targets,
            pearson: of(&tables[0]),
            r2: of(&tables[1]),
            chosen: Indices {
                scores: vec![if self.penalties.len() > 1 {
                    of(scores)
                } else {
                    vec![f64::NAN; targets]
                }],
                at: vec![chosen],
            },
            table: Vec::new(),
            constant: parts
                .iter()
                .flat_map(|part| part.constant.clone())
                .collect(),
            not_finite: parts
                .iter()
                .flat_map(|part| part.not_finite.clone())
                .collect(),
        };
        vec![part]
    }

    /// For each fold that is left out, scores (penalties × targets) over the others.
    pub(crate) fn inner(&self, turned: &Turned<'_>, params: &Params) -> Vec<Array2<f64>> {
        let (count, penalties) = (self.groups.folds.count(), self.penalties.len());
        let block = turned.block;
        let targets = block.targets.len();
        let mut pooled = vec![vec![Pooled::default(); penalties * targets]; count];
        // Of the folds that an outer fold leaves, each is held out in turn, in order.
        let mut found: Vec<Vec<Sums>> = Vec::new();
        for basis in &self.pairs {
            let training: Vec<usize> = self.training(basis).collect();
            let b = self.coordinates(basis, turned, &training);
            let mut scratch = self.scratch(basis, block.width);
            for held in 0..2 {
                let mut sums = vec![Sums::default(); penalties * targets];
                self.penalised(basis, turned, held, &b, &mut scratch, |at, t, own| {
                    sums[at * targets + t] = own;
                });
                found.push(sums);
            }
        }
        for outer in 0..count {
            for held in (0..count).filter(|&fold| fold != outer) {
                let (a, b) = (outer.min(held), outer.max(held));
                let place = 2 * self.pair(a, b) + usize::from(held == b);
                for (pooled, sums) in pooled[outer].iter_mut().zip(&found[place]) {
                    pooled.add(*sums, params.pooling);
                }
            }
        }
        pooled
            .into_iter()
            .map(|pooled| {
                Array2::from_shape_fn((penalties, targets), |(at, t)| {
                    pooled[at * targets + t].score(params.score, params.pooling)
                })
            })
            .collect()
    }

    /// For each fold that is left out, the penalty of each target.
    pub(crate) fn choose(
        &self,
        tables: &[Array2<f64>],
        targets: usize,
        params: &Params,
    ) -> Indices {
        let mut chosen = Indices::default();
        for table in tables {
            let at = params
                .rule
                .choose(self.penalties, targets, |at, t| table[[at, t]]);
            chosen.scores.push(
                (0..targets)
                    .map(|t| at[t].map_or(f64::NAN, |at| table[[at, t]]))
                    .collect(),
            );
            chosen.at.push(at);
        }
        chosen
    }

    /// Scores of each fold, predicted from the others with the penalty of that fold and target: r and R².
    pub(crate) fn outer(
        &self,
        turned: &Turned<'_>,
        penalty: impl Fn(usize, usize) -> f64,
        params: &Params,
    ) -> [Vec<f64>; 2] {
        let block = turned.block;
        let (width, targets) = (block.width, block.targets.len());
        let mut pooled = vec![Pooled::default(); targets];
        for (fold, basis) in self.single.iter().enumerate() {
            let training: Vec<usize> = self.training(basis).collect();
            let mut b = self.coordinates(basis, turned, &training);
            let c = self.coordinates(basis, turned, &[fold]);
            let means = self.means(basis, block);
            let mut penalties = vec![1.0; width];
            for (t, own) in penalties.iter_mut().enumerate().take(targets) {
                *own = penalty(fold, t);
            }
            for (row, value) in b.chunks_exact_mut(width).zip(&basis.values) {
                for (b, penalty) in row.iter_mut().zip(&penalties) {
                    *b *= 1.0 / (value + penalty);
                }
            }
            let mut scratch = self.scratch(basis, width);
            let own = &basis.held[0];
            let ones = vec![1.0; basis.values.len()];
            shrink(
                &b,
                &ones,
                &own.sums,
                &c,
                width,
                &mut scratch.weights,
                &mut scratch.sums,
                &mut scratch.products,
            );
            own.squares(&scratch.weights, width, &mut scratch.squares);
            for (t, pooled) in pooled.iter_mut().enumerate() {
                let sums = self.sums(block, fold, t, means[t], &scratch);
                pooled.add(sums, params.pooling);
            }
        }
        [Score::Pearson, Score::R2].map(|score| {
            pooled
                .iter()
                .map(|pooled| pooled.score(score, params.pooling))
                .collect()
        })
    }

    /// A block with the penalties chosen for it.
    pub(crate) fn predict(&self, turned: &Turned<'_>, chosen: Indices, params: &Params) -> Part {
        let penalty = |fold: usize, t: usize| {
            chosen.at[fold][t].map_or(f64::NAN, |at| self.penalties.values()[at])
        };
        let [pearson, r2] = self.outer(turned, penalty, params);
        Part {
            pearson,
            r2,
            chosen,
            ..Part::of(turned.block)
        }
    }

    pub(crate) fn join(&self, parts: Vec<Part>) -> CrossValidated {
        let rows = parts.first().map_or(0, |part| part.chosen.at.len());
        let targets = parts.iter().map(|part| part.targets.len()).sum();
        let mut found = CrossValidated {
            pearson: Vec::with_capacity(targets),
            r2: Vec::with_capacity(targets),
            chosen: Chosen {
                penalties: Array2::from_elem((rows, targets), f64::NAN),
                scores: Array2::from_elem((rows, targets), f64::NAN),
            },
            constant: Vec::new(),
            not_finite: Vec::new(),
            solver: self.solver,
            from_products: self.turned.is_some(),
        };
        for part in parts {
            for (row, (at, scores)) in part.chosen.at.iter().zip(&part.chosen.scores).enumerate() {
                for (t, target) in part.targets.clone().enumerate() {
                    if let Some(at) = at[t] {
                        found.chosen.penalties[[row, target]] = self.penalties.values()[at];
                        found.chosen.scores[[row, target]] = scores[t];
                    }
                }
            }
            found.pearson.extend(part.pearson);
            found.r2.extend(part.r2);
            found.constant.extend(part.constant);
            found.not_finite.extend(part.not_finite);
        }
        found
    }
}
