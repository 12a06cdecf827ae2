//! Telling an analysis as a report that can be read without help.

pub(crate) mod brain;
mod choosing;
mod imposed;
mod meaning;
mod prediction;
mod similarity;
mod trust;

pub(crate) use similarity::scatter;
pub(crate) use trust::figure as reproducible;

use crate::analysis::{Analysis, Scored};
use crate::interpret::Meaning;
use emotome_embedding::evaluate::score::CHANCE;
use emotome_figures::Figure;
use emotome_figures::positions::{AgentPositions, PositionShares};
use emotome_figures::report::{Report, Section, glossary};
use emotome_figures::scale::{count, percent};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::ratings::Kind;
use ndarray::Array2;

/// What is known about the stimuli, for giving dimensions a meaning.
#[derive(Debug, Clone)]
pub struct Material {
    /// The stimuli.
    pub stimuli: StimulusSet,
    /// One caption for each, or its key.
    pub captions: Vec<String>,
    /// Names of the ratings.
    pub scales: Vec<String>,
    /// What each of them measures.
    pub kinds: Vec<Kind>,
    /// The usual number of raters behind the share of a category, where it is known.
    pub category_raters: Option<u32>,
    /// Ratings, stimuli × scales.
    pub ratings: Array2<f64>,
    /// Whose ratings these are, e.g. `the author's intended emotions`; unused without ratings.
    pub raters: String,
    /// Stimuli that may be shown.
    pub showable: Vec<bool>,
}

/// The frame of a report: what is not in the analyses.
#[derive(Default)]
pub struct Frame {
    /// The heading.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// Who judged what, in a paragraph or two.
    pub setting: Vec<String>,
    /// What the reader must beware of, whatever the numbers say.
    pub cautions: Vec<String>,
    /// Sections that stand before those of the agents.
    pub sections: Vec<Section>,
    /// Sections that stand after those of the agents and of what dimensions mean.
    pub closing: Vec<Section>,
    /// Inputs, versions, commands.
    pub provenance: Vec<(String, String)>,
}

/// Tells the analyses of one or several agents on the same stimuli, and what their dimensions mean where that
/// was found.
#[must_use]
pub fn tell(
    frame: Frame,
    material: &Material,
    analyses: &[Analysis],
    meaning: Option<&Meaning>,
) -> Report {
    let mut sections = vec![Section {
        heading: "Who judged what".into(),
        text: frame.setting,
        cautions: frame.cautions,
        figures: positions(analyses).into_iter().collect(),
        ..Section::default()
    }];
    sections.extend(frame.sections);
    let several = analyses.len() > 1;
    for analysis in analyses {
        let of = |what: &str| {
            if several {
                format!("{what}: {}", analysis.agent)
            } else {
                what.into()
            }
        };
        sections.push(prediction::section(
            of("How well the embedding predicts"),
            analysis,
        ));
        sections.extend(similarity::section(
            of("Similarity of a few stimuli, measured and predicted"),
            analysis,
            material,
        ));
        sections.push(trust::section(
            of("Which dimensions can be trusted"),
            analysis,
        ));
        for imposed in &analysis.imposed {
            let heading = format!("The same with {} dimensions", imposed.dims);
            sections.push(imposed::section(of(&heading), analysis, imposed));
        }
        if !meaning.is_some_and(Meaning::rated) {
            sections.extend(meaning::section(
                of("What the dimensions hold"),
                &analysis.agent,
                &analysis.embedding,
                material,
            ));
            for imposed in &analysis.imposed {
                let heading = format!("What the {} imposed dimensions hold", imposed.dims);
                let whose = format!("{}, {} dimensions", analysis.agent, imposed.dims);
                let embedding = &imposed.embedding;
                sections.extend(meaning::section(of(&heading), &whose, embedding, material));
            }
        }
        sections.push(choosing::section(
            of("How many dimensions, and how λ was chosen"),
            analysis,
        ));
    }
    sections.extend(meaning.into_iter().flat_map(Meaning::sections));
    sections.extend(frame.closing);
    sections.extend(meaning.into_iter().flat_map(|m| m.closing(analyses)));
    Report {
        title: frame.title,
        subtitle: frame.subtitle,
        summary: analyses.iter().map(in_short).collect(),
        sections,
        glossary: glossary()
            .into_iter()
            .chain(meaning.into_iter().flat_map(|_| Meaning::glossary()))
            .collect(),
        explorer: meaning.map(Meaning::explorer),
        provenance: frame.provenance,
    }
}

/// The loss of guessing, ln 3 nats.
fn guessing_nll() -> f64 {
    -CHANCE.ln()
}

fn main_score(analysis: &Analysis) -> &Scored {
    &analysis.scores[0]
}

fn in_short(a: &Analysis) -> String {
    let score = main_score(a);
    let ci = score.test.accuracy_ci95;
    let mut text = format!(
        "{}: an embedding of {} dimensions, fitted to {} choices about {} stimuli, predicts {} of {} held-out choices (95 % CI {} to {}; guessing {}).",
        a.agent,
        a.dims,
        count(a.trials[0] as u64),
        count(a.n_stimuli as u64),
        percent(score.test.accuracy),
        count(score.test.n as u64),
        percent(ci.low),
        percent(ci.high),
        percent(CHANCE),
    );
    for imposed in &a.imposed {
        let ci = imposed.test.accuracy_ci95;
        text += &format!(
            " With {} dimensions imposed it is {} ({} to {}).",
            imposed.dims,
            percent(imposed.test.accuracy),
            percent(ci.low),
            percent(ci.high),
        );
    }
    if let (Some(ceiling), Some(share)) = (&a.ceiling, &a.share_of_ceiling) {
        let top = ceiling.any_order.dirichlet.value;
        text += &format!(
            " The agent itself repeats its most frequent answer in an estimated {} of cases, so the embedding reaches {} of what can be predicted above guessing.",
            percent(top),
            percent(share.share.value),
        );
    }
    if let Some(r) = &a.reproducibility {
        text += &format!(
            " {} of the {} dimensions come back in fits that had no part in it and make up the reproducible core.",
            r.core, a.dims
        );
    }
    if let Some(full) = &a.full_set {
        text += &format!(
            " On {} stimuli that were judged separately, predicted and measured similarities correlate with r = {:.3} (CI {:.3} to {:.3}, over stimuli).",
            full.items.len(),
            full.correlation.r,
            full.correlation.ci95.low,
            full.correlation.ci95.high,
        );
    }
    text
}

fn positions(analyses: &[Analysis]) -> Option<Box<dyn Figure>> {
    let agents: Vec<AgentPositions> = analyses
        .iter()
        .filter_map(|a| {
            let shares = a.positions?.map(|p| (p.share, Some(p.ci95)));
            Some(AgentPositions {
                label: a.agent.clone(),
                n: a.trials.iter().sum::<usize>() as u64,
                shares,
            })
        })
        .collect();
    (!agents.is_empty()).then(|| {
        Box::new(PositionShares {
            title: "How often each place is called odd".into(),
            agents,
        }) as Box<dyn Figure>
    })
}
