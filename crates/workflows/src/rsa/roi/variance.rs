//! What models explain of a region alone, together, and in common.

use super::super::RsaError;
use super::RoiRequest;
use super::subject::{Subject, Tested};
use emotome_brain::model::regression::{Regression, RegressionError, commonality, regress};
use ndarray::Array2;
use serde::Serialize;

/// The most models whose subsets are told.
const MOST_MODELS: usize = 6;

/// The share of a region's variance that exactly some models explain in common. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedVariance {
    /// The subject.
    pub subject: String,
    /// The region.
    pub region: String,
    /// The models.
    pub models: Vec<String>,
    /// The share; negative where one model helps another by what it takes away (suppression).
    pub r2: f64,
    /// What all models explain together.
    pub all_r2: f64,
    /// The same in words.
    pub meaning: String,
}

/// Correlations of a region (first) and the models; none where models are not fitted together.
fn correlations(own: &Tested) -> Option<Array2<f64>> {
    let m = own.values.len();
    (!own.between.is_empty()).then(|| {
        Array2::from_shape_fn((m + 1, m + 1), |(i, j)| match (i, j) {
            (0, 0) => 1.0,
            (0, j) => own.values[j - 1],
            (i, 0) => own.values[i - 1],
            (i, j) => own.between[(i - 1) * m + j - 1],
        })
    })
}

/// All models fitted to a region together; an error if they are collinear.
pub(super) fn joint(own: &Tested) -> Option<Result<Regression, RegressionError>> {
    correlations(own).map(|r| regress(r.view()))
}

/// The parts of variance of every subject and region, for two to six models.
pub(super) fn shared(
    subjects: &[Subject],
    tested: &[Vec<Tested>],
    request: &RoiRequest,
) -> Result<Vec<SharedVariance>, RsaError> {
    let mut all = Vec::new();
    if request.models.len() > MOST_MODELS {
        return Ok(all);
    }
    for (subject, tested) in subjects.iter().zip(tested) {
        for own in tested {
            let Some(r) = correlations(own) else {
                continue;
            };
            let parts = commonality(r.view())?;
            let all_r2 = parts.iter().sum();
            for (subset, &r2) in parts.iter().enumerate().skip(1) {
                let inside = |(at, _): &(usize, _)| subset >> at & 1 == 1;
                let models: Vec<String> = request
                    .models
                    .iter()
                    .enumerate()
                    .filter(inside)
                    .map(|(_, of)| of.name.clone())
                    .collect();
                all.push(SharedVariance {
                    subject: subject.name.clone(),
                    region: subject.regions[own.region].name.clone(),
                    meaning: meaning(&models, request.models.len()),
                    models,
                    r2,
                    all_r2,
                });
            }
        }
    }
    Ok(all)
}

fn meaning(models: &[String], all: usize) -> String {
    match models {
        [one] => format!("explained by {one} alone"),
        [firsts @ .., last] => {
            let others = if models.len() < all {
                " and by no other model"
            } else {
                ""
            };
            format!(
                "explained by each of {} and {last}{others}",
                firsts.join(", ")
            )
        }
        [] => String::new(),
    }
}
