//! Two files of dissimilarities or features compared, without any brain.

use super::RsaError;
use super::models::{self, Holds, ModelOf};
use crate::WorkflowError;
use crate::interpret::Joined;
use emotome_brain::model::Metric;
use emotome_brain::rdm::{Agreement, Comparison, Rdm, compare as compare_rdms};
use emotome_stimuli::array::read_matrix;
use emotome_stimuli::run::Run;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Two files to compare.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// The two files.
    pub files: [PathBuf; 2],
    /// What each holds; none: told from the matrix.
    pub holds: [Option<Holds>; 2],
    /// How rows of features are compared, where a file holds features.
    pub distance: Metric,
    /// How the dissimilarities are compared.
    pub comparison: Comparison,
}

/// How alike two files are. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct CompareSummary {
    /// The files, and what each was taken to hold.
    pub files: [ModelOf; 2],
    /// Whether what a file holds was told from its matrix.
    pub inferred: [bool; 2],
    /// Whether each was joined by key, or row by row because it names no stimuli.
    pub joined: [Joined; 2],
    /// Stimuli of either file.
    pub given: [usize; 2],
    /// Stimuli of both.
    pub stimuli: usize,
    /// How they were compared.
    pub comparison: Comparison,
    /// The result, and the pairs that it rests on.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// Compares two files over the stimuli that both have, by key where both name them, else row by row.
///
/// # Errors
/// [`WorkflowError`] of reading and joining, [`emotome_brain::rdm::RdmError`] of the comparison.
pub fn compare(request: &CompareRequest, run: Run<'_>) -> Result<CompareSummary, WorkflowError> {
    let mut sides = Vec::with_capacity(2);
    let mut inferred = [false; 2];
    for (side, path) in request.files.iter().enumerate() {
        let holds = match request.holds[side] {
            Some(holds) => holds,
            None => {
                inferred[side] = true;
                told(path, request.distance)?
            }
        };
        let name = format!("{}: {}", ["first", "second"][side], path.display());
        sides.push(ModelOf {
            name,
            path: path.clone(),
            holds,
            control: None,
        });
    }
    let base = models::stimuli_of(&sides)?;
    let joined = models::join(&base, &sides, run)?;
    let rdms = joined
        .models
        .iter()
        .map(|model| Rdm::from_geometry(&model.geometry))
        .collect::<Result<Vec<_>, _>>()
        .map_err(RsaError::from)?;
    let agreement = compare_rdms(&rdms[0], &rdms[1], request.comparison).map_err(RsaError::from)?;
    let given = [0, 1].map(|side| joined.reports[side].stimuli);
    let how = [0, 1].map(|side| joined.reports[side].joined);
    let files: [ModelOf; 2] = match <[ModelOf; 2]>::try_from(sides) {
        Ok(files) => files,
        Err(_) => unreachable!("there are two files"),
    };
    Ok(CompareSummary {
        files,
        inferred,
        joined: how,
        given,
        stimuli: joined.stimuli.len(),
        comparison: request.comparison,
        agreement,
    })
}

/// What a matrix holds by its looks: dissimilarities if it is symmetric with zeros on its diagonal, similarities if
/// with ones, else features.
fn told(path: &Path, distance: Metric) -> Result<Holds, WorkflowError> {
    let values = read_matrix(path)?.values;
    let n = values.nrows();
    let symmetric = n == values.ncols()
        && (0..n).all(|i| {
            (0..i).all(|j| {
                (values[[i, j]] - values[[j, i]]).abs() <= 1e-6 * values[[i, j]].abs().max(1e-6)
            })
        });
    let diagonal = |at: f64| (0..n).all(|i| (values[[i, i]] - at).abs() <= 1e-6);
    Ok(match symmetric {
        true if diagonal(0.0) => Holds::Dissimilarities,
        true if diagonal(1.0) => Holds::Similarities,
        _ => Holds::Features(distance),
    })
}
