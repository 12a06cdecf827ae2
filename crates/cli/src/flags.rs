//! Flags that several commands share, each defined once.

use clap::{Args, ValueEnum};
use emotome_stats::random::Seed;
use emotome_stimuli::output::Overwrite;
use emotome_triplets::formats::Format;
use emotome_workflows::choices::ChoiceFile;
use std::path::PathBuf;

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print one JSON object on stdout; everything else goes to stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads to use; results do not depend on it. [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Show no progress.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Seed of everything random.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SeedFlag {
    /// Seed of everything random; recorded with the result.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl SeedFlag {
    pub(crate) const fn get(self) -> Seed {
        Seed(self.seed)
    }
}

/// What to do about results that exist.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ForceFlag {
    /// Replace results that exist.
    #[arg(long)]
    force: bool,
}

impl ForceFlag {
    pub(crate) const fn get(self) -> Overwrite {
        Overwrite::from_force(self.force)
    }
}

/// A file of choices.
#[derive(Debug, Clone, Args)]
pub(crate) struct TripletsFlags {
    /// Choices: .txt or .npy with the odd one last, .csv or .tsv with named columns, or .parquet.
    #[arg(long, value_name = "FILE")]
    pub(crate) triplets: PathBuf,
    /// Format of the choices, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    pub(crate) format: Option<Format>,
}

impl TripletsFlags {
    pub(crate) fn file(&self, n_stimuli: Option<usize>) -> ChoiceFile {
        ChoiceFile { path: self.triplets.clone(), format: self.format, n_stimuli }
    }
}

/// A format by its name.
pub(crate) fn parse_format(name: &str) -> Result<Format, String> {
    Format::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
        format!("expected one of {}", Format::ALL.map(Format::name).join(", "))
    })
}

/// How similar two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metric {
    /// Cosine of the angle between rows.
    Cosine,
    /// Pearson's r of the rows.
    Correlation,
    /// Dot product.
    Dot,
    /// Negative Euclidean distance.
    Euclidean,
}

impl From<Metric> for emotome_judges::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Cosine => Self::Cosine,
            Metric::Correlation => Self::Correlation,
            Metric::Dot => Self::Dot,
            Metric::Euclidean => Self::Euclidean,
        }
    }
}
