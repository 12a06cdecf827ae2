//! Whether one dimension, or none, carries the result.

use crate::support::{every_triplet, nothing, planted, random_choices};
use emotome_embedding::{
    Embedding,
    evaluate::{
        EvaluationError,
        dominance::{Dominance, DominanceParams, Finding, dominance, rsm_dominance},
        rsm::{Coefficient, RsmResampling},
        score::Scoring,
    },
};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::ChoiceSet;
use ndarray::{Array2, Axis, concatenate};

fn diagnose(
    x: &Embedding,
    training: &ChoiceSet,
    held_out: &ChoiceSet,
) -> Result<Dominance, EvaluationError> {
    let (scoring, params) = (Scoring::default(), DominanceParams::default());
    dominance(x, training, held_out, &scoring, &params)
}

/// S_ij = a_i a_j: the odd one out is the stimulus with the smallest a.
#[test]
fn a_one_dimensional_agent_is_flagged_by_the_item_marginal_baseline() {
    let mut rng = CounterRng::new(Seed(7), 0);
    let scale = Embedding::new(Array2::from_shape_simple_fn((60, 1), || {
        3.0 * rng.uniform() as f32
    }))
    .unwrap();
    let (training, held_out) = (
        random_choices(&scale, 20_000, 7),
        random_choices(&scale, 5000, 8),
    );
    // A fit that spreads the one dimension over three columns must not hide it.
    let spread = concatenate(Axis(1), &[(scale.values() * 0.577).view(); 3]).unwrap();
    for fitted in [scale, Embedding::new(spread).unwrap()] {
        let found = diagnose(&fitted, &training, &held_out).unwrap();
        assert_eq!(found.finding, Finding::ItemMarginal, "{found:?}");
    }
}

#[test]
fn a_similarity_space_is_not_flagged() {
    let x = planted(60, 8, 2.0, 9);
    let (training, held_out) = (random_choices(&x, 20_000, 9), random_choices(&x, 5000, 10));
    let found = diagnose(&x, &training, &held_out).unwrap();
    assert_eq!(found.finding, Finding::Distributed, "{found:?}");
    let sum = |part: fn(&emotome_embedding::evaluate::dominance::DimensionShare) -> f64| {
        found.dimensions.iter().map(part).sum::<f64>()
    };
    for total in [
        sum(|d| d.energy_share),
        sum(|d| d.variance_share),
        sum(|d| d.largest_in),
    ] {
        assert!((total - 1.0).abs() < 1e-9);
    }
    assert!(found.decided_by_dominant < 0.8 && found.changed_without_dominant > 0.0);
    assert!(found.nll < found.without_dominant_nll && found.nll < found.dominant_alone_nll);
}

#[test]
fn a_dominant_dimension_among_weak_ones_is_named() {
    // One bipolar grouping that item marginals cannot see: two clusters, one strong column each.
    let mut values = planted(60, 4, 2.0, 11).values().mapv(|v| 0.3 * v);
    for i in 0..60 {
        values[[i, 2]] = if i < 30 { 2.5 } else { 0.0 };
    }
    let x = Embedding::new(values).unwrap();
    let (training, held_out) = (random_choices(&x, 20_000, 11), random_choices(&x, 5000, 12));
    let found = diagnose(&x, &training, &held_out).unwrap();
    assert_eq!(found.dominant, 2);
    assert!(
        matches!(
            found.finding,
            Finding::ItemMarginal | Finding::OneDimension | Finding::DominantDimension
        ),
        "{found:?}"
    );
    assert!(found.lost_without_dominant_share > 0.5);
}

#[test]
fn noise_is_at_chance() {
    let x = planted(40, 4, 2.0, 13);
    let choices = random_choices(&nothing(40), 3000, 13);
    let found = diagnose(&x, &choices, &choices).unwrap();
    assert_eq!(found.finding, Finding::AtChance, "{found:?}");
    let empty = Embedding::new(Array2::zeros((40, 0))).unwrap();
    assert!(diagnose(&empty, &choices, &choices).is_err());
}

#[test]
fn a_similarity_matrix_that_hangs_on_one_dimension_is_told_from_one_that_does_not() {
    let all: Vec<usize> = (0..30).collect();
    let dissect = |x: &Embedding| {
        rsm_dominance(
            x,
            &every_triplet(x, 2, 14),
            &all,
            &all,
            &Scoring::default(),
            Coefficient::Pearson,
            RsmResampling::default(),
        )
        .unwrap()
    };
    let spread = dissect(&planted(30, 8, 2.0, 14));
    assert!(
        spread.all.r > 0.9 && spread.without_dominant.r > 0.6,
        "{spread:?}"
    );
    let mut values = planted(30, 4, 2.0, 15).values().mapv(|v| 0.3 * v);
    (0..30).for_each(|i| values[[i, 2]] = if i < 15 { 2.0 } else { 0.0 });
    let hangs = dissect(&Embedding::new(values).unwrap());
    assert_eq!(hangs.dominant, 2);
    assert!(
        hangs.dominant_alone.r > 0.9 && hangs.without_dominant.r < 0.4,
        "{hangs:?}"
    );
    // Without its only dimension an embedding predicts one similarity for all.
    assert!(
        dissect(&planted(30, 1, 2.0, 16))
            .without_dominant
            .r
            .is_nan()
    );
}
