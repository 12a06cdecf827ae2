//! The passes against brute force, and instruction sets against each other.

#![allow(unsafe_code)]

use super::*;
use emotome_lanes::{InstructionSet, Lanes};
use emotome_stats::random::{CounterRng, Seed};

const ITEMS: usize = 9;
const DIMS: usize = 20;
const STRIDE: usize = 32;

/// Hands the gradient itself over as the next row.
struct Gradient;

impl RowUpdate for Gradient {
    const STATE: usize = 1;

    unsafe fn update<V: Lanes>(
        &self,
        _: RowPosition,
        gradient: V,
        _: *const f32,
        next: *mut f32,
        _: *mut f32,
    ) {
        unsafe { gradient.store(next) }
    }
}

fn rows(seed: u64) -> Vec<f32> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    (0..ITEMS * STRIDE)
        .map(|k| {
            if k % STRIDE < DIMS {
                rng.uniform() as f32
            } else {
                0.0
            }
        })
        .collect()
}

fn trials() -> Vec<[u32; 3]> {
    let mut rng = CounterRng::new(Seed(5), 1);
    (0..77)
        .map(|_| {
            let mut ids: Vec<u32> = (0..ITEMS as u32).collect();
            rng.shuffle(&mut ids);
            [ids[0], ids[1], ids[2]]
        })
        .collect()
}

fn targets(soft: bool) -> Option<Vec<[f32; 3]>> {
    let mut rng = CounterRng::new(Seed(6), 1);
    soft.then(|| {
        let mut draw = || {
            let q = [rng.uniform(), rng.uniform(), rng.uniform()];
            q.map(|v| (v / q.iter().sum::<f64>()) as f32)
        };
        trials().iter().map(|_| draw()).collect()
    })
}

/// The summed loss in f64, one item and one term at a time.
fn brute_force(rows: &[f64], likelihood: Likelihood, targets: Option<&[[f32; 3]]>) -> f64 {
    let row = |i: u32| &rows[i as usize * STRIDE..][..DIMS];
    let lapse = f64::from(likelihood.lapse);
    let mut loss = 0.0;
    for (t, [a, b, c]) in trials().into_iter().enumerate() {
        let s = [(a, b), (a, c), (b, c)].map(|(i, j)| {
            let pairs = row(i).iter().zip(row(j));
            match likelihood.similarity {
                Similarity::Dot => pairs.map(|(x, y)| x * y).sum::<f64>(),
                Similarity::NegativeEuclidean => {
                    -pairs.map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
                }
            }
        });
        let total: f64 = s.iter().map(|s| s.exp()).sum();
        let q = targets.map_or([1.0, 0.0, 0.0], |q| q[t].map(f64::from));
        for k in 0..3 {
            loss -= q[k] * ((1.0 - lapse) * s[k].exp() / total + lapse / 3.0).ln();
        }
    }
    loss
}

fn gradient(
    set: InstructionSet,
    x: &[f32],
    l: Likelihood,
    q: Option<&[[f32; 3]]>,
) -> (f64, Vec<f32>) {
    let (trials, rows) = (trials(), Rows::new(x, STRIDE));
    let mut g = Slopes::new();
    let loss = slopes(set, rows, &trials, q, l, &mut g);
    let appearances = Appearances::of_batch(&trials, ITEMS);
    let (mut next, mut state) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    update_rows(
        set,
        rows,
        &appearances,
        &g,
        l.similarity,
        1.0,
        &Gradient,
        &mut next,
        &mut state,
    );
    (loss, next)
}

fn likelihoods() -> impl Iterator<Item = (Likelihood, bool)> {
    [Similarity::Dot, Similarity::NegativeEuclidean]
        .into_iter()
        .flat_map(|similarity| {
            [0.0, 0.2].into_iter().flat_map(move |lapse| {
                [false, true].map(move |soft| (Likelihood { similarity, lapse }, soft))
            })
        })
}

#[test]
fn loss_and_gradient_equal_brute_force_differences() {
    let x = rows(1);
    let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    for (likelihood, soft) in likelihoods() {
        let q = targets(soft);
        let (loss, g) = gradient(InstructionSet::detect(), &x, likelihood, q.as_deref());
        let expected = brute_force(&wide, likelihood, q.as_deref());
        assert!(
            (loss / expected - 1.0).abs() < 1e-6,
            "{likelihood:?}: {loss} vs {expected}"
        );
        for k in (0..x.len()).filter(|k| k % STRIDE < DIMS) {
            let moved = |h: f64| {
                let mut y = wide.clone();
                y[k] += h;
                brute_force(&y, likelihood, q.as_deref())
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (f64::from(g[k]) - slope).abs() < 2e-5,
                "{likelihood:?} [{k}]: {} vs {slope}",
                g[k]
            );
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_gradient_bits() {
    let x = rows(2);
    for (likelihood, soft) in likelihoods() {
        let q = targets(soft);
        let all: Vec<_> = InstructionSet::available()
            .into_iter()
            .map(|set| {
                let (loss, g) = gradient(set, &x, likelihood, q.as_deref());
                (
                    loss.to_bits(),
                    g.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert!(all.iter().all(|bits| *bits == all[0]), "{likelihood:?}");
    }
}

#[test]
fn similarities_of_hundreds_do_not_overflow() {
    let x: Vec<f32> = rows(3).iter().map(|v| v * 40.0).collect();
    let dot = Likelihood {
        similarity: Similarity::Dot,
        lapse: 0.0,
    };
    let (loss, g) = gradient(InstructionSet::detect(), &x, dot, None);
    assert!(
        loss.is_finite() && g.iter().all(|v| v.is_finite()),
        "loss {loss}"
    );
}
