//! Planted embeddings and agents that answer by them.

use emotome_embedding::Embedding;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::{
    StimulusId,
    run::{Interrupt, Run, Silent},
};
use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
use ndarray::Array2;

pub(crate) fn with_run<T>(work: impl FnOnce(Run<'_>) -> T) -> T {
    work(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

pub(crate) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

/// Weights of which a third are uniform below `scale` and the others zero.
pub(crate) fn planted(n: usize, d: usize, scale: f32, seed: u64) -> Embedding {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let mut sparse = || {
        if rng.uniform() < 0.33 {
            scale * rng.uniform() as f32
        } else {
            0.0
        }
    };
    Embedding::new(Array2::from_shape_simple_fn((n, d), &mut sparse)).unwrap()
}

/// An embedding that says nothing: an agent that answers by it guesses.
pub(crate) fn nothing(n: usize) -> Embedding {
    Embedding::new(Array2::zeros((n, 1))).unwrap()
}

pub(crate) fn choice(items: [u32; 3], odd: Position) -> Choice {
    Choice {
        triplet: Triplet::new(items.map(StimulusId)).unwrap(),
        odd,
    }
}

pub(crate) fn random_triplet(n: u64, rng: &mut CounterRng) -> [u32; 3] {
    loop {
        let ids = [0; 3].map(|_: u8| rng.below(n) as u32);
        if Triplet::new(ids.map(StimulusId)).is_ok() {
            return ids;
        }
    }
}

/// The odd one out of three by dot products, in the order given.
pub(crate) fn answer(x: &Embedding, items: [u32; 3], rng: &mut CounterRng) -> Choice {
    let [i, j, k] = items.map(|id| x.row(id as usize).mapv(f64::from));
    let e = [j.dot(&k), i.dot(&k), i.dot(&j)].map(f64::exp);
    let u = rng.uniform() * e.iter().sum::<f64>();
    let odd = if u < e[0] {
        Position::First
    } else if u < e[0] + e[1] {
        Position::Second
    } else {
        Position::Third
    };
    choice(items, odd)
}

pub(crate) fn random_choices(x: &Embedding, trials: usize, seed: u64) -> ChoiceSet {
    let (n, mut rng) = (x.n_stimuli(), CounterRng::new(Seed(seed), 2));
    let choices = (0..trials)
        .map(|_| {
            let items = random_triplet(n as u64, &mut rng);
            answer(x, items, &mut rng)
        })
        .collect();
    ChoiceSet::new(n, choices).unwrap()
}

/// Every triplet, `repeats` times.
pub(crate) fn every_triplet(x: &Embedding, repeats: usize, seed: u64) -> ChoiceSet {
    let (n, mut choices) = (x.n_stimuli(), vec![]);
    let mut rng = CounterRng::new(Seed(seed), 7);
    for i in 0..n as u32 {
        for j in i + 1..n as u32 {
            for k in j + 1..n as u32 {
                choices.extend((0..repeats).map(|_| answer(x, [i, j, k], &mut rng)));
            }
        }
    }
    ChoiceSet::new(n, choices).unwrap()
}
