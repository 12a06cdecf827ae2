//! Scores of clusters on stimuli, and their correlations between agents.

use super::super::GraphError;
use super::{Agent, pairs_of};
use emotome_stats::correlation::standardised;
use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Array1, Array2, ArrayView1, Axis, Zip};
use serde::Serialize;

/// Fewest stimuli on which clusters are compared.
const FEWEST_ITEMS: usize = 10;
/// Most agents: sets of them are counted.
const MOST_AGENTS: usize = 16;

/// What was found in an agent before it was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentReport {
    /// Its name.
    pub name: String,
    /// The names of its clusters.
    pub clusters: Vec<String>,
    /// Components with one value for all stimuli, without part in any score.
    pub constant: Vec<usize>,
    /// Clusters without a score, from 0: their components are constant, or cancel. They are compared with none.
    pub unscored: Vec<usize>,
}

/// Standardised scores of each agent, n × clusters; 0 for clusters without one.
pub(super) struct Scores {
    agents: Vec<Array2<f64>>,
    reports: Vec<AgentReport>,
}

impl Scores {
    pub(super) fn new(agents: &[Agent<'_>]) -> Result<Self, GraphError> {
        if !(2..=MOST_AGENTS).contains(&agents.len()) {
            return Err(GraphError::Size {
                what: "agents",
                found: agents.len(),
                expected: "from 2 to 16",
            });
        }
        let n = agents[0].components.nrows();
        if n < FEWEST_ITEMS {
            return Err(GraphError::Size {
                what: "stimuli",
                found: n,
                expected: "at least 10",
            });
        }
        let mut found = Self {
            agents: Vec::new(),
            reports: Vec::new(),
        };
        for agent in agents {
            if agent.components.nrows() != n {
                return Err(GraphError::Mismatch {
                    what: "stimuli of two agents",
                    left: n,
                    right: agent.components.nrows(),
                });
            }
            GraphError::finite(&format!("components of {}", agent.name), agent.components)?;
            let (scores, report) = scored(agent)?;
            found.agents.push(scores);
            found.reports.push(report);
        }
        Ok(found)
    }

    pub(super) fn items(&self) -> usize {
        self.agents[0].nrows()
    }

    pub(super) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// The clusters of an agent that have a score.
    pub(super) fn clusters(&self, agent: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.agents[agent].ncols()).filter(move |&c| self.scored(agent, c))
    }

    pub(super) fn scored(&self, agent: usize, cluster: usize) -> bool {
        !self.reports[agent].unscored.contains(&cluster)
    }

    pub(super) fn into_reports(self) -> Vec<AgentReport> {
        self.reports
    }

    /// Correlations of every two agents, of stimuli that count as often as their weight says.
    pub(super) fn correlations(&self, weights: Option<&[f64]>) -> Vec<Array2<f64>> {
        let unit: Vec<Array2<f64>> = match weights {
            None => self.agents.clone(),
            Some(weights) => {
                let drawn: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
                let weights: Array1<f64> = drawn.iter().map(|&i| weights[i]).collect();
                let weighted =
                    |scores: &Array2<f64>| weighted(scores.select(Axis(0), &drawn), weights.view());
                self.agents.iter().map(weighted).collect()
            }
        };
        self.products(|a, b| unit[a].t().dot(&unit[b]))
    }

    /// Correlations of every two agents, the stimuli of each permuted on their own.
    pub(super) fn permuted(&self, seed: Seed) -> Vec<Array2<f64>> {
        let shuffled: Vec<Array2<f64>> = self
            .agents
            .iter()
            .enumerate()
            .map(|(agent, scores)| {
                let mut order: Vec<usize> = (0..self.items()).collect();
                CounterRng::new(seed, agent as u64).shuffle(&mut order);
                scores.select(Axis(0), &order)
            })
            .collect();
        self.products(|a, b| shuffled[a].t().dot(&shuffled[b]))
    }

    fn products(&self, product: impl Fn(usize, usize) -> Array2<f64>) -> Vec<Array2<f64>> {
        pairs_of(self.agents.len())
            .into_iter()
            .map(|[a, b]| {
                let mut r = product(a, b);
                for ((i, j), r) in r.indexed_iter_mut() {
                    *r = if self.scored(a, i) && self.scored(b, j) {
                        r.clamp(-1.0, 1.0)
                    } else {
                        f64::NAN
                    };
                }
                r
            })
            .collect()
    }
}

fn scored(agent: &Agent<'_>) -> Result<(Array2<f64>, AgentReport), GraphError> {
    let (n, columns) = agent.components.dim();
    if agent.clusters.is_empty() {
        return Err(GraphError::Size {
            what: "clusters of an agent",
            found: 0,
            expected: "at least 1",
        });
    }
    let z = standardised(agent.components);
    let constant: Vec<usize> = (0..columns).filter(|&c| z[[0, c]].is_nan()).collect();
    let mut scores = Array2::zeros((n, agent.clusters.len()));
    for (cluster, mut score) in agent.clusters.iter().zip(scores.columns_mut()) {
        let mut seen = cluster.members.clone();
        seen.sort_unstable();
        let fault = match seen.last() {
            None => Some("has no members".to_owned()),
            Some(&last) if last >= columns => {
                Some(format!("has component {last}, of {columns} components"))
            }
            Some(_) => seen
                .windows(2)
                .find(|pair| pair[0] == pair[1])
                .map(|twice| format!("has component {} twice", twice[0])),
        };
        if let Some(fault) = fault {
            return Err(GraphError::Cluster {
                agent: agent.name.clone(),
                cluster: cluster.name.clone(),
                fault,
            });
        }
        for &member in cluster.members.iter().filter(|m| !constant.contains(m)) {
            score += &z.column(member);
        }
    }
    // What is left of components that cancel is rounding.
    scores.mapv_inplace(|x| if x.abs() < 1e-12 { 0.0 } else { x });
    let mut scores = standardised(scores.view());
    let unscored = (0..scores.ncols())
        .filter(|&c| scores[[0, c]].is_nan())
        .collect();
    scores.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
    let report = AgentReport {
        name: agent.name.clone(),
        clusters: agent.clusters.iter().map(|c| c.name.clone()).collect(),
        constant,
        unscored,
    };
    Ok((scores, report))
}

/// √w (x − x̄_w) / √(Σ w (x − x̄_w)²) of each column.
fn weighted(mut x: Array2<f64>, weights: ArrayView1<'_, f64>) -> Array2<f64> {
    let mean = weights.dot(&x) / weights.sum();
    let root = weights.mapv(f64::sqrt);
    let mut square = Array1::<f64>::zeros(x.ncols());
    for (mut row, &root) in x.rows_mut().into_iter().zip(&root) {
        Zip::from(&mut row)
            .and(&mean)
            .and(&mut square)
            .for_each(|x, mean, square| {
                *x = root * (*x - mean);
                *square += *x * *x;
            });
    }
    square.mapv_inplace(f64::sqrt);
    x.rows_mut().into_iter().for_each(|mut row| row /= &square);
    x
}
