//! How long training takes to a held-out loss: SPoSE and VICE over the choices of a file, scored on
//! its last 100,000.
//!
//! `cargo bench -p emotome-embedding --bench optimum -- CHOICES.npy` prints a line for each fit, five
//! rounds in turn; `benches/peer_torch.py CHOICES.npy` does the same for PyTorch. See
//! docs/performance.md.

use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::vice::{ViceParams, fit_vice};
use emotome_embedding::train::{Fit, FitError, FitOptions, InstructionSet, TrainingData};
use emotome_stats::random::Seed;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::formats::{Format, ReadOptions, Stimuli};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const HELD: usize = 100_000;
const ROUNDS: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let file = std::env::args()
        .skip(1)
        .find(|a| !a.starts_with("--"))
        .ok_or("give a file of choices, for example planted/triplets.npy of `emotome simulate`")?;
    let options = ReadOptions::new(Stimuli::Infer);
    let read = Format::LastOdd.read(Path::new(&file), &options, run)?;
    let all = read.table.choices;
    let cut = all.len().saturating_sub(HELD);
    let (train, held) = (all.select(0..cut), all.select(cut..all.len()));
    println!(
        "round\tmodel\tthreads\tinstructions\tepochs\tseconds\tchoices_per_s\tnll\taccuracy\tdims"
    );
    let cores = rayon::current_num_threads();
    for round in 1..=ROUNDS {
        for (model, epochs, threads) in [
            ("SPoSE", Some(1), cores),
            ("SPoSE", Some(2), cores),
            ("SPoSE", None, cores),
            ("SPoSE", Some(2), 1),
            ("VICE", Some(4), cores),
        ] {
            let data = TrainingData {
                train: &train,
                validation: Some(&held),
                targets: None,
            };
            let options = FitOptions {
                instructions: InstructionSet::detect(),
                checkpoint: None,
                run,
            };
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()?;
            let fit = || -> Result<Fit, FitError> {
                match model {
                    "SPoSE" => {
                        let params = SposeParams {
                            epochs,
                            ..SposeParams::default()
                        };
                        fit_spose(data, &params.check()?, Seed(round), options)
                    }
                    _ => {
                        let params = ViceParams {
                            epochs,
                            ..ViceParams::default()
                        };
                        fit_vice(data, &params.check()?, Seed(round), options)
                    }
                }
            };
            let start = Instant::now();
            let fit = pool.install(fit)?;
            let wall = start.elapsed().as_secs_f64();
            let score = fit.validation.ok_or("no held-out choices")?;
            println!(
                "{round}\t{model}\t{threads}\t{:?}\t{}\t{:.3}\t{:.2e}\t{:.4}\t{:.4}\t{}",
                options.instructions,
                fit.history.len(),
                fit.seconds,
                fit.trials_per_second(),
                score.nll,
                score.accuracy,
                fit.embedding.n_dims(),
            );
            assert!(fit.seconds <= wall);
        }
    }
    Ok(())
}
