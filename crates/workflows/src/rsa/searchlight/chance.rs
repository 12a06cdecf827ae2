//! The chance of a value as large anywhere in the brain, by relabelled models.

use super::super::brain::Joined;
use super::super::RsaError;
use super::super::space::Space;
use super::{SearchlightRequest, write};
use crate::WorkflowError;
use emotome_brain::inference::exchange::{Exchange, Presentation};
use emotome_brain::inference::permutation_p;
use emotome_brain::model::Metric;
use emotome_brain::searchlight::{Block, Comparison, Search};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::Array2;
use serde::Serialize;
use std::path::PathBuf;

/// How models are relabelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Relabelling {
    /// What is exchanged.
    pub exchange: Exchange,
    /// How many times.
    pub permutations: u32,
    /// Seed of the draws.
    pub seed: u64,
}

/// What relabelled models reach anywhere. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyWise {
    /// The model.
    pub model: String,
    /// The image of p: (1 + relabelled models that reach the value anywhere) / (1 + all of them).
    pub path: PathBuf,
    /// The same of the right surface, where each surface has its own.
    pub right_path: Option<PathBuf>,
    /// The smallest value with p ≤ .05; `null` if there is none.
    pub threshold: Option<f64>,
    /// Centres with p ≤ .05.
    pub significant: usize,
    /// The smallest p that can be reached.
    pub smallest_p: f64,
}

/// The level of the threshold.
const ALPHA: f64 = 0.05;

impl Relabelling {
    /// Refuses comparisons whose relabelling costs as much as the search.
    pub(super) fn check(&self, request: &SearchlightRequest) -> Result<(), RsaError> {
        let whitened = matches!(
            request.comparison,
            Comparison::CosineCov | Comparison::CorrCov
        );
        if whitened && request.distance == Metric::SquaredEuclidean {
            return Ok(());
        }
        Err(RsaError::CostlyRelabelling)
    }
}

/// Relabels every model, keeps the largest value anywhere, and writes the p of each centre.
pub(super) fn family_wise(
    relabelling: &Relabelling,
    request: &SearchlightRequest,
    joined: &Joined,
    space: &Space<'_>,
    search: &Search<'_>,
    blocks: &[Block],
    run: Run<'_>,
) -> Result<Vec<FamilyWise>, WorkflowError> {
    let rows = &joined.responses.view.rows;
    let runs = joined.responses.view.runs();
    let places: Vec<u32> = rows.iter().map(|row| row.order).collect();
    let shown = Presentation::new(&runs, &places).map_err(RsaError::from)?;
    shown
        .arrangements(relabelling.exchange)
        .map_err(RsaError::from)?;
    let seed = Seed(relabelling.seed).derive("relabelled models");
    let draws = (0..u64::from(relabelling.permutations))
        .flat_map(|draw| shown.relabel(relabelling.exchange, &mut CounterRng::new(seed, draw)));
    let shape = (relabelling.permutations as usize, rows.len());
    let permutations =
        Array2::from_shape_vec(shape, draws.collect()).map_err(|_| RsaError::CostlyRelabelling)?;
    let paused = || WorkflowError::Paused {
        out: request.out.clone(),
    };
    let extremes = search
        .extremes(permutations.view(), &run)
        .ok_or(RsaError::CostlyRelabelling)?
        .map_err(|_| paused())?;
    let mut maps = Vec::with_capacity(request.models.len());
    let mut found = Vec::with_capacity(request.models.len());
    for (m, of) in request.models.iter().enumerate() {
        let null = extremes.largest.column(m);
        let p = |value: f64| match value.is_nan() {
            true => f64::NAN,
            false => permutation_p(value, null.iter().copied()),
        };
        let values = blocks.iter().flat_map(|block| block.values.column(m));
        let tested: Vec<(f64, f64)> = values.map(|&value| (value, p(value))).collect();
        let significant = tested.iter().filter(|(_, p)| *p <= ALPHA);
        found.push(FamilyWise {
            model: of.name.clone(),
            path: PathBuf::new(),
            right_path: None,
            threshold: significant
                .clone()
                .map(|(value, _)| *value)
                .reduce(f64::min),
            significant: significant.count(),
            smallest_p: 1.0 / (1.0 + f64::from(relabelling.permutations)),
        });
        let p = tested.iter().map(|(_, p)| *p);
        maps.push((of.name.clone(), write::by_row(joined, blocks, p)));
    }
    let name = write::named(joined, "pfwe")?;
    let written = space.write(&request.out, request.overwrite, &name, &maps)?;
    for (found, written) in found.iter_mut().zip(written) {
        found.path = written.path;
        found.right_path = written.right_path;
    }
    Ok(found)
}
