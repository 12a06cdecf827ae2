//! Telling an analysis as a report that can be read without help.

use crate::analysis::{Analysis, Scored};
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::dominance::Finding;
use emotome_embedding::train::select::Candidate;
use emotome_figures::accuracy::{AccuracyBar, AccuracyBars};
use emotome_figures::curve::{CurvePoint, Curves, Series};
use emotome_figures::dimensions::{DimensionCard, TopStimuli, TopStimulus};
use emotome_figures::heatmap::SimilarityMap;
use emotome_figures::order;
use emotome_figures::positions::{AgentPositions, PositionShares};
use emotome_figures::report::{Measure, Report, Section, glossary};
use emotome_figures::reproducibility::{DimensionReproducibility, Reproducibility};
use emotome_figures::scale::{Spacing, Unit, count};
use emotome_figures::scatter::Scatter;
use emotome_stats::correlation::cross_correlation;
use emotome_stats::interval::Interval;
use emotome_stimuli::StimulusSet;
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
    /// Ratings, stimuli × scales.
    pub ratings: Array2<f64>,
    /// Whose ratings these are, e.g. `the author's intended emotions`; unused without ratings.
    pub raters: String,
    /// Stimuli that may be shown.
    pub showable: Vec<bool>,
}

/// The frame of a report: what is not in the analyses.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The heading.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// Who judged what, in a paragraph or two.
    pub setting: Vec<String>,
    /// What the reader must beware of, whatever the numbers say.
    pub cautions: Vec<String>,
    /// Inputs, versions, commands.
    pub provenance: Vec<(String, String)>,
}

/// Chance of an odd-one-out choice.
const CHANCE: f64 = 1.0 / 3.0;
const GUESSING_NLL: f64 = 1.098_612_288_668_11;
const TOP_STIMULI: usize = 4;
const RELATED: usize = 3;
const CARDS: usize = 12;

/// Tells the analyses of one or several agents on the same stimuli.
#[must_use]
pub fn tell(frame: Frame, material: &Material, analyses: &[Analysis]) -> Report {
    let mut sections = vec![Section {
        heading: "Who judged what".into(),
        text: frame.setting,
        cautions: frame.cautions,
        figures: positions(analyses).into_iter().collect(),
        ..Section::default()
    }];
    let several = analyses.len() > 1;
    for analysis in analyses {
        let of = |what: &str| {
            if several {
                format!("{what}: {}", analysis.agent)
            } else {
                what.into()
            }
        };
        sections.push(prediction(of("How well the embedding predicts"), analysis));
        if let Some(section) = similarity(
            of("Similarity of a few stimuli, measured and predicted"),
            analysis,
            material,
        ) {
            sections.push(section);
        }
        sections.push(trust(of("Which dimensions can be trusted"), analysis));
        if let Some(section) = meaning(of("What the dimensions hold"), analysis, material) {
            sections.push(section);
        }
        sections.push(choosing(
            of("How many dimensions, and how λ was chosen"),
            analysis,
        ));
    }
    Report {
        title: frame.title,
        subtitle: frame.subtitle,
        summary: analyses.iter().map(in_short).collect(),
        sections,
        glossary: glossary(),
        provenance: frame.provenance,
    }
}

fn percent(share: f64) -> String {
    Unit::Percent.show(share)
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
        a.n_stimuli,
        percent(score.test.accuracy),
        count(score.test.n as u64),
        percent(ci.low),
        percent(ci.high),
        percent(CHANCE),
    );
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
            " On {} stimuli that were judged separately, predicted and measured similarities correlate with r = {:.2} (CI {:.2} to {:.2}, over stimuli).",
            full.items.len(),
            full.correlation.r,
            full.correlation.ci95.low,
            full.correlation.ci95.high,
        );
    }
    text
}

fn positions(analyses: &[Analysis]) -> Option<Box<dyn emotome_figures::Figure>> {
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
        }) as Box<dyn emotome_figures::Figure>
    })
}

fn prediction(heading: String, a: &Analysis) -> Section {
    let score = main_score(a);
    let ceiling = a.ceiling.as_ref().map(|c| c.any_order.bracket);
    let bars = a
        .scores
        .iter()
        .map(|s| AccuracyBar {
            label: if s.dims > 0 {
                format!("{}, {} dim.", s.name, s.dims)
            } else {
                s.name.clone()
            },
            value: s.test.accuracy,
            ci95: Some(s.test.accuracy_ci95),
            n: s.test.n as u64,
        })
        .collect();
    let n = Some((score.test.n as u64, "held-out choices".to_owned()));
    let mut measures = vec![
        Measure {
            name: "Held-out accuracy".into(),
            meaning: "Share of choices on unseen triplets that the embedding predicts; ties credited fairly. The interval treats both stimuli and trials as samples.".into(),
            value: score.test.accuracy,
            unit: Unit::Percent,
            ci95: Some(score.test.accuracy_ci95),
            n: n.clone(),
            chance: Some(CHANCE),
            ceiling,
        },
        Measure {
            name: "Held-out loss".into(),
            meaning: "Mean surprise at those choices in nats; lower is better.".into(),
            value: score.test.nll,
            unit: Unit::Plain,
            ci95: Some(score.test.nll_ci95),
            n,
            chance: Some(GUESSING_NLL),
            ceiling: None,
        },
    ];
    if let (Some(c), Some(share)) = (&a.ceiling, &a.share_of_ceiling) {
        let c = &c.any_order;
        measures.push(Measure {
            name: "Noise ceiling".into(),
            meaning: "Estimated share of choices that the best possible model of this agent would predict, from triplets asked repeatedly (Dirichlet-multinomial). The range at its side runs from an estimate that is biased down to one that is biased up.".into(),
            value: c.dirichlet.value,
            unit: Unit::Percent,
            ci95: Some(c.dirichlet.ci95),
            n: Some((c.questions as u64, format!("triplets, {} answers", count(c.answers as u64)))),
            chance: Some(CHANCE),
            ceiling: Some(c.bracket),
        });
        measures.push(Measure {
            name: "Share of the ceiling".into(),
            meaning: "(accuracy − 1/3) / (ceiling − 1/3): what is predicted of all that can be, above guessing.".into(),
            value: share.share.value,
            unit: Unit::Percent,
            ci95: Some(share.share.ci95),
            n: None,
            chance: Some(0.0),
            ceiling: None,
        });
    }
    let verdict = match a.finding {
        Finding::AtChance => "The embedding does not predict better than guessing.",
        Finding::ItemMarginal => {
            "One number per stimulus, how often it is called odd, predicts nearly as well: the choices may rest on a single scale rather than on similarity."
        }
        Finding::OneDimension => "One dimension alone predicts nearly as well as all of them.",
        Finding::DominantDimension => "The accuracy collapses without one dimension.",
        Finding::Distributed => "No single dimension carries the result.",
    };
    let dominance = a.dominance.as_ref().map_or_else(
        || "The fit kept no dimension, so there is none to prune, to match with other fits or to leave out.".to_owned(),
        |d| {
            format!(
                "Alone, the largest dimension reaches {}; without it, the others reach {}. The item-marginal baseline, which knows only how often each stimulus is called odd, reaches {}.",
                percent(d.dominant_alone_accuracy),
                percent(d.without_dominant_accuracy),
                percent(d.item_marginal_accuracy),
            )
        },
    );
    let mut cautions = Vec::new();
    if a.consensus_sought > 1 && a.consensus_of == 1 {
        cautions.push(format!(
            "No dimension is common to {} fits from different random starts, so there is no consensus: the one with the lowest validation loss stands for all.",
            a.consensus_sought
        ));
    }
    if a.ceiling.is_some() && a.share_of_ceiling.is_none() {
        cautions.push("The noise ceiling cannot be told from guessing: the agent's answers do not repeat, and there is nothing to predict.".into());
    }
    Section {
        heading,
        text: vec![
            format!(
                "Choices were split by triplet: {} to fit, {} to choose λ and the epoch, {} to test, which played no part in fitting or choosing the model. No triplet is in two of them{}. All models, the analysis of the largest dimension and the weights per stimulus are scored on the same test choices.",
                count(a.trials[0] as u64),
                count(a.trials[1] as u64),
                count(a.trials[2] as u64),
                if a.trials[3] > 0 {
                    format!(
                        ", and {} choices among the fully judged stimuli were left out of all",
                        count(a.trials[3] as u64)
                    )
                } else {
                    String::new()
                },
            ),
            format!("{verdict} {dominance}"),
            format!(
                "{} All other models are single fits{}.",
                if a.consensus_of > 1 {
                    format!("The first bar is the consensus of {} fits.", a.consensus_of)
                } else {
                    "The first bar is a single fit.".into()
                },
                if a.selection.is_some() {
                    "; those with a penalty use the λ that was chosen for the non-negative model of the first bar, not one of their own"
                } else {
                    ""
                },
            ),
        ],
        measures,
        figures: vec![Box::new(AccuracyBars {
            title: format!("Held-out accuracy, {}", a.agent),
            quantity: "share of held-out choices predicted".into(),
            bars,
            chance: CHANCE,
            ceiling,
        })],
        cautions,
        ..Section::default()
    }
}

fn similarity(heading: String, a: &Analysis, material: &Material) -> Option<Section> {
    let full = a.full_set.as_ref()?;
    let labels: Vec<String> = full
        .items
        .iter()
        .map(|&i| material.stimuli.keys()[i].to_string())
        .collect();
    let order = order::clustered(full.measured.view());
    let map = |title: &str, values: &Array2<f64>| SimilarityMap {
        title: format!("{title}, {}", a.agent),
        quantity: "share of triplets in which the pair stays together".into(),
        values: values.clone(),
        labels: labels.clone(),
        order: order.clone(),
        order_note: "ordered by average-linkage clustering of the measured similarities".into(),
    };
    let n = full.items.len();
    let points = (0..n)
        .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
        .map(|(i, j)| (full.measured[[i, j]], full.predicted[[i, j]]))
        .collect();
    let c = &full.correlation;
    let possible = n * n.saturating_sub(1) * n.saturating_sub(2) / 6;
    let judged = if full.triplets == possible {
        format!("All triplets of {n} stimuli were judged")
    } else {
        format!(
            "{} of the {} triplets of {n} stimuli were judged",
            count(full.triplets as u64),
            count(possible as u64)
        )
    };
    let repeats = full.explained.is_some();
    let mut text = vec![format!(
        "{judged} ({} choices), none of them used in fitting. For each pair the measured similarity is the share of those triplets in which the pair stays together; the embedding predicts it over exactly the same triplets.",
        count(full.trials as u64)
    )];
    text.push(match (repeats, full.triplets == full.trials) {
        (false, _) => "Halves of the choices give similarities that do not correlate: the measurement is noise, and there is no ceiling to compare with.".into(),
        (true, true) => "The ceiling comes from halving the choices at random. Each triplet was judged once, so the halves differ in their third stimuli, which the whole does not: the ceiling shown is somewhat too low.".into(),
        (true, false) => "The ceiling comes from halving the choices at random, the repeats of a triplet dealt evenly.".into(),
    });
    Some(Section {
        heading,
        text,
        measures: vec![
            Measure {
                name: "Correlation of predicted with measured similarity".into(),
                meaning: "Pearson's r over pairs; the interval resamples stimuli, because pairs that share a stimulus are not independent.".into(),
                value: c.r,
                unit: Unit::Plain,
                ci95: Some(c.ci95),
                n: Some((c.pairs as u64, "pairs".into())),
                chance: Some(0.0),
                ceiling: repeats.then_some(Interval { low: full.split_half.ceiling, high: full.split_half.ceiling }),
            },
            Measure {
                name: "The same, published interval".into(),
                meaning: "Resamples pairs as if they were independent. Too narrow; shown for comparison with published numbers.".into(),
                value: full.published.r,
                unit: Unit::Plain,
                ci95: Some(full.published.ci95),
                n: Some((full.published.pairs as u64, "pairs".into())),
                chance: Some(0.0),
                ceiling: None,
            },
        ],
        figures: vec![
            Box::new(Scatter {
                title: format!("Predicted against measured similarity, {}", a.agent),
                x_label: "similarity measured from choices".into(),
                y_label: "similarity predicted by the embedding".into(),
                points,
                r: c.r,
                ci95: Some(c.ci95),
                ceiling: repeats.then_some(full.split_half.ceiling),
            }),
            Box::new(map("Measured similarities", &full.measured)),
            Box::new(map("Predicted similarities", &full.predicted)),
        ],
        ..Section::default()
    })
}

fn trust(heading: String, a: &Analysis) -> Section {
    let Some(r) = &a.reproducibility else {
        return Section {
            heading,
            text: vec![if a.dims == 0 {
                "The fit kept no dimension, so none can come back."
            } else if a.seed_dims.len() < 2 {
                "Only one seed was fitted, so nothing can be said about reproducibility. Fit at least two (--seeds)."
            } else {
                "There are too few stimuli to match dimensions on one half of them and to test on the other, so nothing can be said about reproducibility."
            }.into()],
            ..Section::default()
        };
    };
    let dimensions = r
        .dimensions
        .iter()
        .map(|d| DimensionReproducibility {
            label: (d.dimension + 1).to_string(),
            r: d.r,
            ci95: None,
            null95: r.null_max_r,
            reproducible: d.core,
        })
        .collect();
    let mut text = vec![format!(
        "{}. Each dimension is matched one to one with a dimension of every further fit on one half of the stimuli and correlated on the other half. {} of {} dimensions come back with r ≥ {} and better than the best of shuffled stimuli (r = {:.2}): the reproducible core, which is the dimensionality to report.",
        match (a.consensus_of, r.runs) {
            (1, 1) => "The embedding is a single fit, and one further fit from another random start tells which dimensions come back; more seeds tell it better (--seeds)".to_owned(),
            (1, runs) => format!("The embedding is a single fit, and {runs} further fits from other random starts tell which dimensions come back"),
            (of, 1) => format!("The embedding is the consensus of {of} fits from different random starts, and one further fit, which had no part in it, tells which dimensions come back; more seeds tell it better (--seeds)"),
            (of, runs) => format!("The embedding is the consensus of {of} fits from different random starts, and {runs} further fits, which had no part in it, tell which dimensions come back"),
        },
        r.core,
        a.dims,
        r.params.core_r,
        r.null_max_r
    )];
    if let (Some(published), Some(honest)) =
        (&a.published_reproducibility, &a.first_seed_reproducibility)
    {
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
        // Plain means over runs on both sides: a Fisher mean would let the match of r = 1 win.
        let r: Vec<f64> = honest
            .dimensions
            .iter()
            .map(|d| mean(&d.r_by_run))
            .collect();
        text.push(format!(
            "Published reproducibilities count a fit's match with itself, let several dimensions share a match, and match and score on the same stimuli. For the {} dimensions of the first fit alone that gives a mean r of {:.2}; without these it is {:.2} (plain means over fits and dimensions, both).",
            r.len(),
            mean(&published.plain_mean),
            mean(&r),
        ));
    }
    Section {
        heading,
        text,
        figures: vec![Box::new(Reproducibility {
            title: format!("Reproducibility of dimensions, {}", a.agent),
            dimensions,
            runs: r.runs,
        })],
        ..Section::default()
    }
}

fn meaning(heading: String, a: &Analysis, material: &Material) -> Option<Section> {
    let embedding = a.embedding.as_ref().filter(|e| e.n_dims() > 0)?;
    let cards = cards(embedding, material);
    let mut text = "The stimuli with the largest weights show what a dimension holds.".to_owned();
    if material.scales.is_empty() {
        text += " No ratings of the stimuli were given, so no scale stands beside them.";
    } else {
        text += &format!(
            " Beside them stand the {RELATED} ratings that correlate most with the dimension, among {}. A correlation names nothing by itself: a dimension that no rating describes has small ones.",
            material.raters
        );
    }
    Some(Section {
        heading,
        text: vec![text],
        figures: vec![Box::new(TopStimuli {
            title: format!("Strongest stimuli of each dimension, {}", a.agent),
            ratings: material.raters.clone(),
            dimensions: cards,
        })],
        cautions: if a.dims > CARDS {
            vec![format!(
                "The {CARDS} largest of {} dimensions are shown; all stand in embedding.tsv.",
                a.dims
            )]
        } else {
            Vec::new()
        },
        ..Section::default()
    })
}

fn cards(embedding: &Embedding, material: &Material) -> Vec<DimensionCard> {
    let x = embedding.values().mapv(f64::from);
    let r = cross_correlation(x.view(), material.ratings.view());
    (0..embedding.n_dims().min(CARDS))
        .map(|f| {
            let mut scales: Vec<usize> = (0..material.scales.len())
                .filter(|&s| r[[f, s]].is_finite())
                .collect();
            scales.sort_by(|&a, &b| r[[f, b]].abs().total_cmp(&r[[f, a]].abs()).then(a.cmp(&b)));
            let mut stimuli: Vec<usize> = (0..x.nrows())
                .filter(|&i| material.showable[i] && x[[i, f]] > 0.0)
                .collect();
            stimuli.sort_by(|&a, &b| x[[b, f]].total_cmp(&x[[a, f]]).then(a.cmp(&b)));
            DimensionCard {
                label: format!("Dimension {}", f + 1),
                related: scales
                    .into_iter()
                    .take(RELATED)
                    .map(|s| (material.scales[s].clone(), r[[f, s]]))
                    .collect(),
                stimuli: stimuli
                    .into_iter()
                    .take(TOP_STIMULI)
                    .map(|i| TopStimulus {
                        key: material.stimuli.keys()[i].to_string(),
                        caption: material.captions[i].clone(),
                        weight: x[[i, f]],
                    })
                    .collect(),
            }
        })
        .collect()
}

fn choosing(heading: String, a: &Analysis) -> Section {
    let mut figures: Vec<Box<dyn emotome_figures::Figure>> = Vec::new();
    let mut text = Vec::new();
    if !a.nested.is_empty() {
        text.push("Refits say how many dimensions the agent's choices need at all.".to_owned());
        figures.push(Box::new(Curves {
            title: format!("Refits with fewer dimensions, {}", a.agent),
            x_label: "dimensions allowed".into(),
            x_spacing: Spacing::Logarithmic,
            y_label: "validation accuracy".into(),
            y_unit: Unit::Percent,
            series: vec![Series {
                label: "refitted with so many dimensions".into(),
                points: a
                    .nested
                    .iter()
                    .map(|n| (n.dims as f64, n.accuracy).into())
                    .collect(),
            }],
            references: vec![("guessing".into(), CHANCE)],
            chosen: a.dims_choice.map(|choice| {
                (
                    choice.dims as f64,
                    "chosen: fewest within a standard error".to_owned(),
                )
            }),
        }));
    }
    if let Some(pruning) = &a.pruning {
        text.push("Weights kept per stimulus say how many dimensions a single stimulus needs: not how many the choices need, which published figures call by the same name.".to_owned());
        figures.push(Box::new(Curves {
            title: format!("Weights each stimulus needs, {}", a.agent),
            x_label: "largest weights kept per stimulus".into(),
            y_label: "held-out accuracy".into(),
            y_unit: Unit::Percent,
            series: vec![Series {
                label: "all other weights set to zero".into(),
                points: pruning
                    .accuracy
                    .iter()
                    .enumerate()
                    .map(|(k, &accuracy)| CurvePoint::from((k as f64, accuracy)))
                    .collect(),
            }],
            references: vec![("guessing".into(), CHANCE)],
            ..Curves::default()
        }));
        if let Some(low) = pruning.band.low.filter(|_| a.finding != Finding::AtChance) {
            text.push(format!(
                "{low} weights per stimulus keep 95 % of the accuracy above guessing{}.",
                pruning
                    .band
                    .high
                    .map_or_else(String::new, |high| format!(", {high} keep 99 %")),
            ));
        }
    }
    if let Some(choice) = a.dims_choice {
        text.push(format!(
            "{} dimensions were allowed in the fits above: the fewest whose validation loss is within one standard error ({:.4} nats) of the lowest, which {} dimensions reach.",
            choice.dims, choice.standard_error, choice.lowest_at,
        ));
    }
    if let Some(selection) = &a.selection {
        text.push(format!(
            "λ, the weight of the penalty that makes weights sparse, was chosen as {} by the loss on the validation choices alone{}.",
            selection.lambda,
            if selection.at_edge { ". It lies at the edge of the values tried, so a better one may lie beyond" } else { "" },
        ));
        let (shown, at_chance): (Vec<&Candidate>, Vec<&Candidate>) = selection
            .candidates
            .iter()
            .partition(|c| c.nll < GUESSING_NLL - 1e-6);
        if !at_chance.is_empty() {
            text.push(format!(
                "{} of the {} values tried predict no better than guessing; {}.",
                at_chance.len(),
                selection.candidates.len(),
                if shown.is_empty() {
                    "there is no choice of λ to show"
                } else {
                    "the figure leaves them out"
                },
            ));
        }
        if !shown.is_empty() {
            figures.push(Box::new(Curves {
                title: format!("Choosing λ, {}", a.agent),
                x_label: "λ".into(),
                x_spacing: Spacing::Logarithmic,
                y_label: "validation loss (nats per choice)".into(),
                series: vec![Series {
                    label: "one fit each".into(),
                    points: shown.iter().map(|c| (c.lambda, c.nll).into()).collect(),
                }],
                chosen: Some((selection.lambda, "chosen: lowest loss".into())),
                ..Curves::default()
            }));
        }
    }
    Section {
        heading,
        text,
        figures,
        ..Section::default()
    }
}
