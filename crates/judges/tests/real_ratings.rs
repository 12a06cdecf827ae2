//! Agents from the public ratings of 2,185 videos (Cowen & Keltner 2017), where they are at hand.

use emotome_judges::ratings::{Panel, RaterNoiseJudge, RaterNoiseParams, RatingScale};
use emotome_judges::similarity::SimilarityWarning;
use emotome_judges::tripletize::tripletize;
use emotome_judges::{
    Centring, ChoiceRule, FeatureJudge, Judge, Metric, Similarities, SimilarityParams,
};
use emotome_stats::random::Seed;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::design::{Balance, Design, DesignParams};
use emotome_triplets::{Choice, Trial};
use ndarray::{Array2, ArrayView2, s};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/data/ratings/ck2017_ratings48.csv"
);

/// 34 category proportions and 14 dimension means, or `None` (said aloud) without the file.
fn ratings() -> Option<Array2<f64>> {
    let Ok(text) = std::fs::read_to_string(FILE) else {
        println!("skipped: the public ratings are not at {FILE}");
        return None;
    };
    let rows: Vec<f64> = text
        .lines()
        .skip(1)
        .flat_map(|line| {
            line.split(',')
                .skip(1)
                .map(|v| v.trim().parse::<f64>().unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    Some(Array2::from_shape_vec((2_185, 48), rows).unwrap())
}

fn judge(values: ArrayView2<'_, f64>, metric: Metric, centring: Centring) -> FeatureJudge {
    let params = SimilarityParams {
        metric,
        centring,
        ..Default::default()
    };
    let similarities = Similarities::new(values, params).unwrap();
    FeatureJudge::new(similarities, ChoiceRule::default(), Seed(1)).unwrap()
}

fn design(trials: u64) -> Design {
    DesignParams {
        trials,
        balance: Balance::None,
        ..DesignParams::new(2_185, 1)
    }
    .check()
    .unwrap()
}

fn choices<J: Judge>(
    judge: &J,
    trial_at: impl Fn(u64) -> Option<Trial> + Sync,
    n: u64,
) -> (Vec<Choice>, f64) {
    let interrupt = Interrupt::default();
    let made = tripletize(
        judge,
        trial_at,
        0..n,
        Run {
            progress: &Silent,
            interrupt: &interrupt,
        },
    )
    .unwrap();
    assert_eq!(made.counts.chosen, n);
    (made.choices, made.counts.tied as f64 / n as f64)
}

fn agreement(a: &[Choice], b: &[Choice]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a.odd == b.odd).count() as f64 / a.len() as f64
}

/// Published beside the data: against category dot products, the category cosine agrees in .915 and
/// the uncentred 14 dimensions in .520 of triplets.
#[test]
fn category_and_dimension_agents_agree_as_often_as_known() {
    let Some(table) = ratings() else { return };
    let (categories, dimensions) = (table.slice(s![.., ..34]), table.slice(s![.., 34..]));
    let design = design(200_000);
    let ask = |judge: &FeatureJudge| choices(judge, |t| design.trial(t), 200_000);
    let (dot, dot_ties) = ask(&judge(categories, Metric::Dot, Centring::None));
    let (cosine, cosine_ties) = ask(&judge(categories, Metric::Cosine, Centring::None));
    let (centred, _) = ask(&judge(
        dimensions,
        Metric::Cosine,
        Centring::ScaleMidpoint(5.0),
    ));
    let (uncentred, _) = ask(&judge(dimensions, Metric::Cosine, Centring::None));
    println!(
        "agreement with category dot products: cosine {:.4}, dimensions centred {:.4}, uncentred {:.4}; \
         ties: dot {dot_ties:.4}, cosine {cosine_ties:.4}",
        agreement(&cosine, &dot),
        agreement(&centred, &dot),
        agreement(&uncentred, &dot),
    );
    assert!((agreement(&cosine, &dot) - 0.915).abs() < 0.005);
    assert!((agreement(&uncentred, &dot) - 0.520).abs() < 0.005);
    assert!(
        agreement(&centred, &dot) > agreement(&uncentred, &dot),
        "centring does not help"
    );
}

#[test]
fn uncentred_dimensions_draw_a_warning_and_categories_do_not() {
    let Some(table) = ratings() else { return };
    let (categories, dimensions) = (table.slice(s![.., ..34]), table.slice(s![.., 34..]));
    let plain = judge(dimensions, Metric::Cosine, Centring::None);
    let warnings = plain.similarities().warnings();
    let [SimilarityWarning::UncentredScale { mean_cosine, .. }] = warnings else {
        panic!("no warning: {warnings:?}");
    };
    println!("{}", warnings[0]);
    assert!(*mean_cosine > 0.9);
    assert!(
        judge(categories, Metric::Cosine, Centring::None)
            .similarities()
            .warnings()
            .is_empty()
    );
    let centred = judge(dimensions, Metric::Cosine, Centring::ScaleMidpoint(5.0));
    assert!(centred.similarities().warnings().is_empty());
}

/// What people would agree with themselves, had each trial twelve (or nine) new raters.
#[test]
fn rater_noise_gives_human_agents_an_honest_ceiling() {
    let Some(table) = ratings() else { return };
    let design = design(20_000);
    let agents = [
        (
            "categories",
            table.slice(s![.., ..34]),
            RatingScale::Proportions { raters: 12 },
            Centring::None,
        ),
        (
            "dimensions",
            table.slice(s![.., 34..]),
            RatingScale::Means {
                raters: 9,
                rater_sd: 1.5,
                low: 1.0,
                high: 9.0,
            },
            Centring::ScaleMidpoint(5.0),
        ),
    ];
    for (name, values, ratings, centring) in agents {
        for panel in [Panel::PerTrial, Panel::PerReplicate] {
            let params = RaterNoiseParams {
                ratings,
                panel,
                metric: Metric::Cosine,
                centring,
                choice: ChoiceRule::default(),
            };
            let judge = RaterNoiseJudge::new(values, params, Seed(1)).unwrap();
            let ask = |replicate| {
                choices(
                    &judge,
                    |t| design.trial(t).map(|trial| Trial { replicate, ..trial }),
                    20_000,
                )
                .0
            };
            let retest = agreement(&ask(0), &ask(1));
            println!("{name}, {panel:?}: two panels agree in {retest:.3}");
            assert!((0.5..0.95).contains(&retest), "{name}: {retest}");
        }
    }
}
