//! Every figure of the interpretation at the size of a real study, made of numbers from a formula.

mod brain;

use emotome_figures::{
    Figure,
    chord::{Chord, ChordGroup, ChordLink},
    communities::{Communities, GraphEdge, GraphNode},
    curve::{CurvePoint, Series},
    exemplars::{Exemplar, ExemplarRow, Exemplars},
    map::{DimensionMaps, StimulusMap},
    petals::{Petals, Rose},
    ratings::{RatingGroup, RatingsHeatmap},
    retained::Retained,
    scale::Unit,
    scores::{Score, ScoreGroup, Scores},
    shares::{Part, ShareRow, Shares},
    thresholds::{ThresholdAgent, ThresholdCurves, ThresholdPoint},
    upset::{Intersection, UpSet},
    words::{WordCloud, WordClouds},
};
use emotome_stats::{
    interval::{Interval, wilson},
    random::{CounterRng, Seed},
};
use ndarray::Array2;

pub(crate) const CATEGORIES: [&str; 34] = [
    "admiration",
    "adoration",
    "aesthetic appreciation",
    "amusement",
    "anger",
    "anxiety",
    "awe",
    "awkwardness",
    "boredom",
    "calmness",
    "confusion",
    "contempt",
    "craving",
    "disappointment",
    "disgust",
    "empathic pain",
    "entrancement",
    "envy",
    "excitement",
    "fear",
    "guilt",
    "horror",
    "interest",
    "joy",
    "nostalgia",
    "pride",
    "relief",
    "romance",
    "sadness",
    "satisfaction",
    "sexual desire",
    "surprise",
    "sympathy",
    "triumph",
];
pub(crate) const SCALES: [&str; 14] = [
    "approach",
    "arousal",
    "attention",
    "certainty",
    "commitment",
    "control",
    "dominance",
    "effort",
    "fairness",
    "identity",
    "obstruction",
    "safety",
    "upswing",
    "valence",
];
const CAPTIONS: [&str; 6] = [
    "A small child laughs while a golden retriever licks its face in a sunny garden",
    "Two people argue loudly in a parked car at night",
    "A skateboarder falls hard on a concrete staircase and holds his ankle",
    "Slow drone shot over a mountain lake at dawn with fog rising between the trees",
    "A surgeon opens an abscess in close-up",
    "An old couple looks through a photo album, holding hands, while rain runs down the window behind them",
];

fn span(low: f64, high: f64) -> Interval {
    Interval { low, high }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// A dimension's name, made of the ratings that go with it.
pub(crate) fn dimension(d: usize) -> String {
    match d % 4 {
        0 => format!(
            "{}, {}",
            CATEGORIES[(7 * d + 3) % 34],
            CATEGORIES[(7 * d + 11) % 34]
        ),
        1 => CATEGORIES[(7 * d + 3) % 34].to_owned(),
        2 => format!("{}-low, {}", SCALES[d % 14], CATEGORIES[(7 * d + 3) % 34]),
        _ => format!("{}-high", SCALES[d % 14]),
    }
}

/// Correlations of 30 dimensions with 48 ratings: each goes with one rating strongly and with a few somewhat.
pub(crate) fn correlations() -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(11), 0);
    let mut r = Array2::from_shape_fn((30, 48), |_| 0.09 * rng.normal());
    for d in 0..30 {
        let main = if d % 4 == 3 {
            34 + d % 14
        } else {
            (7 * d + 3) % 34
        };
        r[[d, main]] = (0.82 - 0.021 * d as f64) * if d % 5 == 4 { -1.0 } else { 1.0 };
        for k in 0..5 {
            r[[d, (main + 5 * k + d + 1) % 48]] +=
                (0.34 - 0.05 * k as f64) * if k % 2 == 0 { 1.0 } else { -1.0 };
        }
    }
    r[[29, 17]] = f64::NAN;
    r.mapv(|v| v.clamp(-0.95, 0.95))
}

pub(crate) fn heatmap() -> RatingsHeatmap {
    RatingsHeatmap {
        title: "Dimensions and ratings".into(),
        quantity: "Pearson correlation over 2,180 stimuli".into(),
        values: correlations(),
        dimensions: (0..30)
            .map(|d| format!("{}  {}", d + 1, dimension(d)))
            .collect(),
        groups: vec![
            RatingGroup {
                name: "categories".into(),
                ratings: strings(&CATEGORIES),
            },
            RatingGroup {
                name: "affective dimensions".into(),
                ratings: strings(&SCALES),
            },
        ],
        chance: (0..30).map(|d| 0.14 + 0.001 * d as f64).collect(),
        chance_note: "beyond 95 % of the largest |r| over shuffled stimuli".into(),
    }
}

const AGENTS: [&str; 4] = [
    "Language model",
    "Vision-language model",
    "Human categories",
    "Human dimensions",
];

pub(crate) fn thresholds(agents: usize) -> ThresholdCurves {
    let agent = |a: usize| ThresholdAgent {
        label: AGENTS[a].into(),
        dimensions: [30, 30, 27, 14][a],
        points: (1..=16)
            .map(|k| {
                let t = 0.05 * k as f64;
                let share =
                    (1.0 / (1.0 + ((t - 0.33 - 0.06 * a as f64) * 11.0).exp())).clamp(0.0, 1.0);
                let null = (0.95 - 7.0 * (t - 0.05)).clamp(0.0, 1.0);
                ThresholdPoint {
                    threshold: t,
                    share,
                    ci95: Some(span((share - 0.08).max(0.0), (share + 0.07).min(1.0))),
                    null95: Some(span((null - 0.12).max(0.0), (null + 0.08).min(1.0))),
                }
            })
            .collect(),
    };
    ThresholdCurves {
        title: "How closely dimensions go with ratings".into(),
        ratings: 48,
        null_note: "95 % of shuffled stimuli".into(),
        agents: (0..agents).map(agent).collect(),
    }
}

pub(crate) fn classes() -> Shares {
    let part = |name: &str, rest| Part {
        name: name.into(),
        rest,
    };
    let counts = [[11, 15, 4, 0], [17, 13, 0, 0], [22, 3, 0, 2], [0, 4, 9, 1]];
    Shares {
        title: "Classes of dimensions".into(),
        quantity: "share of dimensions".into(),
        of: "agent".into(),
        reading: "Each bar is an agent; its parts are the shares of dimensions of each class, with their number.".into(),
        parts: vec![part("category", false), part("hybrid", false), part("dimension", false), part("unexplained", true)],
        rows: AGENTS
            .iter()
            .zip(counts)
            .map(|(label, counts)| {
                let n: u64 = counts.iter().sum();
                ShareRow {
                    label: (*label).into(),
                    shares: counts.iter().map(|&c| c as f64 / n as f64).collect(),
                    counts: counts.to_vec(),
                }
            })
            .collect(),
        sorted: false,
    }
}

pub(crate) fn variance() -> Shares {
    let part = |name: &str, rest| Part {
        name: name.into(),
        rest,
    };
    let mut rng = CounterRng::new(Seed(5), 0);
    Shares {
        title: "What explains each dimension".into(),
        quantity: "share of a dimension's variance".into(),
        of: "dimension".into(),
        reading: "Each bar is a dimension; its parts are what categories alone, both, and affective dimensions alone predict in new stimuli. \
                  A part left of zero predicts worse than nothing."
            .into(),
        parts: vec![part("categories only", false), part("shared", false), part("dimensions only", false), part("unexplained", true)],
        rows: (0..30)
            .map(|d| {
                let a = (0.42 - 0.012 * d as f64) * (0.5 + rng.uniform());
                let (b, c) = (0.25 * rng.uniform(), 0.16 * rng.uniform() - 0.03);
                ShareRow { label: format!("{}  {}", d + 1, dimension(d)), shares: vec![a, b, c, 1.0 - a - b - c], counts: vec![] }
            })
            .collect(),
        sorted: true,
    }
}

/// Places and ratings of stimuli in clusters of different sizes that shade into each other.
fn cloud(n: usize) -> (Vec<(f64, f64)>, Array2<f64>) {
    let mut rng = CounterRng::new(Seed(3), 0);
    let mut ratings = Array2::zeros((n, 34));
    let places = (0..n)
        .map(|i| {
            let c = (34.0 * rng.uniform().powf(1.5)) as usize % 34;
            let turn = c as f64 * 2.4;
            let far = 3.4 * (c as f64 + 0.5).sqrt();
            let own = 0.35 + 0.6 * rng.uniform();
            ratings[[i, c]] = own;
            ratings[[i, (c + 13) % 34]] = (1.0 - own) * rng.uniform();
            ratings[[i, (c + 21) % 34]] = (1.0 - own) * rng.uniform() * 0.5;
            let pull = 1.0 - own;
            let to = ((c + 13) % 34) as f64;
            let (tx, ty) = (
                3.4 * (to + 0.5).sqrt() * (to * 2.4).cos(),
                3.4 * (to + 0.5).sqrt() * (to * 2.4).sin(),
            );
            (
                far * turn.cos() * (1.0 - 0.5 * pull) + 0.5 * pull * tx + 0.9 * rng.normal(),
                far * turn.sin() * (1.0 - 0.5 * pull) + 0.5 * pull * ty + 0.9 * rng.normal(),
            )
        })
        .collect();
    (places, ratings)
}

fn keys(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("clip_{:04}", i + 1)).collect()
}

pub(crate) fn map(n: usize) -> StimulusMap {
    let (mut places, ratings) = cloud(n);
    if n > 3 {
        places[3] = (f64::NAN, 0.0);
    }
    StimulusMap {
        title: "A map of the stimuli".into(),
        method: "t-SNE, perplexities 5 and 30".into(),
        keys: keys(n),
        places,
        categories: strings(&CATEGORIES),
        ratings,
        mixed: 3,
        labelled_from: n / 100,
    }
}

pub(crate) fn dimension_maps(n: usize) -> DimensionMaps {
    let (places, ratings) = cloud(n);
    let mut rng = CounterRng::new(Seed(4), 0);
    let weights = Array2::from_shape_fn((n, 30), |(i, d)| {
        let noise = 0.12 * rng.uniform();
        2.4 * (ratings[[i, d]] + 0.5 * ratings[[i, (d + 4) % 34]] * f64::from(u8::from(d % 3 == 0)))
            + noise
    });
    DimensionMaps {
        title: "Where each dimension lies".into(),
        method: "t-SNE, perplexities 5 and 30; 2,180 stimuli".into(),
        keys: keys(n),
        places,
        dimensions: (0..30).map(dimension).collect(),
        weights,
        own_scales: false,
    }
}

pub(crate) fn petals() -> Petals {
    let mut rng = CounterRng::new(Seed(6), 0);
    let rose = |k: usize, rng: &mut CounterRng| Rose {
        label: CAPTIONS[k].into(),
        weights: (0..30)
            .map(|d| {
                let w = if (d * 5 + k * 7).is_multiple_of(11) {
                    1.0 + rng.uniform()
                } else {
                    0.35 * rng.uniform()
                };
                if d == 14 { 3.4 } else { w }
            })
            .collect(),
    };
    Petals {
        title: "Four stimuli on 30 dimensions".into(),
        dimensions: (0..30).map(dimension).collect(),
        roses: (0..4).map(|k| rose(k, &mut rng)).collect(),
        reach: Some(2.2),
        labelled_from: 0.35,
    }
}

pub(crate) fn clouds(n: usize) -> WordClouds {
    let r = correlations();
    let names: Vec<&str> = CATEGORIES.iter().chain(&SCALES).copied().collect();
    WordClouds {
        title: "What goes with each dimension".into(),
        quantity: "Pearson correlation with the rating".into(),
        clouds: (0..n)
            .map(|d| WordCloud {
                label: format!("{}  {}", d + 1, dimension(d)),
                words: names
                    .iter()
                    .enumerate()
                    .map(|(j, w)| ((*w).to_owned(), r[[d, j]]))
                    .collect(),
            })
            .collect(),
    }
}

/// A small picture: a gradient with a bright disc, as an uncompressed bitmap inside PNG is too long to write here.
pub(crate) fn exemplars(pictures: Option<&[u8]>) -> Exemplars {
    let card = |d: usize, k: usize, top: bool| Exemplar {
        blurred: false,
        key: format!("clip_{:04}", 97 * d + 13 * k + 1),
        caption: CAPTIONS[(d + 2 * k + usize::from(top)) % 6].into(),
        weight: if top {
            2.61 - 0.17 * k as f64
        } else {
            0.002 * k as f64
        },
        thumbnail: pictures.filter(|_| (d + k) % 5 != 4).map(<[u8]>::to_vec),
        flagged: pictures.is_some() && (d + k) % 4 == 2,
    };
    Exemplars {
        title: "Stimuli at both ends".into(),
        dimensions: (0..3)
            .map(|d| ExemplarRow {
                label: format!("Dimension {}: {}", d + 1, dimension(d)),
                top: (0..4).map(|k| card(d, k, true)).collect(),
                bottom: (0..4).map(|k| card(d, k, false)).collect(),
            })
            .collect(),
    }
}

pub(crate) fn chord() -> Chord {
    let r = correlations();
    Chord {
        title: "Dimensions and the ratings they go with".into(),
        quantity: "correlations of dimensions and ratings".into(),
        groups: vec![
            ChordGroup {
                name: "dimensions of the language model".into(),
                members: (0..30)
                    .map(|d| format!("{} {}", d + 1, dimension(d)))
                    .collect(),
            },
            ChordGroup {
                name: "categories".into(),
                members: strings(&CATEGORIES),
            },
            ChordGroup {
                name: "affective dimensions".into(),
                members: strings(&SCALES),
            },
        ],
        links: r
            .indexed_iter()
            .map(|((d, j), &r)| ChordLink {
                from: (0, d),
                to: if j < 34 { (1, j) } else { (2, j - 34) },
                r,
            })
            .collect(),
        threshold: 0.3,
    }
}

pub(crate) fn communities() -> Communities {
    let mut rng = CounterRng::new(Seed(8), 0);
    let n = 66;
    let community = |i: usize| [0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6][i % 11];
    let mut edges = Vec::new();
    for i in 0..n {
        for j in 0..i {
            let r = if community(i) == community(j) {
                0.32 + 0.16 * rng.normal()
            } else {
                0.02 + 0.085 * rng.normal()
            };
            // The last nodes have no edge.
            if r.abs() > 0.2 && i < 61 {
                edges.push(GraphEdge { between: (i, j), r });
            }
        }
    }
    let degree = |i: usize| {
        edges
            .iter()
            .filter(|e| e.between.0 == i || e.between.1 == i)
            .count() as f64
    };
    let total: f64 = (0..n).map(degree).sum();
    let nodes = (0..n)
        .map(|i| GraphNode {
            label: if i < 30 {
                format!("{} {}", i + 1, CATEGORIES[(7 * i + 3) % 34])
            } else {
                format!("{} {}", i - 29, CATEGORIES[(5 * i + 1) % 34])
            },
            community: community(i),
            rank: degree(i) / total,
            kind: usize::from(i >= 30),
        })
        .collect();
    Communities {
        title: "Communities of dimensions".into(),
        quantity: "correlation over stimuli".into(),
        nodes,
        edges,
        threshold: 0.2,
        names: strings(&[
            "Delight",
            "Attentional Immersion",
            "Vigilant Passivity",
            "High-arousal negative affect",
            "Achievement",
            "Erotic",
        ]),
        kinds: strings(&["language model", "vision-language model"]),
    }
}

pub(crate) fn upset() -> UpSet {
    let of = |sets: &[usize], members: &[&str]| Intersection {
        sets: sets.to_vec(),
        count: members.len() as u64,
        members: strings(members),
    };
    UpSet {
        title: "Clusters that agents share".into(),
        quantity: "clusters".into(),
        sets: strings(&AGENTS),
        intersections: vec![
            of(&[0, 1, 2, 3], &["High-arousal negative affect"]),
            of(&[0, 1, 2], &["Delight"]),
            of(&[1, 2, 3], &["Affective Dissonance", "Attentional Immersion"]),
            of(&[0, 3], &["Achievement", "Erotic"]),
            of(&[0, 2], &["Empathy"]),
            of(&[0], &["Aesthetic"]),
            of(&[3], &["Vigilant Passivity", "High Arousal"]),
            of(&[1], &[]),
        ],
        note: "Clusters of two agents are the same if their scores over stimuli correlate beyond 95 % of shuffled stimuli.".into(),
    }
}

pub(crate) fn retained(agents: usize) -> Retained {
    let curve = |a: usize| Series {
        label: AGENTS[a].into(),
        points: (1..=30)
            .map(|k| {
                let y = 0.334
                    + (0.29 + 0.05 * a as f64) * (1.0 - (-f64::from(k) / (1.2 + a as f64)).exp());
                CurvePoint {
                    x: f64::from(k),
                    y,
                    ci95: Some(span(y - 0.006, y + 0.006)),
                }
            })
            .collect(),
    };
    Retained {
        title: "How many dimensions are enough".into(),
        kept: "largest weights kept per stimulus".into(),
        quantity: "held-out accuracy".into(),
        unit: Unit::Percent,
        chance: 1.0 / 3.0,
        shares: vec![0.95, 0.99],
        agents: (0..agents).map(curve).collect(),
    }
}

pub(crate) fn scores() -> Scores {
    let bar = |label: &str, value: f64, chance: f64| Score {
        label: label.into(),
        value,
        ci95: Some(wilson(value * 2180.0, 2180.0, 0.95)),
        chance: Some(span(chance - 0.016, chance + 0.017)),
        ceiling: Some(span(value.max(0.6) + 0.08, value.max(0.6) + 0.12)),
        n: 2180,
        circular: None,
    };
    let group = |a: usize, top1: f64, top3: f64| ScoreGroup {
        label: AGENTS[a].into(),
        bars: vec![bar("top-1", top1, 0.081), bar("top-3", top3, 0.236)],
    };
    let mut groups = vec![
        group(0, 0.473, 0.725),
        group(1, 0.451, 0.705),
        group(2, 0.86, 0.86),
        group(3, 0.341, 0.60),
    ];
    for bar in &mut groups[2].bars {
        bar.circular = Some("the label is the largest of the same ratings".into());
    }
    Scores {
        reference_note: String::new(),
        title: "Categories read from the space".into(),
        quantity: "stimuli put into their category".into(),
        unit: Unit::Percent,
        chance_note: "95 % of permuted labels".into(),
        groups,
    }
}

/// All of them, with the names of their files.
pub(crate) fn all(pictures: Option<&[u8]>) -> Vec<(&'static str, Box<dyn Figure>)> {
    let mut all: Vec<(&'static str, Box<dyn Figure>)> = vec![
        ("ratings", Box::new(heatmap())),
        ("thresholds-1", Box::new(thresholds(1))),
        ("thresholds-4", Box::new(thresholds(4))),
        ("classes", Box::new(classes())),
        ("variance", Box::new(variance())),
        ("map", Box::new(map(2180))),
        ("map-5000", Box::new(map(5000))),
        ("dimension-maps", Box::new(dimension_maps(2180))),
        ("petals", Box::new(petals())),
        ("words", Box::new(clouds(9))),
        ("exemplars", Box::new(exemplars(pictures))),
        ("exemplars-words", Box::new(exemplars(None))),
        ("chord", Box::new(chord())),
        ("communities", Box::new(communities())),
        ("upset", Box::new(upset())),
        ("retained-1", Box::new(retained(1))),
        ("retained-4", Box::new(retained(4))),
        ("scores", Box::new(scores())),
    ];
    all.extend(brain::all());
    all
}
