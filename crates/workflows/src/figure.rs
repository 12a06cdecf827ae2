//! One figure from bare files.

use crate::WorkflowError;
use crate::interpret::{Inputs, InterpretParams, Interpretation, Picture, Selection};
use emotome_figures::export::{Asset, Format, export, stem};
use emotome_figures::render::{Print, Theme};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::{Provenance, sidecar};
use emotome_stimuli::run::Run;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Which figure to draw of what, and where it goes.
#[derive(Debug, Clone)]
pub struct FigureRequest {
    /// Which.
    pub picture: Picture,
    /// The files.
    pub inputs: Inputs,
    /// Dimensions to show, from 1; those that the figure chooses where none is named.
    pub dimensions: Vec<usize>,
    /// Keys of stimuli to show; those that the figure chooses where none is named.
    pub stimuli: Vec<String>,
    /// How what it shows is found.
    pub params: InterpretParams,
    /// What it is written as; its numbers are always written.
    pub formats: Vec<Format>,
    /// On what ground it stands.
    pub theme: Theme,
    /// Its size on paper.
    pub print: Print,
    /// The folder.
    pub out: PathBuf,
    /// Whether files in it may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was drawn. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct FigureSummary {
    /// The figures, one for each agent or one for all.
    pub figures: Vec<Drawn>,
}

/// A figure and its files.
#[derive(Debug, Clone, Serialize)]
pub struct Drawn {
    /// Its heading.
    pub title: String,
    /// What it shows, in words.
    pub alt: String,
    /// How to read it.
    pub reading: String,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// Draws a figure and writes it with its numbers and provenance.
///
/// # Errors
/// [`WorkflowError`] of reading, of what has to be found, and of writing; [`WorkflowError::NoSuchDimension`],
/// [`WorkflowError::Key`] for a stimulus that is not there; [`WorkflowError::NothingToDraw`].
pub fn figure(request: &FigureRequest, run: Run<'_>) -> Result<FigureSummary, WorkflowError> {
    let picture = request.picture;
    if picture.needs_ratings() && request.inputs.ratings.is_none() {
        return Err(WorkflowError::FigureNeedsRatings {
            figure: picture.name(),
        });
    }
    if picture.needs_several() && request.inputs.embeddings.len() < 2 {
        return Err(WorkflowError::FigureNeedsAgents {
            figure: picture.name(),
        });
    }
    let (found, drawn) = Interpretation::picture(
        &request.inputs,
        request.params,
        picture,
        |material, found| {
            let most = found
                .agents
                .iter()
                .map(|agent| agent.dims)
                .max()
                .unwrap_or(0);
            let dimension = |&d: &usize| match d {
                d if (1..=most).contains(&d) => Ok(d - 1),
                d => Err(WorkflowError::NoSuchDimension { found: d, most }),
            };
            let stimulus = |key: &String| Ok(material.id(key)?.index());
            Ok(Selection {
                dimensions: request
                    .dimensions
                    .iter()
                    .map(dimension)
                    .collect::<Result<_, _>>()?,
                stimuli: request
                    .stimuli
                    .iter()
                    .map(stimulus)
                    .collect::<Result<_, WorkflowError>>()?,
            })
        },
        run,
    )?;
    if drawn.is_empty() {
        return Err(WorkflowError::NothingToDraw {
            figure: picture.name(),
        });
    }
    let mut provenance = Provenance::new(
        request.command.clone(),
        Some(request.params.seed),
        json!({ "figure": picture.name(), "interpret": found.params }),
    );
    for input in request.inputs.files() {
        provenance.add_input(input)?;
    }
    let mut formats = request.formats.clone();
    if !formats.contains(&Format::Tsv) {
        formats.push(Format::Tsv);
    }
    let mut figures = Vec::with_capacity(drawn.len());
    for (figure, agent) in drawn.iter().zip(&found.agents) {
        let mut name = picture.name().to_owned();
        if drawn.len() > 1 {
            name = format!("{name}-{}", stem(&agent.agent));
        }
        let assets = export(
            figure.as_ref(),
            &name,
            &formats,
            request.theme,
            request.print,
        )?;
        let mut files = Vec::with_capacity(assets.len());
        for Asset { name, bytes } in assets {
            let path = request.out.join(name);
            output::write(&path, request.overwrite, &bytes)?;
            files.push(path);
        }
        figures.push(Drawn {
            title: figure.title().to_owned(),
            alt: figure.alt(),
            reading: figure.how_to_read().to_owned(),
            files,
        });
    }
    provenance.write(sidecar(request.out.join(picture.name())), request.overwrite)?;
    Ok(FigureSummary { figures })
}
