//! Published THINGS choices and embeddings, where they lie beside the repository.

use crate::support::with_run;
use emotome_embedding::{
    Embedding,
    evaluate::{
        accuracy::{Accuracy, compare, held_out},
        agreement::agreement,
        score::{Scoring, Similarity, TieRule, score},
        two_way::Resampling,
    },
    files::read_embedding,
};
use emotome_triplets::{
    ChoiceSet,
    formats::{Format, ReadOptions, Stimuli},
};
use std::path::{Path, PathBuf};

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

fn choices(file: &str) -> Option<ChoiceSet> {
    let (path, options) = (data(file)?, ReadOptions::new(Stimuli::Count(1854)));
    let imported = with_run(|run| Format::LastOdd.read(&path, &options, run)).unwrap();
    Some(imported.table.choices)
}

fn embedding(file: &str) -> Option<Embedding> {
    Some(read_embedding(data(file)?).unwrap().embedding)
}

fn evaluate(embedding: &Embedding, choices: &ChoiceSet) -> Accuracy {
    held_out(embedding, choices, &Scoring::default(), Resampling::TwoWay).unwrap()
}

#[test]
fn the_human_2171_agree_with_vice_in_66_percent() {
    let (Some(vice), Some(humans)) = (
        embedding("embeddings/vice_things.npy"),
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
            embedding("embeddings/spose_embedding_49d_sorted.txt"),
            0.659,
            0.787,
        ),
        (
            embedding("embeddings/spose_embedding_66d_sorted.txt"),
            0.652,
            0.794,
        ),
        (embedding("embeddings/vice_things.npy"), 0.645, 0.805),
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
        embedding("embeddings/spose_embedding_49d_sorted.txt"),
        embedding("embeddings/vice_things.npy"),
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

#[test]
fn models_agree_with_people_as_published() {
    let Some(humans) = choices("triplets/2171trials_humans.txt") else {
        return;
    };
    for (name, published) in [("GPT_4", 45.7), ("ChatGPT_3.5", 34.7)] {
        let Some(model) = choices(&format!("triplets/2171trials_{name}.txt")) else {
            return;
        };
        let found = agreement(&humans, &model, Resampling::TwoWay).unwrap();
        eprintln!("{name}: {found:?}");
        assert_eq!(found.triplets, 2171);
        assert_eq!((found.raw * 1000.0).round() / 10.0, published);
        assert!((found.chance_corrected - (found.raw - 1.0 / 3.0) * 1.5).abs() < 1e-12);
        assert!((found.kappa - found.chance_corrected).abs() < 0.01);
        assert!(found.raw_ci95.contains(found.raw));
    }
}
