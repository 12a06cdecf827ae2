//! Representational similarity matrices: predicted by an embedding, measured from choices, compared.
//!
//! The similarity of stimuli i and j is the probability that they are chosen as the similar pair,
//! averaged over third stimuli k. Prediction and measurement are comparable only over the same
//! thirds: give both the same set, or use [`matched`] to predict over exactly the trials shown.

mod correlation;
mod measurement;
mod prediction;
mod reliability;

pub(super) use correlation::Pairs;
pub use correlation::{Coefficient, RsmCorrelation, RsmResampling, correlate};
pub use measurement::{Measured, matched, measured};
pub use prediction::predicted;
pub use reliability::{Explained, SplitHalf, explained, split_half};

use super::EvaluationError;

/// Where each stimulus stands in a list, `None` if nowhere.
fn places(
    list: &'static str,
    items: &[usize],
    n: usize,
) -> Result<Vec<Option<usize>>, EvaluationError> {
    let mut place = vec![None; n];
    for (at, &item) in items.iter().enumerate() {
        let fault = match place.get(item) {
            None => "out of range",
            Some(Some(_)) => "listed twice",
            Some(None) => {
                place[item] = Some(at);
                continue;
            }
        };
        return Err(EvaluationError::Item {
            list,
            item,
            fault,
            n,
        });
    }
    Ok(place)
}
