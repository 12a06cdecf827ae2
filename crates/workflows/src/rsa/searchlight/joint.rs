//! What models explain beside each other, around every voxel.

use super::super::RsaError;
use super::super::brain::Joined;
use super::super::models::ModelOf;
use super::super::space::Space;
use super::{SearchlightRequest, write};
use crate::WorkflowError;
use emotome_brain::model::regression::{RegressionError, commonality, partial, regress};
use emotome_brain::searchlight::{Block, Comparison, Search};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;

/// The most models whose variance is taken apart: 31 parts.
const MOST: usize = 5;

/// Which maps of several models to write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JointMaps {
    /// Partial correlations, and what they hold constant.
    pub partial: Option<Held>,
    /// R² of all models, what each explains alone and what each set of them shares.
    pub variance: bool,
}

/// What partial correlations hold constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// For each model all others.
    Others,
    /// For each model not named the models named.
    Models(Vec<String>),
}

/// A map of several models. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JointMap {
    /// `partial`, `r2`, `unique` or `common`.
    pub statistic: &'static str,
    /// The models that it is of.
    pub models: Vec<String>,
    /// The models held constant.
    pub constant: Vec<String>,
    /// The image.
    pub path: PathBuf,
    /// The same of the right surface, where each surface has its own.
    pub right_path: Option<PathBuf>,
    /// Mean over centres.
    pub mean: f64,
    /// The largest value.
    pub max: f64,
}

/// A map to be written: its models, and its value from the correlations of brain and models.
struct Part {
    statistic: &'static str,
    of: Vec<usize>,
    constant: Vec<usize>,
}

impl JointMaps {
    /// Refuses what no number of searches could give.
    pub(super) fn check(&self, models: &[ModelOf], comparison: Comparison) -> Result<(), RsaError> {
        if self.partial.is_none() && !self.variance {
            return Ok(());
        }
        let count = models.len();
        if count < 2 {
            return Err(RsaError::NothingConstant { models: count });
        }
        if matches!(
            comparison,
            Comparison::DebiasedCka | Comparison::KendallTauA
        ) {
            return Err(RsaError::NoProduct { comparison });
        }
        if let Some(Held::Models(names)) = &self.partial {
            let known = |name: &&String| !models.iter().any(|of| of.name == **name);
            if let Some(name) = names.iter().find(known) {
                let known: Vec<&str> = models.iter().map(|of| of.name.as_str()).collect();
                return Err(RsaError::NotAModel {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
            if models.iter().all(|of| names.contains(&of.name)) {
                return Err(RsaError::AllConstant);
            }
        }
        if self.variance && count > MOST {
            return Err(RsaError::ManyParts {
                models: count,
                parts: (1 << count.min(63)) - 1,
                most: MOST,
            });
        }
        Ok(())
    }

    /// Refuses models that are combinations of each other, before any neighbourhood is compared.
    pub(super) fn check_apart(
        &self,
        models: &[ModelOf],
        between: ArrayView2<'_, f64>,
    ) -> Result<(), RsaError> {
        if self.partial.is_none() && !self.variance {
            return Ok(());
        }
        let none = ndarray::Array1::zeros(models.len());
        match regress(beside(none.view(), between).view()) {
            Err(RegressionError::Collinear { model }) => Err(RsaError::Combination {
                model: models[model].name.clone(),
            }),
            other => Ok(other.map(|_| ())?),
        }
    }

    fn parts(&self, models: &[ModelOf]) -> Vec<Part> {
        let all = 0..models.len();
        let mut parts = Vec::new();
        if let Some(held) = &self.partial {
            for model in all.clone() {
                let constant: Vec<usize> = match held {
                    Held::Others => all.clone().filter(|&other| other != model).collect(),
                    Held::Models(names) => all
                        .clone()
                        .filter(|&other| names.contains(&models[other].name))
                        .collect(),
                };
                if !constant.contains(&model) {
                    parts.push(Part {
                        statistic: "partial",
                        of: vec![model],
                        constant,
                    });
                }
            }
        }
        if self.variance {
            parts.push(Part {
                statistic: "r2",
                of: all.clone().collect(),
                constant: Vec::new(),
            });
            // What one explains alone first, so that maps of one statistic stand together.
            let mut subsets: Vec<usize> = (1..1_usize << models.len()).collect();
            subsets.sort_by_key(|subset| subset.count_ones() > 1);
            for subset in subsets {
                let of: Vec<usize> = all.clone().filter(|m| subset >> m & 1 == 1).collect();
                parts.push(Part {
                    statistic: if of.len() == 1 { "unique" } else { "common" },
                    of,
                    constant: Vec::new(),
                });
            }
        }
        parts
    }
}

impl Part {
    /// Its place in the parts of variance.
    fn subset(&self) -> usize {
        self.of.iter().map(|m| 1 << m).sum()
    }
}

/// Correlations of the brain (first) and the models.
fn beside(brain: ArrayView1<'_, f64>, between: ArrayView2<'_, f64>) -> Array2<f64> {
    let m = brain.len();
    Array2::from_shape_fn((m + 1, m + 1), |(i, j)| match (i, j) {
        (0, 0) => 1.0,
        (0, j) => brain[j - 1],
        (i, 0) => brain[i - 1],
        (i, j) => between[[i - 1, j - 1]],
    })
}

/// The value of each part in a neighbourhood; NaN where a correlation is.
fn values(parts: &[Part], r: &Array2<f64>, variance: bool) -> Result<Vec<f64>, RegressionError> {
    let shared = if variance {
        commonality(r.view())?
    } else {
        Vec::new()
    };
    parts
        .iter()
        .map(|part| match part.statistic {
            "partial" => Ok(partial(r.view(), part.of[0], &part.constant)?.0),
            "r2" => Ok(shared.iter().sum()),
            _ => Ok(shared[part.subset()]),
        })
        .collect()
}

/// Writes the maps asked for.
pub(super) fn maps(
    request: &SearchlightRequest,
    joined: &Joined,
    space: &Space<'_>,
    search: &Search<'_>,
    blocks: &[Block],
) -> Result<Vec<JointMap>, WorkflowError> {
    let parts = request.joint.parts(&request.models);
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let between = search.between();
    let found: Vec<Vec<f64>> = blocks
        .par_iter()
        .flat_map_iter(|block| block.values.outer_iter())
        .map(|row| values(&parts, &beside(row, between), request.joint.variance))
        .collect::<Result<_, _>>()
        .map_err(RsaError::from)?;
    let names = |of: &[usize]| -> Vec<String> {
        of.iter().map(|&m| request.models[m].name.clone()).collect()
    };
    let mut maps = Vec::with_capacity(parts.len());
    let mut columns = 0..parts.len();
    for some in parts.chunk_by(|a, b| a.statistic == b.statistic) {
        let own: Vec<(String, Vec<f64>)> = some
            .iter()
            .zip(&mut columns)
            .map(|(part, column)| {
                let values = found.iter().map(|row| row[column]);
                let map = names(&part.of).join(" AND ");
                (map, write::by_row(joined, blocks, values))
            })
            .collect();
        let name = write::named(joined, some[0].statistic)?;
        let written = space.write(&request.out, request.overwrite, &name, &own)?;
        for ((part, (_, values)), written) in some.iter().zip(own).zip(written) {
            let defined: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
            maps.push(JointMap {
                statistic: part.statistic,
                models: names(&part.of),
                constant: names(&part.constant),
                path: written.path,
                right_path: written.right_path,
                mean: emotome_stats::summary::mean(&defined),
                max: defined.iter().copied().fold(f64::NAN, f64::max),
            });
        }
    }
    Ok(maps)
}
