//! Categorical, dimensional, or blended? One rule, stated in full.

use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::blends::{BlendParams, Blends, blends};
use super::cross::scores;
use super::dimension::parallel_count;
use super::tendency::{Modes, ModesParams, modes};
use super::{Chance, Resampling, StructureError};
use crate::explained::ridge::{Design, NoEigenvectors};
use crate::explained::{ExplainParams, Folds};

/// How the structure of a space is judged.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `alpha` | 0.05 | level of the tests of relation and of clusters |
/// | `folds` | 10 | of the prediction of the space from ratings |
/// | `neighbours` | 20 | that measure density |
/// | `draws` | 99 | of spaces without clusters |
/// | `rare` | 0.05 | with so few mixed stimuli there is nothing in between |
/// | `blends` | those of [`BlendParams`] | |
/// | `resampling` | 1000 bootstraps, 1000 permutations, 95 % | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VerdictParams {
    /// Level of the tests of relation and of clusters.
    pub alpha: f64,
    /// Folds of the prediction of the space from ratings.
    pub folds: usize,
    /// The neighbours that measure density.
    pub neighbours: usize,
    /// Draws of spaces without clusters.
    pub draws: usize,
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
    /// Clusters; mixed stimuli are in one or the other.
    Categorical,
    /// No clusters; mixed stimuli are in between.
    Dimensional,
    /// Clusters, with mixed stimuli in between: prototypes and gradients.
    Blended,
    /// The space has nothing to do with the ratings.
    Unrelated,
    /// None of these could be shown.
    Undecided,
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
/// 2. *Clustered?* [More than one peak](modes) of density, p ≤ `alpha`.
/// 3. *In between?* The [advantage](Blends::advantage) of the gradient over the jump.
///
/// | clustered | advantage | answer |
/// |---|---|---|
/// | yes | interval below 0 | categorical |
/// | yes | mixed stimuli are rare | categorical |
/// | yes | interval above 0 | blended |
/// | no | interval above 0 | dimensional |
/// | otherwise | | undecided |
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
    let null = design
        .null(draws.permutations, draws.seed("verdict permutation"), run)
        .ok_or(StructureError::Interrupted)?;
    let null: Vec<f64> = null.iter().map(|sums| r2(sums)).collect();
    let relation_chance = draws.chance(relation, &null);

    let modes = modes(
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
    let advantage = blends.advantage.interval;
    let mixed = blends.mixed as f64;
    let rare = mixed <= params.rare * (mixed + blends.pure as f64);
    let structure = if relation_chance.p.is_nan() || relation_chance.p > params.alpha {
        Structure::Unrelated
    } else if clustered && (advantage.high < 0.0 || rare) {
        Structure::Categorical
    } else if advantage.low > 0.0 {
        if clustered {
            Structure::Blended
        } else {
            Structure::Dimensional
        }
    } else {
        Structure::Undecided
    };
    Ok(Verdict {
        structure,
        relation,
        relation_chance,
        components,
        clustered,
        modes,
        blends,
    })
}
