//! Consistencies of several pairs on the same triplets, with resamples shared by all pairs.

use super::{AgreeParams, Question, about};
use emotome_stats::distribution::normal_cdf;
use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::UnorderedTriplet;
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::HashMap;

/// Sources over the triplets of a comparison.
pub(super) struct Aligned<'a> {
    pairs: &'a [(usize, usize)],
    triplets: usize,
    sources: HashMap<usize, Answers>,
    /// Whether triplets are drawn, beside raters.
    draw_triplets: bool,
}

/// What one source answered, by triplet.
enum Answers {
    /// Shares of the three items, where answers go with their triplet.
    Shares(Vec<[f64; 3]>),
    /// Rater and item of every answer, and the number of raters.
    Raters(Vec<Vec<(u32, u8)>>, usize),
}

/// Weighted means over triplets of one resample.
struct Means {
    /// Σ w a_t b_t of each pair, and Σ w of its triplets.
    agreed: Vec<(f64, f64)>,
    /// Σ w a_t of both sources of each pair.
    habits: Vec<[[f64; 3]; 2]>,
}

impl<'a> Aligned<'a> {
    pub(super) fn new(
        questions: &[Vec<Question>],
        raters: &[bool],
        pairs: &'a [(usize, usize)],
        triplets: &[UnorderedTriplet],
    ) -> Self {
        let mut sources = HashMap::new();
        let (mut raters_known, mut several) = (false, false);
        for &source in pairs.iter().flat_map(|(i, j)| [i, j]) {
            let asked = || {
                triplets
                    .iter()
                    .filter_map(|&t| about(&questions[source], t))
            };
            sources.entry(source).or_insert_with(|| {
                if !raters[source] {
                    return Answers::Shares(asked().map(Question::shares).collect());
                }
                let mut codes = HashMap::new();
                let mut crossings = 0;
                let answers: Vec<Vec<(u32, u8)>> = asked()
                    .map(|q| {
                        let mut who: Vec<u32> = q.answers.iter().map(|a| a.2).collect();
                        who.sort_unstable();
                        who.dedup();
                        crossings += who.len();
                        let code = |rater: u32, codes: &mut HashMap<u32, u32>| {
                            let next = codes.len() as u32;
                            *codes.entry(rater).or_insert(next)
                        };
                        let coded = q.answers.iter().map(|a| (code(a.2, &mut codes), a.1));
                        coded.collect()
                    })
                    .collect();
                raters_known = true;
                several |= crossings >= 2 * triplets.len();
                Answers::Raters(answers, codes.len())
            });
        }
        Self {
            pairs,
            triplets: triplets.len(),
            sources,
            draw_triplets: !raters_known || several,
        }
    }

    /// Raw agreement and κ of each pair, with their 95 % intervals.
    pub(super) fn intervals(&self, params: &AgreeParams) -> Vec<[(f64, Interval); 2]> {
        let observed = self.means(&vec![1.0; self.triplets], None).estimates();
        let seed = Seed(params.seed).derive("bootstrap of triplets and raters");
        let replicates: Vec<Vec<[f64; 2]>> = (0..params.replicates)
            .into_par_iter()
            .map(|replicate| {
                let mut rng = CounterRng::new(seed, replicate as u64);
                let mut weights = vec![1.0; self.triplets];
                if self.draw_triplets {
                    weights.fill(0.0);
                    for _ in 0..self.triplets {
                        weights[rng.below_word(self.triplets as u32) as usize] += 1.0;
                    }
                }
                self.means(&weights, Some((seed, replicate as u64)))
                    .estimates()
            })
            .collect();
        (0..self.pairs.len())
            .map(|pair| {
                let level = expanded(self.clusters(self.pairs[pair]));
                [0, 1].map(|k| {
                    let drawn: Vec<f64> = replicates.iter().map(|r| r[pair][k]).collect();
                    (observed[pair][k], percentile(&drawn, level))
                })
            })
            .collect()
    }

    /// The number of things drawn at the level that has the fewest.
    fn clusters(&self, (i, j): (usize, usize)) -> usize {
        let raters = [i, j].map(|source| match &self.sources[&source] {
            Answers::Shares(_) => self.triplets,
            Answers::Raters(_, raters) => *raters,
        });
        raters[0].min(raters[1])
    }

    /// Means with these weights of triplets, raters drawn anew where `draw` says from which stream.
    fn means(&self, weights: &[f64], draw: Option<(Seed, u64)>) -> Means {
        let mut drawn: HashMap<usize, Vec<[f64; 3]>> = HashMap::new();
        for (&source, answers) in &self.sources {
            if let Answers::Raters(answers, raters) = answers {
                let mut count = vec![1.0; *raters];
                if let Some((seed, replicate)) = draw {
                    let mut rng = CounterRng::new(seed.child(1 + source as u64), replicate);
                    count.fill(0.0);
                    for _ in 0..*raters {
                        count[rng.below(*raters as u64) as usize] += 1.0;
                    }
                }
                let shares = answers.iter().map(|answers| {
                    let mut shares = [0.0; 3];
                    for &(rater, item) in answers {
                        shares[usize::from(item)] += count[rater as usize] / answers.len() as f64;
                    }
                    shares
                });
                drawn.insert(source, shares.collect());
            }
        }
        let rows = |source: usize| match &self.sources[&source] {
            Answers::Shares(shares) => shares,
            Answers::Raters(..) => &drawn[&source],
        };
        let mut means = Means {
            agreed: Vec::with_capacity(self.pairs.len()),
            habits: Vec::with_capacity(self.pairs.len()),
        };
        for &(i, j) in self.pairs {
            let (mut agreed, mut total, mut habits) = (0.0, 0.0, [[0.0; 3]; 2]);
            for ((weight, a), b) in weights.iter().zip(rows(i)).zip(rows(j)) {
                let (sum_a, sum_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
                // A triplet none of whose raters was drawn weighs nothing; one whose raters were drawn
                // twice weighs double.
                let weight = weight * self.weight(i, sum_a) * self.weight(j, sum_b);
                if weight > 0.0 {
                    let scale = 1.0 / (sum_a * sum_b);
                    let both: f64 = (0..3).map(|k| a[k] * b[k]).sum();
                    agreed += weight * both * scale;
                    total += weight;
                    for k in 0..3 {
                        habits[0][k] += weight * a[k] / sum_a;
                        habits[1][k] += weight * b[k] / sum_b;
                    }
                }
            }
            means.agreed.push((agreed, total));
            means.habits.push(habits);
        }
        means
    }

    /// What a triplet weighs for the answers of a source to it that were drawn.
    ///
    /// With triplets drawn beside raters, a triplet counts if any of its raters was drawn: its weight is its
    /// own. Without, a triplet comes as often as its rater, or as its raters on average.
    fn weight(&self, source: usize, drawn: f64) -> f64 {
        match &self.sources[&source] {
            Answers::Shares(_) => 1.0,
            Answers::Raters(..) if self.draw_triplets => f64::from(u8::from(drawn > 0.0)),
            Answers::Raters(..) => drawn,
        }
    }
}

impl Means {
    fn estimates(&self) -> Vec<[f64; 2]> {
        let pairs = self.agreed.iter().zip(&self.habits);
        pairs
            .map(|(&(agreed, total), [a, b])| {
                let raw = agreed / total;
                let expected: f64 = (0..3).map(|k| a[k] * b[k]).sum::<f64>() / (total * total);
                [raw, (raw - expected) / (1.0 - expected)]
            })
            .collect()
    }
}

/// The level at which percentiles of resamples of m things cover 95 %: 1 − 2 Φ(−√(m / (m − 1)) t), t the
/// 97.5 % quantile of Student's t with m − 1 degrees of freedom (Hesterberg 2015,
/// doi:10.1080/00031305.2015.1089789). Few raters would give too narrow intervals.
fn expanded(m: usize) -> f64 {
    let df = m.saturating_sub(1).max(1) as f64;
    let t = StudentsT::new(0.0, 1.0, df).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975));
    1.0 - 2.0 * normal_cdf(-((df + 1.0) / df).sqrt() * t)
}
