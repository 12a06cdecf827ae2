//! Agents side by side.

use super::Scene;
use emotome_figures::estimates::{Estimate, Estimates};
use emotome_figures::scale::Unit;
use emotome_figures::upset::{Intersection, UpSet};
use emotome_interpret::graph::overlap::{Overlap, Status};

impl Scene<'_> {
    pub(super) fn upset(
        &self,
        overlap: &Overlap,
        (title, quantity): (&str, &str),
        name: impl Fn(usize, usize) -> String,
    ) -> UpSet {
        let members = |group: usize| {
            let group = &overlap.groups[group];
            let named = group.members.iter().enumerate();
            let named = named.filter_map(|(agent, cluster)| Some(name(agent, (*cluster)?)));
            let named = named.collect::<Vec<_>>().join(" ~ ");
            match group.status {
                Status::Undecided => format!("{named} (undecided)"),
                _ => named,
            }
        };
        UpSet {
            title: title.into(),
            quantity: quantity.into(),
            sets: overlap.agents.iter().map(|agent| agent.name.clone()).collect(),
            intersections: overlap
                .intersections
                .iter()
                .map(|intersection| Intersection {
                    sets: intersection.agents.clone(),
                    count: intersection.count as u64,
                    members: intersection.groups.iter().map(|&g| members(g)).collect(),
                })
                .collect(),
            note: "shared: correlated over the same stimuli with r above .2, beyond what the best of all pairs reaches by chance".into(),
        }
    }

    pub(super) fn shared_dimensions(&self) -> Option<UpSet> {
        let overlap = &self.found.between.as_ref()?.dimensions;
        let words = ("Dimensions that agents share", "dimensions");
        Some(self.upset(overlap, words, |agent, d| self.agent(agent).name_of(d)))
    }

    pub(super) fn shared_communities(&self) -> Option<UpSet> {
        let overlap = self.found.between.as_ref()?.communities.as_ref()?;
        let words = ("Communities of dimensions that agents share", "communities");
        Some(self.upset(overlap, words, |agent, cluster| {
            overlap.agents[agent].clusters[cluster].clone()
        }))
    }

    pub(super) fn agent_agreement(&self) -> Option<Estimates> {
        let between = self.found.between.as_ref()?;
        let rows = between.pairs.iter().filter_map(|pair| {
            let rsm = pair.rsm.as_ref()?;
            let [a, b] = pair.agents.map(|agent| &self.found.agents[agent].agent);
            let row = |without: &str, value, interval| Estimate {
                label: format!("{a} and {b}{without}"),
                value,
                ci95: Some(interval),
                expected: None,
                n: rsm.pairs as u64,
            };
            let corrected = rsm.corrected.as_ref().filter(|found| !found.r.is_nan());
            let corrected = corrected.map(|found| row(", without noise", found.r, found.interval));
            Some([Some(row("", rsm.r, rsm.interval)), corrected])
        });
        let rows = rows.flatten().flatten();
        let rows: Vec<Estimate> = rows.collect();
        (!rows.is_empty()).then(|| Estimates {
            title: "How alike agents find pairs of stimuli".into(),
            quantity: "Pearson’s r of similarities over pairs of stimuli".into(),
            reading: "Each point is the correlation of two agents’ similarities (dot products of weights) over all pairs of stimuli, with its 95 % confidence interval over stimuli; n counts pairs. Guessing gives 0. Without noise: divided by how far either agent’s halves agree (Spearman–Brown).".into(),
            unit: Unit::Plain,
            rows,
            reference: Some(("unrelated".into(), 0.0)),
        })
    }
}
