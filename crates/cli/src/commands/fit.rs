//! `emotome fit`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag, TripletsFlags, refuse_idle};
use crate::show::{bytes, count, rows, stimuli};
use crate::terminal::Session;
use clap::{Args, ValueEnum};
use emotome_embedding::evaluate::score::Similarity;
use emotome_embedding::train::Constraint;
use emotome_embedding::train::select::{DEFAULT_LAMBDAS, DEFAULT_PRIORS, SpikeAndSlab};
use emotome_embedding::train::spose::{Schedule, SposeParams};
use emotome_embedding::train::vice::ViceParams;
use emotome_triplets::split::Shares;
use emotome_workflows::fit::{
    FitPlan, FitRequest, FitSummary, Half, HeldOut, MarkedSplits, Method, Pruned, dry_run, fit,
};
use std::path::PathBuf;

/// Share held out for validation, and as much for testing, where nothing says otherwise.
const HELD_OUT: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    /// Sparse non-negative point estimate, exact zeros.
    Spose,
    /// SPoSE with the published code's settings and soft penalty, for comparison.
    SposePublished,
    /// Spike-and-slab distribution with automatic pruning.
    Vice,
    /// VICE with the published code's settings, for comparison.
    VicePublished,
    /// Dot products of rows of any sign: a baseline.
    Unconstrained,
    /// Negative Euclidean distances: a baseline.
    Euclidean,
}

/// Fits an embedding to odd-one-out choices and writes it with provenance.
#[derive(Debug, Args)]
pub(crate) struct Fit {
    #[command(flatten)]
    triplets: TripletsFlags,
    /// Number of stimuli; ids run from 0 to N − 1. [default: inferred from the file, and reported]
    #[arg(long, value_name = "N")]
    n_items: Option<usize>,
    /// Whose choices to fit, where the file has those of several agents.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Soft labels: .npy, .txt or .csv, a row for each choice, the probability that the stimulus of the
    /// first, second and third column of that row is odd.
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// Model.
    #[arg(long, value_enum, default_value = "spose")]
    method: MethodName,
    /// Dimensions to start with. [default: 90 for SPoSE, 100 for VICE]
    #[arg(long, value_name = "D")]
    dims: Option<usize>,
    /// Weight λ of the L1 penalty; several are tried on the validation choices.
    /// [default: 0.001 to 0.032 in doublings]
    #[arg(long, value_name = "L", value_delimiter = ',')]
    lambda: Vec<f64>,
    /// Independent runs; two or more end in a refit of their consensus.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    seeds: u16,
    /// Passes over the choices (VICE: at most).
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Trials per step.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Step size.
    #[arg(long, value_name = "X")]
    rate: Option<f64>,
    /// Share of trials that were answered by guessing.
    #[arg(long, value_name = "P")]
    lapse: Option<f64>,
    /// VICE: standard deviation of the spike.
    #[arg(long, value_name = "X")]
    spike: Option<f64>,
    /// VICE: standard deviation of the slab.
    #[arg(long, value_name = "X")]
    slab: Option<f64>,
    /// VICE: prior share of the spike.
    #[arg(long, value_name = "P")]
    pi: Option<f64>,
    /// VICE: try several spikes and shares of it, and choose by the validation choices; one fit each.
    #[arg(long, conflicts_with_all = ["spike", "slab", "pi"])]
    select_prior: bool,
    /// VICE: epochs before the stopping rule.
    #[arg(long, value_name = "N")]
    burn_in: Option<usize>,
    /// VICE: epochs with the same number of dimensions that end the fit; published SPoSE: epochs over which
    /// the training loss must fall.
    #[arg(long, value_name = "N")]
    window: Option<usize>,
    /// Share of the choices held out for choosing λ and the epoch, by triplet.
    /// [default: what a split column of the choices marks, otherwise 0.1]
    #[arg(long, value_name = "P", conflicts_with_all = ["validation", "test"])]
    validation_share: Option<f64>,
    /// Share of the choices held out for the score at the end, by triplet.
    /// [default: what a split column of the choices marks, otherwise 0.1]
    #[arg(long, value_name = "P", conflicts_with_all = ["validation", "test"])]
    test_share: Option<f64>,
    /// Validation choices in a file of their own.
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// Test choices in a file of their own.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Fit half of the choices, drawn by lot: with --half 1 and --half 2 of the same file and seed, no choice is in
    /// both, and `interpret --halves` takes the two to tell how far the embedding of all choices repeats.
    #[arg(long, value_name = "1|2", value_parser = parse_half)]
    half: Option<Half>,
    /// Take all choices alike, whatever a split column marks: by default those marked for the ceiling and of
    /// the full set are never fitted.
    #[arg(long)]
    ignore_splits: bool,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on from the checkpoint of an interrupted fit.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
    /// Read and check everything, print what would be fitted, and fit nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Fit {
    fn method(&self) -> Method {
        let spose = |base: SposeParams| {
            let lambdas = match &self.lambda[..] {
                [] if base.constraint == Constraint::SoftPenalty => vec![base.lambda],
                [] => DEFAULT_LAMBDAS.to_vec(),
                given => given.to_vec(),
            };
            let params = SposeParams {
                dims: self.dims.unwrap_or(base.dims),
                epochs: self.epochs.or(base.epochs),
                batch: self.batch.or(base.batch),
                rate: self.rate.or(base.rate),
                lapse: self.lapse.unwrap_or(base.lapse),
                schedule: match (base.schedule, self.window) {
                    (Schedule::Constant { .. }, window) => Schedule::Constant { window },
                    (schedule, _) => schedule,
                },
                ..base
            };
            Method::Spose { params, lambdas }
        };
        let vice = |base: ViceParams| Method::Vice {
            params: ViceParams {
                dims: self.dims.unwrap_or(base.dims),
                epochs: self.epochs.or(base.epochs),
                batch: self.batch.or(base.batch),
                rate: self.rate.unwrap_or(base.rate),
                lapse: self.lapse.unwrap_or(base.lapse),
                spike: self.spike.unwrap_or(base.spike),
                slab: self.slab.unwrap_or(base.slab),
                pi: self.pi.unwrap_or(base.pi),
                burn_in: self.burn_in.unwrap_or(base.burn_in),
                window: self.window.unwrap_or(base.window),
                ..base
            },
            priors: if self.select_prior {
                DEFAULT_PRIORS.to_vec()
            } else {
                Vec::new()
            },
        };
        match self.method {
            MethodName::Spose => spose(SposeParams::default()),
            MethodName::SposePublished => spose(SposeParams::published()),
            MethodName::Unconstrained => spose(SposeParams {
                constraint: Constraint::Unconstrained,
                ..SposeParams::default()
            }),
            MethodName::Euclidean => spose(SposeParams {
                similarity: Similarity::NegativeEuclidean,
                ..SposeParams::default()
            }),
            MethodName::Vice => vice(ViceParams::default()),
            MethodName::VicePublished => vice(ViceParams::published()),
        }
    }

    /// Refuses flags of other methods.
    fn check(&self) -> Result<(), Failure> {
        let vice = matches!(self.method, MethodName::Vice | MethodName::VicePublished);
        let constant = self.method == MethodName::SposePublished;
        let given = [
            ("--lambda", !self.lambda.is_empty()),
            ("--spike", self.spike.is_some()),
            ("--slab", self.slab.is_some()),
            ("--pi", self.pi.is_some()),
            ("--select-prior", self.select_prior),
            ("--burn-in", self.burn_in.is_some()),
            ("--window", self.window.is_some()),
        ];
        let meaning = |flag: &str| match flag {
            "--lambda" => !vice,
            "--window" => vice || constant,
            _ => vice,
        };
        let method = self.method.to_possible_value();
        let name = method.as_ref().map_or("", |value| value.get_name());
        refuse_idle(&given, meaning, &format!("--method {name}"))
    }

    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        self.check()?;
        let held_out = if self.validation.is_some() || self.test.is_some() {
            HeldOut::Files {
                validation: self.validation.clone(),
                test: self.test.clone(),
            }
        } else {
            let shares = Shares {
                validation: self.validation_share.unwrap_or(HELD_OUT),
                test: self.test_share.unwrap_or(HELD_OUT),
            };
            if self.validation_share.or(self.test_share).is_some() {
                HeldOut::Shares(shares)
            } else {
                HeldOut::Marked { otherwise: shares }
            }
        };
        let request = FitRequest {
            triplets: self.triplets.file(self.n_items),
            agent: self.agent.clone(),
            targets: self.targets.clone(),
            held_out,
            half: self.half,
            ignore_splits: self.ignore_splits,
            method: self.method(),
            seeds: usize::from(self.seeds),
            seed: self.seed.get(),
            out: self.out.clone(),
            overwrite: self.force.get(),
            resume: self.resume,
            command: command_line(),
        };
        if self.dry_run {
            return session.show(&dry_run(&request, session.run())?, planned);
        }
        session.show(&fit(&request, session.run())?, text)
    }
}

fn parse_half(text: &str) -> Result<Half, String> {
    match text {
        "1" => Ok(Half::First),
        "2" => Ok(Half::Second),
        _ => Err("expected 1 or 2".into()),
    }
}

fn planned(p: &FitPlan) -> String {
    let model = serde_json::to_value(&p.model).unwrap_or_default();
    let parameters = model
        .as_object()
        .into_iter()
        .flatten()
        // Of several λ none is chosen yet.
        .filter(|(name, _)| *name != "lambda")
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name} {value}")
        });
    rows([
        ("would fit", parameters.collect::<Vec<_>>().join(", ")),
        ("seeds", p.seeds.to_string()),
        ("stimuli", stimuli(p.n_items, p.n_items_inferred)),
        ("choices", choices(p.trials, p.marked_splits)),
        ("to", p.out.display().to_string()),
    ])
}

fn choices([train, validation, test]: [usize; 3], marked: Option<MarkedSplits>) -> String {
    let apart = marked.map_or_else(String::new, |marked| {
        format!(
            "; held apart {} for the ceiling, {} of the full set",
            count(marked.ceiling as u64),
            count(marked.full_set as u64)
        )
    });
    format!(
        "{} to fit, {} to validate, {} to test{apart}",
        count(train as u64),
        count(validation as u64),
        count(test as u64)
    )
}

fn text(s: &FitSummary) -> String {
    let mut out = vec![
        ("stimuli", stimuli(s.n_items, s.n_items_inferred)),
        ("choices", choices(s.trials, s.marked_splits)),
        ("dimensions", s.dims.to_string()),
    ];
    out.extend(
        s.stimuli
            .iter()
            .map(|keys| ("keys", keys.display().to_string())),
    );
    if let Some(selection) = &s.selection {
        let tried = selection
            .candidates
            .iter()
            .map(|c| format!("{} → {:.4}", c.lambda, c.nll));
        let edge = if selection.at_edge {
            "; at the edge of what was tried, so try further"
        } else {
            ""
        };
        out.push((
            "λ",
            format!(
                "{} (validation NLL {}{edge})",
                selection.lambda,
                tried.collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    if let Some(selection) = &s.prior_selection {
        let name = |p: &SpikeAndSlab| format!("spike {}, slab {}, π {}", p.spike, p.slab, p.pi);
        let tried = selection
            .candidates
            .iter()
            .map(|c| format!("{} → {:.4}", name(&c.prior), c.before_pruning.nll));
        out.push((
            "prior",
            format!(
                "{} (validation NLL before pruning: {})",
                name(&selection.prior),
                tried.collect::<Vec<_>>().join("; ")
            ),
        ));
    }
    if let Some(Pruned {
        dims_before,
        pruning,
    }) = &s.pruning
    {
        let stay = if pruning.unpruned {
            "none stays, so the embedding is unpruned and its dimensions are not to be interpreted"
                .to_owned()
        } else {
            format!("{} stay", pruning.dims)
        };
        let scores = pruning.before.zip(pruning.after);
        let scores = scores.map_or_else(String::new, |(before, after)| {
            format!(
                "; validation NLL {:.4} before, {:.4} after, accuracy {:.1} % before, {:.1} % after",
                before.nll,
                after.nll,
                100.0 * before.accuracy,
                100.0 * after.accuracy
            )
        });
        out.push((
            "pruning",
            format!("of {dims_before} dimensions {stay}{scores}"),
        ));
    }
    if s.empty_rows > 0 {
        out.push((
            "no weight",
            format!(
                "{} judged stimuli, about which the embedding says nothing",
                s.empty_rows
            ),
        ));
    }
    if let (Some(nll), Some(accuracy)) = (s.val_nll, s.val_accuracy) {
        // VICE ends by its training alone.
        let chosen = match (&s.pruning, &s.prior_selection) {
            (None, _) => "; λ and epoch were chosen by it",
            (Some(_), Some(_)) => "; the prior was chosen by it",
            (Some(_), None) => "",
        };
        out.push((
            "validation",
            format!(
                "NLL {nll:.4} (guessing 1.0986), accuracy {:.1} % (guessing 33.3 %){chosen}",
                100.0 * accuracy
            ),
        ));
    }
    if let Some(test) = &s.test {
        let ci = test.accuracy_ci95;
        out.push((
            "test",
            format!(
                "NLL {:.4}, accuracy {:.1} % [{:.1}, {:.1}]",
                test.nll,
                100.0 * test.accuracy,
                100.0 * ci.low,
                100.0 * ci.high
            ),
        ));
    }
    if let Some(agreement) = &s.agreement {
        let least = agreement.iter().copied().fold(f64::INFINITY, f64::min);
        out.push((
            "consensus",
            format!(
                "of {} seeds; dimensions agree across seeds with mean r ≥ {least:.2}",
                s.seeds.len()
            ),
        ));
    }
    out.push(("epochs", format!("{} of {} kept", s.best_epoch, s.epochs)));
    out.push((
        "time",
        format!(
            "{:.2} s of training, {:.1} M choices/s; {:.1} s in all",
            s.seconds,
            s.triplets_per_second / 1e6,
            s.total_seconds
        ),
    ));
    if let Some(peak) = s.peak_rss_bytes {
        out.push(("memory", bytes(peak)));
    }
    out.push(("embedding", s.embedding.display().to_string()));
    rows(out)
}
