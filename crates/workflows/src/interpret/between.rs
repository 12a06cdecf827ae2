//! How agents compare: what they find similar, whether one space is the other turned, which dimensions they share.

use super::InterpretParams;
use super::agent::AgentMeaning;
use super::halves::Reliability;
use super::material::{AgentEmbedding, Material};
use crate::WorkflowError;
use emotome_interpret::align::AlignError;
use emotome_interpret::align::cka::{Cka, cka};
use emotome_interpret::align::procrustes::{Procrustes, ProcrustesParams, procrustes};
use emotome_interpret::align::rsm::{
    self, Kernel, Measured, Rsm, RsmComparison, RsmParams, compare,
};
use emotome_interpret::align::transport::{Matching, TransportParams, align, matching};
use emotome_interpret::correlate::Coefficient;
use emotome_interpret::explained::Folds;
use emotome_interpret::graph::overlap::{Agent, Overlap, OverlapParams, overlap};
use emotome_interpret::rating::RatingKind;
use emotome_interpret::resampling::Resampling;
use emotome_interpret::structure::StructureError;
use emotome_interpret::structure::cross::{Control, Cross, CrossParams, cross, equal_reliability};
use emotome_interpret::structure::labels::{LabelParams, Labels};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::Serialize;

/// How agents compare. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Between {
    /// Every two agents.
    pub pairs: Vec<PairComparison>,
    /// Which dimensions correspond.
    pub dimensions: Overlap,
    /// Which communities of dimensions correspond; `null` where an agent has none.
    pub communities: Option<Overlap>,
}

/// Two agents compared. A part that these agents do not allow is `null`, with the reason in `untested`.
#[derive(Debug, Clone, Serialize)]
pub struct PairComparison {
    /// The two, by place among the agents.
    pub agents: [usize; 2],
    /// Their similarity matrices, dot products of weights, by Pearson.
    pub rsm: Option<RsmComparison>,
    /// The same by Spearman.
    pub rsm_spearman: Option<RsmComparison>,
    /// Alignment of the two spaces.
    pub cka: Option<Cka>,
    /// The second turned onto the first, and the first onto the second.
    pub procrustes: [Option<Procrustes>; 2],
    /// What each space explains of the other.
    pub cross: Option<Cross>,
    /// The same through as many principal components of both, those of the smaller space.
    pub cross_equal: Option<Cross>,
    /// The same with noise added where dimensions repeat better than those of the other agent; `null` unless
    /// halves of both are given.
    pub cross_equally_reliable: Option<EquallyReliable>,
    /// Alignment of categories without knowing which is which; `null` without enough categories.
    pub unsupervised: Option<Unsupervised>,
    /// What was not tested, and why.
    pub untested: Vec<String>,
    /// How often stimuli were permuted for each p.
    pub permutations: Permutations,
}

/// What each space explains of the other when both repeat equally well.
#[derive(Debug, Clone, Serialize)]
pub struct EquallyReliable {
    /// The reliability that dimensions above it are brought down to: the smaller of the two medians.
    pub reliability: f64,
    /// Mean R² of dimensions each way, over draws of the noise.
    #[serde(flatten)]
    pub control: Control,
}

impl EquallyReliable {
    fn find(
        [(x, first), (y, second)]: [(ArrayView2<'_, f64>, &Reliability); 2],
        folds: &Folds,
        seed: u64,
        run: Run<'_>,
    ) -> Result<Self, StructureError> {
        let reliability = first.median.min(second.median);
        let how = CrossParams {
            resampling: Resampling {
                seed,
                ..Resampling::default()
            },
            ..CrossParams::default()
        };
        let spaces = (
            (x, first.dimensions.as_slice()),
            (y, second.dimensions.as_slice()),
        );
        let control = equal_reliability(spaces.0, spaces.1, reliability, folds, &how, NOISES, run)?;
        Ok(Self {
            reliability,
            control,
        })
    }
}

/// How often stimuli were permuted: as often as was asked for, where that takes long no more than stated.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Permutations {
    /// For similarities, alignment, corresponding dimensions and matched categories.
    pub most: usize,
    /// For Spearman's ρ of similarities, which ranks all pairs of stimuli anew: at most 200.
    pub ranked: usize,
    /// For rotations and predictions, which repeat all fits: at most 200.
    pub fitted: usize,
}

/// Alignment of two structures by distances alone, of the mean places of categories.
#[derive(Debug, Clone, Serialize)]
pub struct Unsupervised {
    /// The categories, by place among the ratings.
    pub categories: Vec<usize>,
    /// The Gromov–Wasserstein distance found.
    pub distance: f64,
    /// p of that distance against shuffled structures; `null` without permutations.
    pub p: Option<f64>,
    /// The number of shuffled structures, at most 19: each is sought as the data are.
    pub shuffles: usize,
    /// How often a category is sent to itself.
    pub matching: Matching,
}

/// Fewest categories with a mean place, and fewest stimuli that a mean rests on.
const FEWEST_CATEGORIES: usize = 5;
const FEWEST_STIMULI: usize = 5;

/// Resamples and permutations of ranked similarities, at most: each ranks all pairs anew.
const RANKED: usize = 200;
/// Permutations of rotations and predictions, at most: each repeats all fits.
const FITTED: usize = 200;
/// Draws of the noise that makes two spaces equally reliable.
const NOISES: usize = 100;

impl Between {
    /// Compares every two agents; nothing with one agent alone.
    pub(super) fn find(
        material: &Material,
        meanings: &[AgentMeaning],
        params: &InterpretParams,
        run: Run<'_>,
    ) -> Result<Option<Self>, WorkflowError> {
        let agents = &material.agents;
        if agents.len() < 2 {
            return Ok(None);
        }
        let seed = Seed(params.seed).derive("between").0;
        let mut pairs = Vec::new();
        for a in 0..agents.len() {
            for b in a + 1..agents.len() {
                let both = ([a, b], [&meanings[a], &meanings[b]]);
                pairs.push(PairComparison::find(material, both, (params, seed), run)?);
            }
        }
        let how = OverlapParams {
            bootstraps: params.bootstraps,
            permutations: params.permutations,
            seed,
            ..OverlapParams::default()
        };
        let dimensions: Vec<Agent<'_>> = agents
            .iter()
            .map(|agent| Agent::dimensions(&agent.name, agent.values.view()))
            .collect();
        let communities: Option<Vec<Agent<'_>>> = agents
            .iter()
            .zip(meanings)
            .map(|(agent, meaning)| {
                let graph = meaning.graph.as_ref()?;
                let members: Vec<Vec<usize>> = graph
                    .communities
                    .iter()
                    .map(|c| c.members.clone())
                    .collect();
                let mut agent = Agent::clusters(&agent.name, agent.values.view(), &members);
                for (cluster, community) in agent.clusters.iter_mut().zip(&graph.communities) {
                    cluster.name.clone_from(&community.name);
                }
                (!members.is_empty()).then_some(agent)
            })
            .collect();
        Ok(Some(Self {
            pairs,
            dimensions: overlap(&dimensions, &how, run)?,
            communities: match communities {
                Some(agents) => Some(overlap(&agents, &how, run)?),
                None => None,
            },
        }))
    }
}

impl PairComparison {
    fn find(
        material: &Material,
        ([a, b], meanings): ([usize; 2], [&AgentMeaning; 2]),
        (params, seed): (&InterpretParams, u64),
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let agents = [a, b].map(|agent| &material.agents[agent]);
        let [x, y] = agents.map(|agent| agent.values.view());
        let names = [a, b].map(|agent| material.agents[agent].name.as_str());
        let mut untested = Untested::default();
        let permutations = Permutations {
            most: params.permutations,
            ranked: params.permutations.min(RANKED),
            fitted: params.permutations.min(FITTED),
        };
        let rsm = |coefficient| {
            let (bootstraps, permutations) = match coefficient {
                Coefficient::Pearson => (params.bootstraps, permutations.most),
                Coefficient::Spearman => (params.bootstraps.min(RANKED), permutations.ranked),
            };
            let [first, second] = agents.map(|agent| measured(agent, coefficient));
            let how = RsmParams {
                coefficient,
                bootstraps,
                permutations,
                seed,
                ..RsmParams::default()
            };
            compare(&first, &second, &how, run)
        };
        let turned = |x, y| {
            let how = ProcrustesParams {
                folds: params.folds,
                bootstraps: params.bootstraps,
                permutations: permutations.fitted,
                seed,
                ..ProcrustesParams::default()
            };
            procrustes(x, y, &how, run)
        };
        let folds = Folds::random(x.nrows(), params.folds, Seed(seed))?;
        let crossed = |components| {
            let how = CrossParams {
                components,
                resampling: Resampling {
                    bootstraps: params.bootstraps,
                    permutations: permutations.fitted,
                    seed,
                    ..Resampling::default()
                },
                ..CrossParams::default()
            };
            cross(x, y, &folds, &how, run)
        };
        let how = Resampling {
            bootstraps: params.bootstraps,
            permutations: params.permutations,
            seed,
            ..Resampling::default()
        };
        let turned_names = [names[1], names[0]];
        let equal = x.ncols().min(y.ncols());
        let what = "what each space explains of the other";
        let cross = untested.allow(what, names, crossed(None))?;
        let cross_equal = untested.allow(what, names, crossed(Some(equal)))?;
        let reliable = meanings.map(|meaning| meaning.reliability.as_ref());
        let cross_equally_reliable = match reliable {
            [Some(first), Some(second)] => {
                let spaces = [(x, first), (y, second)];
                let found = EquallyReliable::find(spaces, &folds, seed, run);
                untested.allow("equally reliable spaces", names, found)?
            }
            _ => None,
        };
        Ok(Self {
            agents: [a, b],
            rsm: untested.allow("similarities", names, rsm(Coefficient::Pearson))?,
            rsm_spearman: untested.allow(
                "ranks of similarities",
                names,
                rsm(Coefficient::Spearman),
            )?,
            cka: untested.allow("alignment of the spaces", names, cka(x, y, &how, run))?,
            procrustes: [
                untested.allow("rotation of the second onto the first", names, turned(x, y))?,
                untested.allow(
                    "rotation of the second onto the first",
                    turned_names,
                    turned(y, x),
                )?,
            ],
            cross,
            cross_equal,
            cross_equally_reliable,
            unsupervised: untested
                .allow(
                    "alignment of categories",
                    names,
                    unsupervised(material, [x, y], (params, seed), run),
                )?
                .flatten(),
            untested: untested.0,
            permutations,
        })
    }
}

/// The similarities of an agent, dot products of weights; and those of its halves, where they are known.
fn measured(agent: &AgentEmbedding, coefficient: Coefficient) -> Measured<'_> {
    fn similarities(values: &Array2<f64>) -> Rsm<'_> {
        Rsm::Features {
            values: values.view(),
            kernel: Kernel::Dot,
        }
    }
    let halves = match coefficient {
        Coefficient::Pearson => agent.halves.as_ref(),
        // Ranks of two more matrices in each resample would take as long again.
        Coefficient::Spearman => None,
    };
    Measured {
        whole: similarities(&agent.values),
        reliability: halves
            .map(|halves| rsm::Reliability::Halves(halves.values.each_ref().map(similarities))),
    }
}

/// Reasons why parts of a comparison do not exist.
#[derive(Default)]
struct Untested(Vec<String>);

impl Untested {
    /// None, and the reason kept, where it is these two agents that do not allow a part; other errors go on.
    fn allow<T>(
        &mut self,
        what: &str,
        [first, second]: [&str; 2],
        found: Result<T, impl Into<WorkflowError>>,
    ) -> Result<Option<T>, WorkflowError> {
        let error = match found {
            Ok(found) => return Ok(Some(found)),
            Err(error) => error.into(),
        };
        let unfit = matches!(
            error,
            WorkflowError::Align(
                AlignError::Constant { .. }
                    | AlignError::Decomposition
                    | AlignError::NoDirection { .. }
                    | AlignError::Size { .. }
            ) | WorkflowError::Structure(
                StructureError::TooFew { .. }
                    | StructureError::Decomposition { .. }
                    | StructureError::Unreliable { .. }
            )
        );
        if !unfit {
            return Err(error);
        }
        self.0.push(format!(
            "{what}: {error} (the first agent is {first}, the second {second})"
        ));
        Ok(None)
    }
}

/// Aligns the mean places of categories by distances alone.
fn unsupervised(
    material: &Material,
    [x, y]: [ArrayView2<'_, f64>; 2],
    (params, seed): (&InterpretParams, u64),
    run: Run<'_>,
) -> Result<Option<Unsupervised>, WorkflowError> {
    let Some((labels, categories)) = labelled(material)? else {
        return Ok(None);
    };
    let means = |values: ArrayView2<'_, f64>| {
        let mut means = Array2::zeros((categories.len(), values.ncols()));
        for (class, mut mean) in means.rows_mut().into_iter().enumerate() {
            let rows = (0..values.nrows()).filter(|&i| labels.of[i] == Some(class));
            rows.for_each(|i| mean += &values.row(i));
            mean /= labels.classes[class].items as f64;
        }
        distances(means.view())
    };
    let usual = TransportParams::default();
    let how = TransportParams {
        seed,
        shuffles: usual.shuffles.min(params.permutations),
        ..usual
    };
    let found = align(means(x).view(), means(y).view(), &how, run)?;
    Ok(Some(Unsupervised {
        matching: matching(
            found.plan.plan.view(),
            None,
            &[1, 3, 5],
            params.permutations,
            seed,
        )?,
        distance: found.plan.distance,
        p: found.p,
        shuffles: how.shuffles,
        categories,
    }))
}

/// The categories of stimuli with all ratings, and the ratings that they are; none where they are too few.
fn labelled(material: &Material) -> Result<Option<(Labels, Vec<usize>)>, WorkflowError> {
    let kinds = material.ratings.iter().enumerate();
    let columns: Vec<usize> = kinds
        .filter(|(_, rating)| rating.kind == RatingKind::Category)
        .map(|(k, _)| k)
        .collect();
    let mut ratings = material.values.select(Axis(1), &columns);
    // Without all ratings a stimulus has no highest one: none is above 0.
    for mut row in ratings.rows_mut() {
        if row.iter().any(|x| x.is_nan()) {
            row.fill(0.0);
        }
    }
    let how = LabelParams {
        least_items: FEWEST_STIMULI,
        ..LabelParams::default()
    };
    let labels = match Labels::highest(ratings.view(), &how) {
        Ok(labels) => labels,
        Err(StructureError::TooFew { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let categories: Vec<usize> = labels.classes.iter().map(|c| columns[c.category]).collect();
    Ok((categories.len() >= FEWEST_CATEGORIES).then_some((labels, categories)))
}

/// Euclidean distances of rows.
fn distances(rows: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = rows.nrows();
    Array2::from_shape_fn((n, n), |(i, j)| {
        let difference: Array1<f64> = &rows.row(i) - &rows.row(j);
        difference.dot(&difference).sqrt()
    })
}
