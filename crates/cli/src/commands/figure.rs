//! `emotome figure`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, MeaningFlags, SeedFlag};
use crate::terminal::Session;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use emotome_figures::export::Format;
use emotome_figures::render::{Print, Theme};
use emotome_workflows::figure::{FigureRequest, FigureSummary, figure};
use emotome_workflows::interpret::{InterpretParams, Picture};
use std::path::PathBuf;

/// Draws one figure from embeddings and ratings, without a study folder: SVG, PDF and PNG, and its numbers as
/// TSV beside it.
#[derive(Debug, Args)]
pub(crate) struct FigureCommand {
    /// Which figure.
    #[arg(value_name = "NAME")]
    name: Name,
    #[command(flatten)]
    inputs: MeaningFlags,
    /// Dimensions to show, counted from 1. [default: all, or those with the largest variance]
    #[arg(long, value_name = "D", value_delimiter = ',')]
    dims: Vec<usize>,
    /// Keys of stimuli to show as petals. [default: the strongest of four dimensions]
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
struct Name(Picture);

impl ValueEnum for Name {
    fn value_variants<'a>() -> &'a [Self] {
        static NAMES: [Name; Picture::ALL.len()] = {
            let mut names = [Name(Picture::RatingsHeatmap); Picture::ALL.len()];
            let mut i = 0;
            while i < names.len() {
                names[i] = Name(Picture::ALL[i]);
                i += 1;
            }
            names
        };
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.about()))
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
        let request = FigureRequest {
            picture: self.name.0,
            inputs: self.inputs.inputs()?,
            dimensions: self.dims,
            stimuli: self.stimuli,
            params: InterpretParams {
                bootstraps: self.bootstraps,
                permutations: self.permutations,
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
        session.show(&figure(&request, session.run())?, text)
    }
}

fn text(s: &FigureSummary) -> String {
    let mut out = String::new();
    for figure in &s.figures {
        for file in &figure.files {
            out += &format!("{}\n", file.display());
        }
    }
    out
}
