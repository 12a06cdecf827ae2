//! Agreement with the published code, and where it is left on purpose.
//!
//! The numbers are made by `tests/fixtures/generate_vice.py` from a checkout of that code.

use super::prior::tests::{log_prior, pull};
use super::step::EPSILON;
use super::*;
use crate::Embedding;
use crate::evaluate::score::{Scoring, score};
use crate::train::adam::BETA1;
use crate::train::deck::Deck;
use emotome_stats::distribution::normal_cdf;
use emotome_stats::multiplicity::count_rejected;
use emotome_stimuli::StimulusId;
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};

type Matrix = Vec<Vec<f64>>;

#[derive(Deserialize)]
struct Fixture {
    n_train: usize,
    mu: Matrix,
    log_sigma: Matrix,
    noise: Vec<Matrix>,
    triplets: Vec<[u32; 3]>,
    steps: Vec<Step>,
    prediction: Prediction,
    pruning: Pruning,
    convergence: Vec<Convergence>,
    start: Vec<Start>,
    #[serde(rename = "unsafe")]
    unsafe_: Unsafe,
}

#[derive(Deserialize)]
struct Step {
    mixture: Mixture,
    pi: f64,
    spike: f64,
    slab: f64,
    nll: f64,
    complexity: f64,
    mu_gradient: Matrix,
    log_sigma_gradient: Matrix,
}

#[derive(Deserialize)]
struct Prediction {
    accuracy: f64,
    nll: f64,
}

#[derive(Deserialize)]
struct Pruning {
    mu: Matrix,
    log_sigma: Matrix,
    p: Matrix,
    cases: Vec<Pruned>,
}

#[derive(Deserialize)]
struct Pruned {
    alpha: f64,
    min_stimuli: usize,
    rejected: Vec<usize>,
    kept: Vec<usize>,
}

#[derive(Deserialize)]
struct Convergence {
    dims: Vec<usize>,
    window: usize,
    stop: bool,
}

#[derive(Deserialize)]
struct Start {
    dims: usize,
    mu_sd: f64,
    log_sigma: f64,
}

#[derive(Deserialize)]
struct Unsafe {
    log_prior: Vec<FarOut>,
    nll: Vec<Confident>,
}

#[derive(Deserialize)]
struct FarOut {
    x: f32,
    finite: bool,
}

#[derive(Deserialize)]
struct Confident {
    similarities: [f64; 3],
    finite: bool,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/fixtures/vice.json")).unwrap()
}

fn choices(rows: &[[u32; 3]], n: usize) -> ChoiceSet {
    let choice = |row: &[u32; 3]| Choice {
        triplet: Triplet::new(row.map(StimulusId)).unwrap(),
        odd: Position::Third,
    };
    ChoiceSet::new(n, rows.iter().map(choice).collect()).unwrap()
}

/// An engine with the fixture's distribution and its k-th noise.
fn engine(f: &Fixture, k: usize) -> Engine {
    let shape = (f.mu.len(), f.mu[0].len());
    let at = |i: usize, d: usize| (f.mu[i][d] as f32, f.log_sigma[i][d] as f32);
    let mut engine = CheckedVice::engine(InstructionSet::detect(), shape, Seed(1), at);
    let stride = engine.stride();
    for (i, row) in f.noise[k].iter().enumerate() {
        for (d, &e) in row.iter().enumerate() {
            let (mu, log_sigma) = at(i, d);
            engine.state[(i * ViceStep::STATE + EPSILON) * stride + d] = e as f32;
            engine.weights[i * stride + d] = (mu + log_sigma.exp() * e as f32).max(0.0);
        }
    }
    engine
}

#[test]
fn loss_and_gradients_of_a_step_are_those_of_the_published_code() {
    let f = fixture();
    let n = f.triplets.len();
    let deck = Deck::new(&choices(&f.triplets, f.mu.len()), None, n, Seed(1));
    for case in &f.steps {
        let params = ViceParams {
            mixture: case.mixture,
            pi: case.pi,
            spike: case.spike,
            slab: case.slab,
            ..ViceParams::default()
        };
        let checked = params.check().unwrap();
        let scale = Scale {
            n_items: f.mu.len(),
            trials: f.n_train,
            steps: 1,
        };
        let mut engine = engine(&f, 0);
        let step = ViceStep {
            dims: engine.dims(),
            ..checked.update(&scale, Seed(1), 0)
        };
        let likelihood = checked.likelihood();
        let loss = engine.step(deck.epoch(0).next().unwrap(), likelihood, &step);
        assert!((loss / n as f64 - case.nll).abs() < 1e-6, "{loss}");
        // The first moment after one step is (1 − β₁) times the gradient.
        let stride = engine.stride();
        for (part, expected) in [(2, &case.mu_gradient), (4, &case.log_sigma_gradient)] {
            for (i, row) in expected.iter().enumerate() {
                for (d, &g) in row.iter().enumerate() {
                    let moment = engine.state[(i * ViceStep::STATE + part) * stride + d];
                    let found = f64::from(moment) / f64::from(1.0 - BETA1);
                    assert!(
                        (found - g).abs() < 2e-6 + 1e-5 * g.abs(),
                        "part {part} of stimulus {i}, dimension {d}: {found} is not {g}"
                    );
                }
            }
        }
    }
}

/// The log-likelihood needs no code of ours but the scorer; the complexity is the reference that
/// the slope of the prior is tested against.
#[test]
fn log_likelihood_and_complexity_are_those_of_the_published_code() {
    let f = fixture();
    for case in &f.steps {
        let shape = [case.pi, case.spike, case.slab];
        let (mut complexity, mut x) = (0.0, Array2::zeros((f.mu.len(), f.mu[0].len())));
        for ((i, d), x) in x.indexed_iter_mut() {
            let e = f.noise[0][i][d];
            *x = f.mu[i][d] + f.log_sigma[i][d].exp() * e;
            let log_q = match case.mixture {
                Mixture::Gaussian => -0.5 * e * e,
                Mixture::Laplace => -e.abs(),
            };
            complexity += log_q - f.log_sigma[i][d] - log_prior(case.mixture, shape, *x);
        }
        let complexity = complexity / f.n_train as f64;
        assert!(
            (complexity - case.complexity).abs() < 1e-12 * case.complexity.abs().max(1.0),
            "{complexity} is not {}",
            case.complexity
        );
        let z = Embedding::new(x.mapv(|x: f64| x.max(0.0) as f32)).unwrap();
        let scores = score(&z, &choices(&f.triplets, f.mu.len()), &Scoring::default()).unwrap();
        let nll = -scores.log_likelihood.iter().sum::<f64>() / f.triplets.len() as f64;
        // The scorer takes weights in f32.
        assert!((nll - case.nll).abs() < 1e-6, "{nll} is not {}", case.nll);
    }
}

#[test]
fn predictions_average_probabilities_over_draws_as_published() {
    let f = fixture();
    let draws = (0..f.noise.len()).map(|k| engine(&f, k).weights);
    let stride = engine(&f, 0).stride();
    let likelihood = ViceParams::default().check().unwrap().likelihood();
    let set = InstructionSet::detect();
    let found = score_samples(set, stride, draws, &f.triplets, likelihood);
    assert!((found.nll - f.prediction.nll).abs() < 1e-6, "{found:?}");
    assert!((found.accuracy - f.prediction.accuracy).abs() < 1e-12);
}

#[test]
fn pruning_keeps_the_dimensions_that_the_published_code_keeps() {
    let f = fixture().pruning;
    let shape = (f.mu.len(), f.mu[0].len());
    let mu = Array2::from_shape_fn(shape, |(i, d)| f.mu[i][d]);
    let sigma = Array2::from_shape_fn(shape, |(i, d)| f.log_sigma[i][d].exp());
    for ((i, d), m) in mu.indexed_iter() {
        // The error function behind Φ is exact to some 2e-11.
        let p = normal_cdf(-m / sigma[[i, d]]);
        assert!((p - f.p[i][d]).abs() < 1e-10, "{p} is not {}", f.p[i][d]);
    }
    for case in &f.cases {
        for (d, &expected) in case.rejected.iter().enumerate() {
            let mut p: Vec<f64> = f.p.iter().map(|row| row[d]).collect();
            assert_eq!(count_rejected(&mut p, case.alpha), expected);
        }
        let params = ViceParams {
            alpha: case.alpha,
            min_stimuli: case.min_stimuli,
            ..ViceParams::default()
        };
        let (mu, sigma) = (mu.mapv(|m| m as f32), sigma.mapv(|s| s as f32));
        assert_eq!(params.check().unwrap().kept(&mu, &sigma), case.kept);
    }
}

fn epochs(dims: &[usize]) -> Vec<Epoch> {
    let epoch = |(k, &dims): (usize, &usize)| Epoch {
        epoch: k + 1,
        train_nll: 1.0,
        validation: None,
        dims,
    };
    dims.iter().enumerate().map(epoch).collect()
}

#[test]
fn the_stopping_rule_is_the_published_one_and_starts_one_epoch_earlier() {
    let rule = |burn_in, window| {
        let params = ViceParams {
            burn_in,
            window,
            ..ViceParams::published()
        };
        params.check().unwrap()
    };
    for case in fixture().convergence {
        let stop = rule(0, case.window).stop(&epochs(&case.dims));
        assert_eq!(stop.is_some(), case.stop, "{:?}", case.dims);
    }
    // The published loop asks in epoch e, counted from 0, whether e > burn-in.
    let rule = rule(3, 2);
    assert!(rule.stop(&epochs(&[4; 3])).is_none());
    assert!(rule.stop(&epochs(&[4; 4])).is_some());
}

#[test]
fn the_first_distribution_is_the_published_one() {
    for case in fixture().start {
        let params = ViceParams {
            dims: case.dims,
            ..ViceParams::default()
        };
        let checked = params.check().unwrap();
        let engine = checked.start(InstructionSet::detect(), 4000, Seed(1));
        let (mu, sigma) = posterior::moments(&engine);
        let sd = (mu.iter().map(|m| f64::from(m * m)).sum::<f64>() / mu.len() as f64).sqrt();
        assert!((sd / case.mu_sd - 1.0).abs() < 0.03, "{sd}");
        // The published code takes the sample's standard deviation, here it is the exact one.
        let log_sigma = f64::from(sigma[[0, 0]]).ln();
        assert!(
            (log_sigma / case.log_sigma - 1.0).abs() < 0.03,
            "{log_sigma}"
        );
    }
}

/// The published prior is the logarithm of a density that underflows, its softmax takes exponentials
/// of unshifted similarities; both end in NaN where the true values are ordinary numbers.
#[test]
fn where_the_published_arithmetic_overflows_ours_is_finite_and_right() {
    let f = fixture().unsafe_;
    assert!(f.log_prior.iter().any(|case| !case.finite) && f.nll.iter().any(|case| !case.finite));
    for case in f.log_prior {
        // Far out only the slab is left: −d ln p/dx = x / slab².
        let found = pull(Prior::new(Mixture::Gaussian, 0.5, 0.25, 1.0), case.x);
        assert!((found / case.x - 1.0).abs() < 1e-6, "{found} at {}", case.x);
    }
    for case in f.nll {
        // Rows whose dot products are these.
        let [a, b, c] = case.similarities.map(|s| s as f32);
        let rows = [[a, 0.0], [1.0, 1.0], [b / a, c - b / a]];
        let x = Embedding::new(Array2::from_shape_fn((3, 2), |(i, d)| rows[i][d])).unwrap();
        let scores = score(&x, &choices(&[[0, 1, 2]], 3), &Scoring::default()).unwrap();
        let rest = case.similarities[1..]
            .iter()
            .map(|s| (s - case.similarities[0]).exp());
        let expected = -(1.0 + rest.sum::<f64>()).ln();
        assert!(
            (scores.log_likelihood[0] - expected).abs() < 1e-9,
            "{:?}: {scores:?}",
            case.similarities
        );
    }
}
