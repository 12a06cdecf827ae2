//! The analyses of how many dimensions matter.

use crate::support::{every_triplet, planted, random_choices, with_run};
use emotome_embedding::{
    Embedding,
    evaluate::{
        EvaluationError,
        retained::{first_columns, nested_refits, per_stimulus_pruning, pruned_similarity},
        rsm::{RsmResampling, measured, predicted},
        score::{Scoring, Similarity, score},
    },
};
use emotome_stats::correlation::pearson;
use ndarray::{Axis, concatenate};

/// The embedding with the `kept` largest weights of each stimulus.
fn keep_largest(x: &Embedding, kept: usize) -> Embedding {
    let mut values = x.values().clone();
    for mut row in values.rows_mut() {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order[kept..].iter().for_each(|&f| row[f] = 0.0);
    }
    Embedding::new(values).unwrap()
}

#[test]
fn pruning_all_at_once_equals_pruning_one_by_one() {
    let x = planted(30, 6, 2.0, 4);
    let choices = random_choices(&x, 2000, 4);
    let found = per_stimulus_pruning(&x, &choices, &Scoring::default()).unwrap();
    for kept in 0..=6 {
        let pruned = score(&keep_largest(&x, kept), &choices, &Scoring::default()).unwrap();
        let expected = pruned.credit.iter().sum::<f64>() / 2000.0;
        assert!(
            (found.accuracy[kept] - expected).abs() < 1e-12,
            "{kept} kept"
        );
    }
    assert!((found.accuracy[0] - 1.0 / 3.0).abs() < 1e-12);
    let euclidean = Scoring {
        similarity: Similarity::NegativeEuclidean,
        ..Scoring::default()
    };
    assert!(per_stimulus_pruning(&x, &choices, &euclidean).is_err());
}

#[test]
fn the_published_band_ignores_chance() {
    let x = planted(80, 8, 2.0, 5);
    let choices = random_choices(&x, 20_000, 5);
    let found = per_stimulus_pruning(&x, &choices, &Scoring::default()).unwrap();
    let (full, low) = (found.accuracy[8], found.band.low.unwrap());
    assert!(found.accuracy[low] - 1.0 / 3.0 >= 0.95 * (full - 1.0 / 3.0));
    assert!(found.accuracy[low - 1] - 1.0 / 3.0 < 0.95 * (full - 1.0 / 3.0));
    let published = found.published_band;
    assert!(found.accuracy[published.low.unwrap()] > 0.95 * full);
    assert!(published.low.unwrap() <= low && found.accuracy[published.high.unwrap()] < 0.99 * full);
}

#[test]
fn nested_refits_report_each_fit() {
    let x = planted(50, 4, 2.0, 6);
    let choices = random_choices(&x, 5000, 6);
    let curve =
        nested_refits::<EvaluationError>(&[1, 2, 4], &choices, &Scoring::default(), |dims| {
            Ok(x.select_dims(&(0..dims).collect::<Vec<_>>()))
        })
        .unwrap();
    assert_eq!(
        curve.iter().map(|c| c.fitted_dims).collect::<Vec<_>>(),
        [1, 2, 4]
    );
    assert!(
        curve[0].nll > curve[1].nll
            && curve[1].nll > curve[2].nll
            && curve[2].accuracy > curve[0].accuracy
    );
}

#[test]
fn the_first_columns_jump_where_the_judgements_are() {
    // Columns 0 and 1 carry nothing of the judgements, column 2 everything.
    let signal = planted(30, 1, 2.5, 10);
    let noise = planted(30, 2, 0.3, 11);
    let values = concatenate(Axis(1), &[noise.values().view(), signal.values().view()]).unwrap();
    let x = Embedding::new(values).unwrap();
    let all: Vec<usize> = (0..30).collect();
    let shown = measured(&every_triplet(&signal, 2, 12), &all, &all).unwrap();
    let curve = with_run(|run| {
        first_columns(
            &x,
            &shown,
            &all,
            &[1, 2, 3],
            &Scoring::default(),
            RsmResampling::Items {
                replicates: 50,
                seed: 0,
            },
            run,
        )
    })
    .unwrap();
    assert!(
        curve[1].correlation.r < 0.4 && curve[2].correlation.r > 0.9,
        "{curve:?}"
    );
    assert!(
        with_run(|run| first_columns(
            &x,
            &shown,
            &all,
            &[4],
            &Scoring::default(),
            RsmResampling::default(),
            run
        ))
        .is_err()
    );
}

#[test]
fn pruned_similarities_equal_those_of_pruned_embeddings() {
    let x = planted(20, 5, 2.0, 7);
    let all: Vec<usize> = (0..20).collect();
    let predict = |x: &Embedding| {
        let m = with_run(|run| predicted(x, &all, &all, &Scoring::default(), run)).unwrap();
        let above = m.indexed_iter().filter(|((i, j), _)| i < j);
        above.map(|(_, &s)| s).collect::<Vec<f64>>()
    };
    let found =
        with_run(|run| pruned_similarity(&x, &all, &all, &Scoring::default(), run)).unwrap();
    assert!(found[0].is_nan() && found.len() == 6);
    let full = predict(&x);
    for (kept, found) in found.iter().enumerate().skip(1) {
        let r = pearson(&predict(&keep_largest(&x, kept)), &full);
        assert!((found - r * r).abs() < 1e-12, "{kept} kept");
    }
    let two = [0, 1];
    assert!(with_run(|run| pruned_similarity(&x, &two, &all, &Scoring::default(), run)).is_err());
}
