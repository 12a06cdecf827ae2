//! A whole study that was never measured: models planted in named regions, smooth and autocorrelated noise,
//! in the layouts of real data. Everything written says that it is synthetic.

mod anatomy;
mod design;
mod error;
mod plant;
mod smooth;
mod subject;
mod write;

use emotome_neurofiles::Millimetres;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use anatomy::Anatomy;
pub use design::Presented;
pub use error::SimulateError;
pub use plant::PlantedModel;
pub use subject::Subject;

use plant::Planted;

/// How strong a planted model is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Variance of the signal over that of the autocorrelated noise, on average over voxels.
    SignalToNoise(f64),
    /// The expected Pearson correlation of the region's correlation distances, from responses z-scored over
    /// all samples, with the model's dissimilarities, over all pairs of samples.
    Rsa(f64),
}

/// A model to be planted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plant {
    /// Where.
    pub region: String,
    /// Which model, by name.
    pub model: String,
    /// How strong.
    pub strength: Strength,
}

/// Noise of unit variance, autocorrelated within runs, and what comes on top of it.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `fwhm` | 6 mm | smoothness of every field of noise |
/// | `autocorrelation` | 0.3 | e_t = ρ e_{t−1} + √(1 − ρ²) z_t from sample to sample within a run |
/// | `drift` | 0.3 | standard deviation of a slow drift, the first two cosines over a run |
/// | `run_means` | 0.5 | standard deviation of the means of runs |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// Full width at half maximum.
    pub fwhm: Millimetres,
    /// From one sample to the next.
    pub autocorrelation: f64,
    /// Standard deviation of the drift.
    pub drift: f64,
    /// Standard deviation of run means.
    pub run_means: f64,
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            fwhm: Millimetres(6.0),
            autocorrelation: 0.3,
            drift: 0.3,
            run_means: 0.5,
        }
    }
}

impl Noise {
    fn check(&self) -> Result<(), SimulateError> {
        for (name, found, low, high, expected) in [
            ("fwhm, mm", self.fwhm.0, 0.0, 100.0, "0 to 100"),
            (
                "autocorrelation",
                self.autocorrelation,
                -0.99,
                0.99,
                "-0.99 to 0.99",
            ),
            ("drift", self.drift, 0.0, 1e3, "0 to 1000"),
            ("run_means", self.run_means, 0.0, 1e3, "0 to 1000"),
        ] {
            if !(low..=high).contains(&found) {
                return Err(SimulateError::Parameter {
                    name,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }

    fn variance(&self) -> f64 {
        1.0 + self.drift.powi(2) + self.run_means.powi(2)
    }

    /// Between samples so many places apart in one run; drift is slow enough to count as a mean over pairs, 0.
    fn covariance(&self, lag: u32) -> f64 {
        self.autocorrelation.powi(lag as i32) + self.run_means.powi(2)
    }
}

/// A simulated study, checked.
#[derive(Debug, Clone)]
pub struct Study {
    anatomy: Anatomy,
    presented: Presented,
    stimuli: StimulusSet,
    models: Vec<(PlantedModel, Array2<f64>)>,
    planted: Vec<Planted>,
    noise: Noise,
    seed: Seed,
}

impl Study {
    /// Checks a study and works out the strength of its signals.
    ///
    /// Every subject sees its own order and has its own projections of the models and its own noise, all
    /// drawn from the seed.
    ///
    /// # Errors
    /// [`SimulateError`] for unknown names, missing or bad rows, and correlations that cannot be reached.
    pub fn new(
        anatomy: Anatomy,
        presented: Presented,
        models: Vec<PlantedModel>,
        plants: &[Plant],
        noise: Noise,
        seed: Seed,
    ) -> Result<Self, SimulateError> {
        noise.check()?;
        if let Presented::Each {
            times,
            per_run,
            sessions,
            ..
        } = presented
        {
            for (name, found) in [
                ("presentations of a stimulus", times),
                ("samples of a run", per_run),
                ("sessions", sessions),
            ] {
                if !(1..=1_000_000).contains(&found) {
                    return Err(SimulateError::Parameter {
                        name,
                        found: found as f64,
                        expected: "1 to 1,000,000",
                    });
                }
            }
        }
        let stimuli = presented.stimuli()?;
        if stimuli.len() < 2 {
            return Err(SimulateError::Parameter {
                name: "stimuli",
                found: stimuli.len() as f64,
                expected: "at least 2",
            });
        }
        let models = models
            .into_iter()
            .map(|model| Ok((model.rows_of(&stimuli)?, model)))
            .map(|checked| checked.map(|(rows, model)| (model, rows)))
            .collect::<Result<Vec<_>, SimulateError>>()?;
        let mut study = Self {
            anatomy,
            presented,
            stimuli,
            models,
            planted: Vec::new(),
            noise,
            seed,
        };
        study.planted = plants
            .iter()
            .map(|plant| study.plant(plant))
            .collect::<Result<_, _>>()?;
        Ok(study)
    }

    fn plant(&self, plant: &Plant) -> Result<Planted, SimulateError> {
        let known = || self.models.iter().map(|(model, _)| model.name.as_str());
        let model = known().position(|name| name == plant.model);
        let model = model.ok_or_else(|| SimulateError::Unknown {
            what: "model",
            name: plant.model.clone(),
            known: known().collect::<Vec<_>>().join(", "),
        })?;
        let voxels = self.anatomy.region(&plant.region)?;
        if voxels.len() < 2 {
            return Err(SimulateError::SmallRegion {
                region: plant.region.clone(),
                voxels: voxels.len(),
            });
        }
        let mut planted = Planted {
            region: plant.region.clone(),
            model,
            voxels,
            ratio: 0.0,
            strength: plant.strength,
        };
        planted.ratio = match plant.strength {
            Strength::SignalToNoise(ratio) if (0.0..=1e6).contains(&ratio) => ratio,
            Strength::SignalToNoise(found) => {
                return Err(SimulateError::Parameter {
                    name: "signal to noise",
                    found,
                    expected: "0 to 1,000,000",
                });
            }
            Strength::Rsa(r) if r > 0.0 && r < 1.0 => {
                let design = self.presented.design(&self.stimuli, self.seed.child(0));
                let samples = design.events.iter().zip(&design.shown);
                let order: Vec<(u32, u32, usize)> = samples
                    .map(|(event, &shown)| (event.run, event.order, shown))
                    .collect();
                let (own, rows) = &self.models[model];
                plant::ratio_for(
                    r,
                    (own, rows),
                    &order,
                    (&self.anatomy, &planted),
                    &self.noise,
                    self.seed,
                )?
            }
            Strength::Rsa(found) => {
                return Err(SimulateError::Parameter {
                    name: "correlation with a planted model",
                    found,
                    expected: "more than 0 and less than 1",
                });
            }
        };
        Ok(planted)
    }

    /// The brain.
    pub const fn anatomy(&self) -> &Anatomy {
        &self.anatomy
    }

    /// Subject `number`, from 0.
    pub fn subject(&self, number: u32) -> Subject<'_> {
        Subject::new(self, number)
    }

    /// What is planted where: a line for each plant.
    pub fn truth(&self) -> String {
        let mut text = "region\tvoxels\tmodel\trequested\tvalue\tsignal_to_noise\n".to_owned();
        for p in &self.planted {
            let (requested, value) = match p.strength {
                Strength::SignalToNoise(value) => ("signal_to_noise", value),
                Strength::Rsa(value) => ("rsa", value),
            };
            let name = &self.models[p.model].0.name;
            let voxels = p.voxels.len();
            text += &format!(
                "{}\t{voxels}\t{name}\t{requested}\t{value}\t{}\n",
                p.region, p.ratio
            );
        }
        text
    }
}
