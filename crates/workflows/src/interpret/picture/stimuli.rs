//! Stimuli: maps, single ones, and those at the ends of dimensions.

use super::{MOST_DIMENSIONS, Scene};
use crate::interpret::Frames;
use crate::interpret::MapOf;
use emotome_figures::exemplars::{Exemplar, ExemplarRow, Exemplars};
use emotome_figures::map::{DimensionMaps, StimulusMap};
use emotome_figures::petals::{Petals, Rose};
use emotome_stats::random::{CounterRng, Seed};
use ndarray::Axis;

/// Stimuli at each end of a dimension.
const EXEMPLARS: usize = 4;
/// Roses side by side.
const ROSES: usize = 4;

impl Scene<'_> {
    pub(super) fn map(&self, a: usize, (method, map): (&str, &MapOf)) -> Option<StimulusMap> {
        let [(columns, _), _] = self.groups();
        if columns.is_empty() {
            return None;
        }
        let missing = |x: f64| if x.is_nan() { 0.0 } else { x.max(0.0) };
        Some(StimulusMap {
            title: self.title(&format!("Map of the stimuli by {method}"), a),
            method: format!(
                "{method}; trustworthiness {:.2} and continuity {:.2} of {} neighbours",
                map.quality.trustworthiness, map.quality.continuity, map.quality.k
            ),
            keys: self.keys(),
            places: places(map),
            categories: columns
                .iter()
                .map(|&k| self.found.ratings[k].name.clone())
                .collect(),
            ratings: self.material.values.select(Axis(1), &columns).mapv(missing),
            mixed: 3,
            labelled_from: 10,
        })
    }

    pub(super) fn dimension_maps(&self, a: usize) -> Option<DimensionMaps> {
        let (method, map) = self.agent(a).maps.as_ref()?.named()[0];
        let shown = self.dimensions(a, MOST_DIMENSIONS);
        Some(DimensionMaps {
            title: self.title("Where the dimensions lie in the map", a),
            method: method.into(),
            keys: self.keys(),
            places: places(map),
            dimensions: self.names(a, &shown),
            weights: self.weights(a).select(Axis(1), &shown),
            own_scales: true,
        })
    }

    /// Where no stimuli are named: that with the largest weight on each of the dimensions with most variance,
    /// no flagged one.
    pub(super) fn petals(&self, a: usize) -> Petals {
        let weights = self.weights(a);
        let mut shown = self.selection.stimuli.clone();
        if shown.is_empty() {
            for d in self.dimensions(a, ROSES) {
                shown.extend(self.ranked(a, d).into_iter().find(|i| !shown.contains(i)));
            }
            shown.truncate(ROSES);
        }
        // The figure numbers petals itself.
        let name = |d: usize| match self.agent(a).name_of(d).split_once(' ') {
            Some((_, name)) => name.to_owned(),
            None => String::new(),
        };
        Petals {
            title: self.title("Weights of single stimuli", a),
            dimensions: (0..self.agent(a).dims).map(name).collect(),
            roses: shown
                .into_iter()
                .map(|i| Rose {
                    label: self.described(i),
                    weights: weights.row(i).to_vec(),
                })
                .collect(),
            ..Petals::default()
        }
    }

    /// The caption of a stimulus that may be shown, else its key.
    pub(super) fn described(&self, i: usize) -> String {
        let key = self.material.stimuli.keys()[i].to_string();
        match &self.material.captions[i] {
            Some(caption) if !self.material.flagged[i] => caption.clone(),
            _ => key,
        }
    }

    /// Stimuli that may be shown, the largest weight on a dimension first.
    pub(super) fn ranked(&self, a: usize, d: usize) -> Vec<usize> {
        let mut ranked = self.all_ranked(a, d);
        ranked.retain(|&i| !self.material.flagged[i]);
        ranked
    }

    pub(super) fn all_ranked(&self, a: usize, d: usize) -> Vec<usize> {
        let column = self.weights(a).column(d);
        let mut ranked: Vec<usize> = (0..column.len()).collect();
        ranked.sort_by(|&i, &j| column[j].total_cmp(&column[i]).then(i.cmp(&j)));
        ranked
    }

    /// The stimuli with the largest and with the smallest weights on a dimension: flagged ones where these have a
    /// box or a mosaic to stand for them.
    pub(super) fn ends(&self, a: usize, d: usize) -> [Vec<usize>; 2] {
        let ranked = match self.material.frames {
            Frames::None => self.ranked(a, d),
            Frames::FlaggedHidden | Frames::FlaggedBlurred => self.all_ranked(a, d),
        };
        let highest = ranked.iter().take(EXEMPLARS).copied().collect();
        [highest, self.lowest(a, d, &ranked)]
    }

    /// Stimuli that weigh least on a dimension. In a sparse embedding most weigh nothing: then some of these are
    /// drawn, others for each dimension.
    pub(super) fn lowest(&self, a: usize, d: usize, ranked: &[usize]) -> Vec<usize> {
        let column = self.weights(a).column(d);
        let Some(&last) = ranked.last() else {
            return Vec::new();
        };
        let tied = ranked
            .iter()
            .rev()
            .take_while(|&&i| column[i] == column[last]);
        let mut tied: Vec<usize> = tied.copied().collect();
        if tied.len() <= EXEMPLARS {
            return ranked.iter().rev().take(EXEMPLARS).copied().collect();
        }
        let seed = Seed(self.found.params.seed).derive("stimuli without weight");
        CounterRng::new(seed, d as u64).shuffle(&mut tied);
        tied.truncate(EXEMPLARS);
        tied
    }

    pub(super) fn exemplars(&self, a: usize) -> Exemplars {
        let of = |i: usize, d: usize| {
            let flagged = self.material.flagged[i];
            let caption = self.material.captions[i].clone();
            Exemplar {
                key: self.material.stimuli.keys()[i].to_string(),
                caption: caption.filter(|_| !flagged).unwrap_or_default(),
                weight: self.weights(a)[[i, d]],
                thumbnail: self.material.thumbnails.of(i).map(<[u8]>::to_vec),
                flagged,
                blurred: self.material.frames == Frames::FlaggedBlurred,
            }
        };
        let shown = self.dimensions(a, MOST_DIMENSIONS);
        let row = |d: usize| {
            let [top, bottom] = self.ends(a, d).map(|end| end.into_iter().map(|i| of(i, d)));
            ExemplarRow {
                label: self.agent(a).name_of(d),
                top: top.collect(),
                bottom: bottom.collect(),
            }
        };
        Exemplars {
            title: self.title("Stimuli at both ends of each dimension", a),
            dimensions: shown.into_iter().map(row).collect(),
        }
    }
}

fn places(map: &MapOf) -> Vec<(f64, f64)> {
    map.places.iter().map(|&[x, y]| (x, y)).collect()
}
