//! A report with every figure, made of numbers from a formula: for the tests, and to look at.

use emotome_figures::{
    Figure, Report,
    accuracy::{AccuracyBar, AccuracyBars},
    curve::{CurvePoint, Curves, Series},
    dimensions::{DimensionCard, TopStimuli, TopStimulus},
    heatmap::SimilarityMap,
    order,
    positions::{AgentPositions, PositionShares},
    report::{Explorer, ExplorerAgent, Measure, Section, glossary},
    reproducibility::{DimensionReproducibility, Reproducibility},
    scale::{Spacing, Unit},
    scatter::Scatter,
    table::{Cell, Table},
};
use emotome_stats::{
    interval::{Interval, wilson},
    random::{CounterRng, Seed},
};
use ndarray::Array2;

fn around(value: f64, half: f64) -> Option<Interval> {
    Some(Interval {
        low: value - half,
        high: value + half,
    })
}

pub(crate) fn accuracy() -> AccuracyBars {
    let bar = |label: &str, value: f64| AccuracyBar {
        label: label.into(),
        value,
        ci95: Some(wilson(value * 6000.0, 6000.0, 0.95)),
        n: 6000,
    };
    AccuracyBars {
        title: "Held-out accuracy".into(),
        quantity: "held-out choices predicted".into(),
        bars: vec![
            bar("SPoSE, 12 dimensions", 0.682),
            bar("VICE, 9 dimensions", 0.676),
            bar("without its strongest dimension", 0.611),
            bar("how often each scene is odd", 0.391),
        ],
        chance: 1.0 / 3.0,
        ceiling: Some(Interval {
            low: 0.742,
            high: 0.789,
        }),
    }
}

pub(crate) fn reproducibility(n: usize) -> Reproducibility {
    let r = |d: usize| 0.97 - 0.055 * d as f64 + 0.04 * (d as f64 * 2.3).sin();
    let dimensions = (0..n).map(|d| DimensionReproducibility {
        label: (d + 1).to_string(),
        r: r(d).max(0.18),
        ci95: around(r(d).max(0.18), 0.02 + 0.01 * d as f64),
        null95: 0.31,
        reproducible: r(d) - 0.02 - 0.01 * d as f64 > 0.31,
    });
    Reproducibility {
        title: "Dimensions that come back".into(),
        dimensions: dimensions.collect(),
        runs: 10,
    }
}

pub(crate) fn dimension_curve() -> Curves {
    let point = |x: f64| CurvePoint {
        x,
        y: 0.82 + 0.3 / x + 0.0012 * x,
        ci95: around(0.82 + 0.3 / x + 0.0012 * x, 0.008),
    };
    Curves {
        title: "How many dimensions the choices support".into(),
        x_label: "dimensions kept".into(),
        x_spacing: Spacing::Linear,
        y_label: "validation loss (nats per choice)".into(),
        y_unit: Unit::Plain,
        series: vec![Series {
            label: "validation".into(),
            points: [1., 2., 3., 5., 8., 12., 16., 20., 25., 30.]
                .map(point)
                .to_vec(),
        }],
        references: vec![("guessing".into(), 3f64.ln())],
        chosen: Some((16.0, "chosen: lowest loss".into())),
        ..Curves::default()
    }
}

pub(crate) fn training_curve() -> Curves {
    let curve = |label: &str, floor: f64, rise: f64| Series {
        label: label.into(),
        points: (0..200)
            .map(|e| {
                (
                    f64::from(e),
                    floor + (1.099 - floor) * (-f64::from(e) / 18.0).exp() + rise * f64::from(e),
                )
                    .into()
            })
            .collect(),
    };
    Curves {
        title: "Training".into(),
        x_label: "epoch".into(),
        y_label: "loss (nats per choice)".into(),
        series: vec![
            curve("training", 0.70, 0.0),
            curve("validation", 0.78, 0.0002),
        ],
        chosen: Some((120.0, "kept".into())),
        ..Curves::default()
    }
}

fn matrix(n: usize, groups: usize) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(1), 0);
    let noise = Array2::from_shape_fn((n, n), |_| rng.uniform());
    Array2::from_shape_fn((n, n), |(i, j)| {
        let (a, b) = (i.min(j), i.max(j));
        match (i == j, a % groups == b % groups) {
            (true, _) => 1.0,
            _ if (a * 7 + b) % 53 == 0 => f64::NAN,
            (_, true) => 0.55 + 0.3 * noise[[a, b]],
            _ => 0.15 + 0.3 * noise[[a, b]],
        }
    })
}

pub(crate) fn similarity_map(n: usize) -> SimilarityMap {
    let values = matrix(n, 5);
    SimilarityMap {
        title: format!("Similarity of {n} scenes"),
        quantity: "share of triplets in which the pair stays together".into(),
        order: order::clustered(values.view()),
        labels: (0..n)
            .map(|i| {
                format!(
                    "s{:03}_scene_{}",
                    i + 1,
                    ["lake", "puppy", "storm", "queue", "meal"][i % 5]
                )
            })
            .collect(),
        order_note: "ordered by average-linkage clustering".into(),
        values,
    }
}

pub(crate) fn scatter(n: usize) -> Scatter {
    let mut rng = CounterRng::new(Seed(2), 0);
    let points = (0..n).map(|i| {
        let x = 0.1 + 0.8 * rng.uniform();
        if i % 97 == 13 {
            (f64::NAN, x)
        } else {
            (x, 0.08 + 0.75 * x + 0.2 * (rng.uniform() - 0.5))
        }
    });
    Scatter {
        title: "Predicted and measured similarity".into(),
        x_label: "measured from all triplets of 24 scenes".into(),
        y_label: "predicted by the embedding".into(),
        points: points.collect(),
        r: 0.912,
        ci95: around(0.912, 0.02),
        ceiling: Some(0.95),
    }
}

pub(crate) fn positions() -> PositionShares {
    let agent = |label: &str, shares: [f64; 3]| AgentPositions {
        label: label.into(),
        n: 60_000,
        shares: shares.map(|s| (s, Some(wilson(s * 60_000.0, 60_000.0, 0.95)))),
    };
    PositionShares {
        title: "Does the place matter?".into(),
        agents: vec![
            agent("SmolLM2-135M", [0.331, 0.335, 0.334]),
            agent("a biased agent", [0.28, 0.33, 0.39]),
        ],
    }
}

pub(crate) fn top_stimuli() -> TopStimuli {
    let captions = [
        "A tiny puppy falls asleep inside the sleeve of a wool coat with only its pink nose sticking out.",
        "Two sea otters float on their backs and hold each other's paws so that they do not drift apart while sleeping.",
        "Rain taps softly on a wooden roof while someone pours hot tea and sits down with a blanket by the window.",
        "A hand <b>pulls</b> a cord & the blind moves.",
    ];
    let card = |d: usize| DimensionCard {
        label: format!("Dimension {d}"),
        related: vec![
            ("adoration".into(), 0.61),
            ("calmness".into(), 0.37),
            ("aesthetic appreciation".into(), 0.22),
            ("fear".into(), -0.19),
        ],
        stimuli: captions
            .iter()
            .enumerate()
            .map(|(k, c)| TopStimulus {
                key: format!("s{k:03}"),
                caption: (*c).into(),
                weight: 1.9 - 0.3 * k as f64,
            })
            .collect(),
    };
    TopStimuli {
        title: "What the dimensions are about".into(),
        ratings: "author's intended emotions".into(),
        dimensions: vec![card(1), card(2)],
    }
}

pub(crate) fn all() -> Vec<Box<dyn Figure>> {
    vec![
        Box::new(accuracy()),
        Box::new(reproducibility(14)),
        Box::new(dimension_curve()),
        Box::new(training_curve()),
        Box::new(similarity_map(24)),
        Box::new(similarity_map(240)),
        Box::new(scatter(276)),
        Box::new(scatter(9000)),
        Box::new(positions()),
        Box::new(top_stimuli()),
    ]
}

#[allow(dead_code, reason = "the gallery shows figures alone")]
pub(crate) fn report() -> Report {
    let mut table = Table::new(["agent", "trials", "accuracy"]);
    table.push([
        Cell::from("a <b>bold</b> name"),
        Cell::from(6000_u64),
        Cell::from(0.682),
    ]);
    let section = |heading: &str, figures| Section {
        heading: heading.into(),
        figures,
        ..Section::default()
    };
    let mut figures = all();
    let about = figures.split_off(8);
    let similarity = figures.split_off(4);
    Report {
        title: "What SmolLM2 finds alike: 240 short scenes & their dimensions".into(),
        subtitle: "Sample report".into(),
        explorer: Some(explorer()),
        summary: vec!["Twelve dimensions predict 68 % of choices that played no part in fitting; guessing would reach 33 %.".into()],
        sections: vec![
            Section {
                heading: "How well choices are predicted".into(),
                text: vec!["The embedding was fitted to 80 % of the choices and asked to predict the rest.".into()],
                measures: vec![
                    Measure {
                        name: "Held-out accuracy".into(),
                        meaning: "Share of choices, never used for fitting, whose odd one out the embedding names.".into(),
                        value: 0.682,
                        unit: Unit::Percent,
                        ci95: around(0.682, 0.012),
                        n: Some((6000, "choices".into())),
                        chance: Some(1.0 / 3.0),
                        ceiling: Some(Interval { low: 0.742, high: 0.789 }),
                    },
                    Measure { name: "Held-out loss".into(), meaning: "Mean surprise at these choices, in nats.".into(), value: 0.7531, ..Measure::default() },
                ],
                cautions: vec!["The judge is a small language model; no person took part.".into()],
                tables: vec![("Agents".into(), table)],
                figures,
            },
            section("Similarity", similarity),
            section("What the dimensions are about", about),
        ],
        glossary: glossary(),
        provenance: vec![("Command".into(), "emotome demo --seed 7".into()), ("scenes.tsv, SHA-256".into(), "9f".repeat(32))],
    }
}

fn explorer() -> Explorer {
    let agent = |name: &str, factor: f64| ExplorerAgent {
        name: name.into(),
        dimensions: (1..=3).map(|d| format!("{d} <joy> & awe")).collect(),
        weights: Array2::from_shape_fn((60, 3), |(i, d)| {
            factor * ((i * 7 + d * 13) % 20) as f64 / 10.0
        }),
        maps: vec![(
            "t-SNE".into(),
            (0..60)
                .map(|i| [f64::from(i % 9), f64::from(i * 5 % 11)])
                .collect(),
        )],
    };
    Explorer {
        keys: (0..60).map(|i| format!("scene-{i:02}")).collect(),
        captions: (0..60)
            .map(|i| (i % 4 > 0).then(|| format!("A caption with <b>markup</b>, number {i}")))
            .collect(),
        agents: vec![agent("LLM", 1.0), agent("people", 0.5)],
    }
}
