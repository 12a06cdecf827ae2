//! What the space of an agent is like.

use super::Scene;
use crate::interpret::page;
use emotome_figures::communities::{Communities, GraphEdge, GraphNode};
use emotome_figures::scale::Unit;
use emotome_figures::scores::{Score, ScoreGroup, Scores};
use emotome_interpret::structure::Measure;
use emotome_interpret::structure::classify::Classifier;

impl Scene<'_> {
    /// Bars of accuracies: labels from all raters, hollow where circular, then from half of them.
    pub(super) fn classification(&self) -> Option<Scores> {
        let mut groups = Vec::new();
        for agent in &self.found.agents {
            let Some(structure) = &agent.structure else {
                continue;
            };
            let circular = structure.circularity.as_ref().filter(|c| c.circular);
            let circular = circular.map(|c| page::source(c.source).to_owned());
            let bar = |label: String, test: &Measure, n: usize, circular: Option<String>| Score {
                label,
                value: test.estimate.value,
                ci95: Some(test.estimate.interval),
                chance: Some(test.chance.interval),
                ceiling: None,
                n: n as u64,
                circular,
            };
            let mut bars = Vec::new();
            for found in &structure.classified {
                let name = classifier(found.classifier);
                for (top, test) in [
                    ("top-1", &found.top1),
                    ("top-3", &found.top3),
                    ("balanced", &found.balanced),
                ] {
                    bars.push(bar(
                        format!("{name}, {top}"),
                        test,
                        found.items,
                        circular.clone(),
                    ));
                }
            }
            if let Some(split) = &structure.split {
                let items = split.space.items;
                for (top, test, other) in [
                    ("top-1", &split.space.top1, &split.other_half.top1),
                    ("top-3", &split.space.top3, &split.other_half.top3),
                ] {
                    bars.push(Score {
                        ceiling: Some(other.estimate.interval),
                        ..bar(format!("half raters, {top}"), test, items, circular.clone())
                    });
                }
            }
            groups.push(ScoreGroup {
                label: agent.agent.clone(),
                bars,
            });
        }
        (!groups.is_empty()).then(|| Scores {
            title: "How well the space tells the category of a stimulus".into(),
            quantity: "stimuli whose highest category is told".into(),
            unit: Unit::Percent,
            chance_note: "95 % of permuted labels".into(),
            reference_note: "the other half’s ratings".into(),
            groups,
        })
    }

    pub(super) fn communities(&self, a: usize) -> Option<Communities> {
        let agent = self.agent(a);
        let graph = agent.graph.as_ref()?;
        let network = &graph.network;
        let node = |d: usize| network.nodes.iter().position(|&node| node == d);
        let of = |d: usize| {
            let mut communities = graph.communities.iter();
            communities.position(|community| community.members.contains(&d))
        };
        let alone = network.isolated.iter().chain(&network.constant).copied();
        let mut shown: Vec<usize> = network.nodes.clone();
        shown.extend(alone);
        Some(Communities {
            title: self.title("Dimensions that go together", a),
            quantity: "Pearson’s r over stimuli".into(),
            nodes: shown
                .iter()
                .map(|&d| GraphNode {
                    label: agent.short_name(d),
                    community: of(d).unwrap_or(graph.communities.len()),
                    rank: node(d).map_or(0.0, |v| graph.ranks[v]),
                    kind: 0,
                })
                .collect(),
            edges: network
                .edges
                .iter()
                .filter_map(|edge| {
                    Some(GraphEdge {
                        between: (node(edge.a)?, node(edge.b)?),
                        r: edge.r,
                    })
                })
                .collect(),
            threshold: network.params.threshold,
            names: graph.communities.iter().map(|c| c.name.clone()).collect(),
            kinds: Vec::new(),
        })
    }
}

const fn classifier(classifier: Classifier) -> &'static str {
    match classifier {
        Classifier::Centroid => "centroid",
        Classifier::Discriminant { .. } => "discriminant",
        Classifier::Neighbours { .. } => "neighbours",
    }
}
