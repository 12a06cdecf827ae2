//! Pictures as programs that draw them meet them: everything inside, nothing illegible, always the same bytes.

mod gallery;
mod odd;
mod sample;

use emotome_figures::{
    Figure, Format, Theme,
    chord::{Chord, ChordGroup, ChordLink},
    communities::{Communities, GraphEdge, GraphNode},
    exemplars::{Exemplar, ExemplarRow, Exemplars},
    export,
    map::{DimensionMaps, StimulusMap},
    petals::{Petals, Rose},
    ratings::{RatingGroup, RatingsHeatmap},
    render::{Print, RenderError, pdf, png},
    retained::Retained,
    scores::{Score, ScoreGroup, Scores},
    shares::{Part, ShareRow, Shares},
    thresholds::{ThresholdAgent, ThresholdCurves, ThresholdPoint},
    upset::{Intersection, UpSet},
    words::{WordCloud, WordClouds},
};
use ndarray::Array2;
use resvg::{tiny_skia::Pixmap, usvg};
use std::sync::Arc;

/// A picture as a drawing program reads it.
fn read(figure: &dyn Figure) -> usvg::Tree {
    let mut fonts = usvg::fontdb::Database::new();
    fonts
        .load_font_file(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fonts/Arimo-Regular.ttf"
        ))
        .unwrap();
    fonts
        .load_font_file(concat!(env!("CARGO_MANIFEST_DIR"), "/fonts/Arimo-Bold.ttf"))
        .unwrap();
    fonts.set_sans_serif_family("Arimo");
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(&figure.svg_file(), &options)
        .unwrap_or_else(|e| panic!("{}: {e}", figure.title()))
}

/// The boxes of all upright texts with their words.
fn texts(group: &usvg::Group, out: &mut Vec<(String, usvg::Rect)>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(g) => texts(g, out),
            usvg::Node::Text(t) => {
                let turn = t.abs_transform();
                let words: String = t.chunks().iter().map(usvg::TextChunk::text).collect();
                if turn.is_translate() || turn.is_identity() || !turn.has_skew() {
                    out.push((words, t.abs_bounding_box()));
                }
            }
            _ => {}
        }
    }
}

fn bitmapless(svg: &str) -> String {
    let parts = svg.split("base64,");
    parts
        .map(|part| part.split_once('"').map_or(part, |(_, rest)| rest))
        .collect()
}

/// Nothing hangs out of the picture, nothing is unreadable for programs.
fn check(figure: &dyn Figure) {
    let name = figure.title();
    let svg = figure.svg();
    assert!(
        svg.width().is_finite() && svg.height().is_finite() && svg.height() > 0.0,
        "{name}: {} × {}",
        svg.width(),
        svg.height()
    );
    let text = bitmapless(&figure.svg_file());
    assert!(
        !text.contains("NaN") && !text.contains("\"inf") && !text.contains("-inf"),
        "{name}"
    );
    let tree = read(figure);
    let drawn = tree.root().abs_stroke_bounding_box();
    assert!(
        drawn.left() >= -0.6
            && drawn.top() >= -0.6
            && f64::from(drawn.right()) <= svg.width() + 0.6
            && f64::from(drawn.bottom()) <= svg.height() + 0.6,
        "{name} of {} × {}: {drawn:?}",
        svg.width(),
        svg.height()
    );
    assert!(
        figure.alt().len() > 30 && !figure.alt().contains("NaN"),
        "{name}"
    );
    let lines: Vec<usize> = figure
        .tsv()
        .lines()
        .map(|l| l.split('\t').count())
        .collect();
    assert!(lines.iter().all(|n| *n == lines[0]), "{name}: {lines:?}");
}

#[test]
fn everything_lies_inside_the_picture() {
    for (_, figure) in gallery::all(None) {
        check(figure.as_ref());
    }
    for figure in sample::all() {
        check(figure.as_ref());
    }
}

#[test]
fn texts_do_not_lie_on_each_other() {
    let mut met = Vec::new();
    for (name, figure) in gallery::all(None) {
        let mut all = Vec::new();
        texts(read(figure.as_ref()).root(), &mut all);
        for (k, (words, a)) in all.iter().enumerate() {
            for (other, b) in &all[..k] {
                let wide = a.right().min(b.right()) - a.left().max(b.left());
                let tall = a.bottom().min(b.bottom()) - a.top().max(b.top());
                // Boxes hold the room above and below letters too.
                if wide > 1.5 && tall > 0.4 * a.height().min(b.height()) {
                    met.push(format!(
                        "{name}: {words:?} lies on {other:?} by {wide:.1} × {tall:.1}"
                    ));
                }
            }
        }
    }
    assert!(met.is_empty(), "{met:#?}");
}

/// Figures with nothing, with missing and absurd values, with one of each, and with names that never end.
fn hostile() -> Vec<Box<dyn Figure>> {
    let long =
        "an endless name of a thing that nobody will ever read to its end & <b>more</b> 情感 "
            .repeat(4);
    let title = || "hostile data".to_owned();
    let bad = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1e300,
        1e300,
        0.0,
        -0.0,
    ];
    let mut out: Vec<Box<dyn Figure>> = Vec::new();
    for n in [0, 1, 7] {
        let names = || vec![long.clone(); n];
        let value = |k: usize| bad[k % 7];
        out.push(Box::new(RatingsHeatmap {
            title: title(),
            quantity: long.clone(),
            values: Array2::from_shape_fn((n, n), |(i, j)| value(i + j)),
            dimensions: names(),
            groups: vec![RatingGroup {
                name: long.clone(),
                ratings: names(),
            }],
            chance: (0..n).map(value).collect(),
            chance_note: long.clone(),
        }));
        out.push(Box::new(ThresholdCurves {
            title: title(),
            agents: (0..n)
                .map(|_| ThresholdAgent {
                    label: long.clone(),
                    points: (0..n)
                        .map(|k| ThresholdPoint {
                            threshold: k as f64,
                            share: [0.4, f64::NAN, 1.0, f64::INFINITY, -0.2, 0.0, 3.0][k % 7],
                            ..ThresholdPoint::default()
                        })
                        .collect(),
                    ..ThresholdAgent::default()
                })
                .collect(),
            ..ThresholdCurves::default()
        }));
        out.push(Box::new(Shares {
            title: title(),
            of: "x".into(),
            parts: (0..n)
                .map(|_| Part {
                    name: long.clone(),
                    rest: false,
                })
                .collect(),
            rows: (0..n)
                .map(|k| ShareRow {
                    label: long.clone(),
                    shares: vec![f64::NAN, 0.5, -0.2][..k.min(3)].to_vec(),
                    counts: vec![3],
                })
                .collect(),
            ..Shares::default()
        }));
        let places: Vec<(f64, f64)> = (0..n).map(|k| (value(k + 3), value(k + 5))).collect();
        out.push(Box::new(StimulusMap {
            title: title(),
            keys: names(),
            places: places.clone(),
            categories: names(),
            ratings: Array2::from_shape_fn((n, n), |(i, j)| value(i * j)),
            ..StimulusMap::default()
        }));
        out.push(Box::new(DimensionMaps {
            title: title(),
            places,
            dimensions: names(),
            weights: Array2::from_shape_fn((n, n), |(i, j)| value(i * j)),
            ..DimensionMaps::default()
        }));
        out.push(Box::new(Petals {
            title: title(),
            dimensions: names(),
            roses: (0..n)
                .map(|k| Rose {
                    label: long.clone(),
                    weights: (0..n).map(|j| value(k + j)).collect(),
                })
                .collect(),
            ..Petals::default()
        }));
        out.push(Box::new(WordClouds {
            title: title(),
            clouds: (0..n)
                .map(|k| WordCloud {
                    label: long.clone(),
                    words: (0..n)
                        .map(|j| (long.clone(), [0.3, f64::NAN, -0.5][(k + j) % 3]))
                        .collect(),
                })
                .collect(),
            ..WordClouds::default()
        }));
        let card = |k: usize| Exemplar {
            key: long.clone(),
            caption: long.clone(),
            weight: value(k),
            ..Exemplar::default()
        };
        out.push(Box::new(Exemplars {
            title: title(),
            dimensions: (0..n)
                .map(|_| ExemplarRow {
                    label: long.clone(),
                    top: (0..n).map(card).collect(),
                    bottom: vec![],
                })
                .collect(),
        }));
        out.push(Box::new(Chord {
            title: title(),
            groups: vec![
                ChordGroup {
                    name: long.clone(),
                    members: names()
                };
                2
            ],
            links: (0..n)
                .map(|k| ChordLink {
                    from: (0, k),
                    to: (k, 0),
                    r: [0.5, f64::NAN, -0.9][k % 3],
                })
                .collect(),
            ..Chord::default()
        }));
        out.push(Box::new(Communities {
            title: title(),
            nodes: (0..n)
                .map(|k| GraphNode {
                    label: long.clone(),
                    community: k * 1000,
                    rank: value(k),
                    kind: k,
                })
                .collect(),
            edges: (0..n)
                .map(|k| GraphEdge {
                    between: (0, k + 1),
                    r: [0.5, f64::NAN, -0.9][k % 3],
                })
                .collect(),
            kinds: names(),
            ..Communities::default()
        }));
        out.push(Box::new(UpSet {
            title: title(),
            sets: names(),
            intersections: (0..n)
                .map(|k| Intersection {
                    sets: vec![k, k + 1],
                    count: u64::MAX,
                    members: names(),
                })
                .collect(),
            ..UpSet::default()
        }));
        out.push(Box::new(Retained {
            title: title(),
            shares: vec![0.95, f64::NAN],
            agents: (0..n)
                .map(|_| emotome_figures::curve::Series {
                    label: long.clone(),
                    points: (0..n).map(|k| (k as f64, 0.1 * k as f64).into()).collect(),
                })
                .collect(),
            ..Retained::default()
        }));
        out.push(Box::new(Scores {
            title: title(),
            groups: (0..n)
                .map(|_| ScoreGroup {
                    label: long.clone(),
                    bars: (0..n)
                        .map(|k| Score {
                            label: long.clone(),
                            value: [0.4, f64::NAN, -0.3][k % 3],
                            circular: Some(long.clone()),
                            ..Score::default()
                        })
                        .collect(),
                })
                .collect(),
            ..Scores::default()
        }));
        out.extend(odd::maps(n, &long, value));
    }
    out
}

#[test]
fn no_data_however_odd_breaks_a_picture() {
    let mut broken = Vec::new();
    for (k, figure) in hostile().iter().enumerate() {
        let (kind, n) = (k % 33, [0, 1, 7][k / 33]);
        let text = bitmapless(&figure.svg_file());
        if text.contains("NaN") || text.contains("\"inf") || text.contains("-inf") {
            broken.push(format!("figure {kind}, {n} of each: a number that is none"));
        }
        assert!(!text.contains("<b>"), "figure {kind}: markup is obeyed");
        let drawn = read(figure.as_ref()).root().abs_bounding_box();
        let svg = figure.svg();
        if drawn.left() < -1.0
            || f64::from(drawn.right()) > svg.width() + 1.0
            || f64::from(drawn.bottom()) > svg.height() + 1.0
        {
            let size = (svg.width(), svg.height());
            broken.push(format!("figure {kind}, {n} of each, {size:?}: {drawn:?}"));
        }
        let _ = (figure.alt(), figure.tsv());
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn equal_figures_give_equal_bytes_in_every_format() {
    let print = Print {
        dpi: 100.0,
        ..Print::default()
    };
    let all = |theme| {
        let files = [
            export(&gallery::heatmap(), "a", &Format::ALL, theme, print),
            export(&gallery::communities(), "b", &Format::ALL, theme, print),
            export(&gallery::chord(), "c", &Format::ALL, theme, print),
        ];
        files.map(Result::unwrap)
    };
    assert_eq!(all(Theme::Light), all(Theme::Light));
    assert_eq!(all(Theme::Dark), all(Theme::Dark));
    assert_ne!(all(Theme::Dark)[0][0].bytes, all(Theme::Light)[0][0].bytes);
}

fn holds(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|w| w == what.as_bytes())
}

#[test]
fn a_pdf_is_one_page_of_the_right_size_whose_text_is_text() {
    let figure = gallery::scores();
    let file = pdf(
        &figure.svg(),
        figure.title(),
        &figure.alt(),
        Theme::Light,
        Print {
            width_mm: Some(89.0),
            ..Print::default()
        },
    )
    .unwrap();
    assert!(file.starts_with(b"%PDF-") && holds(&file, "%%EOF"));
    assert!(holds(&file, "/FontFile") && holds(&file, "/ToUnicode") && holds(&file, "Arimo"));
    // 89 mm are 252.28 points.
    assert!(
        holds(&file, "/MediaBox[0 0 252.28"),
        "{}",
        String::from_utf8_lossy(&file[..600])
    );
    assert!(!holds(&file, "CreationDate"));
}

#[test]
fn a_png_has_the_size_that_was_asked_for_and_something_on_it() {
    for (figure, width_mm) in [
        (Box::new(gallery::classes()) as Box<dyn Figure>, 89.0),
        (Box::new(gallery::heatmap()), 183.0),
    ] {
        for theme in [Theme::Light, Theme::Dark] {
            let file = png(
                &figure.svg(),
                "t",
                "a",
                theme,
                Print {
                    width_mm: Some(width_mm),
                    dpi: 300.0,
                },
            )
            .unwrap();
            let pixels = Pixmap::decode_png(&file).unwrap();
            let wide = (width_mm / 25.4 * 300.0).round() as u32;
            assert_eq!(pixels.width(), wide);
            assert!(
                (f64::from(pixels.height())
                    - f64::from(wide) * figure.svg().height() / figure.svg().width())
                .abs()
                    < 1.0
            );
            assert_eq!(&file[37..41], b"pHYs");
            let ground = pixels.pixel(0, 0).unwrap();
            assert_eq!(ground.red() > 128, theme == Theme::Light);
            let inked = pixels.pixels().iter().filter(|p| **p != ground).count();
            assert!(
                inked > pixels.pixels().len() / 50,
                "{} is nearly blank",
                figure.title()
            );
        }
    }
}

#[test]
fn absurd_sizes_are_refused() {
    let svg = gallery::classes().svg();
    let draw = |width_mm, dpi| png(&svg, "t", "a", Theme::Light, Print { width_mm, dpi });
    assert!(matches!(
        draw(Some(f64::NAN), 300.0),
        Err(RenderError::Width { .. })
    ));
    assert!(matches!(
        draw(Some(1e9), 300.0),
        Err(RenderError::Width { .. })
    ));
    assert!(matches!(
        draw(None, 0.0),
        Err(RenderError::Resolution { .. })
    ));
    assert!(matches!(
        draw(Some(2000.0), 2400.0),
        Err(RenderError::TooLarge { .. })
    ));
    let wide = pdf(
        &svg,
        "t",
        "a",
        Theme::Light,
        Print {
            width_mm: Some(-1.0),
            dpi: 300.0,
        },
    );
    assert!(matches!(wide, Err(RenderError::Width { .. })));
}

#[test]
fn a_map_of_five_thousand_stimuli_is_a_light_file() {
    for n in [2180, 2500, 5000] {
        let file = gallery::map(n).svg_file();
        assert!(
            file.len() < 400_000,
            "{n} stimuli take {} bytes",
            file.len()
        );
        // Every place is drawn, but for the one that is not finite.
        assert!(file.matches("h.1").count() >= n - 1);
    }
    assert!(gallery::dimension_maps(2180).svg_file().len() < 400_000);
}

#[test]
fn letters_without_a_shape_are_named() {
    let mut figure = gallery::classes();
    figure.rows[0].label = "Modèle de langue, 言語".into();
    assert_eq!(
        figure.svg().lacking().into_iter().collect::<String>(),
        "言語"
    );
}

#[test]
fn a_long_petal_is_cut_visibly_and_its_weight_is_printed() {
    let figure = gallery::petals();
    let svg = figure.svg_file();
    assert_eq!(svg.matches(">15: 3.40<").count(), 4);
    assert!(figure.alt().contains("1 petals are longer than the circle"));
    assert!(svg.contains("Outer circle: 2.20"));
}

#[test]
fn every_cell_beyond_chance_is_marked_and_colours_are_symmetric() {
    let figure = gallery::heatmap();
    let beyond = figure.tsv().matches("\tyes\t").count();
    // One further marker stands in the key.
    let marks = figure.svg_file().matches("r=\"1.3\"").count();
    assert_eq!(marks, beyond);
    let order = figure.order();
    let on_diagonal: f64 = order
        .rows
        .iter()
        .zip(&order.columns)
        .take(15)
        .map(|(&i, &j)| figure.values[[i, j]].abs())
        .sum();
    assert!(on_diagonal / 15.0 > 0.5, "{on_diagonal}");
}

#[test]
fn long_labels_are_wrapped_and_stay_inside_the_picture() {
    const LONG: &str =
        "SPoSE, consensus of 5 fits of all choices that were ever made, 24 dimensions";
    let mut accuracy = sample::accuracy();
    accuracy.bars[0].label = LONG.into();
    let mut positions = sample::positions();
    positions.agents[0].label = LONG.into();
    let mut cards = sample::top_stimuli();
    cards.dimensions[0].related[0].0 = LONG.into();
    let mut curve = sample::dimension_curve();
    curve.references[0].0 = LONG.into();
    for series in &mut curve.series {
        series.label = format!("{}, a longer name than most", series.label);
    }
    let mut scores = gallery::scores();
    scores.groups[0].label = LONG.into();
    let mut classes = gallery::classes();
    classes.rows[0].label = LONG.into();
    let mut upset = gallery::upset();
    upset.sets[0] = LONG.into();
    let figures: [Box<dyn Figure>; 7] = [
        Box::new(accuracy),
        Box::new(positions),
        Box::new(cards),
        Box::new(curve),
        Box::new(scores),
        Box::new(classes),
        Box::new(upset),
    ];
    for figure in figures {
        check(figure.as_ref());
        let mut found = Vec::new();
        texts(read(figure.as_ref()).root(), &mut found);
        let all: String = found.iter().map(|(words, _)| format!("{words} ")).collect();
        for word in LONG.split(' ') {
            assert!(all.contains(word), "{}: {word:?} is gone", figure.title());
        }
        assert!(!all.contains('…'), "{}: {all}", figure.title());
    }
}

#[test]
fn single_dots_are_not_lost_on_the_way_to_pdf() {
    let file = |n: usize| {
        let figure = gallery::map(n);
        pdf(&figure.svg(), "t", "a", Theme::Light, Print::default())
            .unwrap()
            .len()
    };
    // Some bytes for each dot, after compression.
    assert!(
        file(2400) > file(1400) + 4000,
        "{} {}",
        file(2400),
        file(1400)
    );
}
