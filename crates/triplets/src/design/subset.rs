//! Choosing the stimuli of a full set: few, spread out, of every category, and as alike to one
//! another as the whole collection.

use emotome_stats::permutation::KeyedPermutation;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;
use std::collections::BTreeMap;

/// How to choose a subset.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `size` | 66 | stimuli to choose; 66 make 45,760 triplets |
/// | `seed` | 0 | of the proposed swaps |
/// | `bins` | 20 | bins of the similarity histogram, equally full in the population |
/// | `proposals` | 50,000 | swaps tried |
/// | `agreement_weight` | 0.25 | what 1 of mean agreement (scaled to 0..1) is worth in histogram distance |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubsetParams {
    /// Stimuli to choose.
    pub size: usize,
    /// The seed.
    pub seed: u64,
    /// Bins of the similarity histogram.
    pub bins: usize,
    /// Swaps tried.
    pub proposals: u64,
    /// Weight of rater agreement against histogram distance.
    pub agreement_weight: f64,
}

impl Default for SubsetParams {
    fn default() -> Self {
        Self {
            size: 66,
            seed: 0,
            bins: 20,
            proposals: 50_000,
            agreement_weight: 0.25,
        }
    }
}

/// What is known about the stimuli to choose from, one row or element each.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Ratings or features (n × p), of any units: columns are standardised here.
    pub features: ArrayView2<'a, f64>,
    /// The top category of each stimulus, as any number.
    pub categories: &'a [usize],
    /// How far raters agree on each stimulus, on any scale where more is better.
    pub agreement: Option<&'a [f64]>,
}

/// The chosen stimuli and how well they stand for all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subset {
    /// The chosen ids, ascending.
    #[serde(serialize_with = "as_numbers")]
    pub stimuli: Vec<StimulusId>,
    /// Categories, each with at least one chosen stimulus.
    pub categories: usize,
    /// Total variation distance between the similarity histograms of the chosen pairs and of all
    /// pairs, before any swap.
    pub distance_before: f64,
    /// The same after the swaps.
    pub distance: f64,
    /// Mean agreement of the chosen, as given.
    pub agreement: Option<f64>,
    /// Mean agreement of all, as given.
    pub agreement_of_all: Option<f64>,
    /// Swaps made.
    pub swaps: u64,
    /// Columns left out because they do not vary.
    pub constant_columns: usize,
}

fn as_numbers<S: serde::Serializer>(ids: &[StimulusId], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(ids.iter().map(|id| id.0))
}

/// Why no subset can be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubsetError {
    /// A size that is impossible.
    #[error(
        "{size} of {n} stimuli in {categories} categories were asked for; expected at least 3, at least one for each \
         category, and no more than there are"
    )]
    Size {
        /// The size asked for.
        size: usize,
        /// The stimuli there are.
        n: usize,
        /// The categories there are.
        categories: usize,
    },
    /// Parts of the candidates have different lengths.
    #[error(
        "{n} stimuli have features, but {found} have {what}; expected one for each, in the same order"
    )]
    Length {
        /// What is too long or too short.
        what: &'static str,
        /// Rows of the features.
        n: usize,
        /// Elements found.
        found: usize,
    },
    /// A feature or agreement is missing or infinite.
    #[error(
        "{what} of stimulus {stimulus} (counted from 0), column {column}, is {value}; expected a finite number: impute it or drop the column"
    )]
    NotFinite {
        /// `feature` or `agreement`.
        what: &'static str,
        /// The stimulus.
        stimulus: usize,
        /// The column, 0 for agreement.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// A parameter out of its range.
    #[error("{name} = {value}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What was expected.
        expected: &'static str,
    },
}

/// Pairs from which the population's histogram is estimated at most.
const POPULATION_PAIRS: u64 = 4_000_000;

/// Chooses a subset of the stimuli for complete sampling.
///
/// 1. Columns are standardised (distances in the space of all principal components are the same).
/// 2. Every category gives one stimulus: that of the highest agreement or, without agreement, the
///    nearest to the category's mean.
/// 3. The rest are added one by one, each the farthest from its nearest chosen stimulus
///    (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5).
/// 4. Random swaps that keep every category are made where they lower
///    J = ½ Σ_b |p_b - q_b| - w · ā, with p and q the shares of the chosen and of all pairs in the
///    bins of cosine similarity, and ā the mean agreement scaled to 0..1.
///
/// O(n²p + size·n·p + proposals·size·p) with n² at most 4·10⁶ pairs; deterministic.
///
/// # Errors
/// [`SubsetError`] for impossible sizes, lengths that differ and values that are not finite.
pub fn select(candidates: &Candidates<'_>, params: &SubsetParams) -> Result<Subset, SubsetError> {
    let (n, size) = (candidates.features.nrows(), params.size);
    let groups = check(candidates, params)?;
    let (z, constant_columns) = standardised(candidates.features);
    let agreement = candidates.agreement.map(scaled);

    let mut chosen: Vec<usize> = Vec::with_capacity(size);
    for members in groups.values() {
        let best = match &agreement {
            Some(agreement) => first_max(members, |i| agreement[i]),
            None => {
                let mean = z.select(Axis(0), members).mean_axis(Axis(0));
                let mean = mean.expect("a category has members");
                first_max(members, |i| -(&z.row(i) - &mean).mapv(|d| d * d).sum())
            }
        };
        chosen.push(best);
    }
    let distance = |i: usize, j: usize| (&z.row(i) - &z.row(j)).mapv(|d| d * d).sum();
    let mut nearest: Vec<f64> = (0..n)
        .map(|i| {
            chosen
                .iter()
                .map(|&j| distance(i, j))
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    let mut taken = vec![false; n];
    for &i in &chosen {
        taken[i] = true;
    }
    while chosen.len() < size {
        let free: Vec<usize> = (0..n).filter(|&i| !taken[i]).collect();
        let next = first_max(&free, |i| nearest[i]);
        taken[next] = true;
        chosen.push(next);
        for (i, near) in nearest.iter_mut().enumerate() {
            *near = near.min(distance(i, next));
        }
    }

    let mut swaps = Swaps::new(&z, chosen, candidates.categories, params);
    let distance_before = swaps.distance(&swaps.counts);
    let made = swaps.improve(&taken, agreement.as_deref(), params);
    let distance = swaps.distance(&swaps.counts);
    let mut chosen = swaps.chosen;
    chosen.sort_unstable();
    let mean = |ids: &mut dyn Iterator<Item = usize>, values: &[f64]| {
        let picked: Vec<f64> = ids.map(|i| values[i]).collect();
        picked.iter().sum::<f64>() / picked.len() as f64
    };
    Ok(Subset {
        agreement: candidates
            .agreement
            .map(|a| mean(&mut chosen.iter().copied(), a)),
        agreement_of_all: candidates.agreement.map(|a| mean(&mut (0..n), a)),
        stimuli: chosen.into_iter().map(|i| StimulusId(i as u32)).collect(),
        categories: groups.len(),
        distance_before,
        distance,
        swaps: made,
        constant_columns,
    })
}

/// The members of each category, or what is wrong.
fn check(
    candidates: &Candidates<'_>,
    params: &SubsetParams,
) -> Result<BTreeMap<usize, Vec<usize>>, SubsetError> {
    let n = candidates.features.nrows();
    let agreement = candidates.agreement.unwrap_or(&[]);
    let lengths = [
        ("a category", candidates.categories.len()),
        ("an agreement", candidates.agreement.map_or(n, <[f64]>::len)),
    ];
    for (what, found) in lengths {
        if found != n {
            return Err(SubsetError::Length { what, n, found });
        }
    }
    let features = candidates
        .features
        .indexed_iter()
        .map(|((i, j), &v)| ("feature", i, j, v));
    let agreements = agreement
        .iter()
        .enumerate()
        .map(|(i, &v)| ("agreement", i, 0, v));
    if let Some((what, stimulus, column, value)) =
        features.chain(agreements).find(|(.., v)| !v.is_finite())
    {
        return Err(SubsetError::NotFinite {
            what,
            stimulus,
            column,
            value,
        });
    }
    let weight = params.agreement_weight;
    if !(weight.is_finite() && weight >= 0.0) {
        let (name, expected) = ("agreement_weight", "a finite number of at least 0");
        return Err(SubsetError::Parameter {
            name,
            value: weight,
            expected,
        });
    }
    if !(2..=1_000).contains(&params.bins) {
        let (name, expected) = ("bins", "2 to 1000");
        return Err(SubsetError::Parameter {
            name,
            value: params.bins as f64,
            expected,
        });
    }
    let mut groups = BTreeMap::<usize, Vec<usize>>::new();
    for (i, &category) in candidates.categories.iter().enumerate() {
        groups.entry(category).or_default().push(i);
    }
    let (size, categories) = (params.size, groups.len());
    if size < 3 || size > n || size < categories {
        return Err(SubsetError::Size {
            size,
            n,
            categories,
        });
    }
    Ok(groups)
}

/// Columns of mean 0 and variance 1; the constant ones are left out and counted.
fn standardised(features: ArrayView2<'_, f64>) -> (Array2<f64>, usize) {
    let varying: Vec<usize> = (0..features.ncols())
        .filter(|&j| {
            let column = features.column(j);
            column.iter().any(|&v| v != column[0])
        })
        .collect();
    let mut z = features.select(Axis(1), &varying);
    for mut column in z.columns_mut() {
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        let sd =
            (column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / column.len() as f64).sqrt();
        column.mapv_inplace(|v| if sd > 0.0 { (v - mean) / sd } else { 0.0 });
    }
    (z, features.ncols() - varying.len())
}

/// Values scaled to 0..1.
fn scaled(values: &[f64]) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values
        .iter()
        .map(|v| {
            if high > low {
                (v - low) / (high - low)
            } else {
                0.0
            }
        })
        .collect()
}

/// The first candidate of the highest score.
fn first_max(candidates: &[usize], score: impl Fn(usize) -> f64) -> usize {
    let mut best = (candidates[0], score(candidates[0]));
    for &i in &candidates[1..] {
        let value = score(i);
        if value > best.1 {
            best = (i, value);
        }
    }
    best.0
}

/// The state of the swap improvement.
struct Swaps<'a> {
    /// Standardised rows scaled to length 1, so that dot products are cosines.
    directions: Array2<f64>,
    categories: &'a [usize],
    chosen: Vec<usize>,
    /// Upper edges of all bins but the last.
    edges: Vec<f64>,
    /// Shares of all pairs.
    population: Vec<f64>,
    /// Chosen pairs.
    counts: Vec<i64>,
}

impl<'a> Swaps<'a> {
    fn new(
        z: &Array2<f64>,
        chosen: Vec<usize>,
        categories: &'a [usize],
        params: &SubsetParams,
    ) -> Self {
        let mut directions = z.clone();
        for mut row in directions.rows_mut() {
            let norm = row.dot(&row).sqrt();
            if norm > 0.0 {
                row /= norm;
            }
        }
        let all = super::rank::pair_count(z.nrows() as u64);
        let order = KeyedPermutation::new(all, Seed(params.seed).derive("subset population"))
            .expect("pairs of stimuli that fit in memory");
        let mut similarities: Vec<f64> = (0..all.min(POPULATION_PAIRS))
            .map(|i| {
                let pair = if all <= POPULATION_PAIRS {
                    i
                } else {
                    order.at(i)
                };
                let (a, b) = super::rank::unrank_pair(pair);
                directions.row(a as usize).dot(&directions.row(b as usize))
            })
            .collect();
        similarities.sort_unstable_by(f64::total_cmp);
        let bins = params.bins;
        let edges = (1..bins)
            .map(|b| similarities[similarities.len() * b / bins])
            .collect();
        let mut swaps = Self {
            directions,
            categories,
            chosen,
            edges,
            population: vec![0.0; bins],
            counts: vec![0; bins],
        };
        for &s in &similarities {
            let bin = swaps.bin(s);
            swaps.population[bin] += 1.0 / similarities.len() as f64;
        }
        for k in 0..swaps.chosen.len() {
            for other in 0..k {
                let bin = swaps.bin(swaps.similarity(swaps.chosen[k], swaps.chosen[other]));
                swaps.counts[bin] += 1;
            }
        }
        swaps
    }

    fn similarity(&self, i: usize, j: usize) -> f64 {
        self.directions.row(i).dot(&self.directions.row(j))
    }

    fn bin(&self, similarity: f64) -> usize {
        self.edges.partition_point(|&edge| edge < similarity)
    }

    fn distance(&self, counts: &[i64]) -> f64 {
        let pairs: i64 = counts.iter().sum();
        let terms = counts.iter().zip(&self.population);
        0.5 * terms
            .map(|(&c, p)| (c as f64 / pairs as f64 - p).abs())
            .sum::<f64>()
    }

    /// Tries the proposed swaps and returns how many were made.
    fn improve(&mut self, taken: &[bool], agreement: Option<&[f64]>, params: &SubsetParams) -> u64 {
        let mut others: Vec<usize> = (0..taken.len()).filter(|&i| !taken[i]).collect();
        if others.is_empty() {
            return 0;
        }
        let gain = |out: usize, inn: usize| match agreement {
            Some(a) => params.agreement_weight * (a[inn] - a[out]) / params.size as f64,
            None => 0.0,
        };
        let mut held = BTreeMap::<usize, usize>::new();
        for &i in &self.chosen {
            *held.entry(self.categories[i]).or_default() += 1;
        }
        let mut rng = CounterRng::new(Seed(params.seed).derive("subset swaps"), 0);
        let mut current = self.distance(&self.counts);
        let mut made = 0;
        for _ in 0..params.proposals {
            let slot = rng.below(self.chosen.len() as u64) as usize;
            let free = rng.below(others.len() as u64) as usize;
            let (out, inn) = (self.chosen[slot], others[free]);
            if self.categories[out] != self.categories[inn] && held[&self.categories[out]] == 1 {
                continue;
            }
            let mut counts = self.counts.clone();
            for &other in self.chosen.iter().filter(|&&i| i != out) {
                counts[self.bin(self.similarity(out, other))] -= 1;
                counts[self.bin(self.similarity(inn, other))] += 1;
            }
            let distance = self.distance(&counts);
            if distance - gain(out, inn) < current {
                self.counts = counts;
                current = distance;
                self.chosen[slot] = inn;
                others[free] = out;
                *held.entry(self.categories[out]).or_default() -= 1;
                *held.entry(self.categories[inn]).or_default() += 1;
                made += 1;
            }
        }
        made
    }
}
