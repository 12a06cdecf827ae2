//! How maps look, and where they go.

use crate::WorkflowError;
use crate::rsa::{beside, describe};
use emotome_figures::Figure;
use emotome_figures::export::{Format, export};
use emotome_figures::paint::{Colours, Ramp};
use emotome_figures::render::{Print, Theme};
use emotome_neurofiles::derivatives::{BidsName, DatasetDescription};
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

/// A second quantity that fades colours, and what is outlined; both are files for volumes, columns for tables.
///
/// Taylor et al. (2023), doi:10.1016/j.neuroimage.2023.120138: results below a threshold are shown, and fade.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sure {
    /// What fades colours.
    pub fade: Option<Fade>,
    /// What is outlined.
    pub outline: Option<Outline>,
}

/// What fades colours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fade {
    /// How opaque a colour is.
    pub by: FadeBy,
    /// The file or the column.
    pub of: String,
    /// Where colours are gone and where they are full; none: from 0 to 1 for p, else to the largest.
    pub range: Option<(f64, f64)>,
}

/// How a second quantity becomes opacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FadeBy {
    /// It is p, and 1 − p counts.
    OneMinusP,
    /// Its size counts, as of t or z.
    Size,
    /// It counts itself.
    Value,
}

/// What is outlined: p up to a level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outline {
    /// The file or the column of p.
    pub of: String,
    /// The level.
    pub level: f64,
}

impl Fade {
    pub(super) fn score(&self, value: f64) -> f64 {
        match self.by {
            FadeBy::OneMinusP => 1.0 - value,
            FadeBy::Size => value.abs(),
            FadeBy::Value => value,
        }
    }

    /// Its name, from the file's statistic if it has a name of BIDS, and where colours are gone and full.
    fn legend(&self, scores: impl Iterator<Item = f64>) -> (String, (f64, f64)) {
        let name = bids(Path::new(&self.of)).and_then(|name| name.get("stat").map(str::to_owned));
        let name = name.unwrap_or_else(|| {
            let stem = Path::new(&self.of).file_name().unwrap_or_default();
            let stem = stem.to_string_lossy();
            stem.split('.').next().unwrap_or_default().to_owned()
        });
        let words = match self.by {
            FadeBy::OneMinusP => "1 − p".to_owned(),
            FadeBy::Size => format!("|{name}|"),
            FadeBy::Value => name,
        };
        let largest = || scores.filter(|v| v.is_finite()).fold(0.0, f64::max);
        let range = match (self.range, self.by) {
            (Some(range), _) => range,
            (None, FadeBy::OneMinusP) => (0.0, 1.0),
            (None, _) => (0.0, largest()),
        };
        (words, range)
    }
}

impl Outline {
    /// 1 inside, 0 outside, and NaN where p is not known.
    pub(super) fn inside(&self, p: f64) -> f64 {
        match p.is_nan() {
            true => f64::NAN,
            false => f64::from(u8::from(p <= self.level)),
        }
    }
}

impl Sure {
    /// Files that it is in.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let fade = self.fade.iter().map(|fade| Path::new(&fade.of));
        fade.chain(self.outline.iter().map(|outline| Path::new(&outline.of)))
    }
}

impl Look {
    /// Colours that fade by the scores of [`Fade`].
    pub(super) fn sure(&self, sure: &Sure, scores: impl Iterator<Item = f64>) -> Colours {
        Colours {
            confidence: sure.fade.as_ref().map(|fade| fade.legend(scores)),
            outline: sure
                .outline
                .as_ref()
                .map(|outline| format!("outlined: p ≤ {}", outline.level)),
            ..self.colours()
        }
    }

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
            outline: None,
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

/// A file's name, if it is one of BIDS.
pub(super) fn bids(path: &Path) -> Option<BidsName> {
    path.file_name()?.to_str()?.parse().ok()
}

/// Writes what a map was made of, and what the folder holds if it does not say so yet.
pub(super) fn provenance<'a>(
    target: &Target,
    stem: &str,
    parameters: serde_json::Value,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), WorkflowError> {
    let mut provenance = Provenance::new(target.command.clone(), None, parameters);
    let mut synthetic = false;
    for input in inputs {
        provenance.add_input(input)?;
        synthetic |= beside(input).is_some_and(|told| told["Synthetic"] == true);
    }
    provenance.write(target.out.join(format!("{stem}.json")), target.overwrite)?;
    // Several maps may share a folder.
    let described = target.out.join(DatasetDescription::FILE);
    if target.overwrite == Overwrite::Replace || !described.exists() {
        describe(
            &target.out,
            target.overwrite,
            "maps of the brain",
            synthetic,
        )?;
    }
    let all = target.out.join("provenance.json");
    if target.overwrite == Overwrite::Replace || !all.exists() {
        provenance.write(all, target.overwrite)?;
    }
    Ok(())
}
