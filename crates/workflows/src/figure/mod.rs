//! One figure from bare files.

mod choices;
mod names;

pub use choices::{ChoiceInputs, ChoicePicture, ChoicesOf};
pub use names::{FigureName, Need};

use crate::WorkflowError;
use crate::interpret::{Inputs, InterpretParams, Interpretation, Picture, Selection, Unpictured};
use emotome_figures::Figure;
use emotome_figures::export::{Asset, Format, export, stem};
use emotome_figures::render::{Print, Theme};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::{Provenance, sidecar};
use emotome_stimuli::run::Run;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Which figure to draw of what, and where it goes.
#[derive(Debug, Clone)]
pub struct FigureRequest {
    /// Which.
    pub figure: FigureName,
    /// Embeddings, ratings and what else is known of the stimuli.
    pub inputs: Inputs,
    /// Choices.
    pub choices: ChoiceInputs,
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
    /// Stimuli that are shown without the picture that was asked for, and why.
    pub without_picture: Vec<Unpictured>,
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

/// A figure, and whose it is where agents have one each.
pub(crate) struct Painted {
    pub(crate) agent: Option<String>,
    pub(crate) figure: Box<dyn Figure>,
}

/// Draws a figure and writes it with its numbers and provenance.
///
/// # Errors
/// [`WorkflowError::FigureNeeds`] names what is missing. [`WorkflowError`] of reading, of what has to be found, and
/// of writing; [`WorkflowError::NoSuchDimension`], [`WorkflowError::Key`] for a stimulus that is not there;
/// [`WorkflowError::NothingToDraw`], [`WorkflowError::NothingInEmbedding`].
pub fn figure(request: &FigureRequest, run: Run<'_>) -> Result<FigureSummary, WorkflowError> {
    let name = request.figure.name();
    let lacking = |need: &Need| !request.has(*need);
    if let Some(need) = request.figure.needs().into_iter().find(lacking) {
        return Err(WorkflowError::FigureNeeds { figure: name, need });
    }
    let mut without_picture = Vec::new();
    let (painted, params) = match request.figure {
        FigureName::Choices(picture) => (
            picture.draw(request, run)?,
            json!({ "figure": name, "stimuli": request.stimuli, "seed": request.params.seed }),
        ),
        FigureName::Meaning(picture) => {
            let (found, painted, missing) = meaning(picture, request, run)?;
            without_picture = missing;
            (
                painted,
                json!({ "figure": name, "interpret": found.params, "frames": request.inputs.frames }),
            )
        }
    };
    if painted.is_empty() {
        return Err(WorkflowError::NothingToDraw { figure: name });
    }
    let seed = Some(request.params.seed);
    let mut provenance = Provenance::new(request.command.clone(), seed, params);
    for input in request.inputs.files() {
        provenance.add_input(input)?;
    }
    for input in request.choices.files()? {
        provenance.add_input(input)?;
    }
    let mut formats = request.formats.clone();
    if !formats.contains(&Format::Tsv) {
        formats.push(Format::Tsv);
    }
    let stems = stems(name, &painted);
    let mut figures = Vec::with_capacity(painted.len());
    for (Painted { figure, .. }, stem) in painted.iter().zip(stems) {
        let assets = export(
            figure.as_ref(),
            &stem,
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
    provenance.write(sidecar(request.out.join(name)), request.overwrite)?;
    Ok(FigureSummary {
        figures,
        without_picture,
    })
}

impl FigureRequest {
    fn has(&self, need: Need) -> bool {
        match need {
            Need::Embedding => !self.inputs.embeddings.is_empty(),
            Need::Embeddings => self.inputs.embeddings.len() > 1,
            Need::Ratings => self.inputs.ratings.is_some(),
            Need::Triplets => !self.choices.triplets.is_empty(),
            Need::SeveralTriplets => self.choices.triplets.len() > 1,
            Need::FullSet => self.choices.full_set.is_some(),
        }
    }
}

/// Names of files: the figure's, with the agent's where there are several; no two alike.
fn stems(figure: &str, painted: &[Painted]) -> Vec<String> {
    if let [_] = painted {
        return vec![figure.to_owned()];
    }
    let mut taken = BTreeSet::new();
    let stems = painted.iter().enumerate().map(|(k, one)| {
        let own = one.agent.as_deref().map(stem).unwrap_or_default();
        let mut name = format!("{figure}-{own}");
        // Letters beyond ASCII are left out, so names may be empty or meet.
        if own.is_empty() || !taken.insert(name.clone()) {
            name = format!("{figure}-{}-{own}", k + 1);
            taken.insert(name.clone());
        }
        name.trim_end_matches('-').to_owned()
    });
    stems.collect()
}

/// What was found, its figures, and the stimuli without a picture.
type Meant = (Interpretation, Vec<Painted>, Vec<Unpictured>);

fn meaning(
    picture: Picture,
    request: &FigureRequest,
    run: Run<'_>,
) -> Result<Meant, WorkflowError> {
    Interpretation::picture(
        &request.inputs,
        request.params,
        picture,
        |stimuli, found| {
            let dims = found.agents.iter().map(|agent| agent.dims);
            let most = dims.max().unwrap_or(0);
            let dimension = |&d: &usize| match d {
                d if (1..=most).contains(&d) => Ok(d - 1),
                d => Err(WorkflowError::NoSuchDimension { found: d, most }),
            };
            let stimulus = |key: &String| Ok(stimuli.id(key)?.index());
            let dimensions = request.dimensions.iter().map(dimension);
            let shown = request.stimuli.iter().map(stimulus);
            Ok(Selection {
                dimensions: dimensions.collect::<Result<_, _>>()?,
                stimuli: shown.collect::<Result<_, WorkflowError>>()?,
            })
        },
        run,
    )
}
