//! The page and the pictures as a browser, a screen reader and a strict parser meet them.

mod gallery;
mod sample;

use emotome_figures::{Figure, Report, report::Section};
use std::collections::HashSet;

/// Elements that HTML forbids to close.
const VOID: [&str; 2] = ["meta", "!doctype"];

/// Walks the tags of a document; panics on one that is unbalanced, and returns `(name, attributes)` of each.
fn tags(document: &str) -> Vec<(String, String)> {
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    let mut rest = document;
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>'),
            "a bare > before {}",
            &rest[start..].chars().take(60).collect::<String>()
        );
        let end = start + rest[start..].find('>').expect("an open tag has an end");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_lowercase()), "closing tag");
            continue;
        }
        let body = tag.trim_end_matches('/');
        let (name, attributes) = body.split_once(' ').unwrap_or((body, ""));
        let name = name.to_lowercase();
        assert_eq!(attributes.matches('"').count() % 2, 0, "quotes of <{tag}>");
        if !tag.ends_with('/') && !tag.starts_with('?') && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        if name == "style" || name == "script" {
            let close = rest.find(&format!("</{name}>")).expect("its text ends");
            assert!(name == "script" || !rest[..close].contains('<'));
            rest = &rest[close..];
        }
        seen.push((name, attributes.to_owned()));
    }
    assert!(open.is_empty(), "left open: {open:?}");
    seen
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let start = attributes.find(&format!("{name}=\""))? + name.len() + 2;
    attributes[start..].split('"').next()
}

#[test]
fn the_page_is_well_formed_and_its_ids_are_unique() {
    let html = sample::report().html();
    let tags = tags(&html);
    let mut ids = HashSet::new();
    for (name, attributes) in &tags {
        if let Some(id) = attribute(attributes, "id") {
            assert!(
                ids.insert(id.to_owned()),
                "id {id} of <{name}> stands twice"
            );
        }
    }
    for (name, attributes) in &tags {
        for reference in attribute(attributes, "aria-labelledby")
            .into_iter()
            .flat_map(str::split_whitespace)
        {
            assert!(
                ids.contains(reference),
                "<{name}> points to {reference}, which is missing"
            );
        }
        if let Some(anchor) = attribute(attributes, "href").and_then(|h| h.strip_prefix('#')) {
            assert!(
                ids.contains(anchor),
                "a link points to {anchor}, which is missing"
            );
        }
    }
}

#[test]
fn every_picture_has_a_title_and_a_description_in_words() {
    for figure in sample::all() {
        let svg = figure.svg_file();
        let between = |tag: &str| {
            let start = svg.find(&format!("<{tag} id=")).unwrap();
            let text = &svg[start..][..svg[start..].find("</").unwrap()];
            text.rsplit('>').next().unwrap().len()
        };
        assert!(
            between("title") > 5 && between("desc") > 60,
            "{}",
            figure.title()
        );
        assert!(svg.contains("role=\"img\" aria-labelledby=\"figure-title figure-alt\""));
        tags(&svg);
    }
}

#[test]
fn the_page_reaches_for_nothing_outside_itself() {
    let html = sample::report().html();
    assert!(html.contains("default-src 'none'"));
    // The one script is the one whose checksum the page allows; data stand in a block of their own.
    let scripts: Vec<&str> = html.split("<script").skip(1).collect();
    assert!(
        scripts
            .iter()
            .all(|s| s.starts_with('>') || s.starts_with(" type=\"application/json\""))
    );
    assert_eq!(scripts.iter().filter(|s| s.starts_with('>')).count(), 1);
    for (name, attributes) in tags(&html) {
        for place in ["href", "src"] {
            if let Some(target) = attribute(&attributes, place) {
                assert!(
                    target.starts_with('#') || target.starts_with("data:"),
                    "<{name}> reaches for {target}"
                );
            }
        }
        assert!(
            !attributes.contains(" on"),
            "<{name} {attributes}> runs a script"
        );
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
}

#[test]
fn markup_in_names_and_captions_is_shown_and_not_obeyed() {
    let html = sample::report().html();
    assert!(
        html.contains("&lt;b&gt;pulls&lt;/b&gt;")
            && html.contains("a &lt;b&gt;bold&lt;/b&gt; name")
    );
    assert!(!html.contains("<b>"));
}

#[test]
fn equal_reports_give_equal_bytes() {
    assert_eq!(sample::report().html(), sample::report().html());
    assert_eq!(sample::report().assets(), sample::report().assets());
}

/// A document without its bitmaps and downloads, whose letters may spell anything.
fn without_files(document: &str) -> String {
    let parts = document.split("base64,");
    parts
        .map(|part| part.split_once('"').map_or(part, |(_, rest)| rest))
        .collect()
}

#[test]
fn no_figure_lets_a_nan_into_its_picture() {
    for figure in sample::all() {
        let svg = without_files(&figure.svg_file());
        assert!(
            !svg.contains("NaN") && !svg.contains("\"inf") && !svg.contains("-inf"),
            "{}",
            figure.title()
        );
    }
}

#[test]
fn figures_without_data_are_drawn_empty() {
    let empty: Vec<Box<dyn Figure>> = vec![
        Box::new(sample::reproducibility(0)),
        Box::new(sample::similarity_map(0)),
        Box::new(sample::scatter(0)),
        Box::new(emotome_figures::curve::Curves {
            x_label: "epoch".into(),
            y_label: "loss".into(),
            ..Default::default()
        }),
        Box::new(emotome_figures::accuracy::AccuracyBars {
            bars: vec![],
            ..sample::accuracy()
        }),
        Box::new(emotome_figures::positions::PositionShares {
            agents: vec![],
            ..sample::positions()
        }),
        Box::new(emotome_figures::dimensions::TopStimuli {
            dimensions: vec![],
            ..sample::top_stimuli()
        }),
    ];
    let report = Report {
        sections: vec![Section {
            figures: empty,
            ..Section::default()
        }],
        ..Report::default()
    };
    let html = report.html();
    tags(&html);
    // The page's script may ask whether a text is a number.
    let html = without_files(&html).replace("Number.isNaN", "");
    assert!(!html.contains("NaN"));
}

#[test]
fn tables_hold_what_the_pictures_show() {
    assert_eq!(sample::positions().tsv().lines().count(), 1 + 6);
    assert!(sample::accuracy().tsv().starts_with("label\taccuracy\tci95_low\tci95_high\tn\tchance\tceiling_low\tceiling_high\nSPoSE, 12 dimensions\t0.682\t"));
    assert_eq!(sample::scatter(276).tsv().lines().count(), 277);
    assert!(sample::scatter(276).tsv().contains("n/a"));
    let map = sample::similarity_map(24);
    let widths: HashSet<usize> = map
        .tsv()
        .lines()
        .map(|line| line.split('\t').count())
        .collect();
    assert_eq!(widths, HashSet::from([25]));
}

#[test]
fn file_names_are_plain_and_unique() {
    let names: Vec<String> = sample::report()
        .assets()
        .into_iter()
        .map(|a| a.name)
        .collect();
    assert_eq!(names[0], "01-held-out-accuracy.svg");
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert!(names.iter().all(|n| {
        n.chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
    }));
}

#[test]
fn the_reproducible_core_is_what_the_evaluation_says() {
    let figure = sample::reproducibility(14);
    assert_eq!(figure.core(), 10);
    assert_eq!(
        figure.svg_file().matches("class=\"hollow0\"").count(),
        4 + 1,
        "hollow dots and the legend"
    );
    assert_eq!(figure.tsv().matches("\tyes\n").count(), 10);
    assert!(figure.alt().contains("10 of them count as reproducible"));
}

#[test]
fn figures_that_name_their_parts_can_stand_twice_in_a_page() {
    let figures = || gallery::all(None).into_iter().map(|(_, figure)| figure);
    let report = Report {
        sections: vec![Section {
            figures: figures().chain(figures()).collect(),
            ..Section::default()
        }],
        ..Report::default()
    };
    let html = report.html();
    let tags = tags(&html);
    let ids = || {
        tags.iter()
            .filter_map(|(_, attributes)| attribute(attributes, "id"))
    };
    assert_eq!(ids().collect::<HashSet<_>>().len(), ids().count());
    assert!(ids().any(|id| id.ends_with("-dots")) && ids().any(|id| id.contains("-along-")));
    for (name, attributes) in &tags {
        if let Some(part) = attribute(attributes, "href").and_then(|h| h.strip_prefix('#')) {
            assert!(
                ids().any(|id| id == part),
                "<{name}> points to {part}, which is missing"
            );
        }
    }
    assert!(!html.contains('\u{1}'));
}
