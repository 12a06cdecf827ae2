//! Labels from one half of the raters, features from the other: no number is compared with itself.
//!
//! A category's rating is the share of raters who chose it. Who chose what *together* is not in such a table,
//! so each category is split on its own: its votes are dealt to two halves of the raters as a hypergeometric
//! draw. Each half has the right mean and the right noise in every category, but the ties between categories
//! within a rater are lost: the noises of two categories are independent, where a rater's were not.

use emotome_stats::correlation::{fisher_mean, pearson};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::{mean, standard_deviation};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::classify::{Classifier, ClassifyParams, Fit, Outcome, pooled, shares};
use super::labels::{LabelParams, Labels};
use super::{Measure, StructureError, replicate};

/// Most raters a stimulus may have.
pub const MOST_RATERS: usize = 1000;

/// How the number of raters is found behind the shares of a stimulus.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `usual` | 12 | of several possible numbers the nearest to it is taken, of two equally near the smaller |
/// | `fewest`, `most` | 9, 17 | those of the published ratings |
/// | `halves` | yes | a published share may be an odd multiple of 1/(2 R), as if two names had been averaged |
/// | `tolerance` | 1.1 · 10⁻⁵ | shares are printed with five digits |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RaterParams {
    /// The number preferred.
    pub usual: usize,
    /// The smallest number.
    pub fewest: usize,
    /// The largest number.
    pub most: usize,
    /// Whether half votes are possible.
    pub halves: bool,
    /// How far a share may be from a multiple.
    pub tolerance: f64,
}

impl Default for RaterParams {
    fn default() -> Self {
        Self {
            usual: 12,
            fewest: 9,
            most: 17,
            halves: true,
            tolerance: 1.1e-5,
        }
    }
}

/// The votes behind shares of raters.
#[derive(Debug, Clone, PartialEq)]
pub struct Votes {
    /// The stimuli whose number of raters is known.
    used: Vec<usize>,
    raters: Vec<usize>,
    /// Half votes, used × K.
    halves: Array2<u32>,
    report: VotesReport,
}

/// What was found behind shares of raters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VotesReport {
    /// Stimuli given.
    pub given: usize,
    /// Stimuli whose shares are multiples of one number of raters.
    pub used: usize,
    /// Stimuli left out: their shares are near multiples of no possible number.
    pub unclear: usize,
    /// Stimuli that several numbers of raters would fit.
    pub ambiguous: usize,
    /// Stimuli with half votes.
    pub halved: usize,
    /// How many stimuli have each number of raters, from the smallest number.
    pub raters: Vec<(usize, usize)>,
}

impl Votes {
    /// Finds the votes behind shares (stimuli × K). O(n K (most − fewest)).
    ///
    /// A number R of raters fits a stimulus if every share is within the tolerance of a multiple of 1/R, or,
    /// where no R fits so, of 1/(2 R). Where the R found is even and R/2 possible and nearer to the usual number,
    /// R/2 raters with half votes are taken: 9 of about 12 raters, say, rather than 18.
    ///
    /// # Errors
    /// [`StructureError`]: a parameter out of range, shares that are no numbers from 0 to 1, or fewer than 2
    /// stimuli left.
    ///
    /// ```
    /// use emotome_interpret::structure::raters::{RaterParams, Votes};
    /// use ndarray::array;
    /// let shares = array![[0.083333, 0.5], [0.18182, 0.0], [0.041667, 0.25], [0.123, 0.0]];
    /// let votes = Votes::of_shares(shares.view(), &RaterParams::default())?;
    /// assert_eq!(votes.raters(), [12, 11, 12]);
    /// assert_eq!((votes.report().unclear, votes.report().halved), (1, 1));
    /// # Ok::<(), emotome_interpret::structure::StructureError>(())
    /// ```
    pub fn of_shares(
        shares: ArrayView2<'_, f64>,
        params: &RaterParams,
    ) -> Result<Self, StructureError> {
        params.check()?;
        StructureError::unless_finite("shares of raters", shares)?;
        if let Some(&share) = shares.iter().find(|x| !(0.0..=1.0).contains(*x)) {
            StructureError::unless(false, "a share of raters", share, "from 0 to 1")?;
        }
        let mut numbers: Vec<usize> = (params.fewest..=params.most).collect();
        numbers.sort_by_key(|r| (r.abs_diff(params.usual), *r));
        let fits = |row: &ArrayView1<'_, f64>, parts: usize| {
            let near = |share: f64| (share * parts as f64).round() / parts as f64;
            row.iter()
                .all(|&share| (share - near(share)).abs() <= params.tolerance)
        };
        let (mut used, mut raters, mut halves) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ambiguous, mut halved) = (0, 0);
        for (i, row) in shares.rows().into_iter().enumerate() {
            let fitting = |parts: usize| -> Vec<usize> {
                let fits = |r: &&usize| fits(&row, parts * **r);
                numbers.iter().filter(fits).copied().collect()
            };
            let mut possible = fitting(1);
            if params.halves {
                let half = possible.first().filter(|r| *r % 2 == 0).map(|r| r / 2);
                let nearer = |half: &usize| {
                    let off = |r: usize| r.abs_diff(params.usual);
                    *half >= params.fewest && off(*half) < off(2 * half)
                };
                if possible.is_empty() {
                    possible = fitting(2);
                    halved += usize::from(!possible.is_empty());
                } else if let Some(half) = half.filter(nearer) {
                    possible.insert(0, half);
                    halved += 1;
                }
            }
            ambiguous += usize::from(possible.len() > 1);
            if let Some(&r) = possible.first() {
                used.push(i);
                raters.push(r);
                halves.extend(row.iter().map(|share| {
                    let whole = 2.0 * (share * r as f64);
                    whole.round() as u32
                }));
            }
        }
        StructureError::unless_enough(
            "stimuli with a known number of raters",
            used.len(),
            2,
            "state the numbers of raters that are possible",
        )?;
        let count = |r| raters.iter().filter(|x| **x == r).count();
        let report = VotesReport {
            given: shares.nrows(),
            used: used.len(),
            unclear: shares.nrows() - used.len(),
            ambiguous,
            halved,
            raters: (params.fewest..=params.most)
                .map(|r| (r, count(r)))
                .filter(|x| x.1 > 0)
                .collect(),
        };
        let columns = shares.ncols();
        Ok(Self {
            halves: Array2::from_shape_fn((used.len(), columns), |(i, k)| halves[i * columns + k]),
            used,
            raters,
            report,
        })
    }

    /// The stimuli used, of those given.
    #[must_use]
    pub fn used(&self) -> &[usize] {
        &self.used
    }

    /// The number of raters of each stimulus used.
    #[must_use]
    pub fn raters(&self) -> &[usize] {
        &self.raters
    }

    /// What was found and left out.
    #[must_use]
    pub const fn report(&self) -> &VotesReport {
        &self.report
    }

    /// The shares in two random halves of the raters, each used × K; of an odd number either half is the
    /// larger. The votes of a category are dealt by a hypergeometric draw, each category on its own.
    ///
    /// Stimuli with fewer than 2 raters have all in one half and zeros in the other. O(votes).
    #[must_use]
    pub fn split(&self, seed: Seed, split: u64) -> [Array2<f64>; 2] {
        let seed = seed.derive("rater split").child(split);
        let mut parts = [(); 2].map(|()| Array2::zeros(self.halves.dim()));
        for (i, (row, &r)) in self.halves.rows().into_iter().zip(&self.raters).enumerate() {
            let mut rng = CounterRng::new(seed, i as u64);
            let first = r / 2 + (r % 2) * rng.below(2) as usize;
            let sizes = [first, r - first];
            for (k, &halves) in row.iter().enumerate() {
                let mut left = sizes;
                for vote in 0..halves.div_ceil(2) {
                    let part =
                        usize::from(rng.below((left[0] + left[1]) as u64) as usize >= left[0]);
                    left[part] -= 1;
                    parts[part][[i, k]] += if 2 * vote + 1 == halves { 0.5 } else { 1.0 };
                }
                for (part, &size) in parts.iter_mut().zip(&sizes) {
                    part[[i, k]] /= size.max(1) as f64;
                }
            }
        }
        parts
    }

    /// The reliability of each category: mean correlation of the halves over `splits` (in Fisher's z), r,
    /// stepped up to all raters by Spearman and Brown, 2 r / (1 + r); NaN where a half is constant. O(splits n K).
    ///
    /// Brown (1910), doi:10.1111/j.2044-8295.1910.tb00207.x.
    #[must_use]
    pub fn reliability(&self, splits: usize, seed: Seed) -> Vec<f64> {
        let halves: Vec<_> = (0..splits as u64).map(|s| self.split(seed, s)).collect();
        let of = |k: usize| {
            let column = |half: &Array2<f64>| half.column(k).to_vec();
            let r: Vec<f64> = halves
                .iter()
                .map(|[a, b]| pearson(&column(a), &column(b)))
                .collect();
            let r = fisher_mean(&r);
            2.0 * r / (1.0 + r)
        };
        (0..self.halves.ncols()).map(of).collect()
    }
}

impl RaterParams {
    fn check(&self) -> Result<(), StructureError> {
        let allowed = (2..=MOST_RATERS).contains(&self.fewest) && self.fewest <= self.most;
        let expected = "at least 2, and at most the largest number";
        StructureError::unless(
            allowed,
            "the smallest number of raters",
            self.fewest as f64,
            expected,
        )?;
        let allowed = self.most <= MOST_RATERS;
        let most = self.most as f64;
        StructureError::unless(
            allowed,
            "the largest number of raters",
            most,
            "at most 1000",
        )?;
        let allowed = self.tolerance >= 0.0 && self.tolerance < 0.25 / most;
        StructureError::unless(
            allowed,
            "the tolerance of shares",
            self.tolerance,
            "from 0 to a quarter of a vote of the most raters",
        )
    }
}

/// What is classified by labels from half of the raters.
#[derive(Debug, Clone, Copy)]
pub enum Features<'a> {
    /// The ratings of the other half: what ratings themselves can reach.
    OtherHalf,
    /// Places in a space, stimuli × d, in the order of the shares given.
    Points(ArrayView2<'a, f64>),
}

/// How well classes named by half of the raters are told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitClassification {
    /// How.
    pub classifier: Classifier,
    /// The number of splits.
    pub splits: usize,
    /// Stimuli used.
    pub items: usize,
    /// The mean number of labelled stimuli in a split.
    pub labelled: f64,
    /// The mean number of classes in a split.
    pub classes: f64,
    /// The share of stimuli whose class comes first, over all splits.
    pub top1: Measure,
    /// The share of stimuli whose class is among the first three.
    pub top3: Measure,
    /// The mean over classes of the share of their stimuli whose class comes first.
    pub balanced: Measure,
    /// The standard deviation of the three over splits.
    pub spread: [f64; 3],
}

/// One split: labels, and the features that tell them.
struct Part {
    stimuli: Vec<usize>,
    classes: Vec<usize>,
    categories: Vec<usize>,
    /// Of all stimuli used; none for the places given.
    features: Option<Array2<f64>>,
}

impl Part {
    /// What is said of each labelled stimulus with the features of another, or its own.
    fn outcomes(
        &self,
        points: &Array2<f64>,
        other: &[usize],
        params: &ClassifyParams,
    ) -> Result<Vec<Outcome>, StructureError> {
        let rows: Vec<usize> = self.stimuli.iter().map(|&i| other[i]).collect();
        let features = self.features.as_ref().unwrap_or(points);
        let features = features.select(Axis(0), &rows);
        Fit::new(features.view(), self.categories.len(), params)?.outcomes(&self.classes)
    }
}

/// Classifies stimuli by labels from half of the raters, with features that those raters have no part in, over
/// several splits.
///
/// All splits are pooled: a stimulus counts once for each split in which it has a label. Intervals resample
/// stimuli with all their splits; the null gives every stimulus the features of another, the same in all splits,
/// so that it varies as the mean over splits does. Each fit is made anew for each split and permutation: with
/// votes of neighbours that is O(splits P n² d).
///
/// # Errors
/// [`StructureError`]: a parameter out of range, points of other stimuli, too few classes, or interrupted.
pub fn split_classify(
    votes: &Votes,
    features: Features<'_>,
    labels: &LabelParams,
    params: &ClassifyParams,
    splits: usize,
    run: Run<'_>,
) -> Result<SplitClassification, StructureError> {
    let draws = &params.resampling;
    draws.check()?;
    let allowed = (1..=1000).contains(&splits);
    StructureError::unless(
        allowed,
        "the number of splits",
        splits as f64,
        "from 1 to 1000",
    )?;
    let points = match features {
        Features::OtherHalf => Array2::zeros((0, 0)),
        Features::Points(points) => {
            StructureError::unless_same("points", points.nrows(), votes.report.given)?;
            points.select(Axis(0), &votes.used)
        }
    };
    let part = |split: usize| -> Result<Part, StructureError> {
        let [a, b] = votes.split(Seed(draws.seed), split as u64);
        let labels = Labels::highest(a.view(), labels)?;
        let (stimuli, classes) = labels.labelled();
        Ok(Part {
            categories: labels.classes.iter().map(|class| class.category).collect(),
            features: matches!(features, Features::OtherHalf).then_some(b),
            stimuli,
            classes,
        })
    };
    let parts: Vec<Part> = (0..splits).map(part).collect::<Result<_, _>>()?;
    let (items, categories) = votes.halves.dim();
    let over_all = |weights: &[f64], outcomes: &[Vec<Outcome>]| {
        let mut hits = vec![[0.0; 2]; categories];
        let mut top3 = 0.0;
        for (part, outcomes) in parts.iter().zip(outcomes) {
            for ((&i, &class), outcome) in part.stimuli.iter().zip(&part.classes).zip(outcomes) {
                let weight = weights[i];
                let hit = &mut hits[part.categories[class]];
                hit[1] += weight;
                if outcome.before == 0 {
                    hit[0] += weight;
                }
                if outcome.before < 3 {
                    top3 += weight;
                }
            }
        }
        pooled(&hits, top3)
    };
    let with = |other: &[usize]| -> Result<Vec<Vec<Outcome>>, StructureError> {
        let outcomes = |part: &Part| part.outcomes(&points, other, params);
        parts.iter().map(outcomes).collect()
    };
    let own: Vec<usize> = (0..items).collect();
    let found = with(&own)?;
    let all = vec![1.0; items];
    let observed = over_all(&all, &found);
    let bootstrap = draws.bootstrap(items, "split classify bootstrap", run, |weights| {
        over_all(weights, &found)
    })?;
    let seed = draws.seed("split classify permutation");
    let null = replicate(
        run,
        "Permuting stimuli",
        draws.permutations,
        |permutation| {
            let mut other = own.clone();
            CounterRng::new(seed, permutation as u64).shuffle(&mut other);
            Ok(over_all(&all, &with(&other)?))
        },
    )?;
    let measure = |which: usize| {
        let of = |values: &[[f64; 3]]| values.iter().map(|x| x[which]).collect::<Vec<_>>();
        Measure {
            estimate: draws.estimate(observed[which], &of(&bootstrap)),
            chance: draws.chance(observed[which], &of(&null)),
        }
    };
    let each: Vec<[f64; 3]> = parts
        .iter()
        .zip(&found)
        .map(|(part, outcomes)| {
            let ones = vec![1.0; part.classes.len()];
            shares(outcomes, &part.classes, part.categories.len(), &ones)
        })
        .collect();
    let average = |of: &dyn Fn(&Part) -> usize| {
        mean(&parts.iter().map(|part| of(part) as f64).collect::<Vec<_>>())
    };
    Ok(SplitClassification {
        classifier: params.classifier,
        splits,
        items,
        labelled: average(&|part| part.stimuli.len()),
        classes: average(&|part| part.categories.len()),
        top1: measure(0),
        top3: measure(1),
        balanced: measure(2),
        spread: [0, 1, 2]
            .map(|which| standard_deviation(&each.iter().map(|x| x[which]).collect::<Vec<_>>())),
    })
}
