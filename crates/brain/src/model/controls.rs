//! Models that should not win: what a good model must beat.

use super::{Geometry, Model};
use crate::rdm::{Rdm, RdmError};
use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Array2, Axis};

impl Model {
    /// Only how typical each stimulus is: d(i, j) = m_i + m_j, m the mean dissimilarity to all others.
    ///
    /// A model and a brain that agree on which stimuli are odd agree without sharing any structure
    /// among the rest. Missing pairs do not enter means. O(n²).
    ///
    /// # Errors
    /// As [`Rdm::from_geometry`].
    pub fn typicality(&self) -> Result<Self, RdmError> {
        let rdm = Rdm::from_geometry(&self.geometry)?;
        let n = rdm.n();
        let (mut sum, mut count) = (vec![0.0; n], vec![0.0; n]);
        for (i, row) in rdm.rows() {
            for (j, &d) in (i + 1..).zip(row).filter(|(_, d)| !d.is_nan()) {
                sum[i] += d;
                sum[j] += d;
                count[i] += 1.0;
                count[j] += 1.0;
            }
        }
        let mean = |i: usize| sum[i] / count[i];
        let values = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let values = values.map(|(i, j)| mean(i) + mean(j)).collect();
        Ok(self.named("typicality", Geometry::Dissimilarities { n, values }))
    }

    /// The same geometry with its stimuli shuffled.
    ///
    /// # Errors
    /// Dissimilarities that are none ([`Rdm::new`]).
    pub fn shuffled(&self, seed: Seed) -> Result<Self, RdmError> {
        let mut order: Vec<usize> = (0..self.geometry.n()).collect();
        CounterRng::new(seed.derive("shuffled model"), 0).shuffle(&mut order);
        let geometry = match &self.geometry {
            Geometry::Features { rows, metric } => Geometry::Features {
                rows: rows.select(Axis(0), &order),
                metric: *metric,
            },
            Geometry::Dissimilarities { n, values } => Geometry::Dissimilarities {
                n: *n,
                values: Rdm::new(*n, values.clone())?
                    .select(&order)?
                    .values()
                    .to_vec(),
            },
        };
        Ok(self.named("shuffled", geometry))
    }

    /// Features through random weights: X W with W of `columns` columns, entries N(0, 1/k) for k features.
    ///
    /// What an untrained readout of the same features reaches. None for dissimilarities, which have
    /// no features. O(n k columns).
    #[must_use]
    pub fn random_weights(&self, columns: usize, seed: Seed) -> Option<Self> {
        let Geometry::Features { rows, metric } = &self.geometry else {
            return None;
        };
        let k = rows.ncols();
        let seed = seed.derive("random weights");
        let mut weights = Array2::zeros((k, columns));
        for (feature, mut row) in weights.outer_iter_mut().enumerate() {
            let mut rng = CounterRng::new(seed, feature as u64);
            row.mapv_inplace(|_: f64| rng.normal() / (k as f64).sqrt());
        }
        let rows = rows.dot(&weights);
        Some(self.named(
            "random weights",
            Geometry::Features {
                rows,
                metric: *metric,
            },
        ))
    }

    fn named(&self, how: &str, geometry: Geometry) -> Self {
        Self {
            name: format!("{} ({how})", self.name),
            geometry,
        }
    }
}
