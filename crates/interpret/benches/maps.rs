//! What a map costs: t-SNE and UMAP of 2,180 × 30, a mixture of 27 weak clusters.
//!
//! `cargo bench -p emotome-interpret --bench maps` prints a line for each, with processor seconds over all
//! threads; `-- POINTS.tsv` also writes the points, which `benches/against_python.py POINTS.tsv` gives to
//! scikit-learn, openTSNE and umap-learn.

use emotome_interpret::maps::Space;
use emotome_interpret::maps::quality::quality;
use emotome_interpret::maps::tsne::{TsneParams, tsne};
use emotome_interpret::maps::umap::{UmapParams, umap};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ArrayView2};
use std::error::Error;
use std::time::Instant;

const ITEMS: usize = 2180;
const DIMENSIONS: usize = 30;
const CLUSTERS: usize = 27;

fn main() -> Result<(), Box<dyn Error>> {
    let points = mixture();
    if let Some(file) = std::env::args().skip(1).find(|a| !a.starts_with("--")) {
        let rows: Vec<String> = points
            .outer_iter()
            .map(|row| {
                row.iter()
                    .map(f64::to_string)
                    .collect::<Vec<_>>()
                    .join("\t")
            })
            .collect();
        std::fs::write(file, rows.join("\n"))?;
    }
    let space = Space::euclidean(points.view());
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    println!("map\tseconds\tcpu_seconds\ttrustworthiness_15\tpreservation_15\tdivergence");
    let default = TsneParams::default();
    let recipe = TsneParams::published();
    for (name, params) in [("t-SNE", &default), ("t-SNE, published recipe", &recipe)] {
        let (drawn, cost) = timed(|| tsne(space, params, run))?;
        let kept = quality(space, ArrayView2::from(&drawn.map[..]), 15, run)?;
        println!(
            "{name}\t{cost}\t{:.4}\t{:.4}\t{:.4}",
            kept.trustworthiness, kept.preservation, drawn.divergence
        );
    }
    let (drawn, cost) = timed(|| umap(space, &UmapParams::default(), Seed(1), run))?;
    let (kept, quality_cost) = timed(|| quality(space, ArrayView2::from(&drawn.map[..]), 15, run))?;
    println!(
        "UMAP\t{cost}\t{:.4}\t{:.4}\t",
        kept.trustworthiness, kept.preservation
    );
    println!("quality\t{quality_cost}\t\t\t");
    Ok(())
}

fn mixture() -> Array2<f64> {
    let mut centre_rng = CounterRng::new(Seed(27), 0);
    let centres = Array2::from_shape_fn((CLUSTERS, DIMENSIONS), |_| 0.9 * centre_rng.normal());
    let mut rng = CounterRng::new(Seed(27), 1);
    let mut points = Array2::zeros((ITEMS, DIMENSIONS));
    for mut row in points.outer_iter_mut() {
        let cluster = rng.below(CLUSTERS as u64) as usize;
        for (value, centre) in row.iter_mut().zip(centres.row(cluster)) {
            *value = centre + rng.normal();
        }
    }
    points
}

/// A result, and its seconds by the clock and of processors.
fn timed<T, E>(task: impl FnOnce() -> Result<T, E>) -> Result<(T, String), E> {
    let (clock, processors) = (Instant::now(), processor_seconds());
    let done = task()?;
    let seconds = clock.elapsed().as_secs_f64();
    Ok((
        done,
        format!("{seconds:.2}\t{:.2}", processor_seconds() - processors),
    ))
}

/// User and system time of this process, all threads; 0 where the system does not say.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields after the name, which may hold spaces; the 12th and 13th are in hundredths of seconds.
    let fields = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .skip(11)
        .take(2);
    fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}
