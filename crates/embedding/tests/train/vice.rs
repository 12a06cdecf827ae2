//! What VICE promises beyond a single fit: a stated fallback, priors by validation, a consensus.

use crate::support::{choices, data, recovery};
use emotome_embedding::Embedding;
use emotome_embedding::train::consensus::{ConsensusParams, consensus_vice};
use emotome_embedding::train::refit::refit_vice;
use emotome_embedding::train::select::{SpikeAndSlab, fit_vice_seeds, select_vice};
use emotome_embedding::train::vice::{CheckedVice, Mixture, Pruning, ViceParams, fit_vice};
use emotome_embedding::train::{Fit, FitError, FitOptions, InstructionSet};
use emotome_judges::simulated::PlantParams;
use emotome_stats::random::Seed;
use emotome_stimuli::run::{Interrupt, Progress, Run};
use emotome_triplets::ChoiceSet;
use ndarray::Array2;
use std::sync::Mutex;

fn small() -> Array2<f32> {
    PlantParams::new(120, 5).plant(Seed(3)).unwrap()
}

/// Progress that keeps the notes.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn end(&self) {}
}

fn with_notes<T>(run: impl FnOnce(FitOptions<'_>) -> T) -> (T, Vec<String>) {
    let notes = Notes::default();
    let result = run(FitOptions {
        instructions: InstructionSet::detect(),
        checkpoint: None,
        run: Run {
            progress: &notes,
            interrupt: &Interrupt::default(),
        },
    });
    (result, notes.0.into_inner().unwrap())
}

fn params(base: ViceParams) -> CheckedVice {
    ViceParams { dims: 16, ..base }.check().unwrap()
}

#[test]
fn where_no_dimension_survives_the_embedding_is_unpruned_and_that_is_said() {
    let guesses = Array2::zeros((60, 2));
    let (train, validation) = (
        choices(&guesses, 400, 0.0, 1),
        choices(&guesses, 400, 0.0, 2),
    );
    let fit = |options: FitOptions<'_>| {
        let params = params(ViceParams::default());
        fit_vice(data(&train, Some(&validation)), &params, Seed(1), options).unwrap()
    };
    let (fit, notes) = with_notes(fit);
    let pruning = Pruning::of(&fit);
    assert!(pruning.unpruned && pruning.dims == 0, "{pruning:?}");
    assert!(fit.embedding.n_dims() > 0);
    assert_eq!(
        fit.uncertainty.unwrap().values().dim(),
        fit.embedding.values().dim()
    );
    let said =
        |n: &String| n.contains("400 choices are 6.7 per stimulus") && n.contains("unpruned");
    assert!(notes.iter().any(said), "{notes:?}");
    assert!(pruning.before.is_some() && pruning.after == fit.validation);
}

#[test]
fn a_laplace_prior_recovers_a_planted_embedding_too() {
    let planted = small();
    let (train, validation) = (
        choices(&planted, 100_000, 0.0, 1),
        choices(&planted, 10_000, 0.0, 2),
    );
    let laplace = params(ViceParams {
        mixture: Mixture::Laplace,
        ..ViceParams::default()
    });
    let fit = |options: FitOptions<'_>| {
        fit_vice(data(&train, Some(&validation)), &laplace, Seed(1), options).unwrap()
    };
    let (fit, notes) = with_notes(fit);
    let r = recovery(&planted, &fit.embedding);
    assert!(r.len() == 5 && r.iter().all(|&r| r > 0.93), "{r:?}");
    assert!(!Pruning::of(&fit).unpruned && notes.is_empty(), "{notes:?}");
}

#[test]
fn the_prior_is_chosen_by_the_validation_loss_before_pruning() {
    let planted = small();
    let (train, validation) = (
        choices(&planted, 20_000, 0.0, 1),
        choices(&planted, 5_000, 0.0, 2),
    );
    let good = SpikeAndSlab {
        spike: 0.25,
        slab: 1.0,
        pi: 0.5,
    };
    // Weights this small cannot tell stimuli apart.
    let bad = SpikeAndSlab {
        spike: 0.01,
        slab: 0.02,
        pi: 0.9,
    };
    let base = ViceParams {
        dims: 16,
        ..ViceParams::default()
    };
    let select = |data, priors: &[SpikeAndSlab]| {
        with_notes(|options| select_vice(data, &base, priors, Seed(1), options)).0
    };
    let chosen = select(data(&train, Some(&validation)), &[bad, good]).unwrap();
    assert_eq!(chosen.prior, good);
    let [worse, better] = &chosen.candidates[..] else {
        panic!("{chosen:?}");
    };
    assert!(
        better.before_pruning.nll + 0.05 < worse.before_pruning.nll,
        "{chosen:?}"
    );
    assert!(better.dims > 0);
    let nothing = ChoiceSet::new(120, vec![]).unwrap();
    for error in [
        select(data(&train, Some(&nothing)), &[good]).unwrap_err(),
        select(data(&train, Some(&validation)), &[]).unwrap_err(),
    ] {
        assert!(matches!(error, FitError::NoCandidate { .. }), "{error}");
    }
    let wide = SpikeAndSlab { spike: 2.0, ..good };
    let error = select(data(&train, Some(&validation)), &[wide]).unwrap_err();
    assert!(error.to_string().contains("--spike is 2"), "{error}");
}

#[test]
fn seeds_of_vice_agree_on_a_consensus_that_is_a_fit_of_vice() {
    let planted = small();
    let (train, validation) = (
        choices(&planted, 60_000, 0.0, 1),
        choices(&planted, 10_000, 0.0, 2),
    );
    let data = data(&train, Some(&validation));
    let vice = params(ViceParams::default());
    let run = |options: FitOptions<'_>| {
        let fits: Vec<Fit> = fit_vice_seeds(data, &vice, Seed(1), 3, options).unwrap();
        let of = ConsensusParams::default();
        let one = consensus_vice(data, &fits, &vice, of, Seed(1), options).unwrap();
        (fits, one)
    };
    let ((fits, one), _) = with_notes(run);
    assert_ne!(fits[0].embedding, fits[1].embedding);
    let r = recovery(&planted, &one.fit.embedding);
    assert!(r.len() == 5 && r.iter().all(|&r| r > 0.93), "{r:?}");
    let dims = one.fit.embedding.n_dims();
    assert!(one.agreement.len() == dims && one.agreement.iter().all(|&r| r >= 0.5));
    let nll = |fit: &Fit| fit.validation.unwrap().nll;
    let best = fits.iter().map(nll).fold(f64::INFINITY, f64::min);
    assert!((nll(&fits[one.reference]) - best).abs() < 1e-15);
    assert!(
        nll(&one.fit) < best + 0.005,
        "{} against {best}",
        nll(&one.fit)
    );
    let sigma = one.fit.uncertainty.unwrap();
    assert!(sigma.n_dims() == dims && sigma.values().iter().all(|&s| s > 0.0));
}

#[test]
fn a_consensus_and_a_refit_of_things_that_do_not_fit_are_refused() {
    let planted = small();
    let (train, validation) = (
        choices(&planted, 2_000, 0.0, 1),
        choices(&planted, 500, 0.0, 2),
    );
    let data = data(&train, Some(&validation));
    let vice = params(ViceParams {
        epochs: Some(1),
        ..ViceParams::default()
    });
    let refused = |options: FitOptions<'_>| {
        let fits = fit_vice_seeds(data, &vice, Seed(1), 2, options).unwrap();
        let consensus = |fits: &[Fit], of| {
            let result = consensus_vice(data, fits, &vice, of, Seed(1), options);
            result.unwrap_err().to_string()
        };
        let of = ConsensusParams::default();
        let one = consensus(&fits[..1], of);
        assert!(one.contains("second seed"), "{one}");
        for (of, expected) in [
            (
                ConsensusParams {
                    min_correlation: f64::NAN,
                    ..of
                },
                "across seeds is NaN; expected 0 to 1",
            ),
            (
                ConsensusParams {
                    rate_share: 0.0,
                    ..of
                },
                "in the refit is 0; expected a number > 0, at most 1",
            ),
        ] {
            let error = consensus(&fits, of);
            assert!(error.contains(expected), "{error}");
        }
        let bare: Vec<Fit> = fits
            .iter()
            .map(|fit| Fit {
                uncertainty: None,
                ..fit.clone()
            })
            .collect();
        let low = ConsensusParams {
            min_correlation: 0.0,
            ..of
        };
        let error = consensus(&bare, low);
        assert!(error.contains("standard deviations"), "{error}");
        let ones = |shape| Embedding::new(Array2::ones(shape)).unwrap();
        for (start, spread) in [
            ((119, 4), (119, 4)),
            ((120, 4), (119, 4)),
            ((120, 4), (120, 3)),
        ] {
            let (start, spread) = (ones(start), ones(spread));
            let fit = refit_vice(data, &vice, &start, &spread, Seed(1), options);
            assert!(fit.is_err());
        }
    };
    with_notes(refused);
}
