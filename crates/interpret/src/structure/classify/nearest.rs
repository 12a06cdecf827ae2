//! Votes of the nearest stimuli.

use ndarray::Array2;

use super::Outcome;
use crate::maps::Space;
use crate::maps::neighbours::Neighbours;
use crate::maps::space::Distances;
use crate::structure::StructureError;

pub(in crate::structure) struct Voters {
    neighbours: Neighbours,
    classes: usize,
}

impl Voters {
    pub(super) fn new(
        points: Array2<f64>,
        classes: usize,
        neighbours: usize,
    ) -> Result<Self, StructureError> {
        StructureError::unless(
            (1..points.nrows()).contains(&neighbours),
            "the number of neighbours",
            neighbours as f64,
            "at least 1 and below the number of labelled stimuli",
        )?;
        let distances = Distances::new(Space::euclidean(points.view()))?;
        Ok(Self {
            neighbours: Neighbours::exact(&distances, neighbours),
            classes,
        })
    }

    pub(super) fn outcomes(&self, classes: &[usize]) -> Vec<Outcome> {
        let mut votes = vec![0.0; self.classes];
        let outcome = |(i, &own): (usize, &usize)| {
            votes.fill(f64::NEG_INFINITY);
            for (place, &j) in self.neighbours.of(i).iter().enumerate() {
                let vote = &mut votes[classes[j as usize]];
                // The first vote of a class also says how near it is: less than a vote, but more the nearer.
                *vote = if vote.is_finite() {
                    *vote + 1.0
                } else {
                    1.0 - place as f64 / (2 * self.neighbours.k) as f64
                };
            }
            let mut outcome = Outcome::of(votes.iter().copied(), own);
            if !votes[own].is_finite() {
                outcome.before = self.classes.max(3);
            }
            outcome
        };
        classes.iter().enumerate().map(outcome).collect()
    }
}
