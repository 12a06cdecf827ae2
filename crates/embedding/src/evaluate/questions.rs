//! Choices gathered by the question that they answer.

use emotome_triplets::{ChoiceSet, UnorderedTriplet};
use rayon::prelude::*;

/// The answers to one triplet, in one order or in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The stimuli.
    pub triplet: UnorderedTriplet,
    /// How often its lowest, middle and highest item was called odd.
    pub odd: [u32; 3],
}

impl Question {
    /// The number of answers.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.odd.iter().map(|&n| n as usize).sum()
    }
}

/// One question for each triplet and presented order, ascending; O(N log N), 16 bytes a choice.
#[must_use]
pub fn by_order(choices: &ChoiceSet) -> Vec<Question> {
    let mut answers: Vec<(UnorderedTriplet, u8, u8)> = choices
        .choices()
        .par_iter()
        .map(|choice| {
            let (triplet, odd) = (choice.triplet.unordered(), choice.triplet.at(choice.odd));
            let lower = triplet.items().iter().filter(|&&id| id < odd).count();
            (triplet, choice.triplet.order_code(), lower as u8)
        })
        .collect();
    answers.par_sort_unstable();
    answers
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .map(|same| {
            let mut odd = [0; 3];
            same.iter()
                .for_each(|answer| odd[usize::from(answer.2)] += 1);
            Question {
                triplet: same[0].0,
                odd,
            }
        })
        .collect()
}

/// One question for each triplet, its orders together.
#[must_use]
pub fn any_order(by_order: &[Question]) -> Vec<Question> {
    by_order
        .chunk_by(|a, b| a.triplet == b.triplet)
        .map(|orders| Question {
            triplet: orders[0].triplet,
            odd: std::array::from_fn(|k| orders.iter().map(|q| q.odd[k]).sum()),
        })
        .collect()
}
