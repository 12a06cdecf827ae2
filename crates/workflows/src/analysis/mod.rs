//! Everything the behavioural half says about one agent: fit, held-out score, ceiling, similarity
//! matrix, reproducibility, dimension number, dominance.

mod dims;
mod found;
mod full_set;
mod params;
mod ratings;

pub(crate) use dims::matching;
pub use found::{Analysis, DimsChoice, FullSet, Imposed, PositionShare, Scored, SingleFit};
pub(crate) use full_set::{Prediction, predict as predict_full_set};
pub use params::{AnalysisError, AnalysisParams};
pub use ratings::RatingsModel;

use crate::WorkflowError;
use crate::choices::judged;
use crate::fit::{Method, empty_rows, fit_choices, lowest_loss};
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy;
use emotome_embedding::evaluate::ceiling::{ceilings, share_of_ceiling};
use emotome_embedding::evaluate::dominance::{DominanceParams, Finding, dominance};
use emotome_embedding::evaluate::item_marginal::ItemMarginal;
use emotome_embedding::evaluate::reproducibility::reproducibility;
use emotome_embedding::evaluate::retained::per_stimulus_pruning;
use emotome_embedding::evaluate::score::{CHANCE, Scoring, Similarity, TrialScores};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::train::consensus::{ConsensusParams, consensus};
use emotome_embedding::train::select::{fit_seeds, select_spose};
use emotome_embedding::train::spose::SposeParams;
use emotome_embedding::train::vice::{Pruning, ViceParams};
use emotome_embedding::train::{
    CheckpointPolicy, Constraint, Fit, FitError, FitOptions, InstructionSet, TrainingData,
};
use emotome_stats::interval::wilson;
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::split::split;

/// The choices of one agent, by what they are for.
#[derive(Debug, Clone, Copy)]
pub struct AgentChoices<'a> {
    /// Random triplets, to be split into training, validation and test.
    pub main: &'a ChoiceSet,
    /// Repeated triplets, for the noise ceiling.
    pub ceiling: Option<&'a ChoiceSet>,
    /// All triplets of a few stimuli, for the measured similarity matrix.
    pub full_set: Option<&'a ChoiceSet>,
    /// Whether the random triplets stand in presented order.
    pub order_known: bool,
    /// Whether all repeats do.
    pub ceiling_order_known: bool,
    /// Ratings of the same stimuli, to compare the embedding with.
    pub ratings: &'a [RatingsModel],
}

/// Analyses one agent.
///
/// An agent that guesses is analysed like any other: what needs a dimension is absent then, and
/// the finding is [`Finding::AtChance`]. With a checkpoint policy every fit has a file of its own beside
/// its path, so that an interrupted analysis goes on where it was.
///
/// # Errors
/// [`AnalysisError`] for impossible parameters and too few choices, and [`WorkflowError`] of
/// splitting, fitting and evaluating.
pub fn analyse(
    agent: &str,
    choices: AgentChoices<'_>,
    params: &AnalysisParams,
    checkpoint: Option<&CheckpointPolicy>,
    run: Run<'_>,
) -> Result<Analysis, WorkflowError> {
    params.check()?;
    let note = |what: &str| run.progress.note(&format!("{agent}: {what}"));
    let parts = Parts::split(agent, choices, params)?;
    let data = TrainingData {
        train: &parts.train,
        validation: Some(&parts.validation),
        targets: None,
    };
    let fitter = Fitter {
        data,
        params,
        checkpoint,
        run,
    };
    let scoring = Scoring::default();

    note("choosing λ");
    let base = SposeParams {
        dims: params.dims,
        ..SposeParams::default()
    };
    let options = fitter.options(checkpoint);
    let selection = (params.lambdas.len() > 1)
        .then(|| select_spose(data, &base, &params.lambdas, params.seed, options))
        .transpose()?;
    let base = SposeParams {
        lambda: selection
            .as_ref()
            .map_or_else(|| params.lambdas[0], |s| s.lambda),
        ..base
    };
    note("refits with fewer dimensions");
    let (nested, dims_choice) = dims::nested(&fitter, &base, &parts.validation)?;
    let spose = SposeParams {
        dims: dims_choice.map_or(params.dims, |choice| choice.dims),
        ..base.clone()
    };
    note(&format!("fitting {} seeds", params.seeds));
    let Agreed {
        fit,
        seeds,
        of,
        sought,
    } = agree(&fitter, &spose)?;
    let embedding = fit.embedding;
    let imposed = params
        .imposed
        .iter()
        .map(|&dims| {
            note(&format!(
                "fitting {} seeds with {dims} dimensions",
                params.seeds
            ));
            let params = SposeParams {
                dims,
                ..base.clone()
            };
            dims::imposed(&fitter, &params, &parts.test)
        })
        .collect::<Result<Vec<_>, _>>()?;

    note("models to compare with");
    let name = if of > 1 {
        format!("SPoSE, consensus of {of} fits")
    } else {
        "SPoSE".into()
    };
    let mut scores = vec![parts.scored(&embedding, &scoring, name)?];
    for imposed in &imposed {
        scores.push(Scored {
            name: match imposed.seeds.len() {
                1 => "SPoSE, single fit".into(),
                k => format!("SPoSE, best of {k} fits"),
            },
            dims: imposed.fitted_dims,
            test: imposed.test,
        });
    }
    scores.extend(others(&fitter, &parts, &spose)?);
    let marginal = ItemMarginal::fit(&parts.train)?.score(&parts.test, &scoring)?;
    scores.push(parts.summarised("item-marginal", &marginal)?);
    for model in choices.ratings {
        let score = model.score(&parts.train, &parts.test)?;
        let name = match model.unrated {
            0 => model.name.clone(),
            n => format!("{}, {n}\u{a0}stimuli in none", model.name),
        };
        scores.push(parts.summarised(&name, &score)?);
    }

    note("how far to trust it");
    let ceiling = choices
        .ceiling
        .map(|repeats| ceilings(repeats, choices.ceiling_order_known, None))
        .transpose()?;
    // Of a ceiling at chance there is no share.
    let share_of_ceiling = ceiling
        .as_ref()
        .filter(|c| c.any_order.dirichlet.ci95.low > CHANCE + 1e-9)
        .map(|c| {
            let test = &scores[0].test;
            share_of_ceiling(test.accuracy, test.accuracy_ci95, &c.any_order)
        });
    let some_dims = embedding.n_dims() > 0;
    let full_set = match choices.full_set.filter(|_| some_dims) {
        Some(full) => full_set::compare(&embedding, full, &parts.full_items, params.seed, run)?,
        None => None,
    };
    // A consensus agrees with the seeds it was made of; only other seeds can tell what comes back.
    let others: Vec<&Embedding> = seeds.iter().skip(sought).collect();
    let reproducible = (!others.is_empty() && dims::comparable(&embedding))
        .then(|| reproducibility(&embedding, &others, &dims::matching(params.seed), run))
        .transpose()?;
    let pruning = some_dims
        .then(|| per_stimulus_pruning(&embedding, &parts.test, &scoring))
        .transpose()?;
    let dominance = some_dims
        .then(|| {
            let thresholds = DominanceParams::default();
            dominance(&embedding, &parts.train, &parts.test, &scoring, &thresholds)
        })
        .transpose()?;
    Ok(Analysis {
        agent: agent.into(),
        params: params.clone(),
        n_stimuli: choices.main.n_stimuli(),
        trials: [
            parts.train.len(),
            parts.validation.len(),
            parts.test.len(),
            parts.in_full_set,
        ],
        selection,
        spose: spose
            .check()?
            .resolved(parts.train.n_stimuli(), parts.train.len()),
        history: fit.history,
        consensus_of: of,
        consensus_sought: sought,
        dims: embedding.n_dims(),
        empty_rows: empty_rows(&embedding, &parts.train),
        seed_dims: seeds.iter().map(Embedding::n_dims).collect(),
        scores,
        imposed,
        ceiling,
        share_of_ceiling,
        full_set,
        reproducibility: reproducible,
        single_fit: dims::single_fit(&seeds, 0, params.seed, run)?,
        nested,
        dims_choice,
        pruning,
        finding: dominance.as_ref().map_or(Finding::AtChance, |d| d.finding),
        dominance,
        positions: choices.order_known.then(|| positions(choices.main)),
        embedding,
        seeds,
    })
}

/// The choices of an analysis, split by triplet.
struct Parts {
    train: ChoiceSet,
    validation: ChoiceSet,
    test: ChoiceSet,
    /// The stimuli of the full set, ascending.
    full_items: Vec<usize>,
    /// Choices of the main set that lie in the full set and are held out.
    in_full_set: usize,
}

impl Parts {
    fn split(
        agent: &str,
        choices: AgentChoices<'_>,
        params: &AnalysisParams,
    ) -> Result<Self, WorkflowError> {
        let full_items = choices.full_set.map(judged).unwrap_or_default();
        let ids: Vec<StimulusId> = full_items.iter().map(|&i| StimulusId(i as u32)).collect();
        let rows = split(choices.main, params.shares, &ids, params.seed)?;
        let in_full_set = rows.full_set.len();
        let [train, validation, test] =
            [rows.train, rows.validation, rows.test].map(|rows| choices.main.select(rows));
        for (split, part) in [
            ("training", &train),
            ("validation", &validation),
            ("test", &test),
        ] {
            if part.is_empty() {
                return Err(AnalysisError::EmptySplit {
                    agent: agent.into(),
                    split,
                    total: choices.main.len(),
                    full_set: in_full_set,
                }
                .into());
            }
        }
        Ok(Self {
            train,
            validation,
            test,
            full_items,
            in_full_set,
        })
    }

    fn scored(
        &self,
        embedding: &Embedding,
        scoring: &Scoring,
        name: String,
    ) -> Result<Scored, WorkflowError> {
        Ok(Scored {
            name,
            dims: embedding.n_dims(),
            test: accuracy::held_out(embedding, &self.test, scoring, Resampling::default())?,
        })
    }

    fn summarised(&self, name: &str, scores: &TrialScores) -> Result<Scored, WorkflowError> {
        Ok(Scored {
            name: name.into(),
            dims: 0,
            test: accuracy::summarise(&self.test, scores, Resampling::default())?,
        })
    }
}

/// Fits models to the same choices, each under a checkpoint of its own.
struct Fitter<'a> {
    data: TrainingData<'a>,
    params: &'a AnalysisParams,
    checkpoint: Option<&'a CheckpointPolicy>,
    run: Run<'a>,
}

impl Fitter<'_> {
    fn stage(&self, name: &str) -> Option<CheckpointPolicy> {
        self.checkpoint.map(|policy| policy.stage(name))
    }

    fn options<'b>(&'b self, checkpoint: Option<&'b CheckpointPolicy>) -> FitOptions<'b> {
        FitOptions {
            instructions: InstructionSet::detect(),
            checkpoint,
            run: self.run,
        }
    }

    /// A single fit of any model.
    fn one(&self, stage: &str, method: &Method) -> Result<Fit, WorkflowError> {
        let stage = self.stage(stage);
        let fitted = fit_choices(
            self.data,
            method,
            1,
            self.params.seed,
            stage.as_ref(),
            self.run,
        )?;
        Ok(fitted.fit)
    }

    /// A single fit of SPoSE.
    fn spose(&self, stage: &str, params: SposeParams) -> Result<Fit, WorkflowError> {
        let lambdas = vec![params.lambda];
        self.one(stage, &Method::Spose { params, lambdas })
    }

    /// As many fits of SPoSE as there are seeds.
    fn seeds(&self, stage: &str, params: SposeParams) -> Result<Vec<Fit>, WorkflowError> {
        let stage = self.stage(stage);
        Ok(fit_seeds(
            self.data,
            &params.check()?,
            self.params.seed,
            self.params.seeds,
            self.options(stage.as_ref()),
        )?)
    }
}

/// The fit that stands for all seeds.
struct Agreed {
    fit: Fit,
    seeds: Vec<Embedding>,
    /// Fits that it is the consensus of; 1 if it is one of them.
    of: usize,
    /// Fits of which a consensus was sought, the first ones.
    sought: usize,
}

/// Fits every seed and seeks a consensus of the first half; where there is none, the fit with the lowest
/// validation loss in that half stands for it.
fn agree(fitter: &Fitter<'_>, spose: &SposeParams) -> Result<Agreed, WorkflowError> {
    let fits = fitter.seeds("seeds", spose.clone())?;
    let sought = fitter.params.seeds.div_ceil(2);
    let agreed = if sought > 1 {
        match consensus(
            fitter.data,
            &fits[..sought],
            &spose.clone().check()?,
            ConsensusParams::default(),
            fitter.params.seed,
            fitter.options(fitter.checkpoint),
        ) {
            Ok(found) => Some(found.fit).filter(|fit| fit.embedding.n_dims() > 0),
            Err(FitError::NoAgreement { .. }) => None,
            Err(error) => return Err(error.into()),
        }
    } else {
        None
    };
    let (fit, of) = match agreed {
        Some(fit) => (fit, sought),
        None => (fits[lowest_loss(&fits[..sought])?].clone(), 1),
    };
    Ok(Agreed {
        fit,
        seeds: fits.into_iter().map(|fit| fit.embedding).collect(),
        of,
        sought,
    })
}

/// Other models of the same choices, on the test choices.
fn others(
    fitter: &Fitter<'_>,
    parts: &Parts,
    spose: &SposeParams,
) -> Result<Vec<Scored>, WorkflowError> {
    let scoring = Scoring::default();
    let mut scores = Vec::new();
    if fitter.params.vice {
        let params = ViceParams {
            dims: fitter.params.dims,
            ..ViceParams::default()
        };
        let priors = Vec::new();
        let fit = fitter.one("vice", &Method::Vice { params, priors })?;
        let name = if Pruning::of(&fit).unpruned {
            "VICE, unpruned since no dimension is significant"
        } else {
            "VICE"
        };
        scores.push(parts.scored(&fit.embedding, &scoring, name.into())?);
    }
    if fitter.params.baselines {
        let signed = SposeParams {
            constraint: Constraint::Unconstrained,
            ..spose.clone()
        };
        let fit = fitter.spose("signed", signed)?;
        scores.push(parts.scored(&fit.embedding, &scoring, "weights of any sign".into())?);
        let similarity = Similarity::NegativeEuclidean;
        let distance = SposeParams {
            similarity,
            ..spose.clone()
        };
        let scoring = Scoring {
            similarity,
            ..scoring
        };
        let fit = fitter.spose("euclidean", distance)?;
        scores.push(parts.scored(&fit.embedding, &scoring, "Euclidean distance".into())?);
    }
    Ok(scores)
}

fn positions(choices: &ChoiceSet) -> [PositionShare; 3] {
    let mut counts = [0.0; 3];
    for choice in choices.choices() {
        counts[choice.odd.index()] += 1.0;
    }
    let n = choices.len() as f64;
    counts.map(|k| PositionShare {
        share: k / n,
        ci95: wilson(k, n, 0.95),
    })
}
