//! `emotome figure`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, MeaningFlags, SeedFlag, TsneFlag, named, parse_format, refuse_idle};
use crate::terminal::Session;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use emotome_figures::export::Format;
use emotome_figures::render::{Print, Theme};
use emotome_triplets::formats::Format as ChoiceFormat;
use emotome_workflows::choices::ChoiceFile;
use emotome_workflows::figure::{
    ChoiceInputs, ChoicesOf, FigureName, FigureRequest, FigureSummary, Need, figure as draw,
};
use emotome_workflows::interpret::InterpretParams;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Draws one figure from embeddings, choices and ratings, without a study folder: SVG, PDF and PNG, and its numbers
/// as TSV beside it.
#[derive(Debug, Args)]
pub(crate) struct FigureCommand {
    /// Which figure.
    #[arg(value_name = "NAME")]
    name: Name,
    /// Embedding: .npz, .npy, .txt, .csv or .tsv, a row per stimulus; NAME=FILE says whose it is. May be given
    /// several times, once for each agent or seed. [default NAME: the file's]
    #[arg(long = "embedding", value_name = "[NAME=]FILE")]
    embeddings: Vec<String>,
    /// Choices to predict: .txt or .npy with the odd one last, .csv or .tsv with named columns, .parquet, or a
    /// journal. For consistency several times, NAME=FILE for each agent.
    #[arg(long, value_name = "[NAME=]FILE")]
    triplets: Vec<String>,
    /// Repeated triplets, for the noise ceiling.
    #[arg(long, value_name = "FILE")]
    ceiling: Option<PathBuf>,
    /// Choices of all triplets of a few stimuli, for measured similarities.
    #[arg(long, value_name = "FILE")]
    full_set: Option<PathBuf>,
    /// Format of the choices, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    format: Option<ChoiceFormat>,
    /// Score all choices alike, whatever a split column marks: by default only those marked for testing are
    /// scored.
    #[arg(long)]
    ignore_splits: bool,
    #[command(flatten)]
    inputs: MeaningFlags,
    /// Dimensions to show, counted from 1. [default: all, or those with the largest variance]
    #[arg(long, value_name = "D", value_delimiter = ',')]
    dims: Vec<usize>,
    /// Keys of stimuli to show. [default: all; as petals the strongest of four dimensions]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    stimuli: Vec<String>,
    /// File formats.
    #[arg(
        long = "as",
        value_enum,
        value_name = "FORMAT",
        value_delimiter = ',',
        default_value = "svg,pdf,png"
    )]
    formats: Vec<FileFormat>,
    /// Bright letters on a dark ground, for slides.
    #[arg(long)]
    dark: bool,
    /// Width on paper in millimetres, e.g. 89 for one column. [default: as drawn, 89 or 183 for most figures]
    #[arg(long, value_name = "MM")]
    width: Option<f64>,
    /// Pixels per inch of PNG files.
    #[arg(long, value_name = "N", default_value_t = 300.0)]
    dpi: f64,
    /// Resamples of the stimuli, for intervals.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bootstraps: usize,
    /// Permutations of the stimuli, for what chance gives.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    permutations: usize,
    #[command(flatten)]
    tsne: TsneFlag,
    /// Folder for the figure.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

/// A figure by its name.
#[derive(Debug, Clone, Copy)]
struct Name(FigureName);

impl ValueEnum for Name {
    fn value_variants<'a>() -> &'a [Self] {
        static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| FigureName::all().map(Name).collect());
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let needs: Vec<&str> = self.0.needs().into_iter().map(Need::flag).collect();
        let help = format!("{} ({})", self.0.about(), needs.join(", "));
        Some(PossibleValue::new(self.0.name()).help(help))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    Svg,
    Pdf,
    Png,
    Tsv,
}

impl FigureCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let figure = self.name.0;
        let given = [
            ("--embedding", !self.embeddings.is_empty()),
            ("--triplets", !self.triplets.is_empty()),
            ("--ceiling", self.ceiling.is_some()),
            ("--full-set", self.full_set.is_some()),
            ("--format", self.format.is_some()),
            ("--ignore-splits", self.ignore_splits),
            ("--dims", !self.dims.is_empty()),
            ("--stimuli", !self.stimuli.is_empty()),
            ("--tsne", self.tsne.is_given()),
        ];
        let given: Vec<_> = given.into_iter().chain(self.inputs.given()).collect();
        let here = format!("the figure {}", figure.name());
        refuse_idle(&given, |flag| figure.takes(flag), &here)?;
        let file = |path: PathBuf| ChoiceFile {
            format: self.format,
            ..ChoiceFile::new(path)
        };
        let triplets = named(&self.triplets, "files of choices", "--triplets")?;
        let request = FigureRequest {
            figure,
            inputs: self.inputs.inputs(&self.embeddings)?,
            choices: ChoiceInputs {
                triplets: triplets
                    .into_iter()
                    .map(|(agent, path)| ChoicesOf {
                        agent,
                        file: file(path),
                    })
                    .collect(),
                ceiling: self.ceiling.map(file),
                full_set: self.full_set.map(file),
                ignore_splits: self.ignore_splits,
            },
            dimensions: self.dims,
            stimuli: self.stimuli,
            params: InterpretParams {
                bootstraps: self.bootstraps,
                permutations: self.permutations,
                tsne: self.tsne.get(),
                seed: self.seed.get().0,
                ..InterpretParams::default()
            },
            formats: self
                .formats
                .into_iter()
                .map(|format| match format {
                    FileFormat::Svg => Format::Svg,
                    FileFormat::Pdf => Format::Pdf,
                    FileFormat::Png => Format::Png,
                    FileFormat::Tsv => Format::Tsv,
                })
                .collect(),
            theme: if self.dark { Theme::Dark } else { Theme::Light },
            print: Print {
                width_mm: self.width,
                dpi: self.dpi,
            },
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        session.show(&draw(&request, session.run())?, text)
    }
}

fn text(s: &FigureSummary) -> String {
    let mut out = String::new();
    for figure in &s.figures {
        for file in &figure.files {
            out += &format!("{}\n", file.display());
        }
    }
    for without in &s.without_picture {
        out += &format!("no picture of {}: {}\n", without.stimulus, without.reason);
    }
    out
}
