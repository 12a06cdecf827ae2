//! Categorical, dimensional, or blended? One rule, stated in full.

use emotome_stats::random::CounterRng;
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::blends::{BlendParams, Blends, blends, pure};
use super::cross::scores;
use super::dimension::parallel_count;
use super::tendency::{Modes, ModesParams, modes_and_members};
use super::{Chance, StructureError, replicate};
use crate::explained::ridge::{Design, NoEigenvectors};
use crate::explained::{ExplainParams, Folds};
use crate::resampling::Resampling;

/// How the structure of a space is judged.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `alpha` | 0.05 | level of every test of the rule |
/// | `folds` | 10 | of the prediction of the space from ratings |
/// | `neighbours` | 20 | that measure density |
/// | `draws` | 99 | of spaces without clusters |
/// | `agreement` | 0.6 | of peaks and categories; two lobes of three equal categories reach .58, of more of them less |
/// | `rare` | 0.05 | with so few mixed stimuli there is nothing in between |
/// | `blends` | those of [`BlendParams`] | |
/// | `resampling` | 1000 bootstraps, 1000 permutations, 95 % | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VerdictParams {
    /// Level of every test of the rule.
    pub alpha: f64,
    /// Folds of the prediction of the space from ratings.
    pub folds: usize,
    /// The neighbours that measure density.
    pub neighbours: usize,
    /// Draws of spaces without clusters.
    pub draws: usize,
    /// The least [agreement](Agreement::adjusted) of clusters that are the categories.
    pub agreement: f64,
    /// The share of mixed stimuli, of those pure or mixed, up to which they are too rare to matter.
    pub rare: f64,
    /// How mixed stimuli are placed; its resampling is replaced by the one below.
    pub blends: BlendParams,
    /// Intervals and chance.
    pub resampling: Resampling,
}

impl Default for VerdictParams {
    fn default() -> Self {
        let modes = ModesParams::default();
        Self {
            alpha: 0.05,
            folds: Folds::USUAL,
            neighbours: modes.neighbours,
            draws: modes.draws,
            agreement: 0.6,
            rare: 0.05,
            blends: BlendParams::default(),
            resampling: Resampling::default(),
        }
    }
}

/// What a space is like, as far as these ratings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Structure {
    /// Clusters that are the categories; mixed stimuli are in one or the other.
    Categorical,
    /// No clusters shown; mixed stimuli are in between.
    Dimensional,
    /// Clusters that are the categories, with mixed stimuli in between: prototypes and gradients.
    Blended,
    /// The space has nothing to do with the ratings.
    Unrelated,
    /// None of these could be shown.
    Undecided,
}

/// Where mixed stimuli are, as far as it can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mixtures {
    /// In between.
    Between,
    /// At either end.
    AtEnds,
    /// There are hardly any.
    Rare,
    /// Not shown to be at either place.
    Unclear,
}

/// How far peaks of density are categories, over pure stimuli.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Pure stimuli of categories with enough of them.
    pub items: usize,
    /// These categories.
    pub categories: usize,
    /// (I − E) / (max(H(peaks), H(categories)) − E), E the mean mutual information I of permuted categories: 1 if
    /// each peak is one category and each category one peak, 0 by chance; NaN with fewer than two categories.
    pub adjusted: f64,
    /// Mutual information of permuted categories, in nats.
    pub chance: Chance,
    /// Mutual information, in nats.
    pub information: f64,
}

/// What a space is like, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The answer.
    pub structure: Structure,
    /// What the ratings explain of the space on stimuli held out, R² of the mean over components.
    pub relation: f64,
    /// The same with stimuli permuted.
    pub relation_chance: Chance,
    /// The components of the space that are compared: those beyond chance, at least one.
    pub components: usize,
    /// Whether there is more than one peak of density: p ≤ `alpha`.
    pub clustered: bool,
    /// The test of clusters.
    pub modes: Modes,
    /// How far the clusters are the categories.
    pub agreement: Agreement,
    /// Whether they are: p ≤ `alpha`, and no less than the least agreement.
    pub clusters_are_categories: bool,
    /// Where mixed stimuli are.
    pub mixtures: Mixtures,
    /// The test of blends.
    pub blends: Blends,
}

/// Judges the structure of a space (n × d) by category ratings (n × K) of the same stimuli.
///
/// The space is reduced to the principal components of its standardised columns that exceed chance. Then:
///
/// 1. *Related?* Ridge regression of the components on the ratings, held out. If p > `alpha` under permutation
///    of the stimuli: **unrelated**. So a space that has nothing to do with the ratings gets another answer with
///    probability `alpha`.
/// 2. *Clustered?* [More than one peak](super::tendency::modes) of density, p ≤ `alpha`.
/// 3. *Are clusters the categories?* Mutual information of the peak that a pure stimulus rises to and its
///    category: p ≤ `alpha` against permuted categories, and an [agreement](Agreement::adjusted) of at least
///    `agreement`. Lobes that hold several categories each do not reach it.
/// 4. *Where are mixtures?* By [`blends`], every line at `alpha`:
///
/// | mixtures | all of these |
/// |---|---|
/// | rare | at most the share `rare` |
/// | in between | r beyond permuted mixtures; nearness beyond stimuli drawn elsewhere; advantage beyond pure stimuli of the pair, with its interval above 0 |
/// | at either end | nearness beyond stimuli drawn elsewhere; advantage below stimuli drawn elsewhere, with its interval below 0 |
/// | unclear | otherwise |
///
/// | clustered | clusters are categories | mixtures | answer |
/// |---|---|---|---|
/// | yes | yes | at either end, or rare | categorical |
/// | yes | yes | in between | blended |
/// | no | | in between | dimensional |
/// | otherwise | | | undecided |
///
/// Intervals of the advantage are a further demand, never evidence on their own. `between` has no part: what lies
/// in a third cluster projects between the ends as well. *No clusters* says that none were shown: clusters that
/// overlap, or smaller than the neighbours that measure density, are not seen. With two categories there is no
/// elsewhere, so that mixtures are unclear unless rare.
///
/// The ratings must not come from the space itself: see [`circularity`](super::circular::circularity).
///
/// # Errors
/// [`StructureError`]: different stimuli, values that are no numbers, a parameter out of range, too few stimuli,
/// or interrupted.
pub fn verdict(
    points: ArrayView2<'_, f64>,
    ratings: ArrayView2<'_, f64>,
    params: &VerdictParams,
    run: Run<'_>,
) -> Result<Verdict, StructureError> {
    let draws = &params.resampling;
    draws.check()?;
    let allowed = params.alpha > 0.0 && params.alpha < 1.0;
    StructureError::unless(allowed, "alpha", params.alpha, "between 0 and 1")?;
    for (parameter, found) in [
        ("the least agreement", params.agreement),
        ("the share of rare mixtures", params.rare),
    ] {
        let allowed = (0.0..=1.0).contains(&found);
        StructureError::unless(allowed, parameter, found, "from 0 to 1")?;
    }
    StructureError::unless_finite("points", points)?;
    StructureError::unless_finite("ratings", ratings)?;
    StructureError::unless_same("ratings", ratings.nrows(), points.nrows())?;
    StructureError::unless_enough(
        "columns",
        points.ncols().min(ratings.ncols()),
        1,
        "check both",
    )?;
    let varies =
        |column: &ndarray::ArrayView1<'_, f64>| column.iter().any(|x| Some(x) != column.first());
    let varying = points.columns().into_iter().filter(varies).count();
    StructureError::unless_enough("columns that vary", varying, 1, "check the embedding")?;
    let components = parallel_count(points, draws, run)?.max(1);
    let space = scores(points, components)?;

    let folds = Folds::random(space.nrows(), params.folds, draws.seed("verdict folds"))?;
    let every = [(0..ratings.ncols()).collect::<Vec<_>>()];
    let penalties = ExplainParams::default().penalties;
    let design = Design::new(
        ratings,
        space.view(),
        &every,
        ratings.ncols(),
        &folds,
        &penalties,
    )
    .map_err(|NoEigenvectors(_)| StructureError::Decomposition {
        what: "the correlations of the ratings",
    })?;
    let r2 = |sums: &[f64]| 1.0 - sums[sums.len() - 1] / sums[components];
    let relation = r2(&design.errors().sum_axis(ndarray::Axis(0)).to_vec());
    let null = design.null(draws.permutations, draws.seed("verdict permutation"), run)?;
    let null: Vec<f64> = null.iter().map(|sums| r2(sums)).collect();
    let relation_chance = draws.chance(relation, &null);

    let (modes, members) = modes_and_members(
        space.view(),
        false,
        &ModesParams {
            neighbours: params.neighbours,
            draws: params.draws,
            level: draws.level,
            seed: draws.seed,
        },
        run,
    )?;
    let clustered = modes.chance.p <= params.alpha;
    let blends = blends(
        space.view(),
        ratings,
        &BlendParams {
            resampling: *draws,
            ..params.blends
        },
        run,
    )?;
    let agreement = agreement(&members, &pure(ratings, &params.blends), draws, run)?;
    let shown = |p: f64| p <= params.alpha;
    let clusters_are_categories =
        clustered && shown(agreement.chance.p) && agreement.adjusted >= params.agreement;
    let mixtures = mixtures(&blends, params);
    let structure = match (clustered, clusters_are_categories, mixtures) {
        _ if !shown(relation_chance.p) => Structure::Unrelated,
        (true, true, Mixtures::AtEnds | Mixtures::Rare) => Structure::Categorical,
        (true, true, Mixtures::Between) => Structure::Blended,
        (false, _, Mixtures::Between) => Structure::Dimensional,
        _ => Structure::Undecided,
    };
    Ok(Verdict {
        structure,
        relation,
        relation_chance,
        components,
        clustered,
        modes,
        agreement,
        clusters_are_categories,
        mixtures,
        blends,
    })
}

/// The second table of [`verdict`]; NaN is never evidence.
fn mixtures(blends: &Blends, params: &VerdictParams) -> Mixtures {
    let shown = |p: f64| p <= params.alpha;
    let near = shown(blends.nearness.chance.p);
    let advantage = blends.advantage.interval;
    let mixed = blends.mixed as f64;
    if mixed <= params.rare * (mixed + blends.pure as f64) {
        Mixtures::Rare
    } else if near
        && shown(blends.r.chance.p)
        && shown(blends.advantage_pure.p)
        && advantage.low > 0.0
    {
        Mixtures::Between
    } else if near && shown(blends.advantage_elsewhere.p) && advantage.high < 0.0 {
        Mixtures::AtEnds
    } else {
        Mixtures::Unclear
    }
}

/// How far the peaks of stimuli are the categories of those that have one.
fn agreement(
    members: &[usize],
    pure: &[Option<usize>],
    draws: &Resampling,
    run: Run<'_>,
) -> Result<Agreement, StructureError> {
    let both = members.iter().zip(pure);
    let (peaks, categories): (Vec<usize>, Vec<usize>) = both
        .filter_map(|(&peak, pure)| pure.map(|k| (peak, k)))
        .unzip();
    let information = information(&peaks, &categories);
    let seed = draws.seed("verdict agreement");
    let null = replicate(run, "Permuting categories", draws.permutations, |draw| {
        let mut permuted = categories.clone();
        CounterRng::new(seed, draw as u64).shuffle(&mut permuted);
        Ok(self::information(&peaks, &permuted))
    })?;
    let chance = draws.chance(information, &null);
    let most = entropy(&peaks).max(entropy(&categories));
    let distinct: BTreeSet<usize> = categories.iter().copied().collect();
    let possible = distinct.len() > 1 && most - chance.mean > 1e-12;
    Ok(Agreement {
        items: categories.len(),
        categories: distinct.len(),
        adjusted: if possible {
            (information - chance.mean) / (most - chance.mean)
        } else {
            f64::NAN
        },
        chance,
        information,
    })
}

/// −Σ p ln p over the values.
fn entropy(of: &[usize]) -> f64 {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    of.iter()
        .for_each(|&x| *counts.entry(x).or_default() += 1.0);
    let n = of.len() as f64;
    -counts.values().map(|c| c / n * (c / n).ln()).sum::<f64>()
}

/// Mutual information, H(a) + H(b) − H(a, b), in nats.
fn information(a: &[usize], b: &[usize]) -> f64 {
    let width = 1 + b.iter().copied().max().unwrap_or(0);
    let joint: Vec<usize> = a.iter().zip(b).map(|(a, b)| a * width + b).collect();
    entropy(a) + entropy(b) - entropy(&joint)
}
