//! How well the embedding predicts, and what it is compared with.

use super::{guessing_nll, main_score};
use crate::analysis::Analysis;
use crate::fit::silent;
use emotome_embedding::evaluate::dominance::Finding;
use emotome_embedding::evaluate::score::CHANCE;
use emotome_figures::accuracy::{AccuracyBar, AccuracyBars};
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, count, percent};

pub(super) fn section(heading: String, a: &Analysis) -> Section {
    let score = main_score(a);
    let ceiling = a.ceiling.as_ref().map(|c| c.any_order.bracket);
    let bars = a
        .scores
        .iter()
        .map(|s| AccuracyBar {
            label: if s.dims > 0 {
                format!("{}, {}\u{a0}dimensions", s.name, s.dims)
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
            chance: Some(guessing_nll()),
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
    let mut cautions = silent(a.empty_rows, Some(&score.test));
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
                "{} Other embeddings are single fits, or the one with the lowest validation loss where several are named{}. The item-marginal model knows only how often each stimulus is called odd; ratings, where there are any, predict by themselves, without a fit.",
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
