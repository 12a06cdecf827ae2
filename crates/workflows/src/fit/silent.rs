//! What an embedding says nothing about.

use crate::choices::judged;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy::Accuracy;
use emotome_triplets::ChoiceSet;

/// Stimuli that were judged in training and yet have no weight on any dimension.
///
/// All their similarities are zero, so that a triplet with two of them is a three-way tie.
pub(crate) fn empty_rows(embedding: &Embedding, train: &ChoiceSet) -> usize {
    let empty = |&i: &usize| embedding.row(i).iter().all(|&w| w == 0.0);
    judged(train).into_iter().filter(empty).count()
}

/// Share of three-way ties among the test choices beyond which they are worth saying.
const MANY_TIES: f64 = 0.01;

/// What an embedding says nothing about, in words, where that is worth saying.
pub(crate) fn silent(empty_rows: usize, test: Option<&Accuracy>) -> Vec<String> {
    let rows = (empty_rows > 0).then(|| {
        format!(
            "Stimuli that were judged in training but have no weight on any dimension: {empty_rows}. The embedding says nothing about them; of a triplet with two of them every answer is equally likely."
        )
    });
    let ties = test.and_then(|test| {
        let share = test.ties.three_way as f64 / test.n as f64;
        (share > MANY_TIES).then(|| {
            format!(
                "Test choices that are three-way ties, about which the embedding says nothing: {} of {} ({:.1} %), each credited with a third.",
                test.ties.three_way,
                test.n,
                100.0 * share
            )
        })
    });
    rows.into_iter().chain(ties).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::StimulusId;
    use emotome_triplets::{Choice, Position, Triplet};
    use ndarray::array;

    #[test]
    fn only_judged_stimuli_without_any_weight_are_counted() {
        let embedding = Embedding::new(array![
            [0.0, 0.0],
            [1.0, 0.0],
            [0.0, 0.0],
            [0.0, 0.5],
            [-0.1, 0.0]
        ])
        .unwrap();
        let choice = |items: [u32; 3]| Choice {
            triplet: Triplet::new(items.map(StimulusId)).unwrap(),
            odd: Position::ALL[0],
        };
        let train = ChoiceSet::new(5, vec![choice([0, 1, 3]), choice([4, 3, 0])]).unwrap();
        assert_eq!(
            empty_rows(&embedding, &train),
            1,
            "stimulus 2 was not judged"
        );
        assert!(silent(0, None).is_empty());
        assert!(silent(1, None)[0].contains("dimension: 1."));
    }
}
