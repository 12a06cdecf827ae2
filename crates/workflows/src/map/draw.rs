//! How maps look, and where they go.

use crate::WorkflowError;
use emotome_figures::Figure;
use emotome_figures::export::{Format, export};
use emotome_figures::paint::{Colours, Ramp};
use emotome_figures::render::{Print, Theme};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How a map looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// The heading.
    pub title: String,
    /// What is shown, with its unit.
    pub quantity: String,
    /// Whether zero is in the middle of the colours.
    pub diverging: bool,
    /// Subjects, where values are numbers of them in which something was found.
    pub subjects: Option<usize>,
    /// Values of the first and the last colour.
    pub limits: Option<(f64, f64)>,
    /// Values nearer to zero are not coloured.
    pub threshold: Option<f64>,
    /// One column of a journal wide, 89 mm, instead of two.
    pub narrow: bool,
}

impl Look {
    pub(super) fn colours(&self) -> Colours {
        let ramp = match (self.subjects, self.diverging) {
            (Some(subjects), _) => Ramp::Replications { subjects },
            (None, true) => Ramp::Diverging,
            (None, false) => Ramp::Sequential,
        };
        Colours {
            quantity: self.quantity.clone(),
            ramp,
            limits: self.limits,
            threshold: self.threshold,
            confidence: None,
        }
    }
}

/// What was drawn. Field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapSummary {
    /// The files.
    pub files: Vec<PathBuf>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// Where a map goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The folder.
    pub out: PathBuf,
    /// Whether files may be replaced.
    pub overwrite: Overwrite,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// Writes a figure as SVG, PDF, PNG and TSV.
pub(super) fn write(
    target: &Target,
    stem: &str,
    figure: &dyn Figure,
    files: &mut Vec<PathBuf>,
) -> Result<(), WorkflowError> {
    let formats = [Format::Svg, Format::Pdf, Format::Png, Format::Tsv];
    for asset in export(figure, stem, &formats, Theme::Light, Print::default())? {
        let path = target.out.join(&asset.name);
        output::write(&path, target.overwrite, &asset.bytes)?;
        files.push(path);
    }
    Ok(())
}

/// Writes what a map was made of.
pub(super) fn provenance<'a>(
    target: &Target,
    stem: &str,
    parameters: serde_json::Value,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), WorkflowError> {
    let mut provenance = Provenance::new(target.command.clone(), None, parameters);
    for input in inputs {
        provenance.add_input(input)?;
    }
    Ok(provenance.write(target.out.join(format!("{stem}.json")), target.overwrite)?)
}
