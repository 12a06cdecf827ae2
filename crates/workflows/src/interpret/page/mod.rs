//! The page: what the dimensions mean, in the order of the study, with an honest text for each number.

mod between;
mod checklist;
mod explained;
mod graph;
mod maps;
mod methods;
mod overview;
mod ratings;
mod structure;

pub(super) use checklist::Beside;
pub(super) use structure::source;

use super::material::Material;
use super::picture::{Picture, Selection};
use super::{AgentMeaning, Interpretation, MapOf};
use emotome_figures::Figure;
use emotome_figures::report::{Explorer, ExplorerAgent, Report, Section};
use emotome_figures::scale::{count, percent};
use emotome_stimuli::provenance::Provenance;

/// A page of its own about an interpretation.
pub(super) fn tell(
    found: &Interpretation,
    material: &Material,
    cautions: &[String],
    provenance: &Provenance,
) -> Report {
    let agents = found.agents.iter();
    let names: Vec<&str> = agents.clone().map(|a| a.agent.as_str()).collect();
    let mut account = vec![
        (
            "Program".to_owned(),
            format!("emotome {}", provenance.emotome_version),
        ),
        ("Command".to_owned(), provenance.command.join(" ")),
        ("Seed".to_owned(), found.params.seed.to_string()),
        (
            "Numbers of this page".to_owned(),
            "interpret.json beside it".to_owned(),
        ),
    ];
    account.extend(provenance.inputs.iter().map(|input| {
        let text = format!("{}, sha256 {}", input.path.display(), input.sha256);
        ("Input".to_owned(), text)
    }));
    let mut sections = vec![overview::section(found, cautions)];
    sections.extend(self::sections(found, material));
    sections.extend(closing(found, None));
    Report {
        title: "What the dimensions mean".into(),
        subtitle: format!(
            "{}: {} stimuli, {} ratings",
            names.join(", "),
            count(found.stimuli.used as u64),
            found.ratings.len()
        ),
        summary: agents.map(in_short).collect(),
        sections,
        explorer: Some(explorer(found, material)),
        glossary: glossary(),
        provenance: account,
    }
}

/// The sections about an interpretation, for a page that holds others as well.
pub(super) fn sections(found: &Interpretation, material: &Material) -> Vec<Section> {
    let draw = |picture: Picture| -> Vec<Box<dyn Figure>> {
        let painted = picture.draw(found, material, &Selection::default());
        painted.into_iter().map(|one| one.figure).collect()
    };
    let mut sections = Vec::new();
    sections.push(exemplars(found, draw));
    sections.extend(ratings::section(found, draw));
    sections.extend(ratings::classes(found, draw));
    sections.extend(explained::section(found, draw));
    sections.extend(structure::section(found, draw));
    sections.extend(maps::section(found, draw));
    sections.extend(graph::section(found, draw));
    sections.extend(between::section(found, draw));
    sections
}

/// The stimuli at both ends of each dimension: the first thing to look at.
fn exemplars(found: &Interpretation, draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>) -> Section {
    let captions = match found.stimuli.captioned {
        0 => " No captions were given, so they are shown by key.",
        _ => "",
    };
    Section {
        heading: "The stimuli of each dimension".into(),
        text: vec![format!(
            "The stimuli with the largest weights show what a dimension holds; a name has to fit them, and not those with the smallest. Of many dimensions those with the largest variance are shown here; all stimuli can be searched below.{captions}"
        )],
        figures: draw(Picture::Exemplars),
        ..Section::default()
    }
}

/// What closes a page: the questions of reviewers, and text for the methods.
pub(super) fn closing(found: &Interpretation, beside: Option<Beside>) -> [Section; 2] {
    [checklist::section(found, beside), methods::section(found)]
}

/// The figures of several kinds, one after the other.
fn all(draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>, of: &[Picture]) -> Vec<Box<dyn Figure>> {
    of.iter().flat_map(|&picture| draw(picture)).collect()
}

/// `what`, with the agent's name where there are several.
fn of(found: &Interpretation, agent: &AgentMeaning, what: &str) -> String {
    match found.agents.len() {
        1 => what.to_owned(),
        _ => format!("{what}: {}", agent.agent),
    }
}

/// The stimuli, to look up.
pub(super) fn explorer(found: &Interpretation, material: &Material) -> Explorer {
    let agents = found.agents.iter().zip(&material.agents);
    let agents = agents.map(|(agent, embedding)| ExplorerAgent {
        name: agent.agent.clone(),
        dimensions: (0..agent.dims).map(|d| agent.name_of(d)).collect(),
        weights: embedding.values.clone(),
        maps: agent
            .maps
            .iter()
            .flat_map(|maps| {
                let map = |(name, map): (&str, &MapOf)| (name.to_owned(), map.places.clone());
                maps.named().map(map)
            })
            .collect(),
    });
    let captions = material.captions.iter().zip(&material.flagged);
    Explorer {
        keys: material
            .stimuli
            .keys()
            .iter()
            .map(ToString::to_string)
            .collect(),
        captions: captions
            .map(|(caption, flagged)| caption.clone().filter(|_| !flagged))
            .collect(),
        agents: agents.collect(),
    }
}

fn in_short(agent: &AgentMeaning) -> String {
    let mut text = format!("{}: {} dimensions.", agent.agent, agent.dims);
    if let Some(ratings) = &agent.ratings {
        let classes = ratings.signed.classes;
        text += &format!(
            " Some rating follows {} of them more closely than the best of {} ratings would by chance (false-discovery rate 5 %).",
            agent.dims - classes.unexplained,
            ratings.pearson.r.ncols(),
        );
    }
    if let Some(explained) = &agent.explained {
        let overall = &explained.overall;
        text += &format!(
            " For stimuli held out, all ratings together explain {} of the variance of the dimensions, emotion categories alone {}, affective dimensions alone {}.",
            percent(overall.both.r2.value),
            percent(overall.categories.r2.value),
            percent(overall.dimensions.r2.value),
        );
    }
    let verdict = agent.structure.as_ref().and_then(|s| s.verdict.as_ref());
    if let Some(verdict) = verdict {
        let answer = structure::answer(verdict.structure);
        text += &format!(" By the tests of structure the space is {answer}.");
    }
    text
}

/// A p-value that was counted over permutations.
fn p(value: f64) -> String {
    match value {
        p if p.is_nan() => "n/a".into(),
        p if p < 0.0005 => format!("{p:.1e}"),
        p => format!("{p:.3}"),
    }
}

pub(super) fn glossary() -> Vec<(String, String)> {
    [
        ("Dimension", "A column of the embedding: a property that stimuli have to a degree."),
        ("Rating", "What people said about a stimulus: how many chose an emotion category, or where it lies on an affective dimension such as valence."),
        ("r, ρ", "Correlation over stimuli: Pearson’s of the values, Spearman’s of the ranks. 1 or −1 for a perfect line or order, 0 for none."),
        ("Chance", "What comes out when the ratings are given to other stimuli, at random, many times. The best of 48 ratings is never 0 by chance."),
        ("q", "p adjusted so that, of all that are called significant at 5 %, about 5 % are so by chance (Benjamini & Hochberg 1995)."),
        ("Class", "Category: named after emotion categories alone. Dimension: after affective dimensions alone. Hybrid: after both. Unexplained: no rating follows it more closely than chance. By explained variance: a kind counts if what it alone explains surely exceeds 5 % of the variance; shared, if neither does."),
        ("R²", "The share of a dimension’s variance that ratings predict for stimuli that played no part in the fit; below 0 if they predict worse than the mean."),
        ("Unique", "What only this kind of ratings explains: R² of both kinds less R² of the other kind."),
        ("Shared", "What either kind of ratings explains."),
        ("95 % CI", "A range made so that 95 of 100 such ranges hold the true value; here from resampling the stimuli."),
        ("Trustworthiness, continuity", "Whether neighbours in the map are neighbours in the embedding, and the other way round; 1 is always, .5 about what chance gives."),
    ]
    .map(|(term, meaning)| (term.to_owned(), meaning.to_owned()))
    .to_vec()
}
