//! Agreement of choices with the odd one out that a table of ratings implies.

use crate::similarity::Similarities;
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_triplets::Choice;
use rayon::prelude::*;
use serde::Serialize;

/// How far choices agree with a table. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ImpliedAgreement {
    /// Choices compared.
    pub n: usize,
    /// Choices left out because the table says nothing of one of their stimuli.
    pub unknown: usize,
    /// Of those compared, choices of which the table has two or three equally odd ones.
    pub tied: usize,
    /// Share of agreement; a tie of k counts 1/k.
    pub agreement: f64,
    /// Its mean if ratings belonged to other stimuli.
    pub null_mean: f64,
    /// Between what 95 % of these lie.
    pub null95: Interval,
    /// Share of permutations that agree at least as well, the true one counted.
    pub p: f64,
    /// Permutations of the stimuli.
    pub permutations: usize,
}

/// How often the chosen stimulus is the one outside the most similar pair of the table, and how often it
/// would be if the rows of the table belonged to other stimuli.
///
/// For choice t of item k, `c_t = [k ∈ M_t] / |M_t|` where `M_t` are the items outside a most similar pair;
/// the agreement is the mean of `c_t`. The null permutes stimuli, so it keeps how often each row is odd and
/// every dependence between choices that share stimuli; `p = (1 + #{null ≥ observed}) / (1 + permutations)`.
/// `None` without a choice whose stimuli the table knows. O(permutations · choices).
///
/// ```
/// use emotome_judges::agree::implied;
/// use emotome_judges::{Similarities, SimilarityParams};
/// use emotome_stats::random::Seed;
/// use emotome_stimuli::StimulusId;
/// use emotome_triplets::{Choice, Position, Triplet};
/// use ndarray::array;
/// let table = array![[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]];
/// let similarities = Similarities::new(table.view(), SimilarityParams::default())?;
/// let triplet = Triplet::new([0, 1, 2].map(StimulusId))?;
/// let choices = [Choice { triplet, odd: Position::Third }];
/// let found = implied(&choices, &similarities, 99, Seed(1)).unwrap();
/// assert_eq!((found.n, found.agreement), (1, 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn implied(
    choices: &[Choice],
    similarities: &Similarities,
    permutations: usize,
    seed: Seed,
) -> Option<ImpliedAgreement> {
    let known: Vec<StimulusId> = (0..similarities.n_stimuli() as u32)
        .map(StimulusId)
        .filter(|id| !similarities.dropped().contains(id))
        .collect();
    let same: Vec<StimulusId> = (0..similarities.n_stimuli() as u32)
        .map(StimulusId)
        .collect();
    let is_known = |choice: &&Choice| {
        let items = choice.triplet.items();
        items
            .iter()
            .all(|id| id.index() < same.len() && known.binary_search(id).is_ok())
    };
    let compared: Vec<Choice> = choices.iter().filter(is_known).copied().collect();
    if compared.is_empty() {
        return None;
    }
    let (sum, tied) = agreement(&compared, similarities, &same);
    let n = compared.len();
    let null: Vec<f64> = (0..permutations)
        .into_par_iter()
        .map(|k| {
            let mut shuffled = known.clone();
            CounterRng::new(seed.derive("permuted ratings"), k as u64).shuffle(&mut shuffled);
            let mut rows = same.clone();
            for (id, row) in known.iter().zip(&shuffled) {
                rows[id.index()] = *row;
            }
            agreement(&compared, similarities, &rows).0 / n as f64
        })
        .collect();
    let observed = sum / n as f64;
    let reached = null.iter().filter(|&&value| value >= observed).count();
    Some(ImpliedAgreement {
        n,
        unknown: choices.len() - n,
        tied,
        agreement: observed,
        null_mean: null.iter().sum::<f64>() / permutations.max(1) as f64,
        null95: percentile(&null, 0.95),
        p: (1 + reached) as f64 / (1 + permutations) as f64,
        permutations,
    })
}

/// The sum of credits and the number of ties, where stimulus i has the ratings of row `rows[i]`.
fn agreement(choices: &[Choice], similarities: &Similarities, rows: &[StimulusId]) -> (f64, usize) {
    let (mut sum, mut tied) = (0.0, 0);
    for choice in choices {
        let pairs = similarities.of_triplet(choice.triplet.items().map(|id| rows[id.index()]));
        let top = pairs[0].max(pairs[1]).max(pairs[2]);
        let most = pairs.iter().filter(|&&pair| pair == top).count();
        tied += usize::from(most > 1);
        if pairs[choice.odd.index()] == top {
            sum += 1.0 / most as f64;
        }
    }
    (sum, tied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::SimilarityParams;
    use emotome_triplets::{Position, Triplet};
    use ndarray::Array2;

    fn similarities(n: usize) -> Similarities {
        let mut rng = CounterRng::new(Seed(4), 0);
        let table = Array2::from_shape_simple_fn((n, 4), || rng.uniform());
        Similarities::new(table.view(), SimilarityParams::default()).unwrap()
    }

    fn choices(
        n: usize,
        count: u64,
        odd: impl Fn([StimulusId; 3], &mut CounterRng) -> usize,
    ) -> Vec<Choice> {
        let draw = |stream| {
            let mut rng = CounterRng::new(Seed(5), stream);
            let mut ids: Vec<u32> = (0..n as u32).collect();
            rng.shuffle(&mut ids);
            let items = [ids[0], ids[1], ids[2]].map(StimulusId);
            let odd = Position::from_index(odd(items, &mut rng)).unwrap();
            Choice {
                triplet: Triplet::new(items).unwrap(),
                odd,
            }
        };
        (0..count).map(draw).collect()
    }

    #[test]
    fn an_agent_of_the_table_agrees_always_and_the_null_is_a_third() {
        let table = similarities(40);
        let of_table = choices(40, 2_000, |items, _| {
            let pairs = table.of_triplet(items);
            (0..3)
                .max_by(|&a, &b| pairs[a].total_cmp(&pairs[b]))
                .unwrap()
        });
        let found = implied(&of_table, &table, 199, Seed(1)).unwrap();
        assert_eq!(
            (found.agreement, found.tied, found.p),
            (1.0, 0, 1.0 / 200.0)
        );
        assert!((found.null_mean - 1.0 / 3.0).abs() < 0.03, "{found:?}");
    }

    /// The permutation p of random choices is uniform: at 5 % about 5 % are significant.
    #[test]
    fn random_choices_are_significant_at_the_nominal_rate() {
        let table = similarities(15);
        let significant = (0..400_u64)
            .filter(|&run| {
                let random = choices(15, 60, |items, rng| {
                    let mut rng = CounterRng::new(
                        Seed(run),
                        u64::from(items[0].0) << 40 | rng.next_double_word() >> 30,
                    );
                    rng.below(3) as usize
                });
                implied(&random, &table, 99, Seed(run)).unwrap().p <= 0.05
            })
            .count();
        assert!(
            (6..=36).contains(&significant),
            "{significant} of 400 at 5 %"
        );
    }

    #[test]
    fn ties_count_their_share_and_unknown_stimuli_are_counted() {
        let table = Array2::from_elem((3, 2), 1.0);
        let table = Similarities::new(table.view(), SimilarityParams::default()).unwrap();
        let triplet = |items: [u32; 3]| Triplet::new(items.map(StimulusId)).unwrap();
        let choice = |items| Choice {
            triplet: triplet(items),
            odd: Position::First,
        };
        let found = implied(&[choice([0, 1, 2]), choice([0, 1, 7])], &table, 9, Seed(1)).unwrap();
        assert_eq!((found.n, found.unknown, found.tied), (1, 1, 1));
        assert!((found.agreement - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(implied(&[choice([5, 6, 7])], &table, 9, Seed(1)), None);
    }
}
