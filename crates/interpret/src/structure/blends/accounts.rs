//! Two accounts of mixed stimuli: in between, or at either end.

use std::f64::consts::TAU;

use super::average;
use super::pair::PairData;

/// Fills in the held-out log likelihood of the gradient less that of the jump, for the mixed stimuli of all pairs.
pub(super) fn compare(pairs: &mut [PairData], folds: usize) {
    for held_out in 0..folds {
        let training: Vec<Place> = places(pairs, |fold| fold != held_out)
            .map(|x| x.1)
            .collect();
        if training.is_empty() {
            continue;
        }
        let (gradient, jump) = (Gradient::fit(&training), Jump::fit(&training));
        let found: Vec<((usize, usize), f64)> = places(pairs, |fold| fold == held_out)
            .map(|(at, x)| (at, gradient.log_likelihood(x) - jump.log_likelihood(x)))
            .collect();
        for ((pair, item), advantage) in found {
            pairs[pair].advantage[item] = advantage;
        }
    }
    for pair in pairs {
        pair.report.advantage = average(pair.advantage.iter().copied());
    }
}

/// Where a mixed stimulus is, in units of the space, from what the accounts expect.
#[derive(Clone, Copy)]
struct Place {
    /// From its place in between.
    from_line: f64,
    /// From the end of the larger rating, and from the other; of equal ratings from a and b.
    from_ends: [f64; 2],
    equal: bool,
}

fn places(
    pairs: &[PairData],
    chosen: impl Fn(usize) -> bool + Copy,
) -> impl Iterator<Item = ((usize, usize), Place)> {
    pairs.iter().enumerate().flat_map(move |(p, pair)| {
        let [a, b] = pair.ends;
        let slope = (b[1] - a[1]) / (b[0] - a[0]);
        (0..pair.mixed())
            .filter(move |&i| chosen(pair.fold[i]))
            .map(move |i| {
                let (t, s) = (pair.mixture[i], pair.position[i]);
                let from = |place: f64| (s - place) * pair.length;
                let mut from_ends = [from(a[1]), from(b[1])];
                if t > 0.5 {
                    from_ends.reverse();
                }
                let place = Place {
                    from_line: from(a[1] + slope * (t - a[0])),
                    from_ends,
                    equal: (t - 0.5).abs() < 1e-9,
                };
                ((p, i), place)
            })
    })
}

/// The least standard deviation, of the root mean square of all distances: likelihoods stay finite.
const LEAST_DEVIATION: f64 = 1e-3;

fn log_normal(residual: f64, deviation: f64) -> f64 {
    let z = residual / deviation;
    -0.5 * (z * z + TAU.ln()) - deviation.ln()
}

fn root_mean_square(values: impl Iterator<Item = f64> + Clone) -> f64 {
    average(values.map(|x| x * x)).sqrt()
}

struct Gradient {
    deviation: f64,
}

impl Gradient {
    fn fit(places: &[Place]) -> Self {
        let least = LEAST_DEVIATION * scale(places);
        let deviation = root_mean_square(places.iter().map(|x| x.from_line));
        Self {
            deviation: deviation.max(least),
        }
    }

    fn log_likelihood(&self, place: Place) -> f64 {
        log_normal(place.from_line, self.deviation)
    }
}

struct Jump {
    /// The probability of the end of the larger rating.
    share: f64,
    deviation: f64,
}

/// Rounds of expectation maximisation: enough for two numbers.
const ROUNDS: usize = 60;

impl Jump {
    fn fit(places: &[Place]) -> Self {
        let least = LEAST_DEVIATION * scale(places);
        let mut jump = Self {
            share: 0.75,
            deviation: (0.5 * scale(places)).max(f64::MIN_POSITIVE),
        };
        for _ in 0..ROUNDS {
            // Half a vote for either end beforehand keeps the share off 0 and 1.
            let (mut larger, mut votes, mut square) = (0.5, 1.0, 0.0);
            for &place in places {
                let [first, second] = jump.parts(place);
                let of_first = 1.0 / (1.0 + (second - first).exp());
                if !place.equal {
                    larger += of_first;
                    votes += 1.0;
                }
                square += of_first * place.from_ends[0].powi(2);
                square += (1.0 - of_first) * place.from_ends[1].powi(2);
            }
            jump.share = larger / votes;
            jump.deviation = (square / places.len() as f64).sqrt().max(least);
        }
        jump
    }

    /// Log probability of each end and log density there, summed.
    fn parts(&self, place: Place) -> [f64; 2] {
        let share = if place.equal { 0.5 } else { self.share };
        let [first, second] = place.from_ends;
        [
            share.ln() + log_normal(first, self.deviation),
            (1.0 - share).ln() + log_normal(second, self.deviation),
        ]
    }

    fn log_likelihood(&self, place: Place) -> f64 {
        let [first, second] = self.parts(place);
        let most = first.max(second);
        most + ((first - most).exp() + (second - most).exp()).ln()
    }
}

/// The size of distances from the ends.
fn scale(places: &[Place]) -> f64 {
    root_mean_square(places.iter().flat_map(|x| x.from_ends))
}
