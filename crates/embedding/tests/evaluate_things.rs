//! Published THINGS choices and embeddings, where they lie beside the repository.

use emotome_embedding::{
    Embedding,
    evaluate::{
        accuracy::{Accuracy, compare, held_out},
        score::{Scoring, Similarity, TieRule, score},
        two_way::Resampling,
    },
};
use emotome_stimuli::StimulusId;
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use ndarray::Array2;
use std::path::{Path, PathBuf};

const N: usize = 1854;

fn data(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

fn numbers(path: &Path) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            line.split_whitespace()
                .map(|v| v.parse().unwrap())
                .collect()
        })
        .collect()
}

/// Odd item last, ids from 0.
fn choices(file: &str) -> Option<ChoiceSet> {
    let rows = numbers(&data(file)?);
    let choice = |row: &Vec<f64>| Choice {
        triplet: Triplet::new([0, 1, 2].map(|k| StimulusId(row[k] as u32))).unwrap(),
        odd: Position::Third,
    };
    Some(ChoiceSet::new(N, rows.iter().map(choice).collect()).unwrap())
}

fn text_embedding(file: &str) -> Option<Embedding> {
    let rows = numbers(&data(file)?);
    let values = rows
        .concat()
        .into_iter()
        .map(|x| (x as f32).max(0.0))
        .collect();
    Some(Embedding::new(Array2::from_shape_vec((N, rows[0].len()), values).unwrap()).unwrap())
}

/// A float32 matrix in NumPy's format, version 1, column-major as this file is.
fn npy_embedding(file: &str) -> Option<Embedding> {
    let bytes = std::fs::read(data(file)?).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values: Vec<f32> = bytes[10 + header..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let dims = values.len() / N;
    let values = Array2::from_shape_vec((dims, N), values)
        .unwrap()
        .reversed_axes();
    Some(Embedding::new(values).unwrap())
}

fn evaluate(embedding: &Embedding, choices: &ChoiceSet) -> Accuracy {
    held_out(embedding, choices, &Scoring::default(), Resampling::TwoWay).unwrap()
}

#[test]
fn the_human_2171_agree_with_vice_in_66_percent() {
    let (Some(vice), Some(humans)) = (
        npy_embedding("embeddings/vice_things.npy"),
        choices("triplets/2171trials_humans.txt"),
    ) else {
        return;
    };
    let found = evaluate(&vice, &humans);
    eprintln!("{found:?}");
    assert!((found.accuracy - 0.660).abs() < 0.0006, "{found:?}");
    assert!(
        found.accuracy_ci95.contains(0.66)
            && found.accuracy_ci95.high - found.accuracy_ci95.low < 0.06
    );
}

#[test]
fn published_embeddings_reach_their_reference_accuracy_on_human_choices() {
    let Some(humans) = choices("triplets/things_human_100k.txt") else {
        return;
    };
    let references = [
        (
            text_embedding("embeddings/spose_embedding_49d_sorted.txt"),
            0.659,
            0.787,
        ),
        (
            text_embedding("embeddings/spose_embedding_66d_sorted.txt"),
            0.652,
            0.794,
        ),
        (npy_embedding("embeddings/vice_things.npy"), 0.645, 0.805),
    ];
    for (embedding, accuracy, nll) in references {
        let Some(embedding) = embedding else { return };
        let found = evaluate(&embedding, &humans);
        eprintln!("{} dimensions: {found:?}", embedding.n_dims());
        // The references are over 146,168 choices, of which these are a part.
        assert!((found.accuracy - accuracy).abs() < 0.006, "{found:?}");
        assert!((found.nll - nll).abs() < 0.008, "{found:?}");
    }
}

#[test]
fn spose_49_beats_vice_on_identical_trials() {
    let (Some(spose), Some(vice), Some(humans)) = (
        text_embedding("embeddings/spose_embedding_49d_sorted.txt"),
        npy_embedding("embeddings/vice_things.npy"),
        choices("triplets/things_human_100k.txt"),
    ) else {
        return;
    };
    let [a, b] = [&spose, &vice].map(|e| score(e, &humans, &Scoring::default()).unwrap());
    let found = compare(&humans, &a, &b, Resampling::TwoWay).unwrap();
    eprintln!("{found:?}");
    assert!(found.accuracy_difference_ci95.low > 0.0 && found.nll_difference_ci95.high < 0.0);
    // Real embeddings hardly tie, so the published tie rules give the same accuracy there.
    for ties in [TieRule::SposeFirst, TieRule::ArgmaxFirst] {
        let published = score(
            &spose,
            &humans,
            &Scoring {
                ties,
                ..Scoring::default()
            },
        )
        .unwrap();
        assert_eq!(published.credit, a.credit);
    }
    let euclidean = Scoring {
        similarity: Similarity::NegativeEuclidean,
        ..Scoring::default()
    };
    let distant = held_out(&spose, &humans, &euclidean, Resampling::TwoWay).unwrap();
    assert!(
        distant.accuracy > 0.5 && distant.accuracy < 0.66,
        "{distant:?}"
    );
}
