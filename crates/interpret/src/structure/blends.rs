//! Is a stimulus between two categories in between? Gradients against jumps.

mod accounts;
mod pair;

use emotome_stats::correlation::fisher_z;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::sum;
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{Chance, Estimate, Measure, StructureError, p_of, replicate};
use crate::resampling::Resampling;
use accounts::{Placed, advantages};
use pair::{Cast, PairData, correlation};

/// How blends are looked at.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `pure` | 0.34 | a category with at least two votes for each of the next is pure |
/// | `least_pure` | 5 | of each category: they fix the ends of the line |
/// | `least_mixed` | 4 | of a pair; a correlation needs so many |
/// | `folds` | 5 | of the fits of line and step |
/// | `resampling` | 1000 bootstraps, 1000 permutations, 95 % | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BlendParams {
    /// The largest second rating of a pure stimulus, as a share of its two highest: r₂ / (r₁ + r₂).
    pub pure: f64,
    /// Fewest pure stimuli of each category of a pair, at least 2.
    pub least_pure: usize,
    /// Fewest mixed stimuli of a pair, at least 4.
    pub least_mixed: usize,
    /// Folds of the fits.
    pub folds: usize,
    /// Intervals and chance.
    pub resampling: Resampling,
}

impl Default for BlendParams {
    fn default() -> Self {
        Self {
            pure: 0.34,
            least_pure: 5,
            least_mixed: 4,
            folds: 5,
            resampling: Resampling::default(),
        }
    }
}

/// The stimuli between two categories, a and b.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pair {
    /// The columns of a and b in the ratings, a before b.
    pub categories: [usize; 2],
    /// Pure stimuli of a and b.
    pub pure: [usize; 2],
    /// Stimuli whose two highest ratings are a and b, neither pure.
    pub mixed: usize,
    /// Pearson's r of the positions s of the mixed stimuli with their mixtures t = r_b / (r_a + r_b); NaN if all
    /// mixtures are the same.
    pub r: f64,
    /// The mean position of mixed stimuli: 0 where a is, 1 where b is.
    pub position: f64,
    /// The share of mixed stimuli with 0 < s < 1.
    pub between: f64,
    /// The mean distance of mixed stimuli from the line, in lengths of the line.
    pub off_line: f64,
    /// Held-out R² of s on t for mixed and pure stimuli, by a line.
    pub linear: f64,
    /// The same by a step: two levels, and the t where one becomes the other.
    pub step: f64,
    /// Mean log likelihood of mixed stimuli, held out, as points on the line at their mixtures, less that as
    /// points at either end; see [`blends`].
    pub advantage: f64,
}

/// Stimuli between categories, over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blends {
    /// Each pair with enough stimuli.
    pub pairs: Vec<Pair>,
    /// Pairs with mixed stimuli, but too few of these or of pure ones.
    pub sparse_pairs: usize,
    /// Pure stimuli of any category.
    pub pure: usize,
    /// Mixed stimuli of any pair, sparse ones among them.
    pub mixed: usize,
    /// Mixed stimuli of `pairs`: those that all measures are of.
    pub used: usize,
    /// Stimuli that are neither: the second and third rating are the same, or nothing was rated.
    pub neither: usize,
    /// The correlation of position and mixture among mixed stimuli: mean over pairs in Fisher's z, weighted by
    /// mixed stimuli less 3. Chance permutes the mixtures within pairs.
    pub r: Measure,
    /// The share of mixed stimuli between the ends. Chance draws as many stimuli that are neither
    /// pure nor mixed of the pair; NaN where there are none, as with two categories.
    pub between: Measure,
    /// Minus the mean distance from the line, in lengths of the line: larger is nearer. Chance as above.
    pub nearness: Measure,
    /// Held-out R² of the line, all stimuli of all pairs pooled.
    pub linear: Estimate,
    /// Held-out R² of the step.
    pub step: Estimate,
    /// The line's R² less the step's: above 0 for gradients, below 0 for jumps.
    pub gradient: Estimate,
    /// The mean advantage over mixed stimuli, in nats: above 0 if they are in between, below 0 if they are at
    /// either end. Its interval is no test: where the two accounts are equally bad, it need not hold 0.
    pub advantage: Estimate,
    /// The same with as many pure stimuli of the pair drawn, of b with the probability of its mixture t: what
    /// mixed stimuli make that are where pure ones are. p is of an advantage as large.
    pub advantage_pure: Chance,
    /// The same with as many stimuli drawn that are not of the pair, at the mixtures observed: what clusters that
    /// have nothing to do with the pair make. p is of an advantage as *small*.
    pub advantage_elsewhere: Chance,
}

/// Places the mixed stimuli of each pair of categories on the line between the pure ones.
///
/// With m_a, m_b the mean places (points, n × d) of the pure stimuli of two categories, a stimulus x has position
/// s = (x − m_a)·(m_b − m_a) / ‖m_b − m_a‖². Mixed stimuli have no part in the means; a pure stimulus is left out
/// of its own. Two accounts of the mixed ones are compared on folds held out:
///
/// - gradient: s normal about the line through the pure stimuli's mean (t, s) of a and b;
/// - jump: s normal about one of the pure stimuli's two mean positions, with probability q at that of the larger
///   rating, .5 if both are the same.
///
/// Each has one standard deviation, in units of the space; that and q are fitted to the mixed stimuli of all
/// pairs. Linear fits alone cannot tell the two apart: if a
/// half-and-half stimulus is at either end as often, the *mean* position is a straight line too.
///
/// Projection on the line hides what is beside it: a stimulus in a third cluster lies at s ≈ .5 as well. So the
/// advantage is to be read with `nearness`.
///
/// Intervals resample pairs, and stimuli within pairs. All measures are NaN without a pair. O(pairs n d + B m
/// + P m E) for m mixed stimuli and E rounds of fitting the jump, at most 60 for each fold.
///
/// # Errors
/// [`StructureError`]: different stimuli, values that are no numbers, negative ratings, a parameter out of
/// range, or interrupted.
pub fn blends(
    points: ArrayView2<'_, f64>,
    ratings: ArrayView2<'_, f64>,
    params: &BlendParams,
    run: Run<'_>,
) -> Result<Blends, StructureError> {
    params.check(points, ratings)?;
    let cast = Cast::new(ratings, params);
    let draws = &params.resampling;
    let seed = draws.seed("blends folds");
    let mut data: Vec<PairData> = cast
        .pairs
        .iter()
        .enumerate()
        .map(|(p, pair)| PairData::new(points, ratings, &cast, pair, params, seed.child(p as u64)))
        .collect();
    let placed: Vec<Placed> = data.iter().map(PairData::placed).collect();
    let found = advantages(&data, &placed, params.folds);
    for (pair, advantage) in data.iter_mut().zip(found) {
        pair.report.advantage = average(advantage.iter().copied());
        pair.advantage = advantage;
    }
    let whole: Vec<(&PairData, Vec<usize>)> = data
        .iter()
        .map(|pair| (pair, (0..pair.items()).collect()))
        .collect();
    let observed = summary(&whole);
    let seed = draws.seed("blends bootstrap");
    let bootstrap = replicate(run, "Resampling pairs", draws.bootstraps, |replicate| {
        let mut rng = CounterRng::new(seed, replicate as u64);
        let drawn: Vec<_> = (0..data.len())
            .map(|_| {
                let pair = &data[rng.below(data.len() as u64) as usize];
                (pair, pair.resample(&mut rng))
            })
            .collect();
        Ok(summary(&drawn))
    })?;
    let seed = draws.seed("blends permutation");
    let null = replicate(
        run,
        "Permuting mixtures",
        draws.permutations,
        |permutation| Ok(chance(&data, params.folds, seed, permutation as u64)),
    )?;
    let nulls = |which: usize| null.iter().map(move |x| x[which]);
    let estimate = |which: usize| {
        let replicates: Vec<f64> = bootstrap.iter().map(|x| x[which]).collect();
        draws.estimate(observed[which], &replicates)
    };
    let measure = |which: usize| Measure {
        estimate: estimate(which),
        chance: draws.chance(observed[which], &nulls(which).collect::<Vec<_>>()),
    };
    let as_pure: Vec<f64> = nulls(3).collect();
    let elsewhere: Vec<f64> = nulls(4).collect();
    let as_small: Vec<f64> = nulls(4).map(|x| -x).collect();
    Ok(Blends {
        used: data.iter().map(PairData::mixed).sum(),
        pairs: data.iter().map(|pair| pair.report).collect(),
        sparse_pairs: cast.sparse_pairs,
        pure: cast.pure,
        mixed: cast.mixed,
        neither: cast.neither,
        r: measure(0),
        between: measure(1),
        nearness: measure(2),
        linear: estimate(3),
        step: estimate(4),
        gradient: estimate(5),
        advantage: estimate(6),
        advantage_pure: draws.chance(observed[6], &as_pure),
        advantage_elsewhere: Chance {
            p: p_of(-observed[6], &as_small),
            ..draws.chance(observed[6], &elsewhere)
        },
    })
}

impl BlendParams {
    fn check(
        &self,
        points: ArrayView2<'_, f64>,
        ratings: ArrayView2<'_, f64>,
    ) -> Result<(), StructureError> {
        self.resampling.check()?;
        StructureError::unless_same("ratings", ratings.nrows(), points.nrows())?;
        StructureError::unless_finite("points", points)?;
        StructureError::unless_finite("ratings", ratings)?;
        StructureError::unless_enough("categories", ratings.ncols(), 2, "give more ratings")?;
        if let Some(&found) = ratings.iter().find(|x| **x < 0.0) {
            let expected = "0 or more: a mixture is a share of two ratings";
            StructureError::unless(false, "a rating", found, expected)?;
        }
        let allowed = self.pure >= 0.0 && self.pure < 0.5;
        StructureError::unless(
            allowed,
            "the share of a pure stimulus",
            self.pure,
            "from 0 to 0.5",
        )?;
        for (parameter, found, least, expected) in [
            ("the fewest pure stimuli", self.least_pure, 2, "2 or more"),
            ("the fewest mixed stimuli", self.least_mixed, 4, "4 or more"),
            ("the number of folds", self.folds, 2, "2 or more"),
        ] {
            StructureError::unless(found >= least, parameter, found as f64, expected)?;
        }
        Ok(())
    }
}

/// The category of each stimulus that is pure, where it has enough pure stimuli.
pub(super) fn pure(ratings: ArrayView2<'_, f64>, params: &BlendParams) -> Vec<Option<usize>> {
    let mut category = vec![None; ratings.nrows()];
    for (k, stimuli) in Cast::new(ratings, params).of.into_iter().enumerate() {
        if stimuli.len() >= params.least_pure {
            stimuli.into_iter().for_each(|i| category[i] = Some(k));
        }
    }
    category
}

/// The numbers of summaries: r, between, nearness, linear, step, gradient, advantage.
const NUMBERS: usize = 7;

/// Over pairs with the items drawn of each.
fn summary(drawn: &[(&PairData, Vec<usize>)]) -> [f64; NUMBERS] {
    let (mut z, mut weight, mut mixed) = (0.0, 0.0, 0.0);
    let mut sums = [0.0; 3];
    let mut errors = [0.0; 3];
    for (pair, items) in drawn {
        let of = || items.iter().filter(|&&i| i < pair.mixed());
        let r = correlation(of().map(|&i| (pair.mixture[i], pair.position[i])));
        if !r.is_nan() {
            let of_pair = of().count() as f64 - 3.0;
            z += fisher_z(r) * of_pair;
            weight += of_pair;
        }
        for &i in of() {
            mixed += 1.0;
            sums[0] += f64::from(pair.is_between(i));
            sums[1] -= pair.off_line[i];
            sums[2] += pair.advantage[i];
        }
        for &i in items {
            let of_item = pair.errors[i];
            errors
                .iter_mut()
                .zip(of_item)
                .for_each(|(sum, x)| *sum += x);
        }
    }
    let [linear, step] = [1, 2].map(|model| 1.0 - errors[model] / errors[0]);
    [
        (z / weight).tanh(),
        sums[0] / mixed,
        sums[1] / mixed,
        linear,
        step,
        linear - step,
        sums[2] / mixed,
    ]
}

/// r, between and nearness by chance, then the advantage of pure stimuli, and of stimuli from elsewhere.
fn chance(data: &[PairData], folds: usize, seed: Seed, permutation: u64) -> [f64; 5] {
    let mut rng = CounterRng::new(seed, permutation);
    let (mut z, mut weight, mut mixed) = (0.0, 0.0, 0.0);
    let mut sums = [0.0; 2];
    let (mut as_pure, mut elsewhere): (Vec<Placed>, Vec<Placed>) = (Vec::new(), Vec::new());
    for pair in data {
        let count = pair.mixed();
        let (observed, position) = pair.placed();
        let mut mixture = observed.clone();
        rng.shuffle(&mut mixture);
        let r = correlation(mixture.iter().copied().zip(position.iter().copied()));
        if !r.is_nan() {
            z += fisher_z(r) * (count as f64 - 3.0);
            weight += count as f64 - 3.0;
        }
        let pure = observed.iter().map(|t| {
            let b = usize::from(rng.uniform() < *t);
            let first = count + b * pair.report.pure[0];
            pair.position[first + rng.below(pair.report.pure[b] as u64) as usize]
        });
        let pure: Vec<f64> = pure.collect();
        as_pure.push((observed.clone(), pure));
        let mut drawn = vec![f64::NAN; count];
        if !pair.others.is_empty() {
            for drawn in &mut drawn {
                let (position, off_line) =
                    pair.others[rng.below(pair.others.len() as u64) as usize];
                mixed += 1.0;
                sums[0] += f64::from(position > 0.0 && position < 1.0);
                sums[1] -= off_line;
                *drawn = position;
            }
        }
        elsewhere.push((observed, drawn));
    }
    let advantage = |placed: &[Placed]| {
        let advantages = advantages(data, placed, folds).concat();
        average(advantages.into_iter())
    };
    [
        (z / weight).tanh(),
        sums[0] / mixed,
        sums[1] / mixed,
        advantage(&as_pure),
        advantage(&elsewhere),
    ]
}

/// The mean of finite values.
fn average(values: impl Iterator<Item = f64> + Clone) -> f64 {
    sum(values.clone()) / values.count() as f64
}
