//! Spaces whose structure is known, with ratings as raters would give them.

use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Array1, Array2, Axis};

pub(crate) struct World {
    /// n × 12.
    pub points: Array2<f64>,
    /// Shares of raters, n × [`CATEGORIES`].
    pub ratings: Array2<f64>,
}

pub(crate) const CATEGORIES: usize = 6;
const COLUMNS: usize = 12;
const RATERS: usize = 12;

/// Prototypes at distance √2 from each other, rotated into more columns.
struct Scene {
    rng: CounterRng,
    rotation: Array2<f64>,
}

impl Scene {
    fn new(dimensions: usize, seed: u64) -> Self {
        let mut rng = CounterRng::new(Seed(seed), 0);
        let mut rotation = Array2::<f64>::zeros((dimensions, COLUMNS));
        for k in 0..dimensions {
            let mut row = Array1::from_shape_simple_fn(COLUMNS, || rng.normal());
            for other in rotation.rows().into_iter().take(k) {
                let shared = row.dot(&other);
                row.scaled_add(-shared, &other);
            }
            row /= row.dot(&row).sqrt();
            rotation.row_mut(k).assign(&row);
        }
        Self { rng, rotation }
    }

    /// Rotates, and adds noise.
    fn seen(&mut self, latent: &Array2<f64>, noise: f64) -> Array2<f64> {
        let mut points = latent.dot(&self.rotation);
        points.mapv_inplace(|x| x + noise * self.rng.normal());
        points
    }

    /// Each rater names one category, by the probabilities.
    fn rate(&mut self, probabilities: &Array2<f64>) -> Array2<f64> {
        let mut ratings = Array2::zeros(probabilities.dim());
        for (mut row, p) in ratings.rows_mut().into_iter().zip(probabilities.rows()) {
            for _ in 0..RATERS {
                let mut left = self.rng.uniform() * p.sum();
                let named = p.iter().position(|p| {
                    left -= p;
                    left < 0.0
                });
                row[named.unwrap_or(p.len() - 1)] += 1.0 / RATERS as f64;
            }
        }
        ratings
    }

    /// Two different categories, and how much of the second: pure, or anything up to one half.
    fn mixture(&mut self, pure: f64) -> (usize, usize, f64) {
        let a = self.rng.below(CATEGORIES as u64) as usize;
        let b = (a + 1 + self.rng.below(CATEGORIES as u64 - 1) as usize) % CATEGORIES;
        let share = if self.rng.uniform() < pure {
            0.0
        } else {
            0.5 * self.rng.uniform()
        };
        (a, b, share)
    }
}

/// Every stimulus is of one category; what raters see in it may be ambiguous.
pub(crate) fn categorical(n: usize, seed: u64) -> World {
    let mut scene = Scene::new(CATEGORIES, seed);
    let mut latent = Array2::zeros((n, CATEGORIES));
    let mut seen = Array2::from_elem((n, CATEGORIES), 0.01);
    for i in 0..n {
        let (a, b, share) = scene.mixture(0.4);
        latent[[i, a]] = 1.0;
        seen[[i, a]] += 1.0 - share;
        seen[[i, b]] += share;
    }
    World {
        points: scene.seen(&latent, 0.12),
        ratings: scene.rate(&seen),
    }
}

/// Stimuli lie on the lines between prototypes, and raters see both.
pub(crate) fn blended(n: usize, seed: u64) -> World {
    let mut scene = Scene::new(CATEGORIES, seed);
    let mut latent = Array2::zeros((n, CATEGORIES));
    for i in 0..n {
        let (a, b, share) = scene.mixture(0.4);
        latent[[i, a]] = 1.0 - share;
        latent[[i, b]] = share;
    }
    World {
        points: scene.seen(&latent, 0.12),
        ratings: scene.rate(&(latent + 0.01)),
    }
}

/// Stimuli fill a continuum of two dimensions, normal or uniform; categories are regions with soft borders.
pub(crate) fn dimensional(n: usize, uniform: bool, seed: u64) -> World {
    let mut scene = Scene::new(2, seed);
    let latent = Array2::from_shape_simple_fn((n, 2), || {
        if uniform {
            3.5 * (scene.rng.uniform() - 0.5)
        } else {
            scene.rng.normal()
        }
    });
    let seen = Array2::from_shape_fn((n, CATEGORIES), |(i, k)| {
        let angle = std::f64::consts::TAU * k as f64 / CATEGORIES as f64;
        let (x, y) = (
            latent[[i, 0]] - 1.3 * angle.cos(),
            latent[[i, 1]] - 1.3 * angle.sin(),
        );
        (-2.0 * (x * x + y * y)).exp() + 1e-9
    });
    World {
        points: scene.seen(&latent, 0.12),
        ratings: scene.rate(&seen),
    }
}

/// Pure stimuli are in the cluster of their category, mixed ones in that of a third.
pub(crate) fn third_cluster(n: usize, seed: u64) -> World {
    let mut scene = Scene::new(CATEGORIES, seed);
    let mut latent = Array2::zeros((n, CATEGORIES));
    let mut seen = Array2::from_elem((n, CATEGORIES), 0.01);
    for i in 0..n {
        let (a, b, share) = scene.mixture(0.4);
        seen[[i, a]] += 1.0 - share;
        seen[[i, b]] += share;
        let mut at = a;
        while share > 0.2 && (at == a || at == b) {
            at = scene.rng.below(CATEGORIES as u64) as usize;
        }
        latent[[i, at]] = 1.0;
    }
    World {
        points: scene.seen(&latent, 0.12),
        ratings: scene.rate(&seen),
    }
}

/// Two lobes of three categories each; within a lobe stimuli of different categories overlap, and mixed stimuli
/// are in the lobe of what they are most.
pub(crate) fn lobes(n: usize, seed: u64) -> World {
    let mut scene = Scene::new(2, seed);
    let mut latent = Array2::zeros((n, 2));
    let mut seen = Array2::from_elem((n, CATEGORIES), 0.01);
    for i in 0..n {
        let (a, b, share) = scene.mixture(0.4);
        seen[[i, a]] += 1.0 - share;
        seen[[i, b]] += share;
        let within = (a / 2) as f64 - 1.0;
        latent[[i, 0]] = if a % 2 == 0 { 1.0 } else { -1.0 } + 0.2 * scene.rng.normal();
        latent[[i, 1]] = 0.3 * within + 0.3 * scene.rng.normal();
    }
    World {
        points: scene.seen(&latent, 0.05),
        ratings: scene.rate(&seen),
    }
}

/// Clusters that have nothing to do with the ratings.
pub(crate) fn noise(n: usize, seed: u64) -> World {
    let clusters = categorical(n, seed).points;
    let mut scene = Scene::new(1, seed + 1000);
    let seen = Array2::from_shape_simple_fn((n, 4), || scene.rng.uniform().powi(3) + 0.01);
    World {
        points: clusters,
        ratings: scene.rate(&seen),
    }
}

/// The ratings of other stimuli.
pub(crate) fn unrelated(world: &World, seed: u64) -> World {
    let mut order: Vec<usize> = (0..world.points.nrows()).collect();
    CounterRng::new(Seed(seed).derive("unrelated"), 0).shuffle(&mut order);
    World {
        points: world.points.clone(),
        ratings: world.ratings.select(Axis(0), &order),
    }
}
