//! A chosen subset keeps its promises: categories, spread, likeness to the population, seeds.

use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::design::subset::{Candidates, SubsetError, SubsetParams, select};
use ndarray::Array2;

/// 400 stimuli in 12 clusters of 6 features, unequal in size.
fn clusters() -> (Array2<f64>, Vec<usize>, Vec<f64>) {
    let mut rng = CounterRng::new(Seed(1), 0);
    let centres = Array2::from_shape_fn((12, 6), |_| 2.0 * rng.normal());
    let categories: Vec<usize> = (0..400).map(|i| 100 + (i % 12).min(i % 5)).collect();
    let features = Array2::from_shape_fn((400, 6), |(i, j)| {
        centres[[categories[i] - 100, j]] + rng.normal()
    });
    let agreement = (0..400).map(|_| rng.uniform()).collect();
    (features, categories, agreement)
}

const PARAMS: SubsetParams = SubsetParams {
    size: 30,
    seed: 4,
    bins: 20,
    proposals: 20_000,
    agreement_weight: 0.25,
};

#[test]
fn every_category_is_represented_and_swaps_make_the_subset_like_the_population() {
    let (features, categories, _) = clusters();
    let candidates = Candidates {
        features: features.view(),
        categories: &categories,
        agreement: None,
    };
    let subset = select(&candidates, &PARAMS).unwrap();
    assert_eq!(subset.stimuli.len(), 30);
    assert!(
        subset.stimuli.windows(2).all(|w| w[0] < w[1]),
        "ids ascend without repeats"
    );
    for category in &categories {
        assert!(
            subset
                .stimuli
                .iter()
                .any(|id| categories[id.index()] == *category)
        );
    }
    assert!(subset.distance < 0.5 * subset.distance_before, "{subset:?}");
    assert!(subset.distance < 0.06, "{subset:?}");
}

/// The public ratings of 2,185 videos: 34 categories, 14 dimensions.
#[test]
fn sixty_six_videos_stand_for_all_in_real_ratings() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/ratings/ck2017_ratings48.csv"
    );
    let Ok(mut reader) = csv::Reader::from_path(path) else {
        println!("skipped: {path} is absent");
        return;
    };
    let rows: Vec<Vec<f64>> = reader
        .records()
        .map(|row| {
            row.unwrap()
                .iter()
                .skip(1)
                .map(|v| v.parse().unwrap())
                .collect()
        })
        .collect();
    let features = Array2::from_shape_fn((rows.len(), 48), |(i, j)| rows[i][j]);
    let top = |i: usize| {
        (0..34)
            .max_by(|&a, &b| rows[i][a].total_cmp(&rows[i][b]))
            .unwrap()
    };
    let categories: Vec<usize> = (0..rows.len()).map(top).collect();
    let agreement: Vec<f64> = (0..rows.len()).map(|i| rows[i][categories[i]]).collect();
    let candidates = Candidates {
        features: features.view(),
        categories: &categories,
        agreement: Some(&agreement),
    };
    let subset = select(&candidates, &SubsetParams::default()).unwrap();
    println!("{subset:?}");
    assert_eq!(subset.stimuli.len(), 66);
    assert!(subset.categories >= 30 && subset.constant_columns == 0);
    assert!(subset.distance < 0.1 && subset.distance < 0.5 * subset.distance_before);
    assert!(subset.agreement.unwrap() > subset.agreement_of_all.unwrap());
}

#[test]
fn the_same_seed_chooses_the_same_stimuli_and_another_does_not() {
    let (features, categories, agreement) = clusters();
    let candidates = Candidates {
        features: features.view(),
        categories: &categories,
        agreement: Some(&agreement),
    };
    let a = select(&candidates, &PARAMS).unwrap();
    assert_eq!(a, select(&candidates, &PARAMS).unwrap());
    assert_ne!(
        a,
        select(&candidates, &SubsetParams { seed: 5, ..PARAMS }).unwrap()
    );
}

#[test]
fn agreement_is_raised_where_it_is_given_weight() {
    let (features, categories, agreement) = clusters();
    let candidates = Candidates {
        features: features.view(),
        categories: &categories,
        agreement: Some(&agreement),
    };
    let with = |agreement_weight| {
        select(
            &candidates,
            &SubsetParams {
                agreement_weight,
                ..PARAMS
            },
        )
        .unwrap()
    };
    let (none, some) = (with(0.0), with(0.5));
    assert!(
        some.agreement.unwrap() > none.agreement.unwrap() + 0.1,
        "{none:?} {some:?}"
    );
    assert!(some.agreement.unwrap() > some.agreement_of_all.unwrap() + 0.1);
}

#[test]
fn units_of_features_and_constant_columns_do_not_matter() {
    let (features, categories, _) = clusters();
    let mut rescaled = Array2::from_elem((400, 7), 3.0);
    for (j, factor) in [64.0, 0.5, 2.0, 8.0, 1.0, 0.25].into_iter().enumerate() {
        rescaled
            .column_mut(j)
            .assign(&(&features.column(j) * factor));
    }
    let choose = |features: &Array2<f64>| {
        let candidates = Candidates {
            features: features.view(),
            categories: &categories,
            agreement: None,
        };
        select(&candidates, &PARAMS).unwrap()
    };
    let (plain, other) = (choose(&features), choose(&rescaled));
    assert_eq!(plain.stimuli, other.stimuli);
    assert_eq!((plain.constant_columns, other.constant_columns), (0, 1));
}

#[test]
fn all_stimuli_can_be_chosen_and_impossible_requests_are_refused() {
    let (features, categories, agreement) = clusters();
    let candidates = Candidates {
        features: features.view(),
        categories: &categories,
        agreement: None,
    };
    let all = select(
        &candidates,
        &SubsetParams {
            size: 400,
            ..PARAMS
        },
    )
    .unwrap();
    assert!(
        all.stimuli
            .iter()
            .enumerate()
            .all(|(i, id)| id.index() == i)
    );
    assert!(all.distance < 1e-9);

    let refused = |candidates: &Candidates<'_>, params: SubsetParams| {
        select(candidates, &params).unwrap_err()
    };
    for size in [0, 2, 401] {
        let error = refused(&candidates, SubsetParams { size, ..PARAMS });
        assert!(matches!(error, SubsetError::Size { .. }), "{error}");
    }
    let short = Candidates {
        categories: &categories[1..],
        ..candidates
    };
    assert!(
        refused(&short, PARAMS)
            .to_string()
            .contains("399 have a category")
    );
    let short = Candidates {
        agreement: Some(&agreement[..3]),
        ..candidates
    };
    assert!(
        refused(&short, PARAMS)
            .to_string()
            .contains("3 have an agreement")
    );
    let mut holes = features.clone();
    holes[[7, 2]] = f64::NAN;
    let holed = Candidates {
        features: holes.view(),
        ..candidates
    };
    assert!(
        refused(&holed, PARAMS).to_string().contains("stimulus 7"),
        "NaN was accepted"
    );
    assert!(
        refused(&candidates, SubsetParams { bins: 0, ..PARAMS })
            .to_string()
            .contains("bins")
    );
    let empty = Array2::zeros((0, 3));
    let none = Candidates {
        features: empty.view(),
        categories: &[],
        agreement: None,
    };
    assert!(matches!(refused(&none, PARAMS), SubsetError::Size { .. }));
    let no_columns = Array2::zeros((400, 0));
    let blank = Candidates {
        features: no_columns.view(),
        ..candidates
    };
    assert_eq!(select(&blank, &PARAMS).unwrap().stimuli.len(), 30);
}
