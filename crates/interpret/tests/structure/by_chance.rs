//! By chance, nothing is found more often than the level says; and hostile input is refused.

use emotome_interpret::explained::Folds;
use emotome_interpret::structure::StructureError;
use emotome_interpret::structure::blends::{BlendParams, blends};
use emotome_interpret::structure::classify::{Classifier, ClassifyParams, classify};
use emotome_interpret::structure::cross::{CrossParams, cross};
use emotome_interpret::structure::dimension::{DimensionParams, dimensionality};
use emotome_interpret::structure::labels::{LabelParams, Labels, Ties};
use emotome_interpret::structure::raters::{Features, RaterParams, Votes, split_classify};
use emotome_interpret::structure::tendency::{
    Continuum, ModesParams, TendencyParams, modes, tendency,
};
use emotome_interpret::structure::verdict::{VerdictParams, verdict};
use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Array2, array};
use proptest::prelude::*;

use crate::worlds::{blended, categorical, dimensional, unrelated};
use crate::{few, silently};

/// Rejections of `tests` true nulls at 5 %: within four binomial deviations, and not never.
fn nominal(rejected: usize, tests: usize, what: &str) {
    let expected = 0.05 * tests as f64;
    let most = expected + 4.0 * (expected * 0.95).sqrt();
    assert!(
        rejected > 0 && (rejected as f64) < most,
        "{what}: {rejected} of {tests}"
    );
}

#[test]
fn permuted_labels_are_told_no_more_often_than_the_level_says() {
    for classifier in [
        Classifier::Centroid,
        ClassifyParams::default().classifier,
        Classifier::Neighbours { neighbours: 7 },
    ] {
        let rejected = (0..100).filter(|&seed| {
            let world = unrelated(&blended(120, seed), seed);
            let labels = Labels::highest(world.ratings.view(), &LabelParams::default()).unwrap();
            let params = ClassifyParams {
                classifier,
                resampling: few(seed),
                ..ClassifyParams::default()
            };
            let found = silently(|run| classify(world.points.view(), &labels, &params, run));
            found.unwrap().balanced.chance.p <= 0.05
        });
        nominal(rejected.count(), 100, "classes told");
    }
}

#[test]
fn labels_of_split_raters_are_told_by_chance_no_more_often_than_the_level_says() {
    let rejected = (0..100).filter(|&seed| {
        let world = unrelated(&blended(100, seed), seed);
        let votes = Votes::of_shares(world.ratings.view(), &RaterParams::default()).unwrap();
        let params = ClassifyParams {
            resampling: few(seed),
            ..ClassifyParams::published()
        };
        let labels = LabelParams {
            least_items: 5,
            ..LabelParams::default()
        };
        let points = Features::Points(world.points.view());
        let found = silently(|run| split_classify(&votes, points, &labels, &params, 4, run));
        found.unwrap().top1.chance.p <= 0.05
    });
    nominal(rejected.count(), 100, "labels of half of the raters told");
}

#[test]
fn unrelated_spaces_predict_each_other_no_more_often_than_the_level_says() {
    let rejected = (0..100).filter(|&seed| {
        let mut rng = CounterRng::new(Seed(seed), 0);
        let x = Array2::from_shape_simple_fn((80, 5), || rng.normal().max(-0.3));
        let y = Array2::from_shape_simple_fn((80, 4), || rng.normal());
        let folds = Folds::random(80, 5, Seed(seed)).unwrap();
        let params = CrossParams {
            resampling: few(seed),
            ..CrossParams::default()
        };
        let found = silently(|run| cross(x.view(), y.view(), &folds, &params, run)).unwrap();
        found.forward.mean.chance.p <= 0.05
    });
    nominal(rejected.count(), 100, "spaces predicted");
}

#[test]
fn hopkins_holds_its_level_in_its_own_continuum() {
    let (studies, mut rejected) = (60, [0; 2]);
    for seed in 0..studies {
        // Correlated; the second one skewed, as loadings are, which is a continuum by the copula only.
        let mut rng = CounterRng::new(Seed(seed), 0);
        let mixing = Array2::from_shape_simple_fn((4, 4), || rng.normal());
        let normal = Array2::from_shape_simple_fn((150, 4), || rng.normal()).dot(&mixing);
        let skewed = normal.mapv(|x| (x - 0.5).max(0.0));
        for (which, (space, null)) in [(normal, Continuum::Normal), (skewed, Continuum::Copula)]
            .into_iter()
            .enumerate()
        {
            let params = TendencyParams {
                nulls: vec![null],
                modes: ModesParams {
                    draws: 39,
                    seed,
                    ..ModesParams::default()
                },
                ..TendencyParams::default()
            };
            let found = silently(|run| tendency(space.view(), &params, run)).unwrap();
            rejected[which] += usize::from(found.hopkins[0].chance.p <= 0.05);
        }
    }
    // Four binomial deviations. Fitting the continuum makes the test conservative, so never is allowed.
    assert!(
        rejected.iter().all(|r| *r <= 9),
        "{rejected:?} of {studies}"
    );
}

#[test]
fn shapes_with_one_peak_have_clusters_no_more_often_than_the_level_says() {
    let studies = 60;
    for shape in ["uniform", "normal", "skewed", "long"] {
        let rejected = (0..studies).filter(|&seed| {
            let mut rng = CounterRng::new(Seed(seed), 0);
            let space = Array2::from_shape_fn((200, 3), |(_, c)| match shape {
                "uniform" => rng.uniform(),
                "normal" => rng.normal(),
                "skewed" => -(1.0 - rng.uniform()).ln(),
                _ => rng.uniform() * [20.0, 1.0, 1.0][c],
            });
            let params = ModesParams {
                draws: 39,
                seed,
                ..ModesParams::default()
            };
            let found = silently(|run| modes(space.view(), false, &params, run)).unwrap();
            found.chance.p <= 0.05
        });
        // Four binomial deviations; the null is the least favourable shape, so never is allowed.
        let rejected = rejected.count();
        assert!(rejected <= 9, "{shape}: {rejected} of {studies}");
    }
}

#[test]
fn clusters_are_found_and_counted_where_there_are_some() {
    let world = categorical(300, 5);
    let params = TendencyParams {
        nulls: vec![Continuum::Normal, Continuum::Copula, Continuum::Columns],
        modes: ModesParams {
            draws: 39,
            ..ModesParams::default()
        },
        ..TendencyParams::default()
    };
    let found = silently(|run| tendency(world.points.view(), &params, run)).unwrap();
    for against in &found.hopkins {
        assert!(against.chance.p <= 0.025, "{against:?}");
        assert!(against.value > 0.55 && (against.chance.mean - 0.5).abs() < 0.1);
    }
    assert!(
        found.modes.chance.p <= 0.025 && found.modes.peaks == 6,
        "{:?}",
        found.modes
    );
}

#[test]
fn mixtures_in_clusters_of_their_own_are_no_gradient() {
    let place = |world: &crate::worlds::World| {
        let params = BlendParams {
            resampling: few(2),
            ..BlendParams::default()
        };
        silently(|run| blends(world.points.view(), world.ratings.view(), &params, run)).unwrap()
    };
    let found = place(&blended(600, 3));
    assert!(
        found.pairs.len() >= 10 && found.r.chance.p <= 0.01,
        "{found:?}"
    );
    assert!(found.advantage.interval.low > 0.0 && found.gradient.interval.low > 0.0);
    // Stimuli of neither category project between the ends just as often: only nearness tells.
    assert!(found.between.estimate.value > 0.9 && found.nearness.chance.p <= 0.01);
    let found = place(&categorical(600, 3));
    assert!(found.advantage.interval.high < 0.0, "{found:?}");
    let found = place(&unrelated(&blended(600, 3), 1));
    assert!(found.r.chance.p > 0.01 && found.r.estimate.interval.contains(0.0));
    let none = place(&dimensional(40, false, 1));
    assert!(none.pairs.is_empty() && none.advantage.value.is_nan() && none.r.chance.p.is_nan());
}

#[test]
fn threads_do_not_change_any_result() {
    let world = blended(120, 7);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let params = VerdictParams {
                draws: 9,
                resampling: few(1),
                ..VerdictParams::default()
            };
            let (points, ratings) = (world.points.view(), world.ratings.view());
            let verdict = silently(|run| verdict(points, ratings, &params, run)).unwrap();
            let labels = Labels::highest(ratings, &LabelParams::default()).unwrap();
            let params = ClassifyParams {
                resampling: few(1),
                ..ClassifyParams::default()
            };
            let classes = silently(|run| classify(points, &labels, &params, run)).unwrap();
            let params = DimensionParams {
                resampling: few(1),
                ..DimensionParams::default()
            };
            let dimensions = silently(|run| dimensionality(points, &params, run)).unwrap();
            serde_json::to_string(&(verdict, classes, dimensions)).unwrap()
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn dimensions_of_known_spaces_are_counted() {
    let mut rng = CounterRng::new(Seed(4), 0);
    let latent = Array2::from_shape_simple_fn((1000, 2), || rng.normal());
    let mixing = Array2::from_shape_simple_fn((2, 8), || rng.normal());
    let mut plane = latent.dot(&mixing);
    let first = plane.row(0).to_owned();
    plane.row_mut(3).assign(&first);
    let params = DimensionParams {
        resampling: few(1),
        ..DimensionParams::default()
    };
    let found = silently(|run| dimensionality(plane.view(), &params, run)).unwrap();
    assert_eq!((found.parallel, found.duplicates), (2, 2));
    assert!((found.two_nearest.value - 2.0).abs() < 0.25, "{found:?}");
    assert!((found.likelihood.value - 2.0).abs() < 0.25);
    assert!(found.participation.value <= 2.0 + 1e-9);
    let noise = Array2::from_shape_simple_fn((1000, 8), || rng.normal());
    let found = silently(|run| dimensionality(noise.view(), &params, run)).unwrap();
    assert!(
        found.parallel <= 1 && found.participation.value > 7.5,
        "{found:?}"
    );
}

#[test]
fn impossible_input_is_refused_with_what_was_found() {
    let world = blended(60, 1);
    let (points, ratings) = (world.points.view(), world.ratings.view());
    let label = LabelParams {
        least_items: 2,
        ..LabelParams::default()
    };
    let labels = Labels::highest(ratings, &label).unwrap();
    let mut broken = world.points.clone();
    broken[[4, 2]] = f64::NAN;
    let params = ClassifyParams {
        resampling: few(0),
        ..ClassifyParams::default()
    };
    let refused = silently(|run| classify(broken.view(), &labels, &params, run)).unwrap_err();
    assert!(matches!(refused, StructureError::NotFinite { row, column: 3, .. } if row <= 5));
    let few_points = points.slice(ndarray::s![..50, ..]);
    let refused = silently(|run| classify(few_points, &labels, &params, run)).unwrap_err();
    assert_eq!(
        refused,
        StructureError::Mismatch {
            what: "labels",
            found: 60,
            expected: 50
        }
    );
    let mut strange = labels.clone();
    strange.of[0] = Some(99);
    assert!(silently(|run| classify(points, &strange, &params, run)).is_err());
    strange.of.fill(None);
    assert!(silently(|run| classify(points, &strange, &params, run)).is_err());
    let flat = Array2::zeros((60, 3));
    let refused = silently(|run| classify(flat.view(), &labels, &params, run));
    assert!(matches!(refused, Err(StructureError::Decomposition { .. })));
    let params = VerdictParams {
        resampling: few(0),
        draws: 3,
        ..VerdictParams::default()
    };
    let refused = silently(|run| verdict(flat.view(), ratings, &params, run));
    assert!(matches!(
        refused,
        Err(StructureError::TooFew { found: 0, .. })
    ));
    assert!(silently(|run| verdict(few_points, ratings, &params, run)).is_err());
    let negative = world.ratings.mapv(|x| x - 0.5);
    let refused = silently(|run| verdict(points, negative.view(), &params, run));
    assert!(matches!(refused, Err(StructureError::Parameter { .. })));
    let params = TendencyParams::default();
    assert!(silently(|run| tendency(points.slice(ndarray::s![..9, ..]), &params, run)).is_err());
    let params = DimensionParams::default();
    assert!(silently(|run| dimensionality(flat.view(), &params, run)).is_err());
    let shares = array![[0.5, 1.2], [0.1, 0.2]];
    assert!(Votes::of_shares(shares.view(), &RaterParams::default()).is_err());
    let odd = array![[0.123, 0.2], [0.1, 0.457]];
    assert!(Votes::of_shares(odd.view(), &RaterParams::default()).is_err());
    let zero = Array2::zeros((9, 2));
    assert!(matches!(
        Labels::highest(zero.view(), &label),
        Err(StructureError::TooFew { found: 0, .. })
    ));
}

proptest! {
    #[test]
    fn every_stimulus_is_labelled_or_counted(
        values in proptest::collection::vec(0_u8..4, 60),
        least in 2_usize..6,
        first in any::<bool>(),
    ) {
        let ratings = Array2::from_shape_fn((20, 3), |(i, k)| f64::from(values[3 * i + k]));
        let params = LabelParams {
            ties: if first { Ties::First } else { Ties::Omit },
            least_rating: 1.0,
            least_items: least,
        };
        if let Ok(labels) = Labels::highest(ratings.view(), &params) {
            let labelled = labels.labelled().0.len();
            let small: usize = labels.small.iter().map(|class| class.items).sum();
            let omitted = if first { 0 } else { labels.tied };
            prop_assert_eq!(labelled + small + omitted + labels.faint, 20);
            prop_assert_eq!(labelled, labels.classes.iter().map(|class| class.items).sum::<usize>());
        }
    }

    #[test]
    fn halves_hold_every_vote(counts in proptest::collection::vec(0_u32..=22, 12), seed in any::<u64>()) {
        // Eleven raters, half votes among them.
        let shares = Array2::from_shape_fn((3, 4), |(i, k)| f64::from(counts[4 * i + k]) / 22.0);
        let params = RaterParams { usual: 11, fewest: 11, most: 11, ..RaterParams::default() };
        let votes = Votes::of_shares(shares.view(), &params).unwrap();
        let [a, b] = votes.split(Seed(seed), 3);
        for ((&a, &b), &share) in a.iter().zip(&b).zip(&shares) {
            prop_assert!((0.0..=1.0).contains(&a) && (0.0..=1.0).contains(&b));
            let whole = [5.0, 6.0].iter().any(|half| (a * half + b * (11.0 - half) - 11.0 * share).abs() < 1e-9);
            prop_assert!(whole, "{} {} {}", a, b, share);
        }
    }
}
