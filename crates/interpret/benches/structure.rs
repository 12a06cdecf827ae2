//! What the tests of structure of one agent cost: 2,180 × 30, with ratings on 34 categories by 12 raters.
//!
//! `cargo bench -p emotome-interpret --bench structure` prints a line for each, with processor seconds over all
//! threads.

use emotome_interpret::explained::Folds;
use emotome_interpret::structure::StructureError;
use emotome_interpret::structure::blends::{BlendParams, blends};
use emotome_interpret::structure::circular::{CircularParams, circularity};
use emotome_interpret::structure::classify::{Classifier, ClassifyParams, classify};
use emotome_interpret::structure::cross::{CrossParams, cross, random_columns};
use emotome_interpret::structure::dimension::{DimensionParams, dimensionality};
use emotome_interpret::structure::labels::{LabelParams, Labels};
use emotome_interpret::structure::raters::{Features, RaterParams, Votes, split_classify};
use emotome_interpret::structure::tendency::{TendencyParams, tendency};
use emotome_interpret::structure::verdict::{VerdictParams, verdict};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::Array2;
use std::error::Error;
use std::time::Instant;

const ITEMS: usize = 2180;
const DIMENSIONS: usize = 30;
const CATEGORIES: usize = 34;
const RATERS: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let (points, ratings) = blended();
    let (points, ratings) = (points.view(), ratings.view());
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let labels = Labels::highest(ratings, &LabelParams::default())?;
    println!("test\tseconds\tcpu_seconds");
    for classifier in [
        Classifier::Centroid,
        ClassifyParams::default().classifier,
        Classifier::Neighbours { neighbours: 15 },
    ] {
        let params = ClassifyParams {
            classifier,
            ..ClassifyParams::default()
        };
        let name = format!("classify, {classifier:?}");
        timed(&name, || classify(points, &labels, &params, run))?;
    }
    let votes = Votes::of_shares(ratings, &RaterParams::default())?;
    let mut params = ClassifyParams::published();
    params.resampling.permutations = 200;
    let label = LabelParams::default();
    timed("split raters, 10 splits, 200 permutations", || {
        split_classify(&votes, Features::Points(points), &label, &params, 10, run)
    })?;
    timed("circularity", || {
        let reliability = votes.reliability(20, Seed(1));
        let params = CircularParams::default();
        circularity(points, ratings, &labels, Some(&reliability), &params, run)
    })?;
    let folds = Folds::random(ITEMS, Folds::USUAL, Seed(1))?;
    let params = CrossParams::default();
    timed("cross", || cross(points, ratings, &folds, &params, run))?;
    timed("cross, 14 random columns 50 times", || {
        random_columns(points, ratings, 14, &folds, &params, 50, run)
    })?;
    let params = TendencyParams::default();
    timed("tendency", || tendency(points, &params, run))?;
    let params = BlendParams::default();
    timed("blends", || blends(points, ratings, &params, run))?;
    let params = DimensionParams::default();
    timed("dimensionality", || dimensionality(points, &params, run))?;
    let params = VerdictParams::default();
    timed("verdict", || verdict(points, ratings, &params, run))?;
    Ok(())
}

/// Stimuli on lines between prototypes, and the shares of raters who name either.
fn blended() -> (Array2<f64>, Array2<f64>) {
    let mut rng = CounterRng::new(Seed(34), 0);
    let prototypes = Array2::from_shape_simple_fn((CATEGORIES, DIMENSIONS), || rng.normal());
    let mut mixtures = Array2::<f64>::zeros((ITEMS, CATEGORIES));
    let mut ratings = Array2::<f64>::zeros((ITEMS, CATEGORIES));
    for i in 0..ITEMS {
        let a = rng.below(CATEGORIES as u64) as usize;
        // Few neighbours in a ring, so that pairs have stimuli.
        let b = (a + 1 + rng.below(3) as usize) % CATEGORIES;
        let share = 0.5 * rng.uniform();
        mixtures[[i, a]] = 1.0 - share;
        mixtures[[i, b]] = share;
        for _ in 0..RATERS {
            let named = if rng.uniform() < share { b } else { a };
            ratings[[i, named]] += 1.0 / RATERS as f64;
        }
    }
    let mut points = mixtures.dot(&prototypes);
    points.mapv_inplace(|x| x + 0.3 * rng.normal());
    (points, ratings)
}

/// Prints the seconds of a task by the clock and of processors.
fn timed<T>(
    name: &str,
    task: impl FnOnce() -> Result<T, StructureError>,
) -> Result<(), StructureError> {
    let (clock, processors) = (Instant::now(), processor_seconds());
    task()?;
    let (clock, processors) = (clock.elapsed(), processor_seconds() - processors);
    println!("{name}\t{:.2}\t{processors:.2}", clock.as_secs_f64());
    Ok(())
}

/// User and system time of this process, all threads; 0 where the system does not say.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields after the name, which may hold spaces; the 12th and 13th are in hundredths of seconds.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let fields = fields.split(' ').skip(11).take(2);
    fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}
