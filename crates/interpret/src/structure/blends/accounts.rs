//! Two accounts of mixed stimuli: in between, or at either end.

use std::f64::consts::TAU;

use super::average;
use super::pair::PairData;

/// Mixtures t and positions s of the mixed stimuli of a pair.
pub(super) type Placed = (Vec<f64>, Vec<f64>);

/// The held-out log likelihood of the gradient less that of the jump, of each mixed stimulus of each pair.
pub(super) fn advantages(pairs: &[PairData], placed: &[Placed], folds: usize) -> Vec<Vec<f64>> {
    let mut advantages: Vec<Vec<f64>> = pairs.iter().map(|x| vec![f64::NAN; x.mixed()]).collect();
    for held_out in 0..folds {
        let training: Vec<Place> = places(pairs, placed, |fold| fold != held_out)
            .map(|x| x.1)
            .collect();
        if training.is_empty() {
            continue;
        }
        let (gradient, jump) = (Gradient::fit(&training), Jump::fit(&training));
        for ((pair, item), x) in places(pairs, placed, |fold| fold == held_out) {
            advantages[pair][item] = gradient.log_likelihood(x) - jump.log_likelihood(x);
        }
    }
    advantages
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

fn places<'a>(
    pairs: &'a [PairData],
    placed: &'a [Placed],
    chosen: impl Fn(usize) -> bool + Copy + 'a,
) -> impl Iterator<Item = ((usize, usize), Place)> + 'a {
    let both = pairs.iter().zip(placed).enumerate();
    both.flat_map(move |(p, (pair, (mixture, position)))| {
        let [a, b] = pair.ends;
        let slope = (b[1] - a[1]) / (b[0] - a[0]);
        (0..pair.mixed())
            .filter(move |&i| chosen(pair.fold[i]))
            .map(move |i| {
                let (t, s) = (mixture[i], position[i]);
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

/// Most rounds of expectation maximisation, and the relative change at which two numbers have settled.
const ROUNDS: usize = 60;
const SETTLED: f64 = 1e-7;

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
            let odds = ((1.0 - jump.share) / jump.share).ln();
            let precision = 0.5 / (jump.deviation * jump.deviation);
            for place in places {
                let [first, second] = place.from_ends.map(|x| x * x);
                let prior = if place.equal { 0.0 } else { odds };
                let of_first = 1.0 / (1.0 + (prior + (first - second) * precision).exp());
                if !place.equal {
                    larger += of_first;
                    votes += 1.0;
                }
                square += of_first * first + (1.0 - of_first) * second;
            }
            let before = (jump.share, jump.deviation);
            jump.share = larger / votes;
            jump.deviation = (square / places.len() as f64).sqrt().max(least);
            let share = (jump.share - before.0).abs();
            let deviation = (jump.deviation - before.1).abs();
            if share < SETTLED && deviation <= SETTLED * jump.deviation {
                break;
            }
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
