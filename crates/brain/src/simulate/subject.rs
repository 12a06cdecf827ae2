//! The responses of one simulated subject, run by run.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView1, Axis};
use rayon::prelude::*;

use super::design::Design;
use super::error::SimulateError;
use super::smooth::{Scratch, Smoother};
use super::{Study, plant};
use crate::import::Event;

/// Runs in memory at once, whatever the number of threads.
const TOGETHER: usize = 4;

/// One subject of a simulated study.
#[derive(Debug)]
pub struct Subject<'a> {
    pub(super) study: &'a Study,
    pub(super) name: String,
    pub(super) design: Design,
    seed: Seed,
    smoother: Smoother,
    /// For each plant: features × voxels of its region.
    weights: Vec<Array2<f32>>,
    /// For each plant: rows of its model as features × stimuli would be read, stimuli × features.
    rows: Vec<Array2<f32>>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(study: &'a Study, number: u32) -> Self {
        let seed = study.seed.child(u64::from(number));
        let design = study.presented.design(&study.stimuli, seed);
        let mut weights = Vec::new();
        let mut rows = Vec::new();
        for (at, planted) in study.planted.iter().enumerate() {
            // What is the same at every sample is no signal: it is the voxel's mean.
            let own = &study.models[planted.model].1;
            let shown = own.select(Axis(0), &design.shown);
            let mean = shown
                .mean_axis(Axis(0))
                .unwrap_or_else(|| own.row(0).to_owned());
            let centred = &shown - &mean;
            let seed = seed.derive("projections").child(at as u64);
            weights.push(plant::projection(seed, &centred, planted));
            rows.push(centred.mapv(|v| v as f32));
        }
        Self {
            name: format!("{:02}", number + 1),
            smoother: Smoother::new(&study.anatomy, study.noise.fwhm),
            study,
            design,
            seed,
            weights,
            rows,
        }
    }

    /// Its name, `01`, `02`, ….
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it sees, in order.
    pub fn events(&self) -> &[Event] {
        &self.design.events
    }

    /// Hands over the responses to each run, samples × voxels, in order.
    ///
    /// Time O(samples × voxels × (features + kernel width)); memory of four runs. The same bits at any
    /// number of threads.
    ///
    /// # Errors
    /// [`SimulateError::Interrupted`], and what `visit` returns.
    pub fn for_each_run(
        &self,
        run: Run<'_>,
        mut visit: impl FnMut(usize, Array2<f32>) -> Result<(), SimulateError>,
    ) -> Result<(), SimulateError> {
        let runs = self.design.runs.len();
        run.progress.begin(
            &format!("simulating subject {}", self.name),
            Some(self.design.events.len() as u64),
        );
        for first in (0..runs).step_by(TOGETHER) {
            if run.interrupt.requested() {
                run.progress.end();
                return Err(SimulateError::Interrupted);
            }
            let together: Vec<Array2<f32>> = (first..runs.min(first + TOGETHER))
                .into_par_iter()
                .map(|at| self.run(at))
                .collect();
            for (at, block) in together.into_iter().enumerate() {
                run.progress.advance(block.nrows() as u64);
                visit(first + at, block)?;
            }
        }
        run.progress.end();
        Ok(())
    }

    /// The responses to one run.
    pub(super) fn run(&self, run: usize) -> Array2<f32> {
        let samples = self.design.runs[run].clone();
        let (count, voxels) = (samples.len(), self.study.anatomy.voxels.len());
        let noise = self.study.noise;
        let mut scratch = Scratch::default();
        let mut block = Array2::<f32>::zeros((count, voxels));
        let rho = noise.autocorrelation as f32;
        let fresh = (1.0 - rho * rho).sqrt();
        let seed = self.seed.derive("noise");
        let mut field = vec![0.0_f32; voxels];
        let mut before = vec![0.0_f32; voxels];
        for (at, mut row) in block.outer_iter_mut().enumerate() {
            let rng = CounterRng::new(seed, (samples.start + at) as u64);
            self.smoother.field(rng, &mut field, &mut scratch);
            let (old, new) = if at == 0 { (0.0, 1.0) } else { (rho, fresh) };
            for ((to, e), &z) in row.iter_mut().zip(&mut before).zip(&field) {
                *e = old * *e + new * z;
                *to = *e;
            }
        }
        let cosine = |frequency: f64, at: usize| {
            let phase = std::f64::consts::PI * frequency * (at as f64 + 0.5) / count as f64;
            // Two cosines, each of variance ½ over the run, add up to `drift`².
            noise.drift * phase.cos()
        };
        let slow: [(&str, f64, &dyn Fn(usize) -> f64); 3] = [
            ("run means", noise.run_means, &|_| noise.run_means),
            ("drift 1", noise.drift, &|at| cosine(1.0, at)),
            ("drift 2", noise.drift, &|at| cosine(2.0, at)),
        ];
        for (name, deviation, course) in slow {
            if deviation == 0.0 {
                continue;
            }
            let rng = CounterRng::new(self.seed.derive(name), run as u64);
            self.smoother.field(rng, &mut field, &mut scratch);
            for (at, mut row) in block.outer_iter_mut().enumerate() {
                row.scaled_add(course(at) as f32, &ArrayView1::from(&field));
            }
        }
        for (planted, (weights, rows)) in self
            .study
            .planted
            .iter()
            .zip(self.weights.iter().zip(&self.rows))
        {
            let mut signal = vec![0.0_f32; planted.voxels.len()];
            for (at, mut row) in block.outer_iter_mut().enumerate() {
                signal.fill(0.0);
                for (&feature, weights) in rows
                    .row(samples.start + at)
                    .iter()
                    .zip(weights.outer_iter())
                {
                    for (s, &w) in signal.iter_mut().zip(weights) {
                        *s += feature * w;
                    }
                }
                for (&voxel, s) in planted.voxels.iter().zip(&signal) {
                    row[voxel] += s;
                }
            }
        }
        block
    }
}
